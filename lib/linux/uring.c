/* SPDX-License-Identifier: MIT */
/*
 * io_uring without liburing, as much as futex waits need (Linux 6.7). The
 * numbers and structures are the kernel's; older headers lack some of them, so
 * all stand here.
 *
 * What the kernel says has ended lies in its completion queue until reap takes
 * it; cancel picks its own answer out of there, and the end of what it
 * cancelled.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "uring.h"

/* the same numbers on every architecture */
#define NR_SETUP 425
#define NR_ENTER 426
#define NR_REGISTER 427
#define NR_FUTEX_WAKE 454

#define SETUP_CQSIZE (1u << 3)
#define SETUP_CLAMP (1u << 4)
#define SETUP_TASKRUN_FLAG (1u << 9)
#define SETUP_SINGLE_ISSUER (1u << 12)
#define SETUP_DEFER_TASKRUN (1u << 13)
#define SETUP_NO_SQARRAY (1u << 16)
#define SETUP                                                                 \
	(SETUP_CQSIZE | SETUP_CLAMP | SETUP_TASKRUN_FLAG |                    \
	 SETUP_SINGLE_ISSUER | SETUP_DEFER_TASKRUN | SETUP_NO_SQARRAY)
#define FEATURE_NO_IOWAIT (1u << 17)
#define SQ_TASKRUN (1u << 2)
#define ENTER_GETEVENTS (1u << 0)
#define ENTER_EXT_ARG (1u << 3)
#define ENTER_NO_IOWAIT (1u << 7)
#define REGISTER_EVENTFD 4
#define UNREGISTER_EVENTFD 5
#define REGISTER_PROBE 8
#define OFFSET_SQES 0x10000000ll
#define OP_NOP 0
#define OP_POLL_ADD 6
#define OP_ASYNC_CANCEL 14
#define OP_FUTEX_WAIT 51
#define OP_FUTEX_WAITV 53
#define OP_LAST 64
#define OP_SUPPORTED 1u
#define ANY_BIT 0xffffffffu	/* 0 is refused */
#define CANCEL_ALL 1u
#define CANCEL_ANY 4u

struct sqe {
	uint8_t opcode, flags;
	uint16_t ioprio;
	int32_t fd;
	uint64_t addr2, addr;
	uint32_t len, op_flags;
	uint64_t user_data;
	uint16_t buffer, personality;
	int32_t file_index;
	uint64_t addr3, pad;
};

struct cqe {
	uint64_t user_data;
	int32_t res;
	uint32_t flags;
};

struct params {
	uint32_t sq_entries, cq_entries, flags, cpu, idle, features, wq_fd;
	uint32_t reserved[3];
	struct {
		uint32_t head, tail, mask, entries, flags, dropped, array;
		uint32_t reserved;
		uint64_t address;
	} sq;
	struct {
		uint32_t head, tail, mask, entries, overflow, cqes, flags;
		uint32_t reserved;
		uint64_t address;
	} cq;
};

struct getevents {
	uint64_t sigmask;
	uint32_t sigmask_size, min_wait_us;
	uint64_t time;
};

_Static_assert(sizeof(struct sqe) == 64, "sqe");
_Static_assert(sizeof(struct cqe) == 16, "cqe");
_Static_assert(sizeof(struct params) == 120, "params");
_Static_assert(sizeof(struct weir_linux_waitv) == 24, "waitv");

/* Arbitrary: more than this are submitted in portions. */
#define PORTION 64

struct weir_linux_uring {
	int fd;
	uint32_t owner;		/* the number of the thread that may use it, */
	uint32_t life;		/* in this process, */
	long thread;		/* and what the kernel calls it */
	uint32_t enter;		/* flags of every wait */
	unsigned int waits, held; /* so many at most; added, not reaped */
	unsigned char *rings;	/* the kernel's memory */
	struct sqe *sqes;
	size_t rings_size, sqes_size;
	struct weir_a32 *sq_tail, *sq_flags, *cq_head, *cq_tail;
	struct cqe *cqes;
	uint32_t sq_mask, cq_mask;
	uint32_t tail, submitted;
	struct weir_linux_waitv v[PORTION][2];
};

static _Thread_local uint32_t here;	/* this thread's number; 0: none yet */
static struct weir_a32 threads;	/* numbers given */
static struct weir_a32 lives;	/* how many forks this process is away */
static struct weir_a32 usable;	/* 0 not known, 1 no, 2 yes */

static long enter(const struct weir_linux_uring *ring, uint32_t submit,
		  uint32_t complete, uint32_t flags, const void *arg,
		  size_t size)
{
	return syscall(NR_ENTER, ring->fd, submit, complete, flags, arg, size);
}

static int setup(struct params *p, unsigned int waits)
{
	*p = (struct params){
		.flags = SETUP,
		/* one answer to a cancel beside the waits */
		.cq_entries = waits + 2,
	};
	return (int)syscall(NR_SETUP, waits < PORTION ? waits : PORTION, p);
}

static int knows_futexes(int fd)
{
	struct {
		uint8_t last, n;
		uint16_t reserved;
		uint32_t reserved2[3];
		struct {
			uint8_t op, reserved;
			uint16_t flags;
			uint32_t reserved2;
		} ops[OP_LAST];
	} probe;

	memset(&probe, 0, sizeof(probe));
	if (syscall(NR_REGISTER, fd, REGISTER_PROBE, &probe, OP_LAST) < 0)
		return 0;
	return probe.ops[OP_FUTEX_WAIT].flags & OP_SUPPORTED &&
	       probe.ops[OP_FUTEX_WAITV].flags & OP_SUPPORTED;
}

/* In a thread of its own: the end of a ring interrupts whoever made it, and
   would end the caller's next epoll_wait(2) with EINTR. */
static void *try_it(void *arg)
{
	int *r = arg;
	struct params p;
	int fd = setup(&p, 1);

	if (fd < 0) {
		/* no descriptor left says nothing about the kernel */
		*r = weir_posix_error(errno);
		if (*r != -EMFILE && *r != -ENOMEM)
			*r = -ENOSYS;
		return NULL;
	}
	*r = knows_futexes(fd) ? 0 : -ENOSYS;
	close(fd);
	return NULL;
}

int weir_linux_uring_usable(void)
{
	/* relaxed: whoever finds 0 tries for itself */
	uint32_t is = weir_load_relaxed32(&usable);
	pthread_t thread;
	int r;

	if (is)
		return is == 2 ? 0 : -ENOSYS;
	if (weir_posix_thread(&thread, try_it, &r))
		return -ENOMEM;
	pthread_join(thread, NULL);
	if (!r || r == -ENOSYS)
		/* relaxed: every thread finds the same */
		weir_store_relaxed32(&usable, r ? 1 : 2);
	return r;
}

/* Whether this process may make one at all; a call that always fails. */
int weir_linux_uring_allowed(void)
{
	return syscall(NR_SETUP, 0, NULL) < 0 && errno == EFAULT;
}

/* What usable() would find, without a thread: the futex operations of io_uring
   came with futex_wake(2), which fails here in another way. */
int weir_linux_uring_likely(void)
{
	return weir_linux_uring_allowed() &&
	       syscall(NR_FUTEX_WAKE, NULL, 0, 0, ~0u) < 0 && errno == EINVAL;
}

/* No address and no number of the kernel's: they come again with the next
   thread. */
static uint32_t this_thread(void)
{
	if (!here)
		/* X21 (alone): a count */
		here = weir_add_acq_rel32(&threads, 1) + 1;
	return here;
}

static int is_ours(const struct weir_linux_uring *ring)
{
	/* relaxed: changed in a child that has this thread only */
	return ring->owner == this_thread() &&
	       ring->life == weir_load_relaxed32(&lives);
}

static int map(struct weir_linux_uring *ring, const struct params *p)
{
	size_t cq = p->cq.cqes + p->cq_entries * sizeof(struct cqe);
	const int how = PROT_READ | PROT_WRITE;
	void *where;

	ring->rings_size = cq > p->sq.entries + 4u ? cq : p->sq.entries + 4u;
	ring->sqes_size = p->sq_entries * sizeof(struct sqe);
	where = mmap(NULL, ring->rings_size, how, MAP_SHARED | MAP_POPULATE,
		     ring->fd, 0);
	if (where == MAP_FAILED)
		return weir_posix_error(errno);
	ring->rings = where;
	where = mmap(NULL, ring->sqes_size, how, MAP_SHARED | MAP_POPULATE,
		     ring->fd, (off_t)OFFSET_SQES);
	if (where == MAP_FAILED)
		return weir_posix_error(errno);
	ring->sqes = where;
	ring->sq_tail = (void *)(ring->rings + p->sq.tail);
	ring->sq_flags = (void *)(ring->rings + p->sq.flags);
	ring->cq_head = (void *)(ring->rings + p->cq.head);
	ring->cq_tail = (void *)(ring->rings + p->cq.tail);
	ring->cqes = (void *)(ring->rings + p->cq.cqes);
	ring->sq_mask = p->sq_entries - 1;
	ring->cq_mask = p->cq_entries - 1;
	return 0;
}

static void let_go(struct weir_linux_uring *ring)
{
	if (ring->rings)
		munmap(ring->rings, ring->rings_size);
	if (ring->sqes)
		munmap(ring->sqes, ring->sqes_size);
	if (ring->fd >= 0)
		close(ring->fd);
	free(ring);
}

int weir_linux_uring_open(struct weir_linux_uring **out, unsigned int waits,
			  weir_handle tell)
{
	struct weir_linux_uring *ring;
	struct params p;
	int r = weir_linux_uring_usable();

	if (r)
		return r;
	ring = calloc(1, sizeof(*ring));
	if (!ring)
		return -ENOMEM;
	ring->owner = this_thread();
	ring->thread = syscall(SYS_gettid);
	/* relaxed: as in is_ours() */
	ring->life = weir_load_relaxed32(&lives);
	ring->waits = waits;
	ring->fd = setup(&p, waits);
	r = ring->fd < 0 ? weir_posix_error(errno) : map(ring, &p);
	if (!r && tell != WEIR_HANDLE_NONE)
		r = weir_linux_uring_tell(ring, tell);
	if (r) {
		let_go(ring);
		return r;
	}
	if (p.features & FEATURE_NO_IOWAIT)
		ring->enter = ENTER_NO_IOWAIT;
	*out = ring;
	return 0;
}

int weir_linux_uring_tell(struct weir_linux_uring *ring, weir_handle tell)
{
	int none = tell == WEIR_HANDLE_NONE;

	if (!is_ours(ring))
		return -EEXIST;
	if (syscall(NR_REGISTER, ring->fd,
		    none ? UNREGISTER_EVENTFD : REGISTER_EVENTFD,
		    none ? NULL : &tell, !none) < 0)
		return weir_posix_error(errno);
	return 0;
}

int weir_linux_uring_orphan(const struct weir_linux_uring *ring)
{
	return !is_ours(ring) &&
	       syscall(SYS_tgkill, getpid(), ring->thread, 0) < 0 &&
	       errno == ESRCH;
}

static void fill_many(struct sqe *s, const struct weir_linux_waitv *v,
		      unsigned int n)
{
	*s = (struct sqe){ .opcode = OP_FUTEX_WAITV, .addr = (uintptr_t)v,
			   .len = n, .user_data = s->user_data };
}

static uint32_t futex_flags(const struct weir_linux_word *word)
{
	return WEIR_LINUX_FUTEX_32 |
	       (word->private ? WEIR_LINUX_FUTEX_PRIVATE : 0);
}

static void fill(struct sqe *s, struct weir_linux_waitv *v,
		 const struct weir_linux_word *words, unsigned int n)
{
	unsigned int i;

	if (n == 1) {
		*s = (struct sqe){ .opcode = OP_FUTEX_WAIT,
				   .fd = (int32_t)futex_flags(words),
				   .addr = (uintptr_t)words->word,
				   .addr2 = words->seen, .addr3 = ANY_BIT,
				   .user_data = s->user_data };
		return;
	}
	for (i = 0; i < n; i++)
		v[i] = (struct weir_linux_waitv){
			.val = words[i].seen,
			.uaddr = (uintptr_t)words[i].word,
			.flags = futex_flags(&words[i]),
		};
	fill_many(s, v, n);
	if (!n)
		s->opcode = OP_NOP;
}

void weir_linux_uring_fill(struct io_uring_sqe *sqe,
			   struct weir_linux_waitv *v,
			   const struct weir_linux_word *words, unsigned int n)
{
	struct sqe s;

	/* Copied: to the compiler the two are strangers. */
	memcpy(&s, sqe, sizeof(s));
	fill(&s, v, words, n);
	memcpy(sqe, &s, sizeof(s));
}

void weir_linux_uring_fill_poll(struct io_uring_sqe *sqe, weir_handle handle)
{
	struct sqe s;

	memcpy(&s, sqe, sizeof(s));
	s = (struct sqe){
		.opcode = OP_POLL_ADD,
		.fd = handle,
		.op_flags = POLLIN,
		.user_data = s.user_data,
	};
	/* The kernel reads the halves swapped where the order is big. */
	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		s.op_flags <<= 16;
	memcpy(sqe, &s, sizeof(s));
}

/* All that was added goes to the kernel. */
int weir_linux_uring_submit(struct weir_linux_uring *ring)
{
	if (!is_ours(ring))
		return -EEXIST;
	while (ring->submitted != ring->tail) {
		long n = enter(ring, ring->tail - ring->submitted, 0, 0, NULL,
			       0);

		if (n < 0 && errno != EINTR)
			return weir_posix_error(errno);
		if (n > 0)
			ring->submitted += (uint32_t)n;
	}
	return 0;
}

static int next_sqe(struct weir_linux_uring *ring, struct sqe **s)
{
	if (ring->tail - ring->submitted > ring->sq_mask) {
		int r = weir_linux_uring_submit(ring);

		if (r)
			return r;
	}
	*s = &ring->sqes[ring->tail & ring->sq_mask];
	return 0;
}

static void push(struct weir_linux_uring *ring)
{
	ring->tail++;
	/* R15 (alone) pairs with the kernel: the entry before the tail. */
	weir_store_release32(ring->sq_tail, ring->tail);
}

static int next_wait(struct weir_linux_uring *ring, struct sqe **s,
		     uint64_t number)
{
	int r;

	if (!is_ours(ring))
		return -EEXIST;
	if (ring->held == ring->waits)
		return -EBUSY;
	r = next_sqe(ring, s);
	if (!r)
		(*s)->user_data = number;
	return r;
}

int weir_linux_uring_add(struct weir_linux_uring *ring, uint64_t number,
			 const struct weir_linux_word *words, unsigned int n)
{
	struct sqe *s;
	int r = next_wait(ring, &s, number);

	if (r)
		return r;
	fill(s, ring->v[ring->tail & ring->sq_mask], words, n);
	push(ring);
	ring->held++;
	return 0;
}

/* How many completions lie there, the first at *head. */
static uint32_t pending(const struct weir_linux_uring *ring, uint32_t *head)
{
	/* relaxed: only this thread writes it */
	*head = weir_load_relaxed32(ring->cq_head);
	/* A15 (alone) pairs with the kernel: the entries before the tail. */
	return weir_load_acquire32(ring->cq_tail) - *head;
}

static struct cqe *at(const struct weir_linux_uring *ring, uint32_t place)
{
	return &ring->cqes[place & ring->cq_mask];
}

static void take_until(struct weir_linux_uring *ring, uint32_t head)
{
	/* R15 as in push(): the entries may be overwritten. */
	weir_store_release32(ring->cq_head, head);
}

/* Takes the completion of that number, those before it move up. 0: none. */
static int take(struct weir_linux_uring *ring, uint64_t number, int *res)
{
	uint32_t head, i, n = pending(ring, &head);

	for (i = 0; i < n && at(ring, head + i)->user_data != number; i++)
		;
	if (i == n)
		return 0;
	*res = at(ring, head + i)->res;
	for (; i; i--)
		*at(ring, head + i) = *at(ring, head + i - 1);
	take_until(ring, head + 1);
	return 1;
}

/* The same, waiting for it. Returns what it was. */
static int await(struct weir_linux_uring *ring, uint64_t number)
{
	uint32_t head;
	int res;

	while (!take(ring, number, &res)) {
		uint32_t more = pending(ring, &head) + 1;

		if (enter(ring, 0, more, ENTER_GETEVENTS | ring->enter, NULL,
			  0) < 0 && errno != EINTR)
			return weir_posix_error(errno);
	}
	return res;
}

#define CANCELS UINT64_MAX	/* no wait has this number */

int weir_linux_uring_cancel(struct weir_linux_uring *ring, uint64_t number)
{
	struct sqe *s;
	int r;

	if (!is_ours(ring))
		return -EEXIST;
	r = next_sqe(ring, &s);
	if (r)
		return r;
	*s = (struct sqe){ .opcode = OP_ASYNC_CANCEL, .fd = -1, .addr = number,
			   .user_data = CANCELS };
	push(ring);
	r = weir_linux_uring_submit(ring);
	if (!r)
		r = await(ring, CANCELS);
	if (r < 0)
		return r == -EALREADY ? -ENOENT : r;
	await(ring, number);
	ring->held--;
	return 0;
}

int weir_linux_uring_reap(struct weir_linux_uring *ring, uint64_t *numbers,
			  unsigned int n)
{
	unsigned int found = 0;
	uint32_t head, left;
	int r = weir_linux_uring_submit(ring);

	if (r)
		return r;
	/* What has ended is put into the queue by this thread's own call.
	   relaxed: whoever has seen the eventfd sees the flag. */
	if (weir_load_relaxed32(ring->sq_flags) & SQ_TASKRUN &&
	    enter(ring, 0, 0, ENTER_GETEVENTS, NULL, 0) < 0 && errno != EINTR)
		return weir_posix_error(errno);
	for (left = pending(ring, &head); left && found < n; left--, head++)
		numbers[found++] = at(ring, head)->user_data;
	ring->held -= found;
	take_until(ring, head);
	return (int)found;
}

int weir_linux_uring_sleep(struct weir_linux_uring *ring, int64_t deadline)
{
	struct { int64_t s, ns; } time;
	struct getevents arg = { 0 };
	uint32_t head;
	long n;

	if (!is_ours(ring))
		return -EEXIST;
	if (deadline != WEIR_FOREVER) {
		/* Relative: absolute ones came with 6.12. */
		int64_t left = deadline - weir_posix_now();

		if (left < 0)
			left = 0;
		time.s = left / 1000000000;
		time.ns = left % 1000000000;
		arg.time = (uintptr_t)&time;
	}
	n = enter(ring, ring->tail - ring->submitted, 1,
		  ENTER_GETEVENTS | ENTER_EXT_ARG | ring->enter, &arg,
		  sizeof(arg));
	if (n < 0)
		return errno == EINTR ? 0 : errno == ETIME ? -ETIMEDOUT :
		       weir_posix_error(errno);
	ring->submitted += (uint32_t)n;
	/* The number of submissions hides why the wait ended. */
	if (n && deadline != WEIR_FOREVER && !pending(ring, &head) &&
	    weir_posix_now() >= deadline)
		return -ETIMEDOUT;
	return 0;
}

/*
 * A ring that is closed armed may swallow a wake a little later. A wait on two
 * words is cancelled at once but leaves them only when this thread comes for
 * its completion: all are awaited.
 */
static void disarm(struct weir_linux_uring *ring)
{
	uint64_t ended[8];
	struct sqe *s;

	if (!ring->held || next_sqe(ring, &s))
		return;
	*s = (struct sqe){ .opcode = OP_ASYNC_CANCEL, .fd = -1,
			   .op_flags = CANCEL_ALL | CANCEL_ANY,
			   .user_data = CANCELS };
	push(ring);
	if (weir_linux_uring_submit(ring) || await(ring, CANCELS) < 0)
		return;
	while (ring->held)
		if (weir_linux_uring_sleep(ring, WEIR_FOREVER) < 0 ||
		    weir_linux_uring_reap(ring, ended, 8) < 0)
			return;
}

void weir_linux_uring_close(struct weir_linux_uring *ring)
{
	if (!ring)
		return;
	/* The parent's memory in a child; the kernel refuses other threads. */
	if (is_ours(ring))
		disarm(ring);
	let_go(ring);
}

/* A ring per thread, made at its first sleep of this kind. */
static _Thread_local struct weir_linux_uring *own;
static _Thread_local int kept;	/* until it ends; else for one sleep */
static pthread_key_t key;
static int has_key;		/* or others had taken all of them */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void thread_ends(void *ring)
{
	own = NULL;
	weir_linux_uring_close(ring);
}

static void make_key(void)
{
	has_key = !pthread_key_create(&key, thread_ends);
}

/* The one that a forked child finds is its parent's. */
static void drop_own(void)
{
	if (!own)
		return;
	if (has_key)
		pthread_setspecific(key, NULL);
	weir_linux_uring_close(own);
	own = NULL;
}

static int own_ring(void)
{
	int r;

	if (own && is_ours(own))
		return 0;
	drop_own();
	pthread_once(&once, make_key);
	r = weir_linux_uring_open(&own, 1, WEIR_HANDLE_NONE);
	kept = !r && has_key && !pthread_setspecific(key, own);
	return r;
}

int weir_linux_uring_nap(const struct weir_linux_waitv *v, unsigned int n,
			 int64_t deadline)
{
	uint64_t number;
	struct sqe *s;
	int r;

	r = own_ring();
	if (!r)
		r = next_wait(own, &s, 1);
	if (!r) {
		fill_many(s, v, n);
		push(own);
		own->held++;
		r = weir_linux_uring_sleep(own, deadline);
		if (!weir_linux_uring_reap(own, &number, 1) &&
		    weir_linux_uring_cancel(own, 1) == -ENOENT)
			weir_linux_uring_reap(own, &number, 1);
	}
	if (!kept)
		drop_own();
	return r;
}

void weir_linux_uring_child(void)
{
	/* relaxed: a child begins with one thread */
	weir_store_relaxed32(&lives, weir_load_relaxed32(&lives) + 1);
	drop_own();
}
