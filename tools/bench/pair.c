/* SPDX-License-Identifier: MIT */
/*
 * The two processes of a contestant. They live as long as the run, each on its
 * CPU, and sleep in a read of the parent's pipe until it is their slice; so
 * whatever a contestant keeps between messages stays as it is in a program
 * that runs for long, and a slice costs two wakes.
 *
 * No way to hang: a process that ends closes its pipe, which the parent sees
 * at once and ends the rest; a slice that takes too long ends the same way;
 * and when the parent is gone, a sleeping process reads the end of its pipe, a
 * busy one is killed by the system or by its alarm.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "loops.h"

/* Seconds until a slice is given up. Arbitrary, far above any that ended. */
#define GIVE_UP 15
/* Round trips in a probe: bursts, of which the median counts. Arbitrary: about
   30 us where a line takes 100 ns. */
#define PROBE_BURSTS 9
#define PROBE_TRIPS 32

struct bench_pair {
	const struct bench_contestant *who;
	struct bench_shared *shared;
	void *state;
	char note[80];
	struct {
		pid_t pid;
		int go, done;	/* the parent's ends */
	} side[BENCH_SIDES];
};

static struct bench_pair pairs[BENCH_CONTESTANTS_MAX];
static unsigned pairs_n;

/* The two sides at one point; neither goes on before the other is there. */
static void meet(struct bench_run *run)
{
	struct bench_shared *shared = run->shared;
	struct weir_a32 *mine = &shared->meet[run->side].word;
	struct weir_a32 *other = &shared->meet[!run->side].word;
	/* relaxed: this side's own word */
	uint32_t count = weir_load_relaxed32(mine) + 1;
	unsigned looks = 0;

	weir_store_release32(mine, count);
	while ((int32_t)(weir_load_acquire32(other) - count) < 0)
		bench_relax(&looks);
}

/* B's part of a probe: what A writes it writes too, up to the last count. */
static void probe_answer(struct weir_a32 *mine, const struct weir_a32 *other,
			 uint32_t count)
{
	uint32_t last = count + PROBE_BURSTS * PROBE_TRIPS + 1, now;
	unsigned looks = 0;

	while (count != last) {
		while ((now = weir_load_acquire32(other)) == count)
			bench_relax(&looks);
		count = now;
		weir_store_release32(mine, count);
	}
}

/* A line from A to B and another one back, the way the raw row does it. False:
   B does not run, and will not for long. */
static bool probe_trip(struct weir_a32 *mine, const struct weir_a32 *other,
		       uint32_t count)
{
	unsigned looks = 0;

	weir_store_release32(mine, count);
	while (weir_load_acquire32(other) != count) {
		bench_relax(&looks);
		if (looks == BENCH_LOOKS)
			return false;
	}
	return true;
}

/* Ticks of one trip, UINT64_MAX if it was not to be had. */
static uint64_t probe_ask(struct weir_a32 *mine, const struct weir_a32 *other,
			  uint32_t count)
{
	uint32_t last = count + PROBE_BURSTS * PROBE_TRIPS + 1;
	double burst[PROBE_BURSTS];
	uint64_t before;
	bool good = true;
	int i, j;

	for (i = 0; i < PROBE_BURSTS && good; i++) {
		before = bench_ticks();
		for (j = 0; j < PROBE_TRIPS && good; j++)
			good = probe_trip(mine, other, ++count);
		burst[i] = (double)(bench_ticks() - before) / PROBE_TRIPS;
	}
	weir_store_release32(mine, last);
	return good ? (uint64_t)bench_median(burst, PROBE_BURSTS) : UINT64_MAX;
}

/* What a line's round trip takes now; 0 where it means nothing. */
static void probe(struct bench_run *run, uint64_t *result)
{
	struct weir_a32 *mine = &run->shared->probe[run->side].word;
	struct weir_a32 *other = &run->shared->probe[!run->side].word;
	uint32_t count;

	if (!bench_machine.classes)
		return;
	/* relaxed: this side's own word; both are equal here */
	count = weir_load_relaxed32(mine);
	meet(run);
	if (run->side == BENCH_A)
		*result = probe_ask(mine, other, count);
	else
		probe_answer(mine, other, count);
}

/*
 * Until the given tick. Where there are two CPUs this one stays awake, as that
 * of a program with work to do; on one, the other side needs it to go to sleep.
 */
void bench_nap(const struct bench_run *run, uint64_t until)
{
	uint64_t now = bench_ticks();
	struct timespec t = { 0, 0 };
	unsigned looks = 0;

	(void)run;
	if (bench_machine.one && now < until) {
		t.tv_nsec = (long)bench_ns((double)(until - now));
		nanosleep(&t, NULL);
	}
	while (bench_ticks() < until)
		bench_relax(&looks);
}

static void count(struct bench_run *run, struct bench_sleep *sleep)
{
	memset(sleep, 0, sizeof(*sleep));
	bench_count_sleep(sleep);
	if (run->who->parks)
		sleep->parks = run->who->parks(run);
}

/* Some 10 us to 100 us of messages, at a ring's speed. */
static unsigned chunk(size_t size)
{
	size_t n = 16384 / size;

	return n < 1 ? 1 : n > 256 ? 256 : (unsigned)n;
}

static void play_slice(struct bench_run *run)
{
	struct bench_shared *shared = run->shared;
	const struct bench_plays *plays;
	struct bench_sleep before, after;

	run->order = shared->order;
	run->chunk = chunk(run->order.size);
	plays = &run->who->plays[run->order.mode];
	if (run->who->begin)
		run->who->begin(run);
	probe(run, &shared->probe_ticks[0]);
	meet(run);
	/* Other programs hold a CPU: whatever came of it would be discarded. */
	if (shared->probe_ticks[0] == UINT64_MAX)
		return;
	count(run, &before);
	plays->play[run->order.test][run->side](run);
	count(run, &after);
	meet(run);
	probe(run, &shared->probe_ticks[1]);
	shared->sleep[run->side].waits = after.waits - before.waits;
	shared->sleep[run->side].robbed = after.robbed - before.robbed;
	shared->sleep[run->side].parks = after.parks - before.parks;
}

static unsigned char *buffer(void)
{
	unsigned char *b = aligned_alloc(4096, BENCH_SIZE_MAX);

	if (!b)
		bench_fail("no memory");
	memset(b, 0x5a, BENCH_SIZE_MAX);
	return b;
}

/* A process of the pair: never returns. */
__attribute__((noreturn)) static void live(struct bench_run *run, int go,
					   int done)
{
	char c;

	if (bench_machine.pinned)
		bench_pin(bench_machine.cpu_of[run->side]);
	run->out = buffer();
	run->in = buffer();
	if (run->who->join)
		run->who->join(run);
	while (read(go, &c, 1) == 1) {
		alarm(GIVE_UP + 5);
		play_slice(run);
		alarm(0);
		if (write(done, &c, 1) != 1)
			break;
	}
	_exit(0);
}

/* A child holds no end of another child's pipes: their closing is a signal. */
static void close_others(const struct bench_pair *self, int side)
{
	const struct bench_pair *pair;
	int i;

	for (pair = pairs; pair <= self; pair++) {
		for (i = 0; i < BENCH_SIDES; i++) {
			if (pair == self && i >= side)
				break;
			close(pair->side[i].go);
			close(pair->side[i].done);
		}
	}
}

static void start_side(struct bench_pair *pair, int side)
{
	struct bench_run run = {
		.who = pair->who, .side = side, .state = pair->state,
		.shared = pair->shared,
	};
	int go[2], done[2];
	pid_t parent = getpid(), pid;

	if (pipe(go) || pipe(done))
		bench_fail("pipe: %s", strerror(errno));
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		bench_fail("fork: %s", strerror(errno));
	if (pid == 0) {
		bench_die_with_parent(parent);
		close_others(pair, side);
		close(go[1]);
		close(done[0]);
		live(&run, go[0], done[1]);
	}
	close(go[0]);
	close(done[1]);
	pair->side[side].pid = pid;
	pair->side[side].go = go[1];
	pair->side[side].done = done[0];
}

struct bench_pair *bench_pair_start(const struct bench_contestant *who,
				    uint64_t capacity)
{
	struct bench_pair *pair = &pairs[pairs_n];

	if (pairs_n == BENCH_CONTESTANTS_MAX)
		bench_fail("too many contestants");
	pair->who = who;
	pair->shared = mmap(NULL, sizeof(*pair->shared),
			    PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (pair->shared == MAP_FAILED)
		bench_fail("mmap: %s", strerror(errno));
	pair->state = who->setup(capacity);
	if (who->note)
		who->note(pair->state, pair->note, sizeof(pair->note));
	start_side(pair, BENCH_A);
	pairs_n++;	/* from here on bench_pairs_stop() ends what there is */
	start_side(pair, BENCH_B);
	who->leave(pair->state);
	pair->state = NULL;
	return pair;
}

const char *bench_pair_note(const struct bench_pair *pair)
{
	return pair->note;
}

/* Whose process has ended, and how, is the message. */
__attribute__((noreturn)) static void side_ended(struct bench_pair *pair,
						 int side)
{
	const struct bench_order *order = &pair->shared->order;
	pid_t pid = pair->side[side].pid;
	int status = 0;

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

static void wait_done(struct bench_pair *pair)
{
	struct pollfd fd[BENCH_SIDES];
	int side, waiting = BENCH_SIDES, n;
	char c;

	for (side = 0; side < BENCH_SIDES; side++) {
		fd[side].fd = pair->side[side].done;
		fd[side].events = POLLIN;
	}
	while (waiting) {
		n = poll(fd, BENCH_SIDES, GIVE_UP * 1000);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			bench_fail("poll: %s", strerror(errno));
		if (n == 0)
			bench_fail("%s, %s, %s, %zu bytes: the slice did not "
				   "end within %d s", pair->who->name,
				   bench_test_name(pair->shared->order.test),
				   bench_mode_name(pair->shared->order.mode),
				   pair->shared->order.size, GIVE_UP);
		for (side = 0; side < BENCH_SIDES; side++) {
			if (fd[side].fd < 0 || !fd[side].revents)
				continue;
			if (read(fd[side].fd, &c, 1) != 1)
				side_ended(pair, side);
			fd[side].fd = -1;
			waiting--;
		}
	}
}

struct bench_shared *bench_pair_play(struct bench_pair *pair,
				     const struct bench_order *order)
{
	struct bench_shared *shared = pair->shared;
	int side;

	shared->order = *order;
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
	wait_done(pair);
	return shared;
}

void bench_pairs_stop(void)
{
	unsigned i;
	int side;

	for (i = 0; i < BENCH_CONTESTANTS_MAX; i++) {
		for (side = 0; side < BENCH_SIDES; side++) {
			pid_t pid = pairs[i].side[side].pid;

			if (pid <= 0)
				continue;
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
			pairs[i].side[side].pid = 0;
		}
	}
}
