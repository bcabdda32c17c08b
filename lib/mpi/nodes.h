/*
 * nodes.h - how the workers of a cluster and the CPUs of its nodes go together.
 */
#ifndef SHEAF_MPI_NODES_H
#define SHEAF_MPI_NODES_H

#include "mpi/wire.h"

/* What one rank says of itself. */
struct node {
	unsigned workers;
	unsigned usable; /* CPUs for this process */
	unsigned online; /* CPUs of its node */
	uint64_t name;   /* of the node, as a number */
};

/* Describe this rank. */
void node_describe(struct node *node, sheaf_pool *pool);

/*
 * Find out whether CPUs are left unused, or have too many workers. True: *text says so, in one
 * sentence.
 */
bool nodes_complain(const struct node *nodes, int ranks, char *text, size_t size);

#endif
