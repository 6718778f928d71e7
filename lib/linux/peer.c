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

int weir_linux_send(weir_handle socket, const void *data, size_t len,
		    weir_handle memory, int64_t deadline)
{
	int process = WEIR_HANDLE_NONE;
	int r;

	if (memory != WEIR_HANDLE_NONE)
		process = (int)syscall(SYS_pidfd_open, getpid(), 0);
	r = weir_posix_send(socket, data, len, memory, process, deadline);
	if (process != WEIR_HANDLE_NONE)
		close(process);
	return r;
}

/* Anything else would be polled for ever, or block there. */
static int is_pidfd(int fd)
{
	return !syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) ||
	       errno == EPERM || errno == ESRCH;
}

int weir_linux_receive(weir_handle socket, void *data, size_t len,
		       weir_handle *memory, weir_handle *process,
		       struct weir_peer *peer, int64_t deadline)
{
	int r = weir_posix_receive(socket, data, len, memory, process, peer,
				   deadline);

	if (!r && process && *process != WEIR_HANDLE_NONE &&
	    !is_pidfd(*process)) {
		close(*process);
		*process = WEIR_HANDLE_NONE;
	}
	return r;
}
