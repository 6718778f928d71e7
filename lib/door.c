/* SPDX-License-Identifier: MIT */
/*
 * A door: whoever waits for an end by other means than a sleep in one of its
 * calls, a handle or a set, stands behind it as the guest, and threads of this
 * process that have news (cancel, the keeper, the other end of a private ring)
 * knock. The lock keeps the guest there while somebody knocks; it is held for
 * a system call at most.
 */
#include "internal.h"

void weir_door_set(struct weir_door *door, struct weir_guest *guest)
{
	weir_lock_take(&door->lock);
	door->guest = guest;
	weir_lock_drop(&door->lock);
}

/*
 * No news is lost on a guest that comes at this moment: whoever knocks has
 * stored its news before, and the guest looks for some after it has come; the
 * lock orders the two.
 */
void weir_door_knock(struct weir_door *door)
{
	weir_lock_take(&door->lock);
	if (door->guest)
		door->guest->knock(door->guest);
	weir_lock_drop(&door->lock);
}
