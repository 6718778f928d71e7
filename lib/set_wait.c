/* SPDX-License-Identifier: MIT */
/*
 * A set's queue, the news from other threads, and the sleep; set.c says how
 * they go together.
 */
#include "member.h"

/* the queue */

void weir_member_enqueue(struct member *m)
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

void weir_member_unqueue(struct member *m)
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
void weir_member_rouse(struct member *m)
{
	if (m->armed && m->end)
		weir_end_settle(m->end);
	m->armed = 0;
	weir_member_enqueue(m);
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

void weir_set_ring(struct weir_set *set)
{
	weir_lock_take(&set->news_lock);
	ring(set);
	weir_lock_drop(&set->news_lock);
}

/* Whoever sleeps on the words is told there, for the last time. */
void weir_set_gathers(struct weir_set *set)
{
	weir_lock_take(&set->news_lock);
	ring(set);
	set->gathering = 1;
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
		weir_member_rouse(m);
	}
	set->news = NULL;
	weir_lock_drop(&set->news_lock);
}

void weir_member_forget_news(struct member *m)
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

void weir_member_knock(struct weir_guest *guest)
{
	call(weir_member_of(guest), 0);
}

static void woke(struct weir_watch *nap, uint32_t nothing)
{
	(void)nothing;
	call((struct member *)(void *)
	     ((unsigned char *)nap - offsetof(struct member, nap)), 1);
}

void weir_member_leave_seat(struct member *m)
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
void weir_member_disturb(struct weir_guest *guest)
{
	struct member *m = weir_member_of(guest);

	weir_lock_take(&m->set->lock);
	weir_member_leave_seat(m);
	weir_member_rouse(m);
	if (m->set->asleep || m->set->handle_wanted)
		weir_set_ring(m->set);
	weir_lock_drop(&m->set->lock);
}

/* waiting */

/* By words, alone or with others. */
static int is_plain(const struct member *m)
{
	return m->end && !m->end->stream && !m->end->peer_door;
}

static int look(struct weir_end *end)
{
	return end->producer ? weir_tx_look(end) : weir_rx_look(end);
}

/* Want of something is no end: a call on it says so, now and as long as it is
   so. */
static uint32_t what(const struct member *m, int r)
{
	if (r && r != -ENOMEM && r != -EMFILE)
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
		weir_member_leave_seat(m);
	m->nap = (struct weir_watch){
		.gone = woke,
		.socket = WEIR_HANDLE_NONE,
		.process = WEIR_HANDLE_NONE,
		.memory = WEIR_HANDLE_NONE,
		.spot = m->end->sleep,
		.seen = m->bell,
		.gather = &m->set->gather,
		.number = m->slot + 1,
	};
	r = weir_os()->watch(&m->nap);
	if (!r)
		m->seated = m->napping = 1;
	return r;
}

/* Tokens of sleeps that are over, and that called off a seat which nobody was
   in: each would end the next one in vain. Safe before the announcement, see
   clear() in arm.c. */
static void forget_tokens(struct member *m)
{
	if (m->end->sleep.way != WEIR_OS_SEMAPHORE)
		return;
	if (m->napping)
		weir_member_leave_seat(m);
	weir_os()->sleep(&m->end->sleep, 0, NULL, 0, WEIR_NOWAIT);
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
	if (m->set->gathering && is_plain(m))
		forget_tokens(m);
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
	/* Calls on the end, refused ones too, may have wanted other room. */
	if (m->want)
		m->end->want = m->want;
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
		weir_member_enqueue(m);
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
			weir_member_rouse(m);
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
	if (weir_member_is_stream(m))
		weir_end_take_bytes(m->end);
	/* Should a thread sleep on it, it does so no longer. */
	if (is_plain(m))
		weir_member_leave_seat(m);
	weir_member_rouse(m);
}

static void begin_naps_anew(struct weir_set *set)
{
	size_t i;

	for (i = 0; i < set->room; i++)
		if (set->slots[i] && set->slots[i]->seated) {
			weir_member_leave_seat(set->slots[i]);
			weir_member_rouse(set->slots[i]);
		}
}

static void scan_gather(struct weir_set *set)
{
	unsigned int i;

	for (i = 0; i < set->gather.n; i++)
		told(set, set->gather.ready[i]);
	set->gather.n = 0;
	if (set->gather.lost)
		begin_naps_anew(set);
	set->gather.lost = 0;
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
	/* R15 pairs with A15 in weir_set_let_go(). relaxed load: the lock is
	   held. */
	weir_store_release32(&set->sleeps,
			     weir_load_relaxed32(&set->sleeps) + 1);
	weir_os()->wake(&spot, INT32_MAX);
	if (gathering)
		scan_gather(set);
	return r;
}

/* Until the thread that sleeps has come out; drops the lock. */
void weir_set_let_go(struct weir_set *set)
{
	struct weir_spot spot = { .way = WEIR_OS_LOCAL,
				  .word = &set->sleeps };
	/* relaxed: changed under the lock, which is held */
	uint32_t seen = weir_load_relaxed32(&set->sleeps);
	int asleep = set->asleep;

	if (asleep)
		weir_set_ring(set);
	weir_lock_drop(&set->lock);
	/* A15 pairs with R15 in sleep_once(): it has left the sleep. */
	while (asleep && weir_load_acquire32(&set->sleeps) == seen)
		weir_os()->sleep(&spot, seen, NULL, 0, WEIR_FOREVER);
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
	/* Nobody would tell: the program is to come at once. */
	if (r)
		weir_os()->wake(&set->bell, 1);
	return r;
}

void weir_set_unseat_handle(struct weir_set *set)
{
	if (set->seated)
		weir_os()->unwatch(&set->nap);
	set->seated = 0;
	weir_os()->sleep(&set->bell, 0, NULL, 0, WEIR_NOWAIT);
}

/* The handle shows what is still to be told, or is armed. */
int weir_set_leave_handle(struct weir_set *set, int r)
{
	int s;

	if (!set->handle_wanted)
		return r;
	if (r != -EAGAIN && r != -ETIMEDOUT)
		weir_set_ring(set);
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
	weir_set_unseat_handle(set);
	r = weir_set_leave_handle(set, wait(set, events, n, deadline));
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
	weir_set_ring(set);
	weir_lock_drop(&set->lock);
	return 0;
}
