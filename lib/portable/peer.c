/* SPDX-License-Identifier: MIT */
/*
 * Messages of a handshake over a connected local socket, with handles and with
 * the sender as the kernel knows it. Streams and packets alike: a message is
 * collected until it is whole.
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
		r = poll(&p, 1, weir_posix_poll_ms(deadline));
	} while (r < 0 ? errno == EINTR : !r && weir_posix_poll_ms(deadline));
	if (r < 0)
		return weir_posix_error(errno);
	return r ? 0 : -ETIMEDOUT;
}

static void put_handles(struct msghdr *msg, union control *control,
			const struct weir_message *m)
{
	int fds[HANDLES] = { m->memory, m->process };
	size_t n = m->process == WEIR_HANDLE_NONE ? 1 : 2;
	struct cmsghdr *c;

	memset(control, 0, sizeof(*control));
	if (m->memory == WEIR_HANDLE_NONE || m->done)
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

void weir_posix_label(struct weir_peer *peer)
{
	snprintf(peer->who, sizeof(peer->who), "pid %lld uid %lu",
		 (long long)peer->pid, (unsigned long)peer->uid);
}

static void take_handle(struct weir_message *m, int i, int fd)
{
	weir_handle *place = i == 0 ? &m->memory : &m->process;

	if (i < HANDLES && *place == WEIR_HANDLE_NONE)
		*place = fd;
	else
		close(fd);
}

/* What came along; more handles than expected are closed. */
static void take_control(struct msghdr *msg, struct weir_message *m)
{
	struct weir_peer *peer = m->peer;
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
			weir_posix_label(peer);
		}
#endif
		if (c->cmsg_type == SCM_RIGHTS) {
			size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
			size_t i;

			for (i = 0; i < n; i++) {
				int fd;

				memcpy(&fd, CMSG_DATA(c) + i * sizeof(int),
				       sizeof(fd));
				take_handle(m, (int)i, fd);
			}
		}
	}
}

/* Returns what it was: the socket may be the caller's, who wants them too. */
static int ask_credentials(int socket, int on)
{
	int was = 0;
#ifdef SO_PASSCRED
	socklen_t len = sizeof(was);

	getsockopt(socket, SOL_SOCKET, SO_PASSCRED, &was, &len);
	if (was != on)
		setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
#else
	(void)socket;
	(void)on;
#endif
	return was;
}

static ssize_t put_some(int socket, struct weir_message *m)
{
	struct iovec iov = { .iov_base = (char *)m->data + m->done,
			     .iov_len = m->len - m->done };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control;

	put_handles(&msg, &control, m);
	return sendmsg(socket, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static ssize_t take_some(int socket, struct weir_message *m, int *lost)
{
	union control control;
	struct iovec iov = { .iov_base = (char *)m->data + m->done,
			     .iov_len = m->len - m->done };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	int asked = 0;
	ssize_t n;

	if (m->peer)
		asked = ask_credentials(socket, 1);
	n = recvmsg(socket, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n >= 0) {
		take_control(&msg, m);
		/* Also after more handles than there is room for, but then the
		   first are there. */
		if (msg.msg_flags & MSG_CTRUNC && m->memory == WEIR_HANDLE_NONE)
			*lost = 1;
	} else if (errno == EMFILE || errno == ENFILE) {
		*lost = 1;
	}
	if (m->peer)
		ask_credentials(socket, asked);
	return n;
}

int weir_posix_transfer(weir_handle socket, struct weir_message *m, int out,
			int64_t deadline)
{
	int r, lost = 0;

	while (m->done < m->len) {
		ssize_t n = out ? put_some(socket, m) :
				  take_some(socket, m, &lost);

		if (n > 0) {
			m->done += (size_t)n;
			continue;
		}
		if (n == 0)
			return out ? -EIO : -EPIPE;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			return weir_posix_error(errno);
		if (deadline == WEIR_NOWAIT)
			return -EAGAIN;
		r = ready(socket, out ? POLLOUT : POLLIN, deadline);
		if (r)
			return r;
	}
	return lost ? -EMFILE : 0;
}
