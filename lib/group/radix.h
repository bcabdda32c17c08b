/*
 * radix.h - a stable radix sort of rows by their keys, from the most significant digit on.
 */
#ifndef SHEAF_GROUP_RADIX_H
#define SHEAF_GROUP_RADIX_H

#include "group/key.h"

/*
 * Write the numbers of the plan's rows in the order of their keys. @starts: a byte for each row,
 * all zeros: it becomes 1 where a row has another key than the one before it in the order; or NULL.
 * Both in shared memory.
 */
int radix_order(struct passes *passes, const struct key_plan *plan, int64_t *order, unsigned char *starts);

#endif
