/* SPDX-License-Identifier: MIT */
/*
 * Sleeping and waking between the two ends of a ring.
 *
 * Mirrors weir_end_wait, which is weir_end_announce, a sleep and
 * weir_end_settle, and weir_end_ring (lib/park.c), called by lib/tx.c after a
 * publish and by lib/rx.c after a release, and the claim of an end
 * (lib/ring.c); the labels are those of lib/weir/layout.h: A1/R1 header,
 * A2/R2 read position, F1 the waker's fence, F2 the sleeper's fence, A3/R3
 * waiting word and need, A4/R4 doorbell, A5/R5 state.  An announcement that
 * outlasts its call is in arm.pml and set.pml.
 *
 * A producer sends TOTAL cells through a ring of CAP, in messages of one or
 * two, and closes; a consumer takes them one at a time or all at once.
 * Either sleeps when it must.  A header that the consumer finds is
 * abbreviated to a position that has grown; publish.pml has the headers.
 *
 * Properties: nobody sleeps for ever (an invalid end state); no waker is
 * done while its peer is in the kernel with what it waits for there (LOST);
 * all that was committed is taken before the end is seen; each sleep is rung
 * for at most once (and once more for each claim); no side writes a word of
 * the other (the assertion in STORE).
 *
 * Scenarios:
 *   (none)         both directions; a return that nobody caused (EINTR,
 *                  spurious, a deadline), after which the producer may
 *                  need more or less than before
 *   -DASYM         the fence F1 is a compiler barrier, F2 a membarrier:
 *                  both sides unfenced for good
 *   -DADAPTIVE     a side fences (F1) until it has published RUN times to a
 *                  peer that was awake, then says that it is "unfenced"
 *                  (F6) and no longer does, until it rings again (R14); a
 *                  sleeper calls membarrier only if the other is unfenced
 *   -DCANCEL       the consumer is cancelled at any time, by its own word
 *                  (the second of a futex_waitv), and closes while the
 *                  producer may sleep for room; close and keeper ring the
 *                  same word in the same way
 *   -DKILL=n       n deaths of the VICTIM (P or C), after any instruction;
 *                  each is followed by a successor that claims the end
 *   -DSEMAPHORE    the portable way of a plain ring
 *   -DONE_WORD     the way of two threads: one futex word for the peer and
 *                  for cancel
 * Mutants, each of which the checker must refuse:
 *   NO_WAKE_FENCE NO_SLEEP_FENCE NO_MEMBARRIER NO_RECHECK
 *   DOORBELL_AFTER_LOOK  the doorbell is taken after looking again
 *   DOORBELL_AFTER_WAITING  the doorbell is taken after the waiting word is
 *                        stored: the waker, late from a message that has
 *                        been taken, rings this sleep before the doorbell
 *                        is read, and the next message finds it rung for.
 *                        A load and a later store, both relaxed, may come
 *                        to this on a weak CPU: A4 is an acquire or R3 a
 *                        release, even if no data depends on either
 *   NO_UNFENCE_FENCE     ADAPTIVE: F6 is missing
 *   RELAXED_UNFENCED     ADAPTIVE: R14 is relaxed
 *   NO_BELL              the system call without the doorbell
 *   WAKE_BEFORE_BELL     the system call before the doorbell
 *   NO_WAKE_CALL         the doorbell without the system call
 *   FLAG_ONLY            every sleep has the same waiting word, no count
 *   NO_LAST_RUNG         a sleep is rung for at every publish
 *   REMEMBER_EARLY       the sleep is remembered as rung for although the
 *                        position has not reached the need
 *   NEED_AFTER_FENCE     the need is stored after F2
 *   CLOSE_OBEYS_NEED     a close below the need does not ring
 *   NO_LOOK_AFTER_CLOSE  closed is believed without another look
 *   RELAXED_STATE        R5 is relaxed (needs ASYM: else F1 is in between)
 *   OWN_AFTER_LOOK       the own word is taken after looking again
 *   NO_OWN_WORD          the sleep is on the doorbell alone
 *   NO_UNASKED_RING      a successor rings for nobody
 *   COUNT_FROM_ZERO      a successor counts its sleeps from 0
 *   BELL_FROM_ZERO       a successor counts its doorbell from 0
 *   CLEAR_AFTER_LOOK     SEMAPHORE: old tokens are taken after the look
 *
 * What may be left out or moved without harm, and is no mutant (run.sh -l
 * runs it and expects it to pass):
 * - Need before waiting word.  Both are stored before F2, and the consumer
 *   reads both after F1.  If it reads an old need, then the new one had not
 *   reached memory, so the position had, and the producer's look finds it.
 *   An old need that is too small rings early: the doorbell was taken
 *   before, so this sleep returns and the next one has a new count.
 *   -DNEED_AFTER_WAITING, -DNEED_READ_FIRST and -DRELAXED_WAITING pass.
 * - ADAPTIVE: the look for a sleeper in weir_end_unfence, and fencing again
 *   after a ring.  The waiting word is read after F6 anyway, by the
 *   notification that led there, and whoever had not stored its own by then
 *   reads "unfenced" behind F2.  -DNO_UNFENCE_LOOK, -DNO_FENCE_AGAIN pass:
 *   both are for speed.
 * - Store "awake".  Without it no wake is lost, but each sleep that ended
 *   unrung costs the waker a system call later.
 * - Release on the doorbell: who finds it changed looks again behind F2, or
 *   behind the compare in the kernel.  The model stores it relaxed.
 * - The atomic add of ONE_WORD by cancel: cancel is sticky and set before,
 *   so whoever takes a doorbell that has lost an increment sees it in the
 *   look.  The code adds all the same; the next user may not be sticky.
 * A count that comes round after 2^30 sleeps without one ring in between,
 * and is then just the last one rung for, is not in the model: at a sleep
 * per microsecond that is eighteen minutes without any traffic, and one
 * chance in 2^30 then.
 */
#ifndef TOTAL
#define TOTAL	3
#endif
#ifndef CAP
#define CAP	2
#endif
#ifndef RUN
#define RUN	1		/* publications with a fence, ADAPTIVE */
#endif
#ifndef SENT
#define SENT	0		/* cells sent before the start */
#endif
#ifndef SPURIOUS
#define SPURIOUS	1
#endif

#define P		0
#define C		1
#define SIDES		2
#define PEER(s)		(1 - (s))

/* The words of a half. */
#define POSITION	0
#define STATE		1
#define WAITING		2
#define DOORBELL	3
#define NEED		4
#define UNFENCED	5
#define HALF		6
#define WORD(s, what)	((s) * HALF + (what))
#define WORDS		(SIDES * HALF)
#define WRITER(w)	((w) / HALF)

#include "memory.pml"

/* The waiting word: two low bits of way, a count above. */
#define WAY		1
#define ASLEEP(w)	(((w) & 3) != 0)
#ifdef FLAG_ONLY
#define SLEEP_NR(nr)	(WAY)
#define COUNT(w)	0
#else
#define SLEEP_NR(nr)	((nr) << 2 | WAY)
#define COUNT(w)	((w) >> 2)
#endif
#define AWAKE_NR(nr)	((nr) << 2)
#define NONE		255

#define OPEN		0
#define CLOSED		1

/* The kernel's and this process's side of a sleep. */
bit on_bell[SIDES];		/* queued at the peer's doorbell */
bit on_own[SIDES];		/* queued at the own word */
byte own[SIDES];		/* the own word: cancel, close, keeper */
byte tokens[SIDES];		/* the semaphore */
byte one[SIDES];		/* the single word of a ring of two threads */
bit cancelled[SIDES];
byte spurious;
bit doomed[SIDES];
bit over[SIDES];		/* left in good order */
byte owed[SIDES];		/* rings that a waker may still make */

#if defined(CANCEL) && !defined(ONE_WORD) && !defined(NO_OWN_WORD)
#define TWO_WORDS	/* else the second is never rung: fewer states */
#endif

#ifdef RELAXED_UNFENCED
#define R14	RELAXED
#else
#define R14	RELEASE
#endif
#ifdef RELAXED_WAITING
#define R3	RELAXED
#else
#define R3	RELEASE
#endif

#ifdef NO_RECHECK
#define IF_STILL(c)	true
#else
#define IF_STILL(c)	(c)
#endif

/*
 * weir_end_fence: from here on this side fences, and has said so.  R14 keeps
 * behind it what was published without a fence.
 */
inline fence_again(me)
{
	d_step {
		CAN_STORE(me);
		STORE(me, WORD(me, UNFENCED), 0, R14);
		fences = RUN
	}
}

/*
 * weir_end_unfence: after RUN fenced publications this side says that it
 * fences no more (F6), unless the peer sleeps: it may not have read that.
 */
inline unfence(me)
{
	store(me, WORD(me, UNFENCED), 1, RELAXED);
#ifndef NO_UNFENCE_FENCE
	DRAINED(me);
#endif
#ifndef NO_UNFENCE_LOOK
	if
	:: ASLEEP(mem[WORD(PEER(me), WAITING)]) -> fence_again(me)
	:: else
	fi;
#endif
	skip
}

/* F1: publish and release before the read of the peer's waiting word. */
inline wake_fence(me)
{
#ifdef ADAPTIVE
	if
	:: fences > 0 ->
		d_step { DRAINED(me); fences-- }
		if
		:: fences == 0 -> unfence(me)
		:: else
		fi
	:: else
	fi
#elif defined(ASYM) || defined(NO_WAKE_FENCE)
	skip
#else
	DRAINED(me)
#endif
}

/*
 * F2: waiting word and need before the look.  The membarrier is a fence of
 * this side and one of the other at some moment between call and return.
 */
inline sleep_fence(me)
{
#ifndef NO_SLEEP_FENCE
	DRAINED(me);
#endif
#ifndef NO_MEMBARRIER
#ifdef ASYM
	DRAINED(PEER(me));
#elif defined(ADAPTIVE)
	if
	:: mem[WORD(PEER(me), UNFENCED)] -> DRAINED(PEER(me))
	:: else
	fi;
#endif
#endif
	skip
}

/* The kernel looks for sleepers behind a full barrier of its own. */
inline wake_call(me)
{
	d_step {
		DRAINED(me);
		assert(owed[me] > 0);
		owed[me]--;
#ifdef SEMAPHORE
		tokens[PEER(me)]++;
#elif !defined(NO_WAKE_CALL)
		on_bell[PEER(me)] = 0;
#endif
	}
}

inline ring(me)
{
#ifdef WAKE_BEFORE_BELL
	wake_call(me);
#endif
#ifdef ONE_WORD
	one[PEER(me)]++;
#elif !defined(NO_BELL)
	bell++;
	store(me, WORD(me, DOORBELL), bell, RELAXED);
#endif
#ifndef WAKE_BEFORE_BELL
	wake_call(me);
#endif
	skip
}

#ifdef NO_LAST_RUNG
#define RUNG_FOR(w)	false
#else
#define RUNG_FOR(w)	((w) == rung)
#endif

/*
 * The waker is done, its peer is queued in the kernel, and what it waits for
 * is there: a wake was lost, even if the next message would make up for it.
 * Who is queued has an empty buffer, so its half in mem[] is exact.
 */
#define LOST(me, reached)						\
	(on_bell[PEER(me)] && reached != NONE &&			\
	 (me == P -> reached > mem[WORD(C, POSITION)]			\
		   : reached >= mem[WORD(P, NEED)]))

inline read_need(me)
{
	if
	:: me == C -> n = mem[WORD(P, NEED)]
	:: else
	fi
}

/* weir_priv_tx_notify, weir_priv_rx_notify: after a publish or a release. */
inline wake(me, reached)
{
	wake_fence(me);
#ifdef NEED_READ_FIRST
	read_need(me);
#endif
	w = mem[WORD(PEER(me), WAITING)];
	if
	:: ASLEEP(w) && !RUNG_FOR(w) ->
#ifndef NEED_READ_FIRST
		read_need(me);
#endif
#ifdef REMEMBER_EARLY
		rung = w;
#endif
		if
		:: reached >= n ->
			rung = w;
#if defined(ADAPTIVE) && !defined(NO_FENCE_AGAIN)
			fence_again(me);
#endif
			ring(me)
		:: else
		fi
	:: else
	fi;
	d_step { assert(!LOST(me, reached)); w = 0; n = 0 }
}

inline close(me, reached)
{
	store(me, WORD(me, STATE), CLOSED,
#ifdef RELAXED_STATE
		RELAXED
#else
		RELEASE
#endif
		);
#ifdef CLOSE_OBEYS_NEED
	wake(me, reached)
#else
	wake(me, NONE)
#endif
}

/*
 * The system call.  futex_waitv queues at one word after the other, each
 * comparing under that word's lock, and sleeps only if none has changed.
 */
inline sleep_call(me)
{
#ifdef SEMAPHORE
	if
	:: d_step { tokens[me] > 0 -> tokens[me]-- }
	:: d_step { spurious > 0 -> spurious-- }
	fi;
#else
	d_step {
		DRAINED(me);
#ifdef ONE_WORD
		on_bell[me] = (one[me] == d);
#else
		on_bell[me] = (mem[WORD(PEER(me), DOORBELL)] == d);
#endif
		t = on_bell[me]
	}
#ifdef TWO_WORDS
	if
	:: t ->
		d_step {
			t = (own[me] == o);
			on_own[me] = t
		}
	:: else
	fi;
#define QUEUED(s)	(on_bell[s] && on_own[s])
#else
#define QUEUED(s)	on_bell[s]
#endif
	if
	:: t ->
		if
		:: d_step { !QUEUED(me) -> on_bell[me] = 0;
			on_own[me] = 0; t = 0 }
		:: d_step { spurious > 0 -> spurious--; on_bell[me] = 0;
			on_own[me] = 0; t = 0 }
		fi
	:: else -> d_step { on_bell[me] = 0; on_own[me] = 0 }
	fi;
#endif
	skip
}

inline take_doorbell(me)
{
#ifdef ONE_WORD
	d = one[me];
#else
	d = mem[WORD(PEER(me), DOORBELL)];
#endif
#if defined(TWO_WORDS) && !defined(OWN_AFTER_LOOK)
	o = own[me];
#endif
}

/* A consumer needs nothing but a message: its need stays 0. */
inline store_need(me)
{
	if
	:: me == P -> store(me, WORD(me, NEED), need, RELAXED)
	:: else
	fi
}

/*
 * weir_end_wait: one sleep.  c1 to c3 are what must still hold to go on
 * sleeping: each is one load.
 */
inline sleep(me, c1, c2, c3)
{
#if defined(SEMAPHORE) && !defined(CLEAR_AFTER_LOOK)
	tokens[me] = 0;
#endif
#if !defined(DOORBELL_AFTER_LOOK) && !defined(DOORBELL_AFTER_WAITING)
	take_doorbell(me);
#endif
	nr++;
#if !defined(NEED_AFTER_WAITING) && !defined(NEED_AFTER_FENCE)
	store_need(me);
#endif
	d_step {
		CAN_STORE(me);
		STORE(me, WORD(me, WAITING), SLEEP_NR(nr), R3);
		owed[PEER(me)]++
	}
#ifdef NEED_AFTER_WAITING
	store_need(me);
#endif
#ifdef DOORBELL_AFTER_WAITING
	take_doorbell(me);
#endif
	sleep_fence(me);
#ifdef NEED_AFTER_FENCE
	store_need(me);
#endif
	if
	:: IF_STILL(c1) ->
		if
		:: IF_STILL(c2) ->
			if
			:: IF_STILL(c3) ->
#ifdef DOORBELL_AFTER_LOOK
				take_doorbell(me);
#endif
#ifdef OWN_AFTER_LOOK
				o = own[me];
#endif
#ifdef CLEAR_AFTER_LOOK
				tokens[me] = 0;
#endif
				sleep_call(me)
			:: else
			fi
		:: else
		fi
	:: else
	fi;
	store(me, WORD(me, WAITING), AWAKE_NR(nr), RELAXED);
	d_step { d = 0; o = 0 }
}

/*
 * A successor finds all that its predecessor stored: the kernel drops the
 * claim of a process after its last instruction.  It has not looked at the
 * waiting word of its peer, so it rings unasked.
 */
inline claim(me)
{
	d_step {
		DRAINED(me);
		on_bell[me] = 0;
		on_own[me] = 0;
		pos = mem[WORD(me, POSITION)];
		bell = mem[WORD(me, DOORBELL)];
		nr = COUNT(mem[WORD(me, WAITING)]);
#ifdef COUNT_FROM_ZERO
		nr = 0;
#endif
#ifdef BELL_FROM_ZERO
		bell = 0;
#endif
		rung = NONE;
#ifdef ADAPTIVE
		fences = RUN;
		/* stored by the claim, and visible before it is "held" */
		mem[WORD(me, UNFENCED)] = 0;
#endif
		d = 0; o = 0; n = 0; w = 0; t = 0; need = 0; want = 0
	}
}

/* Nothing was published before the first claim: only a successor needs it. */
inline ring_unasked(me)
{
	/* one for this, and one for a sleep that was rung for before */
	owed[me] = owed[me] + 2;
#ifndef NO_UNASKED_RING
	ring(me);
#endif
	/* it may have nothing to add to what its predecessor left */
	assert(!LOST(me, pos))
}

#define POS_OF(s)	mem[WORD(s, POSITION)]
#define STATE_OF(s)	mem[WORD(s, STATE)]

/* Room for want at pos is a read position of at least need. */
inline choose_len()
{
	d_step {
		need = (pos + want > CAP -> pos + want - CAP : 0)
	}
}

inline produce()
{
	do
	:: pos < TOTAL ->
		/* asked anew after each return: deadlines pass, and the next
		   call may need less */
		if
		:: want = 1
		:: CAP > 1 && pos + 2 <= TOTAL -> want = 2
		fi;
		choose_len();
		if
		:: POS_OF(C) >= need ->
			pos = pos + want;
			store(P, WORD(P, POSITION), pos, RELEASE);
			wake(P, pos)
		:: else ->
			if
			:: STATE_OF(C) == CLOSED -> break
			:: else -> sleep(P, POS_OF(C) < need,
				STATE_OF(C) == OPEN, true)
			fi
		fi;
		want = 0;
		need = 0
	:: else -> break
	od;
#ifdef CANCEL
	/* a producer with nothing to say wakes nobody */
	STATE_OF(C) == CLOSED;
#endif
	close(P, pos)
}

inline consume()
{
	do
	:: cancelled[C] -> break
	:: else ->
		want = POS_OF(P);
		if
		:: want == pos && STATE_OF(P) == CLOSED ->
			/* closed after its last message: look once more */
#ifndef NO_LOOK_AFTER_CLOSE
			want = POS_OF(P);
#endif
			if
			:: want == pos -> assert(pos == TOTAL); break
			:: else
			fi
		:: want == pos && STATE_OF(P) == OPEN ->
			sleep(C, POS_OF(P) == pos, STATE_OF(P) == OPEN,
				!cancelled[C])
		:: else ->
			if
			:: pos++
			:: want > pos + 1 -> pos = want
			fi;
			store(C, WORD(C, POSITION), pos, RELEASE);
			wake(C, pos)
		fi;
		want = 0
	od;
	close(C, pos)
}

inline live(me)
{
	if
	:: me == P -> produce()
	:: else -> consume()
	fi
}

proctype end_of(bit me)
{
	byte pos, want, need;
	byte rung, bell, nr;		/* the private copies */
#ifdef ADAPTIVE
	byte fences = RUN;
#endif
	byte d, o, n, w, t;
	bit heir;

	claim(me);
#ifdef KILL
	if
	:: me == VICTIM ->
		do
		:: over[me] -> break
		:: else ->
			{
				if
				:: heir -> ring_unasked(me)
				:: else
				fi;
				live(me);
				over[me] = 1
			} unless { doomed[me] };
			doomed[me] = 0;
			heir = 1;
			claim(me)
		od
	:: else -> live(me)
	fi
#else
	live(me)
#endif
}

/* Any thread of the consumer's process, or its keeper. */
proctype canceller()
{
	cancelled[C] = 1;
#ifdef SEMAPHORE
	tokens[C]++;
#elif defined(ONE_WORD)
	one[C]++;
	on_bell[C] = 0;
#else
	own[C]++;
	on_own[C] = 0;
#endif
}

#ifdef KILL
proctype killer()
{
	byte left = KILL;

	do
	:: left > 0 && !over[VICTIM] ->
		d_step { !doomed[VICTIM] -> doomed[VICTIM] = 1; left-- }
	:: break
	od
}
#endif

init {
	atomic {
		if
		:: spurious = 0
		:: spurious = SPURIOUS
		fi;
		mem[WORD(P, POSITION)] = SENT;
		run drain(P);
		run drain(C);
		run end_of(P);
		run end_of(C);
#ifdef CANCEL
		run canceller();
#endif
#ifdef KILL
		run killer();
#endif
	}
}
