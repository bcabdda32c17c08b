/*
 * resave.c - loads an .npy file and saves it again, for numpy_files.py: as it is, or with its
 * dimensions in reverse order, copied or not.
 *
 * Usage: resave FILE NEW [transposed | copied]
 */
#include "sheaf_data.h"

#include <stdio.h>
#include <string.h>

static int fail(void)
{
	fprintf(stderr, "resave: %s\n", sheaf_message());
	return 1;
}

/* Copy a view into an array of its own, in C order. */
static int copy_array(sheaf_pool *pool, const sheaf_array *view, sheaf_array *copy)
{
	int r = sheaf_array_create(copy, pool, view->type, view->item_size, view->dimensions, view->shape);

	return r ? r : sheaf_array_copy(pool, copy, view, SHEAF_CHECKED, NULL);
}

static int resave(sheaf_pool *pool, const char *from, const char *to, const char *how)
{
	sheaf_array array, turned, copy;

	if (sheaf_array_load(&array, pool, from, NULL) || sheaf_array_transpose(&turned, &array, NULL))
		return fail();
	if (!strcmp(how, "copied") && copy_array(pool, &turned, &copy))
		return fail();
	return sheaf_array_save(!strcmp(how, "copied")       ? &copy
				: !strcmp(how, "transposed") ? &turned
							     : &array,
				to)
		       ? fail()
		       : 0;
}

int main(int argc, char **argv)
{
	sheaf_pool *pool;
	int r;

	if (argc < 3) {
		fprintf(stderr, "usage: resave FILE NEW [transposed | copied]\n");
		return 2;
	}
	if (sheaf_pool_create(&pool, &(sheaf_pool_options){.workers = 2, .heap_size = 64 << 20}))
		return fail();
	r = resave(pool, argv[1], argv[2], argc > 3 ? argv[3] : "");
	sheaf_pool_destroy(pool);
	return r;
}
