/*
 * cluster.c - what a cluster costs, and what programs cost that use MPI themselves.
 *
 * sheaf-bench starts one process, which becomes mpiexec, which starts the ranks of the case. Rank 0
 * measures. Cases on claims take the root and a rank apart: rank 1 asks for chunks without a pool,
 * and both look without a sleep, as they do while they have something to do.
 */
#define _GNU_SOURCE
#include "peer.h"

#include "mpi/dispatch.h"
#include "sheaf_mpi.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define ITEM_NS 1000000 /* of the maps */
#define RESULT ((size_t)8192)

static int rank, ranks;
static sheaf_pool *pool;
static sheaf_cluster *cluster;

/* ---- claims ---- */

static int compare_times(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* At rank 1: ask, wait for the grant, say that it is done, which asks for the next. */
static int claim_chunks(struct wire *wire, size_t n, unsigned hands, uint64_t *times)
{
	struct packet packet = {.kind = PACKET_CLAIM, .job = 1};
	struct arrival arrival;
	uint64_t begin = 0, now;
	int r = 0;

	for (unsigned h = 0; h < hands; h++)
		while ((r = wire_send(wire, 0, &packet, NULL)) == 0)
			;
	for (size_t taken = 0; taken < n && r >= 0;) {
		if ((r = wire_look(wire, &arrival)) <= 0)
			continue;
		packet = (struct packet){.kind = PACKET_DONE,
					 .job = 1,
					 .begin = arrival.packet->begin,
					 .end = arrival.packet->end,
					 .last = taken + hands < n ? LAST_CLAIMS : LAST_IS};
		wire_release(wire);
		now = sheaf_now_ns();
		times[taken++] = now - begin;
		begin = now;
		while ((r = wire_send(wire, 0, &packet, NULL)) == 0)
			;
	}
	/* Until the root says that it is over. */
	for (bool over = false; !over && r >= 0;)
		if ((r = wire_look(wire, &arrival)) > 0) {
			over = arrival.packet->kind == PACKET_FINISH;
			wire_release(wire);
		}
	return r;
}

static int serve_chunks(struct wire *wire, size_t n)
{
	const struct job job = {.kind = JOB_FOR, .number = 1, .call = "bench", .n = n, .most = 1, .root = true};
	const unsigned workers[2] = {1, 1};
	struct dispatch *dispatch;
	struct arrival arrival;
	int r = dispatch_open(&dispatch, &job, wire, workers);

	while (r >= 0 && !dispatch_is_over(dispatch)) {
		while ((r = wire_look(wire, &arrival)) > 0) {
			r = dispatch_take(dispatch, arrival.from, arrival.packet, arrival.bytes);
			wire_release(wire);
		}
		if (r >= 0)
			r = dispatch_step(dispatch);
	}
	dispatch_close(dispatch);
	return r;
}

/* The median time from one grant to the next, with one claim on its way, or with two. */
static int measure_claims(const struct bench_job *job, double *ns)
{
	unsigned hands = strstr(job->name, "served") ? 2 : 1;
	uint64_t *times = calloc(job->n, sizeof(*times)), answer = 0;
	struct wire *wire = NULL;
	int r = wire_open(&wire, MPI_COMM_WORLD);

	if (!r)
		r = rank ? claim_chunks(wire, job->n, hands, times) : serve_chunks(wire, job->n);
	if (r >= 0 && rank) {
		qsort(times, job->n, sizeof(*times), compare_times);
		answer = times[job->n / 2];
	}
	MPI_Bcast(&answer, 1, MPI_UINT64_T, 1, MPI_COMM_WORLD);
	*ns = (double)answer;
	free(times);
	if (wire)
		wire_close(wire);
	return r < 0 ? bench_sheaf_failed("a claim", r) : 0;
}

/* ---- maps ---- */

static int spend(sheaf_task *task, const void *arg, void *result)
{
	struct timespec now;
	uint64_t begin, spent;

	(void)arg;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	begin = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	do {
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
		spent = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec - begin;
	} while (spent < ITEM_NS);
	*(uint64_t *)result = bench_expected(task ? sheaf_task_position(task) : *(const uint64_t *)arg);
	return 0;
}

static int check_all(const uint64_t *out, size_t n)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = bench_check(i, i, out[i]);
	return r;
}

static int measure_map(const struct bench_job *job, double *ns)
{
	void *out;
	int r = sheaf_alloc_array(pool, job->n, 8, &out);
	uint64_t begin = sheaf_now_ns();

	if (r == 0)
		r = sheaf_cluster_map(cluster, spend, NULL, 0, out, 8, job->n, NULL);
	*ns = (double)(sheaf_now_ns() - begin) / (double)job->n;
	if (r < 0)
		return bench_sheaf_failed("sheaf_cluster_map", r);
	return rank ? 0 : check_all(out, job->n);
}

/* What a rank's owner computes while its workers do: nanoseconds of a second. */
static int measure_owner(const struct bench_job *job, double *ns)
{
	struct rusage before, after;
	uint64_t begin = sheaf_now_ns(), own, most = 0;
	double map_ns;
	int r;

	getrusage(RUSAGE_SELF, &before);
	r = measure_map(job, &map_ns);
	getrusage(RUSAGE_SELF, &after);
	own = (uint64_t)(after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_stime.tv_sec) *
		      1000000 +
	      (uint64_t)(after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec - before.ru_stime.tv_usec);
	own = own * 1000 * 1000000000u / (sheaf_now_ns() - begin);
	MPI_Allreduce(&own, &most, 1, MPI_UINT64_T, MPI_MAX, MPI_COMM_WORLD);
	*ns = (double)most;
	return r;
}

/* Rank 0 hands items out, one by one, as a program does it that needs no library. */
static int measure_master(const struct bench_job *job, double *ns)
{
	uint64_t *out = calloc(job->n, 8), position, begin = sheaf_now_ns(), pair[2];
	size_t given = 0, done = 0;
	MPI_Status status;

	if (rank) {
		pair[0] = UINT64_MAX;
		for (;;) {
			MPI_Send(pair, 2, MPI_UINT64_T, 0, 1, MPI_COMM_WORLD);
			MPI_Recv(&position, 1, MPI_UINT64_T, 0, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
			if (position == UINT64_MAX)
				break;
			pair[0] = position;
			spend(NULL, &position, &pair[1]);
		}
		free(out);
		return 0;
	}
	for (int working = ranks - 1; working;) {
		MPI_Recv(pair, 2, MPI_UINT64_T, MPI_ANY_SOURCE, 1, MPI_COMM_WORLD, &status);
		if (pair[0] != UINT64_MAX) {
			out[pair[0]] = pair[1];
			done++;
		}
		position = given < job->n ? given++ : UINT64_MAX;
		working -= position == UINT64_MAX;
		MPI_Send(&position, 1, MPI_UINT64_T, status.MPI_SOURCE, 1, MPI_COMM_WORLD);
	}
	*ns = (double)(sheaf_now_ns() - begin) / (double)job->n;
	given = (size_t)(done == job->n ? check_all(out, done) : bench_fail("%zu of %zu results", done, job->n));
	free(out);
	return (int)given;
}

/* ---- results ---- */

static int copy_result(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	memset(result, (int)sheaf_task_position(task), RESULT);
	return 0;
}

/* Results of 8 KiB to the root, of tasks that only write them. */
static int measure_results(const struct bench_job *job, double *ns)
{
	void *out = NULL;
	int r = rank ? 0 : sheaf_alloc_array(pool, job->n, RESULT, &out);
	uint64_t begin;

	for (unsigned round = 0; r == 0 && round < 2; round++) {
		MPI_Barrier(MPI_COMM_WORLD);
		begin = sheaf_now_ns();
		r = sheaf_cluster_map(cluster, copy_result, NULL, 0, out, RESULT, job->n, NULL);
		*ns = (double)(sheaf_now_ns() - begin) / (double)job->n;
	}
	for (size_t i = 0; r == 0 && !rank && i < job->n; i++)
		if (((unsigned char *)out)[(i + 1) * RESULT - 1] != (unsigned char)i)
			return bench_fail("the result of position %zu is wrong", i);
	return r < 0 ? bench_sheaf_failed("sheaf_cluster_map", r) : 0;
}

/* The same bytes, written by each rank's own process, and collected by one call. */
static int measure_gatherv(const struct bench_job *job, double *ns)
{
	size_t share = job->n / (size_t)ranks, own = rank == ranks - 1 ? job->n - share * (size_t)(ranks - 1) : share;
	unsigned char *mine = malloc(own * RESULT), *all = rank ? NULL : malloc(job->n * RESULT);
	int counts[16], places[16];
	MPI_Datatype item;

	MPI_Type_contiguous((int)RESULT, MPI_BYTE, &item);
	MPI_Type_commit(&item);
	for (int i = 0; i < ranks; i++) {
		counts[i] = (int)(i == ranks - 1 ? job->n - share * (size_t)(ranks - 1) : share);
		places[i] = (int)(share * (size_t)i);
	}
	for (unsigned round = 0; round < 2; round++) {
		uint64_t begin;

		MPI_Barrier(MPI_COMM_WORLD);
		begin = sheaf_now_ns();
		for (size_t i = 0; i < own; i++)
			memset(mine + i * RESULT, (int)(share * (size_t)rank + i), RESULT);
		MPI_Gatherv(mine, (int)own, item, all, counts, places, item, 0, MPI_COMM_WORLD);
		*ns = (double)(sheaf_now_ns() - begin) / (double)job->n;
	}
	MPI_Type_free(&item);
	for (size_t i = 0; !rank && i < job->n; i++)
		if (all[(i + 1) * RESULT - 1] != (unsigned char)i)
			return bench_fail("the result of position %zu is wrong", i);
	free(mine);
	free(all);
	return 0;
}

/* ---- the program ---- */

/* How many ranks a case has, and of how many workers. */
static const struct setting {
	const char *name;
	unsigned ranks, workers; /* 0 workers: no pool */
	bench_measure_fn *measure;
} settings[] = {
	{"cluster/claim", 2, 0, measure_claims},        {"cluster/claim-tcp", 2, 0, measure_claims},
	{"cluster/served", 2, 0, measure_claims},       {"cluster/served-tcp", 2, 0, measure_claims},
	{"cluster/ranks", 2, 1, measure_map},           {"cluster/ranks:one", 1, 2, measure_map},
	{"cluster/ranks:master", 3, 0, measure_master}, {"cluster/owner", 2, 1, measure_owner},
	{"cluster/results", 2, 1, measure_results},     {"cluster/results:gatherv", 2, 0, measure_gatherv},
};

static const struct setting *find_setting(const char *name)
{
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (strcmp(settings[i].name, name) == 0)
			return &settings[i];
	return NULL;
}

/* Become mpiexec, if this process is no rank yet. Returns only if that fails, or it is one. */
static void become_ranks(char **argv, const struct setting *setting)
{
	static const char *const signs[] = {"PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK"};
	char count[24];
	char *words[] = {"mpiexec", "-n", count, argv[0], argv[1], argv[2], argv[3], argv[4], argv[5], NULL};

	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++)
		if (getenv(signs[i]))
			return;
	snprintf(count, sizeof(count), "%u", setting->ranks);
	/* Open MPI asks for all of this where root, or more ranks than cores, are wanted. */
	setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
	setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
	setenv("OMPI_MCA_rmaps_base_oversubscribe", "1", 1);
	setenv("OMPI_MCA_hwloc_base_binding_policy", "none", 1);
	if (strstr(setting->name, "-tcp")) {
		setenv("OMPI_MCA_pml", "ob1", 1);
		setenv("OMPI_MCA_btl", "tcp,self", 1);
	}
	execvp(words[0], words);
	printf("skip mpiexec: %s\n", strerror(errno));
	exit(0);
}

static void be_silent(void *context, const char *text)
{
	(void)context;
	(void)text;
}

static const struct setting *chosen;

static int measure(const struct bench_job *job, double *ns)
{
	return chosen->measure(job, ns);
}

static void measure_or_help(int argc, char **argv)
{
	const struct peer_case cases[] = {{chosen->name, measure}, {0}};
	const struct peer_case *const tables[] = {cases, NULL};
	struct bench_job job = {.name = argv[1], .n = strtoull(argv[3], NULL, 10)};
	double ns;

	if (!rank)
		peer_main(argc, argv, tables);
	else
		chosen->measure(&job, &ns);
}

int main(int argc, char **argv)
{
	static const struct peer_case none[] = {{0}};
	const struct peer_case *const tables[] = {none, NULL};
	int r = 0;

	chosen = argc == 6 ? find_setting(argv[1]) : NULL;
	if (!chosen)
		return peer_main(argc, argv, tables);
	become_ranks(argv, chosen);
	if (chosen->workers)
		r = sheaf_pool_create(&pool, &(sheaf_pool_options){.workers = chosen->workers});
	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &ranks);
	if (chosen->workers && !r)
		r = sheaf_cluster_create(&cluster, pool, MPI_COMM_WORLD, &(sheaf_cluster_options){.warn = be_silent});
	if (r) {
		printf("fail sheaf_cluster_create: %s\n", sheaf_message());
		fflush(stdout);
		MPI_Abort(MPI_COMM_WORLD, 1);
	}
	measure_or_help(argc, argv);
	fflush(stdout);
	sheaf_cluster_destroy(cluster);
	sheaf_pool_destroy(pool);
	MPI_Finalize();
	return 0;
}
