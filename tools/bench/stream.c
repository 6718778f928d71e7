/* SPDX-License-Identifier: MIT */
/*
 * The raw limit of copies past the caches: stores that fetch no line and leave
 * none, on x86-64. Between distant processors, and where the buffer would fit
 * into the writer's cache, they are the faster ones for large messages; the
 * ratios are to whichever of the two raw rows is better. See raw.h.
 */
#include "raw.h"

/* What is shorter than a few lines is better off with plain copies. */
#define LEAST 256

static bool carries(size_t size, uint64_t capacity)
{
	(void)capacity;
	return size >= LEAST;
}

static void send_slot(struct bench_run *run, const void *data, size_t size)
{
	raw_slot_send(run, data, size, RAW_PIECE, raw_wake_nobody, true);
}

static void recv_slot(struct bench_run *run, void *data, size_t size)
{
	raw_slot_recv(run, data, size, RAW_PIECE, raw_wait_busy);
}

static void parts_send(struct bench_run *run)
{
	raw_flow_copy(run, raw_wait_busy, raw_wake_nobody, run->order.size,
		      true);
}

static void parts_recv(struct bench_run *run)
{
	raw_flow_recv(run, raw_wait_busy, raw_wake_nobody, run->order.size);
}

BENCH_TRIPS(slot, send_slot, recv_slot)

const struct bench_contestant bench_raw_stream = {
	.name = "raw-stream",
	.what = RAW_STREAM ? "raw, by copies past the caches" : NULL,
	.raw = RAW_STREAM,
	.kinds = RAW_STREAM ? BENCH_IN_PROCESSES | BENCH_IN_THREADS : 0,
	.plays = {
		[BENCH_BUSY] = {{
			BENCH_TRIPS_OF(slot),
			[BENCH_THROUGHPUT] = { parts_send, parts_recv },
			[BENCH_BATCHED] = { parts_send, parts_recv },
		}},
	},
	.carries = carries,
	.setup = raw_setup,
	.join = raw_join,
	.leave = raw_leave,
	.begin = raw_begin,
};
