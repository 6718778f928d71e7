/* SPDX-License-Identifier: MIT */
/*
 * Percentiles of a log-linear histogram, and medians.
 */
#include <math.h>
#include <stdlib.h>

#include "bench.h"
#include "histogram.h"

void bench_histogram_merge(struct bench_histogram *to,
			   const struct bench_histogram *from)
{
	unsigned i;

	to->trips += from->trips;
	for (i = 0; i < BENCH_BINS; i++)
		to->bin[i] += from->bin[i];
}

/* Where a bin begins, in ticks; that of the next one is where it ends. */
static double bin_start(unsigned bin)
{
	unsigned octave = bin / BENCH_STEPS;

	if (octave == 0)
		return bin;
	return ldexp(BENCH_STEPS + bin % BENCH_STEPS, (int)octave - 1);
}

/*
 * The time that this share of the trips kept, ns. A bin stands for all times
 * that the clock cannot tell from it: half a step of the clock to both sides
 * (or the bin itself where it is wider), evenly filled. So the median of trips
 * of 105 ns, which a clock with steps of 10 reads as 100 or 110, is 105.
 */
double bench_percentile(const struct bench_histogram *h, double share)
{
	double step = bench_clock.step_ns * bench_clock.ticks_per_ns;
	double want, seen = 0, width, middle;
	unsigned i;

	if (!h || !h->trips)
		return NAN;
	want = share * (double)h->trips;
	for (i = 0; i < BENCH_BINS - 1; i++) {
		if (h->bin[i] && seen + h->bin[i] >= want)
			break;
		seen += h->bin[i];
	}
	width = bin_start(i + 1) - bin_start(i);
	middle = bin_start(i) + (width - 1) / 2;
	if (width < step)
		width = step;
	return bench_ns(middle + width *
			((want - seen) / (h->bin[i] ? h->bin[i] : 1) - 0.5));
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Sorts the values. */
double bench_median(double *value, unsigned n)
{
	if (!n)
		return NAN;
	qsort(value, n, sizeof(*value), compare);
	return n % 2 ? value[n / 2] : (value[n / 2 - 1] + value[n / 2]) / 2;
}

void bench_values_add(struct bench_values *values, double value)
{
	if (values->n == values->room) {
		values->room = values->room ? 2 * values->room : 64;
		values->value = realloc(values->value, values->room *
						       sizeof(double));
		if (!values->value)
			bench_fail("no memory");
	}
	values->value[values->n++] = value;
}
