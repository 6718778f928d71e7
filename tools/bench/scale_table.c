/* SPDX-License-Identifier: MIT */
/*
 * weir-bench scale for people, and as comma-separated values.
 */
#include <math.h>

#include "scale.h"

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
		printf(" %9.2f %5u", scale_ns(row, class), row->ns[class].n);
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

static void print_verdicts(const struct scale_result *result, unsigned class)
{
	unsigned from = scale_set_from(result, class), i;
	struct scale_verdict v;

	printf("\n");
	for (i = 0; i < scale_judged_n; i++) {
		v = scale_judge(result, scale_judged[i], class);
		printf("  verdict: B looks at %s, %d idle rings: ",
		       scale_looks[scale_judged[i]], SCALE_RINGS_MAX - 1);
		if (v.verdict == BENCH_UNKNOWN)
			printf("not measured: fewer than %d slices\n",
			       BENCH_FEW);
		else
			printf("%s, %.2f of what a message costs without "
			       "(at most 1.10)\n",
			       v.verdict == BENCH_MET ? "met" : "MISSED",
			       v.ratio);
	}
	if (from)
		printf("  a set costs less than looking at all from %u rings "
		       "on\n", from);
}

static void print_rings(const struct scale_result *result, unsigned class)
{
	const struct scale_row *row = result->row;
	unsigned i, looks;

	printf("\n  rings of 64 KiB, one in use, of which B looks at\n"
	       "  %-7s", "rings");
	for (looks = 0; looks < SCALE_LOOKS; looks++)
		printf(" %15s", scale_looks[looks]);
	printf("\n");
	for (i = 0; i < result->by_rings; i += SCALE_LOOKS) {
		printf("  %-7u", row[i].pair->rings);
		for (looks = 0; looks < SCALE_LOOKS; looks++)
			print_ns(&row[i + looks], class);
		printf("\n");
	}
}

static void print_class(const struct scale_result *result, unsigned class)
{
	const struct scale_row *row;
	char size[16];
	unsigned i, first_touch = 0;

	printf("\n%s: ns a message of 8 bytes, and slices\n",
	       bench_class_name(class));
	print_rings(result, class);
	print_verdicts(result, class);
	printf("\n  one ring, gone round once before, of\n");
	for (i = result->by_rings; i < result->rows; i++) {
		row = &result->row[i];
		size_name(row->pair->capacity, size);
		printf("  %-7s", size);
		print_ns(row, class);
		printf("%s\n", row->first_touch[class] ? " *" : "");
		first_touch += row->first_touch[class];
	}
	if (first_touch)
		printf("  * not gone round in time: first touches of its pages "
		       "are in it\n");
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

	printf("rings,capacity,looks_at,class,slices,first_touch,ns\n");
	for (i = 0; i < result->rows; i++) {
		row = &result->row[i];
		for (class = 0; class < BENCH_CLASSES; class++) {
			if (!row->ns[class].n)
				continue;
			printf("%u,%llu,%s,%s,%u,%u,%.6g\n", row->pair->rings,
			       (unsigned long long)row->pair->capacity,
			       scale_words[row->looks],
			       bench_class_word(class), row->ns[class].n,
			       row->first_touch[class], scale_ns(row, class));
		}
	}
}
