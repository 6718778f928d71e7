/* SPDX-License-Identifier: MIT */
/*
 * Symptom: weir_ring_unlink() with the name of a listener answered 0, and no
 * client found the listener any more.
 * Cause: where there is no directory of a login, sockets of listeners lie
 * beside the named rings, and it took away whatever had that name.
 */
#include "../xproc/x.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static void unlinks(int arg)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct weir_ring_options o = { .size = sizeof(o), .capacity = 4096 };
	struct weir_ring *ring;
	char name[40];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)arg;
	snprintf(name, sizeof(name), "t.%ld.unlink", (long)getpid());
	o.name = name;
	/* which makes the directory, if it is not there */
	X_IS(weir_ring_create(&ring, &o), 0);
	X_IS(weir_ring_unlink(name), 0);
	weir_ring_close(ring);
	snprintf(un.sun_path, sizeof(un.sun_path), "/dev/shm/weir-%u/%s",
		 (unsigned)geteuid(), name);
	if (bind(fd, (struct sockaddr *)&un, sizeof(un)))
		x_skip("named rings in /dev/shm");
	X_IS(weir_ring_unlink(name), -ENOENT);
	X_IS(unlink(un.sun_path), 0);
	close(fd);
}

static const struct x_case cases[] = {
	{ "unlink", unlinks, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, roles);
}
