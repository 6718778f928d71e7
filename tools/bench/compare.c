/* SPDX-License-Identifier: MIT */
/*
 * weir-bench compare: weir beside everything else that moves messages between
 * two processes or threads of this machine and was found when this was built.
 */
#include "bench.h"

#define SECONDS 60.0
#define SECONDS_QUICK 15.0
#define SECONDS_FULL 600.0
/* Short, so that many rows have many slices; arbitrary. */
#define SLICE_MS 5.0
#define PAUSE_US 50.0

static const char usage[] =
"Usage: weir-bench compare [OPTION]...\n"
"weir beside every other library that was found when this was built, pipe,\n"
"Unix socket, message queue and the raw limits of this machine.\n"
"\n"
"  -q, --quick          few rows, 15 seconds\n"
"  -f, --full           all rows, 10 minutes\n"
"  -t, --seconds=N      measure for N seconds (60)\n"
"  -s, --size=LIST      bytes a message, a multiple of 8; K is 1024\n"
"                       (8,64,256,1K,4K,64K)\n"
"  -o, --only=LIST      of rtt, throughput, batched, worked, starved (all)\n"
"  -m, --mode=LIST      busy, blocking (both)\n"
"  -k, --kind=LIST      processes, threads (both)\n"
"  -w, --with=LIST      contestants, see --list (all but the optional ones)\n"
"  -c, --capacity=N     bytes of buffer each way (2M, 4M from 16K on)\n"
"  -C, --cpus=A,B       pin to these two (the first two allowed)\n"
"  -F, --far=NS         a line's round trip that is called \"far\" (250)\n"
"  -p, --pause=US       before each blocking round trip (50)\n"
"  -S, --slice=MS       length of a slice (5)\n"
"  -j, --json           write JSON instead of the table\n"
"      --csv            write CSV instead of the table\n"
"      --svg=FILE       draw plots, besides\n"
"      --readme=FILE    write the short table of README, besides\n"
"      --give-up=N      leave out whose slice takes N seconds (60)\n"
"  -l, --list           say what there is, and stop\n"
"  -h, --help, -V, --version\n"
"\n"
"Exit status: 0, 1 a message was lost, a process or call failed or a slice\n"
"did not end, 2 usage.\n"
"See weir-bench(1).\n";

enum { OPTION_CSV = 256, OPTION_SVG, OPTION_README, OPTION_GIVE_UP };

static const struct option longs[] = {
	{ "quick", no_argument, NULL, 'q' },
	{ "full", no_argument, NULL, 'f' },
	{ "seconds", required_argument, NULL, 't' },
	{ "size", required_argument, NULL, 's' },
	{ "only", required_argument, NULL, 'o' },
	{ "mode", required_argument, NULL, 'm' },
	{ "kind", required_argument, NULL, 'k' },
	{ "with", required_argument, NULL, 'w' },
	{ "capacity", required_argument, NULL, 'c' },
	{ "cpus", required_argument, NULL, 'C' },
	{ "far", required_argument, NULL, 'F' },
	{ "pause", required_argument, NULL, 'p' },
	{ "slice", required_argument, NULL, 'S' },
	{ "json", no_argument, NULL, 'j' },
	{ "csv", no_argument, NULL, OPTION_CSV },
	{ "svg", required_argument, NULL, OPTION_SVG },
	{ "readme", required_argument, NULL, OPTION_README },
	{ "give-up", required_argument, NULL, OPTION_GIVE_UP },
	{ "list", no_argument, NULL, 'l' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 }
};

static void preset(struct bench_options *options, unsigned which)
{
	options->preset = which;
	/* An explicit time before or after it wins. */
	if (options->seconds == 0)
		options->seconds = which == BENCH_PRESET_QUICK ?
				   SECONDS_QUICK :
				   which == BENCH_PRESET_FULL ?
				   SECONDS_FULL : SECONDS;
}

static void parse_one(struct bench_options *options, int c, const char *value)
{
	if (c == 'o')
		options->tests = bench_option_names("--only", value,
						    bench_test_words);
	else if (c == 'k')
		options->kinds = bench_option_names("--kind", value,
						    bench_kind_words);
	else if (c == OPTION_CSV)
		options->csv = true;
	else if (c == OPTION_SVG)
		options->svg = value;
	else if (c == OPTION_README)
		options->readme = value;
	else if (c == OPTION_GIVE_UP)
		bench_pair_give_up = (unsigned)
			bench_option_number("--give-up", value, 1, 3600);
	else if (c == 'l')
		bench_print_list();
	else if (c == 'h')
		bench_print_text(usage);
	else if (c == 'V')
		bench_print_version();
	else if (!bench_option_common(options, c, value))
		bench_usage();	/* getopt has said why */
}

static void parse(struct bench_options *options, int argc, char **argv)
{
	unsigned which = BENCH_PRESET_USUAL;
	bool chosen = false;	/* rows by their names: all of those */
	int c;

	while ((c = getopt_long(argc, argv, "t:qfs:o:m:k:w:c:C:F:p:S:jlhV",
				longs, NULL)) != -1) {
		if (c == 'q')
			which = BENCH_PRESET_QUICK;
		else if (c == 'f')
			which = BENCH_PRESET_FULL;
		else
			parse_one(options, c, optarg);
		chosen |= c == 'o' || c == 'm' || c == 'k';
	}
	if (optind < argc)
		bench_usage_bad("not an option", argv[optind]);
	if (options->csv && options->json)
		bench_usage_bad("--csv", "not together with --json");
	preset(options, which);
	if (chosen)
		options->preset = BENCH_PRESET_FULL;
}

int bench_compare(int argc, char **argv)
{
	struct bench_options options = {
		.kinds = (1u << BENCH_KINDS) - 1,
		.tests = (1u << BENCH_TESTS) - 1,
		.modes = (1u << BENCH_MODES) - 1,
		.size = { 8, 64, 256, 1024, 4096, 65536 },
		.sizes = 6,
		.far_ns = BENCH_FAR_NS,
		.slice_ms = SLICE_MS,
		.pause_us = PAUSE_US,
	};
	struct bench_result result;

	parse(&options, argc, argv);
	bench_sweep();
	bench_rows_play(&result, &options,
			"--with, --only, --mode, --kind, --size");
	if (options.json)
		bench_json(&result);
	else if (options.csv)
		bench_csv(&result);
	else
		bench_blocks(&result);
	if (options.svg)
		bench_plots(&result, options.svg);
	if (options.readme)
		bench_readme(&result, options.readme);
	bench_rows_free(&result);
	return bench_finish();
}
