/* SPDX-License-Identifier: MIT */
/*
 * An end that is parked, in a call, behind a handle in epoll, by an entry of an
 * io_uring, in a set, on every kind of ring:
 *
 *     nothing wakes it that is not for it, neither time nor what happens to
 *     other ends, its own process's included: no thread gives up the processor
 *     of its own accord, because none gets it
 *     a burst of messages costs one wake; room for it costs one once it is
 *     enough, and none before
 *     the peer's death and its close reach it at once, after what the peer had
 *     committed
 *
 * The bursts come while the parked process is stopped, so that it cannot wake
 * and park anew in between. Wakes are those that the ring's own side counts;
 * x_syscalls counts the system calls.
 *
 * Seen to fail with: a ring for every message of a burst; one for room that is
 * too little; a death that is not passed on to handles and sets; a close that
 * does not ring; a keeper that looks every 100 ms.
 */
#include "ways.h"

#define CAPACITY 4096
#define BURST 50
#define SMALL 8			/* bytes of a message of a burst */
#define LEN 100			/* of one that fills the ring */
#define NEED 1000		/* the room that is waited for: ten of them */
#define TOO_LITTLE 5
#define IDLE (X_SECOND / 2)
#define FIRST CALL		/* who spins does not park */
#define PER_KIND (WAYS - FIRST)
#define CASE(kind, way) ((kind) * WAYS + (way))

static uint64_t counted(const struct weir_half *half, enum weir_counter which)
{
	/* relaxed: only the test's verdict follows from it */
	return weir_load_relaxed64(&half->counters[which]);
}

static uint64_t wakes(const struct weir_half *half)
{
	return counted(half, WEIR_COUNT_WAKES);
}

static void send_small(struct weir_tx *tx, uint64_t from, uint64_t n)
{
	unsigned char data[SMALL];
	uint64_t i;

	for (i = from; i < from + n; i++) {
		x_fill(data, sizeof(data), i);
		X_IS(weir_tx_try_write(tx, data, sizeof(data)), 0);
	}
}

static void take(struct weir_rx *rx, uint64_t from, uint64_t n, size_t len)
{
	unsigned char data[LEN];
	uint64_t i;

	for (i = from; i < from + n; i++) {
		X_IS(weir_rx_try_read(rx, data, sizeof(data)), len);
		x_check(data, len, i);
	}
}

/* Until there is no room for NEED; how many. */
static uint64_t fill(struct weir_tx *tx)
{
	unsigned char data[LEN];
	uint64_t n;

	for (n = 0; weir_tx_wait(tx, NEED, WEIR_NOWAIT) == 0; n++) {
		x_fill(data, sizeof(data), n);
		X_IS(weir_tx_try_write(tx, data, sizeof(data)), 0);
	}
	return n;
}

/* ---- the peer ---- */

/* Parked for messages: reads n, and says what comes after them. */
static void park_for_messages(struct ways *w, int way, uint64_t n)
{
	uint64_t i;

	for (i = 0; i < n; i++) {
		X_IS(ways_rx(w, way), 1);
		take(w->rx, i, 1, SMALL);
	}
	x_tell(0);
}

static void park_for_room(struct ways *w, int way)
{
	x_tell((int64_t)fill(w->tx));
	X_IS(ways_tx(w, way, NEED), 1);
	x_tell(0);
}

/* The peer of a parked process, its parent: acts when that sleeps. */
static void leave(struct ways *w, char how)
{
	x_tell(0);
	ways_asleep(getppid());
	if (how == 'M')
		send_small(w->tx, 0, BURST);
	if (how == 'c')
		return;
	x_tell(weir_now());
	raise(SIGKILL);
}

/*
 * Orders: a letter, and a number.
 *	s n	sends n messages; answers 0
 *	m n	parks for messages, n times; answers 0
 *	w	fills the ring, answers how many, and parks for room; answers 0
 *	c	once its parent sleeps, closes; lives until the next order
 *	K	once its parent sleeps, says what time it is and is killed;
 *		M: after a burst
 * Arguments: the link, the way.
 */
static void role_side(int argc, char **argv)
{
	int way = atoi(argv[1]);
	struct ways w = { .rx = NULL };
	struct x_link l;

	X_IS(argc, 2);
	x_join(&l, argv[0]);
	w.rx = l.rx;
	w.tx = l.tx;
	for (;;) {
		uint64_t order = (uint64_t)x_listen();

		x_step("order %c", (char)order);
		if ((char)order == 's') {
			send_small(l.tx, 0, order >> 8);
			x_tell(0);
		} else if ((char)order == 'm') {
			park_for_messages(&w, way, order >> 8);
		} else if ((char)order == 'w') {
			park_for_room(&w, way);
		} else {
			leave(&w, (char)order);
			break;
		}
	}
	ways_close(&w);
	x_part(&l);
	/* lives on: the close itself has to reach the other side */
	x_listen();
}

static void order(const struct x_peer *p, char what, uint64_t n)
{
	x_order(p, (int64_t)(n << 8 | (unsigned char)what));
}

static void meet(struct x_link *l, struct x_peer *p, int kind, int way)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", way);
	x_offer(l, kind, CAPACITY, -1);
	x_spawn(p, NULL, l->give, "side", l->spec, text, NULL);
	x_meet(l);
}

static void kill_it(struct x_link *l, struct x_peer *p)
{
	x_signal(p, SIGKILL);
	X_IS(x_reap(p), -SIGKILL);
	x_part(l);
}

static void stop_parked(const struct x_peer *p)
{
	ways_asleep(p->pid);
	x_signal(p, SIGSTOP);
	x_stopped(p->pid);
}

/* ---- one wake ---- */

static void burst(int kind, int way)
{
	struct x_link l;
	struct x_peer p;
	uint64_t before;

	x_step("a burst");
	meet(&l, &p, kind, way);
	order(&p, 'm', BURST);
	stop_parked(&p);
	before = wakes(l.tx->mine);
	send_small(l.tx, 0, BURST);
	X_IS(wakes(l.tx->mine) - before, 1);
	x_signal(&p, SIGCONT);
	x_hear_this(&p, 0);
	kill_it(&l, &p);
}

static void room(int kind, int way)
{
	struct x_link l;
	struct x_peer p;
	uint64_t before, n;

	x_step("room");
	meet(&l, &p, kind, way);
	order(&p, 'w', 0);
	n = (uint64_t)x_hear(&p);
	stop_parked(&p);
	before = wakes(l.rx->mine);
	take(l.rx, 0, TOO_LITTLE, LEN);
	X_IS(wakes(l.rx->mine) - before, 0);
	take(l.rx, TOO_LITTLE, n - TOO_LITTLE, LEN);
	X_IS(wakes(l.rx->mine) - before, 1);
	x_signal(&p, SIGCONT);
	x_hear_this(&p, 0);
	kill_it(&l, &p);
}

static void one_wake(int arg)
{
	int kind = arg / WAYS, way = arg % WAYS;

	ways_need(way);
	burst(kind, way);
	room(kind, way);
}

/* ---- the end of the peer ---- */

/* Information only: a busy machine may take any time. */
static void say_when(const char *who, int kind, int way, int64_t ns)
{
	x_note("    %s of %s, %s: told %" PRId64 " us behind the kill", who,
	       x_kind[kind], way_name[way], ns / 1000);
}

/* This side is parked in its way; the peer looks when that is so. */
static void ending(int kind, int way, char how, int writer)
{
	int error = how == 'c' ? -EPIPE : -EOWNERDEAD, i, r;
	int64_t now;
	struct ways w = { .rx = NULL };
	struct x_link l;
	struct x_peer p;

	x_step("%s, %c", writer ? "room" : "messages", how);
	meet(&l, &p, kind, way);
	w.rx = l.rx;
	w.tx = l.tx;
	if (writer)
		fill(l.tx);
	order(&p, how, 0);
	x_hear_this(&p, 0);
	for (i = 0; how == 'M' && i < BURST; i++) {
		X_IS(ways_rx(&w, way), 1);
		take(l.rx, (uint64_t)i, 1, SMALL);
	}
	r = writer ? ways_tx(&w, way, NEED) : ways_rx(&w, way);
	now = weir_now();
	X_IS(r, error);
	if (how == 'c')
		order(&p, 'e', 0);
	else
		say_when(writer ? "writer" : how == 'M' ?
			 "reader behind a burst" : "reader", kind, way,
			 now - x_hear(&p));
	X_IS(x_reap(&p), how == 'c' ? 0 : -SIGKILL);
	ways_close(&w);
	x_part(&l);
}

static void endings(int arg)
{
	int kind = arg / WAYS, way = arg % WAYS;

	ways_need(way);
	ending(kind, way, 'K', 0);
	ending(kind, way, 'M', 0);
	ending(kind, way, 'c', 0);
	ending(kind, way, 'K', 1);
	ending(kind, way, 'c', 1);
}

/* ---- no wake ---- */

struct parked {
	struct x_link l;
	struct x_peer p;
	int way, writer;
	uint64_t switches;
};

static struct parked parked[X_KINDS * PER_KIND * 2];
static struct x_peer peers[X_KINDS * PER_KIND * 2];
static int parks;

static void park(int kind, int way, int writer)
{
	struct parked *k = &parked[parks];

	k->way = way;
	k->writer = writer;
	meet(&k->l, &k->p, kind, way);
	if (writer) {
		order(&k->p, 'w', 0);
		X_TRUE(x_hear(&k->p) > TOO_LITTLE);
	} else {
		/* left to be read while its sender is parked for others */
		order(&k->p, 's', BURST);
		x_hear_this(&k->p, 0);
		order(&k->p, 'm', 1);
	}
	x_asleep(k->p.pid, k->p.pid);
	peers[parks++] = k->p;
}

/* What is not for it: the other direction, too little room, a new process and
   its end, links made and closed. */
static void disturb(struct parked *k)
{
	uint64_t rx = wakes(k->l.rx->mine), tx = wakes(k->l.tx->mine);

	if (k->writer) {
		take(k->l.rx, 0, TOO_LITTLE, LEN);
		send_small(k->l.tx, 0, BURST);
	} else {
		take(k->l.rx, 0, BURST, SMALL);
	}
	X_IS(wakes(k->l.rx->mine) - rx, 0);
	X_IS(wakes(k->l.tx->mine) - tx, 0);
}

static void others(void)
{
	struct x_link l;
	struct x_peer p;
	int kind;

	for (kind = 0; kind < X_KINDS; kind++) {
		meet(&l, &p, kind, CALL);
		order(&p, 'm', BURST);
		send_small(l.tx, 0, BURST);
		x_hear_this(&p, 0);
		kill_it(&l, &p);
	}
}

static void nothing(void)
{
	int64_t end = weir_after(IDLE);

	while (weir_now() < end)
		x_pause();
}

static void rouse(struct parked *k)
{
	if (k->writer)
		while (weir_rx_try_read(k->l.rx, &(char[LEN]){ 0 }, LEN) >= 0)
			;
	else
		send_small(k->l.tx, 0, 1);
	x_hear_this(&k->p, 0);
	kill_it(&k->l, &k->p);
}

/* Without an io_uring the other ways. */
static void idle(int by_uring)
{
	int i, kind, way;

	ways_need(by_uring ? URING : CALL);
	for (kind = 0; kind < X_KINDS; kind++)
		for (way = FIRST; way < WAYS; way++)
			if ((way == URING) == by_uring) {
				park(kind, way, 0);
				park(kind, way, 1);
			}
	x_step("all are parked");
	x_quiet(peers, parks);
	for (i = 0; i < parks; i++)
		parked[i].switches = x_switches(parked[i].p.pid);
	for (i = 0; i < parks; i++)
		disturb(&parked[i]);
	others();
	nothing();
	for (i = 0; i < parks; i++) {
		struct parked *k = &parked[i];
		uint64_t woke = x_switches(k->p.pid) - k->switches;

		if (woke)
			X_FAIL("%s %s parked by %s woke %" PRIu64 " times",
			       x_kind[k->l.kind], k->writer ? "writer" :
			       "reader", way_name[k->way], woke);
	}
	for (i = 0; i < parks; i++)
		rouse(&parked[i]);
}

#define WAYS_OF(name, run, kind)                                              \
	{ name " call", run, CASE(kind, CALL), 0 },                           \
	{ name " handle", run, CASE(kind, HANDLE), 0 },                       \
	{ name " io_uring", run, CASE(kind, URING), 0 },                      \
	{ name " set", run, CASE(kind, SET), 0 }
#define KINDS_OF(what, run)                                                   \
	WAYS_OF(what " plain", run, X_PLAIN),                                 \
	WAYS_OF(what " named", run, X_NAMED),                                 \
	WAYS_OF(what " stream", run, X_STREAM),                               \
	WAYS_OF(what " listener", run, X_LISTENER)

static const struct x_case cases[] = {
	{ "idle", idle, 0, 0 },
	{ "idle io_uring", idle, 1, 0 },
	KINDS_OF("one wake", one_wake),
	KINDS_OF("end", endings),
	{ NULL, NULL, 0, 0 },
};

/* Where each process takes long to begin. */
static const struct x_case few[] = {
	{ "one wake plain call", one_wake, CASE(X_PLAIN, CALL), 0 },
	{ "one wake stream handle", one_wake, CASE(X_STREAM, HANDLE), 0 },
	{ "one wake named io_uring", one_wake, CASE(X_NAMED, URING), 0 },
	{ "end named set", endings, CASE(X_NAMED, SET), 0 },
	{ "end listener handle", endings, CASE(X_LISTENER, HANDLE), 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ "side", role_side },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	int slow = X_TSAN || getenv("WEIR_EMULATOR");

	return x_main(argc, argv, slow ? few : cases, roles);
}
