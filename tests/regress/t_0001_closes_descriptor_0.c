/* SPDX-License-Identifier: MIT */
/*
 * Symptom: after a stream was closed, standard input was, too, or whatever had
 * descriptor 0 by then.
 * Cause: where both sides sleep on words, the pipe of the other way is not
 * made, and its two ends stood at 0 instead of at WEIR_HANDLE_NONE.
 */
#include "../xproc/x.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>

static void *attach_and_close(void *arg)
{
	struct weir_stream *stream;
	int error;

	error = weir_stream_attach(&stream, *(int *)arg, NULL,
				   weir_after(20 * (int64_t)1000000000));
	if (error) {
		fprintf(stderr, "attach: %s\n", weir_strerror(error));
		return arg;
	}
	weir_stream_close(stream);
	return NULL;
}

int main(void)
{
	int null = open("/dev/null", O_RDONLY), pair[2];
	pthread_t thread;
	void *failed, *other;

	if (null < 0 || dup2(null, 0) || socketpair(AF_UNIX, SOCK_STREAM, 0,
						    pair))
		return 99;
	if (pthread_create(&thread, NULL, attach_and_close, &pair[0]))
		return 99;
	failed = attach_and_close(&pair[1]);
	pthread_join(thread, &other);
	if (failed || other)
		return x_refused() ? 77 : 1;
	if (fcntl(0, F_GETFD) < 0) {
		fprintf(stderr, "descriptor 0 is closed\n");
		return 1;
	}
	return 0;
}
