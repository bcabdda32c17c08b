/*
 * cluster.c - the life of a cluster.
 *
 * Whatever fails at one rank before the first agreement is carried to it as a code, so that no rank
 * waits for one that has returned.
 */
#include "mpi/cluster.h"

#include "mpi/agree.h"
#include "mpi/nodes.h"
#include "mpi/warn.h"
#include "sheaf_adapter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- create ---- */

/* May this thread call MPI? -EINVAL: no. */
static int check_mpi(const char *call)
{
	int begun = 0, ended = 0, level = 0, main_thread = 0;

	MPI_Initialized(&begun);
	MPI_Finalized(&ended);
	if (!begun || ended)
		return sheaf_message_set(
			-EINVAL, "%s: MPI %s: create the pool, then call MPI_Init_thread(), or use sheaf_cluster_start()", call,
			begun ? "has ended already" : "was not begun");
	MPI_Query_thread(&level);
	MPI_Is_thread_main(&main_thread);
	if (level <= MPI_THREAD_FUNNELED && !main_thread)
		return sheaf_message_set(-EINVAL,
					 "%s: MPI may be used by the thread that has begun it alone: call from there, or "
					 "have it give MPI_THREAD_SERIALIZED",
					 call);
	return 0;
}

/* Can this pool take part? */
static int check_pool(sheaf_pool *pool)
{
	sheaf_pool_info info;
	int r, level;

	if (!pool)
		return sheaf_message_set(-EINVAL, "cluster: pool is NULL");
	if ((r = sheaf_pool_get_info(pool, &info)))
		return r;
	MPI_Query_thread(&level);
	if (level < MPI_THREAD_FUNNELED && !info.supervisor)
		return sheaf_message_set(-EINVAL,
					 "cluster: the workers of the pool are threads, but MPI was begun for a process "
					 "without threads: call MPI_Init_thread() with MPI_THREAD_FUNNELED");
	return 0;
}

static int check_comm(MPI_Comm comm)
{
	int inter = 0;

	if (comm == MPI_COMM_NULL || MPI_Comm_test_inter(comm, &inter) != MPI_SUCCESS || inter)
		return sheaf_message_set(-EINVAL, "cluster: comm is no intracommunicator");
	return 0;
}

static void warn_of_nodes(const sheaf_cluster_options *options, const struct node *nodes, int ranks)
{
	char text[400];

	if (nodes_complain(nodes, ranks, text, sizeof(text)))
		warn_host(options, text);
}

/* Learn of the workers of all ranks. */
static int meet(sheaf_cluster *cluster, struct node *nodes, const sheaf_cluster_options *options)
{
	struct wire *wire = cluster->wire;
	struct node own;
	int r;

	node_describe(&own, cluster->pool);
	if ((r = wire_gather(wire, &own, nodes, sizeof(own))))
		return r;
	for (int rank = 0; rank < wire_ranks(wire); rank++)
		cluster->workers[rank] = nodes[rank].workers;
	if (!wire_rank(wire))
		warn_of_nodes(options, nodes, wire_ranks(wire));
	return 0;
}

static void free_cluster(sheaf_cluster *cluster)
{
	if (cluster)
		free(cluster->workers);
	free(cluster);
}

/* Create a cluster, unless this rank has failed already: @code, with its message. */
static int create_cluster(sheaf_cluster **created, sheaf_pool *pool, MPI_Comm comm, const sheaf_cluster_options *options,
			  int code)
{
	struct wire *wire;
	struct node *nodes = NULL;
	sheaf_cluster *cluster = NULL;
	int r = wire_open(&wire, comm);

	if (r)
		return r;
	cluster = calloc(1, sizeof(*cluster));
	nodes = calloc((size_t)wire_ranks(wire), sizeof(*nodes));
	if (cluster)
		cluster->workers = calloc((size_t)wire_ranks(wire), sizeof(*cluster->workers));
	if (!code && (!cluster || !nodes || !cluster->workers))
		code = sheaf_message_set(-ENOMEM, "cluster: no memory for what it knows of %d ranks", wire_ranks(wire));
	if (!code)
		code = check_pool(pool);
	r = agree(wire, "cluster", NULL, 0, code);
	if (!r) {
		cluster->wire = wire;
		cluster->pool = pool;
		cluster->pid = getpid();
		cluster->host = options ? *options : (sheaf_cluster_options){0};
		r = meet(cluster, nodes, options);
	}
	free(nodes);
	if (r) {
		free_cluster(cluster);
		wire_close(wire);
		return r;
	}
	*created = cluster;
	return 0;
}

int sheaf_cluster_create(sheaf_cluster **cluster, sheaf_pool *pool, MPI_Comm comm, const sheaf_cluster_options *options)
{
	int r = check_mpi("cluster");

	if (r || (r = check_comm(comm)))
		return r;
	if (!cluster)
		return sheaf_message_set(-EINVAL, "cluster: cluster is NULL");
	return create_cluster(cluster, pool, comm, options, 0);
}

int sheaf_cluster_start(sheaf_cluster **cluster, int *argc, char ***argv, const sheaf_pool_options *options)
{
	sheaf_pool *pool = NULL;
	int begun = 0, level, r;

	if (!cluster)
		return sheaf_message_set(-EINVAL, "cluster: cluster is NULL");
	MPI_Initialized(&begun);
	if (begun)
		return sheaf_message_set(-EINVAL, "cluster: MPI runs already, or has ended: use sheaf_cluster_create()");
	/* First the pool, then MPI: see sheaf_mpi.h. */
	r = sheaf_pool_create(&pool, options);
	if (MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &level) != MPI_SUCCESS)
		r = sheaf_message_set(-EIO, "cluster: MPI_Init_thread() has failed");
	else if ((r = create_cluster(cluster, pool, MPI_COMM_WORLD, NULL, r)))
		MPI_Finalize();
	if (r)
		sheaf_pool_destroy(pool);
	else
		(*cluster)->started = true;
	return r;
}

/* ---- use ---- */

int cluster_check(const sheaf_cluster *cluster, const char *call)
{
	if (!cluster)
		return sheaf_message_set(-EINVAL, "%s: cluster is NULL", call);
	if (cluster->pid != getpid())
		return sheaf_message_set(-EPERM, "%s: the cluster is that of process %ld: a forked child cannot use it", call,
					 (long)cluster->pid);
	return check_mpi(call);
}

sheaf_pool *sheaf_cluster_pool(sheaf_cluster *cluster)
{
	return cluster ? cluster->pool : NULL;
}

int sheaf_cluster_rank(const sheaf_cluster *cluster)
{
	return cluster ? wire_rank(cluster->wire) : -EINVAL;
}

int sheaf_cluster_ranks(const sheaf_cluster *cluster)
{
	return cluster ? wire_living(cluster->wire) : 0;
}

bool sheaf_cluster_survives(const sheaf_cluster *cluster)
{
	return cluster && wire_is_tolerant(cluster->wire);
}

unsigned sheaf_cluster_workers(const sheaf_cluster *cluster)
{
	unsigned workers = 0;

	for (int rank = 0; cluster && rank < wire_ranks(cluster->wire); rank++)
		if (wire_meets(cluster->wire, rank))
			workers += cluster->workers[rank];
	return workers;
}

/* ---- destroy ---- */

void sheaf_cluster_destroy(sheaf_cluster *cluster)
{
	bool ours = cluster && cluster->pid == getpid(), started;
	sheaf_pool *pool;
	int ended = 0;

	if (!cluster)
		return;
	pool = cluster->pool;
	started = cluster->started;
	MPI_Finalized(&ended);
	if (ours && !ended) {
		wire_meet(cluster->wire); /* asleep, where MPI_Comm_free() would not be */
		wire_drop(cluster->wire);
		wire_close(cluster->wire);
	}
	free_cluster(cluster);
	if (!started)
		return;
	sheaf_pool_destroy(pool);
	if (ours && !ended)
		MPI_Finalize();
}
