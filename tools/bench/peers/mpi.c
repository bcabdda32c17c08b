/*
 * mpi.c - the cases by Open MPI: rank 0 asks, the others work. See peer_mpi() for how many they are.
 *
 * Separate tasks are a message each, and so are their results; each worker has some tasks ahead, so that it never waits. A
 * fan-out is a broadcast, and its end a gather.
 */
#include "peer.h"

#include <mpi.h>

#include <stdlib.h>
#include <string.h>

#define AHEAD 64 /* tasks on their way to and from one worker */
#define STOP UINT64_MAX

/* Fewer tasks tell as much. */
#define MOST_TASKS 100000

enum { POSITION, VALUE, WORDS };

static int ranks; /* rank 0 among them */

/* ---- the workers ---- */

static void work_on_messages(void)
{
	uint64_t message[WORDS], result;

	for (;;) {
		MPI_Recv(message, WORDS, MPI_UINT64_T, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
		if (message[POSITION] == STOP)
			return;
		bench_task(NULL, &message[VALUE], &result);
		message[VALUE] = result;
		MPI_Send(message, WORDS, MPI_UINT64_T, 0, 0, MPI_COMM_WORLD);
	}
}

static void work_on_broadcasts(void)
{
	uint64_t argument, result;

	for (;;) {
		MPI_Bcast(&argument, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
		if (argument == STOP)
			return;
		bench_task(NULL, &argument, &result);
		MPI_Gather(&result, 1, MPI_UINT64_T, NULL, 0, MPI_UINT64_T, 0, MPI_COMM_WORLD);
	}
}

/* ---- separate tasks ---- */

static void send_task(int worker, uint64_t position, uint64_t value)
{
	uint64_t message[WORDS] = {position, value};

	MPI_Send(message, WORDS, MPI_UINT64_T, worker, 0, MPI_COMM_WORLD);
}

/* Return: which worker it came from. */
static int take_result(uint64_t *results)
{
	uint64_t message[WORDS];
	MPI_Status status;

	MPI_Recv(message, WORDS, MPI_UINT64_T, MPI_ANY_SOURCE, 0, MPI_COMM_WORLD, &status);
	results[message[POSITION]] = message[VALUE];
	return status.MPI_SOURCE;
}

static void ask_all(uint64_t *results, size_t n)
{
	size_t sent = 0;

	for (int i = 0; i < AHEAD; i++)
		for (int worker = 1; worker < ranks && sent < n; worker++, sent++)
			send_task(worker, sent, sent);
	for (size_t received = 0; received < n; received++) {
		int worker = take_result(results);

		if (sent < n) {
			send_task(worker, sent, sent);
			sent++;
		}
	}
}

static int run_tasks(const struct bench_job *job, void *context, uint64_t *ns)
{
	uint64_t *results = context, start;
	int r = 0;

	memset(results, 0, job->n * sizeof(*results));
	start = sheaf_now_ns();
	ask_all(results, job->n);
	*ns = sheaf_now_ns() - start;
	for (size_t i = 0; r == 0 && i < job->n; i++)
		r = bench_check(i, i, results[i]);
	return r;
}

static int measure_tasks(const struct bench_job *job, double *ns)
{
	struct bench_job fewer = *job;
	uint64_t *results;
	int r;

	fewer.n = job->n < MOST_TASKS ? job->n : MOST_TASKS;
	results = malloc(fewer.n * sizeof(*results));
	if (!results)
		return bench_fail("no memory for %zu results", fewer.n);
	r = bench_repeat(&fewer, run_tasks, results, ns);
	free(results);
	return r;
}

static int run_apply(const struct bench_job *job, void *context, uint64_t *ns)
{
	uint64_t result = 0, start;

	(void)job;
	(void)context;
	bench_idle();
	start = sheaf_now_ns();
	send_task(1, 0, 7);
	take_result(&result);
	*ns = sheaf_now_ns() - start;
	return bench_check(0, 7, result);
}

static int measure_apply_idle(const struct bench_job *job, double *ns)
{
	return bench_repeat(job, run_apply, NULL, ns);
}

/* ---- fan-out and fan-in ---- */

/* The caller is one of the team. */
static int run_fork_join(const struct bench_job *job, void *context, uint64_t *ns)
{
	uint64_t *results = context, start = sheaf_now_ns();
	int r = 0;

	for (uint64_t i = 0; r == 0 && i < job->n; i++) {
		uint64_t argument = i, result;

		MPI_Bcast(&argument, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
		bench_task(NULL, &argument, &result);
		MPI_Gather(&result, 1, MPI_UINT64_T, results, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
		for (int j = 0; r == 0 && j < ranks; j++)
			r = bench_check((size_t)j, i, results[j]);
	}
	*ns = sheaf_now_ns() - start;
	return r;
}

static int measure_fork_join(const struct bench_job *job, double *ns)
{
	uint64_t *results = malloc((size_t)ranks * sizeof(*results));
	int r;

	if (!results)
		return bench_fail("no memory for %d results", ranks);
	r = bench_repeat(job, run_fork_join, results, ns);
	free(results);
	return r;
}

/* ---- the program ---- */

static void stop(bool broadcasts)
{
	uint64_t word = STOP;

	if (broadcasts)
		MPI_Bcast(&word, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
	else
		for (int worker = 1; worker < ranks; worker++)
			send_task(worker, STOP, 0);
}

static const struct peer_case mpi_cases[] = {
	{"submit-gather", measure_tasks},
	{"stream", measure_tasks},
	{"apply-idle", measure_apply_idle},
	{"fork-join-hot", measure_fork_join},
	{0},
};

int main(int argc, char **argv)
{
	static const struct peer_case *const tables[] = {mpi_cases, NULL};
	bool broadcasts = argc > 1 && strcmp(argv[1], "fork-join-hot") == 0;
	int rank, r = 0;

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &ranks);
	if (rank == 0) {
		r = peer_main(argc, argv, tables);
		stop(broadcasts);
	} else if (broadcasts) {
		work_on_broadcasts();
	} else {
		work_on_messages();
	}
	MPI_Finalize();
	return r;
}
