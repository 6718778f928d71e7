/* SPDX-License-Identifier: MIT */
/*
 * The keeper: one thread, asleep in epoll on the control sockets and pidfds of
 * all connections of this process, which wakes when one of them ends and at no
 * other time. It runs while there is a connection.
 *
 * epoll tells a number, never a pointer: a watch may go between the kernel's
 * report and the look at the list.
 */
#define _GNU_SOURCE
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "linux.h"

static struct weir_lock life;	/* taken first: begin and end of the thread */
static struct weir_lock lock;	/* of the list */
static struct weir_watch *list;
static uintptr_t numbers;
static int poller = -1, stop = -1;
static pthread_t thread;

/* Copies of it may live on elsewhere; and who waits for the socket itself, a
   handle, learns of a process that has died. */
static void hang_up(const struct weir_watch *watch)
{
	shutdown(watch->socket, SHUT_RDWR);
}

static void report(uintptr_t number)
{
	struct weir_watch *watch;

	weir_lock_take(&lock);
	for (watch = list; watch; watch = watch->next)
		if ((uintptr_t)watch->priv == number) {
			watch->priv = NULL;
			watch->gone(watch, 0);
			hang_up(watch);
			break;
		}
	weir_lock_drop(&lock);
}

static void *run(void *arg)
{
	struct epoll_event event;

	for (;;) {
		if (epoll_wait(poller, &event, 1, -1) != 1)
			continue;
		if (!event.data.u64)
			return arg;
		report((uintptr_t)event.data.u64);
	}
}

static int add(int fd, uint32_t events, uint64_t number)
{
	struct epoll_event event = { .events = events,
				     .data = { .u64 = number } };

	return epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) ?
		       weir_posix_error(errno) : 0;
}

static void close_all(void)
{
	if (poller >= 0)
		close(poller);
	if (stop >= 0)
		close(stop);
	poller = stop = -1;
}

static int begin(void)
{
	int r;

	poller = epoll_create1(EPOLL_CLOEXEC);
	stop = eventfd(0, EFD_CLOEXEC);
	r = poller < 0 || stop < 0 ? weir_posix_error(errno) :
				     add(stop, EPOLLIN, 0);
	if (!r)
		r = weir_posix_thread(&thread, run, NULL);
	if (r)
		close_all();
	return r;
}

static void finish(void)
{
	eventfd_write(stop, 1);
	pthread_join(thread, NULL);
	close_all();
}

static int add_watch(struct weir_watch *watch)
{
	/* Once: what has ended stays ended. */
	const uint32_t end = EPOLLRDHUP | EPOLLONESHOT;
	int r;

	watch->priv = (void *)++numbers;
	weir_lock_take(&lock);
	watch->next = list;
	list = watch;
	weir_lock_drop(&lock);
	r = add(watch->socket, end, numbers);
	if (!r && watch->process != WEIR_HANDLE_NONE)
		r = add(watch->process, EPOLLIN | EPOLLONESHOT, numbers);
	return r;
}

static void remove_watch(struct weir_watch *watch)
{
	struct weir_watch **at;

	weir_lock_take(&lock);
	for (at = &list; *at; at = &(*at)->next)
		if (*at == watch) {
			*at = watch->next;
			break;
		}
	weir_lock_drop(&lock);
	epoll_ctl(poller, EPOLL_CTL_DEL, watch->socket, NULL);
	if (watch->process != WEIR_HANDLE_NONE)
		epoll_ctl(poller, EPOLL_CTL_DEL, watch->process, NULL);
	if (!list)
		finish();
}

int weir_linux_watch_socket(struct weir_watch *watch)
{
	int r = 0;

	weir_lock_take(&life);
	if (!list)
		r = begin();
	if (!r) {
		r = add_watch(watch);
		if (r)
			remove_watch(watch);
	}
	weir_lock_drop(&life);
	return r;
}

void weir_linux_unwatch_socket(struct weir_watch *watch)
{
	weir_lock_take(&life);
	remove_watch(watch);
	hang_up(watch);
	weir_lock_drop(&life);
}

void weir_linux_keeper_child(void)
{
	close_all();
	list = NULL;
	lock = (struct weir_lock){ { 0 } };
	life = (struct weir_lock){ { 0 } };
}
