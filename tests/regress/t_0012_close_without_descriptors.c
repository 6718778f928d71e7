/* SPDX-License-Identifier: MIT */
/*
 * Symptom: a program that had run out of descriptors closed a ring and was
 * aborted: "libgcc_s.so.1 must be installed for pthread_exit to work".
 * Cause: the thread that watches the other end is cancelled, for which the C
 * library loads a library at the first time.
 *
 * Symptom: a program whose first call of the library fell into such a moment
 * had no claims by locks of files, and took memory without seals, ever after.
 * Cause: that the trial of either failed was taken for the system's answer.
 */
#include "../xproc/x.h"

#include <sys/resource.h>
#include <sys/wait.h>

static rlim_t descriptors(rlim_t n)
{
	struct rlimit limit;
	rlim_t was;

	X_IS(getrlimit(RLIMIT_NOFILE, &limit), 0);
	was = limit.rlim_cur;
	limit.rlim_cur = n;
	X_IS(setrlimit(RLIMIT_NOFILE, &limit), 0);
	return was;
}

static void closes(int arg)
{
	struct weir_ring_options o = { .size = sizeof(o), .capacity = 4096 };
	struct weir_ring *ring;
	struct weir_tx *tx;
	struct weir_rx *rx;
	rlim_t was;

	(void)arg;
	X_IS(weir_ring_create(&ring, &o), 0);
	X_IS(weir_ring_tx(ring, &tx), 0);
	X_IS(weir_ring_rx(ring, &rx), 0);
	was = descriptors(0);
	weir_ring_close(ring);
	/* for what looks for leaks */
	descriptors(was);
}

/* The first call, with so many descriptors to be had. */
static void begins(int free_ones)
{
	int fd, status, lowest;
	char *there = x_share(&fd, 256);
	pid_t pid = fork();
	rlim_t was;

	if (!pid) {
		snprintf(there, 256, "%s", weir_backend());
		_exit(0);
	}
	X_TRUE(pid > 0 && waitpid(pid, &status, 0) == pid);
	lowest = dup(fd);
	X_TRUE(lowest > 0 && !close(lowest));
	was = descriptors((rlim_t)(lowest + free_ones));
	if (strcmp(weir_backend(), there))
		X_FAIL("without descriptors \"%s\", with \"%s\"",
		       weir_backend(), there);
	descriptors(was);
}

static const struct x_case cases[] = {
	{ "ring", closes, 0, 0 },
	{ "the first call", begins, 0, 0 },
	{ "the first call, with one", begins, 1, 0 },
	{ "the first call, with two", begins, 2, 0 },
	{ "the first call, with three", begins, 3, 0 },
	{ "the first call, with four", begins, 4, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, roles);
}
