/*
 * view_calls.h - submitted tasks, as their gatherer sees them.
 */
#ifndef SHEAF_BATCH_VIEW_CALLS_H
#define SHEAF_BATCH_VIEW_CALLS_H

#include "batch/handle.h"

extern const struct view view_calls;

/*
 * Fill in the result of the task with that index, which is done. 0; -ENOMEM, -EBADMSG with their
 * messages.
 */
int calls_result(struct sheaf_batch *batch, uint64_t index, sheaf_result *result);

#endif
