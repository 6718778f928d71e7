/* SPDX-License-Identifier: MIT */
/*
 * The Linux backend.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>

#include "linux.h"

static void drop(weir_handle handle)
{
	if (handle != WEIR_HANDLE_NONE)
		weir_posix_close(handle);
}

static void child(void)
{
	if (weir_os_ability()->barrier)
		weir_linux_barrier_child();
	weir_linux_keeper_child();
	weir_fork_child(drop);
}

static void probe(struct weir_ability *can)
{
	pthread_atfork(weir_fork_prepare, weir_fork_parent, child);
	can->words = weir_linux_can_waitv();
	can->shared = 1;
	can->semaphores = weir_posix_can_semaphore();
	can->way_abi = weir_posix_way_abi();
	can->barrier = weir_linux_can_barrier();
	can->lock = weir_posix_can_lock();
	can->seal = weir_posix_can_seal();
	snprintf(can->text, sizeof(can->text), "linux: %s, %s, %s, %s",
		 can->words ? "futex_waitv" : "no futex_waitv",
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
	return w->socket == WEIR_HANDLE_NONE ? weir_posix_watch_claim(w) :
					       weir_linux_watch_socket(w);
}

static void unwatch(struct weir_watch *w)
{
	if (w->socket == WEIR_HANDLE_NONE)
		weir_posix_unwatch_claim(w);
	else
		weir_linux_unwatch_socket(w);
}

static const struct weir_os weir_os_linux = {
	.name = "linux",
	.probe = probe,
	.now = weir_posix_now,
	.cpus = cpus,
	.memory_create = weir_posix_memory_create,
	.memory_name = weir_posix_memory_name,
	.memory_open = weir_posix_memory_open,
	.memory_facts = weir_posix_memory_facts,
	.memory_map = weir_posix_memory_map,
	.memory_unmap = weir_posix_memory_unmap,
	.memory_seal = weir_posix_memory_seal,
	.handle_close = weir_posix_close,
	.claim = weir_posix_claim,
	.spot_init = weir_posix_spot_init,
	.sleep = weir_linux_sleep,
	.wake = weir_linux_wake,
	.barrier = weir_linux_barrier,
	.send = weir_linux_send,
	.receive = weir_linux_receive,
	.watch = watch,
	.unwatch = unwatch,
};

extern const struct weir_os *const weir_os_backends[];
const struct weir_os *const weir_os_backends[] = {
	&weir_os_linux,
	&weir_os_portable,
	NULL,
};
