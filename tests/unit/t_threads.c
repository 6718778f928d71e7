/* SPDX-License-Identifier: MIT */
/*
 * Two threads at the two ends of a ring: private, anonymous and named, busy
 * and asleep. Whatever waits does so with a deadline far away: a lost wake is
 * a -ETIMEDOUT, not a hang.
 *
 * Seen to fail with: a sleeper that does not look again after it has said that
 * it sleeps; a release that rings the producer too late; a cancel that sets its
 * word and rings nobody; a close that does not ring.
 */
#include "../t.h"

#include <sched.h>

struct side {
	struct t_pair *pair;
	struct t_barrier *barrier;
	unsigned int count;	/* messages */
	size_t max;
	int busy;
	int batch;
};

/* Both sides know the length of each message. */
static size_t len_of(const struct side *side, unsigned int i)
{
	uint64_t x = (i + 1) * 0x9e3779b97f4a7c15ull;

	/* some are large, or the ring would never be full */
	return (size_t)(x >> 40) % (i % 16 ? side->max / 32 : side->max) + 1;
}

/* ---- a stream of messages ----------------------------------------------- */

static void send_busy(struct side *side, const void *data, size_t len)
{
	int64_t until = T_SOON;
	int error;

	while ((error = weir_tx_try_write(side->pair->tx, data, len)) ==
	       -EAGAIN && weir_now() < until)
		sched_yield();
	T_OK(error);
}

static void send_batch(struct side *side, unsigned int *i)
{
	unsigned int n = 0;
	void *data;
	int error = 0;

	while (*i < side->count && n < 8) {
		error = weir_tx_reserve(side->pair->tx, len_of(side, *i),
					&data);
		if (error)
			break;
		t_fill(data, len_of(side, *i), *i);
		n++;
		(*i)++;
	}
	T_ASSERT(!error || error == -EAGAIN);
	if (n)
		T_IS(weir_tx_commit(side->pair->tx), n);
	else
		T_OK(weir_tx_wait(side->pair->tx, len_of(side, *i), T_SOON));
}

static void *sender(void *arg)
{
	struct side *side = arg;
	unsigned char *data = malloc(side->max + 1);
	unsigned int i = 0;
	size_t len;

	t_barrier_wait(side->barrier);
	while (i < side->count) {
		if (side->batch) {
			send_batch(side, &i);
			continue;
		}
		len = len_of(side, i);
		t_fill(data, len, i++);
		if (side->busy)
			send_busy(side, data, len);
		else
			T_OK(weir_tx_write(side->pair->tx, data, len, T_SOON));
	}
	free(data);
	return NULL;
}

static void receive_batch(struct side *side, unsigned int *i)
{
	const void *data;
	unsigned int n = 0;
	size_t len;

	T_OK(weir_rx_wait(side->pair->rx, T_SOON));
	while (n < 8 && !weir_rx_peek(side->pair->rx, &data, &len)) {
		T_IS(len, len_of(side, *i));
		T_ASSERT(t_filled(data, len, *i));
		n++;
		(*i)++;
	}
	T_ASSERT(n);
	T_IS(weir_rx_release(side->pair->rx), n);
}

static ssize_t receive_busy(struct side *side, void *data)
{
	int64_t until = T_SOON;
	ssize_t got;

	while ((got = weir_rx_try_read(side->pair->rx, data, side->max)) ==
	       -EAGAIN && weir_now() < until)
		sched_yield();
	return got;
}

static void receiver(struct side *side)
{
	unsigned char *data = malloc(side->max + 1);
	unsigned int i = 0;
	ssize_t got;

	t_barrier_wait(side->barrier);
	while (i < side->count) {
		if (side->batch) {
			receive_batch(side, &i);
			continue;
		}
		got = side->busy ? receive_busy(side, data) :
		      weir_rx_read(side->pair->rx, data, side->max, T_SOON);
		T_IS(got, len_of(side, i));
		T_ASSERT(t_filled(data, (size_t)got, i++));
	}
	free(data);
}

static void flow(enum t_kind kind, uint64_t capacity, int32_t spin_us,
		 struct side *how)
{
	struct weir_ring_info info;
	struct t_barrier barrier;
	struct t_pair pair;
	pthread_t thread;

	t_pair_open(&pair, kind, capacity, spin_us);
	t_barrier_open(&barrier, 2);
	T_OK(weir_ring_info(pair.ring, &info));
	how->pair = &pair;
	how->barrier = &barrier;
	how->max = (size_t)info.max_message;
	thread = t_thread(sender, how);
	receiver(how);
	t_join(thread);
	T_IS(weir_rx_wait(pair.rx, WEIR_NOWAIT), -EAGAIN);
	t_pair_close(&pair);
}

static void flow_of_every_kind(int32_t spin_us, struct side *how)
{
	int kind;

	for (kind = T_PRIVATE; kind <= T_NAMED; kind++) {
		how->count = 4000;
		flow((enum t_kind)kind, 4096, spin_us, how);
		how->count = 1500;
		flow((enum t_kind)kind, 65536, spin_us, how);
	}
}

START_TEST(flow_busy)
{
	struct side how = { .busy = 1 };

	flow_of_every_kind(0, &how);
}
END_TEST

START_TEST(flow_asleep)
{
	struct side how = { .busy = 0 };

	flow_of_every_kind(-1, &how);
}
END_TEST

START_TEST(flow_adaptive)
{
	struct side how = { .busy = 0 };

	flow_of_every_kind(0, &how);
}
END_TEST

START_TEST(flow_in_batches)
{
	struct side how = { .batch = 1 };

	flow_of_every_kind(-1, &how);
	flow_of_every_kind(0, &how);
}
END_TEST

/* ---- there and back ----------------------------------------------------- */

struct echo {
	struct t_pair *there, *back;
	unsigned int count;
};

static void *echo(void *arg)
{
	struct echo *echo = arg;
	uint64_t word;
	unsigned int i;

	for (i = 0; i < echo->count; i++) {
		T_IS(weir_rx_read(echo->there->rx, &word, 8, T_SOON), 8);
		T_OK(weir_tx_write(echo->back->tx, &word, 8, T_SOON));
	}
	return NULL;
}

static void there_and_back(enum t_kind kind, int32_t spin_us,
			   unsigned int count)
{
	struct t_pair there, back;
	struct echo side = { &there, &back, count };
	pthread_t thread;
	uint64_t i, word;

	t_pair_open(&there, kind, 4096, spin_us);
	t_pair_open(&back, kind, 4096, spin_us);
	thread = t_thread(echo, &side);
	for (i = 0; i < count; i++) {
		T_OK(weir_tx_write(there.tx, &i, 8, T_SOON));
		T_IS(weir_rx_read(back.rx, &word, 8, T_SOON), 8);
		T_ASSERT(word == i);
	}
	t_join(thread);
	t_pair_close(&there);
	t_pair_close(&back);
}

/* Each message finds its reader asleep, or about to. */
START_TEST(there_and_back_asleep)
{
	there_and_back(T_PRIVATE, -1, 4000);
	there_and_back(T_ANONYMOUS, -1, 4000);
	there_and_back(T_NAMED, -1, 1000);
}
END_TEST

START_TEST(there_and_back_adaptive)
{
	there_and_back(T_PRIVATE, 0, 4000);
	there_and_back(T_ANONYMOUS, 0, 4000);
	there_and_back(T_NAMED, 20, 1000);
}
END_TEST

/* ---- what ends a wait --------------------------------------------------- */

struct waiter {
	struct t_pair *pair;
	struct t_barrier barrier;
	long long answer;
};

static void *wait_for_a_message(void *arg)
{
	struct waiter *waiter = arg;
	char text[16];

	t_barrier_wait(&waiter->barrier);
	waiter->answer = weir_rx_read(waiter->pair->rx, text, sizeof(text),
				      T_SOON);
	return NULL;
}

static void *wait_for_room(void *arg)
{
	struct waiter *waiter = arg;

	t_barrier_wait(&waiter->barrier);
	waiter->answer = weir_tx_wait(waiter->pair->tx, 2000, T_SOON);
	return NULL;
}

/* For how a wait ends it should not matter how far it has come: some rounds
   end it at once, some after a while, some when it sleeps, which a shared ring
   shows. */
static void let_it_wait(struct t_pair *pair, int reader, int round)
{
	const struct weir_half *half;
	struct t_block block;
	int64_t until = T_SOON;
	int i;

	if (round % 3 == 0)
		return;
	for (i = 0; i < round * 100; i++)
		sched_yield();
	if (round % 3 == 1 ||
	    weir_ring_handle(pair->ring) == WEIR_HANDLE_NONE)
		return;
	t_block_map(&block, weir_ring_handle(pair->ring));
	half = reader ? block.consumer : block.producer;
	/* relaxed: only whether it says that it sleeps */
	while (!(weir_load_relaxed32(&half->waiting) & WEIR_ASLEEP_MASK) &&
	       weir_now() < until)
		sched_yield();
	T_ASSERT(weir_load_relaxed32(&half->waiting) & WEIR_ASLEEP_MASK);
	t_block_unmap(&block);
}

static void fill_up(struct t_pair *pair)
{
	static const char data[1000];

	while (!weir_tx_try_write(pair->tx, data, sizeof(data)))
		;
}

enum ending { BY_CANCEL, BY_CLOSE, BY_MESSAGE };

static void end_a_read(struct t_pair *pair, enum ending ending)
{
	if (ending == BY_CANCEL)
		T_OK(weir_rx_cancel(pair->rx));
	else if (ending == BY_CLOSE)
		weir_tx_close(pair->tx);
	else
		T_OK(weir_tx_try_write(pair->tx, "abc", 3));
}

static void end_a_write(struct t_pair *pair, enum ending ending)
{
	char data[1000];

	if (ending == BY_CANCEL) {
		T_OK(weir_tx_cancel(pair->tx));
	} else if (ending == BY_CLOSE) {
		weir_rx_close(pair->rx);
	} else {
		while (weir_rx_try_read(pair->rx, data, sizeof(data)) >= 0)
			;
	}
}

static void ended_by(enum ending ending, int reader, long long want)
{
	struct waiter waiter;
	struct t_pair pair;
	pthread_t thread;
	int kind, round;

	for (round = 0; round < 12; round++) {
		for (kind = T_PRIVATE; kind <= T_NAMED; kind++) {
			t_pair_open(&pair, (enum t_kind)kind, 4096,
				    round % 2 ? 0 : -1);
			if (!reader)
				fill_up(&pair);
			waiter.pair = &pair;
			t_barrier_open(&waiter.barrier, 2);
			thread = t_thread(reader ? wait_for_a_message :
						   wait_for_room, &waiter);
			t_barrier_wait(&waiter.barrier);
			let_it_wait(&pair, reader, round);
			if (reader)
				end_a_read(&pair, ending);
			else
				end_a_write(&pair, ending);
			t_join(thread);
			T_IS(waiter.answer, want);
			t_pair_close(&pair);
		}
	}
}

START_TEST(read_ended_by_cancel)
{
	ended_by(BY_CANCEL, 1, -ECANCELED);
}
END_TEST

START_TEST(read_ended_by_close)
{
	ended_by(BY_CLOSE, 1, -EPIPE);
}
END_TEST

START_TEST(read_ended_by_a_message)
{
	ended_by(BY_MESSAGE, 1, 3);
}
END_TEST

START_TEST(wait_ended_by_cancel)
{
	ended_by(BY_CANCEL, 0, -ECANCELED);
}
END_TEST

START_TEST(wait_ended_by_close)
{
	ended_by(BY_CLOSE, 0, -EPIPE);
}
END_TEST

START_TEST(wait_ended_by_room)
{
	ended_by(BY_MESSAGE, 0, 0);
}
END_TEST

/* ---- who comes later ---------------------------------------------------- */

static void *come_later(void *arg)
{
	struct waiter *waiter = arg;
	struct t_pair *pair = waiter->pair;
	char text[1000];
	int reader = !pair->rx;

	t_barrier_wait(&waiter->barrier);
	let_it_wait(pair, !reader, (int)waiter->answer);
	if (reader) {
		T_OK(weir_ring_rx(pair->ring, &pair->rx));
		while (weir_rx_try_read(pair->rx, text, sizeof(text)) >= 0)
			;
	} else {
		T_OK(weir_ring_tx(pair->ring, &pair->tx));
		T_OK(weir_tx_write(pair->tx, "late", 5, T_SOON));
	}
	return NULL;
}

/* An end that nobody has claimed is waited for, by one who sleeps already. */
START_TEST(never_claimed_comes)
{
	struct t_pair pair = { NULL, NULL, NULL, NULL };
	struct waiter waiter = { &pair, .answer = 0 };
	pthread_t thread;
	char text[8];
	int kind, round;

	for (round = 0; round < 9; round++) {
		kind = round % 2 ? T_ANONYMOUS : T_PRIVATE;
		pair.tx = NULL;
		pair.ring = t_ring((enum t_kind)kind, 4096, 0, -1);
		T_OK(weir_ring_rx(pair.ring, &pair.rx));
		waiter.answer = round;
		t_barrier_open(&waiter.barrier, 2);
		thread = t_thread(come_later, &waiter);
		t_barrier_wait(&waiter.barrier);
		T_IS(weir_rx_read(pair.rx, text, sizeof(text), T_SOON), 5);
		t_join(thread);
		weir_ring_close(pair.ring);

		pair.rx = NULL;
		pair.ring = t_ring((enum t_kind)kind, 4096, 0, -1);
		T_OK(weir_ring_tx(pair.ring, &pair.tx));
		fill_up(&pair);
		t_barrier_open(&waiter.barrier, 2);
		thread = t_thread(come_later, &waiter);
		t_barrier_wait(&waiter.barrier);
		T_OK(weir_tx_wait(pair.tx, 2000, T_SOON));
		t_join(thread);
		weir_ring_close(pair.ring);
	}
}
END_TEST

/* ---- ends that change hands --------------------------------------------- */

#define HANDS 200

static void *many_writers(void *arg)
{
	struct t_pair *pair = arg;
	struct weir_tx *tx;
	uint64_t i, word;

	for (i = 0; i < HANDS; i++) {
		T_OK(weir_ring_tx(pair->ring, &tx));
		for (word = i * 10; word < i * 10 + 10; word++)
			T_OK(weir_tx_write(tx, &word, 8, T_SOON));
		weir_tx_close(tx);
	}
	return NULL;
}

/* The reader sees -EPIPE now and then, and every message once, in order. */
static void hands(enum t_kind kind)
{
	struct t_pair pair;
	pthread_t thread;
	uint64_t want = 0, word;
	ssize_t got;

	t_pair_open(&pair, kind, 4096, -1);
	weir_tx_close(pair.tx);
	thread = t_thread(many_writers, &pair);
	while (want < 10 * HANDS) {
		got = weir_rx_read(pair.rx, &word, 8, T_SOON);
		if (got == -EPIPE) {
			sched_yield();
			continue;
		}
		T_IS(got, 8);
		T_ASSERT(word == want++);
	}
	t_join(thread);
	T_IS(weir_rx_read(pair.rx, &word, 8, T_SOON), -EPIPE);
	t_pair_close(&pair);
}

START_TEST(writers_come_and_go)
{
	hands(T_PRIVATE);
	hands(T_ANONYMOUS);
	hands(T_NAMED);
}
END_TEST

void t_build(void)
{
	T_ADD(flow_busy);
	T_ADD(flow_asleep);
	T_ADD(flow_adaptive);
	T_ADD(flow_in_batches);
	T_ADD(there_and_back_asleep);
	T_ADD(there_and_back_adaptive);
	T_ADD(read_ended_by_cancel);
	T_ADD(read_ended_by_close);
	T_ADD(read_ended_by_a_message);
	T_ADD(wait_ended_by_cancel);
	T_ADD(wait_ended_by_close);
	T_ADD(wait_ended_by_room);
	T_ADD(never_claimed_comes);
	T_ADD(writers_come_and_go);
}
