/*
 * place.h - where the items and results of a chunk lie at a rank, and where results go.
 */
#ifndef SHEAF_MPI_PLACE_H
#define SHEAF_MPI_PLACE_H

#include "mpi/job.h"

/* Find out what travels to and from this rank, and how large a chunk may be. */
void place_survey(struct job *job, int rank);

/*
 * Check that arrays of this rank are what its pool can work on, without touching them. 0; -EFAULT,
 * -EINVAL, and what a pool returns.
 */
int place_check(const struct job *job, sheaf_pool *pool);

/* Tell how many positions a chunk of this rank may have. */
uint64_t place_room(const struct job *job, unsigned workers);

/* Get and free the memory of this rank's hands. -ENOSPC, -ENOMEM, -EOVERFLOW. */
int place_open(const struct job *job, sheaf_pool *pool, unsigned workers, struct hand hands[LEDGER_HANDS]);
void place_close(sheaf_pool *pool, struct hand hands[LEDGER_HANDS]);

/* Find the items, and the place of the results, of a chunk in hand. NULL: there are none. */
const unsigned char *place_input(const struct job *job, const struct hand *hand);
unsigned char *place_output(const struct job *job, const struct hand *hand);

/* Clear the place of a chunk's results. */
void place_clear(const struct job *job, const struct hand *hand);

/*
 * At the root: store bytes of results that have come, of a chunk that its sender holds. False: they
 * do not fit there.
 */
bool place_store(const struct job *job, const struct packet *packet, const void *bytes);

#endif
