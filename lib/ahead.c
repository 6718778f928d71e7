/* SPDX-License-Identifier: MIT */
/*
 * Ahead. The place of the next message was last the consumer's, who read there
 * a lap ago: each line of it has to be had before a store to it is done, and
 * stores are seen in their order, so the header waits for all of them. A
 * producer whose messages come one by one has nothing to do between two of
 * them. It stores into each line of the place then, and finds them its own when
 * the message comes. weir-design(7) has the figures; asking for the lines by
 * prefetching instructions is of no use there, be it for reading or writing.
 *
 * In the middle of a stream there is no such time, and what is stored twice
 * costs twice. So the consumer's position is looked at now and then: who has
 * read all that was sent before this message waits for each. To look costs both
 * sides a line, so it is done more seldom the longer it says no.
 */
#include "internal.h"

#define LINE 64u
/* Measured up to a half of this; a cache of this size has every core. */
#define MOST 131072u
/* Messages between two looks. Arbitrary, but that a look costs as much as some
   messages of a stream. */
#define LEAST 32u
#define SELDOM 4096u
/* So many messages in a row; one may be the first of a burst. */
#define SURE 2u

/* Whether the consumer had nothing left before the last message, of len bytes.
   What it says decides nothing else, so a lie is none of our business here. */
static int caught_up(const struct weir_tx *tx, uint64_t pos, uint64_t len)
{
	/* relaxed: nothing is written for it that was not free before */
	uint64_t read = weir_load_relaxed64(&tx->end->peer->position);

	return read + weir_priv_record_size(len) >= pos;
}

static void look(struct weir_tx *tx, struct weir_ahead *a, uint64_t len)
{
	if (!caught_up(tx, (uintptr_t)tx->at + tx->bias, len)) {
		a->wait = a->wait < SELDOM ? 2 * a->wait + LEAST : SELDOM;
		a->at = tx->messages + a->wait;
		a->row = 0;
		a->alone = 0;
	} else if (++a->row < SURE) {
		a->at = tx->messages + 1;
	} else {
		a->wait = LEAST;
		a->at = tx->messages + a->wait;
		a->row = 0;
		a->alone = 1;
	}
}

/* What may be written to from tx->at on, but for the header at the end of it;
   tx->limit, which says the same, is NULL while this side fences. */
static uint64_t free_ahead(const struct weir_tx *tx)
{
	uint64_t pos = (uintptr_t)tx->at + tx->bias;
	uint64_t room = tx->end->peer_position + tx->end->capacity - pos;
	uint64_t piece = tx->mask + 1 - (pos & tx->mask);

	if (tx->end->broken)
		return 0;
	return (room < piece ? room : piece) - WEIR_RECORD_HEADER;
}

/*
 * For one message more of len bytes, in each line but that of its header,
 * which the consumer is looking at. The place is free, so anything may stand
 * there: that it is 0 is of no use. Returns how many messages as long as this
 * one go on in the same line before there is something to do again.
 */
static uint64_t touch(struct weir_tx *tx, uint64_t len)
{
	uint64_t size = weir_priv_record_size(len);
	uint64_t i = LINE - (uintptr_t)tx->at % LINE;

	if (i > size)
		return (i - 1) / size;
	if (size > free_ahead(tx))
		return 0;
	for (; i <= size; i += LINE)
		/* relaxed: R1 of the message that will stand here comes after
		   it, and before that nobody looks */
		weir_store_relaxed64((struct weir_a64 *)(void *)(tx->at + i),
				     0);
	return 0;
}

/* Called when the consumer has its message, and all that was to be done for
   it is. */
void weir_priv_tx_ahead(struct weir_tx *tx, size_t len)
{
	struct weir_ahead *a = &tx->end->ahead;

	if (tx->messages >= a->at)
		look(tx, a, len);
	tx->look = a->alone ? tx->messages : a->at;
	/* What goes past the caches is not to be in them. */
	if (a->alone && len <= MOST &&
	    (len < WEIR_PRIV_LARGE || !weir_copy_streams(tx->end->copy, len)))
		tx->look += touch(tx, len);
}
