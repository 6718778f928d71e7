/* SPDX-License-Identifier: MIT */
/*
 * What weir-bench rate asks of Linux; rate_posix.c says what others have not.
 */
#include <sys/eventfd.h>

#include "rate.h"

int rate_eventfd(void)
{
	return eventfd(0, EFD_SEMAPHORE);
}
