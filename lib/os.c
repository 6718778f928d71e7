/* SPDX-License-Identifier: MIT */
/*
 * Chooses the backend, once, at the first call of the library.
 *
 * Threads may race to be the first: probing is done on the stack by whoever
 * comes, and one of them publishes; the others wait a moment for it. The lock
 * of lock.c stands on the table that is chosen here, so it cannot be used.
 */
#define _GNU_SOURCE
#include <string.h>

#include "internal.h"

/* Each system's backend names itself here, in order of preference. */
extern const struct weir_os *const weir_os_backends[];

static struct weir_a32 state;	/* 0 not yet, 1 somebody is at it, 2 done */
static const struct weir_os *chosen;
static struct weir_ability ability;

static const char *unknown;	/* a variable that names nothing here */

static const struct weir_os *find(const char *name)
{
	const struct weir_os *const *os;

	if (!name || !*name)
		return weir_os_backends[0];
	for (os = weir_os_backends; *os; os++)
		if (!strcmp((*os)->name, name))
			return *os;
	unknown = "WEIR_BACKEND names no backend of this system";
	return weir_os_backends[0];
}

static enum weir_os_wait find_wait(const char *name)
{
	static const char *const names[] = {
		[WEIR_OS_WAIT_AUTO] = "auto",
		[WEIR_OS_WAIT_WAITV] = "waitv",
		[WEIR_OS_WAIT_SOCKET] = "socket",
		[WEIR_OS_WAIT_URING] = "uring",
	};
	unsigned int i;

	if (!name || !*name)
		return WEIR_OS_WAIT_AUTO;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i], name))
			return (enum weir_os_wait)i;
	unknown = "WEIR_WAIT names no way of waiting";
	return WEIR_OS_WAIT_AUTO;
}

static void choose(void)
{
	/* X3 (alone): one thread fills the table. */
	if (weir_cas_acq_rel32(&state, 0, 1)) {
		chosen = find(secure_getenv("WEIR_BACKEND"));
		ability.wait = find_wait(secure_getenv("WEIR_WAIT"));
		chosen->probe(&ability);
		/* R9 pairs with A9 below and in weir_os(): the table
		   before the word that says it is there. */
		weir_store_release32(&state, 2);
		return;
	}
	/* A9 pairs with R9 above. */
	while (weir_load_acquire32(&state) != 2)
		;
}

const struct weir_os *weir_os(void)
{
	/* A9 pairs with R9 in choose(). */
	if (WEIR_UNLIKELY(weir_load_acquire32(&state) != 2))
		choose();
	return chosen;
}

const struct weir_ability *weir_os_ability(void)
{
	weir_os();
	return &ability;
}

/* What was asked for by name and is not there is an error, no substitute. */
int weir_os_usable(void)
{
	weir_os();
	if (!unknown && !ability.refused)
		return 0;
	weir_log(WEIR_LOG_ERROR, "%s", unknown ? unknown :
		 "WEIR_WAIT: this system or backend has no such wait");
	return -ENOSYS;
}
