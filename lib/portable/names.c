/* SPDX-License-Identifier: MIT */
/*
 * Where named rings and listeners lie: weir-UID in a directory of shared
 * memory, or in /tmp where there is none, and for listeners first the directory
 * of the user's login; never chosen by the environment. Mode 0700 and owner are
 * checked at each use, because anybody may have made it first.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "portable.h"

static const char *root(void)
{
	struct stat st;

	if (!stat("/dev/shm", &st) && S_ISDIR(st.st_mode))
		return "/dev/shm";
	return "/tmp";
}

static void path_of(char *path, size_t size)
{
	snprintf(path, size, "%s/weir-%lu", root(), (unsigned long)geteuid());
}

static int check_dir(int fd, const char *path)
{
	struct stat st;

	if (fstat(fd, &st))
		return weir_posix_error(errno);
	if (st.st_uid == geteuid() && !(st.st_mode & 077))
		return 0;
	weir_log(WEIR_LOG_ERROR,
		 "refused: %s is not this user's own, mode 0700", path);
	return -EACCES;
}

/* Nor is a link one, whatever it leads to. */
static int no_dir(int error, const char *path)
{
	if (error != ENOTDIR && error != ELOOP)
		return weir_posix_error(error);
	weir_log(WEIR_LOG_ERROR, "refused: %s is not a directory", path);
	return -EACCES;
}

int weir_posix_names_dir(void)
{
	char path[64];
	int fd, r;

	path_of(path, sizeof(path));
	if (mkdir(path, 0700) && errno != EEXIST)
		return weir_posix_error(errno);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return no_dir(errno, path);
	r = check_dir(fd, path);
	if (r) {
		close(fd);
		return r;
	}
	return fd;
}

/* The directory that a login made for its user, or none. */
static int login_dir(void)
{
	char path[64];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "/run/user/%lu", (unsigned long)geteuid());
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -ENOENT;
	if (!fstat(fd, &st) && st.st_uid == geteuid() && !(st.st_mode & 077))
		return fd;
	close(fd);
	return -ENOENT;
}

/*
 * Where listeners lie: 0 in the login's directory, else 1 beside the rings. A
 * process of the same user may have been started without a login, so who looks
 * for a listener looks in both. Fills the path, and returns a descriptor.
 */
int weir_posix_names_sockets(unsigned int which, int make, char *path,
			     size_t size)
{
	int dir, fd, r;

	if (which) {
		path_of(path, size);
		return weir_posix_names_dir();
	}
	snprintf(path, size, "/run/user/%lu/weir", (unsigned long)geteuid());
	dir = login_dir();
	if (dir < 0)
		return dir;
	if (make)
		/* It may be there; what it is, is checked below. */
		(void)!mkdirat(dir, "weir", 0700);
	fd = openat(dir, "weir",
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = fd < 0 ? no_dir(errno, path) : check_dir(fd, path);
	close(dir);
	if (!r)
		return fd;
	if (fd >= 0)
		close(fd);
	return r;
}

/* The file of that name: this user's, and a file. */
int weir_posix_names_file(const char *name)
{
	int dir = weir_posix_names_dir();
	struct stat st;
	int fd, r = 0;

	if (dir < 0)
		return dir;
	fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		r = errno == EISDIR || errno == ENXIO ? -EPROTO :
							weir_posix_error(errno);
	close(dir);
	if (r)
		return r;
	if (fstat(fd, &st))
		r = weir_posix_error(errno);
	else if (!S_ISREG(st.st_mode))
		r = -EPROTO;
	else if (st.st_uid != geteuid())
		r = -EACCES;
	if (r) {
		close(fd);
		return r;
	}
	return fd;
}

/*
 * Whether a descriptor that was handed over is a file of that directory; the
 * kernel's word for it, where it has one. Also true when its name has gone.
 */
int weir_posix_names_has(int fd, uint32_t owner)
{
	char link[64], dir[80], path[PATH_MAX];
	ssize_t n;

	if (owner != geteuid())
		return 0;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return 0;
	path[n] = '\0';
	path_of(dir, sizeof(dir) - 1);
	strcat(dir, "/");
	return !strncmp(path, dir, strlen(dir));
}
