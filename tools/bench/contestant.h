/* SPDX-License-Identifier: MIT */
/*
 * weir-bench: what a contestant is. This header and loops.h are all that the
 * file of one needs; both compile as C11 and as C++17, so that a library of
 * either language can compete. bench.h has the rest, which is C only.
 *
 * A contestant is one file that defines one struct bench_contestant, and a
 * line in contestants.c. weir.c has all that there is: copying calls, batches
 * and messages made in place; pipe.c is the shortest. What it must give:
 *
 *   - setup, before anybody is forked or started: all that both sides share.
 *     `ask` says how much buffer each way, for which sizes, and for which kind.
 *   - join, in each side: what is this side's own, kept in run->mine. Two
 *     threads share run->state, two processes have copies of it.
 *   - plays: loops around a send and a receive, made by BENCH_TRIPS,
 *     BENCH_FLOW, BENCH_BATCHES and BENCH_WORK of loops.h.
 *   - the kinds of sides it can have, and the sizes that it carries.
 *
 * In C++ array designators do not exist; there the same macros, all four in
 * their order, BENCH_NO_PLAY where there is none:
 *
 *     extern "C" const struct bench_contestant bench_boost;
 *     const struct bench_contestant bench_boost = {
 *         .name = "boost", .what = "...",
 *         .label = {}, .raw = false, .peer = true, .plain = false,
 *         .optional = false, .by_size = true, .kinds = BENCH_IN_THREADS,
 *         .plays = {
 *             {{ BENCH_TRIPS_OF(busy), BENCH_FLOW_OF(busy),
 *                BENCH_BATCHES_OF(busy), BENCH_NO_PLAY }},
 *             {{ BENCH_NO_PLAY, BENCH_NO_PLAY, BENCH_NO_PLAY,
 *                BENCH_NO_PLAY }},
 *         },
 *         .carries = only_8_and_64, .setup = setup, .join = join,
 *         .leave = leave, .begin = NULL, .parks = NULL, .note = note,
 *     };
 */
#ifndef BENCH_CONTESTANT_H
#define BENCH_CONTESTANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <weir.h>

#include "clock.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { BENCH_A, BENCH_B, BENCH_SIDES };
enum { BENCH_BUSY, BENCH_BLOCKING, BENCH_MODES };
/* What the two sides are. */
enum { BENCH_PROCESSES, BENCH_THREADS, BENCH_KINDS };
#define BENCH_IN_PROCESSES (1u << BENCH_PROCESSES)
#define BENCH_IN_THREADS (1u << BENCH_THREADS)

/*
 * Tests. Those up to BENCH_PLAYS are played by functions of the contestant;
 * a starved reader is the throughput of a sender who thinks.
 */
enum {
	BENCH_RTT,		/* there and back, one at a time */
	BENCH_THROUGHPUT,	/* one way, one message a call */
	BENCH_BATCHED,		/* one way, BENCH_BATCH messages a call */
	BENCH_WORKED,		/* one way, the payload made and used */
	BENCH_PLAYS,
	BENCH_STARVED = BENCH_PLAYS,
	BENCH_TESTS
};

/* A message holds its number at both of its ends. */
#define BENCH_SIZE_MIN 8
#define BENCH_SIZE_MAX 131072
/* Messages in a batch; those of one are BENCH_SIZE_MAX bytes at most. */
#define BENCH_BATCH 32
/* The least that has something to make and use between its ends. */
#define BENCH_WORK_MIN 64
/* In the number: the slice ends with this message. */
#define BENCH_LAST (UINT64_C(1) << 63)

/*
 * Log-linear: 256 steps to each power of two, so a percentile is right to
 * 0.4 %. In ticks of the clock; a longer time than the last counts as it.
 */
#define BENCH_STEPS 256
#define BENCH_BINS (33 * BENCH_STEPS)

struct bench_histogram {
	uint64_t trips;
	uint32_t bin[BENCH_BINS];
};

/* What to play; times in ticks. */
struct bench_order {
	unsigned test, mode;
	size_t size;
	uint64_t first;		/* number before the first message's */
	uint64_t warm, length;	/* what is discarded, what counts */
	uint64_t pause;		/* before each trip, 0: none */
	unsigned think;		/* steps before each message, 0: none */
};

/* How one side slept in a slice. */
struct bench_sleep {
	uint64_t waits;		/* voluntary context switches */
	uint64_t robbed;	/* involuntary ones */
	uint64_t parks;		/* as the contestant counts, if it does */
};

/* Of the parent and the pair; the words of each side on their own lines. */
struct bench_word {
	struct weir_a32 word __attribute__((aligned(WEIR_LINE)));
};

struct bench_shared {
	struct bench_order order;
	struct bench_word meet[BENCH_SIDES], probe[BENCH_SIDES], stop;
	/* results */
	bool late;		/* the parent's: it took far too long */
	uint64_t probe_ticks[2];	/* one line's round trip */
	uint64_t messages;	/* one way: received in the time below;
				   round trip: made, warm-up included */
	uint64_t ticks;
	struct bench_sleep sleep[BENCH_SIDES];
	struct bench_histogram trips;	/* round trips */
	struct bench_histogram bursts;	/* BENCH_BURST of them, busy */
};

/* One side of a pair, in its process or thread. */
struct bench_run {
	const struct bench_contestant *who;
	int side;
	int kind;
	void *state;		/* the contestant's, from its setup */
	void *mine;		/* this side's, from its join */
	struct bench_shared *shared;
	struct bench_order order;
	unsigned chunk;		/* messages between two looks at the clock */
	/* BENCH_SIZE_MAX each: what is sent, what came; a batch lies there one
	   message after the other */
	unsigned char *out, *in;
};

/*
 * Trips in a burst at most, and the time that it may take: long against a step
 * of the clock, short against what disturbs. Arbitrary.
 */
#define BENCH_BURST 64
#define BENCH_BURST_NS 10000

typedef void bench_play(struct bench_run *run);

/* ping and pong for a round trip, send and recv for the others */
struct bench_plays {
	bench_play *play[BENCH_PLAYS][BENCH_SIDES];
};

/* What a pair is asked to be. */
struct bench_ask {
	int kind;
	uint64_t capacity;	/* bytes of buffer each way, a power of two */
	size_t size;		/* the one size it will carry (by_size),
				   else 0: any that it carries */
};

struct bench_contestant {
	const char *name;
	const char *what;	/* for people; NULL: not on this system */
	/* the name in a row, if it is another one there */
	const char *label[BENCH_MODES][BENCH_PLAYS];
	bool raw;		/* the others' ratios are to this one */
	bool peer;		/* what weir is compared with */
	bool plain;		/* takes part without "compare" too */
	bool optional;		/* runs only if asked for by name */
	bool by_size;		/* its elements are of one size, given to its
				   setup: a pair of its own for each size */
	unsigned kinds;		/* BENCH_IN_PROCESSES, BENCH_IN_THREADS */
	struct bench_plays plays[BENCH_MODES];	/* NULL: does not compete */

	/* Whether it carries messages of that size; NULL: of each. */
	bool (*carries)(size_t size, uint64_t capacity);
	/* Before the sides are: what both share. For processes in the parent,
	   for threads in the process that will have them. NULL if it cannot be
	   had, having said why by bench_skip(): it is left out. */
	void *(*setup)(const struct bench_ask *ask);
	/* In each side, once, one after the other; neither waits for the
	   other there. May be NULL. */
	void (*join)(struct bench_run *run);
	/* Of processes, in the parent, after the fork: lets go of what setup
	   made. Processes and threads end without a call. */
	void (*leave)(void *state);
	/* In each side, before a slice. May be NULL. */
	void (*begin)(struct bench_run *run);
	/* How often this side has slept so far. May be NULL. */
	uint64_t (*parks)(struct bench_run *run);
	/* For people: what the system really gave. May be NULL. */
	void (*note)(void *state, char *text, size_t size);
};

struct bench_machine {
	char cpu[128];
	char kernel[160];
	char date[32];
	int cpus;		/* that this process may use */
	int cpu_of[BENCH_SIDES];
	bool pinned, one;	/* one: both sides on one CPU */
	bool classes;		/* two CPUs that stay: a line has a distance */
};

/* main.c */
extern struct bench_machine bench_machine;
void bench_fail(const char *format, ...)
	__attribute__((noreturn, cold, format(printf, 1, 2)));
void bench_fail_run(const struct bench_run *run, const char *format, ...)
	__attribute__((noreturn, cold, format(printf, 2, 3)));
/* What is left out, and why; once for each text. */
void bench_skip(const struct bench_contestant *who, const char *format, ...)
	__attribute__((cold, format(printf, 2, 3)));

/* pair.c */
void bench_nap(const struct bench_run *run, uint64_t until);

/* stats.c */
double bench_percentile(const struct bench_histogram *h, double share);

/* linux.c or posix.c */
uint64_t bench_pipe_size(int fd, uint64_t want);	/* what it became */

#ifdef __cplusplus
}
#endif

#endif
