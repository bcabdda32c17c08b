/*
 * dispatch.h - the root's part of a job: it gives chunks out, takes reports and results, and tells
 * all ranks when it is over.
 */
#ifndef SHEAF_MPI_DISPATCH_H
#define SHEAF_MPI_DISPATCH_H

#include "mpi/job.h"

struct dispatch;

/* Begin. -ENOMEM. The job and the wire have to live longer. */
int dispatch_open(struct dispatch **dispatch, const struct job *job, struct wire *wire, const unsigned *workers);
void dispatch_close(struct dispatch *dispatch);

/* Give a chunk to the root itself. False: there is none now. */
bool dispatch_claim(struct dispatch *dispatch, struct span *chunk);

/*
 * Take a packet of a rank, also of the root itself, which does not go over the wire. @report: of a
 * packet that ends a chunk; else its text says why. -EIO: no rank may send this now.
 */
int dispatch_take(struct dispatch *dispatch, int from, const struct packet *packet, const void *bytes);

/* Do what there is to do. 1: something was; 0; -EIO. */
int dispatch_step(struct dispatch *dispatch);

/* Note what the root takes to serve claims: so long for so many. */
void dispatch_measure(struct dispatch *dispatch, uint64_t took_ns, uint64_t served);

/* Claims served so far. */
uint64_t dispatch_served(const struct dispatch *dispatch);

/* Is the job over, and does every other rank know? */
bool dispatch_is_over(const struct dispatch *dispatch);

/* Is it to stop, so that what runs is given up? */
bool dispatch_stops(const struct dispatch *dispatch);

/*
 * After the end of the job: is something to be done again, because ranks have died that kept what
 * they had done? Then the job has begun anew, with what it has already.
 */
bool dispatch_reopen(struct dispatch *dispatch);

/* Set the message of the job's outcome, and return its code. */
int dispatch_outcome(const struct dispatch *dispatch);

#endif
