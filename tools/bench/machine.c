/* SPDX-License-Identifier: MIT */
/*
 * The machine: which CPUs the two sides get, what it is called, the day.
 */
#include <sys/utsname.h>
#include <time.h>

#include "bench.h"

struct bench_machine bench_machine;

static void choose_cpus(void)
{
	struct bench_machine *m = &bench_machine;
	int cpu[BENCH_SIDES] = { 0, 0 };

	m->cpus = bench_cpus(cpu, BENCH_SIDES);
	if (m->pinned)
		return;
	m->one = m->cpus < BENCH_SIDES;
	m->cpu_of[BENCH_A] = cpu[0];
	m->cpu_of[BENCH_B] = m->one ? cpu[0] : cpu[1];
	m->pinned = bench_can_pin(m->cpu_of[BENCH_A]) &&
		    bench_can_pin(m->cpu_of[BENCH_B]);
}

static void describe(void)
{
	struct bench_machine *m = &bench_machine;
	time_t now = time(NULL);
	struct utsname name;

	bench_cpu_model(m->cpu, sizeof(m->cpu));
	if (uname(&name) == 0)
		snprintf(m->kernel, sizeof(m->kernel), "%.40s %.60s %.40s",
			 name.sysname, name.release, name.machine);
	strftime(m->date, sizeof(m->date), "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
}

void bench_machine_start(void)
{
	choose_cpus();
	bench_machine.classes = bench_machine.pinned && !bench_machine.one;
	describe();
	bench_clock_start();
}
