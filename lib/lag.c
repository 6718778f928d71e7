/* SPDX-License-Identifier: MIT */
/*
 * Lag. A side that has caught up with the other one and goes on looking reads
 * the very line that the other is about to write, and takes it away from it
 * each time: both then move at the pace of single cache lines. A side that
 * keeps away for a moment finds a run of finished lines instead, which the
 * caches fetch ahead. weir-design(7) has the figures.
 *
 * So whoever runs out (a consumer of messages, a producer of room) in the
 * middle of a stream keeps away for a while before it looks again, the longer
 * the longer that has paid: it grows while each turn brings a good deal and
 * shrinks when it brings little. A message that comes alone, as in a round
 * trip, never finds anybody away, but for a probe: after many small turns one
 * is lagged to see whether the other side would be faster if left alone. What
 * was in vain (nothing came meanwhile, as when one thread does both sides) is
 * tried again after twice as many turns.
 */
#include "internal.h"
#include "pause.h"

/*
 * A turn is what a side did between running out twice. In nanoseconds, to be
 * multiplied for messages so large that they take longer themselves. Measured:
 * less is chased again, more gains nothing; weir-design(7).
 */
#define LAG_FIRST_NS 100u
#define LAG_MAX 64u
#define LAG_PROBE 32u
#define LAG_LONGEST_NS 32000u
#define LAG_BYTES_A_NS 16u
/* What a turn must have brought: more than an exchange of single messages
   does, more than two lines, and so much for the time away that the other side
   must have been streaming. */
#define LAG_MESSAGES 4u
#define LAG_LEAST 128u
#define LAG_NS_A_BYTE 4u
#define LAG_SMALL_TURNS 256u
#define LAG_BACKOFF_MAX 8u

static int keep_away(struct weir_lag *lag, uint64_t ns, uint64_t max)
{
	int64_t end;

	lag->ns = (uint32_t)(ns < max ? ns : max);
	end = weir_now() + lag->ns;
	do
		weir_pause();
	while (weir_now() < end);
	return 1;
}

/*
 * pos: where this side ran out, after so many messages in all. Returns whether
 * it kept away: then to look once more.
 */
int weir_lag(struct weir_lag *lag, uint64_t pos, uint64_t messages)
{
	uint64_t moved = pos - lag->pos, count = messages - lag->messages;
	uint64_t unit, max;

	if (!moved || !count)
		return 0;
	lag->pos = pos;
	lag->messages = messages;
	unit = moved / count / LAG_BYTES_A_NS;
	if (unit < LAG_FIRST_NS)
		unit = LAG_FIRST_NS;
	max = unit * LAG_MAX;
	if (max > LAG_LONGEST_NS)
		max = LAG_LONGEST_NS;
	if (count < LAG_MESSAGES || moved < LAG_LEAST ||
	    moved < lag->ns / LAG_NS_A_BYTE) {
		if (lag->ns && lag->backoff < LAG_BACKOFF_MAX)
			lag->backoff++;
		lag->ns = 0;
		if (++lag->small < LAG_SMALL_TURNS << lag->backoff)
			return 0;
		lag->small = 0;
		return keep_away(lag, unit * LAG_PROBE, max);
	}
	if (lag->ns)
		lag->backoff = 0;
	if (lag->skip) {
		lag->skip--;
		return 0;
	}
	return keep_away(lag, lag->ns ? lag->ns * (uint64_t)2 : unit, max);
}

/* The look after it found nothing. */
void weir_lag_failed(struct weir_lag *lag)
{
	lag->ns = 0;
	if (lag->backoff < LAG_BACKOFF_MAX)
		lag->backoff++;
	lag->skip = 1u << lag->backoff;
}
