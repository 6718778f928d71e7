/* SPDX-License-Identifier: MIT */
/*
 * A set: one thread waits for any of many ends. weir_set(7).
 *
 * The ends of a set belong to the thread that waits: it alone uses them, and
 * only it may be inside weir_set_wait. Add, remove and wake come from any
 * thread, also while it waits. What is reported is a level: an end comes again,
 * in its turn, until it is drained; nothing has to be consumed.
 */
#ifndef WEIR_SET_H
#define WEIR_SET_H

#include "stream.h"

struct weir_set;
struct weir_listener;

#define WEIR_EVENT_READ 1u   /* rx: there is a message */
#define WEIR_EVENT_WRITE 2u  /* tx: there is room for len bytes */
#define WEIR_EVENT_END 4u    /* closed, cancelled or broken: error says which */
#define WEIR_EVENT_DEAD 8u   /* the peer died: error is -EOWNERDEAD */
#define WEIR_EVENT_ACCEPT 16u /* listener: somebody is there */

struct weir_event {
	void *user;	  /* as it was given to add */
	uint32_t what;	  /* one of WEIR_EVENT_ */
	int32_t error;	  /* 0, or what a call on the end would answer */
};

struct weir_set_options {
	size_t size;	  /* sizeof(struct weir_set_options) */
	uint32_t flags;	  /* 0 */
	uint32_t reserved;
};

WEIR_BEGIN

/*
 * An empty set. NULL is the default for options.
 * Callers: any thread. Blocks: never. Returns: 0; -EINVAL; -ENOMEM.
 */
WEIR_API int weir_set_create(struct weir_set **set,
			     const struct weir_set_options *options);

/*
 * Adds an end, which must be in no other set; a handle of it is disarmed.
 * Callers: any thread. Blocks: never.
 * Returns: 0; -EBUSY in a set already; -ENOMEM, -EMFILE; -EINVAL.
 */
WEIR_API int weir_set_add_rx(struct weir_set *set, struct weir_rx *rx,
			     void *user);

/* The same, for room for a message of len bytes. Returns also: -EMSGSIZE. */
WEIR_API int weir_set_add_tx(struct weir_set *set, struct weir_tx *tx,
			     size_t len, void *user);

/* The same, for somebody to accept. */
WEIR_API int weir_set_add_listener(struct weir_set *set,
				   struct weir_listener *listener, void *user);

/*
 * Takes an end out; closing it does the same. When this has returned, no
 * weir_set_wait tells of it any more that had not found it before.
 * Callers: any thread. Blocks: until a thread that waits has let go of it.
 * Returns: 0; -ENOENT it is not in this set.
 */
WEIR_API int weir_set_remove_rx(struct weir_set *set, struct weir_rx *rx);
WEIR_API int weir_set_remove_tx(struct weir_set *set, struct weir_tx *tx);

/*
 * Waits until something can be said of an end, and says so of up to n.
 * Callers: one thread at a time. Order: A1, A2 as the calls on the ends.
 * Blocks: until deadline.
 * Returns: how many events; 0 after weir_set_wake; -ETIMEDOUT, and with
 * WEIR_NOWAIT -EAGAIN; -EBUSY another thread waits; -EINVAL no room for any.
 */
WEIR_API int weir_set_wait(struct weir_set *set, struct weir_event *events,
			   size_t n, int64_t deadline);

/*
 * One weir_set_wait, the running or the next one, returns at once, with 0 if
 * there is nothing else. Callers: any thread. Blocks: never. Returns: 0.
 */
WEIR_API int weir_set_wake(struct weir_set *set);

/*
 * A handle that is readable when weir_set_wait may have something to say; it
 * is to be called with WEIR_NOWAIT then, until it answers -EAGAIN, which arms
 * the handle anew. Lent until close. Callers: any thread. Blocks: never.
 * Returns: 0; -EMFILE, -ENOMEM.
 */
WEIR_API int weir_set_handle(struct weir_set *set, weir_handle *handle);

/* The ends stay. No other call on it may run. NULL is allowed. */
WEIR_API void weir_set_close(struct weir_set *set);

WEIR_END

#endif
