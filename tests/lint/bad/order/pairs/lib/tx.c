/* SPDX-License-Identifier: MIT */
static void commit(struct weir_a64 *word)
{
	/* R1 (release) pairs with A1 in peek(),
	   read_one(). Publishes: the payload. */
	weir_store_release64(word, 1);
	/* R3 pairs with A3 in peek(): unanswered. */
	weir_store_release64(word, 2);
}
