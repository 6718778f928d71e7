/* SPDX-License-Identifier: MIT */
/*
 * weir-bench scale for programs. A figure that is not there is null.
 */
#include "scale.h"

static void one_row(const struct scale_row *row)
{
	unsigned class;

	printf("\n    {\"rings\": %u, \"capacity\": %llu, "
	       "\"looks_at\": \"%s\", \"discarded\": %u, "
	       "\"robbed\": %u", row->pair->rings,
	       (unsigned long long)row->pair->capacity,
	       scale_words[row->looks], row->discarded, row->robbed);
	for (class = 0; class < BENCH_CLASSES; class++) {
		printf(", \"%s\": {\"slices\": %u, \"first_touch\": %u",
		       bench_class_word(class), row->ns[class].n,
		       row->first_touch[class]);
		bench_json_number("ns", scale_ns(row, class));
		printf("}");
	}
	printf("}");
}

static void one_verdict(const struct scale_result *result, unsigned looks,
			unsigned class)
{
	static const char *const words[BENCH_VERDICTS] = {
		[BENCH_UNKNOWN] = "not measured",
		[BENCH_MISSED] = "missed",
		[BENCH_MET] = "met",
	};
	struct scale_verdict v = scale_judge(result, looks, class);

	printf("\n    {\"looks_at\": \"%s\", \"class\": \"%s\", "
	       "\"idle_rings\": %d, \"verdict\": \"%s\"",
	       scale_words[looks], bench_class_word(class),
	       SCALE_RINGS_MAX - 1, words[v.verdict]);
	bench_json_number("ns_to_no_idle_ring", v.ratio);
	printf("}");
}

void scale_json(const struct scale_result *result)
{
	unsigned i, class, from;

	bench_json_machine("scale");
	rate_json_slices(&result->slices);
	printf(",\n  \"rows\": [");
	for (i = 0; i < result->rows; i++) {
		printf("%s", i ? "," : "");
		one_row(&result->row[i]);
	}
	printf("],\n  \"verdicts\": [");
	for (i = 0; i < scale_judged_n; i++) {
		for (class = 0; class < BENCH_CLASSES; class++) {
			printf("%s", i || class ? "," : "");
			one_verdict(result, scale_judged[i], class);
		}
	}
	printf("],\n  \"set_from_rings\": {");
	for (class = 0; class < BENCH_CLASSES; class++) {
		from = scale_set_from(result, class);
		printf("%s\"%s\": ", class ? ", " : "",
		       bench_class_word(class));
		if (from)
			printf("%u", from);
		else
			printf("null");
	}
	printf("}\n}\n");
}
