/* SPDX-License-Identifier: MIT */
/*
 * When the messages of weir-bench rate are due: a table of gaps, over and over.
 * Its mean is the period, whatever the pattern.
 */
#include <math.h>
#include <string.h>

#include "rate.h"

/* Messages of a burst, and the most that may lie between two of them, ns: less
   than any wake takes. Arbitrary. */
#define BURST 10
#define BURST_GAP_NS 5000.0

const char *const rate_patterns[] = { "steady", "poisson", "bursts", NULL };

/* Independent of each other, as calls of many clients are. Every run has the
   same: one of each part of the distribution, in an order that is mixed. */
static void poisson(double *gap)
{
	uint64_t state = 1;
	double sum = 0, other;
	unsigned i, j;

	for (i = 0; i < RATE_GAPS; i++)
		sum += gap[i] = -log((i + 0.5) / RATE_GAPS);
	for (i = 0; i < RATE_GAPS; i++)
		gap[i] *= RATE_GAPS / sum;
	for (i = RATE_GAPS - 1; i; i--) {
		state = state * UINT64_C(6364136223846793005) + 1;
		j = (unsigned)(state >> 33) % (i + 1);
		other = gap[i];
		gap[i] = gap[j];
		gap[j] = other;
	}
}

static void bursts(double *gap, double period_ns)
{
	double within = BURST_GAP_NS / period_ns;
	unsigned i;

	if (within > 0.1)
		within = 0.1;
	for (i = 0; i < RATE_GAPS; i++)
		gap[i] = i % BURST ? within :
				     BURST - (BURST - 1) * within;
}

void rate_schedule(struct rate_shared *shared, unsigned pattern,
		   double period_ns)
{
	double gap[RATE_GAPS];
	unsigned i;

	for (i = 0; i < RATE_GAPS; i++)
		gap[i] = 1;
	if (pattern == RATE_POISSON)
		poisson(gap);
	else if (pattern == RATE_BURSTS)
		bursts(gap, period_ns);
	for (i = 0; i < RATE_GAPS; i++)
		shared->gap[i] = bench_ticks_of(gap[i] * period_ns);
}
