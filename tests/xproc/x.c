/* SPDX-License-Identifier: MIT */
/*
 * The watchdog, the peers and the looks into /proc of the two-process tests;
 * x.h says what each is for. Nothing here uses the library except for making
 * and closing links.
 */
#include "x.h"

#include <dirent.h>
#include <endian.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "../helpers/filter.h"

#define STEP_SLOTS 64		/* processes of one case, at most */
#define STEP_TEXT 184
#define SECONDS 30
#define SECONDS_SLOW 4		/* times as long, sanitized or emulated */
#define LOOKS 5			/* where /proc does not tell the call */

struct step {
	int64_t pid;
	char text[STEP_TEXT];
};

struct steps {
	uint32_t used;
	uint32_t pad;
	struct step step[STEP_SLOTS];
	char skipped[STEP_TEXT]; /* why; at the end, for peers of other builds */
};

const char *const x_kind[X_KINDS] = { "plain", "named", "stream", "listener" };

static char self_path[4096];
static struct steps *steps;
static struct step *my_step;
static int ctl = -1;
static pthread_mutex_t said_lock = PTHREAD_MUTEX_INITIALIZER;
static char said[256];

/*
 * Tests fork while the library's threads run; what they then do in the child
 * is what is tested. And thousands of processes end while they run, of which
 * each would wait a second for them.
 */
const char *__tsan_default_options(void)
	__attribute__((visibility("default")));
const char *__tsan_default_options(void)
{
	return "die_after_fork=0 atexit_sleep_ms=50";
}

/* The first n bytes of size, and a newline; n may be what snprintf wanted. */
static void put_line(char *line, int size, int n)
{
	if (n > size - 2)
		n = size - 2;
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}

__attribute__((format(printf, 2, 0)))
static void put(const char *prefix, const char *fmt, va_list ap)
{
	char line[1024];
	int n = snprintf(line, sizeof(line), "%s: %s",
			 program_invocation_short_name, prefix);
	int size = (int)sizeof(line);

	n += vsnprintf(line + n, (size_t)(size - n), fmt, ap);
	put_line(line, size, n);
}

void x_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put("", fmt, ap);
	va_end(ap);
}

void x_step(const char *fmt, ...)
{
	va_list ap;

	if (!my_step && steps) {
		uint32_t i = __atomic_fetch_add(&steps->used, 1,
						__ATOMIC_RELAXED);

		my_step = &steps->step[i % STEP_SLOTS];
	}
	if (!my_step)
		return;
	va_start(ap, fmt);
	vsnprintf(my_step->text, STEP_TEXT, fmt, ap);
	va_end(ap);
	my_step->pid = getpid();
}

static void keep_words(void *ctx, int level, const char *text)
{
	(void)ctx;
	(void)level;
	pthread_mutex_lock(&said_lock);
	snprintf(said, sizeof(said), "%s", text);
	pthread_mutex_unlock(&said_lock);
}

const char *x_said(void)
{
	static char copy[sizeof(said)];

	pthread_mutex_lock(&said_lock);
	memcpy(copy, said, sizeof(copy));
	pthread_mutex_unlock(&said_lock);
	return copy;
}

void x_fail(const char *file, int line, const char *fmt, ...)
{
	const char *base = strrchr(file, '/');
	char where[128];
	va_list ap;

	snprintf(where, sizeof(where), "%s:%d: ", base ? base + 1 : file, line);
	va_start(ap, fmt);
	put(where, fmt, ap);
	va_end(ap);
	if (my_step)
		x_note("    process %d, at: %s", (int)getpid(), my_step->text);
	if (*x_said())
		x_note("    the library said last: %s", x_said());
	_exit(1);
}

void x_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put("SKIP ", fmt, ap);
	va_end(ap);
	if (steps) {
		va_start(ap, fmt);
		vsnprintf(steps->skipped, STEP_TEXT, fmt, ap);
		va_end(ap);
	}
	_exit(77);
}

void x_skipped(const char *name, const char *why)
{
	char line[1024];
	int n = snprintf(line, sizeof(line), "SKIPPED CASE: %s - %s # SKIP %s",
			 program_invocation_short_name, name, why);

	put_line(line, (int)sizeof(line), n);
}

static const char *words_of(int64_t r)
{
	return r < 0 && r > -4096 ? weir_strerror((int)r) : "a result";
}

void x_is(const char *file, int line, const char *what, int64_t got,
	  int64_t want)
{
	if (got == want)
		return;
	x_fail(file, line, "%s: expected %" PRId64 " (%s), got %" PRId64
	       " (%s)", what, want, words_of(want), got, words_of(got));
}

int64_t x_env(const char *name, int64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoll(text, NULL, 0) : otherwise;
}

uint64_t x_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint64_t x_seed(void)
{
	uint64_t seed = (uint64_t)x_env("WEIR_TEST_SEED", 0);

	if (!seed)
		seed = (uint64_t)weir_now() ^ (uint64_t)getpid() << 40;
	x_note("seed: WEIR_TEST_SEED=%" PRIu64, seed);
	return seed;
}

void x_fill(void *data, size_t len, uint64_t number)
{
	unsigned char *p = data;
	uint64_t state = number * UINT64_C(0x2545f4914f6cdd1d);

	while (len) {
		uint64_t word = x_random(&state);
		size_t n = len < 8 ? len : 8;

		memcpy(p, &word, n);
		p += n;
		len -= n;
	}
}

int x_same(const void *data, size_t len, uint64_t number)
{
	const unsigned char *p = data;
	uint64_t state = number * UINT64_C(0x2545f4914f6cdd1d);

	while (len) {
		uint64_t word = x_random(&state);
		size_t n = len < 8 ? len : 8;

		if (memcmp(p, &word, n))
			return 0;
		p += n;
		len -= n;
	}
	return 1;
}

void x_check(const void *data, size_t len, uint64_t number)
{
	if (!x_same(data, len, number))
		X_FAIL("message %" PRIu64 " of %zu bytes is not what was sent",
		       number, len);
}

/* ---- looks into /proc ---- */

pid_t x_tid(void)
{
	return (pid_t)syscall(SYS_gettid);
}

__attribute__((format(printf, 3, 4)))
static int slurp(char *text, size_t size, const char *fmt, ...)
{
	char path[256];
	va_list ap;
	ssize_t n;
	int fd;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	*text = 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, size - 1);
	close(fd);
	if (n < 0)
		return -errno;
	text[n] = 0;
	return (int)n;
}

/* Letter of the state, 0 if the thread is gone; pgrp if wanted. */
static char state_of(pid_t pid, pid_t tid, int *pgrp)
{
	char text[1024];
	char *end;
	char state = 0;
	int parent, group = 0;

	if (slurp(text, sizeof(text), "/proc/%d/task/%d/stat", (int)pid,
		  (int)tid) <= 0)
		return 0;
	end = strrchr(text, ')');
	if (!end || sscanf(end + 1, " %c %d %d", &state, &parent, &group) != 3)
		return 0;
	if (pgrp)
		*pgrp = group;
	return state;
}

uint64_t x_switches_of(pid_t pid, pid_t tid)
{
	static const char key[] = "\nvoluntary_ctxt_switches:";
	char text[8192];
	char *at;

	if (slurp(text, sizeof(text), "/proc/%d/task/%d/status", (int)pid,
		  (int)tid) <= 0)
		return 0;
	at = strstr(text, key);
	return at ? strtoull(at + sizeof(key) - 1, NULL, 10) : 0;
}

/*
 * The calls that are told apart, as the kernel numbers them: an emulated
 * process is shown in /proc as the emulator's, which is another machine's.
 */
static const struct numbers {
	long read, write, wait4, nanosleep, clock_nanosleep, futex;
} machines[] = {
	{ SYS_read, SYS_write, SYS_wait4, SYS_nanosleep, SYS_clock_nanosleep,
	  -1 },
	{ 0, 1, 61, 35, 230, 202 },	/* x86-64 */
	{ 63, 64, 260, 101, 115, 98 },	/* aarch64, riscv64 */
};
#define OTHER_CALL 1000000	/* of another machine, and none of these */

static long raw_call_of(pid_t pid, pid_t tid, unsigned long *second)
{
	unsigned long first;
	char text[256];
	long call;
	int n;

	*second = 0;
	if (slurp(text, sizeof(text), "/proc/%d/task/%d/syscall", (int)pid,
		  (int)tid) <= 0)
		return -2;
	if (text[0] == 'r')
		return -1;
	n = sscanf(text, "%ld %lx %lx", &call, &first, second);
	return n < 1 ? -2 : call;
}

/* Which machine's: that file is being read when it says what we do. NULL: of
   none that is known, or nothing is told. */
static const struct numbers *kernel(void)
{
	unsigned long ignored;
	long call = raw_call_of(getpid(), x_tid(), &ignored);
	size_t i;

	for (i = 0; i < sizeof(machines) / sizeof(*machines); i++)
		if (call == machines[i].read)
			return &machines[i];
	return NULL;
}

/*
 * Number of the system call that the thread is in; -1 none, -2 not told. A
 * plain FUTEX_WAIT in an emulator is its own lock: the thread will run on.
 */
static long call_of(pid_t pid, pid_t tid)
{
	const struct numbers *k = kernel();
	unsigned long second;
	long call = raw_call_of(pid, tid, &second);

	if (!k)
		return -2;
	if (k == machines || call < 0)
		return call;
	if (call == k->futex && !(second & 127))
		return -1;
	return call == k->read ? SYS_read :
	       call == k->write ? SYS_write :
	       call == k->wait4 ? SYS_wait4 :
	       call == k->nanosleep ? SYS_nanosleep :
	       call == k->clock_nanosleep ? SYS_clock_nanosleep :
					    OTHER_CALL + call;
}

/* A 32-bit peer of a 64-bit process is told by its own numbers, which belong
   to calls that never wait here. */
static int i386_words(long call)
{
#ifdef __x86_64__
	return call == 3 || call == 4 || call == 114 || call == 407;
#else
	(void)call;
	return 0;
#endif
}

/* Peers wait for words in read(), for children in wait4(). */
static int waits_in(long call)
{
	return call != -1 && call != SYS_read && call != SYS_write &&
	       call != SYS_wait4 && call != SYS_clock_nanosleep &&
	       !i386_words(call);
}

void x_pause(void)
{
	poll(NULL, 0, 1);
}

void x_need_descriptors(uint64_t n)
{
	struct rlimit limit;

	X_IS(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	X_IS(setrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < n)
		x_skip("only %llu descriptors",
		       (unsigned long long)limit.rlim_max);
}

/* call: that one; -1: one by which the library waits. */
static int asleep_in(pid_t pid, pid_t tid, long call, int64_t limit_ns)
{
	int64_t end = limit_ns == INT64_MAX ? limit_ns : weir_now() + limit_ns;
	uint64_t before = UINT64_MAX;
	int same = 0;

	for (;;) {
		char state = state_of(pid, tid, NULL);
		long is = call_of(pid, tid);
		uint64_t now = x_switches_of(pid, tid);

		if (state == 'S' && now == before &&
		    (is == -2 || (call < 0 ? waits_in(is) : is == call)))
			same++;
		else
			same = 0;
		if (same >= (is == -2 ? LOOKS : 1))
			return 1;
		if (!state || state == 'Z')
			X_FAIL("process %d has ended before it slept",
			       (int)pid);
		if (weir_now() > end)
			return 0;
		before = now;
		x_pause();
	}
}

int x_asleep_within(pid_t pid, pid_t tid, int64_t limit_ns)
{
	return asleep_in(pid, tid, -1, limit_ns);
}

void x_asleep(pid_t pid, pid_t tid)
{
	asleep_in(pid, tid, -1, INT64_MAX);
}

void x_asleep_in(pid_t pid, pid_t tid, long call)
{
	asleep_in(pid, tid, call, INT64_MAX);
}

int x_stops(pid_t pid)
{
	char is;

	while ((is = state_of(pid, pid, NULL)) != 'T') {
		if (!is || is == 'Z')
			return 0;
		x_pause();
	}
	return 1;
}

void x_stopped(pid_t pid)
{
	if (!x_stops(pid))
		X_FAIL("process %d has ended before it stopped", (int)pid);
}

/* ThreadSanitizer has a thread in each process that ticks, and two in one that
   was forked; they are not the library's. Once one is known the others need not
   be looked at so long: a thread that waits for anything else is none. */
static int is_sanitizers(pid_t pid, pid_t tid)
{
	static struct known {
		pid_t pid, tid[2];
		int n;
	} table[STEP_SLOTS];
	struct known *known = &table[pid % STEP_SLOTS];
	int i;

	if (known->pid != pid)
		*known = (struct known){ .pid = pid };
	for (i = 0; i < known->n; i++)
		if (known->tid[i] == tid)
			return 1;
	for (i = 0; X_TSAN && known->n < 2 && i < 20; i++) {
		long call = call_of(pid, tid);

		if (call == SYS_nanosleep || call == SYS_clock_nanosleep) {
			known->tid[known->n++] = tid;
			return 1;
		}
		if (known->n && call != -1)
			break;
		x_pause();
	}
	return 0;
}

static int entries(const char *path, int (*fn)(const char *name, void *ctx),
		   void *ctx)
{
	struct dirent *e;
	DIR *d = opendir(path);
	int n = 0;

	if (!d)
		return 0;
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			n += fn ? fn(e->d_name, ctx) : 1;
	closedir(d);
	return n;
}

struct sum {
	pid_t pid;
	uint64_t value;
};

static int add_switches(const char *name, void *ctx)
{
	struct sum *sum = ctx;
	pid_t tid = atoi(name);

	if (!is_sanitizers(sum->pid, tid))
		sum->value += x_switches_of(sum->pid, tid);
	return 1;
}

uint64_t x_switches(pid_t pid)
{
	struct sum sum = { pid, 0 };
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	entries(path, add_switches, &sum);
	return sum.value;
}

/* A thread keeps some io_urings until it ends: those of handles that are closed
   (x_handle counts them) and, with WEIR_WAIT=uring, that of its sleeps: each a
   descriptor and two mappings that no object of the library owns. */
static int is_threads_own(const char *text)
{
	return strstr(text, "[io_uring]") != NULL;
}

struct sleepers {
	pid_t pid, caller;
	int awake;
};

static int add_awake(const char *name, void *ctx)
{
	struct sleepers *s = ctx;
	pid_t tid = atoi(name);

	if (tid != s->caller && state_of(s->pid, tid, NULL) != 'S')
		s->awake++;
	return 1;
}

/* How many threads are awake; *switches: how often all have slept. The caller
   itself, who looks, counts for neither. */
static int awake(pid_t pid, uint64_t *switches)
{
	struct sleepers s = { pid, pid == getpid() ? x_tid() : 0, 0 };
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	entries(path, add_awake, &s);
	*switches += x_switches(pid);
	if (s.caller)
		*switches -= x_switches_of(pid, s.caller);
	return s.awake;
}

/* Who has slept between two looks has run: the looks see one sleep each. */
void x_quiet(const struct x_peer *peers, int n)
{
	uint64_t before = UINT64_MAX, now;
	int i, running;

	for (;; before = running ? UINT64_MAX : now) {
		now = 0;
		running = awake(getpid(), &now);
		for (i = 0; i < n; i++)
			running += awake(peers[i].pid, &now);
		if (!running && now == before)
			return;
		x_pause();
	}
}

static int add_fd(const char *name, void *ctx)
{
	char path[300], text[64];
	ssize_t len;

	(void)ctx;
	snprintf(path, sizeof(path), "/proc/self/fd/%s", name);
	len = readlink(path, text, sizeof(text) - 1);
	text[len > 0 ? len : 0] = 0;
	return !is_threads_own(text);
}

/* Without the one that looks. */
int x_count_fds(void)
{
	return entries("/proc/self/fd", add_fd, NULL) - 1;
}

int x_count_threads(void)
{
	return entries("/proc/self/task", NULL, NULL);
}

int x_count_maps(void)
{
	char line[8192];
	FILE *f = fopen("/proc/self/maps", "re");
	int n = 0;

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		const char *space = strchr(line, ' ');

		n += space && space[4] == 's' && !is_threads_own(line);
	}
	fclose(f);
	return n;
}

int x_count_shm(void)
{
	char path[64];
	int all = entries("/dev/shm", NULL, NULL);

	snprintf(path, sizeof(path), "/dev/shm/weir-%u", (unsigned)getuid());
	return all - !access(path, F_OK) + entries(path, NULL, NULL);
}

/* ---- the watchdog ---- */

static int show_thread(const char *name, void *ctx)
{
	pid_t pid = *(pid_t *)ctx;
	pid_t tid = atoi(name);
	char call[256], where[128];

	slurp(call, sizeof(call), "/proc/%d/task/%d/syscall", (int)pid,
	      (int)tid);
	slurp(where, sizeof(where), "/proc/%d/task/%d/wchan", (int)pid,
	      (int)tid);
	call[strcspn(call, "\n")] = 0;
	x_note("        thread %d: state %c, in %s, system call %.60s",
	       (int)tid, state_of(pid, tid, NULL), where, call);
	return 1;
}

static int show_process(const char *name, void *ctx)
{
	pid_t pid = atoi(name);
	char path[64], line[256];
	int i, n, group = 0;

	if (!pid || !state_of(pid, pid, &group) || group != *(int *)ctx)
		return 0;
	n = slurp(line, sizeof(line), "/proc/%d/cmdline", (int)pid);
	for (i = 0; i < n - 1; i++)
		if (!line[i])
			line[i] = ' ';
	x_note("    process %d: %s", (int)pid, line);
	for (i = 0; i < STEP_SLOTS; i++)
		if (steps && steps->step[i].pid == pid)
			x_note("        at: %s", steps->step[i].text);
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	return entries(path, show_thread, &pid);
}

static void make_steps(void)
{
	FILE *f = tmpfile();
	char text[16];
	int fd;

	if (!f)
		return;
	fd = fcntl(fileno(f), F_DUPFD, 200);
	if (fd < 0 || ftruncate(fd, (off_t)sizeof(*steps)))
		return;
	fclose(f);
	snprintf(text, sizeof(text), "%d", fd);
	setenv("X_STEPS", text, 1);
}

static void map_steps(void)
{
	int64_t fd = x_env("X_STEPS", -1);
	void *p;

	if (fd < 0)
		return;
	p = mmap(NULL, sizeof(*steps), PROT_READ | PROT_WRITE, MAP_SHARED,
		 (int)fd, 0);
	steps = p == MAP_FAILED ? NULL : p;
}

static int64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * X_SECOND + t.tv_nsec;
}

static void watched(const sigset_t *mask, const struct x_case *c)
{
	setpgid(0, 0);
	sigprocmask(SIG_SETMASK, mask, NULL);
	weir_log_set(keep_words, NULL);
	x_step("begin of %s", c->name);
	c->run(c->arg);
	exit(0);
}

/* The group's processes are all gone, or are killed. Returns how many lived. */
static int clear_group(pid_t group)
{
	int n = 0;

	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	if (kill(-group, 0) == 0) {
		n = entries("/proc", show_process, &group);
		kill(-group, SIGKILL);
		while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
			;
	}
	return n;
}

/* Exit status of the case, 124 if its time is over, minus a signal. */
static int await(pid_t pid, const sigset_t *set, int64_t end)
{
	int status;

	for (;;) {
		int64_t left = end - clock_ns();
		struct timespec t;
		int sig;

		pid_t ended;

		/* orphans too: this process is their parent now */
		while ((ended = waitpid(-1, &status, WNOHANG)) > 0)
			if (ended == pid)
				return WIFEXITED(status) ?
					       WEXITSTATUS(status) :
					       -WTERMSIG(status);
		if (left <= 0)
			return 124;
		t.tv_sec = (time_t)(left / X_SECOND);
		t.tv_nsec = (long)(left % X_SECOND);
		sig = sigtimedwait(set, NULL, &t);
		if (sig == SIGINT || sig == SIGTERM || sig == SIGHUP) {
			kill(-pid, SIGKILL);
			_exit(1);
		}
	}
}

struct names {
	char directory[64];
	char mine[32];
	int left;		/* they should not be there: show them */
};

static int forget(const char *name, void *ctx)
{
	const struct names *names = ctx;
	char path[400];

	if (strncmp(name, names->mine, strlen(names->mine)))
		return 0;
	snprintf(path, sizeof(path), "%s/%s", names->directory, name);
	if (unlink(path))
		x_note("    cannot unlink %s: %s", path, strerror(errno));
	else if (names->left)
		x_note("    left behind: %s", path);
	return 1;
}

/* Names, of rings or listeners, that a case did not unlink; how many. They are
   taken away without the library, which may be why they are there. */
static int forget_names(pid_t pid, int left)
{
	struct names names = { .left = left };

	snprintf(names.directory, sizeof(names.directory), "/dev/shm/weir-%u",
		 (unsigned)getuid());
	snprintf(names.mine, sizeof(names.mine), "x.%d.", (int)pid);
	return entries(names.directory, forget, &names);
}

static int judge(const struct x_case *c, pid_t pid, int status, int64_t took)
{
	if (status == 124) {
		x_note("%s: stuck; where everybody is:", c->name);
		entries("/proc", show_process, &pid);
		kill(-pid, SIGKILL);
	}
	if (status) {
		kill(-pid, SIGKILL);
		clear_group(pid);
		forget_names(pid, 0);
	} else if (clear_group(pid)) {
		x_note("%s: the processes above are left behind", c->name);
		status = 1;
	} else if (forget_names(pid, 1)) {
		x_note("%s: names are left behind", c->name);
		status = 1;
	}
	if (status < 0)
		x_note("%s: killed by signal %d", c->name, -status);
	if (status == 77)
		x_skipped(c->name, steps && *steps->skipped ? steps->skipped :
			  "for no reason that it told");
	x_note("%s %s (%d ms)", !status ? "ok" : status == 77 ? "skip" :
	       "FAIL", c->name, (int)(took / 1000000));
	return status;
}

static int run_case(const struct x_case *c)
{
	int slow = X_SLOW || getenv("WEIR_EMULATOR");
	int seconds = (c->seconds ? c->seconds : SECONDS) *
		      (slow ? SECONDS_SLOW : 1);
	int64_t begin = clock_ns();
	sigset_t set, old;
	pid_t pid;
	int status;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, &old);
	if (steps)
		memset(steps, 0, sizeof(*steps));
	pid = fork();
	if (pid == 0) {
		/* of a killed run whose process had this number */
		forget_names(getpid(), 0);
		watched(&old, c);
	}
	if (pid < 0)
		return 1;
	setpgid(pid, pid);
	status = await(pid, &set, begin + seconds * X_SECOND);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return judge(c, pid, status, clock_ns() - begin);
}

static int chosen(int argc, char **argv, const char *name)
{
	int i;

	for (i = 1; i < argc; i++)
		if (strstr(name, argv[i]))
			return 1;
	return argc < 2;
}

static int role(int argc, char **argv, const struct x_role *r)
{
	ctl = (int)x_env("X_CTL", -1);
	if (ctl >= 0)
		fcntl(ctl, F_SETFD, FD_CLOEXEC);
	weir_log_set(keep_words, NULL);
	x_step("begin of role %s", r->name);
	r->run(argc - 2, argv + 2);
	return 0;
}

/* Asked in a process of its own: this one has not touched the library. */
int x_refused(void)
{
	struct weir_ring_options o = { .size = sizeof(o), .capacity = 4096,
				       .flags = WEIR_RING_PRIVATE };
	const char *wait = getenv("WEIR_WAIT");
	struct weir_ring *ring;
	int status = 0;
	pid_t pid;

	if (!wait || !*wait)
		return 0;
	pid = fork();
	if (!pid)
		_exit(weir_ring_create(&ring, &o) == -ENOSYS);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 1)
		return 0;
	x_note("SKIP WEIR_WAIT=%s is not to be had", wait);
	return 1;
}

int x_main(int argc, char **argv, const struct x_case *cases,
	   const struct x_role *roles)
{
	ssize_t n = readlink("/proc/self/exe", self_path,
			     sizeof(self_path) - 1);
	int passed = 0, failed = 0, skipped = 0;

	if (n <= 0) {
		x_note("SKIP no /proc");
		return 77;
	}
	for (; argc > 1 && roles && roles->name; roles++) {
		if (!strcmp(argv[1], roles->name)) {
			map_steps();
			return role(argc, argv, roles);
		}
	}
	if (x_refused())
		return 77;
	make_steps();
	map_steps();
	prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L);
	for (; cases->name; cases++) {
		int status;

		if (!chosen(argc, argv, cases->name))
			continue;
		status = run_case(cases);
		passed += status == 0;
		skipped += status == 77;
		failed += status && status != 77;
	}
	x_note("%d passed, %d failed, %d skipped", passed, failed, skipped);
	if (failed || (!passed && !skipped))
		return 1;
	return passed ? 0 : 77;
}

/* ---- peers ---- */

static char **new_environment(const struct x_how *how, int fd)
{
	static char control[32], backend[64], wait[64];
	int asked = how && (how->backend || how->without || how->wait);
	size_t n = 0, i, out = 0;
	char **env;

	while (environ[n])
		n++;
	env = calloc(n + 4, sizeof(*env));
	if (!env)
		X_FAIL("no memory");
	for (i = 0; i < n; i++) {
		if (!strncmp(environ[i], "X_CTL=", 6))
			continue;
		if (how && how->backend &&
		    !strncmp(environ[i], "WEIR_BACKEND=", 13))
			continue;
		if (asked && !strncmp(environ[i], "WEIR_WAIT=", 10))
			continue;
		env[out++] = environ[i];
	}
	snprintf(control, sizeof(control), "X_CTL=%d", fd);
	env[out++] = control;
	if (how && how->backend && *how->backend) {
		snprintf(backend, sizeof(backend), "WEIR_BACKEND=%s",
			 how->backend);
		env[out++] = backend;
	}
	if (how && how->wait) {
		snprintf(wait, sizeof(wait), "WEIR_WAIT=%s", how->wait);
		env[out++] = wait;
	}
	return env;
}

/* In the child: only calls that are safe after a fork of many threads. */
static void become(char **argv, char **env, const struct x_how *how,
		   const int *fds, int control)
{
	static const char no_filter[] = "no seccomp filters here\n";
	int i;

	fcntl(control, F_SETFD, 0);
	for (i = 0; fds && fds[i] >= 0; i++)
		fcntl(fds[i], F_SETFD, 0);
	if (how && how->without &&
	    filter_install(how->without, how->error ? how->error : ENOSYS)) {
		if (write(STDERR_FILENO, no_filter, sizeof(no_filter) - 1) < 0)
			_exit(99);
		if (steps)
			memcpy(steps->skipped, no_filter,
			       sizeof(no_filter) - 2);
		_exit(77);
	}
	execvpe(argv[0], argv, env);
	_exit(127);
}

void x_spawn(struct x_peer *p, const struct x_how *how, const int *fds,
	     const char *name, ...)
{
	char *peer = getenv("WEIR_TEST_PEER");
	char *argv[32];
	char **env;
	int pair[2];
	int n = 0, i;
	va_list ap;

	for (i = 0; how && how->before && how->before[i]; i++)
		argv[n++] = (char *)(uintptr_t)how->before[i];
	argv[n++] = peer ? peer : self_path;
	argv[n++] = (char *)(uintptr_t)name;
	va_start(ap, name);
	while (n < 31 && (argv[n] = va_arg(ap, char *)))
		n++;
	argv[n] = NULL;
	va_end(ap);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		X_FAIL("socketpair: %s", strerror(errno));
	env = new_environment(how, pair[1]);
	p->ctl = pair[0];
	p->pid = fork();
	if (p->pid < 0)
		X_FAIL("fork: %s", strerror(errno));
	if (!p->pid)
		become(argv, env, how, fds, pair[1]);
	close(pair[1]);
	free(env);
}

void *x_map(int fd, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		X_FAIL("mmap: %s", strerror(errno));
	return p;
}

void *x_share(int *fd, size_t size)
{
	FILE *f = tmpfile();

	if (!f)
		X_FAIL("tmpfile: %s", strerror(errno));
	*fd = fcntl(fileno(f), F_DUPFD_CLOEXEC, 0);
	fclose(f);
	if (*fd < 0 || ftruncate(*fd, (off_t)size))
		X_FAIL("ftruncate: %s", strerror(errno));
	return x_map(*fd, size);
}

/* Words go in one byte order: a peer may be a program of another machine. */
static int word_out(int fd, int64_t word)
{
	uint64_t bytes = htobe64((uint64_t)word);

	return send(fd, &bytes, sizeof(bytes), MSG_NOSIGNAL) ==
	       (ssize_t)sizeof(bytes) ? 0 : -1;
}

static int64_t word_in(int fd, int *end)
{
	uint64_t word = 0;
	size_t have = 0;

	while (have < sizeof(word)) {
		ssize_t n = read(fd, (char *)&word + have,
				 sizeof(word) - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			*end = 1;
			return 0;
		}
		have += (size_t)n;
	}
	*end = 0;
	return (int64_t)be64toh(word);
}

void x_order(const struct x_peer *peer, int64_t word)
{
	if (word_out(peer->ctl, word))
		X_FAIL("peer %d takes no words: %s", (int)peer->pid,
		       strerror(errno));
}

int64_t x_hear(const struct x_peer *peer)
{
	struct x_peer copy = *peer;
	int end, status;
	int64_t word = word_in(peer->ctl, &end);

	if (!end)
		return word;
	status = x_reap(&copy);
	if (status == 77)
		_exit(77);
	X_FAIL("peer %d ended early: %s %d", (int)peer->pid,
	       status < 0 ? "by signal" : "exit", status < 0 ? -status :
	       status);
}

void x_hear_this(const struct x_peer *peer, int64_t want)
{
	int64_t word = x_hear(peer);

	if (word != want)
		X_FAIL("peer %d said %" PRId64 " (%s), expected %" PRId64
		       " (%s)", (int)peer->pid, word, words_of(word), want,
		       words_of(want));
}

void x_tell(int64_t word)
{
	if (word_out(ctl, word))
		_exit(1);
}

int64_t x_listen(void)
{
	int end;
	int64_t word = word_in(ctl, &end);

	if (end)
		_exit(1);
	return word;
}

int x_reap(struct x_peer *peer)
{
	int status;

	while (waitpid(peer->pid, &status, 0) < 0)
		if (errno != EINTR)
			X_FAIL("waitpid: %s", strerror(errno));
	close(peer->ctl);
	peer->pid = -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void x_done(struct x_peer *peer)
{
	pid_t pid = peer->pid;
	int status = x_reap(peer);

	if (status == 77)
		_exit(77);
	if (status)
		X_FAIL("peer %d: %s %d", (int)pid,
		       status < 0 ? "killed by signal" : "exit",
		       status < 0 ? -status : status);
}

void x_signal(const struct x_peer *peer, int sig)
{
	if (kill(peer->pid, sig))
		X_FAIL("kill: %s", strerror(errno));
}

/* ---- links ---- */

/* Found among those that a case leaves behind. */
static void new_name(char *name, size_t size)
{
	static uint32_t count;

	snprintf(name, size, "x.%d.%u", (int)getpid(),
		 __atomic_fetch_add(&count, 1, __ATOMIC_RELAXED));
}

static void offer_ring(struct x_link *l, struct weir_ring **ring, int which)
{
	struct weir_ring_options o;

	memset(&o, 0, sizeof(o));
	o.size = sizeof(o);
	o.capacity = l->capacity;
	o.spin_us = l->spin_us;
	if (l->kind == X_NAMED) {
		new_name(l->name[which], sizeof(l->name[which]));
		o.name = l->name[which];
		/* of a process with this number that failed */
		weir_ring_unlink(o.name);
	}
	X_IS(weir_ring_create(ring, &o), 0);
}

static void offer_socket(struct x_link *l)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		X_FAIL("socketpair: %s", strerror(errno));
	l->socket = pair[0];
	l->give[0] = pair[1];
	snprintf(l->spec, sizeof(l->spec), "stream %d %" PRIu64 " %d", pair[1],
		 l->capacity, l->spin_us);
}

static void offer_listener(struct x_link *l)
{
	struct weir_listener_options o;
	char name[WEIR_NAME_MAX + 1];

	memset(&o, 0, sizeof(o));
	o.size = sizeof(o);
	o.capacity = l->capacity;
	o.spin_us = l->spin_us;
	o.flags = x_stream_flags();
	new_name(name, sizeof(name));
	X_IS(weir_listener_open(&l->listener, name, &o), 0);
	snprintf(l->spec, sizeof(l->spec), "listener %s %" PRIu64 " %d", name,
		 l->capacity, l->spin_us);
}

void x_offer(struct x_link *l, int kind, uint64_t capacity, int spin_us)
{
	memset(l, 0, sizeof(*l));
	l->kind = kind;
	l->capacity = capacity;
	l->spin_us = spin_us;
	l->socket = -1;
	memset(l->give, 0xff, sizeof(l->give));
	if (kind == X_STREAM) {
		offer_socket(l);
		return;
	}
	if (kind == X_LISTENER) {
		offer_listener(l);
		return;
	}
	offer_ring(l, &l->out, 0);
	offer_ring(l, &l->in, 1);
	if (kind == X_NAMED) {
		snprintf(l->spec, sizeof(l->spec), "named %s %s", l->name[1],
			 l->name[0]);
		return;
	}
	l->give[0] = weir_ring_handle(l->in);
	l->give[1] = weir_ring_handle(l->out);
	snprintf(l->spec, sizeof(l->spec), "plain %d %d", l->give[0],
		 l->give[1]);
}

int x_streams(int kind)
{
	return kind == X_STREAM || kind == X_LISTENER;
}

uint32_t x_stream_flags(void)
{
	/* SHRINK, GROW, SEAL and, since Linux 5.1, FUTURE_WRITE */
	const int seals = 0x2 | 0x4 | 0x1 | 0x10;
	int fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int can = fd >= 0 && !fcntl(fd, F_ADD_SEALS, seals);

	if (fd >= 0)
		close(fd);
	return can ? 0 : WEIR_STREAM_ALLOW_UNSEALED;
}

static void streams_ends(struct x_link *l)
{
	l->tx = weir_stream_tx(l->stream);
	l->rx = weir_stream_rx(l->stream);
}

/* By the listener of that name, or by l->socket. */
static void attach(struct x_link *l, const char *name)
{
	struct weir_stream_options o;
	int64_t soon = weir_after(10 * X_SECOND);

	memset(&o, 0, sizeof(o));
	o.size = sizeof(o);
	o.capacity = l->capacity;
	o.spin_us = l->spin_us;
	o.flags = x_stream_flags();
	if (name) {
		X_IS(weir_stream_connect_with(&l->stream, name, &o, soon), 0);
	} else {
		X_IS(weir_stream_attach(&l->stream, l->socket, &o, soon), 0);
		close(l->socket);
		l->socket = -1;
	}
	streams_ends(l);
}

static void accept_one(struct x_link *l)
{
	X_IS(weir_listener_accept(l->listener, &l->stream,
				  weir_after(10 * X_SECOND)), 0);
	weir_listener_close(l->listener);
	l->listener = NULL;
	streams_ends(l);
}

static void claim(struct x_link *l)
{
	X_IS(weir_ring_tx(l->out, &l->tx), 0);
	X_IS(weir_ring_rx(l->in, &l->rx), 0);
}

void x_meet(struct x_link *l)
{
	if (l->kind == X_LISTENER) {
		accept_one(l);
		return;
	}
	if (l->kind != X_STREAM) {
		claim(l);
		return;
	}
	if (l->give[0] >= 0)
		close(l->give[0]);
	l->give[0] = -1;
	attach(l, NULL);
}

void x_give(struct x_link *l, int fd)
{
	int i = 0;

	while (l->give[i] >= 0)
		i++;
	X_TRUE(i < (int)(sizeof(l->give) / sizeof(l->give[0])) - 1);
	l->give[i] = fd;
}

void x_join(struct x_link *l, const char *spec)
{
	char name[WEIR_NAME_MAX + 8];
	int a, b;

	memset(l, 0, sizeof(*l));
	l->socket = -1;
	l->give[0] = -1;
	if (sscanf(spec, "stream %d %" SCNu64 " %d", &l->socket, &l->capacity,
		   &l->spin_us) == 3) {
		l->kind = X_STREAM;
		attach(l, NULL);
		return;
	}
	if (sscanf(spec, "listener %71s %" SCNu64 " %d", name, &l->capacity,
		   &l->spin_us) == 3) {
		l->kind = X_LISTENER;
		attach(l, name);
		return;
	}
	if (sscanf(spec, "plain %d %d", &a, &b) == 2) {
		l->kind = X_PLAIN;
		X_IS(weir_ring_attach(&l->out, a), 0);
		X_IS(weir_ring_attach(&l->in, b), 0);
		close(a);
		close(b);
	} else {
		char out[72], in[72];

		if (sscanf(spec, "named %71s %71s", out, in) != 2)
			X_FAIL("cannot read the link \"%s\"", spec);
		l->kind = X_NAMED;
		X_IS(weir_ring_open(&l->out, out), 0);
		X_IS(weir_ring_open(&l->in, in), 0);
	}
	claim(l);
}

void x_part(struct x_link *l)
{
	weir_listener_close(l->listener);
	weir_stream_close(l->stream);
	weir_ring_close(l->out);
	weir_ring_close(l->in);
	if (l->name[0][0]) {
		X_IS(weir_ring_unlink(l->name[0]), 0);
		X_IS(weir_ring_unlink(l->name[1]), 0);
	}
	memset(l, 0, sizeof(*l));
}
