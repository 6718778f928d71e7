/* SPDX-License-Identifier: MIT */
/*
 * The producer: what the inline of weir/tx.h leaves to the library. Layout and
 * orders: weir/layout.h.
 *
 * tx->pos is where the next record goes, reservations included; end->first is
 * where the published part ends. The inlines know tx->at and tx->limit instead.
 * While something is reserved, while this side fences and when the end is
 * broken, tx->limit is NULL and every inline comes here.
 */
#include <string.h>

#include "internal.h"

/*
 * Worth a run: less saves no byte of header, longer messages no line. Past the
 * caches longer ones do: a line that two of them share is taken away from the
 * consumer, one by one, unless they are put there together.
 */
#define RUN_LEAST 3
#define RUN_MAX 512
#define RUN_STREAMED_MAX 1024
#define RUN_COUNT_MAX 4096
#define STAGE 4096

static struct weir_a64 *word_at(const struct weir_tx *tx, uint64_t pos)
{
	return (struct weir_a64 *)(void *)(tx->data + (pos & tx->mask));
}

static uint64_t to_end(const struct weir_tx *tx, uint64_t pos)
{
	return tx->mask + 1 - (pos & tx->mask);
}

/*
 * What the inlines may use from here on: in one piece, the header behind a
 * record included. To be called when nothing is reserved.
 */
static void set_limit(struct weir_tx *tx)
{
	uint64_t room = tx->end->peer_position + tx->end->capacity -
			WEIR_RECORD_HEADER - tx->pos;
	uint64_t piece = to_end(tx, tx->pos) - WEIR_RECORD_HEADER;

	tx->at = tx->data + (tx->pos & tx->mask);
	tx->bias = tx->pos - (uintptr_t)tx->at;
	tx->limit = tx->at + (room < piece ? room : piece);
	if (tx->fence || tx->end->broken)
		tx->limit = NULL;
}

/*
 * Whether a record of size bytes fits now, with the padding before it if it
 * must start over at the beginning and with the header behind it. -EAGAIN:
 * not before the consumer's position has reached end->need.
 */
static int room(struct weir_tx *tx, uint64_t size)
{
	struct weir_end *end = tx->end;
	uint64_t piece = to_end(tx, tx->pos);
	uint64_t ends = tx->pos + (size > piece ? piece : 0) + size +
			WEIR_RECORD_HEADER;
	uint64_t seen;

	end->need = ends > end->capacity ? ends - end->capacity : 0;
	if (end->peer_position >= end->need)
		return 0;
	/* A2 pairs with R2 in weir_rx_try_read(), release(): the
	   reading of what we write over. */
	seen = weir_load_acquire64(&end->peer->position);
	if (seen < end->peer_position || seen > end->first || (seen & 7))
		return weir_end_break(end, -EPROTO,
				      "the consumer's position is not within "
				      "what was sent");
	end->peer_position = seen;
	return seen >= end->need ? 0 : -EAGAIN;
}

/* No room: why, and is it for good? Room found at the second look is 0. */
static int full(struct weir_tx *tx, uint64_t size)
{
	struct weir_end *end = tx->end;
	int r = weir_end_departed(end);

	if (r) {
		int again = room(tx, size);

		if (again != -EAGAIN)
			return again;
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

static int find_room(struct weir_tx *tx, uint64_t size)
{
	int r = room(tx, size);

	if (r == -EAGAIN)
		r = full(tx, size);
	if (!r)
		tx->end->sticky = 0;
	return r;
}

/* The errors that come before any question of room. */
static int refused(const struct weir_tx *tx, uint64_t len)
{
	if (tx->end->broken)
		return tx->end->broken;
	return len > tx->max ? -EMSGSIZE : 0;
}

/*
 * Puts a header, which nobody can see before the batch's first one is stored
 * by commit.
 */
static void put_header(struct weir_tx *tx, uint64_t pos, uint64_t header)
{
	if (pos == tx->end->first)
		tx->end->first_header = header;
	else
		/* relaxed: R1 in publish() orders it before the first */
		weir_store_relaxed64(word_at(tx, pos), header);
}

/* A record with len bytes of payload; returns where they go. */
static unsigned char *put_record(struct weir_tx *tx, uint64_t len,
				 unsigned int kind)
{
	uint64_t size = weir_priv_record_size(len);
	uint64_t piece = to_end(tx, tx->pos);
	uint64_t pos;

	if (size > piece) {
		put_header(tx, tx->pos,
			   (piece - WEIR_RECORD_HEADER) << WEIR_LEN_SHIFT |
				   WEIR_KIND_PAD);
		tx->pos += piece;
	}
	pos = tx->pos;
	put_header(tx, pos, len << WEIR_LEN_SHIFT | kind);
	tx->pos += size;
	tx->limit = NULL;
	return tx->data + (pos & tx->mask) + WEIR_RECORD_HEADER;
}

static void *place(struct weir_tx *tx, uint64_t len)
{
	struct weir_end *end = tx->end;
	unsigned char *at = put_record(tx, len, WEIR_KIND_RECORD);

	end->last = tx->pos - weir_priv_record_size(len);
	end->last_len = len;
	end->open++;
	end->open_bytes += len;
	return at;
}

void weir_priv_tx_copy(struct weir_tx *tx, void *to, const void *from,
		       size_t len)
{
	if (weir_copy_large(tx->end->copy, tx->mask + 1, to, from, len,
			    len))
		weir_copy_fence();
}

/* For what publish() follows: it fences, once for all of a batch. */
static void copy_large(struct weir_tx *tx, void *to, const void *from,
		       size_t len, size_t message)
{
	struct weir_end *end = tx->end;

	end->streamed |= weir_copy_large(end->copy, tx->mask + 1, to, from, len,
					 message);
}

static void copy(struct weir_tx *tx, void *to, const void *from, size_t len)
{
	if (len >= WEIR_PRIV_LARGE)
		copy_large(tx, to, from, len, len);
	else if (len)
		memcpy(to, from, len);
}

/* F1, while it is a real one; the run of them ends in weir_end_unfence(). */
static void fence(struct weir_tx *tx)
{
	if (!tx->fence)
		return;
	/* F1 pairs with F2 in weir_end_announce(): forbids that the consumer
	   misses the message and this side misses the sleeper. */
	weir_fence_seq_cst();
	if (!--tx->fence)
		tx->fence = weir_end_unfence(tx->end);
}

static void publish(struct weir_tx *tx)
{
	struct weir_end *end = tx->end;
	uint64_t from = end->first, bytes = end->open_bytes;
	uint32_t count = end->open;

	if (end->streamed) {
		/* payloads before the header: R1 does not order these */
		weir_copy_fence();
		end->streamed = 0;
	}
	/* relaxed: R1 below orders it */
	weir_store_relaxed64(word_at(tx, tx->pos), 0);
	/* R1 pairs with A1 in weir_rx_try_read(), header_at(). Publishes: the
	   payloads, the headers after the first, the zero behind the last. */
	weir_store_release64(word_at(tx, from), end->first_header);
	/* R7 pairs with A7 in weir_tx_start(): headers before the position. */
	weir_store_release64(&end->mine->position, tx->pos);
	end->first = tx->pos;
	tx->messages += count;
	tx->bytes += bytes;
	/* relaxed: counters, read by tools */
	weir_store_relaxed64(&tx->counters[WEIR_COUNT_MESSAGES],
			     tx->messages);
	weir_store_relaxed64(&tx->counters[WEIR_COUNT_BYTES], tx->bytes);
	end->open = 0;
	end->open_bytes = 0;
	fence(tx);
	set_limit(tx);
	weir_priv_tx_notify(tx);
	/* One message, and no padding before it, which nobody has read yet. */
	if (WEIR_UNLIKELY(tx->messages >= tx->look) && count == 1 &&
	    tx->pos - from == weir_priv_record_size(bytes))
		weir_priv_tx_ahead(tx, (size_t)bytes);
}

/* The inline has sent since the library last looked. */
static void catch_up(struct weir_tx *tx)
{
	if (tx->end->open)
		return;
	tx->pos = (uintptr_t)tx->at + tx->bias;
	tx->end->first = tx->pos;
}

void weir_priv_tx_wake(struct weir_tx *tx, uint32_t waiting)
{
	tx->rung = waiting;
	tx->fence = weir_end_fence(tx->end);
	tx->limit = NULL;
	weir_end_ring(tx->end, waiting);
}

static int try_place(struct weir_tx *tx, size_t len, void **at)
{
	int r = refused(tx, len);

	if (r) {
		weir_end_count(tx->end, WEIR_COUNT_ERRORS, 1);
		return r;
	}
	catch_up(tx);
	r = find_room(tx, weir_priv_record_size(len));
	/* not while there is something to publish first */
	if (r == -EAGAIN && !tx->end->open &&
	    weir_lag(&tx->end->lag, tx->pos, tx->messages)) {
		r = find_room(tx, weir_priv_record_size(len));
		if (r == -EAGAIN)
			weir_lag_failed(&tx->end->lag);
	}
	if (r) {
		weir_end_count(tx->end, WEIR_COUNT_FULL, r == -EAGAIN);
		return r;
	}
	*at = place(tx, len);
	return 0;
}

int weir_priv_tx_write(struct weir_tx *tx, const void *data, size_t len)
{
	void *at;
	int r;

	if (tx->end->open && !tx->end->broken)
		return -EINVAL;
	r = try_place(tx, len, &at);
	if (r)
		return r;
	copy(tx, at, data, len);
	publish(tx);
	return 0;
}

/* weir_end_wait() and others wait for room for end->want bytes of record. */
int weir_tx_look(struct weir_end *end)
{
	catch_up(&end->side.tx);
	return find_room(&end->side.tx, end->want);
}

/* The errors that come before any question of room. */
int weir_tx_fits(const struct weir_tx *tx, size_t len)
{
	return refused(tx, len);
}

/*
 * For a wait that outlasts the call: what weir_tx_look() is to look for.
 * Returns as weir_tx_fits().
 */
int weir_tx_want(struct weir_tx *tx, size_t len)
{
	int r = refused(tx, len);

	if (!r)
		tx->end->want = weir_priv_record_size(len);
	return r;
}

static int wait_room(struct weir_tx *tx, size_t len, int64_t deadline)
{
	tx->end->want = weir_priv_record_size(len);
	return weir_end_wait(tx->end, weir_tx_look,
			     deadline);
}

int weir_priv_tx_write_wait(struct weir_tx *tx, const void *data, size_t len,
			    int64_t deadline)
{
	int r = wait_room(tx, len, deadline);

	return r ? r : weir_tx_try_write(tx, data, len);
}

int weir_tx_writev(struct weir_tx *tx, const struct weir_buf *v, size_t n,
		   int64_t deadline)
{
	unsigned char *to;
	size_t i, len = 0;
	void *at;
	int r;

	if (tx->end->open && !tx->end->broken)
		return -EINVAL;
	for (i = 0; i < n; i++) {
		if (v[i].len > tx->max - len)
			return tx->end->broken ? tx->end->broken : -EMSGSIZE;
		len += v[i].len;
	}
	r = try_place(tx, len, &at);
	if (r == -EAGAIN && deadline != WEIR_NOWAIT) {
		r = wait_room(tx, len, deadline);
		if (!r)
			r = try_place(tx, len, &at);
	}
	if (r)
		return r;
	for (to = at, i = 0; i < n; i++) {
		copy(tx, to, v[i].data, v[i].len);
		to += v[i].len;
	}
	publish(tx);
	return 0;
}

/*
 * The messages of a run, gathered in a buffer and put into the ring by large
 * copies: scattered stores to lines that the consumer has just read are slow,
 * however few. Eight bytes are what most programs batch: no call for each.
 */
static void fill_run(struct weir_tx *tx, unsigned char *to,
		     const struct weir_buf *v, size_t n)
{
	size_t len = v[0].len, stride = weir_priv_stride(len), i, fill;
	unsigned char stage[STAGE];

	if (len == 8 && n * 8 < WEIR_PRIV_LARGE) {
		for (i = 0; i < n; i++)
			memcpy(to + i * 8, v[i].data, 8);
		return;
	}
	for (i = 0; i < n; to += fill) {
		for (fill = 0; i < n && fill + stride <= STAGE; i++) {
			/* the padding is not to tell what the stack held */
			memset(stage + fill + stride - 8, 0, 8);
			memcpy(stage + fill, v[i].data, len);
			fill += stride;
		}
		if (len > RUN_MAX)
			copy_large(tx, to, stage, fill, len);
		else
			copy(tx, to, stage, fill);
	}
}

/*
 * As many of n messages as are of the length of the first one and fit, as one
 * record. Returns how many; 0: not worth it, or no room known.
 */
static size_t write_run(struct weir_tx *tx, const struct weir_buf *v, size_t n)
{
	struct weir_end *end = tx->end;
	uint64_t len = v[0].len, stride = weir_priv_stride(len);
	uint64_t free, piece = to_end(tx, tx->pos);
	unsigned char *at;
	size_t i;

	if (!len || len > RUN_STREAMED_MAX ||
	    (len > RUN_MAX && !weir_copy_streams(end->copy, len)))
		return 0;
	if (n > RUN_COUNT_MAX)
		n = RUN_COUNT_MAX;
	for (i = 1; i < n && v[i].len == len; i++)
		;
	/* Asks the consumer's position if what is known does not do; what it
	   says is below, and whether it lies. */
	room(tx, WEIR_RUN_HEADER + i * stride);
	free = end->peer_position + end->capacity - WEIR_RECORD_HEADER -
	       tx->pos;
	if (free > piece)
		free = piece;
	if (end->broken || free < WEIR_RUN_HEADER)
		return 0;
	free -= WEIR_RUN_HEADER;
	/* a division takes as long as some messages */
	if (i * stride > free)
		i = (size_t)(free / stride);
	if (i < RUN_LEAST)
		return 0;
	/* there was room, as in find_room() */
	end->sticky = 0;
	at = put_record(tx, WEIR_RECORD_HEADER + i * stride, WEIR_KIND_RUN);
	/* relaxed: R1 in publish() orders it before the first header */
	weir_store_relaxed64((struct weir_a64 *)(void *)at,
			     (uint64_t)i << WEIR_RUN_COUNT_SHIFT | len);
	fill_run(tx, at + WEIR_RECORD_HEADER, v, i);
	end->open += (uint32_t)i;
	end->open_bytes += i * len;
	return i;
}

/* As many of n as there is room for, published at once. */
static int write_some(struct weir_tx *tx, const struct weir_buf *v, size_t n)
{
	int r = 0;
	size_t i;

	catch_up(tx);
	for (i = 0; i < n;) {
		size_t run = write_run(tx, v + i, n - i);
		void *at;

		if (run) {
			i += run;
			continue;
		}
		r = try_place(tx, v[i].len, &at);
		if (r)
			break;
		/* in a batch, what could be a run counts as large */
		if (v[i].len > RUN_MAX)
			copy_large(tx, at, v[i].data, v[i].len, v[i].len);
		else
			copy(tx, at, v[i].data, v[i].len);
		i++;
	}
	if (i)
		publish(tx);
	return i ? (int)i : r;
}

int weir_tx_write_batch(struct weir_tx *tx, const struct weir_buf *v, size_t n,
			int64_t deadline)
{
	size_t sent = 0;
	int r = 0;

	if (tx->end->broken)
		return tx->end->broken;
	if (tx->end->open)
		return -EINVAL;
	if (n > INT32_MAX)
		n = INT32_MAX;
	while (sent < n) {
		r = write_some(tx, v + sent, n - sent);
		if (r > 0) {
			sent += (size_t)r;
			continue;
		}
		if (r == -EAGAIN && deadline != WEIR_NOWAIT)
			r = wait_room(tx, v[sent].len, deadline);
		if (r)
			break;
	}
	return sent ? (int)sent : r;
}

int weir_tx_reserve(struct weir_tx *tx, size_t len, void **data)
{
	if (tx->end->open == INT32_MAX)
		return -EAGAIN;
	return try_place(tx, len, data);
}

int weir_tx_shrink(struct weir_tx *tx, size_t len)
{
	struct weir_end *end = tx->end;
	uint64_t was;

	if (end->broken)
		return end->broken;
	if (!end->open)
		return -EINVAL;
	was = end->last_len;
	if (len > was)
		return -EINVAL;
	put_header(tx, end->last,
		   (uint64_t)len << WEIR_LEN_SHIFT | WEIR_KIND_RECORD);
	end->open_bytes -= was - len;
	end->last_len = len;
	tx->pos = end->last + weir_priv_record_size(len);
	return 0;
}

int weir_tx_commit(struct weir_tx *tx)
{
	struct weir_end *end = tx->end;
	int n = (int)end->open;

	if (end->broken)
		return end->broken;
	if (!n)
		return -EINVAL;
	publish(tx);
	return n;
}

int weir_tx_abort(struct weir_tx *tx)
{
	struct weir_end *end = tx->end;

	if (end->broken)
		return end->broken;
	if (!end->open)
		return -EINVAL;
	/* Headers of the dropped batch stay behind the first one, which was
	   never stored: nobody can get past its zero. */
	tx->pos = end->first;
	end->open = 0;
	end->open_bytes = 0;
	set_limit(tx);
	return 0;
}

int weir_tx_wait(struct weir_tx *tx, size_t len, int64_t deadline)
{
	int r = refused(tx, len);

	if (r)
		return r;
	if (tx->end->open)
		return -EINVAL;
	catch_up(tx);
	r = wait_room(tx, len, deadline);
	if (!r)
		set_limit(tx);
	return r;
}

int weir_tx_handle(struct weir_tx *tx, weir_handle *handle)
{
	return weir_end_handle(tx->end, handle);
}

int weir_tx_arm(struct weir_tx *tx, size_t len)
{
	int r = weir_tx_want(tx, len);

	if (r)
		return r;
	if (tx->end->open)
		return -EINVAL;
	r = weir_end_arm(tx->end, weir_tx_look);
	if (r == 1)
		set_limit(tx);
	return r;
}

int weir_tx_cancel(struct weir_tx *tx)
{
	return weir_end_cancel(tx->end);
}

int weir_tx_info(const struct weir_tx *tx, struct weir_ring_info *info)
{
	return weir_end_info(tx->end, info);
}

/*
 * Goes on where the predecessor stopped: from its position to the first zero
 * header. It may have died between storing a header and the position that
 * counts it. The consumer may be further by then, even in the middle of a run,
 * but nobody has written over the headers that it has read.
 */
int weir_tx_start(struct weir_end *end)
{
	struct weir_tx *tx = &end->side.tx;
	uint64_t bound, pos, read;

	/* A2 pairs with R2: what the consumer has finished with. */
	read = weir_load_acquire64(&end->peer->position);
	/* A7 pairs with R7 in weir_tx_try_write(), publish(): the headers. */
	pos = weir_load_acquire64(&end->mine->position);
	if ((read & 7) || (pos & 7) ||
	    (pos > read ? pos - read : read - pos) > end->capacity)
		return weir_end_break(end, -EPROTO, "positions too far apart");
	for (bound = read + end->capacity;;) {
		uint64_t size;
		/* A1 pairs with R1: records that a reader could see. */
		uint64_t header = weir_load_acquire64(word_at(tx, pos));

		if (!header)
			break;
		size = weir_priv_record_size(header >> WEIR_LEN_SHIFT);
		if (size > to_end(tx, pos) || size > bound - pos ||
		    bound - pos - size < WEIR_RECORD_HEADER)
			return weir_end_break(end, -EPROTO,
					      "no end to what was sent");
		pos += size;
	}
	if (pos < read)
		return weir_end_break(end, -EPROTO,
				      "the consumer has read what was not sent");
	tx->pos = pos;
	tx->messages = end->counters[WEIR_COUNT_MESSAGES];
	tx->bytes = end->counters[WEIR_COUNT_BYTES];
	end->first = pos;
	end->peer_position = read;
	/* R7 pairs with A7 above, in a later successor. */
	weir_store_release64(&end->mine->position, pos);
	set_limit(tx);
	return 0;
}

void weir_tx_close(struct weir_tx *tx)
{
	if (tx && tx->end->ring && !tx->end->lent)
		weir_ring_forget(tx->end->ring, tx->end);
}
