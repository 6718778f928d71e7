/* SPDX-License-Identifier: MIT */
/*
 * The ways of waiting that weir-bench rate compares. Each has a pair of
 * processes; A sends, B receives.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rate.h"

/* Bytes of buffer: a ring that stays in a cache. */
#define CAPACITY (UINT64_C(1) << 16)

#define FIXED(us) { "spin-" #us, "spins for " #us " us, then sleeps", \
		    RATE_WEIR, us, us }

/* The bound 0 is spin_us -1, for 0 asks for the adaptive one. */
const struct rate_way rate_ways[] = {
	{ "adaptive", "weir's default, spin_us 0", RATE_WEIR, 0,
	  RATE_ADAPTIVE },
	{ "park", "spin_us -1: never spins", RATE_WEIR, -1, 0 },
	FIXED(1), FIXED(5), FIXED(20), FIXED(50), FIXED(200),
	{ "spin", "spin_us INT32_MAX: never sleeps", RATE_WEIR, INT32_MAX,
	  INT32_MAX },
	{ "handle", "a loop of the program's own: arms, waits for the handle",
	  RATE_HANDLE, -1, RATE_ADAPTIVE },
	{ "io_uring", "a loop of the program's own: weir/uring.h",
	  RATE_URING, -1, RATE_ADAPTIVE },
	{ "socket", "AF_UNIX, SOCK_SEQPACKET: send(2), recv(2)", RATE_SOCKET,
	  0, RATE_ADAPTIVE },
	{ "pipe", "write(2), read(2)", RATE_PIPE, 0, RATE_ADAPTIVE },
	{ "eventfd", "a message in shared memory, a count in an eventfd(2)",
	  RATE_EVENTFD, 0, RATE_ADAPTIVE },
};
const unsigned rate_ways_n = sizeof(rate_ways) / sizeof(rate_ways[0]);

/* What setup() is to make, and has made. */
static const struct rate_way *starting;
static struct rate_shared *started;

static void *share(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		bench_fail("mmap: %s", strerror(errno));
	return p;
}

static void open_ring(struct rate_state *s)
{
	struct weir_ring_options options = {
		.size = sizeof(options),
		.capacity = CAPACITY,
		.spin_us = s->way->spin_us,
	};
	int rc = weir_ring_create(&s->ring, &options);

	if (rc)
		bench_fail("weir_ring_create: %s", weir_strerror(rc));
}

static void open_descriptors(struct rate_state *s)
{
	int fd[2];

	if (s->way->kind == RATE_SOCKET) {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s->fd))
			bench_fail("socketpair: %s", strerror(errno));
		return;
	}
	if (s->way->kind == RATE_EVENTFD) {
		s->slot = share(RATE_SLOTS * sizeof(*s->slot));
		s->fd[0] = s->fd[1] = rate_eventfd();
		return;
	}
	if (pipe(fd))
		bench_fail("pipe: %s", strerror(errno));
	s->fd[0] = fd[1];
	s->fd[1] = fd[0];
}

static void *setup(const struct bench_ask *ask)
{
	struct rate_state *s = calloc(1, sizeof(*s));

	(void)ask;
	if (!s)
		bench_fail("no memory");
	s->way = starting;
	s->fd[0] = s->fd[1] = s->loop = -1;
	s->shared = started = share(sizeof(*s->shared));
	if (rate_has_ring(s->way))
		open_ring(s);
	else
		open_descriptors(s);
	return s;
}

static int open_loop(struct rate_state *s)
{
	weir_handle handle;
	int rc;

	if (s->way->kind == RATE_URING)
		return rate_uring_open();
	rc = weir_rx_handle(s->rx, &handle);
	if (rc)
		return rc;
	s->loop = rate_loop_open(handle);
	return s->loop < 0 ? s->loop : 0;
}

static void join(struct bench_run *run)
{
	struct rate_state *s = run->state;
	int rc;

	if (!rate_has_ring(s->way))
		return;
	rc = run->side == BENCH_A ? weir_ring_tx(s->ring, &s->tx) :
				    weir_ring_rx(s->ring, &s->rx);
	if (!rc && s->rx && s->way->kind != RATE_WEIR)
		rc = open_loop(s);
	if (rc)
		bench_fail("%s: %s", s->way->name, weir_strerror(rc));
}

/* What is shared stays mapped: the parent reads the results there. */
static void leave(void *state)
{
	struct rate_state *s = state;

	if (s->loop >= 0)
		close(s->loop);
	if (s->rx && s->way->kind == RATE_URING)
		rate_uring_close();
	weir_ring_close(s->ring);
	if (s->fd[0] >= 0)
		close(s->fd[0]);
	if (s->fd[1] >= 0 && s->fd[1] != s->fd[0])
		close(s->fd[1]);
	free(s);
}

uint64_t rate_counter(const struct weir_half *half, enum weir_counter which)
{
	/* relaxed: this process wrote it */
	return weir_load_relaxed64(&half->counters[which]);
}

struct bench_pair *rate_way_start(const struct rate_way *way,
				  struct rate_shared **shared)
{
	static struct bench_contestant who[BENCH_CONTESTANTS_MAX];
	static unsigned n;
	struct bench_contestant *c = &who[n++];
	struct bench_ask ask = {
		.kind = BENCH_PROCESSES, .capacity = CAPACITY,
	};
	struct bench_pair *pair;

	*c = (struct bench_contestant){
		.name = way->name,
		.what = way->what,
		.kinds = BENCH_IN_PROCESSES,
		.setup = setup,
		.join = join,
		.leave = leave,
	};
	c->plays[BENCH_BLOCKING].play[BENCH_THROUGHPUT][BENCH_A] =
		rate_play_send;
	c->plays[BENCH_BLOCKING].play[BENCH_THROUGHPUT][BENCH_B] =
		rate_play_receive;
	starting = way;
	pair = bench_pair_start(c, &ask);
	*shared = started;
	return pair;
}

bool rate_way_exists(const struct rate_way *way)
{
	int fd;

	if (way->kind == RATE_URING)
		return rate_uring_exists();
	if (way->kind != RATE_EVENTFD)
		return true;
	fd = rate_eventfd();
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}
