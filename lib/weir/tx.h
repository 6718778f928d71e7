/* SPDX-License-Identifier: MIT */
/*
 * The producer's end. Every call belongs to one thread at a time, except
 * weir_tx_cancel and weir_tx_info, which any thread may call. weir_ring(7),
 * weir-memory(7).
 *
 * The inlines handle layout 1 while the room known to this side lasts; all
 * else is the library's: it sets limit to NULL to be called.
 */
#ifndef WEIR_TX_H
#define WEIR_TX_H

#include <errno.h>
#include <string.h>

#include "layout.h"
#include "ring.h"

/* size: room; len: to send, or what came */
struct weir_buf {
	void *data;
	size_t size;
	size_t len;
};

struct weir_end;

struct weir_tx {
	/* private; what each message changes stands apart, so that no
	   compiler joins two stores that are loaded one by one */
	unsigned char *at;	/* where the next header goes */
	unsigned char *limit;	/* and the last place where the header after it
				   may; NULL: the library is to be called */
	uint64_t messages;
	uint64_t bias;		/* a position less the address it stands at */
	uint64_t bytes;
	struct weir_half *mine;
	struct weir_a64 *counters; /* of the half, or where nobody looks */
	const struct weir_a32 *peer_waiting;
	uint64_t max;		/* the longest message */
	uint64_t pos;		/* of the next record, reserved ones included;
				   kept by the library */
	unsigned char *data;
	uint64_t mask;
	uint32_t rung;		/* the last waiting word rung for */
	uint32_t fence;		/* so often yet F1 is a real fence */
	struct weir_end *end;
	uint64_t look;		/* from so many messages on, the library is to
				   know of each, see weir_priv_tx_ahead() */
	uint64_t reserved[3];
};

/* What even the smallest ring takes. */
#define WEIR_PRIV_MAX_LEAST 2040u
/* At most so much of a payload shares its header's line of 64 bytes. */
#define WEIR_PRIV_FIRST 56u
/* Longer ones are faster in one piece. Measured: weir-design(7). */
#define WEIR_PRIV_BACK 256u
/* From here on the library chooses how to copy. */
#define WEIR_PRIV_LARGE 1024u

WEIR_BEGIN

/* Private to the inlines: what they do not handle. */
WEIR_API int weir_priv_tx_write(struct weir_tx *tx, const void *data,
				size_t len);
WEIR_API int weir_priv_tx_write_wait(struct weir_tx *tx, const void *data,
				     size_t len, int64_t deadline);
WEIR_API void weir_priv_tx_copy(struct weir_tx *tx, void *to, const void *from,
				size_t len);
WEIR_API void weir_priv_tx_wake(struct weir_tx *tx, uint32_t waiting);
WEIR_API void weir_priv_tx_ahead(struct weir_tx *tx, size_t len);

/*
 * The decision to wake: a system call only if the consumer says it sleeps and
 * this sleep was not rung for. Returning early loses no wake: the consumer
 * stores its waiting word, F2, and then looks at the ring, so if the load below
 * reads a word from before that store, the consumer's look comes after our
 * publication. A word equal to the last one rung for is a sleeper whose
 * doorbell has changed since it took it.
 *
 * F1 is before this: where it is a real fence, in the library, which leaves no
 * room to the inlines until it is over; else the compiler's.
 */
WEIR_LOCAL_INLINE void weir_priv_tx_notify(struct weir_tx *tx)
{
	uint32_t waiting;

	/* a fence of the compiler alone: a real F1 is the library's */
	weir_fence_compiler();
	/* relaxed: F1 orders it; what is done with it needs no other data */
	waiting = weir_load_relaxed32(tx->peer_waiting);
	if (WEIR_UNLIKELY(waiting & WEIR_ASLEEP_MASK) && waiting != tx->rung)
		weir_priv_tx_wake(tx, waiting);
}

/*
 * The payload of the record at `at`, back to front. The consumer looks at the
 * header all the time, and takes its line away: written first, the line has to
 * be had a second time for the header. So what stands behind it goes first,
 * and its own part last.
 */
WEIR_LOCAL_INLINE void weir_priv_tx_fill(unsigned char *at, const void *data,
					 size_t len)
{
	unsigned char *to = at + WEIR_RECORD_HEADER;
	const unsigned char *from = (const unsigned char *)data;

	if (len && WEIR_PRIV_WITHIN(len, WEIR_PRIV_WORDS) && len % 8 == 0) {
		weir_priv_copy_words(to, from, len);
	} else if (len > WEIR_PRIV_FIRST && len <= WEIR_PRIV_BACK) {
		weir_priv_copy(to + WEIR_PRIV_FIRST, from + WEIR_PRIV_FIRST,
			       len - WEIR_PRIV_FIRST);
		/* against the compiler alone: the order of the two */
		weir_fence_compiler();
		memcpy(to, from, WEIR_PRIV_FIRST);
	} else if (len) {
		weir_priv_copy(to, from, len);
	}
}

/*
 * Sends a message of len bytes, 0 allowed, or nothing.
 * Callers: the producer. Order: R1, R7, F1. Blocks: never, takes no lock; who
 * finds it full in the middle of a stream may keep away for at most 32 us and
 * look once more, see weir_ring(7).
 * Returns: 0; -EAGAIN full; -EMSGSIZE longer than max_message; -EPIPE or
 * -EOWNERDEAD full and the consumer has left; -ECANCELED full and cancelled;
 * -EINVAL an open reservation; -EPROTO the memory is not what it must be.
 */
WEIR_INLINE int weir_tx_try_write(struct weir_tx *tx, const void *data,
				  size_t len)
{
	unsigned char *at = tx->at;
	unsigned char *next;
	uintptr_t end;

	/* The record and the header behind it are in one piece and free. */
	if (WEIR_UNLIKELY(!WEIR_PRIV_WITHIN(len, WEIR_PRIV_MAX_LEAST) &&
			  len > tx->max))
		return weir_priv_tx_write(tx, data, len);
	/* As a number, which may wrap where pointers have 32 bits. */
	end = (uintptr_t)at + (uintptr_t)weir_priv_record_size(len);
	if (WEIR_UNLIKELY(end > (uintptr_t)tx->limit ||
			  (sizeof(end) < 8 && end < (uintptr_t)at)))
		return weir_priv_tx_write(tx, data, len);
	next = at + weir_priv_record_size(len);
	/* relaxed: R1 below orders it before this header */
	weir_store_relaxed64((struct weir_a64 *)(void *)next, 0);
	/* against the compiler alone: see weir_priv_tx_fill() */
	weir_fence_compiler();
	if (len >= WEIR_PRIV_LARGE)
		weir_priv_tx_copy(tx, at + WEIR_RECORD_HEADER, data, len);
	else
		weir_priv_tx_fill(at, data, len);
	/* R1 pairs with A1 in weir_rx_try_read(), header_at(). Publishes:
	   the payload and the zero behind it. */
	weir_store_release64((struct weir_a64 *)(void *)at,
			     (uint64_t)len << WEIR_LEN_SHIFT |
			     WEIR_KIND_RECORD);
	tx->at = next;
	/* R7 pairs with A7 in weir_tx_start(): headers before the position. */
	weir_store_release64(&tx->mine->position, (uintptr_t)next + tx->bias);
	tx->messages++;
	tx->bytes += len;
	/* relaxed: a counter, read by tools */
	weir_store_relaxed64(&tx->counters[WEIR_COUNT_MESSAGES],
			     tx->messages);
	weir_store_relaxed64(&tx->counters[WEIR_COUNT_BYTES], tx->bytes);
	weir_priv_tx_notify(tx);
	if (WEIR_UNLIKELY(tx->messages >= tx->look))
		weir_priv_tx_ahead(tx, len);
	return 0;
}

/*
 * The same, waiting until there is room, until deadline.
 * Returns also: -ETIMEDOUT; with WEIR_NOWAIT -EAGAIN.
 */
WEIR_INLINE int weir_tx_write(struct weir_tx *tx, const void *data, size_t len,
			      int64_t deadline)
{
	int r = weir_tx_try_write(tx, data, len);

	if (WEIR_LIKELY(r != -EAGAIN) || deadline == WEIR_NOWAIT)
		return r;
	return weir_priv_tx_write_wait(tx, data, len, deadline);
}

/* One message of n pieces (their data and len). Otherwise as weir_tx_write. */
WEIR_API int weir_tx_writev(struct weir_tx *tx, const struct weir_buf *v,
			    size_t n, int64_t deadline);

/*
 * n messages (their data and len), published in as few steps as the room
 * allows. Returns: how many were sent, at least one if n > 0; an error only if
 * none was. Otherwise as weir_tx_write.
 */
WEIR_API int weir_tx_write_batch(struct weir_tx *tx, const struct weir_buf *v,
				 size_t n, int64_t deadline);

/*
 * Room for a message of len bytes, to be filled in place: *data is 8-aligned
 * and in one piece. Repeated, it adds to the batch that commit publishes.
 * Callers: the producer. Blocks: never.
 * Returns: 0; -EAGAIN no room now; else as weir_tx_try_write. What was reserved
 * before stays reserved.
 */
WEIR_API int weir_tx_reserve(struct weir_tx *tx, size_t len, void **data);

/*
 * Makes the last reservation shorter. Returns: 0; -EINVAL none open, or
 * longer than it was.
 */
WEIR_API int weir_tx_shrink(struct weir_tx *tx, size_t len);

/*
 * Publishes all that is reserved, at once. Order: R1, R7, F1.
 * Returns: how many messages; -EINVAL nothing reserved; -EPROTO.
 */
WEIR_API int weir_tx_commit(struct weir_tx *tx);

/* Drops all that is reserved. Returns: 0; -EINVAL nothing reserved. */
WEIR_API int weir_tx_abort(struct weir_tx *tx);

/*
 * Waits until a message of len bytes would fit.
 * Returns: 0; -ETIMEDOUT, -EAGAIN; -EMSGSIZE; -EPIPE, -EOWNERDEAD;
 * -ECANCELED; -EINVAL an open reservation; -EPROTO.
 */
WEIR_API int weir_tx_wait(struct weir_tx *tx, size_t len, int64_t deadline);

/* As weir_rx_handle. Callers: the producer. */
WEIR_API int weir_tx_handle(struct weir_tx *tx, weir_handle *handle);

/*
 * As weir_rx_arm, for room for a message of len bytes.
 * Returns: 0 armed; 1 there is room, and it is not armed; -EBUSY the end is in
 * a set; else as weir_tx_wait.
 */
WEIR_API int weir_tx_arm(struct weir_tx *tx, size_t len);

/*
 * From now on every call that finds no room answers -ECANCELED, a waiting one
 * at once. Handles as with weir_rx_cancel.
 * Callers: any thread, not after close. Blocks: never. Returns: 0.
 */
WEIR_API int weir_tx_cancel(struct weir_tx *tx);

/* As weir_ring_info, of the ring that this end belongs to. */
WEIR_API int weir_tx_info(const struct weir_tx *tx,
			  struct weir_ring_info *info);

/*
 * Gives the end back: the consumer reads what is there, then gets -EPIPE.
 * Open reservations are dropped. NULL is allowed.
 */
WEIR_API void weir_tx_close(struct weir_tx *tx);

WEIR_END

#endif
