/*
 * group.h - a memory cgroup for a test.
 */
#ifndef SHEAF_TESTS_GROUP_H
#define SHEAF_TESTS_GROUP_H

#include <stdbool.h>
#include <stdint.h>

/* Make a cgroup below that of this process, which may have @limit bytes of memory and no swap. False: this process may not. */
bool group_make(uint64_t limit);

/* Enter it. */
bool group_enter(void);

/* Remove it, when its processes have ended. Only in the process that has made it. */
void group_remove(void);

#endif
