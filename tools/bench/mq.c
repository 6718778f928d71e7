/* SPDX-License-Identifier: MIT */
/*
 * A POSIX message queue each way, on Linux. Busy: O_NONBLOCK and another try.
 * The system caps messages, bytes a message and bytes in all, low for who is
 * not root: what was got is said.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "loops.h"

/* More than any default of the system; each try is half of the last one. */
#define MESSAGES 65536

struct queues {
	mqd_t queue[BENCH_SIDES];	/* by the side that writes */
	long messages;
	size_t size;
};

/* Of one side. */
struct ends {
	mqd_t out, in;
};

extern const struct bench_contestant bench_mq;

/* The half; but 10, what Linux allows to all, is tried too. */
static long fewer(long n)
{
	return n > 10 && n / 2 < 10 ? 10 : n / 2;
}

/* As many messages as the system gives, up to the capacity. */
static bool open_queue(struct queues *q, int side, uint64_t capacity)
{
	struct mq_attr attr = { .mq_msgsize = (long)q->size };
	static unsigned n;
	char name[64];

	snprintf(name, sizeof(name), "/weir-bench-%ld-%u", (long)getpid(), n++);
	attr.mq_maxmsg = (long)(capacity / q->size < MESSAGES ?
				capacity / q->size : MESSAGES);
	for (; attr.mq_maxmsg; attr.mq_maxmsg = fewer(attr.mq_maxmsg)) {
		q->queue[side] = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600,
					 &attr);
		if (q->queue[side] != (mqd_t)-1) {
			mq_unlink(name);
			q->messages = attr.mq_maxmsg;
			return true;
		}
	}
	return false;
}

static void *setup(const struct bench_ask *ask)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	struct queues *q = calloc(1, sizeof(*q));

	if (!q)
		bench_fail("no memory");
	q->size = ask->size;
	/* for who may; the bytes of all queues of the user count */
	(void)setrlimit(RLIMIT_MSGQUEUE, &all);
	if (!open_queue(q, BENCH_A, ask->capacity)) {
		bench_skip(&bench_mq, "%zu bytes: mq_open: %s", ask->size,
			   strerror(errno));
		free(q);
		return NULL;
	}
	if (!open_queue(q, BENCH_B, ask->capacity)) {
		bench_skip(&bench_mq, "%zu bytes: mq_open: %s", ask->size,
			   strerror(errno));
		mq_close(q->queue[BENCH_A]);
		free(q);
		return NULL;
	}
	return q;
}

static void note(void *state, char *text, size_t size)
{
	const struct queues *q = state;

	snprintf(text, size, "of %ld messages", q->messages);
}

static void leave(void *state)
{
	struct queues *q = state;

	mq_close(q->queue[BENCH_A]);
	mq_close(q->queue[BENCH_B]);
	free(q);
}

static void join(struct bench_run *run)
{
	const struct queues *q = run->state;
	struct ends *ends = calloc(1, sizeof(*ends));

	if (!ends)
		bench_fail("no memory");
	ends->out = q->queue[run->side];
	ends->in = q->queue[!run->side];
	run->mine = ends;
}

/* O_NONBLOCK belongs to the open queue, which both sides share. */
static void begin(struct bench_run *run)
{
	struct ends *ends = run->mine;
	struct mq_attr attr = {
		.mq_flags = run->order.mode == BENCH_BUSY ? O_NONBLOCK : 0,
	};

	if (mq_setattr(ends->out, &attr, NULL) ||
	    mq_setattr(ends->in, &attr, NULL))
		bench_fail_run(run, "mq_setattr: %s", strerror(errno));
}

static void send_mq(struct bench_run *run, const void *data, size_t size)
{
	mqd_t queue = ((struct ends *)run->mine)->out;
	unsigned looks = 0;

	while (mq_send(queue, data, size, 0)) {
		if (errno == EAGAIN)
			bench_relax(&looks);
		else if (errno != EINTR)
			bench_fail_run(run, "mq_send: %s", strerror(errno));
	}
}

static void recv_mq(struct bench_run *run, void *data, size_t size)
{
	mqd_t queue = ((struct ends *)run->mine)->in;
	unsigned looks = 0;
	ssize_t n;

	while ((n = mq_receive(queue, data, size, NULL)) < 0) {
		if (errno == EAGAIN)
			bench_relax(&looks);
		else if (errno != EINTR)
			bench_fail_run(run, "mq_receive: %s", strerror(errno));
	}
	if ((size_t)n != size)
		bench_fail_run(run, "mq_receive: %zd of %zu bytes", n, size);
}

BENCH_TRIPS(queue, send_mq, recv_mq)
BENCH_FLOW(queue, send_mq, recv_mq)

const struct bench_contestant bench_mq = {
	.name = "mq",
	.what = "a POSIX message queue each way",
	.peer = true,
	.by_size = true,
	.kinds = BENCH_IN_PROCESSES | BENCH_IN_THREADS,
	.plays = {
		[BENCH_BUSY] = {{ BENCH_TRIPS_OF(queue),
				  BENCH_FLOW_OF(queue) }},
		[BENCH_BLOCKING] = {{ BENCH_TRIPS_OF(queue),
				      BENCH_FLOW_OF(queue) }},
	},
	.setup = setup,
	.join = join,
	.leave = leave,
	.begin = begin,
	.note = note,
};
