/* SPDX-License-Identifier: MIT */
/*
 * DPDK's rte_ring with elements of the message's size (rte_ring_elem.h), one
 * producer and one consumer; bursts for a batch, and for a payload made in
 * place the calls of rte_ring_peek_zc.h. Its calls are inline: it is compiled
 * from DPDK's headers, nothing of DPDK is linked and no EAL is started. The
 * ring lies in ordinary shared memory, not in DPDK's huge pages.
 *
 * Elements above 16 bytes rte_ring copies by words of 4 bytes. Where a call
 * moves more than a few words, a program would rather ask for the place and use
 * memcpy there; so it is done from COPY_FROM bytes a call on.
 */
#include "peer.h"

#include <rte_config.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <rte_ring_peek_zc.h>

/* Measured: up to here rte_ring's own copying is as fast or faster. */
#define COPY_FROM 128

static bool carries(size_t size, uint64_t capacity)
{
	return size % 4 == 0 && capacity / size >= 4;
}

/* The least power of two that is not below n. */
static uint32_t round_up(uint64_t n)
{
	uint32_t size = 1;

	while (size < n)
		size *= 2;
	return size;
}

/* As rte_ring_init() does it. */
static void make_ring(struct rte_ring *ring, uint32_t count)
{
	memset(ring, 0, sizeof(*ring));
	ring->flags = RING_F_SP_ENQ | RING_F_SC_DEQ;
	ring->prod.sync_type = RTE_RING_SYNC_ST;
	ring->cons.sync_type = RTE_RING_SYNC_ST;
	ring->size = count;
	ring->mask = count - 1;
	ring->capacity = count - 1;
}

static void *setup(const struct bench_ask *ask)
{
	uint32_t count = round_up(ask->capacity / ask->size);
	struct peer_rings *rings = peer_rings_make(sizeof(struct rte_ring) +
						   count * ask->size);

	make_ring(peer_ring_of(rings, BENCH_A), count);
	make_ring(peer_ring_of(rings, BENCH_B), count);
	return rings;
}

/* So many, or none. */
BENCH_INLINE bool grab(struct rte_ring *ring, struct rte_ring_zc_data *at,
		       size_t size, unsigned n)
{
	return rte_ring_enqueue_zc_bulk_elem_start(ring, (unsigned)size, n, at,
						   NULL);
}

BENCH_INLINE unsigned enqueue(struct rte_ring *ring, const void *data,
			      size_t size, unsigned n)
{
	struct rte_ring_zc_data at;

	if (size * n < COPY_FROM)
		return rte_ring_sp_enqueue_burst_elem(ring, data,
						      (unsigned)size, n, NULL);
	n = rte_ring_enqueue_zc_burst_elem_start(ring, (unsigned)size, n, &at,
						 NULL);
	if (!n)
		return 0;
	memcpy(at.ptr1, data, at.n1 * size);
	if (at.n1 != n)
		memcpy(at.ptr2, (const char *)data + at.n1 * size,
		       (n - at.n1) * size);
	rte_ring_enqueue_zc_elem_finish(ring, n);
	return n;
}

BENCH_INLINE unsigned dequeue(struct rte_ring *ring, void *data, size_t size,
			      unsigned n)
{
	struct rte_ring_zc_data at;

	if (size * n < COPY_FROM)
		return rte_ring_sc_dequeue_burst_elem(ring, data,
						      (unsigned)size, n, NULL);
	n = rte_ring_dequeue_zc_burst_elem_start(ring, (unsigned)size, n, &at,
						 NULL);
	if (!n)
		return 0;
	memcpy(data, at.ptr1, at.n1 * size);
	if (at.n1 != n)
		memcpy((char *)data + at.n1 * size, at.ptr2,
		       (n - at.n1) * size);
	rte_ring_dequeue_zc_elem_finish(ring, n);
	return n;
}

BENCH_INLINE void send_many(struct bench_run *run, const void *data,
			    size_t size, unsigned n)
{
	struct rte_ring *ring = PEER_OUT(run, struct rte_ring *);
	unsigned looks = 0, sent;

	while ((sent = enqueue(ring, data, size, n)) != n) {
		data = (const char *)data + sent * size;
		n -= sent;
		bench_relax(&looks);
	}
}

BENCH_INLINE unsigned recv_many(struct bench_run *run, void *data, size_t size,
				unsigned n)
{
	struct rte_ring *ring = PEER_IN(run, struct rte_ring *);
	unsigned looks = 0, came;

	while (!(came = dequeue(ring, data, size, n)))
		bench_relax(&looks);
	return came;
}

BENCH_INLINE void send_busy(struct bench_run *run, const void *data,
			    size_t size)
{
	struct rte_ring *ring = PEER_OUT(run, struct rte_ring *);
	unsigned looks = 0;

	while (WEIR_UNLIKELY(!enqueue(ring, data, size, 1)))
		bench_relax(&looks);
}

BENCH_INLINE void recv_busy(struct bench_run *run, void *data, size_t size)
{
	struct rte_ring *ring = PEER_IN(run, struct rte_ring *);
	unsigned looks = 0;

	while (WEIR_UNLIKELY(!dequeue(ring, data, size, 1)))
		bench_relax(&looks);
}

BENCH_INLINE unsigned char *grab_busy(struct bench_run *run, size_t size)
{
	struct rte_ring *ring = PEER_OUT(run, struct rte_ring *);
	struct rte_ring_zc_data at;
	unsigned looks = 0;

	while (WEIR_UNLIKELY(!grab(ring, &at, size, 1)))
		bench_relax(&looks);
	return at.ptr1;
}

BENCH_INLINE void give_busy(struct bench_run *run, size_t size)
{
	(void)size;
	rte_ring_enqueue_zc_elem_finish(PEER_OUT(run, struct rte_ring *), 1);
}

BENCH_INLINE const unsigned char *look_busy(struct bench_run *run, size_t size)
{
	struct rte_ring *ring = PEER_IN(run, struct rte_ring *);
	struct rte_ring_zc_data at;
	unsigned looks = 0;

	while (WEIR_UNLIKELY(!rte_ring_dequeue_zc_bulk_elem_start(
			ring, (unsigned)size, 1, &at, NULL)))
		bench_relax(&looks);
	return at.ptr1;
}

BENCH_INLINE void drop_busy(struct bench_run *run, size_t size)
{
	(void)size;
	rte_ring_dequeue_zc_elem_finish(PEER_IN(run, struct rte_ring *), 1);
}

BENCH_TRIPS(busy, send_busy, recv_busy)
BENCH_FLOW(busy, send_busy, recv_busy)
BENCH_BATCHES(busy, send_many, recv_many)
BENCH_WORK(busy, grab_busy, give_busy, look_busy, drop_busy)

const struct bench_contestant bench_dpdk = {
	.name = "dpdk",
	.what = "DPDK: rte_ring of elements, one producer, one consumer",
	.peer = true,
	.by_size = true,
	.kinds = BENCH_IN_PROCESSES | BENCH_IN_THREADS,
	.plays = {
		[BENCH_BUSY] = {{ BENCH_TRIPS_OF(busy), BENCH_FLOW_OF(busy),
				  BENCH_BATCHES_OF(busy),
				  BENCH_WORK_OF(busy) }},
	},
	.carries = carries,
	.setup = setup,
	.join = peer_rings_join,
	.leave = peer_rings_leave,
};
