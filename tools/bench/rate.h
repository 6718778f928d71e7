/* SPDX-License-Identifier: MIT */
/*
 * weir-bench rate, scale and targets: what their files share. Messages are due
 * at fixed times, and what is measured is how long after that time each one
 * is in the receiver's hands: a sender who is late, because the buffer is full
 * or its own call takes long, hides nothing.
 *
 *     rate.c           the command: rows in turn, slices filed by class
 *     rate_options.c   options of the three commands
 *     rate_ways.c      the ways of waiting, each a contestant
 *     rate_schedule.c  when messages are due
 *     rate_play.c      a slice: the sender on its schedule, the receiver
 *     rate_linux.c, rate_posix.c    waits that are the system's
 *     rate_uring.c, rate_nouring.c  the wait in an io_uring of liburing's
 *     rate_slice.c     one slice of a pair, and its class
 *     rate_figures.c   what the rows come to
 *     rate_verdict.c   the adaptive spin beside the fixed ones
 *     rate_table.c, rate_json.c  for people and for programs
 */
#ifndef BENCH_RATE_H
#define BENCH_RATE_H

#include "bench.h"

/* A pair each; bench_pair_start() has room for 64. */
#define RATE_RATES_MAX 5

struct rate_options {
	double seconds, slice_ms, far_ns;
	double rate[RATE_RATES_MAX];	/* messages a second */
	unsigned rates;
	unsigned pattern;		/* RATE_STEADY or another */
	const char *with;		/* names of ways; NULL: all */
	bool json, csv;
};

void rate_options_parse(struct rate_options *options, int argc, char **argv,
			const char *usage, const char *letters);

enum rate_kind {
	RATE_WEIR,		/* waits in weir_rx_read() */
	RATE_HANDLE,		/* for its handle, which it arms */
	RATE_URING,		/* in an io_uring */
	RATE_SOCKET, RATE_PIPE, RATE_EVENTFD
};
#define RATE_ADAPTIVE (-1)	/* bound_us: there is none */

struct rate_way {
	const char *name, *what;
	enum rate_kind kind;
	int32_t spin_us;	/* of a ring, as the ring's option */
	int32_t bound_us;	/* the fixed bound that this is, of weir's */
};

extern const struct rate_way rate_ways[];
extern const unsigned rate_ways_n;

static inline bool rate_has_ring(const struct rate_way *way)
{
	return way->kind <= RATE_URING;
}

/* rate_schedule.c: a multiple of the messages in a burst */
#define RATE_GAPS 1000u
enum { RATE_STEADY, RATE_POISSON, RATE_BURSTS };
extern const char *const rate_patterns[];

/* What a slice of a pair is to do and has done; in memory of all three. */
struct rate_shared {
	uint64_t gap[RATE_GAPS]; /* ticks between two due times */
	uint64_t warm, messages; /* how many do not count, how many do */
	/* both clocks of each side at one moment: see rate_play.c */
	struct rate_moment { uint64_t ticks, system; } moment[BENCH_SIDES];
	uint64_t next;		/* RATE_EVENTFD: slots that B has read */
	/* results */
	uint64_t cpu_ns[BENCH_SIDES];
	struct bench_sleep sleep[BENCH_SIDES];	/* of the counted messages */
	uint64_t rings;		/* weir: wakes that A called for */
	uint64_t ticks;		/* from the first due to the last received */
};

struct rate_message {
	uint64_t number, due;
};

#define RATE_SLOTS 65536u

/* A way's pair. Both processes have copies of it. */
struct rate_state {
	const struct rate_way *way;
	struct rate_shared *shared;
	struct rate_message *slot;	/* RATE_EVENTFD: RATE_SLOTS of them */
	struct weir_ring *ring;
	struct weir_tx *tx;	/* in A */
	struct weir_rx *rx;	/* in B */
	int fd[2];		/* A writes to the first, B reads the second */
	int loop;	/* RATE_HANDLE: in B, what waits for it */
};

/* rate_ways.c */
struct bench_pair *rate_way_start(const struct rate_way *way,
				  struct rate_shared **shared);
bool rate_way_exists(const struct rate_way *way);	/* on this system */
uint64_t rate_counter(const struct weir_half *half, enum weir_counter which);

/* rate_schedule.c */
void rate_schedule(struct rate_shared *shared, unsigned pattern,
		   double period_ns);

/* rate_linux.c or rate_posix.c: one that counts down by ones, or -1 */
int rate_eventfd(void);
/* The same files: what waits for a handle, or -errno; and 0 or -errno. */
int rate_loop_open(weir_handle handle);
int rate_loop_wait(int loop);

/* rate_uring.c or rate_nouring.c: 0 or -errno; of the consumer's process. */
bool rate_uring_exists(void);
int rate_uring_open(void);
int rate_uring_wait(struct weir_rx *rx);
void rate_uring_close(void);

/* rate_play.c */
void rate_play_send(struct bench_run *run);
void rate_play_receive(struct bench_run *run);

/* rate_slice.c: the class of the slice, or -1: discarded. */
int rate_slice(struct bench_pair *pair, double far_ns,
	       struct bench_shared **shared);
int rate_class_of(const struct bench_shared *shared, double far_ns);

/* A row: a way at a rate. */
struct rate_class {
	unsigned slices, robbed;
	struct bench_histogram *delay;
	struct bench_values cpu[BENCH_SIDES], cpu_all; /* ns a message */
	uint64_t messages, sleeps, parks, rings;
	struct bench_values reached;	/* messages a second */
};

struct rate_row {
	const struct rate_way *way;
	struct bench_pair *pair;
	struct rate_shared *shared;
	double rate;
	unsigned discarded;
	struct rate_class class[BENCH_CLASSES];
};

struct rate_result {
	const struct rate_options *options;
	struct rate_row *row;	/* by rate, then by way */
	unsigned rows, ways;	/* in all; of each rate */
	unsigned slices[BENCH_CLASSES], discarded, robbed;
	double seconds;
};

/* rate.c; targets.c plays rows, too */
void rate_rows_make(struct rate_result *result,
		    const struct rate_options *options);
void rate_rows_run(struct rate_result *result);
void rate_rows_free(struct rate_result *result);

/* rate_figures.c: NAN where there are none. */
struct rate_figures {
	double p50, p90, p99, p999;	/* ns after the time due */
	double cpu, cpu_a, cpu_b;	/* ns a message */
	double sleeps, parks, rings;	/* a message */
	double reached;			/* messages a second */
};
uint64_t rate_messages(const struct rate_result *result);	/* all */
uint64_t rate_received(const struct rate_result *result);
struct rate_figures rate_row_figures(const struct rate_row *row,
				     unsigned class);

/* rate_verdict.c */
struct rate_verdict {
	const struct rate_row *adaptive;
	const struct rate_row *beaten_by;	/* in both; NULL: by none */
	const struct rate_row *against;		/* of the bound below */
	const char *bound;	/* "CPU" or "p50", NULL: no bound here */
	double ratio;		/* to against's; NAN: not measured */
	bool judged, holds;
};
/* For the rows of a rate, beginning with first. */
struct rate_verdict rate_judge(const struct rate_result *result,
			       unsigned first, unsigned class);

/* rate_table.c, rate_json.c */
bool rate_has_figures(const struct rate_result *result, unsigned class);
void rate_heading(const char *what, const struct rate_result *result);
void rate_table(const struct rate_result *result);
void rate_csv(const struct rate_result *result);
void rate_json(const struct rate_result *result);
void rate_json_slices(const struct rate_result *result);
void rate_table_rows(const struct rate_result *result, unsigned class);

#endif
