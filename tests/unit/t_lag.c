/* SPDX-License-Identifier: MIT */
/*
 * lib/lag.c: when a side that ran out keeps away, and for how long it says so.
 * What is decided follows from the turns alone, so no clock is asked here; the
 * time away is at most 32 us each.
 *
 * Seen to fail with: a lag that looks never again (a side that was in vain
 * once); one that grows without bound; an exchange of single messages that is
 * lagged; a probe at every small turn.
 */
#include "../t.h"

#include "../../lib/internal.h"

#define LONGEST 32000u
#define FIRST 100u

struct turns {
	struct weir_lag lag;
	uint64_t pos, messages;
};

/* A side has moved n messages of size bytes of record and ran out. */
static int turn(struct turns *t, uint64_t n, uint64_t size)
{
	t->pos += n * size;
	t->messages += n;
	return weir_lag(&t->lag, t->pos, t->messages);
}

START_TEST(nothing_moved_is_no_turn)
{
	struct turns t = { .pos = 0 };
	int i;

	for (i = 0; i < 2000; i++)
		T_OK(turn(&t, 0, 0));
	T_IS(t.lag.small, 0);
	T_IS(turn(&t, 100, 16), 1);
	for (i = 0; i < 2000; i++)
		T_OK(turn(&t, 0, 0));
	T_IS(t.lag.ns, FIRST);
}
END_TEST

/* Small turns: only every 256th is lagged. */
START_TEST(single_messages_are_probed)
{
	static const uint64_t sizes[] = { 16, 64, 128, 1024, 65536, 1 << 20 };
	size_t i;

	for (i = 0; i < T_COUNT(sizes); i++) {
		struct turns t = { .pos = 0 };
		int n, away = 0;

		for (n = 1; n <= 256; n++) {
			T_IS(turn(&t, 1 + (uint64_t)n % 3, sizes[i]),
			     n == 256);
			away += t.lag.ns != 0;
		}
		T_IS(away, 1);
		T_ASSERT(t.lag.ns <= LONGEST);
	}
}
END_TEST

/* Probes that bring nothing become rarer, up to a bound; never do they end. */
START_TEST(vain_probes_back_off)
{
	struct turns t = { .pos = 0 };
	unsigned long n, last = 0, probes = 0, gap, was = 0;

	for (n = 1; n <= 1000000 && probes < 14; n++) {
		if (!turn(&t, 1, 16))
			continue;
		gap = n - last;
		last = n;
		if (probes)
			T_ASSERT(gap >= was && gap <= 2 * was + 2);
		else
			T_IS(gap, 256);
		was = gap;
		probes++;
	}
	/* 256 << 8 at most */
	T_IS(probes, 14);
	T_ASSERT(was >= 60000 && was <= 65537);
}
END_TEST

/* Failures: after each, twice as many turns without; then it looks again. */
START_TEST(failures_back_off)
{
	struct turns t = { .pos = 0 };
	unsigned int fails, n;

	for (fails = 1; fails <= 12; fails++) {
		unsigned int want = fails < 8 ? 1u << fails : 256;

		for (n = 0; !turn(&t, 100, 16); n++)
			T_ASSERT(n < 1000);
		T_IS(n, fails > 1 ? (fails - 1 < 8 ? 1 << (fails - 1) : 256)
				  : 0);
		weir_lag_failed(&t.lag);
		T_OK(t.lag.ns);
		T_IS(t.lag.skip, want);
	}
}
END_TEST

/* It has paid: twice as long, up to a bound; then the failures are over. */
START_TEST(grows_while_it_pays)
{
	struct turns t = { .pos = 0 };
	uint32_t was = 0;
	int i;

	T_IS(turn(&t, 100, 16), 1);
	weir_lag_failed(&t.lag);
	weir_lag_failed(&t.lag);
	T_IS(t.lag.backoff, 2);
	while (!turn(&t, 1000, 16))
		;
	T_IS(t.lag.ns, FIRST);
	for (i = 0; i < 12; i++) {
		was = t.lag.ns;
		T_IS(turn(&t, 1000, 16), 1);
		T_ASSERT(t.lag.ns == 2 * was || t.lag.ns == was);
	}
	T_IS(t.lag.backoff, 0);
	T_IS(t.lag.ns, was);
	T_ASSERT(was >= 800 && was <= LONGEST);
}
END_TEST

/* What is too little for the time away sets it back. */
START_TEST(shrinks_when_it_does_not)
{
	struct turns t = { .pos = 0 };
	int i;

	for (i = 0; i < 12; i++)
		T_IS(turn(&t, 10000, 16), 1);
	T_ASSERT(t.lag.ns > 4 * FIRST);
	T_OK(turn(&t, 2, 16));
	T_OK(t.lag.ns);
	T_IS(t.lag.backoff, 1);
	T_IS(turn(&t, 10000, 16), 1);
	T_IS(t.lag.ns, FIRST);
}
END_TEST

/* Large messages take longer themselves: longer away, never too long. */
START_TEST(large_messages)
{
	uint64_t size;
	int i;

	for (size = 16; size <= (uint64_t)1 << 40; size *= 4) {
		struct turns t = { .pos = 0 };
		uint64_t first = size / 16 < FIRST ? FIRST : size / 16;

		if (first > LONGEST)
			first = LONGEST;
		T_IS(turn(&t, 1000, size), 1);
		T_IS(t.lag.ns, first);
		for (i = 0; i < 20; i++) {
			turn(&t, 1000000, size);
			T_ASSERT(t.lag.ns >= first && t.lag.ns <= LONGEST);
		}
	}
}
END_TEST

/* One thread that does both sides: what it says is only ever said in vain, and
   the calls stay exact. */
START_TEST(one_thread_for_both_sides)
{
	struct t_pair pair;
	uint64_t word;
	int i, n;

	t_pair_open(&pair, T_PRIVATE, 4096, 0);
	for (i = 0; i < 3000; i++) {
		for (n = 0; n < 50; n++) {
			word = (uint64_t)n;
			T_OK(weir_tx_try_write(pair.tx, &word, 8));
		}
		for (n = 0; n < 50; n++) {
			T_IS(weir_rx_try_read(pair.rx, &word, 8), 8);
			T_IS(word, n);
		}
		T_IS(weir_rx_try_read(pair.rx, &word, 8), -EAGAIN);
	}
	t_pair_close(&pair);
}
END_TEST

void t_build(void)
{
	T_ADD(nothing_moved_is_no_turn);
	T_ADD(single_messages_are_probed);
	T_ADD(vain_probes_back_off);
	T_ADD(failures_back_off);
	T_ADD(grows_while_it_pays);
	T_ADD(shrinks_when_it_does_not);
	T_ADD(large_messages);
	T_ADD(one_thread_for_both_sides);
}
