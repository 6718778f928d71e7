/* SPDX-License-Identifier: MIT */
/*
 * Kernels that lack something: futex_waitv, io_uring, pidfds, all of them,
 * missing (ENOSYS) and forbidden (EPERM). Every call still works, between two
 * processes that were executed, plain rings included, and weir_backend() says
 * what there is not. And the ways that WEIR_WAIT demands: what goes together
 * talks, what does not is refused in words, what cannot be had is an error.
 */
#include "hand.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

enum { WAITV, URING, PIDFD, ALL, LACKS };
static const char *const lacks[LACKS] = {
	"futex_waitv", "io_uring_setup", "pidfd_open",
	"futex_waitv,io_uring_setup,pidfd_open",
};
#define CASE(lack, error, kind) (((lack) * 2 + (error)) * X_KINDS + (kind))

/* ---- the program that lacks it ------------------------------------------ */

static void says(int lack)
{
	const char *text = weir_backend();

	if (!strncmp(text, "portable", 8))
		return;
	X_IS(!!strstr(text, "no futex_waitv"), lack == WAITV || lack == ALL);
	X_IS(!!strstr(text, "no io_uring"), lack == URING || lack == ALL);
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

static void by_handle(struct x_link *l, struct x_peer *p, uint64_t from)
{
	weir_handle handle;

	x_step("by the handle");
	X_IS(weir_rx_handle(l->rx, &handle), 0);
	X_IS(weir_rx_arm(l->rx), 0);
	hand_do(p, 'w', 1);
	readable(handle);
	while (weir_rx_wait(l->rx, WEIR_NOWAIT) && !weir_rx_arm(l->rx))
		readable(handle);
	hand_read(l->rx, from, 1);
}

static void by_set(struct x_link *l, struct x_peer *p, uint64_t from)
{
	struct weir_event event = { NULL, 0, 0 };
	struct weir_set *set;

	x_step("by a set");
	X_IS(weir_set_create(&set, NULL), 0);
	X_IS(weir_set_add_rx(set, l->rx, l), 0);
	hand_order(p, 'w', 1);
	X_IS(weir_set_wait(set, &event, 1, WEIR_FOREVER), 1);
	X_TRUE(event.user == l && event.what == WEIR_EVENT_READ);
	x_hear_this(p, 0);
	hand_read(l->rx, from, 1);
	X_IS(weir_set_remove_rx(set, l->rx), 0);
	weir_set_close(set);
}

/* Arguments: what is lacking, the kind. Its peer lacks it too. */
static void lacking(int argc, char **argv)
{
	struct x_link l;
	struct x_peer p;
	char data[HAND_MAX];
	pthread_t thread;
	int i;

	X_IS(argc, 2);
	says(atoi(argv[0]));
	hand_link(&l, &p, atoi(argv[1]), 4096, -1);
	for (i = 0; i < 20; i++) {
		hand_order(&p, 'w', 1);
		hand_read(l.rx, (uint64_t)i, 1);
		x_hear_this(&p, 0);
	}
	hand_order(&p, 'r', 200);
	hand_write(l.tx, 20, 200);
	x_hear_this(&p, 0);
	by_handle(&l, &p, 220);
	by_set(&l, &p, 221);
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
	x_spawn(&p, &how, NULL, "lacking", number, kind, NULL);
	r = x_reap(&p);
	if (r == 77)
		x_skip("seccomp filters");
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
	if (atoi(argv[0]))
		X_TRUE(strstr(x_said(), "WEIR_WAIT") != NULL);
	else
		weir_ring_close(ring);
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
	{ name " stream", lack, CASE(what, error, X_STREAM), 0 }
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
	{ "makes", makes },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, roles);
}
