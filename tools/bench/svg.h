/* SPDX-License-Identifier: MIT */
/*
 * weir-bench: a drawing in SVG, written as it goes; and the charts made of it.
 * Lengths are pixels, the origin is at the top left.
 */
#ifndef BENCH_SVG_H
#define BENCH_SVG_H

#include <stdbool.h>
#include <stdio.h>

struct svg {
	FILE *file;
};

/* How a line or a text looks. */
struct svg_pen {
	const char *color;
	double width;		/* of a line; of a text its size */
	const char *dash;	/* NULL: a full line */
};

enum svg_anchor { SVG_START, SVG_MIDDLE, SVG_END };

/* False: not to be written. */
bool svg_open(struct svg *svg, const char *path, double width, double height,
	      const char *title);
bool svg_close(struct svg *svg);
void svg_line(struct svg *svg, double x1, double y1, double x2, double y2,
	      const struct svg_pen *pen);
void svg_lines(struct svg *svg, const double *x, const double *y, unsigned n,
	       const struct svg_pen *pen);
void svg_rect(struct svg *svg, double x, double y, double width,
	      double height, const char *color);
void svg_circle(struct svg *svg, double x, double y, double radius,
		bool hollow, const char *color);
void svg_text(struct svg *svg, double x, double y, enum svg_anchor anchor,
	      bool bold, const struct svg_pen *pen, const char *format, ...)
	__attribute__((format(printf, 7, 8)));

/* chart.c: lines over a logarithmic axis, named at their right end. */
#define CHART_POINTS 16
#define CHART_SERIES 64

struct chart_series {
	const char *name;
	struct svg_pen pen;
	bool bold;
	double y[CHART_POINTS];	/* NAN: no point there */
	bool few[CHART_POINTS];	/* drawn hollow */
};

struct chart {
	double x, y, width, height;	/* of the area of the lines */
	const char *title, *side;	/* above; what y is */
	unsigned points;
	double at[CHART_POINTS];	/* x of each point, 0 to 1 */
	char tick[CHART_POINTS][16];	/* its name below the axis */
	const char *below;		/* what x is */
	/* the name of a value on the y axis */
	void (*name)(double value, char *text, size_t room);
	struct chart_series series[CHART_SERIES];
	unsigned n;
};

void chart_draw(struct svg *svg, struct chart *chart);

#define CHART_TEXT "#1f2933"
#define CHART_SOFT "#6b7785"
#define CHART_GRID "#e4e8ec"
#define CHART_WEIR "#c8102e"
#define CHART_PEER "#8fa3b5"

#endif
