/* SPDX-License-Identifier: MIT */
/* A1 pairs with R1 in commit(). */
static uint64_t peek(const struct weir_a64 *word)
{
	return weir_load_acquire64(word);
}

static uint64_t read_one(const struct weir_a64 *word)
{
	/* A1: says not with whom */
	return weir_load_acquire64(word);
}
