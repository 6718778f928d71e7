// SPDX-License-Identifier: MIT
/*
 * Boost.Interprocess' message_queue: a mutex, two conditions and slots of one
 * size in named shared memory, which has no name any more when both processes
 * have it. Busy: try_send and try_receive; blocking: send and receive. All
 * messages have priority 0, its shortest way.
 */
#include <new>
#include <unistd.h>

#include <boost/interprocess/ipc/message_queue.hpp>

#include "peer.h"

namespace {

using boost::interprocess::message_queue;

struct queues {
	message_queue *read_by[BENCH_SIDES];
};

void leave(void *state)
{
	queues *q = static_cast<queues *>(state);

	delete q->read_by[BENCH_A];
	delete q->read_by[BENCH_B];
	delete q;
}

bool carries(size_t size, uint64_t capacity)
{
	return capacity / size >= 2;
}

message_queue *make_queue(const struct bench_ask *ask)
{
	static unsigned n;
	char name[64];

	snprintf(name, sizeof(name), "weir-bench-boost-%ld-%u", (long)getpid(), n++);
	message_queue *queue = new message_queue(
		boost::interprocess::create_only, name,
		ask->capacity / ask->size, ask->size);
	message_queue::remove(name);
	return queue;
}

void *setup(const struct bench_ask *ask)
{
	queues *q = new queues();

	try {
		q->read_by[BENCH_A] = make_queue(ask);
		q->read_by[BENCH_B] = make_queue(ask);
	} catch (const boost::interprocess::interprocess_exception &e) {
		bench_skip(&bench_boost_mq, "message_queue: %s", e.what());
		leave(q);
		return NULL;
	}
	return q;
}

void join(struct bench_run *run)
{
	queues *q = static_cast<queues *>(run->state);

	peer_join(run, q->read_by[!run->side], q->read_by[run->side]);
}

BENCH_INLINE void send_busy(struct bench_run *run, const void *data,
			    size_t size)
{
	message_queue *queue = PEER_OUT(run, message_queue *);
	unsigned looks = 0;

	while (!queue->try_send(data, size, 0))
		bench_relax(&looks);
}

BENCH_INLINE void recv_busy(struct bench_run *run, void *data, size_t size)
{
	message_queue *queue = PEER_IN(run, message_queue *);
	message_queue::size_type came = 0;
	unsigned looks = 0, priority;

	while (!queue->try_receive(data, size, came, priority))
		bench_relax(&looks);
	if (came != size)
		bench_fail_run(run, "message_queue: a wrong size");
}

BENCH_INLINE void send_blocking(struct bench_run *run, const void *data,
				size_t size)
{
	PEER_OUT(run, message_queue *)->send(data, size, 0);
}

BENCH_INLINE void recv_blocking(struct bench_run *run, void *data, size_t size)
{
	message_queue::size_type came = 0;
	unsigned priority;

	PEER_IN(run, message_queue *)->receive(data, size, came, priority);
	if (came != size)
		bench_fail_run(run, "message_queue: a wrong size");
}

BENCH_TRIPS(busy, send_busy, recv_busy)
BENCH_FLOW(busy, send_busy, recv_busy)
BENCH_TRIPS(blocking, send_blocking, recv_blocking)
BENCH_FLOW(blocking, send_blocking, recv_blocking)

} // namespace

const struct bench_contestant bench_boost_mq = {
	.name = "boost-mq",
	.what = "Boost.Interprocess: message_queue",
	.peer = true,
	.by_size = true,
	.kinds = BENCH_IN_PROCESSES,
	.plays = {
		{{ BENCH_TRIPS_OF(busy), BENCH_FLOW_OF(busy),
		   BENCH_NO_PLAY, BENCH_NO_PLAY }},
		{{ BENCH_TRIPS_OF(blocking), BENCH_FLOW_OF(blocking),
		   BENCH_NO_PLAY, BENCH_NO_PLAY }},
	},
	.carries = carries,
	.setup = setup,
	.join = join,
	.leave = leave,
};
