/*
 * failure.c - the failure records of a dense batch.
 *
 * Writers           batch->failures: members that run chunks, and the supervisor. A record: the
 *                   member that pushes it, before the push. Its count: afterwards the supervisor,
 *                   which sets it to 0.
 * Edges             FAILURE1  push -> walk: hands over the record. Gatherers walk, too, in batch/.
 *                   A gatherer finds records by the edge of their chunk, too (CHUNK2 in chunk.c).
 * Deaths            Before the push: the record is unused memory of the batch until that is
 *                   retired.
 *                   After it: the record stays. If its positions run again, the supervisor voids
 *                   it.
 */
#include "work/failure.h"

#include "base/atomic.h"
#include "segment/heap.h"

#include <errno.h>
#include <string.h>

int failure_push(struct segment *segment, uint64_t heap_id, struct shared_batch *batch, struct region *region,
		 const struct shared_failure *record, const void *follows)
{
	struct shared_failure *failure;
	uint64_t offset, newest;
	uint64_t frames = record->frame_count * sizeof(uint64_t);
	int r = region_alloc(segment, heap_id, batch, region, sizeof(*record) + frames + record->text_size + 1, &offset);

	if (r)
		return r;
	failure = segment_at(segment, offset);
	*failure = *record;
	if (follows)
		memcpy(failure + 1, follows, frames + record->text_size);
	/* Relaxed: the value is only linked to. */
	newest = load_relaxed(&batch->failures);
	do
		failure->next = newest;
	/* FAILURE1. After a relaxed push a walk could read the record before it is written. */
	while (!cas_weak_release(&batch->failures, &newest, offset));
	return 0;
}

struct shared_failure *failure_at(const struct segment *segment, uint64_t offset)
{
	struct shared_failure *failure;

	if (offset % 64 || offset >= segment->size)
		return NULL;
	failure = segment_at(segment, offset);
	return heap_contains(segment, failure, sizeof(*failure)) ? failure : NULL;
}

struct chain chain_begin(const struct segment *segment, uint64_t newest)
{
	/* A record with its text's end takes two pieces of 64 bytes. */
	return (struct chain){.at = newest, .mark = newest, .power = 1, .most = heap_reach(segment) / 128};
}

bool chain_next(struct chain *chain, uint64_t next)
{
	if (!chain->most--)
		return false;
	chain->at = next;
	if (next && next == chain->mark)
		return false;
	if (++chain->steps == chain->power) {
		chain->mark = next;
		chain->steps = 0;
		chain->power *= 2;
	}
	return true;
}

bool failure_any(const struct segment *segment, const struct shared_batch *batch)
{
	/* FAILURE1, as below. */
	uint64_t last = load_acquire(&batch->failures), at;

	for (struct chain chain = chain_begin(segment, last); (at = chain.at);) {
		const struct shared_failure *failure = failure_at(segment, at);

		/* Relaxed: only supervisors change it. */
		if (failure && load_relaxed(&failure->count) && failure->status != -ECANCELED)
			return true;
		if (!failure || !chain_next(&chain, failure->next))
			return false;
	}
	return false;
}

bool failure_told(const struct segment *segment, const struct shared_batch *batch, unsigned seat, uint64_t position)
{
	/* FAILURE1, as above. */
	uint64_t latest = load_acquire(&batch->failures), at;

	for (struct chain chain = chain_begin(segment, latest); (at = chain.at);) {
		const struct shared_failure *failure = failure_at(segment, at);

		/* Relaxed: only supervisors change it. */
		if (failure && failure->worker == seat && failure->position == position && load_relaxed(&failure->count))
			return true;
		if (!failure || !chain_next(&chain, failure->next))
			return false;
	}
	return false;
}

bool failure_void(struct segment *segment, struct shared_batch *batch, unsigned seat, uint64_t position, uint64_t end)
{
	/* FAILURE1. A relaxed load would let the walk read records before they are written. */
	uint64_t newest = load_acquire(&batch->failures), at;

	for (struct chain chain = chain_begin(segment, newest); (at = chain.at);) {
		struct shared_failure *failure = failure_at(segment, at);

		if (!failure)
			return false;
		/* Relaxed, because gatherers read it after the chunk's edge (CHUNK2). */
		if (failure->worker == seat && failure->position >= position && failure->position < end)
			store_relaxed(&failure->count, 0);
		if (!chain_next(&chain, failure->next))
			return false;
	}
	return true;
}
