/* SPDX-License-Identifier: MIT */
/*
 * Death at any instruction: a process does one operation under a debugger's
 * single step and is killed after k instructions, for every k (at most
 * WEIR_TEST_STEPS of them, evenly spread from a first one that chance chooses;
 * of operations thousands long, only early ones, closer at first). Each time a
 * survivor, asleep or not, and then a successor look at the ring:
 *
 * - what was committed before the operation is there, what the operation does
 *   has happened as a whole or not at all, and once it has happened for some k
 *   it has for every larger one;
 * - the survivor gets -EOWNERDEAD, out of its sleep too;
 * - the successor goes on where the dead one stopped.
 *
 * All processes are forked from one that holds the ring and claims nothing.
 * Only on x86-64: the operation stands between two int3.
 */
#include "hand.h"

#include <stdlib.h>

#if defined(__x86_64__)

#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define BEFORE 2		/* messages released or sent before */
#define BATCH 3
#define NEXT_FROM 100	/* a successor's numbers */
#define ENTIRELY 1000000000L
#define EARLY 40		/* times WEIR_TEST_STEPS */
#define STEPS (X_TSAN ? 3 : X_ASAN ? 15 : 70)

enum op {
	TRY_WRITE, COMMIT, WRITE_BATCH, CLAIM_TX, CLOSE_TX,
	TRY_READ, READ_BATCH, RELEASE, CLAIM_RX, CLOSE_RX
};

/* What the survivor does while the other one works and dies. */
enum { AWAKE, ASLEEP, HOLDING };

static const char *const survivor_is[] = {
	"awake", "asleep", "holding what it saw",
};

static const char *const op_name[] = {
	"try_write", "commit", "write_batch", "claim of tx", "close of tx",
	"try_read", "read_batch", "release", "claim of rx", "close of rx",
};

/* What a survivor found, in memory that it shares with the case. */
struct found {
	uint64_t next;		/* messages, or the first that came again */
	int32_t end;		/* the error after them */
};

struct child {
	pid_t pid;
	int fd;			/* one byte at a time, both ways */
};

static struct found *found;

static void mark(void)
{
	__asm__ volatile ("int3" ::: "memory");
}

static void say(int fd)
{
	if (send(fd, "", 1, MSG_NOSIGNAL) != 1)
		X_FAIL("the other process has gone");
}

static void hear(int fd)
{
	char byte;
	ssize_t n;

	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		X_FAIL("the other process has gone");
}

static struct child begin(void (*run)(struct weir_ring *, enum op, int, int),
			  struct weir_ring *ring, enum op op, int how)
{
	struct child c;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		X_FAIL("socketpair: %s", strerror(errno));
	c.fd = pair[0];
	c.pid = fork();
	if (c.pid < 0)
		X_FAIL("fork: %s", strerror(errno));
	if (!c.pid) {
		close(pair[0]);
		run(ring, op, how, pair[1]);
		weir_ring_close(ring);
		exit(0);
	}
	close(pair[1]);
	return c;
}

/* ---- who dies ---- */

static void produce(struct weir_ring *ring, enum op op)
{
	unsigned char data[BATCH][HAND_MAX];
	struct weir_buf v[BATCH];
	struct weir_tx *tx;
	void *at;
	int i;

	memset(v, 0, sizeof(v));
	for (i = 0; i < BATCH; i++) {
		v[i].data = data[i];
		v[i].len = hand_length((uint64_t)(BEFORE + i));
		x_fill(data[i], v[i].len, (uint64_t)(BEFORE + i));
	}
	if (op == CLAIM_TX)
		mark();
	X_IS(weir_ring_tx(ring, &tx), 0);
	if (op == CLAIM_TX)
		mark();
	hand_write(tx, 0, BEFORE);
	for (i = 0; op == COMMIT && i < BATCH; i++) {
		X_IS(weir_tx_reserve(tx, v[i].len, &at), 0);
		memcpy(at, v[i].data, v[i].len);
	}
	mark();
	if (op == TRY_WRITE)
		weir_tx_try_write(tx, v[0].data, v[0].len);
	else if (op == COMMIT)
		weir_tx_commit(tx);
	else if (op == WRITE_BATCH)
		weir_tx_write_batch(tx, v, BATCH, WEIR_NOWAIT);
	else
		weir_tx_close(tx);
	mark();
}

static void consume(struct weir_ring *ring, enum op op)
{
	unsigned char data[HAND_MAX];
	struct weir_buf v[BATCH] = {
		{ data, HAND_MAX, 0 }, { data, HAND_MAX, 0 },
		{ data, HAND_MAX, 0 },
	};
	struct weir_rx *rx;
	const void *at;
	size_t len;
	int i;

	if (op == CLAIM_RX)
		mark();
	X_IS(weir_ring_rx(ring, &rx), 0);
	if (op == CLAIM_RX)
		mark();
	/* into the middle of a run, of HAND_RUN; read_batch and release go from
	   there into the middle of the next */
	hand_read(rx, 0, op == TRY_READ ? BEFORE - 1 : BEFORE);
	for (i = 0; op == RELEASE && i < BATCH; i++)
		X_IS(weir_rx_peek(rx, &at, &len), 0);
	mark();
	if (op == TRY_READ)
		weir_rx_try_read(rx, data, sizeof(data));
	else if (op == READ_BATCH)
		weir_rx_read_batch(rx, v, BATCH, WEIR_NOWAIT);
	else if (op == RELEASE)
		weir_rx_release(rx);
	else
		weir_rx_close(rx);
	mark();
}

static void victim(struct weir_ring *ring, enum op op, int how, int fd)
{
	(void)how;
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(77);
	x_step("victim of %s", op_name[op]);
	hear(fd);
	if (op < TRY_READ)
		produce(ring, op);
	else
		consume(ring, op);
	_exit(0);
}

/* ---- who survives ---- */

/* The ring goes on: a successor to both ends sends and receives. */
static void goes_on(struct weir_tx *tx, struct weir_rx *rx, uint64_t next)
{
	int end;

	hand_write(tx, next, 4);
	hand_read(rx, next, 4);
	weir_tx_close(tx);
	X_IS(hand_drain(rx, next + 4, &end), 0);
	X_IS(end, -EPIPE);
	weir_rx_close(rx);
}

/*
 * The survivor looks at what the dead one left and holds it, and the successor
 * writes: it must find the end by itself, and overwrite nothing of it.
 */
static void read_holding(struct weir_ring *ring, struct weir_rx *rx, int fd)
{
	const void *data[BEFORE + BATCH + 1];
	struct weir_tx *tx;
	size_t len;
	uint64_t i, seen;
	int r;

	hear(fd);
	for (seen = 0; !(r = weir_rx_peek(rx, &data[seen], &len)); seen++) {
		X_IS(len, hand_length(seen));
		X_TRUE(seen < BEFORE + BATCH);
	}
	X_TRUE(r == -EAGAIN || r == -EOWNERDEAD);
	X_IS(weir_ring_tx(ring, &tx), 0);
	hand_write(tx, NEXT_FROM, 4);
	for (i = 0; i < seen; i++)
		x_check(data[i], hand_length(i), i);
	X_IS(weir_rx_release(rx), seen);
	found->next = seen;
	found->end = -EOWNERDEAD;
	hand_read(rx, NEXT_FROM, 4);
	goes_on(tx, rx, NEXT_FROM + 4);
}

static void read_on(struct weir_ring *ring, enum op op, int how, int fd)
{
	struct weir_tx *tx;
	struct weir_rx *rx;
	unsigned char data[HAND_MAX];
	ssize_t n;
	int end;

	X_IS(weir_ring_rx(ring, &rx), 0);
	say(fd);
	if (how != ASLEEP)
		hear(fd);
	if (how == HOLDING) {
		read_holding(ring, rx, fd);
		return;
	}
	x_step("survivor of %s reads", op_name[op]);
	if (op == CLAIM_TX) {
		/* the dead one may not have been the holder yet */
		n = weir_rx_read(rx, data, sizeof(data), weir_after(1));
		end = (int)n;
		found->next = 0;
	} else {
		found->next = hand_drain(rx, 0, &end);
	}
	found->end = end;
	hear(fd);		/* the dead one is reaped */
	x_step("successor of %s writes", op_name[op]);
	X_IS(weir_ring_tx(ring, &tx), 0);
	goes_on(tx, rx, found->next);
}

/* How many messages the ring holds for a successor, from which on. */
static uint64_t first_of(struct weir_rx *rx)
{
	unsigned char data[HAND_MAX];
	ssize_t n = weir_rx_read(rx, data, sizeof(data), WEIR_NOWAIT);
	uint64_t i;

	for (i = 0; i <= BEFORE + BATCH; i++)
		if (n == (ssize_t)hand_length(i) && x_same(data, (size_t)n, i))
			return i;
	X_FAIL("the successor's first message, of %zd bytes, is torn", n);
}

static void write_on(struct weir_ring *ring, enum op op, int how, int fd)
{
	struct weir_tx *tx;
	struct weir_rx *rx;
	uint64_t sent;
	int end = 0;

	X_IS(weir_ring_tx(ring, &tx), 0);
	sent = hand_fill_runs(tx, 0);
	say(fd);
	if (how != ASLEEP)
		hear(fd);
	x_step("survivor of %s writes", op_name[op]);
	if (op != CLAIM_RX)
		sent += hand_pour(tx, sent, &end);
	found->end = end;
	hear(fd);
	x_step("successor of %s reads", op_name[op]);
	X_IS(weir_ring_rx(ring, &rx), 0);
	found->next = first_of(rx);
	hand_read(rx, found->next + 1, sent - found->next - 1);
	goes_on(tx, rx, sent);
}

/* ---- the debugger ---- */

/* 1: stopped by int3, 2: by a single step, 0: ended */
static int stopped(pid_t pid)
{
	siginfo_t info;
	int status;

	if (waitpid(pid, &status, __WALL) != pid)
		X_FAIL("waitpid: %s", strerror(errno));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		x_skip("needs ptrace");
	if (!WIFSTOPPED(status))
		return 0;
	if (WSTOPSIG(status) != SIGTRAP)
		X_FAIL("the victim got signal %d", WSTOPSIG(status));
	if (ptrace(PTRACE_GETSIGINFO, pid, NULL, &info))
		X_FAIL("GETSIGINFO: %s", strerror(errno));
	return info.si_code == SI_KERNEL ? 1 : 2;
}

/* Steps of the operation that were done; *whole if it ended. */
static long single_step(pid_t pid, long k, int *whole)
{
	long i;
	int s;

	*whole = 0;
	for (i = 0; i < k; i++) {
		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL))
			X_FAIL("SINGLESTEP: %s", strerror(errno));
		s = stopped(pid);
		if (!s)
			X_FAIL("the victim ended by itself");
		if (s == 1) {
			*whole = 1;
			break;
		}
	}
	return i;
}

static void finish(pid_t pid, const char *who)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		X_FAIL("waitpid: %s", strerror(errno));
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		X_FAIL("the %s failed, status %x", who, (unsigned)status);
}

/* One life. Returns the steps it had, at most k. */
static long once(enum op op, int how, long k, int *whole)
{
	struct weir_ring_options o;
	struct weir_ring *ring;
	struct child v, s;
	long steps;

	memset(&o, 0, sizeof(o));
	o.size = sizeof(o);
	o.capacity = 4096;
	o.spin_us = -1;
	X_IS(weir_ring_create(&ring, &o), 0);
	memset(found, 0xff, sizeof(*found));
	s = begin(op < TRY_READ ? read_on : write_on, ring, op, how);
	hear(s.fd);
	v = begin(victim, ring, op, how);
	say(v.fd);
	x_step("%s: its first mark", op_name[op]);
	X_IS(stopped(v.pid), 1);
	if (how == ASLEEP)
		x_asleep(s.pid, s.pid);
	x_step("%s: %ld steps, survivor %s", op_name[op], k, survivor_is[how]);
	steps = single_step(v.pid, k, whole);
	kill(v.pid, SIGKILL);
	X_IS(stopped(v.pid), 0);
	if (how != ASLEEP)
		say(s.fd);
	say(s.fd);
	finish(s.pid, "survivor");
	close(v.fd);
	close(s.fd);
	weir_ring_close(ring);
	return steps;
}

/* How far the operation got: 0 not at all, 1 wholly. */
static int judge(enum op op, int whole)
{
	uint64_t step = op == TRY_WRITE || op == TRY_READ ? 1 : BATCH, before;
	int happened = 0;

	if (op == CLAIM_TX || op == CLAIM_RX) {
		X_IS(found->next, 0);
		return 0;
	}
	if (op == CLOSE_TX || op == CLOSE_RX) {
		X_IS(found->next, BEFORE);
		happened = found->end == -EPIPE;
		X_IS(found->end, happened ? -EPIPE : -EOWNERDEAD);
	} else {
		X_IS(found->end, -EOWNERDEAD);
		before = op == TRY_READ ? BEFORE - 1 : BEFORE;
		happened = found->next == before + step;
		/* what was released may end with the first of two runs */
		if ((op == RELEASE || op == READ_BATCH) &&
		    found->next == HAND_RUN)
			return 0;
		X_IS(found->next, happened ? before + step : before);
	}
	if (whole && !happened)
		X_FAIL("the whole %s left no trace", op_name[op]);
	return happened;
}

/* The k after k. */
static long next_kill(long k, long n, long kills, int even)
{
	if (even)
		return k + n / kills + 1;
	return k + k / 2 + 1;
}

static void walk(enum op op, int how, int even)
{
	long kills = (long)x_env("WEIR_TEST_STEPS", STEPS);
	uint64_t state = x_seed();
	long n, k, at = -1, count = 0;
	int whole, happened;

	/* a step costs up to 50 us in a virtual machine */
	n = once(op, how, even ? ENTIRELY : EARLY * kills, &whole);
	judge(op, whole);
	k = even ? (long)(x_random(&state) % (uint64_t)(n / kills + 1)) : 0;
	for (; k <= n; k = next_kill(k, n, kills, even)) {
		once(op, how, k, &whole);
		count++;
		happened = judge(op, whole);
		if (happened && at < 0)
			at = k;
		if (!happened && at >= 0)
			X_FAIL("%s had happened after %ld instructions, not "
			       "after %ld", op_name[op], at, k);
	}
	x_note("    %s: %ld instructions, killed at %ld of them, there from "
	       "%ld on, survivor %s", op_name[op], n, count, at,
	       survivor_is[how]);
}

static void share(void)
{
	found = mmap(NULL, sizeof(*found), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (found == MAP_FAILED)
		X_FAIL("mmap: %s", strerror(errno));
}

static void awake(int op)
{
	share();
	walk((enum op)op, AWAKE, 1);
}

static void asleep(int op)
{
	share();
	walk((enum op)op, ASLEEP, 1);
}

static void holding(int op)
{
	share();
	walk((enum op)op, HOLDING, 1);
}

static void coarse(int op)
{
	share();
	walk((enum op)op, AWAKE, 0);
}

static const struct x_case cases[] = {
	{ "try_write, reader awake", awake, TRY_WRITE, 60 },
	{ "try_write, reader asleep", asleep, TRY_WRITE, 60 },
	{ "try_write, peeked", holding, TRY_WRITE, 60 },
	{ "commit, peeked", holding, COMMIT, 60 },
	{ "write_batch, peeked", holding, WRITE_BATCH, 60 },
	{ "commit, reader awake", awake, COMMIT, 60 },
	{ "commit, reader asleep", asleep, COMMIT, 60 },
	{ "write_batch, reader awake", awake, WRITE_BATCH, 60 },
	{ "try_read, writer awake", awake, TRY_READ, 60 },
	{ "try_read, writer asleep", asleep, TRY_READ, 60 },
	{ "read_batch, writer awake", awake, READ_BATCH, 60 },
	{ "read_batch, writer asleep", asleep, READ_BATCH, 60 },
	{ "release, writer awake", awake, RELEASE, 60 },
	{ "release, writer asleep", asleep, RELEASE, 60 },
	{ "claim of tx", coarse, CLAIM_TX, 60 },
	{ "claim of rx", coarse, CLAIM_RX, 60 },
	{ "close of tx", coarse, CLOSE_TX, 60 },
	{ "close of rx", coarse, CLOSE_RX, 60 },
	{ NULL, NULL, 0, 0 },
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, NULL);
}

#else

int main(void)
{
	fputs("x_walk: SKIP single steps are only used on x86-64\n", stderr);
	return 77;
}

#endif
