/* SPDX-License-Identifier: MIT */
struct weir_os {
	/* Wakes. */
	int (*wake)(void *word);

	int (*wait)(void *word);
};
