/*
 * mpi.c - the stencils of the case steps by processes of MPI, with messages that do not block.
 *
 * sheaf-bench starts one process, which becomes mpiexec, which starts as many ranks as there are
 * workers, each of them this program. Rank 0 measures. Before each run it tells the others what to
 * do, and after it all meet. Each rank owns a range of the points, and before each step it sends
 * the values at the ends of its range to its neighbours on the ring.
 *
 * A rank computes in its own memory, from what has come by message. It leaves its values in the
 * memory of rank 0, which checks them, at the end of a run.
 */
#include "peer.h"

#include "../metg.h"

#include <mpi.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_MESSAGES 4

/* What a rank has for all runs. */
static struct team {
	int rank, ranks;
	size_t width;
	struct busy_item *items; /* in the memory of rank 0, as the results */
	uint64_t *results;
	uint64_t *own; /* results, in this rank's memory */
} team;

/* Of one run, from rank 0 to all. */
struct order {
	uint64_t n; /* 0: there are no more runs */
	uint64_t first;
	uint64_t timed; /* it tells the peak */
};

/* The values at the ends of a rank's range, which are the same if it has one point. */
struct ends {
	uint64_t first, last;
};

static size_t range_begin(int rank)
{
	return team.width * (size_t)rank / (size_t)team.ranks;
}

/* Bring the values of the neighbours into the row of a step. */
static void exchange(uint64_t *row)
{
	int left = (team.rank + team.ranks - 1) % team.ranks, right = (team.rank + 1) % team.ranks;
	size_t begin = range_begin(team.rank), end = range_begin(team.rank + 1);
	struct ends mine = {row[begin], row[end - 1]}, from_left = {0}, from_right = {0};
	MPI_Request requests[MOST_MESSAGES];
	MPI_Status statuses[MOST_MESSAGES];
	int count = 0;

	MPI_Irecv(&from_left, 2, MPI_UINT64_T, left, 0, MPI_COMM_WORLD, &requests[count++]);
	MPI_Isend(&mine, 2, MPI_UINT64_T, right, 0, MPI_COMM_WORLD, &requests[count++]);
	/* Of two ranks, each is both neighbours of the other, and one message is enough. */
	if (left != right) {
		MPI_Irecv(&from_right, 2, MPI_UINT64_T, right, 1, MPI_COMM_WORLD, &requests[count++]);
		MPI_Isend(&mine, 2, MPI_UINT64_T, left, 1, MPI_COMM_WORLD, &requests[count++]);
	}
	MPI_Waitall(count, requests, statuses);
	row[(begin + team.width - 1) % team.width] = from_left.last;
	row[end % team.width] = left != right ? from_right.first : from_left.first;
}

static void work(const struct order *order)
{
	struct metg_run mine = {.fn = order->timed ? busy_timed_task : busy_task,
				.items = team.items + order->first,
				.results = team.own,
				.n = order->n};
	size_t width = team.width, steps = order->n / width, begin = range_begin(team.rank), end = range_begin(team.rank + 1);

	for (size_t step = 0; step < steps; step++) {
		if (step > 0 && team.ranks > 1)
			exchange(&team.own[(step - 1) * width]);
		for (size_t i = begin; i < end; i++)
			metg_point(&mine, width, step, i);
	}
	for (size_t step = 0; step < steps; step++)
		memcpy(&team.results[order->first + step * width + begin], &team.own[step * width + begin],
		       (end - begin) * sizeof(*team.own));
	MPI_Barrier(MPI_COMM_WORLD);
}

/* ---- rank 0 ---- */

static int run(const struct bench_job *job, void *context, const struct metg_run *run)
{
	struct order order = {.n = run->n, .first = (uint64_t)(run->items - team.items), .timed = run->fn == busy_timed_task};

	(void)job;
	(void)context;
	MPI_Bcast(&order, 3, MPI_UINT64_T, 0, MPI_COMM_WORLD);
	work(&order);
	return 0;
}

static int measure(const struct bench_job *all, double *ns)
{
	struct bench_job job = *all;
	struct metg metg = {.tasks = job.n * team.width,
			    .stencil = true,
			    .width = team.width,
			    .run = run,
			    .items = team.items,
			    .results = team.results};

	if (team.ranks != (int)(job.workers < team.width ? job.workers : team.width))
		return bench_skip("MPI gives %d processes", team.ranks);
	job.workers = (unsigned)team.ranks;
	return metg_search(&job, &metg, ns);
}

static const struct peer_case cases[] = {
	{"steps/works-2", measure},
	{"steps/works-8", measure},
	{0},
};

static int measure_and_answer(int argc, char **argv)
{
	const struct peer_case *const tables[] = {cases, NULL};
	struct order none = {0};
	int r = peer_main(argc, argv, tables);

	MPI_Bcast(&none, 3, MPI_UINT64_T, 0, MPI_COMM_WORLD);
	return r;
}

/* ---- all ranks ---- */

static void serve(void)
{
	struct order order;

	for (;;) {
		MPI_Bcast(&order, 3, MPI_UINT64_T, 0, MPI_COMM_WORLD);
		if (!order.n)
			return;
		work(&order);
	}
}

/* Give all ranks the arrays, which rank 0 has. */
static void share(const struct bench_job *job)
{
	size_t room = metg_room(job, job->n * team.width) + team.width;
	MPI_Aint size = (MPI_Aint)(room * (sizeof(*team.items) + sizeof(*team.results)));
	void *base;
	MPI_Win window;
	int unit;

	MPI_Win_allocate_shared(team.rank ? 0 : size, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &base, &window);
	MPI_Win_shared_query(window, 0, &size, &unit, &base);
	team.items = base;
	team.results = (uint64_t *)(team.items + room);
	team.own = calloc(room, sizeof(*team.own));
	if (!team.own)
		MPI_Abort(MPI_COMM_WORLD, 1);
}

/* Become mpiexec, if this process is no rank yet. Returns only if that fails, or it is one. */
static void start_ranks(char **argv, unsigned ranks)
{
	static const char *const signs[] = {"PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK"};
	char count[24];
	char *words[] = {"mpiexec", "-n", count, argv[0], argv[1], argv[2], argv[3], argv[4], argv[5], NULL};

	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++)
		if (getenv(signs[i]))
			return;
	snprintf(count, sizeof(count), "%u", ranks);
	/* Open MPI asks for all of this where root, or more ranks than cores, are wanted. */
	setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
	setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
	setenv("OMPI_MCA_rmaps_base_oversubscribe", "1", 1);
	execvp(words[0], words);
	printf("skip mpiexec: %s\n", strerror(errno));
	exit(0);
}

int main(int argc, char **argv)
{
	struct bench_job job = {.workers = 1};
	int r = 0;

	if (argc == 6) {
		team.width = strcmp(argv[1], "steps/works-8") == 0 ? 8 : 2;
		job.workers = (unsigned)strtoul(argv[2], NULL, 10);
		job.workers = job.workers < team.width ? job.workers : (unsigned)team.width;
		job.n = strtoull(argv[3], NULL, 10);
		start_ranks(argv, job.workers);
	}
	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &team.rank);
	MPI_Comm_size(MPI_COMM_WORLD, &team.ranks);
	share(&job);
	if (team.rank)
		serve();
	else
		r = measure_and_answer(argc, argv);
	MPI_Finalize();
	return r;
}
