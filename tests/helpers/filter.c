/* SPDX-License-Identifier: MIT */
/*
 * The filter compares the number of a system call of this machine's own
 * interface with a list; calls of another interface (32-bit ones of a 64-bit
 * process) pass, unless all listed ones have one number in every interface.
 * Calls younger than what the C library's headers know carry their number
 * here: since 5.1 all machines share it.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include "filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define FILTER_ARCH AUDIT_ARCH_X86_64
#elif defined(__i386__)
#define FILTER_ARCH AUDIT_ARCH_I386
#elif defined(__aarch64__)
#define FILTER_ARCH AUDIT_ARCH_AARCH64
#elif defined(__arm__)
#define FILTER_ARCH AUDIT_ARCH_ARM
#else
#define FILTER_ARCH 0
#endif

#define FILTER_MAX 16
#define FIRST_SHARED 403	/* from here on all interfaces count alike */

static const struct {
	const char *name;
	unsigned int number;
} calls[] = {
	{ "futex_waitv", 449 },
	{ "futex_wake", 454 },
	{ "futex_wait", 455 },
	{ "io_uring_setup", 425 },
	{ "io_uring_enter", 426 },
	{ "pidfd_open", 434 },
	{ "pidfd_getfd", 438 },
	{ "membarrier", SYS_membarrier },
	{ "memfd_create", SYS_memfd_create },
};

static int number_of(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (strlen(calls[i].name) == len &&
		    !memcmp(calls[i].name, name, len))
			return (int)calls[i].number;
	return -1;
}

static int parse(const char *names, unsigned int *numbers)
{
	int n = 0;

	while (*names) {
		size_t len = strcspn(names, ",");
		int number = number_of(names, len);

		if (number < 0 || n == FILTER_MAX)
			return -EINVAL;
		numbers[n++] = (unsigned int)number;
		names += len + (names[len] == ',');
	}
	return n;
}

static struct sock_filter step(unsigned int code, unsigned int k, int yes,
			       int no)
{
	struct sock_filter f;

	f.code = (unsigned short)code;
	f.jt = (unsigned char)yes;
	f.jf = (unsigned char)no;
	f.k = k;
	return f;
}

static int all_shared(const unsigned int *numbers, int n)
{
	while (n > 0)
		if (numbers[--n] < FIRST_SHARED)
			return 0;
	return 1;
}

/* load arch; other: allow; load number; each listed one: fail; allow */
static unsigned short build(struct sock_filter *f, const unsigned int *numbers,
			    int n, int error)
{
	unsigned short len = 0;
	int i;

	f[len++] = step(BPF_LD | BPF_W | BPF_ABS,
			offsetof(struct seccomp_data, arch), 0, 0);
	f[len++] = step(BPF_JMP | BPF_JEQ | BPF_K, FILTER_ARCH, 1,
			all_shared(numbers, n));
	f[len++] = step(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
	f[len++] = step(BPF_LD | BPF_W | BPF_ABS,
			offsetof(struct seccomp_data, nr), 0, 0);
	for (i = 0; i < n; i++)
		f[len++] = step(BPF_JMP | BPF_JEQ | BPF_K, numbers[i], n - i,
				0);
	f[len++] = step(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
	f[len++] = step(BPF_RET | BPF_K,
			SECCOMP_RET_ERRNO |
			((unsigned int)error & SECCOMP_RET_DATA), 0, 0);
	return len;
}

int filter_install(const char *names, int error)
{
	unsigned int numbers[FILTER_MAX];
	struct sock_filter program[FILTER_MAX + 6];
	struct sock_fprog prog;
	int n = parse(names, numbers);

	if (n < 0 || !FILTER_ARCH)
		return -EINVAL;
	prog.len = build(program, numbers, n, error);
	prog.filter = program;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) ||
	    prctl(PR_SET_SECCOMP, (long)SECCOMP_MODE_FILTER, &prog, 0L, 0L))
		return -errno;
	return 0;
}
