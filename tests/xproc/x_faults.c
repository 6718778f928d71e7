/* SPDX-License-Identifier: MIT */
/*
 * Want of everything: whatever makes something is called with its first call of
 * the C library failing, then its second, and so on until it needs no more of
 * them. Each time it does without or says what was lacking, a descriptor or
 * memory; descriptors, shared mappings, threads and blocks of memory are as
 * before; and the same call succeeds afterwards.
 *
 * The linker puts the calls here in the place of the C library's (--wrap). They
 * fail in the thread that has asked for it, once.
 *
 * Seen to fail with: ring_free() left out in weir_ring_create(), unclaim() in
 * claim_new(), close_all() in the keeper and in the gather of Linux, free() of
 * the watcher and of a half-open client; EAGAIN of mmap handed on; a listener
 * on the portable backend whose handle nobody watches; a set that disarmed an
 * end which it could not take then; an arm that made -ENOMEM of -EMFILE.
 */
#include "hand.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* ---- the faults --------------------------------------------------------- */

/* Volatile, for a compiler that sees all of the program takes it that calloc
   does not write here. */
static _Thread_local volatile int left;	/* calls until one fails; 0: none */
static _Thread_local const char *volatile failed; /* which one it was */
static _Thread_local volatile int lacked; /* and its error, in weir's words */
static _Thread_local long asked;
static _Thread_local int odd;	/* the rarer errors */
static int no_locks;		/* a system without locks of files */
static long blocks;		/* of memory, that are there */

static int fails(const char *call, int error)
{
	asked++;
	if (!left || --left)
		return 0;
	failed = call;
	lacked = error == ENFILE ? EMFILE : error == EMFILE ? error : ENOMEM;
	errno = error;
	return error;
}

static void *counted(void *block, long n)
{
	if (block)
		__atomic_add_fetch(&blocks, n, __ATOMIC_RELAXED);
	return block;
}

#define REAL(type, name, ...)                                                  \
	type __real_##name(__VA_ARGS__);                                       \
	type __wrap_##name(__VA_ARGS__);                                       \
	__attribute__((used)) type __wrap_##name(__VA_ARGS__)

/* Descriptors: none left in the process, or in the system. */
#define NO_FD(name) fails(#name, odd ? ENFILE : EMFILE)
#define NO_MEMORY(name) fails(#name, ENOMEM)

REAL(void *, malloc, size_t size)
{
	return counted(__real_malloc(size), 1);
}

REAL(void *, calloc, size_t n, size_t size)
{
	return NO_MEMORY(calloc) ? NULL : counted(__real_calloc(n, size), 1);
}

REAL(void *, realloc, void *block, size_t size)
{
	if (NO_MEMORY(realloc))
		return NULL;
	return counted(__real_realloc(block, size), !block);
}

REAL(void, free, void *block)
{
	counted(block, -1);
	__real_free(block);
}

/* With all memory locked, want of it is EAGAIN. */
REAL(void *, mmap, void *at, size_t size, int prot, int flags, int fd,
     off_t offset)
{
	return fails("mmap", odd ? EAGAIN : ENOMEM) ? MAP_FAILED :
	       __real_mmap(at, size, prot, flags, fd, offset);
}

REAL(int, madvise, void *at, size_t size, int advice)
{
	return NO_MEMORY(madvise) ? -1 : __real_madvise(at, size, advice);
}

REAL(int, memfd_create, const char *name, unsigned int flags)
{
	return NO_FD(memfd_create) ? -1 : __real_memfd_create(name, flags);
}

REAL(int, posix_fallocate, int fd, off_t offset, off_t size)
{
	int error = fails("posix_fallocate", odd ? ENOSPC : ENOMEM);

	return error ? error : __real_posix_fallocate(fd, offset, size);
}

REAL(int, fcntl, int fd, int command, ...)
{
	va_list args;
	void *arg;

	va_start(args, command);
	arg = va_arg(args, void *);
	va_end(args);
#ifdef F_OFD_SETLK
	if (no_locks && (command == F_OFD_SETLK || command == F_OFD_SETLKW)) {
		errno = EINVAL;
		return -1;
	}
#endif
	/* What cannot fail for want of anything does not. */
	if (command == F_DUPFD_CLOEXEC && NO_FD(fcntl))
		return -1;
	return __real_fcntl(fd, command, arg);
}

REAL(int, open, const char *path, int flags, ...)
{
	va_list args;
	int mode;

	va_start(args, flags);
	mode = va_arg(args, int);
	va_end(args);
	return NO_FD(open) ? -1 : __real_open(path, flags, mode);
}

REAL(int, openat, int dir, const char *path, int flags, ...)
{
	va_list args;
	int mode;

	va_start(args, flags);
	mode = va_arg(args, int);
	va_end(args);
	return NO_FD(openat) ? -1 : __real_openat(dir, path, flags, mode);
}

REAL(int, epoll_create1, int flags)
{
	return NO_FD(epoll_create1) ? -1 : __real_epoll_create1(flags);
}

REAL(int, epoll_ctl, int fd, int what, int other, struct epoll_event *event)
{
	/* To take away needs nothing. */
	if (what == EPOLL_CTL_ADD && NO_MEMORY(epoll_ctl))
		return -1;
	return __real_epoll_ctl(fd, what, other, event);
}

REAL(int, eventfd, unsigned int value, int flags)
{
	return NO_FD(eventfd) ? -1 : __real_eventfd(value, flags);
}

REAL(int, pipe, int *fds)
{
	return NO_FD(pipe) ? -1 : __real_pipe(fds);
}

REAL(int, socket, int domain, int type, int protocol)
{
	return NO_FD(socket) ? -1 : __real_socket(domain, type, protocol);
}

REAL(int, fstat, int fd, struct stat *st)
{
	return NO_MEMORY(fstat) ? -1 : __real_fstat(fd, st);
}

REAL(ssize_t, sendmsg, int fd, const struct msghdr *msg, int flags)
{
	return NO_MEMORY(sendmsg) ? -1 : __real_sendmsg(fd, msg, flags);
}

REAL(ssize_t, recvmsg, int fd, struct msghdr *msg, int flags)
{
	return NO_MEMORY(recvmsg) ? -1 : __real_recvmsg(fd, msg, flags);
}

REAL(int, accept4, int fd, struct sockaddr *address, socklen_t *len, int flags)
{
	return NO_FD(accept4) ? -1 : __real_accept4(fd, address, len, flags);
}

REAL(int, listen, int fd, int backlog)
{
	return NO_MEMORY(listen) ? -1 : __real_listen(fd, backlog);
}

REAL(int, pthread_create, pthread_t *thread, const pthread_attr_t *attr,
     void *(*run)(void *), void *arg)
{
	return fails("pthread_create", EAGAIN) ? EAGAIN :
	       __real_pthread_create(thread, attr, run, arg);
}

/* ---- what is made ------------------------------------------------------- */

static struct weir_ring_options ring_options = {
	.size = sizeof(ring_options), .capacity = 4096, .spin_us = -1,
};
static struct weir_stream_options stream_options = {
	.size = sizeof(stream_options), .capacity = 4096, .spin_us = -1,
};
static char name[WEIR_NAME_MAX + 1];
static struct weir_ring *ring, *made;
static struct weir_tx *tx;
static struct weir_rx *rx;
static struct weir_stream *stream, *pair[2];
static struct weir_listener *listener;
static struct weir_waiter *waiter, *second;
static struct weir_set *set;

static void have_ring(void)
{
	X_IS(weir_ring_create(&ring, &ring_options), 0);
}

static void have_named(void)
{
	ring_options.name = name;
	have_ring();
}

static int create(void)
{
	return weir_ring_create(&made, &ring_options);
}

static int create_private(void)
{
	ring_options.flags = WEIR_RING_PRIVATE;
	return create();
}

static int create_huge(void)
{
	ring_options.flags = WEIR_RING_HUGE_PAGES;
	return create();
}

static int create_named(void)
{
	ring_options.name = name;
	return create();
}

static void close_made(void)
{
	weir_ring_close(made);
	if (ring_options.name && !ring)
		X_IS(weir_ring_unlink(name), 0);
}

static int open_ring(void)
{
	return weir_ring_open(&made, name);
}

static int attach_ring(void)
{
	return weir_ring_attach(&made, weir_ring_handle(ring));
}

static int claim_tx(void)
{
	return weir_ring_tx(ring, &tx);
}

static void close_tx(void)
{
	weir_tx_close(tx);
}

static int claim_rx(void)
{
	return weir_ring_rx(ring, &rx);
}

static void close_rx(void)
{
	weir_rx_close(rx);
}

static void have_rx(void)
{
	have_ring();
	X_IS(claim_rx(), 0);
}

static void have_private_rx(void)
{
	ring_options.flags = WEIR_RING_PRIVATE;
	have_rx();
}

/* A new end, for a handle stays until its end is closed. */
static void new_rx(void)
{
	close_rx();
	X_IS(claim_rx(), 0);
}

static int arm(void)
{
	weir_handle handle;
	int r = weir_rx_handle(rx, &handle);

	if (!r)
		r = weir_rx_arm(rx);
	left = 0;
	if (r)
		new_rx();
	return r;
}

/* Where the claim is a word an end can be claimed once. */
static void new_ring(void)
{
	weir_ring_close(ring);
	have_ring();
}

static void have_nothing(void)
{
}

static int open_listener(void)
{
	struct weir_listener_options o = {
		.size = sizeof(o), .capacity = 4096, .spin_us = -1,
		.flags = stream_options.flags,
		.uids = (uint32_t[]){ (uint32_t)geteuid() }, .uids_count = 1,
	};

	return weir_listener_open(&listener, name, &o);
}

/* ---- sets --------------------------------------------------------------- */

static int set_rest(void)
{
	struct weir_event e = { NULL, 0, 0 };
	weir_handle handle;
	int r = weir_set_handle(set, &handle);

	if (!r)
		r = weir_set_wait(set, &e, 1, WEIR_NOWAIT);
	/* It is not the end's end. */
	if (r == 1)
		X_TRUE(e.what == WEIR_EVENT_READ || e.what == WEIR_EVENT_ACCEPT);
	return r == -EAGAIN ? 0 : r == 1 ? e.error : r;
}

static int set_with(int (*add)(void))
{
	int r = weir_set_create(&set, NULL);

	if (r)
		return r;
	r = add();
	if (!r)
		r = set_rest();
	if (r)
		weir_set_close(set);
	return r;
}

static int add_rx(void)
{
	return weir_set_add_rx(set, rx, NULL);
}

static int set_rx(void)
{
	return set_with(add_rx);
}

static int add_listener(void)
{
	return weir_set_add_listener(set, listener, NULL);
}

/* A new one, for on some systems it keeps a thread once it was in a set, and
   a bell once a handle was asked for. */
static void new_listener(void)
{
	weir_listener_close(listener);
	X_IS(open_listener(), 0);
}

static int set_listener(void)
{
	int r = set_with(add_listener);

	left = 0;
	if (r)
		new_listener();
	return r;
}

static void close_set_listener(void)
{
	weir_set_close(set);
	new_listener();
}

static int listener_handle(void)
{
	weir_handle handle;
	int r = weir_listener_handle(listener, &handle);

	left = 0;
	if (r)
		new_listener();
	return r;
}

static void close_set(void)
{
	weir_set_close(set);
}

/* ---- streams ------------------------------------------------------------ */

static int sockets[2];

static void *other_side(void *arg)
{
	struct weir_stream *s;

	if (!weir_stream_attach(&s, sockets[1], &stream_options,
				weir_after(X_HANG)))
		weir_stream_close(s);
	close(sockets[1]);
	return arg;
}

static int with_thread(void *(*run)(void *), int (*call)(void))
{
	int keep = left, r;
	pthread_t thread;

	left = 0;
	X_IS(pthread_create(&thread, NULL, run, NULL), 0);
	left = keep;
	r = call();
	keep = left;
	left = 0;
	if (r)
		close(sockets[0]);
	X_IS(pthread_join(thread, NULL), 0);
	left = keep;
	return r;
}

static int attach_only(void)
{
	return weir_stream_attach(&stream, sockets[0], &stream_options,
				  weir_after(X_HANG));
}

static int attach(void)
{
	int r;

	X_IS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	r = with_thread(other_side, attach_only);
	if (!r)
		close(sockets[0]);
	return r;
}

static void close_stream(void)
{
	weir_stream_close(stream);
}

static int make_pair(void)
{
	return weir_stream_pair(pair, &stream_options);
}

static void close_pair(void)
{
	weir_stream_close(pair[0]);
	weir_stream_close(pair[1]);
}

static void close_listener(void)
{
	weir_listener_close(listener);
}

static void have_listener(void)
{
	X_IS(open_listener(), 0);
}


static int stop;

/* Until one of them was let in, and heard of it. */
static void *client(void *arg)
{
	struct weir_stream *s;
	char byte;
	int r;

	do {
		r = weir_stream_connect_with(&s, name, &stream_options,
					     weir_after(X_HANG));
		if (r)
			continue;
		r = (int)weir_stream_read(s, &byte, 1, weir_after(X_HANG));
		weir_stream_close(s);
	} while (r != 1);
	return arg;
}

static void welcome(void)
{
	X_IS(weir_stream_write(stream, "x", 1, weir_after(X_HANG)), 0);
}

/* The client of an accept that failed is let in by the next. */
static int accept_only(void)
{
	int r = weir_listener_accept(listener, &stream, weir_after(X_HANG));

	left = 0;
	if (r) {
		X_IS(weir_listener_accept(listener, &stream,
					  weir_after(X_HANG)), 0);
		welcome();
		weir_stream_close(stream);
	} else {
		welcome();
	}
	return r;
}

static int accept_one(void)
{
	sockets[0] = -1;
	return with_thread(client, accept_only);
}

static void *server(void *arg)
{
	struct weir_stream *s;
	int r;

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		r = weir_listener_accept(listener, &s, weir_after(X_HANG));
		if (!r)
			weir_stream_close(s);
	}
	return arg;
}

static pthread_t serving;

static void have_server(void)
{
	have_listener();
	X_IS(pthread_create(&serving, NULL, server, NULL), 0);
}

static void end_server(void)
{
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	X_IS(weir_listener_cancel(listener), 0);
	X_IS(pthread_join(serving, NULL), 0);
	close_listener();
}

static int connect_one(void)
{
	return weir_stream_connect_with(&stream, name, &stream_options,
					weir_after(X_HANG));
}

/* ---- waiters ------------------------------------------------------------ */

static int create_waiter(void)
{
	return weir_waiter_create(&waiter, NULL);
}

static int create_shared(void)
{
	struct weir_waiter_options o = { .size = sizeof(o),
					 .flags = WEIR_WAITER_SHARED };

	return weir_waiter_create(&waiter, &o);
}

static void close_waiter(void)
{
	weir_waiter_close(waiter);
}

static void have_waiter(void)
{
	if (create_shared())
		x_skip("no shared waiters");
}

static int attach_waiter(void)
{
	return weir_waiter_attach(&second, weir_waiter_handle(waiter));
}

static void close_second(void)
{
	weir_waiter_close(second);
}

static void close_ring(void)
{
	weir_ring_close(ring);
	if (ring_options.name)
		X_IS(weir_ring_unlink(name), 0);
}

/* ---- the test ----------------------------------------------------------- */

static const struct thing {
	const char *name;
	void (*before)(void);
	int (*make)(void);
	void (*unmake)(void);
	void (*after)(void);
	int also;		/* an error besides what was lacking */
} things[] = {
	{ "ring", have_nothing, create, close_made, have_nothing, 0 },
	{ "huge ring", have_nothing, create_huge, close_made, have_nothing, 0 },
	{ "private ring", have_nothing, create_private, close_made,
	  have_nothing, 0 },
	{ "named ring", have_nothing, create_named, close_made, have_nothing,
	  ENOSPC },
	{ "ring opened", have_named, open_ring, close_made, close_ring, 0 },
	{ "ring attached", have_ring, attach_ring, close_made, close_ring, 0 },
	{ "tx", have_ring, claim_tx, close_tx, close_ring, 0 },
	{ "rx", have_ring, claim_rx, close_rx, close_ring, 0 },
	{ "handle", have_rx, arm, new_rx, close_ring, 0 },
	{ "private handle", have_private_rx, arm, new_rx, close_ring, 0 },
	{ "set of rx", have_rx, set_rx, close_set, close_ring, 0 },
	{ "set of private rx", have_private_rx, set_rx, close_set, close_ring,
	  0 },
	{ "set of listener", have_listener, set_listener, close_set_listener,
	  close_listener, 0 },
	{ "stream attached", have_nothing, attach, close_stream, have_nothing,
	  0 },
	{ "pair", have_nothing, make_pair, close_pair, have_nothing, 0 },
	{ "listener", have_nothing, open_listener, close_listener,
	  have_nothing, 0 },
	{ "listener's handle", have_listener, listener_handle, new_listener,
	  close_listener, 0 },
	{ "accepted", have_listener, accept_one, close_stream, close_listener,
	  0 },
	{ "connected", have_server, connect_one, close_stream, end_server, 0 },
	{ "tx by a word", have_ring, claim_tx, new_ring, close_ring, 0 },
	{ "rx by a word", have_ring, claim_rx, new_ring, close_ring, 0 },
	{ "waiter", have_nothing, create_waiter, close_waiter, have_nothing,
	  0 },
	{ "shared waiter", have_nothing, create_shared, close_waiter,
	  have_nothing, ENOSYS },
	{ "waiter attached", have_waiter, attach_waiter, close_second,
	  close_waiter, 0 },
};
#define THINGS ((int)(sizeof(things) / sizeof(things[0])))

struct world {
	int fds, maps, threads;
	long blocks;
};

/* With WEIR_WAIT=uring each thread has blocks of its own from its first sleep
   on. */
static int counts_blocks(void)
{
	const char *wait = getenv("WEIR_WAIT");

	return !wait || strcmp(wait, "uring");
}

static struct world look(void)
{
	return (struct world){
		.fds = x_count_fds(),
		.maps = x_count_maps(),
		.threads = x_count_threads(),
		.blocks = counts_blocks() ?
			  __atomic_load_n(&blocks, __ATOMIC_RELAXED) : 0,
	};
}

static int same(const struct world *a, const struct world *b)
{
	return a->fds == b->fds && a->maps == b->maps &&
	       a->threads == b->threads && a->blocks == b->blocks;
}

/* The other side of a connection may be a moment later. */
static void unchanged(const struct world *was, const char *when)
{
	int64_t end = weir_after(X_SECOND * 5);
	struct world now;

	do {
		now = look();
		if (same(was, &now))
			return;
	} while (weir_now() < end);
	X_FAIL("%s, %s failing: %d descriptors, %d shared mappings, %d "
	       "threads, %ld blocks; before %d, %d, %d, %ld", when,
	       failed ? failed : "nothing", now.fds, now.maps, now.threads,
	       now.blocks, was->fds, was->maps, was->threads, was->blocks);
}

/* 0: so many calls it does not need. */
static int with_fault(const struct thing *t, const struct world *was, int k)
{
	int r;

	failed = NULL;
	left = k;
	r = t->make();
	left = 0;
	if (r >= 0)
		t->unmake();
	else if (r != -lacked && (!t->also || r != -t->also))
		X_FAIL("call %d, %s, failed: %s", k, failed, weir_strerror(r));
	unchanged(was, r < 0 ? "after an error" : "after doing without");
	if (r < 0) {
		X_IS(t->make(), 0);
		t->unmake();
		unchanged(was, "after the next time");
	}
	return failed != NULL;
}

static void faults(int arg)
{
	const struct thing *t = &things[arg];
	struct world was;
	int k, r, again;

	no_locks = !!strstr(t->name, "by a word");
	stream_options.flags = x_stream_flags();
	snprintf(name, sizeof(name), "x.%ld.faults", (long)getpid());
	t->before();
	for (again = 0; again < 2; again++) {
		r = t->make();
		if (r == -ENOSYS)
			x_skip("%s", t->name);
		X_IS(r, 0);
		t->unmake();
	}
	if (!asked)
		x_skip("a linker that puts calls in the place of others");
	x_quiet(NULL, 0);
	was = look();
	for (odd = 0; odd < 2; odd++) {
		for (k = 1; with_fault(t, &was, k); k++)
			x_step("%s: call %d", t->name, k);
		x_note("    %s: %d calls", t->name, k - 1);
	}
	t->after();
}

/* Where a thread of the library rings the handle, an accept that cannot have
   one says so, or rings at once. */
static void handle_is_true(int arg)
{
	struct pollfd fd = { .events = POLLIN };
	pthread_t thread;
	int k, r;

	(void)arg;
	stream_options.flags = x_stream_flags();
	snprintf(name, sizeof(name), "x.%ld.faults", (long)getpid());
	have_listener();
	X_IS(weir_listener_handle(listener, &fd.fd), 0);
	for (k = 1, failed = "all"; failed; k++) {
		failed = NULL;
		left = k;
		r = weir_listener_accept(listener, &stream, WEIR_NOWAIT);
		left = 0;
		X_TRUE(r == -EAGAIN || r == -ENOMEM);
		X_IS(pthread_create(&thread, NULL, client, NULL), 0);
		if (r == -EAGAIN && poll(&fd, 1, X_HANG / 1000000) != 1)
			X_FAIL("%s failed, accept said nothing, nor did the "
			       "handle", failed ? failed : "nothing");
		X_IS(weir_listener_accept(listener, &stream,
					  weir_after(X_HANG)), 0);
		welcome();
		X_IS(pthread_join(thread, NULL), 0);
		weir_stream_close(stream);
	}
	close_listener();
}

/* The same of a set: one end has something to say, for the handle to show. */
static void set_handle_is_true(int arg)
{
	struct pollfd fd = { .events = POLLIN };
	struct weir_event e;
	int k;

	(void)arg;
	have_rx();
	X_IS(claim_tx(), 0);
	X_IS(weir_tx_try_write(tx, "x", 1), 0);
	X_IS(weir_set_create(&set, NULL), 0);
	X_IS(weir_set_add_rx(set, rx, NULL), 0);
	X_IS(weir_set_handle(set, &fd.fd), 0);
	for (k = 1, failed = "all"; failed; k++) {
		failed = NULL;
		left = k;
		X_IS(weir_set_wait(set, &e, 1, WEIR_NOWAIT), 1);
		left = 0;
		if (poll(&fd, 1, X_HANG / 1000000) != 1)
			X_FAIL("%s failed, and the handle shows nothing",
			       failed ? failed : "nothing");
	}
	weir_set_close(set);
	close_ring();
}

/* A set that cannot take an end leaves its handle armed, until it is rung. */
static void rung(weir_handle handle, int yet)
{
	struct pollfd fd = { .fd = handle, .events = POLLIN };

	if (poll(&fd, 1, yet ? X_HANG / 1000000 : 0) != yet)
		X_FAIL("%s failed, and the handle is %s", failed,
		       yet ? "not armed any more" : "readable");
}

/* 1: nothing failed. */
static int add_fails(int k, int producer)
{
	int r;

	X_IS(weir_set_create(&set, NULL), 0);
	failed = NULL;
	left = k;
	r = producer ? weir_set_add_tx(set, tx, 1500, NULL) :
		       weir_set_add_rx(set, rx, NULL);
	left = 0;
	if (r)
		X_TRUE(failed && r == -lacked);
	else if (failed)
		failed = "nothing that matters";
	weir_set_close(set);
	return !r;
}

static void armed_rx(void)
{
	weir_handle handle;
	char byte;
	int added, k = 0;

	X_IS(weir_rx_handle(rx, &handle), 0);
	do {
		X_IS(weir_rx_arm(rx), 0);
		added = add_fails(++k, 0);
		if (added)
			X_IS(weir_rx_arm(rx), 0);
		else
			rung(handle, 0);
		X_IS(weir_tx_try_write(tx, "x", 1), 0);
		rung(handle, 1);
		X_IS(weir_rx_try_read(rx, &byte, 1), 1);
	} while (!added || failed);
}

static void armed_tx(void)
{
	static const char data[100];
	char there[100];
	weir_handle handle;
	int added, k = 0;

	X_IS(weir_tx_handle(tx, &handle), 0);
	do {
		while (!weir_tx_try_write(tx, data, sizeof(data)))
			;
		X_IS(weir_tx_arm(tx, sizeof(data)), 0);
		added = add_fails(++k, 1);
		if (added)
			X_IS(weir_tx_arm(tx, sizeof(data)), 0);
		else
			rung(handle, 0);
		/* more than one message: the limit may lag */
		while (weir_rx_try_read(rx, there, sizeof(there)) > 0)
			;
		rung(handle, 1);
	} while (!added || failed);
}

static void handle_stays_armed(int private)
{
	if (private)
		have_private_rx();
	else
		have_rx();
	X_IS(claim_tx(), 0);
	armed_rx();
	armed_tx();
	close_ring();
}

static struct x_case cases[THINGS + 5];

int main(int argc, char **argv)
{
	static const struct x_role roles[] = { { NULL, NULL } };
	int i;

	for (i = 0; i < THINGS; i++)
		cases[i] = (struct x_case){ things[i].name, faults, i, 0 };
	cases[i++] = (struct x_case){ "a handle is true", handle_is_true, 0,
				      0 };
	cases[i++] = (struct x_case){ "a set's handle is true",
				      set_handle_is_true, 0, 0 };
	cases[i++] = (struct x_case){ "armed, and not added",
				      handle_stays_armed, 0, 0 };
	cases[i] = (struct x_case){ "armed, private, and not added",
				    handle_stays_armed, 1, 0 };
	return x_main(argc, argv, cases, roles);
}
