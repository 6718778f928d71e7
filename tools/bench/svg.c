/* SPDX-License-Identifier: MIT */
/*
 * A drawing in SVG 1.1: lines, rectangles, circles, text. No style sheet and
 * no script, so that every viewer, browser and word processor shows the same.
 */
#include <stdarg.h>

#include "svg.h"

#define FONTS "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"

static void escaped(struct svg *svg, const char *text)
{
	for (; *text; text++) {
		if (*text == '<')
			fputs("&lt;", svg->file);
		else if (*text == '>')
			fputs("&gt;", svg->file);
		else if (*text == '&')
			fputs("&amp;", svg->file);
		else if (*text == '"')
			fputs("&quot;", svg->file);
		else if ((unsigned char)*text >= 0x20)
			putc(*text, svg->file);
	}
}

bool svg_open(struct svg *svg, const char *path, double width, double height,
	      const char *title)
{
	svg->file = fopen(path, "w");
	if (!svg->file)
		return false;
	fprintf(svg->file,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\" "
		"width=\"%g\" height=\"%g\" viewBox=\"0 0 %g %g\" "
		"font-family=\"" FONTS "\">\n<title>", width, height, width,
		height);
	escaped(svg, title);
	fprintf(svg->file, "</title>\n");
	svg_rect(svg, 0, 0, width, height, "#ffffff");
	return true;
}

bool svg_close(struct svg *svg)
{
	bool good;

	fprintf(svg->file, "</svg>\n");
	good = !ferror(svg->file);
	return fclose(svg->file) == 0 && good;
}

static void stroke(struct svg *svg, const struct svg_pen *pen)
{
	fprintf(svg->file, " stroke=\"%s\" stroke-width=\"%g\"", pen->color,
		pen->width);
	if (pen->dash)
		fprintf(svg->file, " stroke-dasharray=\"%s\"", pen->dash);
}

void svg_line(struct svg *svg, double x1, double y1, double x2, double y2,
	      const struct svg_pen *pen)
{
	fprintf(svg->file,
		"<line x1=\"%.2f\" y1=\"%.2f\" x2=\"%.2f\" y2=\"%.2f\"",
		x1, y1, x2, y2);
	stroke(svg, pen);
	fprintf(svg->file, "/>\n");
}

void svg_lines(struct svg *svg, const double *x, const double *y, unsigned n,
	       const struct svg_pen *pen)
{
	unsigned i;

	fprintf(svg->file, "<polyline points=\"");
	for (i = 0; i < n; i++)
		fprintf(svg->file, "%s%.2f,%.2f", i ? " " : "", x[i], y[i]);
	fprintf(svg->file, "\" fill=\"none\" stroke-linejoin=\"round\" "
		"stroke-linecap=\"round\"");
	stroke(svg, pen);
	fprintf(svg->file, "/>\n");
}

void svg_rect(struct svg *svg, double x, double y, double width,
	      double height, const char *color)
{
	fprintf(svg->file, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" "
		"height=\"%.2f\" fill=\"%s\"/>\n", x, y, width, height, color);
}

void svg_circle(struct svg *svg, double x, double y, double radius,
		bool hollow, const char *color)
{
	const struct svg_pen edge = { color, 1.2, NULL };

	fprintf(svg->file, "<circle cx=\"%.2f\" cy=\"%.2f\" r=\"%g\" "
		"fill=\"%s\"", x, y, radius, hollow ? "#ffffff" : color);
	if (hollow)
		stroke(svg, &edge);
	fprintf(svg->file, "/>\n");
}

void svg_text(struct svg *svg, double x, double y, enum svg_anchor anchor,
	      bool bold, const struct svg_pen *pen, const char *format, ...)
{
	static const char *const name[] = { "start", "middle", "end" };
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(svg->file, "<text x=\"%.2f\" y=\"%.2f\" font-size=\"%g\" "
		"fill=\"%s\" text-anchor=\"%s\"%s>", x, y, pen->width,
		pen->color, name[anchor],
		bold ? " font-weight=\"bold\"" : "");
	escaped(svg, text);
	fprintf(svg->file, "</text>\n");
}
