/* SPDX-License-Identifier: MIT */
/*
 * Concurrency Kit's ck_ring: CK_RING_PROTOTYPE compiles it for elements of each
 * size, which it copies in and out. One producer and one consumer. It neither
 * blocks nor has calls for several at once.
 */
#include "peer.h"

#include <ck_ring.h>

#define ELEMENT(n)							\
	struct ck_element_##n {						\
		unsigned char byte[n];					\
	};								\
	CK_RING_PROTOTYPE(of_##n, ck_element_##n)

PEER_SIZES(ELEMENT)

/* The elements follow on a line of their own. */
struct ring {
	struct ck_ring ring;
	unsigned char element[] __attribute__((aligned(128)));
};

static void *setup(const struct bench_ask *ask)
{
	struct peer_rings *rings =
		peer_rings_make(sizeof(struct ring) + ask->capacity);
	int side;

	for (side = 0; side < BENCH_SIDES; side++) {
		struct ring *ring = peer_ring_of(rings, side);

		ck_ring_init(&ring->ring,
			     (unsigned)(ask->capacity / ask->size));
	}
	return rings;
}

#define ENQUEUE(n)							\
	case n:								\
		return CK_RING_ENQUEUE_SPSC(of_##n, &ring->ring,	\
					    (void *)ring->element,	\
					    (void *)data);
#define DEQUEUE(n)							\
	case n:								\
		return CK_RING_DEQUEUE_SPSC(of_##n, &ring->ring,	\
					    (void *)ring->element, data);

BENCH_INLINE bool enqueue(struct ring *ring, void *data, size_t size)
{
	switch (size) {
	PEER_SIZES(ENQUEUE)
	default:
		return false;
	}
}

BENCH_INLINE bool dequeue(struct ring *ring, void *data, size_t size)
{
	switch (size) {
	PEER_SIZES(DEQUEUE)
	default:
		return false;
	}
}

BENCH_INLINE void send_busy(struct bench_run *run, const void *data,
			    size_t size)
{
	struct ring *ring = PEER_OUT(run, struct ring *);
	unsigned looks = 0;

	/* it is only read */
	while (WEIR_UNLIKELY(!enqueue(ring, (void *)(uintptr_t)data, size)))
		bench_relax(&looks);
}

BENCH_INLINE void recv_busy(struct bench_run *run, void *data, size_t size)
{
	struct ring *ring = PEER_IN(run, struct ring *);
	unsigned looks = 0;

	while (WEIR_UNLIKELY(!dequeue(ring, data, size)))
		bench_relax(&looks);
}

BENCH_TRIPS(busy, send_busy, recv_busy)
BENCH_FLOW(busy, send_busy, recv_busy)

const struct bench_contestant bench_ck = {
	.name = "ck",
	.what = "Concurrency Kit: ck_ring of elements, one producer, "
		"one consumer",
	.peer = true,
	.by_size = true,
	.kinds = BENCH_IN_PROCESSES | BENCH_IN_THREADS,
	.plays = {
		[BENCH_BUSY] = {{ BENCH_TRIPS_OF(busy), BENCH_FLOW_OF(busy) }},
	},
	.carries = peer_carries,
	.setup = setup,
	.join = peer_rings_join,
	.leave = peer_rings_leave,
};
