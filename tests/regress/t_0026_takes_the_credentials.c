/* SPDX-License-Identifier: MIT */
/*
 * Symptom: a socket of which the program wanted the senders (SO_PASSCRED) told
 * it no more of them after weir_stream_attach(), not even after one that had
 * failed.
 * Cause: the option was set for the greeting and cleared after it, whatever it
 * had been; the descriptor is a duplicate, but the socket is the caller's.
 */
#include "../xproc/x.h"

#include <sys/socket.h>

static int passes(int fd)
{
	socklen_t len = sizeof(int);
	int on = -1;

	X_IS(getsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, &len), 0);
	return on;
}

static void pair_of(int fds[2], int on)
{
	int i;

	X_IS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	for (i = 0; i < 2; i++)
		X_IS(setsockopt(fds[i], SOL_SOCKET, SO_PASSCRED, &on,
				sizeof(on)), 0);
}

static struct weir_stream_options options(void)
{
	struct weir_stream_options o = { .size = sizeof(o), .capacity = 4096,
					 .flags = x_stream_flags(),
					 .spin_us = -1 };

	return o;
}

/* Arguments: the socket, and whether it passes them. */
static void attaches(int argc, char **argv)
{
	struct weir_stream_options o = options();
	struct weir_stream *s;
	char data[8];
	int i, fd;

	X_IS(argc, 2);
	fd = atoi(argv[0]);
	X_IS(weir_stream_attach(&s, fd, &o, weir_after(X_HANG)), 0);
	X_IS(passes(fd), atoi(argv[1]));
	for (i = 0; i < 20; i++) {
		X_IS(weir_stream_read(s, data, sizeof(data), WEIR_FOREVER), 4);
		X_IS(weir_stream_write(s, data, 4, WEIR_FOREVER), 0);
	}
	x_listen();
	weir_stream_close(s);
	X_IS(passes(fd), atoi(argv[1]));
}

static void attached(int on)
{
	struct weir_stream_options o = options();
	int fds[2], give[2] = { -1, -1 };
	char number[16], passing[16];
	struct weir_stream *s;
	struct x_peer p;
	char data[8];
	int i;

	pair_of(fds, on);
	snprintf(number, sizeof(number), "%d", fds[1]);
	snprintf(passing, sizeof(passing), "%d", on);
	give[0] = fds[1];
	x_spawn(&p, NULL, give, "attaches", number, passing, NULL);
	close(fds[1]);
	X_IS(weir_stream_attach(&s, fds[0], &o, weir_after(X_HANG)), 0);
	X_IS(passes(fds[0]), on);
	for (i = 0; i < 20; i++) {
		X_IS(weir_stream_write(s, "weir", 4, WEIR_FOREVER), 0);
		X_IS(weir_stream_read(s, data, sizeof(data), WEIR_FOREVER), 4);
	}
	weir_stream_close(s);
	X_IS(passes(fds[0]), on);
	x_order(&p, 0);
	x_done(&p);
	close(fds[0]);
}

/* Nobody greets, and then somebody says something else. */
static void failed(int on)
{
	struct weir_stream_options o = options();
	struct weir_stream *s;
	char garbage[128];
	int fds[2];

	pair_of(fds, on);
	X_IS(weir_stream_attach(&s, fds[0], &o, weir_after(1000000)),
	     -ETIMEDOUT);
	X_IS(passes(fds[0]), on);
	memset(garbage, 0x55, sizeof(garbage));
	X_IS(send(fds[1], garbage, sizeof(garbage), 0), sizeof(garbage));
	X_IS(weir_stream_attach(&s, fds[0], &o, weir_after(X_HANG)), -EPROTO);
	X_IS(passes(fds[0]), on);
	close(fds[0]);
	close(fds[1]);
}

static const struct x_case cases[] = {
	{ "attached, passing", attached, 1, 0 },
	{ "attached", attached, 0, 0 },
	{ "failed, passing", failed, 1, 0 },
	{ "failed", failed, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ "attaches", attaches },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, roles);
}
