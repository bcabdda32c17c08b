/*
 * key_store.h - writes the keys that words stand for.
 */
#ifndef SHEAF_GROUP_KEY_STORE_H
#define SHEAF_GROUP_KEY_STORE_H

#include "group/key_plan.h"

/* Write the items of a key column for @n values of the plan's only word. */
void key_store(const struct key_plan *plan, unsigned column, const uint64_t *codes, size_t n, void *items);

/* Give a float that is zero or NaN the bytes that key_store() gives it. */
void key_store_plainly(enum sheaf_number type, void *items, size_t n);

#endif
