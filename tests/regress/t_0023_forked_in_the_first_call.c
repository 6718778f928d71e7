/* SPDX-License-Identifier: MIT */
/*
 * Symptom: fork() did not return in a child, which ran at full speed for ever,
 * if another thread was in the first call of the library just then.
 * Cause: that thread was choosing a backend; the child waited for it, in the
 * handler of the fork or in its own first call, and had no such thread.
 */
#include "../xproc/x.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/wait.h>

char *__wrap_secure_getenv(const char *name);
char *__real_secure_getenv(const char *name);
int __wrap_sem_init(sem_t *s, int shared, unsigned int value);
int __real_sem_init(sem_t *s, int shared, unsigned int value);

static pthread_t chooser;
static int place;		/* 1, 2: where the thread stops; 0: nowhere */
static int stopped, forked;

static void stop_at(int here)
{
	if (place != here || !pthread_equal(pthread_self(), chooser))
		return;
	__atomic_store_n(&stopped, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&forked, __ATOMIC_ACQUIRE))
		x_pause();
}

/* Before there is a handler of forks, */
char *__wrap_secure_getenv(const char *name)
{
	stop_at(1);
	return __real_secure_getenv(name);
}

/* and when there is one. */
int __wrap_sem_init(sem_t *s, int shared, unsigned int value)
{
	stop_at(2);
	return __real_sem_init(s, shared, value);
}

static void *calls(void *arg)
{
	chooser = pthread_self();
	weir_backend();
	return arg;
}

static void in_child(void)
{
	/* without a thread that watches, which sanitizers cannot follow here */
	struct weir_ring_options o = { .size = sizeof(o),
				       .flags = WEIR_RING_PRIVATE };
	struct weir_ring *ring;
	struct weir_tx *tx;
	struct weir_rx *rx;
	int status;
	pid_t pid;

	place = 0;
	X_IS(weir_ring_create(&ring, &o), 0);
	X_IS(weir_ring_tx(ring, &tx), 0);
	X_IS(weir_ring_rx(ring, &rx), 0);
	x_step("the child forks");
	pid = fork();
	if (!pid)
		_exit(weir_tx_try_write(tx, "x", 1) != -EINVAL);
	X_TRUE(pid > 0 && waitpid(pid, &status, 0) == pid);
	X_IS(status, 0);
	X_IS(weir_tx_try_write(tx, "x", 1), 0);
	weir_ring_close(ring);
	_exit(0);
}

static void forks(int where)
{
	pthread_t thread;
	int status;
	pid_t pid;

	place = where;
	X_IS(pthread_create(&thread, NULL, calls, NULL), 0);
	x_step("the other thread is in the first call");
	while (!__atomic_load_n(&stopped, __ATOMIC_ACQUIRE))
		x_pause();
	pid = fork();
	if (!pid)
		in_child();
	X_TRUE(pid > 0 && waitpid(pid, &status, 0) == pid);
	X_IS(status, 0);
	__atomic_store_n(&forked, 1, __ATOMIC_RELEASE);
	X_IS(pthread_join(thread, NULL), 0);
	X_TRUE(weir_backend() != NULL);
}

static const struct x_case cases[] = {
	{ "no handler yet", forks, 1, 0 },
	{ "with a handler", forks, 2, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, roles);
}
