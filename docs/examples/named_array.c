/*
 * named_array.c - shared memory with a name, between a pool and programs in other languages.
 *
 * named_array.py does the other half of it in Python.
 *
 * Run: build/docs/examples/named_array make NAME COUNT     0, 1, 2, ... in new memory
 *      build/docs/examples/named_array double NAME COUNT   twice each number that is there
 *      build/docs/examples/named_array drop NAME           take the name away
 */
#include "support/example.h"

#include <sheaf_file.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static int count_up(sheaf_task *task, size_t begin, size_t end, void *context)
{
	double *numbers = context;

	(void)task;
	for (size_t i = begin; i < end; i++)
		numbers[i] = (double)i;
	return 0;
}

static int twice(sheaf_task *task, size_t begin, size_t end, void *context)
{
	double *numbers = context;

	(void)task;
	for (size_t i = begin; i < end; i++)
		numbers[i] *= 2;
	return 0;
}

static int make(sheaf_pool *pool, const char *name, size_t count)
{
	sheaf_array array;
	int r = sheaf_array_create_named(&array, pool, name, SHEAF_F64, 0, 1, &count);

	if (r)
		return r;
	r = sheaf_for(pool, count_up, array.data, count, NULL);
	sheaf_array_free(&array, pool); /* the memory stays, with its name */
	return r;
}

static int double_all(sheaf_pool *pool, const char *name, size_t count)
{
	const sheaf_layout layout = {.type = SHEAF_F64, .dimensions = 1, .shape = {count}};
	const sheaf_file_options options = {.named = true, .layout = &layout, .access = SHEAF_READ_WRITE};
	sheaf_array array;
	int r = sheaf_array_map(&array, pool, name, &options);

	if (r)
		return r;
	/* What was doubled twice would be wrong, so no range runs again after a death. */
	r = sheaf_for(pool, twice, array.data, count, &(sheaf_map_options){.max_attempts = 1});
	sheaf_array_free(&array, pool);
	return r;
}

static int drop(const char *name)
{
	if (!shm_unlink(name))
		return 0;
	perror(name);
	return 1;
}

int main(int argc, char **argv)
{
	sheaf_pool *pool;
	int r;

	if (argc == 3 && !strcmp(argv[1], "drop"))
		return drop(argv[2]);
	if (argc != 4 || (strcmp(argv[1], "make") && strcmp(argv[1], "double"))) {
		fprintf(stderr, "usage: named_array make|double NAME COUNT, or: named_array drop NAME\n");
		return 1;
	}
	r = sheaf_pool_create(&pool, NULL);
	if (!r) {
		r = (!strcmp(argv[1], "make") ? make : double_all)(pool, argv[2], strtoul(argv[3], NULL, 10));
		sheaf_pool_destroy(pool);
	}
	return example_end(r);
}
