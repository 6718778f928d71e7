/* SPDX-License-Identifier: MIT */
/*
 * A parked end wakes zero times a second while nothing happens: for two
 * seconds no thread of the process, the library's keeper and watchers
 * included, gives up the processor of its own accord, because none gets it.
 * Readers and writers, on every kind of ring, all measured in the same two
 * seconds. Also a process that holds ends and is in no call of the library.
 */
#include "hand.h"

#include <pthread.h>

#define IDLE (2 * X_SECOND)
#define READERS 0
#define WRITERS X_KINDS
#define HOLDERS (2 * X_KINDS)
#define PEERS (3 * X_KINDS)

static struct x_link links[PEERS];
static struct x_peer peers[PEERS];
static uint64_t before[PEERS];

static void start(int i, int kind)
{
	hand_link(&links[i], &peers[i], kind, 4096, 0);
}

static void readers(int kind)
{
	start(READERS + kind, kind);
	hand_order(&peers[READERS + kind], 'q', 0);
}

static void writers(int kind)
{
	start(WRITERS + kind, kind);
	hand_order(&peers[WRITERS + kind], 'k', 0);
}

static void holders(int kind)
{
	start(HOLDERS + kind, kind);
}

static const char *what(int i)
{
	return i < WRITERS ? "reader" : i < HOLDERS ? "writer" : "holder";
}

/* This process only lets time pass: it measures, it orders nothing. */
static void let_pass(void)
{
	int64_t end = weir_after(IDLE);

	while (weir_now() < end)
		x_pause();
}

static void measure(void)
{
	int i;

	for (i = 0; i < HOLDERS; i++) {
		x_step("%s %s falls asleep", x_kind[i % X_KINDS], what(i));
		x_asleep(peers[i].pid, peers[i].pid);
	}
	/* the library's threads, here and there, and the holders */
	x_quiet(peers, PEERS);
	for (i = 0; i < PEERS; i++)
		before[i] = x_switches(peers[i].pid);
	x_step("two seconds of nothing");
	let_pass();
	for (i = 0; i < PEERS; i++) {
		uint64_t woke = x_switches(peers[i].pid) - before[i];

		if (woke)
			X_FAIL("the idle %s %s woke %" PRIu64
			       " times in two seconds", x_kind[i % X_KINDS],
			       what(i), woke);
	}
}

/* They were asleep, not lost: each is roused now. */
static void rouse(int kind)
{
	struct x_peer *r = &peers[READERS + kind];
	struct x_peer *w = &peers[WRITERS + kind];
	struct x_peer *h = &peers[HOLDERS + kind];

	x_step("rousing %s", x_kind[kind]);
	hand_write(links[READERS + kind].tx, 0, 1);
	x_hear_this(r, (int64_t)hand_length(0));
	x_signal(r, SIGKILL);
	X_IS(x_reap(r), -SIGKILL);
	weir_rx_close(x_streams(kind) ? NULL : links[WRITERS + kind].rx);
	if (x_streams(kind))
		x_part(&links[WRITERS + kind]);
	x_hear_this(w, -EPIPE);
	x_signal(w, SIGKILL);
	X_IS(x_reap(w), -SIGKILL);
	hand_order(h, 'c', 0);
	x_hear_this(h, 0);
	x_done(h);
}

static void idle(int arg)
{
	int kind;

	(void)arg;
	for (kind = 0; kind < X_KINDS; kind++) {
		readers(kind);
		writers(kind);
		holders(kind);
	}
	measure();
	for (kind = 0; kind < X_KINDS; kind++)
		rouse(kind);
	for (kind = 0; kind < PEERS; kind++)
		if (links[kind].tx)
			x_part(&links[kind]);
}

static const struct x_case cases[] = {
	{ "idle", idle, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ "hand", hand_role },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, roles);
}
