/* SPDX-License-Identifier: MIT */
/*
 * How two sides of a connected socket agree on a connection. Both do the same:
 * send a hello with the handle of their own memory, receive the other's, check
 * it, send a verdict, receive the other's; no side goes on that the other has
 * refused. Who attaches or connects greets at once. A listener lets the other
 * side greet first, so that one who says nothing has cost a descriptor and no
 * memory; if it does not like what it hears, its own hello says why and brings
 * no memory.
 *
 * It goes in steps, each of which can be called again after -EAGAIN, so that a
 * listener has many under way. What comes in is hostile until it was checked:
 * both messages have a fixed size, nothing in them says how much to read.
 * They are in the machine's byte order, which the magic shows.
 */
#include <string.h>

#include "internal.h"

#define WAY_WORDS 1u
#define WAY_SOCKET 2u

#define HELLO_SIZE 128
#define VERDICT_SIZE 32

struct hello {
	uint64_t magic;
	uint32_t size;
	uint32_t layout_least, layout_most;
	uint32_t ways;
	uint64_t features;	/* that this side can have */
	uint64_t capacity;	/* of the ring that it writes */
	uint64_t block;		/* size of its memory */
	uint32_t refusal;	/* not 0: no memory comes, and no verdict */
	uint32_t reserved_word;
	uint64_t reserved[9];
};

struct verdict {
	uint64_t magic;
	uint32_t reason;
	uint32_t layout_least, layout_most;
	uint32_t reserved[3];
};

_Static_assert(sizeof(struct hello) == HELLO_SIZE, "hello");
_Static_assert(sizeof(struct verdict) == VERDICT_SIZE, "verdict");
_Static_assert(sizeof(((struct weir_handshake *)0)->buffer) == HELLO_SIZE,
	       "buffer");

static const struct {
	int error;
	const char *text;
} refusals[] = {
	[WEIR_REFUSAL_NONE] = { -EPROTO, "nothing" },
	[WEIR_REFUSAL_ORDER] = { -EPROTO, "the other byte order" },
	[WEIR_REFUSAL_VERSION] = { -EPROTO, "no common layout version" },
	[WEIR_REFUSAL_WAY] = { -EPROTO, "no common way of waiting" },
	[WEIR_REFUSAL_MEMORY] = {
		-EPROTO, "memory that is not what it must be" },
	[WEIR_REFUSAL_SIZE] = {
		-EPROTO, "a larger ring than this side allows" },
	[WEIR_REFUSAL_HELLO] = { -EPROTO, "a greeting that is none" },
	[WEIR_REFUSAL_UNSEALED] = {
		-EPROTO, "memory without seals, which both must allow" },
	[WEIR_REFUSAL_USER] = { -EACCES, "a user who is not allowed" },
	[WEIR_REFUSAL_DECLINED] = { -EACCES, "the program said no" },
	[WEIR_REFUSAL_CLIENTS] = {
		-ECONNREFUSED, "there are as many clients as allowed" },
	[WEIR_REFUSAL_FULL] = {
		-ECONNREFUSED, "no memory or descriptors are left there" },
	[WEIR_REFUSAL_SLOW] = {
		-ECONNREFUSED, "the handshake took too long" },
	[WEIR_REFUSAL_CLOSING] = { -ECONNREFUSED, "the listener is closing" },
	[WEIR_REFUSAL_UNKNOWN] = {
		-EPROTO, "a reason that this version does not know" },
};

enum step { HELLO_OUT, HELLO_IN, VERDICT_OUT, VERDICT_IN, DONE };

static uint32_t own_ways(void)
{
	const struct weir_ability *can = weir_os_ability();

	return (can->words ? WAY_WORDS : 0) | (can->sockets ? WAY_SOCKET : 0);
}

static uint64_t own_features(void)
{
	return weir_os_ability()->barrier ? WEIR_FEATURE_BARRIER : 0;
}

static enum weir_refusal known(uint32_t refusal)
{
	return refusal > WEIR_REFUSAL_UNKNOWN ? WEIR_REFUSAL_UNKNOWN :
						(enum weir_refusal)refusal;
}

static const char *name_of(const struct weir_handshake *h)
{
	if (h->who.pid < 0 && h->vouched.who[0])
		return h->vouched.who;
	return h->who.pid < 0 ? "the peer" : h->who.who;
}

static void log_refusal(const struct weir_handshake *h, int ours,
			enum weir_refusal why, uint32_t least, uint32_t most)
{
	const char *who = name_of(h), *text = refusals[why].text;

	if (why == WEIR_REFUSAL_VERSION)
		weir_log(WEIR_LOG_ERROR,
			 "%s %s: %s (its layouts %u to %u, ours %u)",
			 ours ? "refused" : "refused by", who, text, least,
			 most, WEIR_LAYOUT);
	else
		weir_log(WEIR_LOG_ERROR, "%s %s: %s",
			 ours ? "refused" : "refused by", who, text);
}

/* messages */

static int transfer(struct weir_handshake *h, int out, int64_t deadline)
{
	return weir_os()->transfer(h->socket, &h->message, out, deadline);
}

static void *compose(struct weir_handshake *h, size_t len)
{
	memset(h->buffer, 0, sizeof(h->buffer));
	h->message = (struct weir_message){
		.data = h->buffer,
		.len = len,
		.memory = WEIR_HANDLE_NONE,
		.process = WEIR_HANDLE_NONE,
	};
	return h->buffer;
}

static void compose_hello(struct weir_handshake *h)
{
	struct hello *hello = compose(h, HELLO_SIZE);

	*hello = (struct hello){
		.magic = WEIR_MAGIC,
		.size = HELLO_SIZE,
		.layout_least = WEIR_LAYOUT,
		.layout_most = WEIR_LAYOUT,
		.ways = own_ways(),
		.features = own_features(),
		.capacity = h->capacity,
		.block = h->size,
		.refusal = h->refusal,
	};
	if (!h->refusal)
		h->message.memory = h->memory;
}

static void compose_verdict(struct weir_handshake *h)
{
	struct verdict *verdict = compose(h, VERDICT_SIZE);

	*verdict = (struct verdict){
		.magic = WEIR_MAGIC,
		.reason = h->refusal,
		.layout_least = WEIR_LAYOUT,
		.layout_most = WEIR_LAYOUT,
	};
}

/* the check */

static enum weir_refusal check_hello(const struct weir_handshake *h,
				     const struct hello *hello)
{
	if (hello->magic == __builtin_bswap64(WEIR_MAGIC))
		return WEIR_REFUSAL_ORDER;
	if (hello->magic != WEIR_MAGIC || hello->size != sizeof(*hello))
		return WEIR_REFUSAL_HELLO;
	if (hello->layout_least > WEIR_LAYOUT ||
	    hello->layout_most < WEIR_LAYOUT)
		return WEIR_REFUSAL_VERSION;
	if (hello->refusal)
		return WEIR_REFUSAL_NONE;
	if (!(hello->ways & own_ways()))
		return WEIR_REFUSAL_WAY;
	if (hello->capacity > h->capacity_max)
		return WEIR_REFUSAL_SIZE;
	return WEIR_REFUSAL_NONE;
}

/* The other side's fault, or want of something here. */
static enum weir_refusal cannot(struct weir_handshake *h, int error)
{
	if (error == -EPROTO)
		return WEIR_REFUSAL_MEMORY;
	h->error = error;
	return WEIR_REFUSAL_FULL;
}

static enum weir_refusal check_memory(struct weir_handshake *h,
				      const struct hello *hello)
{
	struct weir_facts facts;
	uint64_t page;
	int r = -EPROTO;

	if (h->peer_memory != WEIR_HANDLE_NONE)
		r = weir_os()->memory_open(NULL, NULL, h->peer_memory, &facts,
					   h->allow_unsealed ?
					   0 : WEIR_FACTS_STRICT);
	if (r)
		return cannot(h, r);
	if (facts.huge || facts.size != hello->block ||
	    facts.size != weir_layout_size(hello->capacity) ||
	    facts.allocated < facts.size)
		return WEIR_REFUSAL_MEMORY;
	if (!(facts.sealed && facts.write_sealed && h->sealed) &&
	    !h->allow_unsealed)
		return WEIR_REFUSAL_UNSEALED;
	r = weir_os()->memory_map(&h->peer_base, h->peer_memory, facts.size,
				  WEIR_MAP_READ_ONLY |
				  (h->prefault ? WEIR_MAP_PREFAULT : 0), &page);
	if (r)
		return cannot(h, r);
	h->peer.size = facts.size;
	if (weir_layout_check(&h->peer, h->peer_base, facts.size) ||
	    !(h->peer.features & WEIR_FEATURE_CONNECTION) ||
	    h->peer.capacity != hello->capacity)
		return WEIR_REFUSAL_MEMORY;
	return WEIR_REFUSAL_NONE;
}

static enum weir_refusal ask(struct weir_handshake *h,
			     int (*what)(struct weir_handshake *h))
{
	h->error = what(h);
	return h->error ? WEIR_REFUSAL_FULL : WEIR_REFUSAL_NONE;
}

/* Sets what this side thinks of the greeting; an error only if the other side
   has refused in it. */
static int judge(struct weir_handshake *h, const struct hello *hello)
{
	enum weir_refusal why;

	/* Some senders are not told, or are in a pid name space that this
	   process does not see: then what was noted at the connection. */
	if (h->who.pid <= 0 && h->vouched.who[0])
		h->who = h->vouched;
	why = check_hello(h, hello);
	if (!why && hello->refusal) {
		why = known(hello->refusal);
		log_refusal(h, 0, why, hello->layout_least,
			    hello->layout_most);
		return refusals[why].error;
	}
	if (!why && h->error)
		why = WEIR_REFUSAL_FULL;
	if (!why && h->admit)
		why = h->admit(h);
	if (!why && h->listens)
		why = ask(h, h->make);
	if (!why)
		why = check_memory(h, hello);
	h->words = !!(hello->ways & own_ways() & WAY_WORDS);
	h->barrier = !!(hello->features & own_features() &
			WEIR_FEATURE_BARRIER);
	if (!why)
		why = ask(h, h->ready);
	h->refusal = why;
	if (why)
		log_refusal(h, 1, why, hello->layout_least,
			    hello->layout_most);
	return 0;
}

/* the steps: what to return if this one is the last */

static int refused(const struct weir_handshake *h)
{
	if (h->error)
		return h->error;
	return h->refusal ? refusals[h->refusal].error : 0;
}

static int hello_out(struct weir_handshake *h, int64_t deadline)
{
	int r;

	if (!h->message.len)
		compose_hello(h);
	r = transfer(h, 1, deadline);
	/* A listener that hung up may have said why before. */
	if (r == -EPIPE && !h->listens)
		r = 0;
	return r ? r : refused(h);
}

static int hello_in(struct weir_handshake *h, int64_t deadline)
{
	struct hello hello;
	int r;

	if (!h->message.len) {
		compose(h, HELLO_SIZE);
		h->message.peer = &h->who;
	}
	r = transfer(h, 0, deadline);
	h->peer_memory = h->message.memory;
	h->peer_process = h->message.process;
	if (r == -EMFILE && h->message.done == HELLO_SIZE) {
		h->error = r;
		r = 0;
	}
	if (r)
		return r;
	memcpy(&hello, h->buffer, sizeof(hello));
	return judge(h, &hello);
}

static int verdict_out(struct weir_handshake *h, int64_t deadline)
{
	int r;

	if (!h->message.len)
		compose_verdict(h);
	r = transfer(h, 1, deadline);
	if (h->refusal)
		return refused(h);
	/* As above: its verdict may be there. */
	return r == -EPIPE ? 0 : r;
}

static void drop(weir_handle handle)
{
	if (handle != WEIR_HANDLE_NONE)
		weir_os()->handle_close(handle);
}

static int verdict_in(struct weir_handshake *h, int64_t deadline)
{
	struct verdict verdict;
	enum weir_refusal why;
	int r;

	if (!h->message.len)
		compose(h, VERDICT_SIZE);
	r = transfer(h, 0, deadline);
	/* Nothing belongs to a verdict. */
	drop(h->message.memory);
	drop(h->message.process);
	h->message.memory = h->message.process = WEIR_HANDLE_NONE;
	if (r && r != -EMFILE)
		return r;
	memcpy(&verdict, h->buffer, sizeof(verdict));
	if (verdict.magic != WEIR_MAGIC)
		why = WEIR_REFUSAL_UNKNOWN;
	else if (verdict.reason == WEIR_REFUSAL_NONE)
		return 0;
	else
		why = known(verdict.reason);
	log_refusal(h, 0, why, verdict.layout_least, verdict.layout_most);
	return refusals[why].error;
}

static const struct {
	int (*run)(struct weir_handshake *h, int64_t deadline);
	enum step next[2];	/* and for a listener */
} steps[] = {
	[HELLO_OUT] = { hello_out, { HELLO_IN, VERDICT_OUT } },
	[HELLO_IN] = { hello_in, { VERDICT_OUT, HELLO_OUT } },
	[VERDICT_OUT] = { verdict_out, { VERDICT_IN, VERDICT_IN } },
	[VERDICT_IN] = { verdict_in, { DONE, DONE } },
};

/*
 * On success and on failure the caller owns what came: peer_*. Zeroed, with
 * its handles NONE, it begins; a listener's begins with HELLO_IN.
 */
int weir_handshake_step(struct weir_handshake *h, int64_t deadline)
{
	int r;

	if (h->step == HELLO_OUT && h->listens && !h->message.data)
		h->step = HELLO_IN;
	while (h->step != DONE) {
		r = steps[h->step].run(h, deadline);
		if (r)
			return r;
		h->step = steps[h->step].next[!!h->listens];
		h->message.len = 0;
	}
	return 0;
}

/* A listener's, which ends it: in the last words that the other side still
   reads, if there are any. */
void weir_handshake_refuse(struct weir_handshake *h, enum weir_refusal why)
{
	log_refusal(h, 1, why, 0, 0);
	if (h->step == VERDICT_IN || h->step == DONE)
		return;
	h->refusal = why;
	compose_hello(h);
	transfer(h, 1, WEIR_NOWAIT);
}
