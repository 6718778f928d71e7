/* SPDX-License-Identifier: MIT */
/*
 * Symptom: a process died, and the other side of a connection was not told
 * while a child lived that had been forked during the handshake (no pidfd: the
 * portable backend, older kernels).
 * Cause: the handler of the fork knew the sockets of streams, and not those of
 * streams in the making, so the child had a copy.
 */
#include "../xproc/x.h"

#include <pthread.h>
#include <sys/socket.h>

static void *attaches(void *arg)
{
	struct weir_stream_options o = { .size = sizeof(o), .capacity = 4096,
					 .flags = x_stream_flags() };
	struct weir_stream *s;

	X_IS(weir_stream_attach(&s, *(int *)arg, &o, weir_after(X_HANG)), 0);
	x_tell(1);
	pause();
	return arg;
}

/* Argument: the socket. */
static void parent(int argc, char **argv)
{
	int socket = atoi(argv[0]);
	pthread_t thread;
	pid_t pid;

	X_IS(argc, 1);
	X_IS(pthread_create(&thread, NULL, attaches, &socket), 0);
	x_quiet(NULL, 0);
	pid = fork();
	/* as a program would that has no business with it */
	close(socket);
	while (!pid)
		pause();
	x_tell(pid);
	x_listen();
}

static void dies(int arg)
{
	/* which sends no pidfd */
	struct x_how how = { .backend = "portable" };
	struct weir_stream_options o = { .size = sizeof(o), .capacity = 4096 };
	struct weir_stream *s;
	int pair[2], give[2] = { -1, -1 };
	struct x_peer p;
	char data[8];
	pid_t pid;

	(void)arg;
	X_IS(unsetenv("WEIR_WAIT"), 0);
	o.flags = x_stream_flags();
	X_IS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	give[0] = pair[0];
	snprintf(data, sizeof(data), "%d", pair[0]);
	x_spawn(&p, &how, give, "parent", data, NULL);
	close(pair[0]);
	pid = (pid_t)x_hear(&p);
	X_TRUE(pid > 0);
	X_IS(weir_stream_attach(&s, pair[1], &o, weir_after(X_HANG)), 0);
	x_hear_this(&p, 1);
	close(pair[1]);
	x_signal(&p, SIGKILL);
	X_IS(weir_stream_read(s, data, sizeof(data), weir_after(X_HANG)),
	     -EOWNERDEAD);
	X_IS(x_reap(&p), -SIGKILL);
	X_IS(kill(pid, SIGKILL), 0);
	while (!kill(pid, 0))
		x_pause();
	weir_stream_close(s);
}

static const struct x_case cases[] = {
	{ "attach", dies, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ "parent", parent },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, roles);
}
