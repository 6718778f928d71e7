/* SPDX-License-Identifier: MIT */
/*
 * Symptom: a double free, or a crash, when armed ends of plain rings were
 * closed by two threads at once.
 * Cause: ends share a thread of the library that sleeps for them; whether it
 * was the last to leave it each looked behind the lock, and both were.
 *
 * As the system has it, and where that is without such a thread, by
 * WEIR_WAIT=waitv with it.
 */
#include "../xproc/x.h"

#include <pthread.h>
#include <sys/wait.h>

#define THREADS 3
#define ROUNDS 1500

static int once(void)
{
	struct weir_ring_options o = { .size = sizeof(o), .capacity = 4096 };
	struct weir_ring *ring;
	struct weir_rx *rx;
	int r;

	r = weir_ring_create(&ring, &o);
	if (r)
		return r;
	r = weir_ring_rx(ring, &rx);
	if (!r)
		r = weir_rx_arm(rx);
	weir_ring_close(ring);
	return r;
}

static void *turns(void *arg)
{
	int *result = arg, i;

	for (i = 0; i < ROUNDS && !*result; i++)
		*result = once();
	return NULL;
}

static int all(void)
{
	pthread_t threads[THREADS];
	int results[THREADS] = { 0 };
	int i, failed = 0;

	if (x_refused())
		return 77;
	if (once() == -ENOSYS) {
		printf("SKIP: no ring between processes is to be had here\n");
		return 77;
	}
	for (i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, turns, &results[i]))
			return 99;
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		if (results[i])
			printf("%s\n", weir_strerror(results[i]));
		failed |= results[i];
	}
	return !!failed;
}

/* The choice is made once in a process. */
static int by(const char *wait)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		if (wait && setenv("WEIR_WAIT", wait, 0))
			_exit(99);
		exit(all());
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 99;
	if (!WIFEXITED(status))
		printf("killed by signal %d\n", WTERMSIG(status));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(void)
{
	int usual = by(NULL), threads;

	if (usual)
		return usual;
	threads = by("waitv");
	if (threads != 77)
		return threads;
	x_skipped("waitv", "WEIR_WAIT=waitv is not to be had");
	return 0;
}
