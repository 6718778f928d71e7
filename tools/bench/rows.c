/* SPDX-License-Identifier: MIT */
/*
 * The rows of the table, the rounds of slices that fill them, and the classes.
 */
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

/* Steps of a sender who thinks: some 10 ns, more than a reader takes. */
#define THINK 12

/* Pairs that were started, or could not be (NULL). */
static struct {
	unsigned contestant;
	struct bench_ask ask;
	struct bench_pair *pair;
} *started;
static unsigned started_n;

static struct bench_pair *pair_for(unsigned contestant,
				   const struct bench_ask *ask)
{
	unsigned i;

	for (i = 0; i < started_n; i++) {
		if (started[i].contestant == contestant &&
		    started[i].ask.kind == ask->kind &&
		    started[i].ask.capacity == ask->capacity &&
		    started[i].ask.size == ask->size)
			return started[i].pair;
	}
	started = realloc(started, (started_n + 1) * sizeof(*started));
	if (!started)
		bench_fail("no memory");
	started[started_n].contestant = contestant;
	started[started_n].ask = *ask;
	started[started_n].pair =
		bench_pair_start(bench_contestants[contestant], ask);
	return started[started_n++].pair;
}

static bool same_cell(const struct bench_row *a, const struct bench_row *b)
{
	return a->kind == b->kind && a->test == b->test &&
	       a->mode == b->mode && a->size == b->size;
}

static void add_row(struct bench_result *result, const struct bench_row *cell,
		    unsigned contestant)
{
	const struct bench_contestant *who = bench_contestants[contestant];
	struct bench_ask ask = {
		.kind = (int)cell->kind,
		.capacity = cell->capacity,
		.size = who->by_size ? cell->size : 0,
	};
	struct bench_row *row = &result->row[result->rows], *raw;

	*row = *cell;
	row->who = who;
	row->pair = pair_for(contestant, &ask);
	if (!row->pair)
		return;
	result->rows++;
	/* The raw contestant is the first of a cell. */
	for (raw = row; raw > result->row && same_cell(raw - 1, row); raw--)
		;
	row->raw = raw->who->raw ? raw : NULL;
}

static void add_cell(struct bench_result *result, const struct bench_row *cell)
{
	const struct bench_contestant *who;
	unsigned i;

	for (i = 0; (who = bench_contestants[i]); i++) {
		if (bench_wanted(result->options, who) &&
		    bench_enters(who, cell->kind, cell->test, cell->mode,
				 cell->size, cell->capacity))
			add_row(result, cell, i);
	}
}

static void add_sizes(struct bench_result *result, struct bench_row *cell)
{
	const struct bench_options *options = result->options;
	unsigned i;

	for (i = 0; i < options->sizes; i++) {
		cell->size = options->size[i];
		cell->capacity = bench_capacity_of(options, cell->size);
		if (bench_planned(options, cell->kind, cell->test, cell->mode,
				  cell->size))
			add_cell(result, cell);
	}
}

static void make_rows(struct bench_result *result,
		      const struct bench_options *options)
{
	struct bench_row cell;

	memset(&cell, 0, sizeof(cell));
	memset(result, 0, sizeof(*result));
	result->options = options;
	/* never moved: rows point to each other */
	result->row = calloc((size_t)BENCH_KINDS * BENCH_TESTS * BENCH_MODES *
			     BENCH_SIZES_MAX * BENCH_CONTESTANTS_MAX,
			     sizeof(*result->row));
	if (!result->row)
		bench_fail("no memory");
	for (cell.kind = 0; cell.kind < BENCH_KINDS; cell.kind++) {
		for (cell.test = 0; cell.test < BENCH_TESTS; cell.test++) {
			for (cell.mode = 0; cell.mode < BENCH_MODES;
			     cell.mode++)
				add_sizes(result, &cell);
		}
	}
}

static bool has_enough(const struct bench_result *result, unsigned class)
{
	unsigned i, n = 0;

	for (i = 0; i < result->rows; i++)
		n += result->row[i].class[class].slices >= BENCH_ENOUGH;
	return 2 * n >= result->rows;
}

bool bench_class_shown(const struct bench_result *result, unsigned class)
{
	bool far = result->slices[BENCH_FAR] > result->slices[BENCH_NEAR];
	unsigned i;

	for (i = 0; i < BENCH_CLASSES; i++) {
		if (has_enough(result, i))
			return has_enough(result, class);
	}
	return class == (far ? BENCH_FAR : BENCH_NEAR);
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
	if (row->test != BENCH_RTT) {
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
	bool robbed;
	int i;

	if (shared->late || before < 0 || after < 0 || before != after) {
		row->discarded++;
		if (shared->late)
			result->late++;
		else if (before < 0 || after < 0)
			result->outside++;
		else
			result->changed++;
		return;
	}
	result->slices[before]++;
	robbed = shared->sleep[BENCH_A].robbed || shared->sleep[BENCH_B].robbed;
	result->robbed += robbed;
	for (i = 0; i < 2; i++)
		bench_values_add(&result->probe[before],
				 bench_ns((double)shared->probe_ticks[i]));
	/* On one CPU the two sides take it from each other. */
	keep(row, robbed && !bench_machine.one ? &row->robbed[before] :
						 &row->class[before], shared);
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

	if (bench_pair_stopped(row->pair))
		return;
	if (row->test == BENCH_STARVED)
		order.think = THINK;
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

	while (first + n < result->rows && same_cell(&row[n], row))
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

/* One turn of all rows, those of a cell next to each other; the first one is
   played to its end, that no row is empty. False: over. */
static bool run_round(struct bench_result *result, uint64_t start, bool whole)
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
		if (!whole && result->seconds >= options->seconds)
			return false;
	}
	return result->seconds < options->seconds;
}

static void free_class(struct bench_class *class)
{
	free(class->histogram);
	free(class->bursts);
	free(class->rate.value);
	memset(class, 0, sizeof(*class));
}

static void join_class(struct bench_class *to, const struct bench_class *from)
{
	unsigned i;

	to->slices += from->slices;
	to->robbed += from->slices;
	to->messages += from->messages;
	for (i = 0; i < BENCH_SIDES; i++) {
		to->sleep[i].waits += from->sleep[i].waits;
		to->sleep[i].robbed += from->sleep[i].robbed;
		to->sleep[i].parks += from->sleep[i].parks;
	}
	for (i = 0; i < from->rate.n; i++)
		bench_values_add(&to->rate, from->rate.value[i]);
	if (from->histogram)
		add_up(&to->histogram, from->histogram);
	if (from->bursts)
		add_up(&to->bursts, from->bursts);
}

/*
 * What another program disturbed counts only where a row has too little else:
 * threads of a contestant's own may be the ones that disturb, always.
 */
static void settle_robbed(struct bench_result *result)
{
	struct bench_class *class, *robbed;
	unsigned i, j;

	for (i = 0; i < result->rows; i++) {
		for (j = 0; j < BENCH_CLASSES; j++) {
			class = &result->row[i].class[j];
			robbed = &result->row[i].robbed[j];
			if (class->slices < BENCH_ENOUGH)
				join_class(class, robbed);
			else
				result->dropped += robbed->slices;
			free_class(robbed);
		}
	}
}

static void run_rows(struct bench_result *result)
{
	uint64_t start;
	unsigned i;

	for (i = 0; i < result->rows; i++)
		play(result, &result->row[i], FIRST_MS, false);
	start = bench_clock_system();
	for (i = 0; run_round(result, start, !i); i++)
		;
	settle_robbed(result);
}

void bench_rows_play(struct bench_result *result,
		     const struct bench_options *options, const char *what)
{
	bench_machine_start();
	make_rows(result, options);
	if (!result->rows)
		bench_usage_bad(what, "nothing is left to run");
	run_rows(result);
	bench_pairs_stop();
}

void bench_rows_free(struct bench_result *result)
{
	unsigned i, j;

	for (i = 0; i < result->rows; i++) {
		for (j = 0; j < BENCH_CLASSES; j++)
			free_class(&result->row[i].class[j]);
	}
	for (j = 0; j < BENCH_CLASSES; j++)
		free(result->probe[j].value);
	free(result->row);
	free(started);
}
