/*
 * cube_file.c - compute a file of numbers from another one, and hold neither in memory: map one,
 * make the other, and have workers fill it in place.
 *
 * Without a file it makes one. NumPy reads both. A program that is killed in the midst leaves the
 * old file of results as it was.
 *
 * Run: build/docs/examples/cube_file [--workers N] [--in FILE] [--out FILE]
 */
#include "support/example.h"

#include <sheaf_file.h>
#include <stdio.h>

enum { NUMBERS = 1000000 };

struct files {
	const double *in;
	double *out;
};

static int cube(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct files *files = context;

	(void)task;
	for (size_t i = begin; i < end; i++)
		files->out[i] = files->in[i] * files->in[i] * files->in[i];
	return 0;
}

static int number(sheaf_task *task, size_t begin, size_t end, void *context)
{
	double *out = ((const struct files *)context)->out;

	(void)task;
	for (size_t i = begin; i < end; i++)
		out[i] = (double)i / 1000;
	return 0;
}

/* Make a file, and have a loop fill it. */
static int make_file(sheaf_pool *pool, const char *path, sheaf_range_fn *fn, const sheaf_array *in, size_t n)
{
	struct files files = {.in = in ? in->data : NULL};
	sheaf_array out;
	int r = sheaf_array_create_file(&out, pool, path, SHEAF_F64, 0, 1, &n);

	if (r)
		return r;
	files.out = out.data;
	r = sheaf_for(pool, fn, &files, n, &(sheaf_map_options){.context_size = sizeof(files)});
	if (r) {
		sheaf_array_free(&out, pool); /* removes what was begun */
		return r;
	}
	return sheaf_array_finish(&out, pool, n, false);
}

static int run(sheaf_pool *pool, const char *in, const char *out)
{
	sheaf_array numbers;
	int r;

	if (!in && (r = make_file(pool, in = "numbers.npy", number, NULL, NUMBERS)))
		return r;
	if ((r = sheaf_array_map(&numbers, pool, in, NULL)))
		return r;
	if (numbers.type != SHEAF_F64 || !sheaf_array_is_contiguous(&numbers)) {
		fprintf(stderr, "cube_file: %s: wanted are doubles in C order\n", in);
		r = 1;
	} else if (!(r = make_file(pool, out, cube, &numbers, sheaf_array_count(&numbers)))) {
		printf("%zu numbers: %s\n", sheaf_array_count(&numbers), out);
	}
	sheaf_array_free(&numbers, pool);
	return r;
}

int main(int argc, char **argv)
{
	const char *in = NULL, *out = "cubes.npy";
	const struct example_option choices[] = {{.name = "--in", .help = "a file to read; else one is made", .text = &in},
						 {.name = "--out", .help = "the file to write", .text = &out},
						 {0}};
	sheaf_pool_options options = {.workers = example_options(argc, argv, choices)};
	sheaf_pool *pool;
	int r = sheaf_pool_create(&pool, &options);

	if (!r) {
		r = run(pool, in, out);
		sheaf_pool_destroy(pool);
	}
	return example_end(r);
}
