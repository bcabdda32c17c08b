/*
 * nested_batches.h - tasks that make tasks, for a pool whose processes are killed meanwhile.
 */
#ifndef SHEAF_TESTS_SUPPORT_NESTED_BATCHES_H
#define SHEAF_TESTS_SUPPORT_NESTED_BATCHES_H

#include "random_batches.h"

/*
 * Run one batch of trees: each task makes tasks, a loop or a map, some of which do so in turn. What
 * comes out of each tree is known beforehand. As random_batch_run().
 */
void nested_batch_run(struct random_batches *batches);

/* Its tasks, for pools that run them by their names. */
int nested_batch_node(sheaf_task *task, const void *arg, void *result);
int nested_batch_range(sheaf_task *task, size_t begin, size_t end, void *context);
int nested_batch_item(sheaf_task *task, const void *in, void *out);

#endif
