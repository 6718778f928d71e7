/* SPDX-License-Identifier: MIT */
/*
 * weir-bench: the loops of a throughput whose payload is made by the sender
 * and used by the receiver, all of it; included by loops.h. With calls that
 * lend memory of the ring that is where it is made and used; with calls that
 * copy, in a buffer, and the copies come on top. The difference is what
 * copying costs.
 *
 * Making is a store of a count into each word, using is a sum of the words,
 * which is checked: both as quick as the CPU can write and read, so that
 * moving the payload is most of the time.
 *
 * grab(run, size) returns room for a message and give(run, size) sends it;
 * look(run, size) waits for a message and returns it, and drop(run, size) is
 * done with it.
 */
#ifndef BENCH_WORK_H
#define BENCH_WORK_H

typedef unsigned char *bench_grab(struct bench_run *run, size_t size);
typedef void bench_give(struct bench_run *run, size_t size);
typedef const unsigned char *bench_look(struct bench_run *run, size_t size);
typedef void bench_drop(struct bench_run *run, size_t size);

#define BENCH_LANES 4
typedef uint64_t bench_lanes
	__attribute__((vector_size(8 * BENCH_LANES), aligned(8), may_alias));

/* The words between the first and the last one. */
BENCH_INLINE void bench_make(unsigned char *data, size_t size, uint64_t number)
{
	size_t words = size / 8 - 2, i;
	bench_lanes v = { number, number + 1, number + 2, number + 3 };
	uint64_t word;

	data += 8;
	for (i = 0; i + BENCH_LANES <= words; i += BENCH_LANES) {
		*(bench_lanes *)(void *)(data + 8 * i) = v;
		v += BENCH_LANES;
	}
	for (; i < words; i++) {
		word = number + i;
		memcpy(data + 8 * i, &word, 8);
	}
}

/* False: a word was not what was made. */
BENCH_INLINE bool bench_use(const unsigned char *data, size_t size,
			    uint64_t number)
{
	size_t words = size / 8 - 2, i;
	bench_lanes v = { 0, 0, 0, 0 }, w = v;
	uint64_t sum, word;

	data += 8;
	for (i = 0; i + 2 * BENCH_LANES <= words; i += 2 * BENCH_LANES) {
		v += *(const bench_lanes *)(const void *)(data + 8 * i);
		w += *(const bench_lanes *)(const void *)
		     (data + 8 * (i + BENCH_LANES));
	}
	v += w;
	sum = v[0] + v[1] + v[2] + v[3];
	for (; i < words; i++) {
		memcpy(&word, data + 8 * i, 8);
		sum += word;
	}
	return sum == words * number + words * (words - 1) / 2;
}

/* Returns whether it was the last one of the slice. */
BENCH_INLINE bool bench_use_message(struct bench_run *run,
				    const unsigned char *data, size_t size,
				    uint64_t number)
{
	bool last = bench_check(run, data, size, number);

	if (WEIR_UNLIKELY(!bench_use(data, size, number)))
		bench_fail_run(run, "message %llu damaged within",
			       (unsigned long long)number);
	return last;
}

BENCH_INLINE void bench_make_message(unsigned char *data, size_t size,
				     uint64_t number, bool last)
{
	bench_make(data, size, number);
	bench_stamp(data, size, last ? number | BENCH_LAST : number);
}

BENCH_INLINE void bench_make_size(struct bench_run *run, bench_grab *grab,
				  bench_give *give, size_t size)
{
	uint64_t number = run->order.first;
	unsigned i;

	do {
		for (i = 0; i < run->chunk; i++) {
			bench_make_message(grab(run, size), size, ++number,
					   false);
			give(run, size);
		}
	} while (!weir_load_relaxed32(&run->shared->stop.word));
	bench_make_message(grab(run, size), size, ++number, true);
	give(run, size);
}

BENCH_INLINE void bench_use_size(struct bench_run *run, bench_look *look,
				 bench_drop *drop, size_t size)
{
	struct bench_window window = bench_window(run);
	uint64_t number = run->order.first;
	unsigned i;
	bool last;

	for (;;) {
		for (i = 0; i < run->chunk; i++) {
			last = bench_use_message(run, look(run, size), size,
						 ++number);
			drop(run, size);
			if (last)
				return;
		}
		bench_window_look(run, &window, number);
	}
}

/* name_make and name_use */
#define BENCH_WORK(name, grab, give, look, drop)			\
	static void name##_make(struct bench_run *run)			\
	{								\
		bench_make_size(run, grab, give, run->order.size);	\
	}								\
	static void name##_use(struct bench_run *run)			\
	{								\
		bench_use_size(run, look, drop, run->order.size);	\
	}

/* The same of calls that copy. */
#define BENCH_WORK_BY_COPY(name, send, recv)				\
	BENCH_INLINE unsigned char *name##_grab(struct bench_run *run,	\
						size_t size)		\
	{								\
		(void)size;						\
		return run->out;					\
	}								\
	BENCH_INLINE void name##_give(struct bench_run *run, size_t size) \
	{								\
		send(run, run->out, size);				\
	}								\
	BENCH_INLINE const unsigned char *name##_look(			\
		struct bench_run *run, size_t size)			\
	{								\
		recv(run, run->in, size);				\
		return run->in;						\
	}								\
	BENCH_INLINE void name##_drop(struct bench_run *run, size_t size) \
	{								\
		(void)run;						\
		(void)size;						\
	}								\
	BENCH_WORK(name, name##_grab, name##_give, name##_look, name##_drop)

#endif
