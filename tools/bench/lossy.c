/* SPDX-License-Identifier: MIT */
/*
 * weir, spoilt: of 10 messages it damages one (round trip, payload made and
 * used), loses one (throughput) or sends one twice (batches). Runs only if it
 * is asked for, and must end the program with status 1: it shows that what the
 * others carried was looked at.
 */
#include "rings.h"

#define SPOIL 10

/* Never the last one of a slice, or the receiver would wait for ever. */
static bool spoilt(const void *data)
{
	uint64_t number;

	memcpy(&number, data, sizeof(number));
	return !(number & BENCH_LAST) && number % SPOIL == SPOIL - 1;
}

static void send_whole(struct bench_run *run, const void *data, size_t size)
{
	struct weir_tx *tx = rings_tx(run);
	unsigned looks = 0;
	int rc;

	while ((rc = weir_tx_try_write(tx, data, size))) {
		if (rc != -EAGAIN)
			rings_failed(run, "weir_tx_try_write", rc);
		bench_relax(&looks);
	}
}

static void recv_whole(struct bench_run *run, void *data, size_t size)
{
	struct weir_rx *rx = rings_rx(run);
	unsigned looks = 0;
	ssize_t n;

	while ((n = weir_rx_try_read(rx, data, size)) != (ssize_t)size) {
		if (n != -EAGAIN)
			rings_failed(run, "weir_rx_try_read", n);
		bench_relax(&looks);
	}
}

/* As if the end had not been written yet. */
static void send_torn(struct bench_run *run, const void *data, size_t size)
{
	if (spoilt(data))
		run->out[size - 1] ^= 1;
	send_whole(run, data, size);
}

/* In the middle: neither end shows it. */
static void send_damaged(struct bench_run *run, const void *data, size_t size)
{
	if (spoilt(data))
		run->out[size / 2] ^= 1;
	send_whole(run, data, size);
}

static void send_lost(struct bench_run *run, const void *data, size_t size)
{
	if (!spoilt(data))
		send_whole(run, data, size);
}

static void send_twice(struct bench_run *run, const void *data, size_t size,
		       unsigned n)
{
	const unsigned char *at = data;
	unsigned i;

	for (i = 0; i < n; i++, at += size) {
		if (spoilt(at))
			send_whole(run, at, size);
		send_whole(run, at, size);
	}
}

static unsigned recv_many(struct bench_run *run, void *data, size_t size,
			  unsigned n)
{
	(void)n;
	recv_whole(run, data, size);
	return 1;
}

BENCH_TRIPS(lossy, send_torn, recv_whole)
BENCH_FLOW(lossy, send_lost, recv_whole)
BENCH_BATCHES(lossy, send_twice, recv_many)
BENCH_WORK_BY_COPY(lossy, send_damaged, recv_whole)

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
