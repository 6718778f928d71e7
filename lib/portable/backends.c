/* SPDX-License-Identifier: MIT */
/*
 * The backends of a POSIX system that has none of its own.
 */
#include "portable.h"

extern const struct weir_os *const weir_os_backends[];
const struct weir_os *const weir_os_backends[] = { &weir_os_portable, NULL };
