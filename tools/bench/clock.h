/* SPDX-License-Identifier: MIT */
/*
 * The clock of single trips. A cache line goes there and back in about 100 ns,
 * and clock_gettime() takes 20 to 40 of them; so where the CPU has a counter
 * that runs evenly and is quick to read, that is the clock, and its rate is
 * measured against CLOCK_MONOTONIC. Readings are compared within one process
 * only, which stays on its CPU.
 */
#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct bench_clock {
	const char *name;
	bool counter;		/* the CPU's own */
	double ticks_per_ns;
	double cost_ns;		/* one reading after another */
	double step_ns;		/* the least by which two readings differ */
};

#ifdef __cplusplus
extern "C" {
#endif

extern struct bench_clock bench_clock;

void bench_clock_start(void);
/* How far the counter has drifted from CLOCK_MONOTONIC since: a share. */
double bench_clock_drift(void);
uint64_t bench_clock_system(void);

#ifdef __cplusplus
}
#endif

#if defined(__x86_64__) || defined(__i386__)
#define BENCH_COUNTER "rdtsc"
static inline uint64_t bench_counter(void)
{
	uint32_t low, high;

	/* Not serialised: a serialising instruction costs more than it mends
	   here, for the reading can leave the loads that ended the wait behind
	   by no more than the CPU's window, a few ns. */
	__asm__ __volatile__ ("rdtsc" : "=a" (low), "=d" (high) : : "memory");
	return (uint64_t)high << 32 | low;
}
#elif defined(__aarch64__)
#define BENCH_COUNTER "cntvct"
static inline uint64_t bench_counter(void)
{
	uint64_t now;

	__asm__ __volatile__ ("mrs %0, cntvct_el0" : "=r" (now) : : "memory");
	return now;
}
#endif

static inline uint64_t bench_ticks(void)
{
#ifdef BENCH_COUNTER
	if (bench_clock.counter)
		return bench_counter();
#endif
	return bench_clock_system();
}

static inline double bench_ns(double ticks)
{
	return ticks / bench_clock.ticks_per_ns;
}

static inline uint64_t bench_ticks_of(double ns)
{
	return (uint64_t)(ns * bench_clock.ticks_per_ns);
}

#endif
