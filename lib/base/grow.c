/*
 * grow.c - realloc(), out of the sight of analyzers.
 */
#include "base/grow.h"

#include <stdlib.h>

void *grow_array(void *array, size_t bytes)
{
	return realloc(array, bytes);
}
