/* SPDX-License-Identifier: MIT */
/*
 * Userspace RCU's wfcqueue: a list of nodes that the sender makes. One
 * enqueuer, one dequeuer, so the calls without the mutex, inlined
 * (_LGPL_SOURCE). Its nodes hold pointers, so it is for threads.
 *
 * The queue is without bound and without memory of its own. Here the nodes of
 * a direction are an array that the sender uses in turn, as large as others
 * have buffers; a count of what was received, at which he looks when the array seems
 * full, tells him which he may use again. That is the quickest way to have
 * nodes: an allocator, or a second queue for the empty ones, costs more than
 * the queue. A batch is linked to a list of its own, then spliced; and what
 * came is spliced away as a whole, then taken node by node.
 */
#define _LGPL_SOURCE
#include "peer.h"

#include <urcu/wfcqueue.h>

#define LINE 128

struct node {
	struct cds_wfcq_node node;
	unsigned char byte[];
};

struct line {
	uint64_t count;
	char pad[LINE - 8];
};

/* A direction. Who writes what: a line each. */
struct queue {
	struct __cds_wfcq_head head __attribute__((aligned(LINE)));
	struct cds_wfcq_tail tail __attribute__((aligned(LINE)));
	/* the receiver's */
	uint64_t received __attribute__((aligned(LINE)));
	struct __cds_wfcq_head came_head;
	struct cds_wfcq_tail came_tail;
	/* the sender's */
	uint64_t sent __attribute__((aligned(LINE)));
	uint64_t room;		/* nodes, as last seen: sent may go up to it */
	uint64_t nodes;
	size_t next, end, step;	/* bytes in the array */
	struct __cds_wfcq_head batch_head;
	struct cds_wfcq_tail batch_tail;
	unsigned char first[] __attribute__((aligned(LINE)));
};

static bool carries(size_t size, uint64_t capacity)
{
	return capacity / size >= 4;
}

static void *setup(const struct bench_ask *ask)
{
	size_t step = (sizeof(struct node) + ask->size + 7) & ~(size_t)7;
	uint64_t nodes = ask->capacity / ask->size;
	struct peer_rings *rings =
		peer_rings_make(sizeof(struct queue) + step * nodes);
	int side;

	for (side = 0; side < BENCH_SIDES; side++) {
		struct queue *q = peer_ring_of(rings, side);

		__cds_wfcq_init(&q->head, &q->tail);
		__cds_wfcq_init(&q->batch_head, &q->batch_tail);
		__cds_wfcq_init(&q->came_head, &q->came_tail);
		q->nodes = q->room = nodes;
		q->step = step;
		q->end = step * nodes;
	}
	return rings;
}

/* The next one that is free, with the message in it. */
BENCH_INLINE struct node *make(struct queue *q, const void *data, size_t size)
{
	struct node *node = (struct node *)(void *)(q->first + q->next);
	unsigned looks = 0;

	while (WEIR_UNLIKELY(q->sent == q->room)) {
		/* acquire: what the receiver read before he counted it */
		q->room = __atomic_load_n(&q->received, __ATOMIC_ACQUIRE) +
			  q->nodes;
		if (q->sent == q->room)
			bench_relax(&looks);
	}
	q->sent++;
	q->next += q->step;
	if (q->next == q->end)
		q->next = 0;
	memcpy(node->byte, data, size);
	cds_wfcq_node_init(&node->node);
	return node;
}

BENCH_INLINE void use(struct queue *q, const struct cds_wfcq_node *came,
		      void *data, size_t size)
{
	/* its first member */
	const struct node *node = (const void *)came;

	memcpy(data, node->byte, size);
	/* only this side writes it; release: the copy is complete */
	__atomic_store_n(&q->received, q->received + 1, __ATOMIC_RELEASE);
}

/* The sender may be between the two steps of an enqueue. The blocking calls
   would wait for him, 10 looks and then 10 ms: not these. */
BENCH_INLINE bool came(const struct cds_wfcq_node *node)
{
	return node && node != CDS_WFCQ_WOULDBLOCK;
}

BENCH_INLINE void send_busy(struct bench_run *run, const void *data,
			    size_t size)
{
	struct queue *q = PEER_OUT(run, struct queue *);

	cds_wfcq_enqueue(&q->head, &q->tail, &make(q, data, size)->node);
}

BENCH_INLINE void recv_busy(struct bench_run *run, void *data, size_t size)
{
	struct queue *q = PEER_IN(run, struct queue *);
	struct cds_wfcq_node *node;
	unsigned looks = 0;

	while (!came(node = __cds_wfcq_dequeue_nonblocking(&q->head,
							   &q->tail)))
		bench_relax(&looks);
	use(q, node, data, size);
}

BENCH_INLINE void send_many(struct bench_run *run, const void *data,
			    size_t size, unsigned n)
{
	struct queue *q = PEER_OUT(run, struct queue *);
	unsigned i;

	for (i = 0; i < n; i++)
		cds_wfcq_enqueue(&q->batch_head, &q->batch_tail,
				 &make(q, (const char *)data + i * size,
				       size)->node);
	__cds_wfcq_splice_blocking(&q->head, &q->tail, &q->batch_head,
				   &q->batch_tail);
}

BENCH_INLINE struct cds_wfcq_node *next_of_batch(struct queue *q)
{
	return __cds_wfcq_dequeue_nonblocking(&q->came_head, &q->came_tail);
}

BENCH_INLINE unsigned recv_many(struct bench_run *run, void *data, size_t size,
				unsigned n)
{
	struct queue *q = PEER_IN(run, struct queue *);
	struct cds_wfcq_node *node;
	unsigned looks = 0, i = 0;
	enum cds_wfcq_ret rc;

	while (!came(node = next_of_batch(q))) {
		rc = __cds_wfcq_splice_nonblocking(&q->came_head,
						   &q->came_tail, &q->head,
						   &q->tail);
		if (rc == CDS_WFCQ_RET_SRC_EMPTY ||
		    rc == CDS_WFCQ_RET_WOULDBLOCK)
			bench_relax(&looks);
	}
	do {
		use(q, node, (char *)data + i * size, size);
	} while (++i < n && came(node = next_of_batch(q)));
	return i;
}

BENCH_TRIPS(busy, send_busy, recv_busy)
BENCH_FLOW(busy, send_busy, recv_busy)
BENCH_BATCHES(busy, send_many, recv_many)

const struct bench_contestant bench_urcu = {
	.name = "urcu",
	.what = "Userspace RCU: wfcqueue, one enqueuer, one dequeuer",
	.peer = true,
	.by_size = true,
	.kinds = BENCH_IN_THREADS,
	.plays = {
		[BENCH_BUSY] = {{ BENCH_TRIPS_OF(busy), BENCH_FLOW_OF(busy),
				  BENCH_BATCHES_OF(busy) }},
	},
	.carries = carries,
	.setup = setup,
	.join = peer_rings_join,
	.leave = peer_rings_leave,
};
