/* SPDX-License-Identifier: MIT */
/*
 * Try, commit and release make exactly one system call when the peer sleeps
 * and this sleep was not rung for yet, none otherwise: counted with strace, on
 * each kind of ring, in the way of this system and in the way that is left
 * without futex_waitv (a semaphore, or the control socket of a stream).
 *
 * The caller writes what it is about to do, and what that shall cost, as the
 * text of a write(2) to no file, before and after each step; so the trace says
 * both. The sleeper is a hand that is asleep in the kernel and then stopped:
 * it cannot wake and sleep anew between two steps.
 */
#include "hand.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "../helpers/filter.h"

struct caller {
	struct x_link link;
	uint64_t sent, got;
	int cost[2];		/* how often 0 and 1 were expected */
};

/* ---- the caller, under strace ---- */

/* "<try_write=1": begin, and what it shall cost; ">": end */
static void mark(const char *text, int cost)
{
	char line[80];
	int n = snprintf(line, sizeof(line), cost < 0 ? ">" : "<%s=%d", text,
			 cost);

	/* fails with EBADF, which is all it is for */
	if (write(-1, line, (size_t)n) >= 0)
		X_FAIL("wrote to no file");
}

static void put(struct caller *c, const char *call, int cost)
{
	unsigned char data[HAND_MAX];
	size_t len = hand_length(c->sent);
	struct weir_buf v;
	void *at;
	int r;

	memset(&v, 0, sizeof(v));
	x_fill(data, len, c->sent);
	v.data = data;
	v.len = len;
	if (!strcmp(call, "commit")) {
		X_IS(weir_tx_reserve(c->link.tx, len, &at), 0);
		memcpy(at, data, len);
	}
	c->cost[cost]++;
	mark(call, cost);
	if (!strcmp(call, "commit"))
		r = weir_tx_commit(c->link.tx) - 1;
	else if (!strcmp(call, "write"))
		r = weir_tx_write(c->link.tx, data, len, WEIR_FOREVER);
	else if (!strcmp(call, "write_batch"))
		r = weir_tx_write_batch(c->link.tx, &v, 1, WEIR_FOREVER) - 1;
	else
		r = weir_tx_try_write(c->link.tx, data, len);
	mark(call, -1);
	X_IS(r, 0);
	c->sent++;
}

/* The first of them shall cost a call if the peer sleeps, the rest none. */
static void put_all(struct caller *c, int asleep)
{
	static const char *const calls[] = {
		"try_write", "commit", "write", "write_batch", "try_write",
	};
	int first = (int)x_listen();
	int i;

	for (i = 0; i < 5; i++)
		put(c, calls[(first + i) % 5], asleep && !i);
	x_tell((int64_t)c->sent);
}

/* Does the next release give the sleeping producer what it needs? */
static int rouses(struct weir_rx *rx, uint64_t size)
{
	const struct weir_half *peer = (const struct weir_half *)(const void *)
		((const char *)rx->peer_waiting -
		 offsetof(struct weir_half, waiting));

	return weir_load_acquire64(&peer->need) <= rx->pos + size;
}

static void get(struct caller *c, int by_release, int asleep, int *rung)
{
	unsigned char data[HAND_MAX];
	size_t len = hand_length(c->got);
	const void *at;
	int cost, r = 0;

	cost = asleep && !*rung &&
	       rouses(c->link.rx, weir_priv_record_size(len));
	*rung |= cost;
	if (by_release)
		X_IS(weir_rx_peek(c->link.rx, &at, &len), 0);
	c->cost[cost]++;
	mark(by_release ? "release" : "try_read", cost);
	if (by_release)
		r = weir_rx_release(c->link.rx);
	else
		len = (size_t)weir_rx_try_read(c->link.rx, data, sizeof(data));
	mark("", -1);
	X_IS(by_release ? r : 1, 1);
	X_IS(len, hand_length(c->got));
	c->got++;
}

static void get_all(struct caller *c, int asleep)
{
	int by_release = (int)x_listen();
	int i, rung = 0;

	for (i = 0; i < 8; i++)
		get(c, (i & 1) == by_release, asleep, &rung);
	x_tell((int64_t)c->got);
}

static void role_caller(int argc, char **argv)
{
	struct caller c;
	int64_t order;

	(void)argc;
	memset(&c, 0, sizeof(c));
	x_join(&c.link, argv[0]);
	x_tell(getpid());
	for (;;) {
		order = x_listen();
		x_step("caller's order %c", (int)order);
		if (order == 'P' || order == 'p')
			put_all(&c, order == 'P');
		else if (order == 'G' || order == 'g')
			get_all(&c, order == 'G');
		else
			break;
	}
	X_TRUE(c.cost[0] > 0 && c.cost[1] > 0);
	/* under strace LeakSanitizer cannot work: no exit() */
	_exit(0);
}

/* ---- the trace ---- */

/* What a sanitizer or an emulator does for itself in our process: memory, and
   questions that the library never asks in these steps. */
static int not_ours(const char *call)
{
	static const char *const own[] = {
		"mmap(", "munmap(", "madvise(", "mprotect(", "sched_yield(",
		"rt_sigprocmask(", "getpid(", "gettid(", "brk(",
	};
	int others = X_SLOW || getenv("WEIR_EMULATOR");
	size_t i;

	for (i = 0; others && i < sizeof(own) / sizeof(own[0]); i++)
		if (!strncmp(call, own[i], strlen(own[i])))
			return 1;
	return 0;
}

struct count {
	char label[64];
	char calls[256];	/* those made in this step */
	int cost, made, steps;
};

static void one_line(struct count *n, char *call)
{
	char *equals;

	call[strcspn(call, "\n")] = 0;
	if (!strncmp(call, "write(-1, \"<", 12)) {
		snprintf(n->label, sizeof(n->label), "%.60s", call + 12);
		equals = strchr(n->label, '=');
		X_TRUE(equals != NULL);
		n->cost = atoi(equals + 1);
		*equals = 0;
		n->made = 0;
		*n->calls = 0;
	} else if (!strncmp(call, "write(-1, \">", 12)) {
		n->steps++;
		if (n->made != n->cost)
			X_FAIL("step %d, %s: expected %d system calls, got %d:"
			       "%s", n->steps, n->label, n->cost, n->made,
			       n->calls);
	} else if (*call != '<' && *call != '-' && *call != '+' &&
		   !not_ours(call)) {
		size_t used = strlen(n->calls);

		n->made++;
		snprintf(n->calls + used, sizeof(n->calls) - used, " %.70s",
			 call);
	}
}

static void judge(const char *path, pid_t pid)
{
	char line[4096];
	struct count n;
	FILE *f = fopen(path, "re");

	memset(&n, 0, sizeof(n));
	if (!f)
		X_FAIL("no trace: %s", strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		char *call;

		if (strtol(line, &call, 10) != pid)
			continue;
		one_line(&n, call + strspn(call, " "));
	}
	fclose(f);
	if (n.steps < 20)
		X_FAIL("the trace has %d steps only", n.steps);
	x_note("    %d steps counted", n.steps);
}

/* ---- the case ---- */

static int have_strace(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, STDERR_FILENO);
		execlp("strace", "strace", "-f", "-o", "/dev/null", "true",
		       (char *)NULL);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

static void turned_round(const struct x_link *l, char *spec, size_t size)
{
	if (l->kind == X_STREAM)
		snprintf(spec, size, "stream %d %" PRIu64 " %d", l->socket,
			 l->capacity, l->spin_us);
	else if (l->kind == X_NAMED)
		snprintf(spec, size, "named %s %s", l->name[0], l->name[1]);
	else
		snprintf(spec, size, "plain %d %d", l->give[1], l->give[0]);
}

static void stop_asleep(const struct x_peer *p)
{
	x_asleep(p->pid, p->pid);
	x_signal(p, SIGSTOP);
	x_stopped(p->pid);
}

/* Five sends to a sleeping reader cost one call, five to one awake none. */
static uint64_t sends(const struct x_peer *caller, const struct x_peer *hand,
		      uint64_t sent, int first)
{
	x_step("the reader sleeps; first comes call %d", first);
	hand_order(hand, 'r', 10);
	stop_asleep(hand);
	x_order(caller, 'P');
	x_order(caller, first);
	x_hear_this(caller, (int64_t)sent + 5);
	x_signal(hand, SIGCONT);
	x_asleep(hand->pid, hand->pid);
	x_step("the reader sleeps again");
	x_signal(hand, SIGSTOP);
	x_stopped(hand->pid);
	x_order(caller, 'P');
	x_order(caller, first + 1);
	x_hear_this(caller, (int64_t)sent + 10);
	x_signal(hand, SIGCONT);
	x_hear_this(hand, 0);
	x_step("the reader is awake");
	x_order(caller, 'p');
	x_order(caller, first);
	x_hear_this(caller, (int64_t)sent + 15);
	hand_do(hand, 'r', 5);
	return sent + 15;
}

static void receives(const struct x_peer *caller, const struct x_peer *hand)
{
	int64_t filled;

	x_step("the writer is awake");
	hand_do(hand, 'b', 0);
	hand_order(hand, 'f', 0);
	filled = x_hear(hand);
	x_order(caller, 'g');
	x_order(caller, 0);
	x_hear_this(caller, 8);
	x_step("the writer sleeps");
	hand_do(hand, 'b', (uint64_t)filled);
	hand_order(hand, 'k', 0);
	stop_asleep(hand);
	x_order(caller, 'G');
	x_order(caller, 1);
	x_hear_this(caller, 16);
	x_signal(hand, SIGCONT);
	stop_asleep(hand);
	x_order(caller, 'G');
	x_order(caller, 0);
	x_hear_this(caller, 24);
}

static void count(int kind, const char *without)
{
	const char *wait = getenv("WEIR_WAIT");
	char trace[] = "/tmp/x_syscalls.XXXXXX";
	char spec[256];
	const char *const before[] = { "strace", "-f", "-o", trace, NULL };
	struct x_how how = { .before = before };
	struct x_peer caller, hand;
	struct x_link l;
	uint64_t sent = 0;
	pid_t pid;
	int i, fd;

	if (!have_strace())
		x_skip("needs strace, and leave to use it");
	/* for the rings that are made here, and for both peers */
	if (without && wait && !strcmp(wait, "waitv"))
		x_skip("another wait than WEIR_WAIT=waitv");
	if (without && filter_install(without, ENOSYS))
		x_skip("needs seccomp filters");
	fd = mkstemp(trace);
	X_TRUE(fd >= 0);
	close(fd);
	x_offer(&l, kind, 4096, 0);
	turned_round(&l, spec, sizeof(spec));
	hand_spawn(&hand, &l, -1);
	if (kind == X_STREAM) {
		/* each has its own end only, or a death could not be seen */
		close(l.give[0]);
		l.give[0] = l.socket;
	}
	x_spawn(&caller, &how, l.give, "caller", spec, NULL);
	if (kind == X_STREAM)
		close(l.socket);
	hand_order(&hand, 'j', 0);
	x_step("both join");
	pid = (pid_t)x_hear(&caller);
	x_hear_this(&hand, 0);
	for (i = 0; i < 5; i++)
		sent = sends(&caller, &hand, sent, i);
	receives(&caller, &hand);
	x_signal(&hand, SIGCONT);
	x_order(&caller, 'e');
	x_done(&caller);
	x_hear_this(&hand, -EOWNERDEAD);
	x_signal(&hand, SIGKILL);
	X_IS(x_reap(&hand), -SIGKILL);
	judge(trace, pid);
	unlink(trace);
	x_part(&l);
}

static void first_way(int kind)
{
	count(kind, NULL);
}

static void second_way(int kind)
{
	count(kind, "futex_waitv");
}

static const struct x_case cases[] = {
	{ "plain", first_way, X_PLAIN, 0 },
	{ "named", first_way, X_NAMED, 0 },
	{ "stream", first_way, X_STREAM, 0 },
	{ "plain without futex_waitv", second_way, X_PLAIN, 0 },
	{ "named without futex_waitv", second_way, X_NAMED, 0 },
	{ "stream without futex_waitv", second_way, X_STREAM, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ "hand", hand_role },
	{ "caller", role_caller },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, roles);
}
