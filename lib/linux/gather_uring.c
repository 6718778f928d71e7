/* SPDX-License-Identifier: MIT */
/*
 * The naps of a gather in an io_uring: a futex wait for each, begun and told
 * without a thread. The ring's eventfd is the gather's bell, so a wait that
 * ends makes the gather readable whatever the thread that made the ring does
 * at that moment, or if it has exited. (Some kernels cancel its waits then, and
 * the gather is readable once for nothing; others keep them.)
 *
 * The ring is of the thread that sleeps on the gather. When another one does,
 * when it becomes too small, or is refused, it is closed and all naps are lost
 * (weir_gather.lost): who began them looks again, and begins them in the next
 * ring or, where there is none, in a thread (lib/portable/nap.c). Where threads
 * wait by turns rings do not pay, and there are no more.
 *
 * Nobody need take a wait back. One that has been given up stays in the ring
 * until it ends or its number is used again; the kernel knows its word by file
 * and page since it was submitted, within weir_linux_gather_nap(), and touches
 * no memory of this process any more, whether the word is still mapped or not.
 * What ends late is told apart by the count of waits under its number.
 */
#include <string.h>

#include "uring.h"

/* Arbitrary: 5 KiB of kernel memory, and it doubles until all find room. */
#define WAITS_FIRST 256
#define WAITS_MAX 32768		/* the kernel's own bound is twice that */

/*
 * A ring that another thread takes over costs 2 microseconds a nap, to look at
 * each and begin it anew; a wake by a thread costs some 10 more than by a ring.
 * So one pays that had a wake for every five naps begun. (Naps told would not
 * do: those of a thread that exits may all be told, in few portions.) Measured
 * with 20, 200 and 1000 rings by two threads in turn: 110, 370 and 2060
 * microseconds a message, 33, 45 and 45 by threads. The number that may fail is
 * arbitrary.
 */
#define NAPS_A_WAKE 5
#define POOR_MAX 8

struct place {			/* of a number */
	uint32_t count;		/* of its waits */
	int armed;		/* the last one has not been told */
};

struct naps {
	struct weir_linux_uring *ring;
	unsigned int waits;	/* that the next ring will hold */
	int refused;		/* no more rings */
	size_t begun, wakes;	/* in this ring, and by it */
	unsigned int poor;	/* rings in a row that did not pay */
	int lost;		/* and not yet said */
	struct place *places;
	size_t room;
};

/* Neither 0, for a number is not, nor UINT64_MAX, for it is that of a slot. */
static uint64_t key_of(const struct place *place, uint64_t number)
{
	return (uint64_t)place->count << 32 | number;
}

static void lose(struct weir_gather *g, struct naps *naps)
{
	size_t i;

	weir_linux_uring_close(naps->ring);
	naps->ring = NULL;
	naps->lost = 1;
	for (i = 0; i < naps->room; i++)
		naps->places[i].armed = 0;
	/* Nobody sleeps, or polls, over it. */
	weir_linux_gather_ring(g);
}

/* Whether one more ring would, when another thread takes over. */
static int pays(struct naps *naps)
{
	naps->poor = naps->begun > NAPS_A_WAKE * naps->wakes ? naps->poor + 1 :
							       0;
	return naps->poor < POOR_MAX;
}

/* Full, another thread's, or refused: the next one is larger, ours, or none. */
static void give_up(struct weir_gather *g, struct naps *naps, int r)
{
	if (r == -EBUSY)
		naps->waits *= 2;
	else if (r != -EEXIST || !pays(naps))
		naps->refused = 1;
	lose(g, naps);
}

/* Numbers are small: those of the slots of a set. */
static int make_room(struct naps *naps, uint64_t number)
{
	size_t room = naps->room ? naps->room : WAITS_FIRST;
	struct place *places;

	if (number < naps->room)
		return 0;
	if (number >= UINT32_MAX)
		return -EINVAL;
	while (room <= number)
		room *= 2;
	places = realloc(naps->places, room * sizeof(*places));
	if (!places)
		return -ENOMEM;
	memset(places + naps->room, 0,
	       (room - naps->room) * sizeof(*places));
	naps->places = places;
	naps->room = room;
	return 0;
}

static int begin(struct naps *naps, const struct weir_watch *nap)
{
	const struct weir_linux_word word = { .word = nap->spot.word,
					      .seen = nap->seen };
	struct place *place = &naps->places[nap->number];
	int r = 0;

	if (place->armed)
		r = weir_linux_uring_cancel(naps->ring,
					    key_of(place, nap->number));
	if (r && r != -ENOENT)
		return r;
	place->armed = 0;
	place->count++;
	r = weir_linux_uring_add(naps->ring, key_of(place, nap->number),
				 &word, 1);
	if (!r)
		r = weir_linux_uring_submit(naps->ring);
	if (r)
		return r;
	place->armed = 1;
	naps->begun++;
	return 0;
}

static int open_ring(const struct weir_gather *g, struct naps *naps)
{
	int r;

	if (naps->ring)
		return 0;
	naps->begun = naps->wakes = 0;
	r = weir_linux_uring_open(&naps->ring, naps->waits, g->bell[0]);
	naps->refused = !!r;
	return r;
}

static struct naps *naps_of(struct weir_gather *g)
{
	struct naps *naps = g->priv;

	if (naps)
		return naps;
	naps = calloc(1, sizeof(*naps));
	if (naps)
		naps->waits = WAITS_FIRST;
	g->priv = naps;
	return naps;
}

/* Whoever has WEIR_WAIT=waitv wants futex_waitv(2), by a thread. */
static int allowed(const struct weir_watch *nap)
{
	return weir_os_ability()->wait != WEIR_OS_WAIT_WAITV &&
	       (nap->spot.way == WEIR_OS_WORDS ||
		nap->spot.way == WEIR_OS_SHARED);
}

static int nap_in_ring(const struct weir_watch *nap)
{
	struct naps *naps = allowed(nap) ? naps_of(nap->gather) : NULL;
	int r;

	if (!naps || naps->refused || make_room(naps, nap->number))
		return -ENOSYS;
	r = open_ring(nap->gather, naps);
	while (!r) {
		r = begin(naps, nap);
		if (!r)
			return 0;
		if (r == -EBUSY && naps->waits == WAITS_MAX)
			return r;
		give_up(nap->gather, naps, r);
		if (!naps->refused)
			r = open_ring(nap->gather, naps);
	}
	return r;
}

/*
 * The number goes to one that a thread tells. What was begun under it, by who
 * had it before, must not be told as that one's: a thread sleeps on it still.
 */
static void leave(struct naps *naps, uint64_t number)
{
	struct place *place;

	if (!naps || number >= naps->room)
		return;
	place = &naps->places[number];
	/* Or it stays, if this is another thread, and is not told. */
	if (place->armed)
		weir_linux_uring_cancel(naps->ring, key_of(place, number));
	place->armed = 0;
}

/* 0: it is told by the gather. Else it is for a thread. */
int weir_linux_gather_nap(struct weir_watch *nap)
{
	int r = nap_in_ring(nap);

	if (r)
		leave(nap->gather->priv, nap->number);
	return r;
}

static void tell(struct weir_gather *g, struct naps *naps,
		 const uint64_t *keys, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		uint64_t number = keys[i] & UINT32_MAX;
		struct place *place = &naps->places[number];

		if (!place->armed || key_of(place, number) != keys[i])
			continue;
		place->armed = 0;
		g->ready[g->n++] = number;
	}
	naps->wakes += n > 0;
}

/* Adds the naps that have ended to what is ready, up to so many in all. */
void weir_linux_gather_reap(struct weir_gather *g, unsigned int most)
{
	uint64_t keys[sizeof(g->ready) / sizeof(g->ready[0])];
	struct naps *naps = g->priv;
	int n = 1;

	if (!naps)
		return;
	while (naps->ring && n > 0 && g->n < most) {
		n = weir_linux_uring_reap(naps->ring, keys, most - g->n);
		if (n >= 0)
			tell(g, naps, keys, n);
		else
			give_up(g, naps, n);
	}
	/* What found no room is no edge any more. */
	if (naps->ring && g->n == sizeof(g->ready) / sizeof(g->ready[0]))
		weir_linux_gather_ring(g);
	g->lost |= naps->lost;
	naps->lost = 0;
}

/* When the gather is closed, by any thread. */
void weir_linux_gather_forget(struct weir_gather *g)
{
	struct naps *naps = g->priv;

	if (!naps)
		return;
	weir_linux_uring_close(naps->ring);
	free(naps->places);
	free(naps);
	g->priv = NULL;
}
