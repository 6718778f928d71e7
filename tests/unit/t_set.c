/* SPDX-License-Identifier: MIT */
/*
 * weir/set.h in one process: levels, turns, ends, wake, add and remove while
 * another thread waits. On words, on the gather and through the handle.
 *
 * Seen to fail with: a queue that is always asked from the same end; a member
 * that is not asked again after its event; a remove that does not wait for the
 * sleeper; an add that does not rouse it; a wake that is forgotten; room that
 * another call on the end has asked for.
 */
#include "../t.h"

#include <poll.h>

#define MANY 300
#define FEW 12

static char untouched;
#define UNTOUCHED ((struct weir_set *)(void *)&untouched)

enum how { WORDS, GATHER };

static struct weir_set *new_set(int how)
{
	struct weir_set *set;
	weir_handle h;

	T_OK(weir_set_create(&set, NULL));
	if (how == GATHER)
		T_OK(weir_set_handle(set, &h));
	return set;
}

static void put(struct weir_tx *tx)
{
	T_OK(weir_tx_try_write(tx, "x", 1));
}

static void get(struct weir_rx *rx)
{
	char byte;

	T_IS(weir_rx_try_read(rx, &byte, 1), 1);
}

static void one_event(struct weir_set *set, const void *user, uint32_t what,
		      int error)
{
	struct weir_event e[2];

	T_IS(weir_set_wait(set, e, 2, T_SOON), 1);
	T_ASSERT(e[0].user == user);
	T_IS(e[0].what, what);
	T_IS(e[0].error, error);
}

static void nothing(struct weir_set *set)
{
	struct weir_event e;

	T_IS(weir_set_wait(set, &e, 1, WEIR_NOWAIT), -EAGAIN);
	T_IS(weir_set_wait(set, &e, 1, weir_after(T_MS)), -ETIMEDOUT);
}

START_TEST(empty)
{
	struct weir_set_options o = { sizeof(o), 1, 0 };
	struct weir_set *set = UNTOUCHED;
	struct weir_event e;
	int how;

	T_IS(weir_set_create(&set, &o), -EINVAL);
	T_ASSERT(set == UNTOUCHED);
	for (how = WORDS; how <= GATHER; how++) {
		set = new_set(how);
		nothing(set);
		T_IS(weir_set_wait(set, &e, 0, WEIR_NOWAIT), -EINVAL);
		T_IS(weir_set_wait(set, &e, 1, weir_after(0)), -ETIMEDOUT);
		/* two wakes are one */
		T_OK(weir_set_wake(set));
		T_OK(weir_set_wake(set));
		T_IS(weir_set_wait(set, &e, 1, WEIR_FOREVER), 0);
		nothing(set);
		weir_set_close(set);
	}
	weir_set_close(NULL);
}
END_TEST

/* One ring, both its ends in one set. */
static void levels(int how, enum t_kind kind)
{
	struct weir_set *set = new_set(how);
	struct t_pair p;
	int i;

	t_pair_open(&p, kind, 4096, -1);
	T_OK(weir_set_add_rx(set, p.rx, &p.rx));
	T_IS(weir_set_add_rx(set, p.rx, &p.rx), -EBUSY);
	nothing(set);
	put(p.tx);
	put(p.tx);
	for (i = 0; i < 3; i++)
		one_event(set, &p.rx, WEIR_EVENT_READ, 0);
	get(p.rx);
	one_event(set, &p.rx, WEIR_EVENT_READ, 0);
	get(p.rx);
	nothing(set);
	T_IS(weir_set_add_tx(set, p.tx, SIZE_MAX / 2, &p), -EMSGSIZE);
	T_OK(weir_set_add_tx(set, p.tx, 1000, &p.tx));
	for (i = 0; i < 3; i++)
		one_event(set, &p.tx, WEIR_EVENT_WRITE, 0);
	T_OK(weir_set_remove_rx(set, p.rx));
	T_IS(weir_set_remove_rx(set, p.rx), -ENOENT);
	while (!weir_tx_try_write(p.tx, "x", 1))
		;
	nothing(set);
	while (weir_rx_try_read(p.rx, &i, sizeof(i)) > 0)
		;
	one_event(set, &p.tx, WEIR_EVENT_WRITE, 0);
	T_OK(weir_set_remove_tx(set, p.tx));
	/* the end: after what was sent before, and again and again */
	T_OK(weir_set_add_rx(set, p.rx, &p.rx));
	nothing(set);
	put(p.tx);
	weir_tx_close(p.tx);
	one_event(set, &p.rx, WEIR_EVENT_READ, 0);
	get(p.rx);
	one_event(set, &p.rx, WEIR_EVENT_END, -EPIPE);
	one_event(set, &p.rx, WEIR_EVENT_END, -EPIPE);
	/* closing takes it out */
	weir_rx_close(p.rx);
	nothing(set);
	t_pair_close(&p);
	weir_set_close(set);
}

START_TEST(levels_private)
{
	levels(WORDS, T_PRIVATE);
	levels(GATHER, T_PRIVATE);
}
END_TEST

START_TEST(levels_anonymous)
{
	levels(WORDS, T_ANONYMOUS);
	levels(GATHER, T_ANONYMOUS);
}
END_TEST

START_TEST(levels_named)
{
	levels(WORDS, T_NAMED);
	levels(GATHER, T_NAMED);
}
END_TEST

/* Everybody is told once before anybody is told twice. */
static void in_turn_of(int many, int how)
{
	static struct t_pair p[MANY];
	struct weir_set *set = new_set(how);
	int told[MANY];
	int i, k, n, round;

	for (i = 0; i < many; i++) {
		t_pair_open(&p[i], T_PRIVATE, 4096, -1);
		T_OK(weir_set_add_rx(set, p[i].rx, &told[i]));
	}
	nothing(set);
	for (i = 0; i < many; i++)
		put(p[i].tx);
	for (round = 0; round < 3; round++) {
		memset(told, 0, sizeof(told));
		for (k = 0; k < many; k += n) {
			struct weir_event e[7];
			int room = many - k < 7 ? many - k : 7;

			n = weir_set_wait(set, e, (size_t)room,
					  T_SOON);
			T_ASSERT(n > 0);
			for (i = 0; i < n; i++)
				++*(int *)e[i].user;
		}
		for (i = 0; i < many; i++)
			T_IS(told[i], 1);
	}
	/* one that talks all the time keeps nobody off */
	for (i = 1; i < many; i++)
		get(p[i].rx);
	for (i = 0; i < 3; i++)
		one_event(set, &told[0], WEIR_EVENT_READ, 0);
	put(p[many / 2].tx);
	memset(told, 0, sizeof(told));
	for (i = 0; i < 2; i++) {
		struct weir_event e;

		T_IS(weir_set_wait(set, &e, 1, T_SOON), 1);
		++*(int *)e.user;
	}
	T_IS(told[many / 2], 1);
	for (i = 0; i < many; i++)
		t_pair_close(&p[i]);
	nothing(set);
	weir_set_close(set);
}

/* So few sleep on words, so many on handles. */
START_TEST(in_turn)
{
	int how;

	for (how = WORDS; how <= GATHER; how++) {
		in_turn_of(FEW, how);
		in_turn_of(MANY, how);
	}
}
END_TEST

/* The set's own thread waits on an end in another way meanwhile. */
START_TEST(used_otherwise)
{
	struct t_pair p;
	char byte;
	int how, kind;

	for (how = WORDS; how <= GATHER; how++)
		for (kind = T_PRIVATE; kind <= T_NAMED; kind++) {
			struct weir_set *set = new_set(how);
			struct weir_event e;

			t_pair_open(&p, (enum t_kind)kind, 4096, -1);
			T_OK(weir_set_add_rx(set, p.rx, &p));
			nothing(set);
			T_IS(weir_rx_arm(p.rx), -EBUSY);
			T_IS(weir_rx_read(p.rx, &byte, 1, weir_after(T_MS)),
			     -ETIMEDOUT);
			nothing(set);
			T_IS(weir_rx_read(p.rx, &byte, 1, weir_after(T_MS)),
			     -ETIMEDOUT);
			put(p.tx);
			one_event(set, &p, WEIR_EVENT_READ, 0);
			get(p.rx);
			weir_set_close(set);
			/* it is free again */
			set = new_set(how);
			T_OK(weir_rx_arm(p.rx));
			T_OK(weir_set_add_rx(set, p.rx, &p));
			T_IS(weir_set_wait(set, &e, 1, WEIR_NOWAIT), -EAGAIN);
			T_OK(weir_rx_cancel(p.rx));
			one_event(set, &p, WEIR_EVENT_END, -ECANCELED);
			weir_set_close(set);
			t_pair_close(&p);
		}
}
END_TEST

/* An end in a set waits for the room that it was added with, whatever else is
   asked of it meanwhile. */
START_TEST(other_room)
{
	struct t_pair p;
	char text[1500];
	int how, i, round;

	memset(text, 0, sizeof(text));
	for (how = WORDS; how <= GATHER; how++) {
		struct weir_set *set = new_set(how), *other = new_set(how);

		t_pair_open(&p, T_ANONYMOUS, 4096, -1);
		T_OK(weir_set_add_tx(set, p.tx, 100, &p.tx));
		for (round = 0; round < 3; round++) {
			while (!weir_tx_try_write(p.tx, text, 100))
				;
			nothing(set);
			if (round == 0) {
				T_IS(weir_set_add_tx(other, p.tx, 1500, &p),
				     -EBUSY);
				T_IS(weir_set_add_tx(set, p.tx, 1500, &p),
				     -EBUSY);
			} else if (round == 1) {
				T_IS(weir_tx_arm(p.tx, 1500), -EBUSY);
			} else {
				T_IS(weir_tx_wait(p.tx, 1500, weir_after(T_MS)),
				     -ETIMEDOUT);
			}
			/* the limit may lag by one */
			for (i = 0; i < 2; i++)
				T_IS(weir_rx_try_read(p.rx, text, 100), 100);
			T_IS(weir_tx_try_write(p.tx, text, 1500), -EAGAIN);
			one_event(set, &p.tx, WEIR_EVENT_WRITE, 0);
		}
		t_pair_close(&p);
		weir_set_close(other);
		weir_set_close(set);
	}
}
END_TEST

/* ---- another thread waits ----------------------------------------------- */

struct waiter {
	struct weir_set *set;
	struct weir_event event;
	int result;
	struct t_barrier go;
};

static void *wait_once(void *arg)
{
	struct waiter *w = arg;

	t_barrier_wait(&w->go);
	w->result = weir_set_wait(w->set, &w->event, 1, T_SOON);
	return NULL;
}

static void from_outside(int how)
{
	struct waiter w = { .set = new_set(how) };
	struct t_pair p, q;
	pthread_t thread;

	t_barrier_open(&w.go, 2);
	t_pair_open(&p, T_ANONYMOUS, 4096, -1);
	t_pair_open(&q, T_PRIVATE, 4096, -1);
	T_OK(weir_set_add_rx(w.set, p.rx, &p));
	thread = t_thread(wait_once, &w);
	t_barrier_wait(&w.go);
	/* wherever the other is by now: what is added, it waits for */
	put(q.tx);
	T_OK(weir_set_add_rx(w.set, q.rx, &q));
	t_join(thread);
	T_IS(w.result, 1);
	T_ASSERT(w.event.user == &q);
	get(q.rx);
	thread = t_thread(wait_once, &w);
	t_barrier_wait(&w.go);
	/* what is removed, it does not: the end may go, memory and all */
	T_OK(weir_set_remove_rx(w.set, p.rx));
	t_pair_close(&p);
	weir_rx_close(q.rx);
	t_pair_close(&q);
	T_OK(weir_set_wake(w.set));
	t_join(thread);
	T_IS(w.result, 0);
	weir_set_close(w.set);
}

START_TEST(another_thread)
{
	int i;

	for (i = 0; i < 50; i++) {
		from_outside(WORDS);
		from_outside(GATHER);
	}
}
END_TEST

/* ---- the handle --------------------------------------------------------- */

static int readable(weir_handle handle, int ms)
{
	struct pollfd p = { .fd = handle, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

START_TEST(handle)
{
	int kind;

	for (kind = T_PRIVATE; kind <= T_NAMED; kind++) {
		struct weir_set *set;
		struct weir_event e;
		struct t_pair p, q;
		weir_handle h;

		T_OK(weir_set_create(&set, NULL));
		t_pair_open(&p, (enum t_kind)kind, 4096, -1);
		t_pair_open(&q, (enum t_kind)kind, 4096, -1);
		T_OK(weir_set_add_rx(set, p.rx, &p));
		T_OK(weir_set_handle(set, &h));
		T_IS(weir_set_wait(set, &e, 1, WEIR_NOWAIT), -EAGAIN);
		T_ASSERT(!readable(h, 0));
		put(p.tx);
		T_ASSERT(readable(h, 20000));
		T_IS(weir_set_wait(set, &e, 1, WEIR_NOWAIT), 1);
		/* undrained: it says so */
		T_ASSERT(readable(h, 20000));
		get(p.rx);
		T_IS(weir_set_wait(set, &e, 1, WEIR_NOWAIT), -EAGAIN);
		T_ASSERT(!readable(h, 0));
		T_OK(weir_set_add_rx(set, q.rx, &q));
		T_ASSERT(readable(h, 20000));
		T_IS(weir_set_wait(set, &e, 1, WEIR_NOWAIT), -EAGAIN);
		weir_tx_close(q.tx);
		T_ASSERT(readable(h, 20000));
		T_IS(weir_set_wait(set, &e, 1, WEIR_NOWAIT), 1);
		T_IS(e.error, -EPIPE);
		T_OK(weir_set_remove_rx(set, q.rx));
		T_IS(weir_set_wait(set, &e, 1, WEIR_NOWAIT), -EAGAIN);
		T_OK(weir_set_wake(set));
		T_ASSERT(readable(h, 20000));
		T_IS(weir_set_wait(set, &e, 1, WEIR_NOWAIT), 0);
		t_pair_close(&p);
		t_pair_close(&q);
		weir_set_close(set);
	}
}
END_TEST

START_TEST(no_descriptors)
{
	struct weir_set *set = new_set(WORDS);
	weir_handle h;

	t_descriptors_end();
	T_IS(weir_set_handle(set, &h), -EMFILE);
	t_descriptors_back();
	T_OK(weir_set_handle(set, &h));
	weir_set_close(set);
}
END_TEST

void t_build(void)
{
	T_ADD(empty);
	T_ADD(levels_private);
	T_ADD(levels_anonymous);
	T_ADD(levels_named);
	T_ADD(in_turn);
	T_ADD(used_otherwise);
	T_ADD(other_room);
	T_ADD(another_thread);
	T_ADD(handle);
	T_ADD(no_descriptors);
}
