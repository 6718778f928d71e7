/* SPDX-License-Identifier: MIT */
/*
 * The counters in each half, as another process reads them: they count what
 * weir/layout.h says, each written by its own side; WEIR_RING_NO_METRICS keeps
 * them at zero.
 *
 * Seen to fail with: a commit of several that counts one message; a full that
 * is counted once per round of a wait and not once per call; a producer that
 * does not count what is too long; counters kept though they were not wanted.
 */
#include "../t.h"

static uint64_t count_of(const struct weir_half *half, enum weir_counter which)
{
	/* relaxed: this thread, or one that was joined, has written it */
	return weir_load_relaxed64(&half->counters[which]);
}

#define COUNTS(half, which, want)                                              \
	T_IS(count_of(half, WEIR_COUNT_##which), want)

struct counted {
	struct t_pair pair;
	struct t_block block;
};

static void counted_open(struct counted *c, uint32_t flags, int32_t spin_us)
{
	c->pair.ring = t_ring(T_ANONYMOUS, 4096, flags, spin_us);
	T_OK(weir_ring_tx(c->pair.ring, &c->pair.tx));
	T_OK(weir_ring_rx(c->pair.ring, &c->pair.rx));
	t_block_map(&c->block, weir_ring_handle(c->pair.ring));
}

static void counted_close(struct counted *c)
{
	t_block_unmap(&c->block);
	weir_ring_close(c->pair.ring);
}

static void all_zero(const struct weir_half *half)
{
	int i;

	for (i = 0; i < WEIR_COUNT_LAST; i++)
		T_IS(count_of(half, (enum weir_counter)i), 0);
}

START_TEST(fresh_is_zero)
{
	struct counted c;

	c.pair.ring = t_ring(T_ANONYMOUS, 4096, 0, 0);
	t_block_map(&c.block, weir_ring_handle(c.pair.ring));
	all_zero(c.block.producer);
	all_zero(c.block.consumer);
	/* who claims an end rings once, whoever is there */
	T_OK(weir_ring_tx(c.pair.ring, &c.pair.tx));
	COUNTS(c.block.producer, WAKES, 1);
	T_OK(weir_ring_rx(c.pair.ring, &c.pair.rx));
	COUNTS(c.block.consumer, WAKES, 1);
	COUNTS(c.block.producer, MESSAGES, 0);
	COUNTS(c.block.consumer, MESSAGES, 0);
	counted_close(&c);
}
END_TEST

/* By every way in: each message once, its payload and not its record. */
START_TEST(messages_and_bytes)
{
	char data[500] = "";
	struct weir_buf v[3] = { { data, sizeof(data), 10 },
				 { data + 100, 100, 0 },
				 { data + 200, 100, 33 } };
	const void *peeked;
	struct counted c;
	size_t len;
	void *room;

	counted_open(&c, 0, 0);
	T_OK(weir_tx_try_write(c.pair.tx, data, 5));
	T_OK(weir_tx_write(c.pair.tx, data, 7, T_SOON));
	T_OK(weir_tx_writev(c.pair.tx, v, 3, T_SOON));
	T_IS(weir_tx_write_batch(c.pair.tx, v, 3, T_SOON), 3);
	COUNTS(c.block.producer, MESSAGES, 6);
	COUNTS(c.block.producer, BYTES, 5 + 7 + 43 + 43);
	T_OK(weir_tx_reserve(c.pair.tx, 100, &room));
	T_OK(weir_tx_shrink(c.pair.tx, 90));
	T_OK(weir_tx_reserve(c.pair.tx, 20, &room));
	COUNTS(c.block.producer, MESSAGES, 6);
	T_IS(weir_tx_commit(c.pair.tx), 2);
	COUNTS(c.block.producer, MESSAGES, 8);
	COUNTS(c.block.producer, BYTES, 98 + 110);
	T_OK(weir_tx_reserve(c.pair.tx, 20, &room));
	T_OK(weir_tx_abort(c.pair.tx));
	COUNTS(c.block.producer, MESSAGES, 8);

	T_IS(weir_rx_try_read(c.pair.rx, data, 100), 5);
	T_IS(weir_rx_read(c.pair.rx, data, 100, T_SOON), 7);
	COUNTS(c.block.consumer, MESSAGES, 2);
	COUNTS(c.block.consumer, BYTES, 12);
	T_IS(weir_rx_read_batch(c.pair.rx, v, 2, T_SOON), 2);
	COUNTS(c.block.consumer, MESSAGES, 4);
	COUNTS(c.block.consumer, BYTES, 12 + 43 + 10);
	T_OK(weir_rx_peek(c.pair.rx, &peeked, &len));
	T_OK(weir_rx_rewind(c.pair.rx));
	T_OK(weir_rx_peek(c.pair.rx, &peeked, &len));
	T_OK(weir_rx_peek(c.pair.rx, &peeked, &len));
	COUNTS(c.block.consumer, MESSAGES, 4);
	T_IS(weir_rx_release(c.pair.rx), 2);
	COUNTS(c.block.consumer, MESSAGES, 6);
	COUNTS(c.block.consumer, BYTES, 65 + 33);
	T_IS(weir_rx_read(c.pair.rx, data, 100, T_SOON), 90);
	T_IS(weir_rx_read(c.pair.rx, data, 100, T_SOON), 20);
	COUNTS(c.block.consumer, MESSAGES, 8);
	COUNTS(c.block.consumer, BYTES, 208);
	COUNTS(c.block.producer, FULL, 0);
	COUNTS(c.block.consumer, FULL, 0);
	COUNTS(c.block.producer, ERRORS, 0);
	COUNTS(c.block.consumer, ERRORS, 0);
	counted_close(&c);
}
END_TEST

/* Who tries again and again at the same place has found it empty once. */
START_TEST(tried_again)
{
	struct counted c;
	uint64_t word = 0;
	int i;

	counted_open(&c, 0, -1);
	for (i = 0; i < 1000; i++)
		T_IS(weir_rx_try_read(c.pair.rx, &word, 8), -EAGAIN);
	COUNTS(c.block.consumer, FULL, 1);
	T_OK(weir_tx_try_write(c.pair.tx, &word, 8));
	T_IS(weir_rx_try_read(c.pair.rx, &word, 8), 8);
	for (i = 0; i < 1000; i++)
		T_IS(weir_rx_try_read(c.pair.rx, &word, 8), -EAGAIN);
	COUNTS(c.block.consumer, FULL, 2);
	counted_close(&c);
}
END_TEST

START_TEST(full_and_empty)
{
	static char data[1000];
	struct counted c;
	uint64_t was;

	counted_open(&c, 0, -1);
	T_IS(weir_rx_try_read(c.pair.rx, data, 8), -EAGAIN);
	COUNTS(c.block.consumer, FULL, 1);
	T_IS(weir_rx_read(c.pair.rx, data, 8, WEIR_NOWAIT), -EAGAIN);
	COUNTS(c.block.consumer, FULL, 1);
	COUNTS(c.block.producer, FULL, 0);
	while (!weir_tx_try_write(c.pair.tx, data, sizeof(data)))
		;
	COUNTS(c.block.producer, FULL, 1);
	T_IS(weir_tx_write(c.pair.tx, data, sizeof(data), WEIR_NOWAIT),
	     -EAGAIN);
	COUNTS(c.block.producer, FULL, 2);
	COUNTS(c.block.producer, MESSAGES, 4);
	/* a call that waits finds it full once */
	was = count_of(c.block.producer, WEIR_COUNT_FULL);
	T_IS(weir_tx_write(c.pair.tx, data, sizeof(data), weir_after(T_MS)),
	     -ETIMEDOUT);
	COUNTS(c.block.producer, FULL, was + 1);
	counted_close(&c);
}
END_TEST

START_TEST(errors)
{
	static char data[4096];
	struct counted c;

	counted_open(&c, 0, 0);
	T_IS(weir_tx_try_write(c.pair.tx, data, sizeof(data)), -EMSGSIZE);
	COUNTS(c.block.producer, ERRORS, 1);
	T_OK(weir_tx_try_write(c.pair.tx, data, 100));
	T_IS(weir_rx_try_read(c.pair.rx, data, 99), -EMSGSIZE);
	COUNTS(c.block.consumer, ERRORS, 1);
	COUNTS(c.block.consumer, MESSAGES, 0);
	COUNTS(c.block.producer, MESSAGES, 1);
	counted_close(&c);
}
END_TEST

static void *read_one(void *arg)
{
	struct counted *c = arg;
	char data[8];

	T_IS(weir_rx_read(c->pair.rx, data, 8, T_SOON), 8);
	return NULL;
}

/*
 * A sleep is a park of the reader, its end one wake of the writer; none where
 * the reader has just come back by itself, which is rare but may happen.
 */
START_TEST(parks_and_wakes)
{
	int64_t until = T_SOON;
	struct counted c;
	pthread_t thread;
	uint64_t i, parks, wakes, rung = 0;

	counted_open(&c, 0, -1);
	for (i = 1; rung < 10 && weir_now() < until; i++) {
		parks = count_of(c.block.consumer, WEIR_COUNT_PARKS);
		wakes = count_of(c.block.producer, WEIR_COUNT_WAKES);
		thread = t_thread(read_one, &c);
		while (count_of(c.block.consumer, WEIR_COUNT_PARKS) == parks &&
		       weir_now() < until)
			weir_fence_compiler();
		T_OK(weir_tx_try_write(c.pair.tx, &i, 8));
		t_join(thread);
		T_ASSERT(count_of(c.block.consumer, WEIR_COUNT_PARKS) > parks);
		wakes = count_of(c.block.producer, WEIR_COUNT_WAKES) - wakes;
		T_ASSERT(wakes <= 1);
		rung += wakes;
	}
	T_IS(rung, 10);
	/* the first is that of the claim */
	wakes = 1 + rung;
	COUNTS(c.block.producer, WAKES, wakes);
	COUNTS(c.block.consumer, WAKES, 1);
	COUNTS(c.block.producer, PARKS, 0);
	/* awake, it is not rung for */
	T_OK(weir_tx_try_write(c.pair.tx, &i, 8));
	T_OK(weir_tx_try_write(c.pair.tx, &i, 8));
	COUNTS(c.block.producer, WAKES, wakes);
	counted_close(&c);
}
END_TEST

/*
 * A wait that ends before it sleeps. Rarely the message comes between the
 * first look, which is seen here, and the wait: then there is nothing to spin
 * for, and the next one has to show it.
 */
START_TEST(spins)
{
	uint64_t word = 0, full, spun = 0;
	int64_t until = T_SOON;
	struct counted c;
	pthread_t thread;
	int rounds = 0;

	if (t_cpus() < 2)
		T_SKIP("two CPUs: with one there is no spin");
	counted_open(&c, 0, INT32_MAX);
	while (!spun && rounds++ < 100) {
		full = count_of(c.block.consumer, WEIR_COUNT_FULL);
		thread = t_thread(read_one, &c);
		while (count_of(c.block.consumer, WEIR_COUNT_FULL) == full &&
		       weir_now() < until)
			weir_fence_compiler();
		T_OK(weir_tx_try_write(c.pair.tx, &word, 8));
		t_join(thread);
		COUNTS(c.block.consumer, MESSAGES, rounds);
		spun = count_of(c.block.consumer, WEIR_COUNT_SPINS);
	}
	T_IS(spun, 1);
	COUNTS(c.block.consumer, PARKS, 0);
	COUNTS(c.block.producer, WAKES, 1);
	counted_close(&c);
}
END_TEST

/* The next holder of an end goes on counting. */
START_TEST(a_successor_goes_on)
{
	struct counted c;
	char data[8] = "";
	int i;

	counted_open(&c, 0, 0);
	for (i = 1; i <= 3; i++) {
		T_OK(weir_tx_try_write(c.pair.tx, data, 8));
		T_IS(weir_rx_try_read(c.pair.rx, data, 8), 8);
		COUNTS(c.block.producer, MESSAGES, i);
		COUNTS(c.block.consumer, MESSAGES, i);
		COUNTS(c.block.consumer, BYTES, 8 * i);
		weir_tx_close(c.pair.tx);
		weir_rx_close(c.pair.rx);
		T_OK(weir_ring_tx(c.pair.ring, &c.pair.tx));
		T_OK(weir_ring_rx(c.pair.ring, &c.pair.rx));
	}
	T_IS(weir_load_relaxed32(&c.block.producer->claims), 4);
	T_IS(weir_load_relaxed32(&c.block.consumer->claims), 4);
	counted_close(&c);
}
END_TEST

START_TEST(no_metrics)
{
	static char data[4096];
	struct weir_buf v = { data, sizeof(data), 8 };
	struct counted c;
	int i;

	counted_open(&c, WEIR_RING_NO_METRICS, 0);
	for (i = 0; i < 100; i++) {
		T_OK(weir_tx_try_write(c.pair.tx, data, 100));
		T_IS(weir_tx_write_batch(c.pair.tx, &v, 1, T_SOON), 1);
		T_IS(weir_rx_try_read(c.pair.rx, data, sizeof(data)), 100);
		T_IS(weir_rx_read_batch(c.pair.rx, &v, 1, T_SOON), 1);
		T_IS(weir_rx_read(c.pair.rx, data, 8, weir_after(0)),
		     -ETIMEDOUT);
		T_IS(weir_tx_try_write(c.pair.tx, data, 4096), -EMSGSIZE);
		v.len = 8;
	}
	all_zero(c.block.producer);
	all_zero(c.block.consumer);
	counted_close(&c);
}
END_TEST

void t_build(void)
{
	T_ADD(fresh_is_zero);
	T_ADD(messages_and_bytes);
	T_ADD(full_and_empty);
	T_ADD(tried_again);
	T_ADD(errors);
	T_ADD(parks_and_wakes);
	T_ADD(spins);
	T_ADD(a_successor_goes_on);
	T_ADD(no_metrics);
}
