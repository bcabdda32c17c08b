/*
 * grants.h - chunks that the root has given to other ranks, on their way to them.
 */
#ifndef SHEAF_MPI_GRANTS_H
#define SHEAF_MPI_GRANTS_H

#include "mpi/job.h"

struct grants;

/* Begin without any. NULL: no memory. */
struct grants *grants_open(int ranks);
void grants_close(struct grants *grants);

/* A chunk is to go to a rank, which holds no more than LEDGER_HANDS of them. */
void grants_add(struct grants *grants, int to, struct span chunk);

/* Send what buffers there are for. 1: something has left whole; 0; -EIO. */
int grants_send(struct grants *grants, const struct job *job, struct wire *wire);

/* Has a chunk left whole? Have all? */
bool grants_have_sent(const struct grants *grants, int to, uint64_t begin);
bool grants_are_sent(const struct grants *grants);

/* Forget those for a rank. */
void grants_forget(struct grants *grants, int rank);

#endif
