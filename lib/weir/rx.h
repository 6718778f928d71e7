/* SPDX-License-Identifier: MIT */
/*
 * The consumer's end. Every call belongs to one thread at a time, except
 * weir_rx_cancel and weir_rx_info, which any thread may call. weir_ring(7),
 * weir-memory(7).
 *
 * The inlines handle a plain record of layout 1; all else is the library's: it
 * sets limit to NULL to be called.
 */
#ifndef WEIR_RX_H
#define WEIR_RX_H

#include "tx.h"

struct weir_rx {
	/* private; stands as in struct weir_tx */
	const unsigned char *at; /* the next header */
	const unsigned char *limit; /* and the last place where the one after
				   it may stand; NULL: call the library */
	uint64_t messages;
	uint64_t bias;		/* a position less the address it stands at */
	uint64_t bytes;
	struct weir_half *mine;
	struct weir_a64 *counters; /* of the half, or where nobody looks */
	const struct weir_a32 *peer_waiting;
	uint64_t pos;		/* released up to here; kept by the library */
	const unsigned char *data;
	uint64_t mask;
	uint32_t rung;		/* the last waiting word rung for */
	uint32_t fence;		/* so often yet F1 is a real fence */
	struct weir_end *end;
	const unsigned char *empty; /* where the library has found nothing; or
				   NULL */
	const struct weir_a32 *news; /* two words of this process: cancelled,
				   and the producer's death */
	const struct weir_a32 *peer_state;
	uint64_t reserved[2];
};

WEIR_BEGIN

/* Private to the inlines: what they do not handle. */
WEIR_API ssize_t weir_priv_rx_read(struct weir_rx *rx, void *data,
				   size_t size);
WEIR_API ssize_t weir_priv_rx_read_wait(struct weir_rx *rx, void *data,
					size_t size, int64_t deadline);
WEIR_API void weir_priv_rx_wake(struct weir_rx *rx, uint32_t waiting);

/*
 * The decision to wake, as weir_priv_tx_notify: here the publication is the
 * room, and the library compares it with what the producer needs.
 */
WEIR_LOCAL_INLINE void weir_priv_rx_notify(struct weir_rx *rx)
{
	uint32_t waiting;

	/* a fence of the compiler alone: a real F1 is the library's */
	weir_fence_compiler();
	/* A3 pairs with R3 in weir_end_announce(): need before the word. */
	waiting = weir_load_acquire32(rx->peer_waiting);
	if (WEIR_UNLIKELY(waiting & WEIR_ASLEEP_MASK) && waiting != rx->rung)
		weir_priv_rx_wake(rx, waiting);
}

/*
 * Whether all is as when the library found nothing at this place. It stores
 * nothing: a thread that has sent and now awaits the answer has stores of its
 * own under way, which need lines of the other side's, and behind each further
 * one the next message would wait. Figures: weir-design(7). (A lap later the same
 * place may pass for it: it is as empty, and only that is not counted.)
 */
WEIR_LOCAL_INLINE int weir_priv_rx_still(const struct weir_rx *rx,
					 const unsigned char *at)
{
	/* relaxed, all three: what they announce the library looks for */
	return at == rx->empty && !weir_load_relaxed32(&rx->news[0]) &&
	       !weir_load_relaxed32(&rx->news[1]) &&
	       weir_load_relaxed32(rx->peer_state) == WEIR_STATE_HELD;
}

/*
 * Copies the next message out and frees its room.
 * Callers: the consumer. Order: A1, R2, F1. Blocks: never, takes no lock; who
 * finds it empty in the middle of a stream may keep away for at most 32 us and
 * look once more, see weir_ring(7).
 * Returns: its length; -EAGAIN empty; -EMSGSIZE longer than size, and it
 * stays; -EPIPE or -EOWNERDEAD empty and the producer has left; -ECANCELED
 * empty and cancelled; -EINVAL unreleased peeks, or weir_stream_read_exact has
 * a part of the message; -EPROTO the memory is not what it must be.
 */
WEIR_INLINE ssize_t weir_rx_try_read(struct weir_rx *rx, void *data,
				     size_t size)
{
	const unsigned char *at = rx->at, *next;
	/* A1 pairs with R1 in weir_tx_try_write(), publish(). */
	uint64_t header = weir_load_acquire64((const struct weir_a64 *)
					      (const void *)at);
	size_t len = size;
	uintptr_t end;

	/* The length was read once and is the peer's word. A size that the
	   compiler knows is compared with it as it is: then nothing that
	   follows waits for the load. */
	if (!WEIR_PRIV_WITHIN(size, WEIR_PRIV_MAX_LEAST) ||
	    header != ((uint64_t)size << WEIR_LEN_SHIFT | WEIR_KIND_RECORD)) {
		if (WEIR_UNLIKELY((header & WEIR_KIND_MASK) !=
					  WEIR_KIND_RECORD ||
				  header >> WEIR_LEN_SHIFT > size)) {
			if (!header && weir_priv_rx_still(rx, at))
				return -EAGAIN;
			return weir_priv_rx_read(rx, data, size);
		}
		len = (size_t)(header >> WEIR_LEN_SHIFT);
	}
	/* As a number, which may wrap where pointers have 32 bits. */
	end = (uintptr_t)at + (uintptr_t)weir_priv_record_size(len);
	if (WEIR_UNLIKELY(end > (uintptr_t)rx->limit ||
			  (sizeof(end) < 8 && end <= (uintptr_t)at)))
		return weir_priv_rx_read(rx, data, size);
	next = at + weir_priv_record_size(len);
	/* a few moves where the compiler knows how many; and with no room there
	   is no length, which it does not see */
	if (size && WEIR_PRIV_WITHIN(size, WEIR_PRIV_MOVES) && len == size)
		memcpy(data, at + WEIR_RECORD_HEADER, size);
	else if (len && !WEIR_PRIV_WITHIN(size, 0))
		memcpy(data, at + WEIR_RECORD_HEADER, len);
	rx->at = next;
	/* R2 pairs with A2 in room(): the copy above before the room
	   is the producer's. */
	weir_store_release64(&rx->mine->position, (uintptr_t)next + rx->bias);
	rx->messages++;
	rx->bytes += len;
	/* relaxed: a counter, read by tools */
	weir_store_relaxed64(&rx->counters[WEIR_COUNT_MESSAGES],
			     rx->messages);
	weir_store_relaxed64(&rx->counters[WEIR_COUNT_BYTES], rx->bytes);
	weir_priv_rx_notify(rx);
	return (ssize_t)len;
}

/*
 * The same, waiting for a message, until deadline.
 * Returns also: -ETIMEDOUT; with WEIR_NOWAIT -EAGAIN.
 */
WEIR_INLINE ssize_t weir_rx_read(struct weir_rx *rx, void *data, size_t size,
				 int64_t deadline)
{
	ssize_t n = weir_rx_try_read(rx, data, size);

	if (WEIR_LIKELY(n != -EAGAIN) || deadline == WEIR_NOWAIT)
		return n;
	return weir_priv_rx_read_wait(rx, data, size, deadline);
}

/*
 * Up to n messages into v (data and size in, len out); waits for the first
 * only. Returns: how many; an error only if none. A message larger than its
 * buffer ends the batch, and is -EMSGSIZE if it is the first.
 */
WEIR_API int weir_rx_read_batch(struct weir_rx *rx, struct weir_buf *v,
				size_t n, int64_t deadline);

/*
 * Looks at the next message in place, 8-aligned; repeated, at the one after.
 * The memory is the ring's until weir_rx_release, and a peer that lies may
 * change it under the reader. Callers: the consumer. Order: A1. Blocks: never.
 * Returns: 0; -EAGAIN no further message; else as weir_rx_try_read.
 */
WEIR_API int weir_rx_peek(struct weir_rx *rx, const void **data, size_t *len);

/*
 * Frees all that was peeked. Order: R2, F1.
 * Returns: how many messages; -EINVAL nothing peeked.
 */
WEIR_API int weir_rx_release(struct weir_rx *rx);

/*
 * Forgets the peeks: the messages come again. Returns: 0; -EINVAL nothing
 * peeked.
 */
WEIR_API int weir_rx_rewind(struct weir_rx *rx);

/* The length of the message that comes next. Returns as weir_rx_peek. */
WEIR_API ssize_t weir_rx_next_len(struct weir_rx *rx);

/*
 * Waits until there is a message. Returns: 0; -ETIMEDOUT, -EAGAIN; -EPIPE,
 * -EOWNERDEAD; -ECANCELED; -EPROTO.
 */
WEIR_API int weir_rx_wait(struct weir_rx *rx, int64_t deadline);

/*
 * A handle for a loop of the program's own (poll, epoll, io_uring), lent until
 * close; in a connection it is the control socket, the same for both ends.
 * The caller reads nothing from it. Callers: the consumer. Blocks: never.
 * Returns: 0; -EMFILE, -ENOMEM; -EINVAL in a forked child.
 */
WEIR_API int weir_rx_handle(struct weir_rx *rx, weir_handle *handle);

/*
 * Arms the handle, once: it becomes readable when there is a message, the
 * producer has left or died or the end is cancelled (a connection's not then),
 * and stays so until it is armed again; not armed, it says nothing.
 * weir_rx_wait, with WEIR_NOWAIT too, disarms it.
 * Callers: the consumer. Order: F2. Blocks: never.
 * Returns: 0 armed; 1 there is a message, and it is not armed; -EBUSY the end
 * is in a set; else as weir_rx_wait.
 */
WEIR_API int weir_rx_arm(struct weir_rx *rx);

/*
 * From now on every call that finds no message answers -ECANCELED, a waiting
 * one at once. An armed handle becomes readable, but not a connection's: the
 * program rouses its own loop then.
 * Callers: any thread, not after close. Blocks: never. Returns: 0.
 */
WEIR_API int weir_rx_cancel(struct weir_rx *rx);

/* As weir_ring_info, of the ring that this end belongs to. */
WEIR_API int weir_rx_info(const struct weir_rx *rx,
			  struct weir_ring_info *info);

/*
 * Gives the end back: what was not released stays for a successor. NULL is
 * allowed.
 */
WEIR_API void weir_rx_close(struct weir_rx *rx);

WEIR_END

#endif
