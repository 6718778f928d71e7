/* SPDX-License-Identifier: MIT */
/*
 * Symptom: a client read -EPIPE from a server that lived and had not closed: a
 * child that another thread of it had forked, while the client was being let
 * in, had closed its copy of the listener.
 * Cause: the handler of the fork knew the socket of a stream in the making, but
 * not its ends, so that the child's copies said "closed" in shared memory.
 */
#include "../xproc/x.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#define CHILDREN 16

int __wrap_eventfd(unsigned int count, int flags);
int __real_eventfd(unsigned int count, int flags);
int __wrap_pipe(int fds[2]);
int __real_pipe(int fds[2]);

static char name[WEIR_NAME_MAX + 1];
static struct weir_listener *listener;
static struct weir_stream *client;
static pthread_t accepts;
static int armed, go[2];
static pid_t children[CHILDREN];
static int forked;

/* Wherever who lets in makes a descriptor for an end, as another thread might
   fork; the child waits until the stream has been made. */
static void fork_here(void)
{
	char byte;
	pid_t pid;

	if (!pthread_equal(pthread_self(), accepts) || !armed ||
	    forked == CHILDREN)
		return;
	pid = fork();
	if (!pid) {
		close(go[1]);
		if (read(go[0], &byte, 1) < 0)
			_exit(1);
		weir_listener_close(listener);
		_exit(0);
	}
	if (pid > 0)
		children[forked++] = pid;
}

int __wrap_eventfd(unsigned int count, int flags)
{
	int fd = __real_eventfd(count, flags);

	fork_here();
	return fd;
}

int __wrap_pipe(int fds[2])
{
	int r = __real_pipe(fds);

	fork_here();
	return r;
}

static void *connects(void *arg)
{
	X_IS(weir_stream_connect(&client, name, weir_after(X_HANG)), 0);
	return arg;
}

static void closes(int arg)
{
	struct weir_stream *s = NULL;
	pthread_t thread;
	int i, status;
	char data[8];

	(void)arg;
	snprintf(name, sizeof(name), "t.%ld.ends", (long)getpid());
	X_IS(weir_listener_open(&listener, name, NULL), 0);
	X_IS(pipe(go), 0);
	accepts = pthread_self();
	X_IS(pthread_create(&thread, NULL, connects, NULL), 0);
	armed = 1;
	X_IS(weir_listener_accept(listener, &s, weir_after(X_HANG)), 0);
	X_IS(pthread_join(thread, NULL), 0);
	armed = 0;
	close(go[1]);
	if (!forked)
		x_skip("needs ends that have a descriptor each");
	for (i = 0; i < forked; i++) {
		X_TRUE(waitpid(children[i], &status, 0) == children[i]);
		X_IS(status, 0);
	}
	X_IS(weir_stream_read(client, data, sizeof(data), WEIR_NOWAIT),
	     -EAGAIN);
	X_IS(weir_stream_read(s, data, sizeof(data), WEIR_NOWAIT), -EAGAIN);
	weir_stream_close(client);
	weir_stream_close(s);
	weir_listener_close(listener);
}

static const struct x_case cases[] = {
	{ "the child closes", closes, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	/* whose ends have them */
	if (setenv("WEIR_WAIT", "socket", 1))
		return 99;
	return x_main(argc, argv, cases, roles);
}
