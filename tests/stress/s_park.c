/* SPDX-License-Identifier: MIT */
/*
 * No wake is ever lost: two processes put each other to sleep and rouse each
 * other, with random delays at every step so that the wake meets the way into
 * sleep at each of its points. There is no deadline in any wait that could hide
 * a loss. A lost wake shows as no progress for twenty seconds: then the state
 * words of both halves are printed, and the run fails.
 *
 *     s_park [CASE [PAIRS]]
 *
 * one, two, stream: the ring has room for one message, so in turn the reader
 * sleeps for want of a message and the writer for want of room; on one CPU, on
 * two, over a connection. Here every message rings.
 *
 * bounce, bounce stream: bursts of messages to and fro, the last of each a
 * random moment after the others, when the reader is about to sleep; both wait
 * for the answer, so no later message makes good for a lost wake. Here long
 * runs of messages find the reader awake, and the fence of each publication may
 * be left out (lib/park.c).
 *
 * Each runs until PAIRS sleeps were counted, by default for WEIR_TEST_SECONDS
 * (5) of plain rings on one CPU and on two, half or a quarter of that in each
 * other case. With WEIR_STRESS=full: ten million sleeps on one CPU, 500,000 in
 * each other case.
 * WEIR_TEST_SEED repeats a run.
 */
#include "../xproc/x.h"

#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define STUCK X_HANG
#define ENOUGH 100		/* sleeps: fewer show nothing */
#define MAX_DELAY 4000		/* rounds of an empty loop: microseconds, about
				   what it takes to fall asleep */
#define MESSAGE 2000		/* two do not fit into 4096 */
#define BURST 4000		/* messages; with room for all of them */
#define BURST_ROOM 65536
#define LAST UINT64_MAX		/* the burst that is none: end */

/* What each side says of itself, for the judge. */
struct side {
	uint64_t messages;
	uint64_t parks;
	uint64_t pad[14];
};

struct board {
	struct side side[2];	/* 0 writer, 1 reader */
	uint32_t stop;
};

static struct board *board;
static int wanted_cpus;
static uint64_t wanted_pairs;

static void delay(uint64_t *state)
{
	uint64_t n = x_random(state);

	/* half of them none at all */
	for (n = n & 1 ? 0 : (n >> 1) % MAX_DELAY; n; n--)
		__asm__ volatile ("" ::: "memory");
}

static void post(struct side *s, uint64_t messages, uint64_t parks)
{
	__atomic_store_n(&s->parks, parks, __ATOMIC_RELAXED);
	__atomic_store_n(&s->messages, messages, __ATOMIC_RELAXED);
}

static int stopped(void)
{
	return (int)__atomic_load_n(&board->stop, __ATOMIC_RELAXED);
}

static uint64_t slept(const struct weir_half *half)
{
	/* relaxed: a counter */
	return weir_load_relaxed64(&half->counters[WEIR_COUNT_PARKS]);
}

static void pin_to(int which)
{
	cpu_set_t all, one;
	size_t cpu;
	int n = 0;

	if (sched_getaffinity(0, sizeof(all), &all))
		return;
	if (CPU_COUNT(&all) < 2)
		which = 0;
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &all) && n++ == which)
			break;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

/* Arguments: spec, seed, side, descriptor of the board, CPU. */
static void role_side(int argc, char **argv)
{
	static unsigned char data[MESSAGE + 8];
	uint64_t state = strtoull(argv[1], NULL, 0);
	int writer = argv[2][0] == 'w';
	uint64_t n = 0;
	struct side *s;
	struct x_link l;
	ssize_t r;

	(void)argc;
	board = x_map(atoi(argv[3]), sizeof(*board));
	s = &board->side[!writer];
	pin_to(atoi(argv[4]));
	x_join(&l, argv[0]);
	x_tell(0);
	x_listen();
	for (;;) {
		delay(&state);
		if (writer) {
			if (stopped())
				break;
			memcpy(data, &n, sizeof(n));
			r = weir_tx_write(l.tx, data, MESSAGE, WEIR_FOREVER);
			X_IS(r, 0);
		} else {
			uint64_t got;

			r = weir_rx_read(l.rx, data, sizeof(data),
					 WEIR_FOREVER);
			if (r == -EPIPE)
				break;
			X_IS(r, MESSAGE);
			memcpy(&got, data, sizeof(got));
			X_IS(got, n);
		}
		n++;
		post(s, n, slept(writer ? l.tx->mine : l.rx->mine));
	}
	x_tell((int64_t)n);
	x_listen();
	x_part(&l);
}

/* A burst of one, of some or of many. */
static uint64_t burst(uint64_t *state)
{
	uint64_t r = x_random(state);

	if ((r & 3) == 0)
		return 1;
	return 1 + (r >> 2) % ((r & 3) == 1 ? 100 : BURST);
}

static void send_burst(struct weir_tx *tx, uint64_t n, uint64_t *state)
{
	uint64_t i;

	for (i = 0; i < n; i++) {
		if (i == n - 1)
			delay(state);
		X_IS(weir_tx_write(tx, i ? &i : &n, sizeof(n), WEIR_FOREVER),
		     0);
	}
}

/* How many came; LAST: no more will. */
static uint64_t take_burst(struct weir_rx *rx)
{
	uint64_t i, got, n;

	X_IS(weir_rx_read(rx, &n, sizeof(n), WEIR_FOREVER), sizeof(n));
	for (i = 1; n != LAST && i < n; i++) {
		X_IS(weir_rx_read(rx, &got, sizeof(got), WEIR_FOREVER),
		     sizeof(got));
		X_IS(got, i);
	}
	return n;
}

/* Arguments as those of "side"; w begins. */
static void role_bounce(int argc, char **argv)
{
	uint64_t state = strtoull(argv[1], NULL, 0);
	uint64_t n = 0, last = LAST;
	int first = argv[2][0] == 'w';
	struct x_link l;
	struct side *s;

	(void)argc;
	board = x_map(atoi(argv[3]), sizeof(*board));
	s = &board->side[!first];
	pin_to(atoi(argv[4]));
	x_join(&l, argv[0]);
	x_tell(0);
	x_listen();
	for (;;) {
		if (first && stopped()) {
			X_IS(weir_tx_write(l.tx, &last, sizeof(last),
					   WEIR_FOREVER), 0);
			break;
		}
		if (first)
			send_burst(l.tx, burst(&state), &state);
		if (take_burst(l.rx) == LAST)
			break;
		if (!first)
			send_burst(l.tx, burst(&state), &state);
		n++;
		post(s, n, slept(l.tx->mine) + slept(l.rx->mine));
	}
	x_tell((int64_t)n);
	x_listen();
	x_part(&l);
}

static uint64_t count(uint64_t *where)
{
	return __atomic_load_n(where, __ATOMIC_RELAXED);
}

static uint64_t parks(void)
{
	return count(&board->side[0].parks) + count(&board->side[1].parks);
}

static uint64_t messages(void)
{
	return count(&board->side[0].messages) +
	       count(&board->side[1].messages);
}

static void show_half(const char *name, const struct weir_half *h)
{
	x_note("    %s: position %" PRIu64 ", waiting %x, doorbell %x, need %"
	       PRIu64 ", state %u, claims %u, parks %" PRIu64 ", wakes %"
	       PRIu64, name,
	       weir_load_relaxed64(&h->position),
	       weir_load_relaxed32(&h->waiting),
	       weir_load_relaxed32(&h->doorbell),
	       weir_load_relaxed64(&h->need), weir_load_relaxed32(&h->state),
	       weir_load_relaxed32(&h->claims),
	       weir_load_relaxed64(&h->counters[WEIR_COUNT_PARKS]),
	       weir_load_relaxed64(&h->counters[WEIR_COUNT_WAKES]));
}

static void show_ring(const char *name, const struct weir_ring *ring)
{
	const unsigned char *base = mmap(NULL, WEIR_DATA_OFFSET, PROT_READ,
					 MAP_SHARED, weir_ring_handle(ring),
					 0);

	if (base == MAP_FAILED)
		return;
	x_note("    the ring %s:", name);
	show_half("producer", (const struct weir_half *)(const void *)
		  (base + WEIR_PRODUCER_OFFSET));
	show_half("consumer", (const struct weir_half *)(const void *)
		  (base + WEIR_CONSUMER_OFFSET));
	munmap((void *)(uintptr_t)base, WEIR_DATA_OFFSET);
}

/* The words of a connection are out of reach here. */
_Noreturn static void lost(const struct x_link *l)
{
	x_note("LOST WAKE: nothing happened for twenty seconds");
	x_note("    writer: %" PRIu64 " messages or bursts, reader: %" PRIu64,
	       count(&board->side[0].messages),
	       count(&board->side[1].messages));
	if (l->out) {
		show_ring("to the reader", l->out);
		show_ring("back", l->in);
	}
	X_FAIL("a wake was lost after %" PRIu64 " sleeps", parks());
}

static int is_over(int64_t end)
{
	if (wanted_pairs)
		return parks() >= wanted_pairs;
	/* a machine that is busy or emulated has not slept often by then */
	return weir_now() > end && (parks() >= ENOUGH ||
				    weir_now() - end > STUCK);
}

/* Looks on. Returns when there were enough sleeps, or the time is over. */
static void watch(const struct x_link *l, int64_t end)
{
	uint64_t last = 0;
	int64_t since = weir_now();

	for (;;) {
		uint64_t now = messages();

		poll(NULL, 0, 50);
		if (now != last) {
			last = now;
			since = weir_now();
		}
		if (is_over(end))
			return;
		if (weir_now() - since > STUCK)
			lost(l);
	}
}

/* The peer's count at its end; also the last wake may be lost. */
static int64_t last_word(const struct x_link *l, const struct x_peer *peer)
{
	struct pollfd p = { peer->ctl, POLLIN, 0 };

	if (poll(&p, 1, (int)(STUCK / 1000000)) < 1)
		lost(l);
	return x_hear(peer);
}

/* The reader joins the link as the peer, the writer on the other side. */
static void start(struct x_link *l, const char *role, struct x_peer *writer,
		  struct x_peer *reader)
{
	uint64_t seed = x_seed();
	char one[32], two[32], fd[16], spec[256];
	int memory;

	board = x_share(&memory, sizeof(*board));
	snprintf(one, sizeof(one), "%" PRIu64, seed);
	snprintf(two, sizeof(two), "%" PRIu64, seed + 1);
	snprintf(fd, sizeof(fd), "%d", memory);
	if (l->kind == X_STREAM)
		snprintf(spec, sizeof(spec), "stream %d %" PRIu64 " -1",
			 l->socket, l->capacity);
	else
		snprintf(spec, sizeof(spec), "plain %d %d", l->give[1],
			 l->give[0]);
	x_give(l, memory);
	x_spawn(reader, NULL, l->give, role, l->spec, one, "r", fd, "0", NULL);
	if (l->kind == X_STREAM) {
		close(l->give[0]);
		l->give[0] = l->socket;
	}
	x_spawn(writer, NULL, l->give, role, spec, two, "w", fd,
		wanted_cpus > 1 ? "1" : "0", NULL);
	if (l->kind == X_STREAM)
		close(l->socket);
	x_hear_this(reader, 0);
	x_hear_this(writer, 0);
}

static void park(int kind, const char *role, uint64_t capacity, int64_t share)
{
	int64_t begin;
	struct x_peer writer, reader;
	struct x_link l;

	x_offer(&l, kind, capacity, -1);
	start(&l, role, &writer, &reader);
	begin = weir_now();
	x_order(&reader, 0);
	x_order(&writer, 0);
	x_step("parking");
	watch(&l, begin +
	      x_env("WEIR_TEST_SECONDS", 5) * X_SECOND * share / 4);
	x_step("ending");
	__atomic_store_n(&board->stop, 1, __ATOMIC_RELAXED);
	last_word(&l, &writer);
	x_order(&writer, 0);
	last_word(&l, &reader);
	x_order(&reader, 0);
	x_done(&writer);
	x_done(&reader);
	x_note("    %" PRIu64 " and %" PRIu64 " messages or bursts, %" PRIu64
	       " and %" PRIu64 " sleeps, %" PRId64 " ms, %s",
	       count(&board->side[0].messages),
	       count(&board->side[1].messages), count(&board->side[0].parks),
	       count(&board->side[1].parks), (weir_now() - begin) / 1000000,
	       weir_backend());
	x_part(&l);
	if (parks() < ENOUGH)
		X_FAIL("hardly anybody slept");
}

static void full(uint64_t pairs)
{
	const char *stress = getenv("WEIR_STRESS");

	if (!wanted_pairs && stress && !strcmp(stress, "full"))
		wanted_pairs = pairs;
}

static void one_cpu(int kind)
{
	wanted_cpus = 1;
	full(10000000);
	park(kind, "side", 4096, 4);
}

static void need_two(void)
{
	cpu_set_t all;

	if (sched_getaffinity(0, sizeof(all), &all) || CPU_COUNT(&all) < 2)
		x_skip("needs two CPUs");
	wanted_cpus = 2;
	full(500000);
}

static void two_cpus(int kind)
{
	need_two();
	park(kind, "side", 4096, kind == X_STREAM ? 1 : 4);
}

static void bounce(int kind)
{
	need_two();
	park(kind, "bounce", BURST_ROOM, kind == X_STREAM ? 1 : 2);
}

static const struct x_case cases[] = {
	{ "one", one_cpu, X_PLAIN, 86400 },
	{ "two", two_cpus, X_PLAIN, 86400 },
	{ "stream", two_cpus, X_STREAM, 86400 },
	{ "bounce", bounce, X_PLAIN, 86400 },
	{ "bounce stream", bounce, X_STREAM, 86400 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ "side", role_side },
	{ "bounce", role_bounce },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	if (argc == 3) {	/* a role has more arguments */
		wanted_pairs = strtoull(argv[2], NULL, 0);
		argc = 2;
	}
	return x_main(argc, argv, cases, argc > 3 ? roles : NULL);
}
