/* SPDX-License-Identifier: MIT */
/*
 * The armed handle of a connection: its two ends have one socket, and one
 * thread arms each and polls.
 *
 * Mirrors weir_end_arm (lib/arm.c), weir_end_announce, weir_end_settle and
 * weir_end_take_bytes (lib/park.c).  The peer rings each sleep of each end
 * once, with a byte that says which end it is for.  An arm takes what the
 * handle has shown so far: its own bytes from the head of the socket, all if
 * the other end is not armed; then it announces a sleep and looks.  The
 * announcement lasts when the call has returned.  When the socket is readable
 * the thread arms its ends again, in any order, and looks at what it likes
 * meanwhile; an end that it waits for no longer it disarms.
 *
 * Properties: no event is left while the thread polls a silent socket (an
 * invalid end state); each sleep is rung for at most once; a socket that is
 * readable for ever without reason is a search without end, so each round of
 * the loop that brought nothing is counted (SPINS).
 *
 * -DASYM is as in park.pml.  Mutants:
 *   NO_WAKE_FENCE NO_SLEEP_FENCE NO_MEMBARRIER NO_RECHECK
 *   TAKE_AFTER_LOOK      the bytes are taken when the sleep is announced
 *   TAKE_ALL             those of the other end too, though it is armed
 *   TAKE_NONE            nothing is taken: the handle says "ready" for ever
 *   NO_DISARM            an end that is no longer waited for stays armed: its
 *                        byte is left in the socket for ever
 *   NO_SETTLE_COUNT      the next sleep has the same waiting word
 */
#ifndef MESSAGES
#define MESSAGES	2	/* for the rx */
#endif
#ifndef ROOMS
#define ROOMS	1		/* for the tx */
#endif
#define EVENTS(e)	((e) == R -> MESSAGES : ROOMS)
#ifndef BYTES
#define BYTES	3		/* that the socket takes */
#endif
#ifndef SPINS
#define SPINS	8
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
#ifdef NO_SETTLE_COUNT
#define SLEEP_NR(nr)	(WAY)
#define AWAKE_NR(nr)	0
#else
#define SLEEP_NR(nr)	((nr) << 2 | WAY)
#define AWAKE_NR(nr)	((nr) << 2)
#endif

#ifdef NO_RECHECK
#define IF_STILL(c)	true
#else
#define IF_STILL(c)	(c)
#endif

chan sock = [BYTES] of { byte };

/* The send of a byte is a release: what was stored before is visible. */
inline wake(e)
{
#if !defined(ASYM) && !defined(NO_WAKE_FENCE)
	DRAINED(Q);
#endif
	w = mem[WAITING(e)];
	if
	:: ASLEEP(w) && w != rung[e] ->
		rung[e] = w;
		d_step {
			DRAINED(Q);
			if
			:: nfull(sock) -> sock!e
			:: full(sock)
			fi
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

bit armed[SIDES];
byte nr[SIDES], taken[SIDES];

/* weir_end_take_bytes */
inline take(e)
{
#ifndef TAKE_NONE
	do
#ifdef TAKE_ALL
	:: nempty(sock) -> sock?_
	:: empty(sock) -> break
#else
	:: atomic { sock?[eval(e)] -> sock?_ }
	:: atomic { nempty(sock) && !sock?[eval(e)] && !armed[OTHER(e)] ->
		sock?_ }
	:: empty(sock) || (!sock?[eval(e)] && armed[OTHER(e)]) -> break
#endif
	od
#else
	skip
#endif
}

/* weir_end_arm: armed, or an event was found and taken */
inline arm(e)
{
	armed[e] = 1;
#ifndef TAKE_AFTER_LOOK
	take(e);
#endif
	nr[e]++;
	store(e, WAITING(e), SLEEP_NR(nr[e]), RELEASE);
#ifndef NO_SLEEP_FENCE
	DRAINED(e);
#if defined(ASYM) && !defined(NO_MEMBARRIER)
	DRAINED(Q);
#endif
#endif
	if
	:: IF_STILL(mem[POSITION(e)] == taken[e])
	:: mem[POSITION(e)] > taken[e] ->
		store(e, WAITING(e), AWAKE_NR(nr[e]), RELAXED);
		armed[e] = 0;
		taken[e]++;
		news = 1
	fi;
#ifdef TAKE_AFTER_LOOK
	take(e);
#endif
	skip
}

/* A wait with WEIR_NOWAIT: the other end may take what is left in the socket. */
inline disarm(e)
{
	store(e, WAITING(e), AWAKE_NR(nr[e]), RELAXED);
	armed[e] = 0
}

#define WANTED(e)	(taken[e] < EVENTS(e))
#ifdef NO_DISARM
#define POLLABLE(e)	(!WANTED(e) || armed[e])
#else
#define POLLABLE(e)	(WANTED(e) == armed[e])
#endif

proctype loop()
{
	byte spins;
	bit news, done[SIDES];

	do
	:: !WANTED(R) && !WANTED(T) -> break
	/* an event that was found in passing: the end stays armed */
	:: WANTED(R) && armed[R] && mem[POSITION(R)] > taken[R] ->
		taken[R]++
	:: WANTED(R) && !armed[R] -> arm(R)
	:: WANTED(T) && !armed[T] -> arm(T)
#ifndef NO_DISARM
	:: !WANTED(R) && armed[R] -> disarm(R)
	:: !WANTED(T) && armed[T] -> disarm(T)
#endif
	:: POLLABLE(R) && POLLABLE(T) && (WANTED(R) || WANTED(T)) ->
		/* poll */
		DRAINED(R); DRAINED(T);
		nempty(sock);
		news = 0;
		done[R] = !WANTED(R);
		done[T] = !WANTED(T);
		do
		:: !done[R] -> done[R] = 1; arm(R)
		:: !done[T] -> done[T] = 1; arm(T)
		:: done[R] && done[T] -> break
		od;
		if
		:: !news -> spins++; assert(spins < SPINS)
		:: else
		fi
	od
}

init {
	atomic {
		run drain(Q);
		run drain(R);
		run drain(T);
		run loop()
	}
}
