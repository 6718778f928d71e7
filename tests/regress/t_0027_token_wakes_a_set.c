/* SPDX-License-Identifier: MIT */
/*
 * Symptom: the handle of a set is readable once, though nothing is to be told.
 * Cause: a plain ring that sleeps on a semaphore had been armed by its own
 * handle before. Who called that sleep off had left a token behind, which ended
 * the first sleep of the set.
 */
#include "../xproc/x.h"
#include "internal.h"

#include <poll.h>

/* In as many sleeps of this length a token is taken. */
#define MS 20
#define TIMES 20

static struct weir_ring *ring, *other;
static struct weir_rx *rx;
static struct weir_tx *tx;

static void open_both(void)
{
	struct weir_ring_options o = { .size = sizeof(o), .capacity = 4096 };
	char name[64];

	snprintf(name, sizeof(name), "t.%ld.token", (long)getpid());
	o.name = name;
	X_IS(weir_ring_create(&ring, &o), 0);
	X_IS(weir_ring_open(&other, name), 0);
	X_IS(weir_ring_unlink(name), 0);
	X_IS(weir_ring_rx(ring, &rx), 0);
	X_IS(weir_ring_tx(other, &tx), 0);
}

static int told(weir_handle handle, int ms)
{
	struct pollfd p = { .fd = (int)handle, .events = POLLIN };
	int r;

	while ((r = poll(&p, 1, ms)) < 0)
		X_IS(errno, EINTR);
	return r;
}

static void left_behind(int arg)
{
	struct weir_event e;
	struct weir_set *set;
	weir_handle handle = WEIR_HANDLE_NONE;
	char byte;
	int i;

	(void)arg;
	open_both();
	X_IS(weir_set_create(&set, NULL), 0);
	X_IS(weir_set_handle(set, &handle), 0);
	for (i = 0; i < TIMES; i++) {
		/* as after a sleep that was called off in vain */
		if (rx->end->sleep.way == WEIR_OS_SEMAPHORE)
			weir_os()->wake(&rx->end->sleep, 1);
		X_IS(weir_set_add_rx(set, rx, NULL), 0);
		X_IS(weir_set_wait(set, &e, 1, WEIR_NOWAIT), -EAGAIN);
		X_IS(told(handle, MS), 0);
		X_IS(weir_tx_write(tx, "x", 1, WEIR_NOWAIT), 0);
		X_IS(told(handle, -1), 1);
		X_IS(weir_set_wait(set, &e, 1, WEIR_NOWAIT), 1);
		X_IS(weir_rx_try_read(rx, &byte, 1), 1);
		X_IS(weir_set_remove_rx(set, rx), 0);
	}
	weir_set_close(set);
	weir_ring_close(other);
	weir_ring_close(ring);
}

static const struct x_case cases[] = {
	{ "left behind", left_behind, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	setenv("WEIR_WAIT", "socket", 1);
	return x_main(argc, argv, cases, roles);
}
