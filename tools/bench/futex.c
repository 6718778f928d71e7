/* SPDX-License-Identifier: MIT */
/*
 * The raw limit of processes that sleep, on Linux: one futex wait and one wake
 * for each message there, and for each one back. See raw.h.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "raw.h"

/* 32-bit systems made lately have the other number alone; no time is given, so
   its width does not matter. */
#ifndef SYS_futex
#define SYS_futex SYS_futex_time64
#endif

static void wait_futex(struct weir_a32 *word, uint32_t want)
{
	uint32_t now;

	while ((int32_t)((now = weir_load_acquire32(word)) - want) < 0)
		syscall(SYS_futex, word, FUTEX_WAIT, now, NULL, NULL, 0);
}

static void wake_futex(struct weir_a32 *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void send_slot(struct bench_run *run, const void *data, size_t size)
{
	raw_slot_send(run, data, size, size, wake_futex, false);
}

static void recv_slot(struct bench_run *run, void *data, size_t size)
{
	raw_slot_recv(run, data, size, size, wait_futex);
}

static void parts_send(struct bench_run *run)
{
	BENCH_BY_SIZE(raw_flow_send, run, wait_futex, wake_futex);
}

static void parts_recv(struct bench_run *run)
{
	BENCH_BY_SIZE(raw_flow_recv, run, wait_futex, wake_futex);
}

BENCH_TRIPS(slot, send_slot, recv_slot)

const struct bench_contestant bench_futex = {
	.name = "futex",
	.what = "the limit, blocking: a futex for each message or part",
	.label = {
		[BENCH_BLOCKING] = {
			[BENCH_RTT] = "raw futex",
			[BENCH_THROUGHPUT] = "raw copies",
		},
	},
	.raw = true,
	.plain = true,
	.kinds = BENCH_IN_PROCESSES | BENCH_IN_THREADS,
	.plays = {
		[BENCH_BLOCKING] = {{ BENCH_TRIPS_OF(slot),
				      BENCH_FLOW_OF(parts) }},
	},
	.setup = raw_setup,
	.join = raw_join,
	.leave = raw_leave,
	.begin = raw_begin,
};
