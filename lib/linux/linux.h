/* SPDX-License-Identifier: MIT */
/*
 * What the files of the Linux backend share.
 */
#ifndef WEIR_LINUX_H
#define WEIR_LINUX_H

#include "../portable/portable.h"

/* What futex_waitv(2) reads, and io_uring's form of it. */
#define WEIR_LINUX_FUTEX_32 2u
#define WEIR_LINUX_FUTEX_PRIVATE 128u
struct weir_linux_waitv {
	uint64_t val;
	uint64_t uaddr;
	uint32_t flags;
	uint32_t reserved;
};

/* wait.c */
int weir_linux_can_waitv(void);
int weir_linux_sleep(const struct weir_spot *spot, uint32_t seen,
		     const struct weir_a32 *own, uint32_t own_seen,
		     int64_t deadline);
int weir_linux_wake(const struct weir_spot *spot, int n);

int weir_linux_spot_init(struct weir_spot *spot);

/* gather.c, gather_uring.c */
int weir_linux_gather_open(struct weir_gather *gather);
int weir_linux_gather(struct weir_gather *gather, weir_handle handle,
		      uint64_t number);
int weir_linux_gather_sleep(struct weir_gather *gather, int64_t deadline);
void weir_linux_gather_ring(const struct weir_gather *gather);
int weir_linux_gather_nap(struct weir_watch *nap);
void weir_linux_gather_reap(struct weir_gather *gather, unsigned int most);
void weir_linux_gather_forget(struct weir_gather *gather);

/* barrier.c */
int weir_linux_can_barrier(void);
void weir_linux_barrier(int shared);
void weir_linux_barrier_child(void);

/* peer.c */
int weir_linux_can_pidfd(void);
int weir_linux_transfer(weir_handle socket, struct weir_message *message,
			int out, int64_t deadline);

/* keeper.c */
int weir_linux_watch_socket(struct weir_watch *watch);
void weir_linux_unwatch_socket(struct weir_watch *watch);
void weir_linux_keeper_child(void);

#endif
