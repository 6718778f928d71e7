/* SPDX-License-Identifier: MIT */
/*
 * Symptom: the successor of a producer that had died behind the header of a
 * run, but before its position, wrote over messages that were not read, or was
 * refused with -EPROTO.
 * Cause: it looked for the end from the consumer's position on, if that was the
 * larger, and this one may stand in the middle of a run, where there are no
 * headers.
 */
#include "../xproc/x.h"

#include <sys/mman.h>

#define SIZE (WEIR_DATA_OFFSET + 4096)
#define N 8

static int run(struct weir_ring *ring, struct weir_half *half)
{
	static const uint64_t words[N]; /* a message of zeros is no header */
	struct weir_buf v[N];
	struct weir_tx *tx;
	struct weir_rx *rx;
	uint64_t word, was;
	int i, r;

	if (weir_ring_tx(ring, &tx) || weir_ring_rx(ring, &rx))
		return 99;
	/* relaxed: one thread */
	was = weir_load_relaxed64(&half->position);
	memset(v, 0, sizeof(v));
	for (i = 0; i < N; i++) {
		v[i].data = (void *)(uintptr_t)&words[i];
		v[i].len = 8;
	}
	if (weir_tx_write_batch(tx, v, N, WEIR_NOWAIT) != N)
		return 99;
	/* relaxed: one thread. What death before this store leaves */
	weir_store_relaxed64(&half->position, was);
	for (i = 0; i < 3; i++)
		if (weir_rx_try_read(rx, &word, 8) != 8)
			return 99;
	weir_tx_close(tx);
	r = weir_ring_tx(ring, &tx);
	if (r) {
		fprintf(stderr, "claim: %d\n", r);
		return 1;
	}
	word = ~(uint64_t)0;
	if (weir_tx_try_write(tx, &word, 8))
		return 99;
	for (i = 3; i <= N; i++) {
		if (weir_rx_try_read(rx, &word, 8) != 8 ||
		    word != (i < N ? 0 : ~(uint64_t)0)) {
			fprintf(stderr, "message %d is %llx\n", i,
				(unsigned long long)word);
			return 1;
		}
	}
	return 0;
}

int main(void)
{
	struct weir_ring_options options;
	struct weir_ring *ring;
	unsigned char *base;
	int r;

	memset(&options, 0, sizeof(options));
	options.size = sizeof(options);
	options.capacity = 4096;
	if (weir_ring_create(&ring, &options))
		return x_refused() ? 77 : 99;
	base = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
		    weir_ring_handle(ring), 0);
	if (base == MAP_FAILED)
		return 99;
	r = run(ring, (struct weir_half *)(void *)(base +
						   WEIR_PRODUCER_OFFSET));
	munmap(base, SIZE);
	weir_ring_close(ring);
	return r;
}
