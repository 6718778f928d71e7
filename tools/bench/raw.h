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
 * the other at every size, as whoever lets messages wait must, and has the lines
 * of the next slot before its message is there, as weir: no queue whose header
 * is its flag is known to do better. "raw-packed", packed.c, has its slots as
 * close as weir has its records, and one way a header for each message.
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
/* A slot of "raw-queue" begins a cache line if it is as long as one; shorter
   ones are faster packed. "raw-packed" shows what it is where they begin
   anywhere. */
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
	struct weir_a32 read __attribute__((aligned(WEIR_LINE)));
	struct raw_part part[RAW_PARTS];
};

/* From setup, and a copy of it for each side. */
struct raw_state {
	struct raw_memory *memory;
	unsigned char *buffer[BENCH_SIDES];	/* by the side that writes */
	size_t capacity;
	bool queue;		/* slots one after the other, used in turn */
	bool packed;		/* and each directly after the other */
	uint64_t line;		/* the last one seen */
	uint32_t sent, received;	/* in round trips */
	uint32_t parts;		/* filled or emptied so far */
	/* of packed ones, one way */
	unsigned char *at, *end;	/* the next slot, the end of all */
	uint32_t slots, lag;	/* so many; to let pile up */
	uint32_t told;		/* the reader's position as published */
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

BENCH_INLINE size_t raw_stride(const struct raw_state *s, size_t size)
{
	size_t line = !s->queue ? WEIR_LINE :
		      s->packed || size < RAW_ALIGNED ? 8 : RAW_ALIGNED;

	return (sizeof(struct raw_slot) + size + line - 1) & ~(line - 1);
}

/* The slot of the message that is the n-th from this side. */
BENCH_INLINE struct raw_slot *raw_slot(struct raw_state *s, int side,
				       size_t size, uint32_t n)
{
	size_t stride = raw_stride(s, size);
	size_t slots = size < RAW_LARGE && !s->queue ? 1 :
		       s->capacity / stride;

	return (struct raw_slot *)(void *)
	       (s->buffer[side] + n % slots * stride);
}

/*
 * Two ways of copying, and raw.c has a contestant of each, for which is faster
 * depends on the distance, the size and the buffer: plain stores, and stores
 * past the caches of both sides, where the processor has them. Whoever has just
 * put a message together by words must load it by words: longer loads are not
 * given what is in the store buffer and wait for it (64 B near: 43 M/s with
 * memcpy, see weir_priv_copy_words()). n is a multiple of 8.
 */
#ifdef __x86_64__
#define RAW_STREAM 1
BENCH_INLINE void raw_copy_stream(void *to, const void *from, size_t n)
{
	const volatile weir_priv_word *word =
		(const volatile weir_priv_word *)from;
	long long *at = (long long *)to;

	/* 16 bytes at a time from where that is aligned */
	if ((uintptr_t)at % 16) {
		_mm_stream_si64(at++, (long long)*word++);
		n -= 8;
	}
	for (; n >= 16; n -= 16, at += 2, word += 2)
		_mm_stream_si128((__m128i *)(void *)at,
				 _mm_set_epi64x((long long)word[1],
						(long long)word[0]));
	if (n)
		_mm_stream_si64(at, (long long)*word);
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
	else if (n <= WEIR_PRIV_WORDS)
		weir_priv_copy_words(to, from, n);
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

/* A store into each line of the next slot but the first, at which the other side
   looks: then the message need not wait for them. See lib/ahead.c. */
BENCH_INLINE void raw_slot_ahead(struct bench_run *run, size_t size)
{
	struct raw_state *s = run->mine;
	uintptr_t slot = (uintptr_t)raw_slot(s, run->side, size, s->sent);
	uintptr_t line = (slot / RAW_ALIGNED + 1) * RAW_ALIGNED;

	for (; line < slot + raw_stride(s, size); line += RAW_ALIGNED)
		weir_store_relaxed64((struct weir_a64 *)line, 0);
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

/* Puts a message there; the number says whether it is the last one. */
typedef void raw_put(struct bench_run *run, unsigned char *at, size_t size,
		     uint64_t number);
/* Takes it; whether it was the last one. */
typedef bool raw_take(struct bench_run *run, unsigned char *at, size_t size,
		      uint64_t number);

BENCH_INLINE void raw_fill(struct bench_run *run, raw_wait *wait,
			   raw_wake *wake, raw_put *put, size_t size)
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
			put(run, at, size, stop ? number | BENCH_LAST :
						  number);
		}
		raw_fence(RAW_STREAM);
		part->messages = fits;
		/* release: the messages and their sum before "full" */
		weir_store_release32(&part->full, turn + 1);
		wake(&part->full);
	} while (!stop);
}

BENCH_INLINE void raw_drain(struct bench_run *run, raw_wait *wait,
			    raw_wake *wake, raw_take *take, size_t size)
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
			last = take(run, at, size, ++number);
		/* release: the loads before "empty" */
		weir_store_release32(&part->empty, turn + 1);
		wake(&part->empty);
		if (!last)
			bench_window_look(run, &window, number);
	}
}

BENCH_INLINE void raw_put_copy(struct bench_run *run, unsigned char *at,
			       size_t size, uint64_t number)
{
	bench_think(run->order.think, number);
	bench_stamp(run->out, size, number);
	raw_copy(at, run->out, size, false);
}

BENCH_INLINE void raw_put_stream(struct bench_run *run, unsigned char *at,
				 size_t size, uint64_t number)
{
	bench_stamp(run->out, size, number);
	raw_copy(at, run->out, size, true);
}

BENCH_INLINE bool raw_take_copy(struct bench_run *run, unsigned char *at,
				size_t size, uint64_t number)
{
	memcpy(run->in, at, size);
	return bench_check(run, run->in, size, number);
}

/* The payload made and used where it lies; a number grows by one in it. */
BENCH_INLINE void raw_put_made(struct bench_run *run, unsigned char *at,
			       size_t size, uint64_t number)
{
	(void)run;
	bench_make_message(at, size, number & ~BENCH_LAST,
			   number & BENCH_LAST);
}

#if RAW_STREAM
BENCH_INLINE void raw_put_made_stream(struct bench_run *run, unsigned char *at,
				      size_t size, uint64_t number)
{
	long long *word = (long long *)(void *)at;
	size_t words = size / 8 - 2, i;

	(void)run;
	_mm_stream_si64(word++, (long long)number);
	for (i = 0; i < words; i++)
		_mm_stream_si64(word++, (long long)((number & ~BENCH_LAST) +
						    i));
	_mm_stream_si64(word, (long long)number);
}
#else
#define raw_put_made_stream raw_put_made
#endif

BENCH_INLINE bool raw_take_made(struct bench_run *run, unsigned char *at,
				size_t size, uint64_t number)
{
	return bench_use_message(run, at, size, number);
}

BENCH_INLINE void raw_flow_send(struct bench_run *run, raw_wait *wait,
				raw_wake *wake, size_t size)
{
	raw_fill(run, wait, wake, raw_put_copy, size);
}

BENCH_INLINE void raw_flow_recv(struct bench_run *run, raw_wait *wait,
				raw_wake *wake, size_t size)
{
	raw_drain(run, wait, wake, raw_take_copy, size);
}

BENCH_INLINE void raw_flow_stream(struct bench_run *run, raw_wait *wait,
				  raw_wake *wake, size_t size)
{
	raw_fill(run, wait, wake, raw_put_stream, size);
}

#endif
