/* SPDX-License-Identifier: MIT */
/*
 * What the project wants of weir beside the limits and the peers of the same
 * run, so that everybody can see whether it is so on his machine. A goal whose
 * rows this run had not, or not in that class, does not appear.
 */
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "bench.h"

#define LEAST_PEERS 8

/* A figure of a row, or the best one of several. */
struct found {
	double value;		/* NAN: there is none */
	unsigned slices;
	const char *name;	/* whose it is */
};

typedef double metric(const struct bench_figures *f);

static double p50(const struct bench_figures *f)
{
	return f->p50;
}

static double p99(const struct bench_figures *f)
{
	return f->p99;
}

static double p999(const struct bench_figures *f)
{
	return f->p999;
}

static double rate(const struct bench_figures *f)
{
	return f->rate / 1e6;
}

struct list {
	const struct bench_result *result;
	struct bench_goal *goal;
	unsigned n, class;
};

struct cell {
	unsigned kind, test, mode;
	size_t size;
};

static bool in_cell(const struct bench_row *row, const struct cell *cell)
{
	return row->kind == cell->kind && row->test == cell->test &&
	       row->mode == cell->mode && row->size == cell->size;
}

/* With the name, or of the peers the best one. */
static struct found find(const struct list *list, const struct cell *cell,
			 const char *name, metric *of, bool least)
{
	struct found best = { NAN, 0, "" };
	const struct bench_row *row = list->result->row;
	struct bench_figures f;
	unsigned i;
	double v;

	for (i = 0; i < list->result->rows; i++, row++) {
		if (!in_cell(row, cell) || (name ?
		    strcmp(row->who->name, name) != 0 : !row->who->peer))
			continue;
		f = bench_row_figures(row, list->class);
		v = of(&f);
		if (isnan(v) || (!isnan(best.value) &&
				 (least ? v >= best.value : v <= best.value)))
			continue;
		best.value = v;
		best.slices = row->class[list->class].slices;
		best.name = row->who->name;
	}
	return best;
}

/* The row that the ratios are to; of a trip, as the ratios take it. */
static struct found find_trip(const struct list *list, const struct cell *cell,
			      const char *name)
{
	struct found found = { NAN, 0, "" };
	const struct bench_row *row = list->result->row;
	struct bench_figures f;
	unsigned i;

	for (i = 0; i < list->result->rows; i++, row++) {
		if (!in_cell(row, cell) || (name ?
		    strcmp(row->who->name, name) != 0 : !row->who->raw))
			continue;
		f = bench_row_figures(row, list->class);
		found.value = bench_one_trip(&f);
		found.slices = row->class[list->class].slices;
		found.name = bench_row_label(row);
		break;
	}
	return found;
}

__attribute__((format(printf, 6, 7))) static void
add(struct list *list, const struct found *figure, const struct found *bound,
    double times, const char *unit, const char *what, ...)
{
	struct bench_goal *goal = &list->goal[list->n];
	bool at_most = !strcmp(unit, "ns");
	va_list args;

	if (isnan(figure->value) || isnan(bound->value) ||
	    list->n == BENCH_GOALS_MAX)
		return;
	memset(goal, 0, sizeof(*goal));
	va_start(args, what);
	vsnprintf(goal->what, sizeof(goal->what), what, args);
	va_end(args);
	goal->unit = unit;
	if (times == 1)
		snprintf(goal->bound_is, sizeof(goal->bound_is), "%s",
			 bound->name);
	else
		snprintf(goal->bound_is, sizeof(goal->bound_is), "%g x %s",
			 times, bound->name);
	goal->class = list->class;
	goal->figure = figure->value;
	goal->bound = times * bound->value;
	goal->at_most = at_most;
	goal->verdict = (at_most ? goal->figure <= goal->bound :
			 goal->figure >= goal->bound) ? BENCH_MET :
			 BENCH_MISSED;
	goal->few = figure->slices < BENCH_FEW || bound->slices < BENCH_FEW;
	list->n++;
}

/* The better of two, or the one that is there. */
static struct found most(struct found a, struct found b)
{
	return isnan(a.value) || b.value > a.value ? b : a;
}

/* The raw lines are used again for each message, those of a queue are not. */
static void queue_trips(struct list *list)
{
	struct cell cell = { BENCH_PROCESSES, BENCH_RTT, BENCH_BUSY, 8 };
	struct found weir = find_trip(list, &cell, "weir");
	struct found other = find_trip(list, &cell, "raw-queue");

	add(list, &weir, &other, 1.25, "ns", "round trip, 8 B, of a queue");
	cell.size = 64;
	weir = find_trip(list, &cell, "weir");
	other = find_trip(list, &cell, "raw-queue");
	add(list, &weir, &other, 1.1, "ns", "round trip, 64 B, of a queue");
}

static void trips(struct list *list)
{
	static const struct {
		metric *of;
		const char *name;
	} tail[] = { { p50, "p50" }, { p99, "p99" }, { p999, "p99.9" } };
	struct cell cell = { BENCH_PROCESSES, BENCH_RTT, BENCH_BUSY, 8 };
	struct found weir = find_trip(list, &cell, "weir");
	struct found other = find_trip(list, &cell, NULL);
	unsigned i;

	add(list, &weir, &other, 1.25, "ns", "round trip, 8 B");
	for (i = 0; i < sizeof(tail) / sizeof(*tail); i++) {
		weir = find(list, &cell, "weir", tail[i].of, true);
		other = find(list, &cell, NULL, tail[i].of, true);
		add(list, &weir, &other, 1, "ns", "round trip, 8 B, %s",
		    tail[i].name);
	}
	cell.size = 64;
	weir = find_trip(list, &cell, "weir");
	other = find_trip(list, &cell, NULL);
	add(list, &weir, &other, 1.1, "ns", "round trip, 64 B");
	queue_trips(list);
	cell.mode = BENCH_BLOCKING;
	cell.size = 8;
	other = find_trip(list, &cell, NULL);
	weir = find_trip(list, &cell, "weir-park");
	add(list, &weir, &other, 1.05, "ns", "blocking, both asleep, 8 B");
}

static void small_messages(struct list *list)
{
	static const struct found floor = { 150, BENCH_FEW, "150 M msg/s" };
	struct cell cell = { BENCH_PROCESSES, BENCH_THROUGHPUT, BENCH_BUSY, 8 };
	struct found weir = find(list, &cell, "weir", rate, false), other;

	cell.kind = BENCH_THREADS;
	other = find(list, &cell, NULL, rate, false);
	if (!isnan(other.value) && other.value * 1.25 > floor.value)
		add(list, &weir, &other, 1.25, "M msg/s",
		    "one at a time, 8 B, peers in threads");
	else
		add(list, &weir, &floor, 1, "M msg/s", "one at a time, 8 B");
	cell.kind = BENCH_PROCESSES;
	cell.test = BENCH_BATCHED;
	weir = find(list, &cell, "weir", rate, false);
	other = find(list, &cell, NULL, rate, false);
	cell.kind = BENCH_THREADS;
	other = most(other, find(list, &cell, NULL, rate, false));
	add(list, &weir, &other, 1.25, "M msg/s", "batches of 32, 8 B");
	cell.kind = BENCH_PROCESSES;
	cell.test = BENCH_STARVED;
	cell.mode = BENCH_BLOCKING;
	weir = find(list, &cell, "weir", rate, false);
	other = find(list, &cell, "boost-mq", rate, false);
	add(list, &weir, &other, 5, "M msg/s", "blocking, reader starved, 8 B");
}

static void large_messages(struct list *list)
{
	static const size_t size[] = { 64, 256, 1024, 4096, 65536 };
	struct cell cell = { BENCH_PROCESSES, BENCH_THROUGHPUT, BENCH_BUSY, 0 };
	struct found weir, other;
	char name[24];
	unsigned i;

	for (i = 0; i < sizeof(size) / sizeof(*size); i++) {
		cell.size = size[i];
		bench_size_name(cell.size, name, sizeof(name));
		weir = find(list, &cell, "weir", rate, false);
		other = find(list, &cell, NULL, rate, false);
		add(list, &weir, &other, size[i] < 65536 ? 2 : 1, "M msg/s",
		    "throughput, %s", name);
	}
	cell.test = BENCH_WORKED;
	for (i = 3; i < sizeof(size) / sizeof(*size); i++) {
		cell.size = size[i];
		bench_size_name(cell.size, name, sizeof(name));
		weir = find(list, &cell, "weir-place", rate, false);
		other = find(list, &cell, "weir", rate, false);
		other.name = "weir, copying";
		add(list, &weir, &other, 2, "M msg/s", "in place, %s", name);
	}
}

/* Far: no peer does better. */
static void far_rows(struct list *list)
{
	static const struct found floor = { 12e3 / 65.536, BENCH_FEW,
					    "12 GB/s" };
	const struct bench_options *o = list->result->options;
	struct cell cell = { BENCH_PROCESSES, BENCH_RTT, BENCH_BUSY, 0 };
	struct found weir, other;
	char name[24];
	unsigned i;

	for (cell.test = BENCH_RTT; cell.test <= BENCH_BATCHED; cell.test++) {
		metric *of = cell.test == BENCH_RTT ? p50 : rate;
		bool least = cell.test == BENCH_RTT;

		for (i = 0; i < o->sizes; i++) {
			cell.size = o->size[i];
			bench_size_name(cell.size, name, sizeof(name));
			weir = find(list, &cell, "weir", of, least);
			other = find(list, &cell, NULL, of, least);
			add(list, &weir, &other, 1, least ? "ns" : "M msg/s",
			    "%s, %s", bench_test_name(cell.test), name);
		}
	}
	cell.test = BENCH_THROUGHPUT;
	cell.size = 65536;
	weir = find(list, &cell, "weir", rate, false);
	weir.value *= 1e3;	/* 65536 bytes: thousand messages a second */
	other = floor;
	add(list, &weir, &other, 1, "k msg/s", "throughput, 64 KiB");
}

/* How many took part: once, with the class that has more of the run. */
static void peers(struct list *list)
{
	static const struct found floor = { LEAST_PEERS, BENCH_FEW, "" };
	const struct bench_row *row = list->result->row;
	struct found n = { 0, BENCH_FEW, "" };
	unsigned i, j;

	if (list->result->options->with)
		return;
	for (i = 0; i < list->result->rows; i++) {
		for (j = 0; j < i && row[j].who != row[i].who; j++)
			;
		n.value += j == i && row[i].who->peer;
	}
	add(list, &n, &floor, 1, "peers", "peers that took part");
}

unsigned bench_goals(const struct bench_result *result,
		     struct bench_goal goal[BENCH_GOALS_MAX])
{
	struct list list = { result, goal, 0, BENCH_NEAR };
	bool far = result->slices[BENCH_FAR] > result->slices[BENCH_NEAR];

	/* On one CPU there is neither near nor far. */
	if (!bench_machine.classes)
		return 0;
	trips(&list);
	small_messages(&list);
	large_messages(&list);
	if (!far)
		peers(&list);
	list.class = BENCH_FAR;
	far_rows(&list);
	if (far)
		peers(&list);
	return list.n;
}
