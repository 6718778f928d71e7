/* SPDX-License-Identifier: MIT */
/*
 * Listeners and their clients, which are processes of their own: names, remains
 * of the dead, activation, who may connect, refusals with their reason, and
 * clients that mean harm or die, beside which a good one is served.
 *
 * Bad clients speak the handshake by hand, from the structures of
 * lib/handshake.c, written down here a second time.
 *
 * Seen to fail with: a place taken without asking who is there; a listener
 * that waits for one client at a time, or greets first; one that gives up at
 * the first EMFILE; a close that removes the socket of a successor, or of its
 * parent; a child that keeps its copy of the listening socket; credentials of
 * the greeting alone; a client that does not look who listens; a keeper, or a
 * sleep, that wakes by itself; a greeting compared with this layout alone; a
 * feature that is not known and let pass; a client to whom the listener is who
 * made the socket, or who is told the real user and not the effective one.
 */
#include "x.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#endif

#define CAPACITY 4096u
#define BLOCK (WEIR_DATA_OFFSET + CAPACITY)
#define SEALS 0x17		/* SEAL, SHRINK, GROW, FUTURE_WRITE */
#define SOON weir_after(20 * X_SECOND)
#define HALF_OPEN 64		/* as lib/listener.c has it */
#define QUEUE 100		/* more than HALF_OPEN */
#define LOOK 32			/* as lib/os.h has it, in struct weir_gather */
#define STRANGER 54321		/* a user who is nobody here */

/* lib/listener.c: how long a silent client is waited for */
extern int64_t weir_listener_patience_ns;

struct hello {
	uint64_t magic;
	uint32_t size;
	uint32_t layout_least, layout_most;
	uint32_t ways;
	uint64_t features;
	uint64_t capacity;
	uint64_t block;
	uint32_t refusal, reserved_word;
	uint64_t reserved[9];
};

struct verdict {
	uint64_t magic;
	uint32_t reason;
	uint32_t layout_least, layout_most;
	uint32_t reserved[3];
};

static struct weir_listener_options options(void)
{
	struct weir_listener_options o;

	memset(&o, 0, sizeof(o));
	o.size = sizeof(o);
	o.capacity = CAPACITY;
	o.flags = x_stream_flags();
	o.spin_us = -1;
	return o;
}

static struct weir_stream_options client_options(void)
{
	struct weir_stream_options o;

	memset(&o, 0, sizeof(o));
	o.size = sizeof(o);
	o.capacity = CAPACITY;
	o.flags = x_stream_flags();
	o.spin_us = -1;
	return o;
}

/* "x.PID.listener": what a case leaves under it is found. */
static const char *own_name(void)
{
	static char name[64];

	snprintf(name, sizeof(name), "x.%d.listener", (int)getpid());
	return name;
}

/* A directory that others can look into, and a path in it. */
static const char *own_path(char *dir, size_t size)
{
	static char path[128];

	snprintf(dir, size, "/tmp/x.%d.listener", (int)getpid());
	snprintf(path, sizeof(path), "%s/socket", dir);
	/* of a process with this number that failed */
	unlink(path);
	rmdir(dir);
	if (mkdir(dir, 0700) || chmod(dir, 01777))
		X_FAIL("mkdir: %s", strerror(errno));
	return path;
}

static int known(const char *name)
{
	struct stat st;
	char path[256];

	snprintf(path, sizeof(path), "%s", name);
	if (!strchr(name, '/')) {
		snprintf(path, sizeof(path), "/run/user/%u/weir/%s",
			 (unsigned)geteuid(), name);
		if (!lstat(path, &st))
			return 1;
		snprintf(path, sizeof(path), "/dev/shm/weir-%u/%s",
			 (unsigned)geteuid(), name);
	}
	return !lstat(path, &st);
}

/* A client's socket, connected, and nothing said. */
static int raw(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&un, sizeof(un)))
		X_FAIL("connect: %s", strerror(errno));
	return fd;
}

/* ---- peers ---- */

static void answer_errors(struct weir_stream *s)
{
	uint64_t word;

	for (;;) {
		switch (x_listen()) {
		case 'e':	/* there and back */
			X_IS(weir_stream_write(s, "12345678", 8, SOON), 0);
			X_IS(weir_stream_read(s, &word, 8, SOON), 8);
			x_tell(0);
			break;
		case 'r':	/* what a read answers */
			x_tell(weir_stream_read(s, &word, 8, WEIR_FOREVER));
			break;
		case 'c':
			weir_stream_close(s);
			x_tell(0);
			exit(0);
		default:
			_exit(0);
		}
	}
}

/* Arguments: name, user or -1, flags. Tells what connect answers, and, if it
   is asked 'w', whether the library's words have the second argument. */
static void role_client(int argc, char **argv)
{
	struct weir_stream_options o = client_options();
	struct weir_stream *s;
	int r;

	(void)argc;
	if (atoi(argv[1]) >= 0 && setuid((uid_t)atoi(argv[1])))
		X_FAIL("setuid: %s", strerror(errno));
	o.flags |= (uint32_t)strtoul(argv[2], NULL, 0);
	x_step("connect");
	r = weir_stream_connect_with(&s, argv[0], &o, SOON);
	x_tell(r);
	if (!r)
		answer_errors(s);
	while (x_listen() == 'w')
		x_tell(strstr(x_said(), argv[3]) != NULL);
}

static void client(struct x_peer *p, const char *name, const char *uid,
		   const char *flags, const char *words)
{
	x_spawn(p, NULL, NULL, "client", name, uid, flags, words, NULL);
}

static void good_client(struct x_peer *p, const char *name)
{
	client(p, name, "-1", "0", "");
}

static void refused_client(struct x_peer *p, int64_t error)
{
	x_hear_this(p, error);
	x_order(p, 'w');
	x_hear_this(p, 1);
	x_order(p, 'x');
	x_done(p);
}

static void part(struct x_peer *p)
{
	x_order(p, 'c');
	x_hear_this(p, 0);
	x_done(p);
}

/* Arguments: name, user or -1, flags. Tells what open answers. */
static void role_server(int argc, char **argv)
{
	struct weir_listener_options o = options();
	struct weir_stream *s = NULL;
	struct weir_listener *l;
	uint64_t word;
	int r;

	(void)argc;
	if (atoi(argv[1]) >= 0 && setuid((uid_t)atoi(argv[1])))
		X_FAIL("setuid: %s", strerror(errno));
	o.flags |= (uint32_t)strtoul(argv[2], NULL, 0);
	if (o.flags & WEIR_LISTENER_HANDLE)
		o.handle = atoi(argv[0]);
	r = weir_listener_open(&l, argv[0], &o);
	x_tell(r);
	if (r)
		return;
	for (;;) {
		switch (x_listen()) {
		case 'a':
			x_tell(weir_listener_accept(l, &s, SOON));
			break;
		case 'e':
			X_IS(weir_stream_read(s, &word, 8, SOON), 8);
			X_IS(weir_stream_write(s, &word, 8, SOON), 0);
			break;
		default:
			weir_stream_close(s);
			weir_listener_close(l);
			x_tell(0);
			return;
		}
	}
}

static void server(struct x_peer *p, const struct x_how *how, const char *name,
		   const char *uid, const char *flags)
{
	x_spawn(p, how, NULL, "server", name, uid, flags, NULL);
}

/* This process's side of 'e'. */
static void echo(struct x_peer *p, struct weir_stream *s)
{
	uint64_t word;

	x_order(p, 'e');
	X_IS(weir_stream_read(s, &word, 8, SOON), 8);
	X_IS(weir_stream_write(s, &word, 8, SOON), 0);
	x_hear_this(p, 0);
}

static void serve_one(struct weir_listener *l, const char *name)
{
	struct weir_peer peer;
	struct weir_stream *s;
	struct x_peer p;

	good_client(&p, name);
	X_IS(weir_listener_accept(l, &s, SOON), 0);
	/* the program that was executed, as the kernel knows it */
	X_IS(weir_stream_peer(s, &peer), 0);
	X_IS(peer.pid, p.pid);
	X_IS(peer.uid, geteuid());
	x_hear_this(&p, 0);
	echo(&p, s);
	part(&p);
	weir_stream_close(s);
}

/* ---- names ---- */

/* Two programs, each on either backend. */
static void talk(int arg)
{
	static const char *const backends[] = { "linux", "portable" };
	struct x_how how_s = { .backend = backends[arg & 1] };
	struct x_how how_c = { .backend = backends[arg >> 1] };
	struct x_peer s, c;

	server(&s, &how_s, own_name(), "-1", "0");
	x_hear_this(&s, 0);
	x_order(&s, 'a');
	x_spawn(&c, &how_c, NULL, "client", own_name(), "-1", "0", "", NULL);
	x_hear_this(&c, 0);
	x_hear_this(&s, 0);
	x_order(&s, 'e');
	x_order(&c, 'e');
	x_hear_this(&c, 0);
	part(&c);
	part(&s);
	X_TRUE(!known(own_name()));
}

static void nobody(int arg)
{
	struct weir_stream *s;
	char dir[64];
	const char *path;

	(void)arg;
	X_IS(weir_stream_connect(&s, own_name(), SOON), -ENOENT);
	path = own_path(dir, sizeof(dir));
	X_IS(weir_stream_connect(&s, path, SOON), -ENOENT);
	close(open(path, O_CREAT | O_RDWR, 0600));
	X_IS(weir_stream_connect(&s, path, SOON), -ECONNREFUSED);
	unlink(path);
	rmdir(dir);
}

/* Killed while it listened and had a client. */
static void remains(int arg)
{
	struct weir_listener_options o = options();
	struct weir_listener *l;
	struct weir_stream *st;
	struct x_peer s, c;
	char dir[64] = "";
	const char *name = arg ? own_path(dir, sizeof(dir)) : own_name();

	server(&s, NULL, name, "-1", "0");
	x_hear_this(&s, 0);
	x_order(&s, 'a');
	good_client(&c, name);
	x_hear_this(&c, 0);
	x_hear_this(&s, 0);
	x_order(&c, 'r');
	x_asleep(c.pid, c.pid);
	x_signal(&s, SIGKILL);
	X_IS(x_reap(&s), -SIGKILL);
	x_step("its client is told");
	x_hear_this(&c, -EOWNERDEAD);
	part(&c);
	X_TRUE(known(name));
	x_step("a new client is told");
	X_IS(weir_stream_connect(&st, name, SOON), -ECONNREFUSED);
	x_step("a successor takes the place");
	X_IS(weir_listener_open(&l, name, &o), 0);
	serve_one(l, name);
	weir_listener_close(l);
	X_TRUE(!known(name));
	if (arg)
		X_IS(rmdir(dir), 0);
}

static void second(int arg)
{
	struct weir_listener_options o = options();
	struct weir_listener *l, *other;
	char dir[64] = "";
	const char *name = arg ? own_path(dir, sizeof(dir)) : own_name();

	X_IS(weir_listener_open(&l, name, &o), 0);
	X_IS(weir_listener_open(&other, name, &o), -EADDRINUSE);
	X_TRUE(strstr(x_said(), "listens at") != NULL);
	serve_one(l, name);
	x_step("its queue is full");
	weir_listener_close(l);
	o.backlog = 1;
	X_IS(weir_listener_open(&l, name, &o), 0);
	X_IS(weir_listener_open(&other, name, &o), -EADDRINUSE);
	X_IS(weir_listener_open(&other, name, &o), -EADDRINUSE);
	X_IS(weir_listener_open(&other, name, &o), -EADDRINUSE);
	weir_listener_close(l);
	X_TRUE(!known(name));
	if (!arg)
		return;
	x_step("something else is there");
	close(open(name, O_CREAT | O_RDWR, 0600));
	X_IS(weir_listener_open(&l, name, &o), -EEXIST);
	X_TRUE(known(name));
	unlink(name);
	rmdir(dir);
	X_IS(weir_listener_open(&l, name, &o), -ENOENT);
}

/* A close that comes late does not take the successor's name. */
static void late_close(int arg)
{
	struct weir_listener_options o = options();
	struct weir_listener *l, *next;
	char dir[64];
	const char *path = own_path(dir, sizeof(dir));

	(void)arg;
	X_IS(weir_listener_open(&l, path, &o), 0);
	X_IS(unlink(path), 0);
	X_IS(weir_listener_open(&next, path, &o), 0);
	weir_listener_close(l);
	X_TRUE(known(path));
	serve_one(next, path);
	weir_listener_close(next);
	X_TRUE(!known(path));
	X_IS(rmdir(dir), 0);
}

static int listening_socket(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&un, sizeof(un)) ||
	    listen(fd, 8))
		X_FAIL("listen: %s", strerror(errno));
	return fd;
}

#define RACERS 3

/* Arguments: path, descriptor of the starting gun. */
static void role_racer(int argc, char **argv)
{
	uint32_t *gun = x_map(atoi(argv[1]), sizeof(*gun));
	struct weir_listener_options o = options();
	struct weir_listener *l;
	int64_t round;
	int r;

	(void)argc;
	while ((round = x_listen()) >= 0) {
		x_tell(0);
		while (__atomic_load_n(gun, __ATOMIC_ACQUIRE) != round)
			;
		r = weir_listener_open(&l, argv[0], &o);
		x_tell(r);
		x_listen();
		if (!r)
			weir_listener_close(l);
		x_tell(0);
	}
}

/* Several start at once where somebody has died: one of them listens. */
static void race(int arg)
{
	struct x_peer p[RACERS];
	char dir[64], number[16];
	const char *path = own_path(dir, sizeof(dir));
	int fds[2] = { -1, -1 };
	uint32_t *gun = x_share(&fds[0], sizeof(*gun)), round;
	int i, won, lost;

	(void)arg;
	snprintf(number, sizeof(number), "%d", fds[0]);
	for (i = 0; i < RACERS; i++)
		x_spawn(&p[i], NULL, fds, "racer", path, number, NULL);
	for (round = 1; round <= (X_SLOW ? 30 : 150); round++) {
		x_step("round %u", round);
		close(listening_socket(path));
		for (i = 0; i < RACERS; i++) {
			x_order(&p[i], round);
			x_hear_this(&p[i], 0);
		}
		__atomic_store_n(gun, round, __ATOMIC_RELEASE);
		won = lost = 0;
		for (i = 0; i < RACERS; i++) {
			int64_t r = x_hear(&p[i]);

			won += r == 0;
			lost += r == -EADDRINUSE;
		}
		X_IS(won, 1);
		X_IS(lost, RACERS - 1);
		for (i = 0; i < RACERS; i++) {
			x_order(&p[i], 0);
			x_hear_this(&p[i], 0);
		}
		X_TRUE(!known(path));
	}
	for (i = 0; i < RACERS; i++) {
		x_order(&p[i], -1);
		x_done(&p[i]);
	}
	close(fds[0]);
	X_IS(rmdir(dir), 0);
}

/* A service manager listens; the server starts when a client is there. */
static void activation(int arg)
{
	struct weir_listener_options o = options();
	struct weir_listener *l;
	char dir[64], number[16];
	const char *path = own_path(dir, sizeof(dir));
	int fd = listening_socket(path);
	int fds[2] = { fd, -1 };
	struct x_peer s, c;
	int pair[2], round;

	(void)arg;
	snprintf(number, sizeof(number), "%d", fd);
	for (round = 0; round < 2; round++) {
		good_client(&c, path);
		x_asleep(c.pid, c.pid);
		x_spawn(&s, NULL, fds, "server", number, "-1", "0x400", NULL);
		x_hear_this(&s, 0);
		x_order(&s, 'a');
		x_hear_this(&s, 0);
		x_hear_this(&c, 0);
		x_order(&s, 'e');
		x_order(&c, 'e');
		x_hear_this(&c, 0);
		part(&c);
		part(&s);
		x_step("the manager's socket stays");
		X_TRUE(known(path));
	}
	x_step("handles that are none");
	o.flags |= WEIR_LISTENER_HANDLE;
	o.handle = WEIR_HANDLE_NONE;
	X_IS(weir_listener_open(&l, NULL, &o), -EINVAL);
	o.handle = open("/dev/null", O_RDWR | O_CLOEXEC);
	X_IS(weir_listener_open(&l, NULL, &o), -EINVAL);
	close(o.handle);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		X_FAIL("socketpair: %s", strerror(errno));
	o.handle = pair[0];
	X_IS(weir_listener_open(&l, NULL, &o), -EINVAL);
	close(pair[0]);
	close(pair[1]);
	close(fd);
	unlink(path);
	rmdir(dir);
}

/* ---- who may ---- */

struct choice {
	uint32_t uid;
	int asked, answer;
};

static int choose(void *ctx, const struct weir_peer *peer)
{
	struct choice *c = ctx;

	c->asked++;
	c->uid = peer->uid;
	return c->answer;
}

static void users(int arg)
{
	struct weir_listener_options o = options();
	uint32_t uids[2] = { 7, STRANGER };
	struct choice choice = { 0, 0, 0 };
	struct weir_listener *l;
	struct weir_stream *s;
	struct x_peer p;
	char dir[64], stranger[16];
	const char *path;

	(void)arg;
	if (geteuid())
		x_skip("needs root, to become another user");
	snprintf(stranger, sizeof(stranger), "%d", STRANGER);
	path = own_path(dir, sizeof(dir));
	x_step("a stranger finds a closed door");
	X_IS(weir_listener_open(&l, path, &o), 0);
	client(&p, path, stranger, "0x200", "");
	x_hear_this(&p, -EACCES);
	x_order(&p, 'x');
	x_done(&p);
	x_step("and an open one where he is refused");
	X_IS(chmod(path, 0666), 0);
	client(&p, path, stranger, "0x200", "user");
	while (!strstr(x_said(), "not allowed"))
		X_IS(weir_listener_accept(l, &s, weir_after(X_SECOND / 100)),
		     -ETIMEDOUT);
	refused_client(&p, -EACCES);
	serve_one(l, path);
	weir_listener_close(l);
	x_step("a list of users");
	o.uids = uids;
	o.uids_count = 2;
	o.allow = choose;
	o.ctx = &choice;
	X_IS(weir_listener_open(&l, path, &o), 0);
	client(&p, path, stranger, "0x200", "");
	X_IS(weir_listener_accept(l, &s, SOON), 0);
	x_hear_this(&p, 0);
	X_IS(choice.asked, 1);
	X_IS(choice.uid, STRANGER);
	weir_stream_close(s);
	x_order(&p, 'x');
	x_done(&p);
	good_client(&p, path);
	while (!strstr(x_said(), "uid 0: a user"))
		X_IS(weir_listener_accept(l, &s, weir_after(X_SECOND / 100)),
		     -ETIMEDOUT);
	x_hear_this(&p, -EACCES);
	x_order(&p, 'x');
	x_done(&p);
	X_IS(choice.asked, 1);
	weir_listener_close(l);
	X_IS(rmdir(dir), 0);
}

/* Arguments: a connected socket, a user or -1. */
static void role_greeter(int argc, char **argv)
{
	struct weir_stream_options o = client_options();
	struct weir_stream *s;
	int r;

	(void)argc;
	if (atoi(argv[1]) >= 0 && setuid((uid_t)atoi(argv[1])))
		X_FAIL("setuid: %s", strerror(errno));
	r = weir_stream_attach(&s, atoi(argv[0]), &o, SOON);
	x_tell(r);
}

/* One connects, another one greets: both are looked at. */
static void two_users(int arg)
{
	struct weir_listener_options o = options();
	struct weir_listener *l;
	struct weir_stream *s;
	struct x_peer p;
	char dir[64], number[16], user[16];
	const char *path;
	int fds[2] = { -1, -1 };

	if (geteuid())
		x_skip("needs root, to become another user");
	path = own_path(dir, sizeof(dir));
	X_IS(weir_listener_open(&l, path, &o), 0);
	X_IS(chmod(path, 0666), 0);
	X_IS(seteuid(arg ? STRANGER : 0), 0);
	fds[0] = raw(path);
	X_IS(seteuid(0), 0);
	fcntl(fds[0], F_SETFD, 0);
	snprintf(number, sizeof(number), "%d", fds[0]);
	snprintf(user, sizeof(user), "%d", arg ? -1 : STRANGER);
	x_spawn(&p, NULL, fds, "greeter", number, user, NULL);
	while (!strstr(x_said(), "not allowed"))
		X_IS(weir_listener_accept(l, &s, weir_after(X_SECOND / 100)),
		     -ETIMEDOUT);
	x_hear_this(&p, -EACCES);
	x_done(&p);
	close(fds[0]);
	weir_listener_close(l);
	X_IS(rmdir(dir), 0);
}

/* Who listens where a client did not expect him. */
static void impostor(int arg)
{
	struct x_peer s, c;
	char dir[64], stranger[16];
	const char *path;

	(void)arg;
	if (geteuid())
		x_skip("needs root, to become another user");
	snprintf(stranger, sizeof(stranger), "%d", STRANGER);
	path = own_path(dir, sizeof(dir));
	server(&s, NULL, path, stranger, "0");
	x_hear_this(&s, 0);
	x_order(&s, 'a');
	client(&c, path, "-1", "0", "user");
	refused_client(&c, -EACCES);
	client(&c, path, "-1", "0x200", "");
	x_hear_this(&c, 0);
	x_hear_this(&s, 0);
	part(&c);
	part(&s);
	X_IS(rmdir(dir), 0);
}

/* ---- who they are to each other ----------------------------------------- */

enum { BY_NAME, BY_HANDLE, BY_PAIR };

/* Arguments: "listen", "connect" or "attach"; a path, or a descriptor if it
   begins with a digit; user and group, or -1. Tells who the other side is. */
static void role_meets(int argc, char **argv)
{
	struct weir_stream_options o = client_options();
	struct weir_listener_options lo = options();
	struct weir_listener *l = NULL;
	struct weir_stream *s;
	struct weir_peer peer;
	char who[80];

	X_IS(argc, 4);
	if (atoi(argv[3]) >= 0)
		X_IS(setegid((gid_t)atoi(argv[3])), 0);
	if (atoi(argv[2]) >= 0)
		X_IS(seteuid((uid_t)atoi(argv[2])), 0);
	o.flags |= WEIR_STREAM_ANY_USER;
	lo.flags |= WEIR_STREAM_ANY_USER;
	if (argv[1][0] != '/') {
		lo.flags |= WEIR_LISTENER_HANDLE;
		lo.handle = atoi(argv[1]);
	}
	if (!strcmp(argv[0], "listen")) {
		X_IS(weir_listener_open(&l, argv[1], &lo), 0);
		x_tell(0);
		X_IS(weir_listener_accept(l, &s, SOON), 0);
	} else if (!strcmp(argv[0], "connect")) {
		X_IS(weir_stream_connect_with(&s, argv[1], &o, SOON), 0);
	} else {
		o.flags &= ~WEIR_STREAM_ANY_USER;
		X_IS(weir_stream_attach(&s, lo.handle, &o, SOON), 0);
	}
	memset(&peer, 0xff, sizeof(peer));
	X_IS(weir_stream_peer(s, &peer), 0);
	snprintf(who, sizeof(who), "pid %lld uid %lu", (long long)peer.pid,
		 (unsigned long)peer.uid);
	X_TRUE(!strcmp(peer.who, who));
	x_tell(peer.pid);
	x_tell(peer.uid);
	x_tell(peer.gid);
	/* the other one may look until then */
	x_listen();
	weir_stream_close(s);
	weir_listener_close(l);
	/* LeakSanitizer does not look into a process of two users */
	X_IS(seteuid(getuid()), 0);
	X_IS(setegid(getgid()), 0);
}

static void says_who(const struct x_peer *p, const struct x_peer *other,
		     const char *uid, const char *gid)
{
	x_hear_this(p, other->pid);
	x_hear_this(p, atoi(uid) < 0 ? (int64_t)geteuid() : atoi(uid));
	x_hear_this(p, atoi(gid) < 0 ? (int64_t)getegid() : atoi(gid));
}

/* This process makes the sockets and takes part in none of it: it is never the
   one of whom they learn. */
static void meet(int how, const char *path, const char *const uids[2],
		 const char *const gids[2])
{
	int fds[2] = { -1, -1 }, give[2] = { -1, -1 };
	struct x_peer a, b;
	char one[16], two[16];

	if (how == BY_PAIR)
		X_IS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds),
		     0);
	if (how == BY_HANDLE) {
		fds[0] = listening_socket(path);
		X_IS(chmod(path, 0666), 0);
	}
	give[0] = fds[0];
	snprintf(one, sizeof(one), "%d", fds[0]);
	snprintf(two, sizeof(two), "%d", fds[1]);
	x_spawn(&a, NULL, give, "meets", how == BY_PAIR ? "attach" : "listen",
		how == BY_NAME ? path : one, uids[0], gids[0], NULL);
	if (how != BY_PAIR)
		x_hear_this(&a, 0);
	give[0] = fds[1];
	x_spawn(&b, NULL, give, "meets", how == BY_PAIR ? "attach" : "connect",
		how == BY_PAIR ? two : path, uids[1], gids[1], NULL);
	says_who(&b, &a, uids[0], gids[0]);
	says_who(&a, &b, uids[1], gids[1]);
	x_order(&a, 0);
	x_order(&b, 0);
	x_done(&a);
	x_done(&b);
	if (how != BY_NAME)
		close(fds[0]);
	if (how == BY_PAIR)
		close(fds[1]);
	if (how == BY_HANDLE)
		unlink(path);
}

static void peers(int how)
{
	static const char *const same[2] = { "-1", "-1" };
	char dir[64];
	const char *path = own_path(dir, sizeof(dir));

	meet(how, path, same, same);
	X_IS(rmdir(dir), 0);
}

static void other_peers(int how)
{
	static const char *const uids[2] = { "54321", "54322" };
	static const char *const gids[2] = { "54323", "54324" };
	char dir[64];
	const char *path;

	if (geteuid())
		x_skip("needs root, to become another user");
	path = own_path(dir, sizeof(dir));
	meet(how, path, uids, gids);
	X_IS(rmdir(dir), 0);
}

static void declined(int arg)
{
	struct weir_listener_options o = options();
	struct choice choice = { 0, 0, 1 };
	struct weir_listener *l;
	struct weir_stream *s;
	struct x_peer p;

	(void)arg;
	o.allow = choose;
	o.ctx = &choice;
	X_IS(weir_listener_open(&l, own_name(), &o), 0);
	client(&p, own_name(), "-1", "0", "said no");
	while (!choice.asked)
		X_IS(weir_listener_accept(l, &s, weir_after(X_SECOND / 100)),
		     -ETIMEDOUT);
	refused_client(&p, -EACCES);
	choice.answer = 0;
	serve_one(l, own_name());
	X_IS(choice.asked, 2);
	X_IS(choice.uid, geteuid());
	weir_listener_close(l);
}

static void most_clients(int arg)
{
	struct weir_listener_options o = options();
	struct weir_listener *l;
	struct weir_stream *s[2], *none;
	struct x_peer p[3];
	int i;

	(void)arg;
	o.max_clients = 2;
	X_IS(weir_listener_open(&l, own_name(), &o), 0);
	for (i = 0; i < 2; i++) {
		good_client(&p[i], own_name());
		X_IS(weir_listener_accept(l, &s[i], SOON), 0);
		x_hear_this(&p[i], 0);
	}
	client(&p[2], own_name(), "-1", "0", "as many clients");
	while (!strstr(x_said(), "as many clients"))
		X_IS(weir_listener_accept(l, &none, weir_after(X_SECOND / 100)),
		     -ETIMEDOUT);
	refused_client(&p[2], -ECONNREFUSED);
	x_step("a place becomes free");
	weir_stream_close(s[0]);
	serve_one(l, own_name());
	x_step("a client outlives the listener");
	weir_listener_close(l);
	echo(&p[1], s[1]);
	for (i = 0; i < 2; i++)
		part(&p[i]);
	weir_stream_close(s[1]);
}

/* ---- bad clients ---- */

static int new_memory(size_t size, int seals)
{
	unsigned char *base;
	struct weir_header *h;
	int fd = memfd_create("liar", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || posix_fallocate(fd, 0, (off_t)size))
		x_skip("needs memfd_create");
	base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED)
		X_FAIL("mmap: %s", strerror(errno));
	h = (struct weir_header *)(void *)base;
	h->version = WEIR_LAYOUT;
	h->header_size = sizeof(*h);
	h->features = WEIR_FEATURE_CONNECTION;
	h->size = size;
	h->capacity = CAPACITY;
	h->data = WEIR_DATA_OFFSET;
	h->producer = WEIR_PRODUCER_OFFSET;
	h->consumer = WEIR_CONSUMER_OFFSET;
	h->id = 7;
	weir_store_release64(&h->magic, WEIR_MAGIC);
	munmap(base, size);
	if (seals && fcntl(fd, F_ADD_SEALS, seals))
		x_skip("needs F_SEAL_FUTURE_WRITE");
	return fd;
}

static void good_hello(struct hello *hello)
{
	memset(hello, 0, sizeof(*hello));
	hello->magic = WEIR_MAGIC;
	hello->size = sizeof(*hello);
	hello->layout_least = hello->layout_most = WEIR_LAYOUT;
	hello->ways = 3;
	hello->capacity = CAPACITY;
	hello->block = BLOCK;
}

/* May fail: the listener may have had enough of it. */
static void say(int fd, const void *data, size_t len, int handle, size_t n)
{
	union {
		char bytes[CMSG_SPACE(32 * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr msg;
	size_t i;

	memset(&msg, 0, sizeof(msg));
	memset(&control, 0, sizeof(control));
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	if (n && handle >= 0) {
		struct cmsghdr *c = (struct cmsghdr *)(void *)control.bytes;

		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		for (i = 0; i < n; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &handle,
			       sizeof(int));
	}
	if (sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
	    errno != EPIPE && errno != EAGAIN && errno != ECONNRESET)
		X_FAIL("sendmsg: %s", strerror(errno));
}

enum { SILENT, GARBAGE, HALF_A_HELLO, WRONG_HANDLE, NO_HANDLE, HOLES, MANY,
       UNSEALED, SILENT_LATER, HANGS_UP, KINDS };

/* A client of one of these kinds; its socket, or -1. */
static int bad_client(const char *path, int kind, uint64_t number)
{
	unsigned char noise[500];
	struct hello hello;
	int fd = raw(path);
	int memory = -1;

	good_hello(&hello);
	switch (kind) {
	case SILENT:
		return fd;
	case GARBAGE:
		x_fill(noise, sizeof(noise), number);
		say(fd, noise, sizeof(noise), -1, 0);
		return fd;
	case HALF_A_HELLO:
		say(fd, &hello, 64, -1, 0);
		return fd;
	case WRONG_HANDLE:
		memory = open("/dev/null", O_RDWR | O_CLOEXEC);
		say(fd, &hello, sizeof(hello), memory, 1);
		break;
	case NO_HANDLE:
		say(fd, &hello, sizeof(hello), -1, 0);
		break;
	case HOLES:
		memory = memfd_create("holes", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		if (ftruncate(memory, BLOCK) ||
		    fcntl(memory, F_ADD_SEALS, SEALS))
			x_skip("needs F_SEAL_FUTURE_WRITE");
		say(fd, &hello, sizeof(hello), memory, 1);
		break;
	case MANY:
		memory = open("/dev/null", O_RDWR | O_CLOEXEC);
		say(fd, &hello, sizeof(hello), memory, 2);
		break;
	case UNSEALED:
		memory = new_memory(BLOCK, 0);
		say(fd, &hello, sizeof(hello), memory, 1);
		break;
	case SILENT_LATER:	/* and reads nothing */
		memory = new_memory(BLOCK, SEALS);
		say(fd, &hello, sizeof(hello), memory, 1);
		break;
	default:
		say(fd, &hello, 64, -1, 0);
		close(fd);
		return -1;
	}
	close(memory);
	return fd;
}

/* 0: somebody hung up */
static int still_there(int fd)
{
	char byte[256];
	ssize_t n;

	while ((n = recv(fd, byte, sizeof(byte), MSG_DONTWAIT)) > 0)
		;
	return n < 0 && errno == EAGAIN;
}

/* Those who have hung up are noticed in turn, beside the others: so many a
   look, which says in the end that nobody is left who could be let in. */
static void notice_all(struct weir_listener *l)
{
	struct weir_stream *s;
	int looks = HALF_OPEN / LOOK + 1;

	while (looks--)
		X_IS(weir_listener_accept(l, &s, WEIR_NOWAIT), -EAGAIN);
}

/* 64 of each kind, and a good one after them, with no time limit that could
   come to its help: it is what accept answers first. */
static void beside(int kind)
{
	struct weir_listener_options o = options();
	struct weir_listener *l;
	char dir[64];
	const char *path = own_path(dir, sizeof(dir));
	int fds[HALF_OPEN], i, before, maps, there = 0;

	if (x_stream_flags() && kind >= HOLES)
		x_skip("needs F_SEAL_FUTURE_WRITE");
	weir_listener_patience_ns = WEIR_FOREVER;
	X_IS(weir_listener_open(&l, path, &o), 0);
	serve_one(l, path);
	before = x_count_fds();
	maps = x_count_maps();
	for (i = 0; i < HALF_OPEN; i++)
		fds[i] = bad_client(path, kind < 0 ? i % KINDS : kind,
				    (uint64_t)i);
	serve_one(l, path);
	serve_one(l, path);
	for (i = 0; i < HALF_OPEN; i++)
		there += fds[i] >= 0 && still_there(fds[i]);
	/* Who has not greeted has cost no memory. */
	if (kind == SILENT || kind == HALF_A_HELLO)
		X_IS(x_count_maps(), maps);
	/* Who only says nothing is there still, but for who made room. */
	if (kind == SILENT || kind == HALF_A_HELLO || kind == SILENT_LATER)
		X_TRUE(there >= HALF_OPEN - 2 && there < HALF_OPEN);
	else if (kind >= 0)
		X_IS(there, 0);
	for (i = 0; i < HALF_OPEN; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	serve_one(l, path);
	notice_all(l);
	X_IS(x_count_fds(), before);
	weir_listener_close(l);
	X_IS(rmdir(dir), 0);
}

/* A hello with one to five of its bytes changed, handles at random. */
static void fuzz(int arg)
{
	struct weir_listener_options o = options();
	uint64_t seed = x_seed(), state = seed;
	struct weir_listener *l;
	struct weir_stream *s;
	char dir[64];
	const char *path = own_path(dir, sizeof(dir));
	int i, k, fds, maps, rounds = X_SLOW ? 150 : 600;

	(void)arg;
	X_IS(weir_listener_open(&l, path, &o), 0);
	serve_one(l, path);
	fds = x_count_fds();
	maps = x_count_maps();
	for (i = 0; i < rounds; i++) {
		unsigned char bytes[sizeof(struct hello)];
		int memory = -1, fd = raw(path);
		size_t len = sizeof(bytes), n = x_random(&state) % 4;
		int r;

		x_step("round %d of seed %" PRIu64, i, seed);
		good_hello((struct hello *)(void *)bytes);
		for (k = (int)(x_random(&state) % 6); k > 0; k--)
			bytes[x_random(&state) % 64] =
				(unsigned char)x_random(&state);
		if (x_random(&state) % 8 == 0)
			len = x_random(&state) % len + 1;
		if (x_random(&state) & 1)
			memory = new_memory(BLOCK, 0);
		say(fd, bytes, len, memory, n ? 1 : 0);
		if (x_random(&state) & 1)
			say(fd, bytes, x_random(&state) % len + 1, -1, 0);
		r = weir_listener_accept(l, &s, WEIR_NOWAIT);
		if (!r)
			weir_stream_close(s);
		else
			X_IS(r, -EAGAIN);
		if (memory >= 0)
			close(memory);
		close(fd);
		if (i % 100 == 99)
			serve_one(l, path);
	}
	serve_one(l, path);
	notice_all(l);
	X_IS(x_count_fds(), fds);
	X_IS(x_count_maps(), maps);
	weir_listener_close(l);
	X_IS(rmdir(dir), 0);
}

/* Who says nothing for long is turned away, by accept's own deadline. */
static void patience(int arg)
{
	struct weir_listener_options o = options();
	struct weir_listener *l;
	struct weir_stream *s;
	struct hello hello;
	char dir[64];
	const char *path = own_path(dir, sizeof(dir));
	int fd;

	(void)arg;
	weir_listener_patience_ns = X_SECOND / 20;
	X_IS(weir_listener_open(&l, path, &o), 0);
	fd = bad_client(path, SILENT, 0);
	while (!strstr(x_said(), "took too long"))
		X_IS(weir_listener_accept(l, &s, weir_after(X_SECOND / 10)),
		     -ETIMEDOUT);
	X_IS(recv(fd, &hello, sizeof(hello), MSG_DONTWAIT), sizeof(hello));
	X_TRUE(hello.refusal != 0);
	X_IS(recv(fd, &hello, 1, 0), 0);
	close(fd);
	weir_listener_close(l);
	X_IS(rmdir(dir), 0);
}

/* Both are told both versions. */
static void versions(int arg)
{
	struct weir_listener_options o = options();
	struct weir_listener *l;
	struct weir_stream *s;
	struct hello hello, heard;
	struct x_peer p;
	char dir[64];
	const char *path = own_path(dir, sizeof(dir));
	int fd, conn;

	(void)arg;
	X_IS(weir_listener_open(&l, path, &o), 0);
	fd = raw(path);
	good_hello(&hello);
	hello.layout_least = 2;
	hello.layout_most = 9;
	say(fd, &hello, sizeof(hello), -1, 0);
	while (!strstr(x_said(), "layouts 2 to 9, ours 1"))
		X_IS(weir_listener_accept(l, &s, weir_after(X_SECOND / 100)),
		     -ETIMEDOUT);
	X_IS(recv(fd, &heard, sizeof(heard), 0), sizeof(heard));
	X_IS(heard.layout_most, WEIR_LAYOUT);
	X_TRUE(heard.refusal != 0);
	close(fd);
	weir_listener_close(l);
	x_step("a later listener refuses");
	fd = listening_socket(path);
	client(&p, path, "-1", "0", "layouts 2 to 9, ours 1");
	conn = accept(fd, NULL, NULL);
	hello.refusal = 2;
	say(conn, &hello, sizeof(hello), -1, 0);
	refused_client(&p, -EPROTO);
	close(conn);
	x_step("with a reason that nobody knows");
	client(&p, path, "-1", "0", "does not know");
	conn = accept(fd, NULL, NULL);
	good_hello(&hello);
	hello.refusal = 4000000000u;
	say(conn, &hello, sizeof(hello), -1, 0);
	refused_client(&p, -EPROTO);
	close(conn);
	x_step("hangs up");
	client(&p, path, "-1", "0", "hung up");
	close(accept(fd, NULL, NULL));
	refused_client(&p, -ECONNREFUSED);
	close(fd);
	unlink(path);
	X_IS(rmdir(dir), 0);
}

/* One that knows layouts to come and features that nobody has yet, and ours:
   it is served, or serves, as if it knew no more. */
static void newer(int arg)
{
	struct weir_listener_options o = options();
	struct verdict verdict = { WEIR_MAGIC, 0, 1, 9, { 0 } };
	struct weir_listener *l;
	struct weir_stream *s;
	struct hello hello, heard;
	struct x_peer p;
	char dir[64];
	const char *path = own_path(dir, sizeof(dir));
	int memory = new_memory(BLOCK, SEALS), fd, conn;

	(void)arg;
	good_hello(&hello);
	hello.layout_most = 9;
	hello.features = ~UINT64_C(0);
	memset(hello.reserved, 0xff, sizeof(hello.reserved));
	X_IS(weir_listener_open(&l, path, &o), 0);
	fd = raw(path);
	say(fd, &hello, sizeof(hello), memory, 1);
	say(fd, &verdict, sizeof(verdict), -1, 0);
	X_IS(weir_listener_accept(l, &s, SOON), 0);
	X_IS(recv(fd, &heard, sizeof(heard), 0), sizeof(heard));
	X_IS(heard.refusal, 0);
	X_IS(heard.layout_least, WEIR_LAYOUT);
	X_IS(heard.layout_most, WEIR_LAYOUT);
	X_TRUE(!(heard.features & ~WEIR_FEATURES_KNOWN));
	weir_stream_close(s);
	close(fd);
	weir_listener_close(l);
	x_step("a newer listener");
	fd = listening_socket(path);
	good_client(&p, path);
	conn = accept(fd, NULL, NULL);
	say(conn, &hello, sizeof(hello), memory, 1);
	say(conn, &verdict, sizeof(verdict), -1, 0);
	x_hear_this(&p, 0);
	x_order(&p, 'x');
	x_done(&p);
	close(conn);
	close(fd);
	close(memory);
	unlink(path);
	X_IS(rmdir(dir), 0);
}

static int words_of_features;

static void find_features(void *ctx, int level, const char *text)
{
	(void)ctx;
	(void)level;
	words_of_features |= strstr(text, "needs features 0x80000002") &&
			     strstr(text, "knows 0x7");
}

/* One whose memory needs a feature that nobody has: told so at once. */
static void needs_more(int arg)
{
	struct weir_listener_options o = options();
	struct weir_listener *l;
	struct weir_stream *s;
	struct hello hello, heard;
	struct weir_header *h;
	char dir[64];
	const char *path = own_path(dir, sizeof(dir));
	int memory = new_memory(BLOCK, 0), fd;

	(void)arg;
	h = x_map(memory, BLOCK);
	h->features |= UINT64_C(1) << 31;
	munmap(h, BLOCK);
	if (fcntl(memory, F_ADD_SEALS, SEALS))
		x_skip("needs F_SEAL_FUTURE_WRITE");
	weir_log_set(find_features, NULL);
	X_IS(weir_listener_open(&l, path, &o), 0);
	fd = raw(path);
	good_hello(&hello);
	say(fd, &hello, sizeof(hello), memory, 1);
	while (!words_of_features)
		X_IS(weir_listener_accept(l, &s, weir_after(X_SECOND / 100)),
		     -ETIMEDOUT);
	X_IS(recv(fd, &heard, sizeof(heard), 0), sizeof(heard));
	X_IS(heard.refusal, 4);	/* memory */
	close(fd);
	close(memory);
	weir_listener_close(l);
	X_IS(rmdir(dir), 0);
}

/* ---- those who sleep meanwhile ---- */

#define BAD 10			/* clients of each kind */

enum { BY_READ, BY_SET, SLEEPERS };

struct bystander {	/* a good client, and the thread that serves it */
	struct weir_stream *s;
	struct x_peer p;
	pthread_t thread;
	pid_t tid;
	int how;
};

struct counts {
	uint64_t slept, client_slept, of_ends[2][3];
};

static void *serves(void *arg)
{
	struct bystander *b = arg;
	struct weir_event e = { NULL, 0, 0 };
	struct weir_set *set = NULL;
	uint64_t word;

	if (b->how == BY_SET) {
		X_IS(weir_set_create(&set, NULL), 0);
		X_IS(weir_set_add_rx(set, weir_stream_rx(b->s), b), 0);
	}
	__atomic_store_n(&b->tid, x_tid(), __ATOMIC_RELEASE);
	if (set) {
		X_IS(weir_set_wait(set, &e, 1, WEIR_FOREVER), 1);
		X_TRUE(e.user == b && e.what == WEIR_EVENT_READ);
	}
	X_IS(weir_stream_read(b->s, &word, 8, WEIR_FOREVER), 8);
	X_IS(weir_stream_write(b->s, &word, 8, SOON), 0);
	weir_set_close(set);
	return NULL;
}

static void begin_sleep(struct bystander *b, struct weir_listener *l,
			const char *path, int how)
{
	memset(b, 0, sizeof(*b));
	b->how = how;
	good_client(&b->p, path);
	X_IS(weir_listener_accept(l, &b->s, SOON), 0);
	x_hear_this(&b->p, 0);
	X_IS(pthread_create(&b->thread, NULL, serves, b), 0);
	while (!__atomic_load_n(&b->tid, __ATOMIC_ACQUIRE))
		x_pause();
	x_asleep(getpid(), b->tid);
	x_asleep_in(b->p.pid, b->p.pid, SYS_read);
}

/* How often it has slept, and what its two ends say of themselves. */
static void look(const struct bystander *b, struct counts *c)
{
	static const enum weir_counter which[] = {
		WEIR_COUNT_PARKS, WEIR_COUNT_WAKES, WEIR_COUNT_SPINS,
	};
	const struct weir_half *half[2] = {
		weir_stream_rx(b->s)->mine, weir_stream_tx(b->s)->mine,
	};
	int i;

	c->slept = x_switches_of(getpid(), b->tid);
	c->client_slept = x_switches(b->p.pid);
	/* relaxed: its thread sleeps */
	for (i = 0; i < 6; i++)
		c->of_ends[i / 3][i % 3] = weir_load_relaxed64(
			&half[i / 3]->counters[which[i % 3]]);
}

static void undisturbed(const struct bystander *b, const struct counts *before)
{
	struct counts now;

	look(b, &now);
	X_IS(now.slept, before->slept);
	X_IS(now.client_slept, before->client_slept);
	X_TRUE(!memcmp(now.of_ends, before->of_ends, sizeof(now.of_ends)));
}

static void wake_up(struct bystander *b)
{
	x_order(&b->p, 'e');
	x_hear_this(&b->p, 0);
	X_IS(pthread_join(b->thread, NULL), 0);
	part(&b->p);
	weir_stream_close(b->s);
}

/* All threads here but this one; an emulator has some of its own. */
static uint64_t others_slept(void)
{
	if (getenv("WEIR_EMULATOR"))
		return 0;
	return x_switches(getpid()) - x_switches_of(getpid(), x_tid());
}

/* So many of a kind come, and are dealt with as far as they let it. */
static void bad_ones(struct weir_listener *l, const char *path, int kind)
{
	struct weir_stream *s;
	int i, fds[BAD];

	x_step("bad clients of kind %d", kind);
	for (i = 0; i < BAD; i++) {
		fds[i] = bad_client(path, kind, (uint64_t)i);
		X_IS(weir_listener_accept(l, &s, WEIR_NOWAIT), -EAGAIN);
	}
	X_IS(weir_listener_accept(l, &s, weir_after(1000000)), -ETIMEDOUT);
	for (i = 0; i < BAD; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	X_IS(weir_listener_accept(l, &s, WEIR_NOWAIT), -EAGAIN);
}

/* It connects as others do, reads nothing, and dies. */
static void stops_reading(struct weir_listener *l, const char *path)
{
	struct weir_stream *s;
	struct x_peer p;
	int r;

	x_step("one that stops reading");
	good_client(&p, path);
	X_IS(weir_listener_accept(l, &s, SOON), 0);
	x_hear_this(&p, 0);
	do
		r = weir_stream_write(s, "12345678", 8, WEIR_NOWAIT);
	while (!r);
	X_IS(r, -EAGAIN);
	X_IS(weir_stream_write(s, "12345678", 8, weir_after(1000000)),
	     -ETIMEDOUT);
	serve_one(l, path);
	x_signal(&p, SIGKILL);
	X_IS(x_reap(&p), -SIGKILL);
	weir_stream_close(s);
}

/* Not a single time does a thread wake, at either end of a good connection or
   in the library, for a client that does not get through the handshake; and
   those ends sleep on through others that come, block, die and go. */
static void wakes_nobody(int arg)
{
	struct weir_listener_options o = options();
	struct bystander b[SLEEPERS];
	struct counts before[SLEEPERS];
	struct weir_listener *l;
	char dir[64];
	const char *path = own_path(dir, sizeof(dir));
	uint64_t others;
	int i;

	(void)arg;
	if (x_stream_flags())
		x_skip("needs F_SEAL_FUTURE_WRITE");
	weir_listener_patience_ns = WEIR_FOREVER;
	X_IS(weir_listener_open(&l, path, &o), 0);
	for (i = 0; i < SLEEPERS; i++)
		begin_sleep(&b[i], l, path, i);
	for (i = 0; i < SLEEPERS; i++) {
		x_quiet(&b[i].p, 1);
		look(&b[i], &before[i]);
	}
	others = others_slept();
	for (i = 0; i < KINDS; i++)
		if (i != SILENT_LATER)
			bad_ones(l, path, i);
	x_quiet(NULL, 0);
	X_IS(others_slept(), others);
	/* It has greeted as it should: the keeper sees each one end, and
	   where it polls is told that each has come and gone. */
	bad_ones(l, path, SILENT_LATER);
	x_quiet(NULL, 0);
	others = others_slept() - others;
	if (others > 3 * BAD)
		X_FAIL("the library's threads woke %" PRIu64 " times", others);
	for (i = 0; i < SLEEPERS; i++)
		undisturbed(&b[i], &before[i]);
	stops_reading(l, path);
	for (i = 0; i < SLEEPERS; i++)
		undisturbed(&b[i], &before[i]);
	x_step("they wake up");
	for (i = 0; i < SLEEPERS; i++)
		wake_up(&b[i]);
	weir_listener_close(l);
	X_IS(rmdir(dir), 0);
}

/* ---- no room, death, the end ---- */

/* The library says something else. */
static void second_words(void)
{
	struct weir_listener_options o = options();
	struct weir_listener *l;

	X_IS(weir_listener_open(&l, own_name(), &o), -EADDRINUSE);
}

/* One who comes when there is no room is told so, the next one is served. What
   a client needs runs out at different points of its handshake. */
static void no_descriptors(int arg)
{
	struct weir_listener_options o = options();
	struct weir_listener *l;
	struct weir_stream *s;
	struct x_peer p;
	struct rlimit was, less;
	int highest, left, refused = 0, r = -ETIMEDOUT;

	(void)arg;
	X_IS(getrlimit(RLIMIT_NOFILE, &was), 0);
	for (left = 0; r; left++) {
		X_IS(weir_listener_open(&l, own_name(), &o), 0);
		serve_one(l, own_name());
		good_client(&p, own_name());
		x_step("%d are left", left);
		highest = dup(0);
		close(highest);
		less = was;
		less.rlim_cur = (rlim_t)(highest + left);
		X_IS(setrlimit(RLIMIT_NOFILE, &less), 0);
		for (r = -ETIMEDOUT; r == -ETIMEDOUT;) {
			r = weir_listener_accept(l, &s,
						 weir_after(X_SECOND / 100));
			if (strstr(x_said(), "no memory or descriptors"))
				break;
		}
		X_IS(setrlimit(RLIMIT_NOFILE, &was), 0);
		if (r) {
			X_IS(r, -ETIMEDOUT);
			x_hear_this(&p, -ECONNREFUSED);
			x_order(&p, 'x');
			refused++;
			second_words();
		} else {
			x_hear_this(&p, 0);
			x_order(&p, 'x');
			weir_stream_close(s);
		}
		x_done(&p);
		serve_one(l, own_name());
		weir_listener_close(l);
	}
	X_TRUE(refused >= 3);
}

/* Dies when told to, somewhere in its handshake. */
static void role_dying(int argc, char **argv)
{
	struct verdict verdict = { WEIR_MAGIC, 0, 1, 1, { 0 } };
	struct hello hello;
	int fd = raw(argv[0]);
	int memory = new_memory(BLOCK, SEALS);

	(void)argc;
	good_hello(&hello);
	switch (atoi(argv[1])) {
	case 0:
		break;
	case 1:
		say(fd, &hello, 100, memory, 1);
		break;
	case 2:
		say(fd, &hello, sizeof(hello), memory, 1);
		break;
	default:
		say(fd, &hello, sizeof(hello), memory, 1);
		say(fd, &verdict, 16, -1, 0);
	}
	x_tell(0);
	x_listen();
}

static void client_dies(int arg)
{
	struct weir_listener_options o = options();
	struct weir_listener *l;
	struct weir_stream *s;
	struct x_peer p;
	char dir[64], where[16];
	const char *path = own_path(dir, sizeof(dir));
	int stage, before;

	(void)arg;
	if (x_stream_flags())
		x_skip("needs F_SEAL_FUTURE_WRITE");
	weir_listener_patience_ns = WEIR_FOREVER;
	X_IS(weir_listener_open(&l, path, &o), 0);
	serve_one(l, path);
	before = x_count_fds();
	for (stage = 0; stage < 8; stage++) {
		x_step("stage %d", stage);
		snprintf(where, sizeof(where), "%d", stage / 2);
		x_spawn(&p, NULL, NULL, "dying", path, where, NULL);
		x_hear_this(&p, 0);
		if (stage & 1)
			X_IS(weir_listener_accept(l, &s, WEIR_NOWAIT),
			     -EAGAIN);
		x_signal(&p, SIGKILL);
		X_IS(x_reap(&p), -SIGKILL);
		serve_one(l, path);
	}
	X_IS(weir_listener_accept(l, &s, WEIR_NOWAIT), -EAGAIN);
	X_IS(x_count_fds(), before);
	weir_listener_close(l);
	X_IS(rmdir(dir), 0);
}

struct sleeper {
	struct weir_listener *l;
	pid_t tid;
	int result;
};

static void *accepts(void *arg)
{
	struct sleeper *w = arg;
	struct weir_stream *s;

	__atomic_store_n(&w->tid, x_tid(), __ATOMIC_RELEASE);
	w->result = weir_listener_accept(w->l, &s, WEIR_FOREVER);
	return NULL;
}

static void sleep_in_accept(struct sleeper *w, pthread_t *thread)
{
	pid_t tid;

	w->tid = 0;
	X_IS(pthread_create(thread, NULL, accepts, w), 0);
	while (!(tid = __atomic_load_n(&w->tid, __ATOMIC_ACQUIRE)))
		x_pause();
	x_asleep(getpid(), tid);
}

/* Asleep without end, and without a wake while nothing happens. */
static void cancel(int arg)
{
	struct weir_listener_options o = options();
	struct sleeper w;
	struct weir_stream *s;
	pthread_t thread;
	uint64_t switches;
	int i, fd;
	char dir[64];
	const char *path = own_path(dir, sizeof(dir));

	(void)arg;
	X_IS(weir_listener_open(&w.l, path, &o), 0);
	sleep_in_accept(&w, &thread);
	switches = x_switches(getpid());
	/* this thread's own pauses count too: each is one */
	for (i = 0; i < 100; i++)
		x_pause();
	X_TRUE(x_switches(getpid()) <= switches + 101 || X_SLOW);
	X_IS(weir_listener_cancel(w.l), 0);
	X_IS(pthread_join(thread, NULL), 0);
	X_IS(w.result, -ECANCELED);
	X_IS(weir_listener_accept(w.l, &s, WEIR_FOREVER), -ECANCELED);
	fd = raw(path);
	X_IS(weir_listener_accept(w.l, &s, WEIR_FOREVER), -ECANCELED);
	close(fd);
	weir_listener_close(w.l);
	X_IS(rmdir(dir), 0);
}

/* Those that wait when it closes are told so. */
static void closing(int arg)
{
	struct weir_listener_options o = options();
	struct weir_listener *l;
	struct weir_stream *s;
	struct x_peer p[3];
	int i;

	(void)arg;
	X_IS(weir_listener_open(&l, own_name(), &o), 0);
	for (i = 0; i < 3; i++) {
		client(&p[i], own_name(), "-1", "0", "closing");
		x_asleep(p[i].pid, p[i].pid);
	}
	weir_listener_close(l);
	for (i = 0; i < 3; i++)
		refused_client(&p[i], -ECONNREFUSED);
	X_IS(weir_stream_connect(&s, own_name(), SOON), -ENOENT);
}

/* Whoever is in the queue is told, not only as many as may be half open. */
static void closing_many(int arg)
{
	struct weir_listener_options o = options();
	struct weir_listener *l;
	char dir[64], bytes[256];
	const char *path = own_path(dir, sizeof(dir));
	int i, told = 0, fds[QUEUE];

	(void)arg;
	o.backlog = QUEUE;
	X_IS(weir_listener_open(&l, path, &o), 0);
	for (i = 0; i < QUEUE; i++)
		fds[i] = raw(path);
	weir_listener_close(l);
	for (i = 0; i < QUEUE; i++) {
		told += recv(fds[i], bytes, sizeof(bytes), MSG_DONTWAIT) > 0;
		close(fds[i]);
	}
	X_IS(told, QUEUE);
	X_IS(rmdir(dir), 0);
}

static void backlog(int arg)
{
	struct weir_listener_options o = options();
	struct weir_listener *l;
	struct weir_stream *s;
	char dir[64];
	const char *path = own_path(dir, sizeof(dir));
	int fds[2];

	(void)arg;
	o.backlog = 1;
	X_IS(weir_listener_open(&l, path, &o), 0);
	fds[0] = raw(path);
	fds[1] = raw(path);
	X_IS(weir_stream_connect(&s, path, WEIR_NOWAIT), -EAGAIN);
	X_TRUE(strstr(x_said(), "queue is full") != NULL);
	X_IS(weir_stream_connect(&s, path, weir_after(0)), -ETIMEDOUT);
	X_IS(weir_stream_connect(&s, path, weir_after(X_SECOND / 50)),
	     -ETIMEDOUT);
	X_IS(weir_listener_accept(l, &s, WEIR_NOWAIT), -EAGAIN);
	x_step("the queue is empty, nobody accepts");
	X_IS(weir_stream_connect(&s, path, WEIR_NOWAIT), -EAGAIN);
	close(fds[0]);
	close(fds[1]);
	serve_one(l, path);
	weir_listener_close(l);
	X_IS(rmdir(dir), 0);
}

#define CROWD 40			/* more than are accepted in one go */

/* By poll, as an event loop has it, and with more to do than is done at once. */
static void by_handle(int arg)
{
	struct weir_listener_options o = options();
	struct weir_listener *l;
	struct weir_stream *s[5];
	struct x_peer p[5];
	struct pollfd fd = { .events = POLLIN };
	int i, n = 0, silent[CROWD], r, before;
	char dir[64];
	const char *path = own_path(dir, sizeof(dir));

	(void)arg;
	before = x_count_fds();
	X_IS(weir_listener_open(&l, path, &o), 0);
	X_IS(weir_listener_handle(l, &fd.fd), 0);
	X_IS(weir_listener_accept(l, &s[0], WEIR_NOWAIT), -EAGAIN);
	X_IS(poll(&fd, 1, 0), 0);
	for (i = 0; i < CROWD; i++)
		silent[i] = raw(path);
	for (i = 0; i < 5; i++) {
		good_client(&p[i], path);
		x_asleep(p[i].pid, p[i].pid);
	}
	while (n < 5) {
		X_IS(poll(&fd, 1, 20000), 1);
		while (n < 5 &&
		       !(r = weir_listener_accept(l, &s[n], WEIR_NOWAIT)))
			n++;
		X_TRUE(n == 5 || r == -EAGAIN);
	}
	X_IS(weir_listener_accept(l, &s[0], WEIR_NOWAIT), -EAGAIN);
	X_IS(poll(&fd, 1, 0), 0);
	for (i = 0; i < 5; i++)
		x_hear_this(&p[i], 0);
	for (i = 0; i < 5; i++)
		x_order(&p[i], 'x');
	for (i = 0; i < 5; i++) {
		x_done(&p[i]);
		weir_stream_close(s[i]);
	}
	X_IS(weir_listener_cancel(l), 0);
	X_IS(poll(&fd, 1, 20000), 1);
	X_IS(weir_listener_accept(l, &s[0], WEIR_NOWAIT), -ECANCELED);
	for (i = 0; i < CROWD; i++)
		close(silent[i]);
	weir_listener_close(l);
	X_IS(x_count_fds(), before);
	X_IS(rmdir(dir), 0);
}

/* One set waits for a listener and for its clients. */
static void in_a_set(int arg)
{
	struct weir_listener_options o = options();
	struct weir_listener *l;
	struct weir_stream *s = NULL;
	struct weir_event event;
	struct weir_set *set;
	struct x_peer p;
	uint64_t word;
	int round;

	(void)arg;
	X_IS(weir_listener_open(&l, own_name(), &o), 0);
	X_IS(weir_set_create(&set, NULL), 0);
	X_IS(weir_set_add_listener(set, l, l), 0);
	X_IS(weir_set_wait(set, &event, 1, WEIR_NOWAIT), -EAGAIN);
	for (round = 0; round < 3; round++) {
		good_client(&p, own_name());
		X_IS(weir_set_wait(set, &event, 1, SOON), 1);
		X_TRUE(event.user == l && event.what == WEIR_EVENT_ACCEPT);
		X_IS(weir_listener_accept(l, &s, WEIR_NOWAIT), 0);
		X_IS(weir_set_add_rx(set, weir_stream_rx(s), s), 0);
		x_hear_this(&p, 0);
		x_order(&p, 'e');
		X_IS(weir_set_wait(set, &event, 1, SOON), 1);
		X_TRUE(event.user == s && event.what == WEIR_EVENT_READ);
		X_IS(weir_stream_read(s, &word, 8, WEIR_NOWAIT), 8);
		X_IS(weir_stream_write(s, &word, 8, SOON), 0);
		x_hear_this(&p, 0);
		part(&p);
		X_IS(weir_set_wait(set, &event, 1, SOON), 1);
		X_TRUE(event.user == s && event.what == WEIR_EVENT_END);
		weir_stream_close(s);
	}
	weir_set_close(set);
	weir_listener_close(l);
}

static void ended(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		X_FAIL("fork: %s", strerror(errno));
	X_IS(status, 0);
}

static void forked(int arg)
{
	struct weir_listener_options o = options();
	struct weir_listener *l;
	struct weir_stream *s;
	weir_handle handle;
	int silent;
	char dir[64];
	const char *path = own_path(dir, sizeof(dir));
	pid_t pid;

	(void)arg;
	X_IS(weir_listener_open(&l, path, &o), 0);
	silent = bad_client(path, SILENT, 0);
	X_IS(weir_listener_accept(l, &s, WEIR_NOWAIT), -EAGAIN);
	pid = fork();
	if (!pid) {
		X_IS(weir_listener_accept(l, &s, SOON), -EINVAL);
		X_IS(weir_listener_handle(l, &handle), -EINVAL);
		weir_listener_close(l);
		_exit(0);
	}
	ended(pid);
	X_TRUE(still_there(silent));
	serve_one(l, path);
	close(silent);
	weir_listener_close(l);
	X_IS(rmdir(dir), 0);
}

/* A listener with a child that lives on, and does not listen. */
static void role_parent(int argc, char **argv)
{
	struct weir_listener_options o = options();
	struct weir_listener *l;
	struct weir_stream *s;
	pid_t pid;

	(void)argc;
	X_IS(weir_listener_open(&l, argv[0], &o), 0);
	x_tell(0);
	x_listen();
	X_IS(weir_listener_accept(l, &s, WEIR_NOWAIT), -EAGAIN);
	pid = fork();
	while (!pid)
		pause();
	x_tell(pid);
	x_listen();
}

static void parent_dies(int arg)
{
	struct weir_stream *s;
	struct x_peer p;
	char dir[64], byte;
	const char *path = own_path(dir, sizeof(dir));
	int silent, waiting;
	pid_t pid;

	(void)arg;
	x_spawn(&p, NULL, NULL, "parent", path, NULL);
	x_hear_this(&p, 0);
	silent = raw(path);
	x_order(&p, 0);
	pid = (pid_t)x_hear(&p);
	waiting = raw(path);
	x_signal(&p, SIGKILL);
	X_IS(x_reap(&p), -SIGKILL);
	X_IS(weir_stream_connect(&s, path, SOON), -ECONNREFUSED);
	x_step("who is half-open, and who waits, are hung up");
	X_TRUE(recv(silent, &byte, 1, 0) <= 0);
	X_TRUE(recv(waiting, &byte, 1, 0) <= 0);
	close(silent);
	close(waiting);
	/* It must be gone before this case ends, which leaves nobody behind. */
	X_IS(kill(pid, SIGKILL), 0);
	while (!kill(pid, 0))
		x_pause();
	unlink(path);
	X_IS(rmdir(dir), 0);
}

static void leaves_nothing(int arg)
{
	struct weir_listener_options o = options();
	struct weir_listener *l;
	int fds = 0, maps = 0, threads = 0, i;

	(void)arg;
	for (i = 0; i < (X_SLOW ? 6 : 12); i++) {
		if (i == 2) {
			fds = x_count_fds();
			maps = x_count_maps();
			threads = x_count_threads();
		}
		X_IS(weir_listener_open(&l, own_name(), &o), 0);
		serve_one(l, own_name());
		weir_listener_close(l);
		X_TRUE(!known(own_name()));
	}
	X_IS(x_count_fds(), fds);
	X_IS(x_count_maps(), maps);
	X_TRUE(x_count_threads() <= threads + 1);
}

static const struct x_case cases[] = {
	{ "linux, linux", talk, 0, 0 },
	{ "portable, linux", talk, 1, 0 },
	{ "linux, portable", talk, 2, 0 },
	{ "portable, portable", talk, 3, 0 },
	{ "nobody listens", nobody, 0, 0 },
	{ "killed, by name", remains, 0, 0 },
	{ "killed, by path", remains, 1, 0 },
	{ "second, by name", second, 0, 0 },
	{ "second, by path", second, 1, 0 },
	{ "race for the remains", race, 0, 0 },
	{ "late close", late_close, 0, 0 },
	{ "activation", activation, 0, 0 },
	{ "users", users, 0, 0 },
	{ "another user greets", two_users, 0, 0 },
	{ "another user connected", two_users, 1, 0 },
	{ "impostor", impostor, 0, 0 },
	{ "peers, by name", peers, BY_NAME, 0 },
	{ "peers, by handle", peers, BY_HANDLE, 0 },
	{ "peers, by a pair", peers, BY_PAIR, 0 },
	{ "other peers, by name", other_peers, BY_NAME, 0 },
	{ "other peers, by handle", other_peers, BY_HANDLE, 0 },
	{ "other peers, by a pair", other_peers, BY_PAIR, 0 },
	{ "declined", declined, 0, 0 },
	{ "most clients", most_clients, 0, 0 },
	{ "beside the silent", beside, SILENT, 0 },
	{ "beside garbage", beside, GARBAGE, 0 },
	{ "beside half a hello", beside, HALF_A_HELLO, 0 },
	{ "beside wrong handles", beside, WRONG_HANDLE, 0 },
	{ "beside no handles", beside, NO_HANDLE, 0 },
	{ "beside holes", beside, HOLES, 0 },
	{ "beside many handles", beside, MANY, 0 },
	{ "beside unsealed memory", beside, UNSEALED, 0 },
	{ "beside those who read nothing", beside, SILENT_LATER, 0 },
	{ "beside those who hang up", beside, HANGS_UP, 0 },
	{ "beside all of them", beside, -1, 0 },
	{ "greetings at random", fuzz, 0, 0 },
	{ "patience", patience, 0, 0 },
	{ "versions", versions, 0, 0 },
	{ "newer", newer, 0, 0 },
	{ "needs more", needs_more, 0, 0 },
	{ "wakes nobody", wakes_nobody, 0, 0 },
	{ "no descriptors", no_descriptors, 0, 0 },
	{ "client dies", client_dies, 0, 0 },
	{ "cancel", cancel, 0, 0 },
	{ "closing", closing, 0, 0 },
	{ "closing on many", closing_many, 0, 0 },
	{ "full backlog", backlog, 0, 0 },
	{ "by handle", by_handle, 0, 0 },
	{ "in a set", in_a_set, 0, 0 },
	{ "fork", forked, 0, 0 },
	{ "parent dies", parent_dies, 0, 0 },
	{ "leaves nothing", leaves_nothing, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ "client", role_client },
	{ "server", role_server },
	{ "dying", role_dying },
	{ "greeter", role_greeter },
	{ "meets", role_meets },
	{ "racer", role_racer },
	{ "parent", role_parent },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, roles);
}
