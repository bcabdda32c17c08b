/*
 * orphans.h - batches of dead workers: the supervisor cancels and frees them (promise 8).
 */
#ifndef SHEAF_POOL_ORPHANS_H
#define SHEAF_POOL_ORPHANS_H

#include "segment/segment.h"

/*
 * Take over all batches that the dead worker of that name has opened. None of their tasks is run
 * from now on. Repeating it changes nothing.
 */
void orphans_disown(struct segment *segment, uint32_t name);

/*
 * Withdraw the tasks of the batches that were taken over. Return a worker that still runs one, of
 * those that have not @ended; worker_count: none does.
 */
unsigned orphans_runner(struct segment *segment, const bool *ended);

/*
 * Free the batches that were taken over, as far as no worker has a task of one. After the repair of
 * the dead. True: some are left.
 */
bool orphans_free(struct segment *segment);

#endif
