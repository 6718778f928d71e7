/* SPDX-License-Identifier: MIT */
/*
 * Plain rings: one block of memory that both sides map writable; making,
 * opening and checking it, and claiming its ends. weir_ring(7).
 */
#include <string.h>

#include "internal.h"

#define CAPACITY_USUAL ((uint64_t)2 << 20)
#define FLAGS_KNOWN                                                           \
	(WEIR_RING_PRIVATE | WEIR_RING_HUGE_PAGES | WEIR_RING_NO_PREFAULT |   \
	 WEIR_RING_NO_METRICS)

struct weir_ring {
	struct weir_geometry geometry;
	unsigned char *base;
	weir_handle memory;
	uint64_t page_size;
	uint32_t flags;
	int32_t spin_us;
	struct weir_lock lock;	/* of ends */
	struct weir_end *ends[2]; /* [0] producer, [1] consumer */
	struct weir_door doors[2]; /* private: of either end */
};

static int ring_new(struct weir_ring **out)
{
	struct weir_ring *ring = calloc(1, sizeof(*ring));

	if (!ring)
		return -ENOMEM;
	ring->memory = WEIR_HANDLE_NONE;
	*out = ring;
	return 0;
}

static int ring_map(struct weir_ring *ring, uint64_t size)
{
	uint32_t how = 0;
	void *base;
	int r;

	if (!(ring->flags & WEIR_RING_NO_PREFAULT))
		how |= WEIR_MAP_PREFAULT;
	if (ring->flags & WEIR_RING_HUGE_PAGES)
		how |= WEIR_MAP_HUGE;
	r = weir_os()->memory_map(&base, ring->memory, size, how,
				  &ring->page_size);
	if (r)
		return r;
	ring->base = base;
	ring->geometry.size = size;
	return 0;
}

static void ring_free(struct weir_ring *ring)
{
	if (ring->base)
		weir_os()->memory_unmap(ring->base, ring->geometry.size);
	if (ring->memory != WEIR_HANDLE_NONE)
		weir_os()->handle_close(ring->memory);
	free(ring);
}

/* How the two sides of a new ring will sleep. */
static int choose_way(struct weir_header_wish *wish, int private)
{
	const struct weir_ability *can = weir_os_ability();

	wish->way = private ? WEIR_WAY_NONE : WEIR_WAY_FUTEX;
	if (can->lock && !private)
		wish->features |= WEIR_FEATURE_LOCK;
	if (private || can->words) {
		if (can->barrier)
			wish->features |= WEIR_FEATURE_BARRIER;
		return 0;
	}
	/* Without the barrier, so that the portable backend can take part. */
	if (!can->semaphores)
		return -ENOSYS;
	wish->way = WEIR_WAY_SEMAPHORE;
	wish->way_abi = can->way_abi;
	return 0;
}

static struct weir_half *half(const struct weir_ring *ring, int producer)
{
	return (struct weir_half *)(void *)
		(ring->base + (producer ? ring->geometry.producer :
					  ring->geometry.consumer));
}

static int init_semaphores(const struct weir_ring *ring)
{
	struct weir_spot spot = { .way = WEIR_OS_SEMAPHORE };
	int side, i, r;

	for (side = 0; side < 2; side++)
		for (i = 0; i < 2; i++) {
			spot.semaphore = half(ring, side)->semaphores[i];
			r = weir_os()->spot_init(&spot);
			if (r)
				return r;
		}
	return 0;
}

/* The memory is there, zeroed: fill it, then let others see it. */
static int ring_fill(struct weir_ring *ring, struct weir_header_wish *wish)
{
	uint64_t size = weir_layout_size(wish->capacity);
	int r;

	r = ring_map(ring, size);
	if (r)
		return r;
	ring->geometry.producer = WEIR_PRODUCER_OFFSET;
	ring->geometry.consumer = WEIR_CONSUMER_OFFSET;
	if (wish->way == WEIR_WAY_SEMAPHORE) {
		r = init_semaphores(ring);
		if (r)
			return r;
	}
	weir_layout_write(ring->base, size, wish);
	return weir_layout_check(&ring->geometry, ring->base, size);
}

static int ring_share(struct weir_ring *ring, const char *name)
{
	int r;

	r = weir_os()->memory_share(ring->memory, name, 0);
	return r == -ENOSYS && !name ? 0 : r;
}

static int check_options(const struct weir_ring_options *o)
{
	if (o->flags & ~FLAGS_KNOWN)
		return -EINVAL;
	if (o->spin_us < -1)
		return -EINVAL;
	if (!o->name)
		return 0;
	if (o->flags & WEIR_RING_PRIVATE)
		return -EINVAL;
	return weir_name_check(o->name);
}

int weir_ring_create(struct weir_ring **out,
		     const struct weir_ring_options *options)
{
	struct weir_header_wish wish = { 0 };
	struct weir_ring_options o;
	struct weir_ring *ring;
	int private, r;

	r = weir_options_copy(&o, sizeof(o), sizeof(o), options);
	if (!r)
		r = check_options(&o);
	if (!r)
		r = weir_layout_capacity(&wish.capacity, o.capacity,
					 CAPACITY_USUAL);
	private = !!(o.flags & WEIR_RING_PRIVATE);
	if (!r)
		r = weir_os_usable();
	if (!r)
		r = choose_way(&wish, private);
	if (!r)
		r = ring_new(&ring);
	if (r)
		return r;
	wish.name = o.name;
	if (o.flags & WEIR_RING_NO_METRICS)
		wish.hints |= WEIR_HINT_NO_METRICS;
	ring->flags = o.flags;
	ring->spin_us = o.spin_us;
	if (!private)
		r = weir_os()->memory_create(&ring->memory,
					     weir_layout_size(wish.capacity),
					     o.name);
	if (!r)
		r = ring_fill(ring, &wish);
	if (!r && !private)
		r = ring_share(ring, o.name);
	if (r) {
		ring_free(ring);
		return r;
	}
	*out = ring;
	return 0;
}

/*
 * What must be true before strange memory is mapped. A named ring cannot be
 * sealed; it trusts every process of its user.
 */
static int check_facts(const struct weir_facts *facts)
{
	const char *why = NULL;

	if (facts->size < WEIR_DATA_OFFSET)
		why = "too small to be a ring";
	else if (facts->allocated < facts->size)
		why = "it has holes, which the reader would have to pay";
	else if (facts->huge)
		why = "it lies in huge pages, which was not agreed";
	else if (!facts->sealed && !facts->named && weir_os_ability()->seal)
		why = "it is not sealed and could be cut off";
	if (!why)
		return 0;
	weir_log(WEIR_LOG_ERROR, "refused: %s", why);
	return -EPROTO;
}

static int ring_adopt(struct weir_ring *ring, const struct weir_facts *facts)
{
	int r;

	r = check_facts(facts);
	if (!r)
		r = ring_map(ring, facts->size);
	if (!r)
		r = weir_layout_check(&ring->geometry, ring->base,
				      facts->size);
	if (r)
		return r;
	if (ring->geometry.way == WEIR_WAY_NONE ||
	    (ring->geometry.features & WEIR_FEATURE_CONNECTION)) {
		weir_log(WEIR_LOG_ERROR, "refused: not a plain ring's memory");
		return -EPROTO;
	}
	if (ring->geometry.hints & WEIR_HINT_NO_METRICS)
		ring->flags |= WEIR_RING_NO_METRICS;
	return 0;
}

static int ring_take(struct weir_ring **out, const char *name,
		     weir_handle given)
{
	struct weir_facts facts;
	struct weir_ring *ring;
	int r;

	r = weir_os_usable();
	if (!r)
		r = ring_new(&ring);
	if (r)
		return r;
	r = weir_os()->memory_open(&ring->memory, name, given, &facts, 0);
	if (!r)
		r = ring_adopt(ring, &facts);
	if (r) {
		ring_free(ring);
		return r;
	}
	*out = ring;
	return 0;
}

int weir_ring_open(struct weir_ring **ring, const char *name)
{
	int r = weir_name_check(name);

	return r ? r : ring_take(ring, name, WEIR_HANDLE_NONE);
}

int weir_ring_attach(struct weir_ring **ring, weir_handle handle)
{
	if (handle == WEIR_HANDLE_NONE)
		return -EINVAL;
	return ring_take(ring, NULL, handle);
}

weir_handle weir_ring_handle(const struct weir_ring *ring)
{
	return ring->memory;
}

int weir_ring_unlink(const char *name)
{
	int r = weir_name_check(name);

	return r ? r : weir_os()->memory_share(WEIR_HANDLE_NONE, name, 0);
}

/* Where no lock of the kernel is to be had: once, by the state word. */
static int claim_word(struct weir_half *mine)
{
	/* X7 pairs with itself in the other claimant: one of them is first. */
	if (weir_cas_acq_rel32(&mine->state, WEIR_STATE_NEVER,
			       WEIR_STATE_HELD))
		return 0;
	/* A5 pairs with R5 in weir_end_close(). */
	return weir_load_acquire32(&mine->state) == WEIR_STATE_CLOSED ?
		       -ENOSYS : -EBUSY;
}

static int claim(struct weir_ring *ring, weir_handle *lock, int producer)
{
	if (ring->flags & WEIR_RING_PRIVATE)
		return 0;
	if (ring->geometry.features & WEIR_FEATURE_LOCK)
		return weir_os()->claim(lock, ring->memory, !producer);
	return claim_word(half(ring, producer));
}

/* Of an end that has not begun. */
static void unclaim(struct weir_ring *ring, weir_handle *lock, int producer)
{
	if (ring->flags & WEIR_RING_PRIVATE)
		return;
	if (ring->geometry.features & WEIR_FEATURE_LOCK)
		weir_os()->claim(lock, WEIR_HANDLE_NONE, !producer);
	else
		/* R5 pairs with A5 in claim_word(); nothing else. */
		weir_store_release32(&half(ring, producer)->state,
				     WEIR_STATE_NEVER);
}

static void set_spots(struct weir_ring *ring, struct weir_end *end)
{
	struct weir_half *mine = end->mine;
	struct weir_half *peer = half(ring, !end->producer);
	enum weir_os_way way = WEIR_OS_WORDS;

	if (ring->flags & WEIR_RING_PRIVATE)
		way = WEIR_OS_LOCAL;
	else if (ring->geometry.way == WEIR_WAY_SEMAPHORE)
		way = WEIR_OS_SEMAPHORE;
	end->one_word = way == WEIR_OS_LOCAL;
	if (end->one_word) {
		end->door = &ring->doors[!end->producer];
		end->peer_door = &ring->doors[!!end->producer];
	}
	end->sleep.way = way;
	end->wake.way = way;
	end->poke.way = end->one_word ? WEIR_OS_LOCAL : WEIR_OS_OWN;
	switch (way) {
	case WEIR_OS_SEMAPHORE:
		end->sleep.semaphore = mine->semaphores[0];
		end->wake.semaphore = peer->semaphores[0];
		end->poke = end->sleep;
		break;
	default:
		end->sleep.word = &peer->doorbell;
		end->wake.word = &mine->doorbell;
		end->poke.word = end->one_word ? &peer->doorbell : &end->own;
	}
}

static void peer_gone(struct weir_watch *watch, uint32_t claims)
{
	struct weir_end *end = (struct weir_end *)(void *)
		((unsigned char *)watch - offsetof(struct weir_end, watch));

	weir_end_gone(end, claims);
}

/* Tells the other side's watcher that there is somebody to watch. */
static void announce(struct weir_ring *ring, struct weir_end *end)
{
	struct weir_spot spot = {
		.way = end->sleep.way,
		.word = &end->mine->claims,
		.semaphore = half(ring, !end->producer)->semaphores[1],
	};

	weir_os()->wake(&spot, INT32_MAX);
}

static int watch_peer(struct weir_ring *ring, struct weir_end *end)
{
	int r;

	end->watch = (struct weir_watch){
		.gone = peer_gone,
		.socket = WEIR_HANDLE_NONE,
		.process = WEIR_HANDLE_NONE,
		.memory = ring->memory,
		.end = !!end->producer,	/* the other one */
		.peer = end->peer,
		.spot = {
			.way = end->sleep.way,
			.word = &half(ring, !end->producer)->claims,
			.semaphore = end->mine->semaphores[1],
		},
	};
	r = weir_os()->watch(&end->watch);
	if (!r)
		end->watched = 1;
	return r;
}

/* Claimed, and known to the fork handler: a child that was forked in between
   would hold the claim, too, and hide the death of this process. */
static int claim_new(struct weir_ring *ring, const struct weir_end_place *place,
		     struct weir_end **end)
{
	weir_handle lock = WEIR_HANDLE_NONE;
	int r;

	weir_fork_hold();
	r = claim(ring, &lock, place->producer);
	if (!r) {
		r = weir_end_new(end, place);
		if (r)
			unclaim(ring, &lock, place->producer);
	}
	if (!r) {
		(*end)->lock = lock;
		(*end)->hidden[0] = &(*end)->lock;
		weir_fork_add_held(*end);
	}
	weir_fork_release();
	return r;
}

static int ring_end(struct weir_ring *ring, int producer,
		    struct weir_end **out)
{
	int private = !!(ring->flags & WEIR_RING_PRIVATE);
	struct weir_end_place place = {
		.producer = producer,
		.data = ring->base + ring->geometry.data,
		.capacity = ring->geometry.capacity,
		.mine = half(ring, producer),
		.peer = half(ring, !producer),
		.spin_us = ring->spin_us,
		.metrics = !(ring->flags & WEIR_RING_NO_METRICS),
	};
	struct weir_end *end;
	int r;

	if (ring->geometry.features & WEIR_FEATURE_BARRIER)
		place.barrier = private ? 1 : 2;
	r = claim_new(ring, &place, &end);
	if (r)
		return r;
	end->ring = ring;
	set_spots(ring, end);
	if (ring->geometry.features & WEIR_FEATURE_LOCK)
		r = watch_peer(ring, end);
	if (!r)
		r = weir_end_start(end);
	if (r) {
		if (end->watched)
			weir_os()->unwatch(&end->watch);
		weir_fork_remove(end);
		unclaim(ring, &end->lock, producer);
		weir_end_free(end);
		return r;
	}
	if (!private)
		announce(ring, end);
	*out = end;
	return 0;
}

static int claim_end(struct weir_ring *ring, int producer,
		     struct weir_end **end)
{
	struct weir_end **place = &ring->ends[!producer];
	int r;

	weir_lock_take(&ring->lock);
	r = *place ? -EBUSY : ring_end(ring, producer, place);
	if (!r)
		*end = *place;
	weir_lock_drop(&ring->lock);
	return r;
}

int weir_ring_tx(struct weir_ring *ring, struct weir_tx **tx)
{
	struct weir_end *end;
	int r = claim_end(ring, 1, &end);

	if (!r)
		*tx = &end->side.tx;
	return r;
}

int weir_ring_rx(struct weir_ring *ring, struct weir_rx **rx)
{
	struct weir_end *end;
	int r = claim_end(ring, 0, &end);

	if (!r)
		*rx = &end->side.rx;
	return r;
}

void weir_ring_forget(struct weir_ring *ring, struct weir_end *end)
{
	weir_lock_take(&ring->lock);
	ring->ends[!end->producer] = NULL;
	weir_end_close(end);
	weir_end_free(end);
	weir_lock_drop(&ring->lock);
}

int weir_ring_describe(const struct weir_ring *ring,
		       struct weir_ring_info *info)
{
	const struct weir_geometry *g = &ring->geometry;
	uint64_t read, written;

	/* relaxed: a moment's value, clamped */
	read = weir_load_relaxed64(&half(ring, 0)->position);
	/* relaxed: the same */
	written = weir_load_relaxed64(&half(ring, 1)->position);
	*info = (struct weir_ring_info){
		.id = g->id,
		.capacity = g->capacity,
		.max_message = weir_layout_max_message(g->capacity),
		.filled = written > read ? written - read : 0,
		.flags = ring->flags,
		.layout = WEIR_LAYOUT,
		.page_size = ring->page_size,
	};
	if (info->filled > g->capacity)
		info->filled = g->capacity;
	if (!(ring->flags & WEIR_RING_PRIVATE) &&
	    !(g->features & WEIR_FEATURE_LOCK))
		info->flags |= WEIR_RING_DEATHS_UNKNOWN;
	if (g->features & WEIR_FEATURE_BARRIER)
		info->flags |= WEIR_RING_BARRIER;
	memcpy(info->name, g->name, sizeof(info->name));
	return 0;
}

int weir_ring_info(const struct weir_ring *ring, struct weir_ring_info *info)
{
	return weir_ring_describe(ring, info);
}

void weir_ring_close(struct weir_ring *ring)
{
	int i;

	if (!ring)
		return;
	for (i = 0; i < 2; i++)
		if (ring->ends[i])
			weir_ring_forget(ring, ring->ends[i]);
	ring_free(ring);
}
