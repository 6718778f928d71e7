/* SPDX-License-Identifier: MIT */
/*
 * What weir-bench rate asks of the system, where it is not Linux.
 */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "rate.h"

int rate_eventfd(void)
{
	return -1;
}

/* A descriptor of one's own, to close as on Linux. */
int rate_loop_open(weir_handle handle)
{
	int loop = dup(handle);

	return loop < 0 ? -errno : loop;
}

int rate_loop_wait(int loop)
{
	struct pollfd p = { .fd = loop, .events = POLLIN };

	if (poll(&p, 1, -1) < 0 && errno != EINTR)
		return -errno;
	return 0;
}
