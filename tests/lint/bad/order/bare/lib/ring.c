/* SPDX-License-Identifier: MIT */
#include "weir/atomic.h"

static uint64_t look(struct weir_a64 *word)
{
	return weir_load_acquire64(word);
}

/* A relaxed access, says this comment: too far away, and without a why. */






static void bump(struct weir_a64 *word)
{
	weir_store_relaxed64(word, weir_load_relaxed64(word) + 1);
}

static void publish(struct weir_a64 *word)
{
	/* A1: a label of the wrong kind is none */
	weir_store_release64(word, 1);
	weir_fence_seq_cst();
}

static void ring_bell(struct weir_a32 *bell)
{
	const char *text = "/* X1 is in a string */";

	if (text)
		weir_add_acq_rel32(bell, 1);
}

static volatile int flag;

static void raw(struct weir_a64 *word)
{
	__atomic_store_n(&flag, 1, __ATOMIC_RELAXED);
	word->priv_v = 1;
}
