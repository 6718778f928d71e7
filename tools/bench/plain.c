/* SPDX-License-Identifier: MIT */
/*
 * weir-bench without a command: weir, a pipe and a Unix socket beside the raw
 * limits, in 20 seconds.
 */
#include "bench.h"

#define SECONDS 20.0
#define SECONDS_QUICK 4.0
#define SLICE_MS 10.0
/* Arbitrary: several times what a thread takes to fall asleep. */
#define PAUSE_US 50.0
/* That of a ring of default options. */
#define CAPACITY (UINT64_C(2) << 20)

static const char usage[] =
"Usage: weir-bench [OPTION]...\n"
"       weir-bench compare|rate|scale|targets [OPTION]...\n"
"What a message between two processes costs: round trip and throughput of\n"
"weir, a pipe and a Unix socket, beside the raw limit of this machine.\n"
"\n"
"  -t, --seconds=N      measure for N seconds (20)\n"
"  -q, --quick          for 4\n"
"  -s, --size=LIST      bytes a message, a multiple of 8; K is 1024\n"
"                       (8,64,1K,64K)\n"
"  -o, --only=LIST      rtt, throughput (both)\n"
"  -m, --mode=LIST      busy, blocking (both)\n"
"  -w, --with=LIST      contestants, see --list (no peers, no optional ones)\n"
"  -c, --capacity=N     bytes of buffer each way (2M)\n"
"  -C, --cpus=A,B       pin to these two (the first two allowed)\n"
"  -F, --far=NS         a line's round trip that is called \"far\" (250)\n"
"  -p, --pause=US       before each blocking round trip (50)\n"
"  -S, --slice=MS       length of a slice (10)\n"
"  -j, --json           write JSON\n"
"  -l, --list           say what there is, and stop\n"
"  -h, --help, -V, --version\n"
"\n"
"Commands, each with a --help of its own:\n"
"  compare              weir beside every other library that was found when\n"
"                       this was built: table, JSON, CSV, plots\n"
"  rate                 latency, CPU time and wakes at a fixed rate\n"
"  scale                many rings, small and large ones\n"
"  targets              what the project set out to reach\n"
"\n"
"Exit status: 0, 1 a message was lost or a process or call failed, 2 usage.\n"
"See weir-bench(1).\n";

static const struct option longs[] = {
	{ "seconds", required_argument, NULL, 't' },
	{ "quick", no_argument, NULL, 'q' },
	{ "size", required_argument, NULL, 's' },
	{ "only", required_argument, NULL, 'o' },
	{ "mode", required_argument, NULL, 'm' },
	{ "with", required_argument, NULL, 'w' },
	{ "capacity", required_argument, NULL, 'c' },
	{ "cpus", required_argument, NULL, 'C' },
	{ "far", required_argument, NULL, 'F' },
	{ "pause", required_argument, NULL, 'p' },
	{ "slice", required_argument, NULL, 'S' },
	{ "json", no_argument, NULL, 'j' },
	{ "list", no_argument, NULL, 'l' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 }
};

static void parse(struct bench_options *options, int argc, char **argv)
{
	static const char *const tests[] = { "rtt", "throughput", NULL };
	int c;

	while ((c = getopt_long(argc, argv, "t:qs:o:m:w:c:C:F:p:S:jlhV", longs,
				NULL)) != -1) {
		if (c == 'q')
			options->seconds = SECONDS_QUICK;
		else if (c == 'o')
			options->tests = bench_option_names("--only", optarg,
							    tests);
		else if (c == 'l')
			bench_print_list();
		else if (c == 'h')
			bench_print_text(usage);
		else if (c == 'V')
			bench_print_version();
		else if (!bench_option_common(options, c, optarg))
			bench_usage();	/* getopt has said why */
	}
	if (optind < argc)
		bench_usage_bad("not an option", argv[optind]);
}

int bench_plain(int argc, char **argv)
{
	struct bench_options options = {
		.seconds = SECONDS,
		.preset = BENCH_PRESET_PLAIN,
		.kinds = BENCH_IN_PROCESSES,
		.tests = 1u << BENCH_RTT | 1u << BENCH_THROUGHPUT,
		.modes = (1u << BENCH_MODES) - 1,
		.size = { 8, 64, 1024, 65536 },
		.sizes = 4,
		.capacity = CAPACITY,
		.far_ns = BENCH_FAR_NS,
		.slice_ms = SLICE_MS,
		.pause_us = PAUSE_US,
	};
	struct bench_result result;

	parse(&options, argc, argv);
	bench_rows_play(&result, &options, "--with, --only, --mode");
	if (options.json)
		bench_json(&result);
	else
		bench_table(&result);
	bench_rows_free(&result);
	return bench_finish();
}
