/* SPDX-License-Identifier: MIT */
/*
 * The result for programs: one JSON object. A figure that is not there is null.
 */
#include <math.h>

#include "bench.h"

static void text(const char *s)
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

static void member(const char *name, double value)
{
	printf(", \"%s\": ", name);
	if (isnan(value) || isinf(value))
		printf("null");
	else
		printf("%.6g", value);
}

static void machine(const struct bench_result *result)
{
	const struct bench_machine *m = &bench_machine;

	printf("{\n  \"program\": \"weir-bench\", \"version\": ");
	text(weir_version());
	printf(", \"backend\": ");
	text(weir_backend());
	printf(",\n  \"date\": ");
	text(m->date);
	printf(",\n  \"machine\": {\"cpu\": ");
	text(m->cpu);
	printf(", \"kernel\": ");
	text(m->kernel);
	printf(", \"cpus_allowed\": %d, \"pinned\": %s, \"one_cpu\": %s, "
	       "\"classes\": %s, \"cpu_a\": %d, \"cpu_b\": %d},\n", m->cpus,
	       m->pinned ? "true" : "false", m->one ? "true" : "false",
	       m->classes ? "true" : "false",
	       m->cpu_of[BENCH_A], m->cpu_of[BENCH_B]);
	printf("  \"clock\": {\"name\": ");
	text(bench_clock.name);
	member("ticks_per_ns", bench_clock.ticks_per_ns);
	member("reading_ns", bench_clock.cost_ns);
	member("step_ns", bench_clock.step_ns);
	member("drift", bench_clock_drift());
	printf("},\n  \"seconds\": %.3f, \"slice_ms\": %g, \"pause_us\": %g, "
	       "\"capacity\": %llu,\n", result->seconds,
	       result->options->slice_ms, result->options->pause_us,
	       (unsigned long long)result->options->capacity);
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
		       class == BENCH_NEAR ? "near" : "far",
		       result->slices[class]);
		member("line_ns", bench_median(probe->value, probe->n));
		member("line_ns_min", probe->n ? probe->value[0] : NAN);
		member("line_ns_max", probe->n ? probe->value[probe->n - 1] :
						 NAN);
		printf("}");
	}
	printf("},\n  \"discarded\": {\"slices\": %u, \"class_changed\": %u, "
	       "\"outside\": %u, \"warm_up\": %u},\n  \"slices_robbed\": %u",
	       result->changed + result->outside, result->changed,
	       result->outside, result->warmed, result->robbed);
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
		text(row[i].who->name);
		printf(", \"what\": ");
		text(row[i].who->what);
		printf(", \"note\": ");
		text(bench_pair_note(row[i].pair));
		printf("}");
	}
	printf("]");
}

static void trips(const struct bench_class *class,
		  const struct bench_figures *f)
{
	const struct bench_histogram *h = class->histogram;

	printf(", \"trips\": %llu",
	       h ? (unsigned long long)h->trips : 0ull);
	member("p50_ns", f->p50);
	member("p90_ns", f->p90);
	member("p99_ns", f->p99);
	member("p999_ns", f->p999);
	member("max_ns", bench_percentile(h, 1));
	member("burst_ns", f->burst);
	member("slept", f->slept);
	member("parked", f->parked);
}

static void flow(const struct bench_row *row, const struct bench_figures *f)
{
	member("messages_per_s", f->rate);
	member("messages_per_s_min", f->rate_min);
	member("messages_per_s_max", f->rate_max);
	member("bytes_per_s", f->rate * (double)row->size);
}

static void one_class(const struct bench_row *row, unsigned class)
{
	const struct bench_class *c = &row->class[class];
	struct bench_figures f = bench_row_figures(row, class);

	printf("\"%s\": {\"slices\": %u",
	       class == BENCH_NEAR ? "near" : "far", c->slices);
	if (row->test == BENCH_RTT)
		trips(c, &f);
	else
		flow(row, &f);
	member("ratio_to_raw", f.ratio);
	printf(", \"switches\": [%llu, %llu], \"robbed\": [%llu, %llu]}",
	       (unsigned long long)c->sleep[BENCH_A].waits,
	       (unsigned long long)c->sleep[BENCH_B].waits,
	       (unsigned long long)c->sleep[BENCH_A].robbed,
	       (unsigned long long)c->sleep[BENCH_B].robbed);
}

static void one_row(const struct bench_row *row)
{
	printf("\n    {\"test\": ");
	text(bench_test_name(row->test));
	printf(", \"mode\": ");
	text(bench_mode_name(row->mode));
	printf(", \"size\": %zu, \"contestant\": ", row->size);
	text(row->who->name);
	printf(", \"label\": ");
	text(bench_row_label(row));
	printf(", \"discarded\": %u,\n     ", row->discarded);
	one_class(row, BENCH_NEAR);
	printf(",\n     ");
	one_class(row, BENCH_FAR);
	printf("}");
}

void bench_json(struct bench_result *result)
{
	unsigned i;

	machine(result);
	classes(result);
	contestants(result);
	printf(",\n  \"rows\": [");
	for (i = 0; i < result->rows; i++) {
		if (i)
			putchar(',');
		one_row(&result->row[i]);
	}
	printf("]\n}\n");
}
