/*
 * radix_piece.h - what one worker sorts alone: rows that lie between all others in the order.
 */
#ifndef SHEAF_GROUP_RADIX_PIECE_H
#define SHEAF_GROUP_RADIX_PIECE_H

#include "group/key.h"

/* Where the pairs of rows are. */
enum radix_source { RADIX_KEYS = 0, RADIX_FIRST = 1, RADIX_SECOND = 2 };

/* Rows that have the places [begin, begin + count) in the order, and in their source. */
struct radix_piece {
	size_t begin, count;
	unsigned word;            /* that their pairs have; they differ in none before it */
	enum radix_source source; /* KEYS: no pairs yet: all rows there are */
	bool sorted;              /* they have one key */
	bool goes_on;             /* sorted: the piece before has the same */
};

/* What the workers know. */
struct radix_pieces {
	const struct key_plan *plan;
	const struct key_pair *pairs[3]; /* by source */
	const struct radix_piece *piece; /* in shared memory */
	int64_t *order;
	unsigned char *starts; /* or NULL */
};

/* Sort all pieces, and write their rows into the order. */
int radix_sort_pieces(struct passes *passes, const struct radix_pieces *pieces, size_t count);

#endif
