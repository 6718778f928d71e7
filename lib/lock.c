/* SPDX-License-Identifier: MIT */
/*
 * A lock of this process. Three states, as in U. Drepper, "Futexes are
 * tricky" (2011), mutex 2: only a lock that somebody waits for costs its
 * holder a wake.
 *
 * A lock that another thread held at a fork is held by nobody in the child. So
 * the word says in how many forks' distance it was taken, and one of another
 * distance is free. (What such a lock guards is one assignment, or is reset by
 * the child's handler.)
 */
#include "internal.h"

#define HELD 1u
#define AWAITED 2u
#define STATE 3u
#define FORK 4u

static struct weir_a32 forks;

static uint32_t here(void)
{
	/* relaxed: changed in a child that has this thread only */
	return weir_load_relaxed32(&forks) * FORK;
}

static int is_free(uint32_t word)
{
	return !(word & STATE) || (word & ~STATE) != here();
}

static void spot(struct weir_spot *s, struct weir_lock *lock)
{
	*s = (struct weir_spot){ .way = WEIR_OS_LOCAL, .word = &lock->word };
}

void weir_lock_take(struct weir_lock *lock)
{
	/* relaxed: X1 decides */
	uint32_t was = weir_load_relaxed32(&lock->word);
	struct weir_spot s;

	/* X1 pairs with X2 in weir_lock_drop(): what the last holder wrote. */
	if (is_free(was) &&
	    weir_cas_acq_rel32(&lock->word, was, here() | HELD))
		return;
	spot(&s, lock);
	/* X1, again: this tells the holder to wake one. */
	while (!is_free(weir_swap_acq_rel32(&lock->word, here() | AWAITED)))
		weir_os()->sleep(&s, here() | AWAITED, NULL, 0, WEIR_FOREVER);
}

void weir_lock_drop(struct weir_lock *lock)
{
	struct weir_spot s;

	/* X2 pairs with X1 in weir_lock_take(): what this holder wrote. */
	if (weir_swap_acq_rel32(&lock->word, 0) != (here() | AWAITED))
		return;
	spot(&s, lock);
	weir_os()->wake(&s, 1);
}

void weir_lock_child(void)
{
	/* relaxed: no other thread is here */
	weir_store_relaxed32(&forks, weir_load_relaxed32(&forks) + 1);
}
