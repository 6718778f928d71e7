/* SPDX-License-Identifier: MIT */
/*
 * lib/copy.c: each kind of copy is exact at every length and alignment, and
 * touches nothing beside; the cheaper kind wins, whatever was believed before,
 * and the other one is tried again, never too seldom. Costs are given here, not
 * measured.
 *
 * Seen to fail with: a tail that is not copied; a head of the other buffer's
 * alignment; a kind that is kept although it costs more; trials that become
 * rarer without bound.
 */
#include "../t.h"

#include "../../lib/internal.h"

#define CAPACITY (1u << 20)
#define GUARD 64
#define LONGEST (300 * 1024)
#define FOREVER 1000000u

static unsigned char from[LONGEST + 2 * GUARD], to[LONGEST + 3 * GUARD];

/* A kind that is kept: never timed, never changed. */
static void fix(struct weir_copy copies[WEIR_COPY_CLASSES], int kind)
{
	int i;

	memset(copies, 0, sizeof(*copies) * WEIR_COPY_CLASSES);
	for (i = 0; i < WEIR_COPY_CLASSES; i++) {
		copies[i].kind = kind;
		copies[i].laps = FOREVER;
	}
}

static void copy_one(struct weir_copy copies[WEIR_COPY_CLASSES], size_t len,
		     size_t to_at, size_t from_at)
{
	unsigned char *at = to + GUARD + to_at;
	size_t i;

	memset(at - GUARD, 0xee, len + 2 * GUARD);
	weir_copy_large(copies, CAPACITY, at, from + from_at, len);
	if (memcmp(at, from + from_at, len))
		ck_abort_msg("%zu bytes from %zu to %zu differ", len, from_at,
			     to_at);
	for (i = 0; i < GUARD; i++)
		if (at[-1 - (ptrdiff_t)i] != 0xee || at[len + i] != 0xee)
			ck_abort_msg("%zu bytes from %zu to %zu go beyond",
				     len, from_at, to_at);
}

START_TEST(every_byte_is_copied)
{
	struct weir_copy copies[WEIR_COPY_CLASSES];
	size_t len, at;
	int kind;

	t_fill(from, sizeof(from), 1);
	for (kind = 0; kind < 2; kind++) {
		fix(copies, kind);
		for (len = 1024; len < 1024 + 200; len++)
			for (at = 0; at < 64; at += 8)
				copy_one(copies, len, at, (len + at) % 64);
		for (at = 0; at < 64; at++)
			for (len = 1024; len < 1024 + 70; len += 23)
				copy_one(copies, len, at, 63 - at);
		for (len = 2000; len < LONGEST; len += len / 3 + 17)
			copy_one(copies, len, len % 64 / 8 * 8, len % 61);
		T_IS(copies[0].kind, kind);
		T_IS(copies[7].kind, kind);
	}
}
END_TEST

/* Ends a lap at once, having cost so much of a byte. */
static void lap(struct weir_copy *copy, const uint32_t cost[2])
{
	copy->done = CAPACITY;
	/* all its copies were timed; the one that ends it is of no weight */
	copy->timed = (uint64_t)1 << 40;
	copy->ns = (uint64_t)cost[copy->kind] << 30;
	weir_copy_large(copy, CAPACITY, to, from, 1024);
}

/* Of so many laps, those that the kind was used in. */
static unsigned int laps_of(struct weir_copy *copy, const uint32_t cost[2],
			    int kind, unsigned int laps)
{
	unsigned int n = 0;

	for (; laps; laps--) {
		n += copy->kind == kind;
		lap(copy, cost);
	}
	return n;
}

static int streams(void)
{
	struct weir_copy copies[WEIR_COPY_CLASSES];
	static const uint32_t cost[2] = { 100, 50 };

	memset(copies, 0, sizeof(copies));
	return laps_of(copies, cost, 1, 3) > 0;
}

/* Each power of two counts for itself, the last one for all that is larger. */
START_TEST(classes)
{
	struct weir_copy copies[WEIR_COPY_CLASSES];
	size_t i, class, len;

	if (!streams())
		T_SKIP("stores past the caches");
	for (class = 0; class < WEIR_COPY_CLASSES; class++) {
		const size_t borders[] = { (size_t)1024 << class,
					   ((size_t)2048 << class) - 1 };

		for (i = 0; i < T_COUNT(borders); i++) {
			size_t other;

			len = borders[i];
			if (len > LONGEST)
				continue;
			fix(copies, 0);
			weir_copy_large(copies, CAPACITY, to, from, len);
			for (other = 0; other < WEIR_COPY_CLASSES; other++)
				T_IS(copies[other].done,
				     other == class ? len : 0);
		}
	}
	fix(copies, 0);
	weir_copy_large(copies, CAPACITY, to, from, LONGEST);
	T_IS(copies[WEIR_COPY_CLASSES - 1].done, LONGEST);
}
END_TEST

START_TEST(the_cheaper_one_wins)
{
	static const uint32_t costs[][2] = {
		{ 100, 101 }, { 101, 100 }, { 50, 500 }, { 500, 50 },
		{ 1, 4000000 }, { 4000000, 1 },
	};
	struct weir_copy copies[WEIR_COPY_CLASSES];
	size_t i;

	if (!streams())
		T_SKIP("stores past the caches");
	for (i = 0; i < T_COUNT(costs); i++) {
		int best = costs[i][1] < costs[i][0];
		unsigned int n;

		memset(copies, 0, sizeof(copies));
		laps_of(copies, costs[i], best, 10);
		n = laps_of(copies, costs[i], best, 1000);
		T_ASSERT(n >= 850);
		/* and the other one was tried */
		T_ASSERT(n < 1000);
		/* the world turns round: after so many laps at most */
		if (costs[i][0] < 1000 && costs[i][1] < 1000) {
			const uint32_t turned[2] = { costs[i][1],
						     costs[i][0] };

			laps_of(copies, turned, best, 400);
			T_ASSERT(laps_of(copies, turned, !best, 1000) >= 850);
		}
	}
}
END_TEST

/* A trial that was interrupted for an hour is not believed for ever. */
START_TEST(an_interrupted_trial)
{
	static const uint32_t once[2] = { 100, UINT32_MAX / 2 };
	static const uint32_t cost[2] = { 100, 50 };
	struct weir_copy copies[WEIR_COPY_CLASSES];
	unsigned int laps;

	if (!streams())
		T_SKIP("stores past the caches");
	memset(copies, 0, sizeof(copies));
	for (laps = 0; laps < 3; laps++)
		lap(copies, once);
	for (laps = 0; copies[0].cost[1] > 1000 && laps < 2000; laps++)
		lap(copies, cost);
	T_ASSERT(laps < 400);
}
END_TEST

/* Through the ring, of which the copies are a part. */
START_TEST(through_a_ring)
{
	struct t_pair pair;
	size_t len;
	int i;

	t_fill(from, sizeof(from), 2);
	t_pair_open(&pair, T_ANONYMOUS, CAPACITY, 0);
	for (i = 0; i < 400; i++) {
		len = 1000 + (size_t)i * 731 % (LONGEST - 1000);
		T_OK(weir_tx_try_write(pair.tx, from + i % 64, len));
		T_IS(weir_rx_try_read(pair.rx, to, sizeof(to)), len);
		T_ASSERT(!memcmp(to, from + i % 64, len));
	}
	t_pair_close(&pair);
}
END_TEST

void t_build(void)
{
	T_ADD(every_byte_is_copied);
	T_ADD(classes);
	T_ADD(the_cheaper_one_wins);
	T_ADD(an_interrupted_trial);
	T_ADD(through_a_ring);
}
