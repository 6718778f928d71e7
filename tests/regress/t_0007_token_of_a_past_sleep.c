/* SPDX-License-Identifier: MIT */
/*
 * Symptom: the handle of a plain ring that sleeps on a semaphore was readable
 * at once after it had been armed, though there was nothing.
 * Cause: the token of a sleep that had found its message by itself stayed in
 * the semaphore.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include <weir.h>

#define ROUNDS 40
/* A handle may say "look" for nothing now and then; with the bug it did so in
   38 to 40 rounds. */
#define ALLOWED (ROUNDS / 4)

static int readable(weir_handle handle, int ms)
{
	struct pollfd p = { .fd = handle, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

/* 1: it showed something. Whether the thread of the library has slept yet when
   the first message comes is chance; so it is tried often. */
static int round_of(struct weir_tx *tx, struct weir_rx *rx, weir_handle handle)
{
	char text[8];

	if (weir_rx_arm(rx) || weir_tx_try_write(tx, "x", 1) ||
	    weir_rx_arm(rx) != 1 || weir_rx_try_read(rx, text, 8) != 1 ||
	    weir_rx_arm(rx))
		exit(99);
	/* as long as that thread takes to tell, and nothing to wait for */
	return readable(handle, 5);
}

int main(void)
{
	struct weir_ring_options o = { .size = sizeof(o), .capacity = 4096 };
	struct weir_ring *ring;
	struct weir_tx *tx;
	struct weir_rx *rx;
	weir_handle handle;
	int i, shown = 0;

	/* which has no other way to wait for a ring of this kind */
	if (setenv("WEIR_BACKEND", "portable", 1) || unsetenv("WEIR_WAIT"))
		return 99;
	if (weir_ring_create(&ring, &o)) {
		printf("SKIP: no ring with a semaphore is to be had\n");
		return 77;
	}
	if (weir_ring_tx(ring, &tx) || weir_ring_rx(ring, &rx) ||
	    weir_rx_handle(rx, &handle))
		return 99;
	for (i = 0; i < ROUNDS; i++)
		shown += round_of(tx, rx, handle);
	weir_ring_close(ring);
	if (shown)
		printf("readable for nothing, %d times of %d\n", shown, ROUNDS);
	return shown > ALLOWED;
}
