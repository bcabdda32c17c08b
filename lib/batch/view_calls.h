/*
 * view_calls.h - submitted tasks, as their gatherer sees them.
 */
#ifndef SHEAF_BATCH_VIEW_CALLS_H
#define SHEAF_BATCH_VIEW_CALLS_H

#include "batch/handle.h"

#include <errno.h>

extern const struct view view_calls;

/*
 * Fill in the result of the task with that index, which is done. 0; -ENOMEM, -EBADMSG with their
 * messages.
 */
int calls_result(struct sheaf_batch *batch, uint64_t index, sheaf_result *result);

/* The same for an entry that must be that of a position. */
int calls_entry_result(struct sheaf_batch *batch, struct shared_entry *entry, uint64_t position, sheaf_result *result);

static inline bool is_entry_done(const struct shared_entry *entry)
{
	/*
	 * CALL1. Seq_cst: else a gatherer that has announced itself could read here what was
	 * before, and then sleep (BELL1).
	 */
	return word_state(load_seq_cst(&entry->word)) == WORD_DONE;
}

/* Has the task failed, and not because it was cancelled? Its entry is DONE. */
static inline bool is_failure(const struct shared_entry *entry)
{
	return entry->status && entry->status != -ECANCELED;
}

/* As the condition of a wait for await->next.entry. */
bool calls_awaited_done(void *await);

#endif
