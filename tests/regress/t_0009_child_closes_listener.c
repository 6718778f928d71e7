/* SPDX-License-Identifier: MIT */
/*
 * Symptom: a forked child closed its copy of a listener that was in a set, and
 * the parent's set was never told of a client again; a child that had closed
 * its copy of the set first read memory that was freed.
 * Cause: the child's copy took itself out of the set, whose epoll is the same
 * open file in both processes.
 */
#include "../xproc/x.h"

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

static void in_child(struct weir_set *set, struct weir_listener *l,
		     int set_first)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (set_first)
			weir_set_close(set);
		weir_listener_close(l);
		if (!set_first)
			weir_set_close(set);
		_exit(0);
	}
	X_TRUE(pid > 0 && waitpid(pid, &status, 0) == pid);
	X_IS(status, 0);
}

static void closes(int set_first)
{
	struct weir_event e = { NULL, 0, 0 };
	struct weir_listener *l;
	struct weir_stream *s;
	struct weir_set *set;
	pthread_t thread;

	snprintf(name, sizeof(name), "t.%ld.child", (long)getpid());
	X_IS(weir_listener_open(&l, name, NULL), 0);
	X_IS(weir_set_create(&set, NULL), 0);
	X_IS(weir_set_add_listener(set, l, l), 0);
	X_IS(weir_set_wait(set, &e, 1, WEIR_NOWAIT), -EAGAIN);
	in_child(set, l, set_first);
	X_IS(pthread_create(&thread, NULL, client, NULL), 0);
	X_IS(weir_set_wait(set, &e, 1, weir_after(X_HANG)), 1);
	X_IS(e.what, WEIR_EVENT_ACCEPT);
	X_IS(weir_listener_accept(l, &s, weir_after(X_HANG)), 0);
	X_IS(pthread_join(thread, NULL), 0);
	weir_stream_close(s);
	weir_listener_close(l);
	weir_set_close(set);
}

static const struct x_case cases[] = {
	{ "the listener first", closes, 0, 0 },
	{ "the set first", closes, 1, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, roles);
}
