/* SPDX-License-Identifier: MIT */
/*
 * An event count, for code that has a data structure of its own: many waiters,
 * many wakers. weir_waiter_prepare(3) has the loop to write.
 */
#ifndef WEIR_WAITER_H
#define WEIR_WAITER_H

#include "base.h"

struct weir_waiter;

#define WEIR_WAITER_SHARED 1u /* between processes */

struct weir_waiter_options {
	size_t size;	  /* sizeof(struct weir_waiter_options) */
	uint32_t flags;	  /* WEIR_WAITER_SHARED */
	int32_t spin_us;  /* before sleeping, in microseconds; 0: some 10,
			     -1 never, INT32_MAX always */
};

WEIR_BEGIN

/*
 * Callers: any thread. Blocks: never. Returns: 0; -EINVAL; -ENOSYS shared is
 * not to be had on this system or backend; -ENOMEM; -EMFILE.
 */
WEIR_API int weir_waiter_create(struct weir_waiter **w,
				const struct weir_waiter_options *options);

/* A shared one, by its handle, which is duplicated. Returns also: -EPROTO. */
WEIR_API int weir_waiter_attach(struct weir_waiter **w, weir_handle handle);

/* Lent until close; WEIR_HANDLE_NONE for a private one. */
WEIR_API weir_handle weir_waiter_handle(const struct weir_waiter *w);

/*
 * Announces a sleeper and returns a ticket. Look at the condition again after
 * it, then weir_waiter_wait or weir_waiter_cancel, exactly one of them.
 * Order: a full fence. Callers: any thread. Blocks: never.
 */
WEIR_API uint32_t weir_waiter_prepare(struct weir_waiter *w);

/*
 * Sleeps until a wake that came after prepare. Spurious returns happen: loop.
 * Returns: 0; -ETIMEDOUT, -EAGAIN.
 */
WEIR_API int weir_waiter_wait(struct weir_waiter *w, uint32_t ticket,
			      int64_t deadline);

/* Instead of the wait: the condition was found true. */
WEIR_API void weir_waiter_cancel(struct weir_waiter *w);

/*
 * Wakes one, or all, that have prepared; no system call where there are none.
 * Between processes that may be killed use weir_waiter_wake_all: a killed
 * sleeper may have taken a single wake with it.
 * Order: a full fence before it looks. Returns: how many were roused, or were
 * about to sleep and will not; 0 none; an error number below 0.
 */
WEIR_API int weir_waiter_wake_one(struct weir_waiter *w);
WEIR_API int weir_waiter_wake_all(struct weir_waiter *w);

/* No other call on it may run in this process. NULL is allowed. */
WEIR_API void weir_waiter_close(struct weir_waiter *w);

WEIR_END

#endif
