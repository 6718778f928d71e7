/* SPDX-License-Identifier: MIT */
/*
 * The rates for programs. A figure that is not there is null.
 */
#include <math.h>

#include "rate.h"

static const char *truth(bool b)
{
	return b ? "true" : "false";
}

static void one_class(const struct rate_row *row, unsigned class)
{
	const struct rate_class *c = &row->class[class];
	struct rate_figures f = rate_row_figures(row, class);

	printf("\"%s\": {\"slices\": %u, \"robbed\": %u, \"messages\": %llu"
	       ", \"received\": %llu",
	       bench_class_word(class), c->slices, c->robbed,
	       (unsigned long long)c->messages,
	       (unsigned long long)(c->delay ? c->delay->trips : 0));
	bench_json_number("p50_ns", f.p50);
	bench_json_number("p90_ns", f.p90);
	bench_json_number("p99_ns", f.p99);
	bench_json_number("p999_ns", f.p999);
	bench_json_number("max_ns", bench_percentile(c->delay, 1));
	bench_json_number("cpu_ns", f.cpu);
	bench_json_number("cpu_sender_ns", f.cpu_a);
	bench_json_number("cpu_receiver_ns", f.cpu_b);
	bench_json_number("sleeps", f.sleeps);
	bench_json_number("parks", rate_has_ring(row->way) ? f.parks : NAN);
	bench_json_number("wakes", rate_has_ring(row->way) ? f.rings : NAN);
	bench_json_number("messages_per_s", f.reached);
	printf("}");
}

static void one_row(const struct rate_row *row)
{
	printf("\n    {\"rate\": %.0f, \"way\": \"%s\", \"discarded\": %u,"
	       "\n     ", row->rate, row->way->name, row->discarded);
	one_class(row, BENCH_NEAR);
	printf(",\n     ");
	one_class(row, BENCH_FAR);
	printf("}");
}

static void one_verdict(const struct rate_result *result, unsigned first,
			unsigned class, const char *comma)
{
	struct rate_verdict v = rate_judge(result, first, class);

	printf("%s\n    {\"rate\": %.0f, \"class\": \"%s\", \"judged\": %s, "
	       "\"holds\": %s, \"beaten_by\": ", comma,
	       result->row[first].rate,
	       bench_class_word(class), truth(v.judged),
	       truth(v.holds));
	if (v.beaten_by)
		printf("\"%s\"", v.beaten_by->way->name);
	else
		printf("null");
	bench_json_number("cpu_to_park", v.bound && *v.bound == 'C' ? v.ratio : NAN);
	bench_json_number("p50_to_spin", v.bound && *v.bound == 'p' ? v.ratio : NAN);
	printf("}");
}

void rate_json_slices(const struct rate_result *result)
{
	printf(",\n  \"seconds\": %.3f, \"far_from_ns\": %g,\n  \"slices\": "
	       "{\"near\": %u, \"far\": %u, \"discarded\": %u, "
	       "\"robbed\": %u}", result->seconds, result->options->far_ns,
	       result->slices[BENCH_NEAR], result->slices[BENCH_FAR],
	       result->discarded, result->robbed);
}

void rate_json(const struct rate_result *result)
{
	unsigned i, class;

	bench_json_machine("rate");
	rate_json_slices(result);
	printf(",\n  \"slice_ms\": %g, \"pattern\": \"%s\",\n  \"rows\": [",
	       result->options->slice_ms,
	       rate_patterns[result->options->pattern]);
	for (i = 0; i < result->rows; i++) {
		printf("%s", i ? "," : "");
		one_row(&result->row[i]);
	}
	printf("],\n  \"verdicts\": [");
	for (i = 0; i < result->rows; i += result->ways) {
		for (class = 0; class < BENCH_CLASSES; class++)
			one_verdict(result, i, class, i || class ? "," : "");
	}
	printf("]\n}\n");
}
