/*
 * inlined.h - a pool without workers: the threads of its owner run the tasks, one after the other,
 * in their calls that wait.
 */
#ifndef SHEAF_POOL_INLINED_H
#define SHEAF_POOL_INLINED_H

#include "batch/handle.h"

struct inlined;

/*
 * Prepare the seat of the worker that the owner's threads take turns to be, and run the init hook.
 * 0; -ENOMEM, or what the hook has returned, with its message.
 */
int inlined_begin(struct inlined **inlined, struct segment *segment, struct member *owner);

/*
 * Run the exit hook, and free what its tasks have had. No thread may be in a call. NULL is fine.
 */
void inlined_end(struct inlined *inlined);

/*
 * Be the worker for one task, or for a part of a map or a loop: at least one chunk, and on until
 * the call has what it waits for. As serve() of struct member_ops.
 */
bool inlined_serve(struct inlined *inlined, const struct wait *wait, uint64_t deadline_ns, bool announced);

#endif
