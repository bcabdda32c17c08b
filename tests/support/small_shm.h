/*
 * small_shm.h - a /dev/shm of any size, which only this process and its children see.
 */
#ifndef SHEAF_TESTS_SUPPORT_SMALL_SHM_H
#define SHEAF_TESTS_SUPPORT_SMALL_SHM_H

#include <stdbool.h>

/*
 * Give this process, which must have one thread, mounts of its own. False: the system does not
 * allow it.
 */
bool small_shm_enter(void);

/*
 * Put an empty file system in the place of /dev/shm, or take it away again. @options: of tmpfs;
 * @flags: of mount().
 */
bool small_shm_mount(const char *options, unsigned long flags);
bool small_shm_unmount(void);

#endif
