/* SPDX-License-Identifier: MIT */
/*
 * Symptom: a forked child closed its copy of a listener whose handle had become
 * readable, and the parent's loop slept on while a client waited.
 * Cause: where no descriptor of the kernel stands for all of a listener's
 * sockets (WEIR_BACKEND=portable) the handle is a pipe, which the child shares
 * and emptied; it had been rung, and nobody would ring again.
 */
#include "../xproc/x.h"

#include <poll.h>
#include <pthread.h>
#include <sys/wait.h>

static char name[WEIR_NAME_MAX + 1];

static void *client(void *arg)
{
	struct weir_stream *s;

	X_IS(weir_stream_connect(&s, name, weir_after(X_HANG)), 0);
	weir_stream_close(s);
	return arg;
}

static void closes(int accepts)
{
	struct weir_listener *l;
	struct weir_stream *s;
	struct pollfd p = { .events = POLLIN };
	pthread_t thread;
	int status;
	pid_t pid;

	snprintf(name, sizeof(name), "t.%ld.bell", (long)getpid());
	X_IS(weir_listener_open(&l, name, NULL), 0);
	X_IS(weir_listener_handle(l, &p.fd), 0);
	X_IS(pthread_create(&thread, NULL, client, NULL), 0);
	x_step("the handle rings");
	X_IS(poll(&p, 1, -1), 1);
	pid = fork();
	if (!pid) {
		if (accepts)
			_exit(weir_listener_accept(l, &s, WEIR_NOWAIT) !=
			      -EINVAL);
		weir_listener_close(l);
		_exit(0);
	}
	X_TRUE(pid > 0 && waitpid(pid, &status, 0) == pid);
	X_IS(status, 0);
	x_step("it has not been answered");
	X_IS(poll(&p, 1, 0), 1);
	X_IS(weir_listener_accept(l, &s, weir_after(X_HANG)), 0);
	X_IS(pthread_join(thread, NULL), 0);
	weir_stream_close(s);
	weir_listener_close(l);
}

static const struct x_case cases[] = {
	{ "the child closes", closes, 0, 0 },
	{ "the child accepts", closes, 1, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	/* where there is no such descriptor */
	if (setenv("WEIR_BACKEND", "portable", 1) || unsetenv("WEIR_WAIT"))
		return 99;
	return x_main(argc, argv, cases, roles);
}
