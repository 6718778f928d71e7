/* SPDX-License-Identifier: MIT */
struct weir_os {
	/* Does 1. */
	int (*call_1)(void);
	/* Does 2. */
	int (*call_2)(void);
	/* Does 3. */
	int (*call_3)(void);
	/* Does 4. */
	int (*call_4)(void);
	/* Does 5. */
	int (*call_5)(void);
	/* Does 6. */
	int (*call_6)(void);
	/* Does 7. */
	int (*call_7)(void);
	/* Does 8. */
	int (*call_8)(void);
	/* Does 9. */
	int (*call_9)(void);
	/* Does 10. */
	int (*call_10)(void);
	/* Does 11. */
	int (*call_11)(void);
	/* Does 12. */
	int (*call_12)(void);
	/* Does 13. */
	int (*call_13)(void);
	/* Does 14. */
	int (*call_14)(void);
	/* Does 15. */
	int (*call_15)(void);
	/* Does 16. */
	int (*call_16)(void);
	/* Does 17. */
	int (*call_17)(void);
	/* Does 18. */
	int (*call_18)(void);
	/* Does 19. */
	int (*call_19)(void);
	/* Does 20. */
	int (*call_20)(void);
	/* Does 21. */
	int (*call_21)(void);
};
