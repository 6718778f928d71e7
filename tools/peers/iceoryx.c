/* SPDX-License-Identifier: MIT */
/*
 * iceoryx by its C binding: a publisher and a subscriber in each process, the
 * publisher waiting for a subscriber whose queue is full, so that no message is
 * lost. A message is copied into a loaned chunk and out of a taken one; a
 * payload that is made in place needs neither copy, which is what iceoryx is
 * for. Busy: the subscriber is asked again and again. Blocking: it sleeps in a
 * wait set. Its queues count messages, 256 at most.
 *
 * Its daemon, iox-roudi, has all the memory; it is started here, with pools for
 * these sizes and without its monitoring, and ended with weir-bench.
 */
#include <errno.h>
#include <glob.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "peer.h"

#include <iceoryx_binding_c/api.h>

#define MESSAGES_MAX 256
/* Milliseconds in which two processes find each other. Arbitrary. */
#define MEET_MS 10000

struct plan {
	char instance[32];
	unsigned messages;
};

struct ends {
	iox_pub_storage_t pub_memory;
	iox_sub_storage_t sub_memory;
	iox_ws_storage_t ws_memory;
	iox_pub_t pub;
	iox_sub_t sub;
	iox_ws_t ws;
	void *loaned;		/* a chunk being made */
	const void *taken;	/* a chunk being used */
};

/* ------------------------------------------------------------------------ */
/* The daemon */

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

static bool start_daemon(void)
{
	static char config[] = "/tmp/weir-bench-XXXXXX";
	int go[2], say[2], fd = mkstemp(config);
	char reason[256];
	FILE *f;
	bool ready;

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

/* ------------------------------------------------------------------------ */

static void *setup(const struct bench_ask *ask)
{
	static unsigned n;
	static int daemon_runs = -1;
	uint64_t messages = ask->capacity / ask->size;
	struct plan *plan;

	if (daemon_runs < 0)
		daemon_runs = start_daemon();
	if (!daemon_runs)
		return NULL;
	plan = calloc(1, sizeof(*plan));
	if (!plan)
		bench_fail("no memory");
	snprintf(plan->instance, sizeof(plan->instance), "%ld-%u",
		 (long)getpid(), n++);
	plan->messages = messages < MESSAGES_MAX ? (unsigned)messages :
						   MESSAGES_MAX;
	return plan;
}

static void make_ends(struct ends *ends, const struct plan *plan, int side)
{
	static const char *const event[] = { "to-a", "to-b" };
	iox_pub_options_t pub;
	iox_sub_options_t sub;

	iox_pub_options_init(&pub);
	pub.subscriberTooSlowPolicy =
		ConsumerTooSlowPolicy_WAIT_FOR_CONSUMER;
	ends->pub = iox_pub_init(&ends->pub_memory, "weir-bench",
				 plan->instance, event[!side], &pub);
	iox_sub_options_init(&sub);
	sub.queueCapacity = plan->messages;
	sub.queueFullPolicy = QueueFullPolicy_BLOCK_PRODUCER;
	ends->sub = iox_sub_init(&ends->sub_memory, "weir-bench",
				 plan->instance, event[side], &sub);
	ends->ws = iox_ws_init(&ends->ws_memory);
	if (iox_ws_attach_subscriber_state(ends->ws, ends->sub,
					   SubscriberState_HAS_DATA, 0,
					   NULL) != WaitSetResult_SUCCESS)
		bench_fail("iox_ws_attach_subscriber_state failed");
}

static void join(struct bench_run *run)
{
	struct plan *plan = run->state;
	struct ends *ends = calloc(1, sizeof(*ends));
	const struct timespec ms = { 0, 1000000 };
	char name[64];
	int i;

	if (!ends)
		bench_fail("no memory");
	/* it may talk on standard output, which belongs to the results */
	dup2(STDERR_FILENO, STDOUT_FILENO);
	iox_set_loglevel(Iceoryx_LogLevel_Warn);
	snprintf(name, sizeof(name), "weir-bench-%s-%c", plan->instance,
		 'a' + run->side);
	iox_runtime_init(name);
	make_ends(ends, plan, run->side);
	for (i = 0; !iox_pub_has_subscribers(ends->pub) ||
		    iox_sub_get_subscription_state(ends->sub) !=
		    SubscribeState_SUBSCRIBED; i++) {
		if (i == MEET_MS)
			bench_fail_run(run, "no subscriber within %d ms",
				       MEET_MS);
		nanosleep(&ms, NULL);
	}
	run->mine = ends;
}

static void note(void *state, char *text, size_t size)
{
	struct plan *plan = state;

	snprintf(text, size, "queues of %u messages", plan->messages);
}

BENCH_INLINE unsigned char *grab(struct bench_run *run, size_t size)
{
	struct ends *ends = run->mine;
	unsigned looks = 0;

	/* fails while the receiver has all chunks of the pool */
	while (iox_pub_loan_chunk(ends->pub, &ends->loaned, (uint32_t)size) !=
	       AllocationResult_SUCCESS)
		bench_relax(&looks);
	return ends->loaned;
}

BENCH_INLINE void give(struct bench_run *run, size_t size)
{
	struct ends *ends = run->mine;

	(void)size;
	iox_pub_publish_chunk(ends->pub, ends->loaned);
}

BENCH_INLINE const unsigned char *look_busy(struct bench_run *run, size_t size)
{
	struct ends *ends = run->mine;
	unsigned looks = 0;

	(void)size;
	while (iox_sub_take_chunk(ends->sub, &ends->taken) !=
	       ChunkReceiveResult_SUCCESS)
		bench_relax(&looks);
	return ends->taken;
}

BENCH_INLINE const unsigned char *look_blocking(struct bench_run *run,
						size_t size)
{
	struct ends *ends = run->mine;
	iox_notification_info_t info;
	uint64_t missed;

	(void)size;
	while (iox_sub_take_chunk(ends->sub, &ends->taken) !=
	       ChunkReceiveResult_SUCCESS)
		iox_ws_wait(ends->ws, &info, 1, &missed);
	return ends->taken;
}

BENCH_INLINE void drop(struct bench_run *run, size_t size)
{
	struct ends *ends = run->mine;

	(void)size;
	iox_sub_release_chunk(ends->sub, ends->taken);
}

BENCH_INLINE void send_copy(struct bench_run *run, const void *data,
			    size_t size)
{
	memcpy(grab(run, size), data, size);
	give(run, size);
}

BENCH_INLINE void recv_busy(struct bench_run *run, void *data, size_t size)
{
	memcpy(data, look_busy(run, size), size);
	drop(run, size);
}

BENCH_INLINE void recv_blocking(struct bench_run *run, void *data, size_t size)
{
	memcpy(data, look_blocking(run, size), size);
	drop(run, size);
}

BENCH_TRIPS(busy, send_copy, recv_busy)
BENCH_FLOW(busy, send_copy, recv_busy)
BENCH_WORK(busy, grab, give, look_busy, drop)
BENCH_TRIPS(blocking, send_copy, recv_blocking)
BENCH_FLOW(blocking, send_copy, recv_blocking)

const struct bench_contestant bench_iceoryx = {
	.name = "iceoryx",
	.what = "iceoryx: publisher and subscriber, its daemon beside them",
	.peer = true,
	.by_size = true,
	.kinds = BENCH_IN_PROCESSES,
	.plays = {
		[BENCH_BUSY] = {{ BENCH_TRIPS_OF(busy), BENCH_FLOW_OF(busy),
				  BENCH_NO_PLAY, BENCH_WORK_OF(busy) }},
		[BENCH_BLOCKING] = {{ BENCH_TRIPS_OF(blocking),
				      BENCH_FLOW_OF(blocking) }},
	},
	.setup = setup,
	.join = join,
	.leave = free,
	.note = note,
};
