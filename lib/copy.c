/* SPDX-License-Identifier: MIT */
/*
 * Copies of large payloads into a ring. A store through the caches first takes
 * the line away from the consumer, which has just read it; where the two share
 * a cache that is cheap, else it is the slowest step of all, and stores past
 * the caches (non-temporal ones) are several times faster. But then the
 * consumer reads from memory, which may cost it more than they save here.
 * Which kind is better depends on the processor and on where the threads run,
 * and changes with it, so it is found by trying, for each class of sizes.
 *
 * The measure is the pace of a lap of the ring: its time, waiting included, by
 * its bytes, so that what the consumer pays counts as well. Now and then the
 * other kind is tried for a lap, so that the caches are as it leaves them, and
 * for another one, which is compared with the last one before. The faster kind
 * is kept, for so long that what the trials lose stays small. Where both are as
 * fast, or where the paces differ by more than copies can (then it is the
 * program that sets the pace), the cost of the copy here decides.
 *
 * A lap is timed in parts, of which the slowest are left out. A gap (the thread
 * was preempted, or had nothing to send) leaves the caches to others: until the
 * ring has been gone round once more, what is seen says nothing about copies.
 * weir-design(7) has the figures.
 */
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "internal.h"

/*
 * Arbitrary, but for this: KEPT laps at least lie between two trials, and LOSS
 * times what the last one lost, in laps, so that the trials cost a few percent.
 * Neither is put off for more than PATIENCE laps because of gaps.
 */
#define KEPT 80
#define LOSS 64
#define DOUBT 16 /* laps for a new choice, then twice as many each time, */
#define MOST 1024 /* as a trial may have been disturbed */
#define PATIENCE 6
#define GAP 8 /* a part that takes so many times what is usual */
#define PART_LEAST 65536u
#define SAME 8 /* paces that differ by less than an 8th are the same */
#define READING 8 /* what a copy may cost the consumer, in costs here */
#define PS_MAX (1u << 26) /* a byte; so that those of a lap have a sum */

enum { CACHED, STREAMED };

#if defined(__SSE2__)
#define CAN_STREAM 1
static void copy_streamed(unsigned char *to, const unsigned char *from,
			  size_t len)
{
	size_t head = -(uintptr_t)to & 63;
	unsigned int i;

	memcpy(to, from, head);
	for (to += head, from += head, len -= head; len >= 64; len -= 64) {
		for (i = 0; i < 4; i++, to += 16, from += 16)
			_mm_stream_si128((__m128i *)(void *)to,
					 _mm_loadu_si128((const __m128i *)
							 (const void *)from));
	}
	memcpy(to, from, len);
}

/* Such stores are ordered by nothing else, not by a releasing store either. */
void weir_copy_fence(void)
{
	_mm_sfence();
}
#else
#define CAN_STREAM 0
static void copy_streamed(unsigned char *to, const unsigned char *from,
			  size_t len)
{
	memcpy(to, from, len);
}

void weir_copy_fence(void)
{
}
#endif

static void copy_kind(int kind, void *to, const void *from, size_t len)
{
	if (kind == STREAMED)
		copy_streamed(to, from, len);
	else
		memcpy(to, from, len);
}

static void trim_add(struct weir_trim *trim, uint32_t ps)
{
	trim->sum += ps;
	if (ps > trim->most[0]) {
		trim->most[1] = trim->most[0];
		trim->most[0] = ps;
	} else if (ps > trim->most[1]) {
		trim->most[1] = ps;
	}
}

/* The mean of all but the two slowest parts. */
static uint32_t trim_take(struct weir_trim *trim)
{
	uint32_t mean = (trim->sum - trim->most[0] - trim->most[1]) /
			(WEIR_COPY_PARTS - 2);

	memset(trim, 0, sizeof(*trim));
	return mean;
}

/* Whether copies can be the reason why paces differ by so much. */
static int explained(const struct weir_copy *copy, uint32_t more)
{
	const uint32_t *cost = copy->cost;

	return more / READING <= (cost[0] > cost[1] ? cost[0] : cost[1]);
}

/* The trial is over: this kind was tried. */
static void decide(struct weir_copy *copy)
{
	uint32_t now = copy->pace[copy->kind], was = copy->pace[!copy->kind];
	uint32_t less = now < was ? now : was;
	uint32_t more = now < was ? was - now : now - was;
	const uint32_t *measure = copy->cost;
	int before = !copy->kind;
	uint64_t loss = KEPT;

	if (more > less / SAME && explained(copy, more))
		measure = copy->pace;
	if (measure[before] <= measure[copy->kind]) {
		copy->kind = before;
		if (measure == copy->pace)
			loss += (uint64_t)more * copy->trial * LOSS / (was + 1);
	}
	if (copy->kind != before || !copy->most)
		copy->most = DOUBT;
	else if (copy->most < MOST)
		copy->most *= 2;
	copy->laps = loss < copy->most ? (uint32_t)loss : copy->most;
	copy->last = copy->pace[copy->kind];
	copy->kept = copy->slow = copy->trial = 0;
}

static void end_trial_lap(struct weir_copy *copy, uint32_t pace, int settled)
{
	uint32_t was = copy->pace[!copy->kind];

	copy->pace[copy->kind] = pace;
	/* one lap is enough if it took twice the time */
	if (settled || copy->trial == PATIENCE ||
	    (pace / 2 > was && explained(copy, pace - was)))
		decide(copy);
	else
		copy->trial++;
}

/*
 * The other one is tried when the laps are over, or at half the usual pace two
 * laps running: the threads may run elsewhere now.
 */
static void end_kept_lap(struct weir_copy *copy, uint32_t pace, int settled)
{
	uint32_t *usual = &copy->pace[copy->kind];
	uint32_t worse = pace > copy->last ? pace : copy->last, laps;

	if (!*usual)
		*usual = pace;
	if (settled) {
		copy->last = pace;
		if (worse < *usual)
			*usual = worse;
	}
	copy->slow = pace / 2 > *usual ? copy->slow + 1 : 0;
	laps = copy->slow > 1 && copy->laps > KEPT ? KEPT : copy->laps;
	copy->kept++;
	if (copy->kept < laps || (!settled && copy->kept < laps + PATIENCE))
		return;
	*usual = pace;
	copy->kind = !copy->kind;
	copy->trial = copy->unsettled = 1;
}

static void end_lap(struct weir_copy *copy)
{
	uint32_t pace = trim_take(&copy->pace_now);
	int settled = !copy->unsettled;

	copy->cost[copy->kind] = trim_take(&copy->cost_now);
	copy->parts = 0;
	if (copy->unsettled)
		copy->unsettled--;
	if (copy->trial)
		end_trial_lap(copy, pace, settled);
	else
		end_kept_lap(copy, pace, settled);
}

void weir_copy_part(struct weir_copy *copy, uint32_t pace, uint32_t cost)
{
	uint32_t usual = copy->pace[copy->trial ? !copy->kind : copy->kind];

	if (pace / GAP > usual)
		copy->unsettled = 2; /* this lap and the next one */
	trim_add(&copy->pace_now, pace);
	trim_add(&copy->cost_now, cost);
	if (++copy->parts == WEIR_COPY_PARTS)
		end_lap(copy);
}

static uint32_t per_byte(int64_t ns, uint64_t bytes)
{
	uint64_t ps = (uint64_t)ns * 1000 / bytes + 1;

	return ps < PS_MAX ? (uint32_t)ps : PS_MAX;
}

/* The copy that ends a part is the one that is timed, to its very end. */
static void copy_timed(struct weir_copy *copy, void *to, const void *from,
		       size_t len)
{
	int64_t start = weir_now(), end;

	copy_kind(copy->kind, to, from, len);
	if (copy->kind == STREAMED)
		weir_copy_fence();
	end = weir_now();
	if (copy->since)
		weir_copy_part(copy, per_byte(end - copy->since, copy->done),
			       per_byte(end - start, len));
	copy->since = end;
	copy->done = 0;
}

static unsigned int class_of(size_t len)
{
	unsigned int class = 0;

	while (len >= 2 * WEIR_PRIV_LARGE && class < WEIR_COPY_CLASSES - 1) {
		len /= 2;
		class++;
	}
	return class;
}

int weir_copy_large(struct weir_copy copies[WEIR_COPY_CLASSES],
		    uint64_t capacity, void *to, const void *from, size_t len,
		    size_t message)
{
	struct weir_copy *copy = &copies[class_of(message)];
	int kind = copy->kind;
	uint64_t part;

	if (!CAN_STREAM) {
		memcpy(to, from, len);
		return 0;
	}
	part = capacity / WEIR_COPY_PARTS;
	copy->done += len;
	if (copy->done >= (part > PART_LEAST ? part : PART_LEAST))
		copy_timed(copy, to, from, len);
	else
		copy_kind(kind, to, from, len);
	return kind == STREAMED;
}

int weir_copy_streams(const struct weir_copy copies[WEIR_COPY_CLASSES],
		      size_t message)
{
	return copies[class_of(message)].kind == STREAMED;
}
