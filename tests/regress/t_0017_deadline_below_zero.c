/* SPDX-License-Identifier: MIT */
/*
 * Symptom: weir_waiter_wait() with a deadline below 0 answered 0, as if it had
 * been woken; on the portable backend it never came back, and whoever slept
 * near it did not either.
 * Cause: no system call takes such a time, and what they say to it was not
 * looked at. It has passed, as any other before now.
 */
#include "../xproc/x.h"

#define BELOW (-5)

static void waiter(int arg)
{
	struct weir_waiter *w;

	(void)arg;
	X_IS(weir_waiter_create(&w, NULL), 0);
	X_IS(weir_waiter_wait(w, weir_waiter_prepare(w), BELOW), -ETIMEDOUT);
	X_IS(weir_waiter_wait(w, weir_waiter_prepare(w), INT64_MIN),
	     -ETIMEDOUT);
	weir_waiter_close(w);
}

static void others(int arg)
{
	struct weir_ring_options o = { .size = sizeof(o), .capacity = 4096 };
	struct weir_event event;
	struct weir_ring *ring;
	struct weir_set *set;
	struct weir_rx *rx;
	char data[8];

	(void)arg;
	X_IS(weir_ring_create(&ring, &o), 0);
	X_IS(weir_ring_rx(ring, &rx), 0);
	X_IS(weir_rx_read(rx, data, sizeof(data), BELOW), -ETIMEDOUT);
	X_IS(weir_set_create(&set, NULL), 0);
	X_IS(weir_set_add_rx(set, rx, NULL), 0);
	X_IS(weir_set_wait(set, &event, 1, BELOW), -ETIMEDOUT);
	weir_set_close(set);
	weir_ring_close(ring);
}

static const struct x_case cases[] = {
	{ "a waiter", waiter, 0, 0 },
	{ "a ring, a set", others, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, roles);
}
