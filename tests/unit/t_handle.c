/* SPDX-License-Identifier: MIT */
/*
 * Handles of ends: weir_{rx,tx}_{handle,arm}, weir_stream_handle. In one
 * process; x_wait has two.
 *
 * Seen to fail with: an arm that does not clear what the handle showed; one
 * that does not look after the announcement; an end that takes the bytes of the
 * other, armed one; a cancel that does not knock; a ring at every message.
 */
#include "../t.h"

#include <poll.h>
#include <sys/socket.h>

static int readable(weir_handle handle, int ms)
{
	struct pollfd p = { .fd = handle, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

/* Now or soon; and: not now. */
#define READABLE(h) T_ASSERT(readable(h, 20000))
#define SILENT(h) T_ASSERT(!readable(h, 0))

static void drain(struct weir_rx *rx)
{
	char text[64];

	while (weir_rx_try_read(rx, text, sizeof(text)) >= 0)
		;
}

static void messages(struct weir_tx *tx, struct weir_rx *rx)
{
	weir_handle h, again;
	char text[8];

	T_OK(weir_rx_handle(rx, &h));
	T_OK(weir_rx_handle(rx, &again));
	T_IS(again, h);
	T_OK(weir_rx_arm(rx));
	SILENT(h);
	T_OK(weir_tx_try_write(tx, "one", 3));
	READABLE(h);
	/* it stays so, whatever is read from the ring */
	T_IS(weir_rx_try_read(rx, text, sizeof(text)), 3);
	READABLE(h);
	T_OK(weir_rx_arm(rx));
	SILENT(h);
	T_OK(weir_rx_arm(rx));
	T_OK(weir_tx_try_write(tx, "two", 3));
	READABLE(h);
	T_IS(weir_rx_arm(rx), 1);
	T_IS(weir_rx_arm(rx), 1);
	T_IS(weir_rx_try_read(rx, text, sizeof(text)), 3);
}

static void room(struct weir_tx *tx, struct weir_rx *rx)
{
	weir_handle h;

	T_OK(weir_tx_handle(tx, &h));
	T_IS(weir_tx_arm(tx, 8), 1);
	T_IS(weir_tx_arm(tx, SIZE_MAX / 2), -EMSGSIZE);
	while (!weir_tx_try_write(tx, "12345678", 8))
		;
	T_OK(weir_tx_arm(tx, 1000));
	SILENT(h);
	drain(rx);
	READABLE(h);
	T_IS(weir_tx_arm(tx, 1000), 1);
}

static uint64_t wakes(const struct weir_tx *tx)
{
	return weir_load_relaxed64(&tx->counters[WEIR_COUNT_WAKES]);
}

/* n messages to one that sleeps: one wake. */
static void burst(struct weir_tx *tx, struct weir_rx *rx)
{
	uint64_t before;
	int i;

	T_OK(weir_rx_arm(rx));
	before = wakes(tx);
	for (i = 0; i < 20; i++)
		T_OK(weir_tx_try_write(tx, "x", 1));
	T_IS(wakes(tx), before + 1);
	drain(rx);
}

/* A waiting call disarms; what came meanwhile is for the call. */
static void other_ways(struct weir_tx *tx, struct weir_rx *rx)
{
	char text[8];

	T_OK(weir_rx_arm(rx));
	T_IS(weir_rx_wait(rx, weir_after(T_MS)), -ETIMEDOUT);
	T_OK(weir_tx_try_write(tx, "x", 1));
	T_IS(weir_rx_read(rx, text, sizeof(text), T_SOON), 1);
	T_OK(weir_rx_arm(rx));
	T_OK(weir_tx_try_write(tx, "x", 1));
	T_IS(weir_rx_arm(rx), 1);
	drain(rx);
}

static void all_of(struct weir_tx *tx, struct weir_rx *rx)
{
	messages(tx, rx);
	room(tx, rx);
	burst(tx, rx);
	other_ways(tx, rx);
}

static void by_cancel(struct weir_rx *rx)
{
	weir_handle h;

	T_OK(weir_rx_handle(rx, &h));
	T_OK(weir_rx_arm(rx));
	SILENT(h);
	T_OK(weir_rx_cancel(rx));
	READABLE(h);
	T_IS(weir_rx_arm(rx), -ECANCELED);
}

static void of_ring(enum t_kind kind)
{
	struct t_pair pair;
	weir_handle h;

	t_pair_open(&pair, kind, 4096, -1);
	all_of(pair.tx, pair.rx);
	by_cancel(pair.rx);
	t_pair_close(&pair);
	/* the other end closes */
	t_pair_open(&pair, kind, 4096, -1);
	T_OK(weir_rx_handle(pair.rx, &h));
	T_OK(weir_rx_arm(pair.rx));
	weir_tx_close(pair.tx);
	READABLE(h);
	T_IS(weir_rx_arm(pair.rx), -EPIPE);
	t_pair_close(&pair);
}

START_TEST(private_ring)
{
	of_ring(T_PRIVATE);
}
END_TEST

START_TEST(anonymous_ring)
{
	of_ring(T_ANONYMOUS);
}
END_TEST

START_TEST(named_ring)
{
	of_ring(T_NAMED);
}
END_TEST

static const struct weir_stream_options options = {
	.size = sizeof(options), .capacity = 4096, .spin_us = -1,
};

/* Both ends of one stream are armed at once, and it has one handle. */
static void one_handle(struct weir_stream *s, struct weir_stream *peer)
{
	struct weir_tx *tx = weir_stream_tx(s);
	struct weir_rx *rx = weir_stream_rx(s);
	weir_handle h, other;

	T_OK(weir_stream_handle(s, &h));
	T_OK(weir_rx_handle(rx, &other));
	T_IS(other, h);
	T_OK(weir_tx_handle(tx, &other));
	T_IS(other, h);
	while (!weir_tx_try_write(tx, "12345678", 8))
		;
	T_OK(weir_rx_arm(rx));
	T_OK(weir_tx_arm(tx, 8));
	SILENT(h);
	/* both are rung: neither's arm takes the other's ring away */
	T_OK(weir_stream_write(peer, "x", 1, WEIR_NOWAIT));
	drain(weir_stream_rx(peer));
	READABLE(h);
	T_IS(weir_rx_arm(rx), 1);
	READABLE(h);
	drain(rx);
	T_OK(weir_rx_arm(rx));
	READABLE(h);
	T_IS(weir_tx_arm(tx, 8), 1);
	T_OK(weir_rx_arm(rx));
	SILENT(h);
	while (!weir_tx_try_write(tx, "12345678", 8))
		;
	T_OK(weir_tx_arm(tx, 8));
	drain(weir_stream_rx(peer));
	READABLE(h);
	T_OK(weir_rx_arm(rx));
	READABLE(h);
	T_IS(weir_tx_arm(tx, 8), 1);
	/* one that was rung and is no longer waited for is disarmed */
	T_OK(weir_stream_write(peer, "x", 1, WEIR_NOWAIT));
	READABLE(h);
	T_OK(weir_rx_wait(rx, WEIR_NOWAIT));
	while (!weir_tx_try_write(tx, "12345678", 8))
		;
	T_OK(weir_tx_arm(tx, 8));
	SILENT(h);
	drain(weir_stream_rx(peer));
	READABLE(h);
	T_IS(weir_tx_arm(tx, 8), 1);
	drain(rx);
}

static void of_stream(struct weir_stream *s[2])
{
	weir_handle h;

	all_of(weir_stream_tx(s[0]), weir_stream_rx(s[1]));
	all_of(weir_stream_tx(s[1]), weir_stream_rx(s[0]));
	one_handle(s[0], s[1]);
	T_OK(weir_stream_handle(s[0], &h));
	drain(weir_stream_rx(s[0]));
	T_OK(weir_rx_arm(weir_stream_rx(s[0])));
	SILENT(h);
	weir_stream_close(s[1]);
	READABLE(h);
	T_IS(weir_rx_arm(weir_stream_rx(s[0])), -EPIPE);
	weir_stream_close(s[0]);
}

START_TEST(stream_pair)
{
	struct weir_stream *s[2];

	T_OK(weir_stream_pair(s, &options));
	of_stream(s);
}
END_TEST

struct attach {
	int socket;
	struct weir_stream *stream;
};

static void *attach(void *arg)
{
	struct attach *a = arg;

	T_OK(weir_stream_attach(&a->stream, a->socket, &options, T_SOON));
	return NULL;
}

START_TEST(connection)
{
	struct weir_stream *s[2];
	struct attach other;
	pthread_t thread;
	int fd[2];

	T_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd));
	other.socket = fd[1];
	thread = t_thread(attach, &other);
	T_OK(weir_stream_attach(&s[0], fd[0], &options, T_SOON));
	t_join(thread);
	s[1] = other.stream;
	close(fd[0]);
	close(fd[1]);
	of_stream(s);
}
END_TEST

START_TEST(no_descriptors)
{
	struct t_pair pair;
	weir_handle h;

	t_pair_open(&pair, T_ANONYMOUS, 4096, -1);
	t_descriptors_end();
	T_IS(weir_rx_handle(pair.rx, &h), -EMFILE);
	T_IS(weir_rx_arm(pair.rx), -EMFILE);
	t_descriptors_back();
	T_OK(weir_rx_handle(pair.rx, &h));
	/* to arm it takes none that cannot be done without */
	t_descriptors_end();
	T_OK(weir_rx_arm(pair.rx));
	T_OK(weir_tx_try_write(pair.tx, "x", 1));
	READABLE(h);
	drain(pair.rx);
	T_OK(weir_rx_arm(pair.rx));
	t_descriptors_back();
	T_OK(weir_rx_arm(pair.rx));
	SILENT(h);
	T_OK(weir_tx_try_write(pair.tx, "x", 1));
	READABLE(h);
	t_pair_close(&pair);
}
END_TEST

void t_build(void)
{
	T_ADD(private_ring);
	T_ADD(anonymous_ring);
	T_ADD(named_ring);
	T_ADD(stream_pair);
	T_ADD(connection);
	T_ADD(no_descriptors);
}
