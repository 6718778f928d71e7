/* SPDX-License-Identifier: MIT */
/*
 * Waiting with what any POSIX has. Within the process: a condition variable for
 * each sleeper, found by the word's address. Between processes: a semaphore in
 * the shared memory, or the connection's socket, on which the wake is a byte.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <semaphore.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "portable.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

/* words of this process */

/* Arbitrary: sleepers on other words in the bucket are passed over. */
#define BUCKETS 64

struct sleeper {
	const struct weir_a32 *word;
	int woken;		/* and out of the list */
	pthread_cond_t cond;
	struct sleeper *next;
};

/* Who sleeps, in the order of falling asleep. */
static struct bucket {
	pthread_mutex_t mutex;
	struct sleeper *first;
} buckets[BUCKETS];

static pthread_condattr_t monotonic;

/* Once, and again in a forked child, where nobody sleeps. */
void weir_posix_buckets_init(void)
{
	static int known;
	int i;

	if (!known) {
		pthread_condattr_init(&monotonic);
#ifdef HAVE_PTHREAD_CONDATTR_SETCLOCK
		pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
#endif
		known = 1;
	}
	for (i = 0; i < BUCKETS; i++) {
		pthread_mutex_init(&buckets[i].mutex, NULL);
		buckets[i].first = NULL;
	}
}

static struct bucket *bucket_of(const struct weir_a32 *word)
{
	uintptr_t a = (uintptr_t)word;

	return &buckets[(a >> 2 ^ a >> 8 ^ a >> 14) % BUCKETS];
}

static void append(struct bucket *b, struct sleeper *s)
{
	struct sleeper **at = &b->first;

	while (*at)
		at = &(*at)->next;
	*at = s;
}

static void unlink_sleeper(struct bucket *b, const struct sleeper *s)
{
	struct sleeper **at = &b->first;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
}

static void to_timespec(struct timespec *ts, int64_t ns)
{
	ts->tv_sec = (time_t)(ns / 1000000000);
	ts->tv_nsec = (long)(ns % 1000000000);
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

#if !defined(HAVE_PTHREAD_CONDATTR_SETCLOCK) || !defined(HAVE_SEM_CLOCKWAIT)
/* The deadline on the wall clock, for calls that know no other. */
static int64_t on_wall(int64_t deadline)
{
	int64_t ahead = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);

	return deadline < WEIR_FOREVER - ahead ? deadline + ahead :
						 WEIR_FOREVER;
}
#endif

static int wait_woken(struct bucket *b, struct sleeper *s, int64_t deadline)
{
	struct timespec ts;
	int r = 0;

#ifdef HAVE_PTHREAD_CONDATTR_SETCLOCK
	to_timespec(&ts, deadline);
#else
	to_timespec(&ts, on_wall(deadline));
#endif
	while (!s->woken && !r) {
		if (deadline == WEIR_FOREVER)
			r = pthread_cond_wait(&s->cond, &b->mutex);
		else
			r = pthread_cond_timedwait(&s->cond, &b->mutex, &ts);
	}
	return !s->woken && r == ETIMEDOUT ? -ETIMEDOUT : 0;
}

static int sleep_local(const struct weir_a32 *word, uint32_t seen,
		       int64_t deadline)
{
	struct bucket *b = bucket_of(word);
	struct sleeper s = { .word = word };
	int r = 0;

	pthread_cond_init(&s.cond, &monotonic);
	pthread_mutex_lock(&b->mutex);
	/* relaxed: whoever changes it takes this mutex before it wakes */
	if (weir_load_relaxed32(word) == seen) {
		append(b, &s);
		r = wait_woken(b, &s, deadline);
		if (!s.woken)
			unlink_sleeper(b, &s);
	}
	pthread_mutex_unlock(&b->mutex);
	pthread_cond_destroy(&s.cond);
	return r;
}

/* The first n who sleep on it, and nobody else. */
static int wake_local(const struct weir_a32 *word, int n)
{
	struct bucket *b = bucket_of(word);
	struct sleeper **at = &b->first, *s;
	int woken = 0;

	pthread_mutex_lock(&b->mutex);
	while ((s = *at) && woken < n) {
		if (s->word != word) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		s->woken = 1;
		pthread_cond_signal(&s->cond);
		woken++;
	}
	pthread_mutex_unlock(&b->mutex);
	return woken;
}

/* semaphores in shared memory */

_Static_assert(sizeof(sem_t) <= 64, "sem_t does not fit its place");

/*
 * A semaphore is the C library's: its size, the word size and the library tell
 * one kind from another, so two processes can see that theirs differ.
 */
uint32_t weir_posix_way_abi(void)
{
#if defined(__GLIBC__)
	const uint32_t library = 1;
#else
	const uint32_t library = 2;
#endif
	return (uint32_t)sizeof(sem_t) << 16 |
	       (uint32_t)sizeof(void *) << 8 | library;
}

int weir_posix_can_semaphore(void)
{
	sem_t sem;

	if (sem_init(&sem, 1, 0))
		return 0;
	sem_destroy(&sem);
	return 1;
}

static int sleep_semaphore(sem_t *sem, int64_t deadline)
{
	struct timespec ts;
	int i, r;

	if (deadline == WEIR_FOREVER) {
		r = sem_wait(sem);
	} else {
#ifdef HAVE_SEM_CLOCKWAIT
		to_timespec(&ts, deadline);
		r = sem_clockwait(sem, CLOCK_MONOTONIC, &ts);
#else
		to_timespec(&ts, on_wall(deadline));
		r = sem_timedwait(sem, &ts);
#endif
	}
	if (r)
		return errno == ETIMEDOUT ? -ETIMEDOUT : 0;
	/* Tokens of sleeps that found their work by themselves; each would
	   end a later sleep in vain. Safe here, before the next look: who
	   rings the next sleep has seen a waiting word that is yet to come. */
	for (i = 0; i < 64 && !sem_trywait(sem); i++)
		;
	return 0;
}

/* a connected socket, and a pipe of one's own */

/* For poll(2): rounded up, so that a deadline has passed when it says so; but a
   later one than it can count to may not have. */
int weir_posix_poll_ms(int64_t deadline)
{
	int64_t left;

	if (deadline == WEIR_FOREVER)
		return -1;
	left = deadline - clock_ns(CLOCK_MONOTONIC);
	if (left <= 0)
		return 0;
	left = (left + 999999) / 1000000;
	return left < INT_MAX ? (int)left : INT_MAX;
}

/* Whether the first byte in the socket is one to be left there. */
static int others(const struct weir_spot *spot)
{
	unsigned char byte;

	return spot->keep &&
	       recv(spot->socket, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 1 &&
	       byte != spot->hear;
}

/* Bounded: a peer that floods the socket keeps nobody here. */
static int take(const struct weir_spot *spot)
{
	size_t most = spot->keep ? 1 : 64;
	char bytes[64];
	int i, r = 0;

	while (spot->bell[0] != WEIR_HANDLE_NONE &&
	       read(spot->bell[0], bytes, sizeof(bytes)) == sizeof(bytes))
		;
	for (i = 0; i < 64 && spot->socket != WEIR_HANDLE_NONE; i++) {
		ssize_t n;

		if (others(spot))
			return r | WEIR_OS_SLEPT_LEFT;
		n = recv(spot->socket, bytes, most, MSG_DONTWAIT);
		if (n <= 0)
			break;
		r = WEIR_OS_SLEPT_TOOK;
		if (!spot->keep && n < (ssize_t)most)
			break;
	}
	return r;
}

static int sleep_socket(const struct weir_spot *spot, int64_t deadline)
{
	struct pollfd fds[2] = {
		{ .fd = spot->bell[0], .events = POLLIN },
		{ .fd = spot->socket, .events = POLLIN },
	};
	int r;

	if (deadline == WEIR_NOWAIT)
		return take(spot);
	r = poll(fds, spot->deaf ? 1 : 2, weir_posix_poll_ms(deadline));
	if (r == 0)
		return weir_posix_poll_ms(deadline) ? 0 : -ETIMEDOUT;
	return r > 0 && fds[1].revents ? WEIR_OS_SLEPT_BYTES : 0;
}

static int wake_socket(const struct weir_spot *spot)
{
	/* A full buffer means that the wake is there already. */
	if (spot->socket != WEIR_HANDLE_NONE)
		send(spot->socket, &spot->say, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	else if (write(spot->bell[1], &spot->say, 1) < 0)
		return 0;
	return 1;
}

static int open_bell(struct weir_spot *spot)
{
	int i;

	if (pipe(spot->bell)) {
		spot->bell[0] = spot->bell[1] = WEIR_HANDLE_NONE;
		return weir_posix_error(errno);
	}
	for (i = 0; i < 2; i++) {
		fcntl(spot->bell[i], F_SETFD, FD_CLOEXEC);
		fcntl(spot->bell[i], F_SETFL, O_NONBLOCK);
	}
	return 0;
}

int weir_posix_spot_init(struct weir_spot *spot)
{
	if (spot->way == WEIR_OS_SOCKET)
		return open_bell(spot);
	if (spot->way == WEIR_OS_GATHER)
		return weir_posix_gather_open(spot->gather);
	if (spot->way == WEIR_OS_SEMAPHORE)
		return sem_init(spot->semaphore, 1, 0) ?
			       weir_posix_error(errno) : 0;
	return 0;
}

int weir_posix_sleep(const struct weir_spot *spot, uint32_t seen,
		     const struct weir_a32 *own, uint32_t own_seen,
		     int64_t deadline)
{
	/* relaxed: a hint that saves a call, the sleep itself decides */
	if (own && weir_load_relaxed32(own) != own_seen)
		return 0;
	switch (spot->way) {
	case WEIR_OS_LOCAL:
		return sleep_local(spot->word, seen, deadline);
	case WEIR_OS_SEMAPHORE:
		return sleep_semaphore(spot->semaphore, deadline);
	case WEIR_OS_SOCKET:
		return sleep_socket(spot, deadline);
	case WEIR_OS_GATHER:
		return weir_posix_gather_sleep(spot->gather, deadline);
	default:
		return -ENOSYS;
	}
}

int weir_posix_wake(const struct weir_spot *spot, int n)
{
	switch (spot->way) {
	case WEIR_OS_LOCAL:
	case WEIR_OS_OWN:
		return wake_local(spot->word, n);
	case WEIR_OS_SEMAPHORE:
		/* One sleeper at most; EOVERFLOW means it is awake anyway. */
		sem_post(spot->semaphore);
		return 1;
	case WEIR_OS_SOCKET:
		return wake_socket(spot);
	case WEIR_OS_GATHER:
		weir_posix_gather_ring(spot->gather);
		return 1;
	default:
		return -ENOSYS;
	}
}
