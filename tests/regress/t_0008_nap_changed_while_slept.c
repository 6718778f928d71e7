/* SPDX-License-Identifier: MIT */
/*
 * Symptom: ThreadSanitizer's report of a race between weir_set_wait and the
 * thread that sleeps on plain rings for it, which might read half an order.
 * Cause: an end whose peer had died without ringing, and was followed by
 * another, was armed anew while the thread still slept for the last time: the
 * order was written over where it stood.
 */
#include "../xproc/hand.h"

#define ROUNDS 10

static void take_over(int arg)
{
	struct weir_event e = { NULL, 0, 0 };
	struct weir_set *set;
	struct weir_tx *tx;
	weir_handle handle;
	struct x_link l;
	struct x_peer p;

	(void)arg;
	hand_link(&l, &p, X_PLAIN, 4096, -1);
	X_IS(weir_set_create(&set, NULL), 0);
	X_IS(weir_set_handle(set, &handle), 0);
	X_IS(weir_set_add_rx(set, l.rx, NULL), 0);
	X_IS(weir_set_wait(set, &e, 1, WEIR_NOWAIT), -EAGAIN);
	x_signal(&p, SIGKILL);
	X_IS(x_reap(&p), -SIGKILL);
	X_IS(weir_set_wait(set, &e, 1, weir_after(X_HANG)), 1);
	X_IS(e.error, -EOWNERDEAD);
	/* This rouses the thread, which is slower than what follows. */
	X_IS(weir_ring_tx(l.in, &tx), 0);
	hand_write(tx, 0, 1);
	X_IS(weir_set_wait(set, &e, 1, WEIR_NOWAIT), 1);
	X_IS(e.what, WEIR_EVENT_READ);
	hand_read(l.rx, 0, 1);
	X_IS(weir_set_wait(set, &e, 1, WEIR_NOWAIT), -EAGAIN);
	hand_write(tx, 1, 1);
	X_IS(weir_set_wait(set, &e, 1, weir_after(X_HANG)), 1);
	X_IS(e.what, WEIR_EVENT_READ);
	weir_set_close(set);
	x_part(&l);
}

/* The race shows in each round, or a read of half an order in few. */
static void rounds(int arg)
{
	int i;

	for (i = 0; i < ROUNDS; i++)
		take_over(arg);
}

static const struct x_case cases[] = {
	{ "taken over while slept for", rounds, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ "hand", hand_role },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, roles);
}
