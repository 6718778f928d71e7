/* SPDX-License-Identifier: MIT */
/*
 * The raw limit of processes that look at memory until it changes. At 8 bytes
 * the message is itself the word that changes: two lines, 128 bytes apart,
 * one written by each side. See raw.h.
 *
 * raw-stream is the same with stores past the caches, which fetch no line and
 * leave none, on x86-64. A limit that makes one fence for a part of the buffer
 * is often faster with them, for messages of every size, most of all between
 * distant processors; the ratios are to whichever of the two rows is better.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "raw.h"

/* Every page is touched here, as a ring's are when it is made. */
void *raw_setup(const struct bench_ask *ask)
{
	size_t capacity = ask->capacity;
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

void raw_join(struct bench_run *run)
{
	struct raw_state *s = malloc(sizeof(*s));

	if (!s)
		bench_fail("no memory");
	memcpy(s, run->state, sizeof(*s));
	run->mine = s;
}

static void *queue_setup(const struct bench_ask *ask)
{
	struct raw_state *s = raw_setup(ask);

	s->queue = true;
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
	struct raw_state *s = run->mine;

	if (run->order.test != BENCH_RTT)
		return;
	memset(s->buffer[run->side], 0, run->order.size < RAW_LARGE &&
	       !s->queue ? WEIR_LINE : s->capacity);
	s->sent = s->received = 0;
}

static void send_slot(struct bench_run *run, const void *data, size_t size)
{
	raw_slot_send(run, data, size, RAW_PIECE, raw_wake_nobody, false);
}

static void send_queue(struct bench_run *run, const void *data, size_t size)
{
	send_slot(run, data, size);
	raw_slot_ahead(run, size);
}

static void recv_slot(struct bench_run *run, void *data, size_t size)
{
	raw_slot_recv(run, data, size, RAW_PIECE, raw_wait_busy);
}

static void send_line(struct bench_run *run, const void *data, size_t size)
{
	struct raw_state *s = run->mine;
	uint64_t number;

	if (size != 8) {
		send_slot(run, data, size);
		return;
	}
	memcpy(&number, data, 8);
	weir_store_release64(s->memory->line[run->side], number);
}

static void recv_line(struct bench_run *run, void *data, size_t size)
{
	struct raw_state *s = run->mine;
	unsigned looks = 0;
	uint64_t number;

	if (size != 8) {
		recv_slot(run, data, size);
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
	BENCH_BY_SIZE(raw_flow_send, run, raw_wait_busy, raw_wake_nobody);
}

static void parts_recv(struct bench_run *run)
{
	BENCH_BY_SIZE(raw_flow_recv, run, raw_wait_busy, raw_wake_nobody);
}

static void work_make(struct bench_run *run)
{
	raw_fill(run, raw_wait_busy, raw_wake_nobody, raw_put_made,
		 run->order.size);
}

static void work_use(struct bench_run *run)
{
	raw_drain(run, raw_wait_busy, raw_wake_nobody, raw_take_made,
		  run->order.size);
}

static void send_stream(struct bench_run *run, const void *data, size_t size)
{
	raw_slot_send(run, data, size, RAW_PIECE, raw_wake_nobody, true);
}

static void parts_send_stream(struct bench_run *run)
{
	BENCH_BY_SIZE(raw_flow_stream, run, raw_wait_busy, raw_wake_nobody);
}

static void work_make_stream(struct bench_run *run)
{
	raw_fill(run, raw_wait_busy, raw_wake_nobody, raw_put_made_stream,
		 run->order.size);
}

BENCH_TRIPS(line, send_line, recv_line)
BENCH_TRIPS(queue, send_queue, recv_slot)
BENCH_TRIPS(stream, send_stream, recv_slot)

const struct bench_contestant bench_raw = {
	.name = "raw",
	.what = "the limit, busy: bare cache lines, and bare copies",
	.label = {
		[BENCH_BUSY] = {
			[BENCH_RTT] = "raw lines",
			[BENCH_THROUGHPUT] = "raw copies",
			[BENCH_BATCHED] = "raw copies",
			[BENCH_WORKED] = "raw in place",
		},
	},
	.raw = true,
	.plain = true,
	.kinds = BENCH_IN_PROCESSES | BENCH_IN_THREADS,
	.plays = {
		[BENCH_BUSY] = {{
			BENCH_TRIPS_OF(line),
			BENCH_FLOW_OF(parts),
			/* of batches it has no other way */
			[BENCH_BATCHED] = { parts_send, parts_recv },
			BENCH_WORK_OF(work),
		}},
	},
	.setup = raw_setup,
	.join = raw_join,
	.leave = raw_leave,
	.begin = raw_begin,
};

const struct bench_contestant bench_raw_queue = {
	.name = "raw-queue",
	.what = "raw, with a fresh slot for each message, as queues have",
	.kinds = BENCH_IN_PROCESSES | BENCH_IN_THREADS,
	.plays = {
		[BENCH_BUSY] = {{ BENCH_TRIPS_OF(queue) }},
	},
	.setup = queue_setup,
	.join = raw_join,
	.leave = raw_leave,
	.begin = raw_begin,
};

const struct bench_contestant bench_raw_stream = {
	.name = "raw-stream",
	.what = RAW_STREAM ? "raw, by copies past the caches" : NULL,
	.raw = RAW_STREAM,
	.kinds = RAW_STREAM ? BENCH_IN_PROCESSES | BENCH_IN_THREADS : 0,
	.plays = {
		[BENCH_BUSY] = {{
			BENCH_TRIPS_OF(stream),
			[BENCH_THROUGHPUT] = { parts_send_stream, parts_recv },
			[BENCH_BATCHED] = { parts_send_stream, parts_recv },
			[BENCH_WORKED] = { work_make_stream, work_use },
		}},
	},
	.setup = raw_setup,
	.join = raw_join,
	.leave = raw_leave,
	.begin = raw_begin,
};
