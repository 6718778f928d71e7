/* SPDX-License-Identifier: MIT */
/*
 * weir-bench: the two rings of weir.c, place.c, knobs.c and lossy.c.
 */
#ifndef BENCH_RINGS_H
#define BENCH_RINGS_H

#include <errno.h>
#include <sys/types.h>

#include "loops.h"

struct rings {
	struct weir_ring *ring[BENCH_SIDES];	/* by the side that writes */
};

/* Of one side. */
struct ends {
	struct weir_tx *tx;
	struct weir_rx *rx;
	struct weir_buf out[BENCH_BATCH], in[BENCH_BATCH];
};

struct rings *rings_make(const struct bench_ask *ask, int32_t spin_us,
			 uint32_t flags);
void *rings_setup(const struct bench_ask *ask);
void rings_join(struct bench_run *run);
void rings_leave(void *state);
void rings_begin(struct bench_run *run);
void rings_note(void *state, char *text, size_t size);
uint64_t rings_parks(struct bench_run *run);
__attribute__((noreturn, cold, noinline)) void
rings_failed(struct bench_run *run, const char *call, ssize_t rc);

BENCH_INLINE struct weir_tx *rings_tx(struct bench_run *run)
{
	return ((struct ends *)run->mine)->tx;
}

BENCH_INLINE struct weir_rx *rings_rx(struct bench_run *run)
{
	return ((struct ends *)run->mine)->rx;
}

/* The calls that copy, tried until they can. */
BENCH_INLINE void rings_send(struct bench_run *run, const void *data,
			     size_t size)
{
	struct weir_tx *tx = rings_tx(run);
	unsigned looks = 0;
	int rc;

	while (WEIR_UNLIKELY((rc = weir_tx_try_write(tx, data, size)))) {
		if (rc != -EAGAIN)
			rings_failed(run, "weir_tx_try_write", rc);
		bench_relax(&looks);
	}
}

BENCH_INLINE void rings_recv(struct bench_run *run, void *data, size_t size)
{
	struct weir_rx *rx = rings_rx(run);
	unsigned looks = 0;
	ssize_t n;

	while (WEIR_UNLIKELY((n = weir_rx_try_read(rx, data, size)) !=
			     (ssize_t)size)) {
		if (n != -EAGAIN)
			rings_failed(run, "weir_rx_try_read", n);
		bench_relax(&looks);
	}
}

#endif
