/*
 * dense.h - the opener's own part in a dense batch.
 */
#ifndef SHEAF_BATCH_DENSE_H
#define SHEAF_BATCH_DENSE_H

#include "batch/handle.h"

/*
 * Take part in a map or a loop if its caller works (see batch_serve_call()), until nothing is left
 * to claim, or over() says so between two chunks. Then the batch is to be retired, because hints
 * may say that chunks were claimed which were not.
 */
void dense_help(struct sheaf_batch *batch, bool (*over)(void *context), void *context);

#endif
