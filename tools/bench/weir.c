/* SPDX-License-Identifier: MIT */
/*
 * Two rings between two processes, as any program makes them: anonymous, of
 * the default options, counters running, copying calls. Busy: the try calls
 * and another try. Blocking: weir_tx_write(3) and weir_rx_read(3).
 *
 * weir-park never spins before it sleeps, as the raw futex does not.
 * weir-fence pays the fence on every message that the feature bit BARRIER of a
 * ring saves; on systems without membarrier(2) it is the same as weir.
 */
#include <stdlib.h>

#include "loops.h"

struct rings {
	struct weir_ring *ring[BENCH_SIDES];	/* by the side that writes */
	struct weir_tx *tx;			/* this process's */
	struct weir_rx *rx;
};

static void say(void *ctx, int level, const char *text)
{
	(void)ctx;
	if (level == WEIR_LOG_ERROR)
		fprintf(stderr, "weir-bench: libweir: %s\n", text);
}

static void *setup_spin(uint64_t capacity, int32_t spin_us)
{
	struct weir_ring_options options = {
		.size = sizeof(options),
		.capacity = capacity,
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

static void *setup(uint64_t capacity)
{
	return setup_spin(capacity, 0);
}

static void *setup_park(uint64_t capacity)
{
	return setup_spin(capacity, -1);
}

static void note(void *state, char *text, size_t size)
{
	struct rings *r = state;
	struct weir_ring_info info;

	if (weir_ring_info(r->ring[0], &info))
		return;
	snprintf(text, size, "of %llu KiB; %s",
		 (unsigned long long)info.capacity / 1024, weir_backend());
}

static void leave(void *state)
{
	struct rings *r = state;

	weir_ring_close(r->ring[0]);
	weir_ring_close(r->ring[1]);
	free(r);
}

static void join(struct bench_run *run)
{
	struct rings *r = run->state;
	int rc;

	rc = weir_ring_tx(r->ring[run->side], &r->tx);
	if (rc)
		bench_fail_run(run, "weir_ring_tx: %s", weir_strerror(rc));
	rc = weir_ring_rx(r->ring[!run->side], &r->rx);
	if (rc)
		bench_fail_run(run, "weir_ring_rx: %s", weir_strerror(rc));
}

static void join_fence(struct bench_run *run)
{
	struct rings *r = run->state;

	join(run);
	/* Allowed at any time: a fence too many. */
	r->tx->fence = UINT32_MAX;
	r->rx->fence = UINT32_MAX;
}

static uint64_t parks(struct bench_run *run)
{
	struct rings *r = run->state;

	/* relaxed: this process wrote them */
	return weir_load_relaxed64(&r->tx->mine->counters[WEIR_COUNT_PARKS]) +
	       weir_load_relaxed64(&r->rx->mine->counters[WEIR_COUNT_PARKS]);
}

__attribute__((noreturn, cold, noinline)) static void
failed(struct bench_run *run, const char *call, ssize_t rc)
{
	if (rc >= 0)
		bench_fail_run(run, "%s: a message of %zd bytes", call, rc);
	bench_fail_run(run, "%s: %s", call, weir_strerror((int)rc));
}

BENCH_INLINE void send_busy(struct bench_run *run, const void *data,
			    size_t size)
{
	struct weir_tx *tx = ((struct rings *)run->state)->tx;
	unsigned looks = 0;
	int rc;

	while (WEIR_UNLIKELY((rc = weir_tx_try_write(tx, data, size)))) {
		if (rc != -EAGAIN)
			failed(run, "weir_tx_try_write", rc);
		bench_relax(&looks);
	}
}

BENCH_INLINE void recv_busy(struct bench_run *run, void *data, size_t size)
{
	struct weir_rx *rx = ((struct rings *)run->state)->rx;
	unsigned looks = 0;
	ssize_t n;

	while (WEIR_UNLIKELY((n = weir_rx_try_read(rx, data, size)) !=
			     (ssize_t)size)) {
		if (n != -EAGAIN)
			failed(run, "weir_rx_try_read", n);
		bench_relax(&looks);
	}
}

BENCH_INLINE void send_blocking(struct bench_run *run, const void *data,
				size_t size)
{
	struct weir_tx *tx = ((struct rings *)run->state)->tx;
	int rc = weir_tx_write(tx, data, size, WEIR_FOREVER);

	if (WEIR_UNLIKELY(rc))
		failed(run, "weir_tx_write", rc);
}

BENCH_INLINE void recv_blocking(struct bench_run *run, void *data, size_t size)
{
	struct weir_rx *rx = ((struct rings *)run->state)->rx;
	ssize_t n = weir_rx_read(rx, data, size, WEIR_FOREVER);

	if (WEIR_UNLIKELY(n != (ssize_t)size))
		failed(run, "weir_rx_read", n);
}

BENCH_TRIPS(busy, send_busy, recv_busy)
BENCH_FLOW(busy, send_busy, recv_busy)
BENCH_TRIPS(blocking, send_blocking, recv_blocking)
BENCH_FLOW(blocking, send_blocking, recv_blocking)

const struct bench_contestant bench_weir = {
	.name = "weir",
	.what = "two rings of the default options; write and read",
	.plays = {
		[BENCH_BUSY] = {{ BENCH_TRIPS_OF(busy), BENCH_FLOW_OF(busy) }},
		[BENCH_BLOCKING] = {{ BENCH_TRIPS_OF(blocking),
				      BENCH_FLOW_OF(blocking) }},
	},
	.setup = setup,
	.join = join,
	.leave = leave,
	.parks = parks,
	.note = note,
};

const struct bench_contestant bench_weir_park = {
	.name = "weir-park",
	.what = "the same, with spin_us -1: sleeps without spinning",
	.plays = {
		[BENCH_BLOCKING] = {{ BENCH_TRIPS_OF(blocking) }},
	},
	.setup = setup_park,
	.join = join,
	.leave = leave,
	.parks = parks,
};

const struct bench_contestant bench_weir_fence = {
	.name = "weir-fence",
	.what = "the same as weir, with a fence for each message",
	.optional = true,
	.plays = {
		[BENCH_BUSY] = {{ BENCH_TRIPS_OF(busy), BENCH_FLOW_OF(busy) }},
	},
	.setup = setup,
	.join = join_fence,
	.leave = leave,
	.parks = parks,
};
