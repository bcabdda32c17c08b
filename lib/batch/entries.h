/*
 * entries.h - the result table of submitted tasks: where the entry of each task lies.
 *
 * Private to the opener. Tasks are numbered in the order of their submission (index). The table
 * grows by one stretch at a time, so no entry ever moves.
 */
#ifndef SHEAF_BATCH_ENTRIES_H
#define SHEAF_BATCH_ENTRIES_H

#include "segment/segment.h"

/* Entries that lie side by side. */
struct stretch {
	uint64_t offset;
	uint64_t first; /* index of its first entry */
	uint64_t count;
};

struct entries {
	uint64_t stride;   /* bytes from one entry to the next */
	uint64_t capacity; /* entries in all stretches */
	struct stretch *stretches;
	size_t count;
	size_t near;        /* the stretch where the last search ended */
	struct stretch own; /* the first one at first, so that few tasks need no malloc() */
};

/*
 * Private: find the stretch that holds the entry, if it is not one of those that entries_offset()
 * checks.
 */
const struct stretch *entries_search(struct entries *entries, uint64_t index);

static inline bool stretch_holds(const struct stretch *stretch, uint64_t index)
{
	/* One comparison, because the difference is huge for an index before the stretch. */
	return index - stretch->first < stretch->count;
}

/* Tell where the entry of a task lies. */
static inline uint64_t entries_offset(struct entries *entries, uint64_t index)
{
	/* A submitter works in the last stretch, and a gatherer stays in one for long. */
	const struct stretch *stretch = &entries->stretches[entries->count - 1];

	if (!stretch_holds(stretch, index) && !stretch_holds(stretch = &entries->stretches[entries->near], index))
		stretch = entries_search(entries, index);
	return stretch->offset + (index - stretch->first) * entries->stride;
}

/*
 * Find the entry that the offset lies in: its index, and at which of its bytes. False: the offset
 * lies in none. Entries without a task count, too.
 */
bool entries_find(const struct entries *entries, uint64_t offset, uint64_t *index, uint64_t *byte);

/*
 * Make the table one stretch longer: first by the place in the batch's own slot, then by pieces of
 * the heap. @heap_id: of the batch. 0; -ENOMEM and the errors of heap_alloc(), with their messages.
 */
int entries_grow(struct entries *entries, struct segment *segment, struct shared_batch *shared, uint64_t heap_id);

/* Take entries_grow() back. The last stretch holds no task. */
void entries_shrink(struct entries *entries, struct segment *segment, const struct shared_batch *shared);

void entries_free(struct entries *entries);

#endif
