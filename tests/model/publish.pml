/* SPDX-License-Identifier: MIT */
/*
 * How a message becomes visible, and its memory free again.
 *
 * Mirrors reserve, commit and abort (lib/tx.c), peek and release (lib/rx.c)
 * and what a successor does when it claims an end (lib/ring.c); the labels
 * are those of lib/weir/layout.h: A1/R1 header, A2/R2 read position.  Who
 * sleeps and wakes is in park.pml: here both sides poll.
 *
 * The ring has CELLS words.  A record is a header and 0 to CELLS/2 - 1 words
 * of payload and never straddles the end: what does not fit there goes
 * behind a padding record.  The header is the flag.  The producer stores the
 * payload and the headers of a batch but the first, zero where the header
 * after it will be, then with release the first header (R1), then its write
 * position.  One cell is never used, so that the zero has a place.  The
 * consumer reads headers with acquire (A1) until one is zero and releases
 * its position (R2), from which the producer knows the room (A2).
 *
 * With -DRUNS=1 two messages of a word each may be one record, a run, which a
 * consumer takes and releases one by one: before its position stands within a
 * run, it stores first and end of it (say_run, leave_run; lib/rx.c), for a
 * successor.  The run's word, count and length, goes the way of the payload and
 * is left out; -DONLY_RUNS leaves out all other messages.
 *
 * A cell is the number that the code sees, in the low three bits, and above
 * it a ghost, which only the assertions look at: whose cell this is.  All
 * payload, and all that lies in the ring at the start, is one number, chosen
 * at the start, that looks like a header.
 *
 * Properties: every header and every word of payload that the consumer takes
 * is the one of the message that is due (none is lost, torn, stale or out of
 * order; after a take-over the unreleased come again, the released do not);
 * a successor finds exactly the end of what was committed; and all MESSAGES
 * arrive (else an invalid end state).
 *
 * -DKILL=n: n deaths of the VICTIM (P or C), after any instruction, each
 * followed by a successor.  Mutants, each of which the checker must refuse:
 *   NO_ZERO_NEXT            nothing is stored where the next header will be
 *   ZERO_AFTER_HEADER       it is stored after the first header
 *   RELAXED_HEADER          R1 is relaxed
 *   HEADER_BEFORE_PAYLOAD   a header is stored before its payload
 *   FIRST_HEADER_FIRST      a batch's first header is not kept for last
 *   PAD_AT_ONCE             padding is published before the record behind it
 *   PAYLOAD_READ_EARLY      A1 does not keep the payload's load behind it
 *   FULL_RING               the last cell is used as well
 *   RELEASE_BEFORE_READ     R2 does not keep the payload's loads before it
 *   FILL_BEFORE_ROOM        A2 does not keep the payload's stores behind it
 *   POSITION_BEFORE_HEADER  the write position counts what may never come
 *   NO_WALK                 a successor goes on at the write position
 *   HEIR_FROM_ZERO          a reader's successor starts at position 0
 *   NO_RUN_WORDS            nothing is said of the run
 *   POSITION_BEFORE_RUN     the read position goes before what is said of it
 *   END_BEFORE_FIRST        the end of the run is stored before its first
 *   NO_LEAVE_RUN            the words of a run that the position is still in
 *                           are replaced
 *   WALK_FROM_LARGER        a producer's successor starts at the larger of the
 *                           two positions: the reader's may be within a run
 *   WALK_FROM_READ          it starts at the read position
 *
 * What makes no difference here, and is no mutant:
 * - The write position is stored relaxed.  It is read by a successor only,
 *   and all stores of the dead have left by then; what counts is the order
 *   of the instructions.
 * - The stores of the run's words are relaxed and need no order but that of
 *   the instructions, for the same reason.
 * - Without runs a successor of the producer may walk from the read position as
 *   well (-DWALK_FROM_READ and -DWALK_FROM_LARGER pass): records that were read
 *   stay in place until a producer overwrites them, and the one that could is
 *   the one that walks.
 */
#ifndef CELLS
#define CELLS	6
#endif
#ifndef MESSAGES
#define MESSAGES	3
#endif
#ifndef START
#define START	4		/* where the ring stands at the start */
#endif
#ifndef RUNS
#define RUNS	0
#endif
#ifndef ABORTS
#define ABORTS	0
#endif

#define P		0
#define C		1
#define SIDES		2

#define WRITE_POSITION	CELLS
#define READ_POSITION	(CELLS + 1)
#define RUN_FIRST	(CELLS + 2)
#define RUN_END		(CELLS + 3)
#define WORDS		(CELLS + 4)
#define WRITER(w)	((w) >= READ_POSITION -> C : P)
#define CELL		short

#include "memory.pml"

/* What the code sees. */
#define SEEN(cell)	((cell) & 7)
#define RECORD(n)	(1 + (n))
#define PAD(cells)	(3 + (cells))
#define RUN		7
#define IN_RUN		2	/* messages, a word each */
#define IS_PAD(h)	((h) > 3 && (h) < RUN)
#define LEN(h)		((h) - 1)
/* with its header */
#define SIZE(h)		((h) == RUN -> 1 + IN_RUN : (IS_PAD(h) -> (h) - 3 : (h)))
#define MOST		(CELLS / 2 - 1)

/* What the proof sees: message and place, 0 the header, 3 the padding. */
#define GHOST(cell)	((cell) >> 3)
#define OWNED(seq, place) ((1 + (seq) * 4 + (place)) << 3)

#define AT(pos)		((pos) % CELLS)

#ifdef FULL_RING
#define HELD	CELLS
#else
#define HELD	(CELLS - 1)
#endif
#ifdef RELAXED_HEADER
#define R1	RELAXED
#else
#define R1	RELEASE
#endif

byte stale;			/* every payload looks like this */
byte committed;			/* ghost: messages, and where they end */
byte committed_end = START;
byte released;			/* ghost: messages released */
bit doomed[SIDES];
bit over[SIDES];

/* A header in the middle of a batch is stored at once, the first kept. */
inline put_header(val)
{
#ifdef FIRST_HEADER_FIRST
	store(P, AT(pos), val, R1);
	if
	:: pos == first -> first_val = val
	:: else
	fi
#else
	if
	:: pos == first -> first_val = val
	:: else -> store(P, AT(pos), val, RELAXED)
	fi
#endif
}

inline fill(n)
{
	i = 0;
	do
	:: i < n ->
		store(P, AT(pos + 1 + i), stale + OWNED(seq, 1 + i), RELAXED);
		i++
	:: else -> break
	od;
	i = 0
}

inline put_run()
{
	store(P, AT(pos + 1), stale + OWNED(seq, 1), RELAXED);
	store(P, AT(pos + 2), stale + OWNED(seq + 1, 1), RELAXED);
	put_header(RUN + OWNED(seq, 0));
	d_step { pos = pos + 1 + IN_RUN; seq = seq + IN_RUN; pad = 0; need = 0 }
}

#define RUN_FITS	(RUNS && seq + IN_RUN <= MESSAGES && \
			AT(pos) + 1 + IN_RUN <= CELLS)

inline fit(n)
{
	d_step {
		pad = (AT(pos) + 1 + n > CELLS -> CELLS - AT(pos) : 0);
		need = pos + pad + 1 + n
	}
}

#define ROOM	(mem[READ_POSITION] + HELD >= need)

/* Reserve and write one message that fits. */
inline put(n)
{
	if
	:: pad > 0 ->
#ifdef PAD_AT_ONCE
		store(P, AT(pos), PAD(pad) + OWNED(seq, 3), R1);
		first = (pos == first -> pos + pad : first);
#else
		put_header(PAD(pad) + OWNED(seq, 3));
#endif
		pos = pos + pad
	:: else
	fi;
#ifdef HEADER_BEFORE_PAYLOAD
	store(P, AT(pos + 1 + n), 0, RELAXED);
	put_header(RECORD(n) + OWNED(seq, 0));
	if
	:: pos == first -> store(P, AT(pos), first_val, R1)
	:: else
	fi;
#endif
#ifndef FILL_BEFORE_ROOM
	fill(n);
#endif
#ifndef HEADER_BEFORE_PAYLOAD
	put_header(RECORD(n) + OWNED(seq, 0));
#endif
	d_step { pos = pos + 1 + n; seq++; pad = 0; need = 0 }
}

inline zero_next()
{
	store(P, AT(pos), 0, RELAXED)
}

inline store_position()
{
	store(P, WRITE_POSITION, pos, RELAXED)
}

inline commit()
{
#if !defined(NO_ZERO_NEXT) && !defined(ZERO_AFTER_HEADER)
	zero_next();
#endif
#ifdef POSITION_BEFORE_HEADER
	store_position();
#endif
	d_step {
		CAN_STORE(P);
		STORE(P, AT(first), first_val, R1);
		committed = seq;
		committed_end = pos;
		first = 0;
		first_val = 0
	}
#ifdef ZERO_AFTER_HEADER
	zero_next();
#endif
#ifndef POSITION_BEFORE_HEADER
	store_position();
#endif
	skip
}

inline produce()
{
	do
	:: seq < MESSAGES ->
		first = pos;
		do
		:: seq < MESSAGES ->
			if
#ifndef ONLY_RUNS
			:: n = 0
			:: n = 1
			:: n = 2
#else
			:: !RUN_FITS && n == 0 -> n = 1
#endif
			:: RUN_FITS -> n = 3
			:: pos != first -> break
			fi;
			fit((n == 3 -> IN_RUN : n));
#ifdef FILL_BEFORE_ROOM
			pos = pos + pad;
			fill(n);
			pos = pos - pad;
#endif
			/* A2: only the first of a batch is waited for */
			if
			:: ROOM && n < 3 -> put(n)
			:: ROOM && n == 3 -> put_run()
			:: pos != first && !ROOM -> break
			fi;
			n = 0
		:: else -> break
		od;
		n = 0;
		d_step { pad = 0; need = 0 }
		if
		:: aborts > 0 -> d_step {
				aborts--;
				pos = first;
				seq = committed;
				first = 0;
				first_val = 0
			}
		:: commit()
		fi
	:: else -> break
	od
}

/* Its predecessor's stores have all left: the kernel drops the claim last. */
inline claim_tx()
{
	d_step {
		DRAINED(P);
		pos = mem[WRITE_POSITION];
		seq = committed;
#ifdef WALK_FROM_READ
		pos = mem[READ_POSITION];
#elif defined(WALK_FROM_LARGER)
		pos = (pos < mem[READ_POSITION] -> mem[READ_POSITION] : pos);
#endif
		need = mem[READ_POSITION] + CELLS;
		first = 0; first_val = 0; n = 0; i = 0; pad = 0
	}
	do
#ifndef NO_WALK
	:: SEEN(mem[AT(pos)]) != 0 ->
		pos = pos + SIZE(SEEN(mem[AT(pos)]));
		assert(pos <= need)
	:: else -> break
#else
	:: break
#endif
	od;
	assert(pos == committed_end);
	need = 0
}

proctype producer()
{
	byte pos = START;
	byte first, seq, n, i, pad, need;
	short first_val;
	byte aborts = ABORTS;

#if defined(KILL) && VICTIM == P
	do
	:: over[P] -> break
	:: else ->
		{
			claim_tx();
			produce();
			over[P] = 1
		} unless { doomed[P] };
		doomed[P] = 0
	od
#else
	produce();
#endif
	skip
}

/* The words of payload, one load each; the last is at from + n. */
inline check(from, n)
{
	i = 0;
	do
	:: i < n ->
		assert(GHOST(mem[AT(from + 1 + i)]) ==
			GHOST(OWNED(seq, 1 + i)));
		i++
	:: else -> break
	od;
	i = 0
}

inline store_released(position, count)
{
	d_step {
		CAN_STORE(C);
		STORE(C, READ_POSITION, position, RELEASE);
		released = count
	}
}

inline say_run()
{
#ifdef END_BEFORE_FIRST
	store(C, RUN_END, end, RELAXED);
#endif
	store(C, RUN_FIRST, pos - 1, RELAXED);
#ifndef END_BEFORE_FIRST
	store(C, RUN_END, end, RELAXED)
#endif
}

inline release()
{
	if
	:: pos < end && end != free_end ->
		if
#ifndef NO_LEAVE_RUN
		:: free < free_end ->
			store_released(free_end, released + free_end - free)
#endif
		:: else
		fi;
#if !defined(NO_RUN_WORDS) && !defined(POSITION_BEFORE_RUN)
		say_run()
#endif
#ifdef POSITION_BEFORE_RUN
		store_released(pos, seq);
		say_run()
#endif
	:: else
	fi;
	store_released(pos, seq);
	d_step { free = pos; free_end = end }
}

/* A message of a run; the run is of one word each. */
inline take_of_run()
{
	assert(GHOST(mem[AT(pos)]) == GHOST(OWNED(seq, 1)));
	d_step { pos++; seq++ }
}

inline release_or_peek_on()
{
	if
	:: release()
	:: seq < MESSAGES && (pos < end || SEEN(mem[AT(pos)]) != 0) ->
		skip				/* peek on */
	fi
}

inline consume()
{
	do
	:: seq == MESSAGES -> break
	:: seq < MESSAGES && pos < end ->
		take_of_run();
		release_or_peek_on()
	:: seq < MESSAGES && pos >= end ->
#ifdef PAYLOAD_READ_EARLY
		early = mem[AT(pos + 1)];
#endif
		/* A1: the load of a header that is there */
		d_step {
			SEEN(mem[AT(pos)]) != 0 ->
			h = mem[AT(pos)]
		}
		if
		:: SEEN(h) == RUN ->
			assert(RUNS && GHOST(h) == GHOST(OWNED(seq, 0)));
			d_step { end = pos + 1 + IN_RUN; pos++; h = 0 }
			take_of_run();
			release_or_peek_on()
		:: IS_PAD(SEEN(h)) ->
			assert(GHOST(h) == GHOST(OWNED(seq, 3)));
			pos = pos + SIZE(SEEN(h))
		:: else ->
			assert(GHOST(h) == GHOST(OWNED(seq, 0)));
#ifdef RELEASE_BEFORE_READ
			pos = pos + SIZE(SEEN(h));
			release();
			pos = pos - SIZE(SEEN(h));
#endif
#ifdef PAYLOAD_READ_EARLY
			assert(LEN(SEEN(h)) == 0 ||
				GHOST(early) == GHOST(OWNED(seq, 1)));
			early = 0;
#else
			check(pos, LEN(SEEN(h)));
#endif
			d_step { pos = pos + SIZE(SEEN(h)); seq++; h = 0 }
			release_or_peek_on()
		fi;
		h = 0
	od
}

inline claim_rx()
{
	d_step {
		DRAINED(C);
		pos = mem[READ_POSITION];
#ifdef HEIR_FROM_ZERO
		pos = 0;
#endif
		end = (pos >= mem[RUN_FIRST] && pos < mem[RUN_END] ->
			mem[RUN_END] : 0);
		free = pos;
		free_end = end;
		seq = released;
		h = 0; i = 0
	}
}

proctype consumer()
{
	byte pos = START;
	byte seq, i, end;
	byte free = START, free_end;	/* as released */
	short h;
#ifdef PAYLOAD_READ_EARLY
	short early;
#endif

#if defined(KILL) && VICTIM == C
	do
	:: over[C] -> break
	:: else ->
		{
			claim_rx();
			consume();
			over[C] = 1
		} unless { doomed[C] };
		doomed[C] = 0
	od;
#else
	consume();
#endif
	assert(seq == MESSAGES)
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
	byte i;

	atomic {
		if
		:: stale = RECORD(0)
		:: stale = RECORD(MOST)
		:: !RUNS -> stale = PAD(1)
		:: RUNS -> stale = RUN
		fi;
		/* laps ago, this and that was stored everywhere */
		do
		:: i < CELLS -> mem[i] = stale; i++
		:: else -> break
		od;
		mem[AT(START)] = 0;
		mem[WRITE_POSITION] = START;
		mem[READ_POSITION] = START;
		run drain(P);
		run drain(C);
		run producer();
		run consumer();
#ifdef KILL
		run killer();
#endif
	}
}
