/*
 * transposed.h - copies arrays whose items lie in another order.
 */
#ifndef SHEAF_DATA_TRANSPOSED_H
#define SHEAF_DATA_TRANSPOSED_H

#include "sheaf_data.h"

/*
 * Tell whether items of the same type lie in another order, such that squares of them are better
 * copied than rows.
 */
bool transposed_is(const sheaf_array *to, const sheaf_array *from);

/* Copy all items, in parallel. Return: what sheaf_for() returns. */
int transposed_copy(sheaf_pool *pool, const sheaf_array *to, const sheaf_array *from, const sheaf_map_options *options);

#endif
