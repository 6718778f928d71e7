/* SPDX-License-Identifier: MIT */
/*
 * Symptom: with a peer that writes into the semaphores of a plain ring of the
 * portable backend, a read did not come back at its deadline, and closing the
 * ring never ended.
 * Cause: a semaphore with a huge count lets every sleep end at once, and the
 * loop around it left the deadline to the sleep; a semaphore whose count of
 * sleepers was set to zero does not rouse the watching thread, which close
 * then waited for.
 */
#include <limits.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weir.h>

#define MS ((int64_t)1000000)

/* What the sanitizers and a busy machine may take at most. */
#define LIMIT_SECONDS 30

static unsigned char *map(const struct weir_ring *ring)
{
	struct stat st;
	void *base;

	if (fstat(weir_ring_handle(ring), &st))
		return NULL;
	base = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE,
		    MAP_SHARED, weir_ring_handle(ring), 0);
	return base == MAP_FAILED ? NULL : base;
}

/* The reader's sleep, with a count that lasts for hours. */
static int read_ends(struct weir_rx *rx, struct weir_half *half)
{
	int64_t begin = weir_now();
	char text[8];
	ssize_t got;

	if (sem_init((sem_t *)(void *)half->semaphores[0], 1, SEM_VALUE_MAX))
		return 99;
	got = weir_rx_read(rx, text, sizeof(text), begin + 20 * MS);
	if (got != -ETIMEDOUT) {
		fprintf(stderr, "read: %zd\n", got);
		return 1;
	}
	if (weir_now() - begin > 5000 * MS) {
		fprintf(stderr, "read: long after its deadline\n");
		return 1;
	}
	return 0;
}

/* The watcher's sleep: made anew under it, nobody seems to sleep there. */
static int close_ends(struct weir_ring *ring, struct weir_half *half)
{
	struct weir_a64 *word = (struct weir_a64 *)(void *)half->semaphores[1];
	int64_t until = weir_after(5000 * MS);

	/* relaxed: only whether it changes. In glibc's semaphores of 64-bit
	   machines the sleepers are counted there. */
	while (!weir_load_relaxed64(word) && weir_now() < until)
		sched_yield();
	/* relaxed: a lie is in no order with anything */
	weir_store_relaxed64(word, 0);
	weir_ring_close(ring);
	return 0;
}

int main(void)
{
	struct weir_ring_options options = { sizeof(options), 4096, NULL, 0,
					     -1 };
	struct weir_header *header;
	struct weir_ring *ring;
	struct weir_half *half;
	struct weir_rx *rx;
	int status;

	setenv("WEIR_BACKEND", "portable", 1);
	unsetenv("WEIR_WAIT");
	if (weir_ring_create(&ring, &options)) {
		fprintf(stderr, "no plain rings on the portable backend\n");
		return 77;
	}
	if (weir_ring_rx(ring, &rx))
		return 99;
	header = (struct weir_header *)(void *)map(ring);
	if (!header || header->way != WEIR_WAY_SEMAPHORE)
		return 99;
	half = (struct weir_half *)(void *)
	       ((unsigned char *)header + header->consumer);
	/* its signal ends the test as failed */
	alarm(LIMIT_SECONDS);
	status = read_ends(rx, half);
	return status ? status : close_ends(ring, half);
}
