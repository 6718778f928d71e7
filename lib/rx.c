/* SPDX-License-Identifier: MIT */
/*
 * The consumer: what the inline of weir/rx.h leaves to the library. Layout and
 * orders: weir/layout.h.
 *
 * end->free is released, end->at is peeked while end->open counts peeks; the
 * inlines know rx->at and rx->limit instead. While messages are peeked, a part
 * of one is taken, the next one is in a run, this side fences, and when the end
 * is broken, rx->limit is NULL and every inline comes here.
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

/*
 * What the inlines may take from here on. Nothing while an error is sticky:
 * next() must see the message that ends it.
 */
static void set_limit(struct weir_rx *rx)
{
	const struct weir_end *end = rx->end;

	rx->pos = end->free.pos;
	rx->at = rx->data + (rx->pos & rx->mask);
	rx->bias = rx->pos - (uintptr_t)rx->at;
	rx->limit = rx->data + rx->mask + 1 - WEIR_RECORD_HEADER;
	if (rx->fence || end->broken || end->sticky ||
	    end->free.pos < end->free.run_end)
		rx->limit = NULL;
	rx->empty = NULL;
}

/* The inline has read since the library last looked. */
static void catch_up(struct weir_rx *rx)
{
	rx->pos = (uintptr_t)rx->at + rx->bias;
	rx->end->free.pos = rx->pos;
}

/* Nothing was found, and what is peeked or taken in part does not hide it. */
static void say_empty(struct weir_rx *rx)
{
	if (!rx->end->open && !rx->end->part)
		rx->empty = rx->at;
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
	if (weir_load_relaxed32(&end->news[WEIR_CANCELLED]))
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
	case WEIR_KIND_RUN:
		return size < WEIR_RUN_HEADER ? lies(rx) : 0;
	}
	return lies(rx);
}

/* The message at the cursor, which is moved behind it. */
static void found(struct weir_rx *rx, struct weir_cursor at, uint64_t *len)
{
	*len = at.run_len;
	rx->end->found = at.pos;
	at.pos += weir_priv_stride(at.run_len);
	rx->end->after = at;
	rx->end->sticky = 0;
}

/* The run whose header at.pos is and was checked: puts at before its first. */
static int enter_run(struct weir_rx *rx, struct weir_cursor *at,
		     uint64_t header)
{
	uint64_t size = weir_priv_record_size(header >> WEIR_LEN_SHIFT);
	/* relaxed: A1 in header_at() orders it after the header; read once */
	uint64_t word = weir_load_relaxed64((const struct weir_a64 *)
		(const void *)(rx->data + (at->pos & rx->mask) +
			       WEIR_RECORD_HEADER));
	uint64_t count = word >> WEIR_RUN_COUNT_SHIFT;
	uint64_t len = word & (((uint64_t)1 << WEIR_RUN_COUNT_SHIFT) - 1);

	/* both are of 32 bits: the product does not overflow */
	if (!count || !len || len > weir_layout_max_message(rx->mask + 1) ||
	    count * weir_priv_stride(len) != size - WEIR_RUN_HEADER)
		return lies(rx);
	at->run_end = at->pos + size;
	at->run_len = len;
	at->pos += WEIR_RUN_HEADER;
	return 0;
}

/*
 * Finds the next message, passing over padding; its payload stands at
 * end->found, the cursor end->after is behind it, and nothing has moved yet.
 */
static int next(struct weir_rx *rx, uint64_t *len)
{
	struct weir_end *end = rx->end;
	struct weir_cursor at;
	int pads, r;

	if (end->broken)
		return end->broken;
	catch_up(rx);
	at = end->open ? end->at : end->free;
	if (at.pos < at.run_end) {
		found(rx, at, len);
		return 0;
	}
	for (pads = 0; pads < 2; pads++) {
		uint64_t header;

		header = header_at(rx, at.pos);
		if (!header) {
			r = empty(rx, at.pos);
			if (r)
				return r;
			header = header_at(rx, at.pos);
		}
		r = check(rx, at.pos, header);
		if (r)
			return r;
		switch (header & WEIR_KIND_MASK) {
		case WEIR_KIND_RECORD:
			at.run_len = header >> WEIR_LEN_SHIFT;
			at.pos += WEIR_RECORD_HEADER;
			at.run_end = 0;
			found(rx, at, len);
			return 0;
		case WEIR_KIND_RUN:
			r = enter_run(rx, &at, header);
			if (!r)
				found(rx, at, len);
			return r;
		}
		at.pos += weir_priv_record_size(header >> WEIR_LEN_SHIFT);
	}
	return lies(rx);
}

/* The same for calls that take nothing while a part is being read. */
static int next_whole(struct weir_rx *rx, uint64_t *len)
{
	int r;

	if (rx->end->part && !rx->end->broken)
		return -EINVAL;
	if (weir_rx_still_empty(rx))
		return -EAGAIN;
	r = next(rx, len);
	if (r != -EAGAIN)
		return r;
	if (weir_lag(&rx->end->lag, rx->pos, rx->messages)) {
		r = next(rx, len);
		if (r != -EAGAIN)
			return r;
		weir_lag_failed(&rx->end->lag);
	}
	weir_end_count(rx->end, WEIR_COUNT_FULL, 1);
	say_empty(rx);
	return r;
}

static const unsigned char *payload(const struct weir_rx *rx)
{
	return rx->data + (rx->end->found & rx->mask);
}

/* The message found is taken; release() gives its room back. */
static void take(struct weir_rx *rx, uint64_t len)
{
	rx->end->at = rx->end->after;
	rx->end->open++;
	rx->end->open_bytes += len;
}

/* F1, while it is a real one; the run of them ends in weir_end_unfence(). */
static void fence(struct weir_rx *rx)
{
	if (!rx->fence)
		return;
	/* F1 pairs with F2 in weir_end_announce(): forbids that the producer
	   misses the room and this side misses the sleeper. */
	weir_fence_seq_cst();
	if (!--rx->fence)
		rx->fence = weir_end_unfence(rx->end);
}

/*
 * Into the middle of a run, whose header will be gone: a successor finds here
 * where the messages stand. It takes these words for nothing while the position
 * is not between them.
 */
static void say_run(struct weir_rx *rx)
{
	const struct weir_cursor *at = &rx->end->at;
	struct weir_half *mine = rx->end->mine;

	/* relaxed, all three: R2 orders them before the position, and until it
	   is stored they say nothing, as it stands before the first. The first
	   goes before the end: between an older first and this end it would
	   stand. A successor comes after the last instruction of this process,
	   so that the compiler's order is enough. */
	weir_store_relaxed64(&mine->run_len, at->run_len);
	weir_store_relaxed64(&mine->run_first,
			     at->pos - weir_priv_stride(at->run_len));
	weir_fence_compiler();
	/* relaxed: the same */
	weir_store_relaxed64(&mine->run_end, at->run_end);
}

/*
 * Out of the middle of one run: its words are about to be those of another,
 * and must not be needed any more.
 */
static void leave_run(struct weir_rx *rx)
{
	struct weir_end *end = rx->end;

	if (end->free.pos >= end->free.run_end)
		return;
	/* R2 pairs with A2 in room(): our reading of the run's rest. */
	weir_store_release64(&end->mine->position, end->free.run_end);
	/* against the compiler alone, as in say_run() */
	weir_fence_compiler();
}

static void release(struct weir_rx *rx)
{
	struct weir_end *end = rx->end;

	if (end->at.pos < end->at.run_end &&
	    end->at.run_end != end->free.run_end) {
		leave_run(rx);
		say_run(rx);
	}
	end->free = end->at;
	rx->pos = end->free.pos;
	/* R2 pairs with A2 in room(): our reading before the producer may
	   write there; and the run before a position in it. */
	weir_store_release64(&end->mine->position, rx->pos);
	rx->messages += end->open;
	rx->bytes += end->open_bytes;
	/* relaxed: counters, read by tools */
	weir_store_relaxed64(&rx->counters[WEIR_COUNT_MESSAGES],
			     rx->messages);
	weir_store_relaxed64(&rx->counters[WEIR_COUNT_BYTES], rx->bytes);
	end->open = 0;
	end->open_bytes = 0;
	fence(rx);
	set_limit(rx);
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

	catch_up(rx);
	if (rx->pos < need)
		return;
	rx->rung = waiting;
	rx->fence = weir_end_fence(rx->end);
	rx->limit = NULL;
	weir_end_ring(rx->end, waiting);
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
	struct weir_rx *rx = &end->side.rx;
	uint64_t len;
	int r;

	if (weir_rx_still_empty(rx))
		return -EAGAIN;
	r = next(rx, &len);
	if (r == -EAGAIN)
		say_empty(rx);
	return r;
}

static int wait_message(struct weir_rx *rx, int64_t deadline)
{
	return weir_end_wait(rx->end, weir_rx_look, deadline);
}

ssize_t weir_priv_rx_read_wait(struct weir_rx *rx, void *data, size_t size,
			       int64_t deadline)
{
	int r = wait_message(rx, deadline);

	return r ? r : weir_rx_try_read(rx, data, size);
}

/*
 * Of the run that next() has entered or gone on in, as many messages as v has
 * buffers large enough, at least the one that it found.
 */
static size_t take_run(struct weir_rx *rx, struct weir_buf *v, size_t n)
{
	struct weir_end *end = rx->end;
	const unsigned char *from = payload(rx);
	uint64_t len = end->after.run_len, stride = weir_priv_stride(len);
	uint64_t left = end->after.run_end - end->found;
	size_t i;

	/* a division takes as long as some messages */
	if (n * stride > left)
		n = (size_t)(left / stride);
	if (len == 8) {
		for (i = 0; i < n && v[i].size >= 8; i++) {
			memcpy(v[i].data, from + i * 8, 8);
			v[i].len = 8;
		}
	} else {
		for (i = 0; i < n && v[i].size >= len; i++) {
			memcpy(v[i].data, from + i * stride, (size_t)len);
			v[i].len = (size_t)len;
		}
	}
	end->at = end->after;
	end->at.pos = end->found + i * stride;
	end->open += (uint32_t)i;
	end->open_bytes += i * len;
	return i;
}

int weir_rx_read_batch(struct weir_rx *rx, struct weir_buf *v, size_t n,
		       int64_t deadline)
{
	uint64_t len = 0;
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
		if (r == -EAGAIN && deadline != WEIR_NOWAIT) {
			r = wait_message(rx, deadline);
			if (!r)
				r = next(rx, &len);
		}
	}
	for (i = 0; i < n && !r;) {
		if (len > v[i].size) {
			r = -EMSGSIZE;
			break;
		}
		if (rx->end->after.run_end) {
			i += take_run(rx, v + i, n - i);
		} else {
			if (len)
				memcpy(v[i].data, payload(rx), (size_t)len);
			v[i].len = (size_t)len;
			take(rx, len);
			i++;
		}
		if (i < n)
			r = next(rx, &len);
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
	set_limit(rx);
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

/* The predecessor may have left in the middle of a run; see say_run(). */
static int resume_run(struct weir_rx *rx, uint64_t pos)
{
	const struct weir_half *mine = rx->end->mine;
	struct weir_cursor *at = &rx->end->free;
	/* relaxed: as the position, in weir_rx_start() */
	uint64_t first = weir_load_relaxed64(&mine->run_first);
	uint64_t end = weir_load_relaxed64(&mine->run_end);
	uint64_t len = weir_load_relaxed64(&mine->run_len);

	if (pos < first || pos >= end)
		return 0;
	if (!len || len > weir_layout_max_message(rx->mask + 1) ||
	    end - pos > rx->mask + 1 - (pos & rx->mask) ||
	    (end - pos) % weir_priv_stride(len))
		return weir_end_break(rx->end, -EPROTO,
				      "the run left behind is none");
	at->run_end = end;
	at->run_len = len;
	return 0;
}

int weir_rx_start(struct weir_end *end)
{
	struct weir_rx *rx = &end->side.rx;
	/* relaxed: this half is ours now; its last holder's words came with
	   the claim */
	uint64_t pos = weir_load_relaxed64(&end->mine->position);
	int r;

	if (pos & 7)
		return weir_end_break(end, -EPROTO, "the read position is odd");
	rx->pos = pos;
	end->free.pos = pos;
	r = resume_run(rx, pos);
	if (r)
		return r;
	rx->messages = end->counters[WEIR_COUNT_MESSAGES];
	rx->bytes = end->counters[WEIR_COUNT_BYTES];
	rx->news = end->news;
	rx->peer_state = &end->peer->state;
	set_limit(rx);
	return 0;
}

void weir_rx_close(struct weir_rx *rx)
{
	if (rx && rx->end->ring && !rx->end->lent)
		weir_ring_forget(rx->end->ring, rx->end);
}
