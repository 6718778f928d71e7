/* SPDX-License-Identifier: MIT */
/*
 * What the tests written with check share. t.c has main(): a program defines
 * t_build(), which adds its tests with T_ADD(). Results are printed as TAP and
 * the exit status is 0 whatever they are, as the TAP driver wants it.
 *
 * A test runs in a process of its own (CK_FORK=no: in this one, for a
 * debugger), with a time limit, between two looks at the world: descriptors,
 * shared mappings, threads and named rings must be as before. Before the first
 * look the library is used once, so that what it keeps for the life of a
 * process is there; T_ADD_COLD leaves that out.
 *
 *     program [test ...]          only these tests
 *     WEIR_TEST_SEED=n            the seed that a failed run printed
 *     WEIR_TEST_SECONDS=n         how long the seeded tests may take
 *     CK_TIMEOUT_MULTIPLIER=n     more time, for slow builds
 *
 * Checks in loops and threads use T_IS and T_ASSERT, which cost nothing while
 * they hold; check's own write to a file each time.
 */
#ifndef T_H
#define T_H

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weir.h>

#define T_MS ((int64_t)1000000)
#define T_SECOND ((int64_t)1000000000)
/* For waits that end by themselves: long enough for any machine, busy or
   emulated, and shorter than the limit of a test; only a hang lasts as long. */
#define T_HANG (20 * T_SECOND)
#define T_SOON weir_after(T_HANG)

#define T_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- the program -------------------------------------------------------- */

void t_build(void);

#define T_COLD 1u
void t_add(const TTest *test, unsigned int flags);
#define T_ADD(test) t_add(test, 0)
#define T_ADD_COLD(test) t_add(test, T_COLD)

/* The whole program is left out; in t_build() only. */
void t_skip_all(const char *reason);

/* Leaves the running test out; the reason names what is missing. */
void t_skip(const char *reason);
#define T_SKIP(reason)                                                         \
	do {                                                                   \
		t_skip(reason);                                                \
		return;                                                        \
	} while (0)

/* ---- checks ------------------------------------------------------------- */

#define T_ASSERT(condition)                                                    \
	do {                                                                   \
		if (!(condition))                                              \
			ck_abort_msg("%s", #condition);                        \
	} while (0)

/* A return value; what it was is shown with its text. */
#define T_IS(expression, expected)                                             \
	do {                                                                   \
		long long t_got = (long long)(expression);                     \
		long long t_want = (long long)(expected);                      \
                                                                               \
		if (t_got != t_want)                                           \
			ck_abort_msg("%s is %lld (%s), not %lld (%s)",         \
				     #expression, t_got, t_text(t_got),        \
				     t_want, t_text(t_want));                  \
	} while (0)

#define T_OK(expression) T_IS(expression, 0)

/* The text of an error number below 0, else "a value". */
const char *t_text(long long value);

/* ---- the world ---------------------------------------------------------- */

struct t_world {
	unsigned int descriptors;
	unsigned int mappings;	/* shared ones */
	unsigned int threads;
	unsigned int names;	/* of rings, made with t_ring_name() */
};

void t_world_look(struct t_world *world);
/* Fails the test if the world is another; waits a little for threads to go. */
void t_world_same(const struct t_world *before, const char *when);

/* 1: the test has a process of its own. */
int t_forked(void);

/* All mappings, the anonymous ones too, which malloc and threads also make. */
unsigned int t_mappings(void);

/* ---- what an operating system gives ------------------------------------- */

/* "t.PID.suffix": nobody else's; the names that are left are removed. */
const char *t_ring_name(const char *suffix);
/* The file of a named ring. NULL: this system has none. Static storage. */
const char *t_ring_path(const char *name);
const char *t_ring_directory(unsigned int uid);

#define T_SEAL_SHRINK 1u
#define T_SEAL_GROW 2u
#define T_SEAL_SEAL 4u
#define T_SEAL_WRITE_FUTURE 8u
#define T_SEAL_RING (T_SEAL_SHRINK | T_SEAL_GROW | T_SEAL_SEAL)
#define T_SEAL_CONNECTION (T_SEAL_RING | T_SEAL_WRITE_FUTURE)

/* Nameless memory with a copy of image (NULL: a hole); -ENOSYS if none. */
int t_memory(const void *image, size_t size, unsigned int seals);
int t_seal(int memory, unsigned int seals);
/* The bytes that the machine has free; 0: not known. */
uint64_t t_memory_free(void);
/* From now on named rings share so many bytes, for this process alone. */
int t_named_limit(size_t bytes);
/* From now on this process gets no more address space; -ENOSYS: cannot. */
int t_address_space_limit(size_t more);
/* From now on, or until t_descriptors_back(), no descriptor is free. */
void t_descriptors_end(void);
void t_descriptors_back(void);
/* How many CPUs this process may use. */
unsigned int t_cpus(void);
/* The bytes that the address space really holds in memory. */
uint64_t t_resident(void);
/* 1: built with a sanitizer that keeps shadow memory. */
int t_sanitized(void);

/* ---- helpers ------------------------------------------------------------ */

struct t_random {
	uint64_t state;
};

/* Prints the seed, so that the run can be repeated. */
void t_random_seed(struct t_random *random);
uint64_t t_random(struct t_random *random);
/* 0 ... n - 1 */
uint64_t t_random_below(struct t_random *random, uint64_t n);

/* WEIR_TEST_SECONDS, or this. As a deadline. */
int64_t t_until(double seconds);

/* All n threads have come here. */
struct t_barrier {
	pthread_mutex_t lock;
	pthread_cond_t all;
	unsigned int n, here, round;
};
void t_barrier_open(struct t_barrier *barrier, unsigned int n);
void t_barrier_wait(struct t_barrier *barrier);

pthread_t t_thread(void *(*run)(void *arg), void *arg);
void t_join(pthread_t thread);

/* Bytes that depend on seq and on their place. */
void t_fill(void *data, size_t len, uint64_t seq);
int t_filled(const void *data, size_t len, uint64_t seq);

/* What the library says in its log from now on. */
void t_log_watch(void);
const char *t_log_text(void);	/* the last error, "" */

/* The memory of a ring, as another process maps it. */
struct t_block {
	unsigned char *base;
	size_t size;
	struct weir_header *header;
	struct weir_half *producer;
	struct weir_half *consumer;
	unsigned char *data;
	uint64_t capacity;
};
void t_block_map(struct t_block *block, weir_handle memory);
void t_block_unmap(struct t_block *block);
struct weir_a64 *t_block_header(const struct t_block *block, uint64_t pos);

/* Rings for the tests that want them in every kind. */
enum t_kind { T_PRIVATE, T_ANONYMOUS, T_NAMED };
struct weir_ring *t_ring(enum t_kind kind, uint64_t capacity, uint32_t flags,
			 int32_t spin_us);

/* Both ends of a ring in this process, through two openings of it where
   there is something to open: as two processes have it. */
struct t_pair {
	struct weir_ring *ring, *other;
	struct weir_tx *tx;
	struct weir_rx *rx;
};
void t_pair_open(struct t_pair *pair, enum t_kind kind, uint64_t capacity,
		 int32_t spin_us);
void t_pair_close(struct t_pair *pair);

/* What a message takes, and when it fits: the rule of weir/layout.h. */
struct t_model {
	uint64_t capacity, written, read;
};
/* Where a message of len bytes would begin after pos. */
uint64_t t_model_begin(const struct t_model *model, uint64_t pos, uint64_t len);
uint64_t t_model_end(const struct t_model *model, uint64_t pos, uint64_t len);
int t_model_fits(const struct t_model *model, uint64_t pos, uint64_t len);

#endif
