/* SPDX-License-Identifier: MIT */
/*
 * Symptom: a forked child hung in weir_ring_rx() on a ring that nobody had
 * claimed for reading, or in a call that says something to the log.
 * Cause: another thread of the parent had held the lock of the ring, or of the
 * log, at the moment of the fork; in the child nobody drops it.
 *
 * Symptom: meanwhile the parent, which closed its end and claimed it again,
 * was told -EBUSY.
 * Cause: the child had a copy of the claim's lock: for good, if it was forked
 * between the claim and the handler's list, else until its handler ran.
 */
#include "../xproc/x.h"

#include <pthread.h>
#include <sys/wait.h>

#define FORKS 100

static struct weir_ring *ring;
static int done;

static void *claims(void *arg)
{
	struct weir_tx *tx;

	while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
		X_IS(weir_ring_tx(ring, &tx), 0);
		weir_tx_close(tx);
	}
	return arg;
}

static void *logs(void *arg)
{
	while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE))
		weir_log_set(NULL, NULL);
	return arg;
}

static void use_ring(void)
{
	struct weir_rx *rx;

	X_IS(weir_ring_rx(ring, &rx), 0);
	weir_rx_close(rx);
}

static void use_log(void)
{
	weir_log_set(NULL, NULL);
	X_IS(weir_ring_open(&ring, "t.no.such.ring"), -ENOENT);
}

static void child(void (*use)(void), int number)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		x_step("child %d", number);
		use();
		_exit(0);
	}
	X_TRUE(pid > 0 && waitpid(pid, &status, 0) == pid);
	X_IS(status, 0);
}

/* Whether the lock is held at a fork is chance; so there are many. */
static void forks(int arg)
{
	struct weir_ring_options o = { .size = sizeof(o), .capacity = 4096 };
	pthread_t thread;
	int i;

	if (arg && X_TSAN)
		x_skip("ThreadSanitizer cannot follow threads that a child of "
		       "many threads starts");
	if (arg && X_ASAN)
		x_skip("in a child that is forked while a thread starts "
		       "AddressSanitizer can hang by itself");
	if (arg && getenv("WEIR_EMULATOR"))
		x_skip("an emulator, too, can hang in such a child");
	X_IS(weir_ring_create(&ring, &o), 0);
	X_IS(pthread_create(&thread, NULL, arg ? claims : logs, NULL), 0);
	for (i = 0; i < FORKS; i++)
		child(arg ? use_ring : use_log, i);
	__atomic_store_n(&done, 1, __ATOMIC_RELEASE);
	X_IS(pthread_join(thread, NULL), 0);
	weir_ring_close(ring);
}

static const struct x_case cases[] = {
	{ "the log", forks, 0, 0 },
	{ "a ring", forks, 1, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, roles);
}
