/*
 * dictionary.h - the values that sparse keys have, if they are few: their words in ascending order,
 * and a hash table that finds their places.
 */
#ifndef SHEAF_GROUP_DICTIONARY_H
#define SHEAF_GROUP_DICTIONARY_H

#include "group/key_plan.h"
#include "group/passes.h"

#include <stdint.h>

/* Words, and a hash table of their places: of a worker alone, or in shared memory. */
struct dictionary {
	uint64_t *codes;
	uint32_t *places; /* of each hash: 0: none; or one more than the place in codes */
	size_t count;
	unsigned bits; /* of a hash */
};

/*
 * Find the values of the only word, until the passes end. If there are too many to be worth it,
 * count is 0. Which values are found, and whether, depends on the keys and the number of rows.
 * -ENOMEM; as passes_alloc() and passes_run().
 */
int dictionary_make(struct passes *passes, const struct key_plan *keys, struct dictionary *made);

/* Find the places of words that are all in the dictionary. */
void dictionary_slots(const struct dictionary *dictionary, const uint64_t *codes, size_t n, uint32_t *slots);

#endif
