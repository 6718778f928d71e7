/* SPDX-License-Identifier: MIT */
/*
 * compare --readme: the table of README, with the machine, the day and the
 * counts of the classes above it, so that a command makes it. For each class
 * that has enough slices, of two processes that are busy: weir, the best of
 * the others, the pipe and the limit.
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "bench.h"

#define WIDTH 79

struct page {
	FILE *file;
	struct bench_result *result;
	unsigned class;
	char text[2048];	/* a paragraph, to be broken into lines */
};

__attribute__((format(printf, 2, 3))) static void
say(struct page *page, const char *format, ...)
{
	size_t len = strlen(page->text);
	va_list args;

	va_start(args, format);
	vsnprintf(page->text + len, sizeof(page->text) - len, format, args);
	va_end(args);
}

/* Writes the paragraph. */
static void flow(struct page *page)
{
	char *word = strtok(page->text, " ");
	size_t at = 0;

	for (; word; word = strtok(NULL, " ")) {
		if (at && at + 1 + strlen(word) > WIDTH) {
			putc('\n', page->file);
			at = 0;
		}
		at += (size_t)fprintf(page->file, "%s%s", at ? " " : "", word);
	}
	putc('\n', page->file);
	*page->text = '\0';
}

/* Who else moves messages; a pipe has a line of its own. */
static bool is_other(const struct bench_contestant *who, const char *name)
{
	(void)name;
	return who->peer && who != &bench_pipe;
}

static void say_others(struct page *page)
{
	const struct bench_row *row = page->result->row;
	unsigned i, j, n = 0;

	for (i = 0; i < page->result->rows; i++) {
		if (row[i].kind != BENCH_PROCESSES || !is_other(row[i].who, ""))
			continue;
		for (j = 0; j < i && (row[j].who != row[i].who ||
				      row[j].kind != BENCH_PROCESSES); j++)
			;
		if (j == i)
			say(page, "%s%s", n++ ? ", " :
			    " \"Other\" is the best of ", row[i].who->name);
	}
	if (n)
		say(page, " in each column.");
}

static void say_class(struct page *page, unsigned class)
{
	struct bench_values *probe = &page->result->probe[class];

	say(page, "%u slices %s", page->result->slices[class],
	    bench_class_name(class));
	if (probe->n && bench_machine.classes)
		say(page, " (a line there and back in %.0f ns)",
		    bench_median(probe->value, probe->n));
	say(page, ", ");
}

static void caption(struct page *page)
{
	const struct bench_result *r = page->result;
	const struct bench_machine *m = &bench_machine;
	char command[512], buffers[128];

	bench_caption_command(command, sizeof(command));
	bench_caption_buffers(r->options, buffers, sizeof(buffers));
	say(page, "How fast, by %s, two processes on CPUs %d and %d of %d "
	    "(%s, %s), %.10s: ", command, m->cpu_of[BENCH_A],
	    m->cpu_of[BENCH_B], m->cpus, m->cpu, m->kernel, m->date);
	say_class(page, BENCH_NEAR);
	if (m->classes)
		say_class(page, BENCH_FAR);
	say(page, "%u discarded; %s.", r->changed + r->outside + r->late,
	    buffers);
	say_others(page);
	say(page, " Raw is bare copies, or bare lines. * of fewer than %u "
	    "slices.", BENCH_FEW);
	flow(page);
}

/* Rows of that test; of that size, if it is not 0. */
static bool has(const struct page *page, unsigned test, size_t size)
{
	const struct bench_row *row = page->result->row;
	unsigned i;

	for (i = 0; i < page->result->rows; i++, row++) {
		if (row->kind == BENCH_PROCESSES && row->test == test &&
		    row->mode == BENCH_BUSY && (!size || row->size == size))
			return true;
	}
	return false;
}

/* The sizes that have a column. */
static unsigned columns(const struct page *page, size_t size[BENCH_SIZES_MAX])
{
	const struct bench_options *o = page->result->options;
	unsigned i, n = 0;

	for (i = 0; i < o->sizes; i++) {
		if (has(page, BENCH_THROUGHPUT, o->size[i]) ||
		    has(page, BENCH_RTT, o->size[i]))
			size[n++] = o->size[i];
	}
	return n;
}

static void line(struct page *page, unsigned test, const char *left,
		 const char *label, const struct bench_choice *choice)
{
	struct bench_cell cell = { BENCH_IN_PROCESSES, test, BENCH_BUSY, 0 };
	size_t size[BENCH_SIZES_MAX];
	unsigned n = columns(page, size), i;
	const struct bench_row *row;
	const char *mark = " ";
	char text[16];
	double v;

	fprintf(page->file, "  %-17s%-5s", left, label);
	for (i = 0; i < n; i++) {
		cell.size = size[i];
		row = bench_best(page->result, page->class, &cell, choice, &v);
		bench_figure_text(v, text, sizeof(text));
		fprintf(page->file, "%s%7s", mark, text);
		mark = row && row->class[page->class].slices < BENCH_FEW ?
		       "*" : " ";
	}
	fprintf(page->file, "%s\n", *mark == '*' ? mark : "");
}

static void block(struct page *page, unsigned test, const char *what,
		  const char *unit)
{
	static const struct {
		const char *label;
		bool (*is)(const struct bench_contestant *who,
			   const char *name);
	} who[] = {
		{ "weir", bench_is_named }, { "other", is_other },
		{ "pipe", bench_is_named }, { "raw", bench_is_raw },
	};
	const char *left[] = { what, unit, bench_class_name(page->class), "" };
	unsigned i;

	for (i = 0; i < sizeof(who) / sizeof(*who); i++) {
		const struct bench_choice choice = {
			who[i].is, who[i].label,
			test == BENCH_RTT ? bench_p50_of : bench_rate_of, 1
		};

		line(page, test, left[i], who[i].label, &choice);
	}
}

/* One wake there and one back: weir as it is, and what the kernel takes. */
static void say_asleep(struct page *page)
{
	static const char *const name[] = { "weir", "weir-park", "futex",
					    "pipe" };
	const struct bench_cell cell = { BENCH_IN_PROCESSES, BENCH_RTT,
					 BENCH_BLOCKING, 8 };
	char figure_is[16];
	unsigned i, n = 0;
	double v;

	for (i = 0; i < sizeof(name) / sizeof(*name); i++) {
		const struct bench_choice choice = {
			bench_is_named, name[i], bench_p50_of, BENCH_FEW
		};

		if (!bench_best(page->result, page->class, &cell, &choice, &v))
			continue;
		bench_figure_text(v / 1e3, figure_is, sizeof(figure_is));
		if (!n++)
			say(page, "Both asleep, 8 B there and back, %s, p50 in "
			    "us:", bench_class_name(page->class));
		say(page, "%s %s %s", n > 1 ? "," : "", name[i], figure_is);
	}
	if (n) {
		say(page, ".");
		flow(page);
	}
}

static void one_class(struct page *page, unsigned class)
{
	size_t size[BENCH_SIZES_MAX];
	unsigned n = columns(page, size), i;
	char name[24];

	page->class = class;
	fprintf(page->file, "\n%24s", "");
	for (i = 0; i < n; i++) {
		bench_size_name(size[i], name, sizeof(name));
		fprintf(page->file, " %7s", name);
	}
	putc('\n', page->file);
	if (has(page, BENCH_THROUGHPUT, 0))
		block(page, BENCH_THROUGHPUT, "one way, busy,",
		      "M messages/s");
	if (has(page, BENCH_RTT, 0))
		block(page, BENCH_RTT, "there and back,", "busy, p50 in ns");
	putc('\n', page->file);
	say_asleep(page);
}

static void say_goals(struct page *page)
{
	static struct bench_goal goal[BENCH_GOALS_MAX];
	unsigned count[BENCH_VERDICTS];
	unsigned n = bench_goals(page->result, goal);

	if (!n)
		return;
	bench_count_goals(goal, n, count);
	say(page, "Of %u goals of the project this run meets %u and misses "
	    "%u; %u are out of reach on this machine and %u not measured.", n,
	    count[BENCH_MET], count[BENCH_MISSED], count[BENCH_OUT_OF_REACH],
	    count[BENCH_UNKNOWN]);
	flow(page);
}

void bench_readme(struct bench_result *result, const char *path)
{
	struct page page = { .result = result };
	unsigned class;
	bool good;

	page.file = fopen(path, "w");
	if (!page.file)
		bench_fail("%s: %s", path, strerror(errno));
	caption(&page);
	for (class = 0; class < BENCH_CLASSES; class++) {
		if (bench_class_shown(result, class))
			one_class(&page, class);
	}
	say_goals(&page);
	good = !ferror(page.file);
	if (fclose(page.file) || !good)
		bench_fail("%s: %s", path, strerror(errno));
}
