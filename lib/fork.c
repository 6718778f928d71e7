/* SPDX-License-Identifier: MIT */
/*
 * Ends that are held stay the parent's: in a forked child every call on them
 * answers -EINVAL, and the child drops its copies of the descriptors that
 * would hide the parent's death. The backend calls the last three functions
 * around a fork.
 */
#include "internal.h"

static struct weir_lock lock;
static struct weir_end *ends;
static struct weir_fork *things;

void weir_fork_add_held(struct weir_end *end)
{
	end->next = ends;
	ends = end;
}

void weir_fork_add(struct weir_end *end)
{
	weir_lock_take(&lock);
	weir_fork_add_held(end);
	weir_lock_drop(&lock);
}

void weir_fork_remove(struct weir_end *end)
{
	struct weir_end **at;

	weir_lock_take(&lock);
	for (at = &ends; *at; at = &(*at)->next)
		if (*at == end) {
			*at = end->next;
			break;
		}
	weir_lock_drop(&lock);
}

void weir_fork_add_thing(struct weir_fork *thing)
{
	weir_lock_take(&lock);
	thing->next = things;
	things = thing;
	weir_lock_drop(&lock);
}

void weir_fork_remove_thing(struct weir_fork *thing)
{
	struct weir_fork **at;

	weir_lock_take(&lock);
	for (at = &things; *at; at = &(*at)->next)
		if (*at == thing) {
			*at = thing->next;
			break;
		}
	weir_lock_drop(&lock);
}

void weir_fork_hold(void)
{
	weir_lock_take(&lock);
}

void weir_fork_release(void)
{
	weir_lock_drop(&lock);
}

void weir_fork_child(void (*drop)(weir_handle handle))
{
	struct weir_end *end, *next;
	unsigned int i;

	weir_lock_child();
	for (end = ends; end; end = next) {
		next = end->next;
		end->next = NULL;
		end->broken = -EINVAL;
		end->watched = 0;
		/* a set or a handle, of which the child has a copy only */
		end->guest = NULL;
		*end->door = (struct weir_door){ { { 0 } }, NULL };
		weir_end_disable(end);
		for (i = 0; i < 3; i++)
			if (end->hidden[i]) {
				drop(*end->hidden[i]);
				*end->hidden[i] = WEIR_HANDLE_NONE;
			}
	}
	ends = NULL;
	for (; things; things = things->next)
		things->child(things, drop);
	weir_lock_drop(&lock);
}
