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
 * is copied out while its end is still copied in.
 *
 * Throughput: a buffer in parts. A message is a copy into the part and another
 * one out of it; no header, no length, no index, no wrap. The two processes
 * tell each other only of whole parts: full, empty. So a message waits for
 * thousands of others, which no message queue could afford.
 */
#ifndef BENCH_RAW_H
#define BENCH_RAW_H

#include "loops.h"

/* Parts of the buffer. Measured with 2 MiB: two are a third as fast; from
   eight on the number makes no difference. */
#define RAW_PARTS 8
/* From this size on slots go round. Measured: 1 KiB is faster in one slot,
   64 KiB twice as fast in as many as there are. */
#define RAW_LARGE 8192
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

struct raw_state {
	struct raw_memory *memory;
	unsigned char *buffer[BENCH_SIDES];	/* by the side that writes */
	size_t capacity;
	uint64_t line;		/* the last one seen */
	uint32_t sent, received;	/* in round trips */
	uint32_t parts;		/* filled or emptied so far */
};

/* Until the word, which only grows, is what is wanted; after it has grown. */
typedef void raw_wait(struct weir_a32 *word, uint32_t want);
typedef void raw_wake(struct weir_a32 *word);

void *raw_setup(uint64_t capacity);
void raw_leave(void *state);
void raw_begin(struct bench_run *run);

/* The slot of the message that is the n-th from this side. */
BENCH_INLINE struct raw_slot *raw_slot(struct raw_state *s, int side,
				       size_t size, uint32_t n)
{
	size_t stride = (sizeof(struct raw_slot) + size + WEIR_LINE - 1) &
			~(size_t)(WEIR_LINE - 1);
	size_t slots = size < RAW_LARGE ? 1 : s->capacity / stride;

	return (struct raw_slot *)(void *)
	       (s->buffer[side] + n % slots * stride);
}

BENCH_INLINE void raw_slot_send(struct bench_run *run, const void *data,
				size_t size, size_t piece, raw_wake *wake)
{
	struct raw_state *s = run->state;
	struct raw_slot *slot = raw_slot(s, run->side, size, s->sent);
	uint32_t count = ++s->sent * RAW_COUNTS;
	size_t at, n;

	for (at = 0; at < size; at += n) {
		n = size - at < piece ? size - at : piece;
		memcpy(slot->data + at, (const char *)data + at, n);
		/* release: the piece before the count */
		weir_store_release32(&slot->count, ++count);
		wake(&slot->count);
	}
}

BENCH_INLINE void raw_slot_recv(struct bench_run *run, void *data, size_t size,
				size_t piece, raw_wait *wait)
{
	struct raw_state *s = run->state;
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

BENCH_INLINE void raw_flow_send(struct bench_run *run, raw_wait *wait,
				raw_wake *wake, size_t size)
{
	uint64_t number = run->order.first;
	struct raw_part *part;
	unsigned char *at;
	uint32_t turn, fits, i;
	bool stop;

	do {
		part = raw_part_next(run->state, size, &at, &turn, &fits);
		wait(&part->empty, turn);
		stop = weir_load_relaxed32(&run->shared->stop.word);
		if (stop)
			fits = 1;
		for (i = 0; i < fits; i++, at += size) {
			number++;
			bench_stamp(run->out, size,
				    stop ? number | BENCH_LAST : number);
			memcpy(at, run->out, size);
		}
		part->messages = fits;
		/* release: the messages and their sum before "full" */
		weir_store_release32(&part->full, turn + 1);
		wake(&part->full);
	} while (!stop);
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
		part = raw_part_next(run->state, size, &at, &turn, &fits);
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

#endif
