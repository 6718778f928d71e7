/* SPDX-License-Identifier: MIT */
/*
 * weir-bench: what its files share. The method is in weir-bench(1).
 *
 * A contestant carries messages between two sides, A and B: two processes that
 * were forked for it, or two threads of one, which live as long as the run.
 * The parent asks one such pair at a time to play a slice of some
 * milliseconds: a row (kind, test, mode, size) of the table. All rows take
 * turns, and each slice stands between two probes of the cache line's round
 * trip, so that what changes in the machine changes for all rows alike and is
 * seen.
 *
 *     main.c     the commands, and how a run fails
 *     options.c  options that several commands share
 *     names.c    what tests, modes, classes and rows are called
 *     machine.c  the machine: its CPUs, its name, the day
 *     plain.c    weir-bench without a command
 *     compare.c plan.c  "compare": its options; which rows
 *     rate.c scale.c targets.c  the other commands
 *     pair.c side.c  the sides of a contestant, and a slice in them
 *     rows.c     the rows, the rounds of slices, the classes
 *     figures.c  what a row says in the end
 *     best.c     whose figure is the best one
 *     sweep.c    what a run that was killed left behind
 *     goals.c    the goals of the project that a run can judge
 *     stats.c    histograms, percentiles, medians
 *     clock.c    the clock of single trips, and what it costs
 *     table.c blocks.c  what people read: of plain, of compare
 *     json.c csv.c      what programs read
 *     readme.c caption.c  README's table; how it and the plots were made
 *     svg.c chart.c     the drawing, lines in it
 *     plots.c bars.c    what is drawn
 *     linux.c, posix.c  what the system must help with; one is compiled
 *     contestant.h  what a contestant is; begin there for a new one
 *     loops.h batches.h work.h  the loops that play a slice
 *     contestants.c raw.c packed.c futex.c weir.c place.c rings.c
 *     pipe.c unix.c mq.c
 *     lossy.c    two that must be caught
 *     ../peers/  other libraries, each optional
 *
 * A command is a function of its own file, in the table of main.c. It parses
 * its options with getopt_long and the calls of options.c, calls
 * bench_machine_start() and then whatever it needs of the rest; what it prints
 * for programs it begins with bench_json_machine(). It returns through
 * bench_finish().
 */
#ifndef BENCH_H
#define BENCH_H

#include <getopt.h>
#include <sys/types.h>

#include "contestant.h"

enum { BENCH_NEAR, BENCH_FAR, BENCH_CLASSES };

#define BENCH_SIZES_MAX 16
#define BENCH_CONTESTANTS_MAX 64

extern const struct bench_contestant bench_raw, bench_raw_queue;
extern const struct bench_contestant bench_raw_packed, bench_raw_stream;
extern const struct bench_contestant bench_futex;
extern const struct bench_contestant bench_weir, bench_weir_park;
extern const struct bench_contestant bench_weir_spin, bench_weir_place;
extern const struct bench_contestant bench_weir_fence, bench_lossy, bench_stuck;
extern const struct bench_contestant bench_weir_bare, bench_weir_calls,
	bench_weir_huge, bench_weir_stream;
extern const struct bench_contestant bench_pipe, bench_unix, bench_mq;

/* Which rows a run has, if nothing was asked for. */
enum { BENCH_PRESET_PLAIN, BENCH_PRESET_QUICK, BENCH_PRESET_USUAL,
       BENCH_PRESET_FULL };

/* What was asked for. */
struct bench_options {
	double seconds;
	unsigned preset;
	unsigned kinds, tests, modes;	/* bits */
	size_t size[BENCH_SIZES_MAX];
	unsigned sizes;
	bool sizes_given;	/* by --size: the preset's do not matter */
	const char *with;	/* names of contestants, NULL: the default */
	uint64_t capacity;	/* 0: compare's, by size */
	double far_ns;		/* from here on a round trip is far */
	double slice_ms, pause_us;
	bool json, csv;
	const char *svg, *readme;	/* files, NULL: none */
};

/* main.c */
/* 0, or 1 if the output was not written or a contestant was left out. */
int bench_finish(void);
const char *bench_command_line(void);

/* One function a command; main.c has the table. argv[0] is its name. */
int bench_plain(int argc, char **argv);
int bench_compare(int argc, char **argv);
int bench_rate(int argc, char **argv);
int bench_scale(int argc, char **argv);
int bench_targets(int argc, char **argv);

/*
 * options.c: each ends the program with status 2 where the value makes no
 * sense; what is the option's name for the message.
 */
#define BENCH_FAR_NS 250.0
__attribute__((noreturn)) void bench_usage(void);
__attribute__((noreturn)) void bench_usage_bad(const char *what,
					       const char *value);
double bench_option_number(const char *what, const char *value, double least,
			   double most);
/* K and M are 1024 and its square; *end is what follows, NULL: nothing may. */
uint64_t bench_option_bytes(const char *what, const char *value,
			    uint64_t least, uint64_t most, const char **end);
/* A list of bytes a message; returns how many. */
unsigned bench_option_sizes(const char *what, const char *list,
			    size_t size[BENCH_SIZES_MAX]);
/* Bits of a list of names; the names end with NULL. */
unsigned bench_option_names(const char *what, const char *list,
			    const char *const *name);
uint64_t bench_option_capacity(const char *what, const char *value);
void bench_option_cpus(const char *what, const char *value);
bool bench_listed(const char *list, const char *name);
void bench_option_with(const char *what, const char *list);
/* Of plain and compare: the options that both have. False: none of them. */
bool bench_option_common(struct bench_options *options, int c,
			 const char *value);
__attribute__((noreturn)) void bench_print_version(void);
__attribute__((noreturn)) void bench_print_text(const char *text);
__attribute__((noreturn)) void bench_print_list(void);

/* machine.c */
void bench_machine_start(void);	/* CPUs, description, clock */

/* pair.c */
struct bench_pair;
/* NULL: its setup could not. */
struct bench_pair *bench_pair_start(const struct bench_contestant *who,
				    const struct bench_ask *ask);
/*
 * A slice that took far too long is late and does not count. If it has no end,
 * the pair is stopped and standard error says so: not to be played again.
 */
struct bench_shared *bench_pair_play(struct bench_pair *pair,
				     const struct bench_order *order);
bool bench_pair_stopped(const struct bench_pair *pair);
extern unsigned bench_pair_give_up;	/* seconds */
const char *bench_pair_note(const struct bench_pair *pair);
bool bench_pairs_all_ended(void);	/* each slice of each */
void bench_pairs_stop(void);

/* sweep.c: what an earlier run left behind that was killed. */
void bench_sweep(void);

/* Figures of which the median will be asked. */
struct bench_values {
	double *value;
	unsigned n, room;
};

/* rows.c */
struct bench_class {
	unsigned slices;
	unsigned robbed;	/* of them: a side lost its CPU for a while */
	uint64_t messages;	/* all of them, if it is a round trip */
	struct bench_sleep sleep[BENCH_SIDES];
	struct bench_histogram *histogram;	/* round trips */
	struct bench_histogram *bursts;	/* the same, busy */
	struct bench_values rate;	/* one way: messages a second */
};

struct bench_row {
	const struct bench_contestant *who;
	struct bench_pair *pair;
	const struct bench_row *raw;	/* NULL: there is none */
	unsigned kind, test, mode;
	size_t size;
	uint64_t capacity;
	unsigned discarded;
	struct bench_class class[BENCH_CLASSES];
	/* until the end of the run: those in which a side lost its CPU */
	struct bench_class robbed[BENCH_CLASSES];
};

struct bench_result {
	const struct bench_options *options;
	struct bench_row *row;
	unsigned rows, room;
	unsigned slices[BENCH_CLASSES];
	unsigned changed, outside, late;	/* discarded: why */
	unsigned robbed;	/* slices in which a side lost its CPU */
	unsigned dropped;	/* of them, those that count nowhere */
	unsigned warmed;	/* slices of the warm-up, in no other figure */
	double seconds;		/* that it took */
	struct bench_values probe[BENCH_CLASSES];	/* ns */
};

/* A row of fewer slices is marked, as in any table of medians. Arbitrary. */
#define BENCH_FEW 7
/* A class is shown if at least half of the rows have so many slices in it. */
#define BENCH_ENOUGH 3

/* What is the options' names, for the message that they leave no row. */
void bench_rows_play(struct bench_result *result,
		     const struct bench_options *options, const char *what);
void bench_rows_free(struct bench_result *result);
/* It has slices enough; if none has, it is the one that has more. */
bool bench_class_shown(const struct bench_result *result, unsigned class);

/* plan.c */
bool bench_planned(const struct bench_options *options, unsigned kind,
		   unsigned test, unsigned mode, size_t size);
uint64_t bench_capacity_of(const struct bench_options *options, size_t size);
bool bench_competes(const struct bench_contestant *who, unsigned test,
		    unsigned mode);
/* Also in that kind, and with messages of that size. */
bool bench_enters(const struct bench_contestant *who, unsigned kind,
		  unsigned test, unsigned mode, size_t size,
		  uint64_t capacity);
bool bench_wanted(const struct bench_options *options,
		  const struct bench_contestant *who);

/* names.c */
const char *bench_test_name(unsigned test);	/* for people */
const char *bench_test_word(unsigned test);	/* in options, without blanks */
const char *bench_mode_name(unsigned mode);
const char *bench_kind_name(unsigned kind);
const char *bench_row_label(const struct bench_row *row);
const char *bench_class_name(unsigned class);	/* for people */
const char *bench_class_word(unsigned class);	/* near, far */
void bench_size_name(size_t size, char *text, size_t room);
extern const char *const bench_test_words[], *const bench_mode_words[];
extern const char *const bench_kind_words[];

/* figures.c: the figures of a row in a class; NAN where there are none. */
struct bench_figures {
	double p50, p90, p99, p999, p9999;	/* ns */
	double burst;				/* ns, busy */
	double rate, rate_min, rate_max;	/* messages a second */
	double ratio;		/* to the raw row */
	double slept;		/* share of the waits that were a sleep */
	double parked;		/* the same, as the contestant counts */
};

struct bench_figures bench_row_figures(const struct bench_row *row,
				       unsigned class);
/* What one trip takes, ns, the clock's cost left out if it would show. */
double bench_one_trip(const struct bench_figures *f);

/* best.c: of those in a cell who is best by a figure. */
struct bench_cell {
	unsigned kinds;		/* bits */
	unsigned test, mode;
	size_t size;
};
struct bench_choice {
	bool (*is)(const struct bench_contestant *who, const char *name);
	const char *name;	/* for is */
	double (*of)(const struct bench_figures *f);
	unsigned slices;	/* that a row has at the least */
};

double bench_rate_of(const struct bench_figures *f);	/* in millions */
double bench_p50_of(const struct bench_figures *f);
bool bench_is_named(const struct bench_contestant *who, const char *name);
bool bench_is_peer(const struct bench_contestant *who, const char *name);
bool bench_is_raw(const struct bench_contestant *who, const char *name);
bool bench_in_cell(const struct bench_row *row, const struct bench_cell *cell);
bool bench_better(unsigned test, double a, double b);	/* b may be NAN */
/* NULL and NAN: there is none. */
const struct bench_row *bench_best(const struct bench_result *result,
				   unsigned class,
				   const struct bench_cell *cell,
				   const struct bench_choice *choice,
				   double *value);

/* goals.c: what the project wants of a run, as far as it has the rows. */
enum {
	BENCH_UNKNOWN,		/* too few slices, or nobody beside it */
	BENCH_MISSED,
	BENCH_OUT_OF_REACH,	/* missed, and the bound misses it as well */
	BENCH_MET,
	BENCH_VERDICTS
};
struct bench_goal {
	char what[64];
	const char *unit;	/* of the three figures */
	unsigned class;
	bool at_most;		/* else at least */
	double figure, wanted;	/* NAN: there is none */
	double bound;		/* what bare memory had; NAN: none */
	double second;		/* another one, which decides nothing */
	char wanted_is[64];	/* what it is made of */
	char bound_is[64];	/* whose it is */
	char second_is[64];
	unsigned slices;	/* of weir, or of the other, the fewer */
	unsigned verdict;
};
#define BENCH_GOALS_MAX 160
unsigned bench_goals(const struct bench_result *result,
		     struct bench_goal goal[BENCH_GOALS_MAX]);
void bench_count_goals(const struct bench_goal *goal, unsigned n,
		       unsigned count[BENCH_VERDICTS]);
const char *bench_verdict(const struct bench_goal *goal);
/* What weir has of the bound: a share of a rate; of a time it is above 1. */
double bench_of_bound(const struct bench_goal *goal);

/* stats.c */
void bench_histogram_merge(struct bench_histogram *to,
			   const struct bench_histogram *from);
double bench_median(double *value, unsigned n);	/* sorts */
void bench_values_add(struct bench_values *values, double value);

/* caption.c: without the options that only say where to write. */
void bench_caption_command(char *text, size_t room);
void bench_caption_buffers(const struct bench_options *o, char *text,
			   size_t room);

/* table.c, blocks.c, json.c, csv.c, plots.c, readme.c */
void bench_table(struct bench_result *result);
void bench_table_machine(void);
void bench_table_slices(struct bench_result *result);
void bench_table_notes(const struct bench_result *result);
void bench_figure_text(double value, char *text, size_t room);
void bench_table_figure(double value, int width);	/* right-aligned */
void bench_blocks(struct bench_result *result);
void bench_json(struct bench_result *result);
void bench_csv(const struct bench_result *result);
void bench_plots(struct bench_result *result, const char *path);
void bench_readme(struct bench_result *result, const char *path);

/*
 * Also for the other commands. bench_json_machine() opens the object and
 * writes its first members, the last without a comma behind it;
 * bench_json_number() writes a comma, a name and a value, null for a NAN.
 */
void bench_json_machine(const char *command);
void bench_json_text(const char *text);
void bench_json_number(const char *name, double value);

/* contestants.c */
extern const struct bench_contestant *const bench_contestants[];

/* linux.c or posix.c; futex.c for the one, posix.c too has bench_futex */
int bench_cpus(int *cpu, int n);	/* the first n allowed; how many are */
bool bench_pin(int cpu);
bool bench_can_pin(int cpu);	/* changes nothing */
void bench_die_with_parent(pid_t parent);
void bench_cpu_model(char *text, size_t size);
void bench_count_sleep(struct bench_sleep *sleep);	/* so far */

#endif
