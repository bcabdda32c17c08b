/*
 * co_oxidation.c - a two-dimensional map: how fast a catalyst oxidizes CO, over a grid of O2 and CO
 * pressures.
 *
 * Each grid point is a task of its own that finds the steady state of a small model
 * (support/co_kinetics.h); some points take far longer than others, and the pool balances that. The
 * results come back sorted by grid position, and the picture needs nothing else. A point without an
 * answer fails alone, with its reason, and is grey in the picture. The exit code is then 1.
 *
 * Run: build/docs/examples/co_oxidation [--size N] [--csv] [--svg FILE] [--workers N]
 */
#include "support/co_kinetics.h"
#include "support/example.h"
#include "support/heat_map.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct point {
	struct co_pressures pressures;
	unsigned max_steps;
};

static int solve(sheaf_task *task, const void *arg, void *result)
{
	const struct point *point = arg;
	struct co_pressures p = point->pressures;

	switch (co_steady_state(p, point->max_steps, result)) {
	case CO_STEADY:
		return 0;
	case CO_NOT_SETTLED:
		return sheaf_task_fail(task, -ERANGE, "p_O2 = %g, p_CO = %g: not settled after %u steps; try more --max-steps",
				       p.o2, p.co, point->max_steps);
	case CO_NO_ROOT:
		break;
	}
	return sheaf_task_fail(task, -EDOM, "p_O2 = %g, p_CO = %g: no stable steady state near the end of the integration",
			       p.o2, p.co);
}

/*
 * The pressures at the middle of a cell: columns are p_O2, rows are p_CO, and position = row * size
 * + column.
 */
static struct co_pressures pressures_at(size_t position, unsigned size)
{
	return (struct co_pressures){.o2 = ((double)(position % size) + 0.5) / size,
				     .co = ((double)(position / size) + 0.5) / size};
}

static int solve_grid(sheaf_batch *batch, unsigned size, unsigned max_steps, const sheaf_result **results)
{
	size_t points = (size_t)size * size;
	int r = 0;

	for (size_t i = 0; r == 0 && i < points; i++) {
		const struct point point = {.pressures = pressures_at(i, size), .max_steps = max_steps};

		r = sheaf_submit(batch, i, solve, &point, sizeof(point));
	}
	return r < 0 ? r : sheaf_gather(batch, results, &points, SHEAF_FOREVER);
}

static void print_csv(const sheaf_result *results, unsigned size)
{
	static const struct co_state unknown = {NAN, NAN, NAN};

	printf("p_o2,p_co,theta_co,theta_o,rate\n");
	for (size_t i = 0; i < (size_t)size * size; i++) {
		const struct co_state *state = results[i].status == 0 ? results[i].data : &unknown;
		struct co_pressures p = pressures_at(i, size);

		printf("%.12g,%.12g,%.12g,%.12g,%.12g\n", p.o2, p.co, state->co, state->o, state->rate);
	}
}

/*
 * Draw the map to the file @path, or print it if @path is NULL. Return 0, or 1 if something failed
 * and was reported.
 */
static int draw(const sheaf_result *results, unsigned size, const char *path)
{
	size_t points = (size_t)size * size;
	double *rates = malloc(points * sizeof(*rates));
	const struct heat_map map = {
		.title = "CO oxidation, steady state from a clean surface",
		.x_label = "O2 pressure p_O2 (arbitrary units)",
		.y_label = "CO pressure p_CO (arbitrary units)",
		.value_label = "CO2 molecules per site and second",
		.columns = size,
		.rows = size,
		.values = rates,
	};
	int error = 0;

	if (!rates) {
		fprintf(stderr, "co_oxidation: no memory for a map of %zu points; try a smaller --size\n", points);
		return 1;
	}
	for (size_t i = 0; i < points; i++)
		rates[i] = results[i].status == 0 ? ((const struct co_state *)results[i].data)->rate : NAN;
	if (path)
		error = heat_map_write_svg(&map, path);
	else
		heat_map_print(&map);
	free(rates);
	if (error)
		fprintf(stderr, "co_oxidation: --svg %s: %s; name a file that can be written\n", path, strerror(error));
	return error ? 1 : 0;
}

int main(int argc, char **argv)
{
	unsigned size = 40, max_steps = 1000000;
	const char *svg = NULL;
	bool csv = false;
	const struct example_option more[] = {
		{.name = "--size",
		 .help = "grid points along each axis; without it, 40",
		 .number = &size,
		 .min = 1,
		 .max = 500},
		{.name = "--csv", .help = "print all numbers instead of a picture", .flag = &csv},
		{.name = "--svg", .help = "write the picture to a file", .text = &svg},
		{.name = "--max-steps",
		 .help = "give up on a point after so many steps of the integration",
		 .number = &max_steps,
		 .min = 1,
		 .max = 1000000000},
		{0},
	};
	const sheaf_pool_options options = {.workers = example_options(argc, argv, more)};
	const sheaf_batch_options batch_options = {.result_size = sizeof(struct co_state)};
	const sheaf_result *results;
	sheaf_pool *pool = NULL;
	sheaf_batch *batch = NULL;
	int r, failed = 0;

	r = sheaf_pool_create(&pool, &options);
	if (r == 0)
		r = sheaf_batch_create(&batch, pool, &batch_options);
	if (r == 0)
		r = failed = solve_grid(batch, size, max_steps, &results);
	if (r > 0)
		example_failures(results, (size_t)size * size);
	if (r >= 0 && csv)
		print_csv(results, size);
	if (r >= 0 && (svg || !csv))
		failed += draw(results, size, svg);
	r = example_end(r < 0 ? r : failed);
	sheaf_batch_retire(batch);
	sheaf_pool_destroy(pool);
	return r;
}
