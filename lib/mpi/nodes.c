/*
 * nodes.c - describes the ranks, and notices how mpirun has bound them.
 *
 * mpirun binds each of one or two ranks to one core. Then sheaf_usable_cpus() is 1, and a pool with
 * the default options has one worker, however many CPUs the node has.
 */
#include "mpi/nodes.h"

#include "mpi/agree.h"

#include <stdio.h>
#include <unistd.h>

void node_describe(struct node *node, sheaf_pool *pool)
{
	char name[MPI_MAX_PROCESSOR_NAME + 1] = "";
	sheaf_pool_info info;
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	int length;

	MPI_Get_processor_name(name, &length);
	*node = (struct node){
		.usable = sheaf_usable_cpus(),
		.online = online > 0 ? (unsigned)online : 1,
		.name = agree_text(name),
	};
	if (pool && !sheaf_pool_get_info(pool, &info))
		node->workers = info.workers;
}

bool nodes_complain(const struct node *nodes, int ranks, char *text, size_t size)
{
	for (int r = 0; r < ranks; r++) {
		unsigned workers = 0;
		int here = 0;

		for (int other = 0; other < ranks; other++)
			if (nodes[other].name == nodes[r].name) {
				workers += nodes[other].workers;
				here++;
			}
		if (here == 1 && nodes[r].usable < nodes[r].online && nodes[r].workers < nodes[r].online) {
			snprintf(text, size,
				 "rank %d may use %u of the %u CPUs of its node, and has %u worker%s: start one rank per node "
				 "with all CPUs, by mpirun --map-by ppr:1:node --bind-to none, or by srun -c",
				 r, nodes[r].usable, nodes[r].online, nodes[r].workers, nodes[r].workers == 1 ? "" : "s");
			return true;
		}
		if (here > 1 && workers > nodes[r].online) {
			snprintf(text, size,
				 "%d ranks on the node of rank %d have %u workers together, and it has %u CPUs: start one rank "
				 "per node, by mpirun --map-by ppr:1:node --bind-to none, or by srun --ntasks-per-node=1",
				 here, r, workers, nodes[r].online);
			return true;
		}
	}
	return false;
}
