/*
 * file.h - the file that results go to.
 */
#ifndef SHEAF_MPI_FILE_H
#define SHEAF_MPI_FILE_H

#include "mpi/job.h"

/*
 * At the root: create the file, with its header and its length. -EINVAL (a dtype that does not
 * fit), and what open() and write() return.
 */
int file_create(struct job *job);

/* At the other ranks, once it is there: open it. What open() returns. */
int file_open(struct job *job);

/* Close it. What close() returns. */
int file_close(struct job *job);

#endif
