/*
 * thumbnails.c - make many pictures small, with a bar that shows how far the work is.
 *
 * The pictures are made up: waves, of a size that differs from one to the next. A task halves one
 * until it has at most 32 x 32 pixels, and its result is their mean brightness. Some pictures are
 * broken, and their tasks fail.
 *
 * Run: build/docs/examples/thumbnails [--workers N] [--large]
 */
#include "support/example.h"

#include <errno.h>
#include <math.h>
#include <sheaf_bar.h>
#include <stdio.h>
#include <stdlib.h>

enum { PICTURES = 400, THUMB = 32 };

static double brightness(size_t x, size_t y, uint64_t number)
{
	return 0.5 + 0.5 * sin((double)(x * (number % 7 + 1) + y) / 50);
}

/* Halve a picture of width x width pixels, in place. */
static void halve(float *pixels, size_t width)
{
	for (size_t y = 0; y < width / 2; y++)
		for (size_t x = 0; x < width / 2; x++) {
			const float *from = &pixels[2 * y * width + 2 * x];

			pixels[y * (width / 2) + x] = (from[0] + from[1] + from[width] + from[width + 1]) / 4;
		}
}

static int make_small(sheaf_task *task, const void *arg, void *result)
{
	uint64_t number = sheaf_task_position(task);
	const bool *large = arg;
	size_t width = (size_t)THUMB << (number % 4 + (*large ? 3 : 1));
	double *mean = result;
	float *pixels;

	if (number % 100 == 99)
		return sheaf_task_fail(task, -EIO, "picture %d is broken", (int)number);
	if (!(pixels = malloc(width * width * sizeof(*pixels))))
		return -ENOMEM;
	for (size_t i = 0; i < width * width; i++)
		pixels[i] = (float)brightness(i % width, i / width, number);
	for (; width > THUMB; width /= 2)
		halve(pixels, width);
	*mean = 0;
	for (size_t i = 0; i < width * width; i++)
		*mean += pixels[i] / (double)(width * width);
	free(pixels);
	return 0;
}

static int run(sheaf_pool *pool, bool large)
{
	const sheaf_batch_options options = {.result_size = sizeof(double)};
	const sheaf_result *results;
	sheaf_batch *batch;
	sheaf_bar *bar;
	double sum = 0;
	int failed, r;
	size_t n;

	if ((r = sheaf_batch_create(&batch, pool, &options)))
		return r;
	for (uint64_t i = 0; i < PICTURES; i++)
		if ((r = sheaf_submit(batch, i, make_small, &large, sizeof(large))))
			return r;
	sheaf_bar_start(&bar, pool, batch, &(sheaf_bar_options){.label = "thumbnails"});
	failed = sheaf_gather(batch, &results, &n, SHEAF_FOREVER);
	sheaf_bar_end(bar);
	if (failed < 0)
		return failed;
	for (size_t i = 0; i < n; i++)
		sum += results[i].status ? 0 : *(const double *)results[i].data;
	printf("%zu pictures, %d broken, mean brightness %.4f\n", n, failed, sum / (double)(n - (size_t)failed));
	sheaf_batch_retire(batch);
	return 0;
}

int main(int argc, char **argv)
{
	bool large = false;
	const struct example_option choices[] = {
		{.name = "--large", .help = "pictures for which there is time to see the bar", .flag = &large}, {0}};
	sheaf_pool_options options = {.workers = example_options(argc, argv, choices)};
	sheaf_pool *pool;
	int r = sheaf_pool_create(&pool, &options);

	if (!r) {
		r = run(pool, large);
		sheaf_pool_destroy(pool);
	}
	return example_end(r);
}
