/*
 * reach.h - whether workers reach the arrays of a call, and its context.
 */
#ifndef SHEAF_DATA_REACH_H
#define SHEAF_DATA_REACH_H

#include "sheaf_data.h"

/* Check that all of an array's items lie in the pool's shared memory. -EINVAL, -EFAULT, -EPERM. */
int reach_check(const sheaf_pool *pool, const char *call, const char *name, const sheaf_array *array);

/*
 * Check a context that is copied, if @size says how many bytes, or else lies there. @owner: what
 * has context_size: "how->". -EINVAL, -EFAULT, -EPERM.
 */
int reach_check_context(const sheaf_pool *pool, const char *call, const char *owner, const void *context, size_t size);

/* Check that the caller's options bring no context, where the call has its own. -EINVAL. */
int reach_check_options(const char *call, const sheaf_map_options *options);

#endif
