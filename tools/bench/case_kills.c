/*
 * case_kills.c - kills and kills-map: what it costs that a worker is killed every 50 ms, beside the
 * same tasks left alone. recycle and recycle-map: that each worker leaves after 1,000 tasks.
 * resize: that the pool grows to 64 workers and shrinks again.
 */
#include "measure.h"

#include <sheaf_workers.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EVERY_NS 50000000
#define RECYCLE_TASKS 1000
#define MOST_WORKERS 64
#define FIRST_NS 10000000 /* so that a short measurement has a kill, too */

struct runs {
	sheaf_pool *pool;
	uint64_t *in, *out;
	int (*run)(const struct bench_job *job, struct runs *runs);
	/* done when a third of the tasks is submitted, and when two thirds are; or NULL */
	int (*midway)(const struct bench_job *job, struct runs *runs, bool again);
};

struct killer {
	sheaf_pool *pool;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t ended; /* with `over` */
	bool over;
	uint64_t kills;
};

/* ---- the kills ---- */

static void *kill_workers(void *context)
{
	struct killer *killer = context;
	uint64_t at = sheaf_now_ns() + FIRST_NS;
	sheaf_pool_info info;

	sheaf_pool_get_info(killer->pool, &info);
	pthread_mutex_lock(&killer->lock);
	while (!killer->over) {
		struct timespec until = {.tv_sec = (time_t)(at / 1000000000u), .tv_nsec = (long)(at % 1000000000u)};
		pid_t pid;

		if (pthread_cond_timedwait(&killer->ended, &killer->lock, &until) != ETIMEDOUT || sheaf_now_ns() < at)
			continue;
		pid = sheaf_pool_worker_pid(killer->pool, (unsigned)(killer->kills % info.workers));
		if (pid > 0 && kill(pid, SIGKILL) == 0)
			killer->kills++;
		at += EVERY_NS;
	}
	pthread_mutex_unlock(&killer->lock);
	return NULL;
}

static int start(struct killer *killer, sheaf_pool *pool)
{
	pthread_condattr_t clock;

	*killer = (struct killer){.pool = pool};
	pthread_mutex_init(&killer->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&killer->ended, &clock);
	pthread_condattr_destroy(&clock);
	return pthread_create(&killer->thread, NULL, kill_workers, killer) ? bench_fail("no thread for the kills") : 0;
}

static void stop(struct killer *killer)
{
	pthread_mutex_lock(&killer->lock);
	killer->over = true;
	pthread_cond_signal(&killer->ended);
	pthread_mutex_unlock(&killer->lock);
	pthread_join(killer->thread, NULL);
	pthread_cond_destroy(&killer->ended);
	pthread_mutex_destroy(&killer->lock);
}

/* ---- the runs ---- */

static int run_map(const struct bench_job *job, struct runs *runs)
{
	int r = sheaf_map(runs->pool, bench_long_task, runs->in, sizeof(*runs->in), runs->out, sizeof(*runs->out), job->n,
			  NULL);

	return r < 0 ? bench_sheaf_failed("sheaf_map", r) : 0;
}

static int run_tasks(const struct bench_job *job, struct runs *runs)
{
	sheaf_batch_options options = {.result_size = sizeof(uint64_t), .flags = SHEAF_NO_TIMES};
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n;
	int r = sheaf_batch_create(&batch, runs->pool, &options);

	if (r < 0)
		return bench_sheaf_failed("sheaf_batch_create", r);
	for (uint64_t i = 0; r == 0 && i < job->n; i++) {
		if (runs->midway && i % (job->n / 3) == 0 && i != 0 && (r = runs->midway(job, runs, i > job->n / 2)) != 0)
			return r;
		r = sheaf_submit(batch, i, bench_long_task, &runs->in[i], sizeof(*runs->in));
	}
	if (r < 0)
		r = bench_sheaf_failed("sheaf_submit", r);
	else if ((r = sheaf_gather(batch, &results, &n, SHEAF_FOREVER)) != 0)
		r = r < 0 ? bench_sheaf_failed("sheaf_gather", r) : bench_fail("%d of %zu tasks failed", r, n);
	for (size_t i = 0; r == 0 && i < n; i++)
		memcpy(&runs->out[i], results[i].data, sizeof(uint64_t));
	sheaf_batch_retire(batch);
	return r;
}

static int resize(const struct bench_job *job, struct runs *runs, bool again)
{
	int r = sheaf_pool_resize(runs->pool, again ? job->workers : MOST_WORKERS);

	return r < 0 ? bench_sheaf_failed("sheaf_pool_resize", r) : 0;
}

/* As many bare forks as the other pool has new workers. */
static int fork_often(const struct bench_job *job, struct runs *runs, bool again)
{
	pid_t pids[MOST_WORKERS];
	unsigned count = 0;
	bool forked = true;

	(void)runs;
	while (!again && forked && count < MOST_WORKERS - job->workers) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		forked = pid > 0;
		if (forked)
			pids[count++] = pid;
	}
	while (count > 0)
		waitpid(pids[--count], NULL, 0);
	return forked ? 0 : bench_fail("no fork: errno %d", errno);
}

static int run(const struct bench_job *job, void *context, uint64_t *ns)
{
	struct runs *runs = context;
	uint64_t start;
	int r;

	/*
	 * What the run before left would hide a position that this one forgets; 0 is no expected
	 * value.
	 */
	memset(runs->out, 0, job->n * sizeof(*runs->out));
	start = sheaf_now_ns();
	r = runs->run(job, runs);
	*ns = sheaf_now_ns() - start;
	for (size_t i = 0; r == 0 && i < job->n; i++)
		r = bench_check(i, runs->in[i], runs->out[i]);
	return r;
}

/* ways */
enum { KILLS, NO_KILLS, RECYCLE, RESIZE, FORKS };

static int measure(const struct bench_job *job, bool map, double *ns)
{
	/* A task may be struck more than once. */
	sheaf_pool_options options = {.workers = job->workers, .max_attempts = SHEAF_MAX_ATTEMPTS};
	struct runs runs = {.run = map ? run_map : run_tasks};
	const sheaf_worker_options recycled = {.recycle_tasks = RECYCLE_TASKS}, elastic = {.max_workers = MOST_WORKERS};
	bool kills = job->way == KILLS;
	void *in = NULL, *out = NULL;
	struct killer killer;
	int r;

	if (job->way == RECYCLE)
		options.worker_options = &recycled;
	if (job->way == RESIZE)
		options.worker_options = &elastic;
	if (job->way >= RESIZE)
		runs.midway = job->way == RESIZE ? resize : fork_often;
	r = sheaf_pool_create(&runs.pool, &options);

	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	r = sheaf_alloc_array(runs.pool, job->n, sizeof(*runs.in), &in);
	if (r == 0)
		r = sheaf_alloc_array(runs.pool, job->n, sizeof(*runs.out), &out);
	if (r < 0) {
		r = bench_sheaf_failed("sheaf_alloc_array", r);
		goto destroy;
	}
	runs.in = in;
	runs.out = out;
	for (size_t i = 0; i < job->n; i++)
		runs.in[i] = i;
	if (kills && (r = start(&killer, runs.pool)))
		goto destroy;
	r = bench_repeat(job, run, &runs, ns);
	if (kills)
		stop(&killer);
destroy:
	sheaf_pool_destroy(runs.pool);
	return r;
}

static int measure_tasks(const struct bench_job *job, double *ns)
{
	return measure(job, false, ns);
}

static int measure_map(const struct bench_job *job, double *ns)
{
	return measure(job, true, ns);
}

#define ALONE "Sheaf, no kills"
#define KILLING(fn)                                                                             \
	.unit_ns = 1e3, .full = {.n = 20000, .repeats = 3}, .quick = {.n = 1000, .repeats = 1}, \
	.contenders = {SHEAF(fn, KILLS), VARIANT(ALONE, fn, NO_KILLS)}, .bounds = {{.most = 1 / 0.9, .of = {ALONE}}}

#define FOR_EVER "Sheaf, for ever"
#define RENEWING(fn)                                                                            \
	.unit_ns = 1e3, .full = {.n = 20000, .repeats = 3}, .quick = {.n = 4000, .repeats = 1}, \
	.contenders = {SHEAF(fn, RECYCLE), VARIANT(FOR_EVER, fn, NO_KILLS)}, .bounds = {{.most = 1 / 0.95, .of = {FOR_EVER}}}

#define BARE_FORKS "Sheaf, and bare forks"

const struct bench_case cases_kills[] = {
	{
		.name = "kills",
		.unit = "us/task",
		.what = "submitted tasks of about 20 us, while a worker is killed every 50 ms",
		KILLING(measure_tasks),
	},
	{
		.name = "kills-map",
		.unit = "us/item",
		.what = "a map of the same tasks, with the same kills",
		KILLING(measure_map),
	},
	{
		.name = "recycle",
		.unit = "us/task",
		.what = "submitted tasks of about 20 us, each worker leaves after 1,000 of them",
		RENEWING(measure_tasks),
	},
	{
		.name = "recycle-map",
		.unit = "us/item",
		.what = "a map of the same tasks, each worker leaves after 1,000 chunks of them",
		RENEWING(measure_map),
	},
	{
		.name = "resize",
		.unit = "us/task",
		.what = "submitted tasks of about 20 us, while the pool grows to 64 workers and shrinks again",
		.unit_ns = 1e3,
		.full = {.n = 20000, .repeats = 3},
		.quick = {.n = 1000, .repeats = 1},
		.contenders = {SHEAF(measure_tasks, RESIZE), VARIANT(BARE_FORKS, measure_tasks, FORKS)},
		.bounds = {{.most = 1.05, .of = {BARE_FORKS}}},
	},
	{0},
};
