/* SPDX-License-Identifier: MIT */
/*
 * What both ends of a ring have in common: birth, news of the other side,
 * counters, death. The sleep is in park.c, the fast paths in weir/tx.h and
 * weir/rx.h, the slow ones in tx.c and rx.c.
 */
#include <string.h>

#include "internal.h"

static const struct weir_spot nowhere = {
	.way = WEIR_OS_LOCAL,
	.socket = WEIR_HANDLE_NONE,
	.bell = { WEIR_HANDLE_NONE, WEIR_HANDLE_NONE },
};

int weir_end_new(struct weir_end **out, const struct weir_end_place *place)
{
	struct weir_end *end = calloc(1, sizeof(*end));
	struct weir_a64 *counters;
	int i;

	if (!end)
		return -ENOMEM;
	counters = place->metrics ? place->mine->counters : end->unseen;
	end->producer = place->producer;
	end->capacity = place->capacity;
	end->mine = place->mine;
	end->peer = place->peer;
	end->barrier = place->barrier;
	end->spin_us = place->spin_us;
	end->metrics = place->metrics;
	end->sleep = end->wake = end->poke = end->byte = nowhere;
	end->byte.way = WEIR_OS_SOCKET;
	end->byte.say = !end->producer;
	end->byte.hear = !!end->producer;
	end->door = &end->own_door;
	end->lock = WEIR_HANDLE_NONE;
	end->asleep = WEIR_ASLEEP_WORD;
	if (end->producer) {
		end->side.tx = (struct weir_tx){
			.data = place->data,
			.mask = place->capacity - 1,
			.max = weir_layout_max_message(place->capacity),
			.mine = place->mine,
			.counters = counters,
			.peer_waiting = &place->peer->waiting,
			.fence = WEIR_FENCED_RUN,
			.end = end,
		};
	} else {
		end->side.rx = (struct weir_rx){
			.data = place->data,
			.mask = place->capacity - 1,
			.mine = place->mine,
			.counters = counters,
			.peer_waiting = &place->peer->waiting,
			.fence = WEIR_FENCED_RUN,
			.end = end,
		};
	}
	/* relaxed: this half is ours now, its last holder has gone */
	end->waiting = weir_load_relaxed32(&end->mine->waiting) &
		       ~WEIR_ASLEEP_MASK;
	for (i = 0; i < WEIR_COUNT_LAST; i++)
		/* relaxed: the same */
		end->counters[i] =
			weir_load_relaxed64(&end->mine->counters[i]);
	*out = end;
	return 0;
}

/*
 * The claim is held: find the position, say so, and ring once unasked, because
 * the predecessor may have died between publishing and ringing.
 */
int weir_end_start(struct weir_end *end)
{
	struct weir_half *mine = end->mine;
	int r;

	r = end->producer ? weir_tx_start(end) : weir_rx_start(end);
	if (r)
		return r;
	/* relaxed: the predecessor may have died asleep; whoever reads the old
	   word rings in vain */
	weir_store_relaxed32(&mine->waiting, end->waiting);
	/* relaxed: R5 orders it; this side begins with fences */
	weir_store_relaxed32(&mine->unfenced, 0);
	/* R5 pairs with A5 in weir_end_departed(): the position before the
	   word that says the half is held. */
	weir_store_release32(&mine->state, WEIR_STATE_HELD);
	/* R13 pairs with A13 in wait_claim(): "held" before the count, which
	   is the word that a watcher sleeps on. relaxed load: only the holder
	   writes it. */
	weir_store_release32(&mine->claims,
			     weir_load_relaxed32(&mine->claims) + 1);
	/* F1 pairs with F2 in weir_end_announce(), as after a publication. */
	weir_fence_seq_cst();
	weir_end_ring_any(end);
	return 0;
}

void weir_end_count(struct weir_end *end, enum weir_counter which, uint64_t n)
{
	if (!end->metrics)
		return;
	end->counters[which] += n;
	/* relaxed: a counter, read by tools */
	weir_store_relaxed64(&end->mine->counters[which],
			     end->counters[which]);
}

/* The inlines find no limit that they keep, and call the library. */
void weir_end_disable(struct weir_end *end)
{
	if (end->producer) {
		end->side.tx.limit = NULL;
		return;
	}
	end->side.rx.limit = NULL;
	end->side.rx.empty = NULL;
}

int weir_end_break(struct weir_end *end, int error, const char *text)
{
	if (!end->broken) {
		end->broken = error;
		weir_end_disable(end);
		weir_end_count(end, WEIR_COUNT_ERRORS, 1);
		weir_log(WEIR_LOG_ERROR, "%s: %s",
			 end->producer ? "tx" : "rx", text);
	}
	return end->broken;
}

/*
 * Whether the other side has left: 0, -EPIPE or -EOWNERDEAD. Its last word may
 * have come just before, so the caller looks once more after this.
 *
 * First the news of the end, then the state: a side that closes says so before
 * it hangs up, and must not be taken for dead in between.
 */
int weir_end_departed(struct weir_end *end)
{
	uint32_t state, gone;

	/* A8 pairs with R8 in weir_end_gone(): which claim it was, and all that
	   the other side had written, for the kernel's news came after it. */
	gone = weir_load_acquire32(&end->news[WEIR_GONE]);
	/* A5 pairs with R5 in weir_end_start(), weir_end_close(): the last
	   publication before "closed". */
	state = weir_load_acquire32(&end->peer->state);
	if (state == WEIR_STATE_CLOSED)
		return -EPIPE;
	if (!gone)
		return 0;
	/* A connection ends once; it may hang up before it has begun. */
	if (end->stream)
		return -EOWNERDEAD;
	/* relaxed: A5 and A8 order them; a successor has another count */
	if (state == WEIR_STATE_HELD &&
	    weir_load_relaxed32(&end->gone_claims) ==
		    weir_load_relaxed32(&end->peer->claims))
		return -EOWNERDEAD;
	return 0;
}

/* Called by the keeper or a watcher. */
void weir_end_gone(struct weir_end *end, uint32_t claims)
{
	/* relaxed: R8 orders it */
	weir_store_relaxed32(&end->gone_claims, claims);
	/* R8 pairs with A8 in weir_end_departed(). */
	weir_store_release32(&end->news[WEIR_GONE], 1);
	weir_end_poke(end);
}

int weir_end_cancel(struct weir_end *end)
{
	/* relaxed: X5 in weir_end_poke() orders it before the wake, and a
	   thread that is not asleep may learn of it a moment later */
	weir_store_relaxed32(&end->news[WEIR_CANCELLED], 1);
	weir_end_poke(end);
	return 0;
}

/* Gives the claim back, in good order. Also for ends that never started. */
void weir_end_close(struct weir_end *end)
{
	if (end->broken != -EINVAL) {
		if (end->guest)
			end->guest->leave(end->guest);
		/* R5 pairs with A5 in weir_end_departed(): all that was
		   published before "closed". */
		weir_store_release32(&end->mine->state, WEIR_STATE_CLOSED);
		/* F1 pairs with F2 in weir_end_announce(), as after
		   publishing. */
		weir_fence_seq_cst();
		weir_end_ring_any(end);
		if (end->watched)
			weir_os()->unwatch(&end->watch);
		weir_fork_remove(end);
	}
	if (end->lock != WEIR_HANDLE_NONE)
		weir_os()->claim(&end->lock, WEIR_HANDLE_NONE, !end->producer);
}

void weir_end_free(struct weir_end *end)
{
	if (!end)
		return;
	weir_arm_free(end);
	free(end);
}

int weir_end_info(const struct weir_end *end, struct weir_ring_info *info)
{
	if (end->ring)
		return weir_ring_describe(end->ring, info);
	return weir_stream_describe(end->stream, end->producer, info);
}
