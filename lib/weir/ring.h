/* SPDX-License-Identifier: MIT */
/*
 * The ring: one direction, one producer, one consumer. weir_ring(7).
 */
#ifndef WEIR_RING_H
#define WEIR_RING_H

#include "base.h"

struct weir_ring;
struct weir_tx;
struct weir_rx;

#define WEIR_RING_PRIVATE 1u	  /* for the threads of this process only */
#define WEIR_RING_HUGE_PAGES 2u	  /* ask for them; info says what came */
#define WEIR_RING_NO_PREFAULT 4u  /* do not touch the pages beforehand */
#define WEIR_RING_NO_METRICS 8u	  /* do not keep the counters */
/* only in weir_ring_info.flags: this system does not tell of deaths */
#define WEIR_RING_DEATHS_UNKNOWN 0x10000u
/* only in weir_ring_info.flags: sleepers pay the fence, not senders */
#define WEIR_RING_BARRIER 0x20000u

struct weir_ring_options {
	size_t size;		/* sizeof(struct weir_ring_options) */
	uint64_t capacity;	/* bytes, rounded up to a power of two, at
				   least 4096; 0: 2 MiB */
	const char *name;	/* [A-Za-z0-9._-]{1,64}; NULL: anonymous */
	uint32_t flags;		/* WEIR_RING_PRIVATE ... _NO_METRICS */
	int32_t spin_us;	/* spin before sleeping, in microseconds;
				   0 adaptive, -1 never, INT32_MAX always */
};

struct weir_ring_info {		/* what was obtained, not what was asked */
	uint64_t id, capacity, max_message, filled;
	uint32_t flags, layout;
	uint64_t page_size;
	char name[72];
	uint64_t reserved[8];
};

WEIR_BEGIN

/*
 * Makes a ring; its memory is allocated, and touched unless told otherwise,
 * before this returns. NULL options: 2 MiB, anonymous, shareable.
 * Callers: any thread. Blocks: while the kernel allocates.
 * Returns: 0; -EINVAL options; -EEXIST name taken; -ENOSPC the file system
 * for named rings is full; -ENOMEM more than is free; -EMFILE; -EACCES.
 */
WEIR_API int weir_ring_create(struct weir_ring **ring,
			      const struct weir_ring_options *options);

/*
 * Opens a ring by its name. Callers: any thread. Blocks: never.
 * Returns: 0; -ENOENT; -EINVAL name; -EACCES another user's; -EPROTO not a
 * ring of this layout, byte order or way of waiting; -ENOMEM; -EMFILE.
 */
WEIR_API int weir_ring_open(struct weir_ring **ring, const char *name);

/*
 * Opens a ring by its handle, which was inherited or received; the handle is
 * duplicated and stays the caller's. Sizes and seals are checked before
 * anything is mapped. Callers: any thread. Blocks: never.
 * Returns: 0; -EINVAL no handle; -EPROTO; -ENOMEM; -EMFILE.
 */
WEIR_API int weir_ring_attach(struct weir_ring **ring, weir_handle handle);

/*
 * The handle of the ring's memory, to inherit or to send; lent until
 * weir_ring_close. WEIR_HANDLE_NONE for a private ring.
 */
WEIR_API weir_handle weir_ring_handle(const struct weir_ring *ring);

/*
 * Claims the producer's or the consumer's end: one holder on the whole
 * machine, until it closes it or dies. A successor goes on where the last one
 * stopped. Callers: any thread. Blocks: never.
 * Returns: 0; -EBUSY held, here or elsewhere; -EPROTO; -ENOMEM; -EMFILE;
 * -ENOSYS a second claim where the system does not tell of deaths.
 */
WEIR_API int weir_ring_tx(struct weir_ring *ring, struct weir_tx **tx);
WEIR_API int weir_ring_rx(struct weir_ring *ring, struct weir_rx **rx);

/* What the ring is; filled is a moment's value. Callers: any thread. */
WEIR_API int weir_ring_info(const struct weir_ring *ring,
			    struct weir_ring_info *info);

/*
 * Removes the name; whoever holds the ring keeps it.
 * Returns: 0; -ENOENT; -EINVAL; -EACCES.
 */
WEIR_API int weir_ring_unlink(const char *name);

/*
 * Closes the ends that were claimed through it, in good order, and lets the
 * memory go. NULL is allowed. No other call on the ring or its ends may run.
 */
WEIR_API void weir_ring_close(struct weir_ring *ring);

WEIR_END

#endif
