/*
 * heat_map.h - a table of numbers as a picture: characters in a terminal, or an SVG file.
 */
#ifndef SHEAF_EXAMPLE_HEAT_MAP_H
#define SHEAF_EXAMPLE_HEAT_MAP_H

#include <stddef.h>

/* Both axes run from 0 to 1 and the cells divide them evenly. */
struct heat_map {
	const char *title;
	const char *x_label, *y_label; /* plain text */
	const char *value_label;
	size_t columns, rows;
	/* row-major, the first row at the bottom; from 0 up, or NAN: unknown */
	const double *values;
};

/*
 * Print to stdout, with at most 24 lines of cells. Of a larger map, print every second, third, ...
 * row and column.
 */
void heat_map_print(const struct heat_map *map);

/* Return 0 or a positive errno. A file of that name is replaced. */
int heat_map_write_svg(const struct heat_map *map, const char *path);

#endif
