/* SPDX-License-Identifier: MIT */
/*
 * Try, commit and release make exactly one system call when the peer sleeps
 * and this sleep was not rung for yet, none otherwise: counted with strace, on
 * each kind of ring, in the way of this system and in the way that is left
 * without futex_waitv (a semaphore, or the control socket of a stream), and
 * whether the peer sleeps in the call, behind a handle, by an io_uring entry or
 * in a set.
 *
 * The caller writes what it is about to do, and what that shall cost, as the
 * text of a write(2) to no file, before and after each step; so the trace says
 * both. The sleeper is a hand that is asleep in the kernel and then stopped:
 * it cannot wake and sleep anew between two steps.
 *
 * A set's wait, from before it sleeps until the next one would, makes as many
 * calls for one message with 20 members as with 600, in all threads.
 *
 * Seen to fail with a wake that is made twice, and with a set that looks for
 * more behind each 32 of its members, not behind each 32 that were told.
 */
#include "hand.h"
#include "ways.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "../../lib/internal.h"
#include "../helpers/filter.h"

#define CAPACITY 4096

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

/* The caller's side of a stream is the listener's. */
static void let_one_in(struct x_link *l, const char *name)
{
	struct weir_listener_options o = { .size = sizeof(o),
					   .capacity = CAPACITY,
					   .flags = x_stream_flags() };

	l->kind = X_LISTENER;
	X_IS(weir_listener_open(&l->listener, name, &o), 0);
	x_tell(0);
	x_meet(l);
}

/* Arguments: the link, or "accept" and the listener's name. */
static void role_caller(int argc, char **argv)
{
	struct caller c;
	int64_t order;

	memset(&c, 0, sizeof(c));
	if (argc == 2)
		let_one_in(&c.link, argv[1]);
	else
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

/* ---- a sleeper that waits in another way than the call ---- */

/* Obeys orders j, r and b as a hand does, and joins at the first one, too.
   Arguments: the link, the way. */
static void role_sleeper(int argc, char **argv)
{
	struct ways w = { .rx = NULL };
	uint64_t next = 0, n;
	struct x_link l;
	int64_t order;

	X_IS(argc, 2);
	order = x_listen();
	x_join(&l, argv[0]);
	w.rx = l.rx;
	w.tx = l.tx;
	for (;; order = x_listen()) {
		x_step("order %c", (char)order);
		for (n = (char)order == 'r' ? (uint64_t)order >> 8 : 0; n; n--) {
			X_IS(ways_rx(&w, atoi(argv[1])), 1);
			hand_read(l.rx, next++, 1);
		}
		x_tell(0);
	}
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

#define WAKES 20		/* that are counted */

/* What was counted, where that is not yet judged. */
struct step {
	char calls[256];
	int made;
};

struct count {
	char label[64];
	char calls[256];	/* those made in this step */
	int cost, made, steps;
	struct step *each;	/* or NULL */
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
		if (n->each) {
			X_TRUE(n->steps < WAKES);
			memcpy(n->each[n->steps].calls, n->calls,
			       sizeof(n->calls));
			n->each[n->steps].made = n->made;
		}
		n->steps++;
		if (!n->each && n->made != n->cost)
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

/* pid: the thread that is counted, 0: all of them. */
static int read_trace(const char *path, pid_t pid, struct step *each)
{
	char line[4096];
	struct count n;
	FILE *f = fopen(path, "re");

	memset(&n, 0, sizeof(n));
	n.each = each;
	if (!f)
		X_FAIL("no trace: %s", strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		char *call;

		if (strtol(line, &call, 10) != pid && pid)
			continue;
		one_line(&n, call + strspn(call, " "));
	}
	fclose(f);
	return n.steps;
}

static void judge(const char *path, pid_t pid)
{
	int steps = read_trace(path, pid, NULL);

	if (steps < 20)
		X_FAIL("the trace has %d steps only", steps);
	x_note("    %d steps counted", steps);
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

/* Neither side of a listener's stream is this process's. */
static void offer_name(struct x_link *l, char *name, size_t size)
{
	snprintf(name, size, "x.%d.calls", (int)getpid());
	memset(l, 0, sizeof(*l));
	l->kind = X_LISTENER;
	memset(l->give, 0xff, sizeof(l->give));
	snprintf(l->spec, sizeof(l->spec), "listener %.60s %d 0", name,
		 CAPACITY);
}

static void spawn_caller(struct x_peer *p, const struct x_how *how,
			 const struct x_link *l, const char *spec)
{
	if (l->kind != X_LISTENER) {
		x_spawn(p, how, l->give, "caller", spec, NULL);
		return;
	}
	x_spawn(p, how, NULL, "caller", "accept", spec, NULL);
	x_hear_this(p, 0);
}

static void stop_asleep(const struct x_peer *p)
{
	ways_asleep(p->pid);
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
	x_step("the reader sleeps again");
	stop_asleep(hand);
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

static void spawn_sleeper(struct x_peer *p, const struct x_link *l, int way)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", way);
	if (way == CALL)
		hand_spawn(p, l, -1);
	else
		x_spawn(p, NULL, l->give, "sleeper", l->spec, text, NULL);
}

static void count(int kind, const char *without, int way)
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

	ways_need(way);
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
	if (kind == X_LISTENER) {
		offer_name(&l, spec, sizeof(spec));
	} else {
		x_offer(&l, kind, CAPACITY, 0);
		turned_round(&l, spec, sizeof(spec));
	}
	spawn_sleeper(&hand, &l, way);
	if (kind == X_STREAM) {
		/* each has its own end only, or a death could not be seen */
		close(l.give[0]);
		l.give[0] = l.socket;
	}
	spawn_caller(&caller, &how, &l, spec);
	if (kind == X_STREAM)
		close(l.socket);
	hand_order(&hand, 'j', 0);
	x_step("both join");
	pid = (pid_t)x_hear(&caller);
	x_hear_this(&hand, 0);
	for (i = 0; i < 5; i++)
		sent = sends(&caller, &hand, sent, i);
	if (way == CALL)
		receives(&caller, &hand);
	x_signal(&hand, SIGCONT);
	x_order(&caller, 'e');
	x_done(&caller);
	if (way == CALL)
		x_hear_this(&hand, -EOWNERDEAD);
	x_signal(&hand, SIGKILL);
	X_IS(x_reap(&hand), -SIGKILL);
	judge(trace, pid);
	unlink(trace);
	x_part(&l);
}

static void first_way(int kind)
{
	count(kind, NULL, CALL);
}

static void second_way(int kind)
{
	count(kind, "futex_waitv", CALL);
}

static void by_handle(int kind)
{
	count(kind, NULL, HANDLE);
}

static void by_uring(int kind)
{
	count(kind, NULL, URING);
}

static void by_set(int kind)
{
	count(kind, NULL, SET);
}

/* ---- a set of many ---- */

#define MANY 600

static struct weir_ring *ring[MANY];
static struct weir_stream *stream[MANY];
static struct weir_rx *rx[MANY];
static struct weir_tx *tx[MANY];
static struct weir_set *set;

static void name_of(char *name, size_t size, const char *prefix, int i)
{
	snprintf(name, size, "%s.%d", prefix, i);
}

/* Each claim may have a thread that watches the other one. */
static void claimed(int r)
{
	if (r == -ENOMEM)
		x_skip("as many threads as there are ends of plain rings");
	X_IS(r, 0);
}

static void make_rings(const char *prefix, int n)
{
	struct weir_ring_options o = { .size = sizeof(o),
				       .capacity = CAPACITY };
	char name[64];
	int i;

	o.name = name;
	for (i = 0; i < n; i++) {
		name_of(name, sizeof(name), prefix, i);
		X_IS(weir_ring_create(&ring[i], &o), 0);
		claimed(weir_ring_rx(ring[i], &rx[i]));
	}
	x_tell(0);
}

static void let_in(const char *name, int n)
{
	struct weir_listener_options o = { .size = sizeof(o),
					   .capacity = CAPACITY,
					   .flags = x_stream_flags() };
	struct weir_listener *listener;
	int i;

	X_IS(weir_listener_open(&listener, name, &o), 0);
	x_tell(0);
	for (i = 0; i < n; i++) {
		X_IS(weir_listener_accept(listener, &stream[i],
					  weir_after(X_HANG)), 0);
		rx[i] = weir_stream_rx(stream[i]);
	}
	weir_listener_close(listener);
}

/* One message wakes it. The first wait arms them all: not counted. */
static void wake(int counted)
{
	struct weir_event e;
	int word;

	x_tell(0);
	if (counted)
		mark("wake", 0);
	X_IS(weir_set_wait(set, &e, 1, WEIR_FOREVER), 1);
	X_IS(weir_rx_try_read(*(struct weir_rx **)e.user, &word, sizeof(word)),
	     sizeof(word));
	if (counted)
		mark("", -1);
	x_tell(word);
}

/* Arguments: kind, prefix of the names, how many. */
static void role_gatherer(int argc, char **argv)
{
	int i, n = atoi(argv[2]);

	X_IS(argc, 3);
	x_tell(getpid());
	if (atoi(argv[0]) == X_LISTENER)
		let_in(argv[1], n);
	else
		make_rings(argv[1], n);
	X_IS(weir_set_create(&set, NULL), 0);
	for (i = 0; i < n; i++)
		X_IS(weir_set_add_rx(set, rx[i], &rx[i]), 0);
	x_step("%d members", n);
	x_listen();
	for (i = 0; i <= WAKES; i++)
		wake(i > 0);
	x_listen();
	_exit(0);
}

static void take_ends(int kind, const char *prefix, int n)
{
	struct weir_stream_options o = { .size = sizeof(o),
					 .capacity = CAPACITY,
					 .flags = x_stream_flags() };
	char name[64];
	int i;

	for (i = 0; i < n; i++) {
		if (kind == X_LISTENER) {
			X_IS(weir_stream_connect_with(&stream[i], prefix, &o,
						      weir_after(X_HANG)), 0);
			tx[i] = weir_stream_tx(stream[i]);
			continue;
		}
		name_of(name, sizeof(name), prefix, i);
		X_IS(weir_ring_open(&ring[i], name), 0);
		claimed(weir_ring_tx(ring[i], &tx[i]));
		X_IS(weir_ring_unlink(name), 0);
	}
}

static void release_ends(int n)
{
	int i;

	for (i = 0; i < n; i++) {
		weir_stream_close(stream[i]);
		weir_ring_close(ring[i]);
		stream[i] = NULL;
		ring[i] = NULL;
	}
}

static void count_wakes(int kind, int n, struct step *each)
{
	char trace[] = "/tmp/x_syscalls.XXXXXX";
	char number[8], prefix[32], many[8];
	const char *const before[] = { "strace", "-f", "-o", trace, NULL };
	struct x_how how = { .before = before };
	struct x_peer p;
	pid_t pid;
	int fd, i, k;

	x_step("%d members", n);
	fd = mkstemp(trace);
	X_TRUE(fd >= 0);
	close(fd);
	snprintf(number, sizeof(number), "%d", kind);
	snprintf(prefix, sizeof(prefix), "x.%d.%d", (int)getpid(), n);
	snprintf(many, sizeof(many), "%d", n);
	x_spawn(&p, &how, NULL, "gatherer", number, prefix, many, NULL);
	pid = (pid_t)x_hear(&p);
	x_hear_this(&p, 0);
	take_ends(kind, prefix, n);
	x_order(&p, 0);
	for (i = 0; i <= WAKES; i++) {
		k = i * 31 % n;
		x_hear_this(&p, 0);
		/* for good, once the rest of the process is, too */
		if (i)
			x_asleep(pid, pid);
		else
			ways_asleep(pid);
		X_IS(weir_tx_write(tx[k], &k, sizeof(k), WEIR_NOWAIT), 0);
		x_hear_this(&p, k);
	}
	x_order(&p, 0);
	x_done(&p);
	release_ends(n);
	X_IS(read_trace(trace, X_SLOW ? pid : 0, each), WAKES);
	unlink(trace);
}

/* Equal, where both sets are beyond what words are better for. */
static void set_of_many(int kind)
{
	static struct step few[WAKES], many[WAKES];
	int dear = X_TSAN || getenv("WEIR_EMULATOR");
	int i, sum = 0;

	if (!have_strace())
		x_skip("needs strace, and leave to use it");
	if (kind == X_NAMED && !weir_os_ability()->naps)
		x_skip("naps of plain rings without a thread");
	x_need_descriptors(8 * MANY);
	count_wakes(kind, 20, few);
	count_wakes(kind, dear ? 60 : MANY, many);
	for (i = 0; i < WAKES; i++) {
		if (few[i].made != many[i].made)
			X_FAIL("wake %d: %d calls,%s; of many %d,%s", i,
			       few[i].made, few[i].calls, many[i].made,
			       many[i].calls);
		X_TRUE(few[i].made > 0);
		sum += few[i].made;
	}
	x_note("    %d calls for %d wakes", sum, WAKES);
}

#define KIND(name, kind)                                                      \
	{ name, first_way, kind, 0 },                                         \
	{ name " without futex_waitv", second_way, kind, 0 },                 \
	{ name " handle", by_handle, kind, 0 },                               \
	{ name " io_uring", by_uring, kind, 0 },                              \
	{ name " set", by_set, kind, 0 }

static const struct x_case cases[] = {
	KIND("plain", X_PLAIN),
	KIND("named", X_NAMED),
	KIND("stream", X_STREAM),
	KIND("listener", X_LISTENER),
	{ "plain set of many", set_of_many, X_NAMED, 60 },
	{ "stream set of many", set_of_many, X_LISTENER, 60 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ "hand", hand_role },
	{ "caller", role_caller },
	{ "gatherer", role_gatherer },
	{ "sleeper", role_sleeper },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, roles);
}
