/* SPDX-License-Identifier: MIT */
/*
 * weir-bench scale: what its files share.
 *
 *     scale.c        the command: rows in turn
 *     scale_play.c   a pair with its rings, and a slice in it
 *     scale_table.c  for people and for programs
 */
#ifndef BENCH_SCALE_H
#define BENCH_SCALE_H

#include "rate.h"

#define SCALE_RINGS_MAX 64
/* The consumer looks at the one ring that is in use, or at all in turn. */
enum { SCALE_ACTIVE, SCALE_ALL, SCALE_LOOKS };
extern const char *const scale_looks[];

struct scale_shared {
	unsigned looks;
	uint64_t messages, ticks;	/* received while it counted */
	struct bench_sleep sleep[BENCH_SIDES];
};

/* A pair of processes with so many rings from A to B. */
struct scale_pair {
	unsigned rings;
	uint64_t capacity;
	struct bench_pair *pair;	/* NULL: not to be had */
	struct scale_shared *shared;
};
void scale_pair_start(struct scale_pair *pair);

struct scale_row {
	struct scale_pair *pair;
	unsigned looks;
	unsigned discarded;
	unsigned robbed;
	struct bench_values ns[BENCH_CLASSES];	/* a message */
};

struct scale_result {
	const struct rate_options *options;
	struct scale_row *row;
	unsigned rows;
	unsigned by_rings;	/* rows before those of capacities */
	struct rate_result slices;	/* only what the heading says of them */
};

void scale_table(const struct scale_result *result);
void scale_csv(const struct scale_result *result);
void scale_json(const struct scale_result *result);

#endif
