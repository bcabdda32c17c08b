/*
 * failure.h - why positions of a dense batch failed: records of the batch, linked from the newest
 * to the oldest.
 */
#ifndef SHEAF_WORK_FAILURE_H
#define SHEAF_WORK_FAILURE_H

#include "member/region.h"

/*
 * Push a copy of @record. @follows: its addresses, then its text. @region: the caller's own, for
 * the memory. Return: 0; errors of region_alloc().
 */
int failure_push(struct segment *segment, uint64_t heap_id, struct shared_batch *batch, struct region *region,
		 const struct shared_failure *record, const void *follows);

/*
 * Find the record at an offset. NULL: none can lie there, because a wild write has changed the
 * chain.
 */
struct shared_failure *failure_at(const struct segment *segment, uint64_t offset);

/*
 * A walk along the records. A wild write may have bent a link back. The walk then ends after at
 * most three times as many steps as there are records (Brent 1980), and at the latest when the
 * whole heap could hold no more.
 */
struct chain {
	uint64_t at; /* offset of the present record; 0: the end */
	uint64_t mark, steps, power, most;
};
struct chain chain_begin(const struct segment *segment, uint64_t newest);

/* Go on to the record @next. False: the chain comes back to itself. */
bool chain_next(struct chain *chain, uint64_t next);

/* Has a position failed, and not because it was cancelled? For the supervisor. */
bool failure_any(const struct segment *segment, const struct shared_batch *batch);

/* Has a dead member told that the position failed? For the supervisor. */
bool failure_told(const struct segment *segment, const struct shared_batch *batch, unsigned seat, uint64_t position);

/*
 * Void what a dead member told of the positions from @position to @end, because they run again. For
 * the supervisor. False: a wild write has changed the chain.
 */
bool failure_void(struct segment *segment, struct shared_batch *batch, unsigned seat, uint64_t position, uint64_t end);

#endif
