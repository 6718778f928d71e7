/* SPDX-License-Identifier: MIT */
/*
 * The two sides of a contestant: two processes, or two threads of one. They
 * live as long as the run, each on its CPU, and sleep in a read of the parent's
 * pipe until it is their slice; so whatever a contestant keeps between messages
 * stays as it is in a program that runs for long, and a slice costs two wakes.
 *
 * No way to hang: a process that ends closes its pipe, which the parent sees
 * at once and ends the rest. A slice that took too long does not count: on a
 * machine whose CPUs others hold that says nothing of the contestant. One that
 * does not end at all ends its two sides, and the others go on. When the parent
 * is gone, a sleeping process reads the end of its pipe, a busy one is killed
 * by the system or by its alarm.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pair.h"

#define PAIRS_MAX 1024

/* Seconds that a slice may take beyond its length. Arbitrary, far above what
   one takes that others disturb for a while. */
#define LATE 2.0

static struct bench_pair *pairs[PAIRS_MAX];
static unsigned pairs_n;
static bool some_stopped;

/* Arbitrary, far above any that ended. */
unsigned bench_pair_give_up = 60;

static void *live_b(void *pair)
{
	bench_live(pair, BENCH_B);
}

static bool set_up(struct bench_pair *pair)
{
	pair->state = pair->who->setup(&pair->ask);
	if (pair->state && pair->who->note)
		pair->who->note(pair->state, pair->memory->note,
				sizeof(pair->memory->note));
	return pair->state != NULL;
}

/* The process of two threads. First it tells whether its setup could. */
__attribute__((noreturn)) static void live_both(struct bench_pair *pair)
{
	bool up = set_up(pair);
	pthread_t thread;

	if (write(pair->side[BENCH_A].child_done, up ? "u" : "", 1) != 1 || !up)
		_exit(0);
	if (pthread_create(&thread, NULL, live_b, pair))
		bench_fail("no thread");
	bench_live(pair, BENCH_A);
}

/* A child holds no end of another child's pipes: their closing is a signal. */
static void close_others(struct bench_pair *self, int side)
{
	unsigned i;
	int j;

	for (i = 0; i < pairs_n; i++) {
		for (j = 0; j < BENCH_SIDES; j++) {
			close(pairs[i]->side[j].go);
			close(pairs[i]->side[j].done);
		}
	}
	for (j = 0; j < BENCH_SIDES; j++) {
		if (j == side || self->ask.kind == BENCH_THREADS)
			continue;
		close(self->side[j].child_go);
		close(self->side[j].child_done);
	}
}

static void make_pipes(struct bench_pair *pair)
{
	int go[2], done[2], side;

	for (side = 0; side < BENCH_SIDES; side++) {
		if (pipe(go) || pipe(done))
			bench_fail("pipe: %s", strerror(errno));
		pair->side[side].child_go = go[0];
		pair->side[side].go = go[1];
		pair->side[side].done = done[0];
		pair->side[side].child_done = done[1];
	}
}

static void start_process(struct bench_pair *pair, int side)
{
	pid_t parent = getpid(), pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		bench_fail("fork: %s", strerror(errno));
	if (pid == 0) {
		bench_die_with_parent(parent);
		close_others(pair, side);
		if (pair->ask.kind == BENCH_THREADS)
			live_both(pair);
		bench_live(pair, side);
	}
	pair->side[side].pid = pid;
}

static void close_child_ends(const struct bench_pair *pair)
{
	int side;

	for (side = 0; side < BENCH_SIDES; side++) {
		close(pair->side[side].child_go);
		close(pair->side[side].child_done);
	}
}

/* False: the setup of the two threads could not. */
static bool threads_are_up(const struct bench_pair *pair)
{
	char c = 0;
	int status = 0;

	if (read(pair->side[BENCH_A].done, &c, 1) == 1 && c)
		return true;
	/* Either way it has said why. */
	waitpid(pair->side[BENCH_A].pid, &status, 0);
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		bench_pairs_stop();
		exit(1);
	}
	return false;
}

/* The newest one. */
static void forget(struct bench_pair *pair)
{
	int side;

	for (side = 0; side < BENCH_SIDES; side++) {
		close(pair->side[side].go);
		close(pair->side[side].done);
	}
	munmap(pair->memory, sizeof(*pair->memory));
	free(pair);
	pairs_n--;
}

/* A pair holds four descriptors here, a contestant more for a while. */
static void many_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static struct bench_pair *new_pair(const struct bench_contestant *who,
				   const struct bench_ask *ask)
{
	struct bench_pair *pair = calloc(1, sizeof(*pair));

	if (!pair)
		bench_fail("no memory");
	if (pairs_n == PAIRS_MAX)
		bench_fail("too many contestants and sizes");
	if (!pairs_n)
		many_descriptors();
	pair->who = who;
	pair->ask = *ask;
	pair->memory = mmap(NULL, sizeof(*pair->memory),
			    PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (pair->memory == MAP_FAILED)
		bench_fail("mmap: %s", strerror(errno));
	make_pipes(pair);
	/* from here on bench_pairs_stop() ends what there is */
	pairs[pairs_n++] = pair;
	return pair;
}

struct bench_pair *bench_pair_start(const struct bench_contestant *who,
				    const struct bench_ask *ask)
{
	struct bench_pair *pair = new_pair(who, ask);
	bool up = true;

	if (ask->kind == BENCH_PROCESSES)
		up = set_up(pair);
	if (up)
		start_process(pair, BENCH_A);
	if (up && ask->kind == BENCH_PROCESSES)
		start_process(pair, BENCH_B);
	close_child_ends(pair);
	if (up && ask->kind == BENCH_THREADS)
		up = threads_are_up(pair);
	if (!up) {
		forget(pair);
		return NULL;
	}
	if (ask->kind == BENCH_PROCESSES && who->leave)
		who->leave(pair->state);
	pair->state = NULL;
	return pair;
}

const char *bench_pair_note(const struct bench_pair *pair)
{
	return pair->memory->note;
}

/* Whose process has ended, and how, is the message. */
__attribute__((noreturn)) static void side_ended(struct bench_pair *pair,
						 int side)
{
	const struct bench_order *order = &pair->memory->shared.order;
	pid_t pid;
	int status = 0;

	if (pair->ask.kind == BENCH_THREADS)
		side = BENCH_A;
	pid = pair->side[side].pid;
	pair->side[side].pid = 0;
	if (waitpid(pid, &status, 0) != pid)
		bench_fail("waitpid: %s", strerror(errno));
	/* It has said why. */
	if (WIFEXITED(status) && WEXITSTATUS(status) == 1) {
		bench_pairs_stop();
		exit(1);
	}
	if (WIFSIGNALED(status))
		bench_fail("%s, %s, %s, %zu bytes: process %c (%ld) was "
			   "killed by signal %d", pair->who->name,
			   bench_test_name(order->test),
			   bench_mode_name(order->mode), order->size,
			   'A' + side, (long)pid, WTERMSIG(status));
	bench_fail("%s: process %c (%ld) ended with status %d",
		   pair->who->name, 'A' + side, (long)pid,
		   WEXITSTATUS(status));
}

static void stop_side(struct bench_pair *pair, int side)
{
	pid_t pid = pair->side[side].pid;

	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	pair->side[side].pid = 0;
}

static void stop_pair(struct bench_pair *pair)
{
	int side;

	for (side = 0; side < BENCH_SIDES; side++)
		stop_side(pair, side);
}

/* Its slice has no end; the pair does not play any more. */
static void give_up(struct bench_pair *pair)
{
	const struct bench_order *order = &pair->memory->shared.order;

	stop_pair(pair);
	pair->stopped = some_stopped = true;
	fprintf(stderr, "weir-bench: %s in %s is left out from now on: %s, %s, "
		"%zu bytes: the slice did not end within %u s\n",
		pair->who->name, bench_kind_name((unsigned)pair->ask.kind),
		bench_test_name(order->test), bench_mode_name(order->mode),
		order->size, bench_pair_give_up);
}

/* False: it did not end. */
static bool wait_done(struct bench_pair *pair)
{
	struct pollfd fd[BENCH_SIDES];
	int side, waiting = BENCH_SIDES, n;
	char c;

	for (side = 0; side < BENCH_SIDES; side++) {
		fd[side].fd = pair->side[side].done;
		fd[side].events = POLLIN;
	}
	while (waiting) {
		n = poll(fd, BENCH_SIDES, (int)bench_pair_give_up * 1000);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			bench_fail("poll: %s", strerror(errno));
		if (n == 0)
			return false;
		for (side = 0; side < BENCH_SIDES; side++) {
			if (fd[side].fd < 0 || !fd[side].revents)
				continue;
			if (read(fd[side].fd, &c, 1) != 1)
				side_ended(pair, side);
			fd[side].fd = -1;
			waiting--;
		}
	}
	return true;
}

static void begin_slice(struct bench_pair *pair,
			const struct bench_order *order)
{
	struct bench_shared *shared = &pair->memory->shared;
	int side;

	shared->order = *order;
	shared->late = false;
	shared->probe_ticks[0] = shared->probe_ticks[1] = 0;
	memset(shared->sleep, 0, sizeof(shared->sleep));
	shared->messages = shared->ticks = 0;
	memset(&shared->bursts, 0, sizeof(shared->bursts));
	memset(&shared->trips, 0, sizeof(shared->trips));
	weir_store_relaxed32(&shared->stop.word, 0);
	/* The pipe orders all this before the pair's reading. */
	for (side = 0; side < BENCH_SIDES; side++) {
		if (write(pair->side[side].go, "", 1) != 1)
			side_ended(pair, side);
	}
}

struct bench_shared *bench_pair_play(struct bench_pair *pair,
				     const struct bench_order *order)
{
	struct bench_shared *shared = &pair->memory->shared;
	double length = bench_ns((double)(order->warm + order->length));
	uint64_t start = bench_clock_system();

	if (pair->stopped)
		bench_fail("%s: a slice did not end", pair->who->name);
	begin_slice(pair, order);
	if (!wait_done(pair)) {
		give_up(pair);
		shared->late = true;
	}
	/* whose length is not in the order, that one has its own */
	if (order->length && (double)(bench_clock_system() - start) >
			     length + LATE * 1e9)
		shared->late = true;
	return shared;
}

bool bench_pair_stopped(const struct bench_pair *pair)
{
	return pair->stopped;
}

bool bench_pairs_all_ended(void)
{
	return !some_stopped;
}

void bench_pairs_stop(void)
{
	unsigned i;

	for (i = 0; i < pairs_n; i++)
		stop_pair(pairs[i]);
}
