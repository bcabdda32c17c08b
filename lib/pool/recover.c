/*
 * recover.c - runs in the supervisor, for one dead worker at a time.
 *
 * No counter and no position is believed: every slot's word is looked at, and the dead worker's name in it is the only sign. Batches
 * are reached only through slots that the dead worker owns, because those keep a batch from being retired meanwhile.
 *
 * Crash table (the supervisor dies in here; its successor calls again for every worker, none of which lives then)
 *   before a slot's last CAS      the slot still names the dead worker: settled again, from the same words
 *   after it                      the slot names nobody: passed over
 *   before the wake-ups           the successor rings for everybody
 */
#include "pool/recover.h"

#include "base/atomic.h"
#include "queue/bell.h"
#include "queue/ring.h"
#include "work/chunk.h"

static bool settle(struct segment *segment, struct shared_slot *slot, const struct death *death, struct region *region,
		   bool *damaged)
{
	/* Relaxed, both: what the dead worker wrote, and what its claim acquired, is visible to who waited for its death; nobody else changes
	 * a word that names it. */
	uint64_t bits = load_relaxed(&slot->word);
	uint64_t batch = load_relaxed(&slot->batch);
	struct word w = word_unpack(bits);
	bool sound = true;

	if ((w.state != WORD_OWNED && w.state != WORD_FILLING) ||
	    word_name(bits) != seat_name(death->seat, death->generation)) {
		/* Only a wild task writes such a word, or a state that there is not. */
		*damaged |= w.state > WORD_OWNED || segment_is_orphan(segment, w);
		return false;
	}
	if (w.state == WORD_FILLING) {
		ring_abandon(slot);
	} else if (BATCH_INDEX(batch) >= segment_batches(segment) || slot->kind > TASK_SHARE) {
		(void)ring_release(slot, bits); /* damaged either way */
		sound = false;
	} else if (slot->kind == TASK_SHARE) {
		sound = share_repair(segment, slot, bits, death, region);
	} else {
		sound = call_repair(segment, slot, bits, death, region);
	}
	*damaged |= !sound;
	return true;
}

/* Tasks are lost. Who waits for them is rung as after every death. */
static void give_up(struct segment *segment)
{
	for (uint32_t from = POOL_OPEN; from <= POOL_CLOSED; from++) {
		uint32_t state = from;

		/* Relaxed: the tokens that follow hand it over. */
		cas_relaxed(&segment->control->state, &state, POOL_BROKEN);
	}
}

unsigned recover(struct segment *segment, const struct death *death, struct region *region)
{
	unsigned settled = 0;
	bool damaged = false;
	struct sleeper dead;

	for (uint32_t i = 0; i < segment->ring.size; i++)
		settled += settle(segment, &segment->ring.slots[i], death, region, &damaged);
	if (damaged)
		give_up(segment);
	ring_rewind(&segment->ring);
	dead = sleeper_of_worker(segment, death->seat, death->generation);
	sleeper_retract(&dead);
	room_evict(segment, seat_name(death->seat, death->generation));
	workers_ring_all(segment);
	gatherer_ring_all(segment);
	room_ring_all(segment);
	return settled;
}

void recover_busy(struct segment *segment, bool *busy)
{
	for (unsigned worker = 0; worker < segment->worker_count; worker++)
		busy[worker] = false;
	for (uint32_t i = 0; i < segment->ring.size; i++) {
		struct shared_slot *slot = &segment->ring.slots[i];
		/* Relaxed, both: a worker that has told its result does nothing more for the task that matters. */
		struct word w = word_unpack(load_relaxed(&slot->word));
		uint32_t batch = BATCH_INDEX(load_relaxed(&slot->batch));

		if (w.state != WORD_OWNED || w.seat >= segment->worker_count || batch >= segment_batches(segment))
			continue;
		if (slot->kind == TASK_SHARE ? !share_is_told(segment, slot) : !call_is_told(segment, slot))
			busy[w.seat] = true;
	}
}
