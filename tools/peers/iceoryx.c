/* SPDX-License-Identifier: MIT */
/*
 * iceoryx by its C binding: a publisher and a subscriber in each process, the
 * publisher waiting for a subscriber whose queue is full, so that no message is
 * lost. A message is copied into a loaned chunk and out of a taken one; a
 * payload that is made in place needs neither copy, which is what iceoryx is
 * for. Busy: the subscriber is asked again and again. Blocking: it sleeps in a
 * wait set. Its queues count messages, 256 at most.
 *
 * Its daemon: iceoryx-daemon.c.
 */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "iceoryx.h"

#include <iceoryx_binding_c/api.h>

#define MESSAGES_MAX 256
/* Milliseconds in which two processes find each other. Arbitrary. */
#define MEET_MS 10000

struct plan {
	char instance[32];
	unsigned messages;
};

struct ends {
	iox_pub_storage_t pub_memory;
	iox_sub_storage_t sub_memory;
	iox_ws_storage_t ws_memory;
	iox_pub_t pub;
	iox_sub_t sub;
	iox_ws_t ws;
	void *loaned;		/* a chunk being made */
	const void *taken;	/* a chunk being used */
};

static void *setup(const struct bench_ask *ask)
{
	static unsigned n;
	static int daemon_runs = -1;
	uint64_t messages = ask->capacity / ask->size;
	struct plan *plan;

	if (daemon_runs < 0)
		daemon_runs = iceoryx_daemon_start();
	if (!daemon_runs)
		return NULL;
	plan = calloc(1, sizeof(*plan));
	if (!plan)
		bench_fail("no memory");
	snprintf(plan->instance, sizeof(plan->instance), "%ld-%u",
		 (long)getpid(), n++);
	plan->messages = messages < MESSAGES_MAX ? (unsigned)messages :
						   MESSAGES_MAX;
	return plan;
}

static void make_ends(struct ends *ends, const struct plan *plan, int side)
{
	static const char *const event[] = { "to-a", "to-b" };
	iox_pub_options_t pub;
	iox_sub_options_t sub;

	iox_pub_options_init(&pub);
	pub.subscriberTooSlowPolicy =
		ConsumerTooSlowPolicy_WAIT_FOR_CONSUMER;
	ends->pub = iox_pub_init(&ends->pub_memory, "weir-bench",
				 plan->instance, event[!side], &pub);
	iox_sub_options_init(&sub);
	sub.queueCapacity = plan->messages;
	sub.queueFullPolicy = QueueFullPolicy_BLOCK_PRODUCER;
	ends->sub = iox_sub_init(&ends->sub_memory, "weir-bench",
				 plan->instance, event[side], &sub);
	ends->ws = iox_ws_init(&ends->ws_memory);
	if (iox_ws_attach_subscriber_state(ends->ws, ends->sub,
					   SubscriberState_HAS_DATA, 0,
					   NULL) != WaitSetResult_SUCCESS)
		bench_fail("iox_ws_attach_subscriber_state failed");
}

static void join(struct bench_run *run)
{
	struct plan *plan = run->state;
	struct ends *ends = calloc(1, sizeof(*ends));
	const struct timespec ms = { 0, 1000000 };
	char name[64];
	int i;

	if (!ends)
		bench_fail("no memory");
	/* it may talk on standard output, which belongs to the results */
	dup2(STDERR_FILENO, STDOUT_FILENO);
	iox_set_loglevel(Iceoryx_LogLevel_Warn);
	snprintf(name, sizeof(name), "weir-bench-%s-%c", plan->instance,
		 'a' + run->side);
	iox_runtime_init(name);
	make_ends(ends, plan, run->side);
	for (i = 0; !iox_pub_has_subscribers(ends->pub) ||
		    iox_sub_get_subscription_state(ends->sub) !=
		    SubscribeState_SUBSCRIBED; i++) {
		if (i == MEET_MS)
			bench_fail_run(run, "no subscriber within %d ms",
				       MEET_MS);
		nanosleep(&ms, NULL);
	}
	run->mine = ends;
}

static void note(void *state, char *text, size_t size)
{
	struct plan *plan = state;

	snprintf(text, size, "queues of %u messages", plan->messages);
}

BENCH_INLINE unsigned char *grab(struct bench_run *run, size_t size)
{
	struct ends *ends = run->mine;
	unsigned looks = 0;

	/* fails while the receiver has all chunks of the pool */
	while (iox_pub_loan_chunk(ends->pub, &ends->loaned, (uint32_t)size) !=
	       AllocationResult_SUCCESS)
		bench_relax(&looks);
	return ends->loaned;
}

BENCH_INLINE void give(struct bench_run *run, size_t size)
{
	struct ends *ends = run->mine;

	(void)size;
	iox_pub_publish_chunk(ends->pub, ends->loaned);
}

BENCH_INLINE const unsigned char *look_busy(struct bench_run *run, size_t size)
{
	struct ends *ends = run->mine;
	unsigned looks = 0;

	(void)size;
	while (iox_sub_take_chunk(ends->sub, &ends->taken) !=
	       ChunkReceiveResult_SUCCESS)
		bench_relax(&looks);
	return ends->taken;
}

BENCH_INLINE const unsigned char *look_blocking(struct bench_run *run,
						size_t size)
{
	struct ends *ends = run->mine;
	iox_notification_info_t info;
	uint64_t missed;

	(void)size;
	while (iox_sub_take_chunk(ends->sub, &ends->taken) !=
	       ChunkReceiveResult_SUCCESS)
		iox_ws_wait(ends->ws, &info, 1, &missed);
	return ends->taken;
}

BENCH_INLINE void drop(struct bench_run *run, size_t size)
{
	struct ends *ends = run->mine;

	(void)size;
	iox_sub_release_chunk(ends->sub, ends->taken);
}

BENCH_INLINE void send_copy(struct bench_run *run, const void *data,
			    size_t size)
{
	memcpy(grab(run, size), data, size);
	give(run, size);
}

BENCH_INLINE void recv_busy(struct bench_run *run, void *data, size_t size)
{
	memcpy(data, look_busy(run, size), size);
	drop(run, size);
}

BENCH_INLINE void recv_blocking(struct bench_run *run, void *data, size_t size)
{
	memcpy(data, look_blocking(run, size), size);
	drop(run, size);
}

BENCH_TRIPS(busy, send_copy, recv_busy)
BENCH_FLOW(busy, send_copy, recv_busy)
BENCH_WORK(busy, grab, give, look_busy, drop)
BENCH_TRIPS(blocking, send_copy, recv_blocking)
BENCH_FLOW(blocking, send_copy, recv_blocking)

const struct bench_contestant bench_iceoryx = {
	.name = "iceoryx",
	.what = "iceoryx: publisher and subscriber, its daemon beside them",
	.peer = true,
	.by_size = true,
	.kinds = BENCH_IN_PROCESSES,
	.plays = {
		[BENCH_BUSY] = {{ BENCH_TRIPS_OF(busy), BENCH_FLOW_OF(busy),
				  BENCH_NO_PLAY, BENCH_WORK_OF(busy) }},
		[BENCH_BLOCKING] = {{ BENCH_TRIPS_OF(blocking),
				      BENCH_FLOW_OF(blocking) }},
	},
	.setup = setup,
	.join = join,
	.leave = free,
	.note = note,
};
