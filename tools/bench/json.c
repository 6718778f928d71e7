/* SPDX-License-Identifier: MIT */
/*
 * The result for programs: one JSON object. A figure that is not there is null.
 */
#include <math.h>

#include "bench.h"

void bench_json_text(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			printf("\\u%04x", (unsigned)*s);
		else
			putchar(*s);
	}
	putchar('"');
}

void bench_json_number(const char *name, double value)
{
	printf(", \"%s\": ", name);
	if (isnan(value) || isinf(value))
		printf("null");
	else
		printf("%.6g", value);
}

void bench_json_machine(const char *command)
{
	const struct bench_machine *m = &bench_machine;

	printf("{\n  \"program\": \"weir-bench\", \"version\": ");
	bench_json_text(weir_version());
	printf(", \"backend\": ");
	bench_json_text(weir_backend());
	printf(",\n  \"command\": ");
	bench_json_text(command);
	printf(", \"command_line\": ");
	bench_json_text(bench_command_line());
	printf(",\n  \"date\": ");
	bench_json_text(m->date);
	printf(",\n  \"machine\": {\"cpu\": ");
	bench_json_text(m->cpu);
	printf(", \"kernel\": ");
	bench_json_text(m->kernel);
	printf(", \"cpus_allowed\": %d, \"pinned\": %s, \"one_cpu\": %s, "
	       "\"classes\": %s, \"cpu_a\": %d, \"cpu_b\": %d},\n", m->cpus,
	       m->pinned ? "true" : "false", m->one ? "true" : "false",
	       m->classes ? "true" : "false",
	       m->cpu_of[BENCH_A], m->cpu_of[BENCH_B]);
	printf("  \"clock\": {\"name\": ");
	bench_json_text(bench_clock.name);
	bench_json_number("ticks_per_ns", bench_clock.ticks_per_ns);
	bench_json_number("reading_ns", bench_clock.cost_ns);
	bench_json_number("step_ns", bench_clock.step_ns);
	bench_json_number("drift", bench_clock_drift());
	printf("}");
}

static void options(const struct bench_result *result)
{
	const struct bench_options *o = result->options;

	printf(",\n  \"seconds\": %.3f, \"slice_ms\": %g, \"pause_us\": %g, "
	       "\"capacity\": ", result->seconds, o->slice_ms, o->pause_us);
	if (o->capacity)
		printf("%llu,\n", (unsigned long long)o->capacity);
	else
		printf("null,\n");
}

static void classes(struct bench_result *result)
{
	struct bench_values *probe;
	unsigned class;

	printf("  \"far_from_ns\": %g,\n  \"classes\": {",
	       result->options->far_ns);
	for (class = 0; class < BENCH_CLASSES; class++) {
		probe = &result->probe[class];
		printf("%s\"%s\": {\"slices\": %u", class ? ", " : "",
		       bench_class_word(class), result->slices[class]);
		bench_json_number("line_ns",
				  bench_median(probe->value, probe->n));
		bench_json_number("line_ns_min",
				  probe->n ? probe->value[0] : NAN);
		bench_json_number("line_ns_max", probe->n ?
				  probe->value[probe->n - 1] : NAN);
		printf("}");
	}
	printf("},\n  \"discarded\": {\"slices\": %u, \"class_changed\": %u, "
	       "\"outside\": %u, \"late\": %u, \"warm_up\": %u},\n"
	       "  \"slices_robbed\": %u, \"slices_robbed_dropped\": %u",
	       result->changed + result->outside + result->late,
	       result->changed, result->outside, result->late, result->warmed,
	       result->robbed, result->dropped);
}

static void contestants(const struct bench_result *result)
{
	const struct bench_row *row = result->row;
	unsigned i, j, n = 0;

	printf(",\n  \"contestants\": [");
	for (i = 0; i < result->rows; i++) {
		for (j = 0; j < i && row[j].pair != row[i].pair; j++)
			;
		if (j < i)
			continue;
		printf("%s\n    {\"name\": ", n++ ? "," : "");
		bench_json_text(row[i].who->name);
		printf(", \"what\": ");
		bench_json_text(row[i].who->what);
		printf(", \"note\": ");
		bench_json_text(bench_pair_note(row[i].pair));
		printf(", \"kind\": ");
		bench_json_text(bench_kind_name(row[i].kind));
		printf(", \"peer\": %s, \"left_out\": %s}",
		       row[i].who->peer ? "true" : "false",
		       bench_pair_stopped(row[i].pair) ? "true" : "false");
	}
	printf("]");
}

static void trips(const struct bench_class *class,
		  const struct bench_figures *f)
{
	const struct bench_histogram *h = class->histogram;

	printf(", \"trips\": %llu",
	       h ? (unsigned long long)h->trips : 0ull);
	bench_json_number("p50_ns", f->p50);
	bench_json_number("p90_ns", f->p90);
	bench_json_number("p99_ns", f->p99);
	bench_json_number("p999_ns", f->p999);
	bench_json_number("p9999_ns", f->p9999);
	bench_json_number("max_ns", bench_percentile(h, 1));
	bench_json_number("burst_ns", f->burst);
	bench_json_number("slept", f->slept);
	bench_json_number("parked", f->parked);
}

static void flow(const struct bench_row *row, const struct bench_figures *f)
{
	bench_json_number("messages_per_s", f->rate);
	bench_json_number("messages_per_s_min", f->rate_min);
	bench_json_number("messages_per_s_max", f->rate_max);
	bench_json_number("bytes_per_s", f->rate * (double)row->size);
}

static void one_class(const struct bench_row *row, unsigned class)
{
	const struct bench_class *c = &row->class[class];
	struct bench_figures f = bench_row_figures(row, class);

	printf("\"%s\": {\"slices\": %u, \"slices_robbed\": %u",
	       bench_class_word(class), c->slices, c->robbed);
	if (row->test == BENCH_RTT)
		trips(c, &f);
	else
		flow(row, &f);
	bench_json_number("ratio_to_raw", f.ratio);
	printf(", \"switches\": [%llu, %llu], \"robbed\": [%llu, %llu]}",
	       (unsigned long long)c->sleep[BENCH_A].waits,
	       (unsigned long long)c->sleep[BENCH_B].waits,
	       (unsigned long long)c->sleep[BENCH_A].robbed,
	       (unsigned long long)c->sleep[BENCH_B].robbed);
}

static void one_row(const struct bench_row *row)
{
	printf("\n    {\"test\": ");
	bench_json_text(bench_test_name(row->test));
	printf(", \"mode\": ");
	bench_json_text(bench_mode_name(row->mode));
	printf(", \"kind\": ");
	bench_json_text(bench_kind_name(row->kind));
	printf(", \"size\": %zu, \"capacity\": %llu, \"contestant\": ",
	       row->size, (unsigned long long)row->capacity);
	bench_json_text(row->who->name);
	printf(", \"label\": ");
	bench_json_text(bench_row_label(row));
	printf(", \"discarded\": %u,\n     ", row->discarded);
	one_class(row, BENCH_NEAR);
	printf(",\n     ");
	one_class(row, BENCH_FAR);
	printf("}");
}

static void one_goal(const struct bench_goal *goal)
{
	printf("\n    {\"goal\": ");
	bench_json_text(goal->what);
	printf(", \"class\": ");
	bench_json_text(bench_class_word(goal->class));
	printf(", \"unit\": ");
	bench_json_text(goal->unit);
	bench_json_number("figure", goal->figure);
	bench_json_number("wanted", goal->wanted);
	printf(", \"wanted_is\": ");
	bench_json_text(goal->wanted_is);
	printf(", \"at_most\": %s", goal->at_most ? "true" : "false");
	bench_json_number("bound", goal->bound);
	printf(", \"bound_is\": ");
	bench_json_text(goal->bound_is);
	bench_json_number("of_bound", bench_of_bound(goal));
	bench_json_number("second_bound", goal->second);
	printf(", \"second_bound_is\": ");
	bench_json_text(goal->second_is);
	printf(", \"slices\": %u, \"verdict\": ", goal->slices);
	bench_json_text(bench_verdict(goal));
	printf(", \"met\": %s}", goal->verdict == BENCH_UNKNOWN ? "null" :
	       goal->verdict == BENCH_MET ? "true" : "false");
}

static void goals(const struct bench_result *result)
{
	static struct bench_goal goal[BENCH_GOALS_MAX];
	unsigned n = bench_goals(result, goal), i;

	printf(",\n  \"goals\": [");
	for (i = 0; i < n; i++) {
		if (i)
			putchar(',');
		one_goal(&goal[i]);
	}
	printf("]");
}

void bench_json(struct bench_result *result)
{
	unsigned i;

	bench_json_machine(result->options->preset == BENCH_PRESET_PLAIN ?
			   "" : "compare");
	options(result);
	classes(result);
	contestants(result);
	printf(",\n  \"rows\": [");
	for (i = 0; i < result->rows; i++) {
		if (i)
			putchar(',');
		one_row(&result->row[i]);
	}
	printf("]");
	if (result->options->preset != BENCH_PRESET_PLAIN)
		goals(result);
	printf("\n}\n");
}
