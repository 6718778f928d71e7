/* SPDX-License-Identifier: MIT */
/*
 * Symptom: UBSan, a null pointer given to memcpy() by weir_rx_try_read(rx,
 * NULL, 0); and a compiler that concluded from it that the buffer is not null.
 * Cause: a size of 0 that the compiler knows was taken for one of those which
 * are copied by a few moves; by weir_tx_try_write() on other processors than
 * x86-64, too.
 *
 * Built so that it traps there, where the compiler can do that.
 */
#include "../xproc/x.h"

static void reads(int arg)
{
	struct weir_ring_options o = { .size = sizeof(o),
				       .flags = WEIR_RING_PRIVATE };
	struct weir_ring *ring;
	struct weir_tx *tx;
	struct weir_rx *rx;
	int i;

	(void)arg;
	X_IS(weir_ring_create(&ring, &o), 0);
	X_IS(weir_ring_tx(ring, &tx), 0);
	X_IS(weir_ring_rx(ring, &rx), 0);
	/* nearly all of them in line */
	for (i = 0; i < 200; i++) {
		X_IS(weir_tx_try_write(tx, NULL, 0), 0);
		X_IS(weir_rx_try_read(rx, NULL, 0), 0);
	}
	X_IS(weir_tx_try_write(tx, "a", 1), 0);
	X_IS(weir_rx_try_read(rx, NULL, 0), -EMSGSIZE);
	weir_ring_close(ring);
}

static const struct x_case cases[] = {
	{ "reads", reads, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, roles);
}
