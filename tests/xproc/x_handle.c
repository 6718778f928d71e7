/* SPDX-License-Identifier: MIT */
/*
 * The handle of a ring between two processes that were executed, whatever the
 * threads do that arm it: one arms and is busy elsewhere while another polls,
 * two arm by turns, one arms and ends, messages come meanwhile; fork, cancel and
 * death with the handle armed. Where an io_uring holds the wait of a plain ring:
 * no thread of the library is started, the io_urings of closed handles are used
 * again, and no epoll_wait(2) is interrupted.
 */
#include "hand.h"

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define ROUNDS (X_SLOW ? 10 : 40)
#define SPARES 8		/* lib/linux/nap.c */

static struct x_link l;
static struct x_peer peer;
static weir_handle handle;
static uint64_t next;		/* message */

static void begin(int kind)
{
	hand_link(&l, &peer, kind, 4096, -1);
	X_IS(weir_rx_handle(l.rx, &handle), 0);
	next = 0;
}

static void finish(void)
{
	hand_order(&peer, 'c', 0);
	x_hear_this(&peer, 0);
	x_done(&peer);
	x_part(&l);
}

static void readable(void)
{
	struct pollfd fd = { .fd = handle, .events = POLLIN };

	X_IS(poll(&fd, 1, -1), 1);
}

/* Armed by this thread or another: what then comes is taken by this one. */
static void take(void)
{
	do
		readable();
	while (weir_rx_wait(l.rx, WEIR_NOWAIT) && !weir_rx_arm(l.rx));
	hand_read(l.rx, next++, 1);
}

static void *arm(void *unused)
{
	(void)unused;
	X_IS(weir_rx_arm(l.rx), 0);
	return NULL;
}

static void in_a_thread(void *(*run)(void *arg))
{
	pthread_t thread;

	X_IS(pthread_create(&thread, NULL, run, NULL), 0);
	X_IS(pthread_join(thread, NULL), 0);
}

/* ---- who arms ----------------------------------------------------------- */

static void by_turns(int kind)
{
	int i;

	begin(kind);
	for (i = 0; i < ROUNDS; i++) {
		x_step("round %d", i);
		if (i % 3)
			in_a_thread(arm);
		if (i % 3 != 1)
			arm(NULL);
		hand_do(&peer, 'w', 1);
		take();
	}
	finish();
}

/* By threads that are gone when the message comes, or are about to go. */
static void armed_by_the_dead(int kind)
{
	int i;

	begin(kind);
	for (i = 0; i < ROUNDS; i++) {
		x_step("round %d", i);
		in_a_thread(arm);
		hand_order(&peer, 'w', 1);
		take();
		x_hear_this(&peer, 0);
	}
	finish();
}

static void *arm_or_not(void *result)
{
	*(int *)result = weir_rx_arm(l.rx);
	return NULL;
}

/* Messages come while it is armed, once, twice, here or elsewhere. */
static void storm(int kind)
{
	uint64_t n = (uint64_t)ROUNDS * 50, i;
	pthread_t thread;
	int r;

	begin(kind);
	hand_order(&peer, 'w', n);
	for (i = 0; next < n; i++) {
		x_step("message %d", (int)next);
		r = weir_rx_arm(l.rx);
		if (!r && i % 3 == 0)
			r = weir_rx_arm(l.rx);
		if (!r && i % 16 == 0) {
			X_IS(pthread_create(&thread, NULL, arm_or_not, &r), 0);
			X_IS(pthread_join(thread, NULL), 0);
		}
		X_TRUE(r >= 0);
		if (r)
			hand_read(l.rx, next++, 1);
		else
			readable();
	}
	x_hear_this(&peer, 0);
	finish();
}

struct busy {
	pthread_t thread;
	pid_t tid;
	int pipe[2];
	struct weir_a32 spins, stop;
};

static void *arm_and_read(void *arg)
{
	struct busy *b = arg;
	char byte;

	arm(NULL);
	b->tid = x_tid();
	X_IS(write(b->pipe[1], "r", 1), 1);
	/* once the other has taken it */
	while (!weir_load_acquire32(&b->spins))
		;
	X_IS(read(b->pipe[0], &byte, 1), 1);
	X_IS(byte, 's');
	return NULL;
}

static void *arm_and_spin(void *arg)
{
	struct busy *b = arg;

	arm(NULL);
	do
		weir_add_acq_rel32(&b->spins, 1);
	while (!weir_load_acquire32(&b->stop));
	return NULL;
}

/* The one who armed sleeps in a read of something else, and is not disturbed. */
static void armer_sleeps(int kind)
{
	struct busy b = { .spins = { 0 } };
	char byte;

	begin(kind);
	X_IS(pipe(b.pipe), 0);
	X_IS(pthread_create(&b.thread, NULL, arm_and_read, &b), 0);
	X_IS(read(b.pipe[0], &byte, 1), 1);
	weir_store_release32(&b.spins, 1);
	x_asleep_in(getpid(), b.tid, SYS_read);
	hand_do(&peer, 'w', 1);
	readable();
	x_asleep_in(getpid(), b.tid, SYS_read);
	take();
	X_IS(write(b.pipe[1], "s", 1), 1);
	X_IS(pthread_join(b.thread, NULL), 0);
	close(b.pipe[0]);
	close(b.pipe[1]);
	finish();
}

static void armer_spins(int kind)
{
	struct busy b = { .spins = { 0 } };

	begin(kind);
	X_IS(pthread_create(&b.thread, NULL, arm_and_spin, &b), 0);
	while (!weir_load_acquire32(&b.spins))
		x_pause();
	hand_do(&peer, 'w', 1);
	take();
	weir_store_release32(&b.stop, 1);
	X_IS(pthread_join(b.thread, NULL), 0);
	finish();
}

/* ---- what happens to an armed one --------------------------------------- */

static void *cancel(void *unused)
{
	(void)unused;
	X_IS(weir_rx_cancel(l.rx), 0);
	return NULL;
}

static void cancelled(int kind)
{
	begin(kind);
	arm(NULL);
	in_a_thread(cancel);
	readable();
	X_IS(weir_rx_arm(l.rx), -ECANCELED);
	finish();
}

static void dies(int kind)
{
	int i;

	for (i = 0; i < 4; i++) {
		x_step("armed %s", i % 2 ? "by another thread" : "here");
		begin(kind);
		if (i > 1)
			arm(NULL);
		if (i % 2)
			in_a_thread(arm);
		else
			arm(NULL);
		x_signal(&peer, SIGKILL);
		X_IS(x_reap(&peer), -SIGKILL);
		while (!weir_rx_arm(l.rx))
			readable();
		X_IS(weir_rx_arm(l.rx), -EOWNERDEAD);
		x_part(&l);
	}
}

/* How many io_urings this process has. */
static int urings(void)
{
	char path[32], text[64];
	int fd, n = 0;

	for (fd = 0; fd < 1024; fd++) {
		ssize_t len;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		len = readlink(path, text, sizeof(text) - 1);
		text[len > 0 ? len : 0] = 0;
		n += !!strstr(text, "[io_uring]");
	}
	return n;
}

/* With WEIR_WAIT=uring threads of the library have theirs, when they like. */
static void has_urings(int n)
{
	const char *wait = getenv("WEIR_WAIT");

	if (!wait || strcmp(wait, "uring"))
		X_IS(urings(), n);
}

/* The child drops what is the parent's, closes, and lives on or ends. */
static void forked(int kind)
{
	int i, status;
	pid_t pid;

	begin(kind);
	for (i = 0; i < 4; i++) {
		x_step("round %d", i);
		arm(NULL);
		pid = fork();
		if (!pid) {
			has_urings(0);
			X_IS(weir_rx_arm(l.rx), -EINVAL);
			l.name[0][0] = 0;
			if (i % 2)
				x_part(&l);
			if (i / 2)
				pause();
			_exit(0);
		}
		X_TRUE(pid > 0);
		hand_do(&peer, 'w', 1);
		take();
		if (i / 2)
			kill(pid, SIGKILL);
		X_IS(waitpid(pid, &status, 0), pid);
		X_IS(status, i / 2 ? SIGKILL : 0);
	}
	finish();
}

/* ---- an io_uring -------------------------------------------------------- */

/* Whether one may hold the wait here, asked of the kernel and not of weir. */
static int has_futexes(void)
{
	unsigned char probe[16 + 64 * 8] = { 0 }, params[120] = { 0 };
	uint32_t flags = 1u << 12 | 1u << 13 | 1u << 16;
	long fd, r;

	memcpy(params + 8, &flags, sizeof(flags));
	fd = syscall(425, 1, params);
	if (fd < 0)
		return 0;
	r = syscall(427, fd, 8, probe, 64);
	close((int)fd);
	return r >= 0 && probe[16 + 51 * 8 + 2] & 1;
}

static void *ask(void *has)
{
	*(int *)has = has_futexes();
	return NULL;
}

static void need_uring(void)
{
	const char *wait = getenv("WEIR_WAIT");
	pthread_t thread;
	int has;

	/* the end of an io_uring interrupts whoever made it */
	X_IS(pthread_create(&thread, NULL, ask, &has), 0);
	X_IS(pthread_join(thread, NULL), 0);
	if (!has || strncmp(weir_backend(), "linux", 5) ||
	    (wait && (!strcmp(wait, "waitv") || !strcmp(wait, "socket"))))
		x_skip("an io_uring for the handle");
}

/* A thread that was joined may still be listed for a moment. */
static void same_threads(int before)
{
	int64_t until = weir_after(X_HANG);

	while (x_count_threads() > before && weir_now() < until)
		x_pause();
	X_TRUE(x_count_threads() <= before);
}

static void no_thread(int kind)
{
	int threads, had, i;

	need_uring();
	begin(kind);
	threads = x_count_threads();
	had = urings();
	for (i = 0; i < ROUNDS; i++) {
		arm(NULL);
		same_threads(threads);
		has_urings(had + 1);
		hand_do(&peer, 'w', 1);
		take();
	}
	finish();
}

/* The maker has ended: the next to arm makes its own, and the old one goes. */
static void moves(int kind)
{
	int64_t until = weir_after(X_HANG);
	int threads, had;

	need_uring();
	begin(kind);
	threads = x_count_threads();
	had = urings();
	in_a_thread(arm);
	has_urings(had + 1);
	/* until the kernel has forgotten the thread, one takes over */
	do
		arm(NULL);
	while (x_count_threads() > threads && weir_now() < until);
	same_threads(threads);
	has_urings(had + 1);
	hand_do(&peer, 'w', 1);
	take();
	finish();
}

static void *many(void *had)
{
	struct weir_ring_options o = { .size = sizeof(o), .capacity = 4096 };
	struct weir_ring *rings[SPARES + 4];
	struct weir_rx *rx;
	int i, n, round;

	for (round = 0; round < 4; round++) {
		n = round % 2 ? SPARES + 4 : 2;
		for (i = 0; i < n; i++) {
			X_IS(weir_ring_create(&rings[i], &o), 0);
			X_IS(weir_ring_rx(rings[i], &rx), 0);
			X_IS(weir_rx_arm(rx), 0);
		}
		for (i = 0; i < n; i++)
			weir_ring_close(rings[i]);
		has_urings(*(int *)had + (round ? SPARES : 2));
	}
	return NULL;
}

/* Those of closed handles are used again, and go with their thread. */
static void spares(int unused)
{
	pthread_t thread;
	int had;

	(void)unused;
	need_uring();
	had = urings();
	X_IS(pthread_create(&thread, NULL, many, &had), 0);
	X_IS(pthread_join(thread, NULL), 0);
	has_urings(had);
}

/* With one closed at each round, the end of its io_uring would interrupt the
   wait of that round, the next or the last. */
static void not_interrupted(int kind)
{
	struct epoll_event event = { .events = EPOLLIN };
	int i, poller = epoll_create1(EPOLL_CLOEXEC);

	need_uring();
	for (i = 0; i < 10; i++) {
		begin(kind);
		X_IS(epoll_ctl(poller, EPOLL_CTL_ADD, handle, &event), 0);
		arm(NULL);
		hand_order(&peer, 'w', 1);
		X_IS(epoll_wait(poller, &event, 1, -1), 1);
		take();
		x_hear_this(&peer, 0);
		X_IS(epoll_ctl(poller, EPOLL_CTL_DEL, handle, NULL), 0);
		finish();
	}
	/* the kernel takes 25 ms for it */
	X_IS(epoll_wait(poller, &event, 1, 200), 0);
	close(poller);
}

#define KINDS(name, run)                                                      \
	{ "plain " name, run, X_PLAIN, 0 },                                   \
	{ "named " name, run, X_NAMED, 0 },                                   \
	{ "stream " name, run, X_STREAM, 0 }

static const struct x_case cases[] = {
	KINDS("by turns", by_turns),
	KINDS("the armer ends", armed_by_the_dead),
	KINDS("storm", storm),
	KINDS("the armer sleeps", armer_sleeps),
	KINDS("the armer spins", armer_spins),
	/* the handle of a connection does not show it: weir_rx_arm(3) */
	{ "plain cancelled", cancelled, X_PLAIN, 0 },
	{ "named cancelled", cancelled, X_NAMED, 0 },
	KINDS("the peer dies", dies),
	KINDS("forked", forked),
	{ "no thread", no_thread, X_PLAIN, 0 },
	{ "it moves on", moves, X_PLAIN, 0 },
	{ "spares", spares, 0, 0 },
	{ "not interrupted", not_interrupted, X_PLAIN, 0 },
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
