/* SPDX-License-Identifier: MIT */
/*
 * The memory of the models: words with one writer each, and before them a
 * store buffer per side, from which stores reach the memory late and, unless
 * they are release stores, in any order that leaves each word's own order as
 * it is.  A release store leaves only as the oldest of its buffer: all that
 * was stored before it is visible first, what comes after it may overtake it.
 * With -DTSO every store leaves in order, as on x86.
 *
 * This stands for the stores of weak CPUs.  Loads read the memory when they
 * are executed: where an acquire keeps two loads in order, a mutant of the
 * model has them the other way round in the text.
 *
 * The including file defines SIDES, WORDS and WRITER(word); a side reads its
 * own words from its private copies and never from mem[].
 */
#ifndef BUF
#define BUF	3
#endif
#ifndef CELL
#define CELL	byte
#endif

typedef store_buffer {
	byte n;
	byte word[BUF];
	CELL val[BUF];
	bit rel[BUF]
};

store_buffer sb[SIDES];
CELL mem[WORDS];

#define RELAXED	0
#define RELEASE	1

#ifdef TSO
#define ORDER(r)	RELEASE
#else
#define ORDER(r)	r
#endif

/* A full buffer stalls its side; nobody writes the words of another. */
#define CAN_STORE(s)	(sb[s].n < BUF)
#define STORE(s, w, v, r)		\
	assert(WRITER(w) == s);		\
	sb[s].word[sb[s].n] = w;	\
	sb[s].val[sb[s].n] = v;		\
	sb[s].rel[sb[s].n] = ORDER(r);	\
	sb[s].n++

inline store(s, w, v, r)
{
	d_step {
		CAN_STORE(s);
		STORE(s, w, v, r)
	}
}

#define DRAINED(s)	(sb[s].n == 0)

inline leave(s, i)
{
	mem[sb[s].word[i]] = sb[s].val[i];
	k = i;
	do
	:: k + 1 < sb[s].n ->
		sb[s].word[k] = sb[s].word[k + 1];
		sb[s].val[k] = sb[s].val[k + 1];
		sb[s].rel[k] = sb[s].rel[k + 1];
		k++
	:: else -> break
	od;
	sb[s].n--;
	/* an empty slot looks the same whatever was in it: fewer states */
	sb[s].word[k] = 0;
	sb[s].val[k] = 0;
	sb[s].rel[k] = 0;
	k = 0
}

#define SAME(s, i, j)	(sb[s].word[i] == sb[s].word[j])

proctype drain(byte s)
{
	byte k;

end:	do
	:: d_step { sb[s].n > 0 -> leave(s, 0) }
#if BUF > 1
	:: d_step { sb[s].n > 1 && !sb[s].rel[1] && !SAME(s, 1, 0) ->
		leave(s, 1) }
#endif
#if BUF > 2
	:: d_step { sb[s].n > 2 && !sb[s].rel[2] && !SAME(s, 2, 1) &&
		!SAME(s, 2, 0) -> leave(s, 2) }
#endif
#if BUF > 3
	:: d_step { sb[s].n > 3 && !sb[s].rel[3] && !SAME(s, 3, 2) &&
		!SAME(s, 3, 1) && !SAME(s, 3, 0) -> leave(s, 3) }
#endif
#if BUF > 4
#error "the drain process knows four slots"
#endif
	od
}
