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

uint64_t rate_messages(const struct rate_result *result)
{
	uint64_t n = 0;
	unsigned i, class;

	for (i = 0; i < result->rows; i++) {
		for (class = 0; class < BENCH_CLASSES; class++)
			n += result->row[i].class[class].messages;
	}
	return n;
}

/* Those whose delay was taken. */
uint64_t rate_received(const struct rate_result *result)
{
	const struct rate_class *c;
	uint64_t n = 0;
	unsigned i, class;

	for (i = 0; i < result->rows; i++) {
		for (class = 0; class < BENCH_CLASSES; class++) {
			c = &result->row[i].class[class];
			n += c->delay ? c->delay->trips : 0;
		}
	}
	return n;
}
