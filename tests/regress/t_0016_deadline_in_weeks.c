/* SPDX-License-Identifier: MIT */
/*
 * Symptom: a wait with a deadline in 40 days ended after 25 days with
 * -ETIMEDOUT.
 * Cause: poll(2) counts milliseconds in an int; that it had waited as long as
 * it can was taken for the deadline.
 */
#include "../xproc/x.h"

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define DAY (24 * 3600 * X_SECOND)
#define NAPS 3

static struct weir_stream *ends[2];
static struct weir_set *set;
static int sockets[2];
static int naps;

/* In place of the C library's (-Wl,--wrap): 25 days pass at once; after some of
   them the wait is called off. */
static int pass(int timeout)
{
	if (timeout != INT_MAX)
		return timeout;
	if (++naps < NAPS)
		return 0;
	if (ends[0])
		weir_stream_cancel(ends[0]);
	if (set)
		weir_set_wake(set);
	if (sockets[1])
		close(sockets[1]);
	sockets[1] = 0;
	return 0;
}

static struct timespec *to_time(struct timespec *t, int ms)
{
	t->tv_sec = ms / 1000;
	t->tv_nsec = ms % 1000 * 1000000;
	return ms < 0 ? NULL : t;
}

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap_epoll_wait(int fd, struct epoll_event *events, int n, int timeout);

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	struct timespec t;

	return ppoll(fds, n, to_time(&t, pass(timeout)), NULL);
}

int __wrap_epoll_wait(int fd, struct epoll_event *events, int n, int timeout)
{
	return epoll_pwait(fd, events, n, pass(timeout), NULL);
}

static void *other_side(void *arg)
{
	struct weir_stream_options o = { .size = sizeof(o), .capacity = 4096,
					 .flags = x_stream_flags() };

	X_IS(weir_stream_attach(&ends[1], sockets[1], &o, weir_after(X_HANG)),
	     0);
	return arg;
}

/* By its socket, as the only way there is. */
static void stream(int arg)
{
	struct weir_stream_options o = { .size = sizeof(o), .capacity = 4096,
					 .spin_us = -1 };
	int64_t deadline = weir_after(40 * DAY);
	pthread_t thread;
	char data[8];

	o.flags = x_stream_flags();
	X_IS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	X_IS(pthread_create(&thread, NULL, other_side, NULL), 0);
	X_IS(weir_stream_attach(&ends[0], sockets[0], &o, weir_after(X_HANG)),
	     0);
	X_IS(pthread_join(thread, NULL), 0);
	if (arg) {
		X_IS(weir_set_create(&set, NULL), 0);
		X_IS(weir_set_add_rx(set, weir_stream_rx(ends[0]), NULL), 0);
		X_IS(weir_set_wait(set, &(struct weir_event){ 0 }, 1,
				   deadline), 1);
		weir_set_close(set);
	} else {
		X_IS(weir_stream_read(ends[0], data, sizeof(data), deadline),
		     -ECANCELED);
	}
	X_IS(naps, NAPS);
	weir_stream_close(ends[0]);
	weir_stream_close(ends[1]);
}

/* A peer that says nothing, and goes at last. */
static void handshake(int arg)
{
	struct weir_stream *s;

	(void)arg;
	X_IS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	X_IS(weir_stream_attach(&s, sockets[0], NULL, weir_after(40 * DAY)),
	     -EPIPE);
	X_IS(naps, NAPS);
	close(sockets[0]);
}

static const struct x_case cases[] = {
	{ "a stream", stream, 0, 0 },
	{ "a set", stream, 1, 0 },
	{ "a handshake", handshake, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	/* which sleeps in poll(2) and has no other way */
	if (setenv("WEIR_WAIT", "socket", 1))
		return 99;
	return x_main(argc, argv, cases, roles);
}
