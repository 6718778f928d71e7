/* SPDX-License-Identifier: MIT */
/*
 * A pipe each way. A message is one write; a read asks for exactly one. Busy:
 * O_NONBLOCK and another try.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loops.h"

struct pipes {
	int end[BENCH_SIDES][2];	/* [0]: where that side reads */
	uint64_t size;
};

/* Of one side. */
struct ends {
	int read, write;
};

static void *setup(const struct bench_ask *ask)
{
	struct pipes *p = calloc(1, sizeof(*p));
	int side;

	if (!p)
		bench_fail("no memory");
	for (side = 0; side < BENCH_SIDES; side++) {
		if (pipe(p->end[side]))
			bench_fail("pipe: %s", strerror(errno));
		p->size = bench_pipe_size(p->end[side][1], ask->capacity);
	}
	return p;
}

static void note(void *state, char *text, size_t size)
{
	struct pipes *p = state;

	if (p->size)
		snprintf(text, size, "of %llu KiB",
			 (unsigned long long)p->size / 1024);
}

static void leave(void *state)
{
	struct pipes *p = state;
	int i;

	for (i = 0; i < BENCH_SIDES; i++) {
		close(p->end[i][0]);
		close(p->end[i][1]);
	}
	free(p);
}

static void join(struct bench_run *run)
{
	const struct pipes *p = run->state;
	struct ends *ends = calloc(1, sizeof(*ends));

	if (!ends)
		bench_fail("no memory");
	ends->read = p->end[run->side][0];
	ends->write = p->end[!run->side][1];
	run->mine = ends;
	if (run->kind == BENCH_THREADS)
		return;
	close(p->end[run->side][1]);
	close(p->end[!run->side][0]);
}

static void begin(struct bench_run *run)
{
	struct ends *p = run->mine;
	int flags = run->order.mode == BENCH_BUSY ? O_NONBLOCK : 0;

	if (fcntl(p->read, F_SETFL, flags) || fcntl(p->write, F_SETFL, flags))
		bench_fail_run(run, "fcntl: %s", strerror(errno));
}

static void send_pipe(struct bench_run *run, const void *data, size_t size)
{
	const char *at = data;
	int fd = ((struct ends *)run->mine)->write;
	unsigned looks = 0;
	ssize_t n;

	while (size) {
		n = write(fd, at, size);
		if (n > 0) {
			at += n;
			size -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			bench_relax(&looks);
		} else if (n == 0 || errno != EINTR) {
			bench_fail_run(run, "write: %s", strerror(errno));
		}
	}
}

static void recv_pipe(struct bench_run *run, void *data, size_t size)
{
	char *at = data;
	int fd = ((struct ends *)run->mine)->read;
	unsigned looks = 0;
	ssize_t n;

	while (size) {
		n = read(fd, at, size);
		if (n > 0) {
			at += n;
			size -= (size_t)n;
		} else if (n == 0) {
			bench_fail_run(run, "read: the other process closed");
		} else if (errno == EAGAIN) {
			bench_relax(&looks);
		} else if (errno != EINTR) {
			bench_fail_run(run, "read: %s", strerror(errno));
		}
	}
}

BENCH_TRIPS(pipe, send_pipe, recv_pipe)
BENCH_FLOW(pipe, send_pipe, recv_pipe)

const struct bench_contestant bench_pipe = {
	.name = "pipe",
	.what = "a pipe each way; a write and a read for each message",
	.peer = true,
	.plain = true,
	.kinds = BENCH_IN_PROCESSES | BENCH_IN_THREADS,
	.plays = {
		[BENCH_BUSY] = {{ BENCH_TRIPS_OF(pipe), BENCH_FLOW_OF(pipe) }},
		[BENCH_BLOCKING] = {{ BENCH_TRIPS_OF(pipe),
				      BENCH_FLOW_OF(pipe) }},
	},
	.setup = setup,
	.join = join,
	.leave = leave,
	.begin = begin,
	.note = note,
};
