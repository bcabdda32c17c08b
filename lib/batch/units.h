/*
 * units.h - gives back the heap units of a batch.
 */
#ifndef SHEAF_BATCH_UNITS_H
#define SHEAF_BATCH_UNITS_H

#include "batch/handle.h"

/* Free what has that id, the batch's or one of its epochs'. No slot names what uses it. */
void units_free(struct sheaf_batch *batch, uint64_t id);

#endif
