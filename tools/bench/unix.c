/* SPDX-License-Identifier: MIT */
/*
 * A Unix socket pair of type SEQPACKET, which keeps messages whole as a ring
 * does; STREAM is about as fast. Busy: MSG_DONTWAIT and another try.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loops.h"

struct sockets {
	int end[BENCH_SIDES];
	int size;		/* of the send buffer, as the system counts */
};

static void *setup(const struct bench_ask *ask)
{
	struct sockets *s = calloc(1, sizeof(*s));
	socklen_t len = sizeof(s->size);
	int side, size = (int)ask->capacity;

	if (!s)
		bench_fail("no memory");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s->end))
		bench_fail("socketpair: %s", strerror(errno));
	for (side = 0; side < BENCH_SIDES; side++) {
		/* Capped by the system, to wmem_max on Linux. */
		(void)setsockopt(s->end[side], SOL_SOCKET, SO_SNDBUF, &size,
				 sizeof(size));
		if (getsockopt(s->end[side], SOL_SOCKET, SO_SNDBUF, &s->size,
			       &len))
			s->size = 0;
	}
	return s;
}

static void note(void *state, char *text, size_t size)
{
	struct sockets *s = state;

	snprintf(text, size, "SEQPACKET, send buffer of %d KiB",
		 s->size / 1024);
}

static void leave(void *state)
{
	struct sockets *s = state;

	close(s->end[0]);
	close(s->end[1]);
	free(s);
}

static void join(struct bench_run *run)
{
	struct sockets *s = run->state;

	run->mine = &s->end[run->side];
	if (run->kind == BENCH_PROCESSES)
		close(s->end[!run->side]);
}

BENCH_INLINE void send_flags(struct bench_run *run, const void *data,
			     size_t size, int flags)
{
	int fd = *(const int *)run->mine;
	unsigned looks = 0;
	ssize_t n;

	while ((n = send(fd, data, size, flags | MSG_NOSIGNAL)) < 0) {
		if (errno == EAGAIN)
			bench_relax(&looks);
		else if (errno != EINTR)
			bench_fail_run(run, "send: %s", strerror(errno));
	}
	if ((size_t)n != size)
		bench_fail_run(run, "send: %zd of %zu bytes", n, size);
}

BENCH_INLINE void recv_flags(struct bench_run *run, void *data, size_t size,
			     int flags)
{
	int fd = *(const int *)run->mine;
	unsigned looks = 0;
	ssize_t n;

	while ((n = recv(fd, data, size, flags)) < 0) {
		if (errno == EAGAIN)
			bench_relax(&looks);
		else if (errno != EINTR)
			bench_fail_run(run, "recv: %s", strerror(errno));
	}
	if ((size_t)n != size)
		bench_fail_run(run, "recv: %zd of %zu bytes", n, size);
}

BENCH_BY_FLAGS(send_flags, recv_flags, MSG_DONTWAIT, 0)

const struct bench_contestant bench_unix = {
	.name = "unix",
	.what = "a Unix socket pair, SEQPACKET; a send and a recv each",
	.peer = true,
	.plain = true,
	.kinds = BENCH_IN_PROCESSES | BENCH_IN_THREADS,
	.plays = {
		[BENCH_BUSY] = {{ BENCH_TRIPS_OF(busy), BENCH_FLOW_OF(busy) }},
		[BENCH_BLOCKING] = {{ BENCH_TRIPS_OF(blocking),
				      BENCH_FLOW_OF(blocking) }},
	},
	.setup = setup,
	.join = join,
	.leave = leave,
	.note = note,
};
