/*
 * chart.h - one bar chart, as text and as a picture.
 */
#ifndef EXAMPLES_CHART_H
#define EXAMPLES_CHART_H

#include <stddef.h>
#include <stdio.h>

struct chart_bar {
	const char *label;
	const char *note; /* written beside the bar: its value in words */
	double value;
};

struct chart {
	const char *title;
	const char *footer;
	const struct chart_bar *bars;
	size_t count;
};

/*
 * Solid blocks on a terminal that shows UTF-8 (the caller has called setlocale()), else plain
 * ASCII.
 */
void chart_print(const struct chart *chart, FILE *out);

/* Return 0, or -errno: then the file is incomplete or missing. */
int chart_write_svg(const struct chart *chart, const char *path);

#endif
