/*
 * epochs.c - begins epochs, and frees those that nothing is in.
 *
 * Writers           epochs of a batch: its opener. units and lowest of an epoch: the members that
 *                   take memory of it (stock.c).
 * Deaths            Of the opener: the supervisor frees all epochs with the batch (orphans.c).
 */
#include "batch/epochs.h"

#include "base/atomic.h"
#include "base/cancel.h"
#include "batch/units.h"
#include "segment/heap.h"

#define UNITS_PER_WORKER 4 /* that an epoch has at least before the next one begins */

static struct shared_epoch *epoch_at(const struct sheaf_batch *batch, unsigned epoch)
{
	return &batch->shared->epochs[epoch];
}

/* Relaxed, all: the slots of its tasks hand it over (RING1). */
static void begin_epoch(struct sheaf_batch *batch, struct epochs *epochs, unsigned epoch)
{
	struct shared_epoch *shared = epoch_at(batch, epoch);

	store_relaxed(&shared->units, 0);
	store_relaxed(&shared->lowest, 0);
	epochs->ids[epoch] = heap_new_batch_id(batch->segment);
	store_relaxed(&shared->id, epochs->ids[epoch]);
	epochs->members[epoch] = 0;
	epochs->current = epoch;
}

static void end_epoch(struct sheaf_batch *batch, struct epochs *epochs, unsigned epoch)
{
	struct shared_epoch *shared = epoch_at(batch, epoch);
	uint64_t id = epochs->ids[epoch];
	int cancel = cancel_refuse();

	/*
	 * Relaxed, all: the units were counted before the slots of its tasks were free. They are
	 * found by the id, so that is put right first.
	 */
	store_relaxed(&shared->id, id);
	if (id && load_relaxed(&shared->units))
		units_free(batch, id);
	store_relaxed(&shared->id, 0);
	epochs->ids[epoch] = 0;
	cancel_allow(cancel);
}

void epochs_open(struct sheaf_batch *batch, struct epochs *epochs)
{
	for (unsigned e = 0; e < EPOCHS; e++)
		/* Relaxed: as in begin_epoch(). */
		store_relaxed(&epoch_at(batch, e)->id, 0);
	begin_epoch(batch, epochs, 0);
}

void epochs_close(struct sheaf_batch *batch, struct epochs *epochs)
{
	for (unsigned e = 0; e < EPOCHS; e++)
		end_epoch(batch, epochs, e);
}

/* A part of all that there is, so that a few epochs are enough for results of any size. */
bool epochs_grown(const struct sheaf_batch *batch, const struct epochs *epochs)
{
	uint64_t all = 0, least = (uint64_t)UNITS_PER_WORKER * (batch->segment->crew_count + 1);
	/* Relaxed, all: a hint. */
	uint64_t units = load_relaxed(&epoch_at(batch, epochs->current)->units);

	if (units < least)
		return false;
	for (unsigned e = 0; e < EPOCHS; e++)
		if (epochs->ids[e])
			all += load_relaxed(&epoch_at(batch, e)->units);
	return units >= all / 4;
}

bool epochs_choose(struct sheaf_batch *batch, struct epochs *epochs)
{
	if (!epochs->members[epochs->current]) {
		end_epoch(batch, epochs, epochs->current);
		begin_epoch(batch, epochs, epochs->current);
		return true;
	}
	for (unsigned e = 0; e < EPOCHS; e++)
		if (!epochs->ids[e]) {
			begin_epoch(batch, epochs, e);
			return true;
		}
	return false;
}

void epochs_leave(struct sheaf_batch *batch, struct epochs *epochs, unsigned epoch)
{
	if (!--epochs->members[epoch] && epoch != epochs->current)
		end_epoch(batch, epochs, epoch);
}
