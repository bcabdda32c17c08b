/*
 * check.h - SHEAF_CHECK=1: guard zones around the arguments and results of tasks.
 */
#ifndef SHEAF_WORK_CHECK_H
#define SHEAF_WORK_CHECK_H

#include "segment/segment.h"

/* Tell whether the environment asks for checks. Return: 1; 0; -EINVAL with its message. */
int check_wanted(void);

/*
 * Run a checked task or item: workers call these in place of a submitted task (its argument begins
 * with a check_header, see task.h) and of a map's item.
 */
int check_call(sheaf_task *task, const void *arg, void *result);
int check_item(sheaf_task *task, const void *in, void *out);

/* Give these two their numbers, in a pool with a table of functions. */
void check_take_numbers(const struct segment *segment);

#endif
