/* SPDX-License-Identifier: MIT */
/*
 * Threads of the library. They run a handful of system calls and nothing of
 * the program's, so signals are not for them and their stacks are small.
 */
#define _GNU_SOURCE
#include <signal.h>
#ifdef __GLIBC__
#include <dlfcn.h>
#include <gnu/lib-names.h>
#endif

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

/*
 * glibc loads a library when a thread is cancelled for the first time, and ends
 * the program if that fails: for want of descriptors, or because a small system
 * has none. It is loaded while that is no more than an answer, and stays.
 */
int weir_posix_can_cancel(void)
{
#ifdef __GLIBC__
	static struct weir_a32 loaded;

	/* relaxed: whoever finds 0 asks the loader, which counts */
	if (!weir_load_relaxed32(&loaded) && dlopen(LIBGCC_S_SO, RTLD_NOW))
		/* relaxed: the same */
		weir_store_relaxed32(&loaded, 1);
	/* relaxed: the same */
	return (int)weir_load_relaxed32(&loaded);
#else
	return 1;
#endif
}
