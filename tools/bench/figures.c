/* SPDX-License-Identifier: MIT */
/*
 * What a row says in the end: percentiles, medians, the ratio to its limit.
 */
#include <math.h>

#include "bench.h"

/* A trip that is longer shows the clock's cost, some 10 ns, by 1 % at most. */
#define CLOCK_SHOWS_NS 1000
/* The least that have a p99.99. */
#define TAIL_TRIPS 20000

/* Of one side's waits, one for each round trip. */
static double share(uint64_t slept, const struct bench_class *class)
{
	double all = (double)class->messages * BENCH_SIDES;

	return (double)slept < all ? (double)slept / all : 1;
}

static void figure_trips(const struct bench_row *row,
			 const struct bench_class *class,
			 struct bench_figures *f)
{
	uint64_t waits = class->sleep[BENCH_A].waits +
			 class->sleep[BENCH_B].waits;

	/* On one CPU each pause is a sleep too. */
	if (bench_machine.one && row->mode == BENCH_BLOCKING)
		waits -= class->messages < waits ? class->messages : waits;
	f->p50 = bench_percentile(class->histogram, 0.5);
	f->p90 = bench_percentile(class->histogram, 0.9);
	f->p99 = bench_percentile(class->histogram, 0.99);
	f->p999 = bench_percentile(class->histogram, 0.999);
	/* Of fewer trips it would be the longest one. */
	if (class->histogram && class->histogram->trips >= TAIL_TRIPS)
		f->p9999 = bench_percentile(class->histogram, 0.9999);
	f->slept = share(waits, class);
	if (row->who->parks)
		f->parked = share(class->sleep[BENCH_A].parks +
				  class->sleep[BENCH_B].parks, class);
}

/* In bursts if that is so little that the clock would show, else the median,
   which fewer disturbances reach. */
double bench_one_trip(const struct bench_figures *f)
{
	return f->p50 < CLOCK_SHOWS_NS && !isnan(f->burst) ? f->burst : f->p50;
}

static struct bench_figures own_figures(const struct bench_row *row,
				       unsigned class)
{
	struct bench_figures f = { NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN,
				   NAN, NAN, NAN, NAN };
	const struct bench_class *c = &row->class[class];

	if (!c->slices)
		return f;
	if (row->test == BENCH_RTT) {
		figure_trips(row, c, &f);
		f.burst = bench_percentile(c->bursts, 0.5) / BENCH_BURST;
	} else {
		f.rate = bench_median(c->rate.value, c->rate.n);
		f.rate_min = c->rate.value[0];
		f.rate_max = c->rate.value[c->rate.n - 1];
	}
	return f;
}

static bool in_cell(const struct bench_row *a, const struct bench_row *b)
{
	return a->kind == b->kind && a->test == b->test &&
	       a->mode == b->mode && a->size == b->size;
}

/* Of the raw rows, which are the first ones of a cell, the best figure. */
static double limit(const struct bench_row *row, unsigned class)
{
	const struct bench_row *raw;
	double best = NAN, v;

	for (raw = row->raw; raw->who && raw->who->raw && in_cell(raw, row);
	     raw++) {
		struct bench_figures f = own_figures(raw, class);

		v = row->test == BENCH_RTT ? bench_one_trip(&f) : f.rate;
		if (isnan(best) || (row->test == BENCH_RTT ? v < best :
							     v > best))
			best = v;
	}
	return best;
}

struct bench_figures bench_row_figures(const struct bench_row *row,
				       unsigned class)
{
	struct bench_figures f = own_figures(row, class);

	if (row->raw && row->class[class].slices)
		f.ratio = (row->test == BENCH_RTT ? bench_one_trip(&f) :
						    f.rate) / limit(row, class);
	return f;
}
