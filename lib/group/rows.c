/*
 * rows.c - rows that functions of groups give, in private memory of the worker that grows.
 */
#include "group/rows.h"

#include "base/error.h"
#include "base/number.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int sheaf_rows_add(sheaf_rows *rows, size_t count, void **memory)
{
	size_t all, bytes, room;
	unsigned char *grown;

	if (!rows || !memory)
		return sheaf_fail(-EINVAL, "sheaf_rows_add: %s is NULL", rows ? "memory" : "rows");
	all = rows->count + count;
	room = rows->room ? rows->room : 1;
	if (all < count || !checked_multiply(all, rows->row_size, &bytes) || bytes > PTRDIFF_MAX / 2)
		return sheaf_fail(-EOVERFLOW, "sheaf_rows_add: %zu rows of %zu bytes do not fit in memory", all,
				  rows->row_size);
	while (room < all || (room < 16 && rows->row_size < 4096))
		room *= 2;
	if (room > rows->room) {
		if (!(grown = realloc(rows->bytes, room * rows->row_size + 1)))
			return sheaf_fail(-ENOMEM, "sheaf_rows_add: no memory for %zu rows of %zu bytes", room, rows->row_size);
		rows->bytes = grown;
		rows->room = room;
	}
	*memory = rows->bytes + rows->count * rows->row_size;
	memset(*memory, 0, count * rows->row_size);
	rows->count = all;
	return 0;
}

void rows_free(struct sheaf_rows *rows)
{
	free(rows->bytes);
}
