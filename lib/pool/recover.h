/*
 * recover.h - what a dead worker had, settled by the words alone.
 */
#ifndef SHEAF_POOL_RECOVER_H
#define SHEAF_POOL_RECOVER_H

#include "work/call.h"

/*
 * Gives back or fails all that the dead worker had, wakes everybody who may wait for it, and counts the death. The kernel has said that
 * the process is dead. Repeating it changes nothing, so a successor may begin again after any instruction. @region: the supervisor's,
 * for failure records. How many slots were settled.
 *
 * A wild task may have written over ring and batches. What is used as an address or as a limit is checked; if it cannot be, the task is
 * lost, and the pool breaks, so that nobody waits for it.
 */
unsigned recover(struct segment *segment, const struct death *death, struct region *region);

/*
 * Set @busy[w] for each worker that has a task in hand whose result it has not told yet. For a pool whose state keeps workers from taking
 * another one. A wild task may have written over the words: then a worker is taken for busy, or for idle, wrongly.
 */
void recover_busy(struct segment *segment, bool *busy);

#endif
