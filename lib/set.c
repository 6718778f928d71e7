/* SPDX-License-Identifier: MIT */
/*
 * A set: one thread waits for many ends. weir_set(7).
 *
 * A member is either in the queue, to be looked at, or armed: it has said that
 * it sleeps (weir_end_announce()), and whoever has work for it rings. An armed
 * member that is rung, or that is called on from within this process, goes to
 * the end of the queue. A wait looks at the queue from its head; who has
 * something to say stays in it, at the end, so nobody is told twice before
 * everybody has been asked once. Only when nobody has, the rest is armed.
 *
 * Two ways to sleep:
 *
 *     words    on the doorbells of all members and the set's own word
 *     gather   on the sockets of streams (their way 2) and on a bell, with
 *              threads of the library asleep on the words of plain rings;
 *              a private ring's other end calls at the door
 *
 * The first costs as much as there are members, the second as are ready. A set
 * begins with words and goes over to the gather for good when a member has no
 * words, when a handle is asked for, and when it becomes large.
 *
 * The lock is held while members are looked at, never while asleep; news from
 * other threads has a lock of its own, which is taken last.
 */
#include <string.h>

#include "internal.h"

/*
 * So many members sleep on words if there are streams among them. A sleep on
 * words costs 0.4 microseconds of CPU a member, but its wake is 3 to 5 sooner
 * (median 17.9 against 22.8 at 16 members, 23.5 against 25.9 at 100, AMD, two
 * CPUs): at 16 the two are even. Measured by tests/stress/s_set measure.
 */
unsigned int weir_set_words_max = 16;

struct member {
	struct weir_guest guest;
	struct weir_set *set;
	struct weir_end *end;		/* else: */
	struct weir_listener *listener;
	void *user;
	size_t slot;
	int queued;
	int armed;
	struct member *next;		/* in the queue */
	uint32_t bell;			/* armed: the doorbell then */
	int registered;			/* its socket is in the gather */
	struct weir_watch nap;		/* plain ring, in the gather */
	int seated;
	int napping;			/* and it is slept on, as far as known */
	struct member *next_news;
	int called;			/* is in the news; under that lock */
	int woken;			/* by the nap; under that lock */
};

struct weir_set {
	struct weir_lock lock;
	struct member **slots;
	size_t room, n, streams;
	struct member *first, *last;	/* the queue */
	int waiting;			/* a thread is in weir_set_wait */
	int asleep;			/* and has dropped the lock there */
	int handle_wanted;
	int wake;
	int forked;			/* this is the child */
	struct weir_fork fork;
	struct weir_gather gather;
	struct weir_spot bell;		/* a handle where the gather has none */
	struct weir_watch nap;		/* who rings it */
	int seated;
	struct weir_bed beds[WEIR_OS_BEDS];

	struct weir_lock news_lock;
	struct member *news;
	int gathering;			/* changed under both locks */

	struct weir_a32 own;		/* counts news */
	struct weir_a32 sleeps;		/* counts sleeps that have ended */
};

static struct member *member_of(struct weir_guest *guest)
{
	return (struct member *)(void *)
		((unsigned char *)guest - offsetof(struct member, guest));
}

/* The ends are the parent's, and so is what waits for them. */
static void fork_child(struct weir_fork *thing, void (*drop)(weir_handle))
{
	struct weir_set *set = (struct weir_set *)(void *)
		((unsigned char *)thing - offsetof(struct weir_set, fork));

	(void)drop;
	set->forked = 1;
}

/* the queue */

static void enqueue(struct member *m)
{
	if (m->queued)
		return;
	m->queued = 1;
	m->next = NULL;
	if (m->set->last)
		m->set->last->next = m;
	else
		m->set->first = m;
	m->set->last = m;
}

static struct member *dequeue(struct weir_set *set)
{
	struct member *m = set->first;

	if (!m)
		return NULL;
	set->first = m->next;
	if (!set->first)
		set->last = NULL;
	m->queued = 0;
	return m;
}

static void unqueue(struct member *m)
{
	struct member *at, *before = NULL;

	if (!m->queued)
		return;
	for (at = m->set->first; at != m; at = at->next)
		before = at;
	if (before)
		before->next = m->next;
	else
		m->set->first = m->next;
	if (m->set->last == m)
		m->set->last = before;
	m->queued = 0;
}

/* An armed member is to be looked at. */
static void rouse(struct member *m)
{
	if (m->armed && m->end)
		weir_end_settle(m->end);
	m->armed = 0;
	enqueue(m);
}

/* news, from any thread of this process */

/* Under the news lock. */
static void ring(struct weir_set *set)
{
	struct weir_spot spot = { .way = WEIR_OS_LOCAL, .word = &set->own };

	/* X5 pairs with A10 in wait(): the news before the word. */
	weir_add_acq_rel32(&set->own, 1);
	if (set->gathering) {
		spot.way = WEIR_OS_GATHER;
		spot.gather = &set->gather;
	}
	weir_os()->wake(&spot, 1);
}

static void call(struct member *m, int woken)
{
	struct weir_set *set = m->set;

	weir_lock_take(&set->news_lock);
	m->woken |= woken;
	if (!m->called) {
		m->called = 1;
		m->next_news = set->news;
		set->news = m;
	}
	ring(set);
	weir_lock_drop(&set->news_lock);
}

static void ring_alone(struct weir_set *set)
{
	weir_lock_take(&set->news_lock);
	ring(set);
	weir_lock_drop(&set->news_lock);
}

static void take_news(struct weir_set *set)
{
	struct member *m;

	weir_lock_take(&set->news_lock);
	for (m = set->news; m; m = m->next_news) {
		m->called = 0;
		if (m->woken)
			m->napping = 0;
		m->woken = 0;
		rouse(m);
	}
	set->news = NULL;
	weir_lock_drop(&set->news_lock);
}

static void forget_news(struct member *m)
{
	struct member **at;

	weir_lock_take(&m->set->news_lock);
	for (at = &m->set->news; *at; at = &(*at)->next_news)
		if (*at == m) {
			*at = m->next_news;
			break;
		}
	weir_lock_drop(&m->set->news_lock);
}

static void knock(struct weir_guest *guest)
{
	call(member_of(guest), 0);
}

static void woke(struct weir_watch *nap, uint32_t nothing)
{
	(void)nothing;
	call((struct member *)(void *)
	     ((unsigned char *)nap - offsetof(struct member, nap)), 1);
}

static void leave_seat(struct member *m)
{
	if (m->seated)
		weir_os()->unwatch(&m->nap);
	m->seated = 0;
	m->napping = 0;
	/* What it may have said last is not of the next one. */
	weir_lock_take(&m->set->news_lock);
	m->woken = 0;
	weir_lock_drop(&m->set->news_lock);
}

/* The end's own thread is about to sleep on it in another way. */
static void disturb(struct weir_guest *guest)
{
	struct member *m = member_of(guest);

	weir_lock_take(&m->set->lock);
	leave_seat(m);
	rouse(m);
	if (m->set->asleep || m->set->handle_wanted)
		ring_alone(m->set);
	weir_lock_drop(&m->set->lock);
}

/* going over to the gather */

static int is_stream(const struct member *m)
{
	return m->end && m->end->stream;
}

/* By words, alone or with others. */
static int is_plain(const struct member *m)
{
	return m->end && !m->end->stream && !m->end->peer_door;
}

static struct member *twin(const struct member *m)
{
	struct weir_end *sibling = m->end ? m->end->sibling : NULL;
	struct member *other;

	if (!sibling || !sibling->guest || sibling->guest->knock != knock)
		return NULL;
	other = member_of(sibling->guest);
	return other->set == m->set ? other : NULL;
}

static weir_handle socket_of(const struct member *m)
{
	if (m->listener)
		return weir_listener_pollable(m->listener);
	return is_stream(m) ? m->end->byte.socket : WEIR_HANDLE_NONE;
}

/* The two ends of a stream have one socket, which can be there once. */
static int reg(struct member *m)
{
	struct member *other = twin(m);
	weir_handle socket = socket_of(m);
	int r;

	if (socket == WEIR_HANDLE_NONE || (other && other->registered))
		return 0;
	r = weir_os()->gather(&m->set->gather, socket, m->slot + 1);
	if (!r)
		m->registered = 1;
	return r;
}

static void unreg(struct member *m)
{
	struct member *other = twin(m);

	if (!m->registered)
		return;
	weir_os()->gather(&m->set->gather, socket_of(m), 0);
	m->registered = 0;
	/* Cannot fail: the place has just been left. A byte that was told to
	   m is not told again: look. */
	if (other && !reg(other))
		rouse(other);
}

static int open_gather(struct weir_set *set)
{
	struct weir_spot spot = { .way = WEIR_OS_GATHER,
				  .gather = &set->gather };
	size_t i;
	int r;

	if (set->gathering)
		return 0;
	r = weir_os()->spot_init(&spot);
	if (r)
		return r;
	for (i = 0; i < set->room && !r; i++)
		if (set->slots[i])
			r = reg(set->slots[i]);
	if (r) {
		for (i = 0; i < set->room; i++)
			if (set->slots[i])
				set->slots[i]->registered = 0;
		weir_os()->gather(&set->gather, WEIR_HANDLE_NONE, 0);
		return r;
	}
	for (i = 0; i < set->room; i++)
		if (set->slots[i])
			rouse(set->slots[i]);
	/* Whoever sleeps on the words is told there, for the last time. */
	weir_lock_take(&set->news_lock);
	ring(set);
	set->gathering = 1;
	weir_lock_drop(&set->news_lock);
	return 0;
}

static int needs_gather(const struct weir_set *set, const struct member *m)
{
	if (!weir_os_ability()->words || m->listener)
		return 1;
	if (m->end->sleep.way == WEIR_OS_SEMAPHORE ||
	    m->end->sleep.way == WEIR_OS_SOCKET)
		return 1;
	return set->n >= WEIR_OS_BEDS ||
	       (set->streams + (size_t)is_stream(m) && set->n >= weir_set_words_max);
}

/* adding and removing */

static int find_slot(struct weir_set *set, size_t *slot)
{
	size_t room = set->room ? 2 * set->room : 16;
	struct member **slots;

	for (*slot = 0; *slot < set->room; ++*slot)
		if (!set->slots[*slot])
			return 0;
	slots = realloc(set->slots, room * sizeof(struct member *));
	if (!slots)
		return -ENOMEM;
	memset(slots + set->room, 0,
	       (room - set->room) * sizeof(struct member *));
	set->slots = slots;
	set->room = room;
	return 0;
}

/* Until the thread that sleeps has come out; drops the lock. */
static void let_go(struct weir_set *set)
{
	struct weir_spot spot = { .way = WEIR_OS_LOCAL,
				  .word = &set->sleeps };
	/* relaxed: changed under the lock, which is held */
	uint32_t seen = weir_load_relaxed32(&set->sleeps);
	int asleep = set->asleep;

	if (asleep)
		ring_alone(set);
	weir_lock_drop(&set->lock);
	/* A15 pairs with R15 in sleep_once(): it has left the sleep. */
	while (asleep && weir_load_acquire32(&set->sleeps) == seen)
		weir_os()->sleep(&spot, seen, NULL, 0, WEIR_FOREVER);
}

static void remove_member(struct member *m)
{
	struct weir_set *set = m->set;

	weir_lock_take(&set->lock);
	if (m->end) {
		weir_door_set(m->end->door, NULL);
		if (m->armed)
			weir_end_settle(m->end);
	}
	leave_seat(m);
	unreg(m);
	if (m->end)
		m->end->guest = NULL;
	else
		weir_listener_guest(m->listener, NULL);
	forget_news(m);
	unqueue(m);
	set->slots[m->slot] = NULL;
	set->n--;
	set->streams -= (size_t)is_stream(m);
	let_go(set);
	free(m);
}

static void leave(struct weir_guest *guest)
{
	remove_member(member_of(guest));
}

static int add(struct weir_set *set, struct member *m)
{
	int r = 0;

	weir_lock_take(&set->lock);
	if (!set->gathering && needs_gather(set, m))
		r = open_gather(set);
	if (!r)
		r = find_slot(set, &m->slot);
	if (!r && set->gathering)
		r = reg(m);
	if (!r) {
		set->slots[m->slot] = m;
		set->n++;
		set->streams += (size_t)is_stream(m);
		if (m->end) {
			m->end->guest = &m->guest;
			weir_door_set(m->end->door, &m->guest);
		} else {
			weir_listener_guest(m->listener, &m->guest);
		}
		enqueue(m);
		if (set->asleep || set->handle_wanted)
			ring_alone(set);
	}
	weir_lock_drop(&set->lock);
	return r;
}

static struct member *member_new(struct weir_set *set, void *user)
{
	struct member *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->guest.knock = knock;
	m->guest.disturb = disturb;
	m->guest.leave = leave;
	m->set = set;
	m->user = user;
	return m;
}

static int add_end(struct weir_set *set, struct weir_end *end, void *user)
{
	struct member *m;
	int r;

	if (set->forked || end->broken == -EINVAL)
		return -EINVAL;
	if (end->guest && end->guest->knock == knock)
		return -EBUSY;
	m = member_new(set, user);
	if (!m)
		return -ENOMEM;
	if (end->guest)
		end->guest->leave(end->guest);
	m->end = end;
	r = add(set, m);
	if (r)
		free(m);
	return r;
}

int weir_set_add_rx(struct weir_set *set, struct weir_rx *rx, void *user)
{
	return add_end(set, rx->end, user);
}

int weir_set_add_tx(struct weir_set *set, struct weir_tx *tx, size_t len,
		    void *user)
{
	int r = weir_tx_want(tx, len);

	return r == -EMSGSIZE ? r : add_end(set, tx->end, user);
}

int weir_set_add_listener(struct weir_set *set, struct weir_listener *listener,
			  void *user)
{
	struct member *m;
	int r;

	if (set->forked)
		return -EINVAL;
	if (weir_listener_has_guest(listener))
		return -EBUSY;
	m = member_new(set, user);
	if (!m)
		return -ENOMEM;
	m->listener = listener;
	r = add(set, m);
	if (r)
		free(m);
	return r;
}

static int remove_end(struct weir_set *set, struct weir_end *end)
{
	if (set->forked || !end->guest || end->guest->knock != knock ||
	    member_of(end->guest)->set != set)
		return -ENOENT;
	remove_member(member_of(end->guest));
	return 0;
}

int weir_set_remove_rx(struct weir_set *set, struct weir_rx *rx)
{
	return remove_end(set, rx->end);
}

int weir_set_remove_tx(struct weir_set *set, struct weir_tx *tx)
{
	return remove_end(set, tx->end);
}

/* waiting */

static int look(struct weir_end *end)
{
	return end->producer ? weir_tx_look(end) : weir_rx_look(end);
}

static uint32_t what(const struct member *m, int r)
{
	if (r)
		return r == -EOWNERDEAD ? WEIR_EVENT_DEAD : WEIR_EVENT_END;
	if (m->listener)
		return WEIR_EVENT_ACCEPT;
	return m->end->producer ? WEIR_EVENT_WRITE : WEIR_EVENT_READ;
}

/*
 * In the gather: whose words nobody can tell by a handle. One that was called
 * by other news is slept on still, and the sleeper reads what is written here.
 */
static int take_seat(struct member *m)
{
	int r;

	if (m->napping)
		leave_seat(m);
	m->nap = (struct weir_watch){
		.gone = woke,
		.socket = WEIR_HANDLE_NONE,
		.process = WEIR_HANDLE_NONE,
		.memory = WEIR_HANDLE_NONE,
		.spot = m->end->sleep,
		.seen = m->bell,
	};
	r = weir_os()->watch(&m->nap);
	if (!r)
		m->seated = m->napping = 1;
	return r;
}

/* 0: it has something to say; -EAGAIN: it is armed. */
static int arm(struct member *m)
{
	uint32_t way = WEIR_ASLEEP_WORD;
	struct weir_nap nap = { 0, 0 };
	int r;

	if (m->listener) {
		r = weir_listener_look(m->listener);
		m->armed = r == -EAGAIN;
		return r;
	}
	if (m->set->gathering && !is_plain(m))
		way = WEIR_ASLEEP_DESCRIPTOR;
	r = m->end->broken;
	if (!r)
		r = weir_end_announce(m->end, look, way, &nap);
	m->bell = nap.bell;
	if (r == -EAGAIN && m->set->gathering && is_plain(m) && take_seat(m))
		r = -ENOMEM;
	if (r == -EAGAIN)
		m->armed = 1;
	else
		weir_end_settle(m->end);
	return r;
}

static int ask(struct member *m, int to_arm)
{
	if (to_arm)
		return arm(m);
	return m->listener ? weir_listener_look(m->listener) : look(m->end);
}

/*
 * Once round the queue. Who has something to say, and who has not and is not
 * to be armed, goes to its end.
 */
static size_t round_queue(struct weir_set *set, struct weir_event *events,
			  size_t n, int to_arm)
{
	struct member *m, *stop = NULL;
	size_t found = 0;

	while (found < n && set->first && set->first != stop) {
		int r;

		m = dequeue(set);
		r = ask(m, to_arm);
		if (r != -EAGAIN)
			events[found++] = (struct weir_event){
				.user = m->user,
				.what = what(m, r),
				.error = r,
			};
		if (r == -EAGAIN && to_arm)
			continue;
		enqueue(m);
		if (!stop)
			stop = m;
	}
	return found;
}

/* Who among the armed has been rung. */
static void scan_words(struct weir_set *set)
{
	size_t i;

	for (i = 0; i < set->room; i++) {
		struct member *m = set->slots[i];

		/* A4 pairs with R4, X4 in weir_end_ring(). */
		if (m && m->armed &&
		    weir_load_acquire32(m->end->sleep.word) != m->bell)
			rouse(m);
	}
}

/* What was meant for the other end of a stream is passed on to it, here too. */
static void told(struct weir_set *set, uint64_t number)
{
	struct member *m;

	if (number > set->room)
		return;
	m = set->slots[number - 1];
	if (!m)
		return;
	if (is_stream(m))
		weir_end_take_bytes(m->end);
	rouse(m);
}

static void scan_gather(struct weir_set *set)
{
	unsigned int i;

	for (i = 0; i < set->gather.n; i++)
		told(set, set->gather.ready[i]);
	set->gather.n = 0;
}

static int sleep_words(struct weir_set *set, int64_t deadline, uint32_t own)
{
	struct weir_spot spot = { .way = WEIR_OS_MANY, .beds = set->beds };
	size_t i;

	for (i = 0; i < set->room; i++) {
		struct member *m = set->slots[i];

		if (m)
			set->beds[spot.n_beds++] = (struct weir_bed){
				.spot = &m->end->sleep, .seen = m->bell };
	}
	set->asleep = 1;
	weir_lock_drop(&set->lock);
	return weir_os()->sleep(&spot, 0, &set->own, own, deadline);
}

static int sleep_gather(struct weir_set *set, int64_t deadline)
{
	struct weir_spot spot = { .way = WEIR_OS_GATHER,
				  .gather = &set->gather };

	set->asleep = 1;
	weir_lock_drop(&set->lock);
	return weir_os()->sleep(&spot, 0, NULL, 0, deadline);
}

/* With the lock held before and after, and dropped in between. */
static int sleep_once(struct weir_set *set, int64_t deadline, uint32_t own)
{
	struct weir_spot spot = { .way = WEIR_OS_LOCAL,
				  .word = &set->sleeps };
	int gathering = set->gathering;
	int r;

	if (gathering)
		r = sleep_gather(set, deadline);
	else
		r = sleep_words(set, deadline, own);
	weir_lock_take(&set->lock);
	set->asleep = 0;
	/* R15 pairs with A15 in let_go(). relaxed load: the lock is held. */
	weir_store_release32(&set->sleeps,
			     weir_load_relaxed32(&set->sleeps) + 1);
	weir_os()->wake(&spot, INT32_MAX);
	if (gathering)
		scan_gather(set);
	return r;
}

/* What has been rung since the last look, without sleeping. */
static void catch_up(struct weir_set *set)
{
	struct weir_spot spot = { .way = WEIR_OS_GATHER,
				  .gather = &set->gather };
	size_t i;

	if (!set->gathering) {
		scan_words(set);
		return;
	}
	for (i = 0; i <= set->n; i += 32) {
		int r = weir_os()->sleep(&spot, 0, NULL, 0, 1);
		int full = set->gather.n == 32;

		scan_gather(set);
		if (r < 0 || !full)
			break;
	}
}

/*
 * A handle where no gather has one: a thread of the library sleeps there while
 * the caller does not.
 */
static void handle_rings(struct weir_watch *nap, uint32_t nothing)
{
	struct weir_set *set = (struct weir_set *)(void *)
		((unsigned char *)nap - offsetof(struct weir_set, nap));

	(void)nothing;
	weir_os()->wake(&set->bell, 1);
}

static int seat_handle(struct weir_set *set)
{
	int r;

	if (set->gather.handle != WEIR_HANDLE_NONE)
		return 0;
	set->nap = (struct weir_watch){
		.gone = handle_rings,
		.socket = WEIR_HANDLE_NONE,
		.process = WEIR_HANDLE_NONE,
		.memory = WEIR_HANDLE_NONE,
		.spot = { .way = WEIR_OS_GATHER, .gather = &set->gather },
	};
	r = weir_os()->watch(&set->nap);
	set->seated = !r;
	return r;
}

static void unseat_handle(struct weir_set *set)
{
	if (!set->seated)
		return;
	weir_os()->unwatch(&set->nap);
	set->seated = 0;
	weir_os()->sleep(&set->bell, 0, NULL, 0, WEIR_NOWAIT);
}

/* The handle shows what is still to be told, or is armed. */
static int leave_handle(struct weir_set *set, int r)
{
	int s;

	if (!set->handle_wanted)
		return r;
	if (r != -EAGAIN && r != -ETIMEDOUT)
		ring_alone(set);
	s = seat_handle(set);
	return s < 0 && r < 0 ? s : r;
}

static int wait(struct weir_set *set, struct weir_event *events, size_t n,
		int64_t deadline)
{
	int slept = 0;
	size_t found;

	for (;;) {
		/* A10 pairs with X5 in ring(): the news before the word. */
		uint32_t own = weir_load_acquire32(&set->own);

		catch_up(set);
		take_news(set);
		found = round_queue(set, events, n, 0);
		if (!found && (deadline != WEIR_NOWAIT || set->handle_wanted))
			found = round_queue(set, events, n, 1);
		if (set->wake || found) {
			set->wake = 0;
			return (int)found;
		}
		if (deadline == WEIR_NOWAIT)
			return -EAGAIN;
		if (slept == -ETIMEDOUT || deadline <= weir_now())
			return -ETIMEDOUT;
		slept = sleep_once(set, deadline, own);
	}
}

int weir_set_wait(struct weir_set *set, struct weir_event *events, size_t n,
		  int64_t deadline)
{
	int r;

	if (!n || set->forked)
		return -EINVAL;
	if (n > INT32_MAX)
		n = INT32_MAX;
	weir_lock_take(&set->lock);
	if (set->waiting) {
		weir_lock_drop(&set->lock);
		return -EBUSY;
	}
	set->waiting = 1;
	unseat_handle(set);
	r = leave_handle(set, wait(set, events, n, deadline));
	set->waiting = 0;
	weir_lock_drop(&set->lock);
	return r;
}

int weir_set_wake(struct weir_set *set)
{
	if (set->forked)
		return -EINVAL;
	weir_lock_take(&set->lock);
	set->wake = 1;
	ring_alone(set);
	weir_lock_drop(&set->lock);
	return 0;
}

/* making and closing */

int weir_set_create(struct weir_set **out,
		    const struct weir_set_options *options)
{
	struct weir_set_options o;
	struct weir_set *set;
	int r;

	r = weir_options_copy(&o, sizeof(o), sizeof(o), options);
	if (!r && (o.flags || o.reserved))
		r = -EINVAL;
	if (!r)
		r = weir_os_usable();
	if (r)
		return r;
	set = calloc(1, sizeof(*set));
	if (!set)
		return -ENOMEM;
	set->gather.handle = WEIR_HANDLE_NONE;
	set->bell.way = WEIR_OS_SOCKET;
	set->bell.socket = WEIR_HANDLE_NONE;
	set->bell.bell[0] = set->bell.bell[1] = WEIR_HANDLE_NONE;
	set->fork.child = fork_child;
	weir_fork_add_thing(&set->fork);
	*out = set;
	return 0;
}

int weir_set_handle(struct weir_set *set, weir_handle *handle)
{
	int r;

	if (set->forked)
		return -EINVAL;
	weir_lock_take(&set->lock);
	r = open_gather(set);
	if (!r && set->gather.handle == WEIR_HANDLE_NONE &&
	    set->bell.bell[0] == WEIR_HANDLE_NONE)
		r = weir_os()->spot_init(&set->bell);
	if (!r && !set->handle_wanted) {
		set->handle_wanted = 1;
		if (!set->waiting)
			r = leave_handle(set, 0);
	}
	if (!r)
		*handle = set->gather.handle != WEIR_HANDLE_NONE ?
				  set->gather.handle : set->bell.bell[0];
	weir_lock_drop(&set->lock);
	return r;
}

void weir_set_close(struct weir_set *set)
{
	size_t i;

	if (!set)
		return;
	if (!set->forked) {
		weir_fork_remove_thing(&set->fork);
		unseat_handle(set);
		for (i = 0; i < set->room; i++)
			if (set->slots[i])
				remove_member(set->slots[i]);
	}
	if (set->gathering)
		weir_os()->gather(&set->gather, WEIR_HANDLE_NONE, 0);
	for (i = 0; i < 2; i++)
		if (set->bell.bell[i] != WEIR_HANDLE_NONE)
			weir_os()->handle_close(set->bell.bell[i]);
	free(set->slots);
	free(set);
}
