/* SPDX-License-Identifier: MIT */
/*
 * The portable backend: any POSIX, no help from a particular kernel. Memory
 * and claims use seals and file locks where the C library knows them and the
 * kernel has them.
 */
#include <stdio.h>

#include "portable.h"

static void drop(weir_handle handle)
{
	if (handle != WEIR_HANDLE_NONE)
		weir_posix_close(handle);
}

static void child(void)
{
	/* Other threads may have been inside: their locks are nobody's now. */
	weir_posix_buckets_init();
	weir_posix_keeper_child();
	weir_posix_nap_child();
	weir_fork_child(drop);
}

static void probe(struct weir_ability *can)
{
	weir_posix_buckets_init();
	weir_posix_at_fork(child);
	/* sockets are all that it has */
	can->sockets = 1;
	can->refused = can->wait != WEIR_OS_WAIT_AUTO &&
		       can->wait != WEIR_OS_WAIT_SOCKET;
	can->semaphores = weir_posix_can_semaphore();
	can->way_abi = weir_posix_way_abi();
	can->lock = weir_posix_can_lock();
	can->seal = weir_posix_can_seal();
	snprintf(can->text, sizeof(can->text),
		 "portable: %s, sockets, %s, %s",
		 can->semaphores ? "semaphores" : "no semaphores",
		 can->lock ? "file locks" : "no file locks",
		 can->seal ? "seals" : "no seals");
}

static void barrier(int shared)
{
	(void)shared;
	/* F2, once more: no system has asked for this one. */
	weir_fence_seq_cst();
}

/* A handle of the peer's process means nothing here. */
static int transfer(weir_handle socket, struct weir_message *m, int out,
		    int64_t deadline)
{
	int r;

	r = weir_posix_transfer(socket, m, out, deadline);
	drop(m->process);
	m->process = WEIR_HANDLE_NONE;
	return r;
}

static int watch(struct weir_watch *w)
{
	if (w->socket != WEIR_HANDLE_NONE)
		return weir_posix_watch_socket(w);
	return w->memory != WEIR_HANDLE_NONE ? weir_posix_watch_claim(w) :
					       weir_posix_watch_nap(w);
}

static void unwatch(struct weir_watch *w)
{
	if (w->socket != WEIR_HANDLE_NONE)
		weir_posix_unwatch_socket(w);
	else if (w->memory != WEIR_HANDLE_NONE)
		weir_posix_unwatch_claim(w);
	else
		weir_posix_unwatch_nap(w);
}

const struct weir_os weir_os_portable = {
	.name = "portable",
	.probe = probe,
	.now = weir_posix_now,
	.cpus = weir_posix_cpus,
	.memory_create = weir_posix_memory_create,
	.memory_share = weir_posix_memory_share,
	.memory_open = weir_posix_memory_open,
	.memory_map = weir_posix_memory_map,
	.memory_unmap = weir_posix_memory_unmap,
	.handle_close = weir_posix_close,
	.claim = weir_posix_claim,
	.spot_init = weir_posix_spot_init,
	.sleep = weir_posix_sleep,
	.wake = weir_posix_wake,
	.gather = weir_posix_gather,
	.barrier = barrier,
	.transfer = transfer,
	.socket = weir_posix_socket,
	.accept = weir_posix_accept,
	.watch = watch,
	.unwatch = unwatch,
};
