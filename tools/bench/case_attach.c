/*
 * case_attach.c - attach: tasks that a program runs which has joined the pool, and the same that a
 * worker runs.
 *
 * In both pools there is another worker, which waits in a task all the time.
 */
#include "measure.h"

#include <sheaf_attach.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NAP_NS 1000000

enum { FORKED, ATTACHED };

/* Keep a worker, until the gate is open. */
static int hold(sheaf_task *task, const void *arg, void *result)
{
	_Atomic int *gate;

	(void)task;
	(void)result;
	memcpy(&gate, arg, sizeof(gate));
	atomic_fetch_add(gate, 1);
	while (atomic_load(gate) > 0)
		nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
	return 0;
}

static const sheaf_function functions[] = {
	{.name = "task", .task = bench_task},
	{.name = "hold", .task = hold},
};

/* The program: it gets the pool's name through a pipe. */
static int work_elsewhere(int from)
{
	sheaf_attach_options options = {.functions = functions, .function_count = 2};
	char name[256];
	sheaf_pool *pool;

	if (read(from, name, sizeof(name)) != sizeof(name) || sheaf_pool_attach(&pool, name, &options) < 0)
		return 1;
	(void)sheaf_pool_work(pool, SHEAF_FOREVER);
	sheaf_pool_destroy(pool);
	return 0;
}

static int hold_one(sheaf_pool *pool, sheaf_batch **batch, _Atomic int **gate)
{
	void *memory;
	int r;

	if ((r = bench_alloc(pool, sizeof(**gate), &memory)) != 0)
		return r;
	*gate = memory;
	if ((r = sheaf_batch_create(batch, pool, NULL)) < 0 || (r = sheaf_submit(*batch, 0, hold, gate, sizeof(*gate))) < 0)
		return bench_sheaf_failed("sheaf_submit", r);
	while (!atomic_load(*gate))
		nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
	return 0;
}

/* Submit tasks and gather them. *@elsewhere: how many ran in no worker's seat. */
static int run_once(const struct bench_job *job, sheaf_pool *pool, unsigned workers, size_t *elsewhere, double *ns)
{
	uint64_t start = sheaf_now_ns();
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n;
	int r = sheaf_batch_create(&batch, pool,
				   &(sheaf_batch_options){.result_size = sizeof(uint64_t), .flags = SHEAF_NO_TIMES});

	for (uint64_t i = 0; i < job->n && r == 0; i++)
		r = sheaf_submit(batch, i, bench_task, &i, sizeof(i));
	if (r < 0 || (r = sheaf_gather(batch, &results, &n, SHEAF_FOREVER)) < 0)
		return bench_sheaf_failed("sheaf_gather", r);
	*ns = (double)(sheaf_now_ns() - start) / (double)job->n;
	for (size_t i = 0; i < n; i++) {
		if (*(const uint64_t *)results[i].data != bench_expected(i))
			return bench_fail("position %zu is wrong", i);
		*elsewhere += (unsigned)results[i].worker >= workers;
	}
	sheaf_batch_retire(batch);
	return 0;
}

/* The only worker that is not held, or the program, runs all of it. */
static int measure_pool(const struct bench_job *job, sheaf_pool *pool, unsigned workers, double *ns)
{
	size_t elsewhere = 0, tasks = job->n * (job->repeats + 1);
	double times[16];
	/* The first one waits until the program is there. */
	int r = run_once(job, pool, workers, &elsewhere, &times[0]);

	for (unsigned i = 0; i < job->repeats && r == 0; i++)
		r = run_once(job, pool, workers, &elsewhere, &times[i]);
	if (r != 0)
		return r;
	*ns = bench_percentile(times, job->repeats, 50);
	return elsewhere == (job->way == ATTACHED ? tasks : 0)
		       ? 0
		       : bench_fail("%zu of %zu tasks ran in the program", elsewhere, tasks);
}

/* Start the program. It waits for a name at *@to. Its pid, or what bench_fail() returns. */
static int start_program(int *to)
{
	int ends[2];
	pid_t pid;

	if (pipe(ends))
		return bench_fail("cannot make a pipe");
	*to = ends[1];
	if ((pid = fork()) < 0)
		return bench_fail("cannot fork");
	if (!pid)
		_exit(work_elsewhere(ends[0]));
	return (int)pid;
}

static int send_name(sheaf_pool *pool, int to)
{
	sheaf_pool_info info;
	char name[256] = "";
	int r = sheaf_pool_get_info(pool, &info);

	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_get_info", r);
	strncpy(name, info.name, sizeof(name) - 1);
	return write(to, name, sizeof(name)) == sizeof(name) ? 0 : bench_fail("the program has ended");
}

static int measure(const struct bench_job *job, double *ns)
{
	const sheaf_sharing sharing = {.functions = functions, .function_count = 2, .places = 1};
	sheaf_pool_options options = {.workers = job->way == ATTACHED ? 1 : 2, .ring_size = 1024, .sharing = &sharing};
	int to = -1, program = job->way == ATTACHED ? start_program(&to) : 0, r;
	_Atomic int *gate;
	sheaf_batch *held;
	sheaf_pool *pool;

	if (program < 0)
		return program;
	if ((r = sheaf_pool_create(&pool, &options)) < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	if ((r = hold_one(pool, &held, &gate)) == 0 && (!program || (r = send_name(pool, to)) == 0))
		r = measure_pool(job, pool, options.workers, ns);
	if (r == 0)
		atomic_store(gate, 0);
	sheaf_pool_destroy(pool);
	if (program)
		waitpid((pid_t)program, NULL, 0);
	return r;
}

const struct bench_case cases_attach[] = {
	{
		.name = "attach",
		.unit = "ns",
		.unit_ns = 1,
		.what = "submit and gather a task of 8 bytes that a program runs which has joined the pool; beside it, one "
			"that a "
			"worker runs",
		.full = {.n = 20000, .repeats = 9},
		.quick = {.n = 1000, .repeats = 1},
		.contenders = {SHEAF(measure, ATTACHED), VARIANT("Sheaf, a worker", measure, FORKED)},
		.bounds = {{.most = 1.1, .of = {"Sheaf, a worker"}}},
	},
	{0},
};
