/*
 * failure.h - errors of MPI, and ranks that die while the others go on: what an MPI with ULFM
 * (user-level failure mitigation) offers for that.
 *
 * Without ULFM, or where the job was started without it, nothing of this happens: MPI itself ends
 * the job when a rank dies.
 */
#ifndef SHEAF_MPI_FAILURE_H
#define SHEAF_MPI_FAILURE_H

#include <mpi.h>
#include <stdbool.h>

/* Make -EIO and a message of an error of MPI. 0: it is none. */
int failure_check(int error, const char *call);

/* Does the job go on when a rank dies? */
bool failure_is_survived(void);

/* Does an error of MPI say that a rank has died, or that another rank has noticed that? */
bool failure_is(int error);

/*
 * Mark the ranks of a communicator that have died, as far as it is known here. Return how many are
 * marked. Where @comm has all ranks, the numbers are theirs.
 */
int failure_read(MPI_Comm comm, bool *dead, int ranks);

/* End all collective calls on a communicator, at all ranks: failure_agree() alone works there. */
void failure_revoke(MPI_Comm comm);

/*
 * Begin to agree on the lowest flag, 0 or 1, of all ranks that live. All learn the same flag and
 * the same error, also if ranks die meanwhile. Returns an error of MPI.
 */
int failure_agree(MPI_Comm comm, int *flag, MPI_Request *request);

/* Make a communicator of the ranks that live. Returns an error of MPI. */
int failure_shrink(MPI_Comm comm, MPI_Comm *living);

/* Write the numbers that ranks of @comm have in @all. */
void failure_translate(MPI_Comm comm, MPI_Comm all, int *numbers);

/* The root has died: end the job, as MPI without ULFM does. */
void failure_end_job(MPI_Comm comm);

#endif
