/* SPDX-License-Identifier: MIT */
/*
 * A kernel that lacks system calls, by a seccomp filter: how the tests see what
 * the library does on older kernels and in strict containers.
 */
#ifndef FILTER_H
#define FILTER_H

/*
 * From now on, and in whatever is executed, the calls in names ("a,b") fail
 * with error, an errno value. Async-signal-safe.
 * Returns 0; -EINVAL a name is not known or the kernel has no filters; else
 * what prctl said, negative.
 */
int filter_install(const char *names, int error);

#endif
