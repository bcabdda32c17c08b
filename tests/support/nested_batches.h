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

#endif
