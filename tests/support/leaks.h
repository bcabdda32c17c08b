/*
 * leaks.h - what a process holds, for tests to compare before and after. Each count is -1 where the
 * system cannot tell.
 */
#ifndef SHEAF_TESTS_SUPPORT_LEAKS_H
#define SHEAF_TESTS_SUPPORT_LEAKS_H

#include <sys/types.h>

/* Open file descriptors of this process. */
int count_open_files(void);

/* Mappings of segments, named or not, in this process. */
int count_segment_mappings(void);

/* Children of this process: all, or those that are not yet reaped. */
int count_children(void);
int count_zombies(void);

/*
 * Names in /dev/shm that start with "sheaf" and belong to this user. Tests run side by side, and
 * all of them make names: compare only in a test that runs alone. Others ask for the name of their
 * own pool ("/sheaf-..."): 1 or 0.
 */
int count_segment_names(void);
/* Those that this process has made up. */
int count_segment_names_of(pid_t maker);
int segment_name_exists(const char *name);

#endif
