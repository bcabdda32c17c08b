/*
 * small_shm.h - a /dev/shm of any size, which only this process and its children see.
 */
#ifndef SHEAF_TESTS_SUPPORT_SMALL_SHM_H
#define SHEAF_TESTS_SUPPORT_SMALL_SHM_H

#include <stdbool.h>

/* Gives this process, which must have one thread, mounts of its own. False: this system does not let us. */
bool small_shm_enter(void);

/* Puts an empty file system in the place of /dev/shm, and takes it away again. @options: of tmpfs; @flags: of mount(). */
bool small_shm_mount(const char *options, unsigned long flags);
bool small_shm_unmount(void);

#endif
