/* SPDX-License-Identifier: MIT */
/*
 * Waiting on Linux: futexes. Words of this process take private futexes, words
 * in shared memory never do: a private wait on them is keyed by this process
 * alone and no other process ever wakes it. Both at once is futex_waitv
 * (Linux 5.16, and forbidden in some containers, hence the probe).
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "linux.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449 /* the same number on every architecture */
#endif

/* linux/futex.h has them from 5.16 on */
#define WAITV_32 2u
#define WAITV_PRIVATE 128u

struct waitv {
	uint64_t val;
	uint64_t uaddr;
	uint32_t flags;
	uint32_t reserved;
};

struct time64 {
	int64_t sec;
	int64_t nsec;
};

static struct time64 *to_time(struct time64 *t, int64_t deadline)
{
	if (deadline == WEIR_FOREVER)
		return NULL;
	t->sec = deadline / 1000000000;
	t->nsec = deadline % 1000000000;
	return t;
}

static long futex(const struct weir_a32 *word, int op, uint32_t value,
		  const struct time64 *time)
{
	/* On 32-bit systems SYS_futex takes another structure. */
#ifdef SYS_futex_time64
	return syscall(SYS_futex_time64, word, op, value, time, NULL,
		       FUTEX_BITSET_MATCH_ANY);
#else
	return syscall(SYS_futex, word, op, value, time, NULL,
		       FUTEX_BITSET_MATCH_ANY);
#endif
}

static int waitv(const struct waitv *v, unsigned int n,
		 const struct time64 *time)
{
	if (syscall(SYS_futex_waitv, v, n, 0, time, CLOCK_MONOTONIC) >= 0)
		return 0;
	return errno == ETIMEDOUT ? -ETIMEDOUT : 0;
}

int weir_linux_can_waitv(void)
{
	static const struct weir_a32 word;
	struct waitv v = { .val = 1, .uaddr = (uintptr_t)&word,
			   .flags = WAITV_32 };

	/* The value differs: EAGAIN says that the call is there. */
	return syscall(SYS_futex_waitv, &v, 1, 0, NULL, CLOCK_MONOTONIC) < 0 &&
	       errno == EAGAIN;
}

/* The absolute wait, so that a return in between does not stretch it. */
static int sleep_one(const struct weir_a32 *word, uint32_t seen, int private,
		     int64_t deadline)
{
	struct time64 t;

	if (!futex(word, FUTEX_WAIT_BITSET | private, seen,
		   to_time(&t, deadline)))
		return 0;
	return errno == ETIMEDOUT ? -ETIMEDOUT : 0;
}

static int sleep_two(const struct weir_a32 *shared, uint32_t seen,
		     const struct weir_a32 *own, uint32_t own_seen,
		     int64_t deadline)
{
	struct waitv v[2] = {
		{ .val = seen, .uaddr = (uintptr_t)shared, .flags = WAITV_32 },
		{ .val = own_seen, .uaddr = (uintptr_t)own,
		  .flags = WAITV_32 | WAITV_PRIVATE },
	};
	struct time64 t;

	return waitv(v, 2, to_time(&t, deadline));
}

int weir_linux_sleep(const struct weir_spot *spot, uint32_t seen,
		     const struct weir_a32 *own, uint32_t own_seen,
		     int64_t deadline)
{
	switch (spot->way) {
	case WEIR_OS_LOCAL:
		return sleep_one(spot->word, seen, FUTEX_PRIVATE_FLAG,
				 deadline);
	case WEIR_OS_SHARED:
		return sleep_one(spot->word, seen, 0, deadline);
	case WEIR_OS_WORDS:
		return sleep_two(spot->word, seen, own, own_seen, deadline);
	default:
		return weir_posix_sleep(spot, seen, own, own_seen, deadline);
	}
}

int weir_linux_wake(const struct weir_spot *spot, int n)
{
	long r;

	switch (spot->way) {
	case WEIR_OS_LOCAL:
		r = futex(spot->word, FUTEX_WAKE_PRIVATE, (uint32_t)n, NULL);
		break;
	case WEIR_OS_SHARED:
	case WEIR_OS_WORDS:
		r = futex(spot->word, FUTEX_WAKE, (uint32_t)n, NULL);
		break;
	default:
		return weir_posix_wake(spot, n);
	}
	return r < 0 ? weir_posix_error(errno) : (int)r;
}
