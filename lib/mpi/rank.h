/*
 * rank.h - one rank's part of a job: it claims chunks, has its pool run them, and returns results.
 */
#ifndef SHEAF_MPI_RANK_H
#define SHEAF_MPI_RANK_H

#include "mpi/dispatch.h"

/*
 * Do the job, with all other ranks. @workers: of this rank. @dispatch: of the job, at the root;
 * NULL elsewhere. Return the job's outcome, the same at all ranks, with its message. -EIO: MPI has
 * failed.
 */
int rank_run(const struct job *job, struct wire *wire, sheaf_pool *pool, unsigned workers, struct dispatch *dispatch);

#endif
