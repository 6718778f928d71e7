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
	WEIR_OS_SOCKET,	  /* on a connected socket and a bell of one's own */
	WEIR_OS_MANY,	  /* on up to WEIR_OS_BEDS words and one's own */
	WEIR_OS_GATHER,	  /* on the handles of a gather */
	WEIR_OS_OWN,	  /* wake alone: as LOCAL, whoever sleeps on it how */
};

#define WEIR_OS_BEDS 127
struct weir_spot;
struct weir_bed {		/* one of many words */
	const struct weir_spot *spot; /* LOCAL, SHARED or WORDS */
	uint32_t seen;
};

/* Many handles in one, each told by a number that is not 0. */
struct weir_gather {
	weir_handle handle;	/* readable while one is; else NONE: to be had
				   by no handle on this system */
	uint64_t ready[32];	/* out of sleep: who may be readable, */
	unsigned int n;		/* so many of them; */
	int lost;		/* 1: any nap may have ended, begin all anew */
	weir_handle bell[2];
	void *priv;		/* the backend's */
};

/* Where somebody sleeps, seen from the sleeper and from who wakes it. */
struct weir_spot {
	enum weir_os_way way;
	struct weir_a32 *word;	/* LOCAL, SHARED, WORDS */
	void *semaphore;	/* SEMAPHORE: 64 bytes */
	weir_handle socket;	/* SOCKET; NONE: the bell alone */
	weir_handle bell[2];	/* SOCKET: a pipe, read and write end, or an
				   eventfd and NONE */
	unsigned char say;	/* SOCKET: the byte that a wake sends, */
	unsigned char hear;	/* the one that is meant for this sleeper, */
	unsigned char keep;	/* 1: take no other from the socket, */
	unsigned char deaf;	/* 1: sleep on the bell alone */
	const struct weir_bed *beds; /* MANY */
	size_t n_beds;
	struct weir_gather *gather; /* GATHER */
};

/* What sleep says of a socket */
#define WEIR_OS_SLEPT_BYTES 1 /* there may be bytes to take from it */
#define WEIR_OS_SLEPT_TOOK 2 /* NOWAIT: bytes were taken, */
#define WEIR_OS_SLEPT_LEFT 4 /* NOWAIT: others were left there */

struct weir_facts {		/* of memory that somebody handed over */
	uint64_t size;
	uint64_t allocated;	/* bytes that are really there */
	int sealed;		/* cannot shrink, grow or be unsealed */
	int write_sealed;	/* nor be mapped writable any more */
	int huge;		/* pages of a pool */
	int named;		/* in this user's own directory of rings */
};

#define WEIR_FACTS_STRICT 1u /* -EPROTO unless it is sealed */

struct weir_message {		/* of a handshake */
	void *data;
	size_t len, done;	/* done: what has gone, or come */
	weir_handle memory, process; /* along with it, else NONE */
	struct weir_peer *peer;	/* in: who sent it, unless NULL */
};

#define WEIR_PATH_MAX 108	/* what any system's socket address takes */

struct weir_address {		/* of a listener */
	const char *name;	/* a name, or a path with a slash */
	weir_handle given;	/* listen: one that does so already, or NONE */
	int backlog;
	int everybody;		/* listen: other users may try, too */
	/* out */
	weir_handle socket;
	uint32_t uid;		/* of this process */
	struct weir_peer peer;	/* connect: who listens */
	char path[WEIR_PATH_MAX]; /* listen: to be taken away, or empty */
	uint64_t device, inode;
};

enum weir_socket {
	WEIR_SOCKET_CONNECT,
	WEIR_SOCKET_LISTEN,
	WEIR_SOCKET_CLOSE,	/* of one that listens */
};

#define WEIR_MAP_READ_ONLY 1u
#define WEIR_MAP_PREFAULT 2u
#define WEIR_MAP_HUGE 4u

/*
 * Something whose end somebody waits for: the socket of a connection, or the
 * claim of an end of a plain ring; or, with neither, the change of a word that
 * some thread of the library sleeps on in place of the caller. gone() is
 * called by a thread of the library, at most once for each death or change,
 * never after unwatch() has returned. A nap that has ended keeps its seat until
 * unwatch(); watch() once more begins the next. A nap that says whom to tell may
 * ring there in place of gone(), also in vain and also after unwatch() with
 * stays, which ends the nap but keeps what the next one takes. A nap of a gather
 * is begun by the thread that sleeps on that; the system may tell its end there,
 * by number, instead of by gone(), also a little after unwatch().
 */
struct weir_watch {
	void (*gone)(struct weir_watch *watch, uint32_t claims);
	weir_handle socket;	/* connection; else WEIR_HANDLE_NONE */
	weir_handle process;	/* connection: the peer's, if there is one */
	weir_handle memory;	/* plain ring */
	unsigned int end;	/* plain ring: 0 producer, 1 consumer */
	const struct weir_half *peer; /* plain ring: the half watched */
	struct weir_spot spot;	/* plain ring: where a claim of it is rung;
				   nap: where to sleep */
	uint32_t seen;		/* nap: while the word has this value */
	struct weir_gather *gather; /* nap: of this one, or NULL, */
	uint64_t number;	/* under this number, which no handle has */
	const struct weir_spot *tell; /* nap: SOCKET without one, or NULL */
	int stays;		/* nap, unwatch: watch() will come again */
	struct weir_a32 own;	/* plain ring: rung to stop */
	void *priv;		/* the backend's */
	struct weir_watch *next; /* the backend's */
};

/* What WEIR_WAIT demands for the sleeps between processes. */
enum weir_os_wait {
	WEIR_OS_WAIT_AUTO,
	WEIR_OS_WAIT_WAITV,	/* words, by futex_waitv(2) */
	WEIR_OS_WAIT_SOCKET,	/* no words: sockets and semaphores */
	WEIR_OS_WAIT_URING,	/* words, by io_uring */
};

/* What this process can have on this system, found by trying. */
struct weir_ability {
	enum weir_os_wait wait; /* given to probe, which says in the next */
	int refused;	  /* 1: not to be had; constructors answer -ENOSYS */
	int sockets;	  /* connections may sleep on their socket */
	int words;	  /* sleep on two words: WEIR_OS_WORDS */
	int naps;	  /* a gather tells naps, without a thread */
	int shared;	  /* WEIR_OS_SHARED */
	int semaphores;	  /* WEIR_OS_SEMAPHORE */
	uint32_t way_abi; /* what a semaphore looks like here */
	int barrier;	  /* barrier() does what layout.h's F1 asks */
	int lock;	  /* claim() and watch() of plain rings */
	int seal;	  /* memory_seal() */
	char text[192];	  /* for weir_backend(): probe's part, then ours */
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
	 * Finished memory is given away: under the name, so it appears whole
	 * or not at all; without one, sealed against shrinking and growing,
	 * and for a connection against writers too. Memory WEIR_HANDLE_NONE:
	 * takes the name away.
	 */
	int (*memory_share)(weir_handle memory, const char *name,
			    int connection);

	/*
	 * By name, or if that is NULL a duplicate of given; memory NULL: none
	 * is made. Facts, unless NULL: what strange memory is, before anybody
	 * maps it; -EPROTO: none. Strict: nothing is asked that the file system
	 * of somebody else could answer late.
	 */
	int (*memory_open)(weir_handle *memory, const char *name,
			   weir_handle given, struct weir_facts *facts,
			   uint32_t flags);

	/* memory WEIR_HANDLE_NONE: private, zeroed. *page_size out. */
	int (*memory_map)(void **base, weir_handle memory, uint64_t size,
			  uint32_t flags, uint64_t *page_size);

	/* What memory_map gave, all of it. */
	void (*memory_unmap)(void *base, uint64_t size);

	/* Any handle that came from this table. */
	void (*handle_close)(weir_handle handle);

	/*
	 * Claims end 0 or 1 of a plain ring by a lock that the kernel drops
	 * with the process; -EBUSY held. Memory WEIR_HANDLE_NONE: gives it
	 * back; a forked child closes its copy of *lock instead.
	 */
	int (*claim)(weir_handle *lock, weir_handle memory, unsigned int end);

	/*
	 * Makes what a spot needs: SEMAPHORE in its memory, SOCKET its bell,
	 * GATHER all of it.
	 */
	int (*spot_init)(struct weir_spot *spot);

	/*
	 * Sleeps while *spot->word == seen and *own == own_seen, or until
	 * deadline. Returns >= 0 or -ETIMEDOUT; all mean: look again. own NULL:
	 * there is no such word. MANY sleeps while no bed has changed. SOCKET
	 * and NOWAIT: takes what is in the socket and the bell, which any other
	 * sleep leaves there. GATHER: until a handle has become readable or
	 * the spot was woken.
	 */
	int (*sleep)(const struct weir_spot *spot, uint32_t seen,
		     const struct weir_a32 *own, uint32_t own_seen,
		     int64_t deadline);

	/* Wakes up to n sleepers; returns how many, as far as it is known. */
	int (*wake)(const struct weir_spot *spot, int n);

	/*
	 * Adds a handle to a gather, told by that number, or with number 0
	 * takes it away; no handle: closes it all. Any thread, also while one
	 * sleeps; a handle that was taken away may be told once more.
	 */
	int (*gather)(struct weir_gather *gather, weir_handle handle,
		      uint64_t number);

	/* A fence on every thread that runs and has asked for it (probe). */
	void (*barrier)(int shared);

	/*
	 * A message of a handshake, out or in, all of it; after -EAGAIN or
	 * -ETIMEDOUT another call goes on. Out: the memory goes along, and then
	 * also a handle of this process where there is such a thing. In: the
	 * peer is as the kernel tells it. -EPIPE: the other side has gone;
	 * -EMFILE: it came, and handles were lost for want of room.
	 */
	int (*transfer)(weir_handle socket, struct weir_message *message,
			int out, int64_t deadline);

	/*
	 * Connects to who listens there; -ECONNREFUSED: nobody does. Or listens
	 * there, alone (-EADDRINUSE), in the place of one that has died. Or
	 * ends that, and takes away the name if it is still that socket's.
	 */
	int (*socket)(struct weir_address *address, enum weir_socket what,
		      int64_t deadline);

	/* The next who has connected, or -EAGAIN; and who that is. */
	int (*accept)(weir_handle *socket, weir_handle listening,
		      struct weir_peer *peer);

	/* unwatch hangs up, too, if it is a connection. */
	int (*watch)(struct weir_watch *watch);
	void (*unwatch)(struct weir_watch *watch);
};

/* While no table is chosen yet: a number that no other living process has, not
   0; and to let another thread run. */
uint32_t weir_os_process(void);
void weir_os_yield(void);

#endif
