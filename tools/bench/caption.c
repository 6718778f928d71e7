/* SPDX-License-Identifier: MIT */
/*
 * What stands below the plots and above README's table: how they were made.
 */
#include <string.h>

#include "bench.h"

/* Options that only say where to write; the last ones have a file. */
static bool is_output(const char *word, size_t len, bool *file)
{
	static const char *const output[] = { "--json", "-j", "--csv", "--svg",
					      "--readme" };
	unsigned i;

	for (i = 0; i < sizeof(output) / sizeof(*output); i++) {
		if (strlen(output[i]) == len && !memcmp(output[i], word, len)) {
			*file = i > 2 && !word[len];
			return true;
		}
	}
	return false;
}

void bench_caption_command(char *text, size_t room)
{
	char line[512], *word, *rest = line;
	bool file = false;
	size_t at = 0;

	*text = '\0';
	snprintf(line, sizeof(line), "%s", bench_command_line());
	while ((word = strtok_r(rest, " ", &rest))) {
		if (file || is_output(word, strcspn(word, "="), &file)) {
			file = file && *word == '-';
			continue;
		}
		if (at < room)
			at += (size_t)snprintf(text + at, room - at, "%s%s",
					       at ? " " : "", word);
	}
}

/* The plan has two: small messages have one, large ones another. */
void bench_caption_buffers(const struct bench_options *o, char *text,
			   size_t room)
{
	uint64_t last = bench_capacity_of(o, o->size[0]), capacity;
	char size[24], from[24];
	size_t at;
	unsigned i;

	bench_size_name(last, size, sizeof(size));
	at = (size_t)snprintf(text, room, "buffers of %s", size);
	for (i = 1; i < o->sizes; i++) {
		capacity = bench_capacity_of(o, o->size[i]);
		if (capacity == last || at >= room)
			continue;
		bench_size_name(o->size[i], from, sizeof(from));
		bench_size_name(capacity, size, sizeof(size));
		at += (size_t)snprintf(text + at, room - at,
				       ", from %s on %s", from, size);
		last = capacity;
	}
}
