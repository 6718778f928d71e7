/* SPDX-License-Identifier: MIT */
/*
 * weir-bench scale for people and for programs.
 */
#include <math.h>

#include "scale.h"

static double median(const struct scale_row *row, unsigned class)
{
	const struct bench_values *ns = &row->ns[class];

	return ns->n ? bench_median(ns->value, ns->n) : NAN;
}

static void size_name(uint64_t bytes, char text[16])
{
	const char *unit = "KiB";

	bytes >>= 10;
	if (bytes >= 1 << 20) {
		bytes >>= 20;
		unit = "GiB";
	} else if (bytes >= 1 << 10) {
		bytes >>= 10;
		unit = "MiB";
	}
	snprintf(text, 16, "%u %s", (unsigned)bytes, unit);
}

static void print_ns(const struct scale_row *row, unsigned class)
{
	if (row->ns[class].n)
		printf(" %9.2f %5u", median(row, class), row->ns[class].n);
	else
		printf(" %9s %5u", "-", 0);
}

static bool shown(const struct scale_result *result, unsigned class)
{
	unsigned i, n = 0;

	for (i = 0; i < result->rows; i++)
		n += result->row[i].ns[class].n >= 3;
	return n * 2 >= result->rows;
}

static void print_class(const struct scale_result *result, unsigned class)
{
	const struct scale_row *row = result->row;
	char size[16];
	unsigned i;

	printf("\n%s: ns a message of 8 bytes, and slices\n",
	       bench_class_name(class));
	printf("\n  rings of 64 KiB, one in use; B looks at\n  %-7s %15s %15s\n",
	       "rings", scale_looks[SCALE_ACTIVE], scale_looks[SCALE_ALL]);
	for (i = 0; i < result->by_rings; i += SCALE_LOOKS) {
		printf("  %-7u", row[i].pair->rings);
		print_ns(&row[i + SCALE_ACTIVE], class);
		print_ns(&row[i + SCALE_ALL], class);
		printf("\n");
	}
	printf("\n  one ring of\n");
	for (; i < result->rows; i++) {
		size_name(row[i].pair->capacity, size);
		printf("  %-7s", size);
		print_ns(&row[i], class);
		printf("\n");
	}
}

void scale_table(const struct scale_result *result)
{
	unsigned class, n = 0;

	rate_heading("scale", &result->slices);
	for (class = 0; class < BENCH_CLASSES; class++) {
		if (!shown(result, class))
			continue;
		print_class(result, class);
		n++;
	}
	if (!n)
		printf("\nToo few slices of one class: measure for longer.\n");
}

void scale_csv(const struct scale_result *result)
{
	const struct scale_row *row;
	unsigned i, class;

	printf("rings,capacity,looks_at,class,slices,ns\n");
	for (i = 0; i < result->rows; i++) {
		row = &result->row[i];
		for (class = 0; class < BENCH_CLASSES; class++) {
			if (!row->ns[class].n)
				continue;
			printf("%u,%llu,%s,%s,%u,%.6g\n", row->pair->rings,
			       (unsigned long long)row->pair->capacity,
			       row->looks == SCALE_ALL ? "all" : "active",
			       bench_class_word(class), row->ns[class].n,
			       median(row, class));
		}
	}
}

void scale_json(const struct scale_result *result)
{
	const struct scale_row *row;
	unsigned i, class;

	bench_json_machine("scale");
	rate_json_slices(&result->slices);
	printf(",\n  \"rows\": [");
	for (i = 0; i < result->rows; i++) {
		row = &result->row[i];
		printf("%s\n    {\"rings\": %u, \"capacity\": %llu, "
		       "\"looks_at\": \"%s\", \"discarded\": %u, "
		       "\"robbed\": %u", i ? "," : "", row->pair->rings,
		       (unsigned long long)row->pair->capacity,
		       row->looks == SCALE_ALL ? "all" : "active",
		       row->discarded, row->robbed);
		for (class = 0; class < BENCH_CLASSES; class++) {
			printf(", \"%s\": {\"slices\": %u",
			       bench_class_word(class), row->ns[class].n);
			bench_json_number("ns", median(row, class));
			printf("}");
		}
		printf("}");
	}
	printf("]\n}\n");
}
