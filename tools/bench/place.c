/* SPDX-License-Identifier: MIT */
/*
 * weir without copies: the sender makes the payload in the ring, between
 * weir_tx_reserve(3) and weir_tx_commit(3), and the receiver uses it there,
 * between weir_rx_peek(3) and weir_rx_release(3). The row of weir beside it
 * does the same work with the calls that copy.
 */
#include "rings.h"

BENCH_INLINE unsigned char *grab(struct bench_run *run, size_t size)
{
	struct weir_tx *tx = rings_tx(run);
	unsigned looks = 0;
	void *data;
	int rc;

	while (WEIR_UNLIKELY((rc = weir_tx_reserve(tx, size, &data)))) {
		if (rc != -EAGAIN)
			rings_failed(run, "weir_tx_reserve", rc);
		bench_relax(&looks);
	}
	return data;
}

BENCH_INLINE void give(struct bench_run *run, size_t size)
{
	int rc = weir_tx_commit(rings_tx(run));

	(void)size;
	if (WEIR_UNLIKELY(rc < 0))
		rings_failed(run, "weir_tx_commit", rc);
}

BENCH_INLINE const unsigned char *look(struct bench_run *run, size_t size)
{
	struct weir_rx *rx = rings_rx(run);
	unsigned looks = 0;
	const void *data;
	size_t len;
	int rc;

	while (WEIR_UNLIKELY((rc = weir_rx_peek(rx, &data, &len)))) {
		if (rc != -EAGAIN)
			rings_failed(run, "weir_rx_peek", rc);
		bench_relax(&looks);
	}
	if (WEIR_UNLIKELY(len != size))
		rings_failed(run, "weir_rx_peek", (ssize_t)len);
	return data;
}

BENCH_INLINE void drop(struct bench_run *run, size_t size)
{
	int rc = weir_rx_release(rings_rx(run));

	(void)size;
	if (WEIR_UNLIKELY(rc < 0))
		rings_failed(run, "weir_rx_release", rc);
}

BENCH_WORK(place, grab, give, look, drop)

const struct bench_contestant bench_weir_place = {
	.name = "weir-place",
	.what = "the same as weir, without copies: reserve and peek",
	.kinds = BENCH_IN_PROCESSES | BENCH_IN_THREADS,
	.plays = {
		[BENCH_BUSY] = {{ BENCH_WORK_OF(place) }},
	},
	.setup = rings_setup,
	.join = rings_join,
	.leave = rings_leave,
	.parks = rings_parks,
};
