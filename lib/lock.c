/* SPDX-License-Identifier: MIT */
/*
 * A lock of this process. Three states, as in U. Drepper, "Futexes are
 * tricky" (2011), mutex 2: only a lock that somebody waits for costs its
 * holder a wake.
 */
#include "internal.h"

static void spot(struct weir_spot *s, struct weir_lock *lock)
{
	*s = (struct weir_spot){ .way = WEIR_OS_LOCAL, .word = &lock->word };
}

void weir_lock_take(struct weir_lock *lock)
{
	struct weir_spot s;

	/* X1 pairs with X2 in weir_lock_drop(): what the last holder wrote. */
	if (weir_cas_acq_rel32(&lock->word, 0, 1))
		return;
	spot(&s, lock);
	/* X1, again: 2 tells the holder to wake one. */
	while (weir_swap_acq_rel32(&lock->word, 2) != 0)
		weir_os()->sleep(&s, 2, NULL, 0, WEIR_FOREVER);
}

void weir_lock_drop(struct weir_lock *lock)
{
	struct weir_spot s;

	/* X2 pairs with X1 in weir_lock_take(): what this holder wrote. */
	if (weir_swap_acq_rel32(&lock->word, 0) != 2)
		return;
	spot(&s, lock);
	weir_os()->wake(&s, 1);
}
