/* SPDX-License-Identifier: MIT */
/*
 * Shared memory on POSIX systems: a memfd with seals where there are such
 * things, else an object of shm_open whose name is taken away at once. All of
 * it is allocated before it is mapped, so that want of memory is an error of
 * the call that makes it and never a SIGBUS later.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "portable.h"

#ifdef MFD_CLOEXEC
#ifndef MFD_NOEXEC_SEAL /* since Linux 6.3; bookworm's headers lack it */
#define MFD_NOEXEC_SEAL 8u
#endif
#endif
#if defined(F_ADD_SEALS) && !defined(F_SEAL_FUTURE_WRITE)
#define F_SEAL_FUTURE_WRITE 0x10 /* since Linux 5.1 */
#endif
#ifndef MADV_POPULATE_READ /* since Linux 5.14; others answer EINVAL */
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

static int shm_nameless(void)
{
	static struct weir_a32 count;
	char name[64];
	int fd, tries;

	for (tries = 0; tries < 100; tries++) {
		/* X11 (alone): a count, nothing else depends on it */
		snprintf(name, sizeof(name), "/weir.%ld.%u.%llx",
			 (long)getpid(), weir_add_acq_rel32(&count, 1),
			 (unsigned long long)weir_posix_now());
		fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
		if (fd < 0 && errno == EEXIST)
			continue;
		if (fd < 0)
			return weir_posix_error(errno);
		shm_unlink(name);
		return fd;
	}
	return -EEXIST;
}

static int nameless(void)
{
#ifdef MFD_CLOEXEC
	const unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create("weir", flags | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("weir", flags);
	if (fd >= 0)
		return fd;
	if (errno != ENOSYS && errno != EPERM)
		return weir_posix_error(errno);
#endif
	return shm_nameless();
}

/* A file without a name in the directory of names, to be linked later. */
static int nameable(void)
{
#ifdef O_TMPFILE
	int dir = weir_posix_names_dir();
	int fd, r;

	if (dir < 0)
		return dir;
	fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	r = fd < 0 ? weir_posix_error(errno) : fd;
	close(dir);
	return r;
#else
	return -ENOSYS;
#endif
}

/*
 * What the machine can still give, in bytes. A file of tmpfs that asks for more
 * would be granted and then killed for, hence the look beforehand.
 */
static uint64_t available(void)
{
	unsigned long long kib;
	uint64_t bytes = UINT64_MAX;
	char line[128];
	FILE *f = fopen("/proc/meminfo", "re");

	if (!f)
		return bytes;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1) {
			bytes = (uint64_t)kib * 1024;
			break;
		}
	fclose(f);
	return bytes;
}

static int check_available(uint64_t size)
{
	uint64_t there = available();

	if (size <= there)
		return 0;
	weir_log(WEIR_LOG_ERROR,
		 "no memory: %llu MiB wanted, %llu MiB available",
		 (unsigned long long)(size >> 20),
		 (unsigned long long)(there >> 20));
	return -ENOMEM;
}

static int allocate(int fd, uint64_t size)
{
	int r;

	if ((uint64_t)(off_t)size != size || (off_t)size < 0)
		return -ENOMEM;
	do {
		r = posix_fallocate(fd, 0, (off_t)size);
	} while (r == EINTR);
	if (r == EFBIG)
		r = ENOSPC;
	return r ? weir_posix_error(r) : 0;
}

int weir_posix_memory_create(weir_handle *memory, uint64_t size,
			     const char *name)
{
	int fd, r;

	r = check_available(size);
	if (r)
		return r;
	fd = name ? nameable() : nameless();
	if (fd < 0)
		return fd;
	r = allocate(fd, size);
	/* Nameless memory has no file system of its own that could be full. */
	if (r == -ENOSPC && !name)
		r = -ENOMEM;
	if (r) {
		close(fd);
		return r;
	}
	*memory = fd;
	return 0;
}

/* Listeners may have their sockets in the same directory. */
static int take_name(int dir, const char *name)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return weir_posix_error(errno);
	if (!S_ISREG(st.st_mode))
		return -ENOENT;
	return unlinkat(dir, name, 0) ? weir_posix_error(errno) : 0;
}

static int give_name(weir_handle memory, const char *name)
{
	int dir = weir_posix_names_dir();
	char link[64];
	int r = 0;

	if (dir < 0)
		return dir;
	if (memory == WEIR_HANDLE_NONE) {
		r = take_name(dir, name);
	} else {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", memory);
		if (linkat(AT_FDCWD, link, dir, name, AT_SYMLINK_FOLLOW))
			r = weir_posix_error(errno);
	}
	close(dir);
	return r;
}

static int seal(weir_handle memory, int connection)
{
#ifdef F_ADD_SEALS
	int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

	if (connection)
		seals |= F_SEAL_FUTURE_WRITE;
	if (!fcntl(memory, F_ADD_SEALS, seals))
		return 0;
	/* EINVAL: no seals there, or not this one; EPERM: sealed for good */
	return errno == EINVAL || errno == EPERM ? -ENOSYS :
						   weir_posix_error(errno);
#else
	(void)memory;
	(void)connection;
	return -ENOSYS;
#endif
}

int weir_posix_memory_share(weir_handle memory, const char *name,
			    int connection)
{
	return name ? give_name(memory, name) : seal(memory, connection);
}

/* 0: it is of a kind that has seals. */
static int read_seals(int fd, struct weir_facts *facts)
{
#ifdef F_GET_SEALS
	const int shape = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0)
		return -EPROTO;
	facts->sealed = (seals & shape) == shape;
	facts->write_sealed = !!(seals & (F_SEAL_FUTURE_WRITE | F_SEAL_WRITE));
	return 0;
#else
	(void)fd;
	(void)facts;
	return -EPROTO;
#endif
}

/* The seals first: only memory has them, and to ask costs no file system's
   answer, which another user's may hold back as long as it likes. */
static int read_facts(int memory, struct weir_facts *facts, uint32_t flags)
{
	struct stat st;

	memset(facts, 0, sizeof(*facts));
	if (read_seals(memory, facts) && flags & WEIR_FACTS_STRICT) {
		weir_log(WEIR_LOG_ERROR, "refused: a descriptor without seals");
		return -EPROTO;
	}
	if (fstat(memory, &st))
		return weir_posix_error(errno);
	if (!S_ISREG(st.st_mode)) {
		weir_log(WEIR_LOG_ERROR, "refused: a descriptor that is no "
			 "memory");
		return -EPROTO;
	}
	facts->size = (uint64_t)st.st_size;
	facts->allocated = (uint64_t)st.st_blocks * 512;
	/* A pool of huge pages tells its page size as the block size. */
	facts->huge = st.st_blksize > sysconf(_SC_PAGESIZE);
	facts->named = weir_posix_names_has(memory, (uint32_t)st.st_uid);
	return 0;
}

static int open_memory(const char *name, weir_handle given)
{
	int fd;

	if (name)
		return weir_posix_names_file(name);
	fd = fcntl(given, F_DUPFD_CLOEXEC, 0);
	/* EINVAL: the limit on descriptors is 0 */
	if (fd < 0)
		return errno == EINVAL ? -EMFILE : weir_posix_error(errno);
	return fd;
}

int weir_posix_memory_open(weir_handle *memory, const char *name,
			   weir_handle given, struct weir_facts *facts,
			   uint32_t flags)
{
	int fd = given, r = 0;

	if (memory) {
		fd = open_memory(name, given);
		if (fd < 0)
			return fd;
	}
	if (facts)
		r = read_facts(fd, facts, flags);
	if (!memory)
		return r;
	if (r)
		close(fd);
	else
		*memory = fd;
	return r;
}

/* volatile, so that the compiler keeps accesses whose result nobody uses. */
static int touch(unsigned char *base, size_t size, int write)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const volatile unsigned char *at = base;
	size_t i;

	if (!madvise(base, size,
		     write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ))
		return 0;
	if (errno == ENOMEM || errno == EFAULT)
		return -ENOMEM;
	for (i = 0; i < size; i += page) {
		/* volatile, as above */
		if (write)
			((volatile unsigned char *)base)[i] = 0;
		else
			(void)at[i];
	}
	return 0;
}

/* Whether the kernel gave pages of a pool or of 2 MiB: its own account. */
static uint64_t page_size_at(const void *base)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	unsigned long long from, kib;
	int inside = 0;
	char line[512];
	FILE *f = fopen("/proc/self/smaps", "re");

	if (!f)
		return page;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx-", &from) == 1 && strchr(line, '-'))
			inside = from == (uintptr_t)base;
		else if (inside &&
			 (sscanf(line, "AnonHugePages: %llu", &kib) == 1 ||
			  sscanf(line, "ShmemPmdMapped: %llu", &kib) == 1) &&
			 kib)
			page = (uint64_t)2 << 20;
	}
	fclose(f);
	return page;
}

int weir_posix_memory_map(void **base, weir_handle memory, uint64_t size,
			  uint32_t flags, uint64_t *page_size)
{
	int write = !(flags & WEIR_MAP_READ_ONLY);
	int private = memory == WEIR_HANDLE_NONE;
	void *at;
	int r;

	if (size > SIZE_MAX / 2)
		return -ENOMEM;
	if (private) {
		r = check_available(size);
		if (r)
			return r;
	}
	at = mmap(NULL, (size_t)size, PROT_READ | (write ? PROT_WRITE : 0),
		  private ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, memory,
		  0);
	if (at == MAP_FAILED) {
		if (errno == EINVAL || errno == ENODEV)
			return -EPROTO;
		/* EAGAIN: all of it would be locked, and that is too much */
		return errno == EAGAIN ? -ENOMEM : weir_posix_error(errno);
	}
#ifdef MADV_HUGEPAGE
	if (flags & WEIR_MAP_HUGE)
		madvise(at, (size_t)size, MADV_HUGEPAGE);
#endif
	if (flags & WEIR_MAP_PREFAULT) {
		r = touch(at, (size_t)size, write);
		if (r) {
			munmap(at, (size_t)size);
			return r;
		}
	}
	*page_size = flags & WEIR_MAP_HUGE ? page_size_at(at) :
					     (uint64_t)sysconf(_SC_PAGESIZE);
	*base = at;
	return 0;
}

void weir_posix_memory_unmap(void *base, uint64_t size)
{
	munmap(base, (size_t)size);
}

int weir_posix_can_seal(void)
{
	int fd = nameless();
	int r;

	/* No room just now says nothing about the system. */
	if (fd < 0)
		return fd == -EMFILE || fd == -ENOMEM;
	r = seal(fd, 0);
	close(fd);
	return !r;
}

void weir_posix_close(weir_handle handle)
{
	close(handle);
}
