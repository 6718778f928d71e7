/* SPDX-License-Identifier: MIT */
/*
 * Plain rings in a set that sleeps on handles: many of them, whose writers are
 * another program, are told of messages and of death, without a thread of the
 * library where the kernel can (io_uring), and with threads where it cannot or
 * will not any more. The thread that waits changes, exits, or does something
 * else while the handle is polled; members leave, and their memory goes, while
 * it sleeps and while their waits are armed.
 *
 * Seen to fail with: waits that are not begun anew by another thread, or in a
 * larger ring; a set that does not hear that they are lost; a refusal that
 * leaves those that were armed.
 */
#include "hand.h"

#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../../lib/internal.h"
#include "../helpers/filter.h"

#define MANY 260		/* more than the first io_uring holds */
#define CAPACITY 4096
#define BARE 1			/* an argument: a kernel without io_uring */

static struct weir_ring *ring[MANY];
static struct weir_rx *rx[MANY];
static struct weir_set *set;
static struct x_peer peer;
static int members;

/* More than a sleep on words takes. Where threads are dear so many as it takes
   where there is io_uring, and no kernel without. */
static int dear;
static int some = 140;

static void name_of(char *name, size_t size, const char *prefix, int i)
{
	snprintf(name, size, "x-sets-%s-%d", prefix, i);
}

/* ---- the other program -------------------------------------------------- */

/* PREFIX N: writes to the ring whose number it is told; -1: closes them all. */
static void writers(int argc, char **argv)
{
	static struct weir_tx *tx[MANY];
	int n = atoi(argv[1]);
	int64_t k;
	int i;

	(void)argc;
	for (i = 0; i < n; i++) {
		char name[WEIR_NAME_MAX + 1];

		name_of(name, sizeof(name), argv[0], i);
		X_IS(weir_ring_open(&ring[i], name), 0);
		X_IS(weir_ring_tx(ring[i], &tx[i]), 0);
	}
	x_tell(0);
	while ((k = x_listen()) >= 0) {
		X_IS(weir_tx_write(tx[k], &k, sizeof(k), WEIR_NOWAIT), 0);
		x_tell(k);
	}
	for (i = 0; i < n; i++)
		weir_ring_close(ring[i]);
}

/* ---- this side ---------------------------------------------------------- */

static void make_ring(const char *prefix, int i)
{
	char name[WEIR_NAME_MAX + 1];
	struct weir_ring_options o = { .size = sizeof(o),
				       .capacity = CAPACITY,
				       .name = name };

	name_of(name, sizeof(name), prefix, i);
	X_IS(weir_ring_create(&ring[i], &o), 0);
	X_IS(weir_ring_rx(ring[i], &rx[i]), 0);
}

static void unlink_ring(const char *prefix, int i)
{
	char name[WEIR_NAME_MAX + 1];

	name_of(name, sizeof(name), prefix, i);
	X_IS(weir_ring_unlink(name), 0);
}

/* Of n rings with a writer each, the first so many are in the set. */
static void begin(int n, int in, int how)
{
	char prefix[24], count[12];
	int i;

	if (how & BARE && dear)
		x_skip("fewer threads");
	if (how & BARE && filter_install("io_uring_setup", EPERM))
		x_skip("seccomp filters");
	if (x_refused())
		x_skip("WEIR_WAIT=uring, without it");
	x_need_descriptors(8 * MANY);
	snprintf(prefix, sizeof(prefix), "%ld", (long)getpid());
	snprintf(count, sizeof(count), "%d", n);
	for (i = 0; i < n; i++)
		make_ring(prefix, i);
	x_spawn(&peer, NULL, NULL, "writers", prefix, count, NULL);
	x_hear_this(&peer, 0);
	for (i = 0; i < n; i++)
		unlink_ring(prefix, i);
	X_IS(weir_set_create(&set, NULL), 0);
	for (i = 0; i < in; i++)
		X_IS(weir_set_add_rx(set, rx[i], &rx[i]), 0);
	members = n;
}

static void end(void)
{
	int i;

	weir_set_close(set);
	x_order(&peer, -1);
	x_done(&peer);
	for (i = 0; i < members; i++)
		weir_ring_close(ring[i]);
}

/* One message, which the set tells of. */
static void take(int i)
{
	struct weir_event e;
	int64_t k;

	X_IS(weir_set_wait(set, &e, 1, weir_after(X_HANG)), 1);
	X_TRUE(e.user == &rx[i]);
	X_IS(e.what, WEIR_EVENT_READ);
	X_IS(weir_rx_read(rx[i], &k, sizeof(k), WEIR_NOWAIT), sizeof(k));
	X_IS(k, i);
}

static void pass(int i)
{
	x_order(&peer, i);
	take(i);
	x_hear_this(&peer, i);
}

/* Until nothing is to be told, and all is armed. */
static void run_dry(void)
{
	struct weir_event e;

	X_IS(weir_set_wait(set, &e, 1, weir_after(X_SECOND / 1000)),
	     -ETIMEDOUT);
}

static void readable(weir_handle handle)
{
	struct pollfd fd = { .fd = handle, .events = POLLIN };

	while (poll(&fd, 1, -1) != 1)
		;
}

/* To the end, which arms the handle. */
static void drain(int want)
{
	struct weir_event e;
	int64_t k;
	int r;

	while ((r = weir_set_wait(set, &e, 1, WEIR_NOWAIT)) >= 0) {
		if (!r)
			continue;
		X_TRUE(e.user == &rx[want]);
		X_IS(weir_rx_read(rx[want], &k, sizeof(k), WEIR_NOWAIT),
		     sizeof(k));
		want = -1;
	}
	X_IS(r, -EAGAIN);
	X_IS(want, -1);
}

/* Until the message has come, by the handle alone; what is told is a level. */
static void by_handle(weir_handle handle, int i)
{
	struct weir_event e;

	do
		readable(handle);
	while (weir_set_wait(set, &e, 1, WEIR_NOWAIT) <= 0);
	drain(i);
}

/* ---- cases -------------------------------------------------------------- */

/* So many that the first io_uring does not hold them, if there is one. */
static int many(int how)
{
	return how & BARE || getenv("WEIR_EMULATOR") ? some : MANY;
}

/* As many threads as before the first sleep, where naps need none. */
static void each_is_told(int how)
{
	int threads, n = many(how);
	int i, k;

	begin(n, n, how);
	threads = x_count_threads();
	run_dry();
	for (k = 0; k < 2; k++)
		for (i = 0; i < n; i += 1 + k * 6)
			pass(i);
	if (weir_os_ability()->naps)
		X_IS(x_count_threads(), threads);
	else if (!dear)
		X_TRUE(x_count_threads() > threads);
	end();
}

/* The ring grows while the handle is armed. */
static void each_by_handle(int how)
{
	int n = many(how);
	weir_handle handle;
	int i;

	begin(n, n, how);
	X_IS(weir_set_handle(set, &handle), 0);
	drain(-1);
	for (i = 0; i < n; i += 7) {
		x_order(&peer, i);
		by_handle(handle, i);
		x_hear_this(&peer, i);
	}
	end();
}

/* A burst: all have something before the set looks. */
static void all_at_once(int how)
{
	static int told[MANY];
	int i, k;

	begin(some, some, how);
	run_dry();
	for (i = 0; i < some; i++)
		x_order(&peer, i);
	for (i = 0; i < some; i++)
		x_hear_this(&peer, i);
	for (i = 0; i < some;) {
		struct weir_event e[50];
		int n = weir_set_wait(set, e, 50, weir_after(X_HANG));

		X_TRUE(n > 0);
		for (k = 0; k < n; k++) {
			int j = (int)((struct weir_rx **)e[k].user - rx);
			int64_t number;

			X_IS(weir_rx_read(rx[j], &number, sizeof(number),
					  WEIR_NOWAIT), sizeof(number));
			X_IS(number, j);
			told[j]++;
		}
		i += n;
	}
	for (i = 0; i < some; i++)
		X_IS(told[i], 1);
	run_dry();
	end();
}

static void death(int how)
{
	static int told[MANY];
	int i;

	begin(some, some, how);
	run_dry();
	pass(3);
	x_signal(&peer, SIGKILL);
	for (i = 0; i < some; i++) {
		struct weir_event e;

		X_IS(weir_set_wait(set, &e, 1, weir_after(X_HANG)), 1);
		X_IS(e.what, WEIR_EVENT_DEAD);
		X_IS(e.error, -EOWNERDEAD);
		told[(struct weir_rx **)e.user - rx]++;
		X_IS(weir_set_remove_rx(set, *(struct weir_rx **)e.user), 0);
	}
	for (i = 0; i < some; i++)
		X_IS(told[i], 1);
	X_IS(x_reap(&peer), -SIGKILL);
	weir_set_close(set);
	for (i = 0; i < some; i++)
		weir_ring_close(ring[i]);
}

/* A thread that does one thing and ends. */
struct job {
	void (*run)(int arg);
	int arg;
	pthread_t thread;
	int from[2];		/* its number, when it has begun */
};

static void *work(void *arg)
{
	struct job *job = arg;
	pid_t tid = x_tid();

	if (write(job->from[1], &tid, sizeof(tid)) != sizeof(tid))
		X_FAIL("write: %s", strerror(errno));
	job->run(job->arg);
	return NULL;
}

static pid_t hire(struct job *job, void (*run)(int arg), int arg)
{
	pid_t tid;

	job->run = run;
	job->arg = arg;
	if (pipe(job->from))
		X_FAIL("pipe: %s", strerror(errno));
	X_IS(pthread_create(&job->thread, NULL, work, job), 0);
	if (read(job->from[0], &tid, sizeof(tid)) != sizeof(tid))
		X_FAIL("read: %s", strerror(errno));
	return tid;
}

static void finish(struct job *job)
{
	X_IS(pthread_join(job->thread, NULL), 0);
	close(job->from[0]);
	close(job->from[1]);
}

/* While another thread sleeps one ring goes, with its memory, and in its place
   comes another one. */
static void removed_asleep(int how)
{
	struct job job;
	pid_t tid;
	int i;

	begin(some + 5, some, how);
	run_dry();
	for (i = 0; i < 5; i++) {
		x_step("turn %d", i);
		tid = hire(&job, take, some + i);
		x_asleep(getpid(), tid);
		X_IS(weir_set_remove_rx(set, rx[i]), 0);
		weir_ring_close(ring[i]);
		ring[i] = NULL;
		X_IS(weir_set_add_rx(set, rx[some + i], &rx[some + i]), 0);
		x_order(&peer, some + i);
		x_hear_this(&peer, some + i);
		finish(&job);
		pass(5 + i);
	}
	end();
}

/* The same while nobody waits, and the one that comes is a writer's whose wait
   was armed in this place before. */
static void removed_armed(int how)
{
	int i;

	begin(some + 5, some, how);
	run_dry();
	for (i = 0; i < 5; i++) {
		x_step("turn %d", i);
		X_IS(weir_set_remove_rx(set, rx[i]), 0);
		X_IS(weir_set_add_rx(set, rx[some + i], &rx[some + i]), 0);
		run_dry();
		/* of the wait that was given up, and of the member's */
		x_order(&peer, i);
		x_hear_this(&peer, i);
		run_dry();
		pass(some + i);
		weir_ring_close(ring[i]);
		ring[i] = NULL;
		pass(5 + i);
	}
	end();
}

/* Turn after turn another thread, each of which ends; the last ones go by the
   addresses and numbers of the first. An io_uring for each turn is given up. */
static void another_waits(int how)
{
	int threads, i;

	begin(some, some, how);
	threads = x_count_threads();
	run_dry();
	for (i = 0; i < 20; i++) {
		struct job job;

		x_step("turn %d", i);
		if (i % 3 == 2) {
			pass(i);
			continue;
		}
		x_asleep(getpid(), hire(&job, take, i));
		x_order(&peer, i);
		x_hear_this(&peer, i);
		finish(&job);
	}
	if (!dear)
		X_TRUE(x_count_threads() > threads);
	end();
}

static void arms(int nothing)
{
	(void)nothing;
	drain(-1);
}

/* The thread that armed the handle has gone. */
static void armed_by_another(int how)
{
	weir_handle handle;
	int i;

	begin(some, some, how);
	X_IS(weir_set_handle(set, &handle), 0);
	for (i = 0; i < 10; i++) {
		struct job job;

		x_step("turn %d", i);
		hire(&job, arms, 0);
		finish(&job);
		x_order(&peer, i);
		x_hear_this(&peer, i);
		by_handle(handle, i);
	}
	end();
}

static int go[2];
static weir_handle polled;

/* A handle may be readable in vain, as when the last ring did not pay and
   threads take over: then their news is still to come. */
static void arms_and_reads(int i)
{
	char byte;

	drain(-1);
	X_IS(read(go[0], &byte, 1), 1);
	by_handle(polled, i);
}

/* The thread that armed it is asleep in a call that is not the library's, while
   this one polls. */
static void armed_elsewhere(int how)
{
	int i;

	begin(some, some, how);
	X_IS(weir_set_handle(set, &polled), 0);
	X_IS(pipe(go), 0);
	for (i = 0; i < 10; i++) {
		struct job job;
		pid_t tid;

		x_step("turn %d", i);
		tid = hire(&job, arms_and_reads, i);
		x_asleep_in(getpid(), tid, SYS_read);
		x_order(&peer, i);
		readable(polled);
		x_hear_this(&peer, i);
		X_IS(write(go[1], "x", 1), 1);
		finish(&job);
	}
	close(go[0]);
	close(go[1]);
	end();
}

/* What a forked child closes is its own. */
static void forked(int how)
{
	struct weir_event e;
	pid_t child;
	int status;

	begin(some, some, how);
	run_dry();
	pass(0);
	child = fork();
	if (!child) {
		X_IS(weir_set_wait(set, &e, 1, WEIR_NOWAIT), -EINVAL);
		weir_set_close(set);
		_exit(0);
	}
	X_IS(waitpid(child, &status, 0), child);
	X_IS(status, 0);
	pass(0);
	pass(1);
	end();
}

/* io_uring is forbidden when its waits are armed already. */
static void forbidden_later(int how)
{
	int i;

	begin(some, some, how);
	run_dry();
	pass(0);
	run_dry();
	if (filter_install("io_uring_enter,io_uring_setup", EPERM)) {
		end();
		x_skip("seccomp filters");
	}
	for (i = 0; i < some; i += 5)
		pass(i);
	end();
}

/* Until there is room for so many more. */
static void fill_descriptors(int *fds, int n, int room)
{
	int i;

	errno = 0;
	for (i = 0; i < n && (fds[i] = dup(0)) >= 0; i++)
		;
	X_IS(errno, EMFILE);
	while (room--)
		close(fds[--i]);
	for (; i < n; i++)
		fds[i] = -1;
}

/* A set that would rather sleep on handles stays with words; one that has got
   epoll, and nothing more for an io_uring, takes threads. */
static void no_descriptors(int room)
{
	static int fds[64];
	struct rlimit limit;
	int i;

	begin(40, 10, 0);
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = (rlim_t)dup(0) + 8;
	setrlimit(RLIMIT_NOFILE, &limit);
	fill_descriptors(fds, 64, room);
	for (i = 10; i < 40; i++)
		X_IS(weir_set_add_rx(set, rx[i], &rx[i]), 0);
	run_dry();
	for (i = 0; i < 40; i++)
		pass(i);
	for (i = 0; i < 64 && fds[i] >= 0; i++)
		close(fds[i]);
	end();
}

#define BOTH(name, run) { name, run, 0, 60 }, { name ", bare", run, BARE, 60 }

static const struct x_case cases[] = {
	BOTH("each is told", each_is_told),
	BOTH("each by the handle", each_by_handle),
	BOTH("all at once", all_at_once),
	BOTH("death", death),
	BOTH("removed asleep", removed_asleep),
	BOTH("removed armed", removed_armed),
	BOTH("another waits", another_waits),
	BOTH("armed by another", armed_by_another),
	BOTH("armed elsewhere", armed_elsewhere),
	BOTH("forked", forked),
	{ "forbidden later", forbidden_later, 0, 60 },
	{ "no descriptor", no_descriptors, 0, 60 },
	{ "no descriptor for an io_uring", no_descriptors, 2, 60 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ "writers", writers },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	dear = X_TSAN || getenv("WEIR_EMULATOR");
	if (dear)
		some = 24;
	return x_main(argc, argv, cases, roles);
}
