/* SPDX-License-Identifier: MIT */
/*
 * Which rows a run has: those of its preset, as far as the options leave them,
 * and of the contestants those that can.
 */
#include "bench.h"

/* With "compare", if no --capacity is given: bytes of buffer each way. That of
   a ring of default options; large messages would leave it but a few. */
#define CAPACITY (UINT64_C(2) << 20)
#define CAPACITY_LARGE (UINT64_C(4) << 20)
#define LARGE 16384

#define BUSY (1u << BENCH_BUSY)
#define BLOCKING (1u << BENCH_BLOCKING)

struct plan {
	unsigned kinds, tests, modes;	/* bits */
	size_t size[8];			/* none: all */
};

static const struct plan quick[] = {
	{ BENCH_IN_PROCESSES, 1u << BENCH_RTT | 1u << BENCH_THROUGHPUT, BUSY,
	  { 8, 64, 1024, 65536 } },
	{ BENCH_IN_PROCESSES, 1u << BENCH_BATCHED, BUSY, { 8 } },
	{ BENCH_IN_PROCESSES, 1u << BENCH_RTT, BLOCKING, { 8 } },
	{ 0, 0, 0, { 0 } }
};

/* Every goal of goals.c can be judged by it. */
static const struct plan usual[] = {
	{ BENCH_IN_PROCESSES, 1u << BENCH_RTT | 1u << BENCH_THROUGHPUT, BUSY,
	  { 0 } },
	{ BENCH_IN_PROCESSES, 1u << BENCH_BATCHED, BUSY, { 8, 64, 1024 } },
	{ BENCH_IN_PROCESSES, 1u << BENCH_WORKED, BUSY, { 4096, 65536 } },
	{ BENCH_IN_PROCESSES, 1u << BENCH_RTT | 1u << BENCH_THROUGHPUT,
	  BLOCKING, { 8, 1024 } },
	{ BENCH_IN_PROCESSES, 1u << BENCH_STARVED, BLOCKING, { 8 } },
	{ BENCH_IN_THREADS, 1u << BENCH_RTT | 1u << BENCH_THROUGHPUT, BUSY,
	  { 8, 64, 1024 } },
	{ BENCH_IN_THREADS, 1u << BENCH_BATCHED, BUSY, { 8 } },
	{ 0, 0, 0, { 0 } }
};

static bool has_size(const struct plan *plan, size_t size)
{
	unsigned i;

	for (i = 0; i < 8 && plan->size[i]; i++) {
		if (plan->size[i] == size)
			return true;
	}
	return i == 0;
}

/* What no contestant could play. */
static bool possible(unsigned test, unsigned mode, size_t size)
{
	if (test == BENCH_BATCHED)
		return size * BENCH_BATCH <= BENCH_SIZE_MAX;
	if (test == BENCH_WORKED)
		return mode == BENCH_BUSY && size >= BENCH_WORK_MIN;
	return test != BENCH_STARVED || mode == BENCH_BLOCKING;
}

bool bench_planned(const struct bench_options *options, unsigned kind,
		   unsigned test, unsigned mode, size_t size)
{
	const struct plan *plan = options->preset == BENCH_PRESET_QUICK ?
				  quick : usual;

	if (!(options->kinds >> kind & 1) || !(options->tests >> test & 1) ||
	    !(options->modes >> mode & 1) || !possible(test, mode, size))
		return false;
	if (options->preset == BENCH_PRESET_PLAIN ||
	    options->preset == BENCH_PRESET_FULL)
		return true;
	for (; plan->kinds; plan++) {
		if ((plan->kinds >> kind & 1) && (plan->tests >> test & 1) &&
		    (plan->modes >> mode & 1) &&
		    (options->sizes_given || has_size(plan, size)))
			return true;
	}
	return false;
}

uint64_t bench_capacity_of(const struct bench_options *options, size_t size)
{
	if (options->capacity)
		return options->capacity;
	return size < LARGE ? CAPACITY : CAPACITY_LARGE;
}

bool bench_competes(const struct bench_contestant *who, unsigned test,
		    unsigned mode)
{
	if (test == BENCH_STARVED)
		return mode == BENCH_BLOCKING &&
		       bench_competes(who, BENCH_THROUGHPUT, mode);
	return who->plays[mode].play[test][BENCH_A];
}

bool bench_enters(const struct bench_contestant *who, unsigned kind,
		  unsigned test, unsigned mode, size_t size, uint64_t capacity)
{
	if (!(who->kinds >> kind & 1) || !bench_competes(who, test, mode))
		return false;
	return !who->carries || who->carries(size, capacity);
}

bool bench_wanted(const struct bench_options *options,
		  const struct bench_contestant *who)
{
	if (options->preset == BENCH_PRESET_PLAIN && who->raw)
		return who->plain;
	if (who->raw)
		return true;
	if (options->with)
		return bench_listed(options->with, who->name);
	if (options->preset == BENCH_PRESET_PLAIN && !who->plain)
		return false;
	return !who->optional;
}
