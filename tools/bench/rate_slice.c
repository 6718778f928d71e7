/* SPDX-License-Identifier: MIT */
/*
 * A slice of a pair that weir-bench rate, scale or targets plays, and its
 * class: that of both probes around it, as in the tables of weir-bench.
 */
#include "rate.h"

/* As in rows.c: what a line cannot take, and what is no distance any more. */
#define PROBE_LEAST_NS 5
#define PROBE_MOST_FAR 8

static int class_of(uint64_t ticks, double far_ns)
{
	double ns = bench_ns((double)ticks);

	if (!bench_machine.classes)
		return BENCH_NEAR;
	if (ns < PROBE_LEAST_NS || ns > PROBE_MOST_FAR * far_ns)
		return -1;
	return ns < far_ns ? BENCH_NEAR : BENCH_FAR;
}

/* Of a slice that was played in any way. */
int rate_class_of(const struct bench_shared *shared, double far_ns)
{
	int before = class_of(shared->probe_ticks[0], far_ns);

	if (shared->late)
		return -1;
	return before == class_of(shared->probe_ticks[1], far_ns) ? before :
								    -1;
}

int rate_slice(struct bench_pair *pair, double far_ns,
	       struct bench_shared **shared)
{
	static uint64_t slices;
	struct bench_order order = {
		.test = BENCH_THROUGHPUT,
		.mode = BENCH_BLOCKING,
		.size = sizeof(struct rate_message),
		.first = ++slices << 32,
	};

	*shared = bench_pair_play(pair, &order);
	return rate_class_of(*shared, far_ns);
}
