/* SPDX-License-Identifier: MIT */
/*
 * The clock: which one, its rate and its cost. See clock.h.
 */
#include <time.h>

#include "bench.h"

/* Arbitrary: long enough that two readings 0.1 us apart err by 1 in 100,000. */
#define CALIBRATE_NS 10000000
/* A counter whose two calibrations differ by more is not even. Arbitrary. */
#define UNEVEN 0.002
#define READINGS 1000

struct bench_clock bench_clock;

uint64_t bench_clock_system(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#ifdef BENCH_COUNTER
static uint64_t start_counter, start_system;

/* Both clocks at one moment: of several tries the one that took the least. */
static void both(uint64_t *counter, uint64_t *system)
{
	uint64_t before, now, after, best = UINT64_MAX;
	int i;

	for (i = 0; i < 10; i++) {
		before = bench_counter();
		now = bench_clock_system();
		after = bench_counter();
		if (after - before >= best)
			continue;
		best = after - before;
		*counter = before + best / 2;
		*system = now;
	}
}

/* Ticks in a nanosecond since the given moment, at least CALIBRATE_NS away. */
static double rate_since(uint64_t counter, uint64_t system)
{
	uint64_t c = counter, s = system;

	while (s - system < CALIBRATE_NS)
		both(&c, &s);
	return (double)(c - counter) / (double)(s - system);
}

static bool use_counter(void)
{
	uint64_t counter = 0, system = 0;
	double first, second, differ;

	both(&start_counter, &start_system);
	first = rate_since(start_counter, start_system);
	both(&counter, &system);
	second = rate_since(counter, system);
	differ = second / first - 1;
	/* A coarse counter cannot tell 100 ns from 110. */
	if (differ > UNEVEN || differ < -UNEVEN || first < 0.1)
		return false;
	bench_clock.name = BENCH_COUNTER;
	bench_clock.counter = true;
	bench_clock.ticks_per_ns = rate_since(start_counter, start_system);
	return true;
}

double bench_clock_drift(void)
{
	double rate;

	if (!bench_clock.counter)
		return 0;
	rate = rate_since(start_counter, start_system);
	return rate / bench_clock.ticks_per_ns - 1;
}
#else
static bool use_counter(void)
{
	return false;
}

double bench_clock_drift(void)
{
	return 0;
}
#endif

/*
 * By how much readings that follow each other closely vary, if they do: of a
 * counter that advances by ones this is small, of one that advances by tens it
 * is ten. The 20th part from below, for a few land between the steps.
 */
static double step(void)
{
	static double differ[10 * READINGS];
	uint64_t before = bench_ticks(), now, took, last = 0;
	unsigned i, n = 0;

	for (i = 0; i < 10 * READINGS; i++) {
		now = bench_ticks();
		took = now - before;
		if (took != last)
			differ[n++] = took > last ? (double)(took - last) :
						    (double)(last - took);
		before = now;
		last = took;
	}
	if (!n)
		return 1;
	bench_median(differ, n);	/* sorts */
	return differ[n / 20];
}

void bench_clock_start(void)
{
	double cost[9];
	uint64_t before;
	int i, j;

	if (!use_counter()) {
		bench_clock.name = "clock_gettime";
		bench_clock.counter = false;
		bench_clock.ticks_per_ns = 1;
	}
	for (i = 0; i < 9; i++) {
		before = bench_ticks();
		for (j = 1; j < READINGS; j++)
			bench_ticks();
		cost[i] = bench_ns((double)(bench_ticks() - before)) /
			  READINGS;
	}
	bench_clock.cost_ns = bench_median(cost, 9);
	bench_clock.step_ns = bench_ns(step());
}
