/* SPDX-License-Identifier: MIT */
/*
 * A pair of weir-bench scale: up to 64 rings lead from A to B. One carries
 * messages of 8 bytes, as fast as they go, and the others are idle; or each
 * carries one message in its turn. B looks for them by itself or in a set.
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
/* Before its first slice each ring in use is gone round once, with messages of
   this size at most, all of them for so long at most. Arbitrary: 1 GiB takes
   half a second. */
#define ROUND_BYTES 4096
#define ROUND_NS 2e9
/* Messages that a visit to a ring takes, as a loop that serves many does. */
#define VISIT 32
/* Messages between two looks at the clock; some 10 us. */
#define CHUNK 1024
/* What one takes in a ring. */
#define RECORD (WEIR_RECORD_HEADER + 8)

const char *const scale_looks[] = {
	"the one in use", "all", "a set", "all, in use"
};
const char *const scale_words[] = { "active", "all", "set", "busy" };

struct rings {
	unsigned n;
	uint64_t capacity;
	struct scale_shared *shared;
	struct weir_ring *ring[SCALE_RINGS_MAX];
	struct weir_tx *tx[SCALE_RINGS_MAX];	/* in A */
	struct weir_rx *rx[SCALE_RINGS_MAX];	/* in B */
	unsigned round;		/* the first so many were gone round */
	uint64_t passed[SCALE_RINGS_MAX];	/* in B: bytes, so far */
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
	r->capacity = ask->capacity;
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

static unsigned in_use(const struct rings *r)
{
	return r->shared->looks == SCALE_BUSY ? r->n : 1;
}

/* Who comes to a page for the first time waits for the system: not in what is
   measured. A message of 8 bytes says that the round is over. */
static void send_round(struct bench_run *run, struct rings *r)
{
	uint64_t end = bench_ticks() + bench_ticks_of(ROUND_NS), sent;
	size_t size = r->capacity / 8 < ROUND_BYTES ? r->capacity / 8 :
						      ROUND_BYTES;
	struct weir_tx *tx;
	int rc;

	for (; r->round < in_use(r); r->round++) {
		tx = r->tx[r->round];
		rc = 0;
		for (sent = 0; sent < r->capacity && bench_ticks() < end && !rc;
		     sent += size)
			rc = weir_tx_write(tx, run->out, size, WEIR_FOREVER);
		if (!rc)
			rc = weir_tx_write(tx, &sent, 8, WEIR_FOREVER);
		if (rc)
			bench_fail_run(run, "weir_tx_write: %s",
				       weir_strerror(rc));
	}
}

static void receive_round(struct bench_run *run, struct rings *r)
{
	struct weir_rx *rx;
	ssize_t n;

	for (; r->round < in_use(r); r->round++) {
		rx = r->rx[r->round];
		do {
			n = weir_rx_read(rx, run->in, BENCH_SIZE_MAX,
					 WEIR_FOREVER);
			if (n < 0)
				bench_fail_run(run, "weir_rx_read: %s",
					       weir_strerror((int)n));
			r->passed[r->round] += (uint64_t)n;
		} while (n != 8);
	}
}

/* Until B says stop; one message to each of so many rings in turn. */
BENCH_INLINE void send_to(struct bench_run *run, struct rings *r,
			  unsigned rings)
{
	uint64_t number = run->order.first;
	unsigned i = 0, looks = 0;
	bool last = false;
	int rc;

	while (!last) {
		/* relaxed: nothing else depends on it */
		last = number % CHUNK == 0 &&
		       weir_load_relaxed32(&run->shared->stop.word);
		number++;
		if (last)
			number |= BENCH_LAST;
		while ((rc = weir_tx_try_write(r->tx[i], &number, 8)) ==
		       -EAGAIN)
			bench_relax(&looks);
		if (rc)
			bench_fail_run(run, "weir_tx_try_write: %s",
				       weir_strerror(rc));
		i = i + 1 < rings ? i + 1 : 0;
	}
}

static void send_all(struct bench_run *run)
{
	struct rings *r = run->state;
	struct bench_sleep before = { 0, 0, 0 };

	send_round(run, r);
	bench_count_sleep(&before);
	if (in_use(r) == 1)
		send_to(run, r, 1);
	else
		send_to(run, r, r->n);
	count(&r->shared->sleep[BENCH_A], &before);
}

/* Where B is in its rings. */
struct visit {
	unsigned at;		/* the ring that it looks at */
	unsigned taken;		/* of it, in this visit */
	struct weir_set *set;
};

/* The other side has nothing there, or a visit is over. */
BENCH_INLINE void next_visit(struct bench_run *run, struct rings *r,
			     unsigned how, struct visit *v, unsigned *looks)
{
	struct weir_event event;
	int n;

	v->taken = 0;
	if (how == SCALE_SET) {
		n = weir_set_wait(v->set, &event, 1, WEIR_FOREVER);
		if (n != 1 || event.what != WEIR_EVENT_READ || event.error)
			bench_fail_run(run, "weir_set_wait: %s",
				       weir_strerror(n < 0 ? n : event.error));
		v->at = (unsigned)((struct weir_rx **)event.user - r->rx);
		return;
	}
	if (how == SCALE_ALL)
		v->at = v->at + 1 < r->n ? v->at + 1 : 0;
	if (!v->at)
		bench_relax(looks);
}

/* One message: of the ring in use, where it is known or after a look at all the
   others; or of the ring whose turn it is. */
BENCH_INLINE uint64_t receive(struct bench_run *run, struct rings *r,
			      unsigned how, struct visit *v)
{
	uint64_t number = 0;
	unsigned looks = 0;
	ssize_t n;

	if ((how == SCALE_ALL && r->n > 1 && v->taken == VISIT) ||
	    (how == SCALE_SET && v->taken == VISIT))
		next_visit(run, r, how, v, &looks);
	for (;;) {
		n = weir_rx_try_read(r->rx[v->at], &number, 8);
		if (n == 8)
			break;
		if (n != -EAGAIN)
			bench_fail_run(run, "ring %u: %zd", v->at, n);
		if (how == SCALE_BUSY)
			bench_relax(&looks);
		else
			next_visit(run, r, how, v, &looks);
	}
	if (how == SCALE_BUSY)
		v->at = v->at + 1 < r->n ? v->at + 1 : 0;
	else if (WEIR_UNLIKELY(v->at))
		bench_fail_run(run, "a message in ring %u", v->at);
	v->taken++;
	return number;
}

BENCH_INLINE void receive_by(struct bench_run *run, struct rings *r,
			     unsigned how, struct visit *v)
{
	struct scale_shared *shared = r->shared;
	uint64_t first = run->order.first, expected = first, number;
	uint64_t now = bench_ticks(), start = 0, end = 0, counted = 0;
	uint64_t begin = now + bench_ticks_of(WARM_NS);
	unsigned i;

	for (;;) {
		number = receive(run, r, how, v);
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
			shared->messages = expected - counted;
			shared->ticks = end - start;
			/* relaxed: nothing else depends on it */
			weir_store_relaxed32(&run->shared->stop.word, 1);
		}
	}
	for (i = 0; i < in_use(r); i++)
		r->passed[i] += (expected - first) / in_use(r) * RECORD;
}

/* An end is in it while it is used: to one in a set the writer may ring. */
static struct weir_set *set_of(struct bench_run *run, struct rings *r)
{
	struct weir_set *set;
	unsigned i;
	int rc = weir_set_create(&set, NULL);

	for (i = 0; i < r->n && !rc; i++)
		rc = weir_set_add_rx(set, r->rx[i], &r->rx[i]);
	if (rc)
		bench_fail_run(run, "a set of %u rings: %s", r->n,
			       weir_strerror(rc));
	return set;
}

static void close_set(struct rings *r, struct weir_set *set)
{
	unsigned i;

	for (i = 0; i < r->n; i++)
		weir_set_remove_rx(set, r->rx[i]);
	weir_set_close(set);
}

static void receive_all(struct bench_run *run)
{
	struct rings *r = run->state;
	struct bench_sleep before = { 0, 0, 0 };
	struct visit v = { 0, 0, NULL };
	unsigned i;

	receive_round(run, r);
	r->shared->first_touch = false;
	for (i = 0; i < in_use(r); i++)
		r->shared->first_touch |= r->passed[i] < r->capacity;
	if (r->shared->looks == SCALE_SET)
		v.set = set_of(run, r);
	bench_count_sleep(&before);
	switch (r->shared->looks) {
	case SCALE_ACTIVE:
		receive_by(run, r, SCALE_ACTIVE, &v);
		break;
	case SCALE_ALL:
		receive_by(run, r, SCALE_ALL, &v);
		break;
	case SCALE_BUSY:
		receive_by(run, r, SCALE_BUSY, &v);
		break;
	default:
		receive_by(run, r, SCALE_SET, &v);
	}
	count(&r->shared->sleep[BENCH_B], &before);
	if (v.set)
		close_set(r, v.set);
}

static const struct bench_contestant contestant = {
	.name = "weir",
	.what = "rings of which one is in use, or all",
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
