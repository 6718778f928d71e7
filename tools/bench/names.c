/* SPDX-License-Identifier: MIT */
/*
 * What tests, modes, kinds, classes, sizes and rows are called.
 */
#include "bench.h"

const char *const bench_test_words[] = {
	"rtt", "throughput", "batched", "worked", "starved", NULL
};
const char *const bench_mode_words[] = { "busy", "blocking", NULL };
const char *const bench_kind_words[] = { "processes", "threads", NULL };

const char *bench_test_name(unsigned test)
{
	static const char *const name[] = {
		"round trip", "throughput", "throughput in batches",
		"payload made and used", "throughput, starved reader",
	};

	return name[test];
}

const char *bench_test_word(unsigned test)
{
	return bench_test_words[test];
}

const char *bench_mode_name(unsigned mode)
{
	return bench_mode_words[mode];
}

const char *bench_kind_name(unsigned kind)
{
	return bench_kind_words[kind];
}

const char *bench_row_label(const struct bench_row *row)
{
	unsigned play = row->test == BENCH_STARVED ? BENCH_THROUGHPUT :
						     row->test;
	const char *label = row->who->label[row->mode][play];

	return label ? label : row->who->name;
}

const char *bench_class_name(unsigned class)
{
	if (!bench_machine.classes)
		return bench_machine.one ? "one CPU" : "not pinned";
	return bench_class_word(class);
}

const char *bench_class_word(unsigned class)
{
	return class == BENCH_NEAR ? "near" : "far";
}

void bench_size_name(size_t size, char *text, size_t room)
{
	if (size >= 1024 * 1024 && size % (1024 * 1024) == 0)
		snprintf(text, room, "%zu MiB", size / (1024 * 1024));
	else if (size >= 1024 && size % 1024 == 0)
		snprintf(text, room, "%zu KiB", size / 1024);
	else
		snprintf(text, room, "%zu B", size);
}
