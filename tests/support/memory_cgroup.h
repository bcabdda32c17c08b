/*
 * memory_cgroup.h - a control group with little memory, for the calling process and its children.
 */
#ifndef SHEAF_TESTS_SUPPORT_MEMORY_CGROUP_H
#define SHEAF_TESTS_SUPPORT_MEMORY_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Make a cgroup below that of this process, which may have @limit bytes of memory and no swap.
 * False: this process may not.
 */
bool memory_cgroup_make(uint64_t limit);

/* Move this process into it. */
bool memory_cgroup_enter(void);

/* Kill the processes that are left in it, and remove it. Only the process that has made it may. */
void memory_cgroup_remove(void);

#endif
