/* SPDX-License-Identifier: MIT */
/*
 * Waiting on Linux: futexes. Words of this process take private futexes, words
 * in shared memory never do: a private wait on them is keyed by this process
 * alone and no other process ever wakes it. Both at once is futex_waitv
 * (Linux 5.16, and forbidden in some containers, hence the probe).
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "uring.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449 /* the same number on every architecture */
#endif

#define WAITV_32 WEIR_LINUX_FUTEX_32
#define WAITV_PRIVATE WEIR_LINUX_FUTEX_PRIVATE

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

/* WEIR_WAIT=uring: all sleeps on words go through an io_uring. */
static int by_uring(void)
{
	return weir_os_ability()->wait == WEIR_OS_WAIT_URING;
}

static int waitv(const struct weir_linux_waitv *v, unsigned int n,
		 int64_t deadline)
{
	struct time64 time;

	if (by_uring())
		return weir_linux_uring_nap(v, n, deadline);
	if (syscall(SYS_futex_waitv, v, n, 0, to_time(&time, deadline),
		    CLOCK_MONOTONIC) >= 0)
		return 0;
	return errno == ETIMEDOUT ? -ETIMEDOUT : 0;
}

int weir_linux_can_waitv(void)
{
	static const struct weir_a32 word;
	struct weir_linux_waitv v = {
		.val = 1, .uaddr = (uintptr_t)&word, .flags = WAITV_32,
	};

	/* The value differs: EAGAIN says that the call is there. */
	return syscall(SYS_futex_waitv, &v, 1, 0, NULL, CLOCK_MONOTONIC) < 0 &&
	       errno == EAGAIN;
}

/* The absolute wait, so that a return in between does not stretch it. */
static int sleep_one(const struct weir_a32 *word, uint32_t seen, int private,
		     int64_t deadline)
{
	struct weir_linux_waitv v = {
		.val = seen, .uaddr = (uintptr_t)word,
		.flags = private ? WAITV_32 | WAITV_PRIVATE : WAITV_32,
	};
	struct time64 t;

	if (by_uring())
		return waitv(&v, 1, deadline);
	if (!futex(word, FUTEX_WAIT_BITSET | private, seen,
		   to_time(&t, deadline)))
		return 0;
	return errno == ETIMEDOUT ? -ETIMEDOUT : 0;
}

static int sleep_many(const struct weir_spot *spot, const struct weir_a32 *own,
		      uint32_t own_seen, int64_t deadline)
{
	struct weir_linux_waitv v[WEIR_OS_BEDS + 1];
	unsigned int i;

	for (i = 0; i < spot->n_beds; i++) {
		const struct weir_spot *bed = spot->beds[i].spot;

		v[i] = (struct weir_linux_waitv){
			.val = spot->beds[i].seen,
			.uaddr = (uintptr_t)bed->word,
			.flags = bed->way == WEIR_OS_LOCAL ?
				 WAITV_32 | WAITV_PRIVATE : WAITV_32,
		};
	}
	v[i++] = (struct weir_linux_waitv){
		.val = own_seen, .uaddr = (uintptr_t)own,
		.flags = WAITV_32 | WAITV_PRIVATE,
	};
	return waitv(v, i, deadline);
}

static int sleep_two(const struct weir_a32 *shared, uint32_t seen,
		     const struct weir_a32 *own, uint32_t own_seen,
		     int64_t deadline)
{
	struct weir_linux_waitv v[2] = {
		{ .val = seen, .uaddr = (uintptr_t)shared, .flags = WAITV_32 },
		{ .val = own_seen, .uaddr = (uintptr_t)own,
		  .flags = WAITV_32 | WAITV_PRIVATE },
	};

	return waitv(v, 2, deadline);
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
	case WEIR_OS_MANY:
		return sleep_many(spot, own, own_seen, deadline);
	case WEIR_OS_GATHER:
		return weir_linux_gather_sleep(spot->gather, deadline);
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
	case WEIR_OS_OWN:
		/* An io_uring waits for it as for a shared word. */
		futex(spot->word, FUTEX_WAKE, (uint32_t)n, NULL);
		r = futex(spot->word, FUTEX_WAKE_PRIVATE, (uint32_t)n, NULL);
		break;
	case WEIR_OS_SHARED:
	case WEIR_OS_WORDS:
		r = futex(spot->word, FUTEX_WAKE, (uint32_t)n, NULL);
		break;
	case WEIR_OS_GATHER:
		weir_linux_gather_ring(spot->gather);
		return 1;
	case WEIR_OS_SOCKET:
		if (spot->socket != WEIR_HANDLE_NONE)
			return weir_posix_wake(spot, n);
		return eventfd_write(spot->bell[0], 1) ? 0 : 1;
	default:
		return weir_posix_wake(spot, n);
	}
	return r < 0 ? weir_posix_error(errno) : (int)r;
}

int weir_linux_spot_init(struct weir_spot *spot)
{
	if (spot->way == WEIR_OS_GATHER)
		return weir_linux_gather_open(spot->gather);
	if (spot->way == WEIR_OS_SOCKET) {
		spot->bell[0] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		spot->bell[1] = WEIR_HANDLE_NONE;
		return spot->bell[0] < 0 ? weir_posix_error(errno) : 0;
	}
	return weir_posix_spot_init(spot);
}
