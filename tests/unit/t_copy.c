/* SPDX-License-Identifier: MIT */
/*
 * lib/copy.c: each kind of copy is exact at every length and alignment, and
 * touches nothing beside. The faster pace wins, whatever was believed before
 * and whatever the copy costs; of two that are as fast, or where the program
 * sets the pace, the cheaper one; and the other one is tried again, neither
 * often nor never. What the clock says is given here, not measured.
 *
 * Seen to fail with: a tail that is not copied; a head of the other buffer's
 * alignment; the cost asked first, or the pace alone; slow parts and the laps
 * after a gap that count; trials too often, or rarer without bound; a pace that
 * has halved and is waited out; no fence behind stores past the caches, of one
 * message or of a batch.
 */
#include "../t.h"

#include "../../lib/internal.h"

#define CAPACITY (1u << 20)
#define GUARD 64
#define LONGEST (300 * 1024)
#define FOREVER 1000000u
#define LARGE_CAPACITY ((uint64_t)1 << 26)

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
	weir_copy_large(copies, CAPACITY, at, from + from_at, len, len);
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

struct world {
	uint32_t pace[2], cost[2];
};

static void lap(struct weir_copy *copy, const struct world *world)
{
	int i, kind = copy->kind;

	for (i = 0; i < WEIR_COPY_PARTS; i++)
		weir_copy_part(copy, world->pace[kind], world->cost[kind]);
}

/* Of so many laps, those that the kind was used in. */
static unsigned int laps_of(struct weir_copy *copy, const struct world *world,
			    int kind, unsigned int laps)
{
	unsigned int n = 0;

	for (; laps; laps--) {
		n += copy->kind == kind;
		lap(copy, world);
	}
	return n;
}

/* This kind is the one in use, and the other one is tried: seldom. */
static void wins(struct weir_copy *copy, const struct world *world, int kind)
{
	unsigned int n = laps_of(copy, world, kind, 3000);

	if (n < 3000 * 97 / 100 || n == 3000)
		ck_abort_msg("paces %u and %u, costs %u and %u: %d in %u laps "
			     "of 3000", world->pace[0], world->pace[1],
			     world->cost[0], world->cost[1], kind, n);
}

static int streams(void)
{
	struct weir_copy copies[WEIR_COPY_CLASSES];

	memset(copies, 0, sizeof(copies));
	weir_copy_large(copies, LARGE_CAPACITY, to, from, 1024, 1024);
	return copies[0].done != 0;
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
			weir_copy_large(copies, LARGE_CAPACITY, to, from, len,
					len);
			for (other = 0; other < WEIR_COPY_CLASSES; other++)
				T_IS(copies[other].done,
				     other == class ? len : 0);
		}
	}
	fix(copies, 0);
	weir_copy_large(copies, LARGE_CAPACITY, to, from, LONGEST, LONGEST);
	T_IS(copies[WEIR_COPY_CLASSES - 1].done, LONGEST);
}
END_TEST

/* From nothing, and when the world turns round: after so many laps at most. */
static void chooses(const struct world *world, int kind, unsigned int laps)
{
	const struct world turned = {
		{ world->pace[1], world->pace[0] },
		{ world->cost[1], world->cost[0] },
	};
	struct weir_copy copy;

	memset(&copy, 0, sizeof(copy));
	laps_of(&copy, world, kind, 150);
	wins(&copy, world, kind);
	/* no trial of before is still under way */
	while (copy.trial)
		lap(&copy, world);
	laps_of(&copy, &turned, kind, laps);
	wins(&copy, &turned, !kind);
}

START_TEST(the_faster_one_wins)
{
	static const struct world worlds[] = {
		{ { 100, 120 }, { 90, 50 } },
		{ { 120, 100 }, { 50, 90 } },
		{ { 300, 220 }, { 100, 200 } },
	};
	size_t i;

	for (i = 0; i < T_COUNT(worlds); i++)
		chooses(&worlds[i], worlds[i].pace[1] < worlds[i].pace[0], 300);
}
END_TEST

/* Much slower all at once is noticed soon, however good it was before. */
START_TEST(much_faster)
{
	static const struct world worlds[] = {
		{ { 50, 500 }, { 70, 60 } },
		{ { 500, 50 }, { 60, 70 } },
		{ { 1, 4000000 }, { 600000, 1 } },
		{ { 4000000, 1 }, { 1, 600000 } },
	};
	size_t i;

	for (i = 0; i < T_COUNT(worlds); i++)
		chooses(&worlds[i], worlds[i].pace[1] < worlds[i].pace[0], 100);
}
END_TEST

START_TEST(the_cheaper_of_two_as_fast)
{
	static const struct world worlds[] = {
		{ { 105, 100 }, { 100, 101 } },
		{ { 100, 105 }, { 101, 100 } },
		{ { 1000, 1000 }, { 50, 500 } },
		{ { 1000, 1000 }, { 500, 50 } },
		{ { 5000000, 5000000 }, { 1, 4000000 } },
		{ { 5000000, 5000000 }, { 4000000, 1 } },
	};
	size_t i;

	for (i = 0; i < T_COUNT(worlds); i++)
		chooses(&worlds[i], worlds[i].cost[1] < worlds[i].cost[0], 100);
}
END_TEST

/* Laps of a program that sends now and then: their paces say nothing. */
START_TEST(the_pace_of_the_program)
{
	static const uint32_t paces[] = { 900, 70000, 3000, 20000, 1500 };
	unsigned int laps, n = 0;
	struct weir_copy copy;
	int cheap;

	for (cheap = 0; cheap < 2; cheap++) {
		memset(&copy, 0, sizeof(copy));
		for (laps = n = 0; laps < 3000; laps++) {
			uint32_t pace = paces[laps * 7 % 31 % T_COUNT(paces)];
			struct world world = { { pace, pace }, { 60, 60 } };

			world.cost[cheap] = 50;
			n += copy.kind == cheap;
			lap(&copy, &world);
		}
		T_ASSERT(n >= 3000 * 85 / 100);
	}
}
END_TEST

/*
 * A gap comes every so many parts, and until the ring has been gone round once
 * more its lines are nobody's: the slower kind is the fastest then.
 */
START_TEST(gaps)
{
	const unsigned int every = 61, parts = 3000 * WEIR_COPY_PARTS;
	unsigned int part, n;
	struct weir_copy copy;
	int slower;

	for (slower = 0; slower < 2; slower++) {
		memset(&copy, 0, sizeof(copy));
		for (part = n = 0; part < parts; part++) {
			uint32_t pace = copy.kind == slower ? 300 : 200;

			if (part % every == 0)
				pace = 50000000;
			else if (part % every <= WEIR_COPY_PARTS &&
				 copy.kind == slower)
				pace = 100;
			n += copy.kind != slower;
			weir_copy_part(&copy, pace, 150);
		}
		T_ASSERT(n >= parts / 100 * 97);
	}
}
END_TEST

/* They put a trial off, not for ever. */
START_TEST(gaps_without_end)
{
	struct weir_copy copy;
	unsigned int part, since = 0, trials = 0;

	memset(&copy, 0, sizeof(copy));
	for (part = 0; part < 3000 * WEIR_COPY_PARTS; part++) {
		uint32_t trial = copy.trial;

		weir_copy_part(&copy, part % 9 ? 200 : 50000000, 150);
		trials += !trial && copy.trial;
		since = copy.trial ? since + 1 : 0;
		T_ASSERT(since < 10 * WEIR_COPY_PARTS);
	}
	T_ASSERT(trials > 20);
}
END_TEST

/* Parts that took somewhat longer, of any lap, change nothing. */
START_TEST(slow_parts)
{
	const unsigned int parts = 3000 * WEIR_COPY_PARTS;
	struct weir_copy copy;
	unsigned int part, n;

	memset(&copy, 0, sizeof(copy));
	for (part = n = 0; part < parts; part++) {
		int slow = copy.trial && copy.parts % 7 == 3 && copy.parts > 6;

		n += copy.kind == 1;
		weir_copy_part(&copy, (copy.kind ? 200 : 250) * (slow ? 5 : 1),
			       150);
	}
	T_ASSERT(n >= parts / 100 * 97);
}
END_TEST

/* A trial that was disturbed from end to end is not believed for ever. */
START_TEST(a_disturbed_trial)
{
	static const struct world once = { { 100, 4000000 }, { 100, 4000000 } };
	static const struct world world = { { 100, 50 }, { 100, 50 } };
	struct weir_copy copy;
	unsigned int laps;

	memset(&copy, 0, sizeof(copy));
	/* until it has been tried at all, and often enough to be believed */
	laps_of(&copy, &once, 1, 4000);
	while (!copy.trial)
		lap(&copy, &once);
	while (copy.trial)
		lap(&copy, &once);
	for (laps = 0; !copy.trial && laps < 4000; laps++)
		lap(&copy, &world);
	T_ASSERT(laps <= 1100);
	laps_of(&copy, &world, 1, 10);
	wins(&copy, &world, 1);
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

#define ORDERED 200000
#define ORDERED_LEN(i) (1024 + (i) * 41 % 1000)
#define ORDERED_FROM(i) (from + (i) * 977 % 65536)

static void *read_ordered(void *arg)
{
	struct weir_rx *rx = arg;
	unsigned int i;

	for (i = 0; i < ORDERED; i++) {
		T_IS(weir_rx_read(rx, to, sizeof(to), WEIR_FOREVER),
		     ORDERED_LEN(i));
		T_ASSERT(!memcmp(to, ORDERED_FROM(i), ORDERED_LEN(i)));
	}
	return NULL;
}

static void write_ordered(struct weir_tx *tx, unsigned int i, int n)
{
	struct weir_buf v[3];
	int j;

	memset(v, 0, sizeof(v));
	for (j = 0; j < 3; j++) {
		v[j].data = ORDERED_FROM(i + (unsigned int)j);
		v[j].len = ORDERED_LEN(i + (unsigned int)j);
	}
	/* the choice is made for them */
	fix(tx->end->copy, 1);
	if (n == 3)
		T_IS(weir_tx_write_batch(tx, v, 3, WEIR_FOREVER), 3);
	else if (i % 2)
		T_OK(weir_tx_write(tx, v[0].data, v[0].len, WEIR_FOREVER));
	else
		T_OK(weir_tx_writev(tx, v, 1, WEIR_FOREVER));
}

/* Nobody sees a header before such stores, which nothing else orders. */
START_TEST(payloads_before_headers)
{
	struct t_pair pair;
	unsigned int i, n;
	pthread_t thread;

	if (!streams())
		T_SKIP("stores past the caches");
	t_fill(from, sizeof(from), 3);
	t_pair_open(&pair, T_ANONYMOUS, 1 << 16, 0);
	thread = t_thread(read_ordered, pair.rx);
	for (i = 0; i < ORDERED; i += n) {
		n = i % 5 ? 1 : 3;
		write_ordered(pair.tx, i, (int)n);
	}
	t_join(thread);
	t_pair_close(&pair);
}
END_TEST

/*
 * Past the caches a batch of somewhat longer messages is one run; the kind is
 * that of their own class.
 */
START_TEST(longer_runs)
{
	static const size_t lens[] = { 520, 768, 1016, 1024 };
	struct weir_buf v[8];
	struct t_pair pair;
	size_t i, j;
	int kind;

	if (!streams())
		T_SKIP("stores past the caches");
	t_fill(from, sizeof(from), 4);
	t_pair_open(&pair, T_ANONYMOUS, CAPACITY, 0);
	memset(v, 0, sizeof(v));
	for (i = 0; i < T_COUNT(lens) * 2; i++) {
		uint64_t before = pair.tx->end->first, len = lens[i / 2];

		kind = i % 2;
		for (j = 0; j < 8; j++) {
			v[j].data = from + j * 1031 + i;
			v[j].len = len;
		}
		fix(pair.tx->end->copy, 1 - kind);
		pair.tx->end->copy[0].kind = kind;
		T_IS(weir_tx_write_batch(pair.tx, v, 8, WEIR_NOWAIT), 8);
		T_IS(pair.tx->end->first - before,
		     kind ? 16 + 8 * len : 8 * (8 + len));
		T_IS(pair.tx->end->copy[0].done, 8 * len);
		for (j = 0; j < 8; j++) {
			T_IS(weir_rx_try_read(pair.rx, to, sizeof(to)), len);
			T_ASSERT(!memcmp(to, v[j].data, len));
		}
	}
	t_pair_close(&pair);
}
END_TEST

void t_build(void)
{
	T_ADD(every_byte_is_copied);
	T_ADD(classes);
	T_ADD(the_faster_one_wins);
	T_ADD(much_faster);
	T_ADD(the_cheaper_of_two_as_fast);
	T_ADD(the_pace_of_the_program);
	T_ADD(gaps);
	T_ADD(gaps_without_end);
	T_ADD(slow_parts);
	T_ADD(a_disturbed_trial);
	T_ADD(through_a_ring);
	T_ADD(payloads_before_headers);
	T_ADD(longer_runs);
}
