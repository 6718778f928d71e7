/* SPDX-License-Identifier: MIT */
/*
 * One side of a pair, in its process or thread: it sleeps in a read of the
 * parent's pipe until it is its slice. See pair.c.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "loops.h"
#include "pair.h"

/* Round trips in a probe: bursts, of which the median counts. Arbitrary: about
   30 us where a line takes 100 ns. */
#define PROBE_BURSTS 9
#define PROBE_TRIPS 32

/* Two threads of one process do not join at once. */
static pthread_mutex_t joining = PTHREAD_MUTEX_INITIALIZER;

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
	unsigned play;

	run->order = shared->order;
	play = run->order.test == BENCH_STARVED ? BENCH_THROUGHPUT :
						  run->order.test;
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
	plays->play[play][run->side](run);
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

/* A side of the pair: never returns. */
void bench_live(struct bench_pair *pair, int side)
{
	struct bench_run run = {
		.who = pair->who, .side = side, .kind = pair->ask.kind,
		.state = pair->state, .shared = &pair->memory->shared,
	};
	int go = pair->side[side].child_go, done = pair->side[side].child_done;
	char c;

	/* Who joins may count the CPUs and start threads: it sees those that
	   the whole program has. */
	if (bench_machine.pinned && bench_machine.one)
		bench_pin(bench_machine.cpu_of[side]);
	run.out = buffer();
	run.in = buffer();
	pthread_mutex_lock(&joining);
	if (run.who->join)
		run.who->join(&run);
	pthread_mutex_unlock(&joining);
	if (bench_machine.pinned)
		bench_pin(bench_machine.cpu_of[side]);
	while (read(go, &c, 1) == 1) {
		alarm(bench_pair_give_up + 5);
		play_slice(&run);
		alarm(0);
		if (write(done, &c, 1) != 1)
			break;
	}
	_exit(0);
}
