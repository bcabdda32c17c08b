/*
 * heat_map.c - the same map drawn twice: with characters by darkness, and with the colours of
 * Viridis.
 */
#include "heat_map.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>

enum { LEFT = 80, TOP = 60, SIDE = 400, BAR_LEFT = 510, BAR_WIDTH = 20, WIDTH = 640, HEIGHT = 530, MAX_LINES = 24 };

/* Viridis (S. van der Walt, N. Smith, 2015; public domain) at 0, 0.1, .. 1. */
static const uint32_t viridis[] = {0x440154, 0x482475, 0x414487, 0x355f8d, 0x2a788e, 0x21918c,
				   0x22a884, 0x44bf70, 0x7ad151, 0xbddf26, 0xfde725};

enum { COLOURS = sizeof(viridis) / sizeof(viridis[0]) };

static const uint32_t unknown_colour = 0xbbbbbb;

static double largest(const struct heat_map *map)
{
	double max = 0;

	for (size_t i = 0; i < map->rows * map->columns; i++) {
		if (map->values[i] > max)
			max = map->values[i];
	}
	return max > 0 ? max : 1;
}

void heat_map_print(const struct heat_map *map)
{
	static const char shades[] = " .:-=+*#%@";
	const int levels = sizeof(shades) - 1;
	double max = largest(map);
	size_t skip = (map->rows + MAX_LINES - 1) / MAX_LINES;
	size_t lines = map->rows / skip, width = map->columns / skip;

	printf("%s\n", map->title);
	for (size_t i = lines; i-- > 0;) {
		printf("%5.2f |", (double)(2 * i * skip + 1) / (double)(2 * map->rows));
		for (size_t j = 0; j < width; j++) {
			double value = map->values[i * skip * map->columns + j * skip];
			char shade = isnan(value) ? '?' : shades[(int)fmin(value / max * levels, levels - 1)];

			printf("%c%c", shade, shade);
		}
		printf("|\n");
	}
	printf("up: %s, right: %s, both from 0 to 1\n", map->y_label, map->x_label);
	printf("shades \"%s\" from 0 to %.3g: %s\n", shades, max, map->value_label);
}

/* The colour at a place from 0 to 1, between its two neighbours. */
static uint32_t colour_at(double place)
{
	uint32_t colour = 0;
	double share;
	int i;

	if (isnan(place))
		return unknown_colour;
	i = (int)fmin(place * (COLOURS - 1), COLOURS - 2);
	share = place * (COLOURS - 1) - i;
	for (int shift = 16; shift >= 0; shift -= 8) {
		double low = viridis[i] >> shift & 0xff, high = viridis[i + 1] >> shift & 0xff;

		colour = colour << 8 | (uint32_t)lround(low + share * (high - low));
	}
	return colour;
}

/*
 * One cell is one unit: the group's transformation scales it and turns the first row to the bottom.
 */
static void write_cells(FILE *file, const struct heat_map *map, double max)
{
	fprintf(file, "<g transform=\"translate(%d %d) scale(%.9g %.9g)\" shape-rendering=\"crispEdges\">\n", LEFT, TOP + SIDE,
		(double)SIDE / (double)map->columns, -(double)SIDE / (double)map->rows);
	for (size_t i = 0; i < map->rows; i++) {
		for (size_t j = 0; j < map->columns; j++) {
			fprintf(file, "<rect x=\"%zu\" y=\"%zu\" width=\"1\" height=\"1\" fill=\"#%06x\"/>\n", j, i,
				(unsigned)colour_at(map->values[i * map->columns + j] / max));
		}
	}
	fprintf(file, "</g>\n");
}

static void write_axes(FILE *file, const struct heat_map *map)
{
	const int bottom = TOP + SIDE, middle = SIDE / 2;

	fprintf(file, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" stroke=\"black\"/>\n", LEFT, TOP, SIDE,
		SIDE);
	for (int i = 0; i <= 5; i++) {
		int offset = SIDE * i / 5;

		fprintf(file, "<path d=\"M%d %dv6M%d %dh-6\" stroke=\"black\"/>\n", LEFT + offset, bottom, LEFT,
			bottom - offset);
		fprintf(file, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%.1f</text>\n", LEFT + offset, bottom + 22,
			i / 5.);
		fprintf(file, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%.1f</text>\n", LEFT - 10, bottom - offset + 5,
			i / 5.);
	}
	fprintf(file, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", LEFT + middle, bottom + 50, map->x_label);
	fprintf(file, "<text transform=\"translate(%d %d) rotate(-90)\" text-anchor=\"middle\">%s</text>\n", 28, TOP + middle,
		map->y_label);
	fprintf(file, "<text x=\"%d\" y=\"30\" text-anchor=\"middle\" font-size=\"17\">%s</text>\n", WIDTH / 2, map->title);
}

/* A round distance (1, 2 or 5 times a power of ten) that puts four to ten ticks on [0, max]. */
static double tick_distance(double max)
{
	double power = pow(10, floor(log10(max)));

	if (max / power >= 5)
		return power;
	return max / power >= 2 ? power / 2 : power / 5;
}

static void write_bar(FILE *file, const struct heat_map *map, double max)
{
	const int bottom = TOP + SIDE, right = BAR_LEFT + BAR_WIDTH;
	const double distance = tick_distance(max);

	fprintf(file, "<defs><linearGradient id=\"bar\" x1=\"0\" y1=\"1\" x2=\"0\" y2=\"0\">\n");
	for (int i = 0; i < COLOURS; i++)
		fprintf(file, "<stop offset=\"%d%%\" stop-color=\"#%06x\"/>\n", 100 * i / (COLOURS - 1), (unsigned)viridis[i]);
	fprintf(file, "</linearGradient></defs>\n");
	fprintf(file, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"url(#bar)\" stroke=\"black\"/>\n", BAR_LEFT,
		TOP, BAR_WIDTH, SIDE);
	for (int i = 0; i * distance <= max; i++) {
		double y = bottom - SIDE * (i * distance / max);

		fprintf(file, "<path d=\"M%d %.1fh6\" stroke=\"black\"/>\n", right, y);
		fprintf(file, "<text x=\"%d\" y=\"%.1f\">%.3g</text>\n", right + 10, y + 5, i * distance);
	}
	fprintf(file, "<text transform=\"translate(%d %d) rotate(-90)\" text-anchor=\"middle\">%s</text>\n", WIDTH - 22,
		TOP + SIDE / 2, map->value_label);
}

int heat_map_write_svg(const struct heat_map *map, const char *path)
{
	double max = largest(map);
	FILE *file = fopen(path, "w");
	int error = 0;

	if (!file)
		return errno;
	fprintf(file,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
		"font-family=\"sans-serif\" font-size=\"14\">\n<rect width=\"%d\" height=\"%d\" fill=\"white\"/>\n",
		WIDTH, HEIGHT, WIDTH, HEIGHT, WIDTH, HEIGHT);
	write_cells(file, map, max);
	write_axes(file, map);
	write_bar(file, map, max);
	fprintf(file, "</svg>\n");
	if (fflush(file) != 0 || ferror(file))
		error = errno;
	if (fclose(file) != 0 && error == 0)
		error = errno;
	return error;
}
