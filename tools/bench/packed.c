/* SPDX-License-Identifier: MIT */
/*
 * raw-packed: the limit of who publishes messages as weir does. Records of any
 * length follow each other closely: a header word, which is the flag, and the
 * payload from the next 8 bytes on, wherever in a cache line that is. Each
 * message has a header and a releasing store of it; of a batch the first header
 * is stored last. The reader publishes its position in a line of its own, each
 * eighth of the buffer.
 *
 * It is as bare as that can be: the header is a count, which the reader knows
 * beforehand, so nothing is read that was not awaited and nothing is cleared;
 * no length is looked at, nothing counted, nobody woken, no bound checked. Who
 * runs out keeps away until a run of messages is there, however long that
 * takes, as this sender never pauses; a queue may keep away for a time only.
 */
#include "raw.h"

/* What the reader lets pile up when it has run out, if that is no more than an
   eighth of the buffer. Measured near: with 2 KiB the sender is chased and half
   as fast; of 16 to 128 KiB each is the best at some size. */
#define LAG_BYTES 32768
/* Fewer slots: a batch, what is let pile up and the part that is not yet
   published might not fit. */
#define LEAST_SLOTS 128
/* Longer ones are bound by the way of copying, for which raw stands. */
#define LONGEST 1024

static size_t stride_of(size_t size)
{
	return sizeof(struct raw_slot) + size;
}

static bool carries(size_t size, uint64_t capacity)
{
	return size <= LONGEST && capacity / stride_of(size) >= LEAST_SLOTS;
}

static void *setup(const struct bench_ask *ask)
{
	struct raw_state *s = raw_setup(ask);

	s->queue = true;
	s->packed = true;
	return s;
}

static void begin(struct bench_run *run)
{
	struct raw_state *s = run->mine;
	size_t stride = stride_of(run->order.size);

	raw_begin(run);
	if (run->order.test == BENCH_RTT)
		return;
	/* One way, all in A's buffer: A clears it, B has read nothing. */
	if (run->side == BENCH_A)
		memset(s->buffer[BENCH_A], 0, s->capacity);
	else
		weir_store_relaxed32(&s->memory->read, 0);
	s->sent = s->received = s->told = 0;
	s->slots = (uint32_t)(s->capacity / stride);
	s->lag = s->slots / RAW_PARTS < LAG_BYTES / stride ?
		 s->slots / RAW_PARTS : (uint32_t)(LAG_BYTES / stride);
	s->at = s->buffer[BENCH_A];
	s->end = s->at + s->slots * stride;
}

BENCH_INLINE struct raw_slot *slot_at(unsigned char *at)
{
	return (struct raw_slot *)(void *)at;
}

BENCH_INLINE unsigned char *next(const struct raw_state *s, unsigned char *at,
				 size_t size)
{
	at += sizeof(struct raw_slot) + size;
	return at == s->end ? s->buffer[BENCH_A] : at;
}

/* For n messages; told is the position that the reader had when looked at. */
BENCH_INLINE void await_room(struct raw_state *s, uint32_t n)
{
	unsigned looks = 0;

	while (WEIR_UNLIKELY(s->sent + n - s->told > s->slots)) {
		/* acquire: its loads before the stores to come */
		s->told = weir_load_acquire32(&s->memory->read);
		if (s->sent + n - s->told > s->slots)
			bench_relax(&looks);
	}
}

BENCH_INLINE void packed_send_one(struct bench_run *run, const void *data,
				  size_t size)
{
	struct raw_state *s = run->mine;
	struct raw_slot *slot = slot_at(s->at);

	await_room(s, 1);
	raw_copy(slot->data, data, size, false);
	/* release: the payload before the header */
	weir_store_release32(&slot->count, ++s->sent);
	s->at = next(s, s->at, size);
}

/* Until the message is there that is so many after the next one, or the sender
   has been told to stop; but for the last ones the next one is, too. */
static __attribute__((noinline)) void keep_away(struct bench_run *run,
						size_t size)
{
	struct raw_state *s = run->mine;
	uint32_t count = s->received + 1;
	unsigned char *at = s->at + s->lag * stride_of(size);
	unsigned looks = 0;

	if (at >= s->end)
		at -= s->slots * stride_of(size);
	/* relaxed: the reader's own word; it only says that nothing follows */
	while (weir_load_relaxed32(&slot_at(at)->count) != count + s->lag &&
	       !weir_load_relaxed32(&run->shared->stop.word))
		bench_relax(&looks);
	while (weir_load_acquire32(&slot_at(s->at)->count) != count)
		bench_relax(&looks);
}

/* Whether the next one is there: then it is copied out. */
BENCH_INLINE bool take(struct raw_state *s, void *data, size_t size)
{
	struct raw_slot *slot = slot_at(s->at);

	/* acquire: the header before the payload */
	if (weir_load_acquire32(&slot->count) != s->received + 1)
		return false;
	memcpy(data, slot->data, size);
	s->received++;
	s->at = next(s, s->at, size);
	if (WEIR_UNLIKELY(s->received - s->told >= s->slots / RAW_PARTS)) {
		s->told = s->received;
		/* release: the loads before the position */
		weir_store_release32(&s->memory->read, s->told);
	}
	return true;
}

BENCH_INLINE void packed_recv_one(struct bench_run *run, void *data,
				  size_t size)
{
	while (WEIR_UNLIKELY(!take(run->mine, data, size)))
		keep_away(run, size);
}

BENCH_INLINE void packed_send_many(struct bench_run *run, const void *data,
				   size_t size, unsigned n)
{
	const unsigned char *from = data;
	struct raw_state *s = run->mine;
	struct raw_slot *first = slot_at(s->at), *slot = first;
	uint32_t count = s->sent + 1;
	unsigned i;

	await_room(s, n);
	for (i = 0; i < n; i++, from += size) {
		slot = slot_at(s->at);
		raw_copy(slot->data, from, size, false);
		/* relaxed: the first one tells of it */
		if (i)
			weir_store_relaxed32(&slot->count, count + i);
		s->at = next(s, s->at, size);
	}
	s->sent += n;
	/* release: all of the batch before its first header */
	weir_store_release32(&first->count, count);
}

BENCH_INLINE unsigned packed_recv_many(struct bench_run *run, void *data,
				       size_t size, unsigned n)
{
	struct raw_state *s = run->mine;
	unsigned char *to = data;
	unsigned i;

	packed_recv_one(run, to, size);
	for (i = 1; i < n && take(s, to + i * size, size); i++)
		;
	return i;
}

BENCH_INLINE void send_slot(struct bench_run *run, const void *data,
			    size_t size)
{
	raw_slot_send(run, data, size, RAW_PIECE, raw_wake_nobody, false);
	raw_slot_ahead(run, size);
}

BENCH_INLINE void recv_slot(struct bench_run *run, void *data, size_t size)
{
	raw_slot_recv(run, data, size, RAW_PIECE, raw_wait_busy);
}

BENCH_TRIPS(packed, send_slot, recv_slot)
BENCH_FLOW(packed, packed_send_one, packed_recv_one)
BENCH_BATCHES(packed, packed_send_many, packed_recv_many)

const struct bench_contestant bench_raw_packed = {
	.name = "raw-packed",
	.what = "raw-queue, each record directly after the other, as weir's",
	.kinds = BENCH_IN_PROCESSES | BENCH_IN_THREADS,
	.plays = {
		[BENCH_BUSY] = {{
			BENCH_TRIPS_OF(packed),
			BENCH_FLOW_OF(packed),
			BENCH_BATCHES_OF(packed),
		}},
	},
	.carries = carries,
	.setup = setup,
	.join = raw_join,
	.leave = raw_leave,
	.begin = begin,
};
