/*
 * fault.h - how a worker died, in words.
 */
#ifndef SHEAF_BATCH_MESSAGE_H
#define SHEAF_BATCH_MESSAGE_H

#include "batch/handle.h"

/* What a failed result does not carry itself. */
struct cause {
	uint32_t way; /* enum death_way, or 0 */
	uint64_t address;
};

/* Set the cause of a result whose worker died, and its address if it has one. Both may come from a task that wrote wildly. */
void fault_note(sheaf_result *result, struct cause *cause, uint64_t way, uint64_t address);

/* Say how the worker of a result that failed by its death has ended: "called exit(3)". For the owner. */
void fault_tell(const struct sheaf_batch *batch, const sheaf_result *result, const struct cause *cause, char *text,
		size_t size);

#endif
