/* SPDX-License-Identifier: MIT */
/*
 * Many ends in a set whose other ends are another program's, plain rings and
 * streams of a listener:
 *
 *     room          full ones, whose writers wait for room: too little of it
 *                   is told to nobody; of those that were read from the right
 *                   ones are told, once if they are filled again and, if not,
 *                   all of them in turn; the reader's death is told to each
 *     descriptors   a set that has what it sleeps on takes none for a further
 *                   member, reader, writer or listener, neither when it is
 *                   added nor when it is armed or told, and its close leaves
 *                   none
 *
 * x_sets has what is about readers of plain rings.
 *
 * Seen to fail with: a writer that is told of any room; one that is put first
 * in the queue again; one that is told another one's user; a reader that does
 * not ring; a descriptor for each member of a set, made by add, or by arming.
 */
#include "x.h"

#include <poll.h>

#include "../../lib/internal.h"
#include "../helpers/filter.h"

#define MANY 260		/* more than the first io_uring holds */
#define SOME 140		/* more than a sleep on words takes */
#define CAPACITY 4096
#define LEN 100			/* of a message that fills the ring */
#define NEED 1000		/* the room that is waited for: ten of them */
#define TOO_LITTLE 5
#define LISTENERS 20

/* how, beside the kind */
#define BARE 16			/* a kernel without io_uring */
#define BY_HANDLE 32		/* the set's */
#define READING 64		/* this side has the ends that read */

static struct weir_ring *ring[MANY];
static struct weir_stream *stream[MANY];
static struct weir_rx *rx[MANY];
static struct weir_tx *tx[MANY];
static struct weir_listener *listener[LISTENERS];
static struct weir_set *set;
static weir_handle handle;
static struct x_peer peer;
static int n;			/* of the ends */

/* Each claim may have a thread that watches the other one. */
static void claimed(int r)
{
	if (r == -ENOMEM)
		x_skip("as many threads as there are ends of plain rings");
	X_IS(r, 0);
}

static void name_of(char *name, size_t size, const char *prefix, int i)
{
	snprintf(name, size, "%s.%d", prefix, i);
}

static void claim(int i, int reading)
{
	if (reading)
		claimed(weir_ring_rx(ring[i], &rx[i]));
	else
		claimed(weir_ring_tx(ring[i], &tx[i]));
}

static void ends_of_stream(int i)
{
	rx[i] = weir_stream_rx(stream[i]);
	tx[i] = weir_stream_tx(stream[i]);
}

static void close_ends(void)
{
	int i;

	for (i = 0; i < n; i++) {
		weir_stream_close(stream[i]);
		weir_ring_close(ring[i]);
	}
}

/* ---- the other program -------------------------------------------------- */

static void connect_to(const char *name, int i)
{
	struct weir_stream_options o = { .size = sizeof(o),
					 .capacity = CAPACITY,
					 .flags = x_stream_flags() };

	X_IS(weir_stream_connect_with(&stream[i], name, &o,
				      weir_after(X_HANG)), 0);
	ends_of_stream(i);
	/* the order in which they are accepted is any */
	X_IS(weir_tx_write(tx[i], &i, sizeof(i), WEIR_NOWAIT), 0);
}

static void read_from(int i, int most)
{
	char data[LEN];
	ssize_t r = LEN;

	while (most-- && (r = weir_rx_try_read(rx[i], data, LEN)) >= 0)
		X_IS(r, LEN);
	X_TRUE(r == LEN || r == -EAGAIN);
}

/*
 * Orders: a letter, and a number.
 *	r i	reads all that end i has
 *	t i	reads too little from it
 *	w i	writes a message to it
 *	e	closes them all
 * Arguments: the kind, the prefix of the names, how many; 1: it reads.
 */
static void role_others(int argc, char **argv)
{
	int reading = atoi(argv[3]), i;
	char name[WEIR_NAME_MAX + 1];
	int64_t order;

	X_IS(argc, 4);
	n = atoi(argv[2]);
	for (i = 0; i < n; i++) {
		name_of(name, sizeof(name), argv[1], i);
		if (atoi(argv[0]) == X_LISTENER) {
			connect_to(argv[1], i);
			continue;
		}
		X_IS(weir_ring_open(&ring[i], name), 0);
		claim(i, reading);
	}
	x_tell(0);
	while ((order = x_listen()) != 'e') {
		i = (int)(order >> 8);
		if ((char)order == 'w')
			X_IS(weir_tx_write(tx[i], "x", 1, WEIR_NOWAIT), 0);
		else
			read_from(i, (char)order == 'r' ? -1 : TOO_LITTLE);
		x_tell(0);
	}
	close_ends();
}

/* Arguments: a listener's name. */
static void role_client(int argc, char **argv)
{
	X_IS(argc, 1);
	n = 1;
	connect_to(argv[0], 0);
	x_listen();
	close_ends();
}

static void others(char what, int i)
{
	x_order(&peer, (int64_t)i << 8 | what);
	x_hear_this(&peer, 0);
}

/* ---- this side ---------------------------------------------------------- */

static void make_rings(const char *prefix, int reading)
{
	char name[WEIR_NAME_MAX + 1];
	struct weir_ring_options o = { .size = sizeof(o),
				       .capacity = CAPACITY,
				       .name = name };
	int i;

	for (i = 0; i < n; i++) {
		name_of(name, sizeof(name), prefix, i);
		X_IS(weir_ring_create(&ring[i], &o), 0);
		claim(i, reading);
	}
}

static void unlink_rings(const char *prefix)
{
	char name[WEIR_NAME_MAX + 1];
	int i;

	for (i = 0; i < n; i++) {
		name_of(name, sizeof(name), prefix, i);
		X_IS(weir_ring_unlink(name), 0);
	}
}

static struct weir_listener *listen_at(const char *name)
{
	struct weir_listener_options o = { .size = sizeof(o),
					   .capacity = CAPACITY,
					   .flags = x_stream_flags() };
	struct weir_listener *l;

	X_IS(weir_listener_open(&l, name, &o), 0);
	return l;
}

static void let_in(struct weir_listener *l)
{
	int i, k;

	for (i = 0; i < n; i++) {
		struct weir_stream *s;

		X_IS(weir_listener_accept(l, &s, weir_after(X_HANG)), 0);
		X_IS(weir_stream_read(s, &k, sizeof(k), weir_after(X_HANG)),
		     sizeof(k));
		X_TRUE(k >= 0 && k < n && !stream[k]);
		stream[k] = s;
		ends_of_stream(k);
	}
	weir_listener_close(l);
}

/* All ends are there, both sides of them; none is in the set. */
static void begin(int how)
{
	int kind = how % BARE, dear = X_TSAN || getenv("WEIR_EMULATOR");
	char prefix[32], number[8], many[8];
	struct weir_listener *l = NULL;

	if (how & BARE && dear)
		x_skip("fewer threads");
	if (how & BARE && filter_install("io_uring_setup", EPERM))
		x_skip("seccomp filters");
	if (x_refused())
		x_skip("WEIR_WAIT=uring, without it");
	x_need_descriptors(8 * MANY);
	n = dear ? 24 : how & BARE ? SOME : MANY;
	snprintf(prefix, sizeof(prefix), "x.%d.many", (int)getpid());
	snprintf(number, sizeof(number), "%d", kind);
	snprintf(many, sizeof(many), "%d", n);
	if (kind == X_LISTENER)
		l = listen_at(prefix);
	else
		make_rings(prefix, how & READING);
	x_spawn(&peer, NULL, NULL, "others", number, prefix, many,
		how & READING ? "0" : "1", NULL);
	if (l)
		let_in(l);
	x_hear_this(&peer, 0);
	if (!l)
		unlink_rings(prefix);
}

/* Until nothing is to be told, and all is armed. */
static void run_dry(void)
{
	struct weir_event e;

	X_IS(weir_set_wait(set, &e, 1, weir_after(X_SECOND / 1000)),
	     -ETIMEDOUT);
}

/* At least one event, of at most so many; by the handle if there is one. */
static int await(struct weir_event *e, size_t most)
{
	struct pollfd fd = { .fd = handle, .events = POLLIN };
	int r;

	if (handle == WEIR_HANDLE_NONE) {
		r = weir_set_wait(set, e, most, weir_after(X_HANG));
		X_TRUE(r > 0);
		return r;
	}
	while ((r = weir_set_wait(set, e, most, WEIR_NOWAIT)) <= 0) {
		X_TRUE(!r || r == -EAGAIN);
		if (r)
			poll(&fd, 1, -1);
	}
	return r;
}

static int number_of(const struct weir_event *e)
{
	return (int)((struct weir_tx **)e->user - tx);
}

/* ---- room --------------------------------------------------------------- */

static void fill(int i)
{
	char data[LEN];
	int r;

	memset(data, 'x', LEN);
	while (!(r = weir_tx_wait(tx[i], NEED, WEIR_NOWAIT)))
		X_IS(weir_tx_try_write(tx[i], data, LEN), 0);
	X_IS(r, -EAGAIN);
}

/* Every third is told, once, and filled at once. */
static void thirds(void)
{
	static int times[MANY];
	struct weir_event e[7];
	int left = 0, i, k, r;

	for (i = 1; i < n; i += 3) {
		others('r', i);
		left++;
	}
	while (left) {
		r = await(e, 7);
		for (k = 0; k < r; k++) {
			i = number_of(&e[k]);
			X_IS(e[k].what, WEIR_EVENT_WRITE);
			X_IS(i % 3, 1);
			X_IS(times[i]++, 0);
			fill(i);
			left--;
		}
	}
	run_dry();
}

/* The other side reads on while this one is told. */
static void one(int i)
{
	struct weir_event e;

	x_order(&peer, (int64_t)i << 8 | 'r');
	X_IS(await(&e, 1), 1);
	X_IS(number_of(&e), i);
	X_IS(e.what, WEIR_EVENT_WRITE);
	x_hear_this(&peer, 0);
	fill(i);
	run_dry();
}

/* They have room and are not filled: once all are known to have it, each comes
   before any comes again. */
static void in_turn(void)
{
	static int times[MANY];
	struct weir_event e[7];
	int left = n, round, r, k;

	while (left)
		for (r = await(e, 7), k = 0; k < r; k++)
			left -= !times[number_of(&e[k])]++;
	for (round = 0; round < 3; round++) {
		memset(times, 0, sizeof(times));
		for (left = n; left; left -= r) {
			r = await(e, left < 7 ? (size_t)left : 7);
			for (k = 0; k < r; k++) {
				X_IS(e[k].what, WEIR_EVENT_WRITE);
				X_IS(times[number_of(&e[k])]++, 0);
			}
		}
	}
}

static void death(void)
{
	static int times[MANY];
	struct weir_event e;
	int i;

	x_signal(&peer, SIGKILL);
	for (i = 0; i < n; i++) {
		X_IS(await(&e, 1), 1);
		X_IS(e.what, WEIR_EVENT_DEAD);
		X_IS(e.error, -EOWNERDEAD);
		X_IS(times[number_of(&e)]++, 0);
		X_IS(weir_set_remove_tx(set, tx[number_of(&e)]), 0);
	}
	X_IS(x_reap(&peer), -SIGKILL);
}

static void room(int how)
{
	int i;

	begin(how);
	X_IS(weir_set_create(&set, NULL), 0);
	for (i = 0; i < n; i++) {
		fill(i);
		X_IS(weir_set_add_tx(set, tx[i], NEED, &tx[i]), 0);
	}
	handle = WEIR_HANDLE_NONE;
	if (how & BY_HANDLE)
		X_IS(weir_set_handle(set, &handle), 0);
	run_dry();
	x_step("too little room");
	for (i = 0; i < n; i++)
		others('t', i);
	run_dry();
	x_step("every third");
	thirds();
	x_step("one at a time");
	for (i = 0; i < n; i += 7)
		one(i);
	x_step("all of them");
	for (i = 0; i < n; i++)
		others('r', i);
	in_turn();
	x_step("death");
	for (i = 0; i < n; i++)
		fill(i);
	run_dry();
	death();
	weir_set_close(set);
	close_ends();
}

/* ---- descriptors -------------------------------------------------------- */

static void add(int i)
{
	if (rx[i])
		X_IS(weir_set_add_rx(set, rx[i], &tx[i]), 0);
	if (tx[i])
		X_IS(weir_set_add_tx(set, tx[i], NEED, &tx[i]), 0);
}

/* What it sleeps on it has by then. */
static int first_members(int how, int first)
{
	int i;

	X_IS(weir_set_create(&set, NULL), 0);
	if (how & BY_HANDLE)
		X_IS(weir_set_handle(set, &handle), 0);
	for (i = 0; i < first; i++)
		add(i);
	run_dry();
	return x_count_fds();
}

/* Readers, or writers, or both ends of streams. */
static void descriptors(int how)
{
	struct weir_event e;
	int before, fds, first, i;

	begin(how);
	first = n > SOME ? SOME : 20;
	for (i = 0; i < n; i++)
		if (tx[i])
			fill(i);
	before = x_count_fds();
	fds = first_members(how, first);
	for (i = first; i < n; i++)
		add(i);
	X_IS(x_count_fds(), fds);
	run_dry();
	X_IS(x_count_fds(), fds);
	for (i = 0; i < n; i += 7) {
		others(tx[i] ? 'r' : 'w', i);
		X_IS(weir_set_wait(set, &e, 1, weir_after(X_HANG)), 1);
		X_IS(number_of(&e), i);
		if (tx[i])
			fill(i);
		else
			X_IS(weir_rx_try_read(rx[i], &e, 1), 1);
		run_dry();
	}
	X_IS(x_count_fds(), fds);
	weir_set_close(set);
	X_IS(x_count_fds(), before);
	x_order(&peer, 'e');
	x_done(&peer);
	close_ends();
}

static void of_listeners(int how)
{
	struct weir_stream *s;
	struct weir_event e;
	char name[LISTENERS][48];
	int before, fds, i;

	(void)how;
	if (x_refused())
		x_skip("WEIR_WAIT=uring, without it");
	for (i = 0; i < LISTENERS; i++) {
		snprintf(name[i], sizeof(name[i]), "x.%d.%d", (int)getpid(), i);
		listener[i] = listen_at(name[i]);
	}
	before = x_count_fds();
	fds = first_members(BY_HANDLE, 0);
	for (i = 0; i < LISTENERS; i++)
		X_IS(weir_set_add_listener(set, listener[i], &listener[i]), 0);
	X_IS(x_count_fds(), fds);
	run_dry();
	X_IS(x_count_fds(), fds);
	x_spawn(&peer, NULL, NULL, "client", name[LISTENERS - 1], NULL);
	do {
		X_IS(weir_set_wait(set, &e, 1, weir_after(X_HANG)), 1);
		X_IS(e.what, WEIR_EVENT_ACCEPT);
		X_TRUE(e.user == &listener[LISTENERS - 1]);
	} while (weir_listener_accept(listener[LISTENERS - 1], &s,
				      WEIR_NOWAIT));
	weir_stream_close(s);
	run_dry();
	x_order(&peer, 0);
	x_done(&peer);
	weir_set_close(set);
	X_IS(x_count_fds(), before);
	for (i = 0; i < LISTENERS; i++)
		weir_listener_close(listener[i]);
}

static const struct x_case cases[] = {
	{ "room plain", room, X_NAMED, 60 },
	{ "room plain, bare", room, X_NAMED | BARE, 60 },
	{ "room plain, by handle", room, X_NAMED | BY_HANDLE, 60 },
	{ "room stream", room, X_LISTENER, 60 },
	{ "room stream, by handle", room, X_LISTENER | BY_HANDLE, 60 },
	{ "descriptors plain rx", descriptors, X_NAMED | READING, 60 },
	{ "descriptors plain tx", descriptors, X_NAMED, 60 },
	{ "descriptors stream", descriptors, X_LISTENER, 60 },
	{ "descriptors stream, by handle", descriptors,
	  X_LISTENER | BY_HANDLE, 60 },
	{ "descriptors listener", of_listeners, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ "client", role_client },
	{ "others", role_others },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, roles);
}
