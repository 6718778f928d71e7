/* SPDX-License-Identifier: MIT */
/*
 * The adaptive spin beside the fixed ones, in the same slices. Delay is bought
 * with CPU time, so no single figure can say which is better; but a fixed bound
 * that is better in both shows a mistake. And at either end the answer is
 * known: at 1 k/s a spin never pays, at 1 M/s it always does.
 *
 * Where one of those that took part has too few slices nothing is judged: a
 * single bound left out could be the better one.
 */
#include <math.h>

#include "rate.h"

/* By how much a bound must be better, in both, to count. */
#define MARGIN 1.1
#define SLOW_RATE 1e3
#define FAST_RATE 1e6

static bool enough(const struct rate_row *row, unsigned class)
{
	return row && row->class[class].slices >= BENCH_FEW;
}

static const struct rate_row *row_of(const struct rate_result *result,
				     unsigned first, int32_t bound_us)
{
	const struct rate_row *row = &result->row[first];
	unsigned i;

	for (i = 0; i < result->ways; i++) {
		if (row[i].way->kind == RATE_WEIR &&
		    row[i].way->bound_us == bound_us)
			return &row[i];
	}
	return NULL;
}

static void judge_end(const struct rate_result *result, unsigned first,
		      unsigned class, struct rate_verdict *v)
{
	double rate = v->adaptive->rate;
	struct rate_figures mine, other;

	v->ratio = NAN;
	if (rate <= SLOW_RATE)
		v->against = row_of(result, first, 0);
	else if (rate >= FAST_RATE)
		v->against = row_of(result, first, INT32_MAX);
	if (!v->against)
		return;
	v->bound = rate <= SLOW_RATE ? "CPU" : "p50";
	mine = rate_row_figures(v->adaptive, class);
	other = rate_row_figures(v->against, class);
	v->ratio = rate <= SLOW_RATE ? mine.cpu / other.cpu :
				       mine.p50 / other.p50;
}

struct rate_verdict rate_judge(const struct rate_result *result,
			       unsigned first, unsigned class)
{
	struct rate_verdict v = { .ratio = NAN };
	const struct rate_row *row = &result->row[first];
	struct rate_figures mine, other;
	unsigned i;

	v.adaptive = row_of(result, first, RATE_ADAPTIVE);
	if (!enough(v.adaptive, class))
		return v;
	mine = rate_row_figures(v.adaptive, class);
	for (i = 0; i < result->ways; i++) {
		if (row[i].way->bound_us == RATE_ADAPTIVE)
			continue;
		if (!enough(&row[i], class))
			return (struct rate_verdict){ .adaptive = v.adaptive,
						      .ratio = NAN };
		v.judged = true;
		other = rate_row_figures(&row[i], class);
		if (other.p50 * MARGIN < mine.p50 &&
		    other.cpu * MARGIN < mine.cpu)
			v.beaten_by = &row[i];
	}
	judge_end(result, first, class, &v);
	v.holds = v.judged && !v.beaten_by &&
		  !(!isnan(v.ratio) && v.ratio > MARGIN);
	return v;
}
