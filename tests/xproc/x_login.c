/* SPDX-License-Identifier: MIT */
/*
 * Where names stand for an ordinary user: listeners in the directory that a
 * login made, rings and whoever has no login in shared memory, and where there
 * is none of that in /tmp. Each case has a mount name space of its own, in
 * which the directories are what it wants them to be; those who make the names
 * and look for them are executed programs of an ordinary user, which root
 * becomes, and anybody else is.
 *
 * Seen to fail with: the login's directory taken for shared memory's and the
 * reverse; its owner, its mode, or whether it is a link not looked at; no look
 * into the second place, by who connects and by who listens; a directory made
 * for everybody. And with a listener that took the second place where the first
 * was unfit and clients were refused.
 */
#include "x.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define ORDINARY 4321		/* whom root becomes; nobody has to know him */
#define SOON weir_after(10 * X_SECOND)

static uid_t user;
static gid_t group;
static char login[64], login_weir[80], shm[64], tmp[64];

/* ---- the user's programs ------------------------------------------------ */

static void become(const char *id)
{
	uid_t uid = (uid_t)strtoul(id, NULL, 0);

	if (geteuid() == uid)
		return;
	X_IS(setresgid(ORDINARY, ORDINARY, ORDINARY), 0);
	X_IS(setresuid(uid, uid, uid), 0);
	/* as after an exec: its descriptors are its own to open again */
	X_IS(prctl(PR_SET_DUMPABLE, 1L, 0L, 0L, 0L), 0);
}

/* A place that is refused is refused in words. */
static void tell(int r)
{
	if (r == -EACCES)
		X_TRUE(strstr(x_said(), "refused: ") != NULL);
	x_tell(r);
}

/* Arguments: user, name. Tells what open answers; accepts one and echoes. */
static void role_server(int argc, char **argv)
{
	struct weir_listener_options o = { .size = sizeof(o), .capacity = 4096,
					   .flags = x_stream_flags() };
	struct weir_listener *l;
	struct weir_stream *s = NULL;
	char data[8];
	int r;

	X_IS(argc, 2);
	become(argv[0]);
	r = weir_listener_open(&l, argv[1], &o);
	tell(r);
	if (r)
		return;
	while (x_listen() == 'a') {
		X_IS(weir_listener_accept(l, &s, SOON), 0);
		X_IS(weir_stream_read(s, data, sizeof(data), SOON), 4);
		X_IS(weir_stream_write(s, data, 4, SOON), 0);
		weir_stream_close(s);
		x_tell(0);
	}
	weir_listener_close(l);
}

/* The same. Tells what connect answers, having been echoed. */
static void role_client(int argc, char **argv)
{
	struct weir_stream_options o = { .size = sizeof(o), .capacity = 4096,
					 .flags = x_stream_flags() };
	struct weir_peer peer;
	struct weir_stream *s;
	char data[8];
	int r;

	X_IS(argc, 2);
	become(argv[0]);
	r = weir_stream_connect_with(&s, argv[1], &o, SOON);
	if (!r) {
		X_IS(weir_stream_peer(s, &peer), 0);
		X_IS(peer.uid, geteuid());
		X_IS(weir_stream_write(s, "weir", 4, SOON), 0);
		X_IS(weir_stream_read(s, data, sizeof(data), SOON), 4);
		weir_stream_close(s);
	}
	tell(r);
}

/* The same: makes a ring of that name and writes into it. */
static void role_maker(int argc, char **argv)
{
	struct weir_ring_options o = { .size = sizeof(o), .capacity = 4096,
				       .name = argv[1] };
	struct weir_ring *ring;
	struct weir_tx *tx;
	int r;

	X_IS(argc, 2);
	become(argv[0]);
	r = weir_ring_create(&ring, &o);
	x_tell(r);
	if (r)
		return;
	X_IS(weir_ring_tx(ring, &tx), 0);
	X_IS(weir_tx_write(tx, "weir", 4, SOON), 0);
	x_listen();
	weir_ring_close(ring);
	x_tell(weir_ring_unlink(argv[1]));
}

/* The same: opens and reads. */
static void role_opener(int argc, char **argv)
{
	struct weir_ring *ring;
	struct weir_rx *rx;
	char data[8];
	int r;

	X_IS(argc, 2);
	become(argv[0]);
	r = weir_ring_open(&ring, argv[1]);
	if (!r) {
		X_IS(weir_ring_rx(ring, &rx), 0);
		X_IS(weir_rx_read(rx, data, sizeof(data), SOON), 4);
		weir_ring_close(ring);
	}
	x_tell(r);
}

static void start(struct x_peer *p, const char *role, const char *name)
{
	char id[16];

	snprintf(id, sizeof(id), "%lu", (unsigned long)user);
	x_spawn(p, NULL, NULL, role, id, name, NULL);
}

/* A server that has told what it answers. */
static void serves(struct x_peer *p, const char *name, int answer)
{
	start(p, "server", name);
	x_hear_this(p, answer);
	if (answer)
		x_done(p);
}

static void stops(struct x_peer *p)
{
	x_order(p, 'c');
	x_done(p);
}

/* A client of that name; server: whose it must become, if it is let in. */
static void connects(const char *name, struct x_peer *server, int answer)
{
	struct x_peer p;

	if (!answer)
		x_order(server, 'a');
	start(&p, "client", name);
	x_hear_this(&p, answer);
	x_done(&p);
	if (!answer)
		x_hear_this(server, 0);
}

/* ---- the directories ---------------------------------------------------- */

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		x_skip("a user name space with this user in it");
	close(fd);
}

/* An ordinary user's way to mounts. */
static void own_users(void)
{
	char map[64];

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		x_skip("a user name space: %s", strerror(errno));
	X_IS(prctl(PR_SET_DUMPABLE, 1L, 0L, 0L, 0L), 0);
	put("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "%lu %lu 1", (unsigned long)user,
		 (unsigned long)user);
	put("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "%lu %lu 1", (unsigned long)group,
		 (unsigned long)group);
	put("/proc/self/gid_map", map);
}

static void cover(const char *path, const char *mode)
{
	if (mount("none", path, "tmpfs", MS_NOSUID | MS_NODEV, mode))
		x_skip("a mount at %s: %s", path, strerror(errno));
}

static void of_user(uid_t uid, gid_t gid)
{
	user = uid;
	group = gid;
	snprintf(login, sizeof(login), "/run/user/%lu", (unsigned long)user);
	snprintf(login_weir, sizeof(login_weir), "%s/weir", login);
	snprintf(shm, sizeof(shm), "/dev/shm/weir-%lu", (unsigned long)user);
	snprintf(tmp, sizeof(tmp), "/tmp/weir-%lu", (unsigned long)user);
}

/* Nothing that is mounted or made from here on is seen outside. */
static void enter(void)
{
	if (geteuid()) {
		of_user(geteuid(), getegid());
		own_users();
	} else {
		of_user(ORDINARY, ORDINARY);
		if (unshare(CLONE_NEWNS))
			x_skip("a mount name space: %s", strerror(errno));
	}
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		x_skip("mounts of its own: %s", strerror(errno));
	cover("/run", "mode=755");
	cover("/dev/shm", "mode=1777");
	X_IS(mkdir("/run/user", 0755), 0);
}

static void make_dir(const char *path, mode_t mode)
{
	X_IS(mkdir(path, 0700), 0);
	X_IS(chmod(path, mode), 0);
	X_IS(chown(path, user, group), 0);
}

static int is_there(const char *dir, const char *name)
{
	char path[200];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return !lstat(path, &st);
}

/* The user's own, and of nobody else's concern. */
static void is_own(const char *dir, const char *name, mode_t mode)
{
	char path[200];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	x_step("%s is this user's own", path);
	X_IS(lstat(path, &st), 0);
	X_IS(st.st_mode, mode);
	X_IS(st.st_uid, user);
}

/* It is in that place, alone; somebody finds it; and it goes. */
static void stands(const char *place, const char *name)
{
	const char *const places[] = { login_weir, shm, tmp };
	struct x_peer server;
	size_t i;

	x_step("a listener in %s", place);
	serves(&server, name, 0);
	is_own(place, ".", S_IFDIR | 0700);
	is_own(place, name, S_IFSOCK | 0600);
	for (i = 0; i < 3; i++)
		X_IS(is_there(places[i], name), places[i] == place);
	connects(name, &server, 0);
	stops(&server);
	X_TRUE(!is_there(place, name));
}

/* ---- cases -------------------------------------------------------------- */

static void listens(int arg)
{
	struct x_peer server;

	(void)arg;
	enter();
	make_dir(login, 0700);
	connects("none", NULL, -ENOENT);
	stands(login_weir, "one");
	/* the directory is there now */
	stands(login_weir, "two");
	x_step("the name is taken");
	serves(&server, "one", 0);
	serves(&(struct x_peer){ 0 }, "one", -EADDRINUSE);
	connects("one", &server, 0);
	x_step("its listener dies");
	x_signal(&server, SIGKILL);
	X_IS(x_reap(&server), -SIGKILL);
	X_TRUE(is_there(login_weir, "one"));
	connects("one", NULL, -ECONNREFUSED);
	stands(login_weir, "one");
}

static void no_login(int arg)
{
	(void)arg;
	enter();
	stands(shm, "one");
	X_TRUE(!is_there("/run/user", login + strlen("/run/user/")));
}

/* What is not as a login makes it is none. */
static void unfit_login(int arg)
{
	(void)arg;
	enter();
	make_dir(login, 0755);
	stands(shm, "group");
	X_IS(chmod(login, 0701), 0);
	stands(shm, "others");
	X_TRUE(!is_there(login, "weir"));
	X_IS(rmdir(login), 0);
	make_dir("/run/elsewhere", 0700);
	X_IS(symlink("/run/elsewhere", login), 0);
	stands(shm, "link");
	X_TRUE(!is_there("/run/elsewhere", "weir"));
	X_IS(unlink(login), 0);
	X_IS(close(open(login, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
	stands(shm, "file");
}

static void others_login(int arg)
{
	(void)arg;
	if (geteuid())
		x_skip("root, to give a directory away");
	enter();
	make_dir(login, 0700);
	X_IS(chown(login, ORDINARY + 1, ORDINARY + 1), 0);
	stands(shm, "closed");
	X_TRUE(!is_there(login, "weir"));
	x_step("nor is it root's, who may enter it");
	of_user(0, 0);
	make_dir(login, 0700);
	X_IS(chown(login, ORDINARY, ORDINARY), 0);
	stands(shm, "root");
	X_TRUE(!is_there(login, "weir"));
}

static void nobody_at(const char *name)
{
	serves(&(struct x_peer){ 0 }, name, -EACCES);
	X_TRUE(!is_there(shm, name));
	connects(name, NULL, -EACCES);
}

/* The user's own login, and in it something in the place of the directory: a
   listener that went elsewhere would not be found. */
static void unfit_place(int arg)
{
	(void)arg;
	enter();
	make_dir(login, 0700);
	make_dir(login_weir, 0750);
	nobody_at("group");
	X_IS(rmdir(login_weir), 0);
	make_dir("/run/elsewhere", 0700);
	X_IS(symlink("/run/elsewhere", login_weir), 0);
	nobody_at("link");
	X_TRUE(!is_there("/run/elsewhere", "link"));
	X_IS(unlink(login_weir), 0);
	X_IS(close(open(login_weir, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
	nobody_at("file");
	X_IS(unlink(login_weir), 0);
	stands(login_weir, "one");
}

static void others_place(int arg)
{
	(void)arg;
	if (geteuid())
		x_skip("root, to give a directory away");
	enter();
	of_user(0, 0);
	make_dir(login, 0700);
	make_dir(login_weir, 0700);
	X_IS(chown(login_weir, ORDINARY, ORDINARY), 0);
	nobody_at("one");
	X_IS(chown(login_weir, 0, 0), 0);
	stands(login_weir, "one");
}

/* A listener of a time without a login, and one with. */
static void both(int arg)
{
	struct x_peer server;

	(void)arg;
	enter();
	serves(&server, "one", 0);
	make_dir(login, 0700);
	connects("one", &server, 0);
	x_step("the name is taken, in the other place");
	serves(&(struct x_peer){ 0 }, "one", -EADDRINUSE);
	X_TRUE(!is_there(login_weir, "one"));
	connects("one", &server, 0);
	x_step("and free, but for remains");
	x_signal(&server, SIGKILL);
	X_IS(x_reap(&server), -SIGKILL);
	connects("one", NULL, -ECONNREFUSED);
	serves(&server, "one", 0);
	is_own(login_weir, "one", S_IFSOCK | 0600);
	connects("one", &server, 0);
	stops(&server);
}

static void with_ring(const char *place, const char *name, int closed)
{
	struct x_peer maker, opener;

	x_step("a ring in %s", place);
	start(&maker, "maker", name);
	x_hear_this(&maker, closed);
	start(&opener, "opener", name);
	x_hear_this(&opener, closed);
	x_done(&opener);
	if (!closed) {
		is_own(place, ".", S_IFDIR | 0700);
		is_own(place, name, S_IFREG | 0600);
		X_TRUE(!is_there(login, "weir"));
		x_order(&maker, 0);
		x_hear_this(&maker, 0);
	}
	x_done(&maker);
	X_TRUE(!is_there(place, name));
}

static void rings(int arg)
{
	(void)arg;
	enter();
	with_ring(shm, "one", 0);
	x_step("a login changes nothing");
	make_dir(login, 0700);
	with_ring(shm, "two", 0);
	x_step("everybody may look into the directory");
	X_IS(chmod(shm, 0755), 0);
	with_ring(shm, "three", -EACCES);
	X_IS(chmod(shm, 0700), 0);
	with_ring(shm, "four", 0);
}

static void others_rings(int arg)
{
	(void)arg;
	if (geteuid())
		x_skip("root, to give a directory away");
	enter();
	make_dir(shm, 0700);
	X_IS(chown(shm, ORDINARY + 1, group), 0);
	with_ring(shm, "closed", -EACCES);
	x_step("nor is it root's, who may enter it");
	of_user(0, 0);
	make_dir(shm, 0700);
	X_IS(chown(shm, ORDINARY, ORDINARY), 0);
	with_ring(shm, "root", -EACCES);
}

/* It may lie in a directory that is covered. */
static void keep_program(void)
{
	const char *peer = getenv("WEIR_TEST_PEER");
	int fd = open(peer ? peer : "/proc/self/exe", O_PATH | O_CLOEXEC);
	char path[32];

	X_TRUE(fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	setenv("WEIR_TEST_PEER", path, 1);
}

/* Neither a login nor shared memory. */
static void nothing(int arg)
{
	(void)arg;
	enter();
	keep_program();
	cover("/dev", "mode=755");
	cover("/tmp", "mode=1777");
	stands(tmp, "one");
	with_ring(tmp, "two", 0);
}

static const struct x_case cases[] = {
	{ "listener", listens, 0, 0 },
	{ "listener without a login", no_login, 0, 0 },
	{ "listener of an unfit login", unfit_login, 0, 0 },
	{ "listener of another's login", others_login, 0, 0 },
	{ "listener of an unfit place", unfit_place, 0, 0 },
	{ "listener of another's place", others_place, 0, 0 },
	{ "listener in either place", both, 0, 0 },
	{ "ring", rings, 0, 0 },
	{ "ring of another's directory", others_rings, 0, 0 },
	{ "no shared memory", nothing, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ "client", role_client },
	{ "maker", role_maker },
	{ "opener", role_opener },
	{ "server", role_server },
	{ NULL, NULL },
};

/* Tried by a process that is gone afterwards. */
static int can_enter(void)
{
	pid_t pid = fork();
	int status = 0;

	if (!pid) {
		enter();
		_exit(0);
	}
	X_IS(waitpid(pid, &status, 0), pid);
	return !status;
}

int main(int argc, char **argv)
{
	if (argc < 2 && !can_enter()) {
		puts("x_login: SKIP a mount name space of its own");
		return 77;
	}
	return x_main(argc, argv, cases, roles);
}
