/*
 * holds.h - what a pool has, for rooms that use it as users do: the memory that an array or a
 * context lies in, and sizes.
 */
#ifndef SHEAF_POOL_HOLDS_H
#define SHEAF_POOL_HOLDS_H

#include "sheaf.h"

/* Check it for a call. 0; the errors of pool_check(); -EOVERFLOW, -EINVAL, -EFAULT: all told. */
int pool_holds_array(const sheaf_pool *pool, const char *call, const char *name, const void *array, size_t n, size_t size);

/*
 * Check a context that is copied, if @size says how many bytes, or else lies there. @owner: what
 * has context_size: "how->". 0; the errors of pool_check(); -EINVAL, -EFAULT: all told.
 */
int pool_holds_context(const sheaf_pool *pool, const char *call, const char *owner, const void *context, size_t size);

/*
 * Tell, after pool_check(), how many workers the pool has or is to have, without programs that
 * join; and how large its heap is.
 */
unsigned pool_workers(const sheaf_pool *pool);
size_t pool_heap_size(const sheaf_pool *pool);

#endif
