/* SPDX-License-Identifier: MIT */
/*
 * No event of a set is ever lost: a thread waits for many ends whose peers are
 * other programs that send in bursts, while another thread takes ends out, puts
 * them back, wakes the set and kills peers. A lost event leaves an end armed
 * that has been rung, for ever: when the senders have stopped, what they sent
 * must have come, all of it, and of a killed one all that it had committed.
 *
 *     s_set                 chaos, then idle
 *     s_set measure N HOW   the cost of one wake: N streams in a set that
 *                           sleeps on words or gather
 *
 * chaos runs for WEIR_TEST_SECONDS (2), or a minute with WEIR_STRESS=full, half
 * of it on words, half on the gather. idle: a set of 600 ends, connections
 * among them, does not wake within a second (ten with WEIR_STRESS=full).
 * WEIR_TEST_SEED repeats a run.
 */
#include "../xproc/x.h"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define LINKS 8
#define STUCK (10 * X_SECOND)
#define CAPACITY 4096

struct sender {			/* shared, one for each life of a link */
	uint64_t begun, done;
	uint32_t stop;
	uint32_t pad[11];
};

static struct sender *board;	/* LINKS of them */
static int board_fd;

static uint64_t relaxed(const uint64_t *n)
{
	return __atomic_load_n(n, __ATOMIC_ACQUIRE);
}

/* the peer: sends its numbers in bursts until it is told to stop */

static void spin(uint64_t rounds)
{
	while (rounds--)
		__asm__ volatile("" ::: "memory");
}

static void pour(int argc, char **argv)
{
	struct x_link l;
	struct sender *me;
	uint64_t state, i, n = 0;

	(void)argc;
	x_join(&l, argv[0]);
	me = x_map(atoi(argv[1]), LINKS * sizeof(*me));
	me += atoi(argv[2]);
	state = strtoull(argv[3], NULL, 10);
	x_tell(0);
	while (!__atomic_load_n(&me->stop, __ATOMIC_RELAXED)) {
		for (i = x_random(&state) % 20; i; i--) {
			__atomic_store_n(&me->begun, n + 1, __ATOMIC_RELEASE);
			X_IS(weir_tx_write(l.tx, &n, sizeof(n), WEIR_FOREVER),
			     0);
			__atomic_store_n(&me->done, ++n, __ATOMIC_RELEASE);
		}
		if (x_random(&state) % 4)
			spin(x_random(&state) % 20000);
		else
			x_pause();
	}
	x_part(&l);
}

/* this side */

struct line {
	struct x_link link;
	struct x_peer peer;
	uint64_t got;
	int in;			/* the set has it; by lock */
	int ended;
	int killed;
};

static struct line lines[LINKS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct weir_set *set;
static int over;		/* by lock */
static uint64_t seed;

static void start(struct line *line)
{
	static uint64_t lives;
	int i = (int)(line - lines);
	char fd[16], at[16], s[24];

	memset(&board[i], 0, sizeof(board[i]));
	line->got = 0;
	line->ended = 0;
	line->killed = 0;
	x_offer(&line->link, i % X_KINDS, CAPACITY, -1);
	x_give(&line->link, board_fd);
	snprintf(fd, sizeof(fd), "%d", board_fd);
	snprintf(at, sizeof(at), "%d", i);
	snprintf(s, sizeof(s), "%" PRIu64, seed + ++lives);
	x_spawn(&line->peer, NULL, line->link.give, "pour", line->link.spec,
		fd, at, s, NULL);
	x_meet(&line->link);
	x_hear_this(&line->peer, 0);
	X_IS(weir_set_add_rx(set, line->link.rx, line), 0);
	line->in = 1;
}

/* Its end was seen: all that it had committed came, whole and in order. */
static void bury(struct line *line, int error)
{
	struct sender *s = &board[line - lines];

	X_IS(error, line->killed ? -EOWNERDEAD : -EPIPE);
	X_IS(x_reap(&line->peer), line->killed ? -SIGKILL : 0);
	X_TRUE(line->got >= relaxed(&s->done) &&
	       line->got <= relaxed(&s->begun));
	line->ended = 1;
	if (line->in)
		X_IS(weir_set_remove_rx(set, line->link.rx), 0);
	line->in = 0;
	x_part(&line->link);
	if (!over)
		start(line);
}

static void serve(const struct weir_event *e, uint64_t *state)
{
	struct line *line = e->user;
	uint64_t n, most = x_random(state) % 3 ? UINT64_MAX : 1;

	if (e->what & (WEIR_EVENT_END | WEIR_EVENT_DEAD)) {
		bury(line, e->error);
		return;
	}
	X_IS(e->what, WEIR_EVENT_READ);
	while (most-- && weir_rx_try_read(line->link.rx, &n, sizeof(n)) ==
				 (ssize_t)sizeof(n)) {
		X_IS(n, line->got);
		line->got++;
	}
}

static int all_ended(void)
{
	int i;

	for (i = 0; i < LINKS; i++)
		if (!lines[i].ended)
			return 0;
	return 1;
}

static void *chaos(void *arg)
{
	uint64_t state = seed ^ 77;
	int64_t end = *(const int64_t *)arg;
	int i;

	while (weir_now() < end) {
		struct line *line = &lines[x_random(&state) % LINKS];

		pthread_mutex_lock(&lock);
		switch (x_random(&state) % 16) {
		case 0:
			X_IS(weir_set_wake(set), 0);
			break;
		case 1:
			if (x_random(&state) % 8 || line->killed)
				break;
			line->killed = 1;
			x_signal(&line->peer, SIGKILL);
			break;
		default:
			X_IS(line->in ?
			     weir_set_remove_rx(set, line->link.rx) :
			     weir_set_add_rx(set, line->link.rx, line), 0);
			line->in = !line->in;
		}
		pthread_mutex_unlock(&lock);
		spin(x_random(&state) % 50000);
	}
	pthread_mutex_lock(&lock);
	over = 1;
	for (i = 0; i < LINKS; i++) {
		__atomic_store_n(&board[i].stop, 1, __ATOMIC_RELAXED);
		if (!lines[i].in && !lines[i].ended)
			X_IS(weir_set_add_rx(set, lines[i].link.rx,
					     &lines[i]), 0);
		lines[i].in = 1;
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

static void play(double seconds)
{
	int64_t end = weir_after((int64_t)(seconds * 1e9));
	uint64_t state = seed, events = 0;
	pthread_t thread;

	X_IS(pthread_create(&thread, NULL, chaos, &end), 0);
	while (!all_ended()) {
		struct weir_event e[5];
		int i, n;

		n = weir_set_wait(set, e, 1 + x_random(&state) % 5,
				  weir_after(STUCK));
		if (n < 0)
			for (i = 0; i < LINKS; i++)
				x_note("%d: %s got %" PRIu64 " of %" PRIu64,
				       i, x_kind[i % X_KINDS], lines[i].got,
				       board[i].done);
		X_TRUE(n >= 0);
		/* Chaos may have taken the end out since: not its use. */
		pthread_mutex_lock(&lock);
		for (i = 0; i < n; i++)
			serve(&e[i], &state);
		pthread_mutex_unlock(&lock);
		events += (uint64_t)n;
	}
	pthread_join(thread, NULL);
	x_note("%" PRIu64 " events", events);
}

static void run_chaos(int by_handles)
{
	double seconds = (double)x_env("WEIR_TEST_SECONDS", 2);
	const char *how = getenv("WEIR_STRESS");
	weir_handle handle;
	int i;

	if (how && !strcmp(how, "full"))
		seconds = 60;
	seed = x_seed();
	board = x_share(&board_fd, LINKS * sizeof(*board));
	X_IS(weir_set_create(&set, NULL), 0);
	if (by_handles)
		X_IS(weir_set_handle(set, &handle), 0);
	for (i = 0; i < LINKS; i++)
		start(&lines[i]);
	play(seconds / 2);
	weir_set_close(set);
}

/* 600 ends, and nobody has anything to say */

#define ENDS 600
#define PLAIN 50 /* each has a thread that watches the other end's claim */

static struct weir_stream *near[ENDS], *far[ENDS];
static struct weir_tx *tx[ENDS];
static struct weir_rx *rx[ENDS];
static int sockets[2];

static void *attach(void *arg)
{
	struct weir_stream_options o = { .size = sizeof(o),
					 .capacity = CAPACITY,
					 .flags = x_stream_flags() };

	X_IS(weir_stream_attach(arg, sockets[1], &o, weir_after(STUCK)), 0);
	return NULL;
}

static void connect_streams(int i)
{
	struct weir_stream_options o = { .size = sizeof(o),
					 .capacity = CAPACITY,
					 .flags = x_stream_flags() };
	pthread_t thread;

	X_IS(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	X_IS(pthread_create(&thread, NULL, attach, &far[i]), 0);
	X_IS(weir_stream_attach(&near[i], sockets[0], &o, weir_after(STUCK)),
	     0);
	pthread_join(thread, NULL);
	close(sockets[0]);
	close(sockets[1]);
	rx[i] = weir_stream_rx(near[i]);
	tx[i] = weir_stream_tx(far[i]);
}

static void make_ring(int i)
{
	struct weir_ring_options o = { .size = sizeof(o),
				       .capacity = CAPACITY };
	struct weir_ring *ring;

	X_IS(weir_ring_create(&ring, &o), 0);
	X_IS(weir_ring_tx(ring, &tx[i]), 0);
	X_IS(weir_ring_rx(ring, &rx[i]), 0);
}

static void many_descriptors(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < 8 * ENDS)
		x_skip("only %llu descriptors",
		       (unsigned long long)limit.rlim_max);
}

static void *wake_later(void *arg)
{
	(void)arg;
	x_listen();
	weir_set_wake(set);
	return NULL;
}

/* Waits, and says which end it was. */
static void sit(int argc, char **argv)
{
	struct weir_event e;
	pthread_t thread;
	int i;

	(void)argc;
	(void)argv;
	many_descriptors();
	X_IS(weir_set_create(&set, NULL), 0);
	for (i = 0; i < ENDS; i++) {
		if (i < PLAIN)
			make_ring(i);
		else
			connect_streams(i);
		X_IS(weir_set_add_rx(set, rx[i], &rx[i]), 0);
	}
	X_IS(pthread_create(&thread, NULL, wake_later, NULL), 0);
	x_tell(getpid());
	X_IS(weir_set_wait(set, &e, 1, WEIR_FOREVER), 0);
	pthread_join(thread, NULL);
	for (i = 0; i < ENDS; i += 7) {
		X_IS(weir_tx_write(tx[i], "x", 1, WEIR_NOWAIT), 0);
		X_IS(weir_set_wait(set, &e, 1, weir_after(STUCK)), 1);
		X_TRUE(e.user == &rx[i]);
		X_IS(weir_rx_read(rx[i], &e, 1, WEIR_NOWAIT), 1);
	}
	x_tell(0);
}

static void idle(int arg)
{
	const char *how = getenv("WEIR_STRESS");
	int64_t seconds = how && !strcmp(how, "full") ? 10 : 1;
	struct x_peer p;
	uint64_t before, after;
	int64_t end;
	int i;

	(void)arg;
	x_spawn(&p, NULL, NULL, "sit", NULL);
	x_hear(&p);
	x_asleep(p.pid, p.pid);
	for (i = 0; i < 200; i++)
		x_pause();
	before = x_switches(p.pid);
	for (end = weir_after(seconds * X_SECOND); weir_now() < end;)
		x_pause();
	after = x_switches(p.pid);
	if (after != before)
		X_FAIL("a set of %d idle ends woke %" PRIu64 " times", ENDS,
		       after - before);
	x_order(&p, 0);
	x_hear_this(&p, 0);
	x_done(&p);
}

/* how long from the write to the message, and what a wake costs */

static int members, rounds = 2000;
static int64_t sent_at;
static struct weir_tx *ack_tx;
static struct weir_rx *ack_rx;

static void pin(unsigned int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
}

static void *send_slowly(void *arg)
{
	uint64_t state = 1;
	int64_t until;
	char byte;
	int i;

	(void)arg;
	pin(1);
	for (i = 0; i < rounds; i++) {
		for (until = weir_now() + 60000; weir_now() < until;)
			; /* it falls asleep meanwhile */
		sent_at = weir_now();
		weir_tx_write(tx[x_random(&state) % (uint64_t)members], "x", 1,
			      WEIR_FOREVER);
		while (weir_rx_try_read(ack_rx, &byte, 1) < 0)
			;
	}
	return NULL;
}

static int by_size(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static double cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int measure(int n, const char *how)
{
	struct weir_ring_options o = { .size = sizeof(o),
				       .capacity = CAPACITY,
				       .flags = WEIR_RING_PRIVATE };
	extern unsigned int weir_set_words_max;
	int64_t *took = calloc((size_t)rounds, sizeof(*took));
	struct weir_ring *ack;
	weir_handle handle;
	pthread_t thread;
	char byte;
	double cpu;
	int i;

	if (!took || n < 1 || n > ENDS)
		return 99;
	members = n;
	weir_set_words_max = 127;
	pin(0);
	X_IS(weir_ring_create(&ack, &o), 0);
	X_IS(weir_ring_tx(ack, &ack_tx), 0);
	X_IS(weir_ring_rx(ack, &ack_rx), 0);
	X_IS(weir_set_create(&set, NULL), 0);
	for (i = 0; i < n; i++) {
		connect_streams(i);
		X_IS(weir_set_add_rx(set, rx[i], rx[i]), 0);
	}
	if (!strcmp(how, "gather"))
		X_IS(weir_set_handle(set, &handle), 0);
	X_IS(pthread_create(&thread, NULL, send_slowly, NULL), 0);
	cpu = cpu_us();
	for (i = 0; i < rounds; i++) {
		struct weir_event e;

		X_IS(weir_set_wait(set, &e, 1, weir_after(STUCK)), 1);
		took[i] = weir_now() - sent_at;
		X_IS(weir_rx_try_read(e.user, &byte, 1), 1);
		X_IS(weir_tx_write(ack_tx, "x", 1, WEIR_FOREVER), 0);
	}
	cpu = cpu_us() - cpu;
	pthread_join(thread, NULL);
	qsort(took, (size_t)rounds, sizeof(*took), by_size);
	printf("%4d %-6s median %.1f us, p90 %.1f us, CPU %.1f us\n", n, how,
	       (double)took[rounds / 2] / 1e3,
	       (double)took[rounds * 9 / 10] / 1e3, cpu / rounds);
	free(took);
	return 0;
}

static const struct x_case cases[] = {
	{ "words", run_chaos, 0, 120 },
	{ "gather", run_chaos, 1, 120 },
	{ "idle", idle, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ "pour", pour },
	{ "sit", sit },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "measure"))
		return measure(atoi(argv[2]), argv[3]);
	return x_main(argc, argv, cases, roles);
}
