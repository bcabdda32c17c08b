/*
 * key_plan.h - how the keys of rows become words of 64 bits.
 *
 * A *field* is a number that compares as one column does, or as eight bytes of it. Fields take no
 * more bits than their values need, so several of them share a word where they fit. Two tables may
 * have keys in common: the rows of the second one follow those of the first.
 */
#ifndef SHEAF_GROUP_KEY_PLAN_H
#define SHEAF_GROUP_KEY_PLAN_H

#include "sheaf_group.h"

#define KEY_BLOCK 512u /* rows that are turned into words at once */

/* A row, and one of its words. */
struct key_pair {
	uint64_t code, row;
};

struct key_column {
	sheaf_array sides[2]; /* of both tables; without a second one it has no items */
	bool descending;
};

struct key_field {
	unsigned column;   /* or KEY_ANY_NAN */
	size_t first;      /* of text: the byte that it begins with */
	unsigned bytes;    /* of text: 1 to 8 */
	uint64_t min, max; /* of its values but NaN */
	bool nans;         /* there are some: their value is one more than the largest */
	unsigned shift;    /* in its word */
};

/* Not of a column: 1 if one of the keys is NaN, else 0. */
#define KEY_ANY_NAN (~0u)

/* A word: the sum of @count fields from @first on. Its values have @bits bits. */
struct key_word {
	unsigned first, count, bits;
};

/* In shared memory. Arrays follow it. */
struct key_plan {
	size_t rows;       /* of both tables */
	size_t left;       /* of the first one */
	size_t dropped;    /* rows with NaN that belong to no group: the last ones in the order */
	unsigned dropping; /* so many of the first columns drop them */
	unsigned columns, fields, constants, words;
	struct key_column *column;
	struct key_field *field;    /* of the words */
	struct key_field *constant; /* those that are the same in all rows */
	struct key_word *word;
};

#endif
