// SPDX-License-Identifier: MIT
/*
 * Boost.Lockfree's spsc_queue of elements of the message's size, in shared
 * memory. Its length is given at run time, so its elements come from an
 * allocator: one that takes them from the same mapping, which both processes
 * have at the same address. Push and pop; for a batch their forms for several.
 */
#include <new>

#include <boost/lockfree/spsc_queue.hpp>

#include "peer.h"

namespace {

template <size_t N> struct element {
	unsigned char byte[N];
};

/* Gives once, from the memory behind the queue. */
template <typename T> struct behind {
	typedef T value_type;

	explicit behind(void *at) : at(at) {}
	template <typename U> behind(const behind<U> &other) : at(other.at) {}
	template <typename U> struct rebind {
		typedef behind<U> other;
	};
	T *allocate(size_t) { return static_cast<T *>(at); }
	void deallocate(T *, size_t) {}
	bool operator==(const behind &other) const { return at == other.at; }

	void *at;
};

template <size_t N> using queue_of = boost::lockfree::spsc_queue<
	element<N>, boost::lockfree::allocator<behind<element<N>>>>;

const size_t queue_bytes = 4096;

template <size_t N> void make_queue(void *at, size_t count)
{
	static_assert(sizeof(queue_of<N>) <= queue_bytes, "the queue itself");
	new (at) queue_of<N>(count, behind<element<N>>(
		static_cast<char *>(at) + queue_bytes));
}

void *setup(const struct bench_ask *ask)
{
	size_t count = ask->capacity / ask->size;
	/* one element more, by which it knows full from empty */
	struct peer_rings *rings = peer_rings_make(
		queue_bytes + (count + 1) * ask->size);

	for (int side = 0; side < BENCH_SIDES; side++) {
		void *at = peer_ring_of(rings, side);

		switch (ask->size) {
#define MAKE(n) case n: make_queue<n>(at, count); break;
		PEER_SIZES(MAKE)
		}
	}
	return rings;
}

template <size_t N> BENCH_INLINE bool push_one(void *at, const void *data)
{
	return static_cast<queue_of<N> *>(at)->push(
		*static_cast<const element<N> *>(data));
}

template <size_t N> BENCH_INLINE bool pop_one(void *at, void *data)
{
	return static_cast<queue_of<N> *>(at)->pop(
		*static_cast<element<N> *>(data));
}

template <size_t N> BENCH_INLINE unsigned push_n(void *at, const void *data,
						 unsigned n)
{
	return static_cast<unsigned>(static_cast<queue_of<N> *>(at)->push(
		static_cast<const element<N> *>(data), n));
}

template <size_t N> BENCH_INLINE unsigned pop_n(void *at, void *data,
						unsigned n)
{
	return static_cast<unsigned>(static_cast<queue_of<N> *>(at)->pop(
		static_cast<element<N> *>(data), n));
}

BENCH_INLINE bool push(void *at, const void *data, size_t size)
{
	switch (size) {
#define PUSH(n) case n: return push_one<n>(at, data);
	PEER_SIZES(PUSH)
	}
	return false;
}

BENCH_INLINE bool pop(void *at, void *data, size_t size)
{
	switch (size) {
#define POP(n) case n: return pop_one<n>(at, data);
	PEER_SIZES(POP)
	}
	return false;
}

BENCH_INLINE unsigned push_several(void *at, const void *data, size_t size,
				   unsigned n)
{
	switch (size) {
#define PUSH_N(n_) case n_: return push_n<n_>(at, data, n);
	PEER_SIZES(PUSH_N)
	}
	return 0;
}

BENCH_INLINE unsigned pop_several(void *at, void *data, size_t size,
				  unsigned n)
{
	switch (size) {
#define POP_N(n_) case n_: return pop_n<n_>(at, data, n);
	PEER_SIZES(POP_N)
	}
	return 0;
}

BENCH_INLINE void send_busy(struct bench_run *run, const void *data,
			    size_t size)
{
	void *queue = PEER_OUT(run, void *);
	unsigned looks = 0;

	while (WEIR_UNLIKELY(!push(queue, data, size)))
		bench_relax(&looks);
}

BENCH_INLINE void recv_busy(struct bench_run *run, void *data, size_t size)
{
	void *queue = PEER_IN(run, void *);
	unsigned looks = 0;

	while (WEIR_UNLIKELY(!pop(queue, data, size)))
		bench_relax(&looks);
}

BENCH_INLINE void send_many(struct bench_run *run, const void *data,
			    size_t size, unsigned n)
{
	void *queue = PEER_OUT(run, void *);
	unsigned looks = 0, sent;

	while ((sent = push_several(queue, data, size, n)) != n) {
		data = static_cast<const char *>(data) + sent * size;
		n -= sent;
		bench_relax(&looks);
	}
}

BENCH_INLINE unsigned recv_many(struct bench_run *run, void *data, size_t size,
				unsigned n)
{
	void *queue = PEER_IN(run, void *);
	unsigned looks = 0, came;

	while (!(came = pop_several(queue, data, size, n)))
		bench_relax(&looks);
	return came;
}

BENCH_TRIPS(busy, send_busy, recv_busy)
BENCH_FLOW(busy, send_busy, recv_busy)
BENCH_BATCHES(busy, send_many, recv_many)

} // namespace

const struct bench_contestant bench_boost = {
	.name = "boost",
	.what = "Boost.Lockfree: spsc_queue of elements",
	.peer = true,
	.by_size = true,
	.kinds = BENCH_IN_PROCESSES | BENCH_IN_THREADS,
	.plays = {
		{{ BENCH_TRIPS_OF(busy), BENCH_FLOW_OF(busy),
		   BENCH_BATCHES_OF(busy), BENCH_NO_PLAY }},
		{{ BENCH_NO_PLAY, BENCH_NO_PLAY, BENCH_NO_PLAY,
		   BENCH_NO_PLAY }},
	},
	.carries = peer_carries,
	.setup = setup,
	.join = peer_rings_join,
	.leave = peer_rings_leave,
};
