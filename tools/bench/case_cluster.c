/*
 * case_cluster.c - cluster: claims between ranks, maps by ranks beside maps by workers, and results
 * on their way to the root.
 *
 * All of it is measured by the ranks of an MPI job, so Sheaf's program is one like those of peers:
 * peers/cluster.c.
 */
#include "peers.h"

#define OURS(label, what, how)                                                                                   \
	{                                                                                                        \
		.name = (label), .kind = (what), .measure = peer_measure, .program = "cluster", .variant = (how) \
	}
#define CLUSTER OURS("Sheaf", BENCH_SHEAF, NULL)
#define ONE_RANK "one rank"
#define MASTER "master/worker"
#define GATHERV "MPI_Gatherv"
#define MPI4PY "mpi4py.futures"

#define CLAIMS(variant, limit, text)                                                                                          \
	{                                                                                                                     \
		.name = "cluster/" variant, .unit = "us", .unit_ns = 1e3, .what = (text), .full = {.n = 20000, .repeats = 1}, \
		.quick = {.n = 100, .repeats = 1}, .contenders = {CLUSTER}, .bounds = {{.most = (limit)}},                    \
	}

const struct bench_case cases_cluster[] = {
	CLAIMS("claim", 2, "a claim of a chunk by another rank, both awake, median: shared memory"),
	CLAIMS("claim-tcp", 25, "the same over TCP"),
	CLAIMS("served", 5, "from one grant to the next while two claims are on their way, median: shared memory"),
	CLAIMS("served-tcp", 40, "the same over TCP"),
	{
		.name = "cluster/ranks",
		.unit = "us",
		.unit_ns = 1e3,
		.what = "an item of 1 ms, by two ranks with a worker each; by one with two; by a master and two workers",
		.full = {.n = 2000, .repeats = 1},
		.quick = {.n = 20, .repeats = 1},
		.contenders = {CLUSTER,
			       OURS(ONE_RANK, BENCH_VARIANT, "one"),
			       OURS(MASTER, BENCH_PEER, "master"),
			       {.name = MPI4PY, .kind = BENCH_PEER, .measure = peer_measure, .program = "ranks.py"}},
		.bounds = {{.most = 1.053, .of = {ONE_RANK}}, {.most = 1.03, .of = {MASTER}}, {.most = 1, .of = {MPI4PY}}},
	},
	{
		.name = "cluster/owner",
		.unit = "%",
		.unit_ns = 1e7,
		.what = "what the owner of a rank computes while workers do, of one CPU",
		.full = {.n = 20000, .repeats = 1},
		.quick = {.n = 20, .repeats = 1},
		.contenders = {CLUSTER},
		.bounds = {{.most = 2}},
	},
	{
		.name = "cluster/results",
		.unit = "us",
		.unit_ns = 1e3,
		.what = "a result of 8 KiB to the root, of two ranks with a worker each",
		.full = {.n = 20000, .repeats = 1},
		.quick = {.n = 200, .repeats = 1},
		.contenders = {CLUSTER, OURS(GATHERV, BENCH_PEER, "gatherv")},
		.bounds = {{.most = 1.25, .of = {GATHERV}}},
	},
	{0},
};
