/*
 * open.h - opens batches, says who may use them, and keeps what the segment holds of them whole.
 */
#ifndef SHEAF_BATCH_OPEN_H
#define SHEAF_BATCH_OPEN_H

#include "batch/handle.h"

/* Private: member_check() in a process that runs tasks. */
int batch_judge_in_task(const struct sheaf_batch *batch);

/* Say that this process is a worker, whose tasks open batches of their own. */
void batch_enter_tasks(unsigned worker);

/* May this process and thread use the batch? 0; -EPERM, -EINVAL with their messages. */
static inline int batch_check(const struct sheaf_batch *batch)
{
	return handles_in_task ? batch_judge_in_task(batch) : member_check(batch->member);
}

/* Open a batch, whose options are checked, or NULL. 0; errors of sheaf_batch_create(). */
int batch_open(struct sheaf_batch **batch, struct member *member, const sheaf_batch_options *options);

/*
 * Say that the batch serves one call, as sheaf_map() does, and that no other thread has its handle.
 * @deadline_ns: when the call stops waiting; SHEAF_FOREVER: never. @caller_works: its thread takes
 * part in a map, see dense_help(). @give_up: retires the batch if that thread is cancelled.
 */
void batch_serve_call(struct sheaf_batch *batch, uint64_t deadline_ns, bool caller_works,
		      void (*give_up)(struct sheaf_batch *batch));

/* Give slot and handle back. All else that the batch had is freed. */
void batch_close(struct sheaf_batch *batch);

/* Free the memory that the member keeps for the next batch. No batch is left. */
void batch_drop_spare(struct member *member);

/*
 * Mend what a wild task has done to the ring, to the shortest limits and to the openers of slots,
 * as far as the member knows them better. For a member that is waiting.
 */
void batch_mend(struct member *member);

/* Tell the supervisor of a limit that tasks of the batch have from now on; 0: none. */
void batch_limit(struct sheaf_batch *batch, uint64_t limit_ns);

/* Take that back if the task is refused: the shortest limit is again what it was before. */
void batch_limit_undo(struct sheaf_batch *batch, uint64_t shortest_ns);

#endif
