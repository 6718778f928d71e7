/* SPDX-License-Identifier: MIT */
/*
 * A gather with epoll, edge-triggered: who has been told is not told again
 * before there is news, so a sleep costs what is ready and not what is there.
 * The epoll descriptor is the handle of it all. Naps are in gather_uring.c.
 */
#define _GNU_SOURCE
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "linux.h"

static int add(const struct weir_gather *g, int fd, uint64_t number)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLRDHUP | EPOLLET,
		.data = { .u64 = number },
	};

	return epoll_ctl(g->handle, EPOLL_CTL_ADD, fd, &event) ?
		       weir_posix_error(errno) : 0;
}

static void close_all(struct weir_gather *g)
{
	weir_linux_gather_forget(g);
	if (g->handle >= 0)
		close(g->handle);
	if (g->bell[0] >= 0)
		close(g->bell[0]);
	g->handle = g->bell[0] = g->bell[1] = WEIR_HANDLE_NONE;
}

int weir_linux_gather_open(struct weir_gather *g)
{
	int r = 0;

	g->handle = epoll_create1(EPOLL_CLOEXEC);
	g->bell[0] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	g->bell[1] = WEIR_HANDLE_NONE;
	if (g->handle < 0 || g->bell[0] < 0)
		r = weir_posix_error(errno);
	else
		r = add(g, g->bell[0], 0);
	if (r)
		close_all(g);
	return r;
}

int weir_linux_gather(struct weir_gather *g, weir_handle fd, uint64_t number)
{
	if (fd == WEIR_HANDLE_NONE)
		close_all(g);
	else if (number)
		return add(g, fd, number);
	else
		epoll_ctl(g->handle, EPOLL_CTL_DEL, fd, NULL);
	return 0;
}

/* Each write is an edge; the count is never read. */
void weir_linux_gather_ring(const struct weir_gather *g)
{
	eventfd_write(g->bell[0], 1);
}

int weir_linux_gather_sleep(struct weir_gather *g, int64_t deadline)
{
	const int most = (int)(sizeof(g->ready) / sizeof(g->ready[0]));
	struct epoll_event events[sizeof(g->ready) / sizeof(g->ready[0])];
	int i, n;

	g->n = 0;
	g->lost = 0;
	/* half: the handles have their turn, too */
	weir_linux_gather_reap(g, most / 2);
	n = epoll_wait(g->handle, events, most - (int)g->n,
		       g->n || g->lost ? 0 : weir_posix_poll_ms(deadline));
	for (i = 0; i < n; i++)
		if (events[i].data.u64)
			g->ready[g->n++] = events[i].data.u64;
	weir_linux_gather_reap(g, most);
	if (n || g->n || g->lost)
		return 0;
	return weir_posix_poll_ms(deadline) ? 0 : -ETIMEDOUT;
}
