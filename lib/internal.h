/* SPDX-License-Identifier: MIT */
/*
 * What the files of the portable core share. Nothing here is installed.
 */
#ifndef WEIR_INTERNAL_H
#define WEIR_INTERNAL_H

#include <stdlib.h>

#include "os.h"
#include "spin.h"
#include "weir.h"

/* os.c: the table in use, and what it can do. */
extern const struct weir_os weir_os_portable;
const struct weir_os *weir_os(void);
const struct weir_ability *weir_os_ability(void);
int weir_os_usable(void);

/* log.c */
void weir_log(int level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * lock.c: a lock of this process, for lists that are touched when something is
 * made or torn down; never in shared memory, never on a fast path.
 */
struct weir_lock {
	struct weir_a32 word;	/* 0 free, 1 held, 2 held and waited for */
};
void weir_lock_take(struct weir_lock *lock);
void weir_lock_drop(struct weir_lock *lock);

/* name.c: 0, or -EINVAL where name is not [A-Za-z0-9._-]{1,64}. */
int weir_name_check(const char *name);

/* layout.c */
struct weir_geometry {		/* private copy of a header that was checked */
	uint64_t features, hints, size, capacity, id;
	uint64_t data, producer, consumer; /* offsets */
	uint32_t way;
	char name[72];
};
struct weir_header_wish {
	uint64_t capacity, features, hints;
	uint32_t way, way_abi;
	const char *name;
};
uint64_t weir_layout_size(uint64_t capacity);
int weir_layout_capacity(uint64_t *capacity, uint64_t wished, uint64_t usual);
void weir_layout_write(void *base, uint64_t size,
		       const struct weir_header_wish *wish);
int weir_layout_check(struct weir_geometry *geometry, const void *base,
		      uint64_t size);
uint64_t weir_layout_max_message(uint64_t capacity);

/*
 * Where a consumer stands: before a header, or, while pos < run_end, before a
 * message in a run of equals of run_len bytes each.
 */
struct weir_cursor {
	uint64_t pos;
	uint64_t run_end;
	uint64_t run_len;
};

/* lag.c: to keep away from the lines that the other side is busy with. */
struct weir_lag {
	uint64_t pos, messages;	/* where this side last ran out */
	uint32_t ns;		/* that it kept away the last time */
	uint64_t record;	/* bytes that a record of the last turn took */
	uint32_t small;		/* turns that brought little */
	uint32_t skip;		/* turns to go without */
	uint32_t backoff;	/* how often it was in vain */
};
int weir_lag(struct weir_lag *lag, uint64_t pos, uint64_t messages);
void weir_lag_failed(struct weir_lag *lag);

/*
 * copy.c: large payloads, past the caches where that is faster; by powers of
 * two of their size from WEIR_PRIV_LARGE on.
 */
#define WEIR_COPY_CLASSES 8
struct weir_copy {
	int kind;		/* in use: through the caches or past them */
	uint32_t cost[2];	/* ps a byte, of each kind */
	uint32_t laps;		/* to go with this kind */
	uint64_t done;		/* bytes in this lap */
	uint64_t timed, ns;	/* bytes of it that were timed, and how long */
};
void weir_copy_large(struct weir_copy copies[WEIR_COPY_CLASSES],
		     uint64_t capacity, void *to, const void *from, size_t len);

/*
 * An end: what tx and rx have in common besides the words of the fast path. It
 * lives in this process; only this process and its threads write it.
 */
struct weir_end {
	/* where things are */
	int producer;
	uint64_t capacity;
	struct weir_half *mine;
	const struct weir_half *peer;
	struct weir_spot sleep;	 /* where this end sleeps */
	struct weir_spot wake;	 /* where the peer sleeps */
	struct weir_spot poke;	 /* wakes this end from within this process */
	uint32_t asleep;	 /* WEIR_ASLEEP_WORD or _DESCRIPTOR */
	int one_word;		 /* own and the bell are one: private rings */
	int barrier;		 /* membarrier is agreed; 2: of all processes */
	struct weir_end *sibling; /* the other end of a connection, or NULL */

	/* written by any thread of this process */
	struct weir_a32 own;
	struct weir_a32 cancelled;
	struct weir_a32 gone;	 /* the peer died, */
	struct weir_a32 gone_claims; /* and this was its claim */

	/* written by the thread that uses the end */
	uint32_t waiting;	 /* the last waiting word */
	int sticky;		 /* -EPIPE or -EOWNERDEAD, until data or room */
	int broken;		 /* -EPROTO or, in a forked child, -EINVAL */
	uint64_t need;		 /* producer: consumer's position wanted */
	uint64_t peer_position;	 /* producer: the consumer's, as last seen */
	uint64_t first;		 /* producer: start of what is reserved */
	uint64_t first_header;
	uint64_t last, last_len; /* producer: the last reservation */
	struct weir_cursor at;	 /* consumer: peeked up to here, if open */
	struct weir_cursor free; /* consumer: released up to here */
	struct weir_cursor after; /* consumer: behind what next() found */
	uint64_t found;		 /* consumer: the payload that it found */
	uint32_t open;		 /* reservations; peeks */
	uint64_t open_bytes;
	uint64_t want;		 /* producer: record size that is waited for */
	uint64_t part;		 /* consumer: taken of a message by read_exact */
	int32_t spin_us;
	int alone;		 /* one CPU: spinning keeps the peer off it */
	struct weir_spin spin;	 /* spin_us 0: what waits have taught */
	int spin_begun;		 /* it has been set up */
	int64_t last_wait;	 /* ns; -1: none that is not learnt from */
	struct weir_lag lag;
	struct weir_copy copy[WEIR_COPY_CLASSES];
	int metrics;
	uint64_t counters[WEIR_COUNT_LAST];
	struct weir_a64 unseen[WEIR_COUNT_LAST]; /* without metrics */

	/* teardown */
	int lent;		 /* by a stream, which closes it */
	struct weir_ring *ring;
	struct weir_stream *stream;
	weir_handle lock;
	int watched;
	struct weir_watch watch;
	struct weir_end *next;	 /* fork.c's list */
	weir_handle *hidden[3];	 /* what a forked child must not hold */
	union {
		struct weir_tx tx;
		struct weir_rx rx;
	} side;
};

struct weir_end_place {		/* what weir_end_new is told */
	int producer;
	unsigned char *data;
	uint64_t capacity;
	struct weir_half *mine;
	const struct weir_half *peer;
	int barrier;
	int32_t spin_us;
	int metrics;
};

/* end.c */
int weir_end_new(struct weir_end **end, const struct weir_end_place *place);
int weir_end_start(struct weir_end *end);
void weir_end_close(struct weir_end *end);
void weir_end_free(struct weir_end *end);
void weir_end_gone(struct weir_end *end, uint32_t claims);
int weir_end_cancel(struct weir_end *end);
int weir_end_break(struct weir_end *end, int error, const char *text);
void weir_end_disable(struct weir_end *end);
int weir_end_departed(struct weir_end *end);
void weir_end_count(struct weir_end *end, enum weir_counter which, uint64_t n);
int weir_end_info(const struct weir_end *end, struct weir_ring_info *info);

/* park.c: the sleep and the wake. */
#define WEIR_FENCED_RUN 64u /* see weir_end_unfence() */
int weir_end_wait(struct weir_end *end, int (*look)(struct weir_end *end),
		  int64_t deadline);
void weir_end_ring(struct weir_end *end);
uint32_t weir_end_fence(struct weir_end *end);
uint32_t weir_end_unfence(struct weir_end *end);
void weir_end_poke(struct weir_end *end);

/* tx.c, rx.c */
int weir_tx_start(struct weir_end *end);
int weir_rx_start(struct weir_end *end);
ssize_t weir_rx_take_part(struct weir_rx *rx, void *data, size_t size);

/* ring.c */
int weir_ring_describe(const struct weir_ring *ring,
		       struct weir_ring_info *info);
void weir_ring_forget(struct weir_ring *ring, struct weir_end *end);
/* stream.c */
int weir_stream_describe(const struct weir_stream *stream, int producer,
			 struct weir_ring_info *info);

/* fork.c: ends that a fork must not give to the child. */
void weir_fork_add(struct weir_end *end);
void weir_fork_remove(struct weir_end *end);
void weir_fork_prepare(void);
void weir_fork_parent(void);
void weir_fork_child(void (*drop)(weir_handle handle));

/*
 * options.c: copies the caller's structure over the defaults in known; what a
 * newer caller has beyond that must be zero.
 */
int weir_options_copy(void *known, size_t size, size_t least,
		      const void *options);

/* handshake.c */
struct weir_handshake {
	/* in */
	uint64_t capacity, size, capacity_max;
	weir_handle memory;
	int allow_unsealed, sealed, prefault;
	/* out */
	int words;		/* both sleep on words; else on the socket */
	int barrier;
	weir_handle peer_memory, peer_process;
	void *peer_base;
	struct weir_geometry peer;
	struct weir_peer who;
};
int weir_handshake(struct weir_handshake *h, weir_handle socket,
		   int64_t deadline);

#endif
