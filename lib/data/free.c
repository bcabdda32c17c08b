/*
 * free.c - gives the memory of arrays back, or unmaps their files.
 */
#include "data/map_file.h"

#include "base/error.h"

#include <errno.h>
#include <limits.h>

int sheaf_array_free(sheaf_array *array, sheaf_pool *pool)
{
	struct mapping_file file;
	char path[PATH_MAX];
	int r;

	if (!array)
		return sheaf_fail(-EINVAL, "sheaf_array_free: array is NULL");
	if (array->memory && pool_mapped(pool, array->memory, &file, path))
		r = file_unmap(pool, array->memory, &file);
	else
		r = sheaf_free(pool, array->memory);
	if (r < 0)
		return r;
	*array = (sheaf_array){0};
	return 0;
}
