/*
 * pipes.c - a pool as people write it by hand: forked workers, a pipe that brings them tasks, and another for the replies.
 *
 * A task is one message, and its reply another. All messages have one size, far below PIPE_BUF, so none is torn: all workers
 * read the same pipe, and whoever is free takes the next. WINDOW of them may be under way, so that nobody waits for a single
 * one. Two pipes hold more than that, so the owner and the workers never wait for each other to read.
 */
#include "peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WINDOW 1024
#define STOP UINT64_MAX

/* A message takes more than a microsecond: fewer tasks tell as much. */
#define MOST_TASKS 100000

struct message {
	uint64_t position, value;
};

struct pool {
	int tasks, replies; /* the owner's ends */
	unsigned workers;
	pid_t *pids;
};

/* ---- messages ---- */

static int say(int pipe_end, uint64_t position, uint64_t value)
{
	struct message message = {position, value};
	ssize_t size = write(pipe_end, &message, sizeof(message));

	return size == sizeof(message) ? 0 : bench_fail("write to a pipe: %s", size < 0 ? strerror(errno) : "cut short");
}

/* Return: how many messages there were, from 1 to @most, or as bench_fail(). */
static int hear(int pipe_end, struct message *messages, size_t most)
{
	ssize_t size = read(pipe_end, messages, most * sizeof(*messages));

	if (size > 0 && (size_t)size % sizeof(*messages) == 0)
		return (int)((size_t)size / sizeof(*messages));
	return bench_fail("read from a pipe: %s", size < 0 ? strerror(errno) : "its other end was closed");
}

/* ---- the pool ---- */

static _Noreturn void be_worker(int tasks, int replies)
{
	struct message task;
	uint64_t result;

	while (hear(tasks, &task, 1) == 1 && task.position != STOP) {
		bench_task(NULL, &task.value, &result);
		if (say(replies, task.position, result) != 0)
			break;
	}
	_exit(0);
}

static void stop(struct pool *pool)
{
	for (unsigned i = 0; i < pool->workers; i++)
		say(pool->tasks, STOP, 0);
	close(pool->tasks);
	close(pool->replies);
	for (unsigned i = 0; i < pool->workers; i++)
		waitpid(pool->pids[i], NULL, 0);
	free(pool->pids);
}

static int start(struct pool *pool, unsigned workers)
{
	int tasks[2], replies[2], r = 0;

	*pool = (struct pool){.pids = malloc(workers * sizeof(*pool->pids))};
	if (!pool->pids)
		return bench_fail("no memory for %u process ids", workers);
	if (pipe(tasks) != 0) {
		r = bench_fail("pipe: %s", strerror(errno));
		goto free;
	}
	if (pipe(replies) != 0) {
		r = bench_fail("pipe: %s", strerror(errno));
		close(tasks[0]);
		close(tasks[1]);
		goto free;
	}
	pool->tasks = tasks[1];
	pool->replies = replies[0];
	for (; r == 0 && pool->workers < workers; pool->workers++) {
		pid_t pid = fork();

		if (pid == 0) {
			close(tasks[1]);
			close(replies[0]);
			be_worker(tasks[0], replies[1]);
		}
		if (pid < 0) {
			r = bench_fail("fork: %s", strerror(errno));
			break;
		}
		pool->pids[pool->workers] = pid;
	}
	close(tasks[0]);
	close(replies[1]);
	if (r != 0)
		stop(pool);
	return r;
free:
	free(pool->pids);
	return r;
}

static int ask_one(const struct pool *pool, uint64_t argument)
{
	struct message reply;
	int r = say(pool->tasks, 0, argument);

	if (r == 0 && (r = hear(pool->replies, &reply, 1)) == 1)
		r = bench_check(0, argument, reply.value);
	return r;
}

/* ---- separate tasks ---- */

struct tasks {
	struct pool pool;
	uint64_t *results;
};

static int ask_all(const struct pool *pool, uint64_t *results, size_t n)
{
	struct message replies[WINDOW];
	size_t sent = 0, received = 0;

	while (received < n) {
		int got;

		for (; sent < n && sent - received < WINDOW; sent++)
			if (say(pool->tasks, sent, sent) != 0)
				return -1;
		got = hear(pool->replies, replies, WINDOW);
		if (got < 0)
			return got;
		received += (size_t)got;
		for (int i = 0; i < got; i++) {
			if (replies[i].position >= n)
				return bench_fail("a reply for position %zu", (size_t)replies[i].position);
			results[replies[i].position] = replies[i].value;
		}
	}
	return 0;
}

static int run_tasks(const struct bench_job *job, void *context, uint64_t *ns)
{
	struct tasks *tasks = context;
	uint64_t start;
	int r;

	memset(tasks->results, 0, job->n * sizeof(*tasks->results));
	start = sheaf_now_ns();
	r = ask_all(&tasks->pool, tasks->results, job->n);
	*ns = sheaf_now_ns() - start;
	for (size_t i = 0; r == 0 && i < job->n; i++)
		r = bench_check(i, i, tasks->results[i]);
	return r;
}

static int measure_tasks_by(const struct bench_job *job, unsigned workers, double *ns)
{
	struct bench_job fewer = *job;
	struct tasks tasks;
	int r;

	fewer.n = job->n < MOST_TASKS ? job->n : MOST_TASKS;
	tasks.results = malloc(fewer.n * sizeof(*tasks.results));
	if (!tasks.results)
		return bench_fail("no memory for %zu results", fewer.n);
	r = start(&tasks.pool, workers);
	if (r == 0) {
		r = bench_repeat(&fewer, run_tasks, &tasks, ns);
		stop(&tasks.pool);
	}
	free(tasks.results);
	return r;
}

static int measure_tasks(const struct bench_job *job, double *ns)
{
	return measure_tasks_by(job, job->workers, ns);
}

/* With a single worker the replies come in order: taking them as they come is a stream. */
static int measure_stream(const struct bench_job *job, double *ns)
{
	return measure_tasks_by(job, 1, ns);
}

/* ---- one task ---- */

static int run_apply(const struct bench_job *job, void *context, uint64_t *ns)
{
	uint64_t start;
	int r;

	(void)job;
	bench_idle();
	start = sheaf_now_ns();
	r = ask_one(context, 7);
	*ns = sheaf_now_ns() - start;
	return r;
}

static int measure_apply_idle(const struct bench_job *job, double *ns)
{
	struct pool pool;
	int r = start(&pool, job->workers);

	if (r == 0) {
		r = bench_repeat(job, run_apply, &pool, ns);
		stop(&pool);
	}
	return r;
}

static int run_create(const struct bench_job *job, void *context, uint64_t *ns)
{
	uint64_t begin = sheaf_now_ns();
	struct pool pool;
	int r = start(&pool, job->workers);

	(void)context;
	if (r == 0) {
		r = ask_one(&pool, 7);
		stop(&pool);
	}
	*ns = sheaf_now_ns() - begin;
	return r;
}

static int measure_create(const struct bench_job *job, double *ns)
{
	return bench_repeat(job, run_create, NULL, ns);
}

static int measure_create_beside_memory(const struct bench_job *job, double *ns)
{
	size_t size = (size_t)(job->quick ? 16 : 1024) << 20;
	void *memory = malloc(size);
	int r;

	if (!memory)
		return bench_skip("no memory for %zu bytes", size);
	memset(memory, 1, size);
	r = measure_create(job, ns);
	free(memory);
	return r;
}

/* ---- fan-out and fan-in ---- */

/* Pools of one worker each: its own pipe brings each of them its message. */
struct team {
	struct pool *pools;
	unsigned size;
};

static int fork_and_join(const struct team *team, uint64_t argument)
{
	struct message reply;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < team->size; i++)
		r = say(team->pools[i].tasks, i, argument);
	for (unsigned i = 0; r == 0 && i < team->size; i++)
		if ((r = hear(team->pools[i].replies, &reply, 1)) == 1)
			r = bench_check(i, argument, reply.value);
	return r;
}

static int run_hot(const struct bench_job *job, void *context, uint64_t *ns)
{
	uint64_t start = sheaf_now_ns();
	int r = 0;

	for (size_t i = 0; r == 0 && i < job->n; i++)
		r = fork_and_join(context, i);
	*ns = sheaf_now_ns() - start;
	return r;
}

static int run_parked(const struct bench_job *job, void *context, uint64_t *ns)
{
	uint64_t start;
	int r;

	(void)job;
	bench_idle();
	start = sheaf_now_ns();
	r = fork_and_join(context, 7);
	*ns = sheaf_now_ns() - start;
	return r;
}

static int measure_team(const struct bench_job *job, unsigned size, bench_run_fn *run, double *ns)
{
	struct team team = {.pools = malloc(size * sizeof(*team.pools))};
	int r = 0;

	if (!team.pools)
		return bench_fail("no memory for %u pools", size);
	while (r == 0 && team.size < size)
		if ((r = start(&team.pools[team.size], 1)) == 0)
			team.size++;
	if (r == 0)
		r = bench_repeat(job, run, &team, ns);
	while (team.size > 0)
		stop(&team.pools[--team.size]);
	free(team.pools);
	return r;
}

/* The caller is one of the team here: its own part is next to nothing. */
static int measure_fork_join_hot(const struct bench_job *job, double *ns)
{
	return measure_team(job, job->workers > 1 ? job->workers - 1 : 1, run_hot, ns);
}

static int measure_fork_join_parked(const struct bench_job *job, double *ns)
{
	return measure_team(job, job->workers, run_parked, ns);
}

static const struct peer_case pipes_cases[] = {
	{"submit-gather", measure_tasks},
	{"grain-1", measure_tasks},
	{"stream", measure_stream},
	{"apply-idle", measure_apply_idle},
	{"create", measure_create},
	{"create/1GiB", measure_create_beside_memory},
	{"fork-join-hot", measure_fork_join_hot},
	{"fork-join-parked", measure_fork_join_parked},
	{0},
};

int main(int argc, char **argv)
{
	static const struct peer_case *const tables[] = {pipes_cases, NULL};

	return peer_main(argc, argv, tables);
}
