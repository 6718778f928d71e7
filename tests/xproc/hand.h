/* SPDX-License-Identifier: MIT */
/*
 * A peer that does what it is told, one order at a time, and is killed while
 * it does: shared by the tests of death, stop and leaks.
 *
 * Messages are numbered; length and bytes follow from the number, none is
 * empty, so a message tells which it is.
 */
#ifndef HAND_H
#define HAND_H

#include "x.h"

#define HAND_MAX 400		/* longest message */
#define HAND_EQUAL 6		/* so many after one another are of a length */
#define HAND_RUN 3		/* batches of hand_fill_runs() */

/* What a hand says of itself in shared memory, for when it was killed. */
struct hand_progress {
	uint64_t started;	/* messages of which the call has begun */
	uint64_t done;		/* messages of which it has returned */
};

/*
 * Orders: a letter and a number. The first one joins the link.
 *	j	nothing else				answers 0
 *	w n	write n messages			answers 0
 *	W	write without end, by chance this call or that one
 *	v n	reserve and fill n, no commit		answers 0
 *	p n	peek n, no release			answers 0
 *	r n	read n messages				answers 0
 *	R	read without end, by chance this call or that one
 *	q	one blocking read			answers its result
 *	k	write until a blocking write fails	answers its result
 *	f	fill until there is no room		answers how many
 *	b n	the next number, both to write and to read; answers 0
 *	s n	reads one, which may be any from the next number up to n:
 *		answers which, and the next number is set behind it
 *	t	a thread that claims the link, and ends; answers 0
 *	F	fork a child that only lives		answers its pid
 *	c	close in good order and end		answers 0
 *	x	end without close
 */
void hand_order(const struct x_peer *p, char what, uint64_t n);
/* The order, and its answer, which must be 0. */
void hand_do(const struct x_peer *p, char what, uint64_t n);

/* Arguments: the spec of the link, a descriptor of hand_progress or -1. */
void hand_role(int argc, char **argv);
void hand_spawn(struct x_peer *p, const struct x_link *l, int progress);

/* Offers the link, starts a hand that joins it, and meets it. */
void hand_link(struct x_link *l, struct x_peer *p, int kind, uint64_t capacity,
	       int spin_us);
/* The same, the link having been offered. */
void hand_meet(struct x_link *l, struct x_peer *p, int progress);

size_t hand_length(uint64_t number);
/* This side's part: messages [from, from + n). Fail unless all goes well. */
void hand_write(struct weir_tx *tx, uint64_t from, uint64_t n);
void hand_read(struct weir_rx *rx, uint64_t from, uint64_t n);
/* Fills until there is no room; how many. */
uint64_t hand_fill(struct weir_tx *tx, uint64_t from);
/* The same, in batches of HAND_RUN. */
uint64_t hand_fill_runs(struct weir_tx *tx, uint64_t from);
/* Reads from on until an error, which it puts into end; how many. */
uint64_t hand_drain(struct weir_rx *rx, uint64_t from, int *end);
/* Writes from on until an error, which it puts into end; how many. */
uint64_t hand_pour(struct weir_tx *tx, uint64_t from, int *end);

#endif
