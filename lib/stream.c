/* SPDX-License-Identifier: MIT */
/*
 * Streams: two rings and a peer. Between processes each side's half of the
 * memory is its own block, which the other maps read-only; between two threads
 * both rings are private ones. weir_stream(7).
 */
#include <stdio.h>
#include <string.h>

#include "internal.h"

#define CAPACITY_USUAL ((uint64_t)256 << 10)
#define PEER_CAPACITY_USUAL ((uint64_t)1 << 30)
#define FLAGS_OF_RINGS                                                        \
	(WEIR_RING_HUGE_PAGES | WEIR_RING_NO_PREFAULT | WEIR_RING_NO_METRICS)

/* The two rings of a pair; the stream that is closed last lets them go. */
struct pair {
	struct weir_ring *rings[2];
	struct weir_a32 holders;
};

struct weir_stream {
	struct weir_tx *tx;
	struct weir_rx *rx;
	struct weir_peer peer;
	struct pair *pair;		/* two threads; else: */
	weir_handle socket, process, memory;
	unsigned char *base, *peer_base;
	struct weir_geometry own, other;
	uint64_t page_size;
	uint32_t flags;
	int barrier;
	struct weir_end *ends[2];	/* [0] tx, [1] rx */
	struct weir_watch watch;
	int watched;
	struct weir_crowd *crowd;	/* came by a listener: counted there */
};

/* flags: what is known besides those of rings. */
int weir_stream_options_take(struct weir_stream_options *o,
			     const struct weir_stream_options *given,
			     uint32_t flags)
{
	int r = weir_options_copy(o, sizeof(*o), sizeof(*o), given);

	if (!r && (o->flags & ~(FLAGS_OF_RINGS | flags) || o->spin_us < -1))
		r = -EINVAL;
	if (!r)
		r = weir_layout_capacity(&o->capacity, o->capacity,
					 CAPACITY_USUAL);
	if (!o->peer_capacity_max)
		o->peer_capacity_max = PEER_CAPACITY_USUAL;
	return r ? r : weir_os_usable();
}

static int stream_new(struct weir_stream **out)
{
	struct weir_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->socket = WEIR_HANDLE_NONE;
	s->process = WEIR_HANDLE_NONE;
	s->memory = WEIR_HANDLE_NONE;
	s->peer.pid = -1;
	s->peer.uid = UINT32_MAX;
	s->peer.gid = UINT32_MAX;
	*out = s;
	return 0;
}

/* a pair */

static void pair_drop(struct pair *pair)
{
	/* X8 pairs with itself in the other thread: the last one frees what
	   both have finished with. */
	if (weir_add_acq_rel32(&pair->holders, -1u) != 1)
		return;
	weir_ring_close(pair->rings[0]);
	weir_ring_close(pair->rings[1]);
	free(pair);
}

static int pair_new(struct pair **out, const struct weir_stream_options *o)
{
	struct weir_ring_options ring = {
		.size = sizeof(ring),
		.capacity = o->capacity,
		.flags = WEIR_RING_PRIVATE |
			 (o->flags & FLAGS_OF_RINGS),
		.spin_us = o->spin_us,
	};
	struct pair *pair = calloc(1, sizeof(*pair));
	int r;

	if (!pair)
		return -ENOMEM;
	/* relaxed: nobody else has it yet */
	weir_store_relaxed32(&pair->holders, 1);
	r = weir_ring_create(&pair->rings[0], &ring);
	if (!r)
		r = weir_ring_create(&pair->rings[1], &ring);
	if (r)
		pair_drop(pair);
	else
		*out = pair;
	return r;
}

static int pair_side(struct weir_stream **out, struct pair *pair, int side)
{
	struct weir_stream *s;
	int r = stream_new(&s);

	if (r)
		return r;
	/* X8 as in pair_drop() */
	weir_add_acq_rel32(&pair->holders, 1);
	s->pair = pair;
	s->peer.pid = 0;
	snprintf(s->peer.who, sizeof(s->peer.who), "this process");
	r = weir_ring_tx(pair->rings[side], &s->tx);
	if (!r)
		r = weir_ring_rx(pair->rings[!side], &s->rx);
	if (r) {
		weir_stream_close(s);
		return r;
	}
	s->tx->end->lent = 1;
	s->rx->end->lent = 1;
	s->tx->end->mate = s->rx->end;
	s->rx->end->mate = s->tx->end;
	*out = s;
	return 0;
}

int weir_stream_pair(struct weir_stream *ends[2],
		     const struct weir_stream_options *options)
{
	struct weir_stream *made[2] = { NULL, NULL };
	struct weir_stream_options o;
	struct pair *pair;
	int r;

	r = weir_stream_options_take(&o, options, WEIR_STREAM_ALLOW_UNSEALED);
	if (!r)
		r = pair_new(&pair, &o);
	if (r)
		return r;
	r = pair_side(&made[0], pair, 0);
	if (!r)
		r = pair_side(&made[1], pair, 1);
	pair_drop(pair);
	if (r) {
		weir_stream_close(made[0]);
		return r;
	}
	ends[0] = made[0];
	ends[1] = made[1];
	return 0;
}

/* a connection */

static int make_own(struct weir_stream *s, const struct weir_stream_options *o)
{
	struct weir_header_wish wish = {
		.capacity = o->capacity,
		.features = WEIR_FEATURE_CONNECTION,
	};
	uint64_t size = weir_layout_size(o->capacity);
	uint32_t how = 0;
	void *base;
	int r;

	if (!(o->flags & WEIR_RING_NO_PREFAULT))
		how |= WEIR_MAP_PREFAULT;
	if (o->flags & WEIR_RING_HUGE_PAGES)
		how |= WEIR_MAP_HUGE;
	r = weir_os()->memory_create(&s->memory, size, NULL);
	if (!r)
		r = weir_os()->memory_map(&base, s->memory, size, how,
					  &s->page_size);
	if (r)
		return r;
	s->base = base;
	s->own.size = size;
	weir_layout_write(base, size, &wish);
	r = weir_layout_check(&s->own, base, size);
	/* Mapped first: the seal forbids every later writable mapping. */
	return r ? r : weir_os()->memory_share(s->memory, NULL, 1);
}

static struct weir_half *half(unsigned char *base, uint64_t offset)
{
	return (struct weir_half *)(void *)(base + offset);
}

static int set_spots(struct weir_stream *s, struct weir_end *end, int words)
{
	struct weir_half *peer = end->producer ?
		half(s->peer_base, s->other.consumer) :
		half(s->peer_base, s->other.producer);
	int r;

	end->byte.socket = s->socket;
	if (words) {
		end->sleep.way = WEIR_OS_WORDS;
		end->sleep.word = &peer->doorbell;
		end->wake.way = WEIR_OS_WORDS;
		end->wake.word = &end->mine->doorbell;
		end->poke.way = WEIR_OS_OWN;
		end->poke.word = &end->own;
		return 0;
	}
	end->asleep = WEIR_ASLEEP_DESCRIPTOR;
	end->wake = end->byte;
	end->sleep = end->byte;
	r = weir_os()->spot_init(&end->sleep);
	if (r)
		return r;
	end->poke = end->sleep;
	end->poke.socket = WEIR_HANDLE_NONE;
	return 0;
}

static int make_end(struct weir_stream *s, int producer, int words,
		    const struct weir_stream_options *o)
{
	struct weir_end_place place = {
		.producer = producer,
		.barrier = s->barrier ? 2 : 0,
		.spin_us = o->spin_us,
		.metrics = !(o->flags & WEIR_RING_NO_METRICS),
	};
	struct weir_end **end = &s->ends[!producer];
	int r;

	if (producer) {
		place.data = s->base + s->own.data;
		place.capacity = s->own.capacity;
		place.mine = half(s->base, s->own.producer);
		place.peer = half(s->peer_base, s->other.consumer);
	} else {
		place.data = s->peer_base + s->other.data;
		place.capacity = s->other.capacity;
		place.mine = half(s->base, s->own.consumer);
		place.peer = half(s->peer_base, s->other.producer);
	}
	r = weir_end_new(end, &place);
	if (r)
		return r;
	(*end)->stream = s;
	(*end)->hidden[0] = producer ? &s->socket : &s->process;
	return set_spots(s, *end, words);
}

static void peer_gone(struct weir_watch *watch, uint32_t claims)
{
	struct weir_stream *s = (struct weir_stream *)(void *)
		((unsigned char *)watch - offsetof(struct weir_stream, watch));

	weir_end_gone(s->ends[0], claims);
	weir_end_gone(s->ends[1], claims);
}

/* All that may fail for want of something comes before the last word of the
   handshake, so that the peer is told and does not take this for a death. */
static int make_ends(struct weir_stream *s, int words,
		     const struct weir_stream_options *o)
{
	int i, r;

	for (i = 0; i < 2; i++) {
		r = make_end(s, !i, words, o);
		if (r)
			return r;
	}
	s->ends[0]->sibling = s->ends[1];
	s->ends[1]->sibling = s->ends[0];
	for (i = 0; i < 2; i++)
		weir_fork_add(s->ends[i]);
	s->watch = (struct weir_watch){
		.gone = peer_gone,
		.socket = s->socket,
		.process = s->process,
		.memory = WEIR_HANDLE_NONE,
	};
	r = weir_os()->watch(&s->watch);
	s->watched = !r;
	return r;
}

/* After the handshake: this may put a byte into the socket. */
static int start(struct weir_stream *s)
{
	int i, r;

	for (i = 0; i < 2; i++) {
		r = weir_end_start(s->ends[i]);
		if (r)
			return r;
	}
	s->tx = &s->ends[0]->side.tx;
	s->rx = &s->ends[1]->side.rx;
	return 0;
}

/* the making of a connection */

static struct weir_meeting *meeting_of(struct weir_handshake *h)
{
	return (struct weir_meeting *)(void *)
		((unsigned char *)h - offsetof(struct weir_meeting, h));
}

static int make(struct weir_handshake *h)
{
	struct weir_meeting *m = meeting_of(h);
	struct weir_stream *s = m->stream;
	int r;

	r = make_own(s, &m->options);
	h->sealed = !r;
	h->capacity = s->own.capacity;
	h->size = s->own.size;
	h->memory = s->memory;
	return r == -ENOSYS ? 0 : r;
}

/* What came from the other side is the stream's. */
static void settle(struct weir_meeting *m)
{
	struct weir_stream *s = m->stream;

	if (m->h.peer_process != WEIR_HANDLE_NONE)
		s->process = m->h.peer_process;
	m->h.peer_process = WEIR_HANDLE_NONE;
	s->peer_base = m->h.peer_base;
	s->other = m->h.peer;
	s->peer = m->h.who;
	s->barrier = m->h.barrier;
	/* The mapping stays; the peer's descriptor need not. */
	if (m->h.peer_memory != WEIR_HANDLE_NONE)
		weir_os()->handle_close(m->h.peer_memory);
	m->h.peer_memory = WEIR_HANDLE_NONE;
}

static int ready(struct weir_handshake *h)
{
	struct weir_meeting *m = meeting_of(h);

	settle(m);
	return make_ends(m->stream, h->words, &m->options);
}

/* A child's copy of the socket would hide that this process has died, and its
   ends, which are in no list of their own yet, would say that it has closed. */
static void child(struct weir_fork *thing, void (*hide)(weir_handle handle))
{
	struct weir_meeting *m = (struct weir_meeting *)(void *)
		((unsigned char *)thing - offsetof(struct weir_meeting, fork));
	int i;

	hide(m->stream->socket);
	m->stream->socket = WEIR_HANDLE_NONE;
	for (i = 0; i < 2; i++)
		if (m->stream->ends[i]) {
			m->stream->ends[i]->broken = -EINVAL;
			weir_end_disable(m->stream->ends[i]);
		}
}

/* The socket is the meeting's from now on, also after an error. */
int weir_meeting_begin(struct weir_meeting *m, weir_handle socket,
		       const struct weir_stream_options *o)
{
	int r;

	m->options = *o;
	m->h = (struct weir_handshake){
		.socket = socket,
		.capacity_max = o->peer_capacity_max,
		.allow_unsealed = !!(o->flags & WEIR_STREAM_ALLOW_UNSEALED),
		.prefault = !(o->flags & WEIR_RING_NO_PREFAULT),
		.make = make,
		.ready = ready,
		.memory = WEIR_HANDLE_NONE,
		.peer_memory = WEIR_HANDLE_NONE,
		.peer_process = WEIR_HANDLE_NONE,
	};
	r = stream_new(&m->stream);
	if (r) {
		weir_os()->handle_close(socket);
		return r;
	}
	m->stream->socket = socket;
	m->stream->flags = o->flags;
	m->h.who = m->stream->peer;
	m->fork.child = child;
	weir_fork_add_thing(&m->fork);
	return 0;
}

int weir_meeting_step(struct weir_meeting *m, int64_t deadline)
{
	int r = 0;

	if (!m->h.listens && m->h.memory == WEIR_HANDLE_NONE)
		r = make(&m->h);
	if (!r)
		r = weir_handshake_step(&m->h, deadline);
	if (!r)
		r = start(m->stream);
	/* the ends' now */
	if (!r)
		weir_fork_remove_thing(&m->fork);
	return r;
}

/* Also after the last step has failed. */
void weir_meeting_drop(struct weir_meeting *m)
{
	weir_fork_remove_thing(&m->fork);
	settle(m);
	weir_stream_close(m->stream);
	m->stream = NULL;
}

int weir_stream_attach(struct weir_stream **stream, weir_handle socket,
		       const struct weir_stream_options *options,
		       int64_t deadline)
{
	struct weir_stream_options o;
	struct weir_meeting m;
	weir_handle own;
	int r;

	r = weir_stream_options_take(&o, options, WEIR_STREAM_ALLOW_UNSEALED);
	if (!r && socket == WEIR_HANDLE_NONE)
		r = -EINVAL;
	if (!r)
		r = weir_os()->memory_open(&own, NULL, socket, NULL, 0);
	if (!r)
		r = weir_meeting_begin(&m, own, &o);
	if (r)
		return r;
	r = weir_meeting_step(&m, deadline);
	if (r)
		weir_meeting_drop(&m);
	else
		*stream = m.stream;
	return r;
}

struct weir_tx *weir_stream_tx(struct weir_stream *stream)
{
	return stream->tx;
}

struct weir_rx *weir_stream_rx(struct weir_stream *stream)
{
	return stream->rx;
}

int weir_stream_write(struct weir_stream *stream, const void *data, size_t len,
		      int64_t deadline)
{
	return weir_tx_write(stream->tx, data, len, deadline);
}

ssize_t weir_stream_read(struct weir_stream *stream, void *data, size_t size,
			 int64_t deadline)
{
	return weir_rx_read(stream->rx, data, size, deadline);
}

/*
 * In pieces of an eighth of the ring: the reader starts on the first while the
 * next is being written. Arbitrary within a factor of two either way.
 */
int weir_stream_write_all(struct weir_stream *stream, const void *data,
			  size_t len, int64_t deadline)
{
	const unsigned char *from = data;
	size_t piece = (size_t)(stream->tx->mask + 1) / 8;
	int r = 0;

	while (len && !r) {
		size_t n = len < piece ? len : piece;

		r = weir_tx_write(stream->tx, from, n, deadline);
		from += n;
		len -= n;
	}
	return r;
}

ssize_t weir_stream_read_exact(struct weir_stream *stream, void *data,
			       size_t len, int64_t deadline)
{
	struct weir_rx *rx = stream->rx;
	size_t got = 0;
	ssize_t n = 0;

	while (got < len) {
		n = weir_rx_take_part(rx, (unsigned char *)data + got,
				      len - got);
		if (n == -EAGAIN && deadline != WEIR_NOWAIT) {
			n = weir_rx_wait(rx, deadline);
			if (!n)
				continue;
		}
		if (n < 0)
			break;
		got += (size_t)n;
	}
	return got || n >= 0 ? (ssize_t)got : n;
}

int weir_stream_peer(const struct weir_stream *stream, struct weir_peer *peer)
{
	*peer = stream->peer;
	return 0;
}

int weir_stream_handle(struct weir_stream *stream, weir_handle *handle)
{
	return weir_end_handle(stream->rx->end, handle);
}

int weir_stream_cancel(struct weir_stream *stream)
{
	weir_tx_cancel(stream->tx);
	return weir_rx_cancel(stream->rx);
}

int weir_stream_describe(const struct weir_stream *s, int producer,
			 struct weir_ring_info *info)
{
	const struct weir_geometry *g = producer ? &s->own : &s->other;
	const struct weir_end *end = s->ends[!producer];
	uint64_t mine, peer;

	/* relaxed: a moment's value, clamped */
	mine = weir_load_relaxed64(&end->mine->position);
	/* relaxed: the same */
	peer = weir_load_relaxed64(&end->peer->position);
	*info = (struct weir_ring_info){
		.id = g->id,
		.capacity = g->capacity,
		.max_message = weir_layout_max_message(g->capacity),
		.filled = producer ? mine - peer : peer - mine,
		.flags = s->flags & FLAGS_OF_RINGS,
		.layout = WEIR_LAYOUT,
		.page_size = s->page_size,
	};
	if (info->filled > g->capacity)
		info->filled = 0;
	if (s->barrier)
		info->flags |= WEIR_RING_BARRIER;
	return 0;
}

static void drop(weir_handle handle)
{
	if (handle != WEIR_HANDLE_NONE)
		weir_os()->handle_close(handle);
}

static void connection_close(struct weir_stream *s)
{
	int i, ours = 1;

	for (i = 0; i < 2; i++)
		if (s->ends[i]) {
			/* a forked child must not hang up for its parent */
			ours = s->ends[i]->broken != -EINVAL;
			weir_end_close(s->ends[i]);
		}
	if (s->watched && ours)
		weir_os()->unwatch(&s->watch);
	for (i = 0; i < 2; i++)
		if (s->ends[i]) {
			drop(s->ends[i]->sleep.bell[0]);
			drop(s->ends[i]->sleep.bell[1]);
			weir_end_free(s->ends[i]);
		}
	if (s->peer_base)
		weir_os()->memory_unmap(s->peer_base, s->other.size);
	if (s->base)
		weir_os()->memory_unmap(s->base, s->own.size);
	drop(s->memory);
	drop(s->process);
	drop(s->socket);
	if (s->crowd) {
		/* X21 (alone): a count */
		weir_add_acq_rel32(&s->crowd->clients, -1u);
		weir_crowd_leave(s->crowd);
	}
}

void weir_crowd_leave(struct weir_crowd *crowd)
{
	/* X8 as in pair_drop(): the last one frees it. */
	if (weir_add_acq_rel32(&crowd->holders, -1u) == 1)
		free(crowd);
}

/* The clients of a listener are counted until they are closed, which may be
   after the listener is. */
void weir_stream_join(struct weir_stream *s, struct weir_crowd *crowd)
{
	/* X21 (alone): a count */
	weir_add_acq_rel32(&crowd->holders, 1);
	/* X21 (alone): the same */
	weir_add_acq_rel32(&crowd->clients, 1);
	s->crowd = crowd;
}

void weir_stream_close(struct weir_stream *s)
{
	if (!s)
		return;
	if (s->pair) {
		if (s->tx)
			weir_ring_forget(s->tx->end->ring, s->tx->end);
		if (s->rx)
			weir_ring_forget(s->rx->end->ring, s->rx->end);
		pair_drop(s->pair);
	} else {
		connection_close(s);
	}
	free(s);
}
