/* SPDX-License-Identifier: MIT */
/*
 * What a message costs beside 63 idle rings and beside none, in the same run:
 * it must not grow, where the consumer knows the ring in use and where a set
 * tells it. Who looks at all rings pays for each, which is his own doing and is
 * not judged; nor are rings that are all in use, of which none is idle.
 *
 * A side with too few slices is not measured, neither met nor missed.
 */
#include <math.h>

#include "scale.h"

/* As much as medians of few slices differ by themselves. */
#define MARGIN 1.1

const unsigned scale_judged[] = { SCALE_ACTIVE, SCALE_SET };
const unsigned scale_judged_n = sizeof(scale_judged) / sizeof(scale_judged[0]);

double scale_ns(const struct scale_row *row, unsigned class)
{
	const struct bench_values *ns = &row->ns[class];

	return ns->n ? bench_median(ns->value, ns->n) : NAN;
}

static bool enough(const struct scale_row *row, unsigned class)
{
	return row && row->ns[class].n >= BENCH_FEW;
}

/* Not one of another capacity. */
static const struct scale_row *row_of(const struct scale_result *result,
				      unsigned rings, unsigned looks)
{
	const struct scale_row *row;
	unsigned i;

	for (i = 0; i < result->by_rings; i++) {
		row = &result->row[i];
		if (row->pair->rings == rings && row->looks == looks)
			return row;
	}
	return NULL;
}

struct scale_verdict scale_judge(const struct scale_result *result,
				 unsigned looks, unsigned class)
{
	struct scale_verdict v = {
		.one = row_of(result, 1, looks),
		.many = row_of(result, SCALE_RINGS_MAX, looks),
		.ratio = NAN, .verdict = BENCH_UNKNOWN,
	};

	if (!enough(v.one, class) || !enough(v.many, class))
		return v;
	v.ratio = scale_ns(v.many, class) / scale_ns(v.one, class);
	v.verdict = v.ratio <= MARGIN ? BENCH_MET : BENCH_MISSED;
	return v;
}

unsigned scale_set_from(const struct scale_result *result, unsigned class)
{
	const struct scale_row *all, *set;
	unsigned rings, from = 0;

	for (rings = SCALE_RINGS_MAX; rings; rings /= 2) {
		all = row_of(result, rings, SCALE_ALL);
		set = row_of(result, rings, SCALE_SET);
		if (!enough(all, class) || !enough(set, class) ||
		    scale_ns(set, class) >= scale_ns(all, class))
			break;
		from = rings;
	}
	return from;
}
