/* SPDX-License-Identifier: MIT */
/*
 * How long an end spins before it sleeps: the decision alone, a function of
 * the waits that it has had, without a clock. park.c spins and sleeps.
 *
 * To spin costs the CPU time of the wait. To sleep costs WEIR_SPIN_SLEEP_NS
 * whatever the wait: CPU time of both sides, and the delay of the wake, of
 * which a microsecond is taken to be worth as much. A wait of known length is
 * spun through if it is shorter than that; of unknown length, spun for so long
 * and then slept, it costs at most twice what it had to. That is competitive
 * spinning; Karlin, Li, Manasse and Owicki, "Empirical studies of competitive
 * spinning for a shared-memory multiprocessor" (SOSP 1991), found that the best
 * bound for the last few waits, taken for the next, comes close to the optimum.
 *
 * So do we: of the last WEIR_SPIN_WAITS waits we keep the classes, each twice
 * as long as the one before, and take the bound that would have cost the least
 * with them, 0 among them. Of equal ones the longest is taken, for it costs
 * nothing more, and then the rare wait that is a little longer is spun through
 * as well. Two short waits and a long one, over and over, give a bound that
 * ends the short ones; a mean would lie between the two and serve neither.
 *
 * What has no bound must save a quarter to get one again, or a mixture at the
 * point where both cost the same would go back and forth.
 *
 * Who sleeps at once sees no short waits: each lasts until the wake has come.
 * So while waits are not so long that this cannot be all of them, one is spun
 * through now and then to find out; if that fails, the next such trial comes
 * after twice as many waits. At 1000 messages a second there is none, and at
 * 10,000 they cost less than 1 %.
 *
 * Figures, two processes on two CPUs that halt when idle (weir-bench rate): a
 * sleep costs both sides 18 to 30 us of CPU time and delays a message by 12 to
 * 20 us.
 */
#ifndef WEIR_SPIN_H
#define WEIR_SPIN_H

#include <stdint.h>

/* Measured, see above; a little more, for machines whose wakes take longer. */
#define WEIR_SPIN_SLEEP_NS 32000
/* Classes: bounds of 1/16, 1/8, ... of that, of all of it, more, far more. */
#define WEIR_SPIN_BOUNDS 5u
#define WEIR_SPIN_MORE WEIR_SPIN_BOUNDS
#define WEIR_SPIN_LONG (WEIR_SPIN_BOUNDS + 1)
/* A wait that is longer cannot be a short one and a wake. Arbitrary. */
#define WEIR_SPIN_LONG_NS (8 * WEIR_SPIN_SLEEP_NS)
/* As many as fit in 64 bits: long enough for a mixture of waits to show, short
   enough to follow a program that changes. Arbitrary. */
#define WEIR_SPIN_WAITS 16u
/* Between two trials there are at most 1 << this waits. Arbitrary. */
#define WEIR_SPIN_RARE 8u
/* So many successes in a row are no accident: the wait that follows a wake is
   shorter than those before, by as much as the wake was late. */
#define WEIR_SPIN_STREAK 2u

struct weir_spin {
	uint64_t waits;		/* classes of the last ones, four bits each */
	unsigned char count[WEIR_SPIN_LONG + 1]; /* of each class */
	unsigned char known;	/* how many waits there are, at most 16 */
	unsigned char level;	/* 0: no bound, else bound level - 1 */
	unsigned char rare;	/* a trial comes each 1 << rare waits */
	unsigned char trial;	/* the wait going on is one */
	unsigned char streak;	/* trials that succeeded, up to the last wait */
	unsigned int since;	/* waits since the last one */
};

static inline int64_t weir_spin_bound(unsigned int level)
{
	return level ? WEIR_SPIN_SLEEP_NS >> (WEIR_SPIN_BOUNDS - level) : 0;
}

static inline unsigned int weir_spin_class(int64_t waited)
{
	unsigned int class;

	for (class = 0; class < WEIR_SPIN_BOUNDS; class++) {
		if (waited <= weir_spin_bound(class + 1))
			return class;
	}
	return waited > WEIR_SPIN_LONG_NS ? WEIR_SPIN_LONG : WEIR_SPIN_MORE;
}

/* Before the first wait: spin for as long as a sleep costs. */
static inline void weir_spin_init(struct weir_spin *s)
{
	*s = (struct weir_spin){ .level = WEIR_SPIN_BOUNDS };
}

/* The bound that would have cost the least. */
static inline unsigned int weir_spin_choose(const struct weir_spin *s)
{
	int64_t sleep = (int64_t)s->known * WEIR_SPIN_SLEEP_NS, spun = 0;
	int64_t cost, least = INT64_MAX;
	unsigned int level, best = 0, left = s->known;

	for (level = 1; level <= WEIR_SPIN_BOUNDS; level++) {
		spun += s->count[level - 1] * weir_spin_bound(level);
		left -= s->count[level - 1];
		cost = spun + left * (weir_spin_bound(level) +
				      WEIR_SPIN_SLEEP_NS);
		if (cost <= least) {
			least = cost;
			best = level;
		}
	}
	if (s->level ? least <= sleep : 4 * least < 3 * sleep)
		return best;
	return 0;
}

static inline void weir_spin_tried(struct weir_spin *s, int success)
{
	if (!success) {
		s->streak = 0;
		if (s->rare < WEIR_SPIN_RARE)
			s->rare++;
	} else if (s->streak < WEIR_SPIN_STREAK) {
		s->streak++;
	}
	if (s->streak == WEIR_SPIN_STREAK)
		s->rare = 0;
}

/* A wait is over. In that order: weir_spin_ns(), weir_spin_learn(). */
static inline void weir_spin_learn(struct weir_spin *s, int64_t waited)
{
	unsigned int class = weir_spin_class(waited), old;

	if (s->trial)
		weir_spin_tried(s, class < WEIR_SPIN_MORE);
	if (s->known == WEIR_SPIN_WAITS) {
		old = (unsigned int)(s->waits >> 4 * (WEIR_SPIN_WAITS - 1));
		s->count[old]--;
	} else {
		s->known++;
	}
	s->waits = s->waits << 4 | class;
	s->count[class]++;
	s->level = (unsigned char)weir_spin_choose(s);
}

/* How long the wait that now begins is to spin. */
static inline int64_t weir_spin_ns(struct weir_spin *s)
{
	s->trial = 0;
	if (s->level)
		return weir_spin_bound(s->level);
	if (!s->streak) {
		if (s->rare && (s->waits & 15) == WEIR_SPIN_LONG)
			return 0;
		if (++s->since < 1u << s->rare)
			return 0;
	}
	s->since = 0;
	s->trial = 1;
	return weir_spin_bound(WEIR_SPIN_BOUNDS);
}

#endif
