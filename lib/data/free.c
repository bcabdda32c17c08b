/*
 * free.c - gives the memory of arrays back.
 */
#include "sheaf_data.h"

#include "base/error.h"

#include <errno.h>

int sheaf_array_free(sheaf_array *array, sheaf_pool *pool)
{
	int r;

	if (!array)
		return sheaf_fail(-EINVAL, "sheaf_array_free: array is NULL");
	r = sheaf_free(pool, array->memory);
	if (r < 0)
		return r;
	*array = (sheaf_array){0};
	return 0;
}
