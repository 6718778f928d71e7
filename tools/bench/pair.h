/* SPDX-License-Identifier: MIT */
/*
 * weir-bench: what pair.c, the parent, and side.c, its children, share.
 */
#ifndef BENCH_PAIR_H
#define BENCH_PAIR_H

#include "bench.h"

/* Of the parent and the pair. */
struct pair_memory {
	struct bench_shared shared;
	char note[240];
};

struct bench_pair {
	const struct bench_contestant *who;
	struct bench_ask ask;
	struct pair_memory *memory;
	void *state;
	bool stopped;		/* a slice did not end */
	struct {
		pid_t pid;	/* 0: it is a thread of the other one's */
		int go, done;	/* the parent's ends */
		int child_go, child_done;
	} side[BENCH_SIDES];
};

/* A side, from its beginning to the end of the process. */
__attribute__((noreturn)) void bench_live(struct bench_pair *pair, int side);

#endif
