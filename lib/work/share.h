/*
 * share.h - a member takes part in a dense batch: it runs its own share of the chunks, then steals
 * from the others.
 */
#ifndef SHEAF_WORK_SHARE_H
#define SHEAF_WORK_SHARE_H

#include "work/cut.h"
#include "work/task.h"

/*
 * Take part in the batch of a slot that this member owns, until no chunk is left to claim. @word:
 * of the slot.
 */
void share_run(struct member *member, struct shared_slot *slot, uint64_t word);

/* The same for a handle, inside the wait of its task: see nest_run(). */
void share_run_nested(struct member *handle, struct shared_slot *slot, uint64_t word);

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
		bool (*over)(const void *context), const void *context);

#endif
