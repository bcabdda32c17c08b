/*
 * where.h - whether the arrays of a call lie where workers can reach them.
 */
#ifndef SHEAF_BATCH_WHERE_H
#define SHEAF_BATCH_WHERE_H

#include "segment/segment.h"

/*
 * Check that an array lies wholly in one allocation of shared memory. 0; -EOVERFLOW, -EINVAL,
 * -EFAULT with a message.
 */
int where_check_array(const struct segment *segment, const char *call, const char *name, const void *array, size_t n,
		      size_t size);

/*
 * Check a context, of which @size bytes are copied, or none, if it lies in shared memory. @owner:
 * of context_size, with what stands behind it: "options." 0; -EINVAL, -EFAULT with a message.
 */
int where_check_context(const struct segment *segment, const char *call, const char *owner, const void *context, size_t size);

#endif
