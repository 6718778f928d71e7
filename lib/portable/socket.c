/* SPDX-License-Identifier: MIT */
/*
 * Sockets with a name: who listens, who connects, who is to be let in next.
 *
 * The socket of a listener that died stays in its directory and refuses
 * connections. Whoever wants the name locks the directory, asks the socket that
 * is there whether it lives, and only then takes its place: of two that start
 * at once one gets the name and the other is told. The lock is the kernel's
 * (flock of the directory) and goes with its holder; nothing but the socket
 * lies in the directory. Between taking the old socket away and listening on
 * the new one a client finds nobody, as it did a moment before.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "portable.h"

/* For the directory's lock, in milliseconds; it is held for microseconds, and
   only somebody who means harm keeps it. Arbitrary. */
#define LOCK_MS 1000

static int new_socket(void)
{
	int fd;

#ifdef SOCK_CLOEXEC
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
#else
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd >= 0)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
#endif
	return fd < 0 ? weir_posix_error(errno) : fd;
}

static int no_waiting(int fd, int on)
{
	int flags = fcntl(fd, F_GETFL);

	flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return fcntl(fd, F_SETFL, flags) ? weir_posix_error(errno) : 0;
}

static void to_address(struct sockaddr_un *un, const char *path)
{
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	snprintf(un->sun_path, sizeof(un->sun_path), "%s", path);
}

/* paths */

static int is_path(const char *name)
{
	return strchr(name, '/') != NULL;
}

/* The directory, open, and the path in it, for place 0 or 1 of a name. */
static int locate(const char *name, unsigned int place, int make, char *path)
{
	const char *slash = strrchr(name, '/');
	char dir[WEIR_PATH_MAX];
	int fd, len;

	if (slash) {
		if (place)
			return -ENOENT;
		snprintf(path, WEIR_PATH_MAX, "%s", name);
		/* "/x" lies in "/" */
		len = slash == name ? 1 : (int)(slash - name);
		snprintf(dir, sizeof(dir), "%.*s", len, name);
		fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return errno == ENOTDIR ? -ENOENT :
						  weir_posix_error(errno);
		return fd;
	}
	fd = weir_posix_names_sockets(place, make, dir, sizeof(dir));
	if (fd >= 0)
		snprintf(path, WEIR_PATH_MAX, "%.40s/%s", dir, name);
	return fd;
}

static int check_name(const char *name)
{
	size_t len = strlen(name);

	if (!is_path(name))
		return weir_name_check(name);
	if (name[len - 1] == '/')
		return -EINVAL;
	if (len < sizeof(((struct sockaddr_un *)0)->sun_path) &&
	    len < WEIR_PATH_MAX)
		return 0;
	weir_log(WEIR_LOG_ERROR, "a path longer than a socket can have: %s",
		 name);
	return -EINVAL;
}

/* who is there */

/* As far as the kernel noted it when the two were connected. */
static void who_is(int fd, struct weir_peer *peer)
{
	*peer = (struct weir_peer){ .pid = -1, .uid = UINT32_MAX,
				    .gid = UINT32_MAX };
#ifdef SO_PEERCRED
	{
		struct ucred cred;
		socklen_t len = sizeof(cred);

		if (!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len)) {
			peer->pid = cred.pid;
			peer->uid = cred.uid;
			peer->gid = cred.gid;
		}
	}
#else
	(void)fd;
#endif
	weir_posix_label(peer);
}

/*
 * Whether somebody listens at the path: -EADDRINUSE. 0: nothing is there; 1:
 * the remains of somebody; -EEXIST: something that is no socket.
 */
static int probe(const char *path)
{
	struct sockaddr_un un;
	struct stat st;
	int fd, r;

	if (lstat(path, &st))
		return errno == ENOENT ? 0 : weir_posix_error(errno);
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = new_socket();
	if (fd < 0)
		return fd;
	to_address(&un, path);
	r = no_waiting(fd, 1);
	if (!r && !connect(fd, (struct sockaddr *)&un, sizeof(un)))
		r = -EADDRINUSE;
	else if (!r)
		r = errno;
	close(fd);
	switch (r) {
	case ECONNREFUSED:
		return 1;
	case ENOENT:
		return 0;
	case EAGAIN:		/* its queue is full */
	case EPROTOTYPE:	/* it listens for something else */
		return -EADDRINUSE;
	}
	return r < 0 ? r : weir_posix_error(r);
}

/* to listen */

static int lock_dir(int dir)
{
	int i;

	for (i = 0; i < LOCK_MS; i++) {
		if (!flock(dir, LOCK_EX | LOCK_NB))
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return weir_posix_error(errno);
		poll(NULL, 0, 1);
	}
	weir_log(WEIR_LOG_ERROR, "somebody keeps the directory locked");
	return -EADDRINUSE;
}

static int bind_here(struct weir_address *a, int fd)
{
	struct sockaddr_un un;
	struct stat st;

	to_address(&un, a->path);
	if (bind(fd, (struct sockaddr *)&un, sizeof(un)))
		return weir_posix_error(errno);
	/* Not what the umask says: who may try is the caller's choice. Nobody
	   can connect before it listens. */
	if (chmod(a->path, a->everybody ? 0666 : 0600) || lstat(a->path, &st) ||
	    listen(fd, a->backlog)) {
		int r = weir_posix_error(errno);

		unlink(a->path);
		return r;
	}
	a->device = (uint64_t)st.st_dev;
	a->inode = (uint64_t)st.st_ino;
	a->socket = fd;
	return 0;
}

static int take_place(struct weir_address *a)
{
	int fd, r;

	r = probe(a->path);
	if (r < 0)
		return r;
	if (r && unlink(a->path) && errno != ENOENT)
		return weir_posix_error(errno);
	fd = new_socket();
	if (fd < 0)
		return fd;
	r = no_waiting(fd, 1);
	if (!r)
		r = bind_here(a, fd);
	if (r)
		close(fd);
	return r;
}

/* Nobody may listen in the place that this process would not choose. */
static int other_place(const char *name, unsigned int place)
{
	char path[WEIR_PATH_MAX];
	int dir = locate(name, place, 0, path);
	int r;

	if (dir < 0)
		return 0;
	r = probe(path);
	close(dir);
	return r == -EADDRINUSE ? r : 0;
}

static int listen_at(struct weir_address *a)
{
	unsigned int place = 0;
	int dir, r;

	dir = locate(a->name, place, 1, a->path);
	/* Not after a refusal: clients are refused there, too. */
	if (dir == -ENOENT && !is_path(a->name))
		dir = locate(a->name, ++place, 1, a->path);
	if (dir < 0)
		return dir;
	r = lock_dir(dir);
	if (!r && !is_path(a->name))
		r = other_place(a->name, !place);
	if (!r)
		r = take_place(a);
	if (r == -EADDRINUSE)
		weir_log(WEIR_LOG_ERROR, "somebody listens at %s", a->path);
	if (r)
		a->path[0] = '\0';
	/* This drops the lock, too. */
	close(dir);
	return r;
}

/* A socket that somebody else made to listen: checked, and duplicated. */
static int adopt(struct weir_address *a)
{
	int listens = 0, type = 0, fd;
	struct sockaddr_un un;
	socklen_t len = sizeof(listens);

	memset(&un, 0, sizeof(un));
	if (getsockopt(a->given, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len))
		return weir_posix_error(errno);
	len = sizeof(type);
	if (getsockopt(a->given, SOL_SOCKET, SO_TYPE, &type, &len))
		return weir_posix_error(errno);
	len = sizeof(un);
	if (getsockname(a->given, (struct sockaddr *)&un, &len))
		return weir_posix_error(errno);
	if (!listens || un.sun_family != AF_UNIX || type != SOCK_STREAM)
		return -EINVAL;
	fd = fcntl(a->given, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return errno == EINVAL ? -EMFILE : weir_posix_error(errno);
	if (no_waiting(fd, 1)) {
		close(fd);
		return -EINVAL;
	}
	a->path[0] = '\0';
	a->socket = fd;
	return 0;
}

static void leave(struct weir_address *a)
{
	char path[WEIR_PATH_MAX];
	struct stat st;
	int dir = -1;

	if (a->path[0]) {
		dir = locate(a->path, 0, 0, path);
		if (dir >= 0)
			lock_dir(dir);
		if (!lstat(a->path, &st) && (uint64_t)st.st_dev == a->device &&
		    (uint64_t)st.st_ino == a->inode)
			unlink(a->path);
		if (dir >= 0)
			close(dir);
	}
	close(a->socket);
}

/* to connect */

static int set_patience(int fd, int64_t deadline)
{
	struct timeval tv = { 0, 0 };
	int64_t left;

	if (deadline != WEIR_FOREVER) {
		left = deadline - weir_posix_now();
		if (left <= 0)
			return no_waiting(fd, 1);
		tv.tv_sec = (time_t)(left / 1000000000);
		tv.tv_usec = (suseconds_t)(left % 1000000000 / 1000) + 1;
		if (tv.tv_usec > 999999) {
			tv.tv_sec++;
			tv.tv_usec = 0;
		}
	}
	/* What a connect to a full queue waits for. */
	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) ?
		       weir_posix_error(errno) : 0;
}

static int connect_once(int fd, const char *path, int64_t deadline)
{
	struct sockaddr_un un;
	int r;

	to_address(&un, path);
	do {
		r = set_patience(fd, deadline);
		if (r)
			return r;
		r = connect(fd, (struct sockaddr *)&un, sizeof(un));
	} while (r && errno == EINTR);
	if (!r)
		return 0;
	if (errno == EAGAIN) {
		weir_log(WEIR_LOG_ERROR, "the listener's queue is full: %s",
			 path);
		return deadline == WEIR_NOWAIT ? -EAGAIN : -ETIMEDOUT;
	}
	if (errno == ENOTDIR)
		return -ENOENT;
	return errno == EPROTOTYPE || errno == ENOTSOCK ?
		       -ECONNREFUSED : weir_posix_error(errno);
}

static int connect_place(struct weir_address *a, unsigned int place,
			 int64_t deadline)
{
	int fd, dir = -1, r;

	if (is_path(a->name)) {
		/* No need to read the directory. */
		if (place)
			return -ENOENT;
		snprintf(a->path, sizeof(a->path), "%s", a->name);
	} else {
		dir = locate(a->name, place, 0, a->path);
		if (dir < 0)
			return dir;
		close(dir);
	}
	fd = new_socket();
	if (fd < 0)
		return fd;
	r = connect_once(fd, a->path, deadline);
	if (r) {
		close(fd);
		return r;
	}
	who_is(fd, &a->peer);
	a->socket = fd;
	return 0;
}

static int connect_to(struct weir_address *a, int64_t deadline)
{
	int r, second;

	r = connect_place(a, 0, deadline);
	if (r != -ENOENT && r != -ECONNREFUSED)
		return r;
	second = connect_place(a, 1, deadline);
	/* Remains in one place tell more than nothing in the other. */
	return second == -ENOENT ? r : second;
}

int weir_posix_socket(struct weir_address *a, enum weir_socket what,
		      int64_t deadline)
{
	int r;

	if (what == WEIR_SOCKET_CLOSE) {
		leave(a);
		return 0;
	}
	a->socket = WEIR_HANDLE_NONE;
	a->uid = (uint32_t)geteuid();
	if (what == WEIR_SOCKET_LISTEN && a->given != WEIR_HANDLE_NONE)
		return adopt(a);
	r = check_name(a->name);
	if (r)
		return r;
	return what == WEIR_SOCKET_LISTEN ? listen_at(a) :
					    connect_to(a, deadline);
}

int weir_posix_accept(weir_handle *socket, weir_handle listening,
		      struct weir_peer *peer)
{
	int fd;

	do {
#ifdef SOCK_CLOEXEC
		fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
#else
		fd = accept(listening, NULL, NULL);
#endif
	} while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return errno == ECONNABORTED || errno == EWOULDBLOCK ?
			       -EAGAIN : weir_posix_error(errno);
#ifndef SOCK_CLOEXEC
	fcntl(fd, F_SETFD, FD_CLOEXEC);
#endif
	who_is(fd, peer);
	*socket = fd;
	return 0;
}
