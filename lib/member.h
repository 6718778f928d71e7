/* SPDX-License-Identifier: MIT */
/*
 * What set.c, who is in a set, and set_wait.c, how one waits for them, share.
 */
#ifndef WEIR_MEMBER_H
#define WEIR_MEMBER_H

#include "internal.h"

struct member {
	struct weir_guest guest;
	struct weir_set *set;
	struct weir_end *end;		/* else: */
	struct weir_listener *listener;
	uint64_t want;			/* tx: room for it; 0: not known */
	void *user;
	size_t slot;
	int queued;
	int armed;
	struct member *next;		/* in the queue */
	uint32_t bell;			/* armed: the doorbell then */
	int registered;			/* its socket is in the gather */
	struct weir_watch nap;		/* plain ring, in the gather */
	int seated;
	int napping;			/* it is slept on, as far as known */
	struct member *next_news;
	int called;			/* is in the news; under that lock */
	int woken;			/* by the nap; under that lock */
};

struct weir_set {
	struct weir_lock lock;
	struct member **slots;
	size_t room, n, streams;
	struct member *first, *last;	/* the queue */
	int waiting;			/* a thread is in weir_set_wait */
	int asleep;			/* and has dropped the lock there */
	int handle_wanted;
	int wake;
	int forked;			/* this is the child */
	struct weir_fork fork;
	struct weir_gather gather;
	struct weir_spot bell;		/* a handle where the gather has none */
	struct weir_watch nap;		/* who rings it */
	int seated;
	struct weir_bed beds[WEIR_OS_BEDS];

	struct weir_lock news_lock;
	struct member *news;
	int gathering;			/* changed under both locks */

	struct weir_a32 own;		/* counts news */
	struct weir_a32 sleeps;		/* counts sleeps that have ended */
};

static inline struct member *weir_member_of(struct weir_guest *guest)
{
	return (struct member *)(void *)
		((unsigned char *)guest - offsetof(struct member, guest));
}

static inline int weir_member_is_stream(const struct member *m)
{
	return m->end && m->end->stream;
}

/* Under the set's lock. */
void weir_member_enqueue(struct member *m);
void weir_member_unqueue(struct member *m);
void weir_member_rouse(struct member *m);
void weir_member_forget_news(struct member *m);
void weir_member_leave_seat(struct member *m);
void weir_set_gathers(struct weir_set *set);
void weir_set_let_go(struct weir_set *set); /* drops the lock */
void weir_set_unseat_handle(struct weir_set *set);
int weir_set_leave_handle(struct weir_set *set, int r);

/* By any thread, for the one that waits or polls. */
void weir_set_ring(struct weir_set *set);

/* What a member does as a guest. */
void weir_member_knock(struct weir_guest *guest);
void weir_member_disturb(struct weir_guest *guest);

#endif
