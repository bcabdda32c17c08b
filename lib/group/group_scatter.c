/*
 * group_scatter.c - scatters slots and values by part.
 *
 * As in a radix sort: one pass counts the rows of each chunk by part, and from these counts each
 * chunk gets its own places in each part. Rows of a part stay in order.
 *
 * Deaths            Of a worker: its chunks are counted or scattered again, to the same places.
 */
#include "group/group_scatter.h"

#include "group/key.h"
#include "group/tasks.h"

#include <string.h>

#define BLOCK KEY_BLOCK
#define LEAST_LOW 14u /* bits of a part's slots, unless there are few rows */
#define PART_BITS 10u
#define MOST_PARTS (1u << PART_BITS)
#define CHUNKS 512u
#define LEAST_CHUNK 65536u
#define LEAST_PIECE 65536u
#define PIECES 32u /* a part with more than 1 / PIECES of all rows is cut */

/* What the workers know that scatter. */
struct scattering {
	struct group_tables tables;
	struct chunks chunks;
	size_t *counts; /* of each chunk by part; then its place in the part */
};

static int count_parts(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct scattering *scattering = context;
	const struct group_tables *tables = &scattering->tables;
	uint64_t codes[BLOCK];

	(void)task;
	for (size_t c = begin; c < end; c++) {
		size_t *counts = scattering->counts + c * tables->parts, last = chunks_end(&scattering->chunks, c);

		memset(counts, 0, tables->parts * sizeof(*counts));
		for (size_t at = chunks_begin(&scattering->chunks, c), n; at < last; at += n) {
			n = last - at < BLOCK ? last - at : BLOCK;
			key_codes(tables->keys, 0, at, n, codes);
			for (size_t i = 0; i < n; i++)
				counts[codes[i] >> tables->low]++;
		}
	}
	return 0;
}

#define SCATTER_ITEMS(NAME, TYPE)                                                                                             \
	static void scatter_##NAME(const sheaf_array *array, size_t begin, size_t n, const size_t *places, unsigned char *to) \
	{                                                                                                                     \
		const unsigned char *at = (const unsigned char *)array->data + (ptrdiff_t)begin * array->strides[0];          \
		TYPE x;                                                                                                       \
                                                                                                                              \
		for (size_t i = 0; i < n; i++, at += array->strides[0]) {                                                     \
			memcpy(&x, at, sizeof(x));                                                                            \
			memcpy(to + places[i] * sizeof(x), &x, sizeof(x));                                                    \
		}                                                                                                             \
	}

SCATTER_ITEMS(8, uint64_t)
SCATTER_ITEMS(4, uint32_t)
SCATTER_ITEMS(2, uint16_t)
SCATTER_ITEMS(1, uint8_t)

static void scatter_column(const struct group_column *column, size_t begin, size_t n, const size_t *places)
{
	uint64_t *numbers = (uint64_t *)(void *)column->scattered;

	if (!column->array.data)
		for (size_t i = 0; i < n; i++)
			numbers[places[i]] = begin + i;
	else if (column->array.item_size == 8)
		scatter_8(&column->array, begin, n, places, column->scattered);
	else if (column->array.item_size == 4)
		scatter_4(&column->array, begin, n, places, column->scattered);
	else if (column->array.item_size == 2)
		scatter_2(&column->array, begin, n, places, column->scattered);
	else
		scatter_1(&column->array, begin, n, places, column->scattered);
}

static void scatter_rows(const struct scattering *scattering, size_t c, size_t *next)
{
	const struct group_tables *tables = &scattering->tables;
	size_t last = chunks_end(&scattering->chunks, c), places[BLOCK];
	uint64_t codes[BLOCK], mask = (UINT64_C(1) << tables->low) - 1;

	memcpy(next, scattering->counts + c * tables->parts, tables->parts * sizeof(*next));
	for (size_t at = chunks_begin(&scattering->chunks, c), n; at < last; at += n) {
		n = last - at < BLOCK ? last - at : BLOCK;
		key_codes(tables->keys, 0, at, n, codes);
		for (size_t i = 0; i < n; i++)
			places[i] = next[codes[i] >> tables->low]++;
		for (size_t i = 0; i < n; i++)
			tables->scattered[places[i]] = (uint32_t)(codes[i] & mask);
		for (unsigned k = 0; k < tables->columns; k++)
			scatter_column(&tables->column[k], at, n, places);
	}
}

static int scatter_by_part(sheaf_task *task, size_t begin, size_t end, void *context)
{
	size_t next[MOST_PARTS];

	(void)task;
	for (size_t c = begin; c < end; c++)
		scatter_rows(context, c, next);
	return 0;
}

const struct own_function own_group_scatter[] = {
	OWN(count_parts),
	OWN(scatter_by_part),
	OWN_END,
};

/* Turn counts into places. @begins: out: of each part, and where the last one ends. */
static void place_parts(const struct scattering *scattering, size_t *begins)
{
	size_t parts = scattering->tables.parts, next[MOST_PARTS] = {0}, place = 0;

	for (size_t c = 0; c < scattering->chunks.count; c++)
		for (size_t p = 0; p < parts; p++)
			next[p] += scattering->counts[c * parts + p];
	for (size_t p = 0; p < parts; p++) {
		begins[p] = place;
		place += next[p];
		next[p] = begins[p];
	}
	begins[parts] = place;
	for (size_t c = 0; c < scattering->chunks.count; c++)
		for (size_t p = 0; p < parts; p++) {
			size_t count = scattering->counts[c * parts + p];

			scattering->counts[c * parts + p] = next[p];
			next[p] += count;
		}
}

/* Cut each part into pieces, of which a small part has one. */
static int cut_parts(struct passes *passes, struct group_tables *tables, const size_t *begins)
{
	size_t rows = tables->keys->rows, most = rows / PIECES < LEAST_PIECE ? LEAST_PIECE : rows / PIECES;
	size_t pieces = 0, count = 0;
	int r = passes_alloc(passes, tables->parts + 1, sizeof(*tables->first_piece), &tables->first_piece);

	if (r)
		return r;
	for (size_t p = 0; p < tables->parts; p++) {
		size_t length = begins[p + 1] - begins[p];

		tables->first_piece[p] = pieces;
		pieces += length ? (length - 1) / most + 1 : 0;
	}
	tables->first_piece[tables->parts] = pieces;
	if ((r = passes_alloc(passes, pieces, sizeof(*tables->piece), &tables->piece)))
		return r;
	for (size_t p = 0; p < tables->parts; p++) {
		size_t first = tables->first_piece[p], end = tables->first_piece[p + 1];

		for (size_t k = first, at = begins[p]; k < end; k++, at += most)
			tables->piece[k] = (struct group_piece){at, k + 1 < end ? at + most : begins[p + 1],
								end - first > 1 ? count++ : GROUP_NO_TABLE};
	}
	return group_table_take(passes, tables, count);
}

static unsigned bits_of(size_t slots)
{
	return 64 - (unsigned)__builtin_clzll((uint64_t)slots);
}

int group_scatter(struct passes *passes, struct group_tables *tables)
{
	size_t rows = tables->keys->rows, begins[MOST_PARTS + 1];
	unsigned bits = bits_of(tables->slots);
	struct scattering scattering = {.chunks = chunks_cut(rows, LEAST_CHUNK, CHUNKS)};
	int r;

	tables->low = bits > PART_BITS + LEAST_LOW ? bits - PART_BITS : bits > LEAST_LOW + 6 ? LEAST_LOW : bits / 2 + 3;
	tables->part_slots = (size_t)1 << tables->low;
	tables->parts = ((tables->slots - 1) >> tables->low) + 1;
	if ((r = passes_alloc(passes, rows, sizeof(*tables->scattered), &tables->scattered)) ||
	    (r = passes_alloc(passes, scattering.chunks.count * tables->parts, sizeof(*scattering.counts), &scattering.counts)))
		return r;
	for (unsigned k = 0; k < tables->columns; k++)
		if ((r = passes_alloc(passes, rows, tables->column[k].array.item_size, &tables->column[k].scattered)))
			return r;
	scattering.tables = *tables;
	if ((r = passes_run(passes, count_parts, &scattering, sizeof(scattering), scattering.chunks.count, 1)))
		return r;
	place_parts(&scattering, begins);
	if ((r = passes_run(passes, scatter_by_part, &scattering, sizeof(scattering), scattering.chunks.count, 1)))
		return r;
	passes_drop(passes, scattering.counts);
	return cut_parts(passes, tables, begins);
}
