/* SPDX-License-Identifier: MIT */
/*
 * The keeper with poll(2): one thread that waits for the end of any connection
 * of this process. A pipe tells it that the list has changed. It runs while
 * there is something to watch; lib/linux/keeper.c does the same with epoll.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "portable.h"

static struct weir_lock life;	/* taken first: begin and end of the thread */
static struct weir_lock lock;	/* of the list */
static struct weir_watch *list;
static size_t count;
static unsigned long changes;	/* of the list, ever */
static int changed[2];
static pthread_t thread;

static int fired(const struct weir_watch *watch)
{
	return watch->priv != NULL;
}

/*
 * The descriptors to poll, the pipe first, and how often the list had changed.
 * NULL: no memory.
 */
static struct pollfd *gather(size_t *n, unsigned long *age)
{
	struct weir_watch *watch;
	struct pollfd *fds;

	weir_lock_take(&lock);
	fds = calloc(2 * count + 1, sizeof(*fds));
	*n = 0;
	*age = changes;
	if (fds) {
		fds[(*n)++] = (struct pollfd){ .fd = changed[0],
					       .events = POLLIN };
		for (watch = list; watch; watch = watch->next) {
			if (fired(watch))
				continue;
			fds[(*n)++].fd = watch->socket;
			if (watch->process != WEIR_HANDLE_NONE)
				fds[(*n)++] = (struct pollfd){
					.fd = watch->process,
					.events = POLLIN };
		}
	}
	weir_lock_drop(&lock);
	return fds;
}

/* Copies of it may live on elsewhere; and who waits for the socket itself, a
   handle, learns of a process that has died. */
static void hang_up(const struct weir_watch *watch)
{
	shutdown(watch->socket, SHUT_RDWR);
}

/*
 * Nothing if the list is another one by now: a descriptor that was polled may
 * have gone, and its number be a new connection's. What ended is found again.
 */
static void report(const struct pollfd *fds, size_t n, unsigned long age)
{
	struct weir_watch *watch;
	size_t i;

	weir_lock_take(&lock);
	for (i = 1; i < n && age == changes; i++) {
		if (!fds[i].revents)
			continue;
		for (watch = list; watch; watch = watch->next) {
			if (fired(watch) || (watch->socket != fds[i].fd &&
					     watch->process != fds[i].fd))
				continue;
			watch->priv = watch;
			watch->gone(watch, 0);
			hang_up(watch);
		}
	}
	weir_lock_drop(&lock);
}

/* Takes the news from the pipe; 1 among them means: end. */
static int told_to_stop(void)
{
	char bytes[64];
	ssize_t i, n = read(changed[0], bytes, sizeof(bytes));

	for (i = 0; i < n; i++)
		if (bytes[i])
			return 1;
	return 0;
}

static void *run(void *arg)
{
	struct pollfd *fds;
	unsigned long age;
	size_t n;
	int stop = 0;

	while (!stop) {
		fds = gather(&n, &age);
		if (!fds) {
			/* no memory: the news must wait until there is */
			sched_yield();
			continue;
		}
		if (poll(fds, (nfds_t)n, -1) > 0) {
			if (fds[0].revents)
				stop = told_to_stop();
			else
				report(fds, n, age);
		}
		free(fds);
	}
	return arg;
}

static void tell(char stop)
{
	ssize_t r;

	do {
		r = write(changed[1], &stop, 1);
	} while (r < 0 && errno == EINTR);
}

static int begin(void)
{
	int r;

	if (pipe(changed))
		return weir_posix_error(errno);
	fcntl(changed[0], F_SETFD, FD_CLOEXEC);
	fcntl(changed[1], F_SETFD, FD_CLOEXEC);
	r = weir_posix_thread(&thread, run, NULL);
	if (r) {
		close(changed[0]);
		close(changed[1]);
	}
	return r;
}

static void finish(void)
{
	tell(1);
	pthread_join(thread, NULL);
	close(changed[0]);
	close(changed[1]);
}

int weir_posix_watch_socket(struct weir_watch *watch)
{
	int r = 0;

	weir_lock_take(&life);
	watch->priv = NULL;
	if (!list)
		r = begin();
	if (!r) {
		weir_lock_take(&lock);
		watch->next = list;
		list = watch;
		count++;
		changes++;
		weir_lock_drop(&lock);
		tell(0);
	}
	weir_lock_drop(&life);
	return r;
}

void weir_posix_unwatch_socket(struct weir_watch *watch)
{
	struct weir_watch **at;

	weir_lock_take(&life);
	weir_lock_take(&lock);
	for (at = &list; *at && *at != watch; at = &(*at)->next)
		;
	if (*at) {
		*at = watch->next;
		count--;
		changes++;
	}
	weir_lock_drop(&lock);
	if (list)
		tell(0);
	else
		finish();
	hang_up(watch);
	weir_lock_drop(&life);
}

void weir_posix_keeper_child(void)
{
	if (list) {
		close(changed[0]);
		close(changed[1]);
	}
	list = NULL;
	count = 0;
	lock = (struct weir_lock){ { 0 } };
	life = (struct weir_lock){ { 0 } };
}
