/* SPDX-License-Identifier: MIT */
/*
 * compare --svg: three plots for each class that has enough slices, of two
 * processes that are busy: throughput over size, the latency distribution of
 * the shortest message, and how near weir and the best peer come to the limit.
 * The caption says whose figures these are.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "bench.h"
#include "plots.h"

#define MARGIN 28.0
#define COLUMN 640.0
#define COLUMN_ALONE 860.0
#define LEFT 78.0		/* of a chart: the values */
#define RIGHT 128.0		/* the names */
#define TOP 128.0
#define CHART 330.0
#define ROW 450.0
#define CAPTION 96.0

struct page {
	struct svg svg;
	struct bench_result *result;
	unsigned class[BENCH_CLASSES], classes;
	double column, bars;
};

static void name_rate(double value, char *text, size_t room)
{
	static const char *const unit[] = { "", " k", " M", " G" };
	unsigned i = 0;

	while (i < 3 && value >= 999) {
		value /= 1000;
		i++;
	}
	snprintf(text, room, "%g%s", value, unit[i]);
}

static void name_time(double value, char *text, size_t room)
{
	static const char *const unit[] = { "ns", "\302\265s", "ms", "s" };
	unsigned i = 0;

	while (i < 3 && value >= 999) {
		value /= 1000;
		i++;
	}
	snprintf(text, room, "%g %s", value, unit[i]);
}

/* The same in every plot: by the place in the list. */
static struct svg_pen pen_of(const struct bench_contestant *who)
{
	static const char *const color[] = {
		"#1f77b4", "#2a8f3c", "#8456b5", "#b5651d", "#d062a8",
		"#008b9a", "#7a7d00", "#4a5fc1", "#9c4a4a", "#5b7083",
		"#c78500", "#3f7f5f", "#a0409a", "#6d5a3f",
	};
	struct svg_pen pen = { CHART_WEIR, 3.4, NULL };
	unsigned i, n = 0;

	if (who->raw) {
		pen.color = CHART_TEXT;
		pen.width = 1.8;
		pen.dash = who == &bench_raw_stream ? "2 4" : "6 4";
	} else if (who != &bench_weir) {
		for (i = 0; bench_contestants[i] != who; i++)
			n += bench_contestants[i]->peer;
		pen.color = color[n % (sizeof(color) / sizeof(*color))];
		pen.width = 1.6;
	}
	return pen;
}

/* weir is the first one, that it is drawn last. */
static struct chart_series *series_of(struct chart *chart,
				      const struct bench_row *row)
{
	unsigned i;
	struct chart_series *s;
	const char *name = bench_row_label(row);

	for (i = 0; i < chart->n; i++) {
		if (!strcmp(chart->series[i].name, name))
			return &chart->series[i];
	}
	s = &chart->series[chart->n++];
	s->name = name;
	s->pen = pen_of(row->who);
	s->bold = row->who == &bench_weir;
	for (i = 0; i < CHART_POINTS; i++) {
		s->y[i] = NAN;
		s->few[i] = false;
	}
	return s;
}

/* Of the raw rows of a round trip the first one: no copy past the caches is
   the limit of a short one. */
static bool drawn(const struct bench_row *row, unsigned test)
{
	if (row->kind != BENCH_PROCESSES || row->mode != BENCH_BUSY ||
	    row->test != test)
		return false;
	if (row->who->raw)
		return test != BENCH_RTT || row->raw == row;
	return row->who->peer || row->who == &bench_weir;
}

static void weir_first(struct chart *chart)
{
	struct chart_series s;
	unsigned i;

	for (i = 1; i < chart->n; i++) {
		if (!chart->series[i].bold)
			continue;
		s = chart->series[0];
		chart->series[0] = chart->series[i];
		chart->series[i] = s;
	}
}

static bool has_size(const struct bench_result *result, size_t size)
{
	unsigned i;

	for (i = 0; i < result->rows; i++) {
		if (drawn(&result->row[i], BENCH_THROUGHPUT) &&
		    result->row[i].size == size)
			return true;
	}
	return false;
}

/* The sizes of the run, those without a row left out: a line goes from the
   one before to the one after. */
static unsigned take_sizes(const struct bench_result *result,
			   size_t size[BENCH_SIZES_MAX])
{
	const struct bench_options *o = result->options;
	unsigned i, n = 0;

	for (i = 0; i < o->sizes; i++) {
		if (has_size(result, o->size[i]))
			size[n++] = o->size[i];
	}
	return n;
}

static void place_sizes(struct chart *chart, const size_t *size, unsigned n)
{
	double least = INFINITY, most = 0, at;
	unsigned i;

	for (i = 0; i < n; i++) {
		at = log2((double)size[i]);
		least = at < least ? at : least;
		most = at > most ? at : most;
	}
	for (i = 0; i < n; i++) {
		chart->at[i] = most > least ? (log2((double)size[i]) - least) /
			       (most - least) : 0.5;
		bench_size_name(size[i], chart->tick[i],
				sizeof(chart->tick[i]));
	}
	chart->points = n;
}

static void title_of(const struct page *page, unsigned class, char *text,
		     size_t room, const char *what)
{
	struct bench_values *probe = &page->result->probe[class];

	if (bench_machine.classes && probe->n)
		snprintf(text, room, "%s, %s (line there and back: %.0f ns)",
			 what, bench_class_name(class),
			 bench_median(probe->value, probe->n));
	else
		snprintf(text, room, "%s, %s", what, bench_class_name(class));
}

static void draw_throughput(struct page *page, struct chart *chart,
			    unsigned class)
{
	const struct bench_row *row = page->result->row;
	size_t size[BENCH_SIZES_MAX];
	struct chart_series *s;
	char title[96];
	unsigned i, j;

	title_of(page, class, title, sizeof(title), "Throughput over size");
	chart->title = title;
	chart->side = "messages a second, one a call, two processes; "
		      "more is better";
	chart->below = "bytes in a message";
	chart->name = name_rate;
	place_sizes(chart, size, take_sizes(page->result, size));
	for (i = 0; i < page->result->rows; i++, row++) {
		if (!drawn(row, BENCH_THROUGHPUT) || !row->class[class].slices)
			continue;
		for (j = 0; size[j] != row->size; j++)
			;
		s = series_of(chart, row);
		s->y[j] = bench_row_figures(row, class).rate;
		s->few[j] = row->class[class].slices < BENCH_FEW;
	}
	weir_first(chart);
	chart_draw(&page->svg, chart);
}

/* The last place goes if nobody has a figure there. */
static void trim(struct chart *chart)
{
	unsigned last = chart->points - 1, i;

	for (i = 0; i < chart->n; i++) {
		if (!isnan(chart->series[i].y[last]))
			return;
	}
	chart->points = last;
	for (i = 0; i < last; i++)
		chart->at[i] = i / (double)(last - 1);
}

static void draw_latency(struct page *page, struct chart *chart,
			 unsigned class)
{
	static const char *const tick[] = { "p50", "p90", "p99", "p99.9",
					    "p99.99" };
	const struct bench_row *row = page->result->row;
	size_t size = page->result->options->size[0];
	char title[96], what[48], name[24];
	struct chart_series *s;
	struct bench_figures f;
	unsigned i, j;

	bench_size_name(size, name, sizeof(name));
	snprintf(what, sizeof(what), "Round trip of %s", name);
	title_of(page, class, title, sizeof(title), what);
	chart->title = title;
	chart->side = "one at a time, two processes that look; less is better";
	chart->below = "of all round trips, this share was shorter";
	chart->name = name_time;
	chart->points = sizeof(tick) / sizeof(*tick);
	for (i = 0; i < chart->points; i++) {
		chart->at[i] = i / (double)(chart->points - 1);
		snprintf(chart->tick[i], sizeof(chart->tick[i]), "%s",
			 tick[i]);
	}
	for (i = 0; i < page->result->rows; i++, row++) {
		if (!drawn(row, BENCH_RTT) || row->size != size ||
		    !row->class[class].slices)
			continue;
		f = bench_row_figures(row, class);
		s = series_of(chart, row);
		s->y[0] = f.p50;
		s->y[1] = f.p90;
		s->y[2] = f.p99;
		s->y[3] = f.p999;
		s->y[4] = f.p9999;
		for (j = 0; j < chart->points; j++)
			s->few[j] = row->class[class].slices < BENCH_FEW;
	}
	trim(chart);
	weir_first(chart);
	chart_draw(&page->svg, chart);
}

static void draw_bars(struct page *page, double x, double y, unsigned class)
{
	char title[96];

	title_of(page, class, title, sizeof(title), "Share of the raw limit");
	bars_draw(&page->svg, page->result, class, x, y, page->column - LEFT -
		  RIGHT, title);
}

static void draw_class(struct page *page, unsigned column)
{
	unsigned class = page->class[column];
	double x = MARGIN + column * page->column + LEFT;
	/* large, and empty each time */
	static struct chart chart;
	struct chart empty = { .x = x, .y = TOP,
			       .width = page->column - LEFT - RIGHT,
			       .height = CHART };

	chart = empty;
	draw_throughput(page, &chart, class);
	empty.y += ROW;
	chart = empty;
	draw_latency(page, &chart, class);
	draw_bars(page, x, TOP + 2 * ROW, class);
}

static void draw_head(struct page *page)
{
	const struct svg_pen head = { CHART_TEXT, 24, NULL };
	const struct svg_pen text = { CHART_SOFT, 13, NULL };

	svg_text(&page->svg, MARGIN, 42, SVG_START, true, &head,
		 "Messages between two processes of one machine");
	svg_text(&page->svg, MARGIN, 64, SVG_START, false, &text,
		 "weir %s beside other libraries, the kernel's ways and the "
		 "raw limit, all in the same run", weir_version());
}

static void draw_caption(struct page *page, double y)
{
	const struct bench_result *r = page->result;
	const struct bench_machine *m = &bench_machine;
	const struct svg_pen text = { CHART_SOFT, 11, NULL };
	const struct svg_pen line = { CHART_GRID, 1, NULL };
	char command[512], buffers[128];

	bench_caption_command(command, sizeof(command));
	bench_caption_buffers(r->options, buffers, sizeof(buffers));
	svg_line(&page->svg, MARGIN, y - 18, MARGIN + page->classes *
		 page->column, y - 18, &line);
	svg_text(&page->svg, MARGIN, y, SVG_START, false, &text,
		 "%s; %s; %s; CPUs %d and %d of %d%s", m->date, m->cpu,
		 m->kernel, m->cpu_of[BENCH_A], m->cpu_of[BENCH_B], m->cpus,
		 m->pinned ? ", pinned" : "");
	svg_text(&page->svg, MARGIN, y + 16, SVG_START, false, &text,
		 "Slices of %.0f ms in %.0f s: %u near, %u far, %u discarded. "
		 "Near: a cache line goes there and back in less than %.0f ns, "
		 "before and after the slice.",
		 r->options->slice_ms, r->seconds, r->slices[BENCH_NEAR],
		 r->slices[BENCH_FAR], r->changed + r->outside + r->late,
		 r->options->far_ns);
	svg_text(&page->svg, MARGIN, y + 32, SVG_START, false, &text,
		 "Medians of slices, percentiles of all trips; hollow: fewer "
		 "than %u slices. Equal %s; every payload checked.", BENCH_FEW,
		 buffers);
	svg_text(&page->svg, MARGIN, y + 48, SVG_START, false, &text, "%s",
		 command);
}

void bench_plots(struct bench_result *result, const char *path)
{
	struct page page = { .result = result };
	double width, height;
	unsigned i;

	for (i = 0; i < BENCH_CLASSES; i++) {
		if (bench_class_shown(result, i))
			page.class[page.classes++] = i;
	}
	page.column = page.classes > 1 ? COLUMN : COLUMN_ALONE;
	page.bars = bars_height(result);
	width = 2 * MARGIN + page.classes * page.column;
	height = TOP + 2 * ROW + page.bars + CAPTION;
	if (!svg_open(&page.svg, path, width, height, "weir-bench compare"))
		bench_fail("%s: %s", path, strerror(errno));
	draw_head(&page);
	for (i = 0; i < page.classes; i++)
		draw_class(&page, i);
	draw_caption(&page, TOP + 2 * ROW + page.bars + 34);
	if (!svg_close(&page.svg))
		bench_fail("%s: %s", path, strerror(errno));
}
