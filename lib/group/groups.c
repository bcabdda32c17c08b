/*
 * groups.c - where groups begin in an order of rows.
 *
 * The marks of each chunk are counted, and then each chunk writes its groups' offsets behind those
 * of the chunks before it.
 *
 * Deaths            Of a worker: its chunks are counted or written again, to the same places.
 */
#include "group/groups.h"
#include "group/tasks.h"

#include <string.h>

#define LEAST_CHUNK 65536u
#define CHUNKS 512u

/* What the workers know. */
struct marks {
	struct chunks chunks;
	const unsigned char *starts;
	size_t *counts; /* of each chunk: its groups; then those of all chunks before */
	int64_t *offsets;
};

/* Marks are 0 or 1: eight of them are added at once, up to 255 times. */
static size_t count_marks(const unsigned char *starts, size_t n)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), low = UINT64_C(0x00ff00ff00ff00ff);
	size_t count = 0, i = 0;

	while (n - i >= 8) {
		uint64_t sums = 0, word;

		for (unsigned k = 0; k < 255 && n - i >= 8; k++, i += 8) {
			memcpy(&word, starts + i, 8);
			sums += word;
		}
		sums = (sums & low) + (sums >> 8 & low);
		count += (size_t)(sums * (ones & low) >> 48);
	}
	for (; i < n; i++)
		count += starts[i];
	return count;
}

static int count_starts(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct marks *marks = context;

	(void)task;
	for (size_t c = begin; c < end; c++) {
		size_t first = chunks_begin(&marks->chunks, c);

		marks->counts[c] = count_marks(marks->starts + first, chunks_end(&marks->chunks, c) - first);
	}
	return 0;
}

static int write_offsets(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct marks *marks = context;

	(void)task;
	for (size_t c = begin; c < end; c++) {
		size_t at = chunks_begin(&marks->chunks, c), last = chunks_end(&marks->chunks, c), group = marks->counts[c];
		const unsigned char *mark;

		while ((mark = memchr(marks->starts + at, 1, last - at))) {
			marks->offsets[group++] = (int64_t)(mark - marks->starts);
			at = (size_t)(mark - marks->starts) + 1;
		}
	}
	return 0;
}

const struct own_function own_groups[] = {
	OWN(count_starts),
	OWN(write_offsets),
	OWN_END,
};

int groups_offsets(struct passes *passes, const unsigned char *starts, size_t rows, sheaf_array *offsets)
{
	struct marks marks = {.chunks = chunks_cut(rows, LEAST_CHUNK, CHUNKS), .starts = starts};
	size_t all = 0, length;
	int r = passes_alloc(passes, marks.chunks.count, sizeof(*marks.counts), &marks.counts);

	if (r || (r = passes_run(passes, count_starts, &marks, sizeof(marks), marks.chunks.count, 1)))
		return r;
	for (size_t c = 0; c < marks.chunks.count; c++) {
		size_t count = marks.counts[c];

		marks.counts[c] = all;
		all += count;
	}
	length = all + 1;
	if ((r = sheaf_array_create(offsets, passes->pool, SHEAF_I64, 0, 1, &length)))
		return r;
	marks.offsets = offsets->data;
	marks.offsets[all] = (int64_t)rows;
	r = passes_run(passes, write_offsets, &marks, sizeof(marks), marks.chunks.count, 1);
	passes_drop(passes, marks.counts);
	return r;
}
