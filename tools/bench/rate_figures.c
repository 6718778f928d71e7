/* SPDX-License-Identifier: MIT */
/*
 * What the slices of a row of weir-bench rate come to.
 */
#include <math.h>

#include "rate.h"

static double median(const struct bench_values *values)
{
	return values->n ? bench_median(values->value, values->n) : NAN;
}

struct rate_figures rate_row_figures(const struct rate_row *row,
				     unsigned class)
{
	const struct rate_class *c = &row->class[class];
	double n = c->messages ? (double)c->messages : NAN;

	return (struct rate_figures){
		.p50 = bench_percentile(c->delay, 0.5),
		.p90 = bench_percentile(c->delay, 0.9),
		.p99 = bench_percentile(c->delay, 0.99),
		.p999 = bench_percentile(c->delay, 0.999),
		.cpu = median(&c->cpu_all),
		.cpu_a = median(&c->cpu[BENCH_A]),
		.cpu_b = median(&c->cpu[BENCH_B]),
		.sleeps = (double)c->sleeps / n,
		.parks = (double)c->parks / n,
		.rings = (double)c->rings / n,
		.reached = median(&c->reached),
	};
}
