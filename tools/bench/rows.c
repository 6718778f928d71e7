/* SPDX-License-Identifier: MIT */
/*
 * The rows of the table, the rounds of slices that fill them, and the classes.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

/* Of a slice, discarded: its caches are the last row's. Arbitrary. */
#define WARM_MS 1.0
/* A slice of the round that is discarded whole. Arbitrary. */
#define FIRST_MS 1.0
/* Slices a round of blocking round trips: some 100 trips fit into one, not
   100,000. Arbitrary. */
#define BLOCKING_SLICES 3
/* A probe that took less ns is not a line's, one that took more than this many
   times the limit of "far" was disturbed. Arbitrary. */
#define PROBE_LEAST_NS 5
#define PROBE_MOST_FAR 8

/* A trip that is longer shows the clock's cost, some 10 ns, by 1 % at most. */
#define CLOCK_SHOWS_NS 1000

static struct bench_pair *pair_of[BENCH_CONTESTANTS_MAX];

/* Whether the name stands in a list with commas. */
static bool listed(const char *list, const char *name)
{
	size_t len = strlen(name);
	const char *at = list;

	while (at) {
		if (!strncmp(at, name, len) && (!at[len] || at[len] == ','))
			return true;
		at = strchr(at, ',');
		at = at ? at + 1 : NULL;
	}
	return false;
}

static bool wanted(const struct bench_options *options,
		   const struct bench_contestant *who)
{
	if (who->raw)
		return true;
	return options->with ? listed(options->with, who->name) :
			       !who->optional;
}

static void add_row(struct bench_result *result, unsigned test, unsigned mode,
		    size_t size, unsigned contestant)
{
	const struct bench_contestant *who = bench_contestants[contestant];
	struct bench_row *row, *raw;

	row = &result->row[result->rows++];
	row->who = who;
	row->test = test;
	row->mode = mode;
	row->size = size;
	/* The raw contestant is the first of a cell. */
	for (raw = row; raw > result->row && raw[-1].test == test &&
	     raw[-1].mode == mode && raw[-1].size == size; raw--)
		;
	row->raw = raw->who->raw ? raw : NULL;
	if (!pair_of[contestant])
		pair_of[contestant] =
			bench_pair_start(who, result->options->capacity);
	row->pair = pair_of[contestant];
}

static void add_cell(struct bench_result *result, unsigned test, unsigned mode,
		     size_t size)
{
	const struct bench_options *options = result->options;
	unsigned i;

	for (i = 0; bench_contestants[i]; i++) {
		if (wanted(options, bench_contestants[i]) &&
		    bench_competes(bench_contestants[i], test, mode))
			add_row(result, test, mode, size, i);
	}
}

void bench_rows_make(struct bench_result *result,
		     const struct bench_options *options)
{
	unsigned test, mode, size;

	memset(result, 0, sizeof(*result));
	result->options = options;
	/* never moved: rows point to each other */
	result->row = calloc((size_t)BENCH_TESTS * BENCH_MODES *
			     BENCH_SIZES_MAX * BENCH_CONTESTANTS_MAX,
			     sizeof(*result->row));
	if (!result->row)
		bench_fail("no memory");
	for (test = 0; test < BENCH_TESTS; test++) {
		for (mode = 0; mode < BENCH_MODES; mode++) {
			if (!(options->tests >> test & 1) ||
			    !(options->modes >> mode & 1))
				continue;
			for (size = 0; size < options->sizes; size++)
				add_cell(result, test, mode,
					 options->size[size]);
		}
	}
}

const char *bench_row_label(const struct bench_row *row)
{
	const char *label = row->who->label[row->mode][row->test];

	return label ? label : row->who->name;
}

const char *bench_class_name(unsigned class)
{
	if (!bench_machine.classes)
		return bench_machine.one ? "one CPU" : "not pinned";
	return class == BENCH_NEAR ? "near" : "far";
}

/* -1: outside of both */
static int class_of(const struct bench_result *result, uint64_t ticks)
{
	double ns = bench_ns((double)ticks), far = result->options->far_ns;

	if (!bench_machine.classes)
		return BENCH_NEAR;
	if (ns < PROBE_LEAST_NS || ns > PROBE_MOST_FAR * far)
		return -1;
	return ns < far ? BENCH_NEAR : BENCH_FAR;
}

static void add_up(struct bench_histogram **sum,
		   const struct bench_histogram *h)
{
	if (!*sum)
		*sum = calloc(1, sizeof(**sum));
	if (!*sum)
		bench_fail("no memory");
	bench_histogram_merge(*sum, h);
}

static void keep(struct bench_row *row, struct bench_class *class,
		 const struct bench_shared *shared)
{
	int side;

	class->slices++;
	for (side = 0; side < BENCH_SIDES; side++) {
		class->sleep[side].waits += shared->sleep[side].waits;
		class->sleep[side].robbed += shared->sleep[side].robbed;
		class->sleep[side].parks += shared->sleep[side].parks;
	}
	class->messages += shared->messages;
	if (row->test == BENCH_THROUGHPUT) {
		bench_values_add(&class->rate, (double)shared->messages * 1e9 /
				 bench_ns((double)shared->ticks));
		return;
	}
	add_up(&class->histogram, &shared->trips);
	add_up(&class->bursts, &shared->bursts);
}

static void file_slice(struct bench_result *result, struct bench_row *row,
		       const struct bench_shared *shared)
{
	int before = class_of(result, shared->probe_ticks[0]);
	int after = class_of(result, shared->probe_ticks[1]);
	int i;

	if (before < 0 || after < 0 || before != after) {
		row->discarded++;
		if (before < 0 || after < 0)
			result->outside++;
		else
			result->changed++;
		return;
	}
	result->slices[before]++;
	if (shared->sleep[BENCH_A].robbed || shared->sleep[BENCH_B].robbed)
		result->robbed++;
	for (i = 0; i < 2; i++)
		bench_values_add(&result->probe[before],
				 bench_ns((double)shared->probe_ticks[i]));
	keep(row, &row->class[before], shared);
}

static void play(struct bench_result *result, struct bench_row *row, double ms,
		 bool keep_it)
{
	static uint64_t slices;
	bool paused = row->test == BENCH_RTT && row->mode == BENCH_BLOCKING;
	struct bench_order order = {
		.test = row->test,
		.mode = row->mode,
		.size = row->size,
		.first = ++slices << 32,
		.warm = bench_ticks_of(WARM_MS * 1e6),
		.length = bench_ticks_of(ms * 1e6),
	};
	const struct bench_shared *shared;

	if (paused)
		order.pause = bench_ticks_of(result->options->pause_us * 1e3);
	shared = bench_pair_play(row->pair, &order);
	if (keep_it)
		file_slice(result, row, shared);
	else
		result->warmed++;
}

/* Rows from this one on that differ only in who plays. */
static unsigned cell_rows(const struct bench_result *result, unsigned first)
{
	const struct bench_row *row = &result->row[first];
	unsigned n = 1;

	while (first + n < result->rows && row[n].test == row->test &&
	       row[n].mode == row->mode && row[n].size == row->size)
		n++;
	return n;
}

static void tell(const struct bench_result *result, double seconds)
{
	static int told = -1;

	if ((int)seconds == told || !isatty(STDERR_FILENO))
		return;
	told = (int)seconds;
	fprintf(stderr, "\rweir-bench: %d of %.0f s ", told,
		result->options->seconds);
	if (seconds >= result->options->seconds)
		fputs("\r\033[K", stderr);
}

/* One turn of all rows, those of a cell next to each other. False: over. */
static bool run_round(struct bench_result *result, uint64_t start)
{
	const struct bench_options *options = result->options;
	unsigned first, n, i, again;
	struct bench_row *row;

	for (first = 0; first < result->rows; first += n) {
		row = &result->row[first];
		n = cell_rows(result, first);
		again = row->test == BENCH_RTT && row->mode == BENCH_BLOCKING ?
			BLOCKING_SLICES : 1;
		for (i = 0; i < again * n; i++)
			play(result, &row[i % n], options->slice_ms, true);
		result->seconds = (double)(bench_clock_system() - start) / 1e9;
		tell(result, result->seconds);
		if (result->seconds >= options->seconds)
			return false;
	}
	return true;
}

void bench_rows_run(struct bench_result *result)
{
	uint64_t start;
	unsigned i;

	for (i = 0; i < result->rows; i++)
		play(result, &result->row[i], FIRST_MS, false);
	start = bench_clock_system();
	while (run_round(result, start))
		;
}

void bench_rows_free(struct bench_result *result)
{
	struct bench_class *class;
	unsigned i, j;

	for (i = 0; i < result->rows; i++) {
		for (j = 0; j < BENCH_CLASSES; j++) {
			class = &result->row[i].class[j];
			free(class->histogram);
			free(class->bursts);
			free(class->rate.value);
		}
	}
	for (j = 0; j < BENCH_CLASSES; j++)
		free(result->probe[j].value);
	free(result->row);
}

/* Of one side's waits, one for each round trip. */
static double share(uint64_t slept, const struct bench_class *class)
{
	double all = (double)class->messages * BENCH_SIDES;

	return (double)slept < all ? (double)slept / all : 1;
}

static void figure_trips(const struct bench_row *row,
			 const struct bench_class *class,
			 struct bench_figures *f)
{
	uint64_t waits = class->sleep[BENCH_A].waits +
			 class->sleep[BENCH_B].waits;

	/* On one CPU each pause is a sleep too. */
	if (bench_machine.one && row->mode == BENCH_BLOCKING)
		waits -= class->messages < waits ? class->messages : waits;
	f->p50 = bench_percentile(class->histogram, 0.5);
	f->p90 = bench_percentile(class->histogram, 0.9);
	f->p99 = bench_percentile(class->histogram, 0.99);
	f->p999 = bench_percentile(class->histogram, 0.999);
	f->slept = share(waits, class);
	if (row->who->parks)
		f->parked = share(class->sleep[BENCH_A].parks +
				  class->sleep[BENCH_B].parks, class);
}

/*
 * What one trip takes: in bursts if that is so little that the clock would
 * show, else the median, which fewer disturbances reach.
 */
static double one_trip(const struct bench_figures *f)
{
	return f->p50 < CLOCK_SHOWS_NS && !isnan(f->burst) ? f->burst : f->p50;
}

struct bench_figures bench_row_figures(const struct bench_row *row,
				       unsigned class)
{
	struct bench_figures f = { NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN,
				   NAN, NAN, NAN };
	const struct bench_class *c = &row->class[class];
	struct bench_figures raw;

	if (!c->slices)
		return f;
	if (row->test == BENCH_RTT) {
		figure_trips(row, c, &f);
		f.burst = bench_percentile(c->bursts, 0.5) / BENCH_BURST;
	} else {
		f.rate = bench_median(c->rate.value, c->rate.n);
		f.rate_min = c->rate.value[0];
		f.rate_max = c->rate.value[c->rate.n - 1];
	}
	if (row->raw == row) {
		f.ratio = 1;
	} else if (row->raw) {
		raw = bench_row_figures(row->raw, class);
		if (row->test == BENCH_THROUGHPUT)
			f.ratio = f.rate / raw.rate;
		else
			f.ratio = one_trip(&f) / one_trip(&raw);
	}
	return f;
}
