/* SPDX-License-Identifier: MIT */
/*
 * weir-bench: what plots.c, the page, takes from bars.c.
 */
#ifndef BENCH_PLOTS_H
#define BENCH_PLOTS_H

#include "bench.h"
#include "svg.h"

/* How near weir and the best peer come to the raw row, a bar each for each
   size; what that takes in height. */
double bars_height(const struct bench_result *result);
void bars_draw(struct svg *svg, const struct bench_result *result,
	       unsigned class, double x, double y, double width,
	       const char *title);

#endif
