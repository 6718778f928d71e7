/* SPDX-License-Identifier: MIT */
/*
 * Symptom: a crash of the thread that sleeps for a set, and ThreadSanitizer's
 * report of a race with it.
 * Cause: a plain ring that was slept on in the set's io_uring left the set, and
 * its slot went to one that is slept on by a thread. Its wait was still there
 * and, woken late, was taken for the other one's: that was armed anew, and
 * written over where it stood, while the thread still slept on it.
 */
#include "../xproc/x.h"
#include "internal.h"

#include <limits.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define WAKE 1			/* FUTEX_WAKE: the words are shared */

int __wrap_weir_posix_watch_nap(struct weir_watch *nap);
int __real_weir_posix_watch_nap(struct weir_watch *nap);
void __wrap_weir_posix_unwatch_nap(struct weir_watch *nap);
void __real_weir_posix_unwatch_nap(struct weir_watch *nap);

static char name[64];
static struct weir_watch *slept_on;
static int begun, begun_twice;

/* From -Wl,--wrap. Nobody wakes the second ring, so that a nap there has an
   end only where it is given up. */
int __wrap_weir_posix_watch_nap(struct weir_watch *nap)
{
	begun++;
	begun_twice += slept_on == nap;
	slept_on = nap;
	return __real_weir_posix_watch_nap(nap);
}

void __wrap_weir_posix_unwatch_nap(struct weir_watch *nap)
{
	if (slept_on == nap)
		slept_on = NULL;
	__real_weir_posix_unwatch_nap(nap);
}

/* By a process that sleeps without words. */
static void make(void)
{
	struct weir_ring_options o = { .size = sizeof(o), .capacity = 4096,
				       .name = name };
	struct weir_ring *ring;
	int status;
	pid_t pid = fork();

	if (!pid) {
		setenv("WEIR_WAIT", "socket", 1);
		_exit(!!weir_ring_create(&ring, &o));
	}
	X_TRUE(pid > 0 && waitpid(pid, &status, 0) == pid);
	X_IS(status, 0);
}

static void nothing_from(struct weir_set *set)
{
	struct weir_event e;

	X_IS(weir_set_wait(set, &e, 1, WEIR_NOWAIT), -EAGAIN);
}

static void follows(int arg)
{
	struct weir_ring_options o = { .size = sizeof(o), .capacity = 4096 };
	struct weir_ring *ring, *other;
	struct weir_rx *rx, *next;
	struct weir_set *set;
	weir_handle handle;

	(void)arg;
	snprintf(name, sizeof(name), "t.%ld.before", (long)getpid());
	make();
	X_IS(weir_ring_open(&other, name), 0);
	X_IS(weir_ring_unlink(name), 0);
	X_IS(weir_ring_rx(other, &next), 0);
	X_IS(weir_ring_create(&ring, &o), 0);
	X_IS(weir_ring_rx(ring, &rx), 0);
	X_IS(weir_set_create(&set, NULL), 0);
	X_IS(weir_set_handle(set, &handle), 0);
	X_IS(weir_set_add_rx(set, rx, NULL), 0);
	nothing_from(set);
	X_IS(weir_set_remove_rx(set, rx), 0);
	begun = 0;
	X_IS(weir_set_add_rx(set, next, NULL), 0);
	nothing_from(set);
	x_note("%d naps in a thread", begun);
#ifdef SYS_futex
	if (rx->end->sleep.way == WEIR_OS_WORDS)
		syscall(SYS_futex, rx->end->sleep.word, WAKE, INT_MAX, NULL,
			NULL, 0);
#endif
	nothing_from(set);
	nothing_from(set);
	X_IS(begun_twice, 0);
	weir_set_close(set);
	weir_ring_close(ring);
	weir_ring_close(other);
}

static const struct x_case cases[] = {
	{ "follows", follows, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, roles);
}
