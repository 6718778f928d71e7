/* SPDX-License-Identifier: MIT */
/*
 * noway: runs a program on a kernel that lacks system calls.
 *
 *     noway [-e ENOSYS|EPERM|ENOMEM|number] CALL[,CALL...] PROGRAM [ARG...]
 *
 * The calls fail with ENOSYS, or what -e says, in the program and all that it
 * starts. Exit: the program's; 77 where the kernel has no such filters, 127 no
 * such program, 2 usage.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "filter.h"

static int usage(void)
{
	fputs("usage: noway [-e ERROR] CALL[,CALL...] [--] PROGRAM [ARG...]\n"
	      "calls: futex_waitv futex_wake futex_wait io_uring_setup "
	      "pidfd_open pidfd_getfd membarrier memfd_create\n", stderr);
	return 2;
}

static int error_of(const char *text)
{
	if (!strcmp(text, "ENOSYS"))
		return ENOSYS;
	if (!strcmp(text, "EPERM"))
		return EPERM;
	if (!strcmp(text, "ENOMEM"))
		return ENOMEM;
	return atoi(text);
}

int main(int argc, char **argv)
{
	int error = ENOSYS;
	int at = 1;
	int r;

	if (argc > 2 && !strcmp(argv[1], "-e")) {
		error = error_of(argv[2]);
		at = 3;
	}
	if (error <= 0 || argc < at + 2)
		return usage();
	r = filter_install(argv[at], error);
	if (r) {
		fprintf(stderr, "noway: %s: %s\n", argv[at], strerror(-r));
		return 77;
	}
	at++;
	if (!strcmp(argv[at], "--"))
		at++;
	if (at >= argc)
		return usage();
	execvp(argv[at], argv + at);
	fprintf(stderr, "noway: %s: %s\n", argv[at], strerror(errno));
	return 127;
}
