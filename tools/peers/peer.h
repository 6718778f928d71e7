/* SPDX-License-Identifier: MIT */
/*
 * weir-bench: what several peers need. A peer is another library that moves
 * messages; each is one file here, compiled if configure found it, and never
 * part of libweir. Each plays by the rules of all: the payload is copied in
 * and out, every message is checked, both ways have the same bytes of buffer,
 * and the calls are those that its own manual shows for the job, in the
 * configuration that was fastest here; its first comment says which.
 *
 * Queues that have elements of one compiled size are compiled for each of
 * PEER_SIZES, as a program with such messages would do.
 */
#ifndef PEER_H
#define PEER_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../bench/loops.h"
#include "peers.h"

#define PEER_SIZES(X)							\
	X(8) X(16) X(32) X(64) X(128) X(256) X(512) X(1024) X(2048)	\
	X(4096) X(8192) X(16384) X(32768) X(65536)

#define PEER_CASE_TRUE(n) case n: return true;

/* One of PEER_SIZES, and room for a few of them. */
static inline bool peer_carries(size_t size, uint64_t capacity)
{
	if (capacity / size < 4)
		return false;
	switch (size) {
	PEER_SIZES(PEER_CASE_TRUE)
	default:
		return false;
	}
}

/* Memory that both sides see at one address: a ring for each side to read. */
struct peer_rings {
	size_t each;
	unsigned char *at;
};

static inline struct peer_rings *peer_rings_make(size_t each)
{
	struct peer_rings *rings =
		(struct peer_rings *)calloc(1, sizeof(*rings));
	void *at;

	each = (each + 4095) & ~(size_t)4095;
	at = mmap(NULL, BENCH_SIDES * each, PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!rings || at == MAP_FAILED)
		bench_fail("no memory");
	rings->each = each;
	rings->at = (unsigned char *)at;
	return rings;
}

/* The ring that the side reads. */
static inline void *peer_ring_of(const struct peer_rings *rings, int side)
{
	return rings->at + (size_t)side * rings->each;
}

/* The leave of a contestant: of this process only. */
static inline void peer_rings_leave(void *state)
{
	struct peer_rings *rings = (struct peer_rings *)state;

	munmap(rings->at, BENCH_SIDES * rings->each);
	free(rings);
}

/* What a side has in hand for each message; its run->mine. */
struct peer_ends {
	void *out, *in;
};

static inline void peer_join(struct bench_run *run, void *out, void *in)
{
	struct peer_ends *ends = (struct peer_ends *)calloc(1, sizeof(*ends));

	if (!ends)
		bench_fail("no memory");
	ends->out = out;
	ends->in = in;
	run->mine = ends;
}

/* The join of those whose rings need nothing else. */
static inline void peer_rings_join(struct bench_run *run)
{
	struct peer_rings *rings = (struct peer_rings *)run->state;

	peer_join(run, peer_ring_of(rings, !run->side),
		  peer_ring_of(rings, run->side));
}

#define PEER_OUT(run, type) ((type)((struct peer_ends *)(run)->mine)->out)
#define PEER_IN(run, type) ((type)((struct peer_ends *)(run)->mine)->in)

#endif
