/* SPDX-License-Identifier: MIT */
/*
 * Symptom: on 32-bit systems a message written or read near the end of the
 * address space went beyond the ring's data.
 * Cause: the place behind the record was compared as a pointer, which had
 * wrapped around, and the compiler takes for granted that pointers do not.
 */
#include "../xproc/x.h"

#include <sys/mman.h>

#define TOP ((uintptr_t)0xffff0000)
#define LONG 0x0fffffe0u

/* The ends' own words, but where they work is the last page. */
static int run(struct weir_tx *tx, struct weir_rx *rx, unsigned char *page)
{
	struct weir_tx t = *tx;
	struct weir_rx r = *rx;
	size_t size = (size_t)0x7fffffff;
	ssize_t got;

	t.at = page;
	t.limit = page + 4088;
	t.bias = t.pos - (uintptr_t)page;
	t.max = LONG;
	if (!weir_tx_try_write(&t, page, LONG)) {
		fprintf(stderr, "a message beyond the end was written\n");
		return 1;
	}
	r.at = page;
	r.limit = page + 4088;
	r.bias = r.pos - (uintptr_t)page;
	/* relaxed: one thread */
	weir_store_relaxed64((struct weir_a64 *)(void *)page,
			     (uint64_t)LONG << WEIR_LEN_SHIFT |
				     WEIR_KIND_RECORD);
	got = weir_rx_try_read(&r, page, size);
	if (got != -EAGAIN) {
		fprintf(stderr, "read beyond the end: %zd\n", got);
		return 1;
	}
	return 0;
}

int main(void)
{
	struct weir_ring *ring;
	unsigned char *page;
	struct weir_tx *tx;
	struct weir_rx *rx;
	int r;

	if (sizeof(void *) > 4) {
		fprintf(stderr, "SKIP: pointers of 64 bits do not wrap\n");
		return 77;
	}
	/* a hint: nothing that is there is replaced */
	page = mmap((void *)(TOP - 0x1000), 4096, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if ((uintptr_t)page + LONG > (uintptr_t)page) {
		fprintf(stderr, "SKIP: no memory at the end of the address "
				"space\n");
		return 77;
	}
	if (weir_ring_create(&ring, NULL))
		return x_refused() ? 77 : 99;
	if (weir_ring_tx(ring, &tx) || weir_ring_rx(ring, &rx))
		return 99;
	r = run(tx, rx, page);
	weir_ring_close(ring);
	return r;
}
