/*
 * recover.h - repair of what a dead worker had, by the words alone.
 */
#ifndef SHEAF_POOL_RECOVER_H
#define SHEAF_POOL_RECOVER_H

#include "member/region.h"
#include "work/blame.h"

/*
 * Return to the ring or fail all that the dead worker had, and wake every member that may wait for
 * it. The kernel has told that the process is dead. Repeating it changes nothing, so a successor
 * may begin again after any instruction. @region: the supervisor's, for failure records. Return:
 * how many slots were settled.
 *
 * A wild task may have written over ring and batches. Each address and limit is checked before use.
 * If one is impossible, its task is lost, and the pool breaks, so that nobody waits for it.
 */
unsigned recover(struct segment *segment, const struct death *death, struct region *region);

/*
 * Set @busy[w] for each worker that has a task in hand and has not told its result yet. For a pool
 * whose state keeps workers from claiming another one. If a wild task has written over the words, a
 * worker may be taken for busy, or for idle, wrongly.
 */
void recover_busy(struct segment *segment, bool *busy);

#endif
