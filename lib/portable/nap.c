/* SPDX-License-Identifier: MIT */
/*
 * Sleeping in place of others: for the handle of a plain ring, and for plain
 * rings in a set that sleeps on descriptors, a thread of the library sleeps on
 * the words and calls gone() when one of them has changed. Where several words
 * can be slept on at once one thread serves up to 127 of them (Linux with
 * futex_waitv), else each has its own.
 *
 * A nap has a seat from watch() to unwatch(). It ends when it is told; watch()
 * again begins the next. The thread lives while a seat is taken, and wakes only
 * when a word or the list changes.
 */
#include <stdlib.h>

#include "portable.h"

struct napper {
	struct napper *next;
	pthread_t thread;
	struct weir_a32 own;	/* the list has changed */
	int single;		/* one nap, on whatever it sleeps on */
	int stop;
	struct weir_a32 ended;	/* it has seen that */
	size_t n;
	struct weir_watch *seats[WEIR_OS_BEDS];
	int active[WEIR_OS_BEDS];
};

static struct weir_lock lock;
static struct napper *nappers;

static int is_word(const struct weir_watch *nap)
{
	return nap->spot.way == WEIR_OS_WORDS ||
	       nap->spot.way == WEIR_OS_SHARED ||
	       nap->spot.way == WEIR_OS_LOCAL;
}

static int many(const struct weir_watch *nap)
{
	return is_word(nap) && weir_os_ability()->words;
}

/* X5 pairs with A10 in run(): the list before the word. */
static void rouse(struct napper *napper)
{
	struct weir_spot spot = { .way = WEIR_OS_LOCAL,
				  .word = &napper->own };

	/* X5 pairs with A10 in run(). */
	weir_add_acq_rel32(&napper->own, 1);
	weir_os()->wake(&spot, 1);
}

/* Tells those that have ended; a single one has if its sleep returned. */
static void tell(struct napper *napper, int slept)
{
	size_t i;

	for (i = 0; i < napper->n; i++) {
		struct weir_watch *nap = napper->seats[i];

		if (!napper->active[i])
			continue;
		if (is_word(nap) ?
		    /* A4 pairs with R4, X4 in weir_end_ring(). */
		    weir_load_acquire32(nap->spot.word) == nap->seen : !slept)
			continue;
		napper->active[i] = 0;
		nap->gone(nap, 0);
	}
}

static size_t make_beds(const struct napper *napper, struct weir_bed *beds)
{
	size_t i, n = 0;

	for (i = 0; i < napper->n; i++)
		if (napper->active[i])
			beds[n++] = (struct weir_bed){
				.spot = &napper->seats[i]->spot,
				.seen = napper->seats[i]->seen };
	return n;
}

/*
 * A single nap is not ended by a word: it is woken where it sleeps, not
 * cancelled, which takes a library that may be absent and then ends the
 * program. Again and again, for a peer that lies may take the wake away; the
 * millisecond is arbitrary, for one is nearly always enough.
 */
static void call_off(struct napper *napper, const struct weir_spot *bed)
{
	struct weir_spot ended = { .way = WEIR_OS_LOCAL,
				   .word = &napper->ended };

	/* relaxed: the thread is joined after it */
	while (!weir_load_relaxed32(&napper->ended)) {
		weir_os()->wake(bed, 1);
		weir_os()->sleep(&ended, 0, NULL, 0, weir_after(1000000));
	}
}

static void has_ended(struct napper *napper)
{
	struct weir_spot ended = { .way = WEIR_OS_LOCAL,
				   .word = &napper->ended };

	/* relaxed: see call_off() */
	weir_store_relaxed32(&napper->ended, 1);
	weir_os()->wake(&ended, 1);
}

/* Until the list changes, or one of the beds. */
static void sleep_beds(struct napper *napper, const struct weir_bed *beds,
		       size_t n, uint32_t own)
{
	struct weir_spot spot = {
		.way = WEIR_OS_MANY,
		.beds = beds,
		.n_beds = n,
	};

	if (n) {
		weir_os()->sleep(&spot, 0, &napper->own, own, WEIR_FOREVER);
		return;
	}
	spot.way = WEIR_OS_LOCAL;
	spot.word = &napper->own;
	weir_os()->sleep(&spot, own, NULL, 0, WEIR_FOREVER);
}

static void *run(void *arg)
{
	struct napper *napper = arg;
	struct weir_bed beds[WEIR_OS_BEDS];
	struct weir_spot spots[WEIR_OS_BEDS];
	size_t i, n;
	int slept = 0;

	for (;;) {
		uint32_t own;

		weir_lock_take(&lock);
		/* A10 pairs with X5 in rouse(). */
		own = weir_load_acquire32(&napper->own);
		tell(napper, slept);
		n = make_beds(napper, beds);
		/* The seats may go while this thread sleeps. */
		for (i = 0; i < n; i++) {
			spots[i] = *beds[i].spot;
			beds[i].spot = &spots[i];
		}
		i = (size_t)napper->stop;
		weir_lock_drop(&lock);
		if (i) {
			has_ended(napper);
			return NULL;
		}
		slept = n && napper->single;
		if (slept)
			weir_os()->sleep(&spots[0], beds[0].seen, NULL, 0,
					 WEIR_FOREVER);
		else
			sleep_beds(napper, beds, n, own);
	}
}

static struct napper *napper_of(const struct weir_watch *nap, size_t *seat)
{
	struct napper *napper;

	for (napper = nappers; napper; napper = napper->next)
		for (*seat = 0; *seat < napper->n; ++*seat)
			if (napper->seats[*seat] == nap)
				return napper;
	return NULL;
}

static int new_napper(struct napper **out, int single)
{
	struct napper *napper = calloc(1, sizeof(*napper));
	int r;

	if (!napper)
		return -ENOMEM;
	napper->single = single;
	r = weir_posix_thread(&napper->thread, run, napper);
	if (r) {
		free(napper);
		return r;
	}
	napper->next = nappers;
	nappers = napper;
	*out = napper;
	return 0;
}

/* A seat for it, under the lock. */
static int seat(struct weir_watch *nap, struct napper **out, size_t *at)
{
	struct napper *napper = NULL;
	int r = 0;

	if (many(nap))
		for (napper = nappers; napper; napper = napper->next)
			if (!napper->single && napper->n < WEIR_OS_BEDS)
				break;
	if (!napper)
		r = new_napper(&napper, !many(nap));
	if (r)
		return r;
	*at = napper->n++;
	napper->seats[*at] = nap;
	*out = napper;
	return 0;
}

int weir_posix_watch_nap(struct weir_watch *nap)
{
	struct napper *napper;
	size_t at;
	int r = 0;

	weir_lock_take(&lock);
	napper = napper_of(nap, &at);
	if (!napper)
		r = seat(nap, &napper, &at);
	if (!r) {
		napper->active[at] = 1;
		rouse(napper);
	}
	weir_lock_drop(&lock);
	return r;
}

/*
 * The last to leave ends the thread. Who it is shows under the lock alone:
 * behind it the napper of the others may be gone.
 */
void weir_posix_unwatch_nap(struct weir_watch *nap)
{
	struct napper **link, *napper;
	size_t at;
	int last;

	weir_lock_take(&lock);
	napper = napper_of(nap, &at);
	if (!napper) {
		weir_lock_drop(&lock);
		return;
	}
	napper->n--;
	napper->seats[at] = napper->seats[napper->n];
	napper->active[at] = napper->active[napper->n];
	last = !napper->n;
	if (last) {
		napper->stop = 1;
		for (link = &nappers; *link != napper; link = &(*link)->next)
			;
		*link = napper->next;
	}
	rouse(napper);
	weir_lock_drop(&lock);
	if (!last)
		return;
	if (napper->single)
		call_off(napper, &nap->spot);
	pthread_join(napper->thread, NULL);
	free(napper);
}

void weir_posix_nap_child(void)
{
	nappers = NULL;
	lock = (struct weir_lock){ { 0 } };
}
