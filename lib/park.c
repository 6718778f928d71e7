/* SPDX-License-Identifier: MIT */
/*
 * The sleep and the wake of an end. tests/model/park.pml is this file as a
 * model; it finds a lost wake when any fence or re-check is taken out.
 *
 * Each side has a waiting word, which only it writes, and a doorbell, which
 * only it rings for the other side.
 *
 * Sleep, each time anew, also after a return that brought nothing:
 *     take the other side's doorbell (A4) and one's own word
 *     store a new count with the way of sleeping in the waiting word (R3)
 *     F2; if the other side says "unfenced": membarrier
 *     look again; if there is nothing:
 *     sleep while the doorbell and the own word have the values taken
 *     store "awake"
 * Wake:
 *     publish (R1) or release (R2)
 *     F1; or, having said "unfenced" (weir_end_unfence()), nothing
 *     read the waiting word; if it says asleep and differs from the last one
 *     rung for: remember it, ring (R4), wake
 *
 * Why no wake is lost. F1 and F2 forbid that the waker reads a waiting word
 * from before R3 while the sleeper's look misses the publication. So either
 * the sleeper finds it, or the waker sees the sleep. Then it rings after the
 * sleeper took the doorbell: R3 comes after A4, and the waker read R3's word
 * before R4. The sleeper's kernel compares the doorbell with the value taken
 * and does not let it sleep. A waker that skips the ring because it has rung
 * for this very word did so after the word was stored, with the same effect:
 * this sleep ends, and the next one has another count and another look.
 *
 * What is not needed: a waiting word that is seen late, or rung for when its
 * owner has long been awake, costs a spurious return and nothing else.
 *
 * The own word is for this process: cancel, close and the news of a death set
 * their flag, then change it, then wake. In a private ring the doorbell itself
 * serves, because there everybody may change it, with atomic adds.
 */
#include "internal.h"
#include "pause.h"

/* Between two looks at the clock; a look at it costs about as much. */
#define LOOKS_PER_CLOCK 8

/*
 * Rings for the sleep that the word `waiting` tells of: a stream may be slept
 * on by words at one time and by its socket at another. Awake: the bell alone,
 * for who reads that behind F1 will be seen before the next sleep.
 */
void weir_end_ring(struct weir_end *end, uint32_t waiting)
{
	struct weir_a32 *bell = &end->mine->doorbell;

	weir_end_count(end, WEIR_COUNT_WAKES, 1);
	if (end->one_word)
		/* X4 pairs with A4 in weir_end_announce(): any thread of this
		   process rings this one. */
		weir_add_acq_rel32(bell, 1);
	else
		/* R4 pairs with A4 in weir_end_announce(): what was published
		   before the ring. relaxed load: only this side writes it. */
		weir_store_release32(bell, weir_load_relaxed32(bell) + 1);
	switch (waiting & WEIR_ASLEEP_MASK) {
	case WEIR_AWAKE:
		break;
	case WEIR_ASLEEP_DESCRIPTOR:
		if (end->peer_door)
			weir_door_knock(end->peer_door);
		else if (end->byte.socket != WEIR_HANDLE_NONE)
			weir_os()->wake(&end->byte, 1);
		break;
	default:
		/* all: one that has just given up may stand before the one */
		weir_os()->wake(&end->wake, INT32_MAX);
	}
}

/* The same, unasked: behind F1, for whoever may be asleep. */
void weir_end_ring_any(struct weir_end *end)
{
	/* relaxed: the caller's F1 orders it */
	weir_end_ring(end, weir_load_relaxed32(&end->peer->waiting));
}

/*
 * Who has just rung, or has just begun, fences: a peer that slept will sleep
 * again soon, and a fence is cheaper for us than a membarrier for it. After
 * WEIR_FENCED_RUN publications to a peer that was awake each time we stop, and
 * say so in "unfenced", and from then on who wants to sleep pays. The run is
 * arbitrary: long enough to make a membarrier rare, short beside a burst.
 *
 * Both return how many publications are to be fenced.
 */
uint32_t weir_end_fence(struct weir_end *end)
{
	if (!end->barrier)
		return UINT32_MAX;
	/* R14 pairs with A14 in weir_end_announce(): what went out unfenced before
	   the word that says there is no more of it. */
	weir_store_release32(&end->mine->unfenced, 0);
	return WEIR_FENCED_RUN;
}

uint32_t weir_end_unfence(struct weir_end *end)
{
	if (!end->barrier)
		return UINT32_MAX;
	/* relaxed: F6 orders it */
	weir_store_relaxed32(&end->mine->unfenced, 1);
	/* F6 pairs with F2 in weir_end_announce(): forbids that we miss the sleeper
	   and it misses that it must call membarrier. */
	weir_fence_seq_cst();
	/* relaxed: F6 orders it */
	if (weir_load_relaxed32(&end->peer->waiting) & WEIR_ASLEEP_MASK)
		return weir_end_fence(end);
	return 0;
}

void weir_end_poke(struct weir_end *end)
{
	if (end->poke.word)
		/* X5 pairs with A10 in weir_end_announce(): the flag that was set
		   before. */
		weir_add_acq_rel32(end->poke.word, 1);
	weir_os()->wake(&end->poke, INT32_MAX);
	weir_door_knock(end->door);
}

/*
 * Whether the other side has a CPU of its own is not known: a thread bound to
 * one CPU may well have its peer on another. Where they share one no spin
 * succeeds, and the adaptive one learns that in a few waits. A bound that was
 * asked for is kept: who asked knows where the threads run.
 */
static int64_t spin_budget(struct weir_end *end)
{
	if (end->spin_us < 0)
		return 0;
	if (end->spin_us == INT32_MAX)
		return WEIR_FOREVER;
	if (end->spin_us > 0)
		return (int64_t)end->spin_us * 1000;
	if (!end->spin_begun) {
		weir_spin_init(&end->spin);
		end->spin_begun = 1;
	} else if (end->last_wait >= 0) {
		/* of the last wait: here nobody waits for us to end */
		weir_spin_learn(&end->spin, end->last_wait);
	}
	end->last_wait = -1;
	return weir_spin_ns(&end->spin);
}

/* How long the wait was that began at start; spun: until when it spun, if that
   ended it. A message is in hand, so no more than this is done now. A wait that
   was given up, r, says nothing about when the message comes. */
static void spin_learn(struct weir_end *end, int r, int64_t start,
		       int64_t spun)
{
	if (!end->spin_us && r != -ETIMEDOUT)
		end->last_wait = (spun ? spun : weir_now()) - start;
}

/* *spun is the last look at the clock if look said something, else 0. */
static int spin(struct weir_end *end, int (*look)(struct weir_end *end),
		int64_t start, int64_t deadline, int64_t *spun)
{
	int64_t budget = spin_budget(end);
	int64_t now = start, stop;
	int i, r;

	*spun = 0;
	if (!budget)
		return -EAGAIN;
	stop = budget < deadline - start ? start + budget : deadline;
	do {
		for (i = 0; i < LOOKS_PER_CLOCK; i++) {
			weir_pause();
			/* not by look(): a call is a store, too */
			if (!end->producer &&
			    weir_rx_still_empty(&end->side.rx))
				continue;
			r = look(end);
			if (r != -EAGAIN) {
				weir_end_count(end, WEIR_COUNT_SPINS, 1);
				*spun = now;
				return r;
			}
		}
		if (stop != WEIR_FOREVER)
			now = weir_now();
	} while (now < stop);
	return -EAGAIN;
}

/*
 * A byte from the socket may have been meant for the other end, whose thread
 * may be about to sleep: pass it on.
 */
void weir_end_pass_on(struct weir_end *end)
{
	struct weir_end *sibling = end->sibling;

	if (!sibling)
		return;
	/* F3 pairs with F2 in weir_end_announce(), in the sibling's thread: it
	   has seen the byte or we see it asleep. */
	weir_fence_seq_cst();
	/* relaxed: F3 orders it */
	if (weir_load_relaxed32(&sibling->mine->waiting) & WEIR_ASLEEP_MASK)
		weir_end_poke(sibling);
}

/*
 * Takes the bytes of past wakes from the socket, and empties this end's bell.
 * Those of the other end stay if it is armed: its handle is this socket. What
 * is taken from it under the lock, while it is not armed, was for a sleep that
 * is over or for one in poll(2), which is passed on. Returns as sleep does.
 */
int weir_end_take_bytes(struct weir_end *end)
{
	struct weir_end *sibling = end->sibling;
	struct weir_lock *lock = end->producer || !sibling ? &end->bytes :
							     &sibling->bytes;
	struct weir_spot spot = end->byte;
	int r;

	if (end->sleep.way == WEIR_OS_SOCKET)
		spot = end->sleep;
	weir_lock_take(lock);
	spot.keep = sibling && weir_end_armed(sibling);
	r = weir_os()->sleep(&spot, 0, NULL, 0, WEIR_NOWAIT);
	weir_lock_drop(lock);
	if (r > 0 && (r & WEIR_OS_SLEPT_TOOK))
		weir_end_pass_on(end);
	return r > 0 ? r : 0;
}

/*
 * Bytes for the other end's handle stand first in the socket, and will until
 * it is armed again: sleep on the bell alone. Asked once more while we are
 * known to sleep, so that the other end, when it takes them, rouses us.
 */
static int deaf(struct weir_end *end)
{
	int took;

	if (!end->sleep.deaf)
		return 0;
	took = weir_end_take_bytes(end);
	end->sleep.deaf = !!(took & WEIR_OS_SLEPT_LEFT);
	return took & WEIR_OS_SLEPT_TOOK;
}

/*
 * Says that this end is about to sleep, and looks once more. Returns what look
 * said, or -EAGAIN: whoever has work for this end from now on rings it, so the
 * caller may sleep while the doorbell and the own word have the values in nap,
 * by words, by a descriptor or by handing both to somebody else. The sleep
 * lasts until weir_end_settle() or the next announcement.
 */
int weir_end_announce(struct weir_end *end, int (*look)(struct weir_end *end),
		      uint32_t way, struct weir_nap *nap)
{
	/* A4 pairs with R4, X4 in weir_end_ring(): the bell is taken before
	   anybody can know that we sleep. Taken later, it might be the ring
	   for this very sleep, by a waker still busy with a message that we
	   have had; the next message would find the sleep rung for. */
	nap->bell = weir_load_acquire32(&end->peer->doorbell);
	/* A10 pairs with X5 in weir_end_poke(): the flag set before. */
	nap->own = weir_load_acquire32(&end->own);
	if (end->producer)
		/* relaxed: R3 orders it before the word */
		weir_store_relaxed64(&end->mine->need, end->need);
	end->waiting = ((end->waiting & ~WEIR_ASLEEP_MASK) + WEIR_SLEEP_ONE) |
		       way;
	/* R3 pairs with A3 in weir_priv_rx_notify(): need before the word. */
	weir_store_release32(&end->mine->waiting, end->waiting);
	/* F2 pairs with F1 in weir_priv_tx_notify(), weir_priv_rx_notify(),
	   F6 in weir_end_unfence() and F3 in weir_end_pass_on(): forbids that we miss
	   the publication and its author misses this waiting word. */
	weir_fence_seq_cst();
	/* A14 pairs with R14 in weir_end_fence(): who fences again has
	   published before all that it sent without. */
	if (end->barrier && weir_load_acquire32(&end->peer->unfenced))
		weir_os()->barrier(end->barrier > 1);
	weir_end_count(end, WEIR_COUNT_PARKS, 1);
	return look(end);
}

/* Awake again, if the last word said asleep; in a forked child it is the
   parent who does. */
void weir_end_settle(struct weir_end *end)
{
	if (!(end->waiting & WEIR_ASLEEP_MASK) || end->broken == -EINVAL)
		return;
	end->waiting &= ~WEIR_ASLEEP_MASK;
	/* relaxed: a waker that sees the old word rings once in vain */
	weir_store_relaxed32(&end->mine->waiting, end->waiting);
}

/* One sleep. Returns what look said, or -ETIMEDOUT, or -EAGAIN: look again. */
static int sleep_once(struct weir_end *end, int (*look)(struct weir_end *end),
		      int64_t deadline)
{
	const struct weir_a32 *own = end->one_word ? NULL : &end->own;
	struct weir_nap nap;
	int r, slept = 0;

	r = weir_end_announce(end, look, end->asleep, &nap);
	if (r == -EAGAIN && !deaf(end))
		slept = weir_os()->sleep(&end->sleep, nap.bell, own, nap.own,
					 deadline);
	weir_end_settle(end);
	if (end->sleep.way == WEIR_OS_SOCKET)
		end->sleep.deaf = !!(weir_end_take_bytes(end) &
				     WEIR_OS_SLEPT_LEFT);
	if (r != -EAGAIN)
		return r;
	r = look(end);
	if (r != -EAGAIN || slept < 0)
		return r == -EAGAIN ? slept : r;
	/* A forged semaphore lets every sleep end at once. */
	if (deadline != WEIR_FOREVER && weir_now() >= deadline)
		return -ETIMEDOUT;
	return -EAGAIN;
}

/*
 * Waits until look says something else than -EAGAIN. NOWAIT gives -EAGAIN, a
 * deadline that has passed one look and -ETIMEDOUT.
 */
int weir_end_wait(struct weir_end *end, int (*look)(struct weir_end *end),
		  int64_t deadline)
{
	int64_t start, spun;
	int r;

	if (weir_end_armed(end))
		weir_end_disarm(end);
	r = look(end);
	if (r != -EAGAIN || deadline == WEIR_NOWAIT)
		return r;
	start = weir_now();
	if (deadline <= start)
		return -ETIMEDOUT;
	r = spin(end, look, start, deadline, &spun);
	if (r == -EAGAIN && end->guest)
		end->guest->disturb(end->guest);
	while (r == -EAGAIN)
		r = sleep_once(end, look, deadline);
	spin_learn(end, r, start, spun);
	return r;
}
