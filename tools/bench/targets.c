/* SPDX-License-Identifier: MIT */
/*
 * weir-bench targets: whether this machine reaches what the project promises at
 * the least. Two processes, a million messages a second on a schedule, and each
 * message's delay after it was due; one thread alone; batches beside single
 * messages. Only slices of a class count.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "targets.h"

#define SECONDS 10.0
#define SLICE_MS 20.0
#define RATE 1e6
#define P99_NS 10e3
#define P999_NS 100e3
/* The schedule is the rate; the last message of a slice may be late by this
   share of a slice. */
#define REACHED (0.999 * RATE)
/* Shares of the time, after which the rest is left to the first. */
#define SHARE_FLOWS 0.3
#define SHARE_ALONE 0.1
#define CAPACITY (UINT64_C(2) << 20)

static const char usage[] =
"Usage: weir-bench targets [OPTION]...\n"
"Whether this machine reaches the project's first targets: a million messages\n"
"a second with a p99 of 10 us and a p99.9 of 100 us.\n"
"\n"
"  -t, --seconds=N      measure for N seconds (10)\n"
"  -C, --cpus=A,B       pin to these two (the first two allowed)\n"
"  -F, --far=NS         a line's round trip that is called \"far\" (250)\n"
"  -j, --json           write JSON\n"
"      --csv            write comma-separated values\n"
"  -h, --help, -V, --version\n"
"\n"
"Exit status: 0 all were met, 1 one was not or could not be measured, or a\n"
"process or call failed, 2 usage. See weir-bench(1).\n";

static void flows(struct targets_result *result, double seconds)
{
	static const unsigned test[] = { BENCH_THROUGHPUT, BENCH_BATCHED };
	struct bench_ask ask = {
		.kind = BENCH_PROCESSES, .capacity = CAPACITY,
	};
	struct bench_order order = {
		.mode = BENCH_BUSY,
		.size = 8,
		.warm = bench_ticks_of(1e6),
		.length = bench_ticks_of(10e6),
	};
	const struct bench_shared *shared;
	struct targets_flow *flow;
	uint64_t end = 0, slices = 0;
	unsigned i, turn;
	int class;

	for (i = 0; i < TARGETS_FLOWS; i++)
		result->flow[i].pair = bench_pair_start(&bench_weir, &ask);
	for (turn = 0; !turn || bench_clock_system() < end; turn++) {
		for (i = 0; i < TARGETS_FLOWS; i++) {
			flow = &result->flow[i];
			order.test = test[i];
			order.first = ++slices << 32;
			shared = bench_pair_play(flow->pair, &order);
			class = rate_class_of(shared,
					      result->rate.options->far_ns);
			if (!turn)	/* the first ones are warm-up */
				continue;
			if (class < 0) {
				flow->discarded++;
				continue;
			}
			flow->robbed += shared->sleep[BENCH_A].robbed ||
					shared->sleep[BENCH_B].robbed;
			bench_values_add(&flow->rate[class],
					 (double)shared->messages * 1e9 /
					 bench_ns((double)shared->ticks));
		}
		if (!turn)
			end = bench_clock_system() +
			      (uint64_t)(seconds * 1e9);
	}
}

static void judge(struct targets_result *result, const char *what,
		  const char *class, double figure, double bound, bool at_most,
		  const char *unit)
{
	struct targets_line *line = &result->line[result->lines++];

	line->what = what;
	line->class = class;
	line->figure = figure;
	line->bound = bound;
	line->at_most = at_most;
	line->unit = unit;
	/* written so that a NAN is not met */
	line->met = at_most ? figure <= bound : figure >= bound;
	result->met = result->met && line->met;
}

static double median(const struct bench_values *values)
{
	return values->n ? bench_median(values->value, values->n) : NAN;
}

static void judge_class(struct targets_result *result, unsigned class)
{
	const struct rate_row *row = &result->rate.row[0];
	const struct bench_values *single = result->flow[0].rate + class;
	const struct bench_values *batch = result->flow[1].rate + class;
	const char *name = bench_class_name(class);
	struct rate_figures f;

	if (row->class[class].slices >= BENCH_FEW) {
		f = rate_row_figures(row, class);
		judge(result, "two processes: messages a second", name,
		      f.reached, REACHED, false, "/s");
		judge(result, "two processes: p99", name, f.p99 / 1e3,
		      P99_NS / 1e3, true, "us");
		judge(result, "two processes: p99.9", name, f.p999 / 1e3,
		      P999_NS / 1e3, true, "us");
	}
	if (single->n >= BENCH_FEW && batch->n >= BENCH_FEW)
		judge(result, "batches of 32, to single messages", name,
		      median(batch) / median(single), 1, false, "x");
}

static void judge_all(struct targets_result *result)
{
	const struct targets_alone *alone = &result->alone;
	unsigned class;

	result->met = true;
	for (class = 0; class < BENCH_CLASSES; class++)
		judge_class(result, class);
	if (!result->lines)	/* no class had slices: nothing is shown */
		judge(result, "two processes: messages a second", "none", NAN,
		      REACHED, false, "/s");
	judge(result, "one thread: messages a second", "-",
	      median(&alone->rate), RATE, false, "/s");
	judge(result, "one thread: p99", "-",
	      bench_percentile(alone->trips, 0.99) / 1e3, P99_NS / 1e3, true,
	      "us");
	judge(result, "one thread: p99.9", "-",
	      bench_percentile(alone->trips, 0.999) / 1e3, P999_NS / 1e3,
	      true, "us");
}

int bench_targets(int argc, char **argv)
{
	struct rate_options options = {
		.seconds = SECONDS,
		.slice_ms = SLICE_MS,
		.rate = { RATE },
		.rates = 1,
		.with = "adaptive",
	};
	struct targets_result result = { .met = true };
	double all;
	int rc;

	rate_options_parse(&options, argc, argv, usage, "t:C:F:jhV");
	all = options.seconds;
	options.seconds = all * (1 - SHARE_FLOWS - SHARE_ALONE);
	rate_rows_make(&result.rate, &options);
	rate_rows_run(&result.rate);
	flows(&result, all * SHARE_FLOWS);
	bench_pairs_stop();
	if (bench_machine.pinned)
		bench_pin(bench_machine.cpu_of[BENCH_A]);
	targets_alone_run(&result.alone, all * SHARE_ALONE);
	judge_all(&result);
	if (options.json)
		targets_json(&result);
	else if (options.csv)
		targets_csv(&result);
	else
		targets_table(&result);
	rc = bench_finish();
	return rc ? rc : !result.met;
}
