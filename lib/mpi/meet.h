/*
 * meet.h - what all ranks do together: they wait for each other, compare, gather and broadcast.
 *
 * Members of a meeting are the ranks that live. If one dies while they meet, the others notice it
 * together, and meet again without it: a call here succeeds at all of them, or at none.
 */
#ifndef SHEAF_MPI_MEET_H
#define SHEAF_MPI_MEET_H

#include <mpi.h>

#include "sheaf.h"

struct meeting {
	MPI_Comm comm;         /* of the members alone */
	MPI_Comm all;          /* of all ranks there were, whose numbers do not change */
	bool tolerant;         /* members may die */
	int ranks;             /* of @all */
	int count;             /* members */
	int *members;          /* their numbers in @all, in ascending order */
	unsigned char *bounce; /* a buffer that MPI has allocated */
};

/* Begin with all ranks of @all as members. Collective even without memory. -ENOMEM; -EIO. */
int meeting_open(struct meeting *meeting, MPI_Comm all);
void meeting_close(struct meeting *meeting);

/*
 * Tell how many bytes may be sent at once. Where ranks may die, no more than MPI sends without an
 * answer of the receiver, who would wait for the rest when the sender dies.
 */
size_t meeting_piece(const struct meeting *meeting);

/* Is this rank a member? */
bool meeting_has(const struct meeting *meeting, int rank);

/* What wire.h promises. All sleep while they wait. */
int meeting_wait(struct meeting *meeting);
int meeting_lowest(struct meeting *meeting, const uint64_t *values, uint64_t *lowest, int count);
int meeting_gather(struct meeting *meeting, const void *bytes, void *all, size_t size);
int meeting_broadcast(struct meeting *meeting, void *bytes, size_t size, int from);

#endif
