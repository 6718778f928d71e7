/* SPDX-License-Identifier: MIT */
/*
 * weir-bench rate: delay, CPU time and sleeps of a message at fixed rates, for
 * weir's ways of waiting and for the system's. See rate.h.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rate.h"

#define SECONDS 60.0
#define SLICE_MS 20.0
/* The least messages of a slice: at 1 k/s a slice is longer. Arbitrary. */
#define LEAST_MESSAGES 40
/* Discarded at the beginning of a slice: for so long, and so many. Arbitrary. */
#define WARM_NS 1e6
#define WARM_LEAST 10
/* Discarded at the beginning of all: this many slices of each row. Arbitrary:
   a new end learns in some 16 waits, the pages and caches in less. */
#define WARM_SLICES 1

static const char usage[] =
"Usage: weir-bench rate [OPTION]...\n"
"How late messages arrive that are sent at fixed rates, and what CPU time they\n"
"take, for weir's ways of waiting, a socket, a pipe and an eventfd.\n"
"\n"
"  -t, --seconds=N      measure for N seconds (60)\n"
"  -q, --quick          for 12\n"
"  -r, --rates=LIST     messages a second; K is 1000, M a million\n"
"                       (1K,10K,100K,1M)\n"
"  -p, --pattern=NAME   steady, poisson, bursts of ten (steady)\n"
"  -w, --with=LIST      adaptive, park, spin-1, spin-5, spin-20, spin-50,\n"
"                       spin-200, spin, handle, io_uring, socket, pipe,\n"
"                       eventfd (all)\n"
"  -C, --cpus=A,B       pin to these two (the first two allowed)\n"
"  -F, --far=NS         a line's round trip that is called \"far\" (250)\n"
"  -S, --slice=MS       length of a slice (20)\n"
"  -j, --json           write JSON\n"
"      --csv            write comma-separated values\n"
"  -h, --help, -V, --version\n"
"\n"
"Exit status: 0, 1 a message was lost or a process or call failed, 2 usage.\n"
"See weir-bench(1).\n";

/* Each row has processes of its own: what an end has learnt of its waits is
   learnt at one rate, as in a program that runs for long. */
static void add_row(struct rate_result *result, const struct rate_way *way,
		    double rate)
{
	struct rate_row *row = &result->row[result->rows++];

	row->way = way;
	row->rate = rate;
	row->pair = rate_way_start(way, &row->shared);
}

void rate_rows_make(struct rate_result *result,
		    const struct rate_options *options)
{
	const struct rate_way *way;
	unsigned i, rate;

	memset(result, 0, sizeof(*result));
	result->options = options;
	result->row = calloc((size_t)options->rates * rate_ways_n,
			     sizeof(*result->row));
	if (!result->row)
		bench_fail("no memory");
	for (rate = 0; rate < options->rates; rate++) {
		for (i = 0; i < rate_ways_n; i++) {
			way = &rate_ways[i];
			if ((options->with &&
			     !bench_listed(options->with, way->name)) ||
			    !rate_way_exists(way))
				continue;
			add_row(result, way, options->rate[rate]);
		}
	}
	result->ways = result->rows / options->rates;
}

static void order(const struct rate_options *options,
		  const struct rate_row *row)
{
	struct rate_shared *shared = row->shared;
	double period = 1e9 / row->rate;
	double messages = options->slice_ms * 1e6 / period, warm = WARM_NS / period;

	if (messages < LEAST_MESSAGES)
		messages = LEAST_MESSAGES;
	if (warm < WARM_LEAST)
		warm = WARM_LEAST;
	rate_schedule(shared, options->pattern, period);
	shared->warm = (uint64_t)warm;
	shared->messages = (uint64_t)messages;
}

static void keep(struct rate_class *class, const struct bench_shared *shared,
		 const struct rate_shared *rate)
{
	double n = (double)rate->messages, ns[BENCH_SIDES];
	int side;

	if (!class->delay)
		class->delay = calloc(1, sizeof(*class->delay));
	if (!class->delay)
		bench_fail("no memory");
	bench_histogram_merge(class->delay, &shared->trips);
	class->slices++;
	for (side = 0; side < BENCH_SIDES; side++) {
		ns[side] = (double)rate->cpu_ns[side] / n;
		bench_values_add(&class->cpu[side], ns[side]);
	}
	bench_values_add(&class->cpu_all, ns[BENCH_A] + ns[BENCH_B]);
	bench_values_add(&class->reached,
			 n * 1e9 / bench_ns((double)rate->ticks));
	class->messages += rate->messages;
	class->sleeps += rate->sleep[BENCH_B].waits;
	class->parks += rate->sleep[BENCH_B].parks;
	class->rings += rate->rings;
	if (rate->sleep[BENCH_A].robbed || rate->sleep[BENCH_B].robbed)
		class->robbed++;
}

static void play(struct rate_result *result, struct rate_row *row, bool warm)
{
	const struct rate_options *options = result->options;
	struct bench_shared *shared;
	int class;

	order(options, row);
	class = rate_slice(row->pair, options->far_ns, &shared);
	if (warm)
		return;
	if (class < 0) {
		row->discarded++;
		result->discarded++;
		return;
	}
	result->slices[class]++;
	if (row->shared->sleep[BENCH_A].robbed ||
	    row->shared->sleep[BENCH_B].robbed)
		result->robbed++;
	keep(&row->class[class], shared, row->shared);
}

static void tell(const struct rate_result *result)
{
	if (!isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\rweir-bench: %.0f of %.0f s ", result->seconds,
		result->options->seconds);
	if (result->seconds >= result->options->seconds)
		fputs("\r\033[K", stderr);
}

void rate_rows_run(struct rate_result *result)
{
	uint64_t start;
	unsigned i;

	for (i = 0; i < WARM_SLICES * result->rows; i++)
		play(result, &result->row[i % result->rows], true);
	start = bench_clock_system();
	i = 0;
	/* whole turns of a rate, so that its ways share what there was */
	do {
		play(result, &result->row[i], false);
		i = (i + 1) % result->rows;
		result->seconds =
			(double)(bench_clock_system() - start) / 1e9;
		if (i % result->ways == 0)
			tell(result);
	} while (i % result->ways ||
		 result->seconds < result->options->seconds);
}

static void free_class(struct rate_class *class)
{
	free(class->delay);
	free(class->cpu[BENCH_A].value);
	free(class->cpu[BENCH_B].value);
	free(class->cpu_all.value);
	free(class->reached.value);
}

void rate_rows_free(struct rate_result *result)
{
	unsigned i, class;

	for (i = 0; i < result->rows; i++) {
		for (class = 0; class < BENCH_CLASSES; class++)
			free_class(&result->row[i].class[class]);
	}
	free(result->row);
}

int bench_rate(int argc, char **argv)
{
	struct rate_options options = {
		.seconds = SECONDS,
		.slice_ms = SLICE_MS,
		.rate = { 1e3, 1e4, 1e5, 1e6 },
		.rates = 4,
	};
	struct rate_result result;

	rate_options_parse(&options, argc, argv, usage, "t:qr:p:w:C:F:S:jhV");
	rate_rows_make(&result, &options);
	if (!result.rows)
		bench_usage_bad("--with", "nothing is left to run");
	rate_rows_run(&result);
	bench_pairs_stop();
	if (options.json)
		rate_json(&result);
	else if (options.csv)
		rate_csv(&result);
	else
		rate_table(&result);
	rate_rows_free(&result);
	return bench_finish();
}
