/* SPDX-License-Identifier: MIT */
/*
 * The claim of an end: a lock of the kernel on bytes of the ring's memory,
 * dropped when its holder dies, whatever it was doing. Two bytes an end: the
 * first is the claim; the second is held with it for those who wait for the
 * holder's end, because a waiter takes the lock for a moment when it gets it
 * and must not be in the way of a successor's claim.
 *
 * The locks belong to an open file description (F_OFD_SETLK: Linux 3.15, POSIX
 * 2024), so the memory is opened anew for each claim: a descriptor that was
 * inherited or received shares its giver's lock.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "portable.h"

#ifdef F_OFD_SETLK

static int lock_byte(int fd, unsigned int byte, int type, int wait)
{
	struct flock lock = {
		.l_type = (short)type,
		.l_whence = SEEK_SET,
		.l_start = byte,
		.l_len = 1,
	};
	int r;

	do {
		r = fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &lock);
	} while (r && errno == EINTR);
	if (!r)
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return -EBUSY;
	return errno == EINVAL ? -ENOSYS : weir_posix_error(errno);
}

int weir_posix_claim_open(weir_handle *lock, weir_handle memory)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ENOSYS : weir_posix_error(errno);
	*lock = fd;
	return 0;
}

/*
 * A watcher that has just got the byte gives it back at once. One that was
 * stopped there, or means ill, must not keep the claim waiting: -EBUSY. The
 * bound is arbitrary, some milliseconds.
 */
static int lock_watched(int fd, unsigned int byte)
{
	int r, tries;

	for (tries = 0; tries < 10000; tries++) {
		r = lock_byte(fd, byte, F_WRLCK, 0);
		if (r != -EBUSY)
			return r;
		sched_yield();
	}
	return r;
}

/* Not by closing it alone: a child forked just now may have a copy yet. */
static int give_back(weir_handle *lock, unsigned int end)
{
	lock_byte(*lock, 2 * end, F_UNLCK, 0);
	lock_byte(*lock, 2 * end + 1, F_UNLCK, 0);
	close(*lock);
	*lock = WEIR_HANDLE_NONE;
	return 0;
}

int weir_posix_claim(weir_handle *lock, weir_handle memory, unsigned int end)
{
	weir_handle fd = WEIR_HANDLE_NONE;
	int r;

	if (memory == WEIR_HANDLE_NONE)
		return give_back(lock, end);
	r = weir_posix_claim_open(&fd, memory);
	if (r)
		return r;
	r = lock_byte(fd, 2 * end, F_WRLCK, 0);
	if (!r)
		r = lock_watched(fd, 2 * end + 1);
	if (r) {
		give_back(&fd, end);
		return r;
	}
	*lock = fd;
	return 0;
}

/* Until nobody holds the end. */
int weir_posix_claim_wait(weir_handle lock, unsigned int end)
{
	int r = lock_byte(lock, 2 * end + 1, F_RDLCK, 1);

	if (!r)
		lock_byte(lock, 2 * end + 1, F_UNLCK, 0);
	return r;
}

int weir_posix_can_lock(void)
{
	weir_handle memory, lock;
	int r;

	r = weir_posix_memory_create(&memory, 4096, NULL);
	/* No room just now says nothing about the system. */
	if (r)
		return r == -EMFILE || r == -ENOMEM;
	r = weir_posix_claim(&lock, memory, 0);
	if (!r)
		give_back(&lock, 0);
	close(memory);
	/* Nor does that the second descriptor was the one too many. */
	if (r == -EMFILE || r == -ENOMEM)
		return 1;
	/* as who watches a claim is */
	return !r && weir_posix_can_cancel();
}

#else

int weir_posix_claim_open(weir_handle *lock, weir_handle memory)
{
	(void)lock;
	(void)memory;
	return -ENOSYS;
}

int weir_posix_claim(weir_handle *lock, weir_handle memory, unsigned int end)
{
	(void)end;
	return weir_posix_claim_open(lock, memory);
}

int weir_posix_claim_wait(weir_handle lock, unsigned int end)
{
	(void)lock;
	(void)end;
	return -ENOSYS;
}

int weir_posix_can_lock(void)
{
	return 0;
}

#endif
