/* SPDX-License-Identifier: MIT */
/*
 * libqb's qb_rb: chunks of any size in a ring of shared memory, as its IPC uses
 * it. Busy: without its semaphore. Blocking: the reader sleeps in its
 * semaphore; a writer that finds no room has nothing to sleep in, there or
 * here, and tries again. It has no calls for several chunks at once; a payload
 * is made in place by chunk_alloc and used in place by chunk_peek.
 */
#include <errno.h>
#include <unistd.h>

#include "peer.h"

#include <qb/qbrb.h>

struct rings {
	qb_ringbuffer_t *read_by[BENCH_MODES][BENCH_SIDES];
};

static qb_ringbuffer_t *open_ring(uint64_t capacity, uint32_t flags)
{
	static unsigned n;
	char name[64];

	snprintf(name, sizeof(name), "weir-bench-%ld-%u", (long)getpid(), n++);
	return qb_rb_open(name, capacity, QB_RB_FLAG_CREATE |
			  QB_RB_FLAG_SHARED_PROCESS | flags, 0);
}

static void leave(void *state)
{
	struct rings *rings = state;
	int mode, side;

	for (mode = 0; mode < BENCH_MODES; mode++) {
		for (side = 0; side < BENCH_SIDES; side++) {
			/* unlinks its files; who has it mapped keeps it */
			if (rings->read_by[mode][side])
				qb_rb_close(rings->read_by[mode][side]);
		}
	}
	free(rings);
}

static void *setup(const struct bench_ask *ask)
{
	struct rings *rings = calloc(1, sizeof(*rings));
	int mode, side;

	if (!rings)
		bench_fail("no memory");
	for (mode = 0; mode < BENCH_MODES; mode++) {
		for (side = 0; side < BENCH_SIDES; side++) {
			rings->read_by[mode][side] = open_ring(ask->capacity,
				mode == BENCH_BUSY ? QB_RB_FLAG_NO_SEMAPHORE :
						     0);
			if (rings->read_by[mode][side])
				continue;
			bench_skip(&bench_qb, "qb_rb_open: %s",
				   strerror(errno));
			leave(rings);
			return NULL;
		}
	}
	return rings;
}

static void join(struct bench_run *run)
{
	peer_join(run, NULL, NULL);
}

static void begin(struct bench_run *run)
{
	struct rings *rings = run->state;
	struct peer_ends *ends = run->mine;

	ends->out = rings->read_by[run->order.mode][!run->side];
	ends->in = rings->read_by[run->order.mode][run->side];
}

__attribute__((noreturn, cold)) static void failed(struct bench_run *run,
						   const char *call, ssize_t n)
{
	bench_fail_run(run, "%s: %s", call,
		       n < 0 ? strerror((int)-n) : "a wrong size");
}

BENCH_INLINE bool empty(ssize_t n)
{
	return n == -ETIMEDOUT || n == -EAGAIN || n == -ENOMSG || n == 0;
}

BENCH_INLINE void send_chunk(struct bench_run *run, const void *data,
			     size_t size)
{
	qb_ringbuffer_t *ring = PEER_OUT(run, qb_ringbuffer_t *);
	unsigned looks = 0;
	ssize_t n;

	while ((n = qb_rb_chunk_write(ring, data, size)) != (ssize_t)size) {
		if (n != -EAGAIN)
			failed(run, "qb_rb_chunk_write", n);
		bench_relax(&looks);
	}
}

BENCH_INLINE void recv_chunk(struct bench_run *run, void *data, size_t size,
			     int32_t timeout)
{
	qb_ringbuffer_t *ring = PEER_IN(run, qb_ringbuffer_t *);
	unsigned looks = 0;
	ssize_t n;

	while ((n = qb_rb_chunk_read(ring, data, size, timeout)) !=
	       (ssize_t)size) {
		if (!empty(n))
			failed(run, "qb_rb_chunk_read", n);
		bench_relax(&looks);
	}
}

BENCH_INLINE void recv_busy(struct bench_run *run, void *data, size_t size)
{
	recv_chunk(run, data, size, 0);
}

BENCH_INLINE void recv_blocking(struct bench_run *run, void *data, size_t size)
{
	recv_chunk(run, data, size, -1);
}

BENCH_INLINE unsigned char *grab(struct bench_run *run, size_t size)
{
	qb_ringbuffer_t *ring = PEER_OUT(run, qb_ringbuffer_t *);
	unsigned looks = 0;
	void *at;

	while (!(at = qb_rb_chunk_alloc(ring, size)))
		bench_relax(&looks);
	return at;
}

BENCH_INLINE void give(struct bench_run *run, size_t size)
{
	qb_rb_chunk_commit(PEER_OUT(run, qb_ringbuffer_t *), size);
}

BENCH_INLINE const unsigned char *look(struct bench_run *run, size_t size)
{
	qb_ringbuffer_t *ring = PEER_IN(run, qb_ringbuffer_t *);
	unsigned looks = 0;
	void *at = NULL;
	ssize_t n;

	while ((n = qb_rb_chunk_peek(ring, &at, 0)) != (ssize_t)size) {
		/* without its semaphore EBADMSG is how it says "empty" */
		if (!empty(n) && n != -EBADMSG)
			failed(run, "qb_rb_chunk_peek", n);
		bench_relax(&looks);
	}
	return at;
}

BENCH_INLINE void drop(struct bench_run *run, size_t size)
{
	(void)size;
	qb_rb_chunk_reclaim(PEER_IN(run, qb_ringbuffer_t *));
}

BENCH_TRIPS(busy, send_chunk, recv_busy)
BENCH_FLOW(busy, send_chunk, recv_busy)
BENCH_WORK(busy, grab, give, look, drop)
BENCH_TRIPS(blocking, send_chunk, recv_blocking)
BENCH_FLOW(blocking, send_chunk, recv_blocking)

const struct bench_contestant bench_qb = {
	.name = "libqb",
	.what = "libqb: qb_rb, a ring of chunks of any size",
	.peer = true,
	.kinds = BENCH_IN_PROCESSES,
	.plays = {
		[BENCH_BUSY] = {{ BENCH_TRIPS_OF(busy), BENCH_FLOW_OF(busy),
				  BENCH_NO_PLAY, BENCH_WORK_OF(busy) }},
		[BENCH_BLOCKING] = {{ BENCH_TRIPS_OF(blocking),
				      BENCH_FLOW_OF(blocking) }},
	},
	.setup = setup,
	.join = join,
	.leave = leave,
	.begin = begin,
};
