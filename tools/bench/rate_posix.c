/* SPDX-License-Identifier: MIT */
/*
 * What weir-bench rate asks of the system, where it is not Linux.
 */
#include "rate.h"

int rate_eventfd(void)
{
	return -1;
}
