/* SPDX-License-Identifier: MIT */
/*
 * The listener: accepts streams under a name. weir_listener(7).
 *
 * Clients come with weir_stream_connect. Accept drives all handshakes that are
 * under way, at most 64, in the thread that calls it; a client that says
 * nothing or garbage holds up nobody.
 */
#ifndef WEIR_LISTENER_H
#define WEIR_LISTENER_H

#include "stream.h"

struct weir_listener;

/* besides those of struct weir_stream_options */
#define WEIR_LISTENER_HANDLE 0x400u /* handle is one that listens already */

struct weir_listener_options {
	size_t size;		/* sizeof(struct weir_listener_options) */
	uint64_t capacity;	/* of the ring that this side writes, for each
				   client, bytes; 0: 64 KiB */
	uint64_t peer_capacity_max; /* refuse more from a client; 0: 16 MiB */
	uint32_t flags;
	int32_t spin_us;	/* as in struct weir_ring_options */
	uint32_t backlog;	/* who may wait to be accepted; 0: 128 */
	uint32_t max_clients;	/* connected at a time; 0: any number */
	const uint32_t *uids;	/* who may connect; NULL: this user and root */
	size_t uids_count;
	/* 0: yes; anything else refuses. Called by accept, must not block. */
	int (*allow)(void *ctx, const struct weir_peer *peer);
	void *ctx;
	weir_handle handle;	/* with WEIR_LISTENER_HANDLE: from a service
				   manager, duplicated */
};

WEIR_BEGIN

/*
 * Listens under a name, or at a path, which has a slash; takes the place of a
 * listener that has died. Options are copied, NULL is the default for all.
 * Callers: any thread. Blocks: a moment, while another one opens or closes.
 * Returns: 0; -EADDRINUSE somebody listens there; -EEXIST the path is
 * something else; -EINVAL; -ENOENT no such directory; -EACCES; -ENOMEM;
 * -EMFILE.
 */
WEIR_API int weir_listener_open(struct weir_listener **listener,
				const char *name,
				const struct weir_listener_options *options);

/*
 * The next client with whom all is agreed. Those that were refused meanwhile
 * are in the log, no error.
 * Callers: one thread at a time. Blocks: until deadline.
 * Returns: 0; -EAGAIN, -ETIMEDOUT; -ECANCELED; -EMFILE not even one to refuse
 * a client with; -EINVAL in a forked child.
 */
WEIR_API int weir_listener_accept(struct weir_listener *listener,
				  struct weir_stream **stream,
				  int64_t deadline);

/*
 * A handle that is readable when accept has something to do: call it with
 * WEIR_NOWAIT then, until it answers -EAGAIN, which arms the handle anew. Lent
 * until close. Callers: as accept. Blocks: never. Returns: 0; -EMFILE; -ENOMEM.
 */
WEIR_API int weir_listener_handle(struct weir_listener *listener,
				  weir_handle *handle);

/* Accept, running and later, answers -ECANCELED. Callers: any thread. */
WEIR_API int weir_listener_cancel(struct weir_listener *listener);

/*
 * Takes the name away and turns away who waits; streams that were accepted
 * stay. No other call on it may run. NULL is allowed.
 */
WEIR_API void weir_listener_close(struct weir_listener *listener);

WEIR_END

#endif
