/* SPDX-License-Identifier: MIT */
/*
 * The verdicts of "weir-bench compare" on its goals, by rows with figures made
 * up here: tools/bench/goals.c is linked, what measures is not.
 *
 * Seen to fail with: a bound that makes a goal met; a bound of too few slices,
 * or one that weir or a peer has passed; a limit of the lines that are used
 * again instead of fresh ones; few slices of the other one that count; figures
 * of the other class; peers of two threads beside a goal of two processes; a
 * swapped comparison, where the figure is held against what is wanted, where
 * the bound is, and where the better one is chosen; a bar multiplied where it
 * is to be divided by the line; the other class's bar; bare copies where packed
 * records hold; what every system has, counted as a peer.
 */
#include <math.h>

#include "../../tools/bench/bench.h"
#include "../t.h"

#define MANY 50
#define ROWS_MAX 8

struct bench_machine bench_machine = { .classes = true };

/* What bench_row_figures() says of a row: ns, or a million a second. */
static double value_of[ROWS_MAX][BENCH_CLASSES];
static struct bench_row rows[ROWS_MAX];
static struct bench_options options = { .size = { 8, 64 }, .sizes = 2,
					.with = "these" };
static struct bench_result result;
static struct bench_goal goals[BENCH_GOALS_MAX];
static unsigned goals_n;

static const struct bench_contestant
	weir = { .name = "weir" },
	place = { .name = "weir-place" },
	raw = { .name = "raw", .raw = true },
	fresh = { .name = "raw-queue" },
	packed = { .name = "raw-packed" },
	tube = { .name = "pipe", .peer = true },
	socket_pair = { .name = "unix", .peer = true },
	queue = { .name = "mq", .peer = true },
	park = { .name = "weir-park" },
	peer = { .name = "ck", .peer = true },
	other = { .name = "dpdk", .peer = true };

struct bench_figures bench_row_figures(const struct bench_row *row,
				       unsigned class)
{
	double v = row->class[class].slices ? value_of[row - rows][class] :
					      NAN;
	struct bench_figures f = { .p50 = v, .p99 = v, .p999 = v,
				   .rate = v * 1e6 };

	return f;
}

double bench_one_trip(const struct bench_figures *f)
{
	return f->p50;
}

static void begin(void)
{
	memset(rows, 0, sizeof(rows));
	memset(&result, 0, sizeof(result));
	result.row = rows;
	result.options = &options;
	result.slices[BENCH_NEAR] = 1;
	bench_machine.classes = true;
	options.with = "these";
}

static struct bench_row *add(const struct bench_contestant *who, unsigned test,
			     size_t size, double value, unsigned slices)
{
	struct bench_row *row = &rows[result.rows];

	row->who = who;
	row->kind = BENCH_PROCESSES;
	row->test = test;
	row->mode = BENCH_BUSY;
	row->size = size;
	row->class[BENCH_NEAR].slices = slices;
	value_of[result.rows++][BENCH_NEAR] = value;
	return row;
}

/* Of the name in that class; NULL: there is none. */
static const struct bench_goal *goal(const char *what, unsigned class)
{
	unsigned i;

	goals_n = bench_goals(&result, goals);
	for (i = 0; i < goals_n; i++) {
		if (!strcmp(goals[i].what, what) && goals[i].class == class)
			return &goals[i];
	}
	return NULL;
}

/* 64 B, of which the goal is twice the best peer. */
static const struct bench_goal *flow(double weir_has, double peer_has,
				     double raw_has, unsigned weir_slices,
				     unsigned peer_slices, unsigned raw_slices)
{
	const struct bench_goal *g;

	begin();
	add(&raw, BENCH_THROUGHPUT, 64, raw_has, raw_slices);
	add(&weir, BENCH_THROUGHPUT, 64, weir_has, weir_slices);
	add(&peer, BENCH_THROUGHPUT, 64, peer_has, peer_slices);
	g = goal("one at a time, 64 B", BENCH_NEAR);
	T_ASSERT(g);
	return g;
}

START_TEST(met)
{
	const struct bench_goal *g = flow(8, 4, 20, MANY, MANY, MANY);

	T_IS(g->verdict, BENCH_MET);
	T_ASSERT(g->figure == 8 && g->wanted == 8 && g->bound == 20);
	T_ASSERT(!g->at_most);
	T_ASSERT(!strcmp(g->wanted_is, "2 x ck"));
	T_ASSERT(!strcmp(g->bound_is, "raw"));
	T_ASSERT(fabs(bench_of_bound(g) - 0.4) < 1e-9);
	/* whoever is below the limit, and the limit below the goal */
	T_IS(flow(9, 4, 7, MANY, MANY, MANY)->verdict, BENCH_MET);
}
END_TEST

START_TEST(missed_where_the_bound_allows_it)
{
	const struct bench_goal *g = flow(7, 4, 20, MANY, MANY, MANY);

	T_IS(g->verdict, BENCH_MISSED);
	T_ASSERT(g->bound == 20);
	T_IS(flow(7, 4, 8, MANY, MANY, MANY)->verdict, BENCH_MISSED);
}
END_TEST

START_TEST(out_of_reach_where_the_bound_misses_it)
{
	const struct bench_goal *g = flow(5, 4, 6, MANY, MANY, MANY);

	T_IS(g->verdict, BENCH_OUT_OF_REACH);
	T_ASSERT(g->bound == 6);
	T_ASSERT(!strcmp(bench_verdict(g), "out of reach"));
	T_IS(flow(6, 4, 6, MANY, MANY, MANY)->verdict, BENCH_OUT_OF_REACH);
}
END_TEST

START_TEST(no_bound_below_weir_or_a_peer)
{
	const struct bench_goal *g = flow(7, 4, 6, MANY, MANY, MANY);

	T_IS(g->verdict, BENCH_MISSED);
	T_ASSERT(isnan(g->bound));
	g = flow(3, 4, 3.5, MANY, MANY, MANY);
	T_IS(g->verdict, BENCH_MISSED);
	T_ASSERT(isnan(g->bound));
}
END_TEST

START_TEST(too_few_slices)
{
	const struct bench_goal *g = flow(8, 4, 20, BENCH_FEW - 1, MANY, MANY);

	T_IS(g->verdict, BENCH_UNKNOWN);
	T_IS(g->slices, BENCH_FEW - 1);
	T_ASSERT(!strcmp(bench_verdict(g), "not measured"));
	T_IS(flow(8, 4, 20, BENCH_FEW, BENCH_FEW, 1)->verdict, BENCH_MET);
	T_IS(flow(8, 4, 20, MANY, BENCH_FEW - 1, MANY)->verdict,
	     BENCH_UNKNOWN);
	T_IS(flow(8, 4, 20, 0, MANY, MANY)->verdict, BENCH_UNKNOWN);
	T_IS(flow(8, 4, 20, MANY, 0, MANY)->verdict, BENCH_UNKNOWN);
	/* such a bound excuses nothing */
	g = flow(5, 4, 6, MANY, MANY, BENCH_FEW - 1);
	T_IS(g->verdict, BENCH_MISSED);
	T_ASSERT(isnan(g->bound));
}
END_TEST

/* Of round trips less is better, and a queue's slots are fresh ones. */
static const struct bench_goal *trip(double weir_has, double fresh_has)
{
	const struct bench_goal *g;

	begin();
	add(&raw, BENCH_RTT, 8, 100, MANY);
	add(&fresh, BENCH_RTT, 8, fresh_has, MANY);
	add(&weir, BENCH_RTT, 8, weir_has, MANY);
	g = goal("round trip, 8 B", BENCH_NEAR);
	T_ASSERT(g);
	T_ASSERT(g->at_most && g->wanted == 125);
	return g;
}

START_TEST(round_trips)
{
	const struct bench_goal *g;

	T_IS(trip(125, 110)->verdict, BENCH_MET);
	T_IS(trip(126, 110)->verdict, BENCH_MISSED);
	T_IS(trip(126, 125)->verdict, BENCH_MISSED);
	g = trip(140, 130);
	T_IS(g->verdict, BENCH_OUT_OF_REACH);
	T_ASSERT(g->bound == 130);
	T_ASSERT(!strcmp(g->bound_is, "raw-queue"));
	/* nobody of the peers took part */
	g = goal("round trip, 8 B, p99", BENCH_NEAR);
	T_ASSERT(g);
	T_IS(g->verdict, BENCH_UNKNOWN);
}
END_TEST

START_TEST(the_best_of_the_peers_counts)
{
	const struct bench_goal *g;

	begin();
	add(&weir, BENCH_RTT, 8, 100, MANY);
	add(&peer, BENCH_RTT, 8, 90, MANY);
	add(&other, BENCH_RTT, 8, 110, MANY);
	g = goal("round trip, 8 B, p99.9", BENCH_NEAR);
	T_ASSERT(g && g->wanted == 90);
	T_IS(g->verdict, BENCH_MISSED);
	begin();
	add(&weir, BENCH_THROUGHPUT, 256, 100, MANY);
	add(&peer, BENCH_THROUGHPUT, 256, 49, MANY);
	add(&other, BENCH_THROUGHPUT, 256, 51, MANY);
	g = goal("one at a time, 256 B", BENCH_NEAR);
	T_ASSERT(g && g->wanted == 102);
	T_IS(g->verdict, BENCH_MISSED);
}
END_TEST

/* At least 150, or 1.25 x the best peer of two threads. */
static const struct bench_goal *single(double weir_has, double threads_have)
{
	const struct bench_goal *g;

	begin();
	add(&weir, BENCH_THROUGHPUT, 8, weir_has, MANY);
	add(&peer, BENCH_THROUGHPUT, 8, 1000, MANY);
	add(&other, BENCH_THROUGHPUT, 8, threads_have, MANY)->kind =
		BENCH_THREADS;
	g = goal("one at a time, 8 B", BENCH_NEAR);
	T_ASSERT(g);
	return g;
}

START_TEST(the_least_or_more)
{
	T_ASSERT(single(149, 100)->wanted == 150);
	T_IS(single(149, 100)->verdict, BENCH_MISSED);
	T_IS(single(150, 100)->verdict, BENCH_MET);
	T_ASSERT(single(150, 200)->wanted == 250);
	T_IS(single(249, 200)->verdict, BENCH_MISSED);
	T_IS(single(250, 200)->verdict, BENCH_MET);
}
END_TEST

START_TEST(nobody_in_threads_leaves_it_open)
{
	const struct bench_goal *g;

	begin();
	add(&weir, BENCH_THROUGHPUT, 8, 1000, MANY);
	add(&peer, BENCH_THROUGHPUT, 8, 100, MANY);
	g = goal("one at a time, 8 B", BENCH_NEAR);
	T_ASSERT(g && g->wanted == 150 && g->slices == 0);
	T_IS(g->verdict, BENCH_UNKNOWN);
	value_of[0][BENCH_NEAR] = 1;
	T_IS(goal("one at a time, 8 B", BENCH_NEAR)->verdict, BENCH_UNKNOWN);
	add(&other, BENCH_THROUGHPUT, 8, 100, BENCH_FEW - 1)->kind =
		BENCH_THREADS;
	T_IS(goal("one at a time, 8 B", BENCH_NEAR)->verdict, BENCH_UNKNOWN);
	rows[2].class[BENCH_NEAR].slices = BENCH_FEW;
	T_IS(goal("one at a time, 8 B", BENCH_NEAR)->verdict, BENCH_MISSED);
}
END_TEST

/* One way records like weir's are the bound, bare copies stand beside it. */
START_TEST(packed_records_are_the_bound)
{
	const struct bench_goal *g;

	flow(7, 4, 20, MANY, MANY, MANY);
	add(&packed, BENCH_THROUGHPUT, 64, 7.5, MANY);
	g = goal("one at a time, 64 B", BENCH_NEAR);
	T_IS(g->verdict, BENCH_OUT_OF_REACH);
	T_ASSERT(g->bound == 7.5 && g->second == 20);
	T_ASSERT(!strcmp(g->bound_is, "raw-packed"));
	T_ASSERT(!strcmp(g->second_is, "raw"));
	value_of[3][BENCH_NEAR] = 8;
	T_IS(goal("one at a time, 64 B", BENCH_NEAR)->verdict, BENCH_MISSED);
	/* weir passed it: bare copies are the bound that holds */
	value_of[3][BENCH_NEAR] = 6;
	g = goal("one at a time, 64 B", BENCH_NEAR);
	T_IS(g->verdict, BENCH_MISSED);
	T_ASSERT(g->bound == 20 && isnan(g->second));
	/* so few slices are none */
	value_of[3][BENCH_NEAR] = 7.5;
	rows[3].class[BENCH_NEAR].slices = BENCH_FEW - 1;
	g = goal("one at a time, 64 B", BENCH_NEAR);
	T_IS(g->verdict, BENCH_MISSED);
	T_ASSERT(g->bound == 20);
}
END_TEST

/* There and back the better of the two kinds of slots: nothing is excused by
   the worse one. */
START_TEST(the_better_slots_are_the_bound)
{
	const struct bench_goal *g;

	trip(140, 120);
	add(&packed, BENCH_RTT, 8, 135, MANY);
	g = goal("round trip, 8 B", BENCH_NEAR);
	T_IS(g->verdict, BENCH_MISSED);
	T_ASSERT(g->bound == 120 && g->second == 135);
	T_ASSERT(!strcmp(g->second_is, "raw-packed"));
	value_of[1][BENCH_NEAR] = 136;
	g = goal("round trip, 8 B", BENCH_NEAR);
	T_IS(g->verdict, BENCH_OUT_OF_REACH);
	T_ASSERT(g->bound == 135 && g->second == 136);
}
END_TEST

static bool about(double a, double b)
{
	return fabs(a - b) < 1e-6 * fabs(b);
}

/* The line takes twice as long as it did where the bars were measured, so a
   trip may, too, and half the rate is as good. */
START_TEST(bars_move_with_the_line)
{
	const struct bench_goal *g;

	begin();
	add(&raw, BENCH_RTT, 8, 208, MANY);
	add(&weir, BENCH_RTT, 8, 346, MANY);
	add(&weir, BENCH_THROUGHPUT, 8, 87.5, MANY);
	g = goal("trip, 8 B, rigtorp", BENCH_NEAR);
	T_ASSERT(g && g->at_most && about(g->wanted, 346));
	T_ASSERT(!strcmp(g->wanted_is, "1.66 x raw lines"));
	T_IS(g->verdict, BENCH_MET);
	value_of[1][BENCH_NEAR] = 346.1;
	T_IS(goal("trip, 8 B, rigtorp", BENCH_NEAR)->verdict, BENCH_MISSED);
	T_IS(goal("trip, 8 B, folly", BENCH_NEAR)->verdict, BENCH_MET);
	T_IS(goal("trip, 8 B, Aeron", BENCH_NEAR)->verdict, BENCH_MISSED);
	g = goal("one way, 8 B, rigtorp", BENCH_NEAR);
	T_ASSERT(g && !g->at_most && about(g->wanted, 87.5));
	T_IS(g->verdict, BENCH_MET);
	value_of[2][BENCH_NEAR] = 87.4;
	T_IS(goal("one way, 8 B, rigtorp", BENCH_NEAR)->verdict,
	     BENCH_MISSED);
	T_IS(goal("one way, 8 B, atomic_queue", BENCH_NEAR)->verdict,
	     BENCH_MET);
	add(&packed, BENCH_THROUGHPUT, 8, 87.45, MANY);
	T_IS(goal("one way, 8 B, rigtorp", BENCH_NEAR)->verdict,
	     BENCH_OUT_OF_REACH);
	/* without the line there is no bar */
	rows[0].class[BENCH_NEAR].slices = BENCH_FEW - 1;
	T_IS(goal("one way, 8 B, rigtorp", BENCH_NEAR)->verdict,
	     BENCH_UNKNOWN);
	rows[0].class[BENCH_NEAR].slices = 0;
	g = goal("trip, 8 B, rigtorp", BENCH_NEAR);
	T_ASSERT(g && isnan(g->wanted));
	T_IS(g->verdict, BENCH_UNKNOWN);
}
END_TEST

START_TEST(bars_of_large_messages_and_far)
{
	const struct bench_goal *g;
	unsigned i;

	begin();
	add(&raw, BENCH_RTT, 8, 104, MANY);
	add(&weir, BENCH_THROUGHPUT, 4096, 3.466, MANY);
	add(&weir, BENCH_THROUGHPUT, 65536, 0.130, MANY);
	g = goal("one way, 4 KiB, Aeron", BENCH_NEAR);
	T_ASSERT(g && about(g->wanted, 2 * 1.733));
	g = goal("one way, 64 KiB, Aeron", BENCH_NEAR);
	T_ASSERT(g && about(g->wanted, 0.130));
	for (i = 0; i < 3; i++)
		rows[i].class[BENCH_FAR].slices = MANY;
	value_of[0][BENCH_FAR] = 491;
	value_of[1][BENCH_FAR] = 1.306;
	value_of[2][BENCH_FAR] = 0.094;
	g = goal("one way, 4 KiB, Aeron", BENCH_FAR);
	T_ASSERT(g && about(g->wanted, 1.305));
	T_IS(g->verdict, BENCH_MET);
	T_IS(goal("one way, 64 KiB, Aeron", BENCH_FAR)->verdict, BENCH_MISSED);
	/* not measured far on that machine */
	add(&weir, BENCH_RTT, 8, 1, MANY);
	T_ASSERT(goal("trip, 8 B, folly", BENCH_FAR));
	T_ASSERT(!goal("trip, 8 B, rigtorp", BENCH_FAR));
	T_ASSERT(!goal("trip, 8 B, Aeron", BENCH_FAR));
}
END_TEST

START_TEST(far_tails_sleep_and_place)
{
	static const char *const what[] = {
		"round trip, 8 B, p99", "round trip, 8 B, p99.9",
		"both asleep, 8 B", "reader starved, 8 B", "in place, 4 KiB",
	};
	const struct bench_goal *g;
	unsigned i;

	begin();
	add(&weir, BENCH_RTT, 8, 0, 0);
	add(&peer, BENCH_RTT, 8, 0, 0);
	add(&park, BENCH_RTT, 8, 0, 0)->mode = BENCH_BLOCKING;
	add(&peer, BENCH_RTT, 8, 0, 0)->mode = BENCH_BLOCKING;
	add(&weir, BENCH_STARVED, 8, 0, 0)->mode = BENCH_BLOCKING;
	add(&peer, BENCH_STARVED, 8, 0, 0)->mode = BENCH_BLOCKING;
	add(&place, BENCH_WORKED, 4096, 0, 0);
	add(&peer, BENCH_WORKED, 4096, 0, 0);
	for (i = 0; i < 8; i++) {
		value_of[i][BENCH_FAR] = 100;
		rows[i].class[BENCH_FAR].slices = MANY;
	}
	for (i = 0; i < sizeof(what) / sizeof(*what); i++) {
		g = goal(what[i], BENCH_FAR);
		T_ASSERT(g && g->wanted == 100);
		T_IS(g->verdict, BENCH_MET);
	}
	for (i = 0; i < 8; i += 2)
		value_of[i][BENCH_FAR] = rows[i].test == BENCH_RTT ? 101 : 99;
	for (i = 0; i < sizeof(what) / sizeof(*what); i++)
		T_IS(goal(what[i], BENCH_FAR)->verdict, BENCH_MISSED);
}
END_TEST

START_TEST(in_place_beside_copies)
{
	const struct bench_goal *g;

	begin();
	add(&raw, BENCH_WORKED, 4096, 1.5, MANY);
	add(&weir, BENCH_WORKED, 4096, 1, MANY);
	add(&place, BENCH_WORKED, 4096, 1.2, MANY);
	g = goal("in place, 4 KiB", BENCH_NEAR);
	T_ASSERT(g && g->figure == 1.2 && g->wanted == 2 && g->bound == 1.5);
	T_IS(g->verdict, BENCH_OUT_OF_REACH);
	T_ASSERT(!goal("in place, 64 KiB", BENCH_NEAR));
}
END_TEST

START_TEST(far_is_judged_by_far)
{
	const struct bench_goal *g;
	unsigned i;

	flow(7, 4, 20, MANY, MANY, MANY);
	g = goal("one at a time, 64 B", BENCH_FAR);
	T_ASSERT(g);
	T_IS(g->verdict, BENCH_UNKNOWN);
	for (i = 0; i < 3; i++)
		rows[i].class[BENCH_FAR].slices = MANY;
	value_of[0][BENCH_FAR] = 9;
	value_of[1][BENCH_FAR] = 2;
	value_of[2][BENCH_FAR] = 3;
	g = goal("one at a time, 64 B", BENCH_FAR);
	T_ASSERT(g && g->figure == 2 && g->wanted == 3 && g->bound == 9);
	T_IS(g->verdict, BENCH_MISSED);
	value_of[1][BENCH_FAR] = 3;
	T_IS(goal("one at a time, 64 B", BENCH_FAR)->verdict, BENCH_MET);
}
END_TEST

START_TEST(twelve_gigabytes_far)
{
	const struct bench_goal *g;
	struct bench_row *row;

	begin();
	row = add(&weir, BENCH_THROUGHPUT, 65536, 0, 0);
	row->class[BENCH_FAR].slices = MANY;
	value_of[0][BENCH_FAR] = 12.1e3 / 65536;
	g = goal("one at a time, 64 KiB", BENCH_FAR);
	T_ASSERT(g && !strcmp(g->wanted_is, "12 GB/s"));
	T_IS(g->verdict, BENCH_MET);
	value_of[0][BENCH_FAR] = 11.9e3 / 65536;
	T_IS(goal("one at a time, 64 KiB", BENCH_FAR)->verdict, BENCH_MISSED);
}
END_TEST

START_TEST(peers_are_counted)
{
	const struct bench_goal *g;

	flow(8, 4, 20, MANY, MANY, MANY);
	T_ASSERT(!goal("peers that took part", BENCH_NEAR));
	options.with = NULL;
	add(&peer, BENCH_RTT, 8, 1, MANY);
	add(&other, BENCH_RTT, 8, 1, MANY);
	g = goal("peers that took part", BENCH_NEAR);
	T_ASSERT(g && g->figure == 2 && g->wanted == 8);
	T_IS(g->verdict, BENCH_MISSED);
	/* what every system has is no library */
	add(&tube, BENCH_RTT, 8, 1, MANY);
	add(&socket_pair, BENCH_RTT, 8, 1, MANY);
	add(&queue, BENCH_RTT, 8, 1, MANY);
	T_ASSERT(goal("peers that took part", BENCH_NEAR)->figure == 2);
}
END_TEST

START_TEST(eight_peers_are_enough)
{
	static struct bench_contestant eight[8];
	const struct bench_goal *g;
	unsigned i;

	begin();
	options.with = NULL;
	for (i = 0; i < 8; i++) {
		eight[i].name = "one of eight";
		eight[i].peer = true;
		add(&eight[i], BENCH_RTT, 8, 1, MANY);
	}
	g = goal("peers that took part", BENCH_NEAR);
	T_ASSERT(g && g->figure == 8);
	T_IS(g->verdict, BENCH_MET);
	eight[7].peer = false;
	T_IS(goal("peers that took part", BENCH_NEAR)->verdict, BENCH_MISSED);
}
END_TEST

START_TEST(one_cpu_has_no_goals)
{
	flow(8, 4, 20, MANY, MANY, MANY);
	bench_machine.classes = false;
	T_ASSERT(!goal("one at a time, 64 B", BENCH_NEAR));
	T_IS(goals_n, 0);
}
END_TEST

void t_build(void)
{
	T_ADD(met);
	T_ADD(missed_where_the_bound_allows_it);
	T_ADD(out_of_reach_where_the_bound_misses_it);
	T_ADD(no_bound_below_weir_or_a_peer);
	T_ADD(too_few_slices);
	T_ADD(round_trips);
	T_ADD(the_best_of_the_peers_counts);
	T_ADD(the_least_or_more);
	T_ADD(nobody_in_threads_leaves_it_open);
	T_ADD(packed_records_are_the_bound);
	T_ADD(the_better_slots_are_the_bound);
	T_ADD(bars_move_with_the_line);
	T_ADD(bars_of_large_messages_and_far);
	T_ADD(far_tails_sleep_and_place);
	T_ADD(in_place_beside_copies);
	T_ADD(far_is_judged_by_far);
	T_ADD(twelve_gigabytes_far);
	T_ADD(peers_are_counted);
	T_ADD(eight_peers_are_enough);
	T_ADD(one_cpu_has_no_goals);
}
