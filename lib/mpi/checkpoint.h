/*
 * checkpoint.h - the journal of a job: what an earlier run has done is not done again.
 */
#ifndef SHEAF_MPI_CHECKPOINT_H
#define SHEAF_MPI_CHECKPOINT_H

#include "mpi/job.h"

/*
 * At the root: open the job's checkpoint, if it has one, as its journal. Its identity is that of
 * all arguments and of the whole input. What sheaf_journal_open() returns.
 */
int checkpoint_open(struct job *job);

/* Close it, if it is open. What sheaf_journal_close() returns. */
int checkpoint_close(struct job *job);

/*
 * At the root, before the first claim: take what the journal has, with its results. 0; -EINVAL (a
 * record that does not fit); -ENOMEM, and what sheaf_journal_each() returns.
 */
int checkpoint_load(const struct job *job, struct ledger *ledger);

/* At the root: note a chunk whose results have landed. What sheaf_journal_append() returns. */
int checkpoint_note(const struct job *job, struct span chunk);

/* Has the journal of the job any position? */
bool checkpoint_is_begun(const struct job *job);

#endif
