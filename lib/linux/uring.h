/* SPDX-License-Identifier: MIT */
/*
 * A small io_uring that holds futex waits and does nothing else, made of the
 * bare system calls. It is SINGLE_ISSUER and DEFER_TASKRUN: the other forms
 * interrupt the thread that made it, or say nothing to an epoll that waits for
 * its eventfd. So a ring belongs to the thread that made it: add, cancel, reap
 * and sleep answer -EEXIST to any other. Only closing is for any thread, and
 * then waits that are still armed may swallow a wake for about a millisecond:
 * who wakes wakes all.
 *
 * Forbidden (sysctl, seccomp), missing and too old are one: -ENOSYS.
 */
#ifndef WEIR_LINUX_URING_H
#define WEIR_LINUX_URING_H

#include "linux.h"

struct io_uring_sqe;		/* linux/io_uring.h, in whatever version */
struct weir_linux_uring;

/* A word and the value that it has while somebody sleeps on it. */
struct weir_linux_word {
	const struct weir_a32 *word;
	uint32_t seen;
	int private;		/* only ever woken by private futexes */
};


/* 0, or -ENOSYS. Tried once, at the first call; -EMFILE, -ENOMEM: not yet. */
int weir_linux_uring_usable(void);

/* 1: this process may make one, whatever it can do. */
int weir_linux_uring_allowed(void);

/* 1: it is most likely usable, which is not tried. */
int weir_linux_uring_likely(void);

/*
 * Room for so many waits at once. tell: an eventfd that becomes readable when
 * one has ended, or WEIR_HANDLE_NONE. Two descriptors less: -EMFILE.
 */
int weir_linux_uring_open(struct weir_linux_uring **ring, unsigned int waits,
			  weir_handle tell);

/* From now on that eventfd, the ring having none; or NONE. -EEXIST: another
   thread's ring. */
int weir_linux_uring_tell(struct weir_linux_uring *ring, weir_handle tell);

/* 1: another thread's ring, and that one has ended. 0 may be late. */
int weir_linux_uring_orphan(const struct weir_linux_uring *ring);

/*
 * Arms a wait under a number that is neither 0 nor UINT64_MAX and that no other
 * armed wait of this ring has: until one of n (1 or 2) words has another value
 * or is woken. It begins with the next submit, sleep or reap. 0; -EBUSY: no
 * room; -EEXIST: another thread's ring.
 */
int weir_linux_uring_add(struct weir_linux_uring *ring, uint64_t number,
			 const struct weir_linux_word *words, unsigned int n);

/* Begins what was added, in one call. */
int weir_linux_uring_submit(struct weir_linux_uring *ring);

/* Disarms it. 0, or -ENOENT: it has ended, and reap tells it still. */
int weir_linux_uring_cancel(struct weir_linux_uring *ring, uint64_t number);

/*
 * The numbers of waits that have ended, at most n; how many. Ended means: look
 * again. An eventfd is to be read before this, so that no news is lost; it may
 * be readable once more after it, in vain.
 */
int weir_linux_uring_reap(struct weir_linux_uring *ring, uint64_t *numbers,
			  unsigned int n);

/* Until a wait has ended, a signal came (0) or the deadline (-ETIMEDOUT). */
int weir_linux_uring_sleep(struct weir_linux_uring *ring, int64_t deadline);

/* Disarms all and lets go. NULL: nothing. */
void weir_linux_uring_close(struct weir_linux_uring *ring);

/* In a forked child: the rings of before are the parent's. */
void weir_linux_uring_child(void);

/* nap.c */
int weir_linux_watch_nap(struct weir_watch *nap);
void weir_linux_unwatch_nap(struct weir_watch *nap);

/*
 * One sleep of the calling thread as futex_waitv(2) has it, in a ring of its
 * own, which it keeps until it ends. Returns 0, look again; -ETIMEDOUT; or what
 * kept the thread from having such a ring.
 */
int weir_linux_uring_nap(const struct weir_linux_waitv *v, unsigned int n,
			 int64_t deadline);

/*
 * Fills an SQE of any ring with such a wait, and leaves its user_data alone; v
 * holds n entries and stays until the SQE was submitted. n 0: no operation.
 */
void weir_linux_uring_fill(struct io_uring_sqe *sqe,
			   struct weir_linux_waitv *v,
			   const struct weir_linux_word *words,
			   unsigned int n);

/* The same with the readiness of a descriptor. */
void weir_linux_uring_fill_poll(struct io_uring_sqe *sqe, weir_handle handle);

#endif
