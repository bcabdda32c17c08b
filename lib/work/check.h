/*
 * check.h - SHEAF_CHECK=1: guard zones around arguments and results, and a look at pointers that workers cannot follow.
 */
#ifndef SHEAF_WORK_CHECK_H
#define SHEAF_WORK_CHECK_H

#include "segment/segment.h"
#include "sheaf.h"

#define CHECK_TAIL 64 /* bytes of pattern behind what sheaf_task_result() gives */

/* What this process had of its own when the pool was created. */
struct check_memory;

/* Does the environment ask for checks? 1, 0, or -EINVAL with its message. */
int check_wanted(void);

/* NULL: no memory, or the system does not tell: then pointers are not looked at. */
struct check_memory *check_remember(void);
void check_forget(struct check_memory *memory);

/* Looks for addresses that no worker has. 0; -EFAULT with its message. @call, @what: for that. */
int check_pointers(const struct check_memory *memory, const struct segment *segment, const char *call, const char *what,
		   const void *bytes, size_t size);

/* What stands before the argument of a checked task. */
struct check_header {
	uint64_t function;
	uint64_t arg_size;
};

/* What workers run instead of a submitted task (its argument begins with the header), and instead of an item of a map. */
int check_call(sheaf_task *task, const void *arg, void *result);
int check_item(sheaf_task *task, const void *in, void *out);

/* Fills the bytes behind a result. */
void check_fill_tail(unsigned char *tail);

#endif
