/* SPDX-License-Identifier: MIT */
/*
 * Cancel, from another thread, rouses a parked read or write, in every way of
 * waiting: in one process, plain, named, stream, each with the peer there and
 * silent. Nothing else would: they have no deadline. It is sticky, and what is
 * there is still delivered.
 */
#include "hand.h"

#include <pthread.h>

#define PRIVATE X_KINDS		/* beside the kinds of link */
#define ROUNDS 20

struct canceller {
	pthread_t thread;
	pid_t tid;
	struct weir_tx *tx;
	struct weir_rx *rx;
	struct weir_stream *stream;
	int when;		/* 1: once it sleeps */
};

struct ends {
	struct x_link link;
	struct x_peer peer;
	struct weir_tx *tx;
	struct weir_rx *rx;
	struct weir_ring *ring[2];
	uint64_t filled;
};

static void *wait_and_cancel(void *arg)
{
	struct canceller *c = arg;

	if (c->when)
		x_asleep(getpid(), c->tid);
	if (c->stream)
		X_IS(weir_stream_cancel(c->stream), 0);
	if (c->tx)
		X_IS(weir_tx_cancel(c->tx), 0);
	if (c->rx)
		X_IS(weir_rx_cancel(c->rx), 0);
	return NULL;
}

static void launch(struct canceller *c, struct weir_tx *tx,
		   struct weir_rx *rx, struct weir_stream *stream, int when)
{
	c->tid = x_tid();
	c->tx = tx;
	c->rx = rx;
	c->stream = stream;
	c->when = when;
	X_IS(pthread_create(&c->thread, NULL, wait_and_cancel, c), 0);
}

static void landed(struct canceller *c)
{
	X_IS(pthread_join(c->thread, NULL), 0);
}

static void private_ends(struct ends *e)
{
	struct weir_ring_options o;
	int i;

	memset(e, 0, sizeof(*e));
	memset(&o, 0, sizeof(o));
	o.size = sizeof(o);
	o.capacity = 4096;
	o.spin_us = -1;
	o.flags = WEIR_RING_PRIVATE;
	for (i = 0; i < 2; i++)
		X_IS(weir_ring_create(&e->ring[i], &o), 0);
	X_IS(weir_ring_tx(e->ring[0], &e->tx), 0);
	X_IS(weir_ring_rx(e->ring[1], &e->rx), 0);
}

static void open_ends(struct ends *e, int kind)
{
	if (kind == PRIVATE) {
		private_ends(e);
		return;
	}
	memset(e, 0, sizeof(*e));
	hand_link(&e->link, &e->peer, kind, 4096, -1);
	e->tx = e->link.tx;
	e->rx = e->link.rx;
}

static void close_ends(struct ends *e)
{
	if (e->ring[0]) {
		weir_ring_close(e->ring[0]);
		weir_ring_close(e->ring[1]);
		return;
	}
	hand_order(&e->peer, 'c', 0);
	x_hear_this(&e->peer, 0);
	x_done(&e->peer);
	x_part(&e->link);
}

static void read_cancelled(int kind)
{
	struct canceller c;
	struct ends e;
	char data[HAND_MAX] = "";

	open_ends(&e, kind);
	x_step("asleep in a read");
	launch(&c, NULL, e.rx, NULL, 1);
	X_IS(weir_rx_read(e.rx, data, sizeof(data), WEIR_FOREVER), -ECANCELED);
	landed(&c);
	X_IS(weir_rx_read(e.rx, data, sizeof(data), WEIR_FOREVER), -ECANCELED);
	X_IS(weir_rx_try_read(e.rx, data, sizeof(data)), -ECANCELED);
	X_IS(weir_rx_wait(e.rx, WEIR_FOREVER), -ECANCELED);
	if (kind != PRIVATE) {
		x_step("what comes later is delivered all the same");
		hand_do(&e.peer, 'w', 2);
		hand_read(e.rx, 0, 2);
		X_IS(weir_rx_try_read(e.rx, data, sizeof(data)), -ECANCELED);
	}
	/* the other direction goes on */
	X_IS(weir_tx_try_write(e.tx, data, 1), 0);
	close_ends(&e);
}

static void write_cancelled(int kind)
{
	struct canceller c;
	struct ends e;
	char data[HAND_MAX] = "";

	memset(data, 0, sizeof(data));
	open_ends(&e, kind);
	hand_fill(e.tx, 0);
	x_step("asleep in a write");
	launch(&c, e.tx, NULL, NULL, 1);
	X_IS(weir_tx_write(e.tx, data, HAND_MAX, WEIR_FOREVER), -ECANCELED);
	landed(&c);
	X_IS(weir_tx_write(e.tx, data, HAND_MAX, WEIR_FOREVER), -ECANCELED);
	X_IS(weir_tx_try_write(e.tx, data, HAND_MAX), -ECANCELED);
	X_IS(weir_tx_wait(e.tx, HAND_MAX, WEIR_FOREVER), -ECANCELED);
	if (kind != PRIVATE) {
		x_step("room that comes later is used all the same");
		hand_do(&e.peer, 'r', 3);
		X_IS(weir_tx_try_write(e.tx, data, 8), 0);
	}
	close_ends(&e);
}

/* Both directions of a stream with one call. */
static void *write_asleep(void *arg)
{
	struct ends *e = arg;
	int end;

	X_IS(hand_pour(e->tx, e->filled, &end), 0);
	X_IS(end, -ECANCELED);
	return NULL;
}

static void stream_cancelled(int kind)
{
	struct canceller c;
	struct ends e;
	pthread_t writer;
	char data[HAND_MAX] = "";

	open_ends(&e, kind);
	e.filled = hand_fill(e.tx, 0);
	X_IS(pthread_create(&writer, NULL, write_asleep, &e), 0);
	launch(&c, NULL, NULL, e.link.stream, 1);
	x_step("asleep in both directions");
	X_IS(weir_stream_read(e.link.stream, data, sizeof(data), WEIR_FOREVER),
	     -ECANCELED);
	landed(&c);
	X_IS(pthread_join(writer, NULL), 0);
	close_ends(&e);
}

/* The cancel races with the way into sleep and is never lost. */
static void races(int kind)
{
	struct canceller c;
	struct ends e;
	char data[HAND_MAX] = "";
	int i;

	for (i = 0; i < (kind == PRIVATE ? 10 * ROUNDS : ROUNDS); i++) {
		open_ends(&e, kind);
		x_step("round %d", i);
		launch(&c, NULL, e.rx, NULL, 0);
		X_IS(weir_rx_read(e.rx, data, sizeof(data), WEIR_FOREVER),
		     -ECANCELED);
		X_IS(pthread_join(c.thread, NULL), 0);
		close_ends(&e);
	}
}

static const struct x_case cases[] = {
	{ "private read", read_cancelled, PRIVATE, 0 },
	{ "plain read", read_cancelled, X_PLAIN, 0 },
	{ "named read", read_cancelled, X_NAMED, 0 },
	{ "stream read", read_cancelled, X_STREAM, 0 },
	{ "private write", write_cancelled, PRIVATE, 0 },
	{ "plain write", write_cancelled, X_PLAIN, 0 },
	{ "named write", write_cancelled, X_NAMED, 0 },
	{ "stream write", write_cancelled, X_STREAM, 0 },
	{ "stream both", stream_cancelled, X_STREAM, 0 },
	{ "private races", races, PRIVATE, 0 },
	{ "plain races", races, X_PLAIN, 0 },
	{ "stream races", races, X_STREAM, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ "hand", hand_role },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, roles);
}
