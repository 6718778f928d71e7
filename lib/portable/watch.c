/* SPDX-License-Identifier: MIT */
/*
 * Who watches the other end of a plain ring: a thread that sleeps until the end
 * is claimed, then until the kernel drops the claim's lock, and so on. It never
 * wakes while nothing happens. It runs from the claim of this side on, not only
 * while this side sleeps, so that a program that never sleeps learns of a death
 * without a system call of its own.
 *
 * The lock's wait has no time limit and cannot be woken; the thread is
 * cancelled there, and where it sleeps on a semaphore. F_OFD_SETLKW is a
 * cancellation point in glibc but not in musl, hence asynchronous there, around
 * that one call. (Asynchronous under glibc, ThreadSanitizer loses the thread.)
 * It is allowed first and then made asynchronous: musl sees a cancel that came
 * before it was allowed in pthread_setcanceltype() and nowhere else.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>

#include "portable.h"

struct watcher {
	struct weir_watch *watch;
	pthread_t thread;
	weir_handle lock;
	struct weir_a32 stop;
};

static int stopping(struct watcher *w)
{
	/* A12 pairs with R12 in weir_posix_unwatch_claim(); nothing else. */
	return (int)weir_load_acquire32(&w->stop);
}

static int held(const struct weir_half *half)
{
	/* A5 pairs with R5 in weir_end_start(), weir_end_close(). */
	return weir_load_acquire32(&half->state) == WEIR_STATE_HELD;
}

/* A semaphore in which the peer has forged the count of sleepers rouses nobody,
   so the thread can be cancelled there too. */
static void wait_change(struct weir_watch *watch, uint32_t claims,
			uint32_t own)
{
	int spoilable = watch->spot.way == WEIR_OS_SEMAPHORE;

	if (spoilable)
		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	weir_os()->sleep(&watch->spot, claims, &watch->own, own, WEIR_FOREVER);
	if (spoilable)
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
}

/* Until the end is held by a claim other than the last one; 0: told to stop. */
static int wait_claim(struct watcher *w, uint32_t *claims, uint32_t last)
{
	struct weir_watch *watch = w->watch;

	for (;;) {
		/* A10 pairs with X5 in weir_posix_unwatch_claim(): the flag. */
		uint32_t own = weir_load_acquire32(&watch->own);

		/* A13 pairs with R13 in weir_end_start(): "held" before it. */
		*claims = weir_load_acquire32(&watch->peer->claims);
		if (stopping(w))
			return 0;
		if (*claims != last && held(watch->peer))
			return 1;
		wait_change(watch, *claims, own);
	}
}

static int wait_lock(struct watcher *w)
{
	int r;

	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
#ifndef __GLIBC__
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
#endif
	r = weir_posix_claim_wait(w->lock, w->watch->end);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, NULL);
	return r;
}

static void *run(void *arg)
{
	struct watcher *w = arg;
	uint32_t claims, last = 0;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	while (wait_claim(w, &claims, last)) {
		if (wait_lock(w))
			break;
		/* Still "held", by the same claim: it did not say goodbye. */
		if (held(w->watch->peer) &&
		    /* relaxed: held() orders it */
		    weir_load_relaxed32(&w->watch->peer->claims) == claims)
			w->watch->gone(w->watch, claims);
		last = claims;
	}
	return NULL;
}

int weir_posix_watch_claim(struct weir_watch *watch)
{
	struct watcher *w;
	int r;

	if (!weir_posix_can_cancel())
		return weir_os_ability()->lock ? -EMFILE : -ENOSYS;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->watch = watch;
	r = weir_posix_claim_open(&w->lock, watch->memory);
	if (r) {
		free(w);
		return r;
	}
	watch->priv = w;
	r = weir_posix_thread(&w->thread, run, w);
	if (r) {
		close(w->lock);
		free(w);
	}
	return r;
}

void weir_posix_unwatch_claim(struct weir_watch *watch)
{
	struct watcher *w = watch->priv;
	struct weir_spot own = { .way = WEIR_OS_LOCAL, .word = &watch->own };

	/* R12 pairs with A12 in stopping(). */
	weir_store_release32(&w->stop, 1);
	/* X5 pairs with A10 in wait_claim(). */
	weir_add_acq_rel32(&watch->own, 1);
	weir_os()->wake(&own, 1);
	pthread_cancel(w->thread);
	pthread_join(w->thread, NULL);
	close(w->lock);
	free(w);
}
