/* SPDX-License-Identifier: MIT */
/*
 * Two exec'd processes talk over each kind of ring: question and answer, one
 * way, both ways at once, a stream of bytes; then one of them closes and the
 * other gets -EPIPE. Every byte of every message is compared.
 */
#include "talk.h"

#include <pthread.h>

#define BATCH 8

struct sender {
	struct weir_tx *tx;
	uint64_t seed, count, max, next, state;
	unsigned char *room;	/* BATCH messages */
};

struct receiver {
	struct weir_rx *rx;
	uint64_t seed, count, max, next, state;
	unsigned char *room;
};

size_t talk_length(uint64_t seed, uint64_t i, uint64_t max)
{
	/* so many after one another are of a length: a batch has runs */
	uint64_t state = seed + i / 6 * UINT64_C(0x632be59bd9b4e019);
	uint64_t r = x_random(&state);
	uint64_t len;

	switch (r & 15) {
	case 0:
		len = 0;
		break;
	case 13:
	case 14:
		len = (r >> 4) % (max + 1);
		break;
	case 15:
		len = max;
		break;
	default:
		len = (r >> 4) % ((r & 15) < 9 ? 64 : 1024);
	}
	return (size_t)(len < max ? len : max);
}

static uint64_t number(uint64_t seed, uint64_t i)
{
	return seed * 31 + i;
}

static size_t length(const struct sender *s, uint64_t i)
{
	return talk_length(s->seed, i, s->max);
}

static void fill(const struct sender *s, void *at, uint64_t i)
{
	x_fill(at, length(s, i), number(s->seed, i));
}

/* ---- sending ---- */

static void send_write(struct sender *s)
{
	fill(s, s->room, s->next);
	X_IS(weir_tx_write(s->tx, s->room, length(s, s->next), WEIR_FOREVER),
	     0);
	s->next++;
}

static void send_try(struct sender *s)
{
	size_t len = length(s, s->next);
	int r;

	fill(s, s->room, s->next);
	r = weir_tx_try_write(s->tx, s->room, len);
	if (r == -EAGAIN) {
		X_IS(weir_tx_wait(s->tx, len, WEIR_FOREVER), 0);
		r = weir_tx_try_write(s->tx, s->room, len);
	}
	X_IS(r, 0);
	s->next++;
}

static void send_pieces(struct sender *s)
{
	size_t len = length(s, s->next);
	size_t one = len / 3, two = len / 2;
	struct weir_buf v[3];

	fill(s, s->room, s->next);
	memset(v, 0, sizeof(v));
	v[0].data = s->room;
	v[0].len = one;
	v[1].data = s->room + one;
	v[1].len = two - one;
	v[2].data = s->room + two;
	v[2].len = len - two;
	X_IS(weir_tx_writev(s->tx, v, 3, WEIR_FOREVER), 0);
	s->next++;
}

static void send_batch(struct sender *s)
{
	struct weir_buf v[BATCH];
	uint64_t n = 1 + x_random(&s->state) % BATCH;
	uint64_t i;
	int r;

	if (n > s->count - s->next)
		n = s->count - s->next;
	memset(v, 0, sizeof(v));
	for (i = 0; i < n; i++) {
		v[i].data = s->room + i * s->max;
		v[i].len = length(s, s->next + i);
		fill(s, v[i].data, s->next + i);
	}
	r = weir_tx_write_batch(s->tx, v, (size_t)n, WEIR_FOREVER);
	if (r < 1 || (uint64_t)r > n)
		X_FAIL("write_batch of %d: got %d", (int)n, r);
	s->next += (uint64_t)r;
}

/* Reserves up to n in place; what is too long at first is shrunk. */
static int send_reserved(struct sender *s, uint64_t n)
{
	uint64_t i;
	void *at;

	for (i = 0; i < n && s->next + i < s->count; i++) {
		size_t len = length(s, s->next + i);
		size_t more = len + (size_t)(x_random(&s->state) % 200);
		int r = weir_tx_reserve(s->tx, more < s->max ? more : len, &at);

		if (r == -EAGAIN)
			break;
		X_IS(r, 0);
		X_IS((uintptr_t)at % 8, 0);
		fill(s, at, s->next + i);
		X_IS(weir_tx_shrink(s->tx, len), 0);
	}
	return (int)i;
}

static void send_commit(struct sender *s)
{
	int n = send_reserved(s, 1 + x_random(&s->state) % BATCH);

	if (!n) {
		X_IS(weir_tx_commit(s->tx), -EINVAL);
		send_write(s);
		return;
	}
	X_IS(weir_tx_commit(s->tx), n);
	s->next += (uint64_t)n;
}

static void send_abort(struct sender *s)
{
	int n = send_reserved(s, 1 + x_random(&s->state) % 3);

	X_IS(weir_tx_abort(s->tx), n ? 0 : -EINVAL);
	send_write(s);
}

void talk_send(struct weir_tx *tx, uint64_t seed, uint64_t count)
{
	static void (*const ways[])(struct sender *) = {
		send_write, send_try, send_pieces, send_batch, send_commit,
		send_abort, send_try, send_try,
	};
	struct weir_ring_info info;
	struct sender s;

	X_IS(weir_tx_info(tx, &info), 0);
	s.tx = tx;
	s.seed = seed;
	s.count = count;
	s.next = 0;
	s.state = seed ^ (uint64_t)getpid();
	s.max = info.max_message < TALK_MAX ? info.max_message : TALK_MAX;
	s.room = malloc(BATCH * (size_t)s.max + 8);
	if (!s.room)
		X_FAIL("no memory");
	while (s.next < s.count)
		ways[x_random(&s.state) & 7](&s);
	free(s.room);
}

/* ---- receiving ---- */

static void check(struct receiver *r, const void *data, int64_t len)
{
	X_IS(len, talk_length(r->seed, r->next, r->max));
	x_check(data, (size_t)len, number(r->seed, r->next));
	r->next++;
}

static void get_read(struct receiver *r)
{
	ssize_t n = weir_rx_read(r->rx, r->room, (size_t)r->max, WEIR_FOREVER);

	check(r, r->room, n);
}

static void get_try(struct receiver *r)
{
	ssize_t n = weir_rx_try_read(r->rx, r->room, (size_t)r->max);

	if (n == -EAGAIN) {
		X_IS(weir_rx_wait(r->rx, WEIR_FOREVER), 0);
		n = weir_rx_try_read(r->rx, r->room, (size_t)r->max);
	}
	check(r, r->room, n);
}

static void get_batch(struct receiver *r)
{
	size_t n = 1 + (size_t)(x_random(&r->state) % BATCH);
	struct weir_buf v[BATCH];
	int i, got;

	memset(v, 0, sizeof(v));
	for (i = 0; i < (int)n; i++) {
		v[i].data = r->room + (size_t)i * (size_t)r->max;
		v[i].size = (size_t)r->max;
	}
	got = weir_rx_read_batch(r->rx, v, n, WEIR_FOREVER);
	if (got < 1 || got > (int)n)
		X_FAIL("read_batch of %d: got %d", (int)n, got);
	for (i = 0; i < got; i++)
		check(r, v[i].data, (int64_t)v[i].len);
}

/* Looks at up to n messages in place; check moves next on. */
static int get_peeks(struct receiver *r, int n)
{
	const void *data;
	size_t len;
	int i, e;

	X_IS(weir_rx_wait(r->rx, WEIR_FOREVER), 0);
	for (i = 0; i < n; i++) {
		e = weir_rx_peek(r->rx, &data, &len);
		if (i && (e == -EAGAIN || r->next == r->count))
			break;
		X_IS(e, 0);
		X_IS((uintptr_t)data % 8, 0);
		check(r, data, (int64_t)len);
	}
	return i;
}

static void get_release(struct receiver *r)
{
	int n = get_peeks(r, 1 + (int)(x_random(&r->state) % BATCH));

	X_IS(weir_rx_release(r->rx), n);
}

static void get_rewind(struct receiver *r)
{
	uint64_t was = r->next;

	get_peeks(r, 1 + (int)(x_random(&r->state) % 3));
	X_IS(weir_rx_rewind(r->rx), 0);
	r->next = was;
	get_read(r);
}

static void get_next_len(struct receiver *r)
{
	ssize_t len;

	X_IS(weir_rx_wait(r->rx, WEIR_FOREVER), 0);
	len = weir_rx_next_len(r->rx);
	X_IS(len, talk_length(r->seed, r->next, r->max));
	if (len > 0)
		X_IS(weir_rx_try_read(r->rx, r->room, (size_t)len - 1),
		     -EMSGSIZE);
	check(r, r->room, weir_rx_try_read(r->rx, r->room, (size_t)len));
}

void talk_receive(struct weir_rx *rx, uint64_t seed, uint64_t count)
{
	static void (*const ways[])(struct receiver *) = {
		get_read, get_try, get_batch, get_release, get_rewind,
		get_next_len, get_try, get_try,
	};
	struct weir_ring_info info;
	struct receiver r;

	X_IS(weir_rx_info(rx, &info), 0);
	r.rx = rx;
	r.seed = seed;
	r.count = count;
	r.next = 0;
	r.state = seed ^ (uint64_t)getpid();
	r.max = info.max_message < TALK_MAX ? info.max_message : TALK_MAX;
	r.room = malloc(BATCH * (size_t)r.max + 8);
	if (!r.room)
		X_FAIL("no memory");
	while (r.next < r.count)
		ways[x_random(&r.state) & 7](&r);
	free(r.room);
}

/* ---- cases ---- */

static uint64_t messages(uint64_t n)
{
	return X_SLOW ? n / 8 : n;
}

static void expect_end(struct x_link *l)
{
	char byte;

	x_step("reading the end");
	X_IS(weir_rx_read(l->rx, &byte, 1, WEIR_FOREVER), -EPIPE);
	X_IS(weir_rx_try_read(l->rx, &byte, 1), -EPIPE);
}

static void spawn_with(struct x_peer *peer, const struct x_link *l,
		       const char *role, uint64_t seed, uint64_t count)
{
	char a[32], b[32];

	snprintf(a, sizeof(a), "%" PRIu64, seed);
	snprintf(b, sizeof(b), "%" PRIu64, count);
	x_spawn(peer, NULL, l->give, role, l->spec, a, b, NULL);
}

static uint64_t arg(char **argv, int i)
{
	return strtoull(argv[i], NULL, 0);
}

/* Question i is answered by the same bytes turned round by one number. */
static void role_echo(int argc, char **argv)
{
	uint64_t i, count = arg(argv, 2);
	unsigned char *room = malloc(TALK_MAX);
	struct x_link l;

	(void)argc;
	x_join(&l, argv[0]);
	for (i = 0; room && i < count; i++) {
		ssize_t n = weir_rx_read(l.rx, room, TALK_MAX, WEIR_FOREVER);

		if (n < 0)
			X_IS(n, 0);
		x_check(room, (size_t)n, 2 * i);
		x_fill(room, (size_t)n, 2 * i + 1);
		X_IS(weir_tx_write(l.tx, room, (size_t)n, WEIR_FOREVER), 0);
	}
	free(room);
	x_part(&l);
}

static void test_echo(int kind)
{
	uint64_t i, count = messages(1200), seed = x_seed();
	unsigned char *room = malloc(TALK_MAX);
	struct weir_ring_info info;
	struct x_link l;
	struct x_peer peer;

	x_offer(&l, kind, 16384, 0);
	spawn_with(&peer, &l, "echo", seed, count);
	x_meet(&l);
	X_IS(weir_tx_info(l.tx, &info), 0);
	for (i = 0; room && i < count; i++) {
		size_t len = talk_length(seed, i, info.max_message);

		x_step("question %" PRIu64 " of %zu bytes", i, len);
		x_fill(room, len, 2 * i);
		X_IS(weir_tx_write(l.tx, room, len, WEIR_FOREVER), 0);
		X_IS(weir_rx_read(l.rx, room, TALK_MAX, WEIR_FOREVER), len);
		x_check(room, len, 2 * i + 1);
	}
	free(room);
	expect_end(&l);
	x_part(&l);
	x_done(&peer);
}

static void role_sink(int argc, char **argv)
{
	struct x_link l;

	(void)argc;
	x_join(&l, argv[0]);
	talk_receive(l.rx, arg(argv, 1), arg(argv, 2));
	expect_end(&l);
	x_part(&l);
}

static void test_down(int kind)
{
	uint64_t count = messages(6000), seed = x_seed();
	struct x_link l;
	struct x_peer peer;

	x_offer(&l, kind, 4096, 0);
	spawn_with(&peer, &l, "sink", seed, count);
	x_meet(&l);
	x_step("sending");
	talk_send(l.tx, seed, count);
	x_part(&l);
	x_done(&peer);
}

static void role_source(int argc, char **argv)
{
	struct x_link l;

	(void)argc;
	x_join(&l, argv[0]);
	talk_send(l.tx, arg(argv, 1), arg(argv, 2));
	x_part(&l);
}

static void test_up(int kind)
{
	uint64_t count = messages(6000), seed = x_seed();
	struct x_link l;
	struct x_peer peer;

	x_offer(&l, kind, 262144, 0);
	spawn_with(&peer, &l, "source", seed, count);
	x_meet(&l);
	x_step("receiving");
	talk_receive(l.rx, seed, count);
	expect_end(&l);
	x_part(&l);
	x_done(&peer);
}

struct half {
	struct weir_tx *tx;
	uint64_t seed, count;
};

static void *send_half(void *arg_)
{
	struct half *h = arg_;

	talk_send(h->tx, h->seed, h->count);
	return NULL;
}

/* Sends mine and receives theirs at once. */
static void duplex(struct x_link *l, uint64_t mine, uint64_t theirs,
		   uint64_t count)
{
	struct half h;
	pthread_t thread;

	h.tx = l->tx;
	h.seed = mine;
	h.count = count;
	X_IS(pthread_create(&thread, NULL, send_half, &h), 0);
	talk_receive(l->rx, theirs, count);
	X_IS(pthread_join(thread, NULL), 0);
}

static void role_duplex(int argc, char **argv)
{
	uint64_t seed = arg(argv, 1);
	struct x_link l;

	(void)argc;
	x_join(&l, argv[0]);
	duplex(&l, seed + 1, seed, arg(argv, 2));
	x_part(&l);
}

static void test_duplex(int kind)
{
	uint64_t count = messages(3000), seed = x_seed();
	struct x_link l;
	struct x_peer peer;

	x_offer(&l, kind, 8192, -1);
	spawn_with(&peer, &l, "duplex", seed, count);
	x_meet(&l);
	x_step("both ways at once");
	duplex(&l, seed, seed + 1, count);
	expect_end(&l);
	x_part(&l);
	x_done(&peer);
}

#define BYTES (1u << 20)

static void role_bytes(int argc, char **argv)
{
	unsigned char *room = malloc(BYTES);
	uint64_t state = arg(argv, 1);
	struct x_link l;
	size_t at = 0;

	(void)argc;
	x_join(&l, argv[0]);
	while (room && at < BYTES) {
		size_t n = (size_t)(x_random(&state) % 9000);

		if (n > BYTES - at)
			n = BYTES - at;
		X_IS(weir_stream_read_exact(l.stream, room + at, n,
					    WEIR_FOREVER), n);
		at += n;
	}
	x_check(room, BYTES, 77);
	X_IS(weir_stream_write(l.stream, "ok", 2, WEIR_FOREVER), 0);
	expect_end(&l);
	free(room);
	x_part(&l);
}

/* write_all and read_exact need not agree about lengths. */
static void test_bytes(int kind)
{
	unsigned char *room = malloc(BYTES);
	uint64_t seed = x_seed();
	uint64_t state = seed + 1;
	struct x_link l;
	struct x_peer peer;
	char ok[2];
	size_t at = 0;

	x_offer(&l, kind, 16384, 0);
	spawn_with(&peer, &l, "bytes", seed, 0);
	x_meet(&l);
	x_fill(room, BYTES, 77);
	while (room && at < BYTES) {
		size_t n = (size_t)(x_random(&state) % 30000);

		if (n > BYTES - at)
			n = BYTES - at;
		x_step("write_all of %zu bytes at %zu", n, at);
		X_IS(weir_stream_write_all(l.stream, room + at, n,
					   WEIR_FOREVER), 0);
		at += n;
	}
	X_IS(weir_stream_read(l.stream, ok, sizeof(ok), WEIR_FOREVER), 2);
	free(room);
	x_part(&l);
	x_done(&peer);
}

const struct x_case talk_cases[] = {
	{ "plain question and answer", test_echo, X_PLAIN, 0 },
	{ "named question and answer", test_echo, X_NAMED, 0 },
	{ "stream question and answer", test_echo, X_STREAM, 0 },
	{ "listener question and answer", test_echo, X_LISTENER, 0 },
	{ "plain down", test_down, X_PLAIN, 0 },
	{ "named down", test_down, X_NAMED, 0 },
	{ "stream down", test_down, X_STREAM, 0 },
	{ "plain up", test_up, X_PLAIN, 0 },
	{ "named up", test_up, X_NAMED, 0 },
	{ "stream up", test_up, X_STREAM, 0 },
	{ "plain both ways", test_duplex, X_PLAIN, 0 },
	{ "named both ways", test_duplex, X_NAMED, 0 },
	{ "stream both ways", test_duplex, X_STREAM, 0 },
	{ "listener both ways", test_duplex, X_LISTENER, 0 },
	{ "stream of bytes", test_bytes, X_STREAM, 0 },
	{ NULL, NULL, 0, 0 },
};

const struct x_role talk_roles[] = {
	{ "echo", role_echo },
	{ "sink", role_sink },
	{ "source", role_source },
	{ "duplex", role_duplex },
	{ "bytes", role_bytes },
	{ NULL, NULL },
};
