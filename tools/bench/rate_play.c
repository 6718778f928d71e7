/* SPDX-License-Identifier: MIT */
/*
 * A slice of weir-bench rate. When each message is due is settled before. A waits
 * for that time on the clock, which it never leaves, so that 1 us is kept as
 * well as 1 ms, and sends; B takes the time when the message is in its hands.
 * The delay is counted from the time due.
 *
 * Both read a counter of their own CPU, and two such counters need not show
 * the same. So each side also reads CLOCK_MONOTONIC, which does, and both at
 * one moment; what the pairs of readings differ by is taken off.
 *
 * CPU time: B's is what its thread ran from the first counted message to the
 * last. A's is the time within its calls, for between them it does nothing but
 * wait for the clock; where the calls sleep as well, for want of room, what its
 * thread ran is less, and counts.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "histogram.h"
#include "loops.h"
#include "rate.h"

/* Before the first message is due: B is in its wait by then. Arbitrary. */
#define START_NS 100000
/* Counters that differ by less are taken for equal: what the two readings of a
   moment err by, and 1 % of the least delay that matters. */
#define EQUAL_NS 200

static uint64_t thread_cpu(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t))
		return 0;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Both clocks at one moment: of several tries the one that took the least. */
static void take_moment(struct rate_moment *moment)
{
	uint64_t before, system, after, best = UINT64_MAX;
	int i;

	for (i = 0; i < 10; i++) {
		before = bench_ticks();
		system = bench_clock_system();
		after = bench_ticks();
		if (after - before >= best)
			continue;
		best = after - before;
		moment->ticks = before + best / 2;
		moment->system = system;
	}
}

/* What B's counter shows more than A's at the same time. */
static int64_t counters_differ(const struct rate_shared *shared)
{
	const struct rate_moment *a = &shared->moment[BENCH_A];
	const struct rate_moment *b = &shared->moment[BENCH_B];
	double system = (double)(int64_t)(b->system - a->system);
	double differ = (double)(int64_t)(b->ticks - a->ticks) -
			system * bench_clock.ticks_per_ns;

	if (differ < (double)bench_ticks_of(EQUAL_NS) &&
	    -differ < (double)bench_ticks_of(EQUAL_NS))
		return 0;
	return (int64_t)differ;
}

__attribute__((noreturn, cold, noinline)) static void
failed(struct bench_run *run, const char *call, ssize_t rc)
{
	const struct rate_state *s = run->state;

	bench_fail("%s, process %c: %s: %s", s->way->name, 'A' + run->side,
		   call, rc < 0 ? weir_strerror((int)rc) : "cut short");
}

/* ---- one message -------------------------------------------------------- */

BENCH_INLINE void send_weir(struct bench_run *run, struct rate_state *s,
			    const struct rate_message *m)
{
	int rc = weir_tx_write(s->tx, m, sizeof(*m), WEIR_FOREVER);

	if (WEIR_UNLIKELY(rc))
		failed(run, "weir_tx_write", rc);
}

BENCH_INLINE void recv_weir(struct bench_run *run, struct rate_state *s,
			    struct rate_message *m)
{
	ssize_t n = weir_rx_read(s->rx, m, sizeof(*m), WEIR_FOREVER);

	if (WEIR_UNLIKELY(n != (ssize_t)sizeof(*m)))
		failed(run, "weir_rx_read", n);
}

/* In a loop of the program's own: reads what there is, else waits there. */
BENCH_INLINE void recv_loop(struct bench_run *run, struct rate_state *s,
			    struct rate_message *m)
{
	ssize_t n;
	int rc;

	while ((n = weir_rx_try_read(s->rx, m, sizeof(*m))) == -EAGAIN) {
		if (s->way->kind == RATE_URING) {
			rc = rate_uring_wait(s->rx);
		} else {
			rc = weir_rx_arm(s->rx);
			if (!rc)
				rc = rate_loop_wait(s->loop);
		}
		if (WEIR_UNLIKELY(rc < 0))
			failed(run, "the wait", rc);
	}
	if (WEIR_UNLIKELY(n != (ssize_t)sizeof(*m)))
		failed(run, "weir_rx_try_read", n);
}

/* Of a socket and a pipe alike. */
BENCH_INLINE void send_bytes(struct bench_run *run, struct rate_state *s,
			     const struct rate_message *m)
{
	ssize_t n = write(s->fd[0], m, sizeof(*m));

	if (WEIR_UNLIKELY(n != (ssize_t)sizeof(*m)))
		failed(run, "write", n < 0 ? -errno : 0);
}

BENCH_INLINE void recv_bytes(struct bench_run *run, struct rate_state *s,
			     struct rate_message *m)
{
	ssize_t n = read(s->fd[1], m, sizeof(*m));

	if (WEIR_UNLIKELY(n != (ssize_t)sizeof(*m)))
		failed(run, "read", n < 0 ? -errno : 0);
}

/* A's slots are B's to read until B has said that it did. */
BENCH_INLINE void send_eventfd(struct bench_run *run, struct rate_state *s,
			       const struct rate_message *m)
{
	uint64_t one = 1;
	unsigned looks = 0;
	ssize_t n;

	while (WEIR_UNLIKELY(m->number -
			     __atomic_load_n(&s->shared->next,
					     __ATOMIC_ACQUIRE) >= RATE_SLOTS))
		bench_relax(&looks);
	s->slot[m->number % RATE_SLOTS] = *m;
	n = write(s->fd[0], &one, sizeof(one));
	if (WEIR_UNLIKELY(n != (ssize_t)sizeof(one)))
		failed(run, "write", n < 0 ? -errno : 0);
}

BENCH_INLINE void recv_eventfd(struct bench_run *run, struct rate_state *s,
			       struct rate_message *m)
{
	uint64_t count, next = s->shared->next;
	ssize_t n = read(s->fd[1], &count, sizeof(count));

	if (WEIR_UNLIKELY(n != (ssize_t)sizeof(count)))
		failed(run, "read", n < 0 ? -errno : 0);
	*m = s->slot[next % RATE_SLOTS];
	__atomic_store_n(&s->shared->next, next + 1, __ATOMIC_RELEASE);
}

BENCH_INLINE void send_one(struct bench_run *run, struct rate_state *s,
			   const struct rate_message *m)
{
	if (rate_has_ring(s->way))
		send_weir(run, s, m);
	else if (s->way->kind == RATE_EVENTFD)
		send_eventfd(run, s, m);
	else
		send_bytes(run, s, m);
}

BENCH_INLINE void recv_one(struct bench_run *run, struct rate_state *s,
			   struct rate_message *m)
{
	if (s->way->kind == RATE_WEIR)
		recv_weir(run, s, m);
	else if (rate_has_ring(s->way))
		recv_loop(run, s, m);
	else if (s->way->kind == RATE_EVENTFD)
		recv_eventfd(run, s, m);
	else
		recv_bytes(run, s, m);
}

/* ---- what a side has used up so far ------------------------------------- */

struct used {
	uint64_t cpu_ns, rings;
	struct bench_sleep sleep;
};

static void take_used(const struct rate_state *s, struct used *used)
{
	memset(used, 0, sizeof(*used));
	bench_count_sleep(&used->sleep);
	used->cpu_ns = thread_cpu();
	if (s->tx)
		used->rings = rate_counter(s->tx->mine, WEIR_COUNT_WAKES);
	if (s->rx)
		used->sleep.parks = rate_counter(s->rx->mine,
						 WEIR_COUNT_PARKS);
}

static void file_used(struct rate_shared *shared, int side,
		      const struct used *before, const struct used *after)
{
	struct bench_sleep *sleep = &shared->sleep[side];

	shared->cpu_ns[side] = after->cpu_ns - before->cpu_ns;
	sleep->waits = after->sleep.waits - before->sleep.waits;
	sleep->robbed = after->sleep.robbed - before->sleep.robbed;
	sleep->parks = after->sleep.parks - before->sleep.parks;
	if (side == BENCH_A)
		shared->rings = after->rings - before->rings;
}

/* ---- the sides ---------------------------------------------------------- */

void rate_play_send(struct bench_run *run)
{
	struct rate_state *s = run->state;
	struct rate_shared *shared = s->shared;
	uint64_t warm = shared->warm, all = warm + shared->messages;
	struct rate_message m = { 0, 0 };
	struct used before, after;
	uint64_t now, called, in_calls = 0;

	take_moment(&shared->moment[BENCH_A]);
	take_used(s, &before);
	m.due = bench_ticks() + bench_ticks_of(START_NS);
	for (; m.number < all; m.number++) {
		if (m.number == warm) {
			take_used(s, &before);
			in_calls = 0;
		}
		m.due += shared->gap[m.number % RATE_GAPS];
		while ((int64_t)((now = bench_ticks()) - m.due) < 0)
			;
		send_one(run, s, &m);
		called = bench_ticks() - now;
		in_calls += called;
	}
	take_used(s, &after);
	file_used(shared, BENCH_A, &before, &after);
	in_calls = (uint64_t)bench_ns((double)in_calls);
	if (in_calls < shared->cpu_ns[BENCH_A])
		shared->cpu_ns[BENCH_A] = in_calls;
}

void rate_play_receive(struct bench_run *run)
{
	struct rate_state *s = run->state;
	struct rate_shared *shared = s->shared;
	struct bench_histogram *h = &run->shared->trips;
	uint64_t warm = shared->warm, all = warm + shared->messages;
	uint64_t i, now = 0, first = 0;
	struct rate_message m = { 0, 0 };
	struct used before, after;
	int64_t differ = 0, late;

	take_moment(&shared->moment[BENCH_B]);
	shared->next = 0;
	take_used(s, &before);
	for (i = 0; i < all; i++) {
		recv_one(run, s, &m);
		now = bench_ticks();
		if (WEIR_UNLIKELY(m.number != i))
			bench_fail("%s: message %llu came for %llu",
				   s->way->name,
				   (unsigned long long)m.number,
				   (unsigned long long)i);
		if (i < warm) {
			/* A's moment is as old as its first message */
			differ = counters_differ(shared);
			continue;
		}
		if (i == warm) {
			first = m.due;
			take_used(s, &before);
		}
		late = (int64_t)(now - m.due) - differ;
		bench_histogram_add(h, late > 0 ? (uint64_t)late : 0);
	}
	take_used(s, &after);
	file_used(shared, BENCH_B, &before, &after);
	shared->ticks = now - first - (uint64_t)differ;
}
