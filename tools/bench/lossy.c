/* SPDX-License-Identifier: MIT */
/*
 * weir, spoilt: of 10 messages it damages one (round trip, payload made and
 * used), loses one (throughput) or sends one twice (batches). Runs only if it
 * is asked for, and must end the program with status 1: it shows that what the
 * others carried was looked at.
 *
 * Another one is stuck: an answer of it takes three seconds once a slice, and
 * a stream of its messages stops. It shows that a slice that is late does not
 * count, and that one without an end takes only its contestant out.
 */
#include <time.h>

#include "rings.h"

#define SPOIL 10

/* Never the last one of a slice, or the receiver would wait for ever. */
static bool spoilt(const void *data)
{
	uint64_t number;

	memcpy(&number, data, sizeof(number));
	return !(number & BENCH_LAST) && number % SPOIL == SPOIL - 1;
}

/* As if the end had not been written yet. */
static void send_torn(struct bench_run *run, const void *data, size_t size)
{
	if (spoilt(data))
		run->out[size - 1] ^= 1;
	rings_send(run, data, size);
}

/* In the middle: neither end shows it. */
static void send_damaged(struct bench_run *run, const void *data, size_t size)
{
	if (spoilt(data))
		run->out[size / 2] ^= 1;
	rings_send(run, data, size);
}

static void send_lost(struct bench_run *run, const void *data, size_t size)
{
	if (!spoilt(data))
		rings_send(run, data, size);
}

static void send_twice(struct bench_run *run, const void *data, size_t size,
		       unsigned n)
{
	const unsigned char *at = data;
	unsigned i;

	for (i = 0; i < n; i++, at += size) {
		if (spoilt(at))
			rings_send(run, at, size);
		rings_send(run, at, size);
	}
}

static unsigned recv_many(struct bench_run *run, void *data, size_t size,
			  unsigned n)
{
	(void)n;
	rings_recv(run, data, size);
	return 1;
}

static void nap(time_t seconds)
{
	const struct timespec t = { seconds, 0 };

	nanosleep(&t, NULL);
}

/* At the end of a slice: the answer comes late. */
static void send_late(struct bench_run *run, const void *data, size_t size)
{
	uint64_t number;

	memcpy(&number, data, sizeof(number));
	if (run->side == BENCH_B && (number & BENCH_LAST))
		nap(3);
	rings_send(run, data, size);
}

/* The receiver does not take the first message. */
static void recv_never(struct bench_run *run, void *data, size_t size)
{
	(void)run;
	(void)data;
	(void)size;
	for (;;)
		nap(1000);
}

BENCH_TRIPS(lossy, send_torn, rings_recv)
BENCH_FLOW(lossy, send_lost, rings_recv)
BENCH_BATCHES(lossy, send_twice, recv_many)
BENCH_WORK_BY_COPY(lossy, send_damaged, rings_recv)
BENCH_TRIPS(stuck, send_late, rings_recv)
BENCH_FLOW(stuck, rings_send, recv_never)

const struct bench_contestant bench_lossy = {
	.name = "lossy",
	.what = "weir, spoilt: what is lost or damaged must be noticed",
	.plain = true,
	.optional = true,
	.kinds = BENCH_IN_PROCESSES | BENCH_IN_THREADS,
	.plays = {
		[BENCH_BUSY] = {{ BENCH_TRIPS_OF(lossy),
				  BENCH_FLOW_OF(lossy),
				  BENCH_BATCHES_OF(lossy),
				  BENCH_WORK_OF(lossy) }},
	},
	.setup = rings_setup,
	.join = rings_join,
	.leave = rings_leave,
};

const struct bench_contestant bench_stuck = {
	.name = "stuck",
	.what = "weir, spoilt: slices that are late or do not end",
	.plain = true,
	.optional = true,
	.kinds = BENCH_IN_PROCESSES | BENCH_IN_THREADS,
	.plays = {
		[BENCH_BUSY] = {{ BENCH_TRIPS_OF(stuck),
				  BENCH_FLOW_OF(stuck) }},
	},
	.setup = rings_setup,
	.join = rings_join,
	.leave = rings_leave,
};
