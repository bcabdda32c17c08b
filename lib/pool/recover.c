/*
 * recover.c - the supervisor goes over the rings for one dead worker at a time.
 *
 * No counter and no position is believed. Every slot's word is read, and the dead worker's name in
 * it is the only sign. The slot of the innermost task comes last, so that a successor still finds
 * which one that was.
 *
 * Writers           What names the dead worker: the supervisor alone, by settle.c, ring.c and
 *                   bell.c. control->state: the supervisor, by a CAS to broken.
 * Deaths            Of the supervisor in here: its successor calls again for every worker, none of
 *                   which lives then. Before a slot's last CAS: the slot still names the dead
 *                   worker, so it is settled again. After it: the slot names nobody, so it is
 *                   passed over. Before the wake-ups: the successor rings everybody.
 */
#include "pool/recover.h"

#include "base/atomic.h"
#include "pool/orphans.h"
#include "queue/bell.h"
#include "queue/ring.h"
#include "trace/trail.h"
#include "work/settle.h"

/*
 * Break the pool, because tasks are lost. The members that wait for them are rung as after every
 * death.
 */
static void break_pool(struct segment *segment)
{
	for (uint32_t from = POOL_OPEN; from <= POOL_CLOSED; from++) {
		uint32_t state = from;

		/* Relaxed: the tokens that follow hand it over. */
		if (cas_relaxed(&segment->control->state, &state, POOL_BROKEN))
			segment_heed(segment, HEED_STATE);
	}
}

/* What a dead member had. */
struct estate {
	struct death death;                   /* as it counts for the innermost task */
	struct death outer;                   /* for the others */
	struct death late;                    /* for the one whose time was over */
	struct shared_slot *innermost, *over; /* the slots of these two, or NULL */
	/* the one that the death is charged to goes with its batch, and so would the charge */
	bool lost;
	bool costly;              /* a task has killed the member, or was over its time */
	struct shared_slot *root; /* then: the slot of the task whose work it was, or NULL */
};

static void open_estate(struct estate *estate, const struct segment *segment, const struct death *death)
{
	const struct shared_seat *seat = &segment->seats[death->seat];
	/* Relaxed, all: of a dead member. */
	uint64_t limited = load_relaxed(&seat->limited);
	struct shared_slot *blamed;

	estate->innermost = settle_slot_at(segment, death, load_relaxed(&seat->hand));
	estate->over = limited ? settle_slot_at(segment, death, limited) : NULL;
	estate->outer = blame_outer(death, estate->innermost);
	estate->late = blame_late(death, load_relaxed(&seat->limited_cursor));
	/* The same slot: what it ran at once has no slot of its own, see nest_run_at_once(). */
	estate->death = estate->over && estate->over == estate->innermost ? estate->late : blame_innermost(death, limited);
	blamed = death->late && estate->over ? estate->over : estate->innermost;
	/* Also if the worker was killed because it ran an orphan's task: see orphans.c. */
	estate->costly = !death->innocent || death->late;
	estate->lost = blamed && settle_is_orphan(segment, blamed);
	estate->root = estate->lost ? settle_root(segment, blamed) : NULL;
}

/* Settle the slot of a task that waited, if the dead member had one there. */
static bool settle_outer(struct segment *segment, const struct estate *estate, struct shared_slot *slot, struct region *region,
			 bool *damaged)
{
	const struct death *death = slot == estate->over && estate->late.late ? &estate->late : &estate->outer;
	bool waited = death == &estate->outer && settle_slot_at(segment, death, segment_offset(segment, slot));
	bool root = estate->lost && slot == estate->root;
	struct death charged = estate->late;

	if (waited && (root || estate->costly))
		settle_count_inner(segment, slot, root);
	if (waited && root) {
		charged.cursor = CURSOR_NONE;
		charged.innocent = charged.late;
		if (settle_is_too_often(segment, slot))
			death = &charged;
	}
	return settle_slot(segment, slot, death, region, damaged);
}

unsigned recover(struct segment *segment, const struct death *death, struct region *region)
{
	unsigned settled = 0;
	bool damaged = false;
	struct estate estate;
	struct sleeper dead;

	if (segment->trace_records && death->pid)
		trail_ended(segment, death->seat, death->pid, death->signal, death->exit_code);
	orphans_disown(segment, seat_name(death->seat, death->generation));
	open_estate(&estate, segment, death);
	for (uint32_t i = 0, count = segment_slots(segment); i < count; i++)
		if (&segment->slots[i] != estate.innermost)
			settled += settle_outer(segment, &estate, &segment->slots[i], region, &damaged);
	if (estate.innermost)
		settled += settle_slot(segment, estate.innermost, &estate.death, region, &damaged);
	if (damaged)
		break_pool(segment);
	for (unsigned p = 0; p < PRIORITIES; p++)
		ring_rewind(&segment->rings[p]);
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
	for (uint32_t i = 0, count = segment_slots(segment); i < count; i++) {
		struct shared_slot *slot = &segment->slots[i];
		/* Relaxed, because a worker that has told its result does nothing that matters. */
		struct word w = word_unpack(load_relaxed(&slot->word));

		if (w.state == WORD_OWNED && w.seat < segment->worker_count && !settle_is_told(segment, slot))
			busy[w.seat] = true;
	}
}
