/* SPDX-License-Identifier: MIT */
/*
 * The Linux backend.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>

#include "uring.h"

static int barriers;		/* this process has asked for them */

static void drop(weir_handle handle)
{
	if (handle != WEIR_HANDLE_NONE)
		weir_posix_close(handle);
}

static void child(void)
{
	/* the table may be in the making, in a thread that is not here */
	if (barriers)
		weir_linux_barrier_child();
	weir_linux_keeper_child();
	weir_linux_uring_child();
	weir_posix_nap_child();
	weir_fork_child(drop);
}

static void probe_wait(struct weir_ability *can, int waitv)
{
	can->words = waitv;
	can->sockets = 0;
	switch (can->wait) {
	case WEIR_OS_WAIT_WAITV:
		can->refused = !waitv;
		break;
	case WEIR_OS_WAIT_SOCKET:
		can->words = 0;
		can->sockets = 1;
		break;
	case WEIR_OS_WAIT_URING:
		/* no descriptor left says nothing about the kernel */
		can->words = weir_linux_uring_usable() != -ENOSYS;
		can->refused = !can->words;
		break;
	default:
		can->sockets = 1;
	}
}

static void probe(struct weir_ability *can)
{
	int waitv = weir_linux_can_waitv();

	weir_posix_at_fork(child);
	probe_wait(can, waitv);
	can->naps = can->words && can->wait != WEIR_OS_WAIT_WAITV &&
		    weir_linux_uring_likely();
	can->shared = 1;
	can->semaphores = weir_posix_can_semaphore();
	can->way_abi = weir_posix_way_abi();
	can->barrier = barriers = weir_linux_can_barrier();
	can->lock = weir_posix_can_lock();
	can->seal = weir_posix_can_seal();
	snprintf(can->text, sizeof(can->text), "linux: %s, %s, %s, %s, %s, %s",
		 waitv ? "futex_waitv" : "no futex_waitv",
		 weir_linux_uring_allowed() ? "io_uring" : "no io_uring",
		 weir_linux_can_pidfd() ? "pidfds" : "no pidfds",
		 can->barrier ? "membarrier" : "fences",
		 can->lock ? "file locks" : "no file locks",
		 can->seal ? "seals" : "no seals");
}

static unsigned int cpus(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return weir_posix_cpus();
	return (unsigned int)CPU_COUNT(&set);
}

static int watch(struct weir_watch *w)
{
	if (w->socket != WEIR_HANDLE_NONE)
		return weir_linux_watch_socket(w);
	if (w->memory != WEIR_HANDLE_NONE)
		return weir_posix_watch_claim(w);
	if (w->gather && !weir_linux_gather_nap(w))
		return 0;
	return weir_linux_watch_nap(w);
}

static void unwatch(struct weir_watch *w)
{
	if (w->socket != WEIR_HANDLE_NONE)
		weir_linux_unwatch_socket(w);
	else if (w->memory != WEIR_HANDLE_NONE)
		weir_posix_unwatch_claim(w);
	else
		weir_linux_unwatch_nap(w);
}

static const struct weir_os weir_os_linux = {
	.name = "linux",
	.probe = probe,
	.now = weir_posix_now,
	.cpus = cpus,
	.memory_create = weir_posix_memory_create,
	.memory_share = weir_posix_memory_share,
	.memory_open = weir_posix_memory_open,
	.memory_map = weir_posix_memory_map,
	.memory_unmap = weir_posix_memory_unmap,
	.handle_close = weir_posix_close,
	.claim = weir_posix_claim,
	.spot_init = weir_linux_spot_init,
	.sleep = weir_linux_sleep,
	.wake = weir_linux_wake,
	.gather = weir_linux_gather,
	.barrier = weir_linux_barrier,
	.transfer = weir_linux_transfer,
	.socket = weir_posix_socket,
	.accept = weir_posix_accept,
	.watch = watch,
	.unwatch = unwatch,
};

extern const struct weir_os *const weir_os_backends[];
const struct weir_os *const weir_os_backends[] = {
	&weir_os_linux,
	&weir_os_portable,
	NULL,
};
