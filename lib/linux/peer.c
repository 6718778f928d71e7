/* SPDX-License-Identifier: MIT */
/*
 * The handshake's messages with a pidfd of the sender: its death is seen even
 * where a copy of the socket has leaked into a third process. The handle, not
 * a number: a pid can be reused and differs between name spaces.
 */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>

#include "linux.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434 /* the same number on every architecture */
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif

/* A call that always fails: no process has this number. */
int weir_linux_can_pidfd(void)
{
	return syscall(SYS_pidfd_open, -1, 0) < 0 && errno == EINVAL;
}

/* Anything else would be polled for ever, or block there. */
static int is_pidfd(int fd)
{
	return !syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) ||
	       errno == EPERM || errno == ESRCH;
}

static int put(weir_handle socket, struct weir_message *m, int64_t deadline)
{
	int r;

	m->process = WEIR_HANDLE_NONE;
	if (m->memory != WEIR_HANDLE_NONE && !m->done)
		m->process = (int)syscall(SYS_pidfd_open, getpid(), 0);
	r = weir_posix_transfer(socket, m, 1, deadline);
	if (m->process != WEIR_HANDLE_NONE)
		close(m->process);
	m->process = WEIR_HANDLE_NONE;
	return r;
}

int weir_linux_transfer(weir_handle socket, struct weir_message *m, int out,
			int64_t deadline)
{
	int r;

	if (out)
		return put(socket, m, deadline);
	r = weir_posix_transfer(socket, m, 0, deadline);
	if (m->process != WEIR_HANDLE_NONE && !is_pidfd(m->process)) {
		close(m->process);
		m->process = WEIR_HANDLE_NONE;
	}
	return r;
}
