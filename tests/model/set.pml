/* SPDX-License-Identifier: MIT */
/*
 * A set that sleeps on words, or with -DNAPS on naps of its gather: one thread,
 * two members, each with a peer of its own, and a thread of the same process
 * that has news.
 *
 * Mirrors wait, round_queue, arm, scan_words and take_news (lib/set_wait.c).  A
 * member that is armed stays so over many waits: only those that were rung or
 * called are asked again.  The sleep is on the doorbell of each armed member,
 * with the value that it had when that one was armed, and on the set's own
 * word, which is taken before the news are.  What was meant to be reported and
 * is not drained stays in the queue.
 *
 * With NAPS each armed member has a wait in the kernel from its arming on,
 * which compares the doorbell with that value, once
 * (lib/linux/gather_uring.c).  What ends one, and news, ring the gather's
 * bell, of which only the edge is seen; it is taken before what has ended is,
 * and the news are.  Once, when the first member is armed, the io_uring is made
 * anew: all waits are lost, and the set is told so.
 *
 * Properties: no event is left while the thread sleeps (an invalid end state);
 * each sleep is rung for at most once.
 *
 * -DASYM is as in park.pml.  Mutants:
 *   NO_WAKE_FENCE NO_SLEEP_FENCE NO_MEMBARRIER NO_RECHECK
 *   BELL_AFTER_LOOK      a member's doorbell is taken when it has been looked
 *                        at
 *   BELL_AT_SLEEP        it is taken anew for each sleep
 *   OWN_AFTER_NEWS       the own word is taken when the news have been
 *   NEWS_AFTER_OWN       the news is put there after the word has changed
 * with NAPS, besides BELL_AFTER_LOOK, NEWS_AFTER_OWN and the fences:
 *   EDGE_AFTER_ENDED     the edge is taken when what has ended has been
 *   EDGE_AFTER_NEWS      or when the news have been
 *   LOST_UNSAID          naps are lost, and the set does not begin them anew
 *   LOST_UNRUNG          it is not rung for that
 */
#ifndef EACH
#define EACH	1		/* messages of each peer */
#endif
#ifndef NEWS
#define NEWS	1
#endif

#define MEMBERS		2
#define W		2	/* the thread; 0 and 1 are the peers */
#define SIDES		3

#define POSITION(p)	(p)
#define BELL(p)		(2 + (p))
#define WAITING(p)	(4 + (p))
#define WORDS		6
#define WRITER(w)	((w) < 4 -> (w) % 2 : W)

#ifndef BUF
#define BUF	1
#endif
#include "memory.pml"

#define WAY		1
#define ASLEEP(w)	(((w) & 3) != 0)
#define SLEEP_NR(nr)	((nr) << 2 | WAY)
#define AWAKE_NR(nr)	((nr) << 2)

#ifdef NO_RECHECK
#define IF_STILL(c)	true
#else
#define IF_STILL(c)	(c)
#endif

byte own;
bit news[MEMBERS];		/* under a lock */
byte told[MEMBERS];		/* what the news says, sticky */
bit on_bell[MEMBERS];		/* asleep there */
bit on_own;
bit edge;			/* NAPS: the gather's bell was rung */
bit ended[MEMBERS];		/* a wait has, and was not reaped */
bit lost, moved;

/* The kernel's part of a wake on a doorbell, and of the set's own. */
inline wake_bell(p)
{
#ifdef NAPS
	if
	:: on_bell[p] -> on_bell[p] = 0; ended[p] = 1; edge = 1
	:: else
	fi
#else
	on_bell[p] = 0
#endif
}

inline wake_own()
{
#ifdef NAPS
	edge = 1
#else
	own++;
	on_own = 0
#endif
}

proctype peer(byte p)
{
	byte sent, rung, bell, w;

	do
	:: sent < EACH ->
		sent++;
		store(p, POSITION(p), sent, RELEASE);
#if !defined(ASYM) && !defined(NO_WAKE_FENCE)
		DRAINED(p);
#endif
		w = mem[WAITING(p)];
		if
		:: ASLEEP(w) && w != rung ->
			rung = w;
			bell++;
			store(p, BELL(p), bell, RELEASE);
			d_step { DRAINED(p); wake_bell(p) }
		:: else
		fi;
		w = 0
	:: else -> break
	od
}

/* Cancel, or the keeper: the flag, then the door, then the word. */
proctype caller()
{
	byte n;

	do
	:: n < NEWS ->
		n++;
		told[0]++;
#ifdef NEWS_AFTER_OWN
		d_step { wake_own() };
		news[0] = 1;
#else
		news[0] = 1;
		d_step { wake_own() };
#endif
	:: else -> break
	od
}

byte seen[MEMBERS], heard[MEMBERS], bell[MEMBERS], nr[MEMBERS];
bit armed[MEMBERS];

#define QUIET(m)	(mem[POSITION(m)] == seen[m] && told[m] == heard[m])

inline rouse(m)
{
	if
	:: armed[m] ->
		store(W, WAITING(m), AWAKE_NR(nr[m]), RELAXED);
		armed[m] = 0
	:: else
	fi
}

/* The program takes one thing, and the member stays in the queue. */
inline serve(m)
{
	d_step {
		if
		:: mem[POSITION(m)] > seen[m] -> seen[m]++
		:: else -> heard[m] = told[m]
		fi
	}
}

/* The kernel compares; a wait of before is cancelled or, ended, forgotten. */
inline begin_nap(m)
{
	d_step {
		DRAINED(W);
		ended[m] = 0;
		if
		:: mem[BELL(m)] == bell[m] -> on_bell[m] = 1
		:: else -> on_bell[m] = 0; ended[m] = 1; edge = 1
		fi
	}
	if
	:: m == 0 && !moved -> d_step {
		moved = 1;
		on_bell[0] = 0; on_bell[1] = 0;
		ended[0] = 0; ended[1] = 0;
		lost = 1;
#ifndef LOST_UNRUNG
		edge = 1
#endif
	   }
	:: true
	fi;
}

inline take_ended(i)
{
	if
	:: ended[i] -> ended[i] = 0; rouse(i)
	:: else
	fi
}

inline reap()
{
	take_ended(0);
	take_ended(1);
#ifndef LOST_UNSAID
	if
	:: lost -> lost = 0; rouse(0); rouse(1)
	:: else
	fi
#endif
}

inline arm(m)
{
#if !defined(BELL_AFTER_LOOK) && !defined(BELL_AT_SLEEP)
	bell[m] = mem[BELL(m)];
#endif
	nr[m]++;
	store(W, WAITING(m), SLEEP_NR(nr[m]), RELEASE);
#ifndef NO_SLEEP_FENCE
	DRAINED(W);
#if defined(ASYM) && !defined(NO_MEMBARRIER)
	DRAINED(m);
#endif
#endif
	armed[m] = 1;
	if
	:: IF_STILL(QUIET(m)) ->
#ifdef BELL_AFTER_LOOK
		bell[m] = mem[BELL(m)];
#endif
#ifdef NAPS
		begin_nap(m)
#endif
		skip
	:: !QUIET(m) -> rouse(m); found = 1
	fi
}

inline sleep_call()
{
#ifdef NAPS
	d_step { DRAINED(W) };
	edge
#else
	d_step {
		DRAINED(W);
#ifdef BELL_AT_SLEEP
		bell[0] = mem[BELL(0)];
		bell[1] = mem[BELL(1)];
#endif
		if
		:: own == o && mem[BELL(0)] == bell[0] &&
		   mem[BELL(1)] == bell[1] ->
			on_bell[0] = 1; on_bell[1] = 1; on_own = 1
		:: else
		fi
	}
	!on_own || !on_bell[0] || !on_bell[1];
	d_step {
		on_own = 0; on_bell[0] = 0; on_bell[1] = 0
	}
#endif
}

#define RUNG(m)		(mem[BELL(m)] != bell[m])

#define DONE(m)		(seen[m] == EACH && (m == 1 || heard[m] == NEWS))

proctype set()
{
	byte o, m;
	bit found;

	do
	:: DONE(0) && DONE(1) -> break
	:: else ->
		found = 0;
#ifdef NAPS
#ifdef EDGE_AFTER_ENDED
		reap();
		edge = 0;
#else
#ifndef EDGE_AFTER_NEWS
		edge = 0;
#endif
		reap();
#endif
#else
#ifndef OWN_AFTER_NEWS
		o = own;
#endif
		for (m : 0 .. 1) {
			if
			:: armed[m] && RUNG(m) -> rouse(m)
			:: else
			fi
		}
#endif
		if
		:: news[0] -> news[0] = 0; rouse(0)
		:: else
		fi;
#ifdef OWN_AFTER_NEWS
		o = own;
#endif
#ifdef EDGE_AFTER_NEWS
		edge = 0;
#endif
		for (m : 0 .. 1) {
			if
			:: !armed[m] && !QUIET(m) -> serve(m); found = 1
			:: else
			fi
		}
		if
		:: found
		:: else ->
			for (m : 0 .. 1) {
				if
				:: !armed[m] -> arm(m)
				:: else
				fi
			}
			if
			:: found
			:: else -> sleep_call()
			fi
		fi;
		m = 0
	od
}

init {
	atomic {
		run drain(0);
		run drain(1);
		run drain(W);
		run peer(0);
		run peer(1);
		run caller();
		run set()
	}
}
