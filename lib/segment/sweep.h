/*
 * sweep.h - takes away the names of dead segments, and of nothing else.
 */
#ifndef SHEAF_SEGMENT_SWEEP_H
#define SHEAF_SEGMENT_SWEEP_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Take the name away if a dead segment of this user has it. True: the name is free now, or was.
 * False: @what tells what has it, to go on with after "is taken by".
 */
bool sweep_name(const char *name, char *what, size_t size);

/* Sweep all names that the library makes up. */
void sweep_all(void);

/*
 * Take the name away from a segment whose owner is known to be dead, and that is open here for
 * writing, as os_sweep_open() does. If the file has another name, give its memory back, too. Then
 * -EAGAIN also if a worker has not ended.
 */
int sweep_open(int fd, const char *name, unsigned first, unsigned count);

#endif
