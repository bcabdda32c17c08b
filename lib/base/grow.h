/*
 * grow.h - makes an array of malloc() longer.
 */
#ifndef SHEAF_BASE_GROW_H
#define SHEAF_BASE_GROW_H

#include <stddef.h>

/*
 * Do what realloc() does. A call of its own, because analyzers lose track of an array that hangs on
 * a structure, and take it for a leak.
 */
void *grow_array(void *array, size_t bytes);

#endif
