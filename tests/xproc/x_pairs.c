/* SPDX-License-Identifier: MIT */
/*
 * Every pair of {linux, linux without futex_waitv, portable} on plain, named
 * and stream rings: the two exec'd processes talk, or both refuse with -EPROTO,
 * which no deadline brings about; none hangs. Each process has its own
 * WEIR_BACKEND and its own filter, and neither is the other's parent: side a
 * makes the ring and hands it over. "Talk" means that each side was once roused from sleep by the
 * other, in both directions, and learns of the other's close.
 *
 * Prints the table.
 */
#include "x.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "../helpers/filter.h"

#define SYSTEMS 3
#define KINDS (X_STREAM + 1) /* a listener's agrees as any stream */

/* What a side says when it is ready to talk, or refuses (an error). */
#define READY 1
#define DONE 2

static const struct {
	const char *name;
	struct x_how how;
} systems[SYSTEMS] = {
	{ "linux", { "linux", NULL, 0, NULL, NULL } },
	{ "no waitv", { "linux", "futex_waitv", 0, NULL, NULL } },
	{ "portable", { "portable", NULL, 0, NULL, NULL } },
};

static void give(int fd, int what)
{
	char control[CMSG_SPACE(sizeof(int))];
	char byte = 'r';
	struct iovec iov = { &byte, 1 };
	struct msghdr msg;

	memset(&msg, 0, sizeof(msg));
	memset(control, 0, sizeof(control));
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	if (what >= 0) {
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		CMSG_FIRSTHDR(&msg)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&msg)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&msg)->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), &what, sizeof(int));
	}
	if (sendmsg(fd, &msg, MSG_NOSIGNAL) != 1)
		X_FAIL("cannot hand over: %s", strerror(errno));
}

static int take(int fd)
{
	char control[CMSG_SPACE(sizeof(int))];
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg;
	int what = -1;

	memset(&msg, 0, sizeof(msg));
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	msg.msg_control = control;
	msg.msg_controllen = sizeof(control);
	if (recvmsg(fd, &msg, MSG_CMSG_CLOEXEC) != 1)
		X_FAIL("nothing handed over: %s", strerror(errno));
	if (CMSG_FIRSTHDR(&msg))
		memcpy(&what, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return what;
}

/* Tells the error and leaves with a clean exit: a refusal is no failure. */
static void refuse(int r)
{
	if (!r)
		return;
	if (r == -EPROTO)
		x_note("    refused: %s", x_said());
	x_tell(r);
	exit(0);
}

static void make(struct x_link *l, int kind, int fd, const char *name)
{
	struct weir_ring_options o;
	char back[80];

	memset(&o, 0, sizeof(o));
	o.size = sizeof(o);
	o.capacity = 4096;
	o.spin_us = -1;
	snprintf(back, sizeof(back), "%s.b", name);
	o.name = kind == X_NAMED ? name : NULL;
	refuse(weir_ring_create(&l->out, &o));
	o.name = kind == X_NAMED ? back : NULL;
	refuse(weir_ring_create(&l->in, &o));
	give(fd, kind == X_NAMED ? -1 : weir_ring_handle(l->out));
	give(fd, kind == X_NAMED ? -1 : weir_ring_handle(l->in));
}

static int reach(struct weir_ring **ring, int fd, const char *name)
{
	int r;

	if (fd < 0)
		return weir_ring_open(ring, name);
	r = weir_ring_attach(ring, fd);
	close(fd);
	return r;
}

static void find(struct x_link *l, int fd, const char *name)
{
	char back[80];
	int in = take(fd);
	int out = take(fd);

	snprintf(back, sizeof(back), "%s.b", name);
	refuse(reach(&l->in, in, name));
	refuse(reach(&l->out, out, back));
}

static void connect_stream(struct x_link *l, int fd)
{
	struct weir_stream_options o;

	memset(&o, 0, sizeof(o));
	o.size = sizeof(o);
	o.capacity = 4096;
	o.spin_us = -1;
	o.flags = x_stream_flags();
	refuse(weir_stream_attach(&l->stream, fd, &o,
				  weir_after(X_HANG)));
	l->tx = weir_stream_tx(l->stream);
	l->rx = weir_stream_rx(l->stream);
}

static void fill_up(struct weir_tx *tx)
{
	static const char data[1000];
	int r;

	while (!(r = weir_tx_try_write(tx, data, sizeof(data))))
		;
	X_IS(r, -EAGAIN);
}

static int drain(struct weir_rx *rx)
{
	char data[1000];
	int n = 0;
	ssize_t r;

	while ((r = weir_rx_try_read(rx, data, sizeof(data))) >= 0)
		n++;
	X_IS(r, -EAGAIN);
	return n;
}

/*
 * The judge says what to do: r wait for a message, w write one, f fill, p wait
 * for room, d drain, c close, e read the end.
 */
static void obey(struct x_link *l)
{
	char byte[1000];
	int64_t word;

	for (;;) {
		word = x_listen();
		x_step("obeying '%c'", (int)word);
		if (word == 'r')
			X_IS(weir_rx_read(l->rx, byte, 1, WEIR_FOREVER), 1);
		else if (word == 'w')
			X_IS(weir_tx_try_write(l->tx, "x", 1), 0);
		else if (word == 'f')
			fill_up(l->tx);
		else if (word == 'p')
			X_IS(weir_tx_wait(l->tx, 1000, WEIR_FOREVER), 0);
		else if (word == 'd')
			X_TRUE(drain(l->rx) > 0);
		else if (word == 'e')
			X_IS(weir_rx_read(l->rx, byte, 1, WEIR_FOREVER),
			     -EPIPE);
		else
			break;
		x_tell(DONE);
	}
	l->name[0][0] = 0;
	x_part(l);
	x_tell(DONE);
}

/* side: a|b kind socket name */
static void role_side(int argc, char **argv)
{
	int maker = argv[0][0] == 'a';
	int kind = atoi(argv[1]);
	int fd = atoi(argv[2]);
	struct x_link l;

	(void)argc;
	memset(&l, 0, sizeof(l));
	l.kind = kind;
	if (kind == X_STREAM)
		connect_stream(&l, fd);
	else if (maker)
		make(&l, kind, fd, argv[3]);
	else
		find(&l, fd, argv[3]);
	close(fd);
	if (kind != X_STREAM) {
		refuse(weir_ring_tx(l.out, &l.tx));
		refuse(weir_ring_rx(l.in, &l.rx));
	}
	x_tell(READY);
	obey(&l);
}

static void let(const struct x_peer *p, int what)
{
	x_order(p, what);
	x_hear_this(p, DONE);
}

/* One direction: the reader is asleep and roused, then the writer. */
static void exercise(const struct x_peer *from, const struct x_peer *to)
{
	x_step("the reader sleeps");
	x_order(to, 'r');
	x_asleep(to->pid, to->pid);
	x_step("a message rouses the reader");
	let(from, 'w');
	x_hear_this(to, DONE);
	let(from, 'f');
	x_step("the writer sleeps");
	x_order(from, 'p');
	x_asleep(from->pid, from->pid);
	x_step("room rouses the writer");
	let(to, 'd');
	x_hear_this(from, DONE);
}

static void converse(struct x_peer *a, struct x_peer *b)
{
	exercise(a, b);
	exercise(b, a);
	x_step("b waits for the end");
	x_order(b, 'e');
	x_asleep(b->pid, b->pid);
	x_step("a closes");
	let(a, 'c');
	x_hear_this(b, DONE);
	let(b, 'c');
}

static void clean_up(int kind, const char *name)
{
	char back[80];

	snprintf(back, sizeof(back), "%s.b", name);
	if (kind == X_NAMED) {
		X_IS(weir_ring_unlink(name), 0);
		X_IS(weir_ring_unlink(back), 0);
	}
}

/* One side is another build's; who gives its name knows what to expect. */
static int foreign(void)
{
	return !!getenv("WEIR_TEST_PEER");
}

/* 1: they talk, 0: they refuse */
static int pair(int one, int two, int kind)
{
	struct x_peer a, b;
	int64_t wa, wb;
	char what[16], fd[16], name[64];
	int sockets[2], fds[2] = { -1, -1 };

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
		X_FAIL("socketpair: %s", strerror(errno));
	snprintf(what, sizeof(what), "%d", kind);
	snprintf(name, sizeof(name), "x.%d.pair", (int)getpid());
	x_step("%s with %s, %s", systems[one].name, systems[two].name,
	       x_kind[kind]);
	snprintf(fd, sizeof(fd), "%d", fds[0] = sockets[0]);
	x_spawn(&a, &systems[one].how, fds, "side", "a", what, fd, name, NULL);
	snprintf(fd, sizeof(fd), "%d", fds[0] = sockets[1]);
	x_spawn(&b, &systems[two].how, fds, "side", "b", what, fd, name, NULL);
	close(sockets[0]);
	close(sockets[1]);
	wb = x_hear(&b);
	/* of a plain ring only the second side sees both systems */
	wa = x_hear(&a);
	if (wa == READY && wb == READY) {
		converse(&a, &b);
		x_done(&a);
		x_done(&b);
		clean_up(kind, name);
		return 1;
	}
	X_IS(wb, -EPROTO);
	X_IS(wa, kind == X_STREAM ? -EPROTO : READY);
	if (wa == READY)
		let(&a, 'c');
	x_done(&a);
	x_done(&b);
	clean_up(kind, name);
	return 0;
}

static int have_filters(void)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(!!filter_install("futex_waitv", ENOSYS));
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

static void row(int which)
{
	int one = which / SYSTEMS, two = which % SYSTEMS;
	int kind, talks[KINDS];

	if ((systems[one].how.without || systems[two].how.without) &&
	    !have_filters())
		x_skip("needs seccomp filters");
	for (kind = 0; kind < KINDS; kind++)
		talks[kind] = pair(one, two, kind);
	printf("| %-8s | %-8s | %-7s | %-7s | %-7s |\n", systems[one].name,
	       systems[two].name, talks[0] ? "talk" : "refuse",
	       talks[1] ? "talk" : "refuse", talks[2] ? "talk" : "refuse");
	/* like talks with like, everywhere */
	if (one == two && !foreign() && !(talks[0] && talks[1] && talks[2]))
		X_FAIL("%s refuses its like", systems[one].name);
}

static const struct x_case cases[] = {
	{ "linux, linux", row, 0, 0 },
	{ "linux, no waitv", row, 1, 0 },
	{ "linux, portable", row, 2, 0 },
	{ "no waitv, linux", row, 3, 0 },
	{ "no waitv, no waitv", row, 4, 0 },
	{ "no waitv, portable", row, 5, 0 },
	{ "portable, linux", row, 6, 0 },
	{ "portable, no waitv", row, 7, 0 },
	{ "portable, portable", row, 8, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ "side", role_side },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	if (argc < 2)
		puts("| maker    | other    | plain   | named   | stream  |");
	fflush(stdout);
	return x_main(argc, argv, cases, roles);
}
