/*
 * segment.c - what the words of a segment say of its members.
 *
 * It writes nothing to the segment, so a death in here leaves nothing.
 */
#include "segment/segment.h"

#include "base/atomic.h"

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
	uint64_t ended = load_relaxed(&segment->control->given_up);

	for (unsigned worker = 0; worker < segment->worker_count; worker++)
		ended += load_relaxed(&segment->seats[worker].completed);
	return ended;
}
