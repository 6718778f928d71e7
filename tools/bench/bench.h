/* SPDX-License-Identifier: MIT */
/*
 * weir-bench: what its files share. The method is in weir-bench(1).
 *
 * A contestant carries messages between two processes, A and B, that were
 * forked for it and live as long as the run. The parent asks one such pair at
 * a time to play a slice of some milliseconds: a row (test, mode, size) of the
 * table. All rows take turns, and each slice stands between two probes of the
 * cache line's round trip, so that what changes in the machine changes for all
 * rows alike and is seen.
 *
 *     main.c     options, and the order of events
 *     pair.c     the processes of a contestant, and a slice in them
 *     rows.c     the rows, the rounds of slices, the classes
 *     stats.c    histograms, percentiles, medians
 *     clock.c    the clock of single trips, and what it costs
 *     table.c    what people read
 *     json.c     what programs read
 *     linux.c, posix.c  what the system must help with; one is compiled
 *     loops.h    the loops that play a slice; each contestant compiles its own
 *     raw.c futex.c weir.c pipe.c unix.c  the contestants
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <weir.h>

#include "clock.h"

enum { BENCH_A, BENCH_B, BENCH_SIDES };
enum { BENCH_BUSY, BENCH_BLOCKING, BENCH_MODES };
enum { BENCH_RTT, BENCH_THROUGHPUT, BENCH_TESTS };
enum { BENCH_NEAR, BENCH_FAR, BENCH_CLASSES };

/* A message holds its number at both of its ends. */
#define BENCH_SIZE_MIN 8
#define BENCH_SIZE_MAX 131072
#define BENCH_SIZES_MAX 16
#define BENCH_CONTESTANTS_MAX 64
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
};

/* How one side slept in a slice. */
struct bench_sleep {
	uint64_t waits;		/* voluntary context switches */
	uint64_t robbed;	/* involuntary ones */
	uint64_t parks;		/* as the contestant counts, if it does */
};

/* Of the parent and the pair; the words of each side on their own lines. */
struct bench_shared {
	struct bench_order order;
	struct {
		struct weir_a32 word;
		char pad[WEIR_LINE - sizeof(struct weir_a32)];
	} meet[BENCH_SIDES], probe[BENCH_SIDES], stop;
	/* results */
	uint64_t probe_ticks[2];	/* one line's round trip */
	uint64_t messages;	/* throughput: received in the time below;
				   round trip: made, warm-up included */
	uint64_t ticks;
	struct bench_sleep sleep[BENCH_SIDES];
	struct bench_histogram trips;	/* round trips */
	struct bench_histogram bursts;	/* BENCH_BURST of them, busy */
};

/* One side of a pair, in its process. */
struct bench_run {
	const struct bench_contestant *who;
	int side;
	void *state;		/* the contestant's, from its setup */
	struct bench_shared *shared;
	struct bench_order order;
	unsigned chunk;		/* messages between two looks at the clock */
	unsigned char *out, *in;	/* a message to send, one that came */
};

/*
 * Trips in a burst at most, and the time that it may take: long against a step
 * of the clock, short against what disturbs. Arbitrary.
 */
#define BENCH_BURST 64
#define BENCH_BURST_NS 10000

typedef void bench_play(struct bench_run *run);

/* ping and pong for a round trip, send and recv for throughput */
struct bench_plays {
	bench_play *play[BENCH_TESTS][BENCH_SIDES];
};

struct bench_contestant {
	const char *name;
	const char *what;	/* a line for people */
	/* the name in a row, if it is another one there */
	const char *label[BENCH_MODES][BENCH_TESTS];
	bool raw;		/* the others' ratios are to this one */
	bool optional;		/* runs only if asked for by name */
	struct bench_plays plays[BENCH_MODES];	/* NULL: does not compete */

	/* In the parent, before the fork: what both processes inherit. */
	void *(*setup)(uint64_t capacity);
	/* In each process, after the fork. May be NULL. */
	void (*join)(struct bench_run *run);
	/* In the parent, after the fork: lets go of what setup made. */
	void (*leave)(void *state);
	/* In each process, before a slice. May be NULL. */
	void (*begin)(struct bench_run *run);
	/* How often this side has slept so far. May be NULL. */
	uint64_t (*parks)(struct bench_run *run);
	/* For people: what the system really gave. May be NULL. */
	void (*note)(void *state, char *text, size_t size);
};

extern const struct bench_contestant bench_raw, bench_futex;
extern const struct bench_contestant bench_weir, bench_weir_park;
extern const struct bench_contestant bench_weir_fence;
extern const struct bench_contestant bench_pipe, bench_unix;

/* What was asked for. */
struct bench_options {
	double seconds;
	unsigned tests, modes;	/* bits */
	size_t size[BENCH_SIZES_MAX];
	unsigned sizes;
	const char *with;	/* names of contestants, NULL: the default */
	uint64_t capacity;
	double far_ns;		/* from here on a round trip is far */
	double slice_ms, pause_us;
	bool json;
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
const char *bench_test_name(unsigned test);
const char *bench_mode_name(unsigned mode);

/* pair.c */
struct bench_pair;
struct bench_pair *bench_pair_start(const struct bench_contestant *who,
				    uint64_t capacity);
struct bench_shared *bench_pair_play(struct bench_pair *pair,
				     const struct bench_order *order);
const char *bench_pair_note(const struct bench_pair *pair);
void bench_pairs_stop(void);
void bench_nap(const struct bench_run *run, uint64_t until);

/* Figures of which the median will be asked. */
struct bench_values {
	double *value;
	unsigned n, room;
};

/* rows.c */
struct bench_class {
	unsigned slices;
	uint64_t messages;	/* all of them, if it is a round trip */
	struct bench_sleep sleep[BENCH_SIDES];
	struct bench_histogram *histogram;	/* round trips */
	struct bench_histogram *bursts;	/* the same, busy */
	struct bench_values rate;	/* throughput: messages a second */
};

struct bench_row {
	const struct bench_contestant *who;
	struct bench_pair *pair;
	const struct bench_row *raw;	/* NULL: there is none */
	unsigned test, mode;
	size_t size;
	unsigned discarded;
	struct bench_class class[BENCH_CLASSES];
};

struct bench_result {
	const struct bench_options *options;
	struct bench_row *row;
	unsigned rows;
	unsigned slices[BENCH_CLASSES];
	unsigned changed, outside;	/* discarded: why */
	unsigned robbed;	/* slices in which a side lost its CPU */
	unsigned warmed;	/* slices of the warm-up, in no other figure */
	double seconds;		/* that it took */
	struct bench_values probe[BENCH_CLASSES];	/* ns */
};

void bench_rows_make(struct bench_result *result,
		     const struct bench_options *options);
void bench_rows_run(struct bench_result *result);
void bench_rows_free(struct bench_result *result);
const char *bench_row_label(const struct bench_row *row);
const char *bench_class_name(unsigned class);

/* The figures of a row in a class; NAN where there are none. */
struct bench_figures {
	double p50, p90, p99, p999;		/* ns */
	double burst;				/* ns, busy */
	double rate, rate_min, rate_max;	/* messages a second */
	double ratio;		/* to the raw row */
	double slept;		/* share of the waits that were a sleep */
	double parked;		/* the same, as the contestant counts */
};

struct bench_figures bench_row_figures(const struct bench_row *row,
				       unsigned class);

/* stats.c */
void bench_histogram_merge(struct bench_histogram *to,
			   const struct bench_histogram *from);
double bench_percentile(const struct bench_histogram *h, double share);
double bench_median(double *value, unsigned n);
void bench_values_add(struct bench_values *values, double value);

/* table.c, json.c */
void bench_table(struct bench_result *result);
void bench_json(struct bench_result *result);

/* contestants.c */
extern const struct bench_contestant *const bench_contestants[];
bool bench_competes(const struct bench_contestant *who, unsigned test,
		    unsigned mode);

/* linux.c or posix.c; futex.c for the one, posix.c too has bench_futex */
int bench_cpus(int *cpu, int n);	/* the first n allowed; how many are */
bool bench_pin(int cpu);
bool bench_can_pin(int cpu);	/* changes nothing */
void bench_die_with_parent(pid_t parent);
void bench_cpu_model(char *text, size_t size);
uint64_t bench_pipe_size(int fd, uint64_t want);	/* what it became */
void bench_count_sleep(struct bench_sleep *sleep);	/* so far */

#endif
