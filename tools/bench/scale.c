/* SPDX-License-Identifier: MIT */
/*
 * weir-bench scale: whether a message costs more where there are many rings, or
 * a large one. See scale.h.
 */
#include <stdlib.h>
#include <string.h>

#include "scale.h"

#define SECONDS 15.0
#define RING_BYTES (UINT64_C(1) << 16)

static const char usage[] =
"Usage: weir-bench scale [OPTION]...\n"
"What a message of 8 bytes costs beside 0 to 63 idle rings, in 1 to 64 rings\n"
"that are in use, and in rings of 4 KiB to 1 GiB.\n"
"\n"
"  -t, --seconds=N      measure for N seconds (15)\n"
"  -C, --cpus=A,B       pin to these two (the first two allowed)\n"
"  -F, --far=NS         a line's round trip that is called \"far\" (250)\n"
"  -j, --json           write JSON\n"
"      --csv            write comma-separated values\n"
"  -h, --help, -V, --version\n"
"\n"
"Exit status: 0, 1 a message was lost or a process or call failed, 2 usage.\n"
"See weir-bench(1).\n";

static const unsigned rings[] = { 1, 2, 4, 8, 16, 32, 64 };
static const uint64_t capacities[] = {
	UINT64_C(4) << 10, UINT64_C(64) << 10, UINT64_C(1) << 20,
	UINT64_C(16) << 20, UINT64_C(256) << 20, UINT64_C(1) << 30,
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct scale_pair pairs[COUNT(rings) + COUNT(capacities)];

static void add_row(struct scale_result *result, struct scale_pair *pair,
		    unsigned looks)
{
	struct scale_row *row = &result->row[result->rows++];

	row->pair = pair;
	row->looks = looks;
}

static void make(struct scale_result *result,
		 const struct rate_options *options)
{
	struct scale_pair *pair = pairs;
	unsigned i, looks;

	memset(result, 0, sizeof(*result));
	result->options = result->slices.options = options;
	result->row = calloc(SCALE_LOOKS * COUNT(rings) + COUNT(capacities),
			     sizeof(*result->row));
	if (!result->row)
		bench_fail("no memory");
	for (i = 0; i < COUNT(rings); i++, pair++) {
		pair->rings = rings[i];
		pair->capacity = RING_BYTES;
		scale_pair_start(pair);
		for (looks = 0; looks < SCALE_LOOKS; looks++)
			add_row(result, pair, looks);
	}
	result->by_rings = result->rows;
	for (i = 0; i < COUNT(capacities); i++, pair++) {
		pair->rings = 1;
		pair->capacity = capacities[i];
		scale_pair_start(pair);
		add_row(result, pair, SCALE_ACTIVE);
	}
}

static void play(struct scale_result *result, struct scale_row *row, bool warm)
{
	struct scale_shared *shared = row->pair->shared;
	struct bench_shared *bench;
	int class;

	if (!row->pair->pair)
		return;
	shared->looks = row->looks;
	class = rate_slice(row->pair->pair, result->options->far_ns, &bench);
	if (warm)
		return;
	if (class < 0) {
		row->discarded++;
		result->slices.discarded++;
		return;
	}
	result->slices.slices[class]++;
	if (shared->sleep[BENCH_A].robbed || shared->sleep[BENCH_B].robbed) {
		row->robbed++;
		result->slices.robbed++;
	}
	row->first_touch[class] += shared->first_touch;
	bench_values_add(&row->ns[class], bench_ns((double)shared->ticks) /
			 (double)shared->messages);
}

static void run(struct scale_result *result)
{
	uint64_t start;
	unsigned i;

	for (i = 0; i < result->rows; i++)
		play(result, &result->row[i], true);
	start = bench_clock_system();
	do {
		for (i = 0; i < result->rows; i++)
			play(result, &result->row[i], false);
		result->slices.seconds =
			(double)(bench_clock_system() - start) / 1e9;
	} while (result->slices.seconds < result->options->seconds);
}

int bench_scale(int argc, char **argv)
{
	struct rate_options options = { .seconds = SECONDS };
	struct scale_result result;
	unsigned i, class;

	rate_options_parse(&options, argc, argv, usage, "t:C:F:jhV");
	make(&result, &options);
	run(&result);
	bench_pairs_stop();
	if (options.json)
		scale_json(&result);
	else if (options.csv)
		scale_csv(&result);
	else
		scale_table(&result);
	for (i = 0; i < result.rows; i++) {
		for (class = 0; class < BENCH_CLASSES; class++)
			free(result.row[i].ns[class].value);
	}
	free(result.row);
	return bench_finish();
}
