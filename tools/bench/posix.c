/* SPDX-License-Identifier: MIT */
/*
 * What weir-bench asks of the system, where it is not Linux: nothing is
 * pinned, and there is no raw futex to compare with.
 */
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench.h"

const struct bench_contestant bench_futex = { .name = "futex" };
const struct bench_contestant bench_mq = { .name = "mq" };

int bench_cpus(int *cpu, int n)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	int i;

	for (i = 0; i < n; i++)
		cpu[i] = i;
	return online > 0 ? (int)online : 1;
}

bool bench_pin(int cpu)
{
	(void)cpu;
	return false;
}

bool bench_can_pin(int cpu)
{
	(void)cpu;
	return false;
}

void bench_die_with_parent(pid_t parent)
{
	if (getppid() != parent)
		_exit(1);
}

void bench_cpu_model(char *text, size_t size)
{
	snprintf(text, size, "unknown CPU");
}

uint64_t bench_pipe_size(int fd, uint64_t want)
{
	(void)fd;
	(void)want;
	return 0;
}

void bench_count_sleep(struct bench_sleep *sleep)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage))
		return;
	sleep->waits = (uint64_t)usage.ru_nvcsw;
	sleep->robbed = (uint64_t)usage.ru_nivcsw;
}
