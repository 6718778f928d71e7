/* SPDX-License-Identifier: MIT */
/*
 * weir with one thing changed, to show what it costs; each is optional.
 * weir-bare keeps no counters. weir-calls makes calls where weir is inlined,
 * and does not know at compile time how long its messages are, as a program in
 * another language. weir-huge asks for huge pages; its note says which came.
 * weir-stream is a stream over a socket pair: each side can write
 * its own block only.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rings.h"

/* The sockets are closed once the streams have their own. */
struct sockets {
	int end[BENCH_SIDES];
	uint64_t capacity;
};

static void *setup_bare(const struct bench_ask *ask)
{
	return rings_make(ask, 0, WEIR_RING_NO_METRICS);
}

static void *setup_huge(const struct bench_ask *ask)
{
	return rings_make(ask, 0, WEIR_RING_HUGE_PAGES);
}

static void note_huge(void *state, char *text, size_t size)
{
	struct rings *r = state;
	struct weir_ring_info info;

	if (weir_ring_info(r->ring[0], &info))
		return;
	snprintf(text, size, "of %llu KiB in pages of %llu KiB",
		 (unsigned long long)info.capacity / 1024,
		 (unsigned long long)info.page_size / 1024);
}

static void *setup_stream(const struct bench_ask *ask)
{
	struct sockets *s = calloc(1, sizeof(*s));

	if (!s)
		bench_fail("no memory");
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s->end))
		bench_fail("socketpair: %s", strerror(errno));
	s->capacity = ask->capacity;
	return s;
}

static void leave_stream(void *state)
{
	struct sockets *s = state;

	close(s->end[0]);
	close(s->end[1]);
	free(s);
}

static void join_stream(struct bench_run *run)
{
	struct sockets *s = run->state;
	struct weir_stream_options options = {
		.size = sizeof(options),
		.capacity = s->capacity,
	};
	struct ends *ends = calloc(1, sizeof(*ends));
	struct weir_stream *stream;
	int rc;

	if (!ends)
		bench_fail("no memory");
	/* or the other one's death would not be noticed */
	close(s->end[!run->side]);
	rc = weir_stream_attach(&stream, s->end[run->side], &options,
				WEIR_FOREVER);
	if (rc)
		bench_fail_run(run, "weir_stream_attach: %s",
			       weir_strerror(rc));
	close(s->end[run->side]);
	ends->tx = weir_stream_tx(stream);
	ends->rx = weir_stream_rx(stream);
	run->mine = ends;
}

/* Volatile: the compiler does not see which function it is. */
static int (*volatile call_write)(struct weir_tx *tx, const void *data,
				  size_t size) = weir_tx_try_write;
static ssize_t (*volatile call_read)(struct weir_rx *rx, void *data,
				     size_t size) = weir_rx_try_read;

BENCH_INLINE void send_call(struct bench_run *run, const void *data,
			    size_t size)
{
	struct weir_tx *tx = rings_tx(run);
	unsigned looks = 0;
	int rc;

	while (WEIR_UNLIKELY((rc = call_write(tx, data, size)))) {
		if (rc != -EAGAIN)
			rings_failed(run, "weir_tx_try_write", rc);
		bench_relax(&looks);
	}
}

BENCH_INLINE void recv_call(struct bench_run *run, void *data, size_t size)
{
	struct weir_rx *rx = rings_rx(run);
	unsigned looks = 0;
	ssize_t n;

	while (WEIR_UNLIKELY((n = call_read(rx, data, size)) !=
			     (ssize_t)size)) {
		if (n != -EAGAIN)
			rings_failed(run, "weir_rx_try_read", n);
		bench_relax(&looks);
	}
}

BENCH_TRIPS(inlined, rings_send, rings_recv)
BENCH_FLOW(inlined, rings_send, rings_recv)
BENCH_TRIPS(called, send_call, recv_call)
BENCH_FLOW(called, send_call, recv_call)

const struct bench_contestant bench_weir_bare = {
	.name = "weir-bare",
	.what = "the same as weir, without counters",
	.plain = true,
	.optional = true,
	.kinds = BENCH_IN_PROCESSES | BENCH_IN_THREADS,
	.plays = {
		[BENCH_BUSY] = {{ BENCH_TRIPS_OF(inlined),
				  BENCH_FLOW_OF(inlined) }},
	},
	.setup = setup_bare,
	.join = rings_join,
	.leave = rings_leave,
	.parks = rings_parks,
};

const struct bench_contestant bench_weir_calls = {
	.name = "weir-calls",
	.what = "the same as weir, not inlined, sizes not known",
	.plain = true,
	.optional = true,
	.kinds = BENCH_IN_PROCESSES | BENCH_IN_THREADS,
	.plays = {
		[BENCH_BUSY] = {{ BENCH_TRIPS_OF(called),
				  BENCH_FLOW_OF(called) }},
	},
	.setup = rings_setup,
	.join = rings_join,
	.leave = rings_leave,
	.parks = rings_parks,
};

const struct bench_contestant bench_weir_huge = {
	.name = "weir-huge",
	.what = "the same as weir, huge pages asked for",
	.plain = true,
	.optional = true,
	.kinds = BENCH_IN_PROCESSES | BENCH_IN_THREADS,
	.plays = {
		[BENCH_BUSY] = {{ BENCH_TRIPS_OF(inlined),
				  BENCH_FLOW_OF(inlined) }},
	},
	.setup = setup_huge,
	.join = rings_join,
	.leave = rings_leave,
	.parks = rings_parks,
	.note = note_huge,
};

const struct bench_contestant bench_weir_stream = {
	.name = "weir-stream",
	.what = "a stream: the other side cannot write this one's block",
	.plain = true,
	.optional = true,
	.kinds = BENCH_IN_PROCESSES,
	.plays = {
		[BENCH_BUSY] = {{ BENCH_TRIPS_OF(inlined),
				  BENCH_FLOW_OF(inlined) }},
	},
	.setup = setup_stream,
	.join = join_stream,
	.leave = leave_stream,
	.parks = rings_parks,
};
