/* SPDX-License-Identifier: MIT */
/*
 * What is asked of a process before a table is chosen, and what its children
 * inherit.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <unistd.h>

#include "portable.h"

static void (*in_child)(void);
static int inherited;

static void child(void)
{
	inherited = 1;
	in_child();
}

/*
 * Handlers of a fork, from a probe. A child that probes anew, because it was
 * forked in the middle of its parent's, has them already if its parent had:
 * then one of them has run in it. Twice there, they would lock themselves out.
 */
void weir_posix_at_fork(void (*fn)(void))
{
	in_child = fn;
	if (!inherited)
		pthread_atfork(weir_fork_hold, weir_fork_release, child);
}

uint32_t weir_os_process(void)
{
	return (uint32_t)getpid();
}

void weir_os_yield(void)
{
	sched_yield();
}
