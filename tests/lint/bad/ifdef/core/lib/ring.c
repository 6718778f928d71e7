/* SPDX-License-Identifier: MIT */
#include <linux/futex.h>
#ifdef __linux__
int weir_ring_fd;
#endif
