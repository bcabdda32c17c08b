/*
 * check.h - SHEAF_CHECK=1: guard zones around the arguments and results of tasks.
 */
#ifndef SHEAF_WORK_CHECK_H
#define SHEAF_WORK_CHECK_H

#include "sheaf.h"

#include <stdint.h>

/* Tell whether the environment asks for checks. Return: 1; 0; -EINVAL with its message. */
int check_wanted(void);

/* What stands before the argument of a checked task. */
struct check_header {
	uint64_t function;
	uint64_t arg_size;
};

/*
 * Run a checked task or item: workers call these in place of a submitted task (its argument begins
 * with the header) and of a map's item.
 */
int check_call(sheaf_task *task, const void *arg, void *result);
int check_item(sheaf_task *task, const void *in, void *out);

#endif
