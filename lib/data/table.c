/*
 * table.c - grows a table by an eighth, or by less where the input has not earned that.
 *
 * It grows in place where the heap is free behind it, and is moved piece by piece otherwise: see heap_resize(). So it is never there twice.
 */
#include "data/table.h"

#include <errno.h>

#include "base/error.h"
#include "base/number.h"
#include "pool/alloc.h"
#include "pool/pool.h"

static int resize(struct table *table, size_t size)
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

/* As much as the input may have by now. */
static uint64_t most(const struct table *table)
{
	uint64_t bytes = table->input->received;

	bytes = bytes < UINT64_MAX / TABLE_BYTES_PER_BYTE - TABLE_SLACK ? bytes * TABLE_BYTES_PER_BYTE + TABLE_SLACK
									: UINT64_MAX;
	return bytes > table->buffer ? bytes - table->buffer : 0;
}

int sheaf_table_grow(struct table *table, size_t needed)
{
	uint64_t wanted = table->size + (uint64_t)(table->size / 8), limit = most(table);
	size_t rounded, before = table->size;
	int r;

	if (!checked_round_up(needed, UNIT, &rounded))
		return sheaf_fail(-EOVERFLOW, "%s: a table of %zu bytes does not fit in memory", table->input->path, needed);
	if (wanted > limit)
		wanted = limit;
	wanted -= wanted % UNIT;
	if (wanted > rounded && wanted <= SIZE_MAX) {
		r = resize(table, (size_t)wanted);
		/* There may still be room for what is needed, if it was not on its way to another place. */
		if ((r != -ENOMEM && r != -ENOSPC) || table->size < before)
			return r;
	}
	return resize(table, rounded);
}

void sheaf_table_trim(struct table *table, size_t used)
{
	size_t size = (used + UNIT - 1) / UNIT * UNIT;

	/* To free memory cannot fail. */
	if (size < table->size)
		resize(table, size);
}
