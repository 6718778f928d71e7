/* SPDX-License-Identifier: MIT */
/*
 * Waiting in every way for every kind of link: the handle of an end, a set, a
 * set that sleeps on handles, the handle of a set; made after the peer was
 * connected, which is another program. Messages, room, the peer's death and
 * its good end come through each. A wake that is lost ends in ten seconds.
 */
#include "hand.h"

#include <poll.h>

#define ROUNDS 100
#define STUCK 10000 /* ms */

enum { HANDLE, SET, GATHER, SET_HANDLE, WAYS };

static const char *const way_name[WAYS] = {
	"handle", "set", "gather", "set's handle",
};

/* One end, waited for in one way. */
struct waiter {
	int way;
	struct weir_rx *rx;
	struct weir_tx *tx;
	struct weir_set *set;
	weir_handle handle;
};

static void begin(struct waiter *w, int way, struct weir_rx *rx,
		  struct weir_tx *tx)
{
	*w = (struct waiter){ .way = way, .rx = rx, .tx = tx };
	if (way == HANDLE) {
		X_IS(rx ? weir_rx_handle(rx, &w->handle) :
			  weir_tx_handle(tx, &w->handle), 0);
		return;
	}
	X_IS(weir_set_create(&w->set, NULL), 0);
	if (rx)
		X_IS(weir_set_add_rx(w->set, rx, w), 0);
	else
		X_IS(weir_set_add_tx(w->set, tx, HAND_MAX, w), 0);
	if (way != SET)
		X_IS(weir_set_handle(w->set, &w->handle), 0);
}

static void finish(struct waiter *w)
{
	weir_set_close(w->set);
}

static void readable(const struct waiter *w)
{
	struct pollfd p = { .fd = w->handle, .events = POLLIN };
	int r;

	do {
		r = poll(&p, 1, STUCK);
	} while (r < 0 && errno == EINTR);
	if (r != 1)
		X_FAIL("%s: never readable", way_name[w->way]);
}

static int by_handle(const struct waiter *w)
{
	int r;

	for (;;) {
		r = w->rx ? weir_rx_arm(w->rx) : weir_tx_arm(w->tx, HAND_MAX);
		if (r)
			return r;
		readable(w);
	}
}

/* 1, or the error. */
static int await(const struct waiter *w)
{
	struct weir_event e = { 0 };
	int r;

	if (w->way == HANDLE)
		return by_handle(w);
	for (;;) {
		r = weir_set_wait(w->set, &e, 1, w->way == SET_HANDLE ?
				  WEIR_NOWAIT :
				  weir_after(STUCK * (X_SECOND / 1000)));
		if (r != -EAGAIN)
			break;
		readable(w);
	}
	X_IS(r, 1);
	X_TRUE(e.user == w);
	if (e.error) {
		X_IS(e.what, e.error == -EOWNERDEAD ? WEIR_EVENT_DEAD :
						      WEIR_EVENT_END);
		return e.error;
	}
	X_IS(e.what, w->rx ? WEIR_EVENT_READ : WEIR_EVENT_WRITE);
	return 1;
}

static void messages(int way, struct x_link *l, struct x_peer *p)
{
	struct waiter w;
	uint64_t i;

	x_step("%s %s: messages", x_kind[l->kind], way_name[way]);
	begin(&w, way, l->rx, NULL);
	for (i = 0; i < ROUNDS; i++) {
		hand_order(p, 'w', 1);
		X_IS(await(&w), 1);
		hand_read(l->rx, i, 1);
		x_hear_this(p, 0);
	}
	finish(&w);
}

static void room(int way, struct x_link *l, struct x_peer *p)
{
	struct waiter w;
	uint64_t sent = 0, n;

	x_step("%s %s: room", x_kind[l->kind], way_name[way]);
	begin(&w, way, NULL, l->tx);
	hand_do(p, 'b', 0);
	for (n = 0; sent < ROUNDS; sent += n) {
		n = hand_fill(l->tx, sent);
		hand_order(p, 'r', n);
		X_IS(await(&w), 1);
		x_hear_this(p, 0);
	}
	finish(&w);
}

/* The end of the peer, in good order or not, while this side waits. */
static void ending(int way, struct x_link *l, struct x_peer *p, int kill)
{
	struct waiter w;

	x_step("%s %s: %s", x_kind[l->kind], way_name[way],
	       kill ? "death" : "close");
	begin(&w, way, l->rx, NULL);
	if (way == HANDLE)
		X_IS(weir_rx_arm(l->rx), 0);
	if (kill)
		x_signal(p, SIGKILL);
	else
		hand_order(p, 'c', 0);
	if (way == HANDLE)
		readable(&w);
	X_IS(await(&w), kill ? -EOWNERDEAD : -EPIPE);
	finish(&w);
	if (kill) {
		X_IS(x_reap(p), -SIGKILL);
	} else {
		x_hear_this(p, 0);
		x_done(p);
	}
}

/* A copy of the peer's socket lives on elsewhere: it does not hang up. */
static void leaked_socket(int arg)
{
	int way;

	(void)arg;
	if (strncmp(weir_backend(), "linux", 5))
		x_skip("this backend knows a death by the socket alone");
	for (way = 0; way < WAYS; way++) {
		struct x_link l;
		struct x_peer p;
		int copy;

		x_offer(&l, X_STREAM, 4096, -1);
		copy = dup(l.give[0]);
		X_TRUE(copy >= 0);
		hand_meet(&l, &p, -1);
		ending(way, &l, &p, 1);
		close(copy);
		x_part(&l);
	}
}

/* Both ends of a stream in one set, and one of them taken out again. */
static void both_ends(int arg)
{
	struct weir_event e[2];
	weir_handle handle;
	struct weir_set *set;
	struct x_link l;
	struct x_peer p;
	uint64_t n;

	hand_link(&l, &p, X_STREAM, 4096, -1);
	X_IS(weir_set_create(&set, NULL), 0);
	if (arg)
		X_IS(weir_set_handle(set, &handle), 0);
	n = hand_fill(l.tx, 0);
	X_IS(weir_set_add_rx(set, l.rx, &l.rx), 0);
	X_IS(weir_set_add_tx(set, l.tx, HAND_MAX, &l.tx), 0);
	X_IS(weir_set_wait(set, e, 2, weir_after(1)), -ETIMEDOUT);
	hand_order(&p, 'r', n);
	X_IS(weir_set_wait(set, e, 2, weir_after(STUCK * X_SECOND / 1000)), 1);
	X_TRUE(e[0].user == &l.tx);
	x_hear_this(&p, 0);
	n = hand_fill(l.tx, n);
	X_IS(weir_set_wait(set, e, 2, weir_after(1)), -ETIMEDOUT);
	/* the one that came first is the one that the socket tells of */
	X_IS(weir_set_remove_rx(set, l.rx), 0);
	X_IS(weir_set_wait(set, e, 2, weir_after(1)), -ETIMEDOUT);
	hand_order(&p, 'r', n);
	X_IS(weir_set_wait(set, e, 2, weir_after(STUCK * X_SECOND / 1000)), 1);
	X_TRUE(e[0].user == &l.tx);
	x_hear_this(&p, 0);
	n = hand_fill(l.tx, 0);
	x_signal(&p, SIGKILL);
	X_IS(weir_set_wait(set, e, 2, weir_after(STUCK * X_SECOND / 1000)), 1);
	X_TRUE(e[0].user == &l.tx);
	X_IS(e[0].what, WEIR_EVENT_DEAD);
	X_IS(x_reap(&p), -SIGKILL);
	weir_set_close(set);
	x_part(&l);
}

static void all(int arg)
{
	int way, kill;

	for (way = 0; way < WAYS; way++)
		for (kill = 0; kill < 2; kill++) {
			struct x_link l;
			struct x_peer p;

			hand_link(&l, &p, arg, 4096, -1);
			if (!kill) {
				messages(way, &l, &p);
				room(way, &l, &p);
			}
			ending(way, &l, &p, kill);
			x_part(&l);
		}
}

static const struct x_case cases[] = {
	{ "plain", all, X_PLAIN, 0 },
	{ "named", all, X_NAMED, 0 },
	{ "stream", all, X_STREAM, 0 },
	{ "listener", all, X_LISTENER, 0 },
	{ "leaked socket", leaked_socket, 0, 0 },
	{ "both ends", both_ends, 0, 0 },
	{ "both ends by handles", both_ends, 1, 0 },
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
