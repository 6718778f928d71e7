/* SPDX-License-Identifier: MIT */
/*
 * Options of weir-bench rate, scale and targets: what each knows is its string
 * of letters, as getopt has it; the long names are the same in all.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "rate.h"

#define SECONDS_QUICK 12.0
#define RATE_LEAST 100
#define RATE_MOST 20e6

enum { OPTION_CSV = 256 };

static const struct option longs[] = {
	{ "seconds", required_argument, NULL, 't' },
	{ "quick", no_argument, NULL, 'q' },
	{ "rates", required_argument, NULL, 'r' },
	{ "pattern", required_argument, NULL, 'p' },
	{ "with", required_argument, NULL, 'w' },
	{ "cpus", required_argument, NULL, 'C' },
	{ "far", required_argument, NULL, 'F' },
	{ "slice", required_argument, NULL, 'S' },
	{ "json", no_argument, NULL, 'j' },
	{ "csv", no_argument, NULL, OPTION_CSV },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 }
};

static void parse_rates(struct rate_options *options, const char *list)
{
	const char *at = list;
	char *end;
	double n;

	options->rates = 0;
	for (;;) {
		n = strtod(at, &end);
		if (end == at || options->rates == RATE_RATES_MAX)
			bench_usage_bad("--rates", list);
		if (*end == 'K' || *end == 'k')
			n *= 1e3, end++;
		else if (*end == 'M' || *end == 'm')
			n *= 1e6, end++;
		/* written so that a NAN is refused */
		if (!(n >= RATE_LEAST && n <= RATE_MOST) ||
		    (*end && *end != ','))
			bench_usage_bad("--rates", list);
		options->rate[options->rates++] = n;
		if (!*end)
			return;
		at = end + 1;
	}
}

/* A name that is in the list and no way's is a mistake. */
static void check_ways(const char *list)
{
	const char *at = list;
	unsigned i;
	size_t len;

	for (;;) {
		len = strcspn(at, ",");
		for (i = 0; i < rate_ways_n; i++) {
			if (strlen(rate_ways[i].name) == len &&
			    !memcmp(rate_ways[i].name, at, len))
				break;
		}
		if (i == rate_ways_n)
			bench_usage_bad("--with", list);
		if (!at[len])
			return;
		at += len + 1;
	}
}

static unsigned parse_pattern(const char *name)
{
	unsigned i;

	for (i = 0; rate_patterns[i]; i++) {
		if (!strcmp(rate_patterns[i], name))
			return i;
	}
	bench_usage_bad("--pattern", name);
}

static void one_option(struct rate_options *options, int c, const char *usage)
{
	if (c == 't') {
		options->seconds = bench_option_number("--seconds", optarg,
						       0.1, 86400);
	} else if (c == 'q') {
		options->seconds = SECONDS_QUICK;
	} else if (c == 'r') {
		parse_rates(options, optarg);
	} else if (c == 'p') {
		options->pattern = parse_pattern(optarg);
	} else if (c == 'w') {
		check_ways(optarg);
		options->with = optarg;
	} else if (c == 'C') {
		bench_option_cpus("--cpus", optarg);
	} else if (c == 'F') {
		options->far_ns = bench_option_number("--far", optarg, 1, 1e6);
	} else if (c == 'S') {
		options->slice_ms = bench_option_number("--slice", optarg, 1,
							1000);
	} else if (c == 'j') {
		options->json = true;
	} else if (c == OPTION_CSV) {
		options->csv = true;
	} else if (c == 'h') {
		bench_print_text(usage);
	} else if (c == 'V') {
		bench_print_version();
	} else {
		bench_usage();	/* getopt has said why */
	}
}

void rate_options_parse(struct rate_options *options, int argc, char **argv,
			const char *usage, const char *letters)
{
	int c;

	options->far_ns = BENCH_FAR_NS;
	while ((c = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		/* a long name that this command has not */
		if (c != '?' && c != OPTION_CSV && !strchr(letters, c))
			bench_usage_bad("not an option of", argv[0]);
		one_option(options, c, usage);
	}
	if (optind < argc)
		bench_usage_bad("not an option", argv[optind]);
	bench_machine_start();
}
