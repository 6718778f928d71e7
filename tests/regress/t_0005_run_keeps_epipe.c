/* SPDX-License-Identifier: MIT */
/*
 * Symptom: a producer that had been told -EPIPE, and whose next batch went to a
 * new consumer as a run, got -EPIPE again when the ring was full.
 * Cause: room for a run did not end the error, as other room does.
 */
#include "../xproc/x.h"

#define N 1000

static struct weir_buf v[N];

static int fill(struct weir_tx *tx)
{
	int r;

	do
		r = weir_tx_write_batch(tx, v, N, WEIR_NOWAIT);
	while (r > 0);
	return r;
}

static int run(struct weir_ring *ring)
{
	uint64_t word = 1;
	struct weir_tx *tx;
	struct weir_rx *rx;
	int i, r;

	for (i = 0; i < N; i++) {
		v[i].data = &word;
		v[i].len = 8;
	}
	if (weir_ring_tx(ring, &tx) || weir_ring_rx(ring, &rx))
		return 99;
	/* away from the start, so that runs fit without padding */
	if (weir_tx_write_batch(tx, v, 10, WEIR_NOWAIT) != 10)
		return 99;
	for (i = 0; i < 10; i++)
		if (weir_rx_try_read(rx, &word, 8) != 8)
			return 99;
	if (fill(tx) != -EAGAIN)
		return 99;
	weir_rx_close(rx);
	if (fill(tx) != -EPIPE)
		return 99;
	if (weir_ring_rx(ring, &rx))
		return 99;
	for (i = 0; i < 100; i++)
		if (weir_rx_try_read(rx, &word, 8) != 8)
			return 99;
	r = fill(tx);
	if (r == -EAGAIN)
		return 0;
	fprintf(stderr, "full, with a consumer: %d\n", r);
	return 1;
}

int main(void)
{
	struct weir_ring_options options;
	struct weir_ring *ring;
	int r;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	options.capacity = 4096;
	if (weir_ring_create(&ring, &options))
		return x_refused() ? 77 : 99;
	r = run(ring);
	weir_ring_close(ring);
	return r;
}
