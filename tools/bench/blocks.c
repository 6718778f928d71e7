/* SPDX-License-Identifier: MIT */
/*
 * The result of compare for people, 80 columns wide: a block for each class,
 * kind, test and mode, with a row for each contestant and a column for each
 * size; then the tails of the shortest round trip, and the goals.
 */
#include <math.h>
#include <string.h>

#include "bench.h"

/* Rows that follow each other and differ in contestant and size. */
struct block {
	const struct bench_row *row;
	unsigned n, class;
	size_t size[BENCH_SIZES_MAX];
	unsigned sizes;
	const struct bench_contestant *who[BENCH_CONTESTANTS_MAX];
	unsigned whos;
};

static void add_size(struct block *block, size_t size)
{
	unsigned i;

	for (i = 0; i < block->sizes; i++) {
		if (block->size[i] == size)
			return;
	}
	block->size[block->sizes++] = size;
}

/* In the order of the list of contestants, whichever size has them. */
static void find_whos(struct block *block)
{
	unsigned i, j;

	for (i = 0; bench_contestants[i]; i++) {
		for (j = 0; j < block->n; j++) {
			if (block->row[j].who == bench_contestants[i])
				break;
		}
		if (j < block->n)
			block->who[block->whos++] = bench_contestants[i];
	}
}

static struct block block_from(const struct bench_result *result,
			       unsigned first, unsigned class)
{
	struct block block = { .row = &result->row[first], .class = class };
	const struct bench_row *row = block.row;

	while (first + block.n < result->rows &&
	       row[block.n].kind == row->kind &&
	       row[block.n].test == row->test && row[block.n].mode == row->mode)
		add_size(&block, row[block.n++].size);
	find_whos(&block);
	return block;
}

static const struct bench_row *row_of(const struct block *block,
				      const struct bench_contestant *who,
				      size_t size)
{
	unsigned i;

	for (i = 0; i < block->n; i++) {
		if (block->row[i].who == who && block->row[i].size == size)
			return &block->row[i];
	}
	return NULL;
}

/* What the block shows: ns or millions a second. */
static double value_of(const struct bench_row *row, unsigned class)
{
	struct bench_figures f;

	if (!row)
		return NAN;
	f = bench_row_figures(row, class);
	return row->test == BENCH_RTT ? f.p50 / 1e3 : f.rate / 1e6;
}

static const struct bench_row *best_peer(const struct bench_result *result,
					 const struct block *block,
					 size_t size)
{
	const struct bench_row *row = block->row;
	const struct bench_cell cell = { 1u << row->kind, row->test, row->mode,
					 size };
	const struct bench_choice choice = {
		bench_is_peer, NULL, row->test == BENCH_RTT ? bench_p50_of :
							      bench_rate_of, 1
	};
	double value;

	return bench_best(result, block->class, &cell, &choice, &value);
}

static void head(const struct block *block)
{
	const struct bench_row *row = block->row;
	char text[80];
	unsigned i;

	snprintf(text, sizeof(text), "%s, %s, %s, %s",
		 bench_test_name(row->test), bench_mode_name(row->mode),
		 bench_kind_name(row->kind), bench_class_name(block->class));
	printf("\n%s: %s\n%13s", text, row->test == BENCH_RTT ?
	       "p50 in us, less is better" :
	       "M msg/s, more is better", "");
	for (i = 0; i < block->sizes; i++) {
		bench_size_name(block->size[i], text, sizeof(text));
		printf("%9s ", text);
	}
	printf("\n");
}

static void row_line(const struct block *block,
		     const struct bench_contestant *who)
{
	const struct bench_row *row = NULL;
	unsigned i;

	for (i = 0; i < block->sizes && !row; i++)
		row = row_of(block, who, block->size[i]);
	printf("%-13s", bench_row_label(row));
	for (i = 0; i < block->sizes; i++) {
		row = row_of(block, who, block->size[i]);
		bench_table_figure(value_of(row, block->class), 9);
		putchar(row && row->class[block->class].slices &&
			row->class[block->class].slices < BENCH_FEW ?
			'*' : ' ');
	}
	printf("\n");
}

static const struct bench_row *weir_row(const struct block *block, size_t size)
{
	return row_of(block, &bench_weir, size);
}

/* The two lines below: who is next, and how far away; the limit. */
static void ratios(const struct bench_result *result,
		   const struct block *block)
{
	const struct bench_row *row;
	unsigned i;

	printf("  %-11s", "best peer");
	for (i = 0; i < block->sizes; i++) {
		row = best_peer(result, block, block->size[i]);
		printf("%9.9s ", row ? bench_row_label(row) : "-");
	}
	printf("\n  %-11s", "weir / it");
	for (i = 0; i < block->sizes; i++) {
		bench_table_figure(value_of(weir_row(block, block->size[i]),
					    block->class) /
				   value_of(best_peer(result, block,
						      block->size[i]),
					    block->class), 9);
		putchar(' ');
	}
	printf("\n  %-11s", "weir / raw");
	for (i = 0; i < block->sizes; i++) {
		row = weir_row(block, block->size[i]);
		bench_table_figure(row ? bench_row_figures(row, block->class)
				   .ratio : NAN, 9);
		putchar(' ');
	}
	printf("\n");
}

/* All percentiles of the first size. */
static void tails(const struct block *block)
{
	const struct bench_row *row;
	struct bench_figures f;
	char size[24];
	unsigned i;

	bench_size_name(block->size[0], size, sizeof(size));
	printf("\n%s, %s, %s, %s, %s: us\n%13s%9s%9s%9s%9s%9s%9s%8s\n",
	       bench_test_name(BENCH_RTT), size,
	       bench_mode_name(block->row->mode),
	       bench_kind_name(block->row->kind),
	       bench_class_name(block->class), "", "p50", "p90", "p99",
	       "p99.9", "p99.99",
	       block->row->mode == BENCH_BUSY ? "bursts" : "slept", "slices");
	for (i = 0; i < block->whos; i++) {
		row = row_of(block, block->who[i], block->size[0]);
		if (!row)
			continue;
		f = bench_row_figures(row, block->class);
		printf("%-13s", bench_row_label(row));
		bench_table_figure(f.p50 / 1e3, 9);
		bench_table_figure(f.p90 / 1e3, 9);
		bench_table_figure(f.p99 / 1e3, 9);
		bench_table_figure(f.p999 / 1e3, 9);
		bench_table_figure(f.p9999 / 1e3, 9);
		if (row->mode == BENCH_BUSY)
			bench_table_figure(f.burst / 1e3, 9);
		else
			printf("  %5.0f %%", isnan(f.slept) ? 0 :
			       f.slept * 100);
		printf("%8u%s\n", row->class[block->class].slices,
		       row->class[block->class].slices < BENCH_FEW ? "*" : "");
	}
}

static void class_blocks(const struct bench_result *result, unsigned class)
{
	struct block block;
	unsigned first, i;

	for (first = 0; first < result->rows; first += block.n) {
		block = block_from(result, first, class);
		head(&block);
		for (i = 0; i < block.whos; i++)
			row_line(&block, block.who[i]);
		ratios(result, &block);
		if (block.row->test == BENCH_RTT)
			tails(&block);
	}
}

/* Where the goal was not met: what stands beside it, and the bound. */
static void goal_bound(const struct bench_goal *goal)
{
	printf("    wanted: %s", goal->wanted_is);
	if (isnan(goal->bound)) {
		printf("\n");
		return;
	}
	printf("; bound: ");
	bench_table_figure(goal->bound, 1);
	printf(" %s (%s), weir at %.0f %% of it\n", goal->unit,
	       goal->bound_is, 100 * bench_of_bound(goal));
	if (isnan(goal->second))
		return;
	printf("    beside it: ");
	bench_table_figure(goal->second, 1);
	printf(" %s (%s)\n", goal->unit, goal->second_is);
}

static void goal_line(const struct bench_goal *goal)
{
	printf("  %-26s", goal->what);
	bench_table_figure(goal->figure, 9);
	printf(" %s ", goal->at_most ? "<=" : ">=");
	bench_table_figure(goal->wanted, 9);
	printf(" %-3s  %s", goal->unit, bench_verdict(goal));
	if (goal->verdict == BENCH_UNKNOWN)
		printf(": %u slices", goal->slices);
	if (goal->verdict == BENCH_MET)
		printf(": %s", goal->wanted_is);
	printf("\n");
	if (goal->verdict == BENCH_MISSED ||
	    goal->verdict == BENCH_OUT_OF_REACH)
		goal_bound(goal);
}

static void class_goals(const struct bench_result *result, unsigned class,
			const struct bench_goal *goal, unsigned n)
{
	unsigned i;

	printf("\nGoals, %-21s%9s    %9s\n", bench_class_word(class),
	       result->slices[class] ? "weir" : "-",
	       result->slices[class] ? "wanted" : "no slices");
	for (i = 0; i < n; i++) {
		if (goal[i].class == class && result->slices[class])
			goal_line(&goal[i]);
	}
}

static void goals(const struct bench_result *result)
{
	static struct bench_goal goal[BENCH_GOALS_MAX];
	unsigned n = bench_goals(result, goal), class;
	unsigned count[BENCH_VERDICTS];

	if (!n)
		return;
	for (class = 0; class < BENCH_CLASSES; class++)
		class_goals(result, class, goal, n);
	bench_count_goals(goal, n, count);
	printf("Of %u goals %u met, %u missed, %u out of reach here, %u not "
	       "measured.\nThe bound is bare memory in the same run; out of "
	       "reach: it misses the goal, too.\n", n, count[BENCH_MET],
	       count[BENCH_MISSED], count[BENCH_OUT_OF_REACH],
	       count[BENCH_UNKNOWN]);
}

void bench_blocks(struct bench_result *result)
{
	unsigned class;

	bench_table_machine();
	bench_table_slices(result);
	for (class = 0; class < BENCH_CLASSES; class++) {
		if (bench_class_shown(result, class))
			class_blocks(result, class);
	}
	goals(result);
	bench_table_notes(result);
	printf("raw: the limit of plain copies through shared memory, no "
	       "messaging system.\n* of fewer than %u slices. All figures: "
	       "--csv, --json. See weir-bench(1).\n", BENCH_FEW);
}
