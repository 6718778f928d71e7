/* SPDX-License-Identifier: MIT */
/*
 * A stopped peer is slow, not dead: SIGSTOP holds up its own traffic and
 * nothing else, nobody reports a death, and after SIGCONT all goes on where it
 * stood.
 */
#include "hand.h"

#include <sys/wait.h>

static void stop(const struct x_peer *p)
{
	x_signal(p, SIGSTOP);
	x_stopped(p->pid);
}

static void go_on(const struct x_peer *p)
{
	x_signal(p, SIGCONT);
}

/* A reader stops: its ring fills and is waited for; another ring runs on. */
static void reader_stops(int kind)
{
	struct x_link slow, other;
	struct x_peer stopped, brisk;
	uint64_t n, i;

	hand_link(&slow, &stopped, kind, 4096, 0);
	hand_link(&other, &brisk, kind, 4096, 0);
	stop(&stopped);
	x_step("filling the ring of a stopped reader");
	n = hand_fill(slow.tx, 0);
	X_IS(weir_tx_write(slow.tx, &slow, HAND_MAX, weir_after(X_SECOND / 10)),
	     -ETIMEDOUT);
	X_IS(weir_tx_try_write(slow.tx, &slow, HAND_MAX), -EAGAIN);
	X_IS(weir_rx_read(slow.rx, &i, sizeof(i), weir_after(X_SECOND / 10)),
	     -ETIMEDOUT);
	x_step("the other ring runs on");
	for (i = 0; i < 100; i++) {
		hand_order(&brisk, 'r', 3);
		hand_write(other.tx, 3 * i, 3);
		x_hear_this(&brisk, 0);
	}
	x_step("the stopped one continues");
	go_on(&stopped);
	hand_do(&stopped, 'r', n);
	hand_order(&stopped, 'r', 10);
	hand_write(slow.tx, n, 10);
	x_hear_this(&stopped, 0);
	hand_order(&stopped, 'c', 0);
	x_hear_this(&stopped, 0);
	hand_order(&brisk, 'c', 0);
	x_hear_this(&brisk, 0);
	x_done(&stopped);
	x_done(&brisk);
	x_part(&slow);
	x_part(&other);
}

/* A writer stops in the middle of a stream of messages, many times. */
static void writer_stops(int kind)
{
	struct x_link l;
	struct x_peer peer;
	uint64_t next = 0;
	int round, end;

	hand_link(&l, &peer, kind, 8192, 0);
	hand_order(&peer, 'W', 0);
	for (round = 0; round < 20; round++) {
		unsigned char data[HAND_MAX];
		ssize_t r;

		x_step("round %d, %" PRIu64 " messages read", round, next);
		hand_read(l.rx, next, 100);
		next += 100;
		stop(&peer);
		while ((r = weir_rx_read(l.rx, data, sizeof(data),
					 weir_after(X_SECOND / 200))) >= 0) {
			X_IS(r, hand_length(next));
			x_check(data, (size_t)r, next);
			next++;
		}
		X_IS(r, -ETIMEDOUT);
		go_on(&peer);
	}
	x_signal(&peer, SIGKILL);
	hand_drain(l.rx, next, &end);
	X_IS(end, -EOWNERDEAD);
	X_IS(x_reap(&peer), -SIGKILL);
	x_part(&l);
}

/* Stopped while it sleeps; roused while it is stopped. */
static void stops_asleep(int kind)
{
	struct x_link l;
	struct x_peer peer;

	hand_link(&l, &peer, kind, 4096, -1);
	hand_order(&peer, 'r', 5);
	x_step("the reader sleeps, then stops");
	x_asleep(peer.pid, peer.pid);
	stop(&peer);
	hand_write(l.tx, 0, 5);
	X_IS(weir_rx_try_read(l.rx, &l, sizeof(l)), -EAGAIN);
	go_on(&peer);
	x_step("the reader finds what came meanwhile");
	x_hear_this(&peer, 0);
	hand_order(&peer, 'c', 0);
	x_hear_this(&peer, 0);
	x_done(&peer);
	x_part(&l);
}

/* Killed while stopped: now it is dead. */
static void dies_stopped(int kind)
{
	struct x_link l;
	struct x_peer peer;
	int end;

	hand_link(&l, &peer, kind, 4096, -1);
	hand_do(&peer, 'w', 3);
	stop(&peer);
	hand_read(l.rx, 0, 3);
	X_IS(weir_rx_read(l.rx, &end, sizeof(end), weir_after(X_SECOND / 20)),
	     -ETIMEDOUT);
	x_signal(&peer, SIGKILL);
	x_step("a stopped peer is killed");
	X_IS(hand_drain(l.rx, 3, &end), 0);
	X_IS(end, -EOWNERDEAD);
	X_IS(x_reap(&peer), -SIGKILL);
	x_part(&l);
}

static const struct x_case cases[] = {
	{ "plain reader stops", reader_stops, X_PLAIN, 0 },
	{ "named reader stops", reader_stops, X_NAMED, 0 },
	{ "stream reader stops", reader_stops, X_STREAM, 0 },
	{ "plain writer stops", writer_stops, X_PLAIN, 0 },
	{ "named writer stops", writer_stops, X_NAMED, 0 },
	{ "stream writer stops", writer_stops, X_STREAM, 0 },
	{ "plain stops asleep", stops_asleep, X_PLAIN, 0 },
	{ "named stops asleep", stops_asleep, X_NAMED, 0 },
	{ "stream stops asleep", stops_asleep, X_STREAM, 0 },
	{ "plain dies stopped", dies_stopped, X_PLAIN, 0 },
	{ "named dies stopped", dies_stopped, X_NAMED, 0 },
	{ "stream dies stopped", dies_stopped, X_STREAM, 0 },
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
