/* SPDX-License-Identifier: MIT */
/*
 * The OS seam: all that the portable core asks of a system, as one table, at
 * most 20 functions. lib/linux and lib/portable each fill one; the table is
 * chosen once, at the first call (lib/os.c). Only slow paths go through it.
 *
 * Every function returns >= 0 or a negative errno; none prints, none leaves
 * EINTR to the caller. What a kernel lacks is found when the table is chosen
 * (probe) or by the call that fails, and answered -ENOSYS.
 */
#ifndef WEIR_OS_H
#define WEIR_OS_H

#include "weir/layout.h"
#include "weir/stream.h"

/* How a thread sleeps. The first two are within one process. */
enum weir_os_way {
	WEIR_OS_LOCAL,	  /* on a word of this process */
	WEIR_OS_SHARED,	  /* on a word of shared memory, alone */
	WEIR_OS_WORDS,	  /* on a shared word and a word of this process */
	WEIR_OS_SEMAPHORE, /* on a process-shared semaphore in the memory */
	WEIR_OS_SOCKET,	  /* on a connected socket and a pipe of one's own */
};

/* Where somebody sleeps, seen from the sleeper and from who wakes it. */
struct weir_spot {
	enum weir_os_way way;
	struct weir_a32 *word;	/* LOCAL, SHARED, WORDS */
	void *semaphore;	/* SEMAPHORE: 64 bytes */
	weir_handle socket;	/* SOCKET */
	weir_handle bell[2];	/* SOCKET: read and write end of the pipe */
};

#define WEIR_OS_SLEPT_TOOK 1 /* sleep: bytes were taken from the socket */

struct weir_facts {		/* of memory that somebody handed over */
	uint64_t size;
	uint64_t allocated;	/* bytes that are really there */
	int sealed;		/* cannot shrink, grow or be unsealed */
	int write_sealed;	/* nor be mapped writable any more */
	int huge;		/* pages of a pool */
	int named;		/* in this user's own directory of rings */
};

#define WEIR_MAP_READ_ONLY 1u
#define WEIR_MAP_PREFAULT 2u
#define WEIR_MAP_HUGE 4u

/*
 * Something whose end somebody waits for: the socket of a connection, or the
 * claim of an end of a plain ring. gone() is called by a thread of the
 * library, at most once for each death, never after unwatch() has returned.
 */
struct weir_watch {
	void (*gone)(struct weir_watch *watch, uint32_t claims);
	weir_handle socket;	/* connection; else WEIR_HANDLE_NONE */
	weir_handle process;	/* connection: the peer's, if there is one */
	weir_handle memory;	/* plain ring */
	unsigned int end;	/* plain ring: 0 producer, 1 consumer */
	const struct weir_half *peer; /* plain ring: the half watched */
	struct weir_spot spot;	/* plain ring: where a claim of it is rung */
	struct weir_a32 own;	/* plain ring: rung to stop */
	void *priv;		/* the backend's */
	struct weir_watch *next; /* the backend's */
};

/* What this process can have on this system, found by trying. */
struct weir_ability {
	int words;	  /* sleep on two words: WEIR_OS_WORDS */
	int shared;	  /* WEIR_OS_SHARED */
	int semaphores;	  /* WEIR_OS_SEMAPHORE */
	uint32_t way_abi; /* what a semaphore looks like here */
	int barrier;	  /* barrier() does what layout.h's F1 asks */
	int lock;	  /* claim() and watch() of plain rings */
	int seal;	  /* memory_seal() */
	char text[96];	  /* for weir_backend() */
};

struct weir_os {
	const char *name;

	/* What this process can have; fills the struct below. */
	void (*probe)(struct weir_ability *ability);

	/* Monotonic nanoseconds, the clock of all deadlines. */
	int64_t (*now)(void);

	/* How many CPUs the calling thread may run on; at least 1. */
	unsigned int (*cpus)(void);

	/*
	 * Memory that has no name yet, allocated: it never faults for want of
	 * room later. With a name: where memory_publish can give it that name.
	 */
	int (*memory_create)(weir_handle *memory, uint64_t size,
			     const char *name);

	/*
	 * Gives the name to finished memory, so it appears whole or not at
	 * all; memory WEIR_HANDLE_NONE: takes the name away.
	 */
	int (*memory_name)(weir_handle memory, const char *name);

	/* By name, or if that is NULL a duplicate of given. */
	int (*memory_open)(weir_handle *memory, const char *name,
			   weir_handle given);

	/* What strange memory is, before anybody maps it. -EPROTO: none. */
	int (*memory_facts)(weir_handle memory, struct weir_facts *facts);

	/* memory WEIR_HANDLE_NONE: private, zeroed. *page_size out. */
	int (*memory_map)(void **base, weir_handle memory, uint64_t size,
			  uint32_t flags, uint64_t *page_size);

	/* What memory_map gave, all of it. */
	void (*memory_unmap)(void *base, uint64_t size);

	/* Against shrinking and growing; connection: against writers too. */
	int (*memory_seal)(weir_handle memory, int connection);

	/* Any handle that came from this table. */
	void (*handle_close)(weir_handle handle);

	/*
	 * Claims end 0 or 1 of a plain ring by a lock that the kernel drops
	 * with the process; closing *lock gives it back. -EBUSY held.
	 */
	int (*claim)(weir_handle *lock, weir_handle memory, unsigned int end);

	/* Makes what a spot needs: SEMAPHORE in its memory, SOCKET its bell. */
	int (*spot_init)(struct weir_spot *spot);

	/*
	 * Sleeps while *spot->word == seen and *own == own_seen, or until
	 * deadline. Returns 0, WEIR_OS_SLEPT_TOOK or -ETIMEDOUT; all mean: look
	 * again. own NULL: there is no such word.
	 */
	int (*sleep)(const struct weir_spot *spot, uint32_t seen,
		     const struct weir_a32 *own, uint32_t own_seen,
		     int64_t deadline);

	/* Wakes up to n sleepers; returns how many, as far as it is known. */
	int (*wake)(const struct weir_spot *spot, int n);

	/* A fence on every thread that runs and has asked for it (probe). */
	void (*barrier)(int shared);

	/*
	 * One message of a handshake, all of it; memory goes along unless it is
	 * WEIR_HANDLE_NONE, and then also a handle of this process where there
	 * is such a thing. receive: handles that did not come are
	 * WEIR_HANDLE_NONE; the peer is as the kernel tells it.
	 * -EPIPE: the other side has gone.
	 */
	int (*send)(weir_handle socket, const void *data, size_t len,
		    weir_handle memory, int64_t deadline);
	int (*receive)(weir_handle socket, void *data, size_t len,
		       weir_handle *memory, weir_handle *process,
		       struct weir_peer *peer, int64_t deadline);

	/* unwatch hangs up, too, if it is a connection. */
	int (*watch)(struct weir_watch *watch);
	void (*unwatch)(struct weir_watch *watch);
};

#endif
