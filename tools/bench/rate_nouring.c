/* SPDX-License-Identifier: MIT */
/*
 * weir-bench rate where liburing was not found: one way less.
 */
#include <errno.h>

#include "rate.h"

bool rate_uring_exists(void)
{
	return false;
}

int rate_uring_open(void)
{
	return -ENOSYS;
}

int rate_uring_wait(struct weir_rx *rx)
{
	(void)rx;
	return -ENOSYS;
}

void rate_uring_close(void)
{
}
