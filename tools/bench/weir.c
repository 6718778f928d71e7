/* SPDX-License-Identifier: MIT */
/*
 * weir by the calls that copy, rings of default options. Busy: the try calls
 * and another try. Blocking: weir_tx_write(3) and weir_rx_read(3). Batches:
 * weir_tx_write_batch(3) and weir_rx_read_batch(3) of 32.
 *
 * weir-park never spins before it sleeps, as the raw futex does not; weir-spin
 * is the waiting calls of rings that never sleep. weir-fence pays the fence on
 * every message that the feature bit BARRIER of a ring saves; on systems
 * without membarrier(2) it is the same as weir.
 */
#include "rings.h"

static void *setup_park(const struct bench_ask *ask)
{
	return rings_make(ask, -1, 0);
}

static void *setup_spin(const struct bench_ask *ask)
{
	return rings_make(ask, INT32_MAX, 0);
}

static void join_fence(struct bench_run *run)
{
	rings_join(run);
	/* Allowed at any time: a fence too many. */
	rings_tx(run)->fence = UINT32_MAX;
	rings_rx(run)->fence = UINT32_MAX;
}

BENCH_INLINE void send_blocking(struct bench_run *run, const void *data,
				size_t size)
{
	int rc = weir_tx_write(rings_tx(run), data, size, WEIR_FOREVER);

	if (WEIR_UNLIKELY(rc))
		rings_failed(run, "weir_tx_write", rc);
}

BENCH_INLINE void recv_blocking(struct bench_run *run, void *data, size_t size)
{
	ssize_t n = weir_rx_read(rings_rx(run), data, size, WEIR_FOREVER);

	if (WEIR_UNLIKELY(n != (ssize_t)size))
		rings_failed(run, "weir_rx_read", n);
}

/* The vectors were filled by rings_begin(). */
BENCH_INLINE void send_batch(struct bench_run *run, unsigned n,
			     int64_t deadline)
{
	struct ends *ends = run->mine;
	unsigned sent = 0, looks = 0;
	int rc;

	while (sent < n) {
		rc = weir_tx_write_batch(ends->tx, ends->out + sent, n - sent,
					 deadline);
		if (WEIR_LIKELY(rc > 0))
			sent += (unsigned)rc;
		else if (rc == -EAGAIN)
			bench_relax(&looks);
		else
			rings_failed(run, "weir_tx_write_batch", rc);
	}
}

BENCH_INLINE unsigned recv_batch(struct bench_run *run, size_t size,
				 unsigned n, int64_t deadline)
{
	struct ends *ends = run->mine;
	unsigned looks = 0, i;
	int rc;

	while (WEIR_UNLIKELY((rc = weir_rx_read_batch(ends->rx, ends->in, n,
						      deadline)) <= 0)) {
		if (rc != -EAGAIN)
			rings_failed(run, "weir_rx_read_batch", rc);
		bench_relax(&looks);
	}
	for (i = 0; i < (unsigned)rc; i++) {
		if (WEIR_UNLIKELY(ends->in[i].len != size))
			rings_failed(run, "weir_rx_read_batch",
				     (ssize_t)ends->in[i].len);
	}
	return (unsigned)rc;
}

BENCH_INLINE void send_many_busy(struct bench_run *run, const void *data,
				 size_t size, unsigned n)
{
	(void)data;
	(void)size;
	send_batch(run, n, WEIR_NOWAIT);
}

BENCH_INLINE unsigned recv_many_busy(struct bench_run *run, void *data,
				     size_t size, unsigned n)
{
	(void)data;
	return recv_batch(run, size, n, WEIR_NOWAIT);
}

BENCH_INLINE void send_many_blocking(struct bench_run *run, const void *data,
				     size_t size, unsigned n)
{
	(void)data;
	(void)size;
	send_batch(run, n, WEIR_FOREVER);
}

BENCH_INLINE unsigned recv_many_blocking(struct bench_run *run, void *data,
					 size_t size, unsigned n)
{
	(void)data;
	return recv_batch(run, size, n, WEIR_FOREVER);
}

BENCH_TRIPS(busy, rings_send, rings_recv)
BENCH_FLOW(busy, rings_send, rings_recv)
BENCH_BATCHES(busy, send_many_busy, recv_many_busy)
BENCH_WORK_BY_COPY(busy, rings_send, rings_recv)
BENCH_TRIPS(blocking, send_blocking, recv_blocking)
BENCH_FLOW(blocking, send_blocking, recv_blocking)
BENCH_BATCHES(blocking, send_many_blocking, recv_many_blocking)

const struct bench_contestant bench_weir = {
	.name = "weir",
	.what = "two rings of the default options; write and read",
	.plain = true,
	.kinds = BENCH_IN_PROCESSES | BENCH_IN_THREADS,
	.plays = {
		[BENCH_BUSY] = {{ BENCH_TRIPS_OF(busy), BENCH_FLOW_OF(busy),
				  BENCH_BATCHES_OF(busy),
				  BENCH_WORK_OF(busy) }},
		[BENCH_BLOCKING] = {{ BENCH_TRIPS_OF(blocking),
				      BENCH_FLOW_OF(blocking),
				      BENCH_BATCHES_OF(blocking) }},
	},
	.setup = rings_setup,
	.join = rings_join,
	.leave = rings_leave,
	.begin = rings_begin,
	.parks = rings_parks,
	.note = rings_note,
};

const struct bench_contestant bench_weir_park = {
	.name = "weir-park",
	.what = "the same, with spin_us -1: sleeps without spinning",
	.plain = true,
	.kinds = BENCH_IN_PROCESSES | BENCH_IN_THREADS,
	.plays = {
		[BENCH_BLOCKING] = {{ BENCH_TRIPS_OF(blocking) }},
	},
	.setup = setup_park,
	.join = rings_join,
	.leave = rings_leave,
	.parks = rings_parks,
};

const struct bench_contestant bench_weir_spin = {
	.name = "weir-spin",
	.what = "the waiting calls, with spin_us INT32_MAX: never sleeps",
	.kinds = BENCH_IN_PROCESSES | BENCH_IN_THREADS,
	.plays = {
		[BENCH_BUSY] = {{ BENCH_TRIPS_OF(blocking),
				  BENCH_FLOW_OF(blocking) }},
	},
	.setup = setup_spin,
	.join = rings_join,
	.leave = rings_leave,
	.parks = rings_parks,
};

const struct bench_contestant bench_weir_fence = {
	.name = "weir-fence",
	.what = "the same as weir, with a fence for each message",
	.plain = true,
	.optional = true,
	.kinds = BENCH_IN_PROCESSES | BENCH_IN_THREADS,
	.plays = {
		[BENCH_BUSY] = {{ BENCH_TRIPS_OF(busy), BENCH_FLOW_OF(busy) }},
	},
	.setup = rings_setup,
	.join = join_fence,
	.leave = rings_leave,
	.parks = rings_parks,
};
