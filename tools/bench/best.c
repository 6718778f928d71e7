/* SPDX-License-Identifier: MIT */
/*
 * Who is the best of those in a cell of the table, by any of the figures.
 */
#include <math.h>
#include <string.h>

#include "bench.h"

double bench_rate_of(const struct bench_figures *f)
{
	return f->rate / 1e6;
}

double bench_p50_of(const struct bench_figures *f)
{
	return f->p50;
}

bool bench_is_named(const struct bench_contestant *who, const char *name)
{
	return !strcmp(who->name, name);
}

bool bench_is_peer(const struct bench_contestant *who, const char *name)
{
	(void)name;
	return who->peer;
}

bool bench_is_raw(const struct bench_contestant *who, const char *name)
{
	(void)name;
	return who->raw;
}

bool bench_in_cell(const struct bench_row *row, const struct bench_cell *cell)
{
	return (cell->kinds >> row->kind & 1) && row->test == cell->test &&
	       row->mode == cell->mode && row->size == cell->size;
}

/* Of times the shortest, of rates the highest. */
bool bench_better(unsigned test, double a, double b)
{
	return isnan(b) || (test == BENCH_RTT ? a < b : a > b);
}

const struct bench_row *bench_best(const struct bench_result *result,
				   unsigned class,
				   const struct bench_cell *cell,
				   const struct bench_choice *choice,
				   double *value)
{
	const struct bench_row *row = result->row, *found = NULL;
	struct bench_figures f;
	unsigned i;
	double v;

	*value = NAN;
	for (i = 0; i < result->rows; i++, row++) {
		if (!bench_in_cell(row, cell) ||
		    !choice->is(row->who, choice->name) ||
		    row->class[class].slices < choice->slices)
			continue;
		f = bench_row_figures(row, class);
		v = choice->of(&f);
		if (isnan(v) || !bench_better(cell->test, v, *value))
			continue;
		*value = v;
		found = row;
	}
	return found;
}
