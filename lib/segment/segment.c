/*
 * segment.c - where the parts of a segment lie, and what its words say of its members.
 *
 * It writes nothing to the segment, so a death in here leaves nothing.
 */
#include "segment/segment.h"

#include "base/atomic.h"
#include "segment/plan.h"

void segment_set_view(struct segment *segment, const struct shared_header *header)
{
	segment->header = segment_at(segment, 0);
	segment->control = segment_at(segment, header->control);
	segment->seats = segment_at(segment, header->seats);
	segment->slots = segment_at(segment, header->ring);
	for (unsigned p = 0; p < PRIORITIES; p++)
		segment->rings[p] = (struct ring){
			.shared = &segment->control->rings[p],
			.slots = segment->slots + (size_t)p * header->ring_size,
			.size = header->ring_size,
			.lap_shift = (unsigned)__builtin_ctz(header->ring_size),
		};
	segment->batches = segment_at(segment, header->batches);
	segment->heap_map = segment_at(segment, header->heap_map);
	segment->tables_end = plan_tables_end(header);
	segment->heap = header->heap;
	segment->heap_size = header->heap_size;
	segment->size = header->size;
	segment->worker_count = header->worker_count;
	segment->crew_count = header->worker_count - header->places;
	segment->seat_count = header->worker_count + 1;
	segment->batch_count = header->batch_count;
	segment->max_attempts = header->max_attempts;
	segment->seed = header->seed;
	segment->functions_at = header->functions;
	segment->function_count = header->function_count;
	segment->trace_records = header->trace_records;
	segment->trace = segment_at(segment, header->trace);
}

bool segment_has_member(const struct segment *segment, uint32_t name)
{
	unsigned number = name & SEAT_MASK;

	/*
	 * Acquire, pairs with spawn_worker() in crew.c: else a member that sees a successor could
	 * read the words of the dead member before they were repaired.
	 */
	return number < segment->seat_count && name == seat_name(number, load_acquire(&segment->seats[number].generation));
}

bool segment_is_worker(const struct segment *segment, uint32_t name)
{
	return (name & SEAT_MASK) < segment->worker_count && segment_has_member(segment, name);
}

bool segment_is_orphan(const struct segment *segment, struct word w)
{
	uint32_t name = seat_name(w.seat, w.generation);

	if (w.state != WORD_OWNED || segment_is_worker(segment, name))
		return false;
	/* Relaxed: set before the owner claims anything, and the word was read with acquire. */
	return !(load_relaxed(&segment->control->owner_claims) && segment_has_member(segment, name));
}

uint64_t segment_progress(const struct segment *segment)
{
	/* Relaxed, all, because the sum only has to grow. */
	uint64_t ended = load_relaxed(&segment->control->given_up) + load_relaxed(&segment->control->dropped);

	for (unsigned worker = 0; worker < segment->worker_count; worker++)
		ended += load_relaxed(&segment->seats[worker].completed);
	return ended;
}
