/* SPDX-License-Identifier: MIT */
/*
 * What weir-bench asks of Linux; posix.c has the same for other systems.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench.h"

int bench_cpus(int *cpu, int n)
{
	cpu_set_t set;
	int i, found = 0;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 0;
	for (i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &set))
			continue;
		if (found < n)
			cpu[found] = i;
		found++;
	}
	return found;
}

bool bench_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return !sched_setaffinity(0, sizeof(set), &set);
}

bool bench_can_pin(int cpu)
{
	cpu_set_t old;
	bool can;

	if (cpu < 0 || cpu >= CPU_SETSIZE ||
	    sched_getaffinity(0, sizeof(old), &old))
		return false;
	can = bench_pin(cpu);
	sched_setaffinity(0, sizeof(old), &old);
	return can;
}

void bench_die_with_parent(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* It may have died before. */
	if (getppid() != parent)
		_exit(1);
}

void bench_cpu_model(char *text, size_t size)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	char line[256], *value;

	snprintf(text, size, "unknown CPU");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, "model name", 10) &&
		    strncmp(line, "CPU part", 8))
			continue;
		value = strchr(line, ':');
		if (!value)
			continue;
		value += strspn(value, ": \t");
		value[strcspn(value, "\n")] = 0;
		snprintf(text, size, "%s", value);
		break;
	}
	fclose(f);
}

uint64_t bench_pipe_size(int fd, uint64_t want)
{
	int size;

	/* An unprivileged user gets no more than pipe-max-size: halve. */
	for (; want >= 65536; want /= 2) {
		size = fcntl(fd, F_SETPIPE_SZ, (int)want);
		if (size > 0)
			return (uint64_t)size;
	}
	size = fcntl(fd, F_GETPIPE_SZ);
	return size > 0 ? (uint64_t)size : 0;
}

void bench_count_sleep(struct bench_sleep *sleep)
{
	struct rusage usage;

	/* The thread's: a contestant may have threads that sleep. */
	if (getrusage(RUSAGE_THREAD, &usage))
		return;
	sleep->waits = (uint64_t)usage.ru_nvcsw;
	sleep->robbed = (uint64_t)usage.ru_nivcsw;
}
