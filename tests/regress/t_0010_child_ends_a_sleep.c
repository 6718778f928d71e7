/* SPDX-License-Identifier: MIT */
/*
 * Symptom: an end was armed, its process forked, the child called a waiting
 * call on its copy, which answered -EINVAL as it must; and the parent's handle
 * was never readable again.
 * Cause: before it looked, the call ended the armed sleep, by a store of
 * "awake" into the half that parent and child have in common.
 */
#include "../xproc/hand.h"

#include <poll.h>
#include <sys/wait.h>

static void in_child(struct x_link *l)
{
	char data[8];
	int status;
	pid_t pid = fork();

	if (!pid) {
		X_IS(weir_rx_read(l->rx, data, 8, weir_after(X_HANG)), -EINVAL);
		X_IS(weir_rx_wait(l->rx, WEIR_NOWAIT), -EINVAL);
		X_IS(weir_rx_arm(l->rx), -EINVAL);
		_exit(0);
	}
	X_TRUE(pid > 0 && waitpid(pid, &status, 0) == pid);
	X_IS(status, 0);
}

static void armed(int kind)
{
	struct pollfd fd = { .events = POLLIN };
	struct x_link l;
	struct x_peer p;

	hand_link(&l, &p, kind, 4096, -1);
	X_IS(weir_rx_handle(l.rx, &fd.fd), 0);
	X_IS(weir_rx_arm(l.rx), 0);
	in_child(&l);
	hand_do(&p, 'w', 1);
	if (poll(&fd, 1, X_HANG / 1000000) != 1)
		X_FAIL("a message has come, and the handle shows nothing");
	hand_read(l.rx, 0, 1);
	hand_order(&p, 'c', 0);
	x_hear_this(&p, 0);
	x_done(&p);
	x_part(&l);
}

static const struct x_case cases[] = {
	{ "plain", armed, X_PLAIN, 0 },
	{ "named", armed, X_NAMED, 0 },
	{ "stream", armed, X_STREAM, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ "hand", hand_role },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, roles);
}
