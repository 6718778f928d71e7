/* SPDX-License-Identifier: MIT */
/*
 * The armed handle of a plain ring between processes: an eventfd, and a wait on
 * the doorbell that somebody else holds for the program.
 *
 * Mirrors weir_end_arm (lib/arm.c), weir_end_announce (lib/park.c), watch and
 * unwatch of a nap (lib/linux/nap.c, lib/portable/nap.c).  Two threads arm, one
 * at a time: the one has an io_uring, whose wait only it can cancel; for the
 * other one a thread of the library waits, which anybody can end.  The kernel
 * compares the doorbell when the wait is submitted, and rings the eventfd when
 * the wait ends.  When the thread that has the io_uring ends, the kernel cancels
 * its wait.  A third thread has news (cancel, the keeper) and rings the eventfd
 * itself.
 *
 * Property: no event is left while the program polls a silent eventfd (an
 * invalid end state).
 *
 * -DASYM is as in park.pml.  Mutants:
 *   NO_WAKE_FENCE NO_SLEEP_FENCE NO_MEMBARRIER NO_RECHECK
 *   CLEAR_AFTER_LOOK     what the eventfd shows is taken away when the sleep
 *                        has been announced
 *   BELL_AT_SUBMIT       the doorbell is taken anew for the wait
 *   FLAG_AFTER_KNOCK     the news is put there after the eventfd was rung
 *   SILENT_END           the end of the thread cancels its wait, and rings not
 *   SILENT_SUBMIT        nor does a wait whose value differs
 *   FLAG_ONLY            each sleep has the same waiting word
 */
#ifndef MESSAGES
#define MESSAGES	2
#endif
#ifndef NEWS
#define NEWS	1
#endif
#ifndef AGAIN
#define AGAIN	1	/* arms without need */
#endif

#define P		0	/* the peer */
#define C		1	/* the end with the handle */
#define SIDES		2

#define POSITION	0
#define BELL		1
#define WAITING		2
#define WORDS		3
#define WRITER(w)	((w) == WAITING -> C : P)

#include "memory.pml"

#define WAY		1
#define ASLEEP(w)	(((w) & 3) != 0)
#ifdef FLAG_ONLY
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

#define RING		0	/* whose wait it is */
#define HELP		1

bit eventfd;
bit waits[2];			/* on the doorbell */
byte told;			/* what the news says, sticky */

active proctype peer()
{
	byte sent, rung, bell, w;

	do
	:: sent < MESSAGES ->
		sent++;
		store(P, POSITION, sent, RELEASE);
#if !defined(ASYM) && !defined(NO_WAKE_FENCE)
		DRAINED(P);
#endif
		w = mem[WAITING];
		if
		:: ASLEEP(w) && w != rung ->
			rung = w;
			bell++;
			store(P, BELL, bell, RELEASE);
			d_step {
				DRAINED(P);
				if
				:: waits[RING] || waits[HELP] -> eventfd = 1
				:: else
				fi;
				waits[RING] = 0;
				waits[HELP] = 0
			}
		:: else
		fi;
		w = 0
	:: else -> break
	od
}

/* The flag, then the door. */
active proctype caller()
{
	byte n;

	do
	:: n < NEWS ->
		n++;
#ifdef FLAG_AFTER_KNOCK
		eventfd = 1;
		told++
#else
		told++;
		eventfd = 1
#endif
	:: else -> break
	od
}

/* The thread that has the io_uring ends, at any time; the next makes another. */
active proctype maker_ends()
{
	d_step {
#ifndef SILENT_END
		if
		:: waits[RING] -> eventfd = 1
		:: else
		fi;
#endif
		waits[RING] = 0
	}
}

byte seen, heard, bell, nr;

#define QUIET		(mem[POSITION] == seen && told == heard)

/* Cancelled, or reaped; the answer rings. */
inline unwatch(t)
{
	d_step {
		if
		:: t == RING && waits[RING] -> waits[RING] = 0; eventfd = 1
		:: else
		fi;
		waits[HELP] = 0
	}
}

inline submit(t)
{
	d_step {
		DRAINED(C);
#ifdef BELL_AT_SUBMIT
		bell = mem[BELL];
#endif
		if
		:: mem[BELL] == bell && !waits[t] -> waits[t] = 1
		:: mem[BELL] == bell && waits[t]
#ifndef SILENT_SUBMIT
		:: mem[BELL] != bell -> eventfd = 1
#else
		:: mem[BELL] != bell
#endif
		fi
	}
}

/* The program takes one thing. */
inline serve()
{
	d_step {
		if
		:: mem[POSITION] > seen -> seen++
		:: else -> heard = told
		fi
	}
}

inline arm(t)
{
	unwatch(t);
#ifndef CLEAR_AFTER_LOOK
	eventfd = 0;
#endif
	bell = mem[BELL];
	nr++;
	store(C, WAITING, SLEEP_NR(nr), RELEASE);
#ifndef NO_SLEEP_FENCE
	DRAINED(C);
#if defined(ASYM) && !defined(NO_MEMBARRIER)
	DRAINED(P);
#endif
#endif
	if
	:: IF_STILL(QUIET) ->
		submit(t);
		armed = 1
	:: !QUIET ->
		store(C, WAITING, AWAKE_NR(nr), RELAXED);
		armed = 0
	fi;
#ifdef CLEAR_AFTER_LOOK
	eventfd = 0
#endif
}

active proctype program()
{
	byte again;
	bit armed;

	do
	:: seen == MESSAGES && heard == NEWS -> break
	:: else ->
		if
		:: arm(RING)
		:: arm(HELP)
		fi;
		if
		:: !armed -> serve()
		:: armed && eventfd
		:: armed && again < AGAIN -> again++
		fi
	od
}

init {
	atomic {
		run drain(P);
		run drain(C)
	}
}
