/* SPDX-License-Identifier: MIT */
/*
 * Handles: an end that a program waits for in a loop of its own.
 *
 * Armed, an end has said that it sleeps (weir_end_announce()) and returned to
 * its caller; the handle becomes readable when it is rung, and stays so until
 * it is armed again. It is
 *
 *     in a connection      the control socket, on which the wake is a byte
 *     in one process       a bell (eventfd, pipe) that the other end rings, by
 *                          the door; of a stream of two threads one for both
 *                          its ends
 *     a plain ring between a bell that the kernel rings, where it can be told
 *     processes            to, else a thread of the library that sleeps on the
 *                          words in place of the caller (watch() of a nap)
 *
 * Why no wake is lost: what the handle showed before is taken away before the
 * announcement, so whatever it shows afterwards is for this sleep or spurious.
 * tests/model/arm.pml and nap.pml are this as models: a connection, and a plain
 * ring between processes.
 *
 * The two ends of a connection have one socket. The byte says which end it is
 * for; an end leaves the other's bytes there while that one is armed, so the
 * handle stays readable for it. In one process it is rung again instead.
 */
#include "internal.h"

struct weir_arm {
	struct weir_guest guest;
	struct weir_end *end;
	struct weir_spot bell;	  /* unless it is a connection */
	struct weir_watch nap;	  /* plain ring between processes */
	int napping;		  /* it may have a seat */
	int borrowed;		  /* the bell is the other end's */
	struct weir_a32 armed;	  /* read by the other end's thread, */
	struct weir_a32 knocked;  /* and this too */
};

static struct weir_arm *arm_of(struct weir_guest *guest)
{
	return (struct weir_arm *)(void *)
		((unsigned char *)guest - offsetof(struct weir_arm, guest));
}

static int by_words(const struct weir_end *end)
{
	return !end->stream && !end->peer_door;
}

/* The keeper, cancel, the other end of a private ring. */
static void knock(struct weir_guest *guest)
{
	struct weir_arm *arm = arm_of(guest);

	/* relaxed: for ring_again() in one process, which has read the byte
	   that is written next */
	weir_store_relaxed32(&arm->knocked, 1);
	if (!arm->end->stream)
		weir_os()->wake(&arm->bell, 1);
}

/* The byte that was taken may have been for the other end of the stream. */
static void ring_again(struct weir_end *mate)
{
	/* relaxed: see knock() */
	if (mate && weir_end_armed(mate) &&
	    weir_load_relaxed32(&mate->arm->knocked))
		weir_os()->wake(&mate->arm->bell, 1);
}

static void woke(struct weir_watch *nap, uint32_t nothing)
{
	struct weir_arm *arm = (struct weir_arm *)(void *)
		((unsigned char *)nap - offsetof(struct weir_arm, nap));

	(void)nothing;
	weir_os()->wake(&arm->bell, 1);
}

static void end_nap(struct weir_arm *arm, int stays)
{
	arm->nap.stays = stays;
	if (arm->napping)
		weir_os()->unwatch(&arm->nap);
	arm->napping = stays && arm->napping;
}

static void set_armed(struct weir_arm *arm, uint32_t armed)
{
	/* R16 pairs with A16 in weir_end_armed(); the lock around the other
	   end's look decides, not this order. */
	weir_store_release32(&arm->armed, armed);
}

int weir_end_armed(const struct weir_end *end)
{
	/* A16 pairs with R16 in set_armed(). */
	return end->arm && weir_load_acquire32(&end->arm->armed);
}

static void disturb(struct weir_guest *guest)
{
	weir_end_disarm(arm_of(guest)->end);
}

static void leave(struct weir_guest *guest)
{
	struct weir_end *end = arm_of(guest)->end;

	weir_end_disarm(end);
	weir_door_set(end->door, NULL);
	end->guest = NULL;
}

void weir_end_disarm(struct weir_end *end)
{
	struct weir_arm *arm = end->arm;

	if (!weir_end_armed(end))
		return;
	end_nap(arm, 1);
	weir_end_settle(end);
	set_armed(arm, 0);
	/* Bytes of ours that may be left are no longer kept for us. */
	if (end->stream)
		weir_end_pass_on(end);
}

/* One for both ends of a stream of two threads; called under its lock. */
static int get_bell(struct weir_arm *arm, const struct weir_end *mate)
{
	arm->bell = (struct weir_spot){
		.way = WEIR_OS_SOCKET,
		.socket = WEIR_HANDLE_NONE,
		.bell = { WEIR_HANDLE_NONE, WEIR_HANDLE_NONE },
	};
	if (arm->end->stream)
		return 0;
	if (!mate || !mate->arm)
		return weir_os()->spot_init(&arm->bell);
	arm->bell = mate->arm->bell;
	arm->borrowed = 1;
	return 0;
}

static struct weir_lock *lock_of(struct weir_end *end)
{
	return end->producer || !end->mate ? &end->bytes : &end->mate->bytes;
}

static int arm_new(struct weir_end *end)
{
	struct weir_arm *arm = calloc(1, sizeof(*arm));
	int r;

	if (!arm)
		return -ENOMEM;
	arm->guest.knock = knock;
	arm->guest.disturb = disturb;
	arm->guest.leave = leave;
	arm->end = end;
	arm->nap = (struct weir_watch){
		.gone = woke,
		.socket = WEIR_HANDLE_NONE,
		.process = WEIR_HANDLE_NONE,
		.memory = WEIR_HANDLE_NONE,
		.tell = &arm->bell,
	};
	weir_lock_take(lock_of(end));
	r = get_bell(arm, end->mate);
	if (!r)
		end->arm = arm;
	weir_lock_drop(lock_of(end));
	if (r)
		free(arm);
	return r;
}

/* Both ends of a stream are closed by one thread, one after the other. */
void weir_arm_free(struct weir_end *end)
{
	struct weir_end *mate = end->mate;
	int i;

	if (mate) {
		mate->mate = NULL;
		if (end->arm && mate->arm && mate->arm->borrowed) {
			mate->arm->borrowed = 0;
			end->arm->borrowed = 1;
		}
	}
	if (!end->arm)
		return;
	end_nap(end->arm, 0);
	for (i = 0; i < 2 && !end->arm->borrowed; i++)
		if (end->arm->bell.bell[i] != WEIR_HANDLE_NONE)
			weir_os()->handle_close(end->arm->bell.bell[i]);
	free(end->arm);
	end->arm = NULL;
}

int weir_end_handle(struct weir_end *end, weir_handle *handle)
{
	int r = 0;

	if (end->broken == -EINVAL)
		return -EINVAL;
	if (!end->arm)
		r = arm_new(end);
	if (!r)
		*handle = end->stream ? end->byte.socket :
					end->arm->bell.bell[0];
	return r;
}

/* What the handle has shown so far is over. */
static void clear(struct weir_end *end)
{
	/* relaxed: see knock() */
	weir_store_relaxed32(&end->arm->knocked, 0);
	if (end->stream) {
		weir_end_take_bytes(end);
		return;
	}
	weir_os()->sleep(&end->arm->bell, 0, NULL, 0, WEIR_NOWAIT);
	/* Tokens of sleeps that are over would show at once. Safe: who rings
	   the next one has seen a waiting word that is yet to come. */
	if (end->sleep.way == WEIR_OS_SEMAPHORE)
		weir_os()->sleep(&end->sleep, 0, NULL, 0, WEIR_NOWAIT);
	ring_again(end->mate);
}

static int nap(struct weir_end *end, const struct weir_nap *seen)
{
	struct weir_arm *arm = end->arm;

	arm->nap.spot = end->sleep;
	arm->nap.seen = seen->bell;
	arm->napping = 1;
	return weir_os()->watch(&arm->nap);
}

/* In a set, which waits for it. */
int weir_end_in_set(const struct weir_end *end)
{
	return end->guest && (!end->arm || end->guest != &end->arm->guest);
}

/* Stands behind the door from the first time on. */
static int enter(struct weir_end *end)
{
	weir_handle handle;
	int r = weir_end_handle(end, &handle);

	if (r)
		return r;
	if (end->guest)
		return weir_end_in_set(end) ? -EBUSY : 0;
	end->guest = &end->arm->guest;
	weir_door_set(end->door, end->guest);
	return 0;
}

int weir_end_arm(struct weir_end *end, int (*look)(struct weir_end *end))
{
	uint32_t way = WEIR_ASLEEP_DESCRIPTOR;
	struct weir_nap seen;
	int r;

	if (end->broken)
		return end->broken;
	r = enter(end);
	if (r)
		return r;
	end_nap(end->arm, 1);
	set_armed(end->arm, 1);
	clear(end);
	if (by_words(end))
		way = end->asleep;
	r = weir_end_announce(end, look, way, &seen);
	if (r == -EAGAIN && by_words(end))
		r = nap(end, &seen) ? -ENOMEM : -EAGAIN;
	if (r == -EAGAIN)
		return 0;
	weir_end_disarm(end);
	return r ? r : 1;
}
