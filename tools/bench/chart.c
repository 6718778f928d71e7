/* SPDX-License-Identifier: MIT */
/*
 * A chart of lines: values on a logarithmic axis, places side by side on the
 * other. Each line is named at its right end, in its colour; names keep their
 * distance from each other, and a thin line leads from the end to the name.
 */
#include <math.h>
#include <stdlib.h>

#include "svg.h"

#define NAME_SIZE 11.5
#define NAME_SPACE 13.5
#define NAME_AT 26.0

/* The axis: from and to are 1, 2 or 5 times a power of ten. */
struct axis {
	double from, to;
};

static double step_down(double value)
{
	double ten = pow(10, floor(log10(value))), n = value / ten;

	return (n >= 5 ? 5 : n >= 2 ? 2 : 1) * ten;
}

static double step_up(double value)
{
	double ten = pow(10, floor(log10(value))), n = value / ten;

	return (n <= 1 ? 1 : n <= 2 ? 2 : n <= 5 ? 5 : 10) * ten;
}

static struct axis axis_of(const struct chart *chart)
{
	double least = INFINITY, most = 0, v;
	struct axis axis;
	unsigned i, j;

	for (i = 0; i < chart->n; i++) {
		for (j = 0; j < chart->points; j++) {
			v = chart->series[i].y[j];
			if (isnan(v) || v <= 0)
				continue;
			least = v < least ? v : least;
			most = v > most ? v : most;
		}
	}
	if (most == 0)
		least = most = 1;
	axis.from = step_down(least);
	axis.to = step_up(most);
	if (axis.to <= axis.from)
		axis.to = axis.from * 10;
	return axis;
}

static double place(const struct chart *chart, const struct axis *axis,
		    double value)
{
	return chart->y + chart->height * (1 - log(value / axis->from) /
					   log(axis->to / axis->from));
}

static void grid(struct svg *svg, const struct chart *chart,
		 const struct axis *axis)
{
	const struct svg_pen strong = { CHART_GRID, 1.2, NULL };
	const struct svg_pen weak = { CHART_GRID, 0.6, NULL };
	const struct svg_pen text = { CHART_SOFT, 11, NULL };
	double ten, value, y, right = chart->x + chart->width;
	bool crowded = axis->to / axis->from > 2e3;
	char name[32];
	int n;

	for (ten = pow(10, floor(log10(axis->from) + 1e-9));
	     ten <= axis->to * 1.001; ten *= 10) {
		for (n = 1; n <= 5; n += n == 1 ? 1 : 3) {
			value = n * ten;
			if (value < axis->from * 0.999 ||
			    value > axis->to * 1.001)
				continue;
			y = place(chart, axis, value);
			svg_line(svg, chart->x, y, right, y,
				 n == 1 ? &strong : &weak);
			if (n != 1 && crowded)
				continue;
			chart->name(value, name, sizeof(name));
			svg_text(svg, chart->x - 8, y + 4, SVG_END, false,
				 &text, "%s", name);
		}
	}
}

static void frame(struct svg *svg, const struct chart *chart)
{
	const struct svg_pen head = { CHART_TEXT, 15, NULL };
	const struct svg_pen text = { CHART_SOFT, 11, NULL };
	const struct svg_pen line = { CHART_GRID, 0.6, NULL };
	const struct svg_pen base = { CHART_SOFT, 1, NULL };
	double x, bottom = chart->y + chart->height;
	unsigned i;

	svg_text(svg, chart->x - 52, chart->y - 30, SVG_START, true, &head,
		 "%s", chart->title);
	svg_text(svg, chart->x - 52, chart->y - 13, SVG_START, false, &text,
		 "%s", chart->side);
	for (i = 0; i < chart->points; i++) {
		x = chart->x + chart->width * chart->at[i];
		svg_line(svg, x, chart->y, x, bottom, &line);
		svg_text(svg, x, bottom + 17, SVG_MIDDLE, false, &text, "%s",
			 chart->tick[i]);
	}
	svg_line(svg, chart->x, bottom, chart->x + chart->width, bottom,
		 &base);
	svg_text(svg, chart->x + chart->width / 2, bottom + 34, SVG_MIDDLE,
		 false, &text, "%s", chart->below);
}

/* Where a line ends, and where its name goes. */
struct end {
	const struct chart_series *series;
	double x, y, at;
};

/* The points, above the line; the last one is its end. */
static bool draw_points(struct svg *svg, const struct chart *chart,
			const struct axis *axis,
			const struct chart_series *series, struct end *end)
{
	bool any = false;
	unsigned i;

	for (i = 0; i < chart->points; i++) {
		if (isnan(series->y[i]) || series->y[i] <= 0)
			continue;
		end->x = chart->x + chart->width * chart->at[i];
		end->y = place(chart, axis, series->y[i]);
		svg_circle(svg, end->x, end->y, series->bold ? 4 : 2.4,
			   series->few[i], series->pen.color);
		any = true;
	}
	end->series = series;
	return any;
}

/* The line, in pieces where points are missing. */
static bool draw_series(struct svg *svg, const struct chart *chart,
			const struct axis *axis,
			const struct chart_series *series, struct end *end)
{
	double x[CHART_POINTS], y[CHART_POINTS];
	unsigned i, n = 0;

	for (i = 0; i <= chart->points; i++) {
		if (i == chart->points || isnan(series->y[i]) ||
		    series->y[i] <= 0) {
			if (n > 1)
				svg_lines(svg, x, y, n, &series->pen);
			n = 0;
			continue;
		}
		x[n] = chart->x + chart->width * chart->at[i];
		y[n] = place(chart, axis, series->y[i]);
		n++;
	}
	return draw_points(svg, chart, axis, series, end);
}

static int higher(const void *a, const void *b)
{
	const struct end *p = a, *q = b;

	return p->y < q->y ? -1 : p->y > q->y;
}

/* As far up as down, until each keeps its distance. */
static void push_apart(struct end *end, unsigned n)
{
	unsigned i, turn;
	double lacks;

	for (turn = 0; turn < 400; turn++) {
		for (i = 1; i < n; i++) {
			lacks = NAME_SPACE - (end[i].at - end[i - 1].at);
			if (lacks <= 0)
				continue;
			end[i - 1].at -= lacks / 2;
			end[i].at += lacks / 2;
		}
	}
}

/* Within the chart, as far as they find room there. */
static void spread(struct end *end, unsigned n, double top, double bottom)
{
	unsigned i;

	for (i = 0; i < n; i++)
		end[i].at = end[i].y;
	push_apart(end, n);
	for (i = n; i-- && end[i].at > bottom; bottom -= NAME_SPACE)
		end[i].at = bottom;
	for (i = 0; i < n && end[i].at < top; top += NAME_SPACE)
		end[i++].at = top;
}

void chart_draw(struct svg *svg, struct chart *chart)
{
	struct axis axis = axis_of(chart);
	struct end end[CHART_SERIES];
	double right = chart->x + chart->width;
	unsigned i, n = 0;

	grid(svg, chart, &axis);
	frame(svg, chart);
	/* the first ones last: they lie above the others */
	for (i = chart->n; i--; )
		n += draw_series(svg, chart, &axis, &chart->series[i],
				 &end[n]);
	qsort(end, n, sizeof(*end), higher);
	spread(end, n, chart->y, chart->y + chart->height);
	for (i = 0; i < n; i++) {
		const struct chart_series *s = end[i].series;
		const struct svg_pen lead = { s->pen.color, 0.5, NULL };
		const struct svg_pen text = { s->pen.color,
					      NAME_SIZE + s->bold, NULL };

		svg_line(svg, end[i].x + 5, end[i].y, right + NAME_AT - 4,
			 end[i].at, &lead);
		svg_text(svg, right + NAME_AT, end[i].at + 4, SVG_START,
			 s->bold, &text, "%s", s->name);
	}
}
