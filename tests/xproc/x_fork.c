/* SPDX-License-Identifier: MIT */
/*
 * Fork: claimed ends and streams stay the parent's, whose death is seen though
 * a child lives on; the child's calls answer -EINVAL. Rings that nobody has
 * claimed survive and are claimed in the child, and a socketpair becomes a
 * stream on either side of a fork.
 */
#include "hand.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* In the child, which must not run the parent's handlers at exit. */
static void ended(pid_t pid, const char *what)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		X_FAIL("fork: %s", strerror(errno));
	if (status)
		X_FAIL("%s failed in the child, status %x", what,
		       (unsigned)status);
}

static void tx_is_not_ours(struct weir_tx *tx)
{
	char byte = 'x';
	struct weir_buf v = { &byte, 1, 1 };
	void *at;

	X_IS(weir_tx_try_write(tx, "x", 1), -EINVAL);
	X_IS(weir_tx_try_write(tx, "", 0), -EINVAL);
	X_IS(weir_tx_write(tx, "x", 1, weir_after(X_SECOND)), -EINVAL);
	X_IS(weir_tx_writev(tx, &v, 1, WEIR_NOWAIT), -EINVAL);
	X_IS(weir_tx_write_batch(tx, &v, 1, WEIR_NOWAIT), -EINVAL);
	X_IS(weir_tx_reserve(tx, 1, &at), -EINVAL);
	X_IS(weir_tx_commit(tx), -EINVAL);
	X_IS(weir_tx_abort(tx), -EINVAL);
	X_IS(weir_tx_wait(tx, 1, WEIR_NOWAIT), -EINVAL);
}

static void rx_is_not_ours(struct weir_rx *rx)
{
	char data[HAND_MAX];
	struct weir_buf v = { data, sizeof(data), 0 };
	const void *at;
	size_t len;

	X_IS(weir_rx_try_read(rx, data, sizeof(data)), -EINVAL);
	X_IS(weir_rx_read(rx, data, sizeof(data), weir_after(X_SECOND)),
	     -EINVAL);
	X_IS(weir_rx_read_batch(rx, &v, 1, WEIR_NOWAIT), -EINVAL);
	X_IS(weir_rx_peek(rx, &at, &len), -EINVAL);
	X_IS(weir_rx_release(rx), -EINVAL);
	X_IS(weir_rx_next_len(rx), -EINVAL);
	X_IS(weir_rx_wait(rx, WEIR_NOWAIT), -EINVAL);
}

static void not_ours(struct x_link *l)
{
	char data[HAND_MAX];

	tx_is_not_ours(l->tx);
	rx_is_not_ours(l->rx);
	if (!l->stream)
		return;
	X_IS(weir_stream_write(l->stream, "x", 1, WEIR_NOWAIT), -EINVAL);
	X_IS(weir_stream_read(l->stream, data, 1, WEIR_NOWAIT), -EINVAL);
	X_IS(weir_stream_write_all(l->stream, "x", 1, WEIR_NOWAIT), -EINVAL);
	X_IS(weir_stream_read_exact(l->stream, data, 1, WEIR_NOWAIT), -EINVAL);
}

/* The child tries everything, closes everything; nobody else notices. */
static void claimed(int kind)
{
	struct x_link l;
	struct x_peer peer;
	char data[HAND_MAX];
	pid_t pid;
	int round;

	hand_link(&l, &peer, kind, 4096, 0);
	hand_do(&peer, 'w', 3);	/* there would be something to read */
	hand_do(&peer, 'b', 0);
	for (round = 0; round < 3; round++) {
		/* nor does what the parent has found there hold in the child */
		if (round)
			X_IS(weir_rx_try_read(l.rx, data, sizeof(data)),
			     -EAGAIN);
		pid = fork();
		if (!pid) {
			x_step("the child's calls");
			not_ours(&l);
			if (round == 1) {
				x_step("the child closes");
				l.name[0][0] = 0;
				x_part(&l);
			}
			_exit(0);
		}
		ended(pid, "what the child may not do");
		x_step("the parent's ends go on");
		hand_order(&peer, 'r', 5);
		hand_write(l.tx, (uint64_t)round * 5, 5);
		x_hear_this(&peer, 0);
		if (!round)
			hand_read(l.rx, 0, 3);
	}
	hand_order(&peer, 'w', 3);
	hand_read(l.rx, 15, 3);
	x_hear_this(&peer, 0);
	hand_order(&peer, 'c', 0);
	x_hear_this(&peer, 0);
	x_done(&peer);
	x_part(&l);
}

static void parent_dies(int kind)
{
	struct x_link l;
	struct x_peer peer;
	pid_t child;
	int end;

	hand_link(&l, &peer, kind, 4096, -1);
	hand_do(&peer, 'w', 2);
	hand_order(&peer, 'F', 0);
	child = (pid_t)x_hear(&peer);
	X_TRUE(child > 0);
	x_signal(&peer, SIGKILL);
	x_step("the peer is dead, its child %d lives", (int)child);
	X_IS(hand_drain(l.rx, 0, &end), 2);
	X_IS(end, -EOWNERDEAD);
	X_IS(x_reap(&peer), -SIGKILL);
	X_IS(kill(child, 0), 0);
	if (kind != X_STREAM) {
		x_step("the ends are free though the child lives");
		hand_spawn(&peer, &l, -1);
		hand_do(&peer, 'j', 0);
		hand_do(&peer, 'w', 2);
		hand_read(l.rx, 0, 2);
		hand_order(&peer, 'c', 0);
		x_hear_this(&peer, 0);
		x_done(&peer);
	}
	X_IS(kill(child, SIGKILL), 0);
	while (!kill(child, 0))
		x_pause();
	x_part(&l);
}

/* It takes a thread of the child for one of the parent's and gives up. */
static void unless_tsan(void)
{
	if (X_TSAN)
		x_skip("ThreadSanitizer cannot follow threads that a child of "
		       "many threads starts");
}

static void child_talks(struct weir_ring *out, struct weir_ring *in)
{
	struct weir_tx *tx = NULL;
	struct weir_rx *rx = NULL;

	x_step("the child claims");
	X_IS(weir_ring_tx(out, &tx), 0);
	X_IS(weir_ring_rx(in, &rx), 0);
	hand_read(rx, 0, 40);
	hand_write(tx, 100, 40);
	weir_ring_close(out);
	weir_ring_close(in);
	_exit(0);
}

/* In threads: with the library's threads and an own link there already. */
static void unclaimed(int kind, int threads)
{
	struct x_link busy, l;
	struct x_peer peer;
	int end;
	pid_t pid;

	if (threads) {
		unless_tsan();
		hand_link(&busy, &peer, kind, 4096, 0);
	}
	x_offer(&l, kind, 4096, 0);
	pid = fork();
	if (!pid)
		child_talks(l.in, l.out);
	x_step("the parent claims");
	x_meet(&l);
	hand_write(l.tx, 0, 40);
	hand_read(l.rx, 100, 40);
	X_IS(hand_drain(l.rx, 140, &end), 0);
	X_IS(end, -EPIPE);
	ended(pid, "talking");
	x_part(&l);
	if (!threads)
		return;
	x_step("the older link goes on");
	hand_do(&peer, 'w', 3);
	hand_read(busy.rx, 0, 3);
	hand_order(&peer, 'c', 0);
	x_hear_this(&peer, 0);
	x_done(&peer);
	x_part(&busy);
}

static void unclaimed_first(int kind)
{
	unclaimed(kind, 0);
}

static void unclaimed_later(int kind)
{
	unclaimed(kind, 1);
}

/* The child died holding: its parent, which never claimed, is told. */
static void child_dies(int kind)
{
	struct x_link l;
	pid_t pid;
	int end;

	x_offer(&l, kind, 4096, -1);
	pid = fork();
	if (!pid) {
		struct weir_tx *tx;

		X_IS(weir_ring_tx(l.in, &tx), 0);
		hand_write(tx, 0, 3);
		_exit(0);
	}
	ended(pid, "writing");
	x_meet(&l);
	X_IS(hand_drain(l.rx, 0, &end), 3);
	X_IS(end, -EOWNERDEAD);
	x_part(&l);
}

static void attach(struct weir_stream **s, int fd)
{
	struct weir_stream_options o;

	memset(&o, 0, sizeof(o));
	o.size = sizeof(o);
	o.flags = x_stream_flags();
	X_IS(weir_stream_attach(s, fd, &o, weir_after(X_HANG)), 0);
	close(fd);
}

static void bounce(struct weir_stream *s, uint64_t mine, uint64_t theirs)
{
	hand_write(weir_stream_tx(s), mine, 30);
	hand_read(weir_stream_rx(s), theirs, 30);
}

static void stream_over_fork(int threads)
{
	struct weir_stream *s;
	struct x_link busy;
	struct x_peer peer;
	char byte;
	pid_t pid;
	int pair[2];

	if (threads) {
		unless_tsan();
		hand_link(&busy, &peer, X_STREAM, 4096, 0);
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		X_FAIL("socketpair: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		close(pair[0]);
		x_step("the child attaches");
		attach(&s, pair[1]);
		bounce(s, 0, 1000);
		X_IS(weir_stream_read(s, &byte, 1, WEIR_FOREVER), -EPIPE);
		weir_stream_close(s);
		_exit(0);
	}
	close(pair[1]);
	x_step("the parent attaches");
	attach(&s, pair[0]);
	bounce(s, 1000, 0);
	weir_stream_close(s);
	ended(pid, "the stream");
	if (!threads)
		return;
	hand_do(&peer, 'w', 3);
	hand_read(busy.rx, 0, 3);
	hand_order(&peer, 'c', 0);
	x_hear_this(&peer, 0);
	x_done(&peer);
	x_part(&busy);
}

static void *park(void *arg)
{
	char byte;

	X_IS(weir_rx_read(arg, &byte, 1, WEIR_FOREVER), -ECANCELED);
	return NULL;
}

/* A thread is inside the library at the fork: no lock is left behind. */
static void fork_over_sleeper(int kind)
{
	struct weir_ring_options o;
	struct x_link l;
	struct x_peer peer;
	pthread_t thread;
	int i;

	memset(&o, 0, sizeof(o));
	o.size = sizeof(o);
	o.flags = WEIR_RING_PRIVATE;
	o.capacity = 4096;
	hand_link(&l, &peer, kind, 4096, -1);
	X_IS(pthread_create(&thread, NULL, park, l.rx), 0);
	for (i = 0; i < 10; i++) {
		struct weir_ring *ring;
		struct weir_tx *tx;
		struct weir_rx *rx;
		pid_t pid = fork();

		if (!pid) {
			x_step("the child's own ring, %d", i);
			X_IS(weir_ring_create(&ring, &o), 0);
			X_IS(weir_ring_tx(ring, &tx), 0);
			X_IS(weir_ring_rx(ring, &rx), 0);
			hand_write(tx, 0, 3);
			hand_read(rx, 0, 3);
			weir_ring_close(ring);
			_exit(0);
		}
		ended(pid, "an own ring");
	}
	X_IS(weir_rx_cancel(l.rx), 0);
	X_IS(pthread_join(thread, NULL), 0);
	hand_order(&peer, 'c', 0);
	x_hear_this(&peer, 0);
	x_done(&peer);
	x_part(&l);
}

/* Claimed ends of a ring of one process stay the parent's too. */
static void private_claimed(int arg)
{
	struct weir_ring_options o;
	struct weir_ring *ring;
	struct weir_tx *tx;
	struct weir_rx *rx;
	pid_t pid;

	(void)arg;
	memset(&o, 0, sizeof(o));
	o.size = sizeof(o);
	o.flags = WEIR_RING_PRIVATE;
	X_IS(weir_ring_create(&ring, &o), 0);
	X_IS(weir_ring_tx(ring, &tx), 0);
	X_IS(weir_ring_rx(ring, &rx), 0);
	hand_write(tx, 0, 2);
	pid = fork();
	if (!pid) {
		tx_is_not_ours(tx);
		rx_is_not_ours(rx);
		_exit(0);
	}
	ended(pid, "a private ring");
	hand_write(tx, 2, 2);
	hand_read(rx, 0, 4);
	weir_ring_close(ring);
}

static const struct x_case cases[] = {
	{ "plain claimed", claimed, X_PLAIN, 0 },
	{ "named claimed", claimed, X_NAMED, 0 },
	{ "stream claimed", claimed, X_STREAM, 0 },
	{ "private claimed", private_claimed, 0, 0 },
	{ "plain parent dies", parent_dies, X_PLAIN, 0 },
	{ "named parent dies", parent_dies, X_NAMED, 0 },
	{ "stream parent dies", parent_dies, X_STREAM, 0 },
	{ "plain unclaimed", unclaimed_first, X_PLAIN, 0 },
	{ "named unclaimed", unclaimed_first, X_NAMED, 0 },
	{ "plain unclaimed, threads run", unclaimed_later, X_PLAIN, 0 },
	{ "named unclaimed, threads run", unclaimed_later, X_NAMED, 0 },
	{ "plain child dies", child_dies, X_PLAIN, 0 },
	{ "named child dies", child_dies, X_NAMED, 0 },
	{ "stream over fork", stream_over_fork, 0, 0 },
	{ "stream over fork, threads run", stream_over_fork, 1, 0 },
	{ "plain fork over a sleeper", fork_over_sleeper, X_PLAIN, 0 },
	{ "named fork over a sleeper", fork_over_sleeper, X_NAMED, 0 },
	{ "stream fork over a sleeper", fork_over_sleeper, X_STREAM, 0 },
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
