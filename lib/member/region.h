/*
 * region.h - memory of a batch, taken from the heap in blocks and handed out in order. It holds
 * arguments, results and failure records.
 *
 * A region is private to one member and one batch. What it hands out lives until the batch is
 * retired.
 */
#ifndef SHEAF_MEMBER_REGION_H
#define SHEAF_MEMBER_REGION_H

#include "segment/segment.h"

struct region {
	uint64_t heap_id; /* of the batch; 0: empty */
	uint64_t at;
	uint64_t end;
	uint64_t block; /* bytes to take from the heap next time: doubles */
	bool used;      /* what is left of it is not zero */
};

/*
 * Begin the region of a batch with @size bytes at @offset that the batch has already. Their content
 * does not matter.
 */
static inline void region_begin(struct region *region, uint64_t heap_id, uint64_t offset, uint64_t size)
{
	*region = (struct region){.heap_id = heap_id, .at = offset, .end = offset + size, .block = UNIT, .used = true};
}

/*
 * Allocate @size bytes of the batch, aligned to 64. They are zero, but for what region_undo() took
 * back before. @heap_id: the batch's, or that of one of its epochs. @size 0: *@offset is still a
 * place of its own. Errors of heap_alloc().
 */
int region_alloc(struct segment *segment, uint64_t heap_id, struct shared_batch *batch, struct region *region, uint64_t size,
		 uint64_t *offset);

/*
 * Take the last region_alloc() back, which gave @offset for @size bytes. @before: the region as it
 * was. For a call that fails later, before anybody else knows of the memory.
 */
void region_undo(struct segment *segment, struct region *region, const struct region *before, uint64_t offset, uint64_t size);

#endif
