/* SPDX-License-Identifier: MIT */
/*
 * One ring, four ways to wait: spin, sleep in the call, a handle in epoll, an
 * entry of an io_uring; and a set; chosen for each wait. Two processes that were
 * executed go through all pairs of ways on one ring of each kind, for messages
 * and for room in a full ring; handles are made after the peer was connected.
 * What a wait says is tried at once with a call that cannot wait.
 *
 * It prints what a round trip costs; weir-waiting(7) quotes it:
 *     WEIR_TEST_SECONDS=10 chrt -f 50 tests/xproc/x_waits cost
 *
 * Seen to fail with: a wake of either way that is left out; an arm that does
 * not look at the ring; a side told to spin for ever that sleeps.
 */
#include "ways.h"

#include <time.h>

#define ROUNDS 60
#define ROUNDS_SPIN 12		/* where a side may have to be interrupted */
#define ROUNDS_MAX 100000
#define LEN 1000		/* four of them fill the ring */
#define CAPACITY 4096

/* One side of a link. */
struct side {
	struct x_link l;
	struct ways w;
	uint64_t sent, got;
};

static int64_t took[ROUNDS_MAX];

/* The call that cannot wait says the same as the wait. */
static void get(struct side *s, int way, size_t len)
{
	unsigned char data[LEN];

	X_IS(ways_rx(&s->w, way), 1);
	X_IS(weir_rx_try_read(s->l.rx, data, sizeof(data)), len);
	x_check(data, len, s->got++);
}

static void put(struct side *s, int way, size_t len)
{
	unsigned char data[LEN];

	x_fill(data, len, s->sent++);
	X_IS(ways_tx(&s->w, way, len), 1);
	X_IS(weir_tx_try_write(s->l.tx, data, len), 0);
}

/* ---- the peer ---- */

/*
 * Orders: a letter, a way, and a number; answered with 0.
 *	e	answers n messages
 *	w	writes n, which may have to wait for room
 *	r	reads n
 *	c	closes
 */
static void order(const struct x_peer *p, char what, int way, uint64_t n)
{
	x_order(p, (int64_t)(n << 16 | (uint64_t)way << 8 |
			     (unsigned char)what));
}

static void echo(struct side *s, int way)
{
	get(s, way, sizeof(uint64_t));
	put(s, way, sizeof(uint64_t));
}

static void role_side(int argc, char **argv)
{
	struct side s = { .sent = 0 };
	uint64_t n;

	X_IS(argc, 1);
	x_join(&s.l, argv[0]);
	s.w.rx = s.l.rx;
	s.w.tx = s.l.tx;
	for (;;) {
		uint64_t word = (uint64_t)x_listen();
		int way = (int)(word >> 8 & 255);

		x_step("order %c by %s", (char)word, way_name[way]);
		if ((word & 255) == 'c')
			break;
		for (n = word >> 16; n; n--)
			if ((word & 255) == 'e')
				echo(&s, way);
			else if ((word & 255) == 'w')
				put(&s, way, LEN);
			else
				get(&s, way, LEN);
		x_tell(0);
	}
	ways_close(&s.w);
	x_part(&s.l);
	x_tell(0);
}

/* ---- this side ---- */

static void meet(struct side *s, struct x_peer *p, int kind, int spin_us)
{
	memset(s, 0, sizeof(*s));
	x_offer(&s->l, kind, CAPACITY, spin_us);
	x_spawn(p, NULL, s->l.give, "side", s->l.spec, NULL);
	x_meet(&s->l);
	s->w.rx = s->l.rx;
	s->w.tx = s->l.tx;
}

static void part(struct side *s, struct x_peer *p)
{
	order(p, 'c', 0, 0);
	x_hear_this(p, 0);
	x_done(p);
	ways_close(&s->w);
	x_part(&s->l);
}

/* How often this half's side has said that it sleeps. */
static uint64_t parks(const struct weir_half *half)
{
	/* relaxed: nothing follows from it but the test's verdict */
	return weir_load_relaxed64(&half->counters[WEIR_COUNT_PARKS]);
}

static const struct weir_half *half_of(const struct weir_a32 *waiting)
{
	return (const struct weir_half *)(const void *)
		((const char *)waiting - offsetof(struct weir_half, waiting));
}

/* Who spins says so never, all others at least once. */
static void has_waited(int way, uint64_t sleeps)
{
	if ((way == SPIN) != !sleeps)
		X_FAIL("who waits by %s has slept %" PRIu64 " times",
		       way_name[way], sleeps);
}

static uint64_t rounds_of(int mine, int other)
{
	return mine == SPIN || other == SPIN ? ROUNDS_SPIN : ROUNDS;
}

/* Question and answer: one of the two always waits for a message. */
static void messages(struct side *s, struct x_peer *p, int mine, int other)
{
	const struct weir_half *peer = half_of(s->l.tx->peer_waiting);
	uint64_t i, n = rounds_of(mine, other), before = parks(peer);

	order(p, 'e', other, n);
	for (i = 0; i < n; i++) {
		/* once at least it has to be woken */
		if (!i && other != SPIN)
			ways_asleep(p->pid);
		put(s, mine, sizeof(uint64_t));
		get(s, mine, sizeof(uint64_t));
	}
	x_hear_this(p, 0);
	has_waited(other, parks(peer) - before);
}

/* The peer fills the ring and waits for room, which this side makes. */
static void room(struct side *s, struct x_peer *p, int mine, int other)
{
	const struct weir_half *peer = half_of(s->l.rx->peer_waiting);
	uint64_t i, n = rounds_of(mine, other), before = parks(peer);

	order(p, 'w', other, n);
	if (other != SPIN)
		ways_asleep(p->pid);
	for (i = 0; i < n; i++)
		get(s, mine, LEN);
	x_hear_this(p, 0);
	has_waited(other, parks(peer) - before);
}

#define ROOM 1
#define BY_URING 2
#define CASE(kind, what) ((kind) * 4 + (what))

/* All pairs with an io_uring, or all without. */
static void pairs(int arg)
{
	int what = arg % 4, kind = arg / 4, mine, other;
	struct side s;
	struct x_peer p;

	ways_need(what & BY_URING ? URING : CALL);
	meet(&s, &p, kind, -1);
	for (mine = 0; mine < WAYS; mine++)
		for (other = 0; other < WAYS; other++) {
			if ((mine == URING || other == URING) !=
			    !!(what & BY_URING))
				continue;
			x_step("%s, the peer %s", way_name[mine],
			       way_name[other]);
			if (what & ROOM)
				room(&s, &p, mine, other);
			else
				messages(&s, &p, mine, other);
		}
	part(&s, &p);
}

/* A side whose calls are told to spin for ever. */
static void spins(int kind)
{
	struct side s;
	struct x_peer p;
	int i;

	meet(&s, &p, kind, INT32_MAX);
	order(&p, 'e', CALL, ROUNDS_SPIN);
	for (i = 0; i < ROUNDS_SPIN; i++) {
		put(&s, CALL, sizeof(uint64_t));
		get(&s, CALL, sizeof(uint64_t));
	}
	x_hear_this(&p, 0);
	order(&p, 'r', CALL, ROUNDS_SPIN);
	for (i = 0; i < ROUNDS_SPIN; i++)
		put(&s, CALL, LEN);
	x_hear_this(&p, 0);
	X_IS(parks(s.l.rx->mine) + parks(s.l.tx->mine), 0);
	part(&s, &p);
}

/* ---- what they cost ---- */

static int later(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Processor time of this process, its library's threads included. */
static int64_t worked(void)
{
	struct timespec t;

	X_IS(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
	return (int64_t)t.tv_sec * X_SECOND + t.tv_nsec;
}

/* Before each message both are asleep, unless they spin, in the call. */
static void cost(int arg)
{
	int way = arg % WAYS, kind = arg / WAYS, call = way ? way : CALL;
	uint64_t i, n = (uint64_t)x_env("WEIR_TEST_SECONDS", 0) * 100 +
			rounds_of(way, way);
	int64_t cpu = 0;
	struct side s;
	struct x_peer p;

	ways_need(way);
	if (n > ROUNDS_MAX)
		n = ROUNDS_MAX;
	meet(&s, &p, kind, way == SPIN ? INT32_MAX : -1);
	order(&p, 'e', call, n);
	for (i = 0; i < n; i++) {
		if (way != SPIN)
			x_asleep(p.pid, p.pid);
		cpu -= worked();
		took[i] = weir_now();
		put(&s, call, sizeof(uint64_t));
		get(&s, call, sizeof(uint64_t));
		took[i] = weir_now() - took[i];
		cpu += worked();
	}
	x_hear_this(&p, 0);
	part(&s, &p);
	qsort(took, n, sizeof(took[0]), later);
	x_note("    %s, %s: round trip of %d: p50 %.1f us, p99 %.1f us, CPU of "
	       "this side %.1f us", x_kind[kind], way_name[way], (int)n,
	       (double)took[n / 2] / 1e3, (double)took[n * 99 / 100] / 1e3,
	       (double)cpu / (double)n / 1e3);
}

#define PAIRS(name, kind)                                                     \
	{ name " messages", pairs, CASE(kind, 0), 0 },                        \
	{ name " messages io_uring", pairs, CASE(kind, BY_URING), 0 },        \
	{ name " room", pairs, CASE(kind, ROOM), 0 },                         \
	{ name " room io_uring", pairs, CASE(kind, ROOM | BY_URING), 0 },     \
	{ name " spins", spins, kind, 0 }
#define COSTS(name, kind)                                                     \
	{ "cost " name " spin", cost, (kind) * WAYS + SPIN, 120 },            \
	{ "cost " name " call", cost, (kind) * WAYS + CALL, 120 },            \
	{ "cost " name " handle", cost, (kind) * WAYS + HANDLE, 120 },        \
	{ "cost " name " io_uring", cost, (kind) * WAYS + URING, 120 },       \
	{ "cost " name " set", cost, (kind) * WAYS + SET, 120 }

static const struct x_case cases[] = {
	PAIRS("plain", X_PLAIN),
	PAIRS("named", X_NAMED),
	PAIRS("stream", X_STREAM),
	PAIRS("listener", X_LISTENER),
	COSTS("plain", X_PLAIN),
	COSTS("stream", X_STREAM),
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ "side", role_side },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, roles);
}
