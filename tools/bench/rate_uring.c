/* SPDX-License-Identifier: MIT */
/*
 * A wait of weir/uring.h in an io_uring of liburing's, as a program has it that
 * has such a loop: an entry prepared, submitted and completed for each sleep.
 */
#include <errno.h>
#include <liburing.h>
#include <weir/uring.h>

#include "rate.h"

#define ENTRIES 8

static struct io_uring loop;	/* of this process, one side of a pair */

bool rate_uring_exists(void)
{
	struct io_uring trial;

	if (io_uring_queue_init(ENTRIES, &trial, 0))
		return false;
	io_uring_queue_exit(&trial);
	return true;
}

int rate_uring_open(void)
{
	return io_uring_queue_init(ENTRIES, &loop, 0);
}

int rate_uring_wait(struct weir_rx *rx)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&loop);
	struct io_uring_cqe *cqe;
	int ready, r;

	if (!sqe)
		return -ENOSPC;
	ready = weir_uring_prep_rx_wait(sqe, rx);
	r = io_uring_submit_and_wait(&loop, 1);
	if (r < 0 && r != -EINTR)
		return r;
	do
		r = io_uring_wait_cqe(&loop, &cqe);
	while (r == -EINTR);
	if (r)
		return r;
	r = cqe->res;
	io_uring_cqe_seen(&loop, cqe);
	if (ready < 0)	/* the entry did nothing */
		return ready;
	r = weir_uring_rx_done(rx, r);
	return r < 0 ? r : 0;
}

void rate_uring_close(void)
{
	io_uring_queue_exit(&loop);
}
