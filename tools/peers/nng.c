/* SPDX-License-Identifier: MIT */
/*
 * nng: a pair0 socket in each process over its ipc transport, with the threads
 * that nng starts for itself. Blocking: nng_send and nng_recv, which copy.
 * Busy: the same with NNG_FLAG_NONBLOCK; between two tries the CPU is offered
 * to nng's threads, which have the message. Its buffers count messages, 8192
 * at most: as many as the others' buffers hold.
 */
#include <sched.h>
#include <unistd.h>

#include "peer.h"

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>

#define MESSAGES_MAX 8192

struct plan {
	char address[64];
	int messages;
};

static void *setup(const struct bench_ask *ask)
{
	struct plan *plan = calloc(1, sizeof(*plan));
	uint64_t messages = ask->capacity / ask->size;
	static unsigned n;

	if (!plan)
		bench_fail("no memory");
	/* of no file system, gone with its socket */
	snprintf(plan->address, sizeof(plan->address),
		 "abstract://weir-bench-nng-%ld-%u", (long)getpid(), n++);
	plan->messages = messages < MESSAGES_MAX ? (int)messages :
						   MESSAGES_MAX;
	return plan;
}

__attribute__((noreturn, cold)) static void failed(struct bench_run *run,
						   const char *call, int rc)
{
	bench_fail_run(run, "%s: %s", call, nng_strerror(rc));
}

static void join(struct bench_run *run)
{
	struct plan *plan = run->state;
	nng_socket *socket = calloc(1, sizeof(*socket));
	int rc;

	if (!socket)
		bench_fail("no memory");
	rc = nng_pair0_open(socket);
	if (rc)
		failed(run, "nng_pair0_open", rc);
	rc = nng_socket_set_int(*socket, NNG_OPT_SENDBUF, plan->messages);
	if (!rc)
		rc = nng_socket_set_int(*socket, NNG_OPT_RECVBUF,
					plan->messages);
	if (rc)
		failed(run, "nng_socket_set_int", rc);
	/* Who dials tries again until there is somebody. */
	rc = run->side == BENCH_A ?
	     nng_listen(*socket, plan->address, NULL, 0) :
	     nng_dial(*socket, plan->address, NULL, NNG_FLAG_NONBLOCK);
	if (rc)
		failed(run, run->side == BENCH_A ? "nng_listen" : "nng_dial",
		       rc);
	run->mine = socket;
}

BENCH_INLINE void send_flags(struct bench_run *run, const void *data,
			     size_t size, int flags)
{
	nng_socket socket = *(nng_socket *)run->mine;
	int rc;

	/* it is only read */
	while ((rc = nng_send(socket, (void *)(uintptr_t)data, size, flags))) {
		if (rc != NNG_EAGAIN)
			failed(run, "nng_send", rc);
		sched_yield();
	}
}

BENCH_INLINE void recv_flags(struct bench_run *run, void *data, size_t size,
			     int flags)
{
	nng_socket socket = *(nng_socket *)run->mine;
	size_t came = size;
	int rc;

	while ((rc = nng_recv(socket, data, &came, flags))) {
		if (rc != NNG_EAGAIN)
			failed(run, "nng_recv", rc);
		came = size;
		sched_yield();
	}
	if (came != size)
		bench_fail_run(run, "nng_recv: %zu of %zu bytes", came, size);
}

BENCH_BY_FLAGS(send_flags, recv_flags, NNG_FLAG_NONBLOCK, 0)

const struct bench_contestant bench_nng = {
	.name = "nng",
	.what = "nng: pair0 sockets over its ipc transport",
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
