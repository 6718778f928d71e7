/* SPDX-License-Identifier: MIT */
/*
 * One ring, four ways to wait: spin, sleep in the call, a handle in epoll, an
 * entry of an io_uring, each side in any of them, between two processes that
 * were executed, on every kind of ring.
 *
 * It prints what a round trip costs; weir-waiting(7) quotes it:
 *     WEIR_TEST_SECONDS=20 taskset -c 0,1 tests/xproc/x_waits cost
 */
#include "talk.h"

#include <sys/epoll.h>

#ifdef HAVE_LIBURING
#include <liburing.h>
#include <weir/uring.h>
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)
#endif
#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1U << 12)
#endif
static struct io_uring loop;
#endif

enum { SPIN, CALL, HANDLE, URING, WAYS };
static const char *const ways[WAYS] = { "spin", "call", "handle", "io_uring" };
#define CASE(kind, mine, other) ((kind) * WAYS * WAYS + (mine) * WAYS + (other))
#define COST 1000
#define ROUNDS 200
#define ROUNDS_MAX 100000

static int poller;
static int64_t took[ROUNDS_MAX];

/* 0: not to be had here. */
static int open_way(int way, struct weir_rx *rx)
{
	struct epoll_event event = { .events = EPOLLIN };
	weir_handle handle;

	if (way == HANDLE) {
		X_IS(weir_rx_handle(rx, &handle), 0);
		poller = epoll_create1(EPOLL_CLOEXEC);
		X_IS(epoll_ctl(poller, EPOLL_CTL_ADD, handle, &event), 0);
	}
	if (way != URING)
		return 1;
#ifdef HAVE_LIBURING
	return !io_uring_queue_init(8, &loop, IORING_SETUP_SINGLE_ISSUER |
						      IORING_SETUP_DEFER_TASKRUN);
#else
	return 0;
#endif
}

static void wait_handle(struct weir_rx *rx)
{
	struct epoll_event event;
	int r;

	while ((r = weir_rx_arm(rx)) == 0)
		epoll_wait(poller, &event, 1, -1);
	X_IS(r, 1);
}

static void wait_uring(struct weir_rx *rx)
{
#ifdef HAVE_LIBURING
	struct io_uring_cqe *cqe;
	int r;

	do {
		r = weir_uring_prep_rx_wait(io_uring_get_sqe(&loop), rx);
		io_uring_submit_and_wait(&loop, 1);
		X_IS(io_uring_wait_cqe(&loop, &cqe), 0);
		if (!r)
			r = weir_uring_rx_done(rx, cqe->res);
		io_uring_cqe_seen(&loop, cqe);
	} while (!r);
	X_IS(r, 1);
#else
	(void)rx;
#endif
}

static void take(int way, struct weir_rx *rx, uint64_t expected)
{
	uint64_t number;

	if (way == HANDLE)
		wait_handle(rx);
	else if (way == URING)
		wait_uring(rx);
	X_IS(weir_rx_read(rx, &number, sizeof(number), WEIR_FOREVER),
	     sizeof(number));
	X_IS(number, expected);
}

/* Arguments: the link, the way, how many. */
static void echo(int argc, char **argv)
{
	struct x_link l;
	uint64_t i, n;
	int way;

	X_IS(argc, 3);
	x_join(&l, argv[0]);
	way = atoi(argv[1]);
	n = strtoull(argv[2], NULL, 10);
	X_TRUE(open_way(way, l.rx));
	for (i = 0; i < n; i++) {
		take(way, l.rx, i);
		X_IS(weir_tx_write(l.tx, &i, sizeof(i), WEIR_FOREVER), 0);
	}
	x_tell(0);
	X_IS(x_listen(), 0);
	x_part(&l);
}

/* Before each message both are asleep, unless they spin. */
static void trip(struct x_link *l, struct x_peer *p, int way, int other,
		 uint64_t i, int settle)
{
	int64_t start;

	if (settle && other != SPIN)
		x_asleep(p->pid, p->pid);
	start = weir_now();
	X_IS(weir_tx_write(l->tx, &i, sizeof(i), WEIR_FOREVER), 0);
	take(way, l->rx, i);
	took[i % ROUNDS_MAX] = weir_now() - start;
}

static int has_uring(void)
{
#ifdef HAVE_LIBURING
	struct io_uring probe;

	if (io_uring_queue_init(2, &probe, 0))
		return 0;
	io_uring_queue_exit(&probe);
	return 1;
#else
	return 0;
#endif
}

static void talk(int kind, int way, int other, uint64_t rounds, int settle)
{
	char mode[16], n[32];
	struct x_link l;
	struct x_peer p;
	uint64_t i;

	/* asked before there is a peer, who would need one, too */
	if ((way == URING || other == URING) && !has_uring())
		x_skip("an io_uring, or liburing");
	x_offer(&l, kind, 4096, way == SPIN ? INT32_MAX : -1);
	snprintf(mode, sizeof(mode), "%d", other);
	snprintf(n, sizeof(n), "%" PRIu64, rounds);
	x_spawn(&p, NULL, l.give, "echo", l.spec, mode, n, NULL);
	x_meet(&l);
	X_TRUE(open_way(way, l.rx));
	for (i = 0; i < rounds; i++)
		trip(&l, &p, way, other, i, settle);
	x_hear_this(&p, 0);
	x_order(&p, 0);
	x_done(&p);
	x_part(&l);
}

static void pairs(int arg)
{
	talk(arg / (WAYS * WAYS), arg / WAYS % WAYS, arg % WAYS, ROUNDS, 0);
}

static int later(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void cost(int arg)
{
	int way = arg % COST % WAYS, kind = arg % COST / WAYS;
	uint64_t n = (uint64_t)x_env("WEIR_TEST_SECONDS", 0) * 100 + 100;

	if (n > ROUNDS_MAX)
		n = ROUNDS_MAX;
	talk(kind, way, way, n, 1);
	qsort(took, n, sizeof(took[0]), later);
	x_note("    %s, %s: round trip of %d: p50 %.1f us, p99 %.1f us",
	       x_kind[kind], ways[way], (int)n, (double)took[n / 2] / 1e3,
	       (double)took[n * 99 / 100] / 1e3);
}

#define OTHERS(name, kind, way)                                               \
	{ name " and call", pairs, CASE(kind, way, CALL), 0 },                \
	{ name " and handle", pairs, CASE(kind, way, HANDLE), 0 },            \
	{ name " and io_uring", pairs, CASE(kind, way, URING), 0 }
#define PAIRS(name, kind)                                                     \
	OTHERS(name " call", kind, CALL),                                     \
	OTHERS(name " handle", kind, HANDLE),                                 \
	OTHERS(name " io_uring", kind, URING)
#define COSTS(name, kind)                                                     \
	{ "cost " name " spin", cost, COST + (kind) * WAYS + SPIN, 120 },     \
	{ "cost " name " call", cost, COST + (kind) * WAYS + CALL, 120 },     \
	{ "cost " name " handle", cost, COST + (kind) * WAYS + HANDLE, 120 }, \
	{ "cost " name " io_uring", cost, COST + (kind) * WAYS + URING, 120 }

static const struct x_case cases[] = {
	PAIRS("plain", X_PLAIN),
	PAIRS("named", X_NAMED),
	PAIRS("stream", X_STREAM),
	COSTS("plain", X_PLAIN),
	COSTS("stream", X_STREAM),
	{ NULL, NULL, 0, 0 },
};

static const struct x_role roles[] = {
	{ "echo", echo },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return x_main(argc, argv, cases, roles);
}
