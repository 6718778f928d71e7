/* SPDX-License-Identifier: MIT */
/*
 * Every call of tx and rx in a random mix, in one thread, beside a model that
 * knows for each call what it must answer: a queue of lengths and the rule of
 * weir/layout.h for what fits. Many capacities, every kind of ring, and rings
 * whose positions begin just before 2^32 and other borders.
 *
 * Seen to fail with: positions cut to 32 bits; an abort that keeps its place; a
 * shrink that keeps the room; no zero behind a record; a ring that is full 8
 * bytes late; a read that drops what does not fit; padding that a look at the
 * next message gave back; a reader's successor that does not know of the run.
 */
#include "../t.h"

struct item {
	size_t len;
	uint64_t end;	/* the position behind its record */
};

struct sim {
	struct t_pair pair;
	struct t_random *random;
	struct t_model model;	/* written: committed; read: released */
	uint64_t top;		/* written, with the reservations */
	size_t max;
	struct item *items;	/* of sequence number s at s % n */
	uint64_t n;
	uint64_t released, peeked, committed, reserved; /* numbers */
	uint64_t at;		/* the position behind what is peeked */
	uint64_t open_begin;	/* of the last reservation */
	void *open_data;
	unsigned char *data, *copy;
	int reader_told, writer_told; /* got -EPIPE, no message since */
	/* how often something happened, so that the mix can be judged */
	unsigned long sent, full, wrapped, runs;
};

static struct item *item(struct sim *sim, uint64_t seq)
{
	return &sim->items[seq % sim->n];
}

static int is_open(const struct sim *sim)
{
	return sim->reserved != sim->committed;
}

static int is_peeking(const struct sim *sim)
{
	return sim->peeked != sim->released;
}

/* Mostly small, sometimes anything, sometimes the borders. */
static size_t some_len(struct sim *sim)
{
	switch (t_random_below(sim->random, 8)) {
	case 0:
		return (size_t)t_random_below(sim->random, sim->max + 1);
	case 1:
		return sim->max - (size_t)t_random_below(sim->random, 16);
	case 2:
		return (size_t)t_random_below(sim->random, 2);
	case 3:
		return (size_t)t_random_below(sim->random, 1 + sim->max / 8);
	default:
		return (size_t)t_random_below(sim->random, 200);
	}
}

static void push(struct sim *sim, size_t len)
{
	uint64_t begin = t_model_begin(&sim->model, sim->top, len);

	sim->wrapped += begin != sim->top;
	sim->open_begin = begin;
	sim->top = t_model_end(&sim->model, sim->top, len);
	item(sim, sim->reserved)->len = len;
	item(sim, sim->reserved)->end = sim->top;
	sim->reserved++;
}

static void publish(struct sim *sim)
{
	sim->sent += (unsigned long)(sim->reserved - sim->committed);
	sim->committed = sim->reserved;
	sim->model.written = sim->top;
	sim->reader_told = 0;
}

static void forget(struct sim *sim)
{
	sim->reserved = sim->committed;
	sim->top = sim->model.written;
}

/* What a call that needs room answers: 0, or why it has none. An end that the
   producer was told of is over as soon as room is found. */
static int room_for(struct sim *sim, size_t len)
{
	if (t_model_fits(&sim->model, sim->top, len)) {
		sim->writer_told = 0;
		return 0;
	}
	sim->full++;
	return sim->writer_told ? -EPIPE : -EAGAIN;
}

/* What a look for a message answers; one that is found ends the end, too. */
static int any_message(struct sim *sim)
{
	if (sim->peeked != sim->committed) {
		sim->reader_told = 0;
		return 0;
	}
	return sim->reader_told ? -EPIPE : -EAGAIN;
}

/* ---- the producer ------------------------------------------------------- */

static void op_write(struct sim *sim)
{
	size_t len = some_len(sim), cut;
	struct weir_buf v[2];
	int got, want = 0;

	t_fill(sim->data, len, sim->reserved);
	if (is_open(sim))
		want = -EINVAL;
	else
		want = room_for(sim, len);
	switch (t_random_below(sim->random, 3)) {
	case 0:
		got = weir_tx_try_write(sim->pair.tx, sim->data, len);
		break;
	case 1:
		got = weir_tx_write(sim->pair.tx, sim->data, len, WEIR_NOWAIT);
		break;
	default:
		cut = (size_t)t_random_below(sim->random, len + 1);
		v[0] = (struct weir_buf){ sim->data, 0, cut };
		v[1] = (struct weir_buf){ sim->data + cut, 0, len - cut };
		got = weir_tx_writev(sim->pair.tx, v, 2, WEIR_NOWAIT);
	}
	T_IS(got, want);
	if (!got) {
		push(sim, len);
		publish(sim);
	}
}

#define BATCH 12

/* Of n equal messages the first ones that one record holds here; below three
   it is not worth it, and they go one by one. */
static size_t run_here(struct sim *sim, size_t len, size_t n)
{
	uint64_t free = sim->model.read + sim->model.capacity - 8 - sim->top;
	uint64_t piece = sim->model.capacity - sim->top % sim->model.capacity;
	uint64_t fit;

	if (free > piece)
		free = piece;
	if (!len || len > 512 || free < 16)
		return 0;
	fit = (free - 16) / ((len + 7) / 8 * 8);
	if (fit < n)
		n = (size_t)fit;
	return n < 3 ? 0 : n;
}

static void push_run(struct sim *sim, size_t len, size_t n)
{
	sim->runs++;
	for (sim->top += 16; n--; sim->reserved++) {
		sim->top += (len + 7) / 8 * 8;
		item(sim, sim->reserved)->len = len;
		item(sim, sim->reserved)->end = sim->top;
	}
}

static size_t push_batch(struct sim *sim, const struct weir_buf *v, size_t n)
{
	size_t i, equal, run;

	for (i = 0; i < n;) {
		for (equal = 1; i + equal < n && v[i + equal].len == v[i].len;)
			equal++;
		run = run_here(sim, v[i].len, equal);
		if (run) {
			push_run(sim, v[i].len, run);
			i += run;
			continue;
		}
		if (!t_model_fits(&sim->model, sim->top, v[i].len))
			break;
		push(sim, v[i++].len);
	}
	return i;
}

static void op_write_batch(struct sim *sim)
{
	size_t n = 1 + (size_t)t_random_below(sim->random, BATCH), i, fit = 0;
	unsigned char *p = sim->data;
	struct weir_buf v[BATCH];
	int want;

	for (i = 0; i < n; i++, p += 256) {
		v[i].data = p;
		v[i].len = (size_t)t_random_below(sim->random, 256);
		/* mostly rows of equal ones */
		if (i && t_random_below(sim->random, 8))
			v[i].len = v[i - 1].len;
		v[i].size = 0;
		t_fill(p, v[i].len, sim->reserved + i);
	}
	want = is_open(sim) ? -EINVAL : 0;
	if (!want)
		fit = push_batch(sim, v, n);
	if (!want)
		want = fit ? (int)fit : room_for(sim, v[0].len);
	T_IS(weir_tx_write_batch(sim->pair.tx, v, n, WEIR_NOWAIT), want);
	if (fit) {
		sim->writer_told = 0;
		publish(sim);
	}
}

static void op_reserve(struct sim *sim)
{
	size_t len = some_len(sim);
	int want = room_for(sim, len);

	T_IS(weir_tx_reserve(sim->pair.tx, len, &sim->open_data), want);
	if (want)
		return;
	t_fill(sim->open_data, len, sim->reserved);
	push(sim, len);
}

static void op_shrink(struct sim *sim)
{
	struct item *last;
	size_t len;

	if (!is_open(sim)) {
		T_IS(weir_tx_shrink(sim->pair.tx, 0), -EINVAL);
		return;
	}
	last = item(sim, sim->reserved - 1);
	T_IS(weir_tx_shrink(sim->pair.tx, last->len + 1), -EINVAL);
	len = (size_t)t_random_below(sim->random, last->len + 1);
	T_OK(weir_tx_shrink(sim->pair.tx, len));
	last->len = len;
	last->end = t_model_end(&sim->model, sim->open_begin, len);
	sim->top = last->end;
}

static void op_commit(struct sim *sim)
{
	int n = (int)(sim->reserved - sim->committed);

	T_IS(weir_tx_commit(sim->pair.tx), n ? n : -EINVAL);
	if (n)
		publish(sim);
}

static void op_abort(struct sim *sim)
{
	T_IS(weir_tx_abort(sim->pair.tx), is_open(sim) ? 0 : -EINVAL);
	forget(sim);
}

static void op_tx_wait(struct sim *sim)
{
	size_t len = some_len(sim);
	int want = 0;

	if (is_open(sim))
		want = -EINVAL;
	else
		want = room_for(sim, len);
	T_IS(weir_tx_wait(sim->pair.tx, len, WEIR_NOWAIT), want);
}

static void op_too_long(struct sim *sim)
{
	if (is_open(sim))
		return;
	T_IS(weir_tx_try_write(sim->pair.tx, sim->data, sim->max + 1),
	     -EMSGSIZE);
	T_IS(weir_tx_reserve(sim->pair.tx, sim->max + 1, &sim->open_data),
	     -EMSGSIZE);
}

/* ---- the consumer ------------------------------------------------------- */

static void take(struct sim *sim, const void *data, size_t len)
{
	T_IS(len, item(sim, sim->peeked)->len);
	T_ASSERT(t_filled(data, len, sim->peeked));
	sim->at = item(sim, sim->peeked)->end;
	sim->peeked++;
}

static void release(struct sim *sim)
{
	sim->released = sim->peeked;
	sim->model.read = sim->at;
}

static void op_read(struct sim *sim)
{
	size_t len = item(sim, sim->peeked)->len;
	size_t size = t_random_below(sim->random, 4) ?
		      sim->max : (size_t)t_random_below(sim->random, len + 1);
	ssize_t got, want = (ssize_t)len;

	if (is_peeking(sim))
		want = -EINVAL;
	else if (any_message(sim))
		want = any_message(sim);
	else if (size < len)
		want = -EMSGSIZE;
	if (t_random_below(sim->random, 2))
		got = weir_rx_try_read(sim->pair.rx, sim->copy, size);
	else
		got = weir_rx_read(sim->pair.rx, sim->copy, size, WEIR_NOWAIT);
	T_IS(got, want);
	if (got >= 0) {
		take(sim, sim->copy, (size_t)got);
		release(sim);
	}
}

static void op_read_batch(struct sim *sim)
{
	size_t n = 1 + (size_t)t_random_below(sim->random, BATCH), i;
	size_t size = 1 + (size_t)t_random_below(sim->random, 300);
	uint64_t next = sim->peeked;
	struct weir_buf v[BATCH];
	int want = 0;

	if (is_peeking(sim))
		want = -EINVAL;
	else if (any_message(sim))
		want = any_message(sim);
	else if (item(sim, next)->len > size)
		want = -EMSGSIZE;
	while (want >= 0 && want < (int)n && next < sim->committed &&
	       item(sim, next)->len <= size) {
		want++;
		next++;
	}
	for (i = 0; i < n; i++)
		v[i] = (struct weir_buf){ sim->copy + i * size, size, 0 };
	T_IS(weir_rx_read_batch(sim->pair.rx, v, n, WEIR_NOWAIT), want);
	for (i = 0; (int)i < want; i++)
		take(sim, v[i].data, v[i].len);
	if (want > 0)
		release(sim);
}

static void op_peek(struct sim *sim)
{
	int want = any_message(sim);
	const void *data;
	size_t len;

	T_IS(weir_rx_next_len(sim->pair.rx),
	     want ? want : (long long)item(sim, sim->peeked)->len);
	T_IS(weir_rx_peek(sim->pair.rx, &data, &len), want);
	if (!want)
		take(sim, data, len);
}

static void op_release(struct sim *sim)
{
	int n = (int)(sim->peeked - sim->released);

	T_IS(weir_rx_release(sim->pair.rx), n ? n : -EINVAL);
	if (n)
		release(sim);
}

static void op_rewind(struct sim *sim)
{
	T_IS(weir_rx_rewind(sim->pair.rx), is_peeking(sim) ? 0 : -EINVAL);
	sim->peeked = sim->released;
}

static void op_rx_wait(struct sim *sim)
{
	if (is_peeking(sim))
		return;
	T_IS(weir_rx_wait(sim->pair.rx, WEIR_NOWAIT), any_message(sim));
}

/* ---- both --------------------------------------------------------------- */

static struct weir_ring *either(struct sim *sim)
{
	return t_random_below(sim->random, 2) ? sim->pair.ring :
						sim->pair.other;
}

static void op_new_writer(struct sim *sim)
{
	if (t_random_below(sim->random, 8))
		return;
	weir_tx_close(sim->pair.tx);
	forget(sim);
	if (sim->peeked == sim->committed) {
		sim->reader_told = 1;
		T_IS(weir_rx_next_len(sim->pair.rx), -EPIPE);
	}
	T_OK(weir_ring_tx(either(sim), &sim->pair.tx));
	sim->writer_told = 0;
}

static void op_new_reader(struct sim *sim)
{
	if (t_random_below(sim->random, 8))
		return;
	weir_rx_close(sim->pair.rx);
	sim->peeked = sim->released;
	if (!is_open(sim) &&
	    !t_model_fits(&sim->model, sim->top, sim->max)) {
		T_IS(weir_tx_wait(sim->pair.tx, sim->max, WEIR_NOWAIT),
		     -EPIPE);
		sim->writer_told = 1;
	}
	T_OK(weir_ring_rx(either(sim), &sim->pair.rx));
	sim->reader_told = 0;
}

static void op_info(struct sim *sim)
{
	struct weir_ring_info info;

	T_OK(weir_ring_info(sim->pair.ring, &info));
	T_IS(info.filled != 0, sim->model.written != sim->model.read);
	T_ASSERT(info.filled <= info.capacity);
}

static void (*const ops[])(struct sim *sim) = {
	op_write, op_write, op_write, op_write, op_write_batch, op_reserve,
	op_reserve, op_reserve, op_shrink, op_commit, op_commit, op_abort,
	op_tx_wait, op_too_long, op_read, op_read, op_read, op_read,
	op_read_batch, op_peek, op_peek, op_peek, op_peek, op_release,
	op_release, op_rewind, op_rx_wait, op_new_writer, op_new_reader,
	op_info,
};

static void step(struct sim *sim)
{
	ops[t_random_below(sim->random, T_COUNT(ops))](sim);
}

static void drain(struct sim *sim)
{
	if (is_open(sim))
		op_commit(sim);
	if (is_peeking(sim))
		op_rewind(sim);
	while (sim->peeked != sim->committed)
		op_read(sim);
	T_ASSERT(sim->model.read == sim->model.written);
}

static void sim_open(struct sim *sim, struct t_random *random,
		     uint64_t capacity)
{
	memset(sim, 0, sizeof(*sim));
	sim->random = random;
	sim->model.capacity = capacity;
	sim->max = (size_t)capacity / 2 - 8;
	sim->n = capacity / 8 + 1;
	sim->items = calloc((size_t)sim->n, sizeof(*sim->items));
	sim->data = malloc((size_t)capacity + 4096);
	sim->copy = malloc((size_t)capacity + 4096);
	T_ASSERT(sim->items && sim->data && sim->copy);
}

static void sim_run(struct sim *sim, unsigned int steps)
{
	while (steps--)
		step(sim);
	drain(sim);
	t_pair_close(&sim->pair);
	free(sim->items);
	free(sim->data);
	free(sim->copy);
}

static uint64_t some_capacity(struct t_random *random)
{
	return (uint64_t)4096 << t_random_below(random, 5);
}

START_TEST(a_mix_of_all)
{
	unsigned long sent = 0, full = 0, wrapped = 0, runs = 0;
	int64_t until = t_until(0.8);
	struct t_random random;
	uint64_t capacity;
	struct sim sim;
	int rounds = 0;

	t_random_seed(&random);
	do {
		capacity = some_capacity(&random);
		sim_open(&sim, &random, capacity);
		t_pair_open(&sim.pair, (enum t_kind)(rounds++ % 3), capacity,
			    0);
		sim_run(&sim, 4000);
		sent += sim.sent;
		full += sim.full;
		wrapped += sim.wrapped;
		runs += sim.runs;
	} while (weir_now() < until);
	printf("# %d rounds: %lu messages, %lu runs, %lu times full, %lu times "
	       "padded\n", rounds, sent, runs, full, wrapped);
	T_ASSERT(sent && full && wrapped && runs);
}
END_TEST

/* Both positions of a fresh ring are moved, as if so much had passed. */
static void pair_open_at(struct t_pair *pair, uint64_t capacity,
			 uint64_t position)
{
	struct t_block block;

	pair->ring = t_ring(T_ANONYMOUS, capacity, 0, 0);
	t_block_map(&block, weir_ring_handle(pair->ring));
	/* relaxed: nobody has claimed an end yet */
	weir_store_relaxed64(&block.producer->position, position);
	weir_store_relaxed64(&block.consumer->position, position);
	t_block_unmap(&block);
	T_OK(weir_ring_attach(&pair->other, weir_ring_handle(pair->ring)));
	T_OK(weir_ring_tx(pair->ring, &pair->tx));
	T_OK(weir_ring_rx(pair->other, &pair->rx));
}

static uint64_t some_border(struct t_random *random, uint64_t capacity)
{
	static const unsigned int bits[] = { 31, 32, 33, 40, 48, 56, 62, 63 };
	uint64_t border = (uint64_t)1 << bits[t_random_below(random,
							     T_COUNT(bits))];

	return border - 8 * t_random_below(random, capacity / 4);
}

START_TEST(positions_have_64_bits)
{
	int64_t until = t_until(0.5);
	struct t_random random;
	uint64_t capacity, at;
	struct sim sim;

	t_random_seed(&random);
	do {
		capacity = some_capacity(&random);
		at = some_border(&random, capacity);
		sim_open(&sim, &random, capacity);
		sim.model.written = sim.model.read = sim.top = at;
		pair_open_at(&sim.pair, capacity, at);
		sim_run(&sim, 2000);
		if (sim.model.read < at + capacity)
			printf("# only %llu bytes from %llx on\n",
			       (unsigned long long)(sim.model.read - at),
			       (unsigned long long)at);
	} while (weir_now() < until);
}
END_TEST

void t_build(void)
{
	T_ADD(a_mix_of_all);
	T_ADD(positions_have_64_bits);
}
