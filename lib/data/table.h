/*
 * table.h - the memory of a table while it is read. It grows with what has come, and not with what
 * was promised.
 */
#ifndef SHEAF_LIB_DATA_TABLE_H
#define SHEAF_LIB_DATA_TABLE_H

#include "data/input.h"

/*
 * A load has at most 8 bytes of memory for each byte that it has read, and 1 MiB more, whatever is
 * in the file. Each value takes at least one byte of text, so a table alone may need all of the
 * first. Buffers, what a moving table has twice, and what is rounded up share the MiB.
 */
#define TABLE_BYTES_PER_BYTE 8u
#define TABLE_SLACK ((size_t)448 * 1024)

struct table {
	struct input *input;
	unsigned char *memory; /* of the pool's heap; NULL: none */
	size_t size;           /* of it */
	size_t buffer;         /* bytes of the reader's own, beyond what the slack leaves to it */
};

/*
 * Make room for @needed bytes or more. 0; an error of sheaf_alloc(), after which the table may be
 * gone.
 */
int sheaf_table_grow(struct table *table, size_t needed);

/* Give back all but the first @used bytes. */
void sheaf_table_trim(struct table *table, size_t used);

#endif
