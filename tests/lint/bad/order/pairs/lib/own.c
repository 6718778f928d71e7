/* SPDX-License-Identifier: MIT */
static void start(struct weir_a32 *state)
{
	/* R1 pairs with A9 below: taken for something else in the table */
	weir_store_release32(state, 2);
	/* A9 pairs with R1 above. */
	while (weir_load_acquire32(state) != 2)
		;
	/* R8 pairs with A8 below: of this file alone, needs no table */
	weir_store_release32(state, 3);
	/* A8 pairs with R8 above. */
	while (weir_load_acquire32(state) != 3)
		;
}
