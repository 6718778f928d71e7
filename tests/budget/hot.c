/* SPDX-License-Identifier: MIT */
/*
 * The hot paths, one function each, for .ci/budget, which counts what they
 * execute. Each function moves one batch, which the main loop takes out, or
 * has put in, by another way. Nobody sleeps, so no call rings. The ring is
 * private, for its ends start no thread, which valgrind could not follow into
 * a futex_waitv; what the paths execute is the same.
 *
 *     hot ROUNDS
 *
 * Two counts of different ROUNDS differ by the steady state alone.
 */
#include <stdio.h>
#include <stdlib.h>

#include <weir.h>

#define BATCH 32
#define SIZE 8

#define PATH __attribute__((noinline, noclone))

#ifdef BUDGET_PLANT
/* Too many of both kinds: .ci/budget must find them. */
#define PLANT __asm__ volatile (".rept 100; nop; .endr\n\t" \
				"lock addl $0, (%%rsp)" : : : "memory", "cc")
#else
#define PLANT (void)0
#endif

void path_nothing(struct weir_tx *tx), path_try_write(struct weir_tx *tx);
void path_write_batch(struct weir_tx *tx), path_commit(struct weir_tx *tx);
void path_try_read(struct weir_rx *rx), path_read_batch(struct weir_rx *rx);
void path_release(struct weir_rx *rx);

static uint64_t data[BATCH];
static struct weir_buf bufs[BATCH];

__attribute__((noreturn)) static void failed(const char *call, long rc)
{
	fprintf(stderr, "hot: %s: %ld\n", call, rc);
	exit(99);
}

/* The loop that the others have, too. */
PATH void path_nothing(struct weir_tx *tx)
{
	unsigned i;

	for (i = 0; i < BATCH; i++)
		__asm__ volatile ("" : : "r" (tx), "r" (i) : "memory");
}

PATH void path_try_write(struct weir_tx *tx)
{
	unsigned i;
	int rc;

	for (i = 0; i < BATCH; i++) {
		PLANT;
		rc = weir_tx_try_write(tx, &data[i], SIZE);
		if (rc)
			failed("try_write", rc);
	}
}

PATH void path_try_read(struct weir_rx *rx)
{
	unsigned i;
	ssize_t rc;

	for (i = 0; i < BATCH; i++) {
		PLANT;
		rc = weir_rx_try_read(rx, &data[i], SIZE);
		if (rc != SIZE)
			failed("try_read", (long)rc);
	}
}

PATH void path_write_batch(struct weir_tx *tx)
{
	int rc = weir_tx_write_batch(tx, bufs, BATCH, WEIR_NOWAIT);

	if (rc != BATCH)
		failed("write_batch", rc);
}

PATH void path_read_batch(struct weir_rx *rx)
{
	int rc = weir_rx_read_batch(rx, bufs, BATCH, WEIR_NOWAIT);

	if (rc != BATCH)
		failed("read_batch", rc);
}

/* One commit for each message, made in place. */
PATH void path_commit(struct weir_tx *tx)
{
	void *at;
	unsigned i;
	int rc;

	for (i = 0; i < BATCH; i++) {
		rc = weir_tx_reserve(tx, SIZE, &at);
		if (rc)
			failed("reserve", rc);
		*(uint64_t *)at = i;
		rc = weir_tx_commit(tx);
		if (rc != 1)
			failed("commit", rc);
	}
}

PATH void path_release(struct weir_rx *rx)
{
	const void *at;
	size_t len;
	unsigned i;
	int rc;

	for (i = 0; i < BATCH; i++) {
		rc = weir_rx_peek(rx, &at, &len);
		if (rc)
			failed("peek", rc);
		data[i] = *(const uint64_t *)at;
		rc = weir_rx_release(rx);
		if (rc != 1)
			failed("release", rc);
	}
}

int main(int argc, char **argv)
{
	struct weir_ring_options options = {
		.size = sizeof(options), .capacity = 1 << 16,
		.flags = WEIR_RING_PRIVATE,
	};
	int i, rc, rounds = argc > 1 ? atoi(argv[1]) : 1;
	struct weir_ring *ring;
	struct weir_tx *tx;
	struct weir_rx *rx;

	for (i = 0; i < BATCH; i++)
		bufs[i] = (struct weir_buf){ &data[i], SIZE, SIZE };
	rc = weir_ring_create(&ring, &options);
	if (!rc)
		rc = weir_ring_tx(ring, &tx);
	if (!rc)
		rc = weir_ring_rx(ring, &rx);
	if (rc)
		failed("weir_ring_create", rc);
	for (i = 0; i < rounds; i++) {
		path_nothing(tx);
		path_try_write(tx);
		path_try_read(rx);
		path_write_batch(tx);
		path_read_batch(rx);
		path_commit(tx);
		path_release(rx);
	}
	weir_ring_close(ring);
	return 0;
}
