/*
 * view_dense.h - dense batches, those of a map or a loop, as their gatherer sees them.
 */
#ifndef SHEAF_BATCH_VIEW_DENSE_H
#define SHEAF_BATCH_VIEW_DENSE_H

#include "batch/handle.h"

extern const struct view view_dense;

/*
 * Count the positions that failed, of a batch that is all done, and fill in the result of the
 * lowest. If none failed, *result is untouched. 0; -ENOMEM, -EBADMSG with their messages.
 */
int dense_first_failure(struct sheaf_batch *batch, sheaf_result *result, uint64_t *failed);

#endif
