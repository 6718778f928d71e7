// SPDX-License-Identifier: MIT
/*
 * moodycamel's ReaderWriterQueue of elements of the message's size: a queue of
 * blocks from the heap, so it is for threads. Busy: try_enqueue, which does not
 * allocate, so that its memory stays what it was made with, and try_dequeue.
 * Blocking: BlockingReaderWriterQueue, whose reader sleeps in a semaphore; a
 * writer that finds no room tries again. Nothing for several at once.
 */
#include <memory>

#include <readerwriterqueue/readerwriterqueue.h>

#include "peer.h"

namespace {

template <size_t N> struct element {
	unsigned char byte[N];
};

template <size_t N> using busy_of =
	moodycamel::ReaderWriterQueue<element<N>>;
template <size_t N> using blocking_of =
	moodycamel::BlockingReaderWriterQueue<element<N>>;

/* Of one direction. */
struct queues {
	void *of[BENCH_MODES];
};

struct both {
	queues read_by[BENCH_SIDES];
	size_t size;
};

template <size_t N> void make_queues(queues *q, size_t count)
{
	q->of[BENCH_BUSY] = new busy_of<N>(count);
	q->of[BENCH_BLOCKING] = new blocking_of<N>(count);
}

template <size_t N> void end_queues(queues *q)
{
	delete static_cast<busy_of<N> *>(q->of[BENCH_BUSY]);
	delete static_cast<blocking_of<N> *>(q->of[BENCH_BLOCKING]);
}

void *setup(const struct bench_ask *ask)
{
	both *q = new both();

	q->size = ask->size;
	for (int side = 0; side < BENCH_SIDES; side++) {
		queues *in = &q->read_by[side];

		switch (ask->size) {
#define MAKE(n) case n: make_queues<n>(in, ask->capacity / n); break;
		PEER_SIZES(MAKE)
		}
	}
	return q;
}

void leave(void *state)
{
	both *q = static_cast<both *>(state);

	for (int side = 0; side < BENCH_SIDES; side++) {
		switch (q->size) {
#define END(n) case n: end_queues<n>(&q->read_by[side]); break;
		PEER_SIZES(END)
		}
	}
	delete q;
}

void join(struct bench_run *run)
{
	peer_join(run, NULL, NULL);
}

void begin(struct bench_run *run)
{
	both *q = static_cast<both *>(run->state);
	peer_ends *ends = static_cast<peer_ends *>(run->mine);

	ends->out = q->read_by[!run->side].of[run->order.mode];
	ends->in = q->read_by[run->side].of[run->order.mode];
}

template <template <size_t> class Queue>
BENCH_INLINE bool enqueue(void *queue, const void *data, size_t size)
{
	switch (size) {
#define ENQUEUE(n) case n: return static_cast<Queue<n> *>(queue)->		\
	try_enqueue(*static_cast<const element<n> *>(data));
	PEER_SIZES(ENQUEUE)
	}
	return false;
}

BENCH_INLINE bool dequeue(void *queue, void *data, size_t size)
{
	switch (size) {
#define DEQUEUE(n) case n: return static_cast<busy_of<n> *>(queue)->	\
	try_dequeue(*static_cast<element<n> *>(data));
	PEER_SIZES(DEQUEUE)
	}
	return false;
}

BENCH_INLINE void wait_dequeue(void *queue, void *data, size_t size)
{
	switch (size) {
#define WAIT(n) case n: static_cast<blocking_of<n> *>(queue)->		\
	wait_dequeue(*static_cast<element<n> *>(data)); break;
	PEER_SIZES(WAIT)
	}
}

template <template <size_t> class Queue>
BENCH_INLINE void send_to(struct bench_run *run, const void *data, size_t size)
{
	void *queue = PEER_OUT(run, void *);
	unsigned looks = 0;

	while (WEIR_UNLIKELY(!enqueue<Queue>(queue, data, size)))
		bench_relax(&looks);
}

BENCH_INLINE void send_busy(struct bench_run *run, const void *data,
			    size_t size)
{
	send_to<busy_of>(run, data, size);
}

BENCH_INLINE void recv_busy(struct bench_run *run, void *data, size_t size)
{
	void *queue = PEER_IN(run, void *);
	unsigned looks = 0;

	while (WEIR_UNLIKELY(!dequeue(queue, data, size)))
		bench_relax(&looks);
}

BENCH_INLINE void send_blocking(struct bench_run *run, const void *data,
				size_t size)
{
	send_to<blocking_of>(run, data, size);
}

BENCH_INLINE void recv_blocking(struct bench_run *run, void *data, size_t size)
{
	wait_dequeue(PEER_IN(run, void *), data, size);
}

BENCH_TRIPS(busy, send_busy, recv_busy)
BENCH_FLOW(busy, send_busy, recv_busy)
BENCH_TRIPS(blocking, send_blocking, recv_blocking)
BENCH_FLOW(blocking, send_blocking, recv_blocking)

} // namespace

const struct bench_contestant bench_moodycamel = {
	.name = "moodycamel",
	.what = "moodycamel: ReaderWriterQueue of elements",
	.peer = true,
	.by_size = true,
	.kinds = BENCH_IN_THREADS,
	.plays = {
		{{ BENCH_TRIPS_OF(busy), BENCH_FLOW_OF(busy),
		   BENCH_NO_PLAY, BENCH_NO_PLAY }},
		{{ BENCH_TRIPS_OF(blocking), BENCH_FLOW_OF(blocking),
		   BENCH_NO_PLAY, BENCH_NO_PLAY }},
	},
	.carries = peer_carries,
	.setup = setup,
	.join = join,
	.leave = leave,
	.begin = begin,
};
