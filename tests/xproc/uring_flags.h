/* SPDX-License-Identifier: MIT */
/* liburing, and what the one of Debian 12 lacks. */
#ifndef URING_FLAGS_H
#define URING_FLAGS_H

#include <liburing.h>

#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)
#endif
#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1U << 12)
#endif

#endif
