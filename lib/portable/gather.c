/* SPDX-License-Identifier: MIT */
/*
 * A gather with poll(2): a list of descriptors and a pipe that tells the
 * sleeper that the list has changed or that it is wanted. No descriptor stands
 * for it all; lib/linux/gather.c has one.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "portable.h"

struct list {
	struct weir_lock lock;
	size_t n, room;
	struct pollfd *fds;	/* [0] the pipe */
	uint64_t *numbers;
	size_t polled, copy_room;
	struct pollfd *copy;	/* of the sleeper alone */
	uint64_t *copy_numbers;
	size_t first;		/* where it begins to tell */
};

static int grow(struct list *list)
{
	size_t room = list->room ? 2 * list->room : 16;
	struct pollfd *fds = realloc(list->fds, room * sizeof(*fds));
	uint64_t *numbers;

	if (!fds)
		return -ENOMEM;
	list->fds = fds;
	numbers = realloc(list->numbers, room * sizeof(*numbers));
	if (!numbers)
		return -ENOMEM;
	list->numbers = numbers;
	list->room = room;
	return 0;
}

static int put(struct list *list, int fd, uint64_t number)
{
	if (list->n == list->room && grow(list))
		return -ENOMEM;
	list->fds[list->n] = (struct pollfd){ .fd = fd, .events = POLLIN };
	list->numbers[list->n++] = number;
	return 0;
}

static void close_all(struct weir_gather *g, struct list *list)
{
	if (g->bell[0] != WEIR_HANDLE_NONE) {
		close(g->bell[0]);
		close(g->bell[1]);
	}
	free(list->fds);
	free(list->numbers);
	free(list->copy);
	free(list->copy_numbers);
	free(list);
	g->priv = NULL;
}

int weir_posix_gather_open(struct weir_gather *g)
{
	struct weir_spot bell = { .way = WEIR_OS_SOCKET,
				  .socket = WEIR_HANDLE_NONE };
	struct list *list = calloc(1, sizeof(*list));
	int r;

	if (!list)
		return -ENOMEM;
	g->priv = list;
	g->handle = WEIR_HANDLE_NONE;
	r = weir_posix_spot_init(&bell);
	g->bell[0] = bell.bell[0];
	g->bell[1] = bell.bell[1];
	if (!r)
		r = put(list, g->bell[0], 0);
	if (r)
		close_all(g, list);
	return r;
}

void weir_posix_gather_ring(const struct weir_gather *g)
{
	const char byte = 0;

	/* A full pipe is rung already. */
	if (write(g->bell[1], &byte, 1) < 0)
		return;
}

int weir_posix_gather(struct weir_gather *g, weir_handle fd, uint64_t number)
{
	struct list *list = g->priv;
	size_t i;
	int r = 0;

	if (fd == WEIR_HANDLE_NONE) {
		close_all(g, list);
		return 0;
	}
	weir_lock_take(&list->lock);
	for (i = 1; i < list->n && list->fds[i].fd != fd; i++)
		;
	if (number) {
		r = put(list, fd, number);
	} else if (i < list->n) {
		list->fds[i] = list->fds[--list->n];
		list->numbers[i] = list->numbers[list->n];
	}
	weir_lock_drop(&list->lock);
	weir_posix_gather_ring(g);
	return r;
}

/* What to poll, as it is now. */
static int copy(struct list *list)
{
	int r = 0;
	size_t i;

	weir_lock_take(&list->lock);
	if (list->copy_room < list->n) {
		free(list->copy);
		free(list->copy_numbers);
		list->copy = calloc(list->room, sizeof(*list->copy));
		list->copy_numbers = calloc(list->room,
					    sizeof(*list->copy_numbers));
		list->copy_room = list->room;
		if (!list->copy || !list->copy_numbers) {
			list->copy_room = 0;
			r = -ENOMEM;
		}
	}
	list->polled = r ? 0 : list->n;
	for (i = 0; i < list->polled; i++) {
		list->copy[i] = list->fds[i];
		list->copy_numbers[i] = list->numbers[i];
	}
	weir_lock_drop(&list->lock);
	return r;
}

/* In turn: what finds no place this time comes first the next. */
static void harvest(struct weir_gather *g, struct list *list)
{
	const size_t most = sizeof(g->ready) / sizeof(g->ready[0]);
	size_t k, i = 0;

	for (k = 0; k < list->polled && g->n < most; k++) {
		i = (list->first + k) % list->polled;
		if (i && list->copy[i].revents)
			g->ready[g->n++] = list->copy_numbers[i];
	}
	list->first = list->polled ? (list->first + k) % list->polled : 0;
}

int weir_posix_gather_sleep(struct weir_gather *g, int64_t deadline)
{
	struct list *list = g->priv;
	char bytes[64];
	int r;

	g->n = 0;
	if (copy(list))
		return 0;
	r = poll(list->copy, (nfds_t)list->polled,
		 weir_posix_poll_ms(deadline));
	if (r == 0)
		return weir_posix_poll_ms(deadline) ? 0 : -ETIMEDOUT;
	if (r < 0)
		return 0;
	while (list->copy[0].revents &&
	       read(g->bell[0], bytes, sizeof(bytes)) == sizeof(bytes))
		;
	harvest(g, list);
	return 0;
}
