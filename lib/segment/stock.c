/*
 * stock.c - keeps up to 16 committed units for each member, so that a small batch costs no system
 * call.
 *
 * The units of a batch come from its opener's stock and return there, whichever member takes them.
 * A unit of a stock holds what its last batch has left.
 *
 * Writers           A seat's slots: its member, one thread at a time. Word u of the heap map: id ->
 *                   STOCKED by one store of the opener that frees the id; STOCKED -> id by one CAS
 *                   of the member that takes the unit; STOCKED -> LEAVING -> 0 by the supervisor.
 * Invariant         A unit that is STOCKED has a slot, which is not used for another unit before
 *                   that is taken. The slots decide nothing else, and nobody clears them.
 * Edges             By HEAP1 (heap.c) a unit goes to its next holder.
 * Deaths            Of a worker: what it took has the id of its batch, and the batch has counted it
 *                   before. Of the supervisor: what is LEAVING has slots, and its successor gives
 *                   all stocks back when it begins.
 */
#include "segment/stock.h"

#include "base/atomic.h"
#include "base/number.h"
#include "segment/heap.h"

/* Return the unit that a slot names, or a number that no unit has. */
static uint64_t named_by(const _Atomic uint32_t *slot)
{
	/* Relaxed, because the word of the unit decides. */
	return (uint64_t)load_relaxed(slot) - 1;
}

/* Return the seat of a batch's opener. A wild write must not lead out of the seats. */
static unsigned seat_of_opener(const struct segment *segment, const struct shared_batch *batch)
{
	/* Relaxed: constant as long as the batch has tasks. */
	uint32_t seat = (load_relaxed(&batch->opener) - 1) & SEAT_MASK;

	return seat < segment->seat_count ? seat : segment_owner_seat(segment);
}

/* What is known of the units that one id has. */
struct tally {
	_Atomic uint64_t *units, *lowest;
};

/* Find the tally of an id: that of an epoch, or the batch's own. Relaxed: by who uses the id. */
static struct tally tally_of(struct shared_batch *batch, uint64_t id)
{
	for (unsigned e = 0; batch->flags & BATCH_WINDOWED && e < EPOCHS; e++)
		if (load_relaxed(&batch->epochs[e].id) == id)
			return (struct tally){&batch->epochs[e].units, &batch->epochs[e].lowest};
	return (struct tally){&batch->units, &batch->lowest};
}

/*
 * Count units that the id will take. Before that, so that the opener that frees it finds a number
 * that is not too small. Relaxed: the end of the task hands it over. Return what was counted so
 * far.
 */
static uint64_t count(const struct tally *tally, uint64_t units)
{
	return fetch_add_relaxed(tally->units, units);
}

/* Note where a unit of the id is. Relaxed: a hint. @counted: before the unit. */
static void note(const struct tally *tally, uint64_t unit, uint64_t counted)
{
	if (!counted || unit < load_relaxed(tally->lowest))
		store_relaxed(tally->lowest, unit);
}

bool stock_take(struct segment *segment, struct shared_batch *batch, uint64_t id, uint64_t *offset)
{
	const uint64_t units = heap_units(segment);
	const struct shared_seat *seat = &segment->seats[seat_of_opener(segment, batch)];
	struct tally tally = tally_of(batch, id);

	/* Only a wild write gives a batch such an id. */
	if (!unit_is_used(id))
		return false;
	for (unsigned i = 0; i < STOCK_UNITS; i++) {
		uint64_t u = named_by(&seat->stock[i]), word = UNIT_STOCKED, counted;

		/* Relaxed, because the CAS decides. */
		if (u >= units || load_relaxed(&segment->heap_map[u]) != UNIT_STOCKED)
			continue;
		counted = count(&tally, 1);
		/* HEAP1. Acquire: else we could write before the last holder has written. */
		if (!cas_acquire(&segment->heap_map[u], &word, id))
			continue;
		note(&tally, u, counted);
		*offset = segment->heap + u * UNIT;
		return true;
	}
	return false;
}

int stock_alloc(struct segment *segment, struct shared_batch *batch, uint64_t id, uint64_t size, uint64_t *offset)
{
	struct tally tally = tally_of(batch, id);
	uint64_t counted = count(&tally, round_up(size, UNIT) / UNIT), got;
	int r = heap_alloc(segment, id, size, &got);

	if (r) {
		count(&tally, (uint64_t)segment->seat_count * STOCK_UNITS);
		if (!stock_empty(segment, id) || (r = heap_alloc(segment, id, size, &got)))
			return r;
	}
	note(&tally, (got - segment->heap) / UNIT, counted);
	*offset = got;
	return 0;
}

/*
 * Find the slot of a seat for a unit: one that names it already, or one whose unit is in no stock.
 * NULL: the stock is full.
 */
static _Atomic uint32_t *slot_for(const struct segment *segment, unsigned seat, uint64_t unit)
{
	const uint64_t units = heap_units(segment);
	_Atomic uint32_t *found = NULL;

	for (unsigned i = 0; i < STOCK_UNITS; i++) {
		_Atomic uint32_t *slot = &segment->seats[seat].stock[i];
		uint64_t u = named_by(slot), word;

		if (u == unit)
			return slot;
		/* Relaxed: no other thread puts units into this stock. */
		word = u < units ? load_relaxed(&segment->heap_map[u]) : 0;
		if (!found && word != UNIT_STOCKED && word != UNIT_LEAVING)
			found = slot;
	}
	return found;
}

void stock_free(struct segment *segment, struct shared_batch *batch, uint64_t id)
{
	struct tally tally = tally_of(batch, id);

	/* Relaxed, both: as in stock_keep(). */
	heap_free_some(segment, id, load_relaxed(tally.lowest), load_relaxed(tally.units));
}

bool stock_keep(struct segment *segment, unsigned seat, struct shared_batch *batch, uint64_t id, bool *left)
{
	struct tally tally = tally_of(batch, id);
	/* Relaxed, both: units was counted before the slot of the task was released. */
	uint64_t missing = load_relaxed(tally.units), u = load_relaxed(tally.lowest), units = heap_units(segment);
	bool kept = false;

	*left = false;
	for (uint64_t looked = 0; looked < units && missing; looked++, u++) {
		_Atomic uint32_t *slot;

		if (u >= units)
			u = 0;
		/* Relaxed: the caller holds the id, so its words do not change under it. */
		if (load_relaxed(&segment->heap_map[u]) != id)
			continue;
		if (!(slot = slot_for(segment, seat, u))) {
			*left = true;
			break;
		}
		/* Relaxed: STOCK1 hands it over to the supervisor, and others may miss it. */
		if (named_by(slot) != u)
			store_relaxed(slot, (uint32_t)(u + 1));
		/* HEAP1. Release: else the next holder's writes could come before ours. */
		store_release(&segment->heap_map[u], UNIT_STOCKED);
		kept = true;
		missing--;
	}
	return kept;
}

bool stock_empty(struct segment *segment, uint64_t id)
{
	const uint64_t units = heap_units(segment);
	bool any = false;

	for (uint64_t i = 0; i < (uint64_t)segment->seat_count * STOCK_UNITS; i++) {
		uint64_t u = named_by(&segment->seats[i / STOCK_UNITS].stock[i % STOCK_UNITS]), word;

		/* Relaxed: the CAS decides; and of supervisors there is one at a time. */
		word = u < units ? load_relaxed(&segment->heap_map[u]) : 0;
		if (word != UNIT_STOCKED && (word != UNIT_LEAVING || id != UNIT_LEAVING))
			continue;
		/* HEAP1. Acquire: else a late write could commit the pages again. */
		if (word == UNIT_STOCKED && !cas_acquire(&segment->heap_map[u], &word, id))
			continue;
		heap_give_back(segment, segment->heap + u * UNIT, UNIT);
		any = true;
	}
	return any;
}
