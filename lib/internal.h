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
	struct weir_a32 word;	/* 0 free, 1 held, 2 held and waited for; and
				   the number of forks, from bit 2 on */
};
void weir_lock_take(struct weir_lock *lock);
void weir_lock_drop(struct weir_lock *lock);
void weir_lock_child(void);	/* all are free in a forked child */

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
 * door.c: where threads of this process that have news for an end call on
 * whoever waits for it by other means than a sleep: a handle, a set.
 */
struct weir_guest {
	/* Under the door's lock; may lock and wake, must not wait. */
	void (*knock)(struct weir_guest *guest);
	/* The end's own thread is about to wait in another way. */
	void (*disturb)(struct weir_guest *guest);
	/* The end closes. */
	void (*leave)(struct weir_guest *guest);
};
struct weir_door {
	struct weir_lock lock;
	struct weir_guest *guest;
};
void weir_door_set(struct weir_door *door, struct weir_guest *guest);
void weir_door_knock(struct weir_door *door);

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
	uint32_t small;		/* turns that brought little */
	uint32_t skip;		/* turns to go without */
	uint32_t backoff;	/* how often it was in vain */
};
int weir_lag(struct weir_lag *lag, uint64_t pos, uint64_t messages);
void weir_lag_failed(struct weir_lag *lag);

/* ahead.c: the lines of the next message, had before it is there. */
struct weir_ahead {
	uint64_t wait;		/* messages until the consumer is looked at */
	uint64_t at;		/* then */
	uint32_t row;		/* so many times in a row it had read all */
	int alone;		/* messages come one by one */
};

/*
 * copy.c: large payloads, past the caches where that is faster; by powers of
 * two of their size from WEIR_PRIV_LARGE on.
 */
#define WEIR_COPY_CLASSES 8
#define WEIR_COPY_PARTS 16 /* of a lap, each timed */
struct weir_trim {
	uint32_t sum, most[2];	/* and the two largest in it */
};
struct weir_copy {
	int kind;		/* in use: through the caches or past them */
	uint32_t trial;		/* laps of one that have begun; 0: kept */
	uint32_t kept, laps;	/* so many laps, of so many */
	uint32_t most;		/* laps, while that is less; 0: first ones */
	uint32_t unsettled;	/* laps that do not count yet */
	uint32_t slow;		/* laps running at half the pace */
	uint32_t last;		/* pace of the lap before */
	uint32_t pace[2];	/* ps a byte, of each kind */
	uint32_t cost[2];	/* the same, of the copy alone */
	uint32_t parts;		/* of this lap, that are over */
	struct weir_trim pace_now, cost_now;
	uint64_t done;		/* bytes in this part */
	int64_t since;		/* its beginning */
};
/* What the clock says at the end of a part, in ps a byte: the choice. */
void weir_copy_part(struct weir_copy *copy, uint32_t pace, uint32_t cost);
/* Of a message, or of several such. Returns whether weir_copy_fence() has to
   follow before the header. */
int weir_copy_large(struct weir_copy copies[WEIR_COPY_CLASSES],
		    uint64_t capacity, void *to, const void *from, size_t len,
		    size_t message);
/* Past the caches, the next one. */
int weir_copy_streams(const struct weir_copy copies[WEIR_COPY_CLASSES],
		      size_t message);
void weir_copy_fence(void);

/* What other threads of this process tell an end; see weir_priv_rx_still(). */
enum { WEIR_CANCELLED, WEIR_GONE, WEIR_NEWS };

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
	struct weir_spot byte;	 /* where the peer sleeps on a descriptor */
	struct weir_door *door;	 /* who else waits for this end, */
	struct weir_door *peer_door; /* private ring: for the other one */
	struct weir_door own_door;
	uint32_t asleep;	 /* WEIR_ASLEEP_WORD or _DESCRIPTOR */
	int one_word;		 /* own and the bell are one: private rings */
	int barrier;		 /* membarrier is agreed; 2: of all processes */
	struct weir_end *sibling; /* the other end of a connection, or NULL */
	struct weir_end *mate;	 /* the same for a stream of two threads */

	/* written by any thread of this process */
	struct weir_lock bytes;	 /* producer: who takes from the socket */
	struct weir_a32 own;
	struct weir_a32 news[WEIR_NEWS]; /* cancelled; the peer died, */
	struct weir_a32 gone_claims; /* and this was its claim */

	/* written by the thread that uses the end */
	uint32_t waiting;	 /* the last waiting word */
	struct weir_guest *guest; /* as at the door: a set, or a handle */
	struct weir_arm *arm;	 /* arm.c: the handle, once asked for */
	uint64_t waitv[6];	 /* linux/uring_wait.c: the kernel reads it */
	int no_uring;		 /* and this: it has refused */
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
	struct weir_spin spin;	 /* spin_us 0: what waits have taught */
	int spin_begun;		 /* it has been set up */
	int64_t last_wait;	 /* ns; -1: none that is not learnt from */
	struct weir_lag lag;
	struct weir_ahead ahead;
	struct weir_copy copy[WEIR_COPY_CLASSES];
	int streamed;		 /* weir_copy_fence() before the header */
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

/* arm.c: handles. */
int weir_end_handle(struct weir_end *end, weir_handle *handle);
int weir_end_arm(struct weir_end *end, int (*look)(struct weir_end *end));
int weir_end_armed(const struct weir_end *end);
int weir_end_in_set(const struct weir_end *end);
void weir_end_disarm(struct weir_end *end);
void weir_arm_free(struct weir_end *end);

/* set.c */
extern unsigned int weir_set_words_max;

/* park.c: the sleep and the wake. */
#define WEIR_FENCED_RUN 64u /* see weir_end_unfence() */
struct weir_nap {		/* what a sleep compares */
	uint32_t bell;		/* the peer's doorbell */
	uint32_t own;		/* end->own */
};
int weir_end_wait(struct weir_end *end, int (*look)(struct weir_end *end),
		  int64_t deadline);
int weir_end_announce(struct weir_end *end, int (*look)(struct weir_end *end),
		      uint32_t way, struct weir_nap *nap);
void weir_end_settle(struct weir_end *end);
void weir_end_ring(struct weir_end *end, uint32_t waiting);
void weir_end_ring_any(struct weir_end *end);
int weir_end_take_bytes(struct weir_end *end);
void weir_end_pass_on(struct weir_end *end);
uint32_t weir_end_fence(struct weir_end *end);
uint32_t weir_end_unfence(struct weir_end *end);
void weir_end_poke(struct weir_end *end);

/* tx.c, rx.c */
int weir_tx_start(struct weir_end *end);
int weir_rx_start(struct weir_end *end);
int weir_tx_look(struct weir_end *end);	/* for end->want bytes of record */
int weir_tx_fits(const struct weir_tx *tx, size_t len);
int weir_tx_want(struct weir_tx *tx, size_t len);
int weir_rx_look(struct weir_end *end);
/*
 * The same answer as the last time, -EAGAIN, without a store. It is no early
 * return that loses a wake: before a sleep it stands behind F2 and A10 in
 * weir_end_announce(), as any look does, and so sees what was published, or
 * said by a flag, by who has not seen this sleep.
 */
static inline int weir_rx_still_empty(const struct weir_rx *rx)
{
	/* relaxed: who finds something looks again, by A1 */
	return weir_priv_rx_still(rx, rx->at) &&
	       !weir_load_relaxed64((const struct weir_a64 *)
				    (const void *)rx->at);
}
ssize_t weir_rx_take_part(struct weir_rx *rx, void *data, size_t size);

/* ring.c */
int weir_ring_describe(const struct weir_ring *ring,
		       struct weir_ring_info *info);
void weir_ring_forget(struct weir_ring *ring, struct weir_end *end);
/* stream.c */
int weir_stream_describe(const struct weir_stream *stream, int producer,
			 struct weir_ring_info *info);

/*
 * fork.c: ends, and other things, that a fork must not give to the child. No
 * fork happens between hold and release.
 */
struct weir_fork {
	void (*child)(struct weir_fork *thing,
		      void (*drop)(weir_handle handle));
	struct weir_fork *next;
};
void weir_fork_add(struct weir_end *end);
void weir_fork_add_held(struct weir_end *end);	/* between the two below */
void weir_fork_remove(struct weir_end *end);
void weir_fork_add_thing(struct weir_fork *thing);
void weir_fork_remove_thing(struct weir_fork *thing);
void weir_fork_hold(void);
void weir_fork_release(void);
void weir_fork_child(void (*drop)(weir_handle handle));

/*
 * options.c: copies the caller's structure over the defaults in known; what a
 * newer caller has beyond that must be zero.
 */
int weir_options_copy(void *known, size_t size, size_t least,
		      const void *options);

extern int64_t weir_listener_patience_ns;	/* changed by tests alone */

/*
 * listener.c, for set.c: a handle that becomes readable when there may be
 * something to do, or NONE, and then the guest's door is knocked at, as after a
 * cancel; 0 if accept would return a stream, -EAGAIN, or what it would answer.
 */
weir_handle weir_listener_pollable(struct weir_listener *listener);
int weir_listener_look(struct weir_listener *listener);
void weir_listener_guest(struct weir_listener *listener,
			 struct weir_guest *guest);
int weir_listener_has_guest(struct weir_listener *listener);

/* handshake.c */
enum weir_refusal {		/* on the wire; new ones before UNKNOWN */
	WEIR_REFUSAL_NONE,
	WEIR_REFUSAL_ORDER,	/* byte order */
	WEIR_REFUSAL_VERSION,
	WEIR_REFUSAL_WAY,
	WEIR_REFUSAL_MEMORY,
	WEIR_REFUSAL_SIZE,
	WEIR_REFUSAL_HELLO,
	WEIR_REFUSAL_UNSEALED,
	WEIR_REFUSAL_USER,
	WEIR_REFUSAL_DECLINED,
	WEIR_REFUSAL_CLIENTS,
	WEIR_REFUSAL_FULL,
	WEIR_REFUSAL_SLOW,
	WEIR_REFUSAL_CLOSING,
	WEIR_REFUSAL_UNKNOWN,	/* a later version's */
};
struct weir_handshake {
	/* in */
	weir_handle socket;
	uint64_t capacity_max;
	int allow_unsealed, prefault;
	int listens;		/* says nothing before the other has greeted */
	struct weir_peer vouched; /* pid 0: not known; who is on the socket */
	void *ctx;
	/* Whether to talk to who; NULL: to anybody. */
	enum weir_refusal (*admit)(struct weir_handshake *h);
	/* Makes what follows, before the own greeting goes out. */
	int (*make)(struct weir_handshake *h);
	/* Makes the rest, which follows. */
	int (*ready)(struct weir_handshake *h);
	uint64_t capacity, size;
	weir_handle memory;
	int sealed;
	/* out */
	int words;		/* both sleep on words; else on the socket */
	int barrier;
	weir_handle peer_memory, peer_process;
	void *peer_base;
	struct weir_geometry peer;
	struct weir_peer who;
	/* where it is */
	unsigned int step;
	enum weir_refusal refusal;
	int error;
	struct weir_message message;
	uint64_t buffer[16];
};
int weir_handshake_step(struct weir_handshake *h, int64_t deadline);
void weir_handshake_refuse(struct weir_handshake *h, enum weir_refusal why);

/*
 * stream.c: a stream in the making. step() goes on where it stopped; 0: the
 * stream is there, and the caller's. drop() ends one that is not.
 */
struct weir_crowd {		/* the clients of a listener */
	struct weir_a32 holders, clients;
};
struct weir_meeting {
	struct weir_stream *stream;
	struct weir_stream_options options;
	struct weir_handshake h;
	struct weir_fork fork;
};
int weir_stream_options_take(struct weir_stream_options *o,
			     const struct weir_stream_options *given,
			     uint32_t flags);
int weir_meeting_begin(struct weir_meeting *m, weir_handle socket,
		       const struct weir_stream_options *o);
int weir_meeting_step(struct weir_meeting *m, int64_t deadline);
void weir_meeting_drop(struct weir_meeting *m);
void weir_stream_join(struct weir_stream *stream, struct weir_crowd *crowd);
void weir_crowd_leave(struct weir_crowd *crowd);

#endif
