/* SPDX-License-Identifier: MIT */
/*
 * weir-bench: the loops of a throughput in batches; included by loops.h.
 *
 * send_many(run, data, size, n) sends the n messages of size bytes that lie at
 * data one after the other, and does not return before the last one is sent.
 * recv_many(run, data, size, n) waits for a first message, takes at most n and
 * returns how many came; they lie at data in the same way.
 */
#ifndef BENCH_BATCHES_H
#define BENCH_BATCHES_H

typedef void bench_send_many(struct bench_run *run, const void *data,
			     size_t size, unsigned n);
typedef unsigned bench_recv_many(struct bench_run *run, void *data,
				 size_t size, unsigned n);

BENCH_INLINE void bench_send_batches(struct bench_run *run,
				     bench_send_many *send,
				     bench_recv_many *recv, size_t size)
{
	uint64_t number = run->order.first;
	unsigned i, j;

	(void)recv;
	do {
		for (i = 0; i < run->chunk; i += BENCH_BATCH) {
			for (j = 0; j < BENCH_BATCH; j++)
				bench_stamp(run->out + j * size, size,
					    ++number);
			send(run, run->out, size, BENCH_BATCH);
		}
	} while (!weir_load_relaxed32(&run->shared->stop.word));
	bench_stamp(run->out, size, ++number | BENCH_LAST);
	send(run, run->out, size, 1);
}

BENCH_INLINE void bench_recv_batches(struct bench_run *run,
				     bench_send_many *send,
				     bench_recv_many *recv, size_t size)
{
	struct bench_window window = bench_window(run);
	uint64_t number = run->order.first, look = number + run->chunk;
	unsigned i, n;

	(void)send;
	for (;;) {
		n = recv(run, run->in, size, BENCH_BATCH);
		for (i = 0; i < n; i++) {
			if (bench_check(run, run->in + i * size, size,
					++number))
				return;
		}
		if (number < look)
			continue;
		look = number + run->chunk;
		bench_window_look(run, &window, number);
	}
}

/* name_send_batches and name_recv_batches */
#define BENCH_BATCHES(name, send, recv)					\
	static void name##_send_batches(struct bench_run *run)		\
	{								\
		BENCH_BY_SIZE(bench_send_batches, run, send, recv);	\
	}								\
	static void name##_recv_batches(struct bench_run *run)		\
	{								\
		BENCH_BY_SIZE(bench_recv_batches, run, send, recv);	\
	}

#endif
