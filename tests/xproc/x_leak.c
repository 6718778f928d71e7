/* SPDX-License-Identifier: MIT */
/*
 * Nothing nameless is left: descriptors, shared mappings and threads of this
 * process stay as many as they were, round after round, whether the peer closed
 * or was killed, whether a stream was made or refused; no file appears beside
 * the named rings. A named ring stays until it is unlinked, whole, and is
 * claimed again after both its holders have died.
 *
 * Where the system allows, the case has a /dev/shm of its own, so that every
 * file in it is this test's.
 */
#include "hand.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>

#define WARM 3
#define ROUNDS (X_SLOW ? 8 : 25)

static int alone;		/* /dev/shm is this process's own */

static void own_shm(void)
{
	alone = !unshare(CLONE_NEWNS) &&
		!mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
		!mount("none", "/dev/shm", "tmpfs", 0, "mode=1777");
	if (!alone)
		x_note("    /dev/shm is everybody's: files are not counted");
}

struct counts {
	int fds, maps, files, threads;
};

static struct counts look(void)
{
	struct counts c;

	c.fds = x_count_fds();
	c.maps = x_count_maps();
	c.files = alone ? x_count_shm() : 0;
	c.threads = x_count_threads();
	return c;
}

/* A thread that was joined may still be on its way out of the kernel. */
static struct counts settled(const struct counts *was)
{
	int64_t end = weir_after(X_HANG);
	struct counts now;

	do {
		now = look();
	} while (now.threads > was->threads && weir_now() < end);
	return now;
}

static void same(const struct counts *was, const char *what)
{
	struct counts now = settled(was);

	if (now.fds != was->fds || now.maps != was->maps ||
	    now.files != was->files || now.threads > was->threads)
		X_FAIL("%s: %d descriptors, %d shared mappings, %d files, %d "
		       "threads; before %d, %d, %d, %d", what, now.fds,
		       now.maps, now.files, now.threads, was->fds, was->maps,
		       was->files, was->threads);
}

static void one_round(int kind, int how)
{
	struct x_link l;
	struct x_peer peer;
	int end = 0;

	hand_link(&l, &peer, kind, 4096, 0);
	hand_do(&peer, 'w', 3);
	hand_read(l.rx, 0, 2);
	if (how == 0) {
		hand_order(&peer, 'c', 0);
		x_hear_this(&peer, 0);
		x_done(&peer);
	} else {
		x_signal(&peer, SIGKILL);
		if (how == 1)
			hand_drain(l.rx, 2, &end);
		X_IS(x_reap(&peer), -SIGKILL);
	}
	x_part(&l);
}

static void rounds(int kind)
{
	struct counts was;
	int i;

	own_shm();
	for (i = 0; i < WARM * 3; i++)
		one_round(kind, i % 3);
	was = look();
	for (i = 0; i < ROUNDS; i++) {
		x_step("round %d", i);
		one_round(kind, i % 3);
	}
	same(&was, "after all rounds");
}

/* A stream that does not come about leaves nothing either. */
static void refusals(int arg)
{
	struct counts was = { 0, 0, 0, 0 };
	struct weir_stream *s;
	int pair[2];
	int i, r;

	(void)arg;
	own_shm();
	for (i = 0; i < WARM + ROUNDS; i++) {
		if (i == WARM)
			was = look();
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
			X_FAIL("socketpair: %s", strerror(errno));
		if (i % 3 == 1 && write(pair[1], "garbage garbage garbage "
					"garbage garbage garbage garbage", 55)
		    != 55)
			X_FAIL("write: %s", strerror(errno));
		if (i % 3)
			close(pair[1]);
		r = weir_stream_attach(&s, pair[0], NULL,
				       weir_after(X_SECOND / 100));
		X_TRUE(r == -ETIMEDOUT || r == -EPROTO || r == -EPIPE);
		close(pair[0]);
		if (i % 3 == 0)
			close(pair[1]);
	}
	same(&was, "after streams refused");
}

/* Opening what is not there, or not a ring, leaves nothing. */
static void failures(int arg)
{
	struct counts was = { 0, 0, 0, 0 };
	struct weir_ring_options o;
	struct weir_ring *ring, *again;
	struct weir_tx *tx;
	char name[40];
	int i, null;

	(void)arg;
	own_shm();
	memset(&o, 0, sizeof(o));
	o.size = sizeof(o);
	o.capacity = 4096;
	snprintf(name, sizeof(name), "x.%d.leak", (int)getpid());
	o.name = name;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (i = 0; i < WARM + ROUNDS; i++) {
		if (i == WARM)
			was = look();
		X_IS(weir_ring_open(&ring, name), -ENOENT);
		X_IS(weir_ring_attach(&ring, null), -EPROTO);
		X_IS(weir_ring_create(&ring, &o), 0);
		X_IS(weir_ring_create(&again, &o), -EEXIST);
		X_IS(weir_ring_tx(ring, &tx), 0);
		X_IS(weir_ring_tx(ring, &tx), -EBUSY);
		X_IS(weir_ring_open(&again, name), 0);
		X_IS(weir_ring_tx(again, &tx), -EBUSY);
		weir_ring_close(again);
		X_IS(weir_ring_unlink(name), 0);
		weir_ring_close(ring);
	}
	same(&was, "after failed calls");
	close(null);
}

/* Both ends die; the ring is there, with what was in it, under its name. */
static void named_stays(int arg)
{
	struct x_link l, other;
	struct x_peer peer, second;
	struct weir_ring *ring;
	struct weir_ring_info info;
	struct weir_rx *rx;

	(void)arg;
	own_shm();
	x_offer(&l, X_NAMED, 4096, 0);
	other = l;
	snprintf(other.spec, sizeof(other.spec), "named %s %s", l.name[0],
		 l.name[1]);
	weir_ring_close(l.out);
	weir_ring_close(l.in);
	hand_spawn(&peer, &l, -1);
	hand_spawn(&second, &other, -1);
	hand_do(&peer, 'j', 0);
	hand_do(&second, 'j', 0);
	hand_do(&peer, 'w', 6);
	hand_do(&second, 'r', 2);
	x_signal(&peer, SIGKILL);
	x_signal(&second, SIGKILL);
	X_IS(x_reap(&peer), -SIGKILL);
	X_IS(x_reap(&second), -SIGKILL);
	if (alone)
		X_IS(x_count_shm(), 2);
	x_step("a later process opens it");
	X_IS(weir_ring_open(&ring, l.name[1]), 0);
	X_IS(weir_ring_info(ring, &info), 0);
	X_IS(info.capacity, 4096);
	X_IS(weir_ring_rx(ring, &rx), 0);
	hand_read(rx, 2, 4);
	weir_ring_close(ring);
	X_IS(weir_ring_unlink(l.name[0]), 0);
	X_IS(weir_ring_unlink(l.name[1]), 0);
	X_IS(weir_ring_open(&ring, l.name[1]), -ENOENT);
	if (alone)
		X_IS(x_count_shm(), 0);
}

/* A hand is killed while it makes a ring: no half-made file under any name. */
static void role_maker(int argc, char **argv)
{
	struct weir_ring_options o;
	struct weir_ring *ring;

	(void)argc;
	memset(&o, 0, sizeof(o));
	o.size = sizeof(o);
	o.capacity = 1 << 20;
	o.name = argv[0];
	x_tell(0);
	for (;;) {
		X_IS(weir_ring_create(&ring, &o), 0);
		weir_ring_close(ring);
		X_IS(weir_ring_unlink(argv[0]), 0);
	}
}

static void maker_killed(int arg)
{
	uint64_t state = x_seed();
	struct x_peer peer;
	struct weir_ring *ring;
	struct weir_tx *tx;
	char name[40];
	int i, r;

	(void)arg;
	own_shm();
	snprintf(name, sizeof(name), "x.%d.leak", (int)getpid());
	for (i = 0; i < ROUNDS; i++) {
		int64_t end;

		x_step("round %d", i);
		x_spawn(&peer, NULL, NULL, "maker", name, NULL);
		x_hear_this(&peer, 0);
		end = weir_after((int64_t)(x_random(&state) % 3000000));
		while (weir_now() < end)
			;
		x_signal(&peer, SIGKILL);
		X_IS(x_reap(&peer), -SIGKILL);
		r = weir_ring_open(&ring, name);
		if (r != -ENOENT) {
			X_IS(r, 0);
			X_IS(weir_ring_tx(ring, &tx), 0);
			hand_write(tx, 0, 1);
			weir_ring_close(ring);
			X_IS(weir_ring_unlink(name), 0);
		}
		if (alone)
			X_IS(x_count_shm(), 0);
	}
}

static const struct x_case cases[] = {
	{ "plain rounds", rounds, X_PLAIN, 0 },
	{ "named rounds", rounds, X_NAMED, 0 },
	{ "stream rounds", rounds, X_STREAM, 0 },
	{ "refused streams", refusals, 0, 0 },
	{ "failed calls", failures, 0, 0 },
	{ "a named ring stays", named_stays, 0, 0 },
	{ "its maker is killed", maker_killed, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ "hand", hand_role },
	{ "maker", role_maker },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, roles);
}
