/* SPDX-License-Identifier: MIT */
/*
 * The verdicts of "weir-bench scale" on idle rings, by rows with slices made up
 * here: tools/bench/scale_verdict.c is linked, what measures is not.
 *
 * Seen to fail with: the ratio turned over; the two sides swapped, or taken by
 * their place; a margin of a fifth or of a twentieth; three slices being
 * enough, or seven not; the slices of one side alone looked at; figures, or
 * slices, of the other class; another look's rows; a ring of another capacity
 * for the one, 32 rings for the 64; a set called cheaper where it is as dear, or
 * beyond a gap, or by few slices.
 */
#include <math.h>

#include "../../tools/bench/scale.h"
#include "../t.h"

#define MANY 50
#define ROWS_MAX 12
#define RING (UINT64_C(1) << 16)

static struct scale_pair pairs[ROWS_MAX];
static struct scale_row rows[ROWS_MAX];
static double slices[ROWS_MAX][BENCH_CLASSES][MANY];
static struct scale_result result;

/* All slices of a row are alike here. */
double bench_median(double *value, unsigned n)
{
	T_ASSERT(n);
	return value[n - 1];
}

static void begin(void)
{
	memset(&result, 0, sizeof(result));
	memset(rows, 0, sizeof(rows));
	result.row = rows;
}

static void set_ns(unsigned i, unsigned class, double ns, unsigned n)
{
	unsigned j;

	for (j = 0; j < MANY; j++)
		slices[i][class][j] = ns;
	rows[i].ns[class].value = slices[i][class];
	rows[i].ns[class].n = n;
}

static struct scale_row *add(unsigned rings, unsigned looks, double ns)
{
	unsigned i = result.rows++;

	pairs[i] = (struct scale_pair){ .rings = rings, .capacity = RING };
	rows[i].pair = &pairs[i];
	rows[i].looks = looks;
	set_ns(i, BENCH_NEAR, ns, MANY);
	result.by_rings = result.rows;
	return &rows[i];
}

static struct scale_verdict judge(void)
{
	return scale_judge(&result, SCALE_ACTIVE, BENCH_NEAR);
}

static struct scale_verdict beside(double one, double many)
{
	begin();
	add(1, SCALE_ACTIVE, one);
	add(SCALE_RINGS_MAX, SCALE_ACTIVE, many);
	return judge();
}

START_TEST(met)
{
	struct scale_verdict v = beside(10, 10.9);

	T_IS(v.verdict, BENCH_MET);
	T_ASSERT(v.one == &rows[0] && v.many == &rows[1]);
	T_ASSERT(fabs(v.ratio - 1.09) < 1e-9);
	T_IS(beside(10, 10).verdict, BENCH_MET);
	/* less is well */
	T_IS(beside(10, 5).verdict, BENCH_MET);
}
END_TEST

START_TEST(missed)
{
	struct scale_verdict v = beside(10, 11.1);

	T_IS(v.verdict, BENCH_MISSED);
	T_ASSERT(fabs(v.ratio - 1.11) < 1e-9);
	T_IS(beside(10, 30).verdict, BENCH_MISSED);
}
END_TEST

/* The many are the sixty-four, wherever their row is. */
START_TEST(sides)
{
	struct scale_verdict v;

	begin();
	add(SCALE_RINGS_MAX, SCALE_ACTIVE, 20);
	add(1, SCALE_ACTIVE, 10);
	v = judge();
	T_IS(v.verdict, BENCH_MISSED);
	T_ASSERT(v.ratio == 2 && v.one == &rows[1] && v.many == &rows[0]);
	set_ns(0, BENCH_NEAR, 5, MANY);
	v = judge();
	T_IS(v.verdict, BENCH_MET);
	T_ASSERT(v.ratio == 0.5);
}
END_TEST

START_TEST(too_few_slices)
{
	unsigned i;

	for (i = 0; i < 2; i++) {
		beside(10, 30);
		rows[i].ns[BENCH_NEAR].n = BENCH_FEW - 1;
		T_IS(judge().verdict, BENCH_UNKNOWN);
		T_ASSERT(isnan(judge().ratio));
		rows[i].ns[BENCH_NEAR].n = BENCH_FEW;
		T_IS(judge().verdict, BENCH_MISSED);
		rows[i].ns[BENCH_NEAR].n = 0;
		T_IS(judge().verdict, BENCH_UNKNOWN);
	}
}
END_TEST

/* Half of them are not all, and a large ring is not the one. */
START_TEST(no_such_row)
{
	begin();
	T_IS(judge().verdict, BENCH_UNKNOWN);
	add(1, SCALE_ACTIVE, 10);
	add(32, SCALE_ACTIVE, 10);
	T_IS(judge().verdict, BENCH_UNKNOWN);
	T_ASSERT(judge().one == &rows[0] && !judge().many);
	begin();
	add(SCALE_RINGS_MAX, SCALE_ACTIVE, 10);
	add(1, SCALE_ACTIVE, 10)->pair->capacity = 2 * RING;
	result.by_rings--;
	T_IS(judge().verdict, BENCH_UNKNOWN);
	T_ASSERT(!judge().one && judge().many == &rows[0]);
}
END_TEST

START_TEST(each_look_by_itself)
{
	begin();
	add(1, SCALE_ALL, 10);
	add(1, SCALE_SET, 20);
	add(1, SCALE_ACTIVE, 10);
	add(SCALE_RINGS_MAX, SCALE_ALL, 30);
	add(SCALE_RINGS_MAX, SCALE_SET, 30);
	add(SCALE_RINGS_MAX, SCALE_ACTIVE, 10);
	T_IS(judge().verdict, BENCH_MET);
	T_ASSERT(judge().ratio == 1);
	T_ASSERT(scale_judge(&result, SCALE_SET, BENCH_NEAR).ratio == 1.5);
}
END_TEST

START_TEST(each_class_by_itself)
{
	beside(10, 10);
	T_IS(scale_judge(&result, SCALE_ACTIVE, BENCH_FAR).verdict,
	     BENCH_UNKNOWN);
	set_ns(0, BENCH_FAR, 40, MANY);
	set_ns(1, BENCH_FAR, 80, MANY);
	T_IS(scale_judge(&result, SCALE_ACTIVE, BENCH_FAR).verdict,
	     BENCH_MISSED);
	T_ASSERT(scale_judge(&result, SCALE_ACTIVE, BENCH_FAR).ratio == 2);
	T_IS(judge().verdict, BENCH_MET);
}
END_TEST

/* What looking at all costs; in a set it is 20 everywhere. */
static unsigned set_from(double at_16, double at_32, double at_64)
{
	begin();
	add(16, SCALE_ALL, at_16);
	add(16, SCALE_SET, 20);
	add(32, SCALE_ALL, at_32);
	add(32, SCALE_SET, 20);
	add(64, SCALE_ALL, at_64);
	add(64, SCALE_SET, 20);
	return scale_set_from(&result, BENCH_NEAR);
}

START_TEST(where_they_cross)
{
	T_IS(set_from(10, 15, 30), 64);
	T_IS(set_from(10, 25, 30), 32);
	T_IS(set_from(25, 30, 40), 16);
	T_IS(set_from(10, 15, 20), 0);
	/* from there on, without a gap */
	T_IS(set_from(25, 15, 30), 64);
	T_IS(set_from(25, 25, 15), 0);
	T_IS(scale_set_from(&result, BENCH_FAR), 0);
	set_from(10, 25, 30);
	rows[3].ns[BENCH_NEAR].n = BENCH_FEW - 1;
	T_IS(scale_set_from(&result, BENCH_NEAR), 64);
	rows[4].ns[BENCH_NEAR].n = BENCH_FEW - 1;
	T_IS(scale_set_from(&result, BENCH_NEAR), 0);
}
END_TEST

void t_build(void)
{
	T_ADD(met);
	T_ADD(missed);
	T_ADD(sides);
	T_ADD(too_few_slices);
	T_ADD(no_such_row);
	T_ADD(each_look_by_itself);
	T_ADD(each_class_by_itself);
	T_ADD(where_they_cross);
}
