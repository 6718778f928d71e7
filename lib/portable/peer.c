/* SPDX-License-Identifier: MIT */
/*
 * Messages of a handshake over a connected local socket, with handles and with
 * the sender as the kernel knows it. Streams and packets alike: a message goes
 * out in one piece and is collected until it is whole.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "portable.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif
#ifndef MSG_CMSG_CLOEXEC
#define MSG_CMSG_CLOEXEC 0
#endif

#define HANDLES 2

/* Room for the handles and, where there is such a thing, credentials. */
union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(HANDLES * sizeof(int)) + 64];
};

static int ready(int fd, short events, int64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = events };
	int r;

	do {
		r = poll(&p, 1, deadline == WEIR_NOWAIT ?
					0 : weir_posix_poll_ms(deadline));
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return weir_posix_error(errno);
	if (r == 0)
		return deadline == WEIR_NOWAIT ? -EAGAIN : -ETIMEDOUT;
	return 0;
}

static void put_handles(struct msghdr *msg, union control *control,
			weir_handle memory, weir_handle process)
{
	int fds[HANDLES] = { memory, process };
	size_t n = process == WEIR_HANDLE_NONE ? 1 : 2;
	struct cmsghdr *c;

	memset(control, 0, sizeof(*control));
	if (memory == WEIR_HANDLE_NONE)
		return;
	msg->msg_control = control->bytes;
	msg->msg_controllen = CMSG_SPACE(n * sizeof(int));
#ifdef SCM_CREDENTIALS
	msg->msg_controllen += CMSG_SPACE(sizeof(struct ucred));
#endif
	c = CMSG_FIRSTHDR(msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
#ifdef SCM_CREDENTIALS
	c = CMSG_NXTHDR(msg, c);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_CREDENTIALS;
	c->cmsg_len = CMSG_LEN(sizeof(struct ucred));
	memcpy(CMSG_DATA(c),
	       &(struct ucred){ .pid = getpid(), .uid = geteuid(),
				.gid = getegid() },
	       sizeof(struct ucred));
#endif
}

int weir_posix_send(weir_handle socket, const void *data, size_t len,
		    weir_handle memory, weir_handle process, int64_t deadline)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data,
			     .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control;
	ssize_t n;
	int r;

	put_handles(&msg, &control, memory, process);
	for (;;) {
		n = sendmsg(socket, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n == (ssize_t)len)
			return 0;
		/* Both messages are far below any buffer's size. */
		if (n >= 0)
			return -EIO;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			return weir_posix_error(errno);
		r = ready(socket, POLLOUT, deadline);
		if (r)
			return r;
	}
}

static void label(struct weir_peer *peer)
{
	snprintf(peer->who, sizeof(peer->who), "pid %lld uid %lu",
		 (long long)peer->pid, (unsigned long)peer->uid);
}

/* What came along; more handles than expected are closed. */
static void take_control(struct msghdr *msg, int fds[HANDLES],
			 struct weir_peer *peer)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
#ifdef SCM_CREDENTIALS
		if (c->cmsg_type == SCM_CREDENTIALS && peer) {
			struct ucred cred;

			memcpy(&cred, CMSG_DATA(c), sizeof(cred));
			peer->pid = cred.pid;
			peer->uid = cred.uid;
			peer->gid = cred.gid;
			label(peer);
		}
#endif
		if (c->cmsg_type == SCM_RIGHTS) {
			size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
			size_t i;

			for (i = 0; i < n; i++) {
				int fd;

				memcpy(&fd, CMSG_DATA(c) + i * sizeof(int),
				       sizeof(fd));
				if (i < HANDLES &&
				    fds[i] == WEIR_HANDLE_NONE)
					fds[i] = fd;
				else
					close(fd);
			}
		}
	}
}

static void ask_credentials(int socket, int on)
{
#ifdef SO_PASSCRED
	setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
#else
	(void)socket;
	(void)on;
#endif
}

static int collect(int socket, void *data, size_t len, int fds[HANDLES],
		   struct weir_peer *peer, int64_t deadline)
{
	size_t got = 0;

	while (got < len) {
		union control control;
		struct iovec iov = { .iov_base = (char *)data + got,
				     .iov_len = len - got };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
				      .msg_control = control.bytes,
				      .msg_controllen = sizeof(control.bytes) };
		ssize_t n;
		int r = ready(socket, POLLIN, deadline);

		if (r)
			return r;
		n = recvmsg(socket, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n < 0) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			return weir_posix_error(errno);
		}
		take_control(&msg, fds, peer);
		if (n == 0)
			return -EPIPE;
		got += (size_t)n;
	}
	return 0;
}

int weir_posix_receive(weir_handle socket, void *data, size_t len,
		       weir_handle *memory, weir_handle *process,
		       struct weir_peer *peer, int64_t deadline)
{
	int fds[HANDLES] = { WEIR_HANDLE_NONE, WEIR_HANDLE_NONE };
	int i, r;

	if (peer)
		ask_credentials(socket, 1);
	r = collect(socket, data, len, fds, peer, deadline);
	if (peer)
		ask_credentials(socket, 0);
	if (memory && !r) {
		*memory = fds[0];
		*process = fds[1];
		return 0;
	}
	for (i = 0; i < HANDLES; i++)
		if (fds[i] != WEIR_HANDLE_NONE)
			close(fds[i]);
	return r;
}
