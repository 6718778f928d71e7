/* SPDX-License-Identifier: MIT */
/*
 * Symptom: with musl, weir_ring_close() hung now and then.
 * Cause: the thread that watches the other end was cancelled just before it
 * allowed that, to wait for a lock. musl looks for what came too early when a
 * thread asks to be cancelled at any place, and it had asked before it allowed.
 */
#include "../xproc/x.h"

#include <pthread.h>

int __wrap_pthread_cancel(pthread_t thread);
int __real_pthread_cancel(pthread_t thread);
int __wrap_pthread_setcancelstate(int state, int *old);
int __real_pthread_setcancelstate(int state, int *old);

static int armed, allows, cancelled;

/* From -Wl,--wrap: the watcher is about to allow it and waits here until it has
   been cancelled. */
int __wrap_pthread_setcancelstate(int state, int *old)
{
	if (state == PTHREAD_CANCEL_ENABLE &&
	    __atomic_load_n(&armed, __ATOMIC_ACQUIRE)) {
		__atomic_store_n(&allows, 1, __ATOMIC_RELEASE);
		while (!__atomic_load_n(&cancelled, __ATOMIC_ACQUIRE))
			x_pause();
	}
	return __real_pthread_setcancelstate(state, old);
}

int __wrap_pthread_cancel(pthread_t thread)
{
	int r = __real_pthread_cancel(thread);

	__atomic_store_n(&cancelled, 1, __ATOMIC_RELEASE);
	return r;
}

static void closes(int arg)
{
	struct weir_ring_options o = { .size = sizeof(o), .capacity = 4096 };
	struct weir_ring *ring, *other;
	struct weir_ring_info info;
	struct weir_tx *tx;
	struct weir_rx *rx;

	(void)arg;
	X_IS(weir_ring_create(&ring, &o), 0);
	X_IS(weir_ring_info(ring, &info), 0);
	if (info.flags & WEIR_RING_DEATHS_UNKNOWN)
		x_skip("needs locks of files, which a thread waits for");
	X_IS(weir_ring_attach(&other, weir_ring_handle(ring)), 0);
	X_IS(weir_ring_tx(ring, &tx), 0);
	__atomic_store_n(&armed, 1, __ATOMIC_RELEASE);
	/* now the writer's watcher has an end to wait for */
	X_IS(weir_ring_rx(other, &rx), 0);
	x_step("the watcher comes");
	while (!__atomic_load_n(&allows, __ATOMIC_ACQUIRE))
		x_pause();
	x_step("close");
	weir_tx_close(tx);
	weir_ring_close(other);
	weir_ring_close(ring);
}

static const struct x_case cases[] = {
	{ "closes", closes, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, roles);
}
