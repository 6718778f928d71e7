/* SPDX-License-Identifier: MIT */
/*
 * Two rings between two sides, as any program makes them: anonymous (private
 * ones for threads), counters running. What weir.c, place.c and knobs.c share.
 */
#include <stdlib.h>

#include "rings.h"

static void say(void *ctx, int level, const char *text)
{
	(void)ctx;
	if (level == WEIR_LOG_ERROR)
		fprintf(stderr, "weir-bench: libweir: %s\n", text);
}

struct rings *rings_make(const struct bench_ask *ask, int32_t spin_us,
			 uint32_t flags)
{
	struct weir_ring_options options = {
		.size = sizeof(options),
		.capacity = ask->capacity,
		.flags = flags | (ask->kind == BENCH_THREADS ?
				  WEIR_RING_PRIVATE : 0),
		.spin_us = spin_us,
	};
	struct rings *r = calloc(1, sizeof(*r));
	int side, rc;

	if (!r)
		bench_fail("no memory");
	weir_log_set(say, NULL);
	for (side = 0; side < BENCH_SIDES; side++) {
		rc = weir_ring_create(&r->ring[side], &options);
		if (rc)
			bench_fail("weir_ring_create: %s", weir_strerror(rc));
	}
	return r;
}

void *rings_setup(const struct bench_ask *ask)
{
	return rings_make(ask, 0, 0);
}

void rings_note(void *state, char *text, size_t size)
{
	struct rings *r = state;
	struct weir_ring_info info;

	if (weir_ring_info(r->ring[0], &info))
		return;
	snprintf(text, size, "of %llu KiB; %s",
		 (unsigned long long)info.capacity / 1024, weir_backend());
}

void rings_leave(void *state)
{
	struct rings *r = state;

	weir_ring_close(r->ring[0]);
	weir_ring_close(r->ring[1]);
	free(r);
}

void rings_join(struct bench_run *run)
{
	struct rings *r = run->state;
	struct ends *ends = calloc(1, sizeof(*ends));
	int rc;

	if (!ends)
		bench_fail("no memory");
	rc = weir_ring_tx(r->ring[run->side], &ends->tx);
	if (rc)
		bench_fail_run(run, "weir_ring_tx: %s", weir_strerror(rc));
	rc = weir_ring_rx(r->ring[!run->side], &ends->rx);
	if (rc)
		bench_fail_run(run, "weir_ring_rx: %s", weir_strerror(rc));
	run->mine = ends;
}

/* As a program that fills its vectors once and uses them again. */
void rings_begin(struct bench_run *run)
{
	struct ends *ends = run->mine;
	size_t size = run->order.size;
	unsigned i;

	if (run->order.test != BENCH_BATCHED)
		return;
	for (i = 0; i < BENCH_BATCH; i++) {
		ends->out[i].data = run->out + i * size;
		ends->in[i].data = run->in + i * size;
		ends->out[i].len = ends->in[i].size = size;
	}
}

uint64_t rings_parks(struct bench_run *run)
{
	struct ends *e = run->mine;

	/* relaxed: this side wrote them */
	return weir_load_relaxed64(&e->tx->mine->counters[WEIR_COUNT_PARKS]) +
	       weir_load_relaxed64(&e->rx->mine->counters[WEIR_COUNT_PARKS]);
}

void rings_failed(struct bench_run *run, const char *call, ssize_t rc)
{
	if (rc >= 0)
		bench_fail_run(run, "%s: a message of %zd bytes", call, rc);
	bench_fail_run(run, "%s: %s", call, weir_strerror((int)rc));
}
