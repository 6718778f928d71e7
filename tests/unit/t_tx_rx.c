/* SPDX-License-Identifier: MIT */
/*
 * weir/tx.h and weir/rx.h in one thread: sizes, full and empty, batches,
 * reservations, peeks, misuse, deadlines, cancel, close, take-over.
 *
 * Seen to fail with: a ring that is full 8 bytes late; a record that straddles
 * the end; no zero stored behind a record; a shrink that keeps the room; an
 * abort that keeps the position; a max_message 8 bytes too long; an -EPIPE that
 * is not sticky; a read that drops what does not fit.
 */
#include "../t.h"

#define CAPACITY 4096
#define MAX_MESSAGE (CAPACITY / 2 - 8)

/* A test of a ring of every kind, opened anew for each. */
#define EACH_KIND(name)                                                        \
	START_TEST(name)                                                       \
	{                                                                      \
		struct t_pair pair;                                            \
		int kind;                                                      \
                                                                               \
		for (kind = T_PRIVATE; kind <= T_NAMED; kind++) {              \
			t_pair_open(&pair, (enum t_kind)kind, CAPACITY, 0);    \
			name##_on(&pair);                                      \
			t_pair_close(&pair);                                   \
		}                                                              \
	}                                                                      \
	END_TEST

static unsigned char buffer[CAPACITY];

static int send_one(struct weir_tx *tx, size_t len, uint64_t seq)
{
	unsigned char data[CAPACITY];

	t_fill(data, len, seq);
	return weir_tx_try_write(tx, data, len);
}

static void expect(struct weir_rx *rx, size_t len, uint64_t seq)
{
	memset(buffer, 0xee, sizeof(buffer));
	T_IS(weir_rx_try_read(rx, buffer, sizeof(buffer)), len);
	T_ASSERT(t_filled(buffer, len, seq));
	/* nothing behind the message was touched */
	T_ASSERT(len == sizeof(buffer) || buffer[len] == 0xee);
}

static void expect_empty(struct weir_rx *rx)
{
	T_IS(weir_rx_try_read(rx, buffer, sizeof(buffer)), -EAGAIN);
}

/* Moves both ends to a position, which is a multiple of 8 up to a lap. */
static void move_to(struct t_pair *pair, uint64_t position)
{
	uint64_t at = 0;
	size_t step;

	while (at < position) {
		step = position - at > 1024 ? 1024 : (size_t)(position - at);
		T_OK(send_one(pair->tx, step - 8, at));
		expect(pair->rx, step - 8, at);
		at += step;
	}
}

/* ---- sizes -------------------------------------------------------------- */

static void every_size_on(struct t_pair *pair)
{
	size_t len;

	for (len = 0; len <= MAX_MESSAGE; len++) {
		T_OK(send_one(pair->tx, len, len));
		expect(pair->rx, len, len);
	}
	expect_empty(pair->rx);
}
EACH_KIND(every_size)

static void nothing_is_a_message_on(struct t_pair *pair)
{
	T_OK(weir_tx_try_write(pair->tx, NULL, 0));
	T_OK(weir_tx_write(pair->tx, NULL, 0, T_SOON));
	T_IS(weir_rx_next_len(pair->rx), 0);
	T_IS(weir_rx_read(pair->rx, NULL, 0, T_SOON), 0);
	T_IS(weir_rx_try_read(pair->rx, buffer, 0), 0);
	T_IS(weir_rx_read(pair->rx, NULL, 0, WEIR_NOWAIT), -EAGAIN);
}
EACH_KIND(nothing_is_a_message)

static void longer_than_max_on(struct t_pair *pair)
{
	static const size_t beyond[] = { MAX_MESSAGE + 1, CAPACITY - 8,
					 CAPACITY, CAPACITY + 1, SIZE_MAX / 2,
					 SIZE_MAX - 15, SIZE_MAX - 7,
					 SIZE_MAX };
	struct weir_buf v;
	void *data = buffer;
	size_t i;

	for (i = 0; i < T_COUNT(beyond); i++) {
		v.data = buffer;
		v.len = beyond[i];
		v.size = 0;
		T_IS(weir_tx_try_write(pair->tx, buffer, beyond[i]),
		     -EMSGSIZE);
		T_IS(weir_tx_write(pair->tx, buffer, beyond[i], WEIR_FOREVER),
		     -EMSGSIZE);
		T_IS(weir_tx_writev(pair->tx, &v, 1, WEIR_FOREVER), -EMSGSIZE);
		T_IS(weir_tx_write_batch(pair->tx, &v, 1, WEIR_FOREVER),
		     -EMSGSIZE);
		T_IS(weir_tx_reserve(pair->tx, beyond[i], &data), -EMSGSIZE);
		T_ASSERT(data == (void *)buffer);
		T_IS(weir_tx_wait(pair->tx, beyond[i], WEIR_FOREVER),
		     -EMSGSIZE);
	}
	T_IS(weir_tx_commit(pair->tx), -EINVAL);
	expect_empty(pair->rx);
	T_OK(send_one(pair->tx, MAX_MESSAGE, 1));
	expect(pair->rx, MAX_MESSAGE, 1);
}
EACH_KIND(longer_than_max)

/* Also for a message of the largest size, wherever the ring stands. */
static void small_buffer_on(struct t_pair *pair)
{
	struct weir_buf v;
	size_t len;

	for (len = 1; len <= MAX_MESSAGE; len += 97) {
		T_OK(send_one(pair->tx, len, len));
		memset(buffer, 0xee, sizeof(buffer));
		T_IS(weir_rx_try_read(pair->rx, buffer, len - 1), -EMSGSIZE);
		T_IS(weir_rx_read(pair->rx, buffer, 0, T_SOON), -EMSGSIZE);
		v.data = buffer;
		v.size = len - 1;
		v.len = 4711;
		T_IS(weir_rx_read_batch(pair->rx, &v, 1, T_SOON), -EMSGSIZE);
		T_IS(buffer[0], 0xee);
		T_IS(weir_rx_next_len(pair->rx), len);
		T_IS(weir_rx_try_read(pair->rx, buffer, len), len);
		T_ASSERT(t_filled(buffer, len, len));
	}
}
EACH_KIND(small_buffer)

/* ---- full and empty are exact ------------------------------------------- */

/* Fills the ring with messages of one size from one position on. */
static void fill_from(struct t_pair *pair, uint64_t position, size_t len)
{
	struct t_model model = { CAPACITY, position, position };
	unsigned int n = 0, i;

	move_to(pair, position);
	while (t_model_fits(&model, model.written, len)) {
		T_OK(send_one(pair->tx, len, n++));
		model.written = t_model_end(&model, model.written, len);
	}
	T_IS(send_one(pair->tx, len, n), -EAGAIN);
	T_IS(weir_tx_wait(pair->tx, len, WEIR_NOWAIT), -EAGAIN);
	T_IS(weir_tx_write(pair->tx, buffer, len, weir_after(0)), -ETIMEDOUT);
	for (i = 0; i < n; i++)
		expect(pair->rx, len, i);
	expect_empty(pair->rx);
	T_IS(weir_rx_wait(pair->rx, WEIR_NOWAIT), -EAGAIN);
	T_OK(send_one(pair->tx, len, n));
	expect(pair->rx, len, n);
}

START_TEST(full_is_exact)
{
	static const size_t lens[] = { 0, 1, 8, 9, 16, 24, 100, 500, 1000,
				       1016, 1024, 1357, 2000, MAX_MESSAGE };
	struct t_pair pair;
	uint64_t position;
	size_t i;

	for (i = 0; i < T_COUNT(lens); i++) {
		for (position = 0; position < CAPACITY; position += 8 * 41) {
			t_pair_open(&pair, T_PRIVATE, CAPACITY, 0);
			fill_from(&pair, position, lens[i]);
			t_pair_close(&pair);
		}
		/* where the record just fits, or just not, before the end */
		for (position = CAPACITY - 48; position <= CAPACITY;
		     position += 8) {
			t_pair_open(&pair, T_ANONYMOUS, CAPACITY, 0);
			fill_from(&pair, position, lens[i]);
			t_pair_close(&pair);
		}
	}
}
END_TEST

/* An empty ring takes the largest message wherever it stands. */
START_TEST(empty_takes_the_largest)
{
	struct t_pair pair;
	uint64_t position;

	t_pair_open(&pair, T_PRIVATE, CAPACITY, 0);
	for (position = 0; position < 3 * CAPACITY; position += 8) {
		T_OK(weir_tx_wait(pair.tx, MAX_MESSAGE, WEIR_NOWAIT));
		T_OK(send_one(pair.tx, MAX_MESSAGE, position));
		expect(pair.rx, MAX_MESSAGE, position);
		expect_empty(pair.rx);
		T_OK(send_one(pair.tx, 0, 0));
		expect(pair.rx, 0, 0);
	}
	t_pair_close(&pair);
}
END_TEST

/* Room comes back by the message, not later. */
static void room_comes_back_on(struct t_pair *pair)
{
	unsigned int written = 0, read = 0;

	while (!send_one(pair->tx, 56, written))
		written++;
	T_IS(written, (CAPACITY - 8) / 64);
	/* 56 bytes of the lap are over: what is read makes room for one */
	while (read < 200) {
		expect(pair->rx, 56, read++);
		T_OK(send_one(pair->tx, 56, written++));
		T_IS(send_one(pair->tx, 56, written), -EAGAIN);
	}
	while (read < written)
		expect(pair->rx, 56, read++);
	expect_empty(pair->rx);
}
EACH_KIND(room_comes_back)

/* Old bytes in the data are never taken for a header. */
static void old_data_is_no_header_on(struct t_pair *pair)
{
	unsigned char data[512];
	uint64_t forged = 24 << WEIR_LEN_SHIFT | WEIR_KIND_RECORD;
	size_t len;
	int i;

	for (i = 0; i < (int)sizeof(data); i += 8)
		memcpy(data + i, &forged, 8);
	for (i = 0; i < 2000; i++) {
		len = (size_t)(i * 37) % sizeof(data);
		T_OK(weir_tx_try_write(pair->tx, data, len));
		T_IS(weir_rx_try_read(pair->rx, buffer, sizeof(buffer)), len);
		expect_empty(pair->rx);
	}
}
EACH_KIND(old_data_is_no_header)

/* ---- several pieces, several messages ----------------------------------- */

static void pieces_are_one_message_on(struct t_pair *pair)
{
	unsigned char whole[600];
	struct weir_buf v[5];
	size_t cut, round;

	for (round = 0; round < 50; round++) {
		t_fill(whole, sizeof(whole), round);
		cut = round * 7;
		v[0] = (struct weir_buf){ whole, 0, cut };
		v[1] = (struct weir_buf){ NULL, 0, 0 };
		v[2] = (struct weir_buf){ whole + cut, 0, 1 };
		v[3] = (struct weir_buf){ whole + cut + 1, 0, 200 };
		v[4] = (struct weir_buf){ whole + cut + 201, 0, 399 - cut };
		T_OK(weir_tx_writev(pair->tx, v, 5, T_SOON));
		expect(pair->rx, sizeof(whole), round);
	}
	T_OK(weir_tx_writev(pair->tx, v, 0, T_SOON));
	expect(pair->rx, 0, 0);
	expect_empty(pair->rx);
}
EACH_KIND(pieces_are_one_message)

static void pieces_too_many_on(struct t_pair *pair)
{
	struct weir_buf v[2] = { { buffer, 0, SIZE_MAX },
				 { buffer, 0, 2 } };

	/* the sum is 1 for somebody who does not look */
	T_IS(weir_tx_writev(pair->tx, v, 2, WEIR_FOREVER), -EMSGSIZE);
	v[0].len = MAX_MESSAGE;
	T_IS(weir_tx_writev(pair->tx, v, 2, WEIR_FOREVER), -EMSGSIZE);
	expect_empty(pair->rx);
	v[0].len = MAX_MESSAGE - 2;
	T_OK(weir_tx_writev(pair->tx, v, 2, WEIR_FOREVER));
	T_IS(weir_rx_next_len(pair->rx), MAX_MESSAGE);
}
EACH_KIND(pieces_too_many)

#define BATCH 100

static unsigned char batch_data[BATCH][128];

static void fill_batch(struct weir_buf *v, uint64_t first)
{
	size_t i;

	for (i = 0; i < BATCH; i++) {
		v[i].data = batch_data[i];
		v[i].size = 0;
		v[i].len = (first + i) % 60;
		t_fill(v[i].data, v[i].len, first + i);
	}
}

static void batches_on(struct t_pair *pair)
{
	struct weir_buf v[BATCH];
	uint64_t written = 0, read = 0;
	int n, i;

	while (written < 3000) {
		fill_batch(v, written);
		n = weir_tx_write_batch(pair->tx, v, 1 + written % BATCH,
					WEIR_NOWAIT);
		T_ASSERT(n == -EAGAIN || n > 0);
		if (n > 0)
			written += (uint64_t)n;
		for (i = 0; i < BATCH; i++) {
			v[i].data = batch_data[i];
			v[i].size = sizeof(batch_data[i]);
			v[i].len = 4711;
		}
		n = weir_rx_read_batch(pair->rx, v, 1 + written % 17, T_SOON);
		T_ASSERT(n > 0 && n <= (int)(1 + written % 17));
		for (i = 0; i < n; i++, read++) {
			T_IS(v[i].len, read % 60);
			T_IS(v[i].size, sizeof(batch_data[i]));
			T_ASSERT(t_filled(v[i].data, v[i].len, read));
		}
	}
}
EACH_KIND(batches)

static void batch_stops_where_it_must_on(struct t_pair *pair)
{
	struct weir_buf v[3] = { { batch_data[0], 128, 16 },
				 { batch_data[1], 128, MAX_MESSAGE + 1 },
				 { batch_data[2], 128, 16 } };
	size_t i;

	T_IS(weir_tx_write_batch(pair->tx, v, 0, WEIR_FOREVER), 0);
	/* before a message that is too long; alone it is the error */
	T_IS(weir_tx_write_batch(pair->tx, v, 3, WEIR_FOREVER), 1);
	T_IS(weir_tx_write_batch(pair->tx, v + 1, 2, WEIR_FOREVER), -EMSGSIZE);
	T_IS(weir_rx_try_read(pair->rx, buffer, 16), 16);
	expect_empty(pair->rx);

	/* before a buffer that is too small, which loses nothing */
	for (i = 0; i < 3; i++)
		T_OK(send_one(pair->tx, 100, i));
	v[1].size = 99;
	T_IS(weir_rx_read_batch(pair->rx, v, 3, WEIR_FOREVER), 1);
	T_IS(v[0].len, 100);
	T_IS(weir_rx_read_batch(pair->rx, v + 1, 2, WEIR_FOREVER), -EMSGSIZE);
	v[1].size = 128;
	T_IS(weir_rx_read_batch(pair->rx, v, 3, WEIR_FOREVER), 2);
	T_ASSERT(t_filled(v[0].data, 100, 1));
	T_ASSERT(t_filled(v[1].data, 100, 2));
	T_IS(weir_rx_read_batch(pair->rx, v, 3, WEIR_NOWAIT), -EAGAIN);
	T_IS(weir_rx_read_batch(pair->rx, v, 3, weir_after(1)), -ETIMEDOUT);
}
EACH_KIND(batch_stops_where_it_must)

/* With a deadline it waits for room for all, and tells how many went. */
static void batch_until_the_deadline_on(struct t_pair *pair)
{
	struct weir_buf v[BATCH];
	size_t i;
	int n;

	for (i = 0; i < BATCH; i++)
		v[i] = (struct weir_buf){ batch_data[i], 0, 120 };
	n = weir_tx_write_batch(pair->tx, v, BATCH, weir_after(T_MS));
	/* as one run, which has one header of two words */
	T_IS(n, (CAPACITY - 8 - 16) / 120);
	T_IS(weir_tx_write_batch(pair->tx, v, BATCH, weir_after(T_MS)),
	     -ETIMEDOUT);
	T_IS(weir_tx_write_batch(pair->tx, v, BATCH, WEIR_NOWAIT), -EAGAIN);
}
EACH_KIND(batch_until_the_deadline)

/* ---- reservations ------------------------------------------------------- */

static void *reserve(struct weir_tx *tx, size_t len)
{
	void *data = NULL;

	T_OK(weir_tx_reserve(tx, len, &data));
	T_ASSERT(data && !((uintptr_t)data % 8));
	return data;
}

static void reserve_and_commit_on(struct t_pair *pair)
{
	unsigned int i, j, n;

	for (i = 0; i < 300; i++) {
		n = 1 + i % 7;
		for (j = 0; j < n; j++)
			t_fill(reserve(pair->tx, (i + j) % 70), (i + j) % 70,
			       i + j);
		/* nothing is there before the commit, then all is */
		expect_empty(pair->rx);
		T_IS(weir_rx_next_len(pair->rx), -EAGAIN);
		T_IS(weir_tx_commit(pair->tx), n);
		for (j = 0; j < n; j++)
			expect(pair->rx, (i + j) % 70, i + j);
		expect_empty(pair->rx);
	}
}
EACH_KIND(reserve_and_commit)

static void reserve_and_abort_on(struct t_pair *pair)
{
	unsigned int i, j;

	for (i = 0; i < 300; i++) {
		for (j = 0; j < 4; j++)
			memset(reserve(pair->tx, 500 + i), 0xff, 500 + i);
		T_OK(weir_tx_abort(pair->tx));
		expect_empty(pair->rx);
		T_OK(send_one(pair->tx, i % 100, i));
		expect(pair->rx, i % 100, i);
		expect_empty(pair->rx);
	}
}
EACH_KIND(reserve_and_abort)

static void reserve_and_shrink_on(struct t_pair *pair)
{
	size_t len, to;

	for (len = 0; len < 200; len += 3) {
		for (to = 0; to <= len; to += 5) {
			void *data = reserve(pair->tx, len);

			T_IS(weir_tx_shrink(pair->tx, len + 1), -EINVAL);
			t_fill(data, len, len);
			T_OK(weir_tx_shrink(pair->tx, len));
			T_OK(weir_tx_shrink(pair->tx, to));
			T_IS(weir_tx_shrink(pair->tx, to + 1), -EINVAL);
			T_IS(weir_tx_commit(pair->tx), 1);
			memset(buffer, 0, sizeof(buffer));
			T_IS(weir_rx_try_read(pair->rx, buffer, CAPACITY), to);
			T_ASSERT(t_filled(buffer, to, len));
			expect_empty(pair->rx);
		}
	}
}
EACH_KIND(reserve_and_shrink)

/* Only the last one, and its room is had again: so many more fit. */
static void shrink_gives_room_on(struct t_pair *pair)
{
	struct t_model model = { CAPACITY, 0, 0 };
	void *data;
	int n = 0;

	while (t_model_fits(&model, model.written, 1000)) {
		t_fill(reserve(pair->tx, 1000), 8, (uint64_t)n++);
		T_OK(weir_tx_shrink(pair->tx, 8));
		model.written = t_model_end(&model, model.written, 8);
	}
	T_IS(weir_tx_reserve(pair->tx, 1000, &data), -EAGAIN);
	T_OK(weir_tx_reserve(pair->tx, 8, &data));
	t_fill(data, 8, (uint64_t)n);
	T_IS(weir_tx_commit(pair->tx), n + 1);
	T_ASSERT(n > 180);
	for (; n >= 0; n--)
		T_IS(weir_rx_try_read(pair->rx, buffer, 8), 8);
	T_ASSERT(t_filled(buffer, 8, model.written / 16));
}
EACH_KIND(shrink_gives_room)

/* What does not fit changes nothing of what was reserved before. */
static void reserve_until_full_on(struct t_pair *pair)
{
	struct t_model model = { CAPACITY, 0, 0 };
	uint64_t position;
	void *data;
	int n, i;

	for (position = 0; position < 2 * CAPACITY; position += 808) {
		n = 0;
		model.read = model.written;
		while (t_model_fits(&model, model.written, 200)) {
			t_fill(reserve(pair->tx, 200), 200, (uint64_t)n++);
			model.written = t_model_end(&model, model.written, 200);
		}
		data = buffer;
		T_IS(weir_tx_reserve(pair->tx, 200, &data), -EAGAIN);
		T_IS(weir_tx_reserve(pair->tx, 1 << 20, &data), -EMSGSIZE);
		T_ASSERT(data == (void *)buffer);
		T_IS(weir_tx_commit(pair->tx), n);
		for (i = 0; i < n; i++)
			expect(pair->rx, 200, (uint64_t)i);
		expect_empty(pair->rx);
		T_OK(send_one(pair->tx, 800, 1));
		expect(pair->rx, 800, 1);
		model.written = t_model_end(&model, model.written, 800);
	}
}
EACH_KIND(reserve_until_full)

static void misuse_of_reservations_on(struct t_pair *pair)
{
	struct weir_buf v = { buffer, 0, 8 };
	void *data;

	T_IS(weir_tx_commit(pair->tx), -EINVAL);
	T_IS(weir_tx_abort(pair->tx), -EINVAL);
	T_IS(weir_tx_shrink(pair->tx, 0), -EINVAL);
	data = reserve(pair->tx, 64);
	T_IS(weir_tx_try_write(pair->tx, buffer, 0), -EINVAL);
	T_IS(weir_tx_try_write(pair->tx, buffer, 8), -EINVAL);
	T_IS(weir_tx_write(pair->tx, buffer, 8, WEIR_FOREVER), -EINVAL);
	T_IS(weir_tx_writev(pair->tx, &v, 1, WEIR_FOREVER), -EINVAL);
	T_IS(weir_tx_write_batch(pair->tx, &v, 1, WEIR_FOREVER), -EINVAL);
	T_IS(weir_tx_wait(pair->tx, 8, WEIR_FOREVER), -EINVAL);
	t_fill(data, 64, 5);
	T_IS(weir_tx_commit(pair->tx), 1);
	T_IS(weir_tx_commit(pair->tx), -EINVAL);
	T_IS(weir_tx_shrink(pair->tx, 0), -EINVAL);
	reserve(pair->tx, 64);
	T_OK(weir_tx_abort(pair->tx));
	T_IS(weir_tx_abort(pair->tx), -EINVAL);
	T_IS(weir_tx_shrink(pair->tx, 0), -EINVAL);
	expect(pair->rx, 64, 5);
	expect_empty(pair->rx);
	T_OK(send_one(pair->tx, 8, 6));
	expect(pair->rx, 8, 6);
}
EACH_KIND(misuse_of_reservations)

/* ---- peeks -------------------------------------------------------------- */

static void expect_peek(struct weir_rx *rx, size_t len, uint64_t seq)
{
	const void *data = NULL;
	size_t got = 4711;

	T_IS(weir_rx_next_len(rx), len);
	T_OK(weir_rx_peek(rx, &data, &got));
	T_IS(got, len);
	T_ASSERT(data && !((uintptr_t)data % 8));
	T_ASSERT(t_filled(data, len, seq));
}

static void peek_and_release_on(struct t_pair *pair)
{
	unsigned int i, j;
	const void *data;
	size_t len;

	for (i = 0; i < 300; i++) {
		for (j = 0; j < 10; j++)
			T_OK(send_one(pair->tx, (i + j) % 300, i + j));
		for (j = 0; j < 6; j++)
			expect_peek(pair->rx, (i + j) % 300, i + j);
		T_OK(weir_rx_rewind(pair->rx));
		for (j = 0; j < 10; j++)
			expect_peek(pair->rx, (i + j) % 300, i + j);
		data = buffer;
		len = 4711;
		T_IS(weir_rx_peek(pair->rx, &data, &len), -EAGAIN);
		T_ASSERT(data == (void *)buffer && len == 4711);
		T_IS(weir_rx_next_len(pair->rx), -EAGAIN);
		T_IS(weir_rx_release(pair->rx), 10);
		expect_empty(pair->rx);
	}
}
EACH_KIND(peek_and_release)

/* Peeked is not freed: the producer gets the room at the release. */
static void peek_keeps_the_room_on(struct t_pair *pair)
{
	int n = 0, i;

	while (!send_one(pair->tx, 120, (uint64_t)n))
		n++;
	for (i = 0; i < n; i++)
		expect_peek(pair->rx, 120, (uint64_t)i);
	T_IS(send_one(pair->tx, 120, 0), -EAGAIN);
	T_OK(weir_rx_rewind(pair->rx));
	T_IS(send_one(pair->tx, 120, 0), -EAGAIN);
	for (i = 0; i < 2; i++)
		expect_peek(pair->rx, 120, (uint64_t)i);
	T_IS(weir_rx_release(pair->rx), 2);
	T_OK(send_one(pair->tx, 120, (uint64_t)n));
	T_OK(send_one(pair->tx, 120, (uint64_t)n + 1));
	T_IS(send_one(pair->tx, 120, 0), -EAGAIN);
	for (i = 2; i < n + 2; i++)
		expect(pair->rx, 120, (uint64_t)i);
}
EACH_KIND(peek_keeps_the_room)

static void misuse_of_peeks_on(struct t_pair *pair)
{
	struct weir_buf v = { buffer, sizeof(buffer), 0 };

	T_IS(weir_rx_release(pair->rx), -EINVAL);
	T_IS(weir_rx_rewind(pair->rx), -EINVAL);
	T_OK(send_one(pair->tx, 10, 1));
	T_OK(send_one(pair->tx, 20, 2));
	T_IS(weir_rx_release(pair->rx), -EINVAL);
	T_IS(weir_rx_rewind(pair->rx), -EINVAL);
	expect_peek(pair->rx, 10, 1);
	T_IS(weir_rx_try_read(pair->rx, buffer, CAPACITY), -EINVAL);
	T_IS(weir_rx_read(pair->rx, buffer, CAPACITY, WEIR_FOREVER), -EINVAL);
	T_IS(weir_rx_read_batch(pair->rx, &v, 1, WEIR_FOREVER), -EINVAL);
	expect_peek(pair->rx, 20, 2);
	/* also where nothing comes after the peeks */
	T_IS(weir_rx_try_read(pair->rx, buffer, CAPACITY), -EINVAL);
	T_IS(weir_rx_read(pair->rx, buffer, CAPACITY, WEIR_FOREVER), -EINVAL);
	T_OK(weir_rx_rewind(pair->rx));
	T_IS(weir_rx_rewind(pair->rx), -EINVAL);
	expect(pair->rx, 10, 1);
	expect_peek(pair->rx, 20, 2);
	T_IS(weir_rx_release(pair->rx), 1);
	T_IS(weir_rx_release(pair->rx), -EINVAL);
	expect_empty(pair->rx);
}
EACH_KIND(misuse_of_peeks)

/* ---- deadlines ---------------------------------------------------------- */

static const int64_t passed[] = { 1, -1, INT64_MIN, -T_SECOND };

static void deadlines_while_empty_on(struct t_pair *pair)
{
	struct weir_buf v = { buffer, sizeof(buffer), 0 };
	size_t i;

	T_IS(weir_rx_read(pair->rx, buffer, 8, WEIR_NOWAIT), -EAGAIN);
	T_IS(weir_rx_wait(pair->rx, WEIR_NOWAIT), -EAGAIN);
	T_IS(weir_rx_read_batch(pair->rx, &v, 1, WEIR_NOWAIT), -EAGAIN);
	for (i = 0; i < T_COUNT(passed); i++) {
		T_IS(weir_rx_read(pair->rx, buffer, 8, passed[i]), -ETIMEDOUT);
		T_IS(weir_rx_wait(pair->rx, passed[i]), -ETIMEDOUT);
		T_IS(weir_rx_read_batch(pair->rx, &v, 1, passed[i]),
		     -ETIMEDOUT);
		T_IS(weir_rx_read(pair->rx, buffer, 8, weir_after(passed[i])),
		     -ETIMEDOUT);
	}
}
EACH_KIND(deadlines_while_empty)

static void deadlines_while_full_on(struct t_pair *pair)
{
	struct weir_buf v = { buffer, sizeof(buffer), 1000 };
	size_t i;

	while (!send_one(pair->tx, 1000, 1))
		;
	T_IS(weir_tx_write(pair->tx, buffer, 1000, WEIR_NOWAIT), -EAGAIN);
	T_IS(weir_tx_writev(pair->tx, &v, 1, WEIR_NOWAIT), -EAGAIN);
	T_IS(weir_tx_write_batch(pair->tx, &v, 1, WEIR_NOWAIT), -EAGAIN);
	T_IS(weir_tx_wait(pair->tx, 1000, WEIR_NOWAIT), -EAGAIN);
	for (i = 0; i < T_COUNT(passed); i++) {
		T_IS(weir_tx_write(pair->tx, buffer, 1000, passed[i]),
		     -ETIMEDOUT);
		T_IS(weir_tx_writev(pair->tx, &v, 1, passed[i]), -ETIMEDOUT);
		T_IS(weir_tx_write_batch(pair->tx, &v, 1, passed[i]),
		     -ETIMEDOUT);
		T_IS(weir_tx_wait(pair->tx, 1000, passed[i]), -ETIMEDOUT);
	}
	/* less than that fits */
	T_OK(weir_tx_wait(pair->tx, 40, passed[0]));
	T_OK(weir_tx_write(pair->tx, buffer, 40, passed[0]));
}
EACH_KIND(deadlines_while_full)

/* "One try": what is there is had with any deadline. */
static void deadlines_with_data_on(struct t_pair *pair)
{
	const int64_t deadlines[] = { WEIR_NOWAIT, 1, -1, INT64_MIN,
				      weir_after(0), weir_after(T_SECOND),
				      WEIR_FOREVER };
	struct weir_buf v = { buffer, sizeof(buffer), 8 };
	size_t i;

	for (i = 0; i < T_COUNT(deadlines); i++) {
		T_OK(weir_tx_wait(pair->tx, 8, deadlines[i]));
		T_OK(weir_tx_write(pair->tx, "1234567", 8, deadlines[i]));
		T_OK(weir_tx_writev(pair->tx, &v, 1, deadlines[i]));
		T_IS(weir_tx_write_batch(pair->tx, &v, 1, deadlines[i]), 1);
		T_OK(weir_rx_wait(pair->rx, deadlines[i]));
		T_IS(weir_rx_read(pair->rx, buffer, 8, deadlines[i]), 8);
		ck_assert_str_eq((char *)buffer, "1234567");
		T_IS(weir_rx_read(pair->rx, buffer, 8, deadlines[i]), 8);
		T_IS(weir_rx_read_batch(pair->rx, &v, 1, deadlines[i]), 1);
	}
}
EACH_KIND(deadlines_with_data)

/* Not before the deadline, and not never, with and without spin. */
START_TEST(deadlines_are_kept)
{
	static const int32_t spin[] = { 0, -1, 50, INT32_MAX };
	struct t_pair pair;
	int64_t begin, end;
	size_t i;
	int kind;

	for (kind = T_PRIVATE; kind <= T_NAMED; kind++) {
		for (i = 0; i < T_COUNT(spin); i++) {
			t_pair_open(&pair, (enum t_kind)kind, CAPACITY,
				    spin[i]);
			begin = weir_now();
			T_IS(weir_rx_read(pair.rx, buffer, 8,
					  begin + 10 * T_MS), -ETIMEDOUT);
			end = weir_now();
			T_ASSERT(end >= begin + 10 * T_MS);
			T_ASSERT(end < begin + T_HANG);
			while (!send_one(pair.tx, 1000, 1))
				;
			begin = weir_now();
			T_IS(weir_tx_write(pair.tx, buffer, 1000,
					   begin + 10 * T_MS), -ETIMEDOUT);
			end = weir_now();
			T_ASSERT(end >= begin + 10 * T_MS);
			T_ASSERT(end < begin + T_HANG);
			t_pair_close(&pair);
		}
	}
}
END_TEST

/* ---- an end that nobody holds ------------------------------------------- */

static struct weir_ring *unclaimed(enum t_kind kind)
{
	struct weir_ring *ring = t_ring(kind, CAPACITY, 0, 0);
	struct weir_ring_info info;

	T_OK(weir_ring_info(ring, &info));
	if (kind == T_NAMED)
		T_OK(weir_ring_unlink(info.name));
	return ring;
}

static void never_claimed(enum t_kind kind)
{
	struct weir_ring *ring = unclaimed(kind);
	struct weir_tx *tx;
	struct weir_rx *rx;

	T_OK(weir_ring_rx(ring, &rx));
	T_IS(weir_rx_try_read(rx, buffer, 8), -EAGAIN);
	T_IS(weir_rx_read(rx, buffer, 8, weir_after(T_MS)), -ETIMEDOUT);
	T_IS(weir_rx_wait(rx, weir_after(T_MS)), -ETIMEDOUT);
	weir_ring_close(ring);

	ring = unclaimed(kind);
	T_OK(weir_ring_tx(ring, &tx));
	while (!send_one(tx, 1000, 1))
		;
	T_IS(send_one(tx, 1000, 1), -EAGAIN);
	T_IS(weir_tx_write(tx, buffer, 1000, weir_after(T_MS)), -ETIMEDOUT);
	T_IS(weir_tx_wait(tx, 1000, weir_after(T_MS)), -ETIMEDOUT);
	T_OK(weir_ring_rx(ring, &rx));
	expect(rx, 1000, 1);
	expect(rx, 1000, 1);
	T_OK(send_one(tx, 1000, 1));
	weir_ring_close(ring);
}

START_TEST(never_claimed_is_waited_for)
{
	never_claimed(T_PRIVATE);
	never_claimed(T_ANONYMOUS);
	never_claimed(T_NAMED);
}
END_TEST

/* ---- cancel ------------------------------------------------------------- */

static void cancel_the_reader_on(struct t_pair *pair)
{
	const void *data;
	size_t len;

	T_OK(send_one(pair->tx, 10, 1));
	T_OK(weir_rx_cancel(pair->rx));
	T_OK(weir_rx_cancel(pair->rx));
	/* what is there is delivered */
	T_OK(weir_rx_wait(pair->rx, WEIR_FOREVER));
	expect(pair->rx, 10, 1);
	T_IS(weir_rx_try_read(pair->rx, buffer, 8), -ECANCELED);
	T_IS(weir_rx_read(pair->rx, buffer, 8, WEIR_FOREVER), -ECANCELED);
	T_IS(weir_rx_read(pair->rx, buffer, 8, WEIR_NOWAIT), -ECANCELED);
	T_IS(weir_rx_wait(pair->rx, WEIR_FOREVER), -ECANCELED);
	T_IS(weir_rx_peek(pair->rx, &data, &len), -ECANCELED);
	T_IS(weir_rx_next_len(pair->rx), -ECANCELED);
	/* the producer does not notice */
	T_OK(send_one(pair->tx, 10, 2));
	expect(pair->rx, 10, 2);
	T_IS(weir_rx_try_read(pair->rx, buffer, 8), -ECANCELED);
}
EACH_KIND(cancel_the_reader)

static void cancel_the_writer_on(struct t_pair *pair)
{
	void *data;
	int n = 0;

	T_OK(weir_tx_cancel(pair->tx));
	while (!send_one(pair->tx, 1000, (uint64_t)n))
		n++;
	T_IS(n, 4);
	T_IS(send_one(pair->tx, 1000, 1), -ECANCELED);
	T_IS(weir_tx_write(pair->tx, buffer, 1000, WEIR_FOREVER), -ECANCELED);
	T_IS(weir_tx_write(pair->tx, buffer, 1000, WEIR_NOWAIT), -ECANCELED);
	T_IS(weir_tx_wait(pair->tx, 1000, WEIR_FOREVER), -ECANCELED);
	T_IS(weir_tx_reserve(pair->tx, 1000, &data), -ECANCELED);
	/* the rest of the lap and what was first: room for one */
	expect(pair->rx, 1000, 0);
	expect(pair->rx, 1000, 1);
	T_OK(send_one(pair->tx, 1000, 4));
	T_IS(send_one(pair->tx, 1000, 1), -ECANCELED);
	for (n = 2; n < 5; n++)
		expect(pair->rx, 1000, (uint64_t)n);
	/* the consumer does not notice */
	T_IS(weir_rx_try_read(pair->rx, buffer, 8), -EAGAIN);
}
EACH_KIND(cancel_the_writer)

/* ---- looks again and again at the same place ---------------------------- */

static void look_again(struct weir_rx *rx)
{
	int i;

	for (i = 0; i < 20; i++)
		expect_empty(rx);
}

static void looks_until_cancelled_on(struct t_pair *pair)
{
	look_again(pair->rx);
	T_OK(weir_rx_cancel(pair->rx));
	T_IS(weir_rx_try_read(pair->rx, buffer, 8), -ECANCELED);
}
EACH_KIND(looks_until_cancelled)

static void looks_until_closed_on(struct t_pair *pair)
{
	look_again(pair->rx);
	weir_tx_close(pair->tx);
	T_IS(weir_rx_try_read(pair->rx, buffer, 8), -EPIPE);
}
EACH_KIND(looks_until_closed)

static void looks_and_peeks_on(struct t_pair *pair)
{
	int i;

	for (i = 0; i < 3; i++) {
		look_again(pair->rx);
		T_OK(send_one(pair->tx, 8, 1));
		expect_peek(pair->rx, 8, 1);
		T_IS(weir_rx_try_read(pair->rx, buffer, 8), -EINVAL);
		T_OK(weir_rx_rewind(pair->rx));
		expect(pair->rx, 8, 1);
	}
}
EACH_KIND(looks_and_peeks)

/*
 * Where nothing was found a lap ago the second message of a run stands now, and
 * it begins with the word 0.
 */
static void looks_and_runs_on(struct t_pair *pair)
{
	uint64_t zero[4][2] = { { 0, 1 }, { 0, 2 }, { 0, 3 }, { 0, 4 } };
	struct weir_buf v[4];
	uint64_t word[2];
	int i;

	for (i = 0; i < 4; i++)
		v[i] = (struct weir_buf){ .data = zero[i], .len = 16 };
	move_to(pair, 512);
	look_again(pair->rx);
	move_to(pair, CAPACITY - 512);
	move_to(pair, 512 - 16 - 16);
	T_IS(weir_tx_write_batch(pair->tx, v, 4, WEIR_NOWAIT), 4);
	for (i = 0; i < 4; i++) {
		T_IS(weir_rx_try_read(pair->rx, word, 16), 16);
		T_IS(word[1], i + 1);
	}
	look_again(pair->rx);
}
EACH_KIND(looks_and_runs)

/* ---- close and take-over ------------------------------------------------ */

static void writer_closes_on(struct t_pair *pair)
{
	const void *data;
	size_t len;
	int i;

	for (i = 0; i < 5; i++)
		T_OK(send_one(pair->tx, 100, (uint64_t)i));
	weir_tx_close(pair->tx);
	for (i = 0; i < 5; i++)
		expect(pair->rx, 100, (uint64_t)i);
	for (i = 0; i < 3; i++) {
		T_IS(weir_rx_try_read(pair->rx, buffer, 8), -EPIPE);
		T_IS(weir_rx_read(pair->rx, buffer, 8, WEIR_FOREVER), -EPIPE);
		T_IS(weir_rx_read(pair->rx, buffer, 8, WEIR_NOWAIT), -EPIPE);
		T_IS(weir_rx_read(pair->rx, buffer, 8, weir_after(0)), -EPIPE);
		T_IS(weir_rx_wait(pair->rx, WEIR_FOREVER), -EPIPE);
		T_IS(weir_rx_peek(pair->rx, &data, &len), -EPIPE);
		T_IS(weir_rx_next_len(pair->rx), -EPIPE);
	}
}
EACH_KIND(writer_closes)

static void reader_closes_on(struct t_pair *pair)
{
	void *data;
	int i;

	weir_rx_close(pair->rx);
	/* a write that finds room succeeds */
	for (i = 0; i < 4; i++)
		T_OK(send_one(pair->tx, 1000, (uint64_t)i));
	for (i = 0; i < 3; i++) {
		T_IS(send_one(pair->tx, 1000, 4), -EPIPE);
		T_IS(weir_tx_write(pair->tx, buffer, 1000, WEIR_FOREVER),
		     -EPIPE);
		T_IS(weir_tx_write(pair->tx, buffer, 1000, WEIR_NOWAIT),
		     -EPIPE);
		T_IS(weir_tx_wait(pair->tx, 1000, WEIR_FOREVER), -EPIPE);
		T_IS(weir_tx_reserve(pair->tx, 1000, &data), -EPIPE);
	}
	/* a successor gets all that was not released */
	T_OK(weir_ring_rx(pair->other, &pair->rx));
	for (i = 0; i < 4; i++)
		expect(pair->rx, 1000, (uint64_t)i);
	T_OK(send_one(pair->tx, 1000, 4));
	expect(pair->rx, 1000, 4);
}
EACH_KIND(reader_closes)

/* Uncommitted reservations vanish with their end; the next goes on. */
static void writer_is_succeeded_on(struct t_pair *pair)
{
	uint64_t seq = 0;
	int round;

	for (round = 0; round < 40; round++) {
		T_OK(send_one(pair->tx, 100, seq));
		memset(reserve(pair->tx, 100), 0xff, 100);
		memset(reserve(pair->tx, 300), 0xff, 300);
		weir_tx_close(pair->tx);
		T_OK(weir_ring_tx(round % 2 ? pair->ring : pair->other,
				  &pair->tx));
		T_IS(weir_tx_commit(pair->tx), -EINVAL);
		T_OK(send_one(pair->tx, 200, seq + 1));
		expect(pair->rx, 100, seq);
		expect(pair->rx, 200, seq + 1);
		expect_empty(pair->rx);
		seq += 2;
	}
}
EACH_KIND(writer_is_succeeded)

/* Unreleased messages come again, released ones do not. */
static void reader_is_succeeded_on(struct t_pair *pair)
{
	uint64_t written = 0, read = 0;
	int round;

	for (round = 0; round < 40; round++) {
		while (!send_one(pair->tx, 150, written))
			written++;
		expect(pair->rx, 150, read++);
		expect_peek(pair->rx, 150, read++);
		expect_peek(pair->rx, 150, read++);
		T_IS(weir_rx_release(pair->rx), 2);
		expect_peek(pair->rx, 150, read);
		expect_peek(pair->rx, 150, read + 1);
		weir_rx_close(pair->rx);
		T_OK(weir_ring_rx(round % 2 ? pair->ring : pair->other,
				  &pair->rx));
		T_IS(weir_rx_release(pair->rx), -EINVAL);
		expect(pair->rx, 150, read++);
		expect(pair->rx, 150, read++);
	}
	while (read < written)
		expect(pair->rx, 150, read++);
	expect_empty(pair->rx);
}
EACH_KIND(reader_is_succeeded)

/* "Sticky -EPIPE ends with the next message." */
static void end_is_sticky_until_a_message_on(struct t_pair *pair)
{
	weir_tx_close(pair->tx);
	T_IS(weir_rx_try_read(pair->rx, buffer, 8), -EPIPE);
	T_OK(weir_ring_tx(pair->ring, &pair->tx));
	T_IS(weir_rx_try_read(pair->rx, buffer, 8), -EPIPE);
	T_IS(weir_rx_read(pair->rx, buffer, 8, WEIR_FOREVER), -EPIPE);
	T_OK(send_one(pair->tx, 8, 1));
	expect(pair->rx, 8, 1);
	T_IS(weir_rx_try_read(pair->rx, buffer, 8), -EAGAIN);
	T_IS(weir_rx_read(pair->rx, buffer, 8, weir_after(T_MS)), -ETIMEDOUT);
	weir_tx_close(pair->tx);
	T_IS(weir_rx_try_read(pair->rx, buffer, 8), -EPIPE);
}
EACH_KIND(end_is_sticky_until_a_message)

/* A new consumer after the end still learns that it is one. */
static void end_is_told_to_a_successor_on(struct t_pair *pair)
{
	T_OK(send_one(pair->tx, 8, 1));
	weir_tx_close(pair->tx);
	weir_rx_close(pair->rx);
	T_OK(weir_ring_rx(pair->ring, &pair->rx));
	expect(pair->rx, 8, 1);
	T_IS(weir_rx_read(pair->rx, buffer, 8, WEIR_FOREVER), -EPIPE);
}
EACH_KIND(end_is_told_to_a_successor)

/* A cancelled end is cancelled; its successor is not. */
static void cancel_ends_with_the_end_on(struct t_pair *pair)
{
	T_OK(weir_rx_cancel(pair->rx));
	T_IS(weir_rx_try_read(pair->rx, buffer, 8), -ECANCELED);
	weir_rx_close(pair->rx);
	T_OK(weir_ring_rx(pair->ring, &pair->rx));
	T_IS(weir_rx_try_read(pair->rx, buffer, 8), -EAGAIN);
	T_IS(weir_rx_read(pair->rx, buffer, 8, weir_after(T_MS)), -ETIMEDOUT);
}
EACH_KIND(cancel_ends_with_the_end)

/* A length that the compiler knows, from and to any address. */
#define KNOWN(pair, len)                                                      \
	do {                                                                  \
		unsigned char out[(len) + 8], in[(len) + 24];                 \
		size_t shift;                                                 \
		for (shift = 0; shift < 8; shift++) {                         \
			t_fill(out, sizeof(out), (len) + shift);              \
			memset(in, 0xee, sizeof(in));                         \
			T_OK(weir_tx_try_write((pair)->tx, out + shift,       \
					       (len)));                       \
			T_IS(weir_rx_try_read((pair)->rx, in + 8 + shift,     \
					      (len)),                         \
			     (len));                                          \
			T_ASSERT(!memcmp(in + 8 + shift, out + shift, (len))); \
			T_IS(in[7 + shift], 0xee);                            \
			T_IS(in[8 + shift + (len)], 0xee);                    \
		}                                                             \
	} while (0)

START_TEST(known_lengths)
{
	struct t_pair pair;
	int i;

	t_pair_open(&pair, T_ANONYMOUS, 4096, 0);
	for (i = 0; i < 20; i++) {
		KNOWN(&pair, 8);
		KNOWN(&pair, 12);
		KNOWN(&pair, 16);
		KNOWN(&pair, 24);
		KNOWN(&pair, 40);
		KNOWN(&pair, 60);
		KNOWN(&pair, 64);
		KNOWN(&pair, 72);
		KNOWN(&pair, 120);
		KNOWN(&pair, 128);
		KNOWN(&pair, 136);
		KNOWN(&pair, 190);
		KNOWN(&pair, 256);
		KNOWN(&pair, 264);
	}
	t_pair_close(&pair);
}
END_TEST

static void build_messages(void)
{
	T_ADD(every_size);
	T_ADD(nothing_is_a_message);
	T_ADD(longer_than_max);
	T_ADD(small_buffer);
	T_ADD(full_is_exact);
	T_ADD(empty_takes_the_largest);
	T_ADD(room_comes_back);
	T_ADD(old_data_is_no_header);
	T_ADD(pieces_are_one_message);
	T_ADD(pieces_too_many);
	T_ADD(batches);
	T_ADD(batch_stops_where_it_must);
	T_ADD(batch_until_the_deadline);
	T_ADD(reserve_and_commit);
	T_ADD(reserve_and_abort);
	T_ADD(reserve_and_shrink);
	T_ADD(shrink_gives_room);
	T_ADD(reserve_until_full);
	T_ADD(misuse_of_reservations);
	T_ADD(peek_and_release);
	T_ADD(peek_keeps_the_room);
	T_ADD(misuse_of_peeks);
	T_ADD(known_lengths);
}

static void build_ends(void)
{
	T_ADD(deadlines_while_empty);
	T_ADD(deadlines_while_full);
	T_ADD(deadlines_with_data);
	T_ADD(deadlines_are_kept);
	T_ADD(never_claimed_is_waited_for);
	T_ADD(cancel_the_reader);
	T_ADD(cancel_the_writer);
	T_ADD(looks_until_cancelled);
	T_ADD(looks_until_closed);
	T_ADD(looks_and_peeks);
	T_ADD(looks_and_runs);
	T_ADD(writer_closes);
	T_ADD(reader_closes);
	T_ADD(writer_is_succeeded);
	T_ADD(reader_is_succeeded);
	T_ADD(end_is_sticky_until_a_message);
	T_ADD(end_is_told_to_a_successor);
	T_ADD(cancel_ends_with_the_end);
}

void t_build(void)
{
	build_messages();
	build_ends();
}
