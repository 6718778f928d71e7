/* SPDX-License-Identifier: MIT */
/*
 * Sleeping and waking by descriptor (way 2): the wake is a byte in the
 * control socket of a stream.
 *
 * Mirrors the descriptor way of weir_end_wait and weir_end_ring (lib/park.c)
 * for the two ends of one side of a stream, lib/stream.c.  Two threads, one
 * in the tx and one in the rx, poll the same socket, each together with a
 * bell of its own (a pipe).  The peer rings each sleep of each end once,
 * by the rules of park.pml, with a byte; a socket that takes no more is rung
 * already.  Whoever wakes clears its own bell, drains the socket and, if
 * there was a byte, rings the bell of the other end if that one sleeps
 * (weir_end_pass_on): the byte may have been meant for it, and poll shows a byte only
 * as long as it is there.
 *
 * The other's waiting word is looked at after the drain: a byte meant for it
 * was sent after the peer had read that word as asleep, so it is in memory,
 * and nothing is passed on for an end that will look anyway.  So the model
 * does without F3, which the code has for readers who do not follow this.
 *
 * Properties: no end sleeps for ever (an invalid end state; the peer's last
 * events come in every order); each sleep is rung for at most once.
 *
 * -DASYM is as in park.pml.  Mutants:
 *   NO_WAKE_FENCE NO_SLEEP_FENCE NO_MEMBARRIER NO_RECHECK
 *   NO_SIBLING_RING      the drained byte is taken for one's own
 *   SIBLING_BEFORE_DRAIN the other is looked at before the drain
 *   DRAIN_AFTER_LOOK     old bytes are drained between look and poll
 *   CLEAR_AFTER_LOOK     the own bell is cleared there
 *   FLAG_ONLY            no count in the waiting word
 *   NO_LAST_RUNG         a byte for every publish
 *
 * The doorbell is stored here too, but nothing depends on it: the byte stays
 * in the socket, so it cannot come between look and poll.
 */
#ifndef MESSAGES
#define MESSAGES	2	/* for the rx */
#endif
#ifndef ROOMS
#define ROOMS	1		/* for the tx */
#endif
#define EVENTS(e)	((e) == R -> MESSAGES : ROOMS)
#ifndef BYTES
#define BYTES	1		/* that the socket takes */
#endif

#define Q		0	/* the peer */
#define R		1	/* the rx of this side */
#define T		2	/* the tx of this side */
#define SIDES		3
#define OTHER(e)	(3 - (e))

/* The peer's positions, for the rx and for the tx; the waiting words. */
#define POSITION(e)	((e) - 1)
#define WAITING(e)	((e) + 1)
#define WORDS		4
#define WRITER(w)	((w) < 2 -> Q : (w) - 1)

#include "memory.pml"

#define WAY		2
#define ASLEEP(w)	(((w) & 3) != 0)
#ifdef FLAG_ONLY
#define SLEEP_NR(nr)	(WAY)
#else
#define SLEEP_NR(nr)	((nr) << 2 | WAY)
#endif
#define AWAKE_NR(nr)	((nr) << 2)

byte bytes;			/* in the socket */
bit own[SIDES];			/* the bell of each end */
byte owed[SIDES];

#ifdef NO_RECHECK
#define IF_STILL(c)	true
#else
#define IF_STILL(c)	(c)
#endif

/* The send of a byte is a release: what was stored before is visible. */
inline wake(e)
{
#if !defined(ASYM) && !defined(NO_WAKE_FENCE)
	DRAINED(Q);
#endif
	w = mem[WAITING(e)];
	if
#ifdef NO_LAST_RUNG
	:: ASLEEP(w) ->
#else
	:: ASLEEP(w) && w != rung[e] ->
#endif
		rung[e] = w;
		d_step {
			DRAINED(Q);
			assert(owed[e] > 0);
			owed[e]--;
			bytes = (bytes < BYTES -> bytes + 1 : bytes)
		}
	:: else
	fi;
	w = 0
}

active proctype peer()
{
	byte sent[SIDES], rung[SIDES];
	byte w;

	do
	:: sent[R] < MESSAGES ->
		sent[R]++;
		store(Q, POSITION(R), sent[R], RELEASE);
		wake(R)
	:: sent[T] < ROOMS ->
		sent[T]++;
		store(Q, POSITION(T), sent[T], RELEASE);
		wake(T)
	:: else -> break
	od
}

inline drain_socket()
{
	d_step { got = (bytes > 0); bytes = 0 }
}

inline ring_sibling(e)
{
#ifndef NO_SIBLING_RING
	if
	:: got ->
		if
		:: ASLEEP(mem[WAITING(OTHER(e))]) -> own[OTHER(e)] = 1
		:: else
		fi
	:: else
	fi
#else
	skip
#endif
}

proctype end_of(byte e)
{
	byte nr, taken;
	bit got;

	do
	:: taken == EVENTS(e) -> break
	:: mem[POSITION(e)] > taken -> taken++
	:: mem[POSITION(e)] == taken && taken < EVENTS(e) ->
		nr++;
		d_step {
			CAN_STORE(e);
			STORE(e, WAITING(e), SLEEP_NR(nr), RELEASE);
			owed[e]++
		}
#ifndef NO_SLEEP_FENCE
		DRAINED(e);
#if defined(ASYM) && !defined(NO_MEMBARRIER)
		DRAINED(Q);
#endif
#endif
		if
		:: IF_STILL(mem[POSITION(e)] == taken) ->
#ifdef DRAIN_AFTER_LOOK
			bytes = 0;
#endif
#ifdef CLEAR_AFTER_LOOK
			own[e] = 0;
#endif
			DRAINED(e);
			bytes > 0 || own[e];
			store(e, WAITING(e), AWAKE_NR(nr), RELAXED);
#ifndef CLEAR_AFTER_LOOK
			own[e] = 0;
#endif
#ifdef SIBLING_BEFORE_DRAIN
			got = (bytes > 0);
			ring_sibling(e);
			drain_socket();
#else
			drain_socket();
			ring_sibling(e);
#endif
			got = 0
		:: else -> store(e, WAITING(e), AWAKE_NR(nr), RELAXED)
		fi
	od
}

init {
	atomic {
		run drain(Q);
		run drain(R);
		run drain(T);
		run end_of(R);
		run end_of(T)
	}
}
