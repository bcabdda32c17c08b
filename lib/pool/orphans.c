/*
 * orphans.c - goes over the batches of dead workers, by the words alone.
 *
 * A batch is freed when no slot of the ring names it, as retire.c does it for a living opener. The
 * supervisor withdraws the tasks that are READY, and kills the workers that run others: such a task
 * may write into memory of the task that has submitted it, which runs again and may be over, and
 * that memory free, while the old one still runs (deaths.c).
 *
 * Writers           opener: the supervisor, from the dead worker's name to ORPHANED, and to 0 when
 *                   the batch is free. The rest of the batch: the supervisor, once no slot names
 *                   it.
 * Edges             By RING2 (ring.c) what a task wrote comes before the batch is freed. By BATCH1
 *                   (open.c) the next opener comes after the supervisor.
 * Deaths            Of the supervisor in here: its successor finds ORPHANED batches, and does the
 *                   same again.
 * Trust             The id of the memory is believed only if the batch's word, which is RETIRED,
 *                   has the same.
 */
#include "pool/orphans.h"

#include "base/atomic.h"
#include "queue/ring.h"
#include "segment/heap.h"

void orphans_disown(struct segment *segment, uint32_t name)
{
	uint32_t count = segment_batches(segment);

	for (uint32_t i = 0; i < count; i++) {
		struct shared_batch *batch = &segment->batches[i];

		/* Relaxed, all: of a dead worker. Its tasks are withdrawn after this. */
		if (load_relaxed(&batch->opener) != HELD_BY(name))
			continue;
		store_relaxed(&batch->word, BATCH_WORD(BATCH_RETIRED, batch->heap_id));
		/*
		 * Release, pairs with take_slot_if_free() in open.c: it tells an orphan by the
		 * word, too.
		 */
		store_release(&batch->opener, ORPHANED);
	}
}

static bool is_orphan(const struct shared_batch *batch)
{
	/* Both, because a wild write may say either of another member's batch. Relaxed. */
	return load_relaxed(&batch->opener) == ORPHANED &&
	       load_relaxed(&batch->word) == BATCH_WORD(BATCH_RETIRED, batch->heap_id);
}

/*
 * Take the batch's tasks out of the ring. *@runner: a worker that has one and has not ended; else
 * as it was. False: a worker has one.
 */
static bool clear_slots(struct segment *segment, uint64_t ref, const bool *ended, unsigned *runner)
{
	bool clear = true;

	for (uint32_t i = 0, count = segment_slots(segment); i < count; i++) {
		uint64_t bits;
		unsigned seat;

		if (ring_clear(&segment->slots[i], ref, &bits) != SLOT_OWNED)
			continue;
		clear = false;
		seat = word_unpack(bits).seat;
		if (ended && seat < segment->worker_count && !ended[seat])
			*runner = seat;
	}
	return clear;
}

unsigned orphans_runner(struct segment *segment, const bool *ended)
{
	uint32_t count = segment_batches(segment);
	unsigned runner = segment->worker_count;

	for (uint32_t i = 0; i < count; i++)
		if (is_orphan(&segment->batches[i]))
			(void)clear_slots(segment, BATCH_REF(i, segment->batches[i].heap_id), ended, &runner);
	return runner;
}

static void free_orphan(struct segment *segment, struct shared_batch *batch)
{
	heap_free_all(segment, batch->heap_id);
	for (unsigned e = 0; batch->flags & BATCH_WINDOWED && e < EPOCHS; e++)
		/* Relaxed: of a dead worker. */
		heap_free_all(segment, load_relaxed(&batch->epochs[e].id));
	/* Relaxed, all: no slot names the batch, and BATCH1 hands it to the next opener. */
	store_relaxed(&batch->shortest_ns, 0);
	store_relaxed(&batch->waiter, WAIT_NOTHING);
	for (unsigned i = 0; i * 64 < segment->worker_count; i++)
		store_relaxed(&batch->inside[i], 0);
	/* With an id, by which others see until the last store that this is no wild write. */
	store_relaxed(&batch->word, BATCH_WORD(BATCH_FREE, 1));
	/* BATCH1. Release: the next opener comes after all this. */
	store_release(&batch->opener, 0);
}

bool orphans_free(struct segment *segment)
{
	uint32_t count = segment_batches(segment);
	bool left = false;

	for (uint32_t i = 0; i < count; i++) {
		struct shared_batch *batch = &segment->batches[i];
		if (!is_orphan(batch))
			continue;
		if (clear_slots(segment, BATCH_REF(i, batch->heap_id), NULL, NULL))
			free_orphan(segment, batch);
		else
			left = true;
	}
	return left;
}
