/* SPDX-License-Identifier: MIT */
/*
 * What weir-bench rate asks of Linux; rate_posix.c says what others have not.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "rate.h"

int rate_eventfd(void)
{
	return eventfd(0, EFD_SEMAPHORE);
}

/* Level-triggered: a handle that is not armed says nothing. */
int rate_loop_open(weir_handle handle)
{
	struct epoll_event event = { .events = EPOLLIN };
	int loop = epoll_create1(EPOLL_CLOEXEC), rc;

	if (loop < 0)
		return -errno;
	if (epoll_ctl(loop, EPOLL_CTL_ADD, handle, &event)) {
		rc = -errno;
		close(loop);
		return rc;
	}
	return loop;
}

int rate_loop_wait(int loop)
{
	struct epoll_event event;

	if (epoll_wait(loop, &event, 1, -1) < 0 && errno != EINTR)
		return -errno;
	return 0;
}
