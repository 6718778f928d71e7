/* SPDX-License-Identifier: MIT */
/*
 * ways.h says what this is.
 */
#include "ways.h"

#include <sys/epoll.h>

#ifdef HAVE_LIBURING
#include "uring_flags.h"
#include <weir/uring.h>
#define FLAGS (IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN)
static struct io_uring loop;
static int looping;
#endif

const char *const way_name[WAYS] = {
	"spin", "call", "handle", "io_uring", "set",
};

/* len: of tx, which is waited for if there is no rx */
struct one {
	struct weir_rx *rx;
	struct weir_tx *tx;
	size_t len;
	int *poller;
};

void ways_need(int way)
{
#ifdef HAVE_LIBURING
	struct io_uring probe;
	int r;

	if (way != URING)
		return;
	r = io_uring_queue_init(2, &probe, FLAGS);
	if (r)
		x_skip("an io_uring: %s", strerror(-r));
	io_uring_queue_exit(&probe);
#else
	if (way == URING)
		x_skip("liburing, which configure did not find");
#endif
}

static int look(const struct one *o, int64_t deadline)
{
	int r = o->rx ? weir_rx_wait(o->rx, deadline) :
			weir_tx_wait(o->tx, o->len, deadline);

	return r ? r : 1;
}

static int by_spin(const struct one *o)
{
	int r;

	while ((r = look(o, WEIR_NOWAIT)) == -EAGAIN)
		;
	return r;
}

static void make_poller(const struct one *o)
{
	struct epoll_event event = { .events = EPOLLIN };
	weir_handle handle;

	X_IS(o->rx ? weir_rx_handle(o->rx, &handle) :
		     weir_tx_handle(o->tx, &handle), 0);
	*o->poller = epoll_create1(EPOLL_CLOEXEC);
	X_IS(epoll_ctl(*o->poller, EPOLL_CTL_ADD, handle, &event), 0);
}

static int by_handle(const struct one *o)
{
	struct epoll_event event;
	int r;

	if (!*o->poller)
		make_poller(o);
	while ((r = o->rx ? weir_rx_arm(o->rx) :
			    weir_tx_arm(o->tx, o->len)) == 0)
		epoll_wait(*o->poller, &event, 1, -1);
	return r;
}

#ifdef HAVE_LIBURING
static int uring_once(const struct one *o)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&loop);
	struct io_uring_cqe *cqe;
	int e, r = o->rx ? weir_uring_prep_rx_wait(sqe, o->rx) :
			   weir_uring_prep_tx_wait(sqe, o->tx, o->len);

	io_uring_submit(&loop);
	while ((e = io_uring_wait_cqe(&loop, &cqe)) == -EINTR)
		;
	X_IS(e, 0);
	if (!r)
		r = o->rx ? weir_uring_rx_done(o->rx, cqe->res) :
			    weir_uring_tx_done(o->tx, cqe->res);
	io_uring_cqe_seen(&loop, cqe);
	return r;
}

static int by_uring(const struct one *o)
{
	int r;

	if (!looping)
		X_IS(io_uring_queue_init(8, &loop, FLAGS), 0);
	looping = 1;
	while ((r = uring_once(o)) == 0)
		;
	return r;
}
#else
static int by_uring(const struct one *o)
{
	(void)o;
	return -ENOSYS;
}
#endif

static int by_set(struct weir_set **set, const struct one *o)
{
	struct weir_event e = { .user = NULL };

	if (!*set)
		X_IS(weir_set_create(set, NULL), 0);
	if (o->rx)
		X_IS(weir_set_add_rx(*set, o->rx, set), 0);
	else
		X_IS(weir_set_add_tx(*set, o->tx, o->len, set), 0);
	X_IS(weir_set_wait(*set, &e, 1, WEIR_FOREVER), 1);
	X_IS(o->rx ? weir_set_remove_rx(*set, o->rx) :
		     weir_set_remove_tx(*set, o->tx), 0);
	X_TRUE(e.user == set);
	if (!e.error)
		X_IS(e.what, o->rx ? WEIR_EVENT_READ : WEIR_EVENT_WRITE);
	else
		X_IS(e.what, e.error == -EOWNERDEAD ? WEIR_EVENT_DEAD :
						      WEIR_EVENT_END);
	return e.error ? e.error : 1;
}

static int wait_for(struct ways *w, int way, const struct one *o)
{
	switch (way) {
	case SPIN:
		return by_spin(o);
	case CALL:
		return look(o, WEIR_FOREVER);
	case HANDLE:
		return by_handle(o);
	case URING:
		return by_uring(o);
	default:
		return by_set(&w->set, o);
	}
}

int ways_rx(struct ways *w, int way)
{
	return wait_for(w, way, &(struct one){ .rx = w->rx,
					       .poller = &w->poller[0] });
}

int ways_tx(struct ways *w, int way, size_t len)
{
	return wait_for(w, way, &(struct one){ .tx = w->tx, .len = len,
					       .poller = &w->poller[1] });
}

void ways_asleep(pid_t pid)
{
	struct x_peer p = { .pid = pid };

	/* it may sleep until a thread lets go of it, and go on then */
	x_asleep(pid, pid);
	x_quiet(&p, 1);
	x_asleep(pid, pid);
}

void ways_close(struct ways *w)
{
	int i;

	for (i = 0; i < 2; i++)
		if (w->poller[i])
			close(w->poller[i]);
	weir_set_close(w->set);
#ifdef HAVE_LIBURING
	if (looping)
		io_uring_queue_exit(&loop);
	looping = 0;
#endif
	memset(w, 0, sizeof(*w));
}
