/* SPDX-License-Identifier: MIT */
/*
 * The result for spreadsheets: a line for each row and class, then one for each
 * goal, whose "test" is "goal". The columns are in weir-bench(1); a new one
 * comes last, none goes. A figure that is not there is empty.
 */
#include <math.h>

#include "bench.h"

static const char head[] =
"class,kind,test,mode,size,capacity,contestant,peer,slices,discarded,few,"
"trips,p50_ns,p90_ns,p99_ns,p999_ns,p9999_ns,max_ns,burst_ns,"
"messages_per_s,messages_per_s_min,messages_per_s_max,bytes_per_s,"
"ratio_to_raw,slept,parked,robbed,date,cpu,kernel,"
"goal,figure,wanted,bound,unit,wanted_is,bound_is,verdict,"
"second_bound,second_bound_is";

static void cell(double value)
{
	if (isnan(value) || isinf(value))
		printf(",");
	else
		printf(",%.6g", value);
}

/* In quotes, as it may hold commas; a quote is doubled. */
static void text(const char *s)
{
	printf(",\"");
	for (; *s; s++) {
		if (*s == '"')
			putchar('"');
		if ((unsigned char)*s >= 0x20)
			putchar(*s);
	}
	putchar('"');
}

static void machine(void)
{
	printf(",%s", bench_machine.date);
	text(bench_machine.cpu);
	text(bench_machine.kernel);
}

static void line(const struct bench_row *row, unsigned class)
{
	const struct bench_class *c = &row->class[class];
	struct bench_figures f = bench_row_figures(row, class);

	printf("%s,%s,%s,%s,%zu,%llu,%s,%d,%u,%u,%d", bench_class_word(class),
	       bench_kind_name(row->kind), bench_test_word(row->test),
	       bench_mode_name(row->mode), row->size,
	       (unsigned long long)row->capacity, row->who->name,
	       row->who->peer, c->slices, row->discarded,
	       c->slices < BENCH_FEW);
	if (row->test == BENCH_RTT)
		printf(",%llu", c->histogram ?
		       (unsigned long long)c->histogram->trips : 0ull);
	else
		printf(",");
	cell(f.p50);
	cell(f.p90);
	cell(f.p99);
	cell(f.p999);
	cell(f.p9999);
	cell(bench_percentile(c->histogram, 1));
	cell(f.burst);
	cell(f.rate);
	cell(f.rate_min);
	cell(f.rate_max);
	cell(f.rate * (double)row->size);
	cell(f.ratio);
	cell(f.slept);
	cell(f.parked);
	printf(",%u", c->robbed);
	machine();
	printf(",,,,,,,,,,\n");
}

static void goal_line(const struct bench_goal *goal)
{
	printf("%s,,goal,,,,weir,,%u,,%d,,,,,,,,,,,,,,,,",
	       bench_class_word(goal->class), goal->slices,
	       goal->verdict == BENCH_UNKNOWN);
	machine();
	text(goal->what);
	cell(goal->figure);
	cell(goal->wanted);
	cell(goal->bound);
	printf(",%s", goal->unit);
	text(goal->wanted_is);
	text(goal->bound_is);
	printf(",%s", bench_verdict(goal));
	cell(goal->second);
	text(goal->second_is);
	printf("\n");
}

void bench_csv(const struct bench_result *result)
{
	static struct bench_goal goal[BENCH_GOALS_MAX];
	unsigned n = bench_goals(result, goal), i, class;

	printf("%s\n", head);
	for (i = 0; i < result->rows; i++) {
		for (class = 0; class < BENCH_CLASSES; class++) {
			if (result->row[i].class[class].slices)
				line(&result->row[i], class);
		}
	}
	for (i = 0; i < n; i++)
		goal_line(&goal[i]);
}
