/* SPDX-License-Identifier: MIT */
/*
 * The other side lies: positions, headers, lengths, kinds, states, anything.
 * Whatever it writes, this side stays within its memory (this runs under ASan
 * too), comes back, and once it has found a lie says -EPROTO for ever.
 *
 * Seen to fail with: a length or a kind that is believed; padding all around
 * the ring that reads as an empty one; a consumer's position that is not
 * compared with what was sent; a release that still works on a broken end; a
 * sleep on a forged semaphore that forgets its deadline; a close that waits for
 * a thread that such a semaphore never rouses; a run whose count and length are
 * not its size, or are nothing; a successor in a run that goes beyond the data.
 */
#include "../t.h"

#define CAPACITY 4096
#define MAX_MESSAGE (CAPACITY / 2 - 8)

struct stage {
	struct t_pair pair;
	struct t_block block;
};

static unsigned char buffer[2 * CAPACITY];

static void stage_open(struct stage *stage)
{
	t_pair_open(&stage->pair, T_ANONYMOUS, CAPACITY, -1);
	t_block_map(&stage->block, weir_ring_handle(stage->pair.ring));
}

static void stage_close(struct stage *stage)
{
	t_block_unmap(&stage->block);
	t_pair_close(&stage->pair);
}

/* ---- a broken end ------------------------------------------------------- */

static void rx_is_broken(struct weir_rx *rx)
{
	struct weir_buf v = { buffer, sizeof(buffer), 0 };
	const void *data;
	size_t len;
	int i;

	for (i = 0; i < 2; i++) {
		T_IS(weir_rx_try_read(rx, buffer, CAPACITY), -EPROTO);
		T_IS(weir_rx_read(rx, buffer, CAPACITY, WEIR_FOREVER), -EPROTO);
		T_IS(weir_rx_read(rx, buffer, 0, WEIR_NOWAIT), -EPROTO);
		T_IS(weir_rx_read_batch(rx, &v, 1, WEIR_FOREVER), -EPROTO);
		T_IS(weir_rx_peek(rx, &data, &len), -EPROTO);
		T_IS(weir_rx_next_len(rx), -EPROTO);
		T_IS(weir_rx_wait(rx, WEIR_FOREVER), -EPROTO);
		T_IS(weir_rx_release(rx), -EPROTO);
		T_IS(weir_rx_rewind(rx), -EPROTO);
	}
}

static void tx_is_broken(struct weir_tx *tx)
{
	struct weir_buf v = { buffer, 0, 8 };
	void *data;
	int i;

	for (i = 0; i < 2; i++) {
		T_IS(weir_tx_try_write(tx, buffer, 0), -EPROTO);
		T_IS(weir_tx_try_write(tx, buffer, 8), -EPROTO);
		T_IS(weir_tx_write(tx, buffer, 8, WEIR_FOREVER), -EPROTO);
		T_IS(weir_tx_writev(tx, &v, 1, WEIR_FOREVER), -EPROTO);
		T_IS(weir_tx_write_batch(tx, &v, 1, WEIR_FOREVER), -EPROTO);
		T_IS(weir_tx_reserve(tx, 8, &data), -EPROTO);
		T_IS(weir_tx_shrink(tx, 0), -EPROTO);
		T_IS(weir_tx_commit(tx), -EPROTO);
		T_IS(weir_tx_abort(tx), -EPROTO);
		T_IS(weir_tx_wait(tx, 8, WEIR_FOREVER), -EPROTO);
	}
}

/* ---- the producer lies -------------------------------------------------- */

#define HEADER(len, kind) ((uint64_t)(len) << WEIR_LEN_SHIFT | (kind))

static const uint64_t headers[] = {
	HEADER(8, 3), HEADER(8, 4), HEADER(8, 5), HEADER(8, 9), HEADER(8, 0),
	HEADER(8, 0x80), HEADER(8, 0xff), HEADER(8, 0x81), HEADER(0, 0xff),
	HEADER(CAPACITY - 7, 1), HEADER(CAPACITY, 1), HEADER(CAPACITY + 8, 1),
	HEADER((1ull << 32) + 8, 1), HEADER(1ull << 32, 1),
	HEADER((1ull << 56) - 1, 1), HEADER((1ull << 56) - 9, 1),
	HEADER((1ull << 56) - 16, 1), HEADER(0, 2), HEADER(8, 2),
	HEADER(CAPACITY - 16, 2), HEADER(CAPACITY, 2),
	HEADER((1ull << 56) - 1, 2), UINT64_MAX, 0x8000000000000000ull,
};

/* By which call the lie is met first. */
static long long meet(struct weir_rx *rx, int way)
{
	struct weir_buf v = { buffer, sizeof(buffer), 0 };
	const void *data;
	size_t len;

	switch (way) {
	case 0:
		return weir_rx_try_read(rx, buffer, sizeof(buffer));
	case 1:
		return weir_rx_read(rx, buffer, sizeof(buffer), WEIR_FOREVER);
	case 2:
		return weir_rx_peek(rx, &data, &len);
	case 3:
		return weir_rx_next_len(rx);
	case 4:
		return weir_rx_wait(rx, WEIR_FOREVER);
	case 5:
		return weir_rx_try_read(rx, buffer, 4);
	default:
		return weir_rx_read_batch(rx, &v, 1, WEIR_FOREVER);
	}
}

START_TEST(headers_that_none_writes)
{
	struct stage stage;
	size_t i;
	int way;

	for (i = 0; i < T_COUNT(headers); i++) {
		for (way = 0; way < 7; way++) {
			stage_open(&stage);
			weir_store_release64(t_block_header(&stage.block, 0),
					     headers[i]);
			t_log_watch();
			if (meet(stage.pair.rx, way) != -EPROTO)
				ck_abort_msg("header %llx is believed",
					     (unsigned long long)headers[i]);
			ck_assert_str_ne(t_log_text(), "");
			rx_is_broken(stage.pair.rx);
			stage_close(&stage);
		}
	}
}
END_TEST

/* The same behind a message, where the data end. */
START_TEST(headers_that_cross_the_end)
{
	struct stage stage;
	uint64_t at;
	int way;

	for (at = CAPACITY / 2; at < CAPACITY; at += 8 * 31) {
		for (way = 0; way < 7; way++) {
			stage_open(&stage);
			T_OK(weir_tx_try_write(stage.pair.tx, buffer,
					       CAPACITY / 2 - 8));
			T_IS(weir_rx_try_read(stage.pair.rx, buffer,
					      CAPACITY), CAPACITY / 2 - 8);
			if (at > CAPACITY / 2) {
				T_OK(weir_tx_try_write(
					stage.pair.tx, buffer,
					(size_t)at - CAPACITY / 2 - 8));
				T_ASSERT(weir_rx_try_read(stage.pair.rx, buffer,
							  CAPACITY) >= 0);
			}
			weir_store_release64(t_block_header(&stage.block, at),
					     HEADER(CAPACITY - at - 7, 1));
			T_IS(meet(stage.pair.rx, way), -EPROTO);
			rx_is_broken(stage.pair.rx);
			stage_close(&stage);
		}
	}
}
END_TEST

/* Longer than any message may be, but within the data: nothing is broken by
   it, so either it is refused or it is delivered. */
START_TEST(longer_than_any_message)
{
	struct stage stage;
	long long got;
	size_t len;
	int way;

	for (len = MAX_MESSAGE + 1; len <= CAPACITY - 8; len += 61) {
		for (way = 0; way < 4; way++) {
			stage_open(&stage);
			weir_store_release64(t_block_header(&stage.block, 0),
					     HEADER(len, 1));
			got = meet(stage.pair.rx, way);
			T_ASSERT(got == -EPROTO || got == (long long)len);
			stage_close(&stage);
		}
	}
}
END_TEST

/* Padding round and round would never end. */
START_TEST(padding_without_end)
{
	struct stage stage;
	int way;

	for (way = 0; way < 7; way++) {
		stage_open(&stage);
		weir_store_release64(t_block_header(&stage.block, 0),
				     HEADER(CAPACITY - 8, 2));
		T_IS(meet(stage.pair.rx, way), -EPROTO);
		rx_is_broken(stage.pair.rx);
		stage_close(&stage);
	}
}
END_TEST

/* While a message is peeked, and changed behind the reader's back. */
START_TEST(headers_changed_under_a_peek)
{
	struct stage stage;
	const void *data;
	size_t len, i;

	for (i = 0; i < T_COUNT(headers); i++) {
		stage_open(&stage);
		T_OK(weir_tx_try_write(stage.pair.tx, buffer, 24));
		T_OK(weir_tx_try_write(stage.pair.tx, buffer, 16));
		T_OK(weir_rx_peek(stage.pair.rx, &data, &len));
		weir_store_release64(t_block_header(&stage.block, 0),
				     headers[i]);
		/* this one was read already */
		T_IS(len, 24);
		T_OK(weir_rx_peek(stage.pair.rx, &data, &len));
		T_IS(len, 16);
		T_OK(weir_rx_rewind(stage.pair.rx));
		T_IS(weir_rx_peek(stage.pair.rx, &data, &len), -EPROTO);
		rx_is_broken(stage.pair.rx);
		stage_close(&stage);
	}
}
END_TEST

static void claim_refused(struct stage *stage, int producer)
{
	struct weir_tx *tx = (void *)buffer;
	struct weir_rx *rx = (void *)buffer;

	if (producer) {
		T_IS(weir_ring_tx(stage->pair.ring, &tx), -EPROTO);
		T_ASSERT((void *)tx == (void *)buffer);
	} else {
		T_IS(weir_ring_rx(stage->pair.ring, &rx), -EPROTO);
		T_ASSERT((void *)rx == (void *)buffer);
	}
}

/* ---- runs --------------------------------------------------------------- */

#define WORD(count, len) ((uint64_t)(count) << WEIR_RUN_COUNT_SHIFT | (len))

/* payload of the record, its word */
static const uint64_t runs[][2] = {
	{ 0, WORD(1, 8) }, { 1, WORD(1, 1) }, { 8, WORD(0, 0) },
	{ 8, WORD(0, 8) }, { 8, WORD(1, 0) }, { 8, WORD(1, 8) },
	{ 24, WORD(0, 8) }, { 24, WORD(2, 0) }, { 24, WORD(1, 8) },
	{ 24, WORD(3, 8) }, { 24, WORD(2, 9) }, { 24, WORD(1, 17) },
	{ 24, WORD(0, 0) }, { 24, WORD(UINT32_MAX, UINT32_MAX) },
	{ 24, WORD(UINT32_MAX, 8) }, { 24, WORD(2, UINT32_MAX) },
	{ 24, WORD(1, UINT32_MAX) }, { 24, WORD(1ull << 31, UINT32_MAX) },
	{ 24, WORD(1ull << 29, 8) }, { 24, WORD(1ull << 31, 1ull << 31) },
	{ 24, UINT64_MAX }, { 24, 1ull << 63 },
	/* longer than any message, than what is left, than anything */
	{ CAPACITY - 16, WORD(1, CAPACITY - 24) },
	{ CAPACITY - 8, WORD(CAPACITY / 8 - 2, 8) },
	{ CAPACITY, WORD(CAPACITY / 8 - 1, 8) },
	{ 1ull << 32, WORD((1ull << 29) - 1, 8) },
	{ (1ull << 32) + 24, WORD(2, 8) },
	{ (1ull << 56) - 8, WORD(UINT32_MAX, 8) },
	{ (1ull << 56) - 1, WORD(2, 8) },
};

static void forge_run(const struct t_block *block, uint64_t pos,
		      uint64_t payload, uint64_t word)
{
	weir_store_release64(t_block_header(block, pos + 8), word);
	weir_store_release64(t_block_header(block, pos),
			     HEADER(payload, WEIR_KIND_RUN));
}

START_TEST(runs_that_none_writes)
{
	struct stage stage;
	size_t i;
	int way;

	for (i = 0; i < T_COUNT(runs); i++) {
		for (way = 0; way < 7; way++) {
			stage_open(&stage);
			forge_run(&stage.block, 0, runs[i][0], runs[i][1]);
			if (meet(stage.pair.rx, way) != -EPROTO)
				ck_abort_msg("run %llx, %llx is believed",
					     (unsigned long long)runs[i][0],
					     (unsigned long long)runs[i][1]);
			rx_is_broken(stage.pair.rx);
			stage_close(&stage);
		}
	}
}
END_TEST

/* Within the data, but over what is still peeked, or over their end. */
START_TEST(runs_that_reach_too_far)
{
	struct stage stage;
	const void *data;
	uint64_t at, n;
	size_t len;

	for (at = 8; at < CAPACITY - 48; at += 120) {
		stage_open(&stage);
		if (at >= CAPACITY / 2) {
			T_OK(weir_tx_try_write(stage.pair.tx, buffer,
					       CAPACITY / 2 - 16));
			T_OK(weir_rx_peek(stage.pair.rx, &data, &len));
		}
		len = (size_t)(at < CAPACITY / 2 ? at :
			       at - CAPACITY / 2 + 8) - 8;
		T_OK(weir_tx_try_write(stage.pair.tx, buffer, len));
		T_OK(weir_rx_peek(stage.pair.rx, &data, &len));
		/* so many would come up to the end, and the header behind
		   them to the first peek */
		n = (CAPACITY - at - 16) / 8;
		forge_run(&stage.block, at, 8 + n * 8, WORD(n, 8));
		T_IS(weir_rx_peek(stage.pair.rx, &data, &len), -EPROTO);
		rx_is_broken(stage.pair.rx);
		stage_close(&stage);
	}
}
END_TEST

static void three_equal(struct weir_tx *tx)
{
	struct weir_buf v[3] = { { buffer, 0, 8 }, { buffer, 0, 8 },
				 { buffer, 0, 8 } };

	T_IS(weir_tx_write_batch(tx, v, 3, WEIR_NOWAIT), 3);
}

/* The word is read once a run: changed later, it is met at the next look. */
START_TEST(run_changed_under_a_peek)
{
	struct stage stage;
	const void *data;
	size_t len, i;

	for (i = 8; i < T_COUNT(runs); i++) {
		stage_open(&stage);
		three_equal(stage.pair.tx);
		T_OK(weir_rx_peek(stage.pair.rx, &data, &len));
		forge_run(&stage.block, 0, runs[i][0], runs[i][1]);
		T_OK(weir_rx_peek(stage.pair.rx, &data, &len));
		T_OK(weir_rx_peek(stage.pair.rx, &data, &len));
		T_IS(len, 8);
		T_IS(weir_rx_peek(stage.pair.rx, &data, &len), -EAGAIN);
		T_OK(weir_rx_rewind(stage.pair.rx));
		T_IS(weir_rx_peek(stage.pair.rx, &data, &len), -EPROTO);
		rx_is_broken(stage.pair.rx);
		stage_close(&stage);
	}
}
END_TEST

static void forge_words(const struct t_block *block, uint64_t pos,
			uint64_t first, uint64_t end, uint64_t len)
{
	weir_store_release64(&block->consumer->position, pos);
	weir_store_release64(&block->consumer->run_first, first);
	weir_store_release64(&block->consumer->run_end, end);
	weir_store_release64(&block->consumer->run_len, len);
}

/* What a consumer's successor is told of the run that it stands in. */
START_TEST(runs_left_that_are_none)
{
	static const uint64_t words[][4] = { /* position, first, end, length */
		{ 64, 0, 128, 0 }, { 64, 0, 128, 33 }, { 64, 0, 128, 128 },
		{ 64, 0, 127, 8 }, { 64, 0, 65, 1 }, { 64, 64, 1ull << 40, 8 },
		{ 64, 0, UINT64_MAX, 8 }, { 64, 0, UINT64_MAX - 7, 8 },
		{ 64, 0, CAPACITY + 8, 8 }, { 64, 64, CAPACITY + 64, 8 },
		{ 64, 0, 128, UINT64_MAX }, { 64, 0, 128, UINT64_MAX - 6 },
		{ 64, 0, 128, 1ull << 63 }, { 64, 0, 128, 1ull << 32 },
		{ CAPACITY - 8, 0, CAPACITY + 8, 16 },
		{ CAPACITY - 8, 0, CAPACITY - 8 + 2000, 2000 },
		{ CAPACITY - 16, 8, CAPACITY + 8, 8 },
		{ 0, 0, CAPACITY, CAPACITY }, { 0, 0, CAPACITY, CAPACITY - 1 },
		{ 5 * CAPACITY - 8, 0, 5 * CAPACITY + 8, 8 },
	};
	struct stage stage;
	size_t i;

	for (i = 0; i < T_COUNT(words); i++) {
		stage_open(&stage);
		weir_rx_close(stage.pair.rx);
		forge_words(&stage.block, words[i][0], words[i][1],
			    words[i][2], words[i][3]);
		claim_refused(&stage, 0);
		stage_close(&stage);
	}
}
END_TEST

/* ---- the consumer lies -------------------------------------------------- */

static void fill_up(struct weir_tx *tx)
{
	while (!weir_tx_try_write(tx, buffer, 120))
		;
}

static long long meet_full(struct weir_tx *tx, int way)
{
	struct weir_buf v = { buffer, 0, 200 };
	void *data;

	switch (way) {
	case 0:
		return weir_tx_try_write(tx, buffer, 200);
	case 1:
		return weir_tx_write(tx, buffer, 200, WEIR_FOREVER);
	case 2:
		return weir_tx_writev(tx, &v, 1, WEIR_FOREVER);
	case 3:
		return weir_tx_write_batch(tx, &v, 1, WEIR_FOREVER);
	case 4:
		return weir_tx_reserve(tx, 200, &data);
	default:
		return weir_tx_wait(tx, 200, WEIR_FOREVER);
	}
}

START_TEST(positions_that_none_reaches)
{
	static const uint64_t positions[] = {
		31 * 128 + 8, 1, 4, 12, CAPACITY, CAPACITY + 8, UINT64_MAX,
		UINT64_MAX - 7, 1ull << 32, 1ull << 63,
	};
	struct stage stage;
	size_t i;
	int way;

	for (i = 0; i < T_COUNT(positions); i++) {
		for (way = 0; way < 6; way++) {
			stage_open(&stage);
			fill_up(stage.pair.tx);
			weir_store_release64(&stage.block.consumer->position,
					     positions[i]);
			T_IS(meet_full(stage.pair.tx, way), -EPROTO);
			tx_is_broken(stage.pair.tx);
			stage_close(&stage);
		}
	}
}
END_TEST

/* Backwards, behind what this side has already built on. */
START_TEST(position_goes_back)
{
	struct stage stage;
	int way, i;

	for (way = 0; way < 6; way++) {
		stage_open(&stage);
		fill_up(stage.pair.tx);
		for (i = 0; i < 10; i++)
			T_IS(weir_rx_try_read(stage.pair.rx, buffer, 120), 120);
		fill_up(stage.pair.tx);
		weir_store_release64(&stage.block.consumer->position, 128);
		T_IS(meet_full(stage.pair.tx, way), -EPROTO);
		tx_is_broken(stage.pair.tx);
		stage_close(&stage);
	}
}
END_TEST

/* With a reservation open: it is kept out of the ring for good. */
START_TEST(broken_while_reserved)
{
	struct stage stage;
	void *data;

	stage_open(&stage);
	T_OK(weir_tx_reserve(stage.pair.tx, 1000, &data));
	weir_store_release64(&stage.block.consumer->position, 4444);
	while (!weir_tx_reserve(stage.pair.tx, 1000, &data))
		;
	tx_is_broken(stage.pair.tx);
	T_IS(weir_rx_try_read(stage.pair.rx, buffer, CAPACITY), -EAGAIN);
	stage_close(&stage);
}
END_TEST

/* ---- what a successor finds --------------------------------------------- */

START_TEST(claims_of_broken_halves)
{
	static const uint64_t positions[][2] = { /* producer's, consumer's */
		{ 4, 0 }, { 0, 4 }, { 1, 1 }, { CAPACITY + 8, 0 },
		{ UINT64_MAX - 7, 0 }, { 1ull << 63, 8 },
		/* read, but not sent */
		{ 0, 8 }, { 0, CAPACITY + 8 }, { 8, 1ull << 63 },
	};
	struct t_world world;
	struct stage stage;
	size_t i;

	for (i = 0; i < T_COUNT(positions); i++) {
		stage_open(&stage);
		weir_tx_close(stage.pair.tx);
		weir_store_release64(&stage.block.producer->position,
				     positions[i][0]);
		weir_store_release64(&stage.block.consumer->position,
				     positions[i][1]);
		t_world_look(&world);
		claim_refused(&stage, 1);
		t_world_same(&world, "a refused claim");
		stage_close(&stage);
	}
	stage_open(&stage);
	weir_rx_close(stage.pair.rx);
	weir_store_release64(&stage.block.consumer->position, 12);
	claim_refused(&stage, 0);
	stage_close(&stage);
}
END_TEST

/* A successor walks from header to header: it must come to an end. */
START_TEST(headers_without_end)
{
	static const uint64_t fill[] = { HEADER(0, 1), HEADER(8, 1),
					 HEADER(0, 2), HEADER(24, 1),
					 HEADER(1ull << 40, 1), UINT64_MAX };
	struct stage stage;
	uint64_t at;
	size_t i;

	for (i = 0; i < T_COUNT(fill); i++) {
		stage_open(&stage);
		weir_tx_close(stage.pair.tx);
		for (at = 0; at < CAPACITY; at += 8)
			weir_store_release64(t_block_header(&stage.block, at),
					     fill[i]);
		claim_refused(&stage, 1);
		stage_close(&stage);
	}
}
END_TEST

/* ---- at random ---------------------------------------------------------- */

static uint64_t some_word(struct t_random *random)
{
	uint64_t x = t_random(random);

	switch (t_random_below(random, 10)) {
	case 0:
		return x;
	case 8:
		return HEADER(x % CAPACITY & ~(uint64_t)7, WEIR_KIND_RUN);
	case 9:
		return WORD(x % 64, x >> 50 & 63);
	case 1:
		return x % (2 * CAPACITY);
	case 2:
		return x % (2 * CAPACITY) & ~(uint64_t)7;
	case 3:
		return (uint64_t)0 - x % CAPACITY;
	case 4:
		return HEADER(x % CAPACITY, 1);
	case 5:
		return HEADER(x % CAPACITY, x >> 60);
	case 6:
		return HEADER(CAPACITY - 8 - x % CAPACITY, 2);
	default:
		return x % 4;
	}
}

static void scribble_half(struct weir_half *half, struct t_random *random)
{
	uint64_t word = some_word(random);

	switch (t_random_below(random, 7)) {
	case 0:
		weir_store_release64(&half->position, word);
		break;
	case 6:
		weir_store_release64(&half->run_first +
				     t_random_below(random, 3), word);
		break;
	case 1:
		weir_store_release32(&half->waiting, (uint32_t)word);
		break;
	case 2:
		weir_store_release32(&half->doorbell, (uint32_t)word);
		break;
	case 3:
		weir_store_release64(&half->need, word);
		break;
	case 4:
		weir_store_release32(&half->state, (uint32_t)word % 5);
		break;
	default:
		weir_store_release32(&half->claims, (uint32_t)word);
	}
}

/*
 * Any word, but of the semaphores only the first, their count: what else is in
 * there the C library believes, and glibc aborts where it cannot. Plain rings
 * of the portable backend have this limit, streams do not.
 */
static void scribble_any(const struct t_block *block, struct t_random *random)
{
	struct weir_a64 *words = (struct weir_a64 *)(void *)block->base;
	uint64_t at = t_random_below(random, block->size / 8) * 8;
	const struct weir_half *halves[2] = { block->producer,
					      block->consumer };
	int i, count = 0;

	for (i = 0; i < 2; i++) {
		uint64_t from = (uint64_t)((unsigned char *)halves[i] -
					   block->base) +
				offsetof(struct weir_half, semaphores);

		if (at >= from && at < from + sizeof(halves[i]->semaphores)) {
			at -= (at - from) % sizeof(halves[i]->semaphores[0]);
			count = 1;
		}
	}
	/* 32-bit processes have 32-bit counts, and what to believe beside. */
	if (count && sizeof(void *) == 4)
		weir_store_release32((struct weir_a32 *)(void *)&words[at / 8],
				     (uint32_t)some_word(random));
	else
		weir_store_release64(&words[at / 8], some_word(random));
}

/* The halves and the headers more often than the rest. */
static void scribble(const struct t_block *block, struct t_random *random)
{
	uint64_t pos;

	switch (t_random_below(random, 6)) {
	case 0:
		scribble_half(block->producer, random);
		break;
	case 1:
		scribble_half(block->consumer, random);
		break;
	case 2:
		/* where the producer, or a reader, is */
		pos = weir_load_relaxed64(&block->producer->position);
		weir_store_release64(t_block_header(block, pos & ~7ull),
				     some_word(random));
		break;
	case 3:
		pos = weir_load_relaxed64(&block->consumer->position);
		weir_store_release64(t_block_header(block, pos & ~7ull),
				     some_word(random));
		break;
	case 4:
		weir_store_release64(t_block_header(block, t_random(random) &
						    ~7ull),
				     some_word(random));
		break;
	default:
		scribble_any(block, random);
	}
}

static int is_expected(long long got)
{
	static const int errors[] = { EAGAIN, ETIMEDOUT, EPIPE, EOWNERDEAD,
				      EPROTO, EMSGSIZE, EINVAL, ECANCELED };
	size_t i;

	for (i = 0; i < T_COUNT(errors); i++)
		if (got == -errors[i])
			return 1;
	return got >= 0;
}

static int64_t some_deadline(struct t_random *random)
{
	switch (t_random_below(random, 8)) {
	case 0:
		return weir_after(100000);
	case 1:
		return weir_after(0);
	default:
		return WEIR_NOWAIT;
	}
}

static long long some_rx_call(struct weir_rx *rx, struct t_random *random)
{
	struct weir_buf v[3] = { { buffer, 100, 0 }, { buffer + 100, 50, 0 },
				 { buffer + 200, 5000, 0 } };
	size_t size = (size_t)t_random_below(random, CAPACITY), len = 0;
	const void *data = NULL;
	long long got;

	switch (t_random_below(random, 9)) {
	case 0:
	case 1:
		return weir_rx_try_read(rx, buffer, size);
	case 2:
		return weir_rx_read(rx, buffer, size, some_deadline(random));
	case 3:
		return weir_rx_read_batch(rx, v, 3, some_deadline(random));
	case 4:
		got = weir_rx_peek(rx, &data, &len);
		/* all of what it shows is there to be read */
		if (!got && len)
			memcpy(buffer, data, len);
		return got;
	case 5:
		return weir_rx_release(rx);
	case 6:
		return weir_rx_rewind(rx);
	case 7:
		return weir_rx_next_len(rx);
	default:
		return weir_rx_wait(rx, some_deadline(random));
	}
}

static long long some_tx_call(struct weir_tx *tx, struct t_random *random)
{
	size_t len = (size_t)t_random_below(random, MAX_MESSAGE + 10);
	struct weir_buf v[3] = { { buffer, 0, 100 }, { buffer, 0, len / 2 },
				 { buffer, 0, 3 } };
	struct weir_buf equal[8];
	void *data = NULL;
	long long got;
	size_t i;

	switch (t_random_below(random, 11)) {
	case 10:
		for (i = 0; i < T_COUNT(equal); i++)
			equal[i] = (struct weir_buf){ buffer, 0, len % 80 };
		return weir_tx_write_batch(tx, equal, T_COUNT(equal),
					   some_deadline(random));
	case 0:
	case 1:
		return weir_tx_try_write(tx, buffer, len);
	case 2:
		return weir_tx_write(tx, buffer, len, some_deadline(random));
	case 3:
		return weir_tx_writev(tx, v, 3, some_deadline(random));
	case 4:
		return weir_tx_write_batch(tx, v, 3, some_deadline(random));
	case 5:
		got = weir_tx_reserve(tx, len, &data);
		if (!got)
			memset(data, 0x55, len);
		return got;
	case 6:
		return weir_tx_shrink(tx, len / 2);
	case 7:
		return weir_tx_commit(tx);
	case 8:
		return weir_tx_abort(tx);
	default:
		return weir_tx_wait(tx, len, some_deadline(random));
	}
}

/* Successors that are told anything: refused, or within the data. */
START_TEST(random_words_left)
{
	int64_t until = t_until(0.5);
	unsigned long refused = 0, taken = 0;
	struct t_random random;
	struct stage stage;
	int i;

	t_random_seed(&random);
	stage_open(&stage);
	do {
		uint64_t pos = t_random_below(&random, 2 * CAPACITY) & ~7ull;
		int r;

		weir_rx_close(stage.pair.rx);
		forge_words(&stage.block, pos,
			    pos - t_random_below(&random, 64),
			    pos + t_random_below(&random, CAPACITY) * 8,
			    t_random_below(&random, CAPACITY));
		if (t_random_below(&random, 2))
			scribble_half(stage.block.consumer, &random);
		r = weir_ring_rx(stage.pair.ring, &stage.pair.rx);
		T_ASSERT(!r || r == -EPROTO);
		refused += r == -EPROTO;
		taken += !r;
		for (i = 0; !r && i < 20; i++)
			T_ASSERT(is_expected(some_rx_call(stage.pair.rx,
							  &random)));
		if (r)
			stage.pair.rx = NULL;
	} while (weir_now() < until);
	printf("# %lu refused, %lu taken\n", refused, taken);
	T_ASSERT(refused && taken);
	stage_close(&stage);
}
END_TEST

struct broken {
	int rx, tx;
};

static void some_call(struct stage *stage, struct broken *broken,
		      struct t_random *random)
{
	int reader = (int)t_random_below(random, 2);
	int *is = reader ? &broken->rx : &broken->tx;
	long long got = reader ? some_rx_call(stage->pair.rx, random) :
				 some_tx_call(stage->pair.tx, random);

	if (!is_expected(got))
		ck_abort_msg("a call answers %lld (%s)", got, t_text(got));
	/* only a message that is too long anyway may be told first */
	if (*is && got != -EPROTO && got != -EMSGSIZE)
		ck_abort_msg("-EPROTO is over: %lld (%s)", got, t_text(got));
	*is |= got == -EPROTO;
}

START_TEST(random_words)
{
	unsigned long calls = 0, rounds = 0, found = 0;
	int64_t until = t_until(1.5);
	struct t_random random;
	struct stage stage;
	int i;

	t_random_seed(&random);
	do {
		struct broken broken = { 0, 0 };

		stage_open(&stage);
		for (i = 0; i < 300 && !(broken.rx && broken.tx); i++) {
			some_call(&stage, &broken, &random);
			if (!t_random_below(&random, 6))
				scribble(&stage.block, &random);
		}
		calls += (unsigned long)i;
		rounds++;
		found += (unsigned long)(broken.rx + broken.tx);
		stage_close(&stage);
	} while (weir_now() < until);
	printf("# %lu rounds, %lu calls, %lu lies found\n", rounds, calls,
	       found);
	T_ASSERT(found);
}
END_TEST

/* The same while the calls are on their way: what was checked may change. */
struct scribbler {
	struct t_block *block;
	struct t_random random;
	struct weir_a32 stop;
};

static void *scribbler(void *arg)
{
	struct scribbler *s = arg;

	/* acquire: pairs with the store that ends it */
	while (!weir_load_acquire32(&s->stop))
		scribble(s->block, &s->random);
	return NULL;
}

static void scribbled_round(struct t_random *random)
{
	struct broken broken = { 0, 0 };
	struct scribbler s = { .stop = { 0 } };
	struct stage stage;
	pthread_t thread;
	int i;

	stage_open(&stage);
	s.block = &stage.block;
	s.random.state = t_random(random) | 1;
	thread = t_thread(scribbler, &s);
	for (i = 0; i < 1000 && !(broken.rx && broken.tx); i++)
		some_call(&stage, &broken, random);
	/* release: nothing but the end of the thread depends on it */
	weir_store_release32(&s.stop, 1);
	t_join(thread);
	stage_close(&stage);
}

START_TEST(random_words_at_the_same_time)
{
	int64_t until = t_until(1);
	struct t_random random;

#ifdef WEIR_PRIV_TSAN
	T_SKIP("a build without TSan: the other thread races on purpose");
#endif
	t_random_seed(&random);
	do
		scribbled_round(&random);
	while (weir_now() < until);
}
END_TEST

void t_build(void)
{
	T_ADD(headers_that_none_writes);
	T_ADD(headers_that_cross_the_end);
	T_ADD(longer_than_any_message);
	T_ADD(padding_without_end);
	T_ADD(headers_changed_under_a_peek);
	T_ADD(runs_that_none_writes);
	T_ADD(runs_that_reach_too_far);
	T_ADD(run_changed_under_a_peek);
	T_ADD(runs_left_that_are_none);
	T_ADD(positions_that_none_reaches);
	T_ADD(position_goes_back);
	T_ADD(broken_while_reserved);
	T_ADD(claims_of_broken_halves);
	T_ADD(headers_without_end);
	T_ADD(random_words_left);
	T_ADD(random_words);
	T_ADD(random_words_at_the_same_time);
}
