/* SPDX-License-Identifier: MIT */
/*
 * Threads of the library. They run a handful of system calls and nothing of
 * the program's, so signals are not for them and their stacks are small.
 */
#include <signal.h>

#include "portable.h"

#define STACK (256 << 10)

int weir_posix_thread(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int r;

	r = pthread_attr_init(&attr);
	if (r)
		return -ENOMEM;
	pthread_attr_setstacksize(&attr, STACK);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(thread, &attr, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	/* EAGAIN here is a limit on threads or memory, no "try again". */
	return r ? -ENOMEM : 0;
}
