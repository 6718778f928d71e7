/* SPDX-License-Identifier: MIT */
/*
 * What the files of the Linux backend share.
 */
#ifndef WEIR_LINUX_H
#define WEIR_LINUX_H

#include "../portable/portable.h"

/* wait.c */
int weir_linux_can_waitv(void);
int weir_linux_sleep(const struct weir_spot *spot, uint32_t seen,
		     const struct weir_a32 *own, uint32_t own_seen,
		     int64_t deadline);
int weir_linux_wake(const struct weir_spot *spot, int n);

/* barrier.c */
int weir_linux_can_barrier(void);
void weir_linux_barrier(int shared);
void weir_linux_barrier_child(void);

/* peer.c */
int weir_linux_send(weir_handle socket, const void *data, size_t len,
		    weir_handle memory, int64_t deadline);
int weir_linux_receive(weir_handle socket, void *data, size_t len,
		       weir_handle *memory, weir_handle *process,
		       struct weir_peer *peer, int64_t deadline);

/* keeper.c */
int weir_linux_watch_socket(struct weir_watch *watch);
void weir_linux_unwatch_socket(struct weir_watch *watch);
void weir_linux_keeper_child(void);

#endif
