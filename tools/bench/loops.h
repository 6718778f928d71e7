/* SPDX-License-Identifier: MIT */
/*
 * The loops that play a slice. A contestant gives a send and a receive of one
 * message, and BENCH_TRIPS and BENCH_FLOW compile the loops around them, so
 * that what a contestant's header inlines is inlined here too and no message
 * pays for a call through a pointer. BENCH_BATCHES does so around calls that
 * move many messages (batches.h), BENCH_WORK around those that lend memory, or
 * again the copying ones (work.h).
 *
 * The small sizes are compiled as constants: a program knows how large its
 * messages are, and its compiler makes a store of a copy.
 *
 * send(run, data, size) and recv(run, data, size) move one whole message or do
 * not return: they end the process by bench_fail_run(). Which side waits and
 * how is theirs; in busy mode they call bench_relax() between tries.
 */
#ifndef BENCH_LOOPS_H
#define BENCH_LOOPS_H

#include <sched.h>
#include <string.h>

#include "contestant.h"
#include "histogram.h"

#define BENCH_INLINE static inline __attribute__((always_inline))

typedef void bench_send_one(struct bench_run *run, const void *data,
			    size_t size);
typedef void bench_recv_one(struct bench_run *run, void *data, size_t size);

/* Looks in vain before the CPU is offered to others, for the other side may
   wait for one: some 100 us, longer than any message takes. Arbitrary. */
#define BENCH_LOOKS 4096

/*
 * Between two looks at memory that another CPU writes; looks counts those of
 * this wait. On one CPU the other side cannot do anything before we yield.
 */
BENCH_INLINE void bench_relax(unsigned *looks)
{
	if (WEIR_UNLIKELY(bench_machine.one || ++*looks % BENCH_LOOKS == 0)) {
		sched_yield();
		return;
	}
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__ ("yield" : : : "memory");
#else
	weir_fence_compiler();
#endif
}

/* The number at both ends: a message that lacks a part shows it. */
BENCH_INLINE void bench_stamp(unsigned char *data, size_t size,
			      uint64_t number)
{
	memcpy(data, &number, 8);
	if (size > 8)
		memcpy(data + size - 8, &number, 8);
}

__attribute__((noreturn, cold, noinline)) static void
bench_lost(struct bench_run *run, const unsigned char *data, size_t size,
	   uint64_t expected)
{
	uint64_t head, tail;

	memcpy(&head, data, 8);
	memcpy(&tail, data + size - 8, 8);
	bench_fail_run(run, "message %llu lost or damaged: %llu, %llu came",
		       (unsigned long long)expected,
		       (unsigned long long)head, (unsigned long long)tail);
}

/* Returns whether it was the last one of the slice. */
BENCH_INLINE bool bench_check(struct bench_run *run, const unsigned char *data,
			      size_t size, uint64_t expected)
{
	uint64_t head, tail;

	memcpy(&head, data, 8);
	memcpy(&tail, data + size - 8, 8);
	if (WEIR_UNLIKELY((head & ~BENCH_LAST) != expected || head != tail))
		bench_lost(run, data, size, expected);
	return head != expected;
}

/* One round trip; returns when it was over. */
BENCH_INLINE uint64_t bench_trip(struct bench_run *run, bench_send_one *send,
				 bench_recv_one *recv, size_t size,
				 uint64_t number)
{
	bench_stamp(run->out, size, number);
	send(run, run->out, size);
	recv(run, run->in, size);
	bench_check(run, run->in, size, number & ~BENCH_LAST);
	return bench_ticks();
}

/*
 * Back to back: the end of a trip is the start of the next, so each holds one
 * reading of the clock. A trip is counted while the next one flies.
 */
BENCH_INLINE uint64_t bench_ping_timed(struct bench_run *run,
				       bench_send_one *send,
				       bench_recv_one *recv, size_t size,
				       uint64_t number)
{
	struct bench_histogram *h = &run->shared->trips;
	uint64_t now = bench_ticks(), before, end;

	end = now + run->order.warm;
	do {
		before = now;
		now = bench_trip(run, send, recv, size, ++number);
	} while (now < end);
	end = now + run->order.length / 2;
	do {
		bench_stamp(run->out, size, ++number);
		send(run, run->out, size);
		bench_histogram_add(h, now - before);
		before = now;
		recv(run, run->in, size);
		bench_check(run, run->in, size, number);
		now = bench_ticks();
	} while (now < end);
	return number;
}

/* Bursts of trips between two readings: neither its cost nor its steps show. */
BENCH_INLINE uint64_t bench_ping_bursts(struct bench_run *run,
					bench_send_one *send,
					bench_recv_one *recv, size_t size,
					uint64_t number)
{
	struct bench_histogram *h = &run->shared->bursts;
	double trips = BENCH_BURST_NS /
		       bench_percentile(&run->shared->trips, 0.5);
	unsigned n = trips > BENCH_BURST ? BENCH_BURST :
		     trips < 1 ? 1 : (unsigned)trips, i;
	uint64_t now = bench_ticks(), before;
	uint64_t end = now + run->order.length / 2;

	while (now < end) {
		before = now;
		for (i = 0; i < n; i++) {
			bench_stamp(run->out, size, ++number);
			send(run, run->out, size);
			recv(run, run->in, size);
			bench_check(run, run->in, size, number);
		}
		now = bench_ticks();
		bench_histogram_add(h, (now - before) * BENCH_BURST / n);
	}
	return number;
}

/* With a pause before each, in which the other side goes to sleep. */
BENCH_INLINE uint64_t bench_ping_paused(struct bench_run *run,
					bench_send_one *send,
					bench_recv_one *recv, size_t size,
					uint64_t number)
{
	struct bench_histogram *h = &run->shared->trips;
	uint64_t now = bench_ticks(), before;
	uint64_t warm = now + run->order.warm;
	uint64_t end = warm + run->order.length;

	while (now < end) {
		bench_nap(run, now + run->order.pause);
		before = bench_ticks();
		now = bench_trip(run, send, recv, size, ++number);
		if (before >= warm)
			bench_histogram_add(h, now - before);
	}
	return number;
}

BENCH_INLINE void bench_ping_size(struct bench_run *run, bench_send_one *send,
				  bench_recv_one *recv, size_t size)
{
	uint64_t number = run->order.first;

	if (run->order.pause) {
		number = bench_ping_paused(run, send, recv, size, number);
	} else {
		number = bench_ping_timed(run, send, recv, size, number);
		number = bench_ping_bursts(run, send, recv, size, number);
	}
	bench_trip(run, send, recv, size, ++number | BENCH_LAST);
	run->shared->messages = number - run->order.first;
}

BENCH_INLINE void bench_pong_size(struct bench_run *run, bench_send_one *send,
				  bench_recv_one *recv, size_t size)
{
	uint64_t number = run->order.first;
	bool last;

	do {
		recv(run, run->in, size);
		last = bench_check(run, run->in, size, ++number);
		/* an answer of its own, as a server writes it */
		bench_stamp(run->out, size, last ? number | BENCH_LAST :
						   number);
		send(run, run->out, size);
	} while (!last);
}

/* So many multiplications that wait for each other, a ns or so each. */
BENCH_INLINE void bench_think(unsigned steps, uint64_t number)
{
	uint64_t x = number;

	while (steps--) {
		x *= UINT64_C(6364136223846793005);
		/* not to be left out, nor done at once */
		__asm__ __volatile__ ("" : "+r" (x));
	}
}

/* Sends until the receiver has seen enough. */
BENCH_INLINE void bench_send_until(struct bench_run *run, bench_send_one *send,
				   size_t size, unsigned think)
{
	uint64_t number = run->order.first;
	unsigned i;

	do {
		for (i = 0; i < run->chunk; i++) {
			bench_stamp(run->out, size, ++number);
			bench_think(think, number);
			send(run, run->out, size);
		}
	} while (!weir_load_relaxed32(&run->shared->stop.word));
	bench_stamp(run->out, size, ++number | BENCH_LAST);
	send(run, run->out, size);
}

BENCH_INLINE void bench_send_size(struct bench_run *run, bench_send_one *send,
				  bench_recv_one *recv, size_t size)
{
	(void)recv;
	if (WEIR_UNLIKELY(run->order.think))
		bench_send_until(run, send, size, run->order.think);
	else
		bench_send_until(run, send, size, 0);
}

/* The time in which messages count: from the end of the warm-up on. */
struct bench_window {
	uint64_t start, until, first;
};

BENCH_INLINE struct bench_window bench_window(struct bench_run *run)
{
	struct bench_window w = { 0, bench_ticks() + run->order.warm, 0 };

	return w;
}

/* At the end of the slice has the sender stop, who was under full load. */
BENCH_INLINE void bench_window_look(struct bench_run *run,
				    struct bench_window *w, uint64_t number)
{
	struct bench_shared *shared = run->shared;
	uint64_t now = bench_ticks();

	if (now < w->until)
		return;
	if (!w->start) {
		w->start = now;
		w->first = number;
		w->until = now + run->order.length;
		return;
	}
	shared->messages = number - w->first;
	shared->ticks = now - w->start;
	weir_store_relaxed32(&shared->stop.word, 1);
	w->until = UINT64_MAX;
}

BENCH_INLINE void bench_recv_size(struct bench_run *run, bench_send_one *send,
				  bench_recv_one *recv, size_t size)
{
	struct bench_window window = bench_window(run);
	uint64_t number = run->order.first;
	unsigned i;

	(void)send;
	for (;;) {
		for (i = 0; i < run->chunk; i++) {
			recv(run, run->in, size);
			if (bench_check(run, run->in, size, ++number))
				return;
		}
		bench_window_look(run, &window, number);
	}
}

#define BENCH_BY_SIZE(loop, run, send, recv)				\
	do {								\
		switch ((run)->order.size) {				\
		case 8:							\
			loop(run, send, recv, 8);			\
			break;						\
		case 64:						\
			loop(run, send, recv, 64);			\
			break;						\
		default:						\
			loop(run, send, recv, (run)->order.size);	\
		}							\
	} while (0)

/* name_ping and name_pong */
#define BENCH_TRIPS(name, send, recv)					\
	static void name##_ping(struct bench_run *run)			\
	{								\
		BENCH_BY_SIZE(bench_ping_size, run, send, recv);	\
	}								\
	static void name##_pong(struct bench_run *run)			\
	{								\
		BENCH_BY_SIZE(bench_pong_size, run, send, recv);	\
	}

/* name_send and name_recv */
#define BENCH_FLOW(name, send, recv)					\
	static void name##_send(struct bench_run *run)			\
	{								\
		BENCH_BY_SIZE(bench_send_size, run, send, recv);	\
	}								\
	static void name##_recv(struct bench_run *run)			\
	{								\
		BENCH_BY_SIZE(bench_recv_size, run, send, recv);	\
	}

/* Of calls whose flags say whether they wait: both modes of both. */
#define BENCH_BY_FLAGS(send, recv, busy_flags, blocking_flags)		\
	BENCH_INLINE void busy_send_one(struct bench_run *run,		\
					const void *data, size_t size)	\
	{								\
		send(run, data, size, busy_flags);			\
	}								\
	BENCH_INLINE void busy_recv_one(struct bench_run *run,		\
					void *data, size_t size)	\
	{								\
		recv(run, data, size, busy_flags);			\
	}								\
	BENCH_INLINE void blocking_send_one(struct bench_run *run,	\
					    const void *data, size_t size) \
	{								\
		send(run, data, size, blocking_flags);			\
	}								\
	BENCH_INLINE void blocking_recv_one(struct bench_run *run,	\
					    void *data, size_t size)	\
	{								\
		recv(run, data, size, blocking_flags);			\
	}								\
	BENCH_TRIPS(busy, busy_send_one, busy_recv_one)			\
	BENCH_FLOW(busy, busy_send_one, busy_recv_one)			\
	BENCH_TRIPS(blocking, blocking_send_one, blocking_recv_one)	\
	BENCH_FLOW(blocking, blocking_send_one, blocking_recv_one)

/* They, in a struct bench_plays; see contestant.h for C++. */
#ifdef __cplusplus
#define BENCH_PLAY_AT(test)
#else
#define BENCH_PLAY_AT(test) [test] =
#endif
#define BENCH_TRIPS_OF(name) BENCH_PLAY_AT(BENCH_RTT)			\
	{ name##_ping, name##_pong }
#define BENCH_FLOW_OF(name) BENCH_PLAY_AT(BENCH_THROUGHPUT)		\
	{ name##_send, name##_recv }
#define BENCH_BATCHES_OF(name) BENCH_PLAY_AT(BENCH_BATCHED)		\
	{ name##_send_batches, name##_recv_batches }
#define BENCH_WORK_OF(name) BENCH_PLAY_AT(BENCH_WORKED)			\
	{ name##_make, name##_use }
#define BENCH_NO_PLAY { NULL, NULL }

#include "batches.h"
#include "work.h"

#endif
