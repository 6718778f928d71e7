/* SPDX-License-Identifier: MIT */
/*
 * The verdicts of "weir-bench rate" on the adaptive spin, by rows with figures
 * made up here: tools/bench/rate_verdict.c is linked, what measures is not.
 *
 * Seen to fail with: p50 or CPU alone being enough to be better; the two ends
 * swapped, or their ratios turned over; a margin of a fifth; three slices being
 * enough; a bound with few slices left out; figures of the other class; a loop
 * of the program's own or a pipe among the bounds.
 */
#include <math.h>

#include "../../tools/bench/rate.h"
#include "../t.h"

#define MANY 50
#define ROWS_MAX 8

static struct rate_row rows[ROWS_MAX];
static struct rate_figures figures[ROWS_MAX][BENCH_CLASSES];
static struct rate_result result;

static const struct rate_way
	adaptive = { "adaptive", "", RATE_WEIR, 0, RATE_ADAPTIVE },
	park = { "park", "", RATE_WEIR, -1, 0 },
	spin_20 = { "spin-20", "", RATE_WEIR, 20, 20 },
	spin = { "spin", "", RATE_WEIR, INT32_MAX, INT32_MAX },
	handle = { "handle", "", RATE_HANDLE, -1, RATE_ADAPTIVE },
	others = { "pipe", "", RATE_PIPE, 0, RATE_ADAPTIVE };

struct rate_figures rate_row_figures(const struct rate_row *row,
				     unsigned class)
{
	return figures[row - rows][class];
}

static void begin(void)
{
	memset(rows, 0, sizeof(rows));
	memset(figures, 0, sizeof(figures));
	memset(&result, 0, sizeof(result));
	result.row = rows;
}

static void add(const struct rate_way *way, double rate, double p50, double cpu)
{
	unsigned i = result.rows++;

	rows[i].way = way;
	rows[i].rate = rate;
	rows[i].class[BENCH_NEAR].slices = MANY;
	figures[i][BENCH_NEAR] = (struct rate_figures){ .p50 = p50,
							.cpu = cpu };
	result.ways++;
}

static struct rate_verdict judge(void)
{
	return rate_judge(&result, 0, BENCH_NEAR);
}

/* At a rate at which neither end has a bound of its own. */
static struct rate_verdict between(double p50, double cpu)
{
	begin();
	add(&adaptive, 1e4, 100, 100);
	add(&spin_20, 1e4, p50, cpu);
	return judge();
}

START_TEST(better_in_both)
{
	struct rate_verdict v = between(90, 90);

	T_ASSERT(v.judged && !v.holds);
	T_ASSERT(v.beaten_by == &rows[1] && v.adaptive == &rows[0]);
	T_ASSERT(!v.bound && isnan(v.ratio));
	/* by less than a tenth of it */
	T_ASSERT(between(92, 92).holds);
	T_ASSERT(!between(92, 92).beaten_by);
}
END_TEST

START_TEST(better_in_one)
{
	T_ASSERT(between(50, 95).holds);
	T_ASSERT(between(95, 50).holds);
	T_ASSERT(between(50, 200).holds);
	T_ASSERT(between(200, 50).holds);
}
END_TEST

/* p50 and CPU of the adaptive one; both 100 of the ends. */
static struct rate_verdict at(double rate, double p50, double cpu)
{
	begin();
	add(&park, rate, 1000, 100);
	add(&adaptive, rate, p50, cpu);
	add(&spin, rate, 100, 1000);
	return judge();
}

START_TEST(slow_is_judged_by_cpu)
{
	struct rate_verdict v = at(1e3, 900, 110);

	T_ASSERT(v.judged && v.holds && v.against == &rows[0]);
	T_ASSERT(!strcmp(v.bound, "CPU") && fabs(v.ratio - 1.1) < 1e-9);
	v = at(1e3, 900, 112);
	T_ASSERT(v.judged && !v.holds && !v.beaten_by);
	T_ASSERT(fabs(v.ratio - 1.12) < 1e-9);
	/* less is well */
	T_ASSERT(at(1e3, 900, 50).holds);
}
END_TEST

START_TEST(fast_is_judged_by_p50)
{
	struct rate_verdict v = at(1e6, 110, 900);

	T_ASSERT(v.judged && v.holds && v.against == &rows[2]);
	T_ASSERT(!strcmp(v.bound, "p50") && fabs(v.ratio - 1.1) < 1e-9);
	v = at(1e6, 112, 900);
	T_ASSERT(v.judged && !v.holds && !v.beaten_by);
	T_ASSERT(at(1e6, 50, 900).holds);
	T_ASSERT(!at(1e5, 500, 500).bound);
}
END_TEST

START_TEST(too_few_slices)
{
	unsigned i;

	for (i = 0; i < 3; i++) {
		at(1e6, 112, 900);
		rows[i].class[BENCH_NEAR].slices = BENCH_FEW - 1;
		T_ASSERT(!judge().judged && !judge().holds);
		T_ASSERT(!judge().beaten_by && isnan(judge().ratio));
		T_ASSERT(judge().adaptive == &rows[1]);
		rows[i].class[BENCH_NEAR].slices = BENCH_FEW;
		T_ASSERT(judge().judged && !judge().holds);
	}
}
END_TEST

START_TEST(nobody_beside_it)
{
	begin();
	add(&adaptive, 1e3, 100, 100);
	T_ASSERT(!judge().judged && !judge().holds);
	/* loops and other ways are no bounds, nor do their slices matter */
	add(&handle, 1e3, 1, 1);
	add(&others, 1e3, 1, 1);
	T_ASSERT(!judge().judged && !judge().beaten_by);
	add(&park, 1e3, 100, 100);
	rows[1].class[BENCH_NEAR].slices = 0;
	T_ASSERT(judge().judged && judge().holds);
	/* and without the adaptive one */
	begin();
	add(&park, 1e3, 100, 100);
	T_ASSERT(!judge().judged && !judge().adaptive);
}
END_TEST

START_TEST(each_class_by_itself)
{
	struct rate_verdict v;
	unsigned i;

	at(1e6, 100, 900);
	T_ASSERT(!rate_judge(&result, 0, BENCH_FAR).judged);
	for (i = 0; i < 3; i++) {
		rows[i].class[BENCH_FAR].slices = MANY;
		figures[i][BENCH_FAR] = figures[i][BENCH_NEAR];
	}
	figures[1][BENCH_FAR].p50 = 200;
	v = rate_judge(&result, 0, BENCH_FAR);
	T_ASSERT(v.judged && !v.holds && v.ratio == 2);
	T_ASSERT(judge().holds);
	figures[2][BENCH_FAR].cpu = 800;
	v = rate_judge(&result, 0, BENCH_FAR);
	T_ASSERT(v.beaten_by == &rows[2] && !judge().beaten_by);
}
END_TEST

/* The rows of a rate begin at first. */
START_TEST(each_rate_by_itself)
{
	begin();
	add(&adaptive, 1e4, 100, 100);
	add(&spin_20, 1e4, 100, 100);
	add(&adaptive, 1e5, 100, 100);
	add(&spin_20, 1e5, 50, 50);
	result.ways = 2;
	T_ASSERT(rate_judge(&result, 0, BENCH_NEAR).holds);
	T_ASSERT(rate_judge(&result, 2, BENCH_NEAR).beaten_by == &rows[3]);
}
END_TEST

void t_build(void)
{
	T_ADD(better_in_both);
	T_ADD(better_in_one);
	T_ADD(slow_is_judged_by_cpu);
	T_ADD(fast_is_judged_by_p50);
	T_ADD(too_few_slices);
	T_ADD(nobody_beside_it);
	T_ADD(each_class_by_itself);
	T_ADD(each_rate_by_itself);
}
