/* SPDX-License-Identifier: MIT */
/*
 * weir-cat: how the two sides meet.
 *
 * The name is that of the control ring, whose producer's end the receiver
 * holds: that claim is what says that somebody listens, and its holder is the
 * only one who removes names. The data ring is called weir-cat.ID, by the id
 * of the control ring, and lives as long under its name or shorter: it is made
 * later and removed earlier. So a receiver that is killed leaves nothing that
 * the next one on that name does not find and remove.
 *
 *     receiver                         sender
 *     makes the control ring, claims
 *     makes the data ring, claims
 *     hello on control                 opens control, claims, reads the hello
 *                                      opens data, claims
 *     removes both names        <-     hello on data
 *     releases the hello        ->     begins to read its input
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "cat.h"

/* The least there is. It also tells our rings from others; see ours(). */
#define CONTROL_CAPACITY 4096
/* The number is the protocol's. */
#define HELLO "weir-cat 1\n"
/* A receiver needs microseconds from the name to its claim, unless it is killed
   in between: then a sender looks after this time. Arbitrary. */
#define HELLO_NS INT64_C(200000000)
/* So often, a millisecond apart, is a claim tried that a sender's look may be
   in the way of. Arbitrary. */
#define TRIES 20
/* Each round means that some other receiver has ended meanwhile. Arbitrary. */
#define ROUNDS 1000

static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER;
static char control_name[WEIR_NAME_MAX + 1], data_name[WEIR_NAME_MAX + 1];

static void remove_names(void)
{
	if (*data_name)
		weir_ring_unlink(data_name);
	if (*control_name)
		weir_ring_unlink(control_name);
	*data_name = *control_name = 0;
}

void cat_remove_names(void)
{
	pthread_mutex_lock(&names_lock);
	remove_names();
	pthread_mutex_unlock(&names_lock);
}

static void data_name_of(char *name, size_t size, uint64_t control_id)
{
	snprintf(name, size, "weir-cat.%016" PRIx64, control_id);
}

/*
 * Whether a ring looks like our control ring: nobody else makes small ones
 * without counters. Empty, or with a hello, which fills one half.
 */
static bool ours(const struct weir_ring_info *info)
{
	return info->capacity == CONTROL_CAPACITY &&
	       info->flags & WEIR_RING_NO_METRICS &&
	       (!info->filled || info->filled >= info->capacity / 2);
}

/* Whether name still leads to the ring with that id: it may have been removed
   after it was opened, and before it was claimed. */
static bool still_there(const char *name, uint64_t id)
{
	struct weir_ring_info info;
	struct weir_ring *ring;

	if (weir_ring_open(&ring, name))
		return false;
	weir_ring_info(ring, &info);
	weir_ring_close(ring);
	return info.id == id;
}

/* -EEXIST: the name is somebody else's. */
static int make_or_open(struct weir_ring **ring, const char *name, bool *made)
{
	const struct weir_ring_options options = {
		.size = sizeof(options),
		.capacity = CONTROL_CAPACITY,
		.name = name,
		.flags = WEIR_RING_NO_METRICS,
	};
	int r = weir_ring_create(ring, &options);

	*made = !r;
	if (r != -EEXIST)
		return r;
	r = weir_ring_open(ring, name);
	return r == -EPROTO || r == -EACCES ? -EEXIST : r;
}

static int claim_control(struct cat_link *link)
{
	int tries, r;

	for (tries = 1;; tries++) {
		r = weir_ring_tx(link->control, &link->tx);
		if (r != -EBUSY || tries == TRIES)
			return r;
		poll(NULL, 0, 1);
	}
}

/*
 * One attempt to get the name: 0, an error, or -EAGAIN if what was there was
 * a dead receiver's and has been removed, or went away by itself.
 */
static int try_hold(struct cat_link *link, const char *name)
{
	struct weir_ring_info info;
	bool made;
	int r;

	r = make_or_open(&link->control, name, &made);
	if (r)
		return r == -ENOENT ? -EAGAIN : r;
	weir_ring_info(link->control, &info);
	r = made || ours(&info) ? 0 : -EEXIST;
	if (!r)
		r = claim_control(link);
	if (!r && !still_there(name, info.id))
		r = -EAGAIN;
	if (!r) {
		/* the claim makes the names ours, to use or to remove */
		snprintf(control_name, sizeof(control_name), "%s", name);
		data_name_of(data_name, sizeof(data_name), info.id);
		if (made)
			return 0;
		cat_say("%s was left by a receiver that died", name);
		remove_names();
		r = -EAGAIN;
	}
	weir_ring_close(link->control);
	return r;
}

static int make_data(struct cat_link *link, uint64_t capacity)
{
	const struct weir_ring_options options = {
		.size = sizeof(options),
		.capacity = capacity,
		.name = data_name,
	};
	int r = weir_ring_create(&link->data, &options);

	if (!r)
		r = weir_ring_rx(link->data, &link->rx);
	return r;
}

static int send_hello(struct weir_tx *tx, const struct weir_ring_info *info)
{
	void *data;
	int r = weir_tx_reserve(tx, info->max_message, &data);

	if (r)
		return r;
	memcpy(data, HELLO, sizeof(HELLO));
	r = weir_tx_commit(tx);
	return r < 0 ? r : 0;
}

int cat_wait_hello(struct weir_tx *tx)
{
	struct weir_ring_info info;

	weir_tx_info(tx, &info);
	return weir_tx_wait(tx, info.max_message, WEIR_FOREVER);
}

/* Leaves it peeked. */
static int read_hello(struct weir_rx *rx, int64_t deadline)
{
	const void *data;
	size_t len;
	int r = weir_rx_wait(rx, deadline);

	if (!r)
		r = weir_rx_peek(rx, &data, &len);
	if (r)
		return r;
	if (len >= sizeof(HELLO) && !memcmp(data, HELLO, sizeof(HELLO)))
		return 0;
	weir_rx_rewind(rx);
	return -EPROTO;
}

_Noreturn static void refuse_name(const char *name, int r)
{
	if (r == -EINVAL)
		cat_fail("%s: not a name; it takes 1 to %d of A-Z a-z 0-9 . _ "
			 "-", name, WEIR_NAME_MAX);
	if (r == -EBUSY)
		cat_fail("%s: in use", name);
	if (r == -EEXIST)
		cat_fail("%s: exists, and is not a weir-cat's", name);
	cat_fail("%s: %s", name, weir_strerror(r));
}

static int name_and_rings(struct cat_link *link,
			  const struct cat_options *options)
{
	struct weir_ring_info info;
	int rounds, r = -EAGAIN;

	for (rounds = 0; r == -EAGAIN && rounds < ROUNDS; rounds++)
		r = try_hold(link, options->name);
	if (r)
		return r == -EAGAIN ? -EBUSY : r;
	weir_ring_info(link->control, &info);
	r = make_data(link, options->capacity);
	return r ? r : send_hello(link->tx, &info);
}

/*
 * The lock is held throughout, so that a signal finds either no name or both
 * on record.
 */
void cat_listen(struct cat_link *link, const struct cat_options *options)
{
	bool named;
	int r;

	pthread_mutex_lock(&names_lock);
	r = name_and_rings(link, options);
	named = *control_name;
	pthread_mutex_unlock(&names_lock);
	if (r && named)
		cat_fail("cannot make the ring: %s", r == -EINVAL ?
			 "such a capacity there is not" : weir_strerror(r));
	if (r)
		refuse_name(options->name, r);
	weir_ring_info(link->data, &link->info);
	cat_say("listening on %s, capacity %" PRIu64, options->name,
		link->info.capacity);
}

void cat_await_sender(struct cat_link *link)
{
	int r = read_hello(link->rx, WEIR_FOREVER);

	if (r == -EPROTO)
		cat_fail("the sender is not a weir-cat of this version");
	if (r)
		cat_fail("the sender has gone before it sent anything");
	cat_remove_names();
	weir_rx_release(link->rx);
	cat_say("the sender is there");
}

/* Whether somebody has the receiver's end of the control ring. */
static bool is_held(struct weir_ring *control)
{
	struct weir_ring_info info;
	struct weir_tx *tx;

	weir_ring_info(control, &info);
	if (info.flags & WEIR_RING_DEATHS_UNKNOWN)
		return true;
	if (weir_ring_tx(control, &tx))
		return true;
	weir_tx_close(tx);
	return false;
}

static int open_control(struct cat_link *link, const char *name)
{
	struct weir_ring_info info;
	int r = weir_ring_open(&link->control, name);

	if (r)
		return r;
	weir_ring_info(link->control, &info);
	if (!ours(&info))
		return -EEXIST;
	r = weir_ring_rx(link->control, &link->rx);
	if (r)
		return r;
	r = read_hello(link->rx, weir_after(HELLO_NS));
	if (r == -ETIMEDOUT)
		r = is_held(link->control) ?
			    read_hello(link->rx, WEIR_FOREVER) : -EOWNERDEAD;
	return r == -EPROTO ? -EEXIST : r;
}

static int open_data(struct cat_link *link)
{
	struct weir_ring_info info;
	char name[WEIR_NAME_MAX + 1];
	int r;

	weir_ring_info(link->control, &info);
	data_name_of(name, sizeof(name), info.id);
	r = weir_ring_open(&link->data, name);
	if (!r)
		r = weir_ring_tx(link->data, &link->tx);
	if (r)
		return r;
	weir_ring_info(link->data, &link->info);
	r = send_hello(link->tx, &link->info);
	return r ? r : cat_wait_hello(link->tx);
}

void cat_connect(struct cat_link *link, const char *name)
{
	int r = open_control(link, name);

	if (!r)
		r = open_data(link);
	if (r == -EOWNERDEAD)
		cat_fail("%s: nobody listens; the receiver has died", name);
	if (r)
		refuse_name(name, r);
	cat_say("sending to %s, capacity %" PRIu64, name,
		link->info.capacity);
}

void cat_close(struct cat_link *link)
{
	weir_ring_close(link->data);
	weir_ring_close(link->control);
}
