/* SPDX-License-Identifier: MIT */
/*
 * Adding to a histogram: in line, for it happens while a message is on its way.
 * Octave 0 holds 0 to 255 exactly, octave k values of 8+k bits in 256 steps.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include "contestant.h"

static inline unsigned bench_bin(uint64_t ticks)
{
	unsigned shift, bin;

	if (ticks < BENCH_STEPS)
		return (unsigned)ticks;
	/* bits above the eight that choose the step, and the leading one */
	shift = 63u - (unsigned)__builtin_clzll(ticks) - 8;
	bin = (shift + 1) * BENCH_STEPS +
	      ((unsigned)(ticks >> shift) - BENCH_STEPS);
	return bin < BENCH_BINS ? bin : BENCH_BINS - 1;
}

static inline void bench_histogram_add(struct bench_histogram *h,
				       uint64_t ticks)
{
	h->bin[bench_bin(ticks)]++;
	h->trips++;
}

#endif
