/* SPDX-License-Identifier: MIT */
/*
 * Options that several commands share. What makes no sense ends the program
 * with status 2.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

void bench_usage(void)
{
	fputs("Try \"weir-bench --help\".\n", stderr);
	exit(2);
}

void bench_usage_bad(const char *what, const char *value)
{
	fprintf(stderr, "weir-bench: %s: %s\n", what, value);
	bench_usage();
}

double bench_option_number(const char *what, const char *value, double least,
			   double most)
{
	char *end;
	double n;

	errno = 0;
	n = strtod(value, &end);
	/* written so that a NAN is refused */
	if (errno || end == value || *end || !(n >= least && n <= most))
		bench_usage_bad(what, value);
	return n;
}

uint64_t bench_option_bytes(const char *what, const char *value,
			    uint64_t least, uint64_t most, const char **end)
{
	unsigned long long n;
	char *after;

	errno = 0;
	n = strtoull(value, &after, 10);
	if (errno || after == value || *value == '-' || n > most)
		bench_usage_bad(what, value);
	if (*after == 'K' || *after == 'k')
		n *= 1024, after++;
	else if (*after == 'M' || *after == 'm')
		n *= 1024 * 1024, after++;
	if (n < least || n > most || (!end && *after))
		bench_usage_bad(what, value);
	if (end)
		*end = after;
	return n;
}

unsigned bench_option_sizes(const char *what, const char *list,
			    size_t size[BENCH_SIZES_MAX])
{
	const char *at = list;
	unsigned n = 0;
	size_t bytes;

	for (;;) {
		bytes = bench_option_bytes(what, at, BENCH_SIZE_MIN,
					   BENCH_SIZE_MAX, &at);
		if (bytes % 8 || n == BENCH_SIZES_MAX || (*at && *at != ','))
			bench_usage_bad(what, list);
		size[n++] = bytes;
		if (!*at)
			return n;
		at++;
	}
}

unsigned bench_option_names(const char *what, const char *list,
			    const char *const *name)
{
	const char *at = list;
	unsigned bits = 0, i;
	size_t len;

	for (;;) {
		len = strcspn(at, ",");
		for (i = 0; name[i]; i++) {
			if (strlen(name[i]) == len && !memcmp(at, name[i], len))
				break;
		}
		if (!name[i])
			bench_usage_bad(what, list);
		bits |= 1u << i;
		if (!at[len])
			return bits;
		at += len + 1;
	}
}

uint64_t bench_option_capacity(const char *what, const char *value)
{
	uint64_t n = bench_option_bytes(what, value, 2 * BENCH_SIZE_MAX + 64,
					UINT64_C(1) << 30, NULL);

	if (n & (n - 1))
		bench_usage_bad(what, value);
	return n;
}

void bench_option_cpus(const char *what, const char *value)
{
	char *end;
	long a, b;

	a = strtol(value, &end, 10);
	if (end == value || *end != ',' || a < 0)
		bench_usage_bad(what, value);
	b = strtol(end + 1, &end, 10);
	if (*end || b < 0)
		bench_usage_bad(what, value);
	if (!bench_can_pin((int)a) || !bench_can_pin((int)b)) {
		fprintf(stderr, "weir-bench: %s: cannot run there\n", what);
		bench_usage();
	}
	bench_machine.cpu_of[BENCH_A] = (int)a;
	bench_machine.cpu_of[BENCH_B] = (int)b;
	bench_machine.pinned = true;
	bench_machine.one = a == b;
}

/* Whether the name stands in a list with commas. */
bool bench_listed(const char *list, const char *name)
{
	size_t len = strlen(name);
	const char *at = list;

	while (at) {
		if (!strncmp(at, name, len) && (!at[len] || at[len] == ','))
			return true;
		at = strchr(at, ',');
		at = at ? at + 1 : NULL;
	}
	return false;
}

/* Each name is that of a contestant. */
void bench_option_with(const char *what, const char *list)
{
	const char *at = list, *name;
	size_t len;
	int i;

	for (;;) {
		len = strcspn(at, ",");
		for (i = 0; bench_contestants[i]; i++) {
			name = bench_contestants[i]->name;
			if (strlen(name) == len && !memcmp(at, name, len))
				break;
		}
		if (!bench_contestants[i])
			bench_usage_bad(what, list);
		if (!at[len])
			return;
		at += len + 1;
	}
}

bool bench_option_common(struct bench_options *options, int c,
			 const char *value)
{
	if (c == 't') {
		options->seconds = bench_option_number("--seconds", value, 0.1,
						       86400);
	} else if (c == 's') {
		options->sizes = bench_option_sizes("--size", value,
						    options->size);
		options->sizes_given = true;
	} else if (c == 'm') {
		options->modes = bench_option_names("--mode", value,
						    bench_mode_words);
	} else if (c == 'w') {
		bench_option_with("--with", value);
		options->with = value;
	} else if (c == 'c') {
		options->capacity = bench_option_capacity("--capacity", value);
	} else if (c == 'C') {
		bench_option_cpus("--cpus", value);
	} else if (c == 'F') {
		options->far_ns = bench_option_number("--far", value, 1, 1e6);
	} else if (c == 'p') {
		options->pause_us = bench_option_number("--pause", value, 1,
							1e5);
	} else if (c == 'S') {
		options->slice_ms = bench_option_number("--slice", value, 1,
							1000);
	} else if (c == 'j') {
		options->json = true;
	} else {
		return false;
	}
	return true;
}

void bench_print_text(const char *text)
{
	fputs(text, stdout);
	exit(bench_finish());
}

void bench_print_version(void)
{
	printf("weir-bench (weir) %s\n", weir_version());
	exit(bench_finish());
}

static void print_plays(const struct bench_contestant *who)
{
	unsigned test, mode;

	printf("  %-11s", "");
	for (test = 0; test < BENCH_TESTS; test++) {
		for (mode = 0; mode < BENCH_MODES; mode++) {
			if (bench_competes(who, test, mode))
				printf(" %s/%s", bench_test_word(test),
				       bench_mode_name(mode));
		}
	}
	printf(";%s%s\n", who->kinds & BENCH_IN_PROCESSES ? " processes" : "",
	       who->kinds & BENCH_IN_THREADS ? " threads" : "");
}

void bench_print_list(void)
{
	const struct bench_contestant *who;
	unsigned i;

	printf("tests:");
	for (i = 0; bench_test_words[i]; i++)
		printf(" %s", bench_test_words[i]);
	printf("; modes: busy, blocking; kinds: processes, threads\n"
	       "contestants:\n");
	for (i = 0; (who = bench_contestants[i]); i++) {
		if (!who->what)
			continue;
		printf("  %-11s %s%s%s\n", who->name, who->what,
		       who->raw ? "; always there" :
		       who->optional ? "; optional" : "",
		       who->peer ? "; peer" : "");
		print_plays(who);
	}
	exit(bench_finish());
}
