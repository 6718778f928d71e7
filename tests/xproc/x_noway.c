/* SPDX-License-Identifier: MIT */
/*
 * Kernels that lack something: futex_waitv, io_uring, pidfds, all of them,
 * missing (ENOSYS) and forbidden (EPERM). Every call still works, between two
 * processes that were executed, over every kind of ring, and weir_backend()
 * says what there is not. An io_uring that the program had made before is of
 * use whatever the library may not do itself. And the ways that WEIR_WAIT
 * demands: what goes together talks, what does not is refused in words, what
 * cannot be had is an error.
 *
 * Seen to fail with: no nap for the handle of a producer, or in a set's gather;
 * entries of weir/uring.h that are no polls where there is no futex_waitv, and
 * that are polls where there is; a poll of a handle that was not armed.
 */
#include "hand.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "../helpers/filter.h"

#ifdef HAVE_LIBURING
#include "uring_flags.h"
#include <weir/uring.h>

#include "linux/uring.h"	/* of the library */

#define FUTEX_WAITV 53		/* the opcode: this liburing may lack it */
#endif

enum { WAITV, URING, PIDFD, ALL, LACKS };
static const char *const lacks[LACKS] = {
	"futex_waitv", "io_uring_setup", "pidfd_open",
	"futex_waitv,io_uring_setup,pidfd_open",
};
static const char *const words_for[ALL] = {
	"no futex_waitv", "no io_uring", "no pidfds",
};
#define CASE(lack, error, kind) (((lack) * 2 + (error)) * X_KINDS + (kind))

/* ---- the program that lacks it ------------------------------------------ */

static int on_words(void)
{
	return !strncmp(weir_backend(), "linux: futex_waitv", 18);
}

/* Whole: what a process says that lacks no more than this kernel does. */
static void says(int lack, const char *whole)
{
	const char *text = weir_backend();
	int i;

	x_step("it says: %s", text);
	for (i = 0; i < ALL && strncmp(text, "portable", 8); i++)
		X_IS(!!strstr(text, words_for[i]), lack == i || lack == ALL ||
		     strstr(whole, words_for[i]));
	X_TRUE(strstr(text, on_words() ?
	       "; streams sleep on words, plain rings on words" :
	       "; streams sleep on sockets, plain rings on semaphores"));
}

/* The system call is the one that goes with what is said. */
static void sleeps_so(struct x_link *l, struct x_peer *p)
{
	x_step("asleep as it says");
	hand_order(p, 'q', 0);
	if (on_words())
		x_asleep_in(p->pid, p->pid, 449); /* futex_waitv */
#if defined(SYS_poll) && defined(SYS_futex)
	else if (sizeof(long) == 8)
		x_asleep_in(p->pid, p->pid,
			    x_streams(l->kind) ? SYS_poll : SYS_futex);
#endif
	hand_write(l->tx, 0, 1);
	x_hear_this(p, (int64_t)hand_length(0));
}

static void *cancel_later(void *rx)
{
	x_asleep(getpid(), getpid());
	X_IS(weir_rx_cancel(rx), 0);
	return NULL;
}

static void readable(weir_handle handle)
{
	struct pollfd fd = { .fd = handle, .events = POLLIN };

	while (poll(&fd, 1, -1) != 1)
		;
}

/* An order that is given when this program sleeps. */
struct later {
	const struct x_peer *peer;
	char what;
	uint64_t n;
};

static void *order_later(void *arg)
{
	const struct later *later = arg;

	x_asleep(getpid(), getpid());
	hand_order(later->peer, later->what, later->n);
	return NULL;
}

static void by_handle(struct x_link *l, struct x_peer *p, uint64_t *next)
{
	weir_handle handle;
	uint64_t n;

	x_step("a message, by the handle");
	X_IS(weir_rx_handle(l->rx, &handle), 0);
	X_IS(weir_rx_arm(l->rx), 0);
	hand_do(p, 'w', 1);
	readable(handle);
	while (weir_rx_wait(l->rx, WEIR_NOWAIT) && !weir_rx_arm(l->rx))
		readable(handle);
	hand_read(l->rx, (*next)++, 1);
	x_step("room, by the handle");
	n = hand_fill(l->tx, *next);
	X_IS(weir_tx_handle(l->tx, &handle), 0);
	X_IS(weir_tx_arm(l->tx, HAND_MAX), 0);
	hand_do(p, 'r', n);
	readable(handle);
	while (weir_tx_wait(l->tx, HAND_MAX, WEIR_NOWAIT) &&
	       !weir_tx_arm(l->tx, HAND_MAX))
		readable(handle);
	X_IS(weir_tx_wait(l->tx, HAND_MAX, WEIR_NOWAIT), 0);
	*next += n;
}

/* What the peer does meanwhile brings the one event. */
static void one_event(struct weir_set *set, struct x_link *l, struct x_peer *p,
		      char order, uint64_t n, uint32_t what)
{
	struct weir_event event = { NULL, 0, 0 };
	struct later later = { p, order, n };
	pthread_t thread;

	X_IS(weir_set_wait(set, &event, 1, WEIR_NOWAIT), -EAGAIN);
	X_IS(pthread_create(&thread, NULL, order_later, &later), 0);
	X_IS(weir_set_wait(set, &event, 1, WEIR_FOREVER), 1);
	X_IS(pthread_join(thread, NULL), 0);
	X_TRUE(event.user == l && event.what == what && !event.error);
	x_hear_this(p, 0);
}

static void by_set(struct x_link *l, struct x_peer *p, uint64_t *next)
{
	struct weir_set *set;
	uint64_t n;

	X_IS(weir_set_create(&set, NULL), 0);
	x_step("a message, by a set");
	X_IS(weir_set_add_rx(set, l->rx, l), 0);
	one_event(set, l, p, 'w', 1, WEIR_EVENT_READ);
	hand_read(l->rx, (*next)++, 1);
	X_IS(weir_set_remove_rx(set, l->rx), 0);
	x_step("room, by a set");
	n = hand_fill(l->tx, *next);
	X_IS(weir_set_add_tx(set, l->tx, HAND_MAX, l), 0);
	one_event(set, l, p, 'r', n, WEIR_EVENT_WRITE);
	X_IS(weir_set_remove_tx(set, l->tx), 0);
	*next += n;
	weir_set_close(set);
}

/* Arguments: what is lacking, the kind, what is said if nothing is. Its peer
   lacks it too. */
static void lacking(int argc, char **argv)
{
	struct x_link l;
	struct x_peer p;
	char data[HAND_MAX];
	uint64_t next = 220;
	pthread_t thread;
	int i;

	X_IS(argc, 3);
	says(atoi(argv[0]), argv[2]);
	hand_link(&l, &p, atoi(argv[1]), 4096, -1);
	sleeps_so(&l, &p);
	for (i = 0; i < 20; i++) {
		hand_order(&p, 'w', 1);
		hand_read(l.rx, (uint64_t)i, 1);
		x_hear_this(&p, 0);
	}
	hand_order(&p, 'r', 200);
	hand_write(l.tx, 20, 200);
	x_hear_this(&p, 0);
	by_handle(&l, &p, &next);
	by_set(&l, &p, &next);
	x_step("a deadline, a cancel, a death");
	X_IS(weir_rx_read(l.rx, data, sizeof(data), weir_after(1000000)),
	     -ETIMEDOUT);
	x_signal(&p, SIGKILL);
	X_IS(x_reap(&p), -SIGKILL);
	X_IS(weir_rx_read(l.rx, data, sizeof(data), WEIR_FOREVER),
	     -EOWNERDEAD);
	x_part(&l);
	hand_link(&l, &p, atoi(argv[1]), 4096, -1);
	X_IS(pthread_create(&thread, NULL, cancel_later, l.rx), 0);
	X_IS(weir_rx_read(l.rx, data, sizeof(data), WEIR_FOREVER),
	     -ECANCELED);
	X_IS(pthread_join(thread, NULL), 0);
	hand_order(&p, 'c', 0);
	x_hear_this(&p, 0);
	x_done(&p);
	x_part(&l);
}

static void lack(int arg)
{
	int what = arg / X_KINDS / 2;
	struct x_how how = {
		.without = lacks[what],
		.error = arg / X_KINDS % 2 ? EPERM : ENOSYS,
	};
	char number[16], kind[16];
	struct x_peer p;
	int r;

	snprintf(number, sizeof(number), "%d", what);
	snprintf(kind, sizeof(kind), "%d", arg % X_KINDS);
	x_spawn(&p, &how, NULL, "lacking", number, kind, weir_backend(), NULL);
	r = x_reap(&p);
	if (r == 77)
		x_skip("seccomp filters");
	X_IS(r, 0);
}

/* ---- the program that has an io_uring ----------------------------------- */

#ifdef HAVE_LIBURING
static struct io_uring loop;

static int completed(void)
{
	struct io_uring_cqe *cqe;
	int r;

	while ((r = io_uring_wait_cqe(&loop, &cqe)) == -EINTR)
		;
	X_IS(r, 0);
	r = cqe->res;
	io_uring_cqe_seen(&loop, cqe);
	return r;
}

/* The entry waits as weir_backend() says that this process can. */
static void waits_so(const struct io_uring_sqe *sqe)
{
	int words = on_words() && !weir_linux_uring_usable();

	X_IS(sqe->opcode, words ? FUTEX_WAITV : IORING_OP_POLL_ADD);
	if (words)
		X_TRUE(strstr(weir_backend(), ", io_uring, "));
}

static void rx_by_uring(struct x_link *l, struct x_peer *p, uint64_t *next)
{
	struct io_uring_sqe *sqe;
	int told = 0, r;

	do {
		sqe = io_uring_get_sqe(&loop);
		r = weir_uring_prep_rx_wait(sqe, l->rx);
		if (!r)
			waits_so(sqe);
		io_uring_submit(&loop);
		if (!told++) {
			X_IS(r, 0);
			hand_do(p, 'w', 1);
		}
	} while (!weir_uring_rx_done(l->rx, completed()));
	hand_read(l->rx, (*next)++, 1);
}

static void tx_by_uring(struct x_link *l, struct x_peer *p, uint64_t *next)
{
	uint64_t n = hand_fill(l->tx, *next);
	struct io_uring_sqe *sqe;
	int told = 0, r;

	do {
		sqe = io_uring_get_sqe(&loop);
		r = weir_uring_prep_tx_wait(sqe, l->tx, HAND_MAX);
		if (!r)
			waits_so(sqe);
		io_uring_submit(&loop);
		if (!told++) {
			X_IS(r, 0);
			hand_do(p, 'r', n);
		}
	} while (!(r = weir_uring_tx_done(l->tx, completed())));
	X_IS(r, 1);
	*next += n;
}

static void set_by_uring(struct x_link *l, struct x_peer *p, uint64_t *next)
{
	struct weir_event event = { NULL, 0, 0 };
	struct io_uring_sqe *sqe;
	struct weir_set *set;

	X_IS(weir_set_create(&set, NULL), 0);
	X_IS(weir_set_add_rx(set, l->rx, l), 0);
	X_IS(weir_set_wait(set, &event, 1, WEIR_NOWAIT), -EAGAIN);
	hand_order(p, 'w', 1);
	do {
		sqe = io_uring_get_sqe(&loop);
		X_IS(weir_uring_prep_set_wait(sqe, set), 0);
		X_IS(sqe->opcode, IORING_OP_POLL_ADD);
		io_uring_submit(&loop);
		X_IS(weir_uring_set_done(set, completed()), 1);
	} while (weir_set_wait(set, &event, 1, WEIR_NOWAIT) == -EAGAIN);
	X_TRUE(event.user == l && event.what == WEIR_EVENT_READ);
	x_hear_this(p, 0);
	hand_read(l->rx, (*next)++, 1);
	X_IS(weir_set_remove_rx(set, l->rx), 0);
	weir_set_close(set);
}

/* Arguments as of lacking, and the error: what a sandbox forbids from now on,
   to the peer too. */
static void looping(int argc, char **argv)
{
	struct x_link l;
	struct x_peer p;
	uint64_t next = 0;
	int i, r;

	X_IS(argc, 4);
	r = io_uring_queue_init(8, &loop, 0);
	if (r == -ENOSYS || r == -EPERM || r == -ENOMEM)
		x_skip("an io_uring: %s", strerror(-r));
	X_IS(r, 0);
	if (filter_install(lacks[atoi(argv[0])], atoi(argv[3])))
		x_skip("seccomp filters");
	says(atoi(argv[0]), argv[2]);
	hand_link(&l, &p, atoi(argv[1]), 4096, -1);
	for (i = 0; i < 5; i++) {
		x_step("a message, round %d", i);
		rx_by_uring(&l, &p, &next);
		x_step("room, round %d", i);
		tx_by_uring(&l, &p, &next);
		x_step("a set, round %d", i);
		set_by_uring(&l, &p, &next);
	}
	x_step("a death");
	X_IS(weir_uring_prep_rx_wait(io_uring_get_sqe(&loop), l.rx), 0);
	io_uring_submit(&loop);
	x_signal(&p, SIGKILL);
	X_IS(x_reap(&p), -SIGKILL);
	/* the socket may tell of it before the keeper does */
	while (!(r = weir_uring_rx_done(l.rx, completed()))) {
		weir_uring_prep_rx_wait(io_uring_get_sqe(&loop), l.rx);
		io_uring_submit(&loop);
	}
	X_IS(r, -EOWNERDEAD);
	x_part(&l);
	io_uring_queue_exit(&loop);
}
#else
static void looping(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	x_skip("liburing, which configure did not find");
}
#endif

static void lack_in_loop(int arg)
{
	char what[16], kind[16], error[16];
	struct x_peer p;
	int r;

	/* what is demanded may be what is taken away */
	unsetenv("WEIR_WAIT");
	snprintf(what, sizeof(what), "%d", arg / X_KINDS / 2);
	snprintf(kind, sizeof(kind), "%d", arg % X_KINDS);
	snprintf(error, sizeof(error), "%d",
		 arg / X_KINDS % 2 ? EPERM : ENOSYS);
	x_spawn(&p, NULL, NULL, "looping", what, kind, weir_backend(), error,
		NULL);
	r = x_reap(&p);
	if (r == 77)
		x_skip("an io_uring under seccomp filters");
	X_IS(r, 0);
}

/* ---- WEIR_WAIT ---------------------------------------------------------- */

enum { AUTO, BY_WAITV, BY_SOCKET, BY_URING, WAITS };
static const char *const waits[WAITS] = { "auto", "waitv", "socket", "uring" };

/* Answers what the attachment said, and then echoes. */
static void attaches(int argc, char **argv)
{
	struct weir_stream_options o = { .size = sizeof(o), .capacity = 4096,
					 .spin_us = -1 };
	struct weir_stream *s;
	char data[8];
	int i, r;

	X_IS(argc, 1);
	o.flags = x_stream_flags();
	r = weir_stream_attach(&s, atoi(argv[0]), &o,
			       weir_after(10 * X_SECOND));
	x_tell(r);
	if (r == -EPROTO)
		X_TRUE(strstr(x_said(), "no common way of waiting") != NULL);
	for (i = 0; !r && i < 20; i++) {
		X_IS(weir_stream_read(s, data, sizeof(data), WEIR_FOREVER), 4);
		X_IS(weir_stream_write(s, data, 4, WEIR_FOREVER), 0);
	}
	x_listen();
}

/* Arguments: the socket. Begins, and is echoed. */
static void begins(int argc, char **argv)
{
	struct weir_stream_options o = { .size = sizeof(o), .capacity = 4096,
					 .spin_us = -1 };
	struct weir_stream *s;
	char data[8];
	int i, r;

	X_IS(argc, 1);
	o.flags = x_stream_flags();
	r = weir_stream_attach(&s, atoi(argv[0]), &o,
			       weir_after(10 * X_SECOND));
	x_tell(r);
	for (i = 0; !r && i < 20; i++) {
		X_IS(weir_stream_write(s, "weir", 4, WEIR_FOREVER), 0);
		X_IS(weir_stream_read(s, data, sizeof(data), WEIR_FOREVER), 4);
	}
	x_listen();
}

static int common(int one, int two)
{
	return one == two || one == AUTO || two == AUTO ||
	       (one != BY_SOCKET && two != BY_SOCKET);
}

static void demand(int arg)
{
	int one = arg / WAITS, two = arg % WAITS;
	int want = common(one, two) ? 0 : -EPROTO;
	struct x_how a = { .wait = waits[one], .backend = "linux" };
	struct x_how b = { .wait = waits[two], .backend = "linux" };
	int pair[2], give[2] = { -1, -1 };
	struct x_peer p, q;
	char number[16];
	int64_t r;

	X_IS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	give[0] = pair[0];
	snprintf(number, sizeof(number), "%d", pair[0]);
	x_spawn(&p, &a, give, "begins", number, NULL);
	give[0] = pair[1];
	snprintf(number, sizeof(number), "%d", pair[1]);
	x_spawn(&q, &b, give, "attaches", number, NULL);
	close(pair[0]);
	close(pair[1]);
	r = x_hear(&p);
	if (r == -ENOSYS || x_hear(&q) == -ENOSYS)
		x_skip("one of these ways");
	X_IS(r, want);
	x_order(&p, 0);
	x_order(&q, 0);
	x_done(&p);
	x_done(&q);
}

/* Arguments: what a constructor must answer. */
static void makes(int argc, char **argv)
{
	struct weir_ring_options o = { .size = sizeof(o), .capacity = 4096 };
	struct weir_ring *ring;

	X_IS(argc, 1);
	X_IS(weir_ring_create(&ring, &o), atoi(argv[0]));
	if (!atoi(argv[0])) {
		X_TRUE(strstr(weir_backend(), "WEIR_WAIT=") != NULL);
		weir_ring_close(ring);
		return;
	}
	X_TRUE(strstr(x_said(), "WEIR_WAIT") != NULL);
	X_TRUE(strstr(weir_backend(), "is not to be had") != NULL ||
	       strstr(x_said(), "names no way of waiting") != NULL);
}

static void refusal(const struct x_how *how, int answer)
{
	struct x_peer p;
	char number[16];
	int r;

	snprintf(number, sizeof(number), "%d", answer);
	x_spawn(&p, how, NULL, "makes", number, NULL);
	r = x_reap(&p);
	if (r == 77)
		x_skip("seccomp filters");
	X_IS(r, 0);
}

static void not_to_be_had(int error)
{
	struct x_how how = { .backend = "linux", .error = error };

	how.wait = "waitv";
	how.without = "futex_waitv";
	refusal(&how, -ENOSYS);
	how.wait = "uring";
	how.without = "io_uring_setup";
	refusal(&how, -ENOSYS);
	how.wait = "socket";
	how.without = "futex_waitv,io_uring_setup";
	refusal(&how, 0);
	how.wait = "sockets";
	how.without = NULL;
	refusal(&how, -ENOSYS);
	how.backend = "portable";
	how.wait = "waitv";
	refusal(&how, -ENOSYS);
	how.wait = "uring";
	refusal(&how, -ENOSYS);
	how.wait = "socket";
	refusal(&how, 0);
}

#define KINDS(name, what, error)                                              \
	{ name " plain", lack, CASE(what, error, X_PLAIN), 0 },               \
	{ name " named", lack, CASE(what, error, X_NAMED), 0 },               \
	{ name " stream", lack, CASE(what, error, X_STREAM), 0 },             \
	{ name " listener", lack, CASE(what, error, X_LISTENER), 0 },         \
	{ name " plain loop", lack_in_loop, CASE(what, error, X_PLAIN), 0 },  \
	{ name " named loop", lack_in_loop, CASE(what, error, X_NAMED), 0 },  \
	{ name " stream loop", lack_in_loop, CASE(what, error, X_STREAM), 0 },\
	{ name " listener loop", lack_in_loop,                                \
	  CASE(what, error, X_LISTENER), 0 }
#define DEMANDS(name, one)                                                    \
	{ name "/auto", demand, (one) * WAITS + AUTO, 0 },                    \
	{ name "/waitv", demand, (one) * WAITS + BY_WAITV, 0 },               \
	{ name "/socket", demand, (one) * WAITS + BY_SOCKET, 0 },             \
	{ name "/uring", demand, (one) * WAITS + BY_URING, 0 }

static const struct x_case cases[] = {
	KINDS("no futex_waitv", WAITV, 0),
	KINDS("forbidden futex_waitv", WAITV, 1),
	KINDS("no io_uring", URING, 0),
	KINDS("forbidden io_uring", URING, 1),
	KINDS("no pidfd", PIDFD, 0),
	KINDS("forbidden pidfd", PIDFD, 1),
	KINDS("nothing", ALL, 0),
	KINDS("nothing allowed", ALL, 1),
	DEMANDS("auto", AUTO),
	DEMANDS("waitv", BY_WAITV),
	DEMANDS("socket", BY_SOCKET),
	DEMANDS("uring", BY_URING),
	{ "WEIR_WAIT missing", not_to_be_had, ENOSYS, 0 },
	{ "WEIR_WAIT forbidden", not_to_be_had, EPERM, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ "attaches", attaches },
	{ "begins", begins },
	{ "hand", hand_role },
	{ "lacking", lacking },
	{ "looping", looping },
	{ "makes", makes },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, roles);
}
