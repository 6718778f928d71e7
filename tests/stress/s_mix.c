/* SPDX-License-Identifier: MIT */
/*
 * Any mix of calls and sizes between two processes, at any capacity: each
 * round takes a kind of ring, a capacity from one page up and a way to spin by
 * chance; both sides choose their calls by chance, and every byte is compared
 * (tests/xproc/talk.c). Now and then a side is stopped for a moment.
 *
 *     s_mix [plain|named|stream]
 *
 * Runs for WEIR_TEST_SECONDS (default 5, with WEIR_STRESS=full 120) in all;
 * WEIR_TEST_SEED repeats a run, WEIR_TEST_LARGE is the largest capacity, in
 * pages (default 1024, 4 MiB).
 */
#include "../xproc/talk.h"

#define ROUNDS_MAX 1000000

static uint64_t number(char **argv, int i)
{
	return strtoull(argv[i], NULL, 0);
}

/* Arguments: spec, seed, count. */
static void role_mixer(int argc, char **argv)
{
	struct x_link l;

	(void)argc;
	x_join(&l, argv[0]);
	talk_receive(l.rx, number(argv, 1), number(argv, 2));
	talk_send(l.tx, number(argv, 1) + 1, number(argv, 2) / 4 + 1);
	x_part(&l);
}

static void one_round(int kind, uint64_t *state)
{
	uint64_t pages = (uint64_t)x_env("WEIR_TEST_LARGE", 1024);
	uint64_t capacity = 4096, seed = x_random(state);
	uint64_t count = 200 + x_random(state) % 3000;
	static const int spins[] = { 0, -1, 50 };
	int spin = spins[x_random(state) % 3];
	char a[32], b[32], byte;
	struct x_peer peer;
	struct x_link l;

	while (capacity < 4096 * pages && x_random(state) % 3)
		capacity *= 2;
	if (X_SLOW)
		count /= 8;
	x_step("%s, capacity %" PRIu64 ", spin %d, %" PRIu64 " messages of %"
	       PRIu64, x_kind[kind], capacity, spin, count, seed);
	snprintf(a, sizeof(a), "%" PRIu64, seed);
	snprintf(b, sizeof(b), "%" PRIu64, count);
	x_offer(&l, kind, capacity, spin);
	x_spawn(&peer, NULL, l.give, "mixer", l.spec, a, b, NULL);
	x_meet(&l);
	talk_send(l.tx, seed, count);
	if (x_random(state) % 4 == 0) {
		x_signal(&peer, SIGSTOP);
		/* it may have sent all by now, and be done */
		x_stops(peer.pid);
		x_signal(&peer, SIGCONT);
	}
	talk_receive(l.rx, seed + 1, count / 4 + 1);
	X_IS(weir_rx_read(l.rx, &byte, 1, WEIR_FOREVER), -EPIPE);
	x_part(&l);
	x_done(&peer);
}

static void mix(int kind)
{
	const char *stress = getenv("WEIR_STRESS");
	int64_t usual = stress && !strcmp(stress, "full") ? 120 : 5;
	int64_t end = weir_after(x_env("WEIR_TEST_SECONDS", usual) * X_SECOND /
				 X_KINDS);
	uint64_t state = x_seed();
	int rounds;

	for (rounds = 0; rounds < ROUNDS_MAX && weir_now() < end; rounds++)
		one_round(kind, &state);
	x_note("    %d rounds, %s", rounds, weir_backend());
}

static const struct x_case cases[] = {
	{ "plain", mix, X_PLAIN, 86400 },
	{ "named", mix, X_NAMED, 86400 },
	{ "stream", mix, X_STREAM, 86400 },
	{ "listener", mix, X_LISTENER, 86400 },
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ "mixer", role_mixer },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, roles);
}
