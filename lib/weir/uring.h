/* SPDX-License-Identifier: MIT */
/*
 * Waiting with an io_uring of the program's own, beside its sockets, files and
 * timers. weir-waiting(7) says when that pays. Linux only, and not part of
 * weir.h; liburing is the program's business, the library does not need it.
 *
 *     io_uring_prep_...       others
 *     sqe = io_uring_get_sqe(&loop);
 *     ready = weir_uring_prep_rx_wait(sqe, rx);
 *     io_uring_sqe_set_data(sqe, rx);
 *     ... submit, wait, and with the completion's res:
 *     ready = weir_uring_rx_done(rx, res);
 *
 * A wait is for once: after done, prepare the next. An end has one wait at a
 * time, of any kind; a waiting call, an arming of the handle or a second
 * preparation ends the first, whose completion may still come and is passed to
 * done like any other. There is no limit of time here: the loop has timers.
 * To give a wait up, cancel it in the loop (IORING_OP_ASYNC_CANCEL with its
 * user_data) and pass what completes to done. Before an end or set is closed:
 * cancel and reap, for the kernel holds addresses in it.
 *
 * The submission reads memory of the end: submit before the end closes. The
 * wait works in rings of any flags (IORING_SETUP_SINGLE_ISSUER, DEFER_TASKRUN,
 * SQPOLL) but IORING_SETUP_IOPOLL, where the kernel refuses it and done answers
 * -EINVAL; who prepares is the thread that uses the end, and no other.
 */
#ifndef WEIR_URING_H
#define WEIR_URING_H

#include "rx.h"
#include "set.h"
#include "tx.h"

struct io_uring_sqe;		/* liburing.h or linux/io_uring.h */

WEIR_BEGIN

/*
 * Fills an SQE that completes when there is a message, the producer has left
 * or died or the end is cancelled: a wait for futexes where the kernel has that
 * and the ring sleeps on them, else a poll of the end's handle, which is then
 * armed; of a connection that is its socket, which no cancel makes readable.
 * Its user_data stays as it is. Callers: the consumer. Order: F2.
 * Blocks: never. Returns: 0 submit it; 1 there is a message, and an error as
 * weir_rx_wait: the SQE is a no-operation; -EBUSY the end is in a set; -EMFILE,
 * -ENOMEM no handle to be had.
 */
WEIR_API int weir_uring_prep_rx_wait(struct io_uring_sqe *sqe,
				     struct weir_rx *rx);

/*
 * What the completion means; res is the completion's. Callers: the consumer.
 * Blocks: never. Returns: 1 there is a message; 0 there is none: prepare again
 * (also after a cancel in the loop, res -ECANCELED); else as weir_rx_wait, or
 * what the kernel said against the wait.
 */
WEIR_API int weir_uring_rx_done(struct weir_rx *rx, int res);

/* As weir_uring_prep_rx_wait, for room for a message of len bytes. */
WEIR_API int weir_uring_prep_tx_wait(struct io_uring_sqe *sqe,
				     struct weir_tx *tx, size_t len);

/* As weir_uring_rx_done; 1: there is the room that was asked for. */
WEIR_API int weir_uring_tx_done(struct weir_tx *tx, int res);

/*
 * The same for a set: an SQE that polls its handle and completes when
 * weir_set_wait may have something to say. After that, weir_set_wait is to be
 * called with WEIR_NOWAIT until it answers -EAGAIN. Callers: the thread that
 * waits with the set. Blocks: never. Returns: 0 submit it; else, and the SQE
 * is a no-operation, as weir_set_handle.
 */
WEIR_API int weir_uring_prep_set_wait(struct io_uring_sqe *sqe,
				      struct weir_set *set);

/*
 * Returns: 1 call weir_set_wait; 0 prepare again; else what the kernel said
 * against the wait. Callers: as above. Blocks: never.
 */
WEIR_API int weir_uring_set_done(struct weir_set *set, int res);

WEIR_END

#endif
