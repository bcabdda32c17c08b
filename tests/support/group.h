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

/* Kill who is left in it, and remove it. Only in the process that has made it. */
void group_remove(void);

#endif
