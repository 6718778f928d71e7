/* SPDX-License-Identifier: MIT */
/*
 * hand.h says what this is.
 */
#include "hand.h"

#include <pthread.h>

#define BATCH 5

struct hand {
	struct x_link link;
	const char *spec;
	uint64_t next;		/* number of the next message */
	uint64_t state;		/* of chance */
	struct hand_progress *progress;
};

static struct hand_progress nobody_looks;

void hand_order(const struct x_peer *p, char what, uint64_t n)
{
	x_order(p, (int64_t)(n << 8 | (unsigned char)what));
}

void hand_do(const struct x_peer *p, char what, uint64_t n)
{
	hand_order(p, what, n);
	x_hear_this(p, 0);
}

size_t hand_length(uint64_t number)
{
	return 8 + (size_t)(number / HAND_EQUAL * 37 % (HAND_MAX - 8));
}

void hand_write(struct weir_tx *tx, uint64_t from, uint64_t n)
{
	unsigned char data[HAND_MAX];
	uint64_t i;

	for (i = from; i < from + n; i++) {
		x_fill(data, hand_length(i), i);
		X_IS(weir_tx_write(tx, data, hand_length(i), WEIR_FOREVER), 0);
	}
}

void hand_read(struct weir_rx *rx, uint64_t from, uint64_t n)
{
	unsigned char data[HAND_MAX];
	uint64_t i;

	for (i = from; i < from + n; i++) {
		X_IS(weir_rx_read(rx, data, sizeof(data), WEIR_FOREVER),
		     hand_length(i));
		x_check(data, hand_length(i), i);
	}
}

/* Messages of which many are equal, so that runs are among them. */
static int write_batch(struct weir_tx *tx, uint64_t from, uint64_t n,
		       int64_t deadline)
{
	unsigned char data[HAND_EQUAL][HAND_MAX];
	struct weir_buf v[HAND_EQUAL];
	uint64_t i;

	memset(v, 0, sizeof(v));
	for (i = 0; i < n; i++) {
		v[i].data = data[i];
		v[i].len = hand_length(from + i);
		x_fill(data[i], v[i].len, from + i);
	}
	return weir_tx_write_batch(tx, v, (size_t)n, deadline);
}

uint64_t hand_fill(struct weir_tx *tx, uint64_t from)
{
	unsigned char data[HAND_MAX];
	uint64_t i = from;
	int r;

	do {
		x_fill(data, hand_length(i), i);
		r = weir_tx_try_write(tx, data, hand_length(i));
	} while (!r && ++i);
	X_IS(r, -EAGAIN);
	return i - from;
}

uint64_t hand_fill_runs(struct weir_tx *tx, uint64_t from)
{
	uint64_t i = from;
	int r;

	while ((r = write_batch(tx, i, HAND_RUN, WEIR_NOWAIT)) > 0)
		i += (uint64_t)r;
	X_IS(r, -EAGAIN);
	return i - from;
}

uint64_t hand_drain(struct weir_rx *rx, uint64_t from, int *end)
{
	unsigned char data[HAND_MAX];
	uint64_t i = from;
	ssize_t r;

	while ((r = weir_rx_read(rx, data, sizeof(data), WEIR_FOREVER)) >= 0) {
		X_IS(r, hand_length(i));
		x_check(data, hand_length(i), i);
		i++;
	}
	*end = (int)r;
	return i - from;
}

uint64_t hand_pour(struct weir_tx *tx, uint64_t from, int *end)
{
	unsigned char data[HAND_MAX];
	uint64_t i = from;

	for (;; i++) {
		x_fill(data, hand_length(i), i);
		*end = weir_tx_write(tx, data, hand_length(i), WEIR_FOREVER);
		if (*end)
			return i - from;
	}
}

/* ---- the hand's own side ---- */

/* relaxed: the page is read when this process is dead */
static void starts(struct hand *h, uint64_t n)
{
	__atomic_store_n(&h->progress->started, h->next + n, __ATOMIC_RELAXED);
}

static void has_done(struct hand *h, uint64_t n)
{
	h->next += n;
	__atomic_store_n(&h->progress->done, h->next, __ATOMIC_RELAXED);
}

/* 0: the first does not fit */
static uint64_t reserve(struct hand *h, uint64_t n)
{
	uint64_t i;
	void *at;

	for (i = 0; i < n; i++) {
		size_t len = hand_length(h->next + i);
		int r = weir_tx_reserve(h->link.tx, len, &at);

		if (r == -EAGAIN)
			break;
		X_IS(r, 0);
		x_fill(at, len, h->next + i);
	}
	return i;
}

static void write_one(struct hand *h)
{
	starts(h, 1);
	hand_write(h->link.tx, h->next, 1);
	has_done(h, 1);
}

static void write_some(struct hand *h)
{
	uint64_t n, chance = x_random(&h->state) & 3;

	if (!chance) {
		write_one(h);
		return;
	}
	if (chance > 1) {
		n = 1 + x_random(&h->state) % HAND_EQUAL;
		starts(h, n);
		X_IS(write_batch(h->link.tx, h->next, n, WEIR_FOREVER), n);
		has_done(h, n);
		return;
	}
	n = reserve(h, 1 + x_random(&h->state) % BATCH);
	if (!n) {
		write_one(h);
		return;
	}
	starts(h, n);
	X_IS(weir_tx_commit(h->link.tx), n);
	has_done(h, n);
}

static uint64_t peek(struct hand *h, uint64_t n)
{
	const void *data;
	size_t len;
	uint64_t i;

	for (i = 0; i < n; i++) {
		int r = weir_rx_peek(h->link.rx, &data, &len);

		if (r == -EAGAIN)
			break;
		X_IS(r, 0);
		X_IS(len, hand_length(h->next + i));
		x_check(data, len, h->next + i);
	}
	return i;
}

static void read_one(struct hand *h)
{
	X_IS(weir_rx_wait(h->link.rx, WEIR_FOREVER), 0);
	starts(h, 1);
	hand_read(h->link.rx, h->next, 1);
	has_done(h, 1);
}

static void read_batch(struct hand *h)
{
	unsigned char data[HAND_EQUAL][HAND_MAX];
	struct weir_buf v[HAND_EQUAL];
	uint64_t i, n = 1 + x_random(&h->state) % HAND_EQUAL;
	int got;

	X_IS(weir_rx_wait(h->link.rx, WEIR_FOREVER), 0);
	for (i = 0; i < n; i++) {
		v[i].data = data[i];
		v[i].size = HAND_MAX;
	}
	starts(h, n);
	got = weir_rx_read_batch(h->link.rx, v, (size_t)n, WEIR_FOREVER);
	X_TRUE(got > 0 && got <= (int)n);
	for (i = 0; i < (uint64_t)got; i++) {
		X_IS(v[i].len, hand_length(h->next + i));
		x_check(data[i], v[i].len, h->next + i);
	}
	has_done(h, (uint64_t)got);
}

static void read_some(struct hand *h)
{
	uint64_t n, chance = x_random(&h->state) & 3;

	if (!chance) {
		read_one(h);
		return;
	}
	if (chance == 1) {
		read_batch(h);
		return;
	}
	n = peek(h, 1 + x_random(&h->state) % BATCH);
	if (!n) {
		read_one(h);
		return;
	}
	starts(h, n);
	X_IS(weir_rx_release(h->link.rx), n);
	has_done(h, n);
}

static int64_t find(struct hand *h, uint64_t last)
{
	unsigned char data[HAND_MAX];
	ssize_t n = weir_rx_read(h->link.rx, data, sizeof(data), WEIR_FOREVER);
	uint64_t i;

	if (n < 0)
		return n;
	for (i = h->next; i <= last; i++) {
		if ((ssize_t)hand_length(i) == n &&
		    x_same(data, (size_t)n, i)) {
			h->next = i + 1;
			return (int64_t)i;
		}
	}
	X_FAIL("a message of %zd bytes is none of [%" PRIu64 ", %" PRIu64 "]",
	       n, h->next, last);
}

static void *claims(void *arg)
{
	struct hand *h = arg;

	x_join(&h->link, h->spec);
	return NULL;
}

static void in_thread(struct hand *h)
{
	pthread_t thread;

	X_IS(pthread_create(&thread, NULL, claims, h), 0);
	X_IS(pthread_join(thread, NULL), 0);
}

static int64_t blocking_read(struct hand *h)
{
	unsigned char data[HAND_MAX];

	return weir_rx_read(h->link.rx, data, sizeof(data), WEIR_FOREVER);
}

static int64_t write_until(struct hand *h)
{
	int end;

	hand_pour(h->link.tx, h->next, &end);
	return end;
}

/* A child that holds what this process holds, and lives until it is killed. */
static int64_t fork_idler(void)
{
	pid_t pid = fork();

	if (!pid)
		for (;;)
			pause();
	return pid;
}

static int64_t obey(struct hand *h, char what, uint64_t n)
{
	switch (what) {
	case 'j':		/* the link was joined before this */
		return 0;
	case 'w':
		for (; n; n--)
			write_one(h);
		return 0;
	case 'W':
		for (;;)
			write_some(h);
	case 'v':
		X_IS(reserve(h, n), n);
		return 0;
	case 'p':
		X_IS(peek(h, n), n);
		return 0;
	case 'r':
		for (; n; n--)
			read_one(h);
		return 0;
	case 'R':
		for (;;)
			read_some(h);
	case 'q':
		return blocking_read(h);
	case 'k':
		return write_until(h);
	case 'f':
		return (int64_t)hand_fill(h->link.tx, h->next);
	case 'b':
		h->next = n;
		return 0;
	case 's':
		return find(h, n);
	case 'F':
		return fork_idler();
	case 't':
		in_thread(h);
		return 0;
	default:
		X_FAIL("no such order: %c", what);
	}
}

void hand_role(int argc, char **argv)
{
	struct hand h;

	(void)argc;
	memset(&h, 0, sizeof(h));
	h.spec = argv[0];
	h.state = (uint64_t)getpid();
	h.progress = &nobody_looks;
	if (atoi(argv[1]) >= 0)
		h.progress = x_map(atoi(argv[1]), sizeof(*h.progress));
	for (;;) {
		uint64_t order = (uint64_t)x_listen();
		char what = (char)(order & 0xff);

		x_step("order %c %" PRIu64, what, order >> 8);
		if (what == 'x')
			_exit(0);
		if (!h.link.tx && what != 't' && what != 'b')
			x_join(&h.link, h.spec);
		if (what == 'c')
			break;
		x_tell(obey(&h, what, order >> 8));
	}
	h.link.name[0][0] = 0;
	x_part(&h.link);
	x_tell(0);
}

void hand_spawn(struct x_peer *p, const struct x_link *l, int progress)
{
	char fd[16];

	snprintf(fd, sizeof(fd), "%d", progress);
	x_spawn(p, NULL, l->give, "hand", l->spec, fd, NULL);
}

void hand_link(struct x_link *l, struct x_peer *p, int kind, uint64_t capacity,
	       int spin_us)
{
	x_offer(l, kind, capacity, spin_us);
	hand_meet(l, p, -1);
}

void hand_meet(struct x_link *l, struct x_peer *p, int progress)
{
	hand_spawn(p, l, progress);
	hand_order(p, 'j', 0);
	x_meet(l);
	x_hear_this(p, 0);
}
