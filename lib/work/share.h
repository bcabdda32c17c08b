/*
 * share.h - a member takes part in a dense batch: it runs its own share of the chunks, then steals
 * from the others.
 */
#ifndef SHEAF_WORK_SHARE_H
#define SHEAF_WORK_SHARE_H

#include "work/cut.h"
#include "work/task.h"
#include "work/turn.h"

/*
 * Take part in the batch of the slot that was claimed, until no chunk is left to claim. True: a
 * task of higher priority came first. Then that is claimed, and the invitation is READY again.
 */
bool share_run(struct member *member, struct claim *claim);

/* The same for a handle, inside the wait of its task: see nest_run(). */
void share_run_nested(struct member *handle, struct claim *claim);

/*
 * Take part in a batch that this member has opened itself, in a share that it has sent no
 * invitation for.
 *
 * The opener leaves alone what a worker has died with, because that might end the opener, too. The
 * dead worker's invitation finds another worker. The batch has no time limit, because nobody could
 * enforce it.
 *
 * @heap_id: of the batch. @over: asked before each chunk. Once it is true the batch must be
 * retired, because hints may then tell of chunks as claimed that nobody has claimed.
 */
#define CALLERS_SHARE 0
void share_help(struct member *opener, struct shared_batch *batch, const struct plan *plan, uint64_t heap_id,
		bool (*over)(void *context), void *context);

/*
 * Do so beside workers that are invited to all shares, and stop and go on at will. @left: how many
 * chunks, the first ones, this call and those before have not tried; at the beginning all. 0: none
 * is left for the opener.
 */
void share_help_beside(struct member *opener, struct shared_batch *batch, const struct plan *plan, uint64_t heap_id,
		       bool (*over)(void *context), void *context, uint64_t *left);

#endif
