/*
 * alloc.h - shared memory for the owner, as far as other files of the library need it.
 */
#ifndef SHEAF_POOL_ALLOC_H
#define SHEAF_POOL_ALLOC_H

#include "sheaf.h"

/*
 * Grow or shrink memory of sheaf_alloc() while it is filled, as heap_resize() does. *@memory: its
 * address, or NULL while there is none. Errors as sheaf_alloc(), in the name of @what.
 */
int pool_resize(sheaf_pool *pool, void **memory, size_t size, size_t new_size, const char *what);

#endif
