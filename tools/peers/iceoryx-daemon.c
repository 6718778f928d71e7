/* SPDX-License-Identifier: MIT */
/*
 * The daemon of iceoryx, iox-roudi, which has all the memory: it is started
 * with pools for the sizes of weir-bench and without its monitoring, and ended
 * with weir-bench.
 */
#include <errno.h>
#include <glob.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "iceoryx.h"

static pid_t keeper;
static int keeper_go;

/* Chunks of a size and their number. What is loaned and taken comes on top of
   the queues of two processes. */
static const struct {
	unsigned size, count;
} pools[] = {
	{ 128, 2048 }, { 512, 1024 }, { 2048, 1024 }, { 8192, 1024 },
	{ 32768, 640 }, { 66560, 640 }, { 131072 + 1024, 160 },
};

static void write_pools(int fd)
{
	FILE *f = fdopen(fd, "w");
	size_t i;

	if (!f)
		bench_fail("fdopen: %s", strerror(errno));
	fputs("[general]\nversion = 1\n[[segment]]\n", f);
	for (i = 0; i < sizeof(pools) / sizeof(pools[0]); i++)
		fprintf(f, "[[segment.mempool]]\nsize = %u\ncount = %u\n",
			pools[i].size, pools[i].count);
	fclose(f);
}

/*
 * weir-bench ends its sides by SIGKILL, and a daemon that misses a process when
 * it ends aborts and leaves its files. So it is killed, too, and what it and
 * the sides had is taken away here: two shared memories, one named after the
 * group, and a socket for each process.
 */
static void sweep(long bench)
{
	const struct group *group = getgrgid(getgid());
	char pattern[64];
	glob_t found;
	size_t i;

	shm_unlink("/iceoryx_mgmt");
	if (group) {
		snprintf(pattern, sizeof(pattern), "/%s", group->gr_name);
		shm_unlink(pattern);
	}
	unlink("/tmp/roudi");
	snprintf(pattern, sizeof(pattern), "/tmp/weir-bench-%ld-*", bench);
	if (glob(pattern, 0, NULL, &found))
		return;
	for (i = 0; i < found.gl_pathc; i++)
		unlink(found.gl_pathv[i]);
	globfree(&found);
}

__attribute__((noreturn)) static void be_daemon(int say, const char *config)
{
	dup2(say, STDOUT_FILENO);
	dup2(say, STDERR_FILENO);
	execlp("iox-roudi", "iox-roudi", "-m", "off", "-l", "warning", "-c",
	       config, (char *)NULL);
	printf("[ Error ]m: %s\n", strerror(errno));
	fflush(stdout);
	_exit(127);
}

/* Ends the daemon when weir-bench says so, or is gone in whatever way. */
__attribute__((noreturn)) static void keep(int go, int say, const char *config,
					   long bench)
{
	bool ready = false;
	pid_t roudi = fork();
	char c;

	if (roudi == 0)
		be_daemon(say, config);
	close(say);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	while (read(go, &c, 1) == 1 && c == 'r')
		ready = true;
	/* first, while the daemon has its lock: another one may be waiting */
	if (ready)
		sweep(bench);
	if (roudi > 0) {
		kill(roudi, SIGKILL);
		waitpid(roudi, NULL, 0);
	}
	_exit(0);
}

static pid_t owner;

static void stop_daemon(void)
{
	if (getpid() != owner)
		return;
	if (write(keeper_go, "q", 1) == 1)
		waitpid(keeper, NULL, 0);
}

/* Reads what the daemon says until it is ready; else the reason that it gave,
   its first complaint. */
static bool daemon_ready(FILE *say, char *reason, size_t size)
{
	char line[256], *text;

	snprintf(reason, size, "it ended");
	while (fgets(line, sizeof(line), say)) {
		if (strstr(line, "ready for clients"))
			return true;
		/* without the day and the colours before it */
		text = strstr(line, "m: ");
		if (!text || strcmp(reason, "it ended"))
			continue;
		if (!strstr(line, "Fatal") && !strstr(line, "Error"))
			continue;
		text += 3;
		text[strcspn(text, "\n")] = '\0';
		snprintf(reason, size, "%s", text);
	}
	return false;
}

bool iceoryx_daemon_start(void)
{
	char config[64], reason[256];
	int go[2], say[2], fd;
	FILE *f;
	bool ready;

	snprintf(config, sizeof(config), "/tmp/weir-bench-%ld-XXXXXX",
		 (long)getpid());
	fd = mkstemp(config);
	if (fd < 0 || pipe(go) || pipe(say))
		bench_fail("iceoryx: %s", strerror(errno));
	write_pools(fd);
	fflush(NULL);
	owner = getpid();
	keeper = fork();
	if (keeper < 0)
		bench_fail("fork: %s", strerror(errno));
	if (keeper == 0) {
		close(go[1]);
		close(say[0]);
		keep(go[0], say[1], config, (long)owner);
	}
	close(go[0]);
	close(say[1]);
	keeper_go = go[1];
	atexit(stop_daemon);
	f = fdopen(say[0], "r");
	ready = f && daemon_ready(f, reason, sizeof(reason));
	unlink(config);
	/* f stays open: who writes to a closed pipe is killed */
	if (ready && write(keeper_go, "r", 1) == 1)
		return true;
	bench_skip(&bench_iceoryx, "iox-roudi: %s", reason);
	return false;
}
