/*
 * key_load.h - reads items of columns as numbers that compare as the items do.
 */
#ifndef SHEAF_GROUP_KEY_LOAD_H
#define SHEAF_GROUP_KEY_LOAD_H

#include "group/key_plan.h"

/* The value of a NaN: above all others. Whole numbers may have it, too. */
#define KEY_LOAD_NAN UINT64_MAX

/* Can items of this type be compared? */
bool key_load_possible(enum sheaf_number type);

static inline bool key_load_may_be_nan(enum sheaf_number type)
{
	return type == SHEAF_F64 || type == SHEAF_F32 || type == SHEAF_F16;
}

/* Read a field's values of @n rows, at most KEY_BLOCK, from @begin on, all of one table. */
void key_load_range(const struct key_plan *plan, const struct key_field *field, size_t begin, size_t n, uint64_t *values);

/* Read them of these rows. */
void key_load_rows(const struct key_plan *plan, const struct key_field *field, const struct key_pair *rows, size_t n,
		   uint64_t *values);

#endif
