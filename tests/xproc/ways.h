/* SPDX-License-Identifier: MIT */
/*
 * The waits that a program chooses from, for each wait: shared by x_parked,
 * x_syscalls, x_waits. Handles, pollers, the io_uring and the set are made when
 * the way is first taken, so after the peer was connected.
 */
#ifndef WAYS_H
#define WAYS_H

#include "x.h"

enum { SPIN, CALL, HANDLE, URING, SET, WAYS };
extern const char *const way_name[WAYS];

/* Zeroed but for the ends. */
struct ways {
	struct weir_rx *rx;
	struct weir_tx *tx;
	int poller[2];		/* of rx's handle, of tx's */
	struct weir_set *set;
};

/* Asked before there is a peer, who would need one, too: skips. */
void ways_need(int way);

/* Waits for a message, for room for len bytes: 1, or the error. */
int ways_rx(struct ways *w, int way);
int ways_tx(struct ways *w, int way, size_t len);

/* Until the process is asleep in one of them, and whoever of its threads sleeps
   in its place, or has let go of it, is so, too. */
void ways_asleep(pid_t pid);

/* Before the ends are closed. */
void ways_close(struct ways *w);

#endif
