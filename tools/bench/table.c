/* SPDX-License-Identifier: MIT */
/*
 * The result for people, 80 columns wide.
 */
#include <math.h>
#include <string.h>

#include "bench.h"

/* Three digits that mean something. */
void bench_figure_text(double value, char *text, size_t room)
{
	int digits = value >= 99.95 ? 0 : value >= 9.995 ? 1 :
		     value >= 0.9995 ? 2 : value >= 0.09995 ? 3 : 4;

	if (isnan(value))
		snprintf(text, room, "-");
	else
		snprintf(text, room, "%.*f", digits, value);
}

void bench_table_figure(double value, int width)
{
	char text[32];

	bench_figure_text(value, text, sizeof(text));
	printf("%*s", width, text);
}

/* The first row of a cell carries its size. */
static void row_head(const struct bench_row *row, bool first)
{
	char size[24] = "";

	if (first)
		bench_size_name(row->size, size, sizeof(size));
	printf("%8s  %-11s", size, bench_row_label(row));
}

static void row_tail(double ratio, unsigned slices)
{
	printf("  ");
	bench_table_figure(ratio, 6);
	printf("  %5u%s\n", slices, slices < BENCH_FEW ? "*" : "");
}

static void trips_row(const struct bench_row *row, unsigned class, bool first)
{
	struct bench_figures f = bench_row_figures(row, class);

	row_head(row, first);
	bench_table_figure(f.p50 / 1e3, 9);
	bench_table_figure(f.p90 / 1e3, 9);
	bench_table_figure(f.p99 / 1e3, 9);
	bench_table_figure(f.p999 / 1e3, 9);
	if (row->mode == BENCH_BUSY)
		bench_table_figure(f.burst / 1e3, 9);
	else if (isnan(f.slept))
		printf("%9s", "-");
	else
		printf("  %5.0f %%", f.slept * 100);
	row_tail(f.ratio, row->class[class].slices);
}

static void flow_row(const struct bench_row *row, unsigned class, bool first)
{
	struct bench_figures f = bench_row_figures(row, class);

	row_head(row, first);
	bench_table_figure(f.rate / 1e6, 9);
	printf("  [");
	bench_table_figure(f.rate_min / 1e6, 6);
	printf(" -");
	bench_table_figure(f.rate_max / 1e6, 7);
	printf("]");
	bench_table_figure(f.rate * (double)row->size / 1e9, 10);
	printf("        ");
	row_tail(f.ratio, row->class[class].slices);
}

static void block_head(const struct bench_row *row, unsigned class)
{
	char title[64];

	snprintf(title, sizeof(title), "%s, %s, %s",
		 bench_test_name(row->test), bench_mode_name(row->mode),
		 bench_class_name(class));
	printf("\n%s\n", title);
	if (row->test == BENCH_RTT)
		printf("%21s%9s%9s%9s%9s%9s%8s%7s\n", "", "p50 us", "p90",
		       "p99", "p99.9",
		       row->mode == BENCH_BUSY ? "bursts" : "slept", "x raw",
		       "slices");
	else
		printf("%21s%9s%12s%6s%10s%16s%7s\n", "", "M msg/s", "[min",
		       "max]", "GB/s", "x raw", "slices");
}

static void class_rows(const struct bench_result *result, unsigned class)
{
	const struct bench_row *row = result->row;
	bool first;
	unsigned i;

	for (i = 0; i < result->rows; i++, row++) {
		if (i == 0 || row[-1].test != row->test ||
		    row[-1].mode != row->mode)
			block_head(row, class);
		first = i == 0 || row[-1].size != row->size ||
			row[-1].mode != row->mode ||
			row[-1].test != row->test;
		if (row->test == BENCH_RTT)
			trips_row(row, class, first);
		else
			flow_row(row, class, first);
	}
}

void bench_table_machine(void)
{
	const struct bench_machine *m = &bench_machine;

	printf("weir-bench %s, %s\n", weir_version(), m->date);
	printf("%s; %s\n", m->cpu, m->kernel);
	if (m->one)
		printf("one CPU (%d of %d) for both processes: no figure here "
		       "is one of two CPUs", m->cpu_of[0], m->cpus);
	else if (m->pinned)
		printf("A on CPU %d, B on CPU %d of the %d allowed",
		       m->cpu_of[BENCH_A], m->cpu_of[BENCH_B], m->cpus);
	else
		printf("%d CPUs, nothing is pinned", m->cpus);
	printf("\nclock %s: a reading takes %.1f ns, in steps of %.0f ns\n",
	       bench_clock.name, bench_clock.cost_ns, bench_clock.step_ns);
}

static void class_count(struct bench_result *result, unsigned class)
{
	struct bench_values *probe = &result->probe[class];

	printf("%s %u", bench_class_name(class), result->slices[class]);
	if (probe->n && bench_machine.classes)
		printf(" (line %.0f ns)", bench_median(probe->value, probe->n));
	printf(", ");
}

void bench_table_slices(struct bench_result *result)
{
	const struct bench_options *o = result->options;
	unsigned discarded = result->changed + result->outside + result->late;
	unsigned all = result->slices[0] + result->slices[1] + discarded;

	printf("%u slices of %.0f ms in %.1f s: ", all, o->slice_ms,
	       result->seconds);
	class_count(result, BENCH_NEAR);
	if (bench_machine.classes)
		class_count(result, BENCH_FAR);
	printf("discarded %u\n", discarded);
	if (result->late)
		printf("%u of them took seconds where milliseconds were asked "
		       "for\n", result->late);
	if (bench_machine.classes)
		printf("near: a line goes there and back in less than %.0f ns, "
		       "before and after\n", o->far_ns);
	/* On one CPU the two sides take it from each other. */
	if (result->robbed && !bench_machine.one)
		printf("in %u slices another program took a CPU for a while; "
		       "%u of them do not count\n", result->robbed,
		       result->dropped);
}

/* Each note of each contestant once. */
void bench_table_notes(const struct bench_result *result)
{
	const struct bench_row *row = result->row;
	unsigned i, j;

	printf("\n");
	for (i = 0; i < result->rows; i++) {
		for (j = 0; j < i && (row[j].who != row[i].who ||
				      strcmp(bench_pair_note(row[j].pair),
					     bench_pair_note(row[i].pair)));
		     j++)
			;
		if (j == i && *bench_pair_note(row[i].pair))
			printf("%s: %s\n", row[i].who->name,
			       bench_pair_note(row[i].pair));
	}
}

static void notes(const struct bench_result *result)
{
	bench_table_notes(result);
	printf("x raw: to the raw row of the same size, the limit of plain "
	       "copies through shared\nmemory: of a round trip less is better, "
	       "of a throughput more. * few slices.\nSee weir-bench(1).\n");
}

void bench_table(struct bench_result *result)
{
	unsigned class;

	bench_table_machine();
	bench_table_slices(result);
	for (class = 0; class < BENCH_CLASSES; class++) {
		if (bench_class_shown(result, class))
			class_rows(result, class);
	}
	notes(result);
}
