/* SPDX-License-Identifier: MIT */
/*
 * spin.h: how long an end spins, as a function of the waits that it has had.
 * No clock here: a wait is simulated, with a sleep that takes WAKE to end.
 *
 * Seen to fail with: the shortest of equal bounds taken; no quarter to save
 * before a bound comes back; a streak of one;
 * trials after long waits; none at all; a class that does not leave the window.
 */
#include "../t.h"

#include "spin.h"

#define US ((int64_t)1000)
#define WAKE (15 * US)

struct world {
	struct weir_spin spin;
	int64_t behind;		/* so late was the last message */
	int64_t cpu;		/* spun, and the price of sleeps */
	unsigned int sleeps, spins, turns;
};

static void begin(struct world *w)
{
	memset(w, 0, sizeof(*w));
	weir_spin_init(&w->spin);
}

/* A message comes gap after the last one was due. */
static void message(struct world *w, int64_t gap)
{
	unsigned int before = w->spin.level;
	int64_t wait = gap - w->behind, budget;

	if (wait <= 0) {	/* it is there: no wait at all */
		w->behind -= gap;
		return;
	}
	budget = weir_spin_ns(&w->spin);
	w->behind = 0;
	if (wait <= budget) {
		w->cpu += wait;
		w->spins++;
	} else {
		w->cpu += budget + WEIR_SPIN_SLEEP_NS - WAKE;
		w->sleeps++;
		w->behind = WAKE;
		wait += WAKE;
	}
	weir_spin_learn(&w->spin, wait);
	w->turns += !before != !w->spin.level;
}

static void steady(struct world *w, int64_t gap, unsigned int n)
{
	while (n--)
		message(w, gap);
}

/* From here on the figures count. */
static void settle(struct world *w)
{
	w->cpu = 0;
	w->sleeps = w->spins = w->turns = 0;
}

START_TEST(classes_have_their_bounds)
{
	unsigned int i;

	T_IS(weir_spin_bound(0), 0);
	T_IS(weir_spin_bound(WEIR_SPIN_BOUNDS), WEIR_SPIN_SLEEP_NS);
	T_IS(weir_spin_class(0), 0);
	for (i = 0; i < WEIR_SPIN_BOUNDS; i++) {
		T_IS(weir_spin_class(weir_spin_bound(i + 1)), i);
		T_IS(weir_spin_class(weir_spin_bound(i + 1) + 1), i + 1);
	}
	T_IS(weir_spin_class(WEIR_SPIN_LONG_NS), WEIR_SPIN_MORE);
	T_IS(weir_spin_class(WEIR_SPIN_LONG_NS + 1), WEIR_SPIN_LONG);
	T_IS(weir_spin_class(INT64_MAX), WEIR_SPIN_LONG);
}
END_TEST

/* Nothing is known: no more than twice the cost of the best. */
START_TEST(first_wait_spins_as_long_as_a_sleep_costs)
{
	struct world w;

	begin(&w);
	T_IS(weir_spin_ns(&w.spin), WEIR_SPIN_SLEEP_NS);
}
END_TEST

START_TEST(long_waits_never_spin)
{
	struct world w;

	begin(&w);
	steady(&w, 1000 * US, 20);
	settle(&w);
	steady(&w, 1000 * US, 1000);
	T_IS(w.spins, 0);
	T_IS(w.sleeps, 1000);
	/* nor try to: the price is that of sleeping, to the last ns */
	T_IS(w.cpu, 1000 * (WEIR_SPIN_SLEEP_NS - WAKE));
}
END_TEST

START_TEST(waits_of_100_us_hardly_spin)
{
	struct world w;

	begin(&w);
	steady(&w, 100 * US, 1000);
	settle(&w);
	steady(&w, 100 * US, 10000);
	T_IS(w.spins, 0);
	T_ASSERT(w.cpu <= 10000 * (WEIR_SPIN_SLEEP_NS - WAKE) * 101 / 100);
}
END_TEST

START_TEST(short_waits_all_spin)
{
	static const int64_t gap[] = { 1, 3, 10, 20, 30 };
	struct world w;
	unsigned int i;

	for (i = 0; i < T_COUNT(gap); i++) {
		begin(&w);
		steady(&w, gap[i] * US, 100);
		settle(&w);
		steady(&w, gap[i] * US, 1000);
		T_IS(w.sleeps, 0);
		T_IS(w.spins, 1000);
	}
}
END_TEST

/* A rare wait that is a little longer is spun through as well. */
START_TEST(of_equal_bounds_the_longest)
{
	struct world w;

	begin(&w);
	steady(&w, 1 * US, 100);
	T_IS(weir_spin_ns(&w.spin), WEIR_SPIN_SLEEP_NS);
}
END_TEST

START_TEST(follows_a_change_of_rate)
{
	struct world w;

	begin(&w);
	steady(&w, 1000 * US, 100);
	steady(&w, 10 * US, 200);
	settle(&w);
	steady(&w, 10 * US, 1000);
	T_IS(w.sleeps, 0);
	steady(&w, 1000 * US, 20);
	settle(&w);
	steady(&w, 1000 * US, 1000);
	T_IS(w.spins, 0);
}
END_TEST

/* Trials had become rare; one that succeeds brings back the others. */
START_TEST(trials_find_short_waits)
{
	struct world w;

	begin(&w);
	steady(&w, 100 * US, 20000);
	T_IS(w.spin.rare, WEIR_SPIN_RARE);
	steady(&w, 12 * US, 2000);
	settle(&w);
	steady(&w, 12 * US, 1000);
	T_IS(w.sleeps, 0);
}
END_TEST

/* A wait after a wake is shorter by that wake, and no sign of short waits. */
START_TEST(a_period_beyond_the_bound_is_slept)
{
	struct world w;

	begin(&w);
	steady(&w, WEIR_SPIN_SLEEP_NS + WAKE / 2, 20000);
	settle(&w);
	steady(&w, WEIR_SPIN_SLEEP_NS + WAKE / 2, 10000);
	T_ASSERT(w.spins < 100);
	T_ASSERT(w.turns < 20);
}
END_TEST

/* Nine short waits and a long one: the short ones are spun through, the long
   ones do not spin as long as they might. */
START_TEST(mixture_has_a_bound_of_its_own)
{
	struct world w;
	unsigned int i;

	begin(&w);
	for (i = 0; i < 1000; i++)
		message(&w, i % 10 ? 5 * US : 955 * US);
	settle(&w);
	for (i = 0; i < 10000; i++)
		message(&w, i % 10 ? 5 * US : 955 * US);
	T_IS(w.sleeps, 1000);
	T_IS(w.turns, 0);
	T_ASSERT(weir_spin_ns(&w.spin) <= 8 * US);
}
END_TEST

/* Half of the waits 16 us, half 32: it saves a quarter, no more. */
START_TEST(bound_must_save_a_quarter_to_come_back)
{
	struct weir_spin s = { .known = 16 };

	s.count[WEIR_SPIN_BOUNDS - 2] = s.count[WEIR_SPIN_BOUNDS - 1] = 8;
	T_IS(weir_spin_choose(&s), 0);
	s.level = WEIR_SPIN_BOUNDS;
	T_IS(weir_spin_choose(&s), WEIR_SPIN_BOUNDS);
	s.level = 0;
	s.count[WEIR_SPIN_BOUNDS - 2]++;
	s.count[WEIR_SPIN_BOUNDS - 1]--;
	T_IS(weir_spin_choose(&s), WEIR_SPIN_BOUNDS);
}
END_TEST

/* Where both cost about the same, it stays with one. */
START_TEST(mixture_does_not_flap)
{
	uint64_t state = 1;
	struct world w;
	unsigned int i;

	begin(&w);
	for (i = 0; i < 20000; i++) {
		state = state * UINT64_C(6364136223846793005) + 1;
		message(&w, state >> 63 ? 15 * US : 1000 * US);
	}
	T_ASSERT(w.turns < 20000 / 20);
}
END_TEST

/* One CPU: no spin can succeed, so there are hardly any. */
START_TEST(one_cpu_learns_that_no_spin_succeeds)
{
	struct weir_spin s;
	unsigned int i, spun = 0;

	weir_spin_init(&s);
	for (i = 0; i < 4096; i++) {
		spun += weir_spin_ns(&s) > 0;
		weir_spin_learn(&s, 100 * US);
	}
	T_ASSERT(spun <= WEIR_SPIN_RARE + 4096 / (1 << WEIR_SPIN_RARE) + 2);
}
END_TEST

START_TEST(window_counts_what_it_holds)
{
	unsigned int i, sum, class;
	uint64_t state = 1;
	struct weir_spin s;

	weir_spin_init(&s);
	for (i = 1; i < 1000; i++) {
		state = state * UINT64_C(6364136223846793005) + 1;
		weir_spin_ns(&s);
		weir_spin_learn(&s, (int64_t)(state >> 44));
		for (sum = class = 0; class <= WEIR_SPIN_LONG; class++)
			sum += s.count[class];
		T_IS(sum, i < WEIR_SPIN_WAITS ? i : WEIR_SPIN_WAITS);
		T_IS(s.known, sum);
	}
}
END_TEST

void t_build(void)
{
	T_ADD(classes_have_their_bounds);
	T_ADD(first_wait_spins_as_long_as_a_sleep_costs);
	T_ADD(long_waits_never_spin);
	T_ADD(waits_of_100_us_hardly_spin);
	T_ADD(short_waits_all_spin);
	T_ADD(of_equal_bounds_the_longest);
	T_ADD(follows_a_change_of_rate);
	T_ADD(trials_find_short_waits);
	T_ADD(a_period_beyond_the_bound_is_slept);
	T_ADD(mixture_has_a_bound_of_its_own);
	T_ADD(bound_must_save_a_quarter_to_come_back);
	T_ADD(mixture_does_not_flap);
	T_ADD(one_cpu_learns_that_no_spin_succeeds);
	T_ADD(window_counts_what_it_holds);
}
