/* SPDX-License-Identifier: MIT */
/*
 * Runs: equal messages of a batch as one record. Whatever call reads them, in
 * whatever mix, they are messages like others; an end that is given back in
 * the middle of a run leaves the rest to a successor.
 *
 * Seen to fail with: no run left for a successor (say_run); run words that are
 * kept when the next run is entered; a run one message too long for the end of
 * the data, or for the room; a batch read that goes on behind a buffer that is
 * too small; a run's messages counted as one; a producer's successor that
 * begins at the consumer's position; padding that shows the sender's stack.
 */
#include "../t.h"

#define CAPACITY 4096
#define MANY 5000

/* An emulated CPU has not the time for each place, and shows what it is there
   to show at some. */
static size_t step(void)
{
	return getenv("WEIR_EMULATOR") ? 7 : 1;
}

struct stage {
	struct t_pair pair;
	struct t_block block;
	uint64_t written, read;	/* numbers */
	struct t_random random;
};

static unsigned char data[MANY * 64], buffer[MANY * 64];
static struct weir_buf out[MANY], in[MANY];

static void stage_open(struct stage *stage, uint64_t capacity)
{
	memset(stage, 0, sizeof(*stage));
	stage->random.state = 4711;
	t_pair_open(&stage->pair, T_ANONYMOUS, capacity, 0);
	t_block_map(&stage->block, weir_ring_handle(stage->pair.ring));
}

static void stage_close(struct stage *stage)
{
	t_block_unmap(&stage->block);
	t_pair_close(&stage->pair);
}

static uint64_t position(const struct weir_half *half)
{
	/* relaxed: this thread stored it */
	return weir_load_relaxed64(&half->position);
}

static unsigned int kind_at(const struct stage *stage, uint64_t pos)
{
	/* relaxed: the same */
	return (unsigned int)weir_load_relaxed64(
		       t_block_header(&stage->block, pos)) & WEIR_KIND_MASK;
}

/* A batch of n messages of len bytes; how many were sent. */
static size_t batch(struct stage *stage, size_t len, size_t n)
{
	size_t i;
	int got;

	T_ASSERT(n <= MANY && n * len <= sizeof(data));
	for (i = 0; i < n; i++) {
		out[i] = (struct weir_buf){ data + i * len, 0, len };
		t_fill(out[i].data, len, stage->written + i);
	}
	got = weir_tx_write_batch(stage->pair.tx, out, n, WEIR_NOWAIT);
	if (got == -EAGAIN)
		return 0;
	T_ASSERT(got > 0);
	stage->written += (uint64_t)got;
	return (size_t)got;
}

static void batch_all(struct stage *stage, size_t len, size_t n)
{
	T_IS(batch(stage, len, n), n);
}

static void is_next(struct stage *stage, const void *at, long long got,
		    size_t len)
{
	T_IS(got, len);
	T_ASSERT(t_filled(at, len, stage->read));
	stage->read++;
}

static void peek_one(struct stage *stage, size_t len)
{
	const void *at = NULL;
	size_t n = 0;

	T_OK(weir_rx_peek(stage->pair.rx, &at, &n));
	T_ASSERT(!((uintptr_t)at % 8));
	is_next(stage, at, (long long)n, len);
}

static void nothing_left(struct stage *stage)
{
	T_IS(stage->read, stage->written);
	T_IS(weir_rx_try_read(stage->pair.rx, buffer, sizeof(buffer)),
	     -EAGAIN);
	T_IS(position(stage->block.consumer), position(stage->block.producer));
}

/* ---- every way to take a message, which is of len bytes ----------------- */

static void by_try_read(struct stage *stage, size_t len, size_t left)
{
	(void)left;
	memset(buffer, 0xee, len + 8);
	is_next(stage, buffer,
		weir_rx_try_read(stage->pair.rx, buffer, sizeof(buffer)), len);
	T_IS(buffer[len], 0xee);
}

static void by_read(struct stage *stage, size_t len, size_t left)
{
	(void)left;
	is_next(stage, buffer,
		weir_rx_read(stage->pair.rx, buffer, len, T_SOON), len);
}

static void by_wait(struct stage *stage, size_t len, size_t left)
{
	(void)left;
	T_OK(weir_rx_wait(stage->pair.rx, WEIR_NOWAIT));
	T_IS(weir_rx_next_len(stage->pair.rx), len);
	T_IS(weir_rx_try_read(stage->pair.rx, buffer, len - 1), -EMSGSIZE);
	T_IS(weir_rx_try_read(stage->pair.rx, buffer, 0), -EMSGSIZE);
	is_next(stage, buffer,
		weir_rx_try_read(stage->pair.rx, buffer, len), len);
}

static size_t some_of(struct stage *stage, size_t left)
{
	return 1 + (size_t)t_random_below(&stage->random, left < 9 ? left : 9);
}

static void by_peeks(struct stage *stage, size_t len, size_t left)
{
	size_t i, n = some_of(stage, left);

	for (i = 0; i < n; i++)
		peek_one(stage, len);
	T_IS(weir_rx_try_read(stage->pair.rx, buffer, sizeof(buffer)),
	     -EINVAL);
	T_IS(weir_rx_release(stage->pair.rx), n);
}

static void by_rewind(struct stage *stage, size_t len, size_t left)
{
	size_t i, n = some_of(stage, left);

	for (i = 0; i < n; i++)
		peek_one(stage, len);
	T_OK(weir_rx_rewind(stage->pair.rx));
	stage->read -= n;
	by_try_read(stage, len, left);
}

static void by_batch(struct stage *stage, size_t len, size_t left)
{
	size_t i, n = some_of(stage, left), small = n;

	for (i = 0; i < n; i++)
		in[i] = (struct weir_buf){ buffer + i * len, len, 4711 };
	/* now and then one is too small, and loses nothing */
	if (!t_random_below(&stage->random, 3)) {
		small = (size_t)t_random_below(&stage->random, n);
		in[small].size = len - 1;
	}
	T_IS(weir_rx_read_batch(stage->pair.rx, in, n, T_SOON),
	     small ? (long long)small : -EMSGSIZE);
	for (i = 0; i < small; i++)
		is_next(stage, in[i].data, (long long)in[i].len, len);
	T_ASSERT(small == n || in[small].len == 4711);
	if (!small)
		by_read(stage, len, left);
}

static void (*const ways[])(struct stage *, size_t, size_t) = {
	by_try_read, by_read, by_wait, by_peeks, by_rewind, by_batch,
};

/* way -1: another one each time */
static void read_all(struct stage *stage, size_t len, int way)
{
	while (stage->read < stage->written) {
		uint64_t pick = way >= 0 ? (uint64_t)way :
			t_random_below(&stage->random, T_COUNT(ways));

		ways[pick](stage, len,
			   (size_t)(stage->written - stage->read));
	}
}

static const size_t lens[] = { 1, 7, 8, 9, 16, 63, 64, 100, 511, 512, 513 };

START_TEST(every_way_reads_them)
{
	struct stage stage;
	size_t i, n;
	int way;

	for (way = -1; way < (int)T_COUNT(ways); way++) {
		stage_open(&stage, 65536);
		for (i = 0; i < T_COUNT(lens); i++) {
			for (n = 1; n < 40; n += 1 + n / 5) {
				uint64_t at = position(stage.block.producer);

				batch_all(&stage, lens[i], n);
				if (65536 - at % 65536 >= 40 * 520)
					T_IS(kind_at(&stage, at),
					     n >= 3 && lens[i] <= 512 ?
					     WEIR_KIND_RUN : WEIR_KIND_RECORD);
				read_all(&stage, lens[i], way);
				nothing_left(&stage);
			}
		}
		stage_close(&stage);
	}
}
END_TEST

START_TEST(more_than_one_run_holds)
{
	struct stage stage;
	int round;

	stage_open(&stage, 65536);
	for (round = 0; round < 6; round++) {
		batch_all(&stage, 8, MANY);
		read_all(&stage, 8, round % 2 ? -1 : 5);
		nothing_left(&stage);
	}
	stage_close(&stage);
}
END_TEST

/* Lengths that come singly, in pairs and in rows, with nothing among them. */
START_TEST(mixed_lengths)
{
	struct stage stage;
	size_t len[60], i, n, at, round;
	int got;

	stage_open(&stage, 16384);
	for (round = 0; round < 400; round++) {
		for (i = at = 0; i < T_COUNT(len); i++, at += len[i - 1]) {
			len[i] = i && t_random_below(&stage.random, 4) ?
				len[i - 1] :
				(size_t)t_random_below(&stage.random, 40) *
				(size_t)t_random_below(&stage.random, 3);
			out[i] = (struct weir_buf){ data + at, 0, len[i] };
			t_fill(out[i].data, len[i], stage.written + i);
		}
		T_IS(weir_tx_write_batch(stage.pair.tx, out, T_COUNT(len),
					 WEIR_NOWAIT), T_COUNT(len));
		stage.written += T_COUNT(len);
		for (i = 0; i < T_COUNT(len); i += n) {
			n = 1;
			if (len[i] && t_random_below(&stage.random, 2)) {
				by_wait(&stage, len[i], 1);
				continue;
			}
			n = some_of(&stage, T_COUNT(len) - i);
			for (at = 0; at < n; at++)
				in[at] = (struct weir_buf){ buffer + at * 128,
							    128, 0 };
			got = weir_rx_read_batch(stage.pair.rx, in, n, T_SOON);
			T_IS(got, n);
			for (at = 0; at < n; at++)
				is_next(&stage, in[at].data,
					(long long)in[at].len, len[i + at]);
		}
		nothing_left(&stage);
	}
	stage_close(&stage);
}
END_TEST

/* Behind a message there are bytes that nobody wrote: zero in a fresh ring. */
START_TEST(padding_says_nothing)
{
	static const size_t odd[] = { 1, 9, 20, 63, 511 };
	struct stage stage;
	uint64_t at;
	size_t i, j, n, stride;

	for (i = 0; i < T_COUNT(odd); i++) {
		stage_open(&stage, 65536);
		stride = (odd[i] + 7) / 8 * 8;
		for (n = 3; n <= 60; n += 57) {
			at = position(stage.block.producer) + 16;
			batch_all(&stage, odd[i], n);
			for (j = 0; j < n * stride; j++)
				T_ASSERT(j % stride < odd[i] ||
					 !stage.block.data[at + j]);
		}
		stage_close(&stage);
	}
}
END_TEST

/* ---- where they are cut ------------------------------------------------- */

/* How many of n messages fit from pos on, told from the rule alone. */
static size_t model_batch(struct t_model *model, uint64_t pos, size_t len,
			  size_t n)
{
	uint64_t stride = (len + 7) / 8 * 8, free, piece;
	size_t i = 0, run;

	while (i < n) {
		free = model->read + model->capacity - 8 - pos;
		piece = model->capacity - pos % model->capacity;
		if (free > piece)
			free = piece;
		run = free < 16 ? 0 : (size_t)((free - 16) / stride);
		if (run > n - i)
			run = n - i;
		if (len && len <= 512 && run >= 3) {
			pos += 16 + run * stride;
			i += run;
			continue;
		}
		if (!t_model_fits(model, pos, len))
			break;
		pos = t_model_end(model, pos, len);
		i++;
	}
	model->written = pos;
	return i;
}

START_TEST(cut_by_end_and_room)
{
	static const size_t some[] = { 8, 24, 120, 400, 512 };
	struct stage stage;
	uint64_t at;
	size_t i;

	for (i = 0; i < T_COUNT(some); i++) {
		for (at = 0; at < CAPACITY; at += 8 * step()) {
			struct t_model model = { CAPACITY, at, at };
			size_t fits;

			stage_open(&stage, CAPACITY);
			while (position(stage.block.producer) < at) {
				uint64_t rest = at -
					position(stage.block.producer);
				size_t len = rest > 1024 ? 1016 :
					     (size_t)rest - 8;

				batch_all(&stage, len, 1);
				read_all(&stage, len, 0);
			}
			fits = model_batch(&model, at, some[i], 600);
			T_IS(batch(&stage, some[i], 600), fits);
			T_IS(position(stage.block.producer), model.written);
			T_IS(batch(&stage, some[i], 3), 0);
			/* some room again, in the middle of the run */
			by_try_read(&stage, some[i], 1);
			by_read(&stage, some[i], 1);
			model.read = position(stage.block.consumer);
			fits = model_batch(&model, model.written, some[i], 7);
			T_IS(batch(&stage, some[i], 7), fits);
			T_IS(position(stage.block.producer), model.written);
			read_all(&stage, some[i], at % 16 ? 0 : -1);
			nothing_left(&stage);
			stage_close(&stage);
		}
	}
}
END_TEST

/* With a deadline all go, as soon as there is room for them. */
#define WAITING 2000

static void *reads_all(void *arg)
{
	struct stage *stage = arg;

	while (stage->read < WAITING)
		by_read(stage, 40, 1);
	return NULL;
}

START_TEST(waits_for_room)
{
	struct stage stage;
	pthread_t thread;
	size_t i;

	stage_open(&stage, CAPACITY);
	for (i = 0; i < WAITING; i++) {
		out[i] = (struct weir_buf){ data + i * 40, 0, 40 };
		t_fill(out[i].data, 40, i);
	}
	thread = t_thread(reads_all, &stage);
	T_IS(weir_tx_write_batch(stage.pair.tx, out, WAITING, T_SOON),
	     WAITING);
	t_join(thread);
	stage_close(&stage);
}
END_TEST

/* ---- counters ----------------------------------------------------------- */

START_TEST(counters_are_exact)
{
	struct stage stage;
	const struct weir_half *tx, *rx;
	uint64_t n = 0, bytes = 0;
	size_t i;

	stage_open(&stage, 65536);
	tx = stage.block.producer;
	rx = stage.block.consumer;
	for (i = 0; i < T_COUNT(lens); i++) {
		batch_all(&stage, lens[i], 20);
		n += 20;
		bytes += 20 * lens[i];
		/* relaxed: this thread counts */
		T_IS(weir_load_relaxed64(&tx->counters[WEIR_COUNT_MESSAGES]),
		     n);
		T_IS(weir_load_relaxed64(&tx->counters[WEIR_COUNT_BYTES]),
		     bytes);
		T_IS(weir_load_relaxed64(&rx->counters[WEIR_COUNT_MESSAGES]),
		     n - 20);
		by_try_read(&stage, lens[i], 1);
		T_IS(weir_load_relaxed64(&rx->counters[WEIR_COUNT_MESSAGES]),
		     n - 19);
		T_IS(weir_load_relaxed64(&rx->counters[WEIR_COUNT_BYTES]),
		     bytes - 19 * lens[i]);
		read_all(&stage, lens[i], -1);
		T_IS(weir_load_relaxed64(&rx->counters[WEIR_COUNT_MESSAGES]),
		     n);
		T_IS(weir_load_relaxed64(&rx->counters[WEIR_COUNT_BYTES]),
		     bytes);
	}
	stage_close(&stage);
}
END_TEST

/* ---- successors --------------------------------------------------------- */

static void new_reader(struct stage *stage)
{
	weir_rx_close(stage->pair.rx);
	T_OK(weir_ring_rx(stage->pair.ring, &stage->pair.rx));
}

static void new_writer(struct stage *stage)
{
	weir_tx_close(stage->pair.tx);
	T_OK(weir_ring_tx(stage->pair.other, &stage->pair.tx));
}

/* After so many, taken so, with so many peeked and not released. */
static void leave_after(size_t len, size_t taken, int way, size_t peeked)
{
	struct stage stage;
	size_t i;

	stage_open(&stage, CAPACITY);
	/* an older run, and one behind it */
	batch_all(&stage, 8, 4);
	read_all(&stage, 8, 0);
	batch_all(&stage, len, 6);
	for (i = 0; i < taken; i++)
		ways[way](&stage, len, 1);
	for (i = 0; i < peeked; i++)
		peek_one(&stage, len);
	stage.read -= peeked;
	new_reader(&stage);
	if (taken < 6)
		by_wait(&stage, len, 1);
	new_reader(&stage);
	read_all(&stage, len, -1);
	nothing_left(&stage);
	batch_all(&stage, len, 5);
	read_all(&stage, len, -1);
	nothing_left(&stage);
	stage_close(&stage);
}

START_TEST(a_reader_leaves_in_the_middle)
{
	static const size_t some[] = { 3, 8, 50, 200 };
	size_t i, taken, peeked;
	int way;

	for (i = 0; i < T_COUNT(some); i++)
		for (taken = 0; taken <= 6; taken++)
			for (way = 0; way < (int)T_COUNT(ways); way++)
				for (peeked = 0; peeked <= 6 - taken; peeked++)
					leave_after(some[i], taken, way,
						    peeked);
}
END_TEST

/* From the middle of one run into the middle of the next. */
START_TEST(a_reader_leaves_in_the_second)
{
	struct stage stage;
	size_t first, second, i;

	for (first = 0; first <= 5; first++) {
		for (second = 0; second <= 5; second++) {
			stage_open(&stage, CAPACITY);
			batch_all(&stage, 24, 5);
			batch_all(&stage, 8, 5);
			for (i = 0; i < first; i++)
				by_try_read(&stage, 24, 1);
			for (; i < 5; i++)
				peek_one(&stage, 24);
			for (i = 0; i < second; i++)
				peek_one(&stage, 8);
			if (5 - first + second)
				T_IS(weir_rx_release(stage.pair.rx),
				     5 - first + second);
			new_reader(&stage);
			read_all(&stage, 8, -1);
			nothing_left(&stage);
			stage_close(&stage);
		}
	}
}
END_TEST

/* The words of a run that is over say nothing about messages alone. */
START_TEST(old_words_say_nothing)
{
	struct stage stage;
	int i;

	stage_open(&stage, CAPACITY);
	for (i = 0; i < 300; i += (int)step()) {
		batch_all(&stage, 16, 4);
		by_try_read(&stage, 16, 1);
		by_peeks(&stage, 16, 1);
		new_reader(&stage);
		read_all(&stage, 16, 0);
		batch_all(&stage, 100 + (size_t)i, 2);
		new_reader(&stage);
		by_try_read(&stage, 100 + (size_t)i, 1);
		new_reader(&stage);
		read_all(&stage, 100 + (size_t)i, 0);
		nothing_left(&stage);
	}
	stage_close(&stage);
}
END_TEST

/* A writer's successor finds the end, also of a run whose position was not
   stored any more, wherever the reader is in it. */
START_TEST(a_writer_leaves)
{
	struct stage stage;
	uint64_t was;
	size_t read, before;
	int dead;

	for (before = 0; before < 60; before += step()) {
		for (read = 0; read <= 12; read++) {
			for (dead = 0; dead < 2; dead++) {
				stage_open(&stage, CAPACITY);
				if (before) {
					batch_all(&stage, 8 * before, 1);
					read_all(&stage, 8 * before, 0);
				}
				was = position(stage.block.producer);
				batch_all(&stage, 72, 12);
				if (dead)
					/* relaxed: no other thread */
					weir_store_relaxed64(
						&stage.block.producer->position,
						was);
				while (stage.read + 12 <
				       stage.written + read)
					by_try_read(&stage, 72, 1);
				new_writer(&stage);
				batch_all(&stage, 72, 4);
				read_all(&stage, 72, -1);
				nothing_left(&stage);
				stage_close(&stage);
			}
		}
	}
}
END_TEST

/* ---- streams ------------------------------------------------------------ */

START_TEST(parts_of_messages_in_a_run)
{
	struct weir_stream *ends[2];
	unsigned char byte[7], all[20 * 33];
	size_t at, n, i;

	T_OK(weir_stream_pair(ends, NULL));
	for (i = 0; i < 20; i++)
		out[i] = (struct weir_buf){ data + i * 33, 0, 33 };
	t_fill(data, sizeof(all), 1);
	T_IS(weir_tx_write_batch(weir_stream_tx(ends[0]), out, 20, T_SOON),
	     20);
	for (at = 0; at < sizeof(all); at += n) {
		n = sizeof(all) - at < 7 ? sizeof(all) - at : 7;
		if (!(at % 33)) {
			/* whole ones among them */
			T_IS(weir_stream_read(ends[1], all + at, 33, T_SOON),
			     33);
			n = 33;
			if (at + n == sizeof(all))
				break;
			at += n;
			n = 7;
		}
		T_IS(weir_stream_read_exact(ends[1], byte, n, T_SOON), n);
		memcpy(all + at, byte, n);
		if ((at + n) % 33)
			T_IS(weir_rx_try_read(weir_stream_rx(ends[1]), byte,
					      7), -EINVAL);
	}
	T_ASSERT(t_filled(all, sizeof(all), 1));
	/* more than a message at once */
	T_IS(weir_tx_write_batch(weir_stream_tx(ends[0]), out, 20, T_SOON),
	     20);
	memset(all, 0, sizeof(all));
	T_IS(weir_stream_read_exact(ends[1], all, 100, T_SOON), 100);
	T_IS(weir_stream_read_exact(ends[1], all + 100, sizeof(all) - 100,
				    T_SOON), sizeof(all) - 100);
	T_ASSERT(t_filled(all, sizeof(all), 1));
	weir_stream_close(ends[0]);
	weir_stream_close(ends[1]);
}
END_TEST

void t_build(void)
{
	T_ADD(every_way_reads_them);
	T_ADD(more_than_one_run_holds);
	T_ADD(mixed_lengths);
	T_ADD(padding_says_nothing);
	T_ADD(cut_by_end_and_room);
	T_ADD(waits_for_room);
	T_ADD(counters_are_exact);
	T_ADD(a_reader_leaves_in_the_middle);
	T_ADD(a_reader_leaves_in_the_second);
	T_ADD(old_words_say_nothing);
	T_ADD(a_writer_leaves);
	T_ADD(parts_of_messages_in_a_run);
}
