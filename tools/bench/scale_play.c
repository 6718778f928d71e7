/* SPDX-License-Identifier: MIT */
/*
 * A pair of weir-bench scale: up to 64 rings lead from A to B. One carries
 * messages of 8 bytes, as fast as they go; the others are idle.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "loops.h"
#include "scale.h"

/* What is discarded, and what counts. */
#define WARM_NS 1e6
#define LENGTH_NS 10e6
/* Messages that a visit to a ring takes, as a loop that serves many does. */
#define VISIT 32
/* Messages between two looks at the clock; some 10 us. */
#define CHUNK 1024

const char *const scale_looks[] = { "the one in use", "all" };

struct rings {
	unsigned n;
	struct scale_shared *shared;
	struct weir_ring *ring[SCALE_RINGS_MAX];
	struct weir_tx *tx[SCALE_RINGS_MAX];	/* in A */
	struct weir_rx *rx[SCALE_RINGS_MAX];	/* in B */
};

static struct scale_pair *starting;

static void close_all(struct rings *r)
{
	unsigned i;

	for (i = 0; i < r->n; i++)
		weir_ring_close(r->ring[i]);
	free(r);
}

static void *setup(const struct bench_ask *ask)
{
	struct weir_ring_options options = {
		.size = sizeof(options),
		.capacity = ask->capacity,
	};
	struct rings *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		bench_fail("no memory");
	r->shared = starting->shared;
	for (; r->n < starting->rings; r->n++) {
		rc = weir_ring_create(&r->ring[r->n], &options);
		if (!rc)
			continue;
		fprintf(stderr, "weir-bench: %u rings of %llu KiB are left "
			"out: %s\n", starting->rings,
			(unsigned long long)ask->capacity / 1024,
			weir_strerror(rc));
		close_all(r);
		return NULL;
	}
	return r;
}

static void join(struct bench_run *run)
{
	struct rings *r = run->state;
	unsigned i;
	int rc;

	for (i = 0; i < r->n; i++) {
		rc = run->side == BENCH_A ?
			weir_ring_tx(r->ring[i], &r->tx[i]) :
			weir_ring_rx(r->ring[i], &r->rx[i]);
		if (rc)
			bench_fail_run(run, "claim: %s", weir_strerror(rc));
	}
}

static void leave(void *state)
{
	close_all(state);
}

static void count(struct bench_sleep *sleep, const struct bench_sleep *before)
{
	bench_count_sleep(sleep);
	sleep->waits -= before->waits;
	sleep->robbed -= before->robbed;
}

/* Until B says stop. */
static void send_all(struct bench_run *run)
{
	struct rings *r = run->state;
	struct weir_tx *tx = r->tx[0];
	struct bench_sleep before = { 0, 0, 0 };
	uint64_t number = run->order.first;
	unsigned looks = 0;
	bool last = false;
	int rc;

	bench_count_sleep(&before);
	while (!last) {
		/* relaxed: nothing else depends on it */
		last = number % CHUNK == 0 &&
		       weir_load_relaxed32(&run->shared->stop.word);
		number++;
		if (last)
			number |= BENCH_LAST;
		while ((rc = weir_tx_try_write(tx, &number, 8)) == -EAGAIN)
			bench_relax(&looks);
		if (rc)
			bench_fail_run(run, "weir_tx_try_write: %s",
				       weir_strerror(rc));
	}
	count(&r->shared->sleep[BENCH_A], &before);
}

/* One message. A visit to a ring takes so many; then all others are looked at
   before it is the turn of the ring in use again. */
BENCH_INLINE uint64_t receive(struct bench_run *run, struct rings *r,
			      unsigned looked, unsigned *taken)
{
	unsigned i = looked > 1 && *taken % VISIT == 0 ? 1 : 0, looks = 0;
	uint64_t number = 0;
	ssize_t n;

	++*taken;
	for (;; i = i + 1 < looked ? i + 1 : 0) {
		n = weir_rx_try_read(r->rx[i], &number, 8);
		if (n == 8 && !i)
			return number;
		if (n != -EAGAIN)
			bench_fail_run(run, "ring %u: %zd", i, n);
		if (!i)
			bench_relax(&looks);
	}
}

static void receive_all(struct bench_run *run)
{
	struct rings *r = run->state;
	unsigned looked = r->shared->looks == SCALE_ALL ? r->n : 1;
	uint64_t expected = run->order.first, number, counted = 0;
	uint64_t now = bench_ticks(), start = 0, end = 0;
	uint64_t begin = now + bench_ticks_of(WARM_NS);
	struct bench_sleep before = { 0, 0, 0 };
	unsigned taken = 0;

	bench_count_sleep(&before);
	for (;;) {
		number = receive(run, r, looked, &taken);
		if (WEIR_UNLIKELY((number & ~BENCH_LAST) != ++expected))
			bench_fail_run(run, "message %llu came for %llu",
				       (unsigned long long)number,
				       (unsigned long long)expected);
		if (number & BENCH_LAST)
			break;
		if (expected % CHUNK || end)
			continue;
		now = bench_ticks();
		if (!start && now >= begin) {
			start = now;
			counted = expected;
		} else if (start && now - start >= bench_ticks_of(LENGTH_NS)) {
			end = now;
			r->shared->messages = expected - counted;
			r->shared->ticks = end - start;
			/* relaxed: nothing else depends on it */
			weir_store_relaxed32(&run->shared->stop.word, 1);
		}
	}
	count(&r->shared->sleep[BENCH_B], &before);
}

static const struct bench_contestant contestant = {
	.name = "weir",
	.what = "rings of which one is in use",
	.kinds = BENCH_IN_PROCESSES,
	.plays = {
		[BENCH_BLOCKING] = {{
			[BENCH_THROUGHPUT] = { send_all, receive_all },
		}},
	},
	.setup = setup,
	.join = join,
	.leave = leave,
};

void scale_pair_start(struct scale_pair *pair)
{
	struct bench_ask ask = {
		.kind = BENCH_PROCESSES, .capacity = pair->capacity,
	};

	pair->shared = mmap(NULL, sizeof(*pair->shared),
			    PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (pair->shared == MAP_FAILED)
		bench_fail("mmap: %s", strerror(errno));
	starting = pair;
	pair->pair = bench_pair_start(&contestant, &ask);
}
