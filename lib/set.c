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
 *     gather   on the sockets of streams (their way 2) and on a bell; plain
 *              rings by naps, in an io_uring or in threads of the library; a
 *              private ring's other end calls at the door
 *
 * The first costs as much as there are members, the second as are ready. A set
 * begins with words and goes over to the gather for good when a member has no
 * words, when a handle is asked for, and when it becomes large.
 *
 * The lock is held while members are looked at, never while asleep; news from
 * other threads has a lock of its own, which is taken last.
 */
#include <string.h>

#include "member.h"

/*
 * So many members sleep on words, unless the gather takes threads for them. A
 * sleep on words costs 0.4 microseconds of CPU a member, but its wake is 3 to 5
 * sooner: at 16 both cost the same CPU, and words are the sooner yet. Measured
 * by tests/stress/s_set measure, as median, CPU of a wake in microseconds (AMD,
 * two CPUs):
 *
 *                          16        64       127       600      2000
 *     plain rings
 *       words            12.7, 20  16.4, 41  20.0, 65
 *       gather           15.5, 19  16.3, 20  16.0, 20  17.3, 23  17.5, 35
 *       with threads     24.5, 36  43.5, 73  67.2, 120 74.1, 125 85.2, 146
 *     streams
 *       words            17.9, 27
 *       gather           22.8, 23            25.9, 26 (100)
 */
unsigned int weir_set_words_max = 16;

/* The ends are the parent's, and so is what waits for them. */
static void fork_child(struct weir_fork *thing, void (*drop)(weir_handle))
{
	struct weir_set *set = (struct weir_set *)(void *)
		((unsigned char *)thing - offsetof(struct weir_set, fork));

	(void)drop;
	set->forked = 1;
}

/* That stands behind the end's door, in any set. */
static struct member *member_at(const struct weir_end *end)
{
	struct weir_guest *guest = end->guest;

	return guest && guest->knock == weir_member_knock ?
		       weir_member_of(guest) : NULL;
}

/* going over to the gather */

static struct member *twin(const struct member *m)
{
	struct weir_end *sibling = m->end ? m->end->sibling : NULL;
	struct member *other = sibling ? member_at(sibling) : NULL;

	return other && other->set == m->set ? other : NULL;
}

static weir_handle socket_of(const struct member *m)
{
	if (m->listener)
		return weir_listener_pollable(m->listener);
	return weir_member_is_stream(m) ? m->end->byte.socket :
					  WEIR_HANDLE_NONE;
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
		weir_member_rouse(other);
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
			weir_member_rouse(set->slots[i]);
	weir_set_gathers(set);
	return 0;
}

static int needs_gather(const struct weir_set *set, const struct member *m)
{
	if (!weir_os_ability()->words || m->listener)
		return 1;
	return m->end->sleep.way == WEIR_OS_SEMAPHORE ||
	       m->end->sleep.way == WEIR_OS_SOCKET ||
	       set->n >= WEIR_OS_BEDS;
}

/* Not so where plain rings alone take threads there. */
static int prefers_gather(const struct weir_set *set, const struct member *m)
{
	return set->n >= weir_set_words_max &&
	       (weir_os_ability()->naps || set->streams ||
		weir_member_is_stream(m));
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

static void remove_member(struct member *m)
{
	struct weir_set *set = m->set;

	weir_lock_take(&set->lock);
	if (m->end) {
		weir_door_set(m->end->door, NULL);
		if (m->armed)
			weir_end_settle(m->end);
	}
	weir_member_leave_seat(m);
	unreg(m);
	if (m->end)
		m->end->guest = NULL;
	else
		weir_listener_guest(m->listener, NULL);
	weir_member_forget_news(m);
	weir_member_unqueue(m);
	set->slots[m->slot] = NULL;
	set->n--;
	set->streams -= (size_t)weir_member_is_stream(m);
	weir_set_let_go(set);
	free(m);
}

static void leave(struct weir_guest *guest)
{
	remove_member(weir_member_of(guest));
}

/* Cannot fail: who is refused finds the end as he left it, armed or not. */
static void take_end(struct member *m)
{
	struct weir_end *end = m->end;

	if (end->guest)
		end->guest->leave(end->guest);
	end->guest = &m->guest;
	weir_door_set(end->door, &m->guest);
}

static int add(struct weir_set *set, struct member *m)
{
	int r = 0;

	weir_lock_take(&set->lock);
	if (!set->gathering && (needs_gather(set, m) ||
				prefers_gather(set, m)))
		r = open_gather(set);
	if (r && !needs_gather(set, m))
		r = 0;
	if (!r)
		r = find_slot(set, &m->slot);
	if (!r && set->gathering)
		r = reg(m);
	if (!r) {
		set->slots[m->slot] = m;
		set->n++;
		set->streams += (size_t)weir_member_is_stream(m);
		if (m->end)
			take_end(m);
		else
			weir_listener_guest(m->listener, &m->guest);
		weir_member_enqueue(m);
		if (set->asleep || set->handle_wanted)
			weir_set_ring(set);
	}
	weir_lock_drop(&set->lock);
	return r;
}

static struct member *member_new(struct weir_set *set, void *user)
{
	struct member *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->guest.knock = weir_member_knock;
	m->guest.disturb = weir_member_disturb;
	m->guest.leave = leave;
	m->set = set;
	m->user = user;
	return m;
}

static int add_end(struct weir_set *set, struct weir_end *end, uint64_t want,
		   void *user)
{
	struct member *m;
	int r;

	if (set->forked || end->broken == -EINVAL)
		return -EINVAL;
	if (member_at(end))
		return -EBUSY;
	m = member_new(set, user);
	if (!m)
		return -ENOMEM;
	m->end = end;
	m->want = want;
	r = add(set, m);
	if (r)
		free(m);
	return r;
}

int weir_set_add_rx(struct weir_set *set, struct weir_rx *rx, void *user)
{
	return add_end(set, rx->end, 0, user);
}

int weir_set_add_tx(struct weir_set *set, struct weir_tx *tx, size_t len,
		    void *user)
{
	uint64_t want = 0;
	int r = weir_tx_fits(tx, len);

	if (r == -EMSGSIZE)
		return r;
	if (!r)
		want = weir_priv_record_size(len);
	return add_end(set, tx->end, want, user);
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
	struct member *m = member_at(end);

	if (set->forked || !m || m->set != set)
		return -ENOENT;
	remove_member(m);
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
			r = weir_set_leave_handle(set, 0);
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
		weir_set_unseat_handle(set);
	}
	for (i = 0; i < set->room; i++) {
		if (set->forked)
			/* The ends were told by the fork. */
			free(set->slots[i]);
		else if (set->slots[i])
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
