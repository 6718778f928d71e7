/* SPDX-License-Identifier: MIT */
/*
 * The rates for people, and as comma-separated values.
 */
#include <math.h>

#include "rate.h"

/* A class is shown if at least half of its rows have so many slices. */
#define SLICES_SHOWN 3

bool rate_has_figures(const struct rate_result *result, unsigned class)
{
	unsigned i, n = 0;

	for (i = 0; i < result->rows; i++)
		n += result->row[i].class[class].slices >= SLICES_SHOWN;
	return n * 2 >= result->rows;
}

void rate_heading(const char *what, const struct rate_result *result)
{
	const struct bench_machine *m = &bench_machine;

	printf("weir-bench %s, weir %s, %s\n%s, %s\n%s, CPUs %d and %d%s, "
	       "clock %s\n", what, weir_version(), weir_backend(), m->cpu,
	       m->kernel, m->date, m->cpu_of[BENCH_A], m->cpu_of[BENCH_B],
	       m->pinned ? "" : " (not pinned)", bench_clock.name);
	printf("slices: %u near, %u far (a line's round trip from %.0f ns on),"
	       " %u discarded, %u robbed\n",
	       result->slices[BENCH_NEAR], result->slices[BENCH_FAR],
	       result->options->far_ns, result->discarded, result->robbed);
}

static void print_row(const struct rate_row *row, unsigned class)
{
	struct rate_figures f = rate_row_figures(row, class);

	printf("  %-9s", row->way->name);
	if (!row->class[class].slices) {
		printf(" -\n");
		return;
	}
	printf(" %9.2f %9.2f %9.2f %9.2f %9.2f %8.2f %7.2f %7.3f",
	       f.p50 / 1e3, f.p90 / 1e3, f.p99 / 1e3, f.p999 / 1e3,
	       f.cpu / 1e3, f.cpu_b / 1e3, f.cpu_a / 1e3, f.sleeps);
	if (rate_has_ring(row->way))
		printf(" %7.3f", f.rings);
	else
		printf(" %7s", "-");
	printf(" %9.0f %5u\n", f.reached, row->class[class].slices);
}

static void print_verdict(const struct rate_verdict *v)
{
	if (!v->judged) {
		printf("  verdict: not measured: none beside it, or fewer than "
		       "%d slices\n", BENCH_FEW);
		return;
	}
	printf("  verdict: adaptive %s", v->holds ? "holds" : "FAILS");
	if (v->beaten_by)
		printf("; %s is better by more than 10 %% in p50 and in CPU",
		       v->beaten_by->way->name);
	else
		printf("; no bound is better by 10 %% in p50 and in CPU");
	if (v->bound && !isnan(v->ratio))
		printf("; its %s is %.2f of that of %s (at most 1.10)",
		       v->bound, v->ratio, v->against->way->name);
	printf("\n");
}

void rate_table_rows(const struct rate_result *result, unsigned class)
{
	struct rate_verdict v;
	unsigned first, i;

	printf("\n%s: us after a message was due; us of CPU time a message\n",
	       bench_class_name(class));
	for (first = 0; first < result->rows; first += result->ways) {
		printf("\n  %-9s %9s %9s %9s %9s %9s %8s %7s %7s %7s %9s "
		       "%5s\n",
		       "", "p50", "p90", "p99", "p99.9", "CPU", "receiver",
		       "sender", "sleeps", "wakes", "msg/s", "slices");
		printf("  %.0f messages a second\n",
		       result->row[first].rate);
		for (i = 0; i < result->ways; i++)
			print_row(&result->row[first + i], class);
		v = rate_judge(result, first, class);
		/* alone, there is nothing to judge by */
		if (v.adaptive && result->ways > 1)
			print_verdict(&v);
	}
}

void rate_table(const struct rate_result *result)
{
	unsigned class, shown = 0;

	rate_heading("rate", result);
	printf("messages: %s\n", rate_patterns[result->options->pattern]);
	for (class = 0; class < BENCH_CLASSES; class++) {
		if (!rate_has_figures(result, class))
			continue;
		rate_table_rows(result, class);
		shown++;
	}
	if (!shown)
		printf("\nToo few slices of one class: measure for longer.\n");
}

static void value(double v)
{
	if (isnan(v) || isinf(v))
		printf(",");
	else
		printf(",%.6g", v);
}

void rate_csv(const struct rate_result *result)
{
	const struct rate_row *row;
	struct rate_figures f;
	unsigned i, class;

	printf("rate,way,class,slices,p50_ns,p90_ns,p99_ns,p999_ns,cpu_ns,"
	       "cpu_sender_ns,cpu_receiver_ns,sleeps,parks,wakes,"
	       "messages_per_s\n");
	for (i = 0; i < result->rows; i++) {
		row = &result->row[i];
		for (class = 0; class < BENCH_CLASSES; class++) {
			if (!row->class[class].slices)
				continue;
			f = rate_row_figures(row, class);
			printf("%.0f,%s,%s,%u", row->rate, row->way->name,
			       bench_class_name(class),
			       row->class[class].slices);
			value(f.p50);
			value(f.p90);
			value(f.p99);
			value(f.p999);
			value(f.cpu);
			value(f.cpu_a);
			value(f.cpu_b);
			value(f.sleeps);
			value(f.parks);
			value(f.rings);
			value(f.reached);
			printf("\n");
		}
	}
}
