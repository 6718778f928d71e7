/* SPDX-License-Identifier: MIT */
/*
 * Copies of large payloads into a ring. A store through the caches first takes
 * the line away from the consumer, which has just read it; where the two share
 * a cache that is cheap, else it is the slowest step of all, and stores past
 * the caches (non-temporal ones) are several times faster. Which of the two
 * holds depends on where the threads run and changes with it, so it is found
 * by trying: of every so many copies one is timed, now and then one of the
 * other kind, and the cheaper kind is used. weir-design(7) has the figures.
 */
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "internal.h"

/*
 * A kind is tried for a lap of the ring, so that the caches are as it leaves
 * them, and one more, which is timed. Then the better one is kept for KEPT
 * laps, more if the other one cost a multiple: the trials cost a few percent.
 * Arbitrary, but for that. The last lap of those kept is timed again.
 */
#define TRIED 2
#define KEPT 32
#define TIMES_MAX 8 /* a trial may have been interrupted for any time */
#define LAP_LEAST (1u << 20)

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
	/* Such stores are ordered by nothing else: before the header. */
	_mm_sfence();
}
#else
#define CAN_STREAM 0
static void copy_streamed(unsigned char *to, const unsigned char *from,
			  size_t len)
{
	memcpy(to, from, len);
}
#endif

static void copy_kind(int kind, void *to, const void *from, size_t len)
{
	if (kind == STREAMED)
		copy_streamed(to, from, len);
	else
		memcpy(to, from, len);
}

static void next_kind(struct weir_copy *copy)
{
	const uint32_t *cost = copy->cost;
	int best = cost[STREAMED] < cost[CACHED];
	uint32_t times;

	if (!cost[!copy->kind] || copy->kind == best) {
		/* never tried, or not lately */
		copy->kind = !copy->kind;
		copy->laps = TRIED;
		return;
	}
	copy->kind = best;
	times = cost[!best] / (cost[best] + 1);
	copy->laps = KEPT * (1 + (times < TIMES_MAX ? times : TIMES_MAX));
}

static void end_lap(struct weir_copy *copy)
{
	if (copy->timed)
		copy->cost[copy->kind] =
			(uint32_t)(copy->ns * 1000 / copy->timed) + 1;
	copy->done = copy->timed = copy->ns = 0;
	if (copy->laps)
		copy->laps--;
	if (!copy->laps)
		next_kind(copy);
}

static void copy_timed(struct weir_copy *copy, void *to, const void *from,
		       size_t len)
{
	int64_t start = weir_now();

	copy_kind(copy->kind, to, from, len);
	copy->ns += (uint64_t)(weir_now() - start);
	copy->timed += len;
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

void weir_copy_large(struct weir_copy copies[WEIR_COPY_CLASSES],
		     uint64_t capacity, void *to, const void *from, size_t len)
{
	struct weir_copy *copy = &copies[class_of(len)];

	if (!CAN_STREAM) {
		memcpy(to, from, len);
		return;
	}
	if (copy->laps <= 1)
		copy_timed(copy, to, from, len);
	else
		copy_kind(copy->kind, to, from, len);
	copy->done += len;
	if (copy->done >= (capacity > LAP_LEAST ? capacity : LAP_LEAST))
		end_lap(copy);
}
