/*
 * holds.h - whether an array lies in a pool's memory, for rooms that use the pool as users do.
 */
#ifndef SHEAF_POOL_HOLDS_H
#define SHEAF_POOL_HOLDS_H

#include "sheaf.h"

/* Check it for a call. 0; the errors of pool_check(); -EOVERFLOW, -EINVAL, -EFAULT: all told. */
int pool_holds_array(const sheaf_pool *pool, const char *call, const char *name, const void *array, size_t n, size_t size);

#endif
