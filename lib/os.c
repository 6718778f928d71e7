/* SPDX-License-Identifier: MIT */
/*
 * Chooses the backend, once, at the first call of the library.
 *
 * Threads may race to be the first: one of them probes and publishes, and the
 * others let it run until it has. The lock of lock.c stands on the table that is
 * chosen here, so it cannot be used. A process that is forked meanwhile has the
 * word, and not the thread that is at it: so the word says whose thread that is,
 * and the child begins anew.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "internal.h"

/* Each system's backend names itself here, in order of preference. */
extern const struct weir_os *const weir_os_backends[];

#define CHOSEN UINT32_MAX

static struct weir_a32 state;	/* 0 not yet, else the process that is at it */
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

static const char *const waits[] = {
	[WEIR_OS_WAIT_AUTO] = "auto",
	[WEIR_OS_WAIT_WAITV] = "waitv",
	[WEIR_OS_WAIT_SOCKET] = "socket",
	[WEIR_OS_WAIT_URING] = "uring",
};

static enum weir_os_wait find_wait(const char *name)
{
	unsigned int i;

	if (!name || !*name)
		return WEIR_OS_WAIT_AUTO;
	for (i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
		if (!strcmp(waits[i], name))
			return (enum weir_os_wait)i;
	unknown = "WEIR_WAIT names no way of waiting";
	return WEIR_OS_WAIT_AUTO;
}

/* What the probe found, and what comes of it for the sleeps between processes.
   A stream whose peer has no words sleeps on its socket all the same. */
static void say_ways(struct weir_ability *can)
{
	const char *streams = can->sockets ? "sockets" : "nothing";
	const char *rings = can->semaphores ? "semaphores" : "nothing";
	size_t len = strlen(can->text);

	snprintf(can->text + len, sizeof(can->text) - len,
		 "; streams sleep on %s, plain rings on %s%s%s%s",
		 can->words ? "words" : streams, can->words ? "words" : rings,
		 can->wait == WEIR_OS_WAIT_AUTO ? "" : ", WEIR_WAIT=",
		 can->wait == WEIR_OS_WAIT_AUTO ? "" : waits[can->wait],
		 can->refused ? " is not to be had" : "");
}

static void fill(void)
{
	unknown = NULL;
	ability = (struct weir_ability){ .words = 0 };
	chosen = find(secure_getenv("WEIR_BACKEND"));
	ability.wait = find_wait(secure_getenv("WEIR_WAIT"));
	chosen->probe(&ability);
	say_ways(&ability);
}

static void choose(void)
{
	uint32_t at, me = weir_os_process();

	for (;;) {
		/* A9 pairs with R9 below. */
		at = weir_load_acquire32(&state);
		if (at == CHOSEN)
			return;
		/* X3 (alone): one thread of a process fills the table. */
		if (at != me && weir_cas_acq_rel32(&state, at, me))
			break;
		weir_os_yield();
	}
	fill();
	/* R9 pairs with A9 above and in weir_os(): the table before the word
	   that says it is there. */
	weir_store_release32(&state, CHOSEN);
}

const struct weir_os *weir_os(void)
{
	/* A9 pairs with R9 in choose(). */
	if (WEIR_UNLIKELY(weir_load_acquire32(&state) != CHOSEN))
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
