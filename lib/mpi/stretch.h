/*
 * stretch.h - a list of ranges in ascending order, as long as chunks come.
 */
#ifndef SHEAF_MPI_STRETCH_H
#define SHEAF_MPI_STRETCH_H

#include "sheaf_mpi.h"

struct stretches {
	sheaf_cluster_range *list;
	size_t count, room;
};

/* Enter a range that has nothing in common with the others. False: no memory. */
bool stretch_add(struct stretches *stretches, uint64_t begin, uint64_t end);

/* Hand the list over. */
void stretch_give(struct stretches *stretches, sheaf_cluster_range **list, size_t *count);

#endif
