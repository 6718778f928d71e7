/* SPDX-License-Identifier: MIT */
/*
 * The tool weir-cat, as a person runs it: what goes in comes out, whatever goes
 * wrong ends both sides with a message and a status, and no name stays behind.
 * How soon is not asked: nothing in the tool ends a wait but the news itself, so
 * a side that does not hear it waits until the watchdog comes. The tool is the
 * one of the build directory (environment: builddir).
 */
#include "x.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define CHUNK (128 << 10)	/* the sender's, see tools/cat/send.c */
#define PIECE 1000

enum { DEFAULT, PORTABLE };

struct cat {
	pid_t pid;
	int err;		/* a file: what it said */
};

static char tool[4096];
static int on_portable;		/* the tools; this process is as it is */
static char name[WEIR_NAME_MAX + 1];
static char data_name[WEIR_NAME_MAX + 1];

static void begin(int backend)
{
	const char *dir = getenv("builddir");

	snprintf(tool, sizeof(tool), "%s/tools/weir-cat", dir ? dir : ".");
	if (access(tool, X_OK))
		x_skip("%s was not built", tool);
	on_portable = backend == PORTABLE;
	snprintf(name, sizeof(name), "x_cat.%d", (int)getpid());
	/* A shell that starts us in the background has had them ignored. */
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
}

static int scratch(void)
{
	FILE *f = tmpfile();
	int fd = f ? fcntl(fileno(f), F_DUPFD_CLOEXEC, 3) : -1;

	if (fd < 0)
		X_FAIL("tmpfile: %s", strerror(errno));
	fclose(f);
	return fd;
}

static void make_pipe(int fd[2])
{
	if (pipe2(fd, O_CLOEXEC))
		X_FAIL("pipe: %s", strerror(errno));
}

static int open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		X_FAIL("%s: %s", path, strerror(errno));
	return fd;
}

/* In the child. */
static void set_environment(void)
{
	const char *had = getenv("TSAN_OPTIONS");
	char text[1024];

	if (on_portable) {
		setenv("WEIR_BACKEND", "portable", 1);
		unsetenv("WEIR_WAIT");
	}
	if (!X_TSAN)
		return;
	/* else each tool that ends well lasts a second longer */
	snprintf(text, sizeof(text), "%s atexit_sleep_ms=0", had ? had : "");
	setenv("TSAN_OPTIONS", text, 1);
}

/* in, out: its standard descriptors, closed here; -1: closed there. */
static void start(struct cat *c, int in, int out, ...)
{
	char *argv[8] = { tool };
	int n = 1;
	va_list ap;

	va_start(ap, out);
	while (n < 7 && (argv[n] = va_arg(ap, char *)))
		n++;
	va_end(ap);
	argv[n] = NULL;
	c->err = scratch();
	c->pid = fork();
	if (c->pid < 0)
		X_FAIL("fork: %s", strerror(errno));
	if (!c->pid) {
		if (in >= 0)
			dup2(in, STDIN_FILENO);
		else
			close(STDIN_FILENO);
		if (out >= 0)
			dup2(out, STDOUT_FILENO);
		else
			close(STDOUT_FILENO);
		dup2(c->err, STDERR_FILENO);
		set_environment();
		execv(tool, argv);
		_exit(127);
	}
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
}

/* Exit status or minus the signal. */
static int end_of(struct cat *c)
{
	struct x_peer peer = { c->pid, -1 };

	return x_reap(&peer);
}

static void said(struct cat *c, const char *text)
{
	char all[4096];
	ssize_t n = pread(c->err, all, sizeof(all) - 1, 0);

	all[n < 0 ? 0 : n] = 0;
	if (!strstr(all, text) || (!*text && *all))
		X_FAIL("it said \"%s\", expected \"%s\"", all, text);
	close(c->err);
}

/* It ends with that status and those words; "" is silence. */
static void ends(struct cat *c, int status, const char *text)
{
	X_IS(end_of(c), status);
	said(c, text);
}

static void strike(struct cat *c, int sig)
{
	if (kill(c->pid, sig))
		X_FAIL("kill: %s", strerror(errno));
}

static void strike_dead(struct cat *c)
{
	X_IS(end_of(c), -SIGKILL);
	close(c->err);
}

static int is_there(const char *which)
{
	struct weir_ring *ring;
	int r = weir_ring_open(&ring, which);

	if (!r)
		weir_ring_close(ring);
	else if (r != -ENOENT)
		X_FAIL("%s: %s", which, weir_strerror(r));
	return !r;
}

/* The id of the ring that has the name; 0: nobody has it. */
static uint64_t id_of_name(void)
{
	struct weir_ring_info info;
	struct weir_ring *ring;
	int r = weir_ring_open(&ring, name);

	if (r == -ENOENT)
		return 0;
	if (r)
		X_FAIL("%s: %s", name, weir_strerror(r));
	weir_ring_info(ring, &info);
	weir_ring_close(ring);
	return info.id;
}

/*
 * Until both names are there. old: the id of what a dead receiver left under
 * this name, or 0; the new one removes that first, one name after the other.
 */
static void until_named(uint64_t old)
{
	uint64_t id;

	x_step("the receiver makes its names");
	while (!(id = id_of_name()) || id == old)
		x_pause();
	/* as tools/cat/link.c says */
	snprintf(data_name, sizeof(data_name), "weir-cat.%016" PRIx64, id);
	while (!is_there(data_name))
		x_pause();
}

static void names_are_gone(void)
{
	X_TRUE(!is_there(name));
	X_TRUE(!is_there(data_name));
}

static void listen_to(struct cat *c, int out, const char *capacity)
{
	start(c, open_file("/dev/null", O_RDONLY), out, "-l", "-c", capacity,
	      name, NULL);
	until_named(0);
}

static void send_from(struct cat *c, int in)
{
	start(c, in, open_file("/dev/null", O_WRONLY), name, NULL);
}

/* A receiver and a sender that sleeps in read(2): bytes have come through. */
struct idle {
	struct cat r, s;
	int in, out;		/* pipes to the one and from the other */
};

static void idle(struct idle *i)
{
	int in[2], out[2];
	char byte = 'x';

	make_pipe(in);
	make_pipe(out);
	listen_to(&i->r, out[1], "2M");
	send_from(&i->s, in[0]);
	i->in = in[1];
	i->out = out[0];
	x_step("the first byte");
	X_IS(write(i->in, &byte, 1), 1);
	X_IS(read(i->out, &byte, 1), 1);
	names_are_gone();
	x_asleep_in(i->s.pid, i->s.pid, SYS_read);
	x_asleep(i->r.pid, i->r.pid);
}

/* Both sides are stuck: nobody takes what the receiver writes. */
static void stuck(struct idle *i)
{
	int out[2], have = -1, size;

	make_pipe(out);
	size = fcntl(out[1], F_GETPIPE_SZ);
	listen_to(&i->r, out[1], "64k");
	send_from(&i->s, open_file("/dev/zero", O_RDONLY));
	i->in = -1;
	i->out = out[0];
	x_step("the receiver's output fills up");
	while (have != size) {
		X_IS(ioctl(out[0], FIONREAD, &have), 0);
		x_pause();
	}
	x_asleep_in(i->r.pid, i->r.pid, SYS_write);
	x_asleep(i->s.pid, i->s.pid);
}

static void idle_done(struct idle *i)
{
	names_are_gone();
	if (i->in >= 0)
		close(i->in);
	close(i->out);
}

/* ---- what goes in comes out ---- */

static void fill(int fd, size_t size, uint64_t seed)
{
	char piece[PIECE];
	size_t n;

	for (; size; size -= n) {
		n = size < PIECE ? size : PIECE;
		x_fill(piece, n, seed++);
		X_IS(write(fd, piece, n), n);
	}
}

static void verify(int fd, size_t size, uint64_t seed)
{
	char piece[PIECE];
	size_t n;

	for (; size; size -= n) {
		n = size < PIECE ? size : PIECE;
		X_IS(read(fd, piece, n), n);
		x_check(piece, n, seed++);
	}
	X_IS(read(fd, piece, 1), 0);
}

static void transfer(size_t size, const char *capacity)
{
	int in = scratch(), out = scratch();
	struct cat r, s;

	x_step("%zu bytes through %s", size, capacity);
	fill(in, size, size);
	lseek(in, 0, SEEK_SET);
	listen_to(&r, dup(out), capacity);
	send_from(&s, in);
	ends(&s, 0, "");
	names_are_gone();
	ends(&r, 0, "");
	lseek(out, 0, SEEK_SET);
	verify(out, size, size);
	close(out);
}

static void files(int backend)
{
	static const size_t sizes[] = { 0, 1, CHUNK - 1, CHUNK, CHUNK + 1,
					3000000 };
	size_t i;

	begin(backend);
	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		transfer(sizes[i], "2M");
	transfer(511, "1");
	transfer(512, "4k");
	transfer(100000, "5000");
}

/* Pipes on both sides, and pieces of any size. */
static void pipes(int backend)
{
	static char bytes[200000];
	uint64_t state = x_seed();
	int in[2], out[2];
	struct cat r, s;
	size_t at, n;
	pid_t feeder;

	begin(backend);
	x_fill(bytes, sizeof(bytes), 1);
	make_pipe(in);
	make_pipe(out);
	listen_to(&r, out[1], "16k");
	send_from(&s, in[0]);
	feeder = fork();
	if (!feeder) {
		close(out[0]);
		for (at = 0; at < sizeof(bytes); at += n) {
			n = (size_t)(x_random(&state) % 5000 + 1);
			if (n > sizeof(bytes) - at)
				n = sizeof(bytes) - at;
			if (write(in[1], bytes + at, n) != (ssize_t)n)
				_exit(1);
		}
		_exit(0);
	}
	close(in[1]);
	x_step("200000 bytes in pieces");
	for (at = 0; at < sizeof(bytes); at += n) {
		char piece[7001];
		ssize_t got = read(out[0], piece, sizeof(piece));

		X_TRUE(got > 0);
		n = (size_t)got;
		X_TRUE(n <= sizeof(bytes) - at);
		X_IS(memcmp(piece, bytes + at, n), 0);
	}
	ends(&s, 0, "");
	ends(&r, 0, "");
	waitpid(feeder, NULL, 0);
	close(out[0]);
}

static void talkative(int backend)
{
	int in = scratch();
	struct cat r, s;

	begin(backend);
	fill(in, 10000, 1);
	lseek(in, 0, SEEK_SET);
	start(&r, open_file("/dev/null", O_RDONLY),
	      open_file("/dev/null", O_WRONLY), "-lpv", name, NULL);
	until_named(0);
	start(&s, in, open_file("/dev/null", O_WRONLY), "-p", "--verbose",
	      name, NULL);
	ends(&s, 0, "/s] 100%\nweir-cat: 10000 bytes (9.77KiB)");
	ends(&r, 0, "weir-cat: 10000 bytes (9.77KiB)");
}

/* ---- names ---- */

static void no_such_name(int backend)
{
	struct cat s;

	begin(backend);
	send_from(&s, open_file("/dev/zero", O_RDONLY));
	ends(&s, 1, "No such name");
}

static void bad_names(int backend)
{
	char text[WEIR_NAME_MAX + 2];
	struct cat c;

	begin(backend);
	memset(text, 'n', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	start(&c, -1, open_file("/dev/null", O_WRONLY), "-l", text, NULL);
	ends(&c, 1, "not a name");
	start(&c, open_file("/dev/null", O_RDONLY), -1, "a/b", NULL);
	ends(&c, 1, "not a name");
	x_step("the longest name");
	snprintf(name, sizeof(name), "x_cat.%0*d", WEIR_NAME_MAX - 6,
		 (int)getpid());
	transfer(1, "4k");
}

static void in_use(int backend)
{
	struct cat r, other, s;

	begin(backend);
	listen_to(&r, open_file("/dev/null", O_WRONLY), "4k");
	start(&other, -1, open_file("/dev/null", O_WRONLY), "-l", name, NULL);
	ends(&other, 1, "in use");
	x_step("the first one is not disturbed");
	send_from(&s, open_file("/dev/null", O_RDONLY));
	ends(&s, 0, "");
	ends(&r, 0, "");
	names_are_gone();
}

/* Killed before anybody came: the sender hears it, the next receiver cleans
   up. */
static void stale(int backend)
{
	char old_data[sizeof(data_name)];
	struct cat r, s;
	uint64_t old;

	begin(backend);
	listen_to(&r, open_file("/dev/null", O_WRONLY), "4k");
	snprintf(old_data, sizeof(old_data), "%s", data_name);
	old = id_of_name();
	strike(&r, SIGKILL);
	strike_dead(&r);
	X_TRUE(is_there(name));
	send_from(&s, open_file("/dev/zero", O_RDONLY));
	ends(&s, 1, "has died");
	start(&r, -1, open_file("/dev/null", O_WRONLY), "-l", name, NULL);
	until_named(old);
	X_TRUE(!is_there(old_data));
	send_from(&s, open_file("/dev/null", O_RDONLY));
	ends(&s, 0, "");
	ends(&r, 0, "");
	names_are_gone();
}

/* Killed after it had made the first ring and before it claimed it. */
static void half_made(int backend)
{
	struct weir_ring_options o = {
		.size = sizeof(o),
		.capacity = 4096,
		.flags = WEIR_RING_NO_METRICS,
	};
	struct weir_ring_info info;
	struct weir_ring *ring;
	struct cat r, s;

	begin(backend);
	o.name = name;
	X_IS(weir_ring_create(&ring, &o), 0);
	weir_ring_info(ring, &info);
	weir_ring_close(ring);
	send_from(&s, open_file("/dev/zero", O_RDONLY));
	ends(&s, 1, "nobody listens");
	start(&r, -1, open_file("/dev/null", O_WRONLY), "-l", name, NULL);
	until_named(info.id);
	send_from(&s, open_file("/dev/null", O_RDONLY));
	ends(&s, 0, "");
	ends(&r, 0, "");
	names_are_gone();
}

/* Somebody else's ring is refused, and left as it is. */
static void foreign(int backend)
{
	struct weir_ring_options o = { .size = sizeof(o), .capacity = 4096 };
	struct weir_ring *ring;
	struct weir_rx *rx;
	struct weir_tx *tx;
	struct cat c;

	begin(backend);
	o.name = name;
	X_IS(weir_ring_create(&ring, &o), 0);
	X_IS(weir_ring_tx(ring, &tx), 0);
	X_IS(weir_tx_try_write(tx, "mine", 4), 0);
	weir_tx_close(tx);
	start(&c, -1, open_file("/dev/null", O_WRONLY), "-l", name, NULL);
	ends(&c, 1, name);
	start(&c, open_file("/dev/null", O_RDONLY), -1, name, NULL);
	ends(&c, 1, name);
	X_TRUE(is_there(name));
	X_IS(weir_ring_rx(ring, &rx), 0);
	X_IS(weir_rx_next_len(rx), 4);
	weir_ring_close(ring);
	X_IS(weir_ring_unlink(name), 0);
}

/* ---- the end of one is the end of the other ---- */

static void receiver_killed_idle(int backend)
{
	struct idle i;

	begin(backend);
	idle(&i);
	x_step("the receiver is killed, the sender is in read()");
	strike(&i.r, SIGKILL);
	ends(&i.s, 1, "the receiver has died");
	strike_dead(&i.r);
	idle_done(&i);
}

static void receiver_killed_stuck(int backend)
{
	struct idle i;

	begin(backend);
	stuck(&i);
	x_step("the receiver is killed, the ring is full");
	strike(&i.r, SIGKILL);
	ends(&i.s, 1, "the receiver has died");
	strike_dead(&i.r);
	idle_done(&i);
}

static void sender_killed_idle(int backend)
{
	struct idle i;
	char bytes[8];

	begin(backend);
	idle(&i);
	x_step("the sender is killed, the receiver waits");
	X_IS(write(i.in, "last", 4), 4);
	X_IS(read(i.out, bytes, sizeof(bytes)), 4);
	strike(&i.s, SIGKILL);
	ends(&i.r, 1, "the sender has died");
	strike_dead(&i.s);
	X_IS(read(i.out, bytes, sizeof(bytes)), 0);
	idle_done(&i);
}

static void sender_killed_stuck(int backend)
{
	struct idle i;

	begin(backend);
	stuck(&i);
	x_step("the sender is killed, the receiver is in write()");
	strike(&i.s, SIGKILL);
	ends(&i.r, 1, "the sender has died");
	strike_dead(&i.s);
	idle_done(&i);
}

/* As many of size bytes as the pipe takes at once with nobody at its end: half
   of it, because each write may leave a page half full. */
static size_t fits(int fd, size_t size)
{
	int room = fcntl(fd, F_SETPIPE_SZ, (int)(2 * size));

	if (room < 0)
		room = fcntl(fd, F_GETPIPE_SZ);
	X_TRUE(room > 0);
	return (size_t)room / 2 < size ? (size_t)room / 2 : size;
}

/* What had been sent comes out, if somebody takes it, and the pipe does. */
static void sender_killed_late(int backend)
{
	static char bytes[150000];
	size_t have, size;
	struct idle i;
	ssize_t n;

	begin(backend);
	idle(&i);
	size = fits(i.out, sizeof(bytes));
	x_fill(bytes, size, 7);
	kill(i.r.pid, SIGSTOP);
	x_stopped(i.r.pid);
	x_step("the sender takes %zu bytes and is killed", size);
	X_IS(write(i.in, bytes, size), size);
	for (n = 1; n; x_pause()) {
		int left;

		X_IS(ioctl(i.in, FIONREAD, &left), 0);
		n = left;
	}
	x_asleep_in(i.s.pid, i.s.pid, SYS_read);
	strike(&i.s, SIGKILL);
	strike_dead(&i.s);
	kill(i.r.pid, SIGCONT);
	x_step("the receiver writes it out");
	ends(&i.r, 1, "the sender has died");
	for (have = 0; have < size; have += (size_t)n) {
		char piece[5000];

		n = read(i.out, piece, sizeof(piece));
		X_TRUE(n > 0 && (size_t)n <= size - have);
		X_IS(memcmp(piece, bytes + have, (size_t)n), 0);
	}
	X_IS(read(i.out, bytes, 1), 0);
	idle_done(&i);
}

/* Nothing is missing then. */
static void sender_killed_last(int backend)
{
	struct idle i;
	char bytes[8];

	begin(backend);
	idle(&i);
	kill(i.r.pid, SIGSTOP);
	x_stopped(i.r.pid);
	x_step("the sender sends all and is killed");
	X_IS(write(i.in, "last", 4), 4);
	close(i.in);
	i.in = -1;
	x_asleep(i.s.pid, i.s.pid);
	strike(&i.s, SIGKILL);
	strike_dead(&i.s);
	kill(i.r.pid, SIGCONT);
	x_step("the receiver writes it out");
	ends(&i.r, 0, "");
	X_IS(read(i.out, bytes, sizeof(bytes)), 4);
	idle_done(&i);
}

static void interrupted(int backend)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct cat r, s;
	size_t i;

	begin(backend);
	for (i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		x_step("signal %d before anybody came", signals[i]);
		listen_to(&r, open_file("/dev/null", O_WRONLY), "4k");
		strike(&r, signals[i]);
		ends(&r, -signals[i], "");
		names_are_gone();
	}
	x_step("an ignored signal stays ignored");
	signal(SIGHUP, SIG_IGN);
	listen_to(&r, open_file("/dev/null", O_WRONLY), "4k");
	strike(&r, SIGHUP);
	send_from(&s, open_file("/dev/null", O_RDONLY));
	ends(&s, 0, "");
	ends(&r, 0, "");
	names_are_gone();
}

static void sender_interrupted(int backend)
{
	struct idle i;

	begin(backend);
	idle(&i);
	strike(&i.s, SIGINT);
	ends(&i.r, 1, "the sender has died");
	ends(&i.s, -SIGINT, "");
	idle_done(&i);
}

/* ---- input and output that fail ---- */

static void no_space(int backend)
{
	struct cat r, s;
	int in[2];

	begin(backend);
	if (access("/dev/full", W_OK))
		x_skip("no /dev/full");
	make_pipe(in);
	listen_to(&r, open_file("/dev/full", O_WRONLY), "2M");
	send_from(&s, in[0]);
	X_IS(write(in[1], "x", 1), 1);
	x_step("the receiver cannot write, the sender is in read()");
	ends(&r, 1, "No space left on device");
	ends(&s, 1, "the receiver: standard output: No space left on device");
	names_are_gone();
	close(in[1]);
}

static void nobody_reads(int backend)
{
	struct idle i;

	begin(backend);
	idle(&i);
	close(i.out);
	X_IS(write(i.in, "x", 1), 1);
	x_step("the receiver's reader has gone");
	ends(&i.r, -SIGPIPE, "");
	ends(&i.s, 1, "the receiver: standard output: Broken pipe");
	i.out = scratch();
	idle_done(&i);
}

static void nobody_reads_stuck(int backend)
{
	struct idle i;

	begin(backend);
	stuck(&i);
	close(i.out);
	x_step("the receiver's reader has gone, the ring is full");
	ends(&i.r, -SIGPIPE, "");
	ends(&i.s, 1, "the receiver: standard output: Broken pipe");
	i.out = scratch();
	idle_done(&i);
}

static void cannot_read(int backend)
{
	struct cat r, s;

	begin(backend);
	listen_to(&r, open_file("/dev/null", O_WRONLY), "2M");
	send_from(&s, open_file("/", O_RDONLY));
	ends(&s, 1, "standard input: Is a directory");
	ends(&r, 1, "the sender gave up");
	names_are_gone();
}

static void closed_descriptors(int backend)
{
	struct cat r, s;

	if (getenv("WEIR_EMULATOR"))
		x_skip("a closed descriptor: the emulator opens it");
	begin(backend);
	start(&r, -1, -1, "-l", name, NULL);
	ends(&r, 1, "standard output: Bad file descriptor");
	start(&s, -1, -1, name, NULL);
	ends(&s, 1, "standard input: Bad file descriptor");
	x_step("those that are not used may be closed");
	start(&r, -1, open_file("/dev/null", O_WRONLY), "-l", name, NULL);
	until_named(0);
	start(&s, open_file("/dev/null", O_RDONLY), -1, name, NULL);
	ends(&s, 0, "");
	ends(&r, 0, "");
}

/* ---- the command line ---- */

static void options(int backend)
{
	static const char *const bad[] = { "0", "-1", "k", "1x", "1kk",
					   "17179869184G" };
	struct cat c;
	size_t i;

	begin(backend);
	start(&c, -1, scratch(), "--help", NULL);
	ends(&c, 0, "");
	start(&c, -1, scratch(), "--version", NULL);
	ends(&c, 0, "");
	start(&c, -1, -1, NULL);
	ends(&c, 2, "which name");
	start(&c, -1, -1, "--no-such-option", name, NULL);
	ends(&c, 2, "--help");
	start(&c, -1, -1, name, "file", NULL);
	ends(&c, 2, "one name");
	start(&c, -1, -1, "-c", "4k", name, NULL);
	ends(&c, 2, "-l");
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		x_step("capacity %s", bad[i]);
		start(&c, -1, -1, "-l", "-c", bad[i], name, NULL);
		ends(&c, 2, "not a capacity");
	}
	x_step("a capacity that no machine has");
	start(&c, -1, scratch(), "-lc", "8589934592G", name, NULL);
	ends(&c, 1, "capacity");
	X_TRUE(!is_there(name));
}

#define BOTH(name, run) { name, run, DEFAULT, 0 }, \
	{ name ", portable", run, PORTABLE, 0 }

static const struct x_case cases[] = {
	BOTH("files", files),
	BOTH("pipes", pipes),
	BOTH("talkative", talkative),
	BOTH("no such name", no_such_name),
	BOTH("bad names", bad_names),
	BOTH("in use", in_use),
	BOTH("stale", stale),
	/* as this process is: the tool must be able to use its ring */
	{ "half made", half_made, DEFAULT, 0 },
	BOTH("foreign", foreign),
	BOTH("receiver killed, sender idle", receiver_killed_idle),
	BOTH("receiver killed, ring full", receiver_killed_stuck),
	BOTH("sender killed, receiver waits", sender_killed_idle),
	BOTH("sender killed, output blocked", sender_killed_stuck),
	BOTH("sender killed, bytes on the way", sender_killed_late),
	BOTH("sender killed, all is sent", sender_killed_last),
	BOTH("receiver interrupted", interrupted),
	BOTH("sender interrupted", sender_interrupted),
	BOTH("no space", no_space),
	BOTH("nobody reads", nobody_reads),
	BOTH("nobody reads, ring full", nobody_reads_stuck),
	BOTH("cannot read", cannot_read),
	BOTH("closed descriptors", closed_descriptors),
	BOTH("options", options),
	{ NULL, NULL, 0, 0 }
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, NULL);
}
