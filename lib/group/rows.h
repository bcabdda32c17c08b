/*
 * rows.h - rows that functions of groups give, one after the other.
 */
#ifndef SHEAF_GROUP_ROWS_H
#define SHEAF_GROUP_ROWS_H

#include "sheaf_group.h"

#include <stdint.h>

/* In private memory. */
struct sheaf_rows {
	unsigned char *bytes;
	size_t row_size, count, room;
};

/* Free what was added. */
void rows_free(struct sheaf_rows *rows);

#endif
