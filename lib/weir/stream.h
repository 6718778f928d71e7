/* SPDX-License-Identifier: MIT */
/*
 * The stream: a connection of two rings with one peer. weir_stream(7).
 *
 * Between processes each side brings one sealed block of memory that only it
 * can write, and a connected local socket that tells of the other's death. The
 * two directions may be used by two threads at once, each direction by one
 * thread at a time.
 */
#ifndef WEIR_STREAM_H
#define WEIR_STREAM_H

#include "rx.h"

struct weir_stream;

/* besides WEIR_RING_HUGE_PAGES, _NO_PREFAULT and _NO_METRICS */
#define WEIR_STREAM_ALLOW_UNSEALED 0x100u /* trust the peer not to truncate */
#define WEIR_STREAM_ANY_USER 0x200u /* connect, listen: not only to this user
				       and root */

struct weir_stream_options {
	size_t size;		/* sizeof(struct weir_stream_options) */
	uint64_t capacity;	/* of the ring that this side writes, bytes;
				   0: 256 KiB */
	uint64_t peer_capacity_max; /* refuse more from the peer; 0: 1 GiB */
	uint32_t flags;
	int32_t spin_us;	/* as in struct weir_ring_options */
};

struct weir_peer {		/* as the kernel vouches */
	int64_t pid;		/* a label; -1: not told */
	uint32_t uid, gid;	/* UINT32_MAX: not told */
	char who[184];		/* text for people: "pid 71 uid 1000" */
	uint64_t reserved[4];
};

WEIR_BEGIN

/*
 * Two connected streams for two threads of this process.
 * Callers: any thread. Blocks: never. Returns: 0; -EINVAL; -ENOMEM.
 */
WEIR_API int weir_stream_pair(struct weir_stream *ends[2],
			      const struct weir_stream_options *options);

/*
 * Makes a stream over any connected local socket (socketpair and fork, a
 * socket from a service manager, a container's); both sides call this. The
 * socket is duplicated and stays the caller's, who should close it: a copy
 * left open in a third process hides the peer's death.
 * Callers: any thread. Blocks: until the peer has done the same, or deadline.
 * Returns: 0; -ETIMEDOUT, -EAGAIN; -EPROTO the two cannot talk, the log says
 * why; -EPIPE the peer went away; -EINVAL not such a socket; -ENOMEM; -EMFILE.
 */
WEIR_API int weir_stream_attach(struct weir_stream **stream,
				weir_handle socket,
				const struct weir_stream_options *options,
				int64_t deadline);

/*
 * Connects to a listener: by its name, or by a path, which has a slash. Only to
 * one of this user or root, unless the options have WEIR_STREAM_ANY_USER.
 * Callers: any thread. Blocks: until the listener has accepted, or deadline.
 * Returns: 0; -ENOENT no such name; -ECONNREFUSED nobody listens there, or the
 * listener refused; -EACCES it does not want this user, or is another's;
 * -ETIMEDOUT, -EAGAIN; -EPROTO the two cannot talk; -EINVAL; -ENOMEM; -EMFILE.
 */
WEIR_API int weir_stream_connect(struct weir_stream **stream, const char *name,
				 int64_t deadline);
WEIR_API int weir_stream_connect_with(struct weir_stream **stream,
				      const char *name,
				      const struct weir_stream_options *options,
				      int64_t deadline);

/* The two ends; they are closed with the stream. Callers: any thread. */
WEIR_API struct weir_tx *weir_stream_tx(struct weir_stream *stream);
WEIR_API struct weir_rx *weir_stream_rx(struct weir_stream *stream);

/* weir_tx_write and weir_rx_read on the stream's ends. */
WEIR_API int weir_stream_write(struct weir_stream *stream, const void *data,
			       size_t len, int64_t deadline);
WEIR_API ssize_t weir_stream_read(struct weir_stream *stream, void *data,
				  size_t size, int64_t deadline);

/*
 * All len bytes, in as many messages as it takes; what was sent before an
 * error stays sent. Returns: 0, or as weir_tx_write.
 */
WEIR_API int weir_stream_write_all(struct weir_stream *stream,
				   const void *data, size_t len,
				   int64_t deadline);

/*
 * Exactly len bytes, across messages; a message may be left in part, and until
 * a further read_exact has finished it read and peek answer -EINVAL.
 * Returns: len; fewer if the end, a deadline or another error came after the
 * first byte, and the next call then tells which; else as weir_rx_read.
 */
WEIR_API ssize_t weir_stream_read_exact(struct weir_stream *stream, void *data,
					size_t len, int64_t deadline);

/* Who is there. Returns: 0. */
WEIR_API int weir_stream_peer(const struct weir_stream *stream,
			      struct weir_peer *peer);

/*
 * The handle of both ends, as weir_rx_handle and weir_tx_handle give it; each
 * end is armed for itself, and after the handle was readable each again.
 * Callers: any thread. Blocks: never. Returns: 0; -EMFILE, -ENOMEM.
 */
WEIR_API int weir_stream_handle(struct weir_stream *stream,
				weir_handle *handle);

/* weir_tx_cancel and weir_rx_cancel together. Callers: any thread. */
WEIR_API int weir_stream_cancel(struct weir_stream *stream);

/*
 * Closes both ends in good order, and hangs up the connection: also the
 * caller's own copy of the socket. NULL is allowed.
 */
WEIR_API void weir_stream_close(struct weir_stream *stream);

WEIR_END

#endif
