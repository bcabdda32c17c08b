/*
 * retire.h - ends a batch: cancels what has not begun, waits for what runs, frees everything.
 */
#ifndef SHEAF_BATCH_RETIRE_H
#define SHEAF_BATCH_RETIRE_H

#include "batch/handle.h"

/*
 * Free the batch. @abandon: the pool's processes are gone, so that there is nothing to cancel and
 * nobody to wait for.
 */
void batch_free(struct sheaf_batch *batch, bool abandon);

#endif
