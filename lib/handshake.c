/* SPDX-License-Identifier: MIT */
/*
 * How two sides of a connected socket agree on a connection. Both do the same:
 * send a hello with the handle of their own memory, receive the other's, check
 * it, send a verdict, receive the other's. Nobody waits for the other to
 * begin, and no side goes on that the other has refused. What comes in is
 * hostile until it was checked.
 *
 * Both messages have a fixed size and the machine's byte order, which the
 * magic shows.
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
	uint64_t reserved[10];
};

enum reason {
	REASON_NONE,
	REASON_ORDER,		/* byte order */
	REASON_VERSION,
	REASON_WAY,
	REASON_MEMORY,
	REASON_SIZE,
	REASON_HELLO,
	REASON_UNSEALED,
	REASON_UNKNOWN,		/* a later version's */
};

static const char *const reasons[] = {
	[REASON_NONE] = "nothing",
	[REASON_ORDER] = "the other byte order",
	[REASON_VERSION] = "no common layout version",
	[REASON_WAY] = "no common way of waiting",
	[REASON_MEMORY] = "memory that is not what it must be",
	[REASON_SIZE] = "a larger ring than this side allows",
	[REASON_HELLO] = "a greeting that is none",
	[REASON_UNSEALED] = "memory without seals, which both must allow",
	[REASON_UNKNOWN] = "a reason that it does not name",
};

struct verdict {
	uint64_t magic;
	uint32_t reason;
	uint32_t layout_least, layout_most;
	uint32_t reserved[3];
};

_Static_assert(sizeof(struct hello) == HELLO_SIZE, "hello");
_Static_assert(sizeof(struct verdict) == VERDICT_SIZE, "verdict");

static uint32_t own_ways(void)
{
	return weir_os_ability()->words ? WAY_WORDS | WAY_SOCKET : WAY_SOCKET;
}

static uint64_t own_features(void)
{
	return weir_os_ability()->barrier ? WEIR_FEATURE_BARRIER : 0;
}

static int say_hello(const struct weir_handshake *h, weir_handle socket,
		     int64_t deadline)
{
	struct hello hello = {
		.magic = WEIR_MAGIC,
		.size = sizeof(hello),
		.layout_least = WEIR_LAYOUT,
		.layout_most = WEIR_LAYOUT,
		.ways = own_ways(),
		.features = own_features(),
		.capacity = h->capacity,
		.block = h->size,
	};

	return weir_os()->send(socket, &hello, sizeof(hello), h->memory,
			       deadline);
}

static enum reason check_hello(const struct weir_handshake *h,
			       const struct hello *hello)
{
	if (hello->magic == __builtin_bswap64(WEIR_MAGIC))
		return REASON_ORDER;
	if (hello->magic != WEIR_MAGIC || hello->size != sizeof(*hello))
		return REASON_HELLO;
	if (hello->layout_least > WEIR_LAYOUT ||
	    hello->layout_most < WEIR_LAYOUT)
		return REASON_VERSION;
	if (!(hello->ways & own_ways()))
		return REASON_WAY;
	if (hello->capacity > h->capacity_max)
		return REASON_SIZE;
	return REASON_NONE;
}

static enum reason check_memory(struct weir_handshake *h,
				const struct hello *hello)
{
	struct weir_facts facts;
	uint64_t page;

	if (h->peer_memory == WEIR_HANDLE_NONE ||
	    weir_os()->memory_facts(h->peer_memory, &facts))
		return REASON_MEMORY;
	if (facts.huge || facts.size != hello->block ||
	    facts.size != weir_layout_size(hello->capacity) ||
	    facts.allocated < facts.size)
		return REASON_MEMORY;
	if (!(facts.sealed && facts.write_sealed && h->sealed) &&
	    !h->allow_unsealed)
		return REASON_UNSEALED;
	if (weir_os()->memory_map(&h->peer_base, h->peer_memory, facts.size,
				  WEIR_MAP_READ_ONLY |
				  (h->prefault ? WEIR_MAP_PREFAULT : 0), &page))
		return REASON_MEMORY;
	h->peer.size = facts.size;
	if (weir_layout_check(&h->peer, h->peer_base, facts.size) ||
	    !(h->peer.features & WEIR_FEATURE_CONNECTION) ||
	    h->peer.capacity != hello->capacity)
		return REASON_MEMORY;
	return REASON_NONE;
}

static void log_refusal(const char *who, uint32_t reason, uint32_t least,
			uint32_t most)
{
	if (reason > REASON_UNKNOWN)
		reason = REASON_UNKNOWN;
	/* The numbers of another byte order would tell nothing. */
	if (reason == REASON_ORDER)
		weir_log(WEIR_LOG_ERROR, "%s: %s", who, reasons[reason]);
	else
		weir_log(WEIR_LOG_ERROR,
			 "%s: %s (its layouts %u to %u, ours %u)", who,
			 reasons[reason], least, most, WEIR_LAYOUT);
}

static int exchange_verdicts(enum reason mine, const struct hello *hello,
			     weir_handle socket, int64_t deadline)
{
	struct verdict verdict = {
		.magic = WEIR_MAGIC,
		.reason = mine,
		.layout_least = WEIR_LAYOUT,
		.layout_most = WEIR_LAYOUT,
	};
	int r;

	r = weir_os()->send(socket, &verdict, sizeof(verdict),
			    WEIR_HANDLE_NONE, deadline);
	if (mine != REASON_NONE) {
		log_refusal("refused the peer", mine, hello->layout_least,
			    hello->layout_most);
		return -EPROTO;
	}
	if (!r)
		r = weir_os()->receive(socket, &verdict, sizeof(verdict), NULL,
				       NULL, NULL, deadline);
	if (r)
		return r;
	if (verdict.magic == WEIR_MAGIC && verdict.reason == REASON_NONE)
		return 0;
	log_refusal("the peer refused us",
		    verdict.magic == WEIR_MAGIC ? verdict.reason :
						  REASON_UNKNOWN,
		    verdict.layout_least, verdict.layout_most);
	return -EPROTO;
}

/* On success and on failure the caller owns what came: peer_*. */
int weir_handshake(struct weir_handshake *h, weir_handle socket,
		   int64_t deadline)
{
	struct hello hello;
	enum reason reason;
	int r;

	r = say_hello(h, socket, deadline);
	if (!r)
		r = weir_os()->receive(socket, &hello, sizeof(hello),
				       &h->peer_memory, &h->peer_process,
				       &h->who, deadline);
	if (r)
		return r;
	reason = check_hello(h, &hello);
	if (reason == REASON_NONE)
		reason = check_memory(h, &hello);
	r = exchange_verdicts(reason, &hello, socket, deadline);
	if (r)
		return r;
	h->words = !!(hello.ways & own_ways() & WAY_WORDS);
	h->barrier = !!(hello.features & own_features() &
			WEIR_FEATURE_BARRIER);
	return 0;
}
