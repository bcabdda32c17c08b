/*
 * forks.h - what the library has to know of forks of its process, its own and those of the host.
 */
#ifndef SHEAF_OS_FORKS_H
#define SHEAF_OS_FORKS_H

/* How often this process came out of a fork: a handle made at another count belongs to another process. */
unsigned forks_count(void);

/*
 * Keeps the forks of other threads out until forks_release(), so that they inherit nothing half made. The calling thread may fork. In
 * the child of any fork the hold is over.
 */
void forks_hold(void);
void forks_release(void);

/* Descriptor to close in the next child of this process. */
void forks_close(int fd);

#endif
