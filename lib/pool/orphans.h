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
 * Free the batches that were taken over, as far as no worker runs a task of one. After the repair
 * of the dead. True: some are left. @late: then have the workers killed that hold them.
 */
bool orphans_free(struct segment *segment, bool late);

#endif
