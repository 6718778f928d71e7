/* SPDX-License-Identifier: MIT */
/*
 * Symptom: a wait on a waiter that was made to spin always slept.
 * Cause: the thread that made it was bound to one CPU, which was taken for the
 * lot of all that wait.
 */
#include "../xproc/x.h"

#include <pthread.h>
#include <sched.h>

static struct weir_waiter *waiter;
static pid_t tid;

static void *waits(void *arg)
{
	uint32_t ticket = weir_waiter_prepare(waiter);

	__atomic_store_n(&tid, x_tid(), __ATOMIC_RELEASE);
	X_IS(weir_waiter_wait(waiter, ticket, WEIR_FOREVER), 0);
	return arg;
}

static void spins(int arg)
{
	struct weir_waiter_options o = { .size = sizeof(o),
					 .spin_us = INT32_MAX };
	cpu_set_t all, one;
	pthread_t thread;
	int cpu = 0;

	(void)arg;
	X_IS(sched_getaffinity(0, sizeof(all), &all), 0);
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	X_IS(sched_setaffinity(0, sizeof(one), &one), 0);
	X_IS(weir_waiter_create(&waiter, &o), 0);
	X_IS(sched_setaffinity(0, sizeof(all), &all), 0);
	X_IS(pthread_create(&thread, NULL, waits, NULL), 0);
	while (!__atomic_load_n(&tid, __ATOMIC_ACQUIRE))
		x_pause();
	/* a moment in which one that sleeps would */
	if (x_asleep_within(getpid(), tid, X_SECOND / 10))
		X_FAIL("it sleeps");
	X_IS(weir_waiter_wake_one(waiter), 1);
	X_IS(pthread_join(thread, NULL), 0);
	weir_waiter_close(waiter);
}

static const struct x_case cases[] = {
	{ "always", spins, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, roles);
}
