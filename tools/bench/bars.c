/* SPDX-License-Identifier: MIT */
/*
 * Bars: of the raw limit, which share weir reaches and which the best peer, for
 * each size, in round trips and in throughput.
 */
#include <math.h>
#include <string.h>

#include "plots.h"

#define BAR 11.0
#define SIZE_SPACE 31.0
#define LETTER 6.4
#define TEST_SPACE 30.0

static bool has(const struct bench_result *result, unsigned test, size_t size)
{
	const struct bench_row *row = result->row;
	unsigned i;

	for (i = 0; i < result->rows; i++, row++) {
		if (row->kind == BENCH_PROCESSES && row->test == test &&
		    row->mode == BENCH_BUSY && row->size == size)
			return true;
	}
	return false;
}

/* Round trips have the figure of the ratio upside down. */
static double share(const struct bench_row *row, unsigned class)
{
	double ratio = bench_row_figures(row, class).ratio;

	return row->test == BENCH_RTT ? 1 / ratio : ratio;
}

static double ratio(const struct bench_figures *f)
{
	return f->ratio;
}

/* Of weir, or of the peer that has most of it. */
static const struct bench_row *best(const struct bench_result *result,
				    unsigned class, unsigned test, size_t size,
				    bool peer)
{
	const struct bench_cell cell = { BENCH_IN_PROCESSES, test, BENCH_BUSY,
					 size };
	const struct bench_choice choice = {
		peer ? bench_is_peer : bench_is_named, "weir", ratio, 1
	};
	double value;

	return bench_best(result, class, &cell, &choice, &value);
}

static double each(const struct bench_result *result, unsigned test)
{
	const struct bench_options *o = result->options;
	double height = 0;
	unsigned i;

	for (i = 0; i < o->sizes; i++)
		height += has(result, test, o->size[i]) ? SIZE_SPACE : 0;
	return height ? height + TEST_SPACE : 0;
}

double bars_height(const struct bench_result *result)
{
	return each(result, BENCH_RTT) + each(result, BENCH_THROUGHPUT) + 24;
}

/* The widest of all, at least one and a half of the limit. */
static double most(const struct bench_result *result, unsigned class)
{
	const struct bench_options *o = result->options;
	const struct bench_row *row;
	double widest = 1.25, v;
	unsigned test, i, peer;

	for (test = BENCH_RTT; test <= BENCH_THROUGHPUT; test++) {
		for (i = 0; i < 2 * o->sizes; i++) {
			peer = i & 1;
			row = best(result, class, test, o->size[i / 2], peer);
			v = row ? share(row, class) : 0;
			widest = v > widest ? v : widest;
		}
	}
	return widest;
}

static void bar(struct svg *svg, const struct bench_row *row, unsigned class,
		double x, double y, double scale)
{
	bool weir = row->who == &bench_weir;
	const struct svg_pen text = { weir ? CHART_WEIR : CHART_SOFT, 10.5,
				      NULL };
	double v = share(row, class);
	char name[48];

	snprintf(name, sizeof(name), "%s %.0f %%", bench_row_label(row),
		 v * 100);
	svg_rect(svg, x, y, v * scale, BAR, weir ? CHART_WEIR : CHART_PEER);
	/* no line of the grid goes through the text */
	svg_rect(svg, x + v * scale + 2, y - 1,
		 8 + LETTER * (double)strlen(name), BAR + 2, "#ffffff");
	svg_text(svg, x + v * scale + 6, y + BAR - 0.5, SVG_START, weir, &text,
		 "%s", name);
}

static double draw_test(struct svg *svg, const struct bench_result *result,
			unsigned class, unsigned test, double x, double y,
			double scale)
{
	const struct svg_pen head = { CHART_TEXT, 12, NULL };
	const struct svg_pen text = { CHART_SOFT, 11, NULL };
	const struct bench_options *o = result->options;
	const struct bench_row *row;
	char name[24];
	unsigned i;

	if (each(result, test) == 0)
		return y;
	svg_text(svg, x - 52, y + 14, SVG_START, true, &head, "%s",
		 bench_test_name(test));
	y += TEST_SPACE - 6;
	for (i = 0; i < o->sizes; i++) {
		if (!has(result, test, o->size[i]))
			continue;
		bench_size_name(o->size[i], name, sizeof(name));
		svg_text(svg, x - 8, y + BAR + 4, SVG_END, false, &text, "%s",
			 name);
		row = best(result, class, test, o->size[i], false);
		if (row)
			bar(svg, row, class, x, y, scale);
		row = best(result, class, test, o->size[i], true);
		if (row)
			bar(svg, row, class, x, y + BAR + 1, scale);
		y += SIZE_SPACE;
	}
	return y + 6;
}

void bars_draw(struct svg *svg, const struct bench_result *result,
	       unsigned class, double x, double y, double width,
	       const char *title)
{
	const struct svg_pen head = { CHART_TEXT, 15, NULL };
	const struct svg_pen text = { CHART_SOFT, 11, NULL };
	const struct svg_pen weak = { CHART_GRID, 0.8, NULL };
	const struct svg_pen limit = { CHART_TEXT, 1.4, "6 4" };
	double scale = width / most(result, class), bottom, v;
	double step = width / scale > 3 ? 1 : 0.25;

	bottom = y + bars_height(result) - 24;
	svg_text(svg, x - 52, y - 30, SVG_START, true, &head, "%s", title);
	svg_text(svg, x - 52, y - 13, SVG_START, false, &text,
		 "weir and the best peer; more is better; 100 %%: what bare "
		 "copies and lines of this class reach");
	for (v = 0; v * scale <= width + 1; v += step) {
		svg_line(svg, x + v * scale, y, x + v * scale, bottom,
			 v == 1 ? &limit : &weak);
		svg_text(svg, x + v * scale, bottom + 15, SVG_MIDDLE, false,
			 &text, "%.0f %%", v * 100);
	}
	y = draw_test(svg, result, class, BENCH_RTT, x, y, scale);
	draw_test(svg, result, class, BENCH_THROUGHPUT, x, y, scale);
}
