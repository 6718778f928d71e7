/* SPDX-License-Identifier: MIT */
/*
 * No event of a set is ever lost: a thread waits for many ends whose peers are
 * other programs that send in bursts, while another thread takes ends out, puts
 * them back, wakes the set and kills peers. A lost event leaves an end armed
 * that has been rung, for ever: when the senders have stopped, what they sent
 * must have come, all of it, and of a killed one all that it had committed.
 *
 *     s_set                 chaos, then idle
 *     s_set measure N HOW KIND
 *                           the cost of one wake: N streams, or plain rings, in
 *                           a set that sleeps on words or gather
 *
 * chaos runs for WEIR_TEST_SECONDS (2), or a minute with WEIR_STRESS=full, half
 * of it on words, half on the gather. idle: processes with 600 ends in a set, a
 * listener's 600 connections, 600 plain rings, and those that hold the other
 * ends, do not wake, nor does a thread of the library in them: within a second,
 * or ten if the rest has more than two seconds. Sanitized or emulated there are
 * fewer.
 * WEIR_TEST_SEED repeats a run.
 */
#include "../xproc/x.h"

#include <pthread.h>
#include <sched.h>
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
/* Each has two threads that watch claims; of ThreadSanitizer's own one x_quiet
   tells each of them in 20 ms. */
#define PLAIN (X_TSAN ? 10 : 50)
#define ENDS_MAX 2000

static struct weir_stream *near[ENDS], *far[ENDS];
static struct weir_tx *tx[ENDS_MAX];
static struct weir_rx *rx[ENDS_MAX];
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
	x_need_descriptors(8 * ENDS);
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

/* as many of two processes: one waits for them all, one has the other ends */

static struct weir_ring *rings[ENDS];
static struct weir_listener *listener;

static struct weir_stream_options small(void)
{
	return (struct weir_stream_options){
		.size = sizeof(struct weir_stream_options),
		.capacity = CAPACITY, .flags = x_stream_flags(),
	};
}

static void let_in(const char *name, int n)
{
	struct weir_listener_options o = { .size = sizeof(o),
					   .capacity = CAPACITY,
					   .flags = x_stream_flags() };
	struct weir_event e;
	int i = 0;

	X_IS(weir_listener_open(&listener, name, &o), 0);
	X_IS(weir_set_add_listener(set, listener, NULL), 0);
	x_tell(0);
	while (i < n) {
		X_IS(weir_set_wait(set, &e, 1, weir_after(STUCK)), 1);
		while (i < n && !weir_listener_accept(listener, &near[i],
						      WEIR_NOWAIT)) {
			rx[i] = weir_stream_rx(near[i]);
			X_IS(weir_set_add_rx(set, rx[i], &rx[i]), 0);
			i++;
		}
	}
}

static void name_of(char *out, size_t size, const char *name, int i)
{
	snprintf(out, size, "%s.%d", name, i);
}

/* Each claim has a thread that watches the other one. */
static void claimed(int r)
{
	if (r == -ENOMEM)
		x_skip("as many threads as there are ends of plain rings");
	X_IS(r, 0);
}

static void make_named(const char *name, int n)
{
	struct weir_ring_options o = { .size = sizeof(o),
				       .capacity = CAPACITY };
	char own[64];
	int i;

	o.name = own;
	for (i = 0; i < n; i++) {
		name_of(own, sizeof(own), name, i);
		X_IS(weir_ring_create(&rings[i], &o), 0);
		claimed(weir_ring_rx(rings[i], &rx[i]));
		X_IS(weir_set_add_rx(set, rx[i], &rx[i]), 0);
	}
	x_tell(0);
}

/* The message is its writer's number. Streams come in the order in which their
   handshakes end, so there any stream may be any client's, but each is one. */
static void heard(int kind, int i, int word, int n)
{
	static int spoke[ENDS], told[ENDS];

	X_TRUE(word >= 0 && word < n && word % 7 == 0);
	if (kind != X_STREAM)
		X_IS(word, i);
	X_IS(spoke[i]++, 0);
	X_IS(told[word]++, 0);
}

static void serve_all(int kind, int n)
{
	int left = n, said = 0, i, word;
	struct weir_event e;

	while (left) {
		X_IS(weir_set_wait(set, &e, 1, WEIR_FOREVER), 1);
		i = (int)((struct weir_rx **)e.user - rx);
		if (e.what & WEIR_EVENT_READ) {
			X_IS(weir_rx_read(rx[i], &word, 4, WEIR_NOWAIT), 4);
			heard(kind, i, word, n);
			said++;
			continue;
		}
		X_IS(e.error, -EPIPE);
		X_IS(weir_set_remove_rx(set, rx[i]), 0);
		weir_stream_close(near[i]);
		weir_ring_close(rings[i]);
		left--;
	}
	X_IS(said, (n + 6) / 7);
	weir_set_close(set);
	weir_listener_close(listener);
}

/* Arguments of both: the kind, a name, how many. */
static void wait_for_all(int argc, char **argv)
{
	int kind = atoi(argv[0]), n = atoi(argv[2]);

	(void)argc;
	x_need_descriptors(8 * ENDS);
	X_IS(weir_set_create(&set, NULL), 0);
	if (kind == X_STREAM)
		let_in(argv[1], n);
	else
		make_named(argv[1], n);
	serve_all(kind, n);
}

static void take_end(int i, int kind, const char *name)
{
	struct weir_stream_options o = small();
	char own[64];

	if (kind == X_STREAM) {
		X_IS(weir_stream_connect_with(&far[i], name, &o,
					      weir_after(STUCK)), 0);
		tx[i] = weir_stream_tx(far[i]);
		return;
	}
	name_of(own, sizeof(own), name, i);
	X_IS(weir_ring_open(&rings[i], own), 0);
	claimed(weir_ring_tx(rings[i], &tx[i]));
	X_IS(weir_ring_unlink(own), 0);
}

static void hold_all(int argc, char **argv)
{
	int n = atoi(argv[2]), i;

	(void)argc;
	x_need_descriptors(8 * ENDS);
	for (i = 0; i < n; i++)
		take_end(i, atoi(argv[0]), argv[1]);
	x_tell(0);
	x_listen();
	for (i = 0; i < n; i += 7)
		X_IS(weir_tx_write(tx[i], &i, 4, WEIR_NOWAIT), 0);
	for (i = 0; i < n; i++) {
		weir_stream_close(far[i]);
		weir_ring_close(rings[i]);
	}
}

static void start_pair(struct x_peer p[2], int kind)
{
	int few = X_SLOW || getenv("WEIR_EMULATOR");
	char number[8], name[32], n[8];

	snprintf(number, sizeof(number), "%d", kind);
	snprintf(name, sizeof(name), "x.%d.idle", (int)getpid());
	snprintf(n, sizeof(n), "%d", few ? 5 : ENDS);
	x_spawn(&p[0], NULL, NULL, "wait for all", number, name, n, NULL);
	x_hear_this(&p[0], 0);
	x_spawn(&p[1], NULL, NULL, "hold all", number, name, n, NULL);
	x_hear_this(&p[1], 0);
	x_asleep(p[0].pid, p[0].pid);
}

static int64_t idle_seconds(void)
{
	const char *how = getenv("WEIR_STRESS");
	int full = how && !strcmp(how, "full");

	return full || x_env("WEIR_TEST_SECONDS", 1) > 2 ? 10 : 1;
}

static void idle(int arg)
{
	static const char *const what[] = {
		"a set of 600 ends", "a set of connections", "their clients",
		"a set of plain rings", "the other ends of plain rings",
	};
	struct x_peer p[5];
	uint64_t before[5];
	int64_t end;
	int i, failed = 0;

	(void)arg;
	x_spawn(&p[0], NULL, NULL, "sit", NULL);
	x_hear(&p[0]);
	x_asleep(p[0].pid, p[0].pid);
	start_pair(&p[1], X_STREAM);
	start_pair(&p[3], X_NAMED);
	x_quiet(p, 5);
	for (i = 0; i < 5; i++)
		before[i] = x_switches(p[i].pid);
	for (end = weir_after(idle_seconds() * X_SECOND); weir_now() < end;)
		x_pause();
	for (i = 0; i < 5; i++) {
		uint64_t woke = x_switches(p[i].pid) - before[i];

		if (woke)
			x_note("%s: idle, and woke %" PRIu64 " times", what[i],
			       woke);
		failed |= woke != 0;
	}
	X_TRUE(!failed);
	x_step("they were asleep, not lost");
	x_order(&p[0], 0);
	x_hear_this(&p[0], 0);
	x_order(&p[2], 0);
	x_order(&p[4], 0);
	for (i = 4; i >= 0; i--)
		x_done(&p[i]);
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

static double cpu_us(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double senders_us;

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
	senders_us = cpu_us(CLOCK_THREAD_CPUTIME_ID);
	return NULL;
}

static int by_size(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}


static int measure(int n, const char *how, int plain)
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

	if (!took || n < 1 || n > (plain ? ENDS_MAX : ENDS))
		return 99;
	members = n;
	weir_set_words_max = 127;
	pin(0);
	X_IS(weir_ring_create(&ack, &o), 0);
	X_IS(weir_ring_tx(ack, &ack_tx), 0);
	X_IS(weir_ring_rx(ack, &ack_rx), 0);
	X_IS(weir_set_create(&set, NULL), 0);
	for (i = 0; i < n; i++) {
		if (plain)
			make_ring(i);
		else
			connect_streams(i);
		X_IS(weir_set_add_rx(set, rx[i], rx[i]), 0);
	}
	if (!strcmp(how, "gather"))
		X_IS(weir_set_handle(set, &handle), 0);
	X_IS(pthread_create(&thread, NULL, send_slowly, NULL), 0);
	cpu = cpu_us(CLOCK_PROCESS_CPUTIME_ID);
	for (i = 0; i < rounds; i++) {
		struct weir_event e;

		X_IS(weir_set_wait(set, &e, 1, weir_after(STUCK)), 1);
		took[i] = weir_now() - sent_at;
		X_IS(weir_rx_try_read(e.user, &byte, 1), 1);
		X_IS(weir_tx_write(ack_tx, "x", 1, WEIR_FOREVER), 0);
	}
	pthread_join(thread, NULL);
	cpu = cpu_us(CLOCK_PROCESS_CPUTIME_ID) - cpu - senders_us;
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
	{ "idle", idle, 0, 60 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ "hold all", hold_all },
	{ "pour", pour },
	{ "sit", sit },
	{ "wait for all", wait_for_all },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "measure"))
		return measure(atoi(argv[2]), argv[3],
			       !strcmp(argv[4], "plain"));
	return x_main(argc, argv, cases, roles);
}
