/* SPDX-License-Identifier: MIT */
/*
 * weir-bench targets for people and for programs.
 */
#include <math.h>

#include "targets.h"

void targets_table(const struct targets_result *result)
{
	static const char *const name[] = { "single", "batches of 32" };
	const struct targets_flow *flow;
	const struct bench_values *rate;
	const struct targets_line *line;
	unsigned i, class;

	rate_heading("targets", &result->rate);
	for (class = 0; class < BENCH_CLASSES; class++) {
		if (rate_has_figures(&result->rate, class))
			rate_table_rows(&result->rate, class);
	}
	printf("\ntwo processes, 8 bytes, busy\n");
	for (i = 0; i < TARGETS_FLOWS; i++) {
		flow = &result->flow[i];
		for (class = 0; class < BENCH_CLASSES; class++) {
			rate = &flow->rate[class];
			if (rate->n)
				printf("  %-14s %-5s %9.2f M/s, %u slices, "
				       "%u robbed\n", name[i],
				       bench_class_name(class),
				       bench_median(rate->value, rate->n) /
				       1e6, rate->n, flow->robbed);
		}
	}
	printf("\none thread, 8 bytes: %.2f M/s, p50 %.0f ns, %u slices, "
	       "%u robbed\n\n", result->alone.rate.n ?
	       bench_median(result->alone.rate.value, result->alone.rate.n) /
	       1e6 : NAN, bench_percentile(result->alone.trips, 0.5),
	       result->alone.slices, result->alone.robbed);
	for (i = 0; i < result->lines; i++) {
		line = &result->line[i];
		printf("%-7s %-36s %-5s %12.6g %s, %s %g\n",
		       line->met ? "met" : "MISSED", line->what, line->class,
		       line->figure, line->unit,
		       line->at_most ? "at most" : "at least", line->bound);
	}
	printf("%s\n", result->met ? "all met" : "not all met");
}

void targets_csv(const struct targets_result *result)
{
	const struct targets_line *line;
	unsigned i;

	printf("what,class,figure,unit,bound,bound_is,met\n");
	for (i = 0; i < result->lines; i++) {
		line = &result->line[i];
		printf("\"%s\",%s,%.6g,%s,%g,%s,%d\n", line->what, line->class,
		       line->figure, line->unit, line->bound,
		       line->at_most ? "most" : "least", line->met);
	}
}

void targets_json(const struct targets_result *result)
{
	const struct targets_line *line;
	unsigned i;

	bench_json_machine("targets");
	rate_json_slices(&result->rate);
	printf(",\n  \"messages\": %llu, \"received\": %llu,\n"
	       "  \"met\": %s,\n  \"targets\": [",
	       (unsigned long long)rate_messages(&result->rate),
	       (unsigned long long)rate_received(&result->rate),
	       result->met ? "true" : "false");
	for (i = 0; i < result->lines; i++) {
		line = &result->line[i];
		printf("%s\n    {\"what\": \"%s\", \"class\": \"%s\"",
		       i ? "," : "", line->what, line->class);
		bench_json_number("figure", line->figure);
		printf(", \"unit\": \"%s\"", line->unit);
		bench_json_number(line->at_most ? "at_most" : "at_least",
				  line->bound);
		printf(", \"met\": %s}", line->met ? "true" : "false");
	}
	printf("]\n}\n");
}
