/* SPDX-License-Identifier: MIT */
/*
 * The raw limit of processes that look at memory until it changes. At 8 bytes
 * the message is itself the word that changes: two lines, 128 bytes apart,
 * one written by each side. See raw.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "raw.h"

/* Measured with messages of 64 KiB, of 1 to 64: near and far the fastest or
   next to it. */
#define PIECE 16384

/* Every page is touched here, as a ring's are when it is made. */
void *raw_setup(uint64_t capacity)
{
	size_t size = sizeof(struct raw_memory) + BENCH_SIDES * capacity;
	struct raw_state *s = calloc(1, sizeof(*s));
	unsigned char *memory;
	int side;

	if (!s)
		bench_fail("no memory");
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		bench_fail("mmap: %s", strerror(errno));
	memset(memory, 0, size);
	s->memory = (struct raw_memory *)(void *)memory;
	for (side = 0; side < BENCH_SIDES; side++)
		s->buffer[side] = memory + sizeof(struct raw_memory) +
				  (size_t)side * capacity;
	s->capacity = capacity;
	return s;
}

/* The mapping stays: the parent does not touch it, so it costs nothing. */
void raw_leave(void *state)
{
	free(state);
}

/* The slots of another size held something else: both sides begin anew. */
void raw_begin(struct bench_run *run)
{
	struct raw_state *s = run->state;

	if (run->order.test != BENCH_RTT)
		return;
	memset(s->buffer[run->side], 0, run->order.size < RAW_LARGE ?
					WEIR_LINE : s->capacity);
	s->sent = s->received = 0;
}

static void wait_busy(struct weir_a32 *word, uint32_t want)
{
	unsigned looks = 0;

	while ((int32_t)(weir_load_acquire32(word) - want) < 0)
		bench_relax(&looks);
}

static void wake_nobody(struct weir_a32 *word)
{
	(void)word;
}

static void send_line(struct bench_run *run, const void *data, size_t size)
{
	struct raw_state *s = run->state;
	uint64_t number;

	if (size != 8) {
		raw_slot_send(run, data, size, PIECE, wake_nobody);
		return;
	}
	memcpy(&number, data, 8);
	weir_store_release64(s->memory->line[run->side], number);
}

static void recv_line(struct bench_run *run, void *data, size_t size)
{
	struct raw_state *s = run->state;
	unsigned looks = 0;
	uint64_t number;

	if (size != 8) {
		raw_slot_recv(run, data, size, PIECE, wait_busy);
		return;
	}
	while ((number = weir_load_acquire64(s->memory->line[!run->side])) ==
	       s->line)
		bench_relax(&looks);
	s->line = number;
	memcpy(data, &number, 8);
}

static void parts_send(struct bench_run *run)
{
	BENCH_BY_SIZE(raw_flow_send, run, wait_busy, wake_nobody);
}

static void parts_recv(struct bench_run *run)
{
	BENCH_BY_SIZE(raw_flow_recv, run, wait_busy, wake_nobody);
}

BENCH_TRIPS(line, send_line, recv_line)

const struct bench_contestant bench_raw = {
	.name = "raw",
	.what = "the limit, busy: bare cache lines, and bare copies",
	.label = {
		[BENCH_BUSY] = {
			[BENCH_RTT] = "raw lines",
			[BENCH_THROUGHPUT] = "raw copies",
		},
	},
	.raw = true,
	.plays = {
		[BENCH_BUSY] = {{ BENCH_TRIPS_OF(line), BENCH_FLOW_OF(parts) }},
	},
	.setup = raw_setup,
	.leave = raw_leave,
	.begin = raw_begin,
};
