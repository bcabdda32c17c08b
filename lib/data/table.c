/*
 * table.c - grows a table by an eighth, or by less if the input has not brought enough for that.
 *
 * The table grows in place if the heap is free behind it. Else it is moved piece by piece, so that
 * it never exists twice: see heap_resize().
 */
#include "data/table.h"

#include <errno.h>

#include "base/error.h"
#include "base/number.h"
#include "pool/alloc.h"
#include "pool/pool.h"

static int resize_table(struct table *table, size_t size)
{
	void *memory = table->memory;
	int r = pool_resize(table->input->pool, &memory, table->size, size, table->input->path);

	table->memory = memory;
	if (r == 0)
		table->size = size;
	else if (memory == NULL)
		table->size = 0;
	return r;
}

/* Compute how large the table may be by what the input has brought. */
static uint64_t most_allowed(const struct table *table)
{
	uint64_t bytes = table->input->received;

	bytes = bytes < UINT64_MAX / TABLE_BYTES_PER_BYTE - TABLE_SLACK ? bytes * TABLE_BYTES_PER_BYTE + TABLE_SLACK
									: UINT64_MAX;
	return bytes > table->buffer ? bytes - table->buffer : 0;
}

int sheaf_table_grow(struct table *table, size_t needed)
{
	uint64_t wanted = table->size + (uint64_t)(table->size / 8), limit = most_allowed(table);
	size_t rounded, before = table->size;
	int r;

	if (!checked_round_up(needed, UNIT, &rounded))
		return sheaf_fail(-EOVERFLOW, "%s: a table of %zu bytes does not fit in memory", table->input->path, needed);
	if (wanted > limit)
		wanted = limit;
	wanted -= wanted % UNIT;
	if (wanted > rounded && wanted <= SIZE_MAX) {
		r = resize_table(table, (size_t)wanted);
		/*
		 * There may still be room for what is needed, unless the table was lost on its way
		 * to another place.
		 */
		if ((r != -ENOMEM && r != -ENOSPC) || table->size < before)
			return r;
	}
	return resize_table(table, rounded);
}

void sheaf_table_trim(struct table *table, size_t used)
{
	size_t size = (used + UNIT - 1) / UNIT * UNIT;

	/* Making it smaller cannot fail. */
	if (size < table->size)
		resize_table(table, size);
}
