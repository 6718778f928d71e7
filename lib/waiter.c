/* SPDX-License-Identifier: MIT */
/*
 * The event count: the one shared object with several writers. Two words, both
 * changed by atomic adds only: no lock, so a killed waiter leaves a count
 * behind, which costs a system call now and then and nothing else.
 *
 *     prepare  waiters + 1, fence, ticket = sequence    (then the caller looks)
 *     wait     sleep while sequence == ticket, then waiters - 1
 *     wake     fence, if waiters: sequence + 1, wake
 *
 * Either the waker's fence comes first, and the caller's look after prepare
 * sees what the waker had done; or the waiter's does, and the waker sees it
 * counted and changes the sequence that the kernel compares with the ticket.
 */
#include "internal.h"
#include "pause.h"

#define WAITER_MAGIC 0x5745495257544552ull /* "WEIRWTER" */
#define BLOCK_SIZE 4096
/* As for rings: a wake costs 10 to 25 us; arbitrary below that. */
#define SPIN_NS 10000

struct block {
	struct weir_a64 magic;
	uint64_t reserved0[15];
	struct weir_a32 sequence;
	struct weir_a32 waiters;
};

struct weir_waiter {
	struct block *block;
	weir_handle memory;
	int64_t spin_ns;
	int usual;		/* nobody asked for that bound */
	struct weir_spot spot;
	struct block private;
};

static int64_t spin_ns(int32_t spin_us)
{
	if (spin_us < 0)
		return 0;
	if (spin_us == INT32_MAX)
		return WEIR_FOREVER;
	return spin_us ? (int64_t)spin_us * 1000 : SPIN_NS;
}

static struct weir_waiter *waiter_new(int32_t spin_us, int shared)
{
	struct weir_waiter *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->memory = WEIR_HANDLE_NONE;
	w->block = &w->private;
	w->spin_ns = spin_ns(spin_us);
	w->usual = !spin_us;
	w->spot.way = shared ? WEIR_OS_SHARED : WEIR_OS_LOCAL;
	w->spot.word = &w->block->sequence;
	return w;
}

static int map(struct weir_waiter *w)
{
	uint64_t page;
	void *base;
	int r = weir_os()->memory_map(&base, w->memory, BLOCK_SIZE,
				      WEIR_MAP_PREFAULT, &page);

	if (r)
		return r;
	w->block = base;
	w->spot.word = &w->block->sequence;
	return 0;
}

static int make_shared(struct weir_waiter *w)
{
	int r = weir_os()->memory_create(&w->memory, BLOCK_SIZE, NULL);

	if (!r)
		r = map(w);
	if (r)
		return r;
	/* R6 pairs with A6 in weir_waiter_attach(): zeroes before the magic. */
	weir_store_release64(&w->block->magic, WAITER_MAGIC);
	r = weir_os()->memory_share(w->memory, NULL, 0);
	return r == -ENOSYS ? 0 : r;
}

int weir_waiter_create(struct weir_waiter **out,
		       const struct weir_waiter_options *options)
{
	struct weir_waiter_options o;
	struct weir_waiter *w;
	int r, shared;

	r = weir_options_copy(&o, sizeof(o), sizeof(o), options);
	if (!r && (o.flags & ~WEIR_WAITER_SHARED || o.spin_us < -1))
		r = -EINVAL;
	if (!r)
		r = weir_os_usable();
	shared = !!(o.flags & WEIR_WAITER_SHARED);
	if (!r && shared && !weir_os_ability()->shared)
		r = -ENOSYS;
	if (r)
		return r;
	w = waiter_new(o.spin_us, shared);
	if (!w)
		return -ENOMEM;
	if (shared)
		r = make_shared(w);
	if (r)
		weir_waiter_close(w);
	else
		*out = w;
	return r;
}

static int check(const struct weir_facts *facts)
{
	if (facts->size == BLOCK_SIZE && facts->allocated >= BLOCK_SIZE &&
	    !facts->huge && (facts->sealed || !weir_os_ability()->seal))
		return 0;
	weir_log(WEIR_LOG_ERROR, "refused: not a waiter's memory");
	return -EPROTO;
}

int weir_waiter_attach(struct weir_waiter **out, weir_handle handle)
{
	struct weir_facts facts;
	struct weir_waiter *w;
	int r;

	if (handle == WEIR_HANDLE_NONE)
		return -EINVAL;
	r = weir_os_usable();
	if (!r && !weir_os_ability()->shared)
		r = -ENOSYS;
	if (r)
		return r;
	w = waiter_new(0, 1);
	if (!w)
		return -ENOMEM;
	r = weir_os()->memory_open(&w->memory, NULL, handle, &facts, 0);
	if (!r)
		r = check(&facts);
	if (!r)
		r = map(w);
	/* A6 pairs with R6 in make_shared(). */
	if (!r && weir_load_acquire64(&w->block->magic) != WAITER_MAGIC)
		r = -EPROTO;
	if (r)
		weir_waiter_close(w);
	else
		*out = w;
	return r;
}

weir_handle weir_waiter_handle(const struct weir_waiter *w)
{
	return w->memory;
}

uint32_t weir_waiter_prepare(struct weir_waiter *w)
{
	/* X9 (alone): a count; F5 below orders it. */
	weir_add_acq_rel32(&w->block->waiters, 1);
	/* F5 pairs with F4 in wake(): forbids that the waker misses the count
	   and the caller's look misses the waker's work. */
	weir_fence_seq_cst();
	/* A11 pairs with X10 in wake(): the work before the new sequence. */
	return weir_load_acquire32(&w->block->sequence);
}

void weir_waiter_cancel(struct weir_waiter *w)
{
	/* X9 as in weir_waiter_prepare(); late is harmless */
	weir_add_acq_rel32(&w->block->waiters, -1u);
}

static int called(const struct weir_waiter *w, uint32_t ticket)
{
	/* A11 pairs with X10 in wake(). */
	return weir_load_acquire32(&w->block->sequence) != ticket;
}

/* A bound that was asked for is kept: who asked knows where the threads run.
   Else it is this thread's CPUs that count, not its who made the waiter. */
static int spin(const struct weir_waiter *w, uint32_t ticket, int64_t deadline)
{
	int64_t stop, now = weir_now();

	if (!w->spin_ns || (w->usual && weir_os()->cpus() < 2))
		return 0;
	stop = w->spin_ns < deadline - now ? now + w->spin_ns : deadline;
	do {
		if (called(w, ticket))
			return 1;
		weir_pause();
	} while (weir_now() < stop);
	return 0;
}

int weir_waiter_wait(struct weir_waiter *w, uint32_t ticket, int64_t deadline)
{
	int r = 0;

	/* no system call takes it; it has passed */
	if (deadline < 0)
		deadline = 1;
	if (!called(w, ticket)) {
		if (deadline == WEIR_NOWAIT)
			r = -EAGAIN;
		else if (!spin(w, ticket, deadline))
			r = weir_os()->sleep(&w->spot, ticket, NULL, 0,
					     deadline);
	}
	weir_waiter_cancel(w);
	return r;
}

static int wake(struct weir_waiter *w, uint32_t most)
{
	uint32_t n;
	int r;

	/* F4 pairs with F5 in weir_waiter_prepare(): forbids that we miss the
	   count and the waiter misses what was done before this call. */
	weir_fence_seq_cst();
	/* relaxed: F4 orders it. Returning early loses no wake: who counts
	   itself after F4 looks after it, too. */
	n = weir_load_relaxed32(&w->block->waiters);
	if (!n)
		return 0;
	/* X10 pairs with A11 in weir_waiter_prepare(), called(). */
	weir_add_acq_rel32(&w->block->sequence, 1);
	r = weir_os()->wake(&w->spot, most > INT32_MAX ? INT32_MAX :
						     (int)most);
	if (r < 0)
		return r;
	n = n < most ? n : most;
	return n > INT32_MAX ? INT32_MAX : (int)n;
}

int weir_waiter_wake_one(struct weir_waiter *w)
{
	return wake(w, 1);
}

int weir_waiter_wake_all(struct weir_waiter *w)
{
	return wake(w, UINT32_MAX);
}

void weir_waiter_close(struct weir_waiter *w)
{
	if (!w)
		return;
	if (w->block != &w->private)
		weir_os()->memory_unmap(w->block, BLOCK_SIZE);
	if (w->memory != WEIR_HANDLE_NONE)
		weir_os()->handle_close(w->memory);
	free(w);
}
