/* SPDX-License-Identifier: MIT */
/*
 * weir/uring.h in a loop of liburing's, against a peer that was executed: what
 * completes a wait, in every kind of ring, with io_urings of all kinds: plain,
 * of a single issuer who does the work, with a thread of the kernel that takes
 * what is submitted; and where the library may not make one of its own and polls
 * the handle.
 */
#include "hand.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include <weir/uring.h>

#include "../helpers/filter.h"

#ifdef HAVE_LIBURING
#include "uring_flags.h"

#include "linux/uring.h"	/* of the library */

#define PRIVATE X_KINDS
enum { PLAINLY = 0, DEFERRED = 8, POLLING = 16, SUBMITTER = 24, MODES = 24 };
#define KIND(arg) ((arg) & 7)
#define MODE(arg) ((arg) & MODES)
/* The kernel's thread spins for a while after each. */
#define ROUNDS(arg) (MODE(arg) == SUBMITTER ? 5 : 30)
#define IDLE 1			/* ms */
#define THIS UINT64_C(7)	/* user_data of our wait */
#define FUTEX_WAITV 53		/* the opcode: this liburing may lack it */

static struct io_uring loop;

static void open_loop(int mode)
{
	struct io_uring_params p = { .sq_thread_idle = IDLE };
	const char *wait = getenv("WEIR_WAIT");
	int r;

	if (mode == DEFERRED)
		p.flags = IORING_SETUP_SINGLE_ISSUER |
			  IORING_SETUP_DEFER_TASKRUN;
	if (mode == SUBMITTER)
		p.flags = IORING_SETUP_SQPOLL;
	r = io_uring_queue_init_params(16, &loop, &p);
	if (r == -ENOSYS || r == -EPERM || r == -EINVAL)
		x_skip("an io_uring with these flags: %s", strerror(-r));
	X_IS(r, 0);
	if (mode == POLLING && wait && !strcmp(wait, "uring"))
		x_skip("another wait than WEIR_WAIT=uring");
	/* the library finds that there is no other for it */
	if (mode == POLLING && filter_install("io_uring_setup", EPERM))
		x_skip("seccomp filters");
}

static struct io_uring_sqe *entry(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&loop);

	X_TRUE(sqe != NULL);
	sqe->user_data = THIS;
	return sqe;
}

/* The kernel's thread may not have taken the one before yet. */
static void submit(void)
{
	int r = io_uring_submit(&loop);

	X_TRUE(r == 1 || (r > 1 && (loop.flags & IORING_SETUP_SQPOLL)));
}

/* The next completion, which must be ours. */
static int completed(void)
{
	struct io_uring_cqe *cqe;
	int r;

	while ((r = io_uring_wait_cqe(&loop, &cqe)) == -EINTR)
		;
	X_IS(r, 0);
	X_IS(cqe->user_data, THIS);
	r = cqe->res;
	io_uring_cqe_seen(&loop, cqe);
	return r;
}

/* The kernel has what was submitted, and waits. */
static int none_completed(void)
{
	struct io_uring_cqe *cqe;

	while ((loop.flags & IORING_SETUP_SQPOLL) && io_uring_sq_ready(&loop))
		x_pause();
	io_uring_submit_and_wait(&loop, 0);
	return io_uring_peek_cqe(&loop, &cqe) == -EAGAIN;
}

/* Waits until there is a message, room for len, or an error; the sleeps. */
static int wait_rx(struct weir_rx *rx, int *sleeps)
{
	int r;

	for (;;) {
		r = weir_uring_prep_rx_wait(entry(), rx);
		submit();
		if (r) {
			/* a no-operation, whose completion says as much */
			X_IS(completed(), 0);
			return r == 1 ? weir_uring_rx_done(rx, 0) : r;
		}
		++*sleeps;
		r = weir_uring_rx_done(rx, completed());
		if (r)
			return r;
	}
}

static int wait_tx(struct weir_tx *tx, size_t len, int *sleeps)
{
	int r;

	for (;;) {
		r = weir_uring_prep_tx_wait(entry(), tx, len);
		submit();
		if (r) {
			X_IS(completed(), 0);
			return r == 1 ? weir_uring_tx_done(tx, 0) : r;
		}
		++*sleeps;
		r = weir_uring_tx_done(tx, completed());
		if (r)
			return r;
	}
}

static void begin(struct x_link *l, struct x_peer *p, int arg)
{
	hand_link(l, p, KIND(arg), 4096, -1);
	open_loop(MODE(arg));
}

static void end(struct x_link *l, struct x_peer *p)
{
	hand_order(p, 'c', 0);
	x_hear_this(p, 0);
	x_done(p);
	x_part(l);
	io_uring_queue_exit(&loop);
}

/* Where the wait is one for the words of the ring. */
static int by_words(int arg)
{
	return MODE(arg) != POLLING && !weir_linux_uring_usable() &&
	       strstr(weir_backend(), "plain rings on words");
}

/* The peer writes once we are armed; then it writes before. */
static void reads(int arg)
{
	struct io_uring_sqe *sqe;
	struct x_link l;
	struct x_peer p;
	int fds, i, sleeps = 0;

	begin(&l, &p, arg);
	for (i = 0; i < ROUNDS(arg); i++) {
		x_step("round %d", i);
		fds = x_count_fds();
		sqe = entry();
		X_IS(weir_uring_prep_rx_wait(sqe, l.rx), 0);
		X_IS(sqe->opcode,
		     by_words(arg) ? FUTEX_WAITV : IORING_OP_POLL_ADD);
		if (by_words(arg))
			X_IS(x_count_fds(), fds);
		submit();
		X_TRUE(none_completed());
		hand_do(&p, 'w', 1);
		while (weir_uring_rx_done(l.rx, completed()) != 1)
			X_IS(wait_rx(l.rx, &sleeps), 1);
		hand_read(l.rx, (uint64_t)i * 2, 1);
		hand_do(&p, 'w', 1);
		X_IS(weir_uring_prep_rx_wait(entry(), l.rx), 1);
		submit();
		X_IS(weir_uring_rx_done(l.rx, completed()), 1);
		hand_read(l.rx, (uint64_t)i * 2 + 1, 1);
	}
	end(&l, &p);
}

static void writes(int arg)
{
	struct x_link l;
	struct x_peer p;
	uint64_t n;
	int i, sleeps = 0;

	begin(&l, &p, arg);
	n = hand_fill(l.tx, 0);
	for (i = 0; i < ROUNDS(arg); i++) {
		x_step("round %d", i);
		X_IS(weir_uring_prep_tx_wait(entry(), l.tx, HAND_MAX), 0);
		submit();
		X_TRUE(none_completed());
		hand_do(&p, 'r', n / 2);
		if (weir_uring_tx_done(l.tx, completed()) != 1)
			X_IS(wait_tx(l.tx, HAND_MAX, &sleeps), 1);
		hand_do(&p, 'r', n - n / 2);
		hand_do(&p, 'b', 0);
		n = hand_fill(l.tx, 0);
	}
	X_IS(weir_uring_prep_tx_wait(entry(), l.tx, 1 << 20), -EMSGSIZE);
	end(&l, &p);
}

/* Both sleep each time; every message is waited for. */
static void talks(int arg)
{
	struct x_link l;
	struct x_peer p;
	int i, sleeps = 0;

	begin(&l, &p, arg);
	for (i = 0; i < 4 * ROUNDS(arg); i++) {
		hand_order(&p, 'w', 1);
		X_IS(wait_rx(l.rx, &sleeps), 1);
		hand_read(l.rx, (uint64_t)i, 1);
		x_hear_this(&p, 0);
	}
	end(&l, &p);
}

static void dies(int arg)
{
	struct x_link l;
	struct x_peer p;
	int r, sleeps = 0;

	begin(&l, &p, arg);
	hand_do(&p, 'w', 2);
	X_IS(wait_rx(l.rx, &sleeps), 1);
	hand_read(l.rx, 0, 2);
	X_IS(weir_uring_prep_rx_wait(entry(), l.rx), 0);
	submit();
	X_TRUE(none_completed());
	x_signal(&p, SIGKILL);
	X_IS(x_reap(&p), -SIGKILL);
	x_step("the kernel's news come");
	/* the socket may tell of it before the keeper does */
	if ((r = weir_uring_rx_done(l.rx, completed())) == 0)
		r = wait_rx(l.rx, &sleeps);
	X_IS(r, -EOWNERDEAD);
	X_IS(weir_uring_prep_rx_wait(entry(), l.rx), -EOWNERDEAD);
	submit();
	X_IS(completed(), 0);
	x_part(&l);
	io_uring_queue_exit(&loop);
}

static void closes(int arg)
{
	struct x_link l;
	struct x_peer p;
	int r;

	begin(&l, &p, arg);
	X_IS(weir_uring_prep_rx_wait(entry(), l.rx), 0);
	submit();
	X_TRUE(none_completed());
	hand_order(&p, 'c', 0);
	x_hear_this(&p, 0);
	x_done(&p);
	r = weir_uring_rx_done(l.rx, completed());
	X_IS(r, -EPIPE);
	x_part(&l);
	io_uring_queue_exit(&loop);
}

static void *cancel(void *rx)
{
	X_IS(weir_rx_cancel(rx), 0);
	return NULL;
}

/* Where the wait is a poll of the connection's socket. */
static int by_socket(const struct x_link *l, int arg)
{
	const char *wait = getenv("WEIR_WAIT");
	const char *backend = getenv("WEIR_BACKEND");

	return x_streams(l->kind) &&
	       (MODE(arg) == POLLING || (wait && !strcmp(wait, "socket")) ||
		(backend && !strcmp(backend, "portable")));
}

static void cancels(int arg)
{
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	struct x_link l;
	struct x_peer p;
	pthread_t thread;
	int i, sleeps = 0;

	begin(&l, &p, arg);
	x_step("by the loop");
	X_IS(weir_uring_prep_rx_wait(entry(), l.rx), 0);
	submit();
	sqe = entry();
	io_uring_prep_rw(IORING_OP_ASYNC_CANCEL, sqe, -1,
			 (void *)(uintptr_t)THIS, 0, 0);
	sqe->user_data = THIS + 1;
	submit();
	for (i = 0; i < 2; i++) {
		X_IS(io_uring_wait_cqe(&loop, &cqe), 0);
		if (cqe->user_data == THIS)
			X_IS(weir_uring_rx_done(l.rx, cqe->res), 0);
		io_uring_cqe_seen(&loop, cqe);
	}
	x_step("a blocking call and its message in between");
	hand_order(&p, 'w', 1);
	hand_read(l.rx, 0, 1);
	x_hear_this(&p, 0);
	hand_order(&p, 'w', 1);
	X_IS(wait_rx(l.rx, &sleeps), 1);
	hand_read(l.rx, 1, 1);
	x_hear_this(&p, 0);
	x_step("by another thread");
	X_IS(weir_uring_prep_rx_wait(entry(), l.rx), 0);
	submit();
	X_TRUE(none_completed());
	X_IS(pthread_create(&thread, NULL, cancel, l.rx), 0);
	X_IS(pthread_join(thread, NULL), 0);
	/* this process cannot make its own socket readable */
	if (by_socket(&l, arg))
		X_IS(weir_uring_prep_rx_wait(entry(), l.rx), -ECANCELED);
	else
		X_IS(weir_uring_rx_done(l.rx, completed()), -ECANCELED);
	end(&l, &p);
}

/* A wait that is given up does not take the wake of the next one. */
static void twice(int arg)
{
	struct x_link l;
	struct x_peer p;
	int sleeps = 0;

	begin(&l, &p, arg);
	X_IS(weir_uring_prep_rx_wait(entry(), l.rx), 0);
	submit();
	X_IS(weir_uring_prep_rx_wait(entry(), l.rx), 0);
	submit();
	hand_do(&p, 'w', 1);
	X_IS(weir_uring_rx_done(l.rx, completed()), 1);
	X_IS(weir_uring_rx_done(l.rx, completed()), 1);
	hand_read(l.rx, 0, 1);
	hand_order(&p, 'w', 1);
	X_IS(wait_rx(l.rx, &sleeps), 1);
	x_hear_this(&p, 0);
	end(&l, &p);
}

static void open_restricted(void)
{
	struct io_uring_restriction allowed[2] = {
		{ .opcode = IORING_RESTRICTION_SQE_OP,
		  .sqe_op = IORING_OP_POLL_ADD },
		{ .opcode = IORING_RESTRICTION_SQE_OP,
		  .sqe_op = IORING_OP_NOP },
	};
	struct io_uring_params p = { .flags = IORING_SETUP_R_DISABLED };
	int r = io_uring_queue_init_params(16, &loop, &p);

	if (r == -ENOSYS || r == -EPERM || r == -EINVAL)
		x_skip("an io_uring with restrictions: %s", strerror(-r));
	X_IS(r, 0);
	/* not every liburing has the calls that it declares for these */
	X_IS(syscall(SYS_io_uring_register, loop.ring_fd,
		     IORING_REGISTER_RESTRICTIONS, allowed, 2), 0);
	X_IS(syscall(SYS_io_uring_register, loop.ring_fd,
		     IORING_REGISTER_ENABLE_RINGS, NULL, 0), 0);
}

/* Of the program's loop, which may not do what the library's probe may. */
static void no_futexes(int arg)
{
	struct io_uring_sqe *sqe;
	struct x_link l;
	struct x_peer p;
	int sleeps = 0;

	hand_link(&l, &p, KIND(arg), 4096, -1);
	open_restricted();
	if (by_words(arg)) {
		X_IS(weir_uring_prep_rx_wait(entry(), l.rx), 0);
		submit();
		X_IS(weir_uring_rx_done(l.rx, completed()), 0);
	}
	sqe = entry();
	X_IS(weir_uring_prep_rx_wait(sqe, l.rx), 0);
	X_IS(sqe->opcode, IORING_OP_POLL_ADD);
	submit();
	X_TRUE(none_completed());
	hand_do(&p, 'w', 1);
	while (weir_uring_rx_done(l.rx, completed()) != 1)
		X_IS(wait_rx(l.rx, &sleeps), 1);
	hand_read(l.rx, 0, 1);
	end(&l, &p);
}

/* A loop that polls its devices takes no entry that waits for anything else. */
static void no_waits(int arg)
{
	struct weir_event event;
	struct weir_set *set;
	struct x_link l;
	struct x_peer p;
	int i, r;

	hand_link(&l, &p, KIND(arg), 4096, -1);
	r = io_uring_queue_init(16, &loop, IORING_SETUP_IOPOLL);
	if (r == -ENOSYS || r == -EPERM || r == -EINVAL)
		x_skip("an io_uring with these flags: %s", strerror(-r));
	X_IS(r, 0);
	for (i = !by_words(arg); i < 2; i++) {
		/* refused as a wait for words first, then as a poll */
		X_IS(weir_uring_prep_rx_wait(entry(), l.rx), 0);
		submit();
		X_IS(weir_uring_rx_done(l.rx, completed()), i ? -EINVAL : 0);
	}
	x_step("a set");
	X_IS(weir_set_create(&set, NULL), 0);
	X_IS(weir_set_add_rx(set, l.rx, &l), 0);
	X_IS(weir_set_wait(set, &event, 1, WEIR_NOWAIT), -EAGAIN);
	X_IS(weir_uring_prep_set_wait(entry(), set), 0);
	submit();
	X_IS(weir_uring_set_done(set, completed()), -EINVAL);
	weir_set_close(set);
	end(&l, &p);
}

static void *write_one(void *tx)
{
	X_IS(weir_tx_write(tx, "weir", 4, WEIR_FOREVER), 0);
	return NULL;
}

/* The first thread of its process but one is begun while it is armed. */
static void in_one_process(int arg)
{
	struct weir_ring_options o = { .size = sizeof(o), .capacity = 4096,
				       .flags = WEIR_RING_PRIVATE,
				       .spin_us = -1 };
	struct weir_ring *ring;
	struct weir_tx *tx;
	struct weir_rx *rx;
	pthread_t thread;
	char data[8];
	int i;

	X_IS(weir_ring_create(&ring, &o), 0);
	X_IS(weir_ring_tx(ring, &tx), 0);
	X_IS(weir_ring_rx(ring, &rx), 0);
	open_loop(MODE(arg));
	for (i = 0; i < 3; i++) {
		X_IS(weir_uring_prep_rx_wait(entry(), rx), 0);
		submit();
		X_TRUE(none_completed());
		X_IS(pthread_create(&thread, NULL, write_one, tx), 0);
		X_IS(weir_uring_rx_done(rx, completed()), 1);
		X_IS(weir_rx_try_read(rx, data, sizeof(data)), 4);
		X_IS(pthread_join(thread, NULL), 0);
	}
	io_uring_queue_exit(&loop);
	weir_ring_close(ring);
}

static void a_set(int arg)
{
	struct weir_event event;
	struct weir_set *set;
	struct x_link l;
	struct x_peer p;
	int i;

	begin(&l, &p, arg);
	X_IS(weir_set_create(&set, NULL), 0);
	X_IS(weir_set_add_rx(set, l.rx, &l), 0);
	for (i = 0; i < ROUNDS(arg); i++) {
		x_step("round %d", i);
		while (weir_set_wait(set, &event, 1, WEIR_NOWAIT) != -EAGAIN)
			;
		X_IS(weir_uring_prep_set_wait(entry(), set), 0);
		submit();
		hand_order(&p, 'w', 1);
		do {
			X_IS(weir_uring_set_done(set, completed()), 1);
			if (weir_set_wait(set, &event, 1, WEIR_NOWAIT) == 1)
				break;
			X_IS(weir_uring_prep_set_wait(entry(), set), 0);
			submit();
		} while (1);
		X_TRUE(event.user == &l && event.what == WEIR_EVENT_READ);
		hand_read(l.rx, (uint64_t)i, 1);
		x_hear_this(&p, 0);
	}
	X_IS(weir_set_remove_rx(set, l.rx), 0);
	weir_set_close(set);
	end(&l, &p);
}

static int readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int r;

	while ((r = poll(&p, 1, ms)) < 0)
		X_IS(errno, EINTR);
	return r;
}

/* Until the set has nothing more to say. */
static void drain(struct weir_set *set)
{
	struct weir_event event;
	int r;

	while ((r = weir_set_wait(set, &event, 1, WEIR_NOWAIT)) != -EAGAIN)
		X_IS(r, 1);
}

/* An end in a set is the set's to wait for: it is refused whichever kind of
   wait it would have been, and neither that nor a wait of before, which
   completes now, takes the set's wake. */
static void members(int arg)
{
	struct io_uring_sqe *sqe;
	struct weir_event event;
	struct weir_set *set;
	weir_handle handle;
	struct x_link l;
	struct x_peer p;

	begin(&l, &p, arg);
	X_IS(weir_set_create(&set, NULL), 0);
	X_IS(weir_set_handle(set, &handle), 0);
	X_IS(weir_uring_prep_rx_wait(entry(), l.rx), 0);
	X_IS(weir_set_add_rx(set, l.rx, &l), 0);
	drain(set);
	x_step("the set waits");
	X_IS(weir_uring_rx_done(l.rx, -ECANCELED), 0);
	sqe = entry();
	X_IS(weir_uring_prep_rx_wait(sqe, l.rx), -EBUSY);
	X_IS(sqe->opcode, IORING_OP_NOP);
	X_IS(readable(handle, 0), 0);
	hand_do(&p, 'w', 1);
	X_IS(readable(handle, -1), 1);
	X_IS(weir_set_wait(set, &event, 1, WEIR_NOWAIT), 1);
	X_IS(weir_uring_prep_rx_wait(entry(), l.rx), 1);
	hand_read(l.rx, 0, 1);
	X_IS(weir_set_remove_rx(set, l.rx), 0);
	X_IS(weir_uring_prep_rx_wait(entry(), l.rx), 0);
	weir_set_close(set);
	end(&l, &p);
}

/* ---- the library's own io_uring: lib/linux/uring.h ----------------------- */

/* The eventfd tells of a wake, of which the number is reaped. */
static void told(struct weir_linux_uring *u, int tell, uint64_t number)
{
	uint64_t numbers[4];
	eventfd_t count;

	X_IS(readable(tell, -1), 1);
	X_IS(eventfd_read(tell, &count), 0);
	X_IS(weir_linux_uring_reap(u, numbers, 4), 1);
	X_IS(numbers[0], number);
}

struct other {
	struct weir_linux_uring *u, *own;
	struct weir_linux_word *word;
	int tell;
};

/* Another thread's ring is refused. */
static void *other_thread(void *arg)
{
	struct other *o = arg;

	X_IS(weir_linux_uring_add(o->u, 9, o->word, 1), -EEXIST);
	X_IS(weir_linux_uring_submit(o->u), -EEXIST);
	X_IS(weir_linux_uring_open(&o->own, 1, o->tell), 0);
	X_IS(weir_linux_uring_add(o->own, 1, o->word, 1), 0);
	X_IS(weir_linux_uring_submit(o->own), 0);
	return NULL;
}

/* Some kernels end a thread's waits with it, others keep them: either way the
   eventfd tells of a wake that comes afterwards. */
static void others(struct weir_linux_uring *u, int tell,
		   struct weir_linux_word *word, struct weir_spot *spot)
{
	struct other o = { .u = u, .word = word, .tell = tell };
	pthread_t thread;

	X_IS(pthread_create(&thread, NULL, other_thread, &o), 0);
	X_IS(pthread_join(thread, NULL), 0);
	X_TRUE(weir_os()->wake(spot, INT32_MAX) >= 0);
	X_IS(readable(tell, -1), 1);
	X_IS(weir_linux_uring_reap(o.own, NULL, 0), -EEXIST);
	weir_linux_uring_close(o.own);
}

static void holds(int arg)
{
	static struct weir_a32 own;
	int fd, i, tell = eventfd(0, EFD_CLOEXEC);
	struct weir_a32 *shared = x_share(&fd, 4096);
	struct weir_linux_word w[2] = { { .word = shared },
					{ .word = &own } };
	struct weir_spot far = { .way = WEIR_OS_WORDS, .word = shared };
	struct weir_spot near = { .way = WEIR_OS_OWN, .word = &own };
	struct weir_linux_uring *u;
	uint64_t none;

	(void)arg;
	if (weir_linux_uring_usable() || !strncmp(weir_backend(), "portable", 8))
		x_skip("an io_uring with futexes, or the backend linux");
	X_IS(weir_linux_uring_open(&u, 2, tell), 0);
	for (i = 0; i < 600; i++) {
		X_IS(weir_linux_uring_add(u, 5, w, 2), 0);
		X_IS(weir_linux_uring_add(u, 6, w, 1), 0);
		X_IS(weir_linux_uring_add(u, 7, w, 1), -EBUSY);
		X_IS(weir_linux_uring_submit(u), 0);
		X_IS(weir_linux_uring_cancel(u, 6), 0);
		X_IS(weir_linux_uring_cancel(u, 6), -ENOENT);
		/* that of the cancelled one, and of the last reap */
		X_IS(weir_linux_uring_reap(u, &none, 1), 0);
		if (readable(tell, 0))
			X_IS(eventfd_read(tell, &none), 0);
		X_IS(weir_os()->wake(i & 1 ? &far : &near, INT32_MAX), 1 & i);
		told(u, tell, 5);
	}
	if (readable(tell, 0))
		X_IS(eventfd_read(tell, &none), 0);
	w[0].seen = 1;
	X_IS(weir_linux_uring_add(u, 8, w, 2), 0);
	X_IS(weir_linux_uring_submit(u), 0);
	told(u, tell, 8);
	w[0].seen = 0;
	X_IS(weir_linux_uring_add(u, 9, w, 2), 0);
	X_IS(weir_linux_uring_sleep(u, weir_after(1000000)), -ETIMEDOUT);
	/* whoever closes it leaves no wait behind */
	weir_linux_uring_close(u);
	X_IS(weir_os()->wake(&far, INT32_MAX), 0);
	close(tell);
	tell = eventfd(0, EFD_CLOEXEC);
	X_IS(weir_linux_uring_open(&u, 2, WEIR_HANDLE_NONE), 0);
	others(u, tell, w, &far);
	weir_linux_uring_close(u);
	close(tell);
	close(fd);
}

#define MODES_OF(what, run, kind)                                             \
	{ what, run, (kind) | PLAINLY, 0 },                                   \
	{ what " deferred", run, (kind) | DEFERRED, 0 },                      \
	{ what " by the handle", run, (kind) | POLLING, 0 },                  \
	{ what " submitter", run, (kind) | SUBMITTER, 0 }
#define KINDS_OF(what, run)                                                   \
	MODES_OF("plain " what, run, X_PLAIN),                                \
	MODES_OF("named " what, run, X_NAMED),                                \
	MODES_OF("stream " what, run, X_STREAM),                              \
	MODES_OF("listener " what, run, X_LISTENER)

static const struct x_case cases[] = {
	KINDS_OF("reads", reads),
	KINDS_OF("writes", writes),
	KINDS_OF("talks", talks),
	KINDS_OF("dies", dies),
	KINDS_OF("closes", closes),
	KINDS_OF("cancels", cancels),
	KINDS_OF("set", a_set),
	KINDS_OF("member", members),
	{ "plain twice", twice, X_PLAIN | PLAINLY, 0 },
	{ "stream twice", twice, X_STREAM | DEFERRED, 0 },
	{ "listener twice", twice, X_LISTENER | SUBMITTER, 0 },
	{ "plain without futexes", no_futexes, X_PLAIN, 0 },
	{ "listener without futexes", no_futexes, X_LISTENER, 0 },
	{ "plain in a loop of devices", no_waits, X_PLAIN, 0 },
	{ "listener in a loop of devices", no_waits, X_LISTENER, 0 },
	MODES_OF("private", in_one_process, PRIVATE),
	{ "library's own", holds, 0, 0 },
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
#else
int main(void)
{
	puts("x_uring: SKIP liburing, which configure did not find");
	return 77;
}
#endif
