/* SPDX-License-Identifier: MIT */
/*
 * Listeners. weir_listener(7).
 *
 * A client that has connected is half-open until the handshake is done. All
 * half-open ones, the listening socket and a bell are in one gather; whoever is
 * told to have news is stepped until it has no more. Nobody waits for a single
 * client: a step never blocks, and what it may cost (an own block of memory) is
 * spent only for one who has greeted properly and is welcome.
 *
 * A client that says nothing is turned away after a while, and at once when 64
 * are half-open and another one comes. The time is measured by the deadline of
 * accept's own sleep; while nobody is half-open there is none.
 *
 * Everything here but cancel belongs to the thread that accepts.
 */
#include <string.h>

#include "internal.h"

#define CAPACITY_USUAL ((uint64_t)64 << 10)
#define PEER_CAPACITY_USUAL ((uint64_t)16 << 20)
#define BACKLOG_USUAL 128
#define HALF_OPEN 64
/* A client answers in microseconds; one that is stopped or swapped out may take
   longer. Arbitrary; tests have less time. */
int64_t weir_listener_patience_ns = 5000000000;
/* Accepted in one go before those who wait are looked at again. Arbitrary. */
#define BURST 16
#define LISTENING 1u		/* number in the gather; then half-open ones */

struct half_open {
	uint64_t number;
	int64_t deadline;
	int news;
	struct weir_meeting m;
	struct weir_listener *listener;
};

struct weir_listener {
	struct weir_address address;
	weir_handle reserve;	/* given up to turn away who finds no room */
	struct weir_stream_options stream;
	uint32_t max_clients;
	uint32_t *uids;
	size_t uids_count;
	int any_user;
	int (*allow)(void *ctx, const struct weir_peer *peer);
	void *ctx;
	struct weir_crowd *crowd;
	struct weir_gather gather;
	struct weir_spot spot;	/* on the gather */
	int news;		/* there are clients to let in */
	struct half_open *half[HALF_OPEN]; /* the oldest first */
	unsigned int n;
	uint64_t numbers;
	struct weir_stream *done; /* agreed with, not yet taken */
	struct weir_a32 cancelled;
	int broken;
	struct weir_fork fork;
	struct weir_door door;
	struct weir_guest *guest;
	/* a handle, where the gather has none */
	struct weir_spot bell;
	struct weir_watch nap;
	int handle_wanted, seated;
	struct weir_a32 told, quiet;
};

/* who may */

static int allowed(const struct weir_listener *l, const struct weir_peer *peer)
{
	size_t i;

	if (l->any_user)
		return 1;
	if (!l->uids)
		return peer->uid == l->address.uid || peer->uid == 0;
	for (i = 0; i < l->uids_count; i++)
		if (l->uids[i] == peer->uid)
			return 1;
	return 0;
}

/* Who greets may be another process than who connected, which has passed. */
static enum weir_refusal admit(struct weir_handshake *h)
{
	struct half_open *half = h->ctx;
	struct weir_listener *l = half->listener;

	if (!allowed(l, &h->who))
		return WEIR_REFUSAL_USER;
	/* relaxed: a stream that is closed at this moment may still count */
	if (l->max_clients &&
	    weir_load_relaxed32(&l->crowd->clients) >= l->max_clients)
		return WEIR_REFUSAL_CLIENTS;
	if (l->allow && l->allow(l->ctx, &h->who))
		return WEIR_REFUSAL_DECLINED;
	weir_stream_join(half->m.stream, l->crowd);
	return WEIR_REFUSAL_NONE;
}

static void turn_away(weir_handle socket, const struct weir_peer *peer,
		      enum weir_refusal why)
{
	struct weir_handshake h = {
		.socket = socket,
		.listens = 1,
		.vouched = *peer,
		.who = *peer,
	};

	weir_handshake_refuse(&h, why);
	weir_os()->handle_close(socket);
}

/* half-open ones */

static void take_out(struct weir_listener *l, struct half_open *half)
{
	unsigned int i = 0;

	weir_os()->gather(&l->gather, half->m.h.socket, 0);
	while (l->half[i] != half)
		i++;
	weir_fork_hold();
	l->n--;
	memmove(&l->half[i], &l->half[i + 1],
		(l->n - i) * sizeof(l->half[0]));
	weir_fork_release();
}

static void drop_half(struct weir_listener *l, struct half_open *half)
{
	take_out(l, half);
	weir_meeting_drop(&half->m);
	free(half);
}

static void refuse_half(struct weir_listener *l, struct half_open *half,
			enum weir_refusal why)
{
	weir_handshake_refuse(&half->m.h, why);
	drop_half(l, half);
}

/* Who has said nothing so far goes before who is waited for once more. */
static void make_place(struct weir_listener *l)
{
	struct half_open *worst = l->half[0];
	unsigned int i;

	if (l->n < HALF_OPEN)
		return;
	for (i = 0; i < l->n; i++)
		if (!l->half[i]->m.h.message.done &&
		    !l->half[i]->m.h.peer_base) {
			worst = l->half[i];
			break;
		}
	refuse_half(l, worst, WEIR_REFUSAL_SLOW);
}

static void expire(struct weir_listener *l)
{
	int64_t now;

	if (!l->n)
		return;
	now = weir_now();
	while (l->n && l->half[0]->deadline <= now)
		refuse_half(l, l->half[0], WEIR_REFUSAL_SLOW);
}

static void step(struct weir_listener *l, struct half_open *half)
{
	int r;

	half->news = 0;
	r = weir_meeting_step(&half->m, WEIR_NOWAIT);
	if (r == -EAGAIN)
		return;
	if (r) {
		drop_half(l, half);
		return;
	}
	take_out(l, half);
	l->done = half->m.stream;
	free(half);
}

/* new ones */

/* The socket is gone from the caller's hands, whatever comes of it. */
static void begin(struct weir_listener *l, weir_handle socket,
		  const struct weir_peer *peer)
{
	struct half_open *half = NULL;
	int r = -ENOMEM;

	if (!allowed(l, peer)) {
		turn_away(socket, peer, WEIR_REFUSAL_USER);
		return;
	}
	make_place(l);
	half = calloc(1, sizeof(*half));
	if (!half) {
		turn_away(socket, peer, WEIR_REFUSAL_FULL);
		return;
	}
	r = weir_meeting_begin(&half->m, socket, &l->stream);
	if (r) {
		free(half);
		return;
	}
	half->m.h.listens = 1;
	half->m.h.vouched = *peer;
	half->m.h.admit = admit;
	half->m.h.ctx = half;
	half->listener = l;
	half->number = ++l->numbers;
	half->deadline = weir_after(weir_listener_patience_ns);
	weir_fork_hold();
	l->half[l->n++] = half;
	weir_fork_release();
	r = weir_os()->gather(&l->gather, socket, half->number);
	if (r)
		refuse_half(l, half, WEIR_REFUSAL_FULL);
	else
		step(l, half);
}

/* Gives up the descriptor that was kept for this, and gets it back. */
static int turn_away_next(struct weir_listener *l)
{
	struct weir_peer peer;
	weir_handle socket;
	int r;

	if (l->reserve == WEIR_HANDLE_NONE)
		weir_os()->memory_open(&l->reserve, NULL, l->address.socket,
				       NULL, 0);
	if (l->reserve == WEIR_HANDLE_NONE)
		return -EMFILE;
	weir_os()->handle_close(l->reserve);
	l->reserve = WEIR_HANDLE_NONE;
	r = weir_os()->accept(&socket, l->address.socket, &peer);
	if (!r)
		turn_away(socket, &peer, WEIR_REFUSAL_FULL);
	weir_os()->memory_open(&l->reserve, NULL, l->address.socket, NULL, 0);
	return r;
}

static int let_in(struct weir_listener *l)
{
	struct weir_peer peer;
	weir_handle socket;
	int i, r = 0;

	for (i = 0; i < BURST && !l->done; i++) {
		r = weir_os()->accept(&socket, l->address.socket, &peer);
		if (r == -EMFILE)
			r = turn_away_next(l);
		else if (!r)
			begin(l, socket, &peer);
		if (r)
			break;
	}
	if (r == -EAGAIN)
		l->news = 0;
	return r == -EAGAIN ? 0 : r;
}

/* the round */

/* Notes who has news. Where handles are told by edges they are not told again,
   so a note stays until there is no more. */
static void harvest(struct weir_listener *l, int64_t deadline)
{
	unsigned int i, k;

	weir_os()->sleep(&l->spot, 0, NULL, 0, deadline);
	for (i = 0; i < l->gather.n; i++) {
		if (l->gather.ready[i] == LISTENING)
			l->news = 1;
		for (k = 0; k < l->n; k++)
			if (l->half[k]->number == l->gather.ready[i])
				l->half[k]->news = 1;
	}
	l->gather.n = 0;
}

static struct half_open *next_with_news(const struct weir_listener *l)
{
	unsigned int i;

	for (i = 0; i < l->n; i++)
		if (l->half[i]->news)
			return l->half[i];
	return NULL;
}

static int unfinished(const struct weir_listener *l)
{
	return l->done || l->news || next_with_news(l);
}

/* Ends, for a step takes the note away and nothing here makes one. */
static int look(struct weir_listener *l)
{
	struct half_open *half;
	int r = 0;

	if (l->broken)
		return l->broken;
	/* relaxed: cancel rings the bell afterwards */
	if (weir_load_relaxed32(&l->cancelled))
		return -ECANCELED;
	if (!l->done)
		harvest(l, WEIR_NOWAIT);
	while (!l->done && (half = next_with_news(l)))
		step(l, half);
	if (!l->done && l->news)
		r = let_in(l);
	expire(l);
	if (l->done)
		return 0;
	return r ? r : -EAGAIN;
}

/*
 * The handle where no descriptor stands for the gather: a bell, rung by a
 * thread of the library that sleeps on the gather while the program does not.
 */
static void told(struct weir_watch *nap, uint32_t nothing)
{
	struct weir_listener *l = (struct weir_listener *)(void *)
		((unsigned char *)nap - offsetof(struct weir_listener, nap));
	struct weir_spot spot = { .way = WEIR_OS_LOCAL, .word = &l->told };

	(void)nothing;
	/* relaxed: what woke this thread came after it */
	if (!weir_load_relaxed32(&l->quiet)) {
		if (l->handle_wanted)
			weir_os()->wake(&l->bell, 1);
		weir_door_knock(&l->door);
	}
	/* R17 pairs with A17 in unseat(): all of this. */
	weir_store_release32(&l->told, 1);
	weir_os()->wake(&spot, 1);
}

/* The thread has come back from its sleep before it is let go. */
static void unseat(struct weir_listener *l)
{
	struct weir_spot spot = { .way = WEIR_OS_LOCAL, .word = &l->told };

	/* relaxed: the wake comes after it */
	weir_store_relaxed32(&l->quiet, 1);
	weir_os()->wake(&l->spot, 1);
	/* A17 pairs with R17 in told(). */
	while (!weir_load_acquire32(&l->told))
		weir_os()->sleep(&spot, 0, NULL, 0, WEIR_FOREVER);
	weir_os()->unwatch(&l->nap);
	l->seated = 0;
}

/* In a forked child the bell is its parent's yet. */
static void call_off(struct weir_listener *l)
{
	if (l->broken)
		return;
	if (l->seated)
		unseat(l);
	if (l->handle_wanted)
		weir_os()->sleep(&l->bell, 0, NULL, 0, WEIR_NOWAIT);
}

/* No thread tells what comes from now on: the program is to come at once. */
static void nobody_watches(struct weir_listener *l)
{
	if (l->handle_wanted)
		weir_os()->wake(&l->bell, 1);
	weir_door_knock(&l->door);
}

/* What is left to do is told again, as if it had just come. */
static int arm(struct weir_listener *l)
{
	int r = 0;

	if (!l->handle_wanted && !l->guest)
		return 0;
	if (unfinished(l))
		weir_os()->wake(&l->spot, 1);
	if (l->gather.handle != WEIR_HANDLE_NONE || l->broken)
		return 0;
	/* relaxed: no thread has it yet */
	weir_store_relaxed32(&l->told, 0);
	/* relaxed: the same */
	weir_store_relaxed32(&l->quiet, 0);
	l->nap = (struct weir_watch){
		.gone = told,
		.socket = WEIR_HANDLE_NONE,
		.process = WEIR_HANDLE_NONE,
		.memory = WEIR_HANDLE_NONE,
		.spot = l->spot,
	};
	r = weir_os()->watch(&l->nap);
	l->seated = !r;
	if (r)
		nobody_watches(l);
	return r;
}

/* for a set */

weir_handle weir_listener_pollable(struct weir_listener *l)
{
	return l->gather.handle;
}

void weir_listener_guest(struct weir_listener *l, struct weir_guest *guest)
{
	weir_door_set(&l->door, guest);
	l->guest = guest;
}

int weir_listener_has_guest(struct weir_listener *l)
{
	return l->guest != NULL;
}

int weir_listener_look(struct weir_listener *l)
{
	int a, r;

	call_off(l);
	r = look(l);
	a = arm(l);
	return r == -EAGAIN && a ? a : r;
}

/* the calls */

static int64_t until(const struct weir_listener *l, int64_t deadline)
{
	if (l->n && l->half[0]->deadline < deadline)
		return l->half[0]->deadline;
	return deadline;
}

static int wait(struct weir_listener *l, int64_t deadline)
{
	int r;

	for (;;) {
		r = look(l);
		if (r != -EAGAIN || deadline == WEIR_NOWAIT)
			return r;
		if (unfinished(l))
			continue;
		if (deadline != WEIR_FOREVER && weir_now() >= deadline)
			return -ETIMEDOUT;
		harvest(l, until(l, deadline));
	}
}

int weir_listener_accept(struct weir_listener *l, struct weir_stream **stream,
			 int64_t deadline)
{
	int r;

	call_off(l);
	r = wait(l, deadline);
	if (!r) {
		*stream = l->done;
		l->done = NULL;
	}
	arm(l);
	return r;
}

int weir_listener_handle(struct weir_listener *l, weir_handle *handle)
{
	int r = 0;

	if (l->broken)
		return l->broken;
	if (l->gather.handle == WEIR_HANDLE_NONE &&
	    l->bell.bell[0] == WEIR_HANDLE_NONE)
		r = weir_os()->spot_init(&l->bell);
	if (r)
		return r;
	call_off(l);
	l->handle_wanted = 1;
	r = arm(l);
	*handle = l->gather.handle != WEIR_HANDLE_NONE ? l->gather.handle :
							 l->bell.bell[0];
	return r;
}

int weir_listener_cancel(struct weir_listener *l)
{
	/* relaxed: the bell's write comes after it */
	weir_store_relaxed32(&l->cancelled, 1);
	weir_os()->wake(&l->spot, 1);
	weir_door_knock(&l->door);
	return 0;
}

/* opening and closing */

static int take_options(struct weir_listener_options *o,
			struct weir_stream_options *so,
			const struct weir_listener_options *given)
{
	struct weir_stream_options asked;
	int r = weir_options_copy(o, sizeof(*o), sizeof(*o), given);

	if (r)
		return r;
	if (!!o->uids != !!o->uids_count || o->backlog > INT32_MAX ||
	    (o->flags & WEIR_STREAM_ANY_USER && o->uids))
		return -EINVAL;
	asked = (struct weir_stream_options){
		.size = sizeof(asked),
		.capacity = o->capacity ? o->capacity : CAPACITY_USUAL,
		.peer_capacity_max = o->peer_capacity_max ?
			o->peer_capacity_max : PEER_CAPACITY_USUAL,
		.flags = o->flags & ~WEIR_LISTENER_HANDLE,
		.spin_us = o->spin_us,
	};
	return weir_stream_options_take(so, &asked, WEIR_STREAM_ALLOW_UNSEALED |
					WEIR_STREAM_ANY_USER);
}

static int copy_policy(struct weir_listener *l,
		       const struct weir_listener_options *o)
{
	size_t i;

	l->any_user = !!(o->flags & WEIR_STREAM_ANY_USER);
	l->max_clients = o->max_clients;
	l->allow = o->allow;
	l->ctx = o->ctx;
	l->uids_count = o->uids_count;
	if (!o->uids)
		return 0;
	l->uids = calloc(o->uids_count, sizeof(*l->uids));
	if (!l->uids)
		return -ENOMEM;
	for (i = 0; i < o->uids_count; i++)
		l->uids[i] = o->uids[i];
	return 0;
}

static int open_gather(struct weir_listener *l)
{
	int r = weir_os()->spot_init(&l->spot);

	if (r)
		return r;
	r = weir_os()->gather(&l->gather, l->address.socket, LISTENING);
	if (!r)
		r = weir_os()->memory_open(&l->reserve, NULL,
					   l->address.socket, NULL, 0);
	if (r)
		weir_os()->gather(&l->gather, WEIR_HANDLE_NONE, 0);
	return r;
}

/* Copies in a child would keep the name alive, and close it for its parent. */
static void child(struct weir_fork *thing, void (*drop)(weir_handle handle))
{
	struct weir_listener *l = (struct weir_listener *)(void *)
		((unsigned char *)thing - offsetof(struct weir_listener, fork));

	l->broken = -EINVAL;
	l->seated = 0;
	l->guest = NULL;
	l->door = (struct weir_door){ { { 0 } }, NULL };
	drop(l->address.socket);
	l->address.socket = WEIR_HANDLE_NONE;
	drop(l->reserve);
	l->reserve = WEIR_HANDLE_NONE;
}

static int listener_new(struct weir_listener **out)
{
	struct weir_listener *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->crowd = calloc(1, sizeof(*l->crowd));
	if (!l->crowd) {
		free(l);
		return -ENOMEM;
	}
	/* relaxed: nobody else has it yet */
	weir_store_relaxed32(&l->crowd->holders, 1);
	l->reserve = WEIR_HANDLE_NONE;
	l->numbers = LISTENING;
	l->spot = (struct weir_spot){ .way = WEIR_OS_GATHER,
				      .socket = WEIR_HANDLE_NONE,
				      .gather = &l->gather };
	l->bell = (struct weir_spot){
		.way = WEIR_OS_SOCKET,
		.socket = WEIR_HANDLE_NONE,
		.bell = { WEIR_HANDLE_NONE, WEIR_HANDLE_NONE },
	};
	l->fork.child = child;
	*out = l;
	return 0;
}

static void listener_free(struct weir_listener *l)
{
	weir_crowd_leave(l->crowd);
	free(l->uids);
	free(l);
}

int weir_listener_open(struct weir_listener **listener, const char *name,
		       const struct weir_listener_options *options)
{
	struct weir_listener_options o;
	struct weir_stream_options so;
	struct weir_listener *l;
	int r, given;

	r = take_options(&o, &so, options);
	given = !!(o.flags & WEIR_LISTENER_HANDLE);
	if (!r && (given ? o.handle == WEIR_HANDLE_NONE : !name))
		r = -EINVAL;
	if (!r)
		r = listener_new(&l);
	if (r)
		return r;
	l->stream = so;
	l->address.name = name;
	l->address.given = given ? o.handle : WEIR_HANDLE_NONE;
	l->address.backlog = o.backlog ? (int)o.backlog : BACKLOG_USUAL;
	l->address.everybody = o.uids || o.flags & WEIR_STREAM_ANY_USER;
	r = copy_policy(l, &o);
	if (!r)
		r = weir_os()->socket(&l->address, WEIR_SOCKET_LISTEN, 0);
	if (!r) {
		r = open_gather(l);
		if (r)
			weir_os()->socket(&l->address, WEIR_SOCKET_CLOSE, 0);
	}
	if (r) {
		listener_free(l);
		return r;
	}
	weir_fork_add_thing(&l->fork);
	*listener = l;
	return 0;
}

/* As many as the queue may hold; who comes meanwhile is hung up on. Those in
   the queue of a socket that is shared wait for who comes next. */
static void turn_all_away(struct weir_listener *l)
{
	struct weir_peer peer;
	weir_handle socket;
	int i;

	while (l->n)
		refuse_half(l, l->half[0], WEIR_REFUSAL_CLOSING);
	for (i = l->address.backlog; i >= 0 && l->address.path[0]; i--) {
		if (weir_os()->accept(&socket, l->address.socket, &peer))
			break;
		turn_away(socket, &peer, WEIR_REFUSAL_CLOSING);
	}
}

static void drop(weir_handle handle)
{
	if (handle != WEIR_HANDLE_NONE)
		weir_os()->handle_close(handle);
}

/* In a forked child: only what is its own. The gather may be half changed by a
   thread that is not here, and is as a whole closed later. */
static void forget(struct weir_listener *l)
{
	while (l->n) {
		struct half_open *half = l->half[--l->n];

		weir_meeting_drop(&half->m);
		free(half);
	}
}

void weir_listener_close(struct weir_listener *l)
{
	if (!l)
		return;
	call_off(l);
	if (l->guest)
		l->guest->leave(l->guest);
	weir_stream_close(l->done);
	if (l->broken) {
		forget(l);
	} else {
		weir_fork_remove_thing(&l->fork);
		turn_all_away(l);
		weir_os()->socket(&l->address, WEIR_SOCKET_CLOSE, 0);
	}
	drop(l->reserve);
	weir_os()->gather(&l->gather, WEIR_HANDLE_NONE, 0);
	drop(l->bell.bell[0]);
	drop(l->bell.bell[1]);
	listener_free(l);
}
