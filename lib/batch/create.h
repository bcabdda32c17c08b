/*
 * create.h - creates a batch as its user asks for it.
 */
#ifndef SHEAF_BATCH_CREATE_H
#define SHEAF_BATCH_CREATE_H

#include "batch/handle.h"

/*
 * Check the option of that name, which batches and maps have. @call: for the message, or NULL. 0;
 * -EINVAL with its message.
 */
int batch_check_attempts(unsigned max_attempts, const char *call);

/* Do all of sheaf_batch_create() but the check of the pool. */
int batch_create(struct sheaf_batch **batch, struct member *member, const sheaf_batch_options *options);

#endif
