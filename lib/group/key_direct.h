/*
 * key_direct.h - keys of one column of whole numbers, which lie one behind the other, without a
 * detour by words.
 */
#ifndef SHEAF_GROUP_KEY_DIRECT_H
#define SHEAF_GROUP_KEY_DIRECT_H

#include "group/key_plan.h"

#include <stdint.h>

/*
 * Lower *@min and raise *@max to the least and the largest of up to KEY_BLOCK numbers, as
 * key_load_range() gives them. False: of this type none are whole; nothing was looked at.
 */
bool key_direct_range(enum sheaf_number type, const void *at, size_t n, uint64_t *min, uint64_t *max);

/* Write how much larger than @min each number is: less than 2^32. False: as above. */
bool key_direct_slots(enum sheaf_number type, const void *at, uint64_t min, size_t n, uint32_t *slots);

#endif
