/*
 * message.h - the texts of positions that failed.
 *
 * Texts live as long as their batch. A text that a task has left in the segment is copied, so that
 * no other process can write to it.
 */
#ifndef SHEAF_BATCH_MESSAGE_H
#define SHEAF_BATCH_MESSAGE_H

#include "batch/handle.h"

#define MESSAGE_CANCELLED "the position was cancelled"

/* What a failed result does not carry itself. */
struct cause {
	uint32_t way; /* enum death_way, or 0 */
	uint64_t address;
};

/*
 * Set the cause of a result whose worker died, and its address if it has one. Both may come from a
 * task that wrote wildly.
 */
void message_note_cause(sheaf_result *result, struct cause *cause, uint64_t way, uint64_t address);

/* Give a failed result the text that its task left in the segment. 0; -ENOMEM with its message. */
int message_copy(struct sheaf_batch *batch, sheaf_result *result, const char *text, size_t size);

/* Give a failed result a text if its task left none. 0; -ENOMEM with its message. */
int message_complete(struct sheaf_batch *batch, sheaf_result *result, const struct cause *cause);

/* Did the position fail because its worker died? Then its message names the position. */
bool message_of_death(const sheaf_result *result);

/* sheaf_fail(-EBADMSG), because what tells how far this position is was written over. */
int message_fail_damaged(uint64_t position);

/* Free all texts of the batch. */
void message_free(struct sheaf_batch *batch);

/*
 * Fail by the status of a position, with its message. @failed: how many have failed, of which it is
 * the lowest.
 */
int message_fail_position(const sheaf_result *result, uint64_t failed);

#endif
