/* SPDX-License-Identifier: MIT */
/*
 * The consumer: what the inline of weir/rx.h leaves to the library. Layout and
 * orders: weir/layout.h.
 *
 * rx->pos is released, end->at is peeked while end->open counts peeks. While
 * messages are peeked, a part of one is taken, or the end is broken, rx->kind
 * is a kind that no header has and every inline comes here.
 *
 * Everything that is loaded here was written by the other side: each word is
 * read once into a local and checked before it is used.
 */
#include <string.h>

#include "internal.h"

static uint64_t header_at(const struct weir_rx *rx, uint64_t pos)
{
	const void *at = rx->data + (pos & rx->mask);

	/* A1 pairs with R1 in weir_tx_try_write(), publish(): the payload. */
	return weir_load_acquire64((const struct weir_a64 *)at);
}

/* Not while an error is sticky: next() must see the message that ends it. */
static void enable(struct weir_rx *rx)
{
	if (!rx->end->broken && !rx->end->sticky)
		rx->kind = WEIR_KIND_RECORD;
}

/* Nothing there: why, and is it for good? 0: something came after all. */
static int empty(struct weir_rx *rx, uint64_t pos)
{
	struct weir_end *end = rx->end;
	int r = weir_end_departed(end);

	if (r) {
		if (header_at(rx, pos))
			return 0;
		end->sticky = r;
		weir_end_disable(end);
	}
	if (end->sticky)
		return end->sticky;
	/* relaxed: see weir_end_cancel() */
	if (weir_load_relaxed32(&end->cancelled))
		return -ECANCELED;
	return -EAGAIN;
}

static int lies(struct weir_rx *rx)
{
	return weir_end_break(rx->end, -EPROTO,
			      "a header that no producer writes");
}

/* A header at pos, bounded by what is ours: released plus the capacity. */
static int check(struct weir_rx *rx, uint64_t pos, uint64_t header)
{
	uint64_t capacity = rx->mask + 1;
	uint64_t piece = capacity - (pos & rx->mask);
	uint64_t len = header >> WEIR_LEN_SHIFT;
	uint64_t size = weir_priv_record_size(len);

	/* A producer leaves room for the header behind. */
	if (size > piece ||
	    size + WEIR_RECORD_HEADER > capacity - (pos - rx->pos))
		return lies(rx);
	switch (header & WEIR_KIND_MASK) {
	case WEIR_KIND_RECORD:
		return len > weir_layout_max_message(capacity) ? lies(rx) : 0;
	case WEIR_KIND_PAD:
		return size != piece ? lies(rx) : 0;
	}
	return lies(rx);
}

/*
 * Finds the next record, passing over padding; it stands at end->found and
 * nothing has moved yet.
 */
static int next(struct weir_rx *rx, uint64_t *len)
{
	struct weir_end *end = rx->end;
	uint64_t pos = end->open ? end->at : rx->pos;
	int pads, r;

	if (end->broken)
		return end->broken;
	for (pads = 0; pads < 2; pads++) {
		uint64_t header;

		header = header_at(rx, pos);
		if (!header) {
			r = empty(rx, pos);
			if (r)
				return r;
			header = header_at(rx, pos);
		}
		r = check(rx, pos, header);
		if (r)
			return r;
		*len = header >> WEIR_LEN_SHIFT;
		if ((header & WEIR_KIND_MASK) == WEIR_KIND_RECORD) {
			end->found = pos;
			end->sticky = 0;
			return 0;
		}
		pos += weir_priv_record_size(*len);
	}
	return lies(rx);
}

/* The same for calls that take nothing while a part is being read. */
static int next_whole(struct weir_rx *rx, uint64_t *len)
{
	int r;

	if (rx->end->part && !rx->end->broken)
		return -EINVAL;
	r = next(rx, len);
	if (r == -EAGAIN)
		weir_end_count(rx->end, WEIR_COUNT_FULL, 1);
	return r;
}

static const unsigned char *payload(const struct weir_rx *rx)
{
	return rx->data + (rx->end->found & rx->mask) + WEIR_RECORD_HEADER;
}

/* The message found is taken; release() gives its room back. */
static void take(struct weir_rx *rx, uint64_t len)
{
	rx->end->at = rx->end->found + weir_priv_record_size(len);
	rx->end->open++;
	rx->end->open_bytes += len;
}

static void release(struct weir_rx *rx)
{
	struct weir_end *end = rx->end;

	rx->pos = end->at;
	/* R2 pairs with A2 in room(): our reading before the producer may
	   write there. */
	weir_store_release64(&end->mine->position, rx->pos);
	rx->messages += end->open;
	rx->bytes += end->open_bytes;
	/* relaxed: counters, read by tools */
	weir_store_relaxed64(&rx->counters[WEIR_COUNT_MESSAGES],
			     rx->messages);
	weir_store_relaxed64(&rx->counters[WEIR_COUNT_BYTES], rx->bytes);
	end->open = 0;
	end->open_bytes = 0;
	enable(rx);
	weir_priv_rx_notify(rx);
}

/*
 * A producer is rung only when there is the room that it needs. Returning
 * early loses no wake: it looks at our position after F2 as anybody does, and
 * a later release that reaches its need comes here again.
 */
void weir_priv_rx_wake(struct weir_rx *rx, uint32_t waiting)
{
	/* relaxed: A3 in weir_priv_rx_notify() ordered it after the word; a
	   newer need belongs to a newer word, which is rung for again. */
	uint64_t need = weir_load_relaxed64(&rx->end->peer->need);

	if (rx->pos < need)
		return;
	rx->rung = waiting;
	rx->fence = weir_end_fence(rx->end);
	weir_end_ring(rx->end, waiting);
}

void weir_priv_rx_unfence(struct weir_rx *rx)
{
	rx->fence = weir_end_unfence(rx->end);
}

ssize_t weir_priv_rx_read(struct weir_rx *rx, void *data, size_t size)
{
	uint64_t len;
	int r;

	if (rx->end->open && !rx->end->broken)
		return -EINVAL;
	r = next_whole(rx, &len);
	if (r)
		return r;
	if (len > size) {
		weir_end_count(rx->end, WEIR_COUNT_ERRORS, 1);
		return -EMSGSIZE;
	}
	if (len)
		memcpy(data, payload(rx), (size_t)len);
	take(rx, len);
	release(rx);
	return (ssize_t)len;
}

/* weir_end_wait() and others wait for a message with it. */
int weir_rx_look(struct weir_end *end)
{
	uint64_t len;

	return next(&end->side.rx, &len);
}

static int wait_message(struct weir_rx *rx, int64_t deadline)
{
	return weir_end_wait(rx->end, weir_rx_look, deadline);
}

ssize_t weir_rx_read(struct weir_rx *rx, void *data, size_t size,
		     int64_t deadline)
{
	ssize_t n = weir_rx_try_read(rx, data, size);
	int r;

	if (WEIR_LIKELY(n != -EAGAIN) || deadline == WEIR_NOWAIT)
		return n;
	r = wait_message(rx, deadline);
	return r ? r : weir_rx_try_read(rx, data, size);
}

int weir_rx_read_batch(struct weir_rx *rx, struct weir_buf *v, size_t n,
		       int64_t deadline)
{
	uint64_t len;
	size_t i;
	int r = 0;

	if (rx->end->broken)
		return rx->end->broken;
	if (rx->end->open || rx->end->part)
		return -EINVAL;
	if (n > INT32_MAX)
		n = INT32_MAX;
	if (n) {
		r = next_whole(rx, &len);
		if (r == -EAGAIN && deadline != WEIR_NOWAIT)
			r = wait_message(rx, deadline);
	}
	for (i = 0; i < n && !r; i++) {
		r = next(rx, &len);
		if (!r && len > v[i].size)
			r = -EMSGSIZE;
		if (r)
			break;
		if (len)
			memcpy(v[i].data, payload(rx), (size_t)len);
		v[i].len = (size_t)len;
		take(rx, len);
	}
	if (i)
		release(rx);
	return i ? (int)i : r;
}

int weir_rx_peek(struct weir_rx *rx, const void **data, size_t *len)
{
	uint64_t n;
	int r = next_whole(rx, &n);

	if (r)
		return r;
	if (rx->end->open == INT32_MAX)
		return -EAGAIN;
	*data = payload(rx);
	*len = (size_t)n;
	take(rx, n);
	weir_end_disable(rx->end);
	return 0;
}

int weir_rx_release(struct weir_rx *rx)
{
	int n = (int)rx->end->open;

	if (rx->end->broken)
		return rx->end->broken;
	if (!n)
		return -EINVAL;
	release(rx);
	return n;
}

int weir_rx_rewind(struct weir_rx *rx)
{
	if (rx->end->broken)
		return rx->end->broken;
	if (!rx->end->open)
		return -EINVAL;
	rx->end->open = 0;
	rx->end->open_bytes = 0;
	enable(rx);
	return 0;
}

ssize_t weir_rx_next_len(struct weir_rx *rx)
{
	uint64_t len;
	int r = next_whole(rx, &len);

	return r ? r : (ssize_t)len;
}

int weir_rx_wait(struct weir_rx *rx, int64_t deadline)
{
	if (rx->end->part && !rx->end->broken)
		return -EINVAL;
	return wait_message(rx, deadline);
}

/*
 * For weir_stream_read_exact: up to size bytes of the next message, which is
 * released when its last byte was taken. -EAGAIN as usual.
 */
ssize_t weir_rx_take_part(struct weir_rx *rx, void *data, size_t size)
{
	struct weir_end *end = rx->end;
	uint64_t len, n;
	int r;

	if (end->open && !end->broken)
		return -EINVAL;
	r = next(rx, &len);
	if (r)
		return r;
	/* The length is read again and may have been changed meanwhile. */
	if (end->part > len)
		return lies(rx);
	n = len - end->part;
	if (n > size)
		n = size;
	if (n)
		memcpy(data, payload(rx) + end->part, (size_t)n);
	end->part += n;
	if (end->part < len) {
		weir_end_disable(end);
		return (ssize_t)n;
	}
	end->part = 0;
	take(rx, len);
	release(rx);
	return (ssize_t)n;
}

int weir_rx_handle(struct weir_rx *rx, weir_handle *handle)
{
	return weir_end_handle(rx->end, handle);
}

int weir_rx_arm(struct weir_rx *rx)
{
	if (rx->end->part && !rx->end->broken)
		return -EINVAL;
	return weir_end_arm(rx->end, weir_rx_look);
}

int weir_rx_cancel(struct weir_rx *rx)
{
	return weir_end_cancel(rx->end);
}

int weir_rx_info(const struct weir_rx *rx, struct weir_ring_info *info)
{
	return weir_end_info(rx->end, info);
}

int weir_rx_start(struct weir_end *end)
{
	struct weir_rx *rx = &end->side.rx;
	/* relaxed: this half is ours now; its last holder's words came with
	   the claim */
	uint64_t pos = weir_load_relaxed64(&end->mine->position);

	if (pos & 7)
		return weir_end_break(end, -EPROTO, "the read position is odd");
	rx->pos = pos;
	rx->messages = end->counters[WEIR_COUNT_MESSAGES];
	rx->bytes = end->counters[WEIR_COUNT_BYTES];
	enable(rx);
	return 0;
}

void weir_rx_close(struct weir_rx *rx)
{
	if (rx && rx->end->ring && !rx->end->lent)
		weir_ring_forget(rx->end->ring, rx->end);
}
