/* SPDX-License-Identifier: MIT */
/*
 * What the two-process tests share. Include first.
 *
 * x_main() runs each case in a process group of its own, forked from a process
 * that never touched the library, and watches it: a case that does not end in
 * time is killed together with its peers, and what each thread of them waited
 * for in the kernel is printed beside the last step. A case that leaves a
 * process behind fails. Peers are this program again, by fork and exec, with
 * the name of a role as first argument.
 *
 * Everything fails by x_fail(): message, exit 1. Nothing here orders by time:
 * processes order each other by x_tell() and x_hear(), and x_asleep() asks the
 * kernel whether a thread sleeps.
 *
 * WEIR_TEST_PEER names the same program as another build made it (32 bits, an
 * older version): peers are that one.
 *
 * Exit of a test program: 0 cases passed and none failed, 1 a case failed, 77
 * nothing could run. Of each case that was skipped it says that and why.
 */
#ifndef X_H
#define X_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include <weir.h>

#define X_SECOND INT64_C(1000000000)
/* For waits that end by themselves: long enough for any machine, busy or
   emulated; only a hang lasts as long. */
#define X_HANG (20 * X_SECOND)

/* A sanitizer's build is slower; the watchdog and the counts know. */
#if defined(__SANITIZE_THREAD__)
#define X_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define X_TSAN 1
#endif
#endif
#ifndef X_TSAN
#define X_TSAN 0
#endif
#if defined(__SANITIZE_ADDRESS__)
#define X_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define X_ASAN 1
#endif
#endif
#ifndef X_ASAN
#define X_ASAN 0
#endif
#define X_SLOW (X_TSAN || X_ASAN)

struct x_case {
	const char *name;
	void (*run)(int arg);
	int arg;
	int seconds;		/* watchdog; 0: 30 */
};

struct x_role {
	const char *name;
	void (*run)(int argc, char **argv);
};

/*
 * Both tables end with a NULL name. Arguments: a role and its own; else
 * words, and only the cases run whose names contain one of them.
 */
int x_main(int argc, char **argv, const struct x_case *cases,
	   const struct x_role *roles);

/* What this process does now; the watchdog prints it. */
void x_step(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void x_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

_Noreturn void x_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
_Noreturn void x_skip(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));
/* The line that x_main() prints of a case that was skipped, SKIPPED CASE: ...
   tests/driver.sh shows it, .ci/run wants it listed. For a part of a test that
   is no case. */
void x_skipped(const char *name, const char *why);
void x_is(const char *file, int line, const char *what, int64_t got,
	  int64_t want);

#define X_FAIL(...) x_fail(__FILE__, __LINE__, __VA_ARGS__)
#define X_IS(got, want) \
	x_is(__FILE__, __LINE__, #got, (int64_t)(got), (int64_t)(want))
#define X_TRUE(cond) \
	((cond) ? (void)0 : x_fail(__FILE__, __LINE__, "not so: %s", #cond))

/* 1, having said so: this system or backend has no wait as WEIR_WAIT demands
   it. Also for programs without x_main(), which then exit 77. */
int x_refused(void);

/* The last thing that the library said to its log in this process. */
const char *x_said(void);

/*
 * How a peer runs. NULL or zero: as this process; but WEIR_WAIT only goes on to
 * a peer of which nothing is asked.
 */
struct x_how {
	const char *backend;	/* WEIR_BACKEND */
	const char *without;	/* system calls that fail, "a,b" */
	int error;		/* with this; 0: ENOSYS */
	const char *const *before; /* a command to run it under, or NULL */
	const char *wait;	/* WEIR_WAIT */
};

struct x_peer {
	pid_t pid;
	int ctl;		/* see x_tell */
};

/*
 * Starts this program as role with the further arguments; fds (ended by -1, or
 * NULL) are inherited under their numbers.
 */
void x_spawn(struct x_peer *peer, const struct x_how *how, const int *fds,
	     const char *role, ...) __attribute__((sentinel));

/* Words between a peer and who started it. x_hear fails if it has died. */
void x_order(const struct x_peer *peer, int64_t word);
int64_t x_hear(const struct x_peer *peer);
void x_hear_this(const struct x_peer *peer, int64_t want);
void x_tell(int64_t word);
int64_t x_listen(void);

/* Its end: exit status, or minus the signal. */
int x_reap(struct x_peer *peer);
/* Reaps and demands exit 0. */
void x_done(struct x_peer *peer);
void x_signal(const struct x_peer *peer, int sig);

/*
 * Until the thread sleeps in the kernel in a call by which the library waits.
 * The same and no failure after limit: 0 then.
 */
void x_asleep(pid_t pid, pid_t tid);
int x_asleep_within(pid_t pid, pid_t tid, int64_t limit_ns);
/* Until it sleeps in that one: SYS_read, SYS_write or SYS_wait4. */
void x_asleep_in(pid_t pid, pid_t tid, long call);
/* Until no thread of these n processes, and none of this one but the caller, can
   run: whatever one of them had begun is done. */
void x_quiet(const struct x_peer *peers, int n);
/* Until the process is stopped. The same, or 0: it has ended. */
void x_stopped(pid_t pid);
int x_stops(pid_t pid);
pid_t x_tid(void);
/* A moment between two looks at something; orders nothing. */
void x_pause(void);

/* As many descriptors as may be; skips unless there are n. */
void x_need_descriptors(uint64_t n);


/* Voluntary context switches of all threads; those of a sanitizer left out. */
uint64_t x_switches(pid_t pid);
uint64_t x_switches_of(pid_t pid, pid_t tid); /* of one of them */
/* Descriptors, shared mappings, threads of this process; files in /dev/shm. */
int x_count_fds(void);
int x_count_maps(void);
int x_count_shm(void);
int x_count_threads(void);

/* Zeroed memory to share with peers: x_share makes it, they x_map its fd. */
void *x_share(int *fd, size_t size);
void *x_map(int fd, size_t size);

uint64_t x_random(uint64_t *state);
/* WEIR_TEST_SEED or one of the clock, printed by x_note. */
uint64_t x_seed(void);
/* A number from the environment. */
int64_t x_env(const char *name, int64_t otherwise);

/* A message's bytes follow from its number; check fails, says where. */
void x_fill(void *data, size_t len, uint64_t number);
void x_check(const void *data, size_t len, uint64_t number);
/* 0: not those bytes. */
int x_same(const void *data, size_t len, uint64_t number);

/*
 * The ways to be connected: two rings, their memory inherited or named, and
 * two of a stream, its socket inherited or that of a listener's client.
 */
enum { X_PLAIN, X_NAMED, X_STREAM, X_LISTENER, X_KINDS };
extern const char *const x_kind[X_KINDS];

/*
 * Two directions with one peer, whatever they are made of. x_offer() makes it,
 * x_spawn() gets l.give and l.spec, x_meet() claims this side's ends; the peer
 * says x_join(spec). tx of the one is rx of the other.
 */
struct x_link {
	int kind;
	uint64_t capacity;
	int spin_us;
	struct weir_ring *out, *in;
	struct weir_listener *listener;	/* until x_meet */
	struct weir_stream *stream;
	struct weir_tx *tx;
	struct weir_rx *rx;
	int give[6];		/* room for descriptors of the test's own */
	int socket;
	char spec[256];
	char name[2][WEIR_NAME_MAX + 1];
};

/* 1: a stream, whose ends close together. */
int x_streams(int kind);
/* WEIR_STREAM_ALLOW_UNSEALED where this kernel cannot seal, else 0. */
uint32_t x_stream_flags(void);

void x_offer(struct x_link *l, int kind, uint64_t capacity, int spin_us);
/* The descriptors in give are closed here. */
void x_meet(struct x_link *l);
void x_join(struct x_link *l, const char *spec);
/* One more descriptor in give, until the next x_offer. */
void x_give(struct x_link *l, int fd);
/* Closes in good order, unlinks names that this side made. */
void x_part(struct x_link *l);

#endif
