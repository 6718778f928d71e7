/* SPDX-License-Identifier: MIT */
/*
 * weir_waiter_wake_one wakes one of many that sleep, and none of the others
 * gives up its processor, because none gets it: threads of one process, and
 * processes. weir_waiter_wake_all wakes every one, once.
 *
 * Seen to fail with: a wake_one that asks the kernel for all, or for two; one
 * that asks for none; a wake_all that asks for one.
 */
#include "x.h"

#include <pthread.h>

#define SLEEPERS 5
#define ROUNDS 10

struct board {			/* shared by processes */
	uint32_t returned[SLEEPERS];
	uint32_t stop;
};

struct sleeper {
	pid_t pid, tid;
	struct weir_waiter *w;
	struct board *board;
	int number;
	uint64_t slept;
	uint32_t returned;
	pthread_t thread;
	struct x_peer p;
};

static uint32_t load(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* Whoever returns says so and sleeps again. */
static void sleep_on(struct weir_waiter *w, struct board *board, int number)
{
	uint32_t ticket;

	while (!load(&board->stop)) {
		ticket = weir_waiter_prepare(w);
		if (load(&board->stop)) {
			weir_waiter_cancel(w);
			return;
		}
		X_IS(weir_waiter_wait(w, ticket, WEIR_FOREVER), 0);
		__atomic_add_fetch(&board->returned[number], 1,
				   __ATOMIC_RELEASE);
	}
}

static void *thread(void *arg)
{
	struct sleeper *s = arg;

	__atomic_store_n(&s->tid, x_tid(), __ATOMIC_RELEASE);
	sleep_on(s->w, s->board, s->number);
	return NULL;
}

/* Arguments: the waiter, the board, which one. */
static void process(int argc, char **argv)
{
	struct weir_waiter *w;

	(void)argc;
	X_IS(weir_waiter_attach(&w, atoi(argv[0])), 0);
	sleep_on(w, x_map(atoi(argv[1]), sizeof(struct board)), atoi(argv[2]));
	weir_waiter_close(w);
}

static void start_thread(struct sleeper *s)
{
	s->pid = getpid();
	X_IS(pthread_create(&s->thread, NULL, thread, s), 0);
	while (!__atomic_load_n(&s->tid, __ATOMIC_ACQUIRE))
		x_pause();
}

static void start_process(struct sleeper *s, int board)
{
	int fds[3] = { weir_waiter_handle(s->w), board, -1 };
	char a[16], b[16], c[16];

	snprintf(a, sizeof(a), "%d", fds[0]);
	snprintf(b, sizeof(b), "%d", fds[1]);
	snprintf(c, sizeof(c), "%d", s->number);
	x_spawn(&s->p, NULL, fds, "process", a, b, c, NULL);
	s->pid = s->tid = s->p.pid;
}

/* All sleep; how often each has so far. */
static void look(struct sleeper *s)
{
	int i;

	for (i = 0; i < SLEEPERS; i++)
		x_asleep(s[i].pid, s[i].tid);
	for (i = 0; i < SLEEPERS; i++) {
		s[i].slept = x_switches_of(s[i].pid, s[i].tid);
		s[i].returned = load(&s[i].board->returned[i]);
	}
}

/* How many have returned since the last look, and slept again: others have
   not run at all. Looks anew. */
static int roused(struct sleeper *s)
{
	struct sleeper before[SLEEPERS];
	int emulated = !!getenv("WEIR_EMULATOR"); /* which may run on its own */
	int i, n = 0;

	memcpy(before, s, sizeof(before));
	look(s);
	for (i = 0; i < SLEEPERS; i++) {
		uint32_t times = s[i].returned - before[i].returned;

		X_TRUE(times <= 1);
		X_TRUE(times || emulated || s[i].slept == before[i].slept);
		n += (int)times;
	}
	return n;
}

/* Who is woken can run before the call returns, and has counted itself when it
   sleeps again: nothing here waits for a number to be reached. */
static void play(struct sleeper *s, struct weir_waiter *w)
{
	int i;

	look(s);
	for (i = 0; i < ROUNDS; i++) {
		x_step("one of %d, round %d", SLEEPERS, i);
		X_IS(weir_waiter_wake_one(w), 1);
		X_IS(roused(s), 1);
	}
	x_step("all");
	X_IS(weir_waiter_wake_all(w), SLEEPERS);
	X_IS(roused(s), SLEEPERS);
	__atomic_store_n(&s->board->stop, 1, __ATOMIC_RELEASE);
	X_IS(weir_waiter_wake_all(w), SLEEPERS);
}

static void threads(int arg)
{
	struct sleeper s[SLEEPERS];
	struct board board;
	struct weir_waiter *w;
	int i;

	(void)arg;
	memset(s, 0, sizeof(s));
	memset(&board, 0, sizeof(board));
	X_IS(weir_waiter_create(&w, NULL), 0);
	for (i = 0; i < SLEEPERS; i++) {
		s[i].w = w;
		s[i].board = &board;
		s[i].number = i;
		start_thread(&s[i]);
	}
	play(s, w);
	for (i = 0; i < SLEEPERS; i++)
		X_IS(pthread_join(s[i].thread, NULL), 0);
	weir_waiter_close(w);
}

static void processes(int arg)
{
	struct weir_waiter_options o = { sizeof(o), WEIR_WAITER_SHARED, -1 };
	struct sleeper s[SLEEPERS];
	struct weir_waiter *w;
	struct board *board;
	int i, fd;

	(void)arg;
	i = weir_waiter_create(&w, &o);
	if (i == -ENOSYS && strncmp(weir_backend(), "linux", 5))
		x_skip("a waiter between processes");
	X_IS(i, 0);
	memset(s, 0, sizeof(s));
	board = x_share(&fd, sizeof(*board));
	for (i = 0; i < SLEEPERS; i++) {
		s[i].w = w;
		s[i].board = board;
		s[i].number = i;
		start_process(&s[i], fd);
	}
	play(s, w);
	for (i = 0; i < SLEEPERS; i++)
		x_done(&s[i].p);
	weir_waiter_close(w);
}

static const struct x_case cases[] = {
	{ "threads", threads, 0, 0 },
	{ "processes", processes, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ "process", process },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, roles);
}
