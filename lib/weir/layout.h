/* SPDX-License-Identifier: MIT */
/*
 * Layout 1: what two processes share. weir_ring(7) explains it to users,
 * weir-design(7) says what was measured to choose it, weir-memory(7) repeats
 * the table of orders below.
 *
 * A block of shared memory:
 *
 *     offset  size      what
 *     0       256       header: written once, the magic last; never changes
 *     256     512       producer half: written by the producer only
 *     768     512       consumer half: written by the consumer only
 *     4096    capacity  data: written by the producer only
 *
 * A plain ring is one block that both sides map writable. A connection is two
 * blocks, one from each side: its producer half and data belong to the ring
 * that this side writes, its consumer half to the ring that it reads; the
 * other side maps it read-only. Offsets are taken from the header.
 *
 * A half, four lines of 128 bytes:
 *
 *     0    position   producer: all bytes before it are published records;
 *                     consumer: all bytes before it may be overwritten
 *     8    run        consumer: first, end and message length of the run that
 *                     the position may stand in
 *     128  waiting    how this side waits (low two bits: 0 awake, 1 asleep in
 *                     a futex or semaphore, 2 asleep on a descriptor) and, from
 *                     bit 2 on, how often it has slept
 *     132  doorbell   counts the rings of this side for the other one
 *     136  need       a waiting producer: wake me when the consumer's position
 *                     has reached this
 *     144  state      0 never claimed, 1 held, 2 closed in good order
 *     148  claims     how often this half was claimed
 *     152  unfenced   1: this side publishes without a fence, see F1
 *     256  counters   16 words, in the order of enum weir_counter
 *     384  semaphores two of 64 bytes, for the way of waiting that needs them
 *
 * Positions count bytes since the ring was made; they are multiples of 8, never
 * wrap in practice (2^64 bytes) and stand at data + (position & (capacity-1)).
 *
 * A record: a header word, then the payload, padded to 8 bytes. The header is
 * length << 8 | kind; zero says that nothing has been published here. A record
 * never straddles the end of the data: WEIR_KIND_PAD fills what is left. So a
 * message may be as large as half the capacity less a header, always.
 *
 * A batch of equal messages may be one record, a run: its payload is a word
 * with their length (low half) and their count, then the messages, each padded
 * to 8 bytes. So eight bytes cost eight bytes, and one header shows them all.
 *
 * Publishing: the payload, a zero at the place of the next header, this header
 * with release, then the position. Of several records the first header is
 * stored last and publishes them all. The reader knows a message by its header
 * alone and touches one line for a small one. The position is for a successor:
 * it walks from there to the first zero.
 *
 * Releasing into a run, whose header the producer may then write over: length,
 * first and end of the run, in this order, then the position. They are for a
 * successor, which believes them while its position is in between. Before the
 * words of one run are replaced by those of the next, the position is stored
 * behind the one.
 *
 * Waiting words and doorbells, the sleep and the wake: lib/park.c.
 *
 * Orders. A acquire, R release, F fence; each pair with what it protects:
 *
 *     R1 header store, producer        A1 header load, consumer
 *        payload and later headers of a batch before the header
 *     R2 position store, consumer      A2 position load, producer
 *        the reading of a payload before its memory is written again; for a
 *        successor, the words of the run before a position in it
 *     F1 after publishing or releasing F2 between storing one's waiting word
 *        and looking again: not both sides can read the old value, so either
 *        the waker sees the sleeper or the sleeper sees the work. While
 *        "unfenced" stands, F1 orders the compiler only, and the sleeper
 *        follows F2 with a membarrier, which is a fence on both.
 *     F6 after storing "unfenced"      F2 before reading it
 *        the side that gives up its fences sees the sleeper, or the sleeper
 *        sees that it must call membarrier
 *     R14 unfenced store, back to 0    A14 unfenced load, sleeper
 *        what was published without a fence before "I fence again"
 *     R3 waiting word store            A3 waiting word load
 *        need before the word that says somebody sleeps for it
 *     R4 doorbell store                A4 doorbell load
 *        what was published before the ring
 *     R5 state store                   A5 state load
 *        the last message before "closed"; positions before "held"
 *     R6 magic store                   A6 magic load
 *        the whole header before the magic
 *     R7 position store, producer      A7 position load, successor
 *        the headers before the position that counts them
 *     R13 claims store                 A13 claims load, watcher
 *        "held" before the count that a watcher sleeps on
 *     X4 doorbell add, private ring    A4 doorbell load
 *        as R4, where several threads of one process ring
 *     F3 after taking bytes from the   F2 in the thread of the other end
 *        connection's socket: it has seen the byte or is seen asleep
 *
 * Within one process, beside shared memory:
 *
 *     X5 own word add                  A10 own word load, sleeper
 *        the flag (cancelled, gone, stop) before the word that says look
 *     R8 "gone" store                  A8 "gone" load
 *        which claim has died
 *     R9 backend's state store         A9 backend's state load
 *        the table before the word that says it is chosen
 *     R12 watcher's stop store         A12 watcher's stop load
 *     X1 lock taken                    X2 lock dropped
 *     F4 before looking for waiters    F5 after counting oneself, waiter
 *        not both see the old value, as F1 and F2
 *     X10 sequence add, waker          A11 sequence load, waiter
 *        the work before the sequence that says so
 *
 * Labels that are not in this table stand alone: one winner, or a count.
 */
#ifndef WEIR_LAYOUT_H
#define WEIR_LAYOUT_H

#include "atomic.h"

#define WEIR_LAYOUT 1u
#define WEIR_MAGIC 0x5745495201020304ull /* "WEIR", then the byte order */
#define WEIR_LINE 128
#define WEIR_NAME_MAX 64

/* A side that does not know one of these bits refuses the block. */
#define WEIR_FEATURE_BARRIER 1ull /* sides may be unfenced, see F1 */
#define WEIR_FEATURE_CONNECTION 2ull /* one side's block of a connection */
#define WEIR_FEATURE_LOCK 4ull /* ends are claimed by a lock of the kernel */
#define WEIR_FEATURES_KNOWN                                                   \
	(WEIR_FEATURE_BARRIER | WEIR_FEATURE_CONNECTION | WEIR_FEATURE_LOCK)

/* A side that does not know one of these ignores it. */
#define WEIR_HINT_NO_METRICS 1ull /* keep no counters */

/* How the two sides of a plain ring sleep; fixed when it is created. */
#define WEIR_WAY_NONE 0u /* a private ring, a connection: not by this word */
#define WEIR_WAY_FUTEX 1u
#define WEIR_WAY_SEMAPHORE 2u

#define WEIR_KIND_RECORD 1u
#define WEIR_KIND_PAD 2u
#define WEIR_KIND_RUN 8u
/* Bit 2 is kept for a record that carries a time. */
#define WEIR_KIND_MASK 0xffu
#define WEIR_LEN_SHIFT 8

#define WEIR_AWAKE 0u
#define WEIR_ASLEEP_WORD 1u
#define WEIR_ASLEEP_DESCRIPTOR 2u
#define WEIR_ASLEEP_MASK 3u
#define WEIR_SLEEP_ONE 4u /* added to the waiting word once a sleep */

#define WEIR_STATE_NEVER 0u
#define WEIR_STATE_HELD 1u
#define WEIR_STATE_CLOSED 2u

enum weir_counter {
	WEIR_COUNT_MESSAGES,
	WEIR_COUNT_BYTES,
	WEIR_COUNT_FULL,	/* found full (producer) or empty (consumer: at
				   the same place once, however often it looks) */
	WEIR_COUNT_PARKS,	/* times it said that it sleeps */
	WEIR_COUNT_WAKES,	/* rings of the other side's bell */
	WEIR_COUNT_SPINS,	/* waits that ended before the sleep */
	WEIR_COUNT_ERRORS,	/* calls that failed for another reason */
	WEIR_COUNT_LAST = 16
};

struct weir_half {
	struct weir_a64 position;
	struct weir_a64 run_first;
	struct weir_a64 run_end;
	struct weir_a64 run_len;
	uint64_t reserved0[12];
	struct weir_a32 waiting;
	struct weir_a32 doorbell;
	struct weir_a64 need;
	struct weir_a32 state;
	struct weir_a32 claims;
	struct weir_a32 unfenced;
	uint32_t reserved1[25];
	struct weir_a64 counters[WEIR_COUNT_LAST];
	uint64_t semaphores[2][8];
};

struct weir_header {
	struct weir_a64 magic;
	uint32_t version;
	uint32_t header_size;
	uint64_t features __attribute__((aligned(8)));
	uint64_t hints;		/* bits that may be ignored */
	uint64_t size;		/* of the block */
	uint64_t capacity;	/* of the data, a power of two */
	uint64_t data;		/* offsets */
	uint64_t producer;
	uint64_t consumer;
	uint64_t id;
	uint32_t way;
	uint32_t way_abi;	/* what a semaphore looks like, else 0 */
	uint64_t histogram;	/* offset, 0: none; nothing writes it yet */
	char name[72];
	uint64_t reserved[11];
};

#define WEIR_PRODUCER_OFFSET 256
#define WEIR_CONSUMER_OFFSET 768
#define WEIR_DATA_OFFSET 4096

WEIR_STATIC_ASSERT(sizeof(struct weir_header) == 256, "header");
WEIR_STATIC_ASSERT(offsetof(struct weir_header, version) == 8, "version");
WEIR_STATIC_ASSERT(offsetof(struct weir_header, features) == 16, "features");
WEIR_STATIC_ASSERT(offsetof(struct weir_header, size) == 32, "size");
WEIR_STATIC_ASSERT(offsetof(struct weir_header, capacity) == 40, "capacity");
WEIR_STATIC_ASSERT(offsetof(struct weir_header, data) == 48, "data");
WEIR_STATIC_ASSERT(offsetof(struct weir_header, id) == 72, "id");
WEIR_STATIC_ASSERT(offsetof(struct weir_header, way) == 80, "way");
WEIR_STATIC_ASSERT(offsetof(struct weir_header, name) == 96, "name");
WEIR_STATIC_ASSERT(sizeof(struct weir_half) == 512, "half");
WEIR_STATIC_ASSERT(offsetof(struct weir_half, run_first) == 8, "run");
WEIR_STATIC_ASSERT(offsetof(struct weir_half, waiting) == 128, "waiting");
WEIR_STATIC_ASSERT(offsetof(struct weir_half, doorbell) == 132, "doorbell");
WEIR_STATIC_ASSERT(offsetof(struct weir_half, need) == 136, "need");
WEIR_STATIC_ASSERT(offsetof(struct weir_half, state) == 144, "state");
WEIR_STATIC_ASSERT(offsetof(struct weir_half, claims) == 148, "claims");
WEIR_STATIC_ASSERT(offsetof(struct weir_half, unfenced) == 152, "unfenced");
WEIR_STATIC_ASSERT(offsetof(struct weir_half, counters) == 256, "counters");
WEIR_STATIC_ASSERT(offsetof(struct weir_half, semaphores) == 384, "semaphores");

#define WEIR_RECORD_HEADER 8u
#define WEIR_RUN_HEADER 16u /* and its word */
#define WEIR_RUN_COUNT_SHIFT 32

/* What a message of len bytes takes in the ring, header and padding. */
WEIR_LOCAL_INLINE uint64_t weir_priv_record_size(uint64_t len)
{
	return (len + 15) & ~(uint64_t)7;
}

/* What it takes in a run. */
WEIR_LOCAL_INLINE uint64_t weir_priv_stride(uint64_t len)
{
	return (len + 7) & ~(uint64_t)7;
}

#endif
