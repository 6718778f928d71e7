/* SPDX-License-Identifier: MIT */
/*
 * What a run that was killed left behind: names that contestants give to
 * memory, queues and sockets, each with the process of that weir-bench in it.
 * Most last from a setup to the end of it only. Those of a process that is
 * still there are not touched; pools of iceoryx its daemon clears when it
 * starts again.
 */
#include <errno.h>
#include <glob.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

static const char *const left[] = {
	"/dev/mqueue/weir-bench-",
	"/dev/shm/qb-weir-bench-",
	"/dev/shm/weir-bench-boost-",
	"/tmp/weir-bench-",
};

/* The number after the name, and something after that. */
static bool is_gone(const char *rest)
{
	char *end;
	long pid = strtol(rest, &end, 10);

	return pid > 0 && *rest >= '0' && *rest <= '9' && *end == '-' &&
	       kill((pid_t)pid, 0) && errno == ESRCH;
}

static void sweep(const char *name)
{
	char pattern[64];
	glob_t found;
	size_t i;

	snprintf(pattern, sizeof(pattern), "%s*", name);
	if (glob(pattern, 0, NULL, &found))
		return;
	for (i = 0; i < found.gl_pathc; i++) {
		if (is_gone(found.gl_pathv[i] + strlen(name)))
			(void)unlink(found.gl_pathv[i]);
	}
	globfree(&found);
}

void bench_sweep(void)
{
	unsigned i;

	for (i = 0; i < sizeof(left) / sizeof(*left); i++)
		sweep(left[i]);
}
