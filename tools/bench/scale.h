/* SPDX-License-Identifier: MIT */
/*
 * weir-bench scale: what its files share.
 *
 *     scale.c          the command: rows in turn
 *     scale_play.c     a pair with its rings, and a slice in it
 *     scale_verdict.c  whether idle rings cost anything
 *     scale_table.c, scale_json.c  for people and for programs
 */
#ifndef BENCH_SCALE_H
#define BENCH_SCALE_H

#include "rate.h"

#define SCALE_RINGS_MAX 64
/*
 * One ring is in use, and the consumer looks at it alone, or at all in turn, or
 * asks a set; or all rings are in use, and it takes one message of each in
 * turn.
 */
enum { SCALE_ACTIVE, SCALE_ALL, SCALE_SET, SCALE_BUSY, SCALE_LOOKS };
extern const char *const scale_looks[];		/* for people */
extern const char *const scale_words[];		/* for programs */

struct scale_shared {
	unsigned looks;
	/* results */
	bool first_touch;		/* a ring was not gone round before */
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
	unsigned first_touch[BENCH_CLASSES];	/* slices; see above */
	struct bench_values ns[BENCH_CLASSES];	/* a message */
};

struct scale_result {
	const struct rate_options *options;
	struct scale_row *row;
	unsigned rows;
	unsigned by_rings;	/* rows before those of capacities */
	struct rate_result slices;	/* only what the heading says of them */
};

/* scale_verdict.c */
double scale_ns(const struct scale_row *row, unsigned class);	/* or NAN */
/* The rows of a look beside 1 ring and SCALE_RINGS_MAX: NULL where the run has
   none. */
struct scale_verdict {
	const struct scale_row *one, *many;
	double ratio;		/* of many to one; NAN: not measured */
	unsigned verdict;	/* BENCH_UNKNOWN, BENCH_MISSED, BENCH_MET */
};
extern const unsigned scale_judged[];	/* these looks */
extern const unsigned scale_judged_n;
struct scale_verdict scale_judge(const struct scale_result *result,
				 unsigned looks, unsigned class);
/* So many rings and more cost less in a set than when all are looked at; 0:
   none do, or the most have too few slices. */
unsigned scale_set_from(const struct scale_result *result, unsigned class);

/* scale_table.c, scale_json.c */
void scale_table(const struct scale_result *result);
void scale_csv(const struct scale_result *result);
void scale_json(const struct scale_result *result);

#endif
