/* SPDX-License-Identifier: MIT */
/*
 * lib/ahead.c: a producer whose messages come one by one has the lines of the
 * next one before it is there. In the middle of a stream it does not, and what
 * the consumer has not read yet is never touched.
 *
 * Seen to fail with: a place that is touched whatever the room; a line left out
 * at the end of the place; a stream that is taken for single messages; looks
 * that do not get fewer; single messages that are believed after one look; a
 * message with padding before it that is looked at as if it had none; lines had
 * for a message that goes past the caches.
 */
#include "../t.h"

#include "../../lib/internal.h"

#define CAPACITY 16384
#define LINE 64
#define MANY 2000
#define OTHER 0xa5

static unsigned char data[CAPACITY], buffer[CAPACITY];

/* Large ones go through the caches, or past them, whatever is faster. */
static void copies(struct t_pair *p, int streamed)
{
	size_t i;

	memset(p->tx->end->copy, 0, sizeof(p->tx->end->copy));
	for (i = 0; i < WEIR_COPY_CLASSES; i++)
		p->tx->end->copy[i].kind = streamed;
}

static void send_and_read(struct t_pair *p, size_t len)
{
	T_IS(weir_tx_try_write(p->tx, data, len), 0);
	T_IS(weir_rx_try_read(p->rx, buffer, sizeof(buffer)), len);
}

/* What may be written to: from behind the next header to where the room that
   the producer knows of, and the ring, end. */
static unsigned char *filled, *filled_end;

static size_t room(const struct t_pair *p)
{
	uint64_t pos = (uintptr_t)p->tx->at + p->tx->bias;
	uint64_t known = p->tx->end->peer_position + CAPACITY - pos;
	uint64_t piece = CAPACITY - pos % CAPACITY;

	return (size_t)(known < piece ? known : piece) - 8;
}

static void fill(struct t_pair *p)
{
	filled = p->tx->at + 8;
	filled_end = p->tx->at + room(p) + 8;
	if (filled < filled_end)
		memset(filled, OTHER, (size_t)(filled_end - filled));
}

/* How many lines of the next message's place, of size bytes and a header, have
   been stored to; those that have are among its own. */
static unsigned int touched(const struct t_pair *p, size_t size)
{
	const unsigned char *at = p->tx->at, *line;
	unsigned int n = 0, i;

	/* begun again at the beginning */
	if (at < filled)
		return 0;
	for (line = at + 8; line < filled_end; line++) {
		if (*line == OTHER)
			continue;
		/* a word at the beginning of a line, and not of the first */
		T_IS((uintptr_t)line % LINE, 0);
		T_ASSERT(line > at && line <= at + size);
		for (i = 0; i < 8; i++)
			T_IS(line[i], 0);
		line += 7;
		n++;
	}
	return n;
}

static unsigned int lines_of(const struct t_pair *p, size_t size)
{
	uintptr_t at = (uintptr_t)p->tx->at;

	return (unsigned int)((at + size) / LINE - at / LINE);
}

START_TEST(one_by_one)
{
	static const size_t sizes[] = { 0, 8, 24, 56, 64, 200, 1000, 1024,
					4000 };
	size_t i;

	for (i = 0; i < T_COUNT(sizes); i++) {
		size_t size = weir_priv_record_size(sizes[i]), n;
		unsigned int seen = 0, most = 0;
		struct t_pair p;

		t_pair_open(&p, T_ANONYMOUS, CAPACITY, 0);
		for (n = 0; n < 100; n++)
			send_and_read(&p, sizes[i]);
		for (n = 0; n < MANY; n++) {
			/* the next one ends before the ring does */
			if (room(&p) >= 2 * size) {
				fill(&p);
				copies(&p, 0);
				send_and_read(&p, sizes[i]);
				T_IS(touched(&p, size), lines_of(&p, size));
				seen += lines_of(&p, size);
				most++;
			} else {
				send_and_read(&p, sizes[i]);
			}
		}
		T_ASSERT(most > MANY / 8 && seen);
		t_pair_close(&p);
	}
}
END_TEST

/* Lines that are to be written past the caches are not had before. */
START_TEST(past_the_caches)
{
	struct t_pair p;
	unsigned int n;

	t_pair_open(&p, T_ANONYMOUS, CAPACITY, 0);
	for (n = 0; n < 200; n++) {
		size_t len = n % 2 ? 1024 : 1023;

		if (room(&p) < 4096) {
			send_and_read(&p, len);
			continue;
		}
		fill(&p);
		copies(&p, 1);
		send_and_read(&p, len);
		if (n > 100)
			T_IS(!touched(&p, weir_priv_record_size(len)),
			     len == 1024);
	}
	t_pair_close(&p);
}
END_TEST

/* The calls that publish one message by other ways do the same. */
START_TEST(reserved_and_gathered)
{
	struct weir_buf v = { .data = data, .len = 200 };
	struct t_pair p;
	unsigned int n;
	void *at;

	t_pair_open(&p, T_ANONYMOUS, CAPACITY, 0);
	for (n = 0; n < 100; n++)
		send_and_read(&p, 200);
	for (n = 0; n < 20; n++) {
		fill(&p);
		if (n % 2) {
			T_IS(weir_tx_reserve(p.tx, 200, &at), 0);
			memset(at, 0, 200);
			T_IS(weir_tx_commit(p.tx), 1);
		} else {
			T_IS(weir_tx_writev(p.tx, &v, 1, WEIR_NOWAIT), 0);
		}
		T_IS(touched(&p, 208), lines_of(&p, 208));
		T_IS(weir_rx_try_read(p.rx, buffer, sizeof(buffer)), 200);
	}
	t_pair_close(&p);
}
END_TEST

/* One message at least is always there, so this is a stream. */
START_TEST(a_stream_is_left_alone)
{
	struct t_pair p;
	struct weir_ahead *a;
	unsigned int n, looks = 0;
	uint64_t at = 0;

	t_pair_open(&p, T_ANONYMOUS, CAPACITY, 0);
	a = &p.tx->end->ahead;
	T_IS(weir_tx_try_write(p.tx, data, 200), 0);
	for (n = 0; n < 50000; n++) {
		fill(&p);
		send_and_read(&p, 200);
		if (n)
			T_IS(touched(&p, 208), 0);
		looks += a->at != at;
		at = a->at;
	}
	T_ASSERT(looks >= 12 && looks < 50);
	/* and it is known soon when the stream has ended */
	T_IS(weir_rx_try_read(p.rx, buffer, sizeof(buffer)), 200);
	for (n = 0; n < 10000 && !a->alone; n++)
		send_and_read(&p, 200);
	T_ASSERT(n < 5000);
	t_pair_close(&p);
}
END_TEST

/* Bursts, of which the first message always finds all read, are no single
   messages, in whatever step with the looks they come. */
START_TEST(bursts)
{
	unsigned int n, length, k;

	for (length = 2; length <= 70; length++) {
		struct t_pair p;

		t_pair_open(&p, T_ANONYMOUS, CAPACITY, 0);
		for (n = 0; n < 500; n++) {
			for (k = 0; k < length; k++) {
				T_IS(weir_tx_try_write(p.tx, data, 8), 0);
				T_ASSERT(!p.tx->end->ahead.alone);
			}
			while (weir_rx_try_read(p.rx, buffer,
						sizeof(buffer)) >= 0)
				;
		}
		t_pair_close(&p);
	}
}
END_TEST

/* However full it is, and whatever the consumer says of its position: all that
   was sent comes as it was. */
static void keep_full(int lies)
{
	struct t_random random = { .state = 99 };
	uint64_t sent = 0, got = 0;
	struct t_pair p;

	t_pair_open(&p, T_ANONYMOUS, CAPACITY, 0);
	while (got < 20000) {
		struct weir_ahead *a = &p.tx->end->ahead;
		uint64_t n = lies ? 24 : 24 + t_random_below(&random, 1500) / 8 * 8;
		uint64_t k;

		/* as if single messages had been sent */
		a->alone = 1;
		a->at = lies ? 0 : UINT64_MAX;
		p.tx->look = 0;
		for (k = 0; k < n / 8; k++)
			memcpy(data + 8 * k, &sent, 8);
		if (weir_tx_try_write(p.tx, data, n) == 0) {
			sent++;
			continue;
		}
		for (k = t_random_below(&random, 4); k <= 4 && got < sent; k++) {
			ssize_t len = weir_rx_try_read(p.rx, buffer,
						       sizeof(buffer));
			ssize_t i;

			T_ASSERT(len >= 24);
			for (i = 0; i < len; i += 8)
				T_ASSERT(!memcmp(buffer + i, &got, 8));
			got++;
		}
	}
	T_ASSERT(sent > got);
	t_pair_close(&p);
}

START_TEST(what_is_unread_stays)
{
	keep_full(0);
}
END_TEST

START_TEST(a_position_that_lies)
{
	struct t_pair p;
	unsigned int n, sent;

	keep_full(1);
	t_pair_open(&p, T_ANONYMOUS, CAPACITY, 0);
	/* relaxed: no other thread */
	for (sent = 0; sent < 60; sent++) {
		weir_store_relaxed64(&p.rx->end->mine->position,
				     UINT64_MAX - 7);
		memset(data, (int)sent, 200);
		T_IS(weir_tx_try_write(p.tx, data, 200), 0);
	}
	weir_store_relaxed64(&p.rx->end->mine->position, 0);
	for (n = 0; n < sent; n++) {
		memset(data, (int)n, 200);
		T_IS(weir_rx_try_read(p.rx, buffer, sizeof(buffer)), 200);
		T_ASSERT(!memcmp(buffer, data, 200));
	}
	t_pair_close(&p);
}
END_TEST

void t_build(void)
{
	T_ADD(one_by_one);
	T_ADD(past_the_caches);
	T_ADD(reserved_and_gathered);
	T_ADD(a_stream_is_left_alone);
	T_ADD(bursts);
	T_ADD(what_is_unread_stays);
	T_ADD(a_position_that_lies);
}
