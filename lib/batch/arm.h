/*
 * arm.h - tells which armed batches have news, for a member that sleeps in poll().
 */
#ifndef SHEAF_BATCH_ARM_H
#define SHEAF_BATCH_ARM_H

#include "batch/handle.h"

/*
 * Find an armed batch of the member that was rung since, or any armed one if @all, and disarm it.
 * NULL: there is none.
 */
struct sheaf_batch *batch_with_news(struct member *member, bool all);

#endif
