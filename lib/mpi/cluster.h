/*
 * cluster.h - what a cluster is to its own functions.
 */
#ifndef SHEAF_MPI_CLUSTER_H
#define SHEAF_MPI_CLUSTER_H

#include "sheaf_mpi.h"

#include "mpi/wire.h"

struct sheaf_cluster {
	struct wire *wire;
	sheaf_pool *pool;
	pid_t pid;         /* of the process that has created it */
	bool started;      /* by sheaf_cluster_start(): it ends MPI and the pool, too */
	uint32_t calls;    /* collective calls so far */
	unsigned *workers; /* of each rank */
	sheaf_cluster_options host;
};

/* Check that this process may use the cluster now. -EINVAL; -EPERM. */
int cluster_check(const sheaf_cluster *cluster, const char *call);

#endif
