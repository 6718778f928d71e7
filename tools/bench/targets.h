/* SPDX-License-Identifier: MIT */
/*
 * weir-bench targets: what its files share.
 *
 *     targets.c        the command: what is measured, and whether it is enough
 *     targets_alone.c  one thread that writes and reads
 *     targets_table.c  for people and for programs
 */
#ifndef BENCH_TARGETS_H
#define BENCH_TARGETS_H

#include "rate.h"

struct targets_alone {
	struct bench_histogram *trips;
	struct bench_values rate;	/* messages a second */
	unsigned slices, robbed;
};
void targets_alone_run(struct targets_alone *alone, double seconds);

enum { TARGETS_SINGLE, TARGETS_BATCH, TARGETS_FLOWS };
struct targets_flow {
	struct bench_pair *pair;
	unsigned discarded, robbed;
	struct bench_values rate[BENCH_CLASSES];
};

/* One line of the end: what must hold, and whether it does. */
struct targets_line {
	const char *what, *unit;
	const char *class;
	double figure, bound;
	bool at_most, met;
};
#define TARGETS_LINES 16

struct targets_result {
	struct rate_result rate;
	struct targets_flow flow[TARGETS_FLOWS];
	struct targets_alone alone;
	struct targets_line line[TARGETS_LINES];
	unsigned lines;
	bool met;
};

void targets_table(const struct targets_result *result);
void targets_csv(const struct targets_result *result);
void targets_json(const struct targets_result *result);

#endif
