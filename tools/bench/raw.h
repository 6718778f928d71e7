/* SPDX-License-Identifier: MIT */
/*
 * The raw limit: what memory shared by two processes can do at all, with as
 * little around it as a correct program needs, and of no other use. raw.c waits
 * by looking, futex.c by sleeping.
 *
 * Round trip: a slot each way for a payload and, on the line before it, a word
 * that counts. A small message has one slot, used again and again; of a large
 * one, lines that the other side has just read are slow to write, and the
 * slots go round in a buffer. A large message is told of in pieces, so that it
 * is copied out while its end is still copied in. "raw-queue" uses a slot after
 * the other at every size, as whoever lets messages wait must: no queue whose
 * header is its flag can do better.
 *
 * Throughput: a buffer in parts. A message is a copy into the part and another
 * one out of it; no header, no length, no index, no wrap. The two processes
 * tell each other only of whole parts: full, empty. So a message waits for
 * thousands of others, which no message queue could afford.
 */
#ifndef BENCH_RAW_H
#define BENCH_RAW_H

#ifdef __x86_64__
#include <emmintrin.h>
#endif

#include "loops.h"

/* Parts of the buffer. Measured with 2 MiB: two are a third as fast; from
   eight on the number makes no difference. */
#define RAW_PARTS 8
/* From this size on slots go round. Measured: 1 KiB is faster in one slot,
   64 KiB twice as fast in as many as there are. */
#define RAW_LARGE 8192
/* A slot of a queue begins a cache line if it is as long as one. Measured near:
   64 B take 163 ns there and back, 219 ns where they begin anywhere; 8 B take
   148, and 110 packed. */
#define RAW_ALIGNED 64
/* Counts a message: more than the pieces of the largest. */
#define RAW_COUNTS 256

struct raw_slot {
	struct weir_a32 count;
	uint32_t reserved;
	unsigned char data[];
};

struct raw_part {
	struct weir_a32 full __attribute__((aligned(WEIR_LINE)));
	uint32_t messages;	/* before full */
	struct weir_a32 empty __attribute__((aligned(WEIR_LINE)));
};

/* Shared; a buffer for each side follows. */
struct raw_memory {
	struct weir_a64 line[BENCH_SIDES][WEIR_LINE / 8]
		__attribute__((aligned(WEIR_LINE)));
	struct raw_part part[RAW_PARTS];
};

/* From setup, and a copy of it for each side. */
struct raw_state {
	struct raw_memory *memory;
	unsigned char *buffer[BENCH_SIDES];	/* by the side that writes */
	size_t capacity;
	bool queue;		/* slots one after the other, used in turn */
	uint64_t line;		/* the last one seen */
	uint32_t sent, received;	/* in round trips */
	uint32_t parts;		/* filled or emptied so far */
};

/* Until the word, which only grows, is what is wanted; after it has grown. */
typedef void raw_wait(struct weir_a32 *word, uint32_t want);
typedef void raw_wake(struct weir_a32 *word);

/* Pieces of a round trip. Measured with messages of 64 KiB, of 1 to 64 KiB:
   near and far the fastest or next to it. */
#define RAW_PIECE 16384

void *raw_setup(const struct bench_ask *ask);
void raw_join(struct bench_run *run);
void raw_leave(void *state);
void raw_begin(struct bench_run *run);

BENCH_INLINE void raw_wait_busy(struct weir_a32 *word, uint32_t want)
{
	unsigned looks = 0;

	while ((int32_t)(weir_load_acquire32(word) - want) < 0)
		bench_relax(&looks);
}

BENCH_INLINE void raw_wake_nobody(struct weir_a32 *word)
{
	(void)word;
}

/* The slot of the message that is the n-th from this side. */
BENCH_INLINE struct raw_slot *raw_slot(struct raw_state *s, int side,
				       size_t size, uint32_t n)
{
	size_t line = !s->queue ? WEIR_LINE :
		      size < RAW_ALIGNED ? 8 : RAW_ALIGNED;
	size_t stride = (sizeof(struct raw_slot) + size + line - 1) &
			~(line - 1);
	size_t slots = size < RAW_LARGE && !s->queue ? 1 :
		       s->capacity / stride;

	return (struct raw_slot *)(void *)
	       (s->buffer[side] + n % slots * stride);
}

/* Past the caches of both sides, where the processor can. */
#ifdef __x86_64__
#define RAW_STREAM 1
BENCH_INLINE void raw_copy_stream(void *to, const void *from, size_t n)
{
	const long long *word = (const long long *)from;
	long long *at = (long long *)to;
	size_t i;

	/* 16 bytes at a time where that is aligned */
	if (((uintptr_t)to | n) % 16 == 0) {
		for (i = 0; i < n / 16; i++)
			_mm_stream_si128((__m128i *)to + i, _mm_loadu_si128(
				(const __m128i *)from + i));
		return;
	}
	for (i = 0; i < n / 8; i++)
		_mm_stream_si64(&at[i], word[i]);
}

BENCH_INLINE void raw_fence_stream(void)
{
	_mm_sfence();
}
#else
#define RAW_STREAM 0
#define raw_copy_stream memcpy
#define raw_fence_stream weir_fence_compiler
#endif

BENCH_INLINE void raw_copy(void *to, const void *from, size_t n, bool stream)
{
	if (stream)
		raw_copy_stream(to, from, n);
	else
		memcpy(to, from, n);
}

/* Before whatever tells of the copies. */
BENCH_INLINE void raw_fence(bool stream)
{
	if (stream)
		raw_fence_stream();
}

BENCH_INLINE void raw_slot_send(struct bench_run *run, const void *data,
				size_t size, size_t piece, raw_wake *wake,
				bool stream)
{
	struct raw_state *s = run->mine;
	struct raw_slot *slot = raw_slot(s, run->side, size, s->sent);
	uint32_t count = ++s->sent * RAW_COUNTS;
	size_t at, n;

	for (at = 0; at < size; at += n) {
		n = size - at < piece ? size - at : piece;
		raw_copy(slot->data + at, (const char *)data + at, n, stream);
		raw_fence(stream);
		/* release: the piece before the count */
		weir_store_release32(&slot->count, ++count);
		wake(&slot->count);
	}
}

BENCH_INLINE void raw_slot_recv(struct bench_run *run, void *data, size_t size,
				size_t piece, raw_wait *wait)
{
	struct raw_state *s = run->mine;
	struct raw_slot *slot = raw_slot(s, !run->side, size, s->received);
	uint32_t count = ++s->received * RAW_COUNTS;
	size_t at, n;

	for (at = 0; at < size; at += n) {
		n = size - at < piece ? size - at : piece;
		wait(&slot->count, ++count);
		memcpy((char *)data + at, slot->data + at, n);
	}
}

/* The next part; *turn is how often the whole buffer was begun before. */
BENCH_INLINE struct raw_part *raw_part_next(struct raw_state *s, size_t size,
					    unsigned char **at, uint32_t *turn,
					    uint32_t *fits)
{
	uint32_t n = s->parts % RAW_PARTS;
	size_t part_size = s->capacity / RAW_PARTS;

	*turn = s->parts++ / RAW_PARTS;
	*at = s->buffer[BENCH_A] + n * part_size;
	*fits = (uint32_t)(part_size / size);
	return &s->memory->part[n];
}

BENCH_INLINE void raw_flow_copy(struct bench_run *run, raw_wait *wait,
				raw_wake *wake, size_t size, bool stream)
{
	uint64_t number = run->order.first;
	struct raw_part *part;
	unsigned char *at;
	uint32_t turn, fits, i;
	bool stop;

	do {
		part = raw_part_next(run->mine, size, &at, &turn, &fits);
		wait(&part->empty, turn);
		stop = weir_load_relaxed32(&run->shared->stop.word);
		if (stop)
			fits = 1;
		for (i = 0; i < fits; i++, at += size) {
			number++;
			bench_think(run->order.think, number);
			bench_stamp(run->out, size,
				    stop ? number | BENCH_LAST : number);
			raw_copy(at, run->out, size, stream);
		}
		raw_fence(stream);
		part->messages = fits;
		/* release: the messages and their sum before "full" */
		weir_store_release32(&part->full, turn + 1);
		wake(&part->full);
	} while (!stop);
}

BENCH_INLINE void raw_flow_send(struct bench_run *run, raw_wait *wait,
				raw_wake *wake, size_t size)
{
	raw_flow_copy(run, wait, wake, size, false);
}

BENCH_INLINE void raw_flow_recv(struct bench_run *run, raw_wait *wait,
				raw_wake *wake, size_t size)
{
	struct bench_window window = bench_window(run);
	uint64_t number = run->order.first;
	struct raw_part *part;
	unsigned char *at;
	uint32_t turn, fits, i;
	bool last = false;

	while (!last) {
		part = raw_part_next(run->mine, size, &at, &turn, &fits);
		wait(&part->full, turn + 1);
		fits = part->messages;
		for (i = 0; i < fits; i++, at += size) {
			memcpy(run->in, at, size);
			last = bench_check(run, run->in, size, ++number);
		}
		/* release: the copies out before "empty" */
		weir_store_release32(&part->empty, turn + 1);
		wake(&part->empty);
		if (!last)
			bench_window_look(run, &window, number);
	}
}

/* The same, the payload made and used where it lies. */
BENCH_INLINE void raw_work_make(struct bench_run *run, raw_wait *wait,
				raw_wake *wake, size_t size)
{
	uint64_t number = run->order.first;
	struct raw_part *part;
	unsigned char *at;
	uint32_t turn, fits, i;
	bool stop;

	do {
		part = raw_part_next(run->mine, size, &at, &turn, &fits);
		wait(&part->empty, turn);
		stop = weir_load_relaxed32(&run->shared->stop.word);
		if (stop)
			fits = 1;
		for (i = 0; i < fits; i++, at += size)
			bench_make_message(at, size, ++number, stop);
		part->messages = fits;
		/* release: the messages and their sum before "full" */
		weir_store_release32(&part->full, turn + 1);
		wake(&part->full);
	} while (!stop);
}

BENCH_INLINE void raw_work_use(struct bench_run *run, raw_wait *wait,
			       raw_wake *wake, size_t size)
{
	struct bench_window window = bench_window(run);
	uint64_t number = run->order.first;
	struct raw_part *part;
	unsigned char *at;
	uint32_t turn, fits, i;
	bool last = false;

	while (!last) {
		part = raw_part_next(run->mine, size, &at, &turn, &fits);
		wait(&part->full, turn + 1);
		fits = part->messages;
		for (i = 0; i < fits; i++, at += size)
			last = bench_use_message(run, at, size, ++number);
		/* release: the loads before "empty" */
		weir_store_release32(&part->empty, turn + 1);
		wake(&part->empty);
		if (!last)
			bench_window_look(run, &window, number);
	}
}

#endif
