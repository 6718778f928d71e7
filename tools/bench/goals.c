/* SPDX-License-Identifier: MIT */
/*
 * What the project wants of weir beside the limits and the peers of the same
 * run, so that everybody can see whether it is so on his machine. A goal whose
 * rows this run was not asked for does not appear; one whose rows have too few
 * slices in that class is not measured, neither met nor missed.
 *
 * Beside a goal stands a bound, which is a measurement: what bare memory had in
 * the same row of the same run. A goal that is missed and lies beyond the bound
 * is out of reach on this machine; one that the bound allows is missed. A bound
 * that weir or a peer has passed is none, and a goal is met by weir's figure
 * alone. One way, records like weir's are the bound, unless they were passed:
 * then bare copies are. There and back it is the better of the two kinds of
 * slots. The other one stands beside it and decides nothing.
 */
#include <math.h>
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

static double p99(const struct bench_figures *f)
{
	return f->p99;
}

static double p999(const struct bench_figures *f)
{
	return f->p999;
}

/* Beside whom: by this name, or any peer, or any raw one. */
#define PEER "best peer"
#define RAW "raw"
/* Of the raw ones the plain one, whose name that is as well. */
#define LINE "raw line"
/* A queue takes a fresh slot for each message: the raw lines that do, where
   each slot of a line and more begins one, and where they lie closely. */
#define FRESH "raw-queue"
#define PACKED "raw-packed"

/* The figures of weir (or of who) in a row, and what they are to be. */
struct aim {
	const char *what;
	unsigned test, mode;
	size_t size;
	metric *of;
	double times;		/* so often that of the one beside it */
	const char *beside;
	unsigned kinds;		/* that it may be of; 0: processes */
	double least;		/* no less; with times 0 this alone */
	const char *who;	/* NULL: weir */
};

static const struct aim near_aims[] = {
	{ "round trip, 8 B", BENCH_RTT, BENCH_BUSY, 8,
	  bench_one_trip, 1.25, RAW, 0, 0, NULL },
	{ "round trip, 8 B, p50", BENCH_RTT, BENCH_BUSY, 8,
	  bench_p50_of, 1, PEER, 0, 0, NULL },
	{ "round trip, 8 B, p99", BENCH_RTT, BENCH_BUSY, 8,
	  p99, 1, PEER, 0, 0, NULL },
	{ "round trip, 8 B, p99.9", BENCH_RTT, BENCH_BUSY, 8,
	  p999, 1, PEER, 0, 0, NULL },
	{ "round trip, 64 B", BENCH_RTT, BENCH_BUSY, 64,
	  bench_one_trip, 1.1, RAW, 0, 0, NULL },
	{ "both asleep, 8 B", BENCH_RTT, BENCH_BLOCKING, 8,
	  bench_one_trip, 1.05, RAW, 0, 0, "weir-park" },
	{ "one at a time, 8 B", BENCH_THROUGHPUT, BENCH_BUSY, 8,
	  bench_rate_of, 1.25, PEER, BENCH_IN_THREADS, 150, NULL },
	{ "batches of 32, 8 B", BENCH_BATCHED, BENCH_BUSY, 8,
	  bench_rate_of, 1.25, PEER, BENCH_IN_PROCESSES | BENCH_IN_THREADS, 0,
	  NULL },
	{ "one at a time, 64 B", BENCH_THROUGHPUT, BENCH_BUSY, 64,
	  bench_rate_of, 2, PEER, 0, 0, NULL },
	{ "one at a time, 256 B", BENCH_THROUGHPUT, BENCH_BUSY, 256,
	  bench_rate_of, 2, PEER, 0, 0, NULL },
	{ "one at a time, 1 KiB", BENCH_THROUGHPUT, BENCH_BUSY, 1024,
	  bench_rate_of, 2, PEER, 0, 0, NULL },
	{ "one at a time, 4 KiB", BENCH_THROUGHPUT, BENCH_BUSY, 4096,
	  bench_rate_of, 2, PEER, 0, 0, NULL },
	{ "one at a time, 64 KiB", BENCH_THROUGHPUT, BENCH_BUSY, 65536,
	  bench_rate_of, 1, PEER, 0, 0, NULL },
	{ "in place, 4 KiB", BENCH_WORKED, BENCH_BUSY, 4096,
	  bench_rate_of, 2, "weir", 0, 0, "weir-place" },
	{ "in place, 64 KiB", BENCH_WORKED, BENCH_BUSY, 65536,
	  bench_rate_of, 2, "weir", 0, 0, "weir-place" },
	{ "reader starved, 8 B", BENCH_STARVED, BENCH_BLOCKING, 8,
	  bench_rate_of, 5, "boost-mq", 0, 0, NULL },
};

/*
 * Queues that are not among the peers, as no distribution that is built for has
 * them. What stands for one is what it was to the raw line, two lines 128 bytes
 * apart, on the machine that all were measured on once (AMD Zen 4, two CPUs):
 * there and back so many times the trip of the line; one way so many messages
 * in the time of such a trip. The line was 104 ns near and 491 ns far; of
 * several capacities each has its best. rigtorp's was not measured far, Aeron's
 * trips neither. Aeron is of two processes, the others are of two threads;
 * atomic_queue is by its try calls. What the aim then is, is as with the peers.
 */
#define NEAR_NS 104.0
#define FAR_NS 491.0

struct bar {
	const char *name;
	unsigned test;
	size_t size;
	double had[BENCH_CLASSES];	/* ns, M/s; 0: not measured */
	double times;			/* near; far it is 1 */
};

static const struct bar bars[] = {
	{ "Aeron", BENCH_RTT, 8, { 160, 0 }, 1 },
	{ "rigtorp", BENCH_RTT, 8, { 173, 0 }, 1 },
	{ "folly", BENCH_RTT, 8, { 185, 824 }, 1 },
	{ "atomic_queue", BENCH_RTT, 8, { 196, 812 }, 1 },
	{ "Aeron", BENCH_THROUGHPUT, 8, { 21.01, 7.846 }, 1.25 },
	{ "rigtorp", BENCH_THROUGHPUT, 8, { 140, 0 }, 1.25 },
	{ "folly", BENCH_THROUGHPUT, 8, { 145, 23.1 }, 1.25 },
	{ "atomic_queue", BENCH_THROUGHPUT, 8, { 136, 35.8 }, 1.25 },
	{ "Aeron", BENCH_THROUGHPUT, 64, { 15.07, 5.754 }, 2 },
	{ "Aeron", BENCH_THROUGHPUT, 256, { 17.59, 10.91 }, 2 },
	{ "Aeron", BENCH_THROUGHPUT, 1024, { 5.885, 3.033 }, 2 },
	{ "Aeron", BENCH_THROUGHPUT, 4096, { 1.733, 1.305 }, 2 },
	{ "Aeron", BENCH_THROUGHPUT, 65536, { 0.130, 0.095 }, 1 },
};

struct list {
	const struct bench_result *result;
	struct bench_goal *goal;
	unsigned n, class;
};

static struct bench_cell cell_of(const struct aim *aim, unsigned kinds)
{
	struct bench_cell cell = { kinds, aim->test, aim->mode, aim->size };

	return cell;
}

static bool is(const struct bench_contestant *who, const char *name)
{
	if (!strcmp(name, PEER))
		return who->peer;
	if (!strcmp(name, LINE))
		return bench_is_named(who, RAW);
	return !strcmp(name, RAW) ? who->raw : bench_is_named(who, name);
}

/* Of those by that name the best one, unless it lacks slices. */
static struct found best(const struct list *list, const struct aim *aim,
			 unsigned kinds, const char *name, unsigned slices)
{
	struct bench_cell cell = cell_of(aim, kinds);
	struct bench_choice choice = { is, name, aim->of, slices };
	struct found found = { NAN, 0, "" };
	const struct bench_row *row;

	row = bench_best(list->result, list->class, &cell, &choice,
			 &found.value);
	if (row) {
		found.slices = row->class[list->class].slices;
		found.name = bench_row_label(row);
	}
	return found;
}

/* The run has such rows. */
static bool asked_for(const struct list *list, const struct aim *aim,
		      const char *name)
{
	struct bench_cell cell = cell_of(aim, BENCH_IN_PROCESSES);
	const struct bench_row *row = list->result->row;
	unsigned i;

	for (i = 0; i < list->result->rows; i++, row++) {
		if (bench_in_cell(row, &cell) && is(row->who, name))
			return true;
	}
	return false;
}

/* Bare memory, of slices enough. What anybody has passed is no bound. */
static struct found bare(const struct list *list, const struct aim *aim,
			 const struct found *weir, const char *name)
{
	struct found bare = best(list, aim, BENCH_IN_PROCESSES, name,
				 BENCH_FEW);
	struct found peer = best(list, aim, BENCH_IN_PROCESSES, PEER, 1);

	if ((!isnan(peer.value) &&
	     bench_better(aim->test, peer.value, bare.value)) ||
	    (!isnan(weir->value) &&
	     bench_better(aim->test, weir->value, bare.value)))
		bare.value = NAN;
	return bare;
}

static void bounds_of(const struct list *list, const struct aim *aim,
		      const struct found *weir, struct found bound[2])
{
	bool queue = aim->mode == BENCH_BUSY && aim->test <= BENCH_BATCHED;
	bool trip = queue && aim->test == BENCH_RTT;
	struct found first = bare(list, aim, weir, trip ? FRESH :
				  queue ? PACKED : RAW);
	struct found second = { NAN, 0, "" };
	bool swap;

	if (queue)
		second = bare(list, aim, weir, trip ? PACKED : RAW);
	swap = !isnan(second.value) &&
	       (trip ? bench_better(aim->test, second.value, first.value) :
		       isnan(first.value));
	bound[0] = swap ? second : first;
	bound[1] = swap ? first : second;
}

static void say_bound(double *value, char *is, size_t room,
		      const struct found *bound)
{
	*value = bound->value;
	if (!isnan(bound->value))
		snprintf(is, room, "%s", bound->name);
}

static void judge(struct bench_goal *goal, const struct aim *aim,
		  const struct found *weir, const struct found bound[2])
{
	bool reached, met;

	goal->slices = weir->slices < goal->slices ? weir->slices :
						     goal->slices;
	goal->verdict = BENCH_UNKNOWN;
	goal->figure = weir->value;
	goal->bound = goal->second = NAN;
	if (isnan(weir->value) || isnan(goal->wanted))
		return;
	say_bound(&goal->bound, goal->bound_is, sizeof(goal->bound_is),
		  &bound[0]);
	say_bound(&goal->second, goal->second_is, sizeof(goal->second_is),
		  &bound[1]);
	if (goal->slices < BENCH_FEW)
		return;
	met = !bench_better(aim->test, goal->wanted, weir->value);
	reached = isnan(goal->bound) ||
		  !bench_better(aim->test, goal->wanted, goal->bound);
	goal->verdict = met ? BENCH_MET : reached ? BENCH_MISSED :
						    BENCH_OUT_OF_REACH;
}

/* What is wanted: so often the other one's, or the least. Which of them is more
   nobody knows without the other one. */
static void want(struct bench_goal *goal, const struct aim *aim,
		 const struct found *other)
{
	const char *kind = aim->kinds == BENCH_IN_THREADS ? ", threads" : "";

	goal->wanted = aim->times * other->value;
	goal->slices = other->slices;
	if (aim->least > 0 && (isnan(goal->wanted) ||
			       goal->wanted < aim->least)) {
		goal->wanted = aim->least;
		if (aim->times == 0) {
			goal->slices = BENCH_FEW;
			snprintf(goal->wanted_is, sizeof(goal->wanted_is),
				 "%s", aim->beside);
		} else {
			snprintf(goal->wanted_is, sizeof(goal->wanted_is),
				 "%g in any case", aim->least);
		}
		return;
	}
	if (aim->times == 1)
		snprintf(goal->wanted_is, sizeof(goal->wanted_is), "%s%s",
			 other->name, kind);
	else
		snprintf(goal->wanted_is, sizeof(goal->wanted_is), "%g x %s%s",
			 aim->times, *other->name ? other->name : aim->beside,
			 kind);
}

static struct bench_goal *new_goal(struct list *list, const char *what,
				   const char *unit)
{
	struct bench_goal *goal = &list->goal[list->n];

	if (list->n == BENCH_GOALS_MAX)
		return NULL;
	memset(goal, 0, sizeof(*goal));
	snprintf(goal->what, sizeof(goal->what), "%s", what);
	goal->unit = unit;
	goal->class = list->class;
	list->n++;
	return goal;
}

static void add(struct list *list, const struct aim *aim)
{
	bool trip = aim->test == BENCH_RTT;
	const char *who = aim->who ? aim->who : "weir";
	unsigned kinds = aim->kinds ? aim->kinds : BENCH_IN_PROCESSES;
	struct found weir, other, bound[2];
	struct bench_goal *goal;

	if (!asked_for(list, aim, who))
		return;
	goal = new_goal(list, aim->what, trip ? "ns" : "M/s");
	if (!goal)
		return;
	goal->at_most = trip;
	weir = best(list, aim, BENCH_IN_PROCESSES, who, 0);
	other = best(list, aim, kinds, aim->beside, 0);
	bounds_of(list, aim, &weir, bound);
	want(goal, aim, &other);
	judge(goal, aim, &weir, bound);
}

/* The raw line's trip in this class, ns. */
static struct found line_of(const struct list *list)
{
	static const struct aim line = {
		.test = BENCH_RTT, .mode = BENCH_BUSY, .size = 8,
		.of = bench_one_trip
	};

	return best(list, &line, BENCH_IN_PROCESSES, LINE, 0);
}

/* Beside a queue that is not here: its part of the line, not its figure. */
static void add_bar(struct list *list, const struct bar *bar)
{
	double had = bar->had[list->class];
	double ns = list->class == BENCH_NEAR ? NEAR_NS : FAR_NS;
	double times = list->class == BENCH_NEAR ? bar->times : 1;
	bool trip = bar->test == BENCH_RTT;
	struct aim aim = { .test = bar->test, .mode = BENCH_BUSY,
			   .size = bar->size };
	struct found weir, line, bound[2];
	char what[64], size[24];
	struct bench_goal *goal;

	/* Aeron's trips are single ones, the others' were counted in many. */
	aim.of = !trip ? bench_rate_of :
		 !strcmp(bar->name, "Aeron") ? bench_p50_of : bench_one_trip;
	if (had == 0 || !asked_for(list, &aim, "weir"))
		return;
	bench_size_name(bar->size, size, sizeof(size));
	snprintf(what, sizeof(what), "%s, %s, %s",
		 trip ? "trip" : "one way", size, bar->name);
	goal = new_goal(list, what, trip ? "ns" : "M/s");
	if (!goal)
		return;
	weir = best(list, &aim, BENCH_IN_PROCESSES, "weir", 0);
	line = line_of(list);
	bounds_of(list, &aim, &weir, bound);
	goal->at_most = trip;
	goal->slices = line.slices;
	if (trip) {
		goal->wanted = times * had / ns * line.value;
		snprintf(goal->wanted_is, sizeof(goal->wanted_is),
			 "%.3g x raw lines", times * had / ns);
	} else {
		goal->wanted = times * had * ns / line.value;
		snprintf(goal->wanted_is, sizeof(goal->wanted_is),
			 "%.3g a raw trip", times * had * ns / 1000);
	}
	judge(goal, &aim, &weir, bound);
}

static void add_bars(struct list *list)
{
	unsigned i;

	for (i = 0; i < sizeof(bars) / sizeof(*bars); i++)
		add_bar(list, &bars[i]);
}

/* Also far: the tails, the sleep, the starved reader, what is made in place. */
static const struct aim more_far_aims[] = {
	{ "round trip, 8 B, p99", BENCH_RTT, BENCH_BUSY, 8,
	  p99, 1, PEER, 0, 0, NULL },
	{ "round trip, 8 B, p99.9", BENCH_RTT, BENCH_BUSY, 8,
	  p999, 1, PEER, 0, 0, NULL },
	{ "both asleep, 8 B", BENCH_RTT, BENCH_BLOCKING, 8,
	  bench_one_trip, 1, PEER, 0, 0, "weir-park" },
	{ "reader starved, 8 B", BENCH_STARVED, BENCH_BLOCKING, 8,
	  bench_rate_of, 1, PEER, 0, 0, NULL },
	{ "in place, 4 KiB", BENCH_WORKED, BENCH_BUSY, 4096,
	  bench_rate_of, 1, PEER, 0, 0, "weir-place" },
	{ "in place, 64 KiB", BENCH_WORKED, BENCH_BUSY, 65536,
	  bench_rate_of, 1, PEER, 0, 0, "weir-place" },
};

/* Far: no peer does better, and large messages reach 12 GB/s. */
static void far_aims(struct list *list)
{
	static const struct aim copies = {
		"one at a time, 64 KiB", BENCH_THROUGHPUT, BENCH_BUSY, 65536,
		bench_rate_of, 0, "12 GB/s", 0, 12e3 / 65536, NULL
	};
	const struct bench_options *o = list->result->options;
	struct aim aim = { .mode = BENCH_BUSY, .times = 1, .beside = PEER };
	char what[64], size[24];
	unsigned i;

	aim.what = what;
	for (; aim.test <= BENCH_BATCHED; aim.test++) {
		aim.of = aim.test == BENCH_RTT ? bench_p50_of :
						 bench_rate_of;
		for (i = 0; i < o->sizes; i++) {
			aim.size = o->size[i];
			bench_size_name(aim.size, size, sizeof(size));
			snprintf(what, sizeof(what), "%s, %s",
				 aim.test == BENCH_RTT ? "round trip" :
				 aim.test == BENCH_BATCHED ? "batches of 32" :
				 "one at a time", size);
			add(list, &aim);
		}
	}
	add(list, &copies);
	for (i = 0; i < sizeof(more_far_aims) / sizeof(*more_far_aims); i++)
		add(list, &more_far_aims[i]);
}

/* A library, not what every system has. */
static bool is_library(const struct bench_contestant *who)
{
	static const char *const system[] = { "pipe", "unix", "mq" };
	unsigned i;

	for (i = 0; i < sizeof(system) / sizeof(*system); i++) {
		if (bench_is_named(who, system[i]))
			return false;
	}
	return who->peer;
}

/* How many took part: once, with the class that has more of the run. */
static void peers(struct list *list)
{
	const struct bench_row *row = list->result->row;
	struct bench_goal *goal;
	unsigned i, j;

	if (list->result->options->with ||
	    !(goal = new_goal(list, "peers that took part", "")))
		return;
	for (i = 0; i < list->result->rows; i++) {
		for (j = 0; j < i && row[j].who != row[i].who; j++)
			;
		goal->figure += j == i && is_library(row[i].who);
	}
	goal->wanted = LEAST_PEERS;
	goal->bound = goal->second = NAN;
	goal->slices = BENCH_FEW;
	snprintf(goal->wanted_is, sizeof(goal->wanted_is), "%d or more",
		 LEAST_PEERS);
	goal->verdict = goal->figure >= goal->wanted ? BENCH_MET :
						       BENCH_MISSED;
}

unsigned bench_goals(const struct bench_result *result,
		     struct bench_goal goal[BENCH_GOALS_MAX])
{
	struct list list = { result, goal, 0, BENCH_NEAR };
	bool far = result->slices[BENCH_FAR] > result->slices[BENCH_NEAR];
	unsigned i;

	/* On one CPU there is neither near nor far. */
	if (!bench_machine.classes)
		return 0;
	for (i = 0; i < sizeof(near_aims) / sizeof(*near_aims); i++)
		add(&list, &near_aims[i]);
	add_bars(&list);
	if (!far)
		peers(&list);
	list.class = BENCH_FAR;
	far_aims(&list);
	add_bars(&list);
	if (far)
		peers(&list);
	return list.n;
}

void bench_count_goals(const struct bench_goal *goal, unsigned n,
		       unsigned count[BENCH_VERDICTS])
{
	unsigned i;

	memset(count, 0, BENCH_VERDICTS * sizeof(*count));
	for (i = 0; i < n; i++)
		count[goal[i].verdict]++;
}

const char *bench_verdict(const struct bench_goal *goal)
{
	static const char *const name[] = {
		[BENCH_UNKNOWN] = "not measured",
		[BENCH_MISSED] = "missed",
		[BENCH_OUT_OF_REACH] = "out of reach",
		[BENCH_MET] = "met",
	};

	return name[goal->verdict];
}

double bench_of_bound(const struct bench_goal *goal)
{
	return goal->figure / goal->bound;
}
