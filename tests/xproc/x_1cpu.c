/* SPDX-License-Identifier: MIT */
/*
 * The same talk as x_talk with both processes on one CPU, where whoever spins
 * keeps the other from running.
 */
#include "talk.h"

#include <sched.h>

/* The first CPU that this process may use; peers inherit it. */
static int pin(void)
{
	cpu_set_t all, one;
	size_t cpu;

	if (sched_getaffinity(0, sizeof(all), &all))
		return -1;
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &all))
			break;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return sched_setaffinity(0, sizeof(one), &one);
}

int main(int argc, char **argv)
{
	if (pin()) {
		fprintf(stderr, "x_1cpu: SKIP cannot pin to one CPU\n");
		return 77;
	}
	return x_main(argc, argv, talk_cases, talk_roles);
}
