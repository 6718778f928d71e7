/* SPDX-License-Identifier: MIT */
/*
 * A peer dies: the survivor gets all that was committed, then -EOWNERDEAD, also
 * out of its sleep; a successor takes a plain ring over and nothing is torn,
 * lost or, once released, seen again. The survivor waits without a deadline, so
 * it is the death that rouses it; that no timer does, x_idle sees.
 *
 * The case is the survivor; the peer is a hand (hand.h), killed with SIGKILL
 * at a known step, or at any moment while it works without end. What it had
 * done by then stands in shared memory. x_walk does the same instruction by
 * instruction.
 */
#include "hand.h"

#include <pthread.h>
#include <sched.h>

#define ROUNDS (X_SLOW ? 4 : 12)
#define SUCCESSOR_MESSAGES 50

struct killer {
	pthread_t thread;
	pid_t tid;		/* whose sleep it waits for */
	const struct x_peer *victim;
	int order;		/* 0: SIGKILL, else this order */
};

static void strike(struct killer *k)
{
	if (k->order)
		hand_order(k->victim, (char)k->order, 0);
	else
		x_signal(k->victim, SIGKILL);
}

static void *wait_and_strike(void *arg)
{
	struct killer *k = arg;

	x_asleep(getpid(), k->tid);
	strike(k);
	return NULL;
}

/* Once the calling thread sleeps in the kernel. */
static void strike_at_sleep(struct killer *k, const struct x_peer *victim,
			    int order)
{
	k->tid = x_tid();
	k->victim = victim;
	k->order = order;
	X_IS(pthread_create(&k->thread, NULL, wait_and_strike, k), 0);
}

static void struck(struct killer *k)
{
	X_IS(pthread_join(k->thread, NULL), 0);
}

static void killed(struct x_peer *peer)
{
	X_IS(x_reap(peer), -SIGKILL);
}

static void read_parked(int kind)
{
	struct x_link l;
	struct x_peer peer;
	struct killer k;
	int end;

	hand_link(&l, &peer, kind, 4096, -1);
	hand_do(&peer, 'w', 5);
	x_step("asleep in a read, the writer is killed");
	strike_at_sleep(&k, &peer, 0);
	X_IS(hand_drain(l.rx, 0, &end), 5);
	X_IS(end, -EOWNERDEAD);
	struck(&k);
	killed(&peer);
	X_IS(weir_rx_try_read(l.rx, &end, sizeof(end)), -EOWNERDEAD);
	X_IS(weir_rx_wait(l.rx, WEIR_FOREVER), -EOWNERDEAD);
	x_part(&l);
}

static void write_parked(int kind)
{
	struct x_link l;
	struct x_peer peer;
	struct killer k;
	uint64_t n;
	int end;

	hand_link(&l, &peer, kind, 4096, -1);
	n = hand_fill_runs(l.tx, 0);
	x_step("asleep in a write, the reader is killed");
	strike_at_sleep(&k, &peer, 0);
	X_IS(hand_pour(l.tx, n, &end), 0);
	X_IS(end, -EOWNERDEAD);
	struck(&k);
	killed(&peer);
	X_IS(weir_tx_wait(l.tx, HAND_MAX, WEIR_FOREVER), -EOWNERDEAD);
	X_IS(weir_tx_try_write(l.tx, &l, HAND_MAX), -EOWNERDEAD);
	x_part(&l);
}

/* Both directions at once: one death rouses both sleepers of this side. */
static void *write_asleep(void *arg)
{
	struct x_link *l = arg;
	unsigned char data[HAND_MAX] = "";
	int end;

	end = weir_tx_write(l->tx, data, sizeof(data), WEIR_FOREVER);
	X_IS(end, -EOWNERDEAD);
	return NULL;
}

static void both_parked(int kind)
{
	struct x_link l;
	struct x_peer peer;
	struct killer k;
	pthread_t writer;
	int end;

	hand_link(&l, &peer, kind, 4096, -1);
	hand_fill_runs(l.tx, 0);
	X_IS(pthread_create(&writer, NULL, write_asleep, &l), 0);
	strike_at_sleep(&k, &peer, 0);
	x_step("asleep in a read and in a write");
	X_IS(hand_drain(l.rx, 0, &end), 0);
	X_IS(end, -EOWNERDEAD);
	struck(&k);
	x_step("the other thread's write");
	X_IS(pthread_join(writer, NULL), 0);
	killed(&peer);
	x_part(&l);
}

/* A reader that spins for ever learns of it too. */
static void *kill_now(void *arg)
{
	struct killer *k = arg;

	strike(k);
	return NULL;
}

static void read_spinning(int kind)
{
	struct x_link l;
	struct x_peer peer;
	struct killer k;
	int end;

	hand_link(&l, &peer, kind, 4096, INT32_MAX);
	hand_do(&peer, 'w', 1);
	hand_read(l.rx, 0, 1);
	x_step("spinning, the writer is killed");
	k.victim = &peer;
	k.order = 0;
	X_IS(pthread_create(&k.thread, NULL, kill_now, &k), 0);
	X_IS(hand_drain(l.rx, 1, &end), 0);
	X_IS(end, -EOWNERDEAD);
	struck(&k);
	killed(&peer);
	x_part(&l);
}

/* Calls that never wait learn of it as well. */
static void try_calls(int kind)
{
	struct x_link l;
	struct x_peer peer;
	char data[HAND_MAX] = "";
	ssize_t r;

	hand_link(&l, &peer, kind, 4096, 0);
	hand_fill_runs(l.tx, 0);
	hand_do(&peer, 'w', 3);
	X_IS(weir_rx_try_read(l.rx, data, sizeof(data)), hand_length(0));
	x_signal(&peer, SIGKILL);
	killed(&peer);
	hand_read(l.rx, 1, 2);
	x_step("try_read until it says so");
	while ((r = weir_rx_try_read(l.rx, data, sizeof(data))) == -EAGAIN)
		x_pause();
	X_IS(r, -EOWNERDEAD);
	x_step("try_write until it says so");
	while ((r = weir_tx_try_write(l.tx, data, HAND_MAX)) == -EAGAIN)
		x_pause();
	X_IS(r, -EOWNERDEAD);
	x_part(&l);
}

/* There is room: a write succeeds; the one that finds none says why. */
static void room_left(int kind)
{
	struct x_link l;
	struct x_peer peer;
	uint64_t n;
	int end;

	hand_link(&l, &peer, kind, 4096, 0);
	x_signal(&peer, SIGKILL);
	killed(&peer);
	x_step("writing to the dead");
	n = hand_pour(l.tx, 0, &end);
	X_IS(end, -EOWNERDEAD);
	X_TRUE(n > 4);
	x_step("reading from the dead");
	X_IS(hand_drain(l.rx, 0, &end), 0);
	X_IS(end, -EOWNERDEAD);
	x_part(&l);
}

static void exits(int kind)
{
	struct x_link l;
	struct x_peer peer;
	struct killer k;
	int end;

	hand_link(&l, &peer, kind, 4096, -1);
	hand_do(&peer, 'w', 2);
	x_step("the peer ends without closing");
	strike_at_sleep(&k, &peer, 'x');
	X_IS(hand_drain(l.rx, 0, &end), 2);
	X_IS(end, -EOWNERDEAD);
	struck(&k);
	X_IS(x_reap(&peer), 0);
	x_part(&l);
}

static void closes(int kind)
{
	struct x_link l;
	struct x_peer peer;
	struct killer k;
	int end;

	hand_link(&l, &peer, kind, 4096, -1);
	hand_do(&peer, 'w', 2);
	x_step("the peer closes under a sleeping reader");
	strike_at_sleep(&k, &peer, 'c');
	X_IS(hand_drain(l.rx, 0, &end), 2);
	X_IS(end, -EPIPE);
	struck(&k);
	x_hear_this(&peer, 0);
	x_done(&peer);
	x_step("and the writer learns of it");
	hand_pour(l.tx, 0, &end);
	X_IS(end, -EPIPE);
	x_part(&l);
}

static void closes_full(int kind)
{
	struct x_link l;
	struct x_peer peer;
	struct killer k;
	uint64_t n;
	int end;

	hand_link(&l, &peer, kind, 4096, -1);
	n = hand_fill_runs(l.tx, 0);
	x_step("the peer closes under a sleeping writer");
	strike_at_sleep(&k, &peer, 'c');
	X_IS(hand_pour(l.tx, n, &end), 0);
	X_IS(end, -EPIPE);
	struck(&k);
	x_hear_this(&peer, 0);
	x_done(&peer);
	x_part(&l);
}

/*
 * A close in good order is never told as a death, however the news of the lock
 * or the socket overtakes the look at the state. Two threads of this process
 * are the two sides.
 */
struct closer {
	struct x_link link;
	char spec[256];
	pthread_t thread;
	int joined, go;
};

static void *join_and_close(void *arg)
{
	struct closer *c = arg;

	x_join(&c->link, c->spec);
	__atomic_store_n(&c->joined, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&c->go, __ATOMIC_ACQUIRE))
		sched_yield();
	x_part(&c->link);
	return NULL;
}

static void close_once(int kind, int sleeps, int quiet)
{
	struct closer c;
	struct x_link l;
	char byte;
	ssize_t r;

	memset(&c, 0, sizeof(c));
	x_offer(&l, kind, 4096, 0);
	/* x_join closes what it gets */
	if (kind == X_PLAIN)
		snprintf(c.spec, sizeof(c.spec), "plain %d %d",
			 dup(l.give[0]), dup(l.give[1]));
	else
		memcpy(c.spec, l.spec, sizeof(l.spec));
	l.give[0] = -1;
	X_IS(pthread_create(&c.thread, NULL, join_and_close, &c), 0);
	x_meet(&l);
	/* on one CPU an end is not claimed while this thread spins */
	while (kind != X_STREAM && !__atomic_load_n(&c.joined,
						    __ATOMIC_ACQUIRE))
		x_pause();
	/* news of an earlier link with the same descriptor comes late */
	while (quiet--) {
		X_IS(weir_rx_try_read(l.rx, &byte, 1), -EAGAIN);
		x_pause();
	}
	__atomic_store_n(&c.go, 1, __ATOMIC_RELEASE);
	if (sleeps)
		r = weir_rx_read(l.rx, &byte, 1, WEIR_FOREVER);
	else
		while ((r = weir_rx_try_read(l.rx, &byte, 1)) == -EAGAIN)
			;
	X_IS(r, -EPIPE);
	X_IS(pthread_join(c.thread, NULL), 0);
	x_part(&l);
}

static void *closes_rounds(void *arg)
{
	int kind = *(int *)arg;
	int i;

	for (i = 0; i < ROUNDS * 10; i++)
		close_once(kind, i & 1, i % 4 == 3 ? 2 : 0);
	return NULL;
}

/* Twice at once: what one frees, a descriptor too, the other is given. */
static void closes_any(int kind)
{
	pthread_t other;

	x_step("two threads, %d rounds each", ROUNDS * 10);
	X_IS(pthread_create(&other, NULL, closes_rounds, &kind), 0);
	closes_rounds(&kind);
	X_IS(pthread_join(other, NULL), 0);
}

/* The process holds the end, not the thread that claimed it. */
static void thread_ends(int kind)
{
	struct x_link l;
	struct x_peer peer;
	int end;

	x_offer(&l, kind, 4096, -1);
	hand_spawn(&peer, &l, -1);
	hand_order(&peer, 't', 0);
	x_meet(&l);
	x_hear_this(&peer, 0);
	x_step("the thread that claimed has ended");
	X_IS(weir_rx_read(l.rx, &end, sizeof(end), weir_after(X_SECOND / 20)),
	     -ETIMEDOUT);
	hand_do(&peer, 'w', 3);
	hand_read(l.rx, 0, 3);
	hand_order(&peer, 'c', 0);
	hand_drain(l.rx, 3, &end);
	X_IS(end, -EPIPE);
	x_hear_this(&peer, 0);
	x_done(&peer);
	x_part(&l);
}

static void never_claimed(int kind)
{
	struct x_link l;
	char byte;

	x_offer(&l, kind, 4096, -1);
	x_meet(&l);
	x_step("an end that nobody has claimed yet is waited for");
	X_IS(weir_rx_read(l.rx, &byte, 1, weir_after(X_SECOND / 20)),
	     -ETIMEDOUT);
	X_IS(weir_rx_try_read(l.rx, &byte, 1), -EAGAIN);
	hand_fill_runs(l.tx, 0);
	X_IS(weir_tx_write(l.tx, &l, HAND_MAX, weir_after(X_SECOND / 20)),
	     -ETIMEDOUT);
	x_part(&l);
}

/* ---- batches and peeks that were open ---- */

static void successor(struct x_peer *peer, const struct x_link *l,
		      uint64_t next)
{
	hand_spawn(peer, l, -1);
	hand_do(peer, 'b', next);
	hand_do(peer, 'j', 0);
}

/* What it wrote, its close, and that it was the end of the dead's error. */
static void succeeded(struct x_peer *peer, struct x_link *l, uint64_t next)
{
	int end;

	hand_do(peer, 'w', 4);
	x_step("the successor's messages");
	hand_read(l->rx, next, 4);
	hand_order(peer, 'c', 0);
	X_IS(hand_drain(l->rx, next + 4, &end), 0);
	X_IS(end, -EPIPE);
	x_hear_this(peer, 0);
	x_done(peer);
}

static void batch_open(int kind)
{
	struct x_link l;
	struct x_peer peer;
	int end;

	hand_link(&l, &peer, kind, 4096, -1);
	hand_do(&peer, 'w', 2);
	hand_do(&peer, 'v', 5);
	x_signal(&peer, SIGKILL);
	x_step("two committed, five reserved");
	X_IS(hand_drain(l.rx, 0, &end), 2);
	X_IS(end, -EOWNERDEAD);
	killed(&peer);
	if (kind != X_STREAM) {
		successor(&peer, &l, 2);
		succeeded(&peer, &l, 2);
	}
	x_part(&l);
}

static void peeks_open(int kind)
{
	struct x_link l;
	struct x_peer peer;
	int end;

	hand_link(&l, &peer, kind, 4096, -1);
	hand_write(l.tx, 0, 6);
	hand_do(&peer, 'r', 2);
	hand_do(&peer, 'p', 3);
	x_signal(&peer, SIGKILL);
	killed(&peer);
	x_step("two released, three peeked");
	X_TRUE(hand_pour(l.tx, 6, &end) > 0);
	X_IS(end, -EOWNERDEAD);
	if (kind != X_STREAM) {
		successor(&peer, &l, 2);
		hand_do(&peer, 'r', 4);
		hand_do(&peer, 'r', 1);
		x_step("the error ends with the successor");
		X_IS(weir_tx_wait(l.tx, 8, WEIR_FOREVER), 0);
		hand_order(&peer, 'c', 0);
		x_hear_this(&peer, 0);
		x_done(&peer);
	}
	x_part(&l);
}

/* A reader asleep over the death of one writer is roused by the next. */
static void asleep_over_successor(int kind)
{
	struct x_link l;
	struct x_peer first, second;
	struct killer k;
	int end;

	hand_link(&l, &first, kind, 4096, -1);
	x_signal(&first, SIGKILL);
	X_IS(hand_drain(l.rx, 0, &end), 0);
	X_IS(end, -EOWNERDEAD);
	killed(&first);
	successor(&second, &l, 0);
	hand_do(&second, 'w', 1);
	hand_read(l.rx, 0, 1);
	x_step("asleep, with the second writer alive");
	strike_at_sleep(&k, &second, 'x');
	X_IS(hand_drain(l.rx, 1, &end), 0);
	X_IS(end, -EOWNERDEAD);
	struck(&k);
	X_IS(x_reap(&second), 0);
	x_part(&l);
}

/* ---- at any moment ---- */

static void writer_once(int kind, uint64_t *state)
{
	uint64_t wanted = x_random(state) % 3000, next = 0, n;
	struct hand_progress *p;
	struct x_link l;
	struct x_peer peer;
	int fd, end;

	p = x_share(&fd, sizeof(*p));
	x_offer(&l, kind, 8192, 0);
	x_give(&l, fd);
	hand_meet(&l, &peer, fd);
	hand_order(&peer, 'W', 0);
	x_step("reading %" PRIu64 " messages", wanted);
	hand_read(l.rx, 0, wanted);
	next = wanted;
	x_signal(&peer, SIGKILL);
	x_step("reading what is left of %" PRIu64, next);
	n = hand_drain(l.rx, next, &end);
	X_IS(end, -EOWNERDEAD);
	killed(&peer);
	next += n;
	if (next < p->done || next > p->started)
		X_FAIL("%" PRIu64 " came, %" PRIu64 " were committed, %"
		       PRIu64 " begun", next, p->done, p->started);
	if (kind != X_STREAM) {
		successor(&peer, &l, next);
		succeeded(&peer, &l, next);
	}
	x_part(&l);
	close(fd);
}

static void writer_any(int kind)
{
	uint64_t state = x_seed();
	int i;

	for (i = 0; i < ROUNDS; i++)
		writer_once(kind, &state);
}

static void reader_successor(struct x_link *l, struct x_peer *peer,
			     const struct hand_progress *p, uint64_t sent)
{
	int64_t first;

	successor(peer, l, p->done);
	x_step("the successor's first message of [%" PRIu64 ", %" PRIu64 "]",
	       p->done, p->started);
	hand_order(peer, 's', p->started);
	first = x_hear(peer);
	if (first < (int64_t)p->done || first > (int64_t)p->started)
		X_FAIL("message %" PRId64 " came first, %" PRIu64
		       " were released, %" PRIu64 " begun", first, p->done,
		       p->started);
	x_step("the rest up to %" PRIu64, sent);
	hand_do(peer, 'r', sent - (uint64_t)first - 1);
	hand_order(peer, 'r', SUCCESSOR_MESSAGES);
	hand_write(l->tx, sent, SUCCESSOR_MESSAGES);
	x_hear_this(peer, 0);
	hand_order(peer, 'c', 0);
	x_hear_this(peer, 0);
	x_done(peer);
}

static void reader_once(int kind, uint64_t *state)
{
	uint64_t wanted = x_random(state) % 3000, sent;
	struct hand_progress *p;
	struct x_link l;
	struct x_peer peer;
	int fd, end;

	p = x_share(&fd, sizeof(*p));
	x_offer(&l, kind, 8192, 0);
	x_give(&l, fd);
	hand_meet(&l, &peer, fd);
	hand_order(&peer, 'R', 0);
	x_step("writing %" PRIu64 " messages", wanted);
	hand_write(l.tx, 0, wanted);
	x_signal(&peer, SIGKILL);
	x_step("writing from %" PRIu64 " until it says so", wanted);
	sent = wanted + hand_pour(l.tx, wanted, &end);
	X_IS(end, -EOWNERDEAD);
	killed(&peer);
	if (kind != X_STREAM)
		reader_successor(&l, &peer, p, sent);
	x_part(&l);
	close(fd);
}

static void reader_any(int kind)
{
	uint64_t state = x_seed();
	int i;

	for (i = 0; i < ROUNDS; i++)
		reader_once(kind, &state);
}

static const struct x_case cases[] = {
	{ "plain read parked", read_parked, X_PLAIN, 0 },
	{ "named read parked", read_parked, X_NAMED, 0 },
	{ "stream read parked", read_parked, X_STREAM, 0 },
	{ "plain write parked", write_parked, X_PLAIN, 0 },
	{ "named write parked", write_parked, X_NAMED, 0 },
	{ "stream write parked", write_parked, X_STREAM, 0 },
	{ "plain both parked", both_parked, X_PLAIN, 0 },
	{ "named both parked", both_parked, X_NAMED, 0 },
	{ "stream both parked", both_parked, X_STREAM, 0 },
	{ "plain read spinning", read_spinning, X_PLAIN, 0 },
	{ "named read spinning", read_spinning, X_NAMED, 0 },
	{ "stream read spinning", read_spinning, X_STREAM, 0 },
	{ "listener read spinning", read_spinning, X_LISTENER, 0 },
	{ "plain try calls", try_calls, X_PLAIN, 0 },
	{ "named try calls", try_calls, X_NAMED, 0 },
	{ "stream try calls", try_calls, X_STREAM, 0 },
	{ "listener try calls", try_calls, X_LISTENER, 0 },
	{ "plain room left", room_left, X_PLAIN, 0 },
	{ "named room left", room_left, X_NAMED, 0 },
	{ "stream room left", room_left, X_STREAM, 0 },
	{ "plain exit", exits, X_PLAIN, 0 },
	{ "named exit", exits, X_NAMED, 0 },
	{ "stream exit", exits, X_STREAM, 0 },
	{ "listener exit", exits, X_LISTENER, 0 },
	{ "plain close", closes, X_PLAIN, 0 },
	{ "named close", closes, X_NAMED, 0 },
	{ "stream close", closes, X_STREAM, 0 },
	{ "listener close", closes, X_LISTENER, 0 },
	{ "plain close full", closes_full, X_PLAIN, 0 },
	{ "named close full", closes_full, X_NAMED, 0 },
	{ "stream close full", closes_full, X_STREAM, 0 },
	{ "plain close at any moment", closes_any, X_PLAIN, 60 },
	{ "named close at any moment", closes_any, X_NAMED, 60 },
	{ "stream close at any moment", closes_any, X_STREAM, 60 },
	{ "plain thread ends", thread_ends, X_PLAIN, 0 },
	{ "named thread ends", thread_ends, X_NAMED, 0 },
	{ "stream thread ends", thread_ends, X_STREAM, 0 },
	{ "plain never claimed", never_claimed, X_PLAIN, 0 },
	{ "named never claimed", never_claimed, X_NAMED, 0 },
	{ "plain batch open", batch_open, X_PLAIN, 0 },
	{ "named batch open", batch_open, X_NAMED, 0 },
	{ "stream batch open", batch_open, X_STREAM, 0 },
	{ "plain peeks open", peeks_open, X_PLAIN, 0 },
	{ "named peeks open", peeks_open, X_NAMED, 0 },
	{ "stream peeks open", peeks_open, X_STREAM, 0 },
	{ "plain asleep over successor", asleep_over_successor, X_PLAIN, 0 },
	{ "named asleep over successor", asleep_over_successor, X_NAMED, 0 },
	{ "plain writer at any moment", writer_any, X_PLAIN, 60 },
	{ "named writer at any moment", writer_any, X_NAMED, 60 },
	{ "stream writer at any moment", writer_any, X_STREAM, 60 },
	{ "plain reader at any moment", reader_any, X_PLAIN, 60 },
	{ "named reader at any moment", reader_any, X_NAMED, 60 },
	{ "stream reader at any moment", reader_any, X_STREAM, 60 },
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
