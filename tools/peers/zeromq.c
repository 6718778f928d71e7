/* SPDX-License-Identifier: MIT */
/*
 * ZeroMQ: a PAIR socket in each process over ipc://, with a context and one
 * thread of ZeroMQ's own on either side. Blocking: zmq_send and zmq_recv.
 * Busy: the same with ZMQ_DONTWAIT; between two tries the CPU is offered to the
 * library's thread, which has the message. Its high water marks count
 * messages: as many as the others' buffers hold.
 */
#include <errno.h>
#include <sched.h>
#include <unistd.h>

#include "peer.h"

#include <zmq.h>

struct plan {
	char address[64];
	int messages;		/* the high water mark */
};

static void *setup(const struct bench_ask *ask)
{
	struct plan *plan = calloc(1, sizeof(*plan));
	static unsigned n;

	if (!plan)
		bench_fail("no memory");
	/* @: of no file system, gone with its socket */
	snprintf(plan->address, sizeof(plan->address),
		 "ipc://@weir-bench-zeromq-%ld-%u", (long)getpid(), n++);
	plan->messages = (int)(ask->capacity / ask->size);
	return plan;
}

__attribute__((noreturn, cold)) static void failed(struct bench_run *run,
						   const char *call)
{
	bench_fail_run(run, "%s: %s", call, zmq_strerror(errno));
}

static void join(struct bench_run *run)
{
	struct plan *plan = run->state;
	void *context = zmq_ctx_new(), *socket;
	int rc;

	if (!context)
		failed(run, "zmq_ctx_new");
	socket = zmq_socket(context, ZMQ_PAIR);
	if (!socket)
		failed(run, "zmq_socket");
	if (zmq_setsockopt(socket, ZMQ_SNDHWM, &plan->messages, sizeof(int)) ||
	    zmq_setsockopt(socket, ZMQ_RCVHWM, &plan->messages, sizeof(int)))
		failed(run, "zmq_setsockopt");
	/* Who connects tries again until there is somebody. */
	rc = run->side == BENCH_A ? zmq_bind(socket, plan->address) :
				    zmq_connect(socket, plan->address);
	if (rc)
		failed(run, run->side == BENCH_A ? "zmq_bind" : "zmq_connect");
	run->mine = socket;
}

BENCH_INLINE void send_flags(struct bench_run *run, const void *data,
			     size_t size, int flags)
{
	while (zmq_send(run->mine, data, size, flags) < 0) {
		if (errno == EAGAIN)
			sched_yield();
		else if (errno != EINTR)
			failed(run, "zmq_send");
	}
}

BENCH_INLINE void recv_flags(struct bench_run *run, void *data, size_t size,
			     int flags)
{
	int n;

	while ((n = zmq_recv(run->mine, data, size, flags)) < 0) {
		if (errno == EAGAIN)
			sched_yield();
		else if (errno != EINTR)
			failed(run, "zmq_recv");
	}
	if ((size_t)n != size)
		bench_fail_run(run, "zmq_recv: %d of %zu bytes", n, size);
}

BENCH_BY_FLAGS(send_flags, recv_flags, ZMQ_DONTWAIT, 0)

const struct bench_contestant bench_zeromq = {
	.name = "zeromq",
	.what = "ZeroMQ: PAIR sockets over ipc://",
	.peer = true,
	.by_size = true,
	.kinds = BENCH_IN_PROCESSES,
	.plays = {
		[BENCH_BUSY] = {{ BENCH_TRIPS_OF(busy), BENCH_FLOW_OF(busy) }},
		[BENCH_BLOCKING] = {{ BENCH_TRIPS_OF(blocking),
				      BENCH_FLOW_OF(blocking) }},
	},
	.setup = setup,
	.join = join,
	.leave = free,
};
