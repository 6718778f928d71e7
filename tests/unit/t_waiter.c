/* SPDX-License-Identifier: MIT */
/*
 * weir/waiter.h: the event count, private and shared, alone and among threads.
 *
 * Seen to fail with: a wait that does not compare its ticket; a wake that does
 * not change the sequence; a wake_one that is a wake_all; a shared waiter that
 * sleeps on a private futex.
 */
#include "../t.h"

#include <fcntl.h>

static char untouched;
#define UNTOUCHED ((struct weir_waiter *)(void *)&untouched)

static const struct weir_waiter_options shared_options = {
	sizeof(shared_options), WEIR_WAITER_SHARED, -1
};

static struct weir_waiter *private_waiter(int32_t spin_us)
{
	struct weir_waiter_options options = { sizeof(options), 0, spin_us };
	struct weir_waiter *w;

	T_OK(weir_waiter_create(&w, &options));
	return w;
}

/* NULL: the portable backend has none, and says so. */
static struct weir_waiter *shared_waiter(void)
{
	struct weir_waiter *w = NULL;
	int error = weir_waiter_create(&w, &shared_options);

	if (error == -ENOSYS && !strncmp(weir_backend(), "portable", 8))
		return NULL;
	T_OK(error);
	return w;
}

#define NO_SHARED "a waiter between processes: -ENOSYS on this backend"

/* ---- alone -------------------------------------------------------------- */

static void alone(struct weir_waiter *w)
{
	int64_t begin;
	uint32_t ticket;

	/* nobody has prepared: nobody is woken, and nothing is kept */
	T_IS(weir_waiter_wake_one(w), 0);
	T_IS(weir_waiter_wake_all(w), 0);
	ticket = weir_waiter_prepare(w);
	T_IS(weir_waiter_wait(w, ticket, WEIR_NOWAIT), -EAGAIN);
	ticket = weir_waiter_prepare(w);
	T_IS(weir_waiter_wait(w, ticket, weir_after(0)), -ETIMEDOUT);
	ticket = weir_waiter_prepare(w);
	begin = weir_now();
	T_IS(weir_waiter_wait(w, ticket, begin + 5 * T_MS), -ETIMEDOUT);
	T_ASSERT(weir_now() >= begin + 5 * T_MS);

	/* cancelled: nobody is there any more */
	weir_waiter_prepare(w);
	weir_waiter_cancel(w);
	T_IS(weir_waiter_wake_one(w), 0);

	/* woken between prepare and wait: it does not sleep */
	ticket = weir_waiter_prepare(w);
	T_IS(weir_waiter_wake_one(w), 1);
	T_OK(weir_waiter_wait(w, ticket, T_SOON));
	ticket = weir_waiter_prepare(w);
	T_IS(weir_waiter_wake_one(w), 1);
	T_OK(weir_waiter_wait(w, ticket, WEIR_NOWAIT));
	ticket = weir_waiter_prepare(w);
	T_IS(weir_waiter_wake_one(w), 1);
	T_OK(weir_waiter_wait(w, ticket, weir_after(0)));
	ticket = weir_waiter_prepare(w);
	T_IS(weir_waiter_wake_all(w), 1);
	T_OK(weir_waiter_wait(w, ticket, WEIR_FOREVER));
	T_IS(weir_waiter_wake_one(w), 0);
	T_IS(weir_waiter_wake_all(w), 0);
}

START_TEST(private_alone)
{
	struct weir_waiter *w = private_waiter(0);

	alone(w);
	T_IS(weir_waiter_handle(w), WEIR_HANDLE_NONE);
	weir_waiter_close(w);
	w = private_waiter(-1);
	alone(w);
	weir_waiter_close(w);
	T_OK(weir_waiter_create(&w, NULL));
	alone(w);
	weir_waiter_close(w);
	weir_waiter_close(NULL);
}
END_TEST

START_TEST(shared_alone)
{
	struct weir_waiter *w = shared_waiter(), *other;

	if (!w)
		T_SKIP(NO_SHARED);
	alone(w);
	T_ASSERT(weir_waiter_handle(w) != WEIR_HANDLE_NONE);
	T_OK(weir_waiter_attach(&other, weir_waiter_handle(w)));
	alone(other);
	weir_waiter_close(w);
	alone(other);
	weir_waiter_close(other);
}
END_TEST

START_TEST(bad_options)
{
	struct weir_waiter_options options = { sizeof(options), 0, 0 };
	struct weir_waiter *w = UNTOUCHED;
	uint32_t bit;

	for (bit = 2; bit; bit <<= 1) {
		options.flags = bit;
		T_IS(weir_waiter_create(&w, &options), -EINVAL);
		T_ASSERT(w == UNTOUCHED);
	}
}
END_TEST

START_TEST(attach_to_other_things)
{
	struct weir_waiter *w = shared_waiter(), *other = UNTOUCHED;
	struct t_world world;
	struct weir_ring *ring;
	int fd[2], memory;

	if (!w)
		T_SKIP(NO_SHARED);
	T_OK(pipe(fd));
	ring = t_ring(T_ANONYMOUS, 4096, 0, 0);
	t_world_look(&world);
	T_IS(weir_waiter_attach(&other, fd[0]), -EPROTO);
	T_IS(weir_waiter_attach(&other, weir_ring_handle(ring)), -EPROTO);
	T_IS(weir_waiter_attach(&other, WEIR_HANDLE_NONE), -EINVAL);
	t_world_same(&world, "a refused attach");
	memory = t_memory(NULL, 4096, T_SEAL_RING);
	if (memory >= 0) {
		T_IS(weir_waiter_attach(&other, memory), -EPROTO);
		close(memory);
	}
	T_ASSERT(other == UNTOUCHED);
	close(fd[0]);
	close(fd[1]);
	weir_ring_close(ring);
	weir_waiter_close(w);
}
END_TEST

START_TEST(no_descriptors)
{
	struct weir_waiter *w = shared_waiter(), *other = UNTOUCHED;

	if (!w)
		T_SKIP(NO_SHARED);
	t_descriptors_end();
	T_IS(weir_waiter_create(&other, &shared_options), -EMFILE);
	T_IS(weir_waiter_attach(&other, weir_waiter_handle(w)), -EMFILE);
	t_descriptors_back();
	T_ASSERT(other == UNTOUCHED);
	weir_waiter_close(w);
}
END_TEST

/* ---- among threads ------------------------------------------------------ */

#define SLEEPERS 4

struct room {
	struct weir_waiter *sleep_on, *wake_on;
	struct t_barrier prepared;
	struct weir_a32 permits, taken, gone;
};

static int take_permit(struct room *room)
{
	/* relaxed: a first guess, the exchange below decides */
	uint32_t n = weir_load_relaxed32(&room->permits);

	while (n && !weir_cas_acq_rel32(&room->permits, n, n - 1))
		/* relaxed: as above */
		n = weir_load_relaxed32(&room->permits);
	return n != 0;
}

static void *sleeper(void *arg)
{
	struct room *room = arg;
	uint32_t ticket = weir_waiter_prepare(room->sleep_on);

	t_barrier_wait(&room->prepared);
	t_barrier_wait(&room->prepared);
	T_OK(weir_waiter_wait(room->sleep_on, ticket, T_SOON));
	/* spurious returns happen: what counts is the permit */
	while (!take_permit(room)) {
		ticket = weir_waiter_prepare(room->sleep_on);
		if (take_permit(room)) {
			weir_waiter_cancel(room->sleep_on);
			break;
		}
		T_OK(weir_waiter_wait(room->sleep_on, ticket, T_SOON));
	}
	weir_add_acq_rel32(&room->taken, 1);
	return NULL;
}

static void room_open(struct room *room, struct weir_waiter *sleep_on,
		      struct weir_waiter *wake_on)
{
	memset(room, 0, sizeof(*room));
	room->sleep_on = sleep_on;
	room->wake_on = wake_on;
	t_barrier_open(&room->prepared, SLEEPERS + 1);
}

static void wake_all_of_them(struct weir_waiter *sleep_on,
			     struct weir_waiter *wake_on)
{
	pthread_t threads[SLEEPERS];
	struct room room;
	int i;

	room_open(&room, sleep_on, wake_on);
	for (i = 0; i < SLEEPERS; i++)
		threads[i] = t_thread(sleeper, &room);
	t_barrier_wait(&room.prepared);
	weir_add_acq_rel32(&room.permits, SLEEPERS);
	/* all have prepared, none has begun to sleep */
	T_IS(weir_waiter_wake_all(wake_on), SLEEPERS);
	t_barrier_wait(&room.prepared);
	for (i = 0; i < SLEEPERS; i++)
		t_join(threads[i]);
	T_IS(weir_load_relaxed32(&room.taken), SLEEPERS);
	T_IS(weir_waiter_wake_all(wake_on), 0);
}

/* One by one, some asleep and some about to: each wake brings one on. */
static void wake_one_of_them(struct weir_waiter *sleep_on,
			     struct weir_waiter *wake_on)
{
	pthread_t threads[SLEEPERS];
	int64_t until = T_SOON;
	struct room room;
	uint32_t i;
	int woken;

	room_open(&room, sleep_on, wake_on);
	for (i = 0; i < SLEEPERS; i++)
		threads[i] = t_thread(sleeper, &room);
	t_barrier_wait(&room.prepared);
	t_barrier_wait(&room.prepared);
	for (i = 1; i <= SLEEPERS; i++) {
		weir_add_acq_rel32(&room.permits, 1);
		woken = weir_waiter_wake_one(wake_on);
		/* later, all may be between a spurious return and a prepare */
		T_ASSERT(woken == 1 || (woken == 0 && i > 1));
		/* acquire: pairs with the addition of the sleeper */
		while (weir_load_acquire32(&room.taken) < i &&
		       weir_now() < until)
			;
		T_IS(weir_load_acquire32(&room.taken), i);
	}
	for (i = 0; i < SLEEPERS; i++)
		t_join(threads[i]);
	T_IS(weir_waiter_wake_one(wake_on), 0);
}

START_TEST(private_wake_all)
{
	struct weir_waiter *w;
	int i;

	for (i = 0; i < 100; i++) {
		w = private_waiter(i % 2 ? -1 : 0);
		wake_all_of_them(w, w);
		wake_all_of_them(w, w);
		weir_waiter_close(w);
	}
}
END_TEST

START_TEST(private_wake_one)
{
	struct weir_waiter *w;
	int i;

	for (i = 0; i < 100; i++) {
		w = private_waiter(i % 2 ? -1 : 0);
		wake_one_of_them(w, w);
		weir_waiter_close(w);
	}
}
END_TEST

/* Two mappings of the memory, as two processes have them. */
START_TEST(shared_wakes)
{
	struct weir_waiter *w = shared_waiter(), *other;
	int i;

	if (!w)
		T_SKIP(NO_SHARED);
	T_OK(weir_waiter_attach(&other, weir_waiter_handle(w)));
	for (i = 0; i < 50; i++) {
		wake_all_of_them(w, other);
		wake_one_of_them(other, w);
	}
	weir_waiter_close(other);
	weir_waiter_close(w);
}
END_TEST

/* The loop of the manual on a counter: no wake is lost. */
struct hand {
	struct weir_waiter *w;
	struct weir_a32 *mine, *other;
	uint32_t count;
};

static void await(struct hand *hand, uint32_t n)
{
	uint32_t ticket;

	/* acquire: what the other did before its turn ended */
	while (weir_load_acquire32(hand->other) < n) {
		ticket = weir_waiter_prepare(hand->w);
		if (weir_load_acquire32(hand->other) >= n)
			weir_waiter_cancel(hand->w);
		else
			T_OK(weir_waiter_wait(hand->w, ticket, T_SOON));
	}
}

static void *other_hand(void *arg)
{
	struct hand *hand = arg;
	uint32_t i;

	for (i = 1; i <= hand->count; i++) {
		await(hand, i);
		weir_add_acq_rel32(hand->mine, 1);
		T_ASSERT(weir_waiter_wake_all(hand->w) >= 0);
	}
	return NULL;
}

static void hand_over(struct weir_waiter *w, struct weir_waiter *other,
		      uint32_t count)
{
	struct weir_a32 words[2] = { { 0 }, { 0 } };
	struct hand one = { w, &words[0], &words[1], count };
	struct hand two = { other, &words[1], &words[0], count };
	pthread_t thread = t_thread(other_hand, &two);
	uint32_t i;

	for (i = 1; i <= count; i++) {
		weir_add_acq_rel32(one.mine, 1);
		T_ASSERT(weir_waiter_wake_one(w) >= 0);
		await(&one, i);
	}
	t_join(thread);
}

START_TEST(no_wake_is_lost)
{
	struct weir_waiter *w, *other;

	w = private_waiter(-1);
	hand_over(w, w, 5000);
	weir_waiter_close(w);
	w = private_waiter(0);
	hand_over(w, w, 5000);
	weir_waiter_close(w);
	w = shared_waiter();
	if (!w)
		return;
	T_OK(weir_waiter_attach(&other, weir_waiter_handle(w)));
	hand_over(w, other, 5000);
	weir_waiter_close(other);
	weir_waiter_close(w);
}
END_TEST

void t_build(void)
{
	T_ADD(private_alone);
	T_ADD(shared_alone);
	T_ADD(bad_options);
	T_ADD(attach_to_other_things);
	T_ADD(no_descriptors);
	T_ADD(private_wake_all);
	T_ADD(private_wake_one);
	T_ADD(shared_wakes);
	T_ADD(no_wake_is_lost);
}
