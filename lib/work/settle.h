/*
 * settle.h - the supervisor settles what a dead member had: one slot of the ring at a time, by the
 * words alone.
 */
#ifndef SHEAF_WORK_SETTLE_H
#define SHEAF_WORK_SETTLE_H

#include "member/region.h"
#include "work/blame.h"

/*
 * Settle a slot if the dead member's name stands in its word: return its task to the ring, charged
 * or not, or fail it. The chunks of a dense batch are settled before the invitation to it. True:
 * the name stood there. Repeating it changes nothing.
 *
 * @region: the supervisor's own, for failure records. @damaged: set to true if slot or batch hold
 * what nobody writes. Then a wild write has changed them, and the task may be lost.
 */
bool settle_slot(struct segment *segment, struct shared_slot *slot, const struct death *death, struct region *region,
		 bool *damaged);

/*
 * Find the slot at an offset that the dead member's seat tells. NULL: its name does not stand
 * there, so the seat does not tell.
 */
struct shared_slot *settle_slot_at(const struct segment *segment, const struct death *death, uint64_t offset);

/*
 * For a dead member with nested work. Does the slot's task belong to a batch whose opener is dead?
 * Then what is known of it goes with that batch.
 */
bool settle_is_orphan(const struct segment *segment, const struct shared_slot *slot);

/* Find the task whose nested work this one's is, and whose batch goes on. NULL: not known. */
struct shared_slot *settle_root(const struct segment *segment, struct shared_slot *slot);

/*
 * Count a run that such a death has cost the task of a slot, uncharged. @own: it was that task's
 * own work, else others' that was nested with it.
 */
void settle_count_inner(struct segment *segment, const struct shared_slot *slot, bool own);

/*
 * Has the batch of a slot's task had more of its own than a task has attempts? Then they are
 * charged from now on.
 */
bool settle_is_too_often(const struct segment *segment, const struct shared_slot *slot);

/*
 * Is all published that an OWNED slot's task has to publish, though the slot is not free yet? A
 * wild write may lead to a wrong answer, and to nothing worse.
 */
bool settle_is_told(struct segment *segment, const struct shared_slot *slot);

#endif
