/*
 * case_create.c - create: the life of a pool that runs one task; also of one whose heap holds a big array meanwhile.
 *
 * The array takes a thousand times longer than the pool: the system commits and releases it page by page, as it does everywhere. The
 * question is whether the pool's own steps grow with it, so the clock stands still while the array comes and goes. A contender of its
 * own shows the time of all.
 */
#include "measure.h"
#include "peers.h"

#include <string.h>

#define ARRAY_SIZE(job) ((job)->n << ((job)->quick ? 20 : 30)) /* bytes */

enum between { NOTHING, REST, ARRAY };

struct life {
	enum between between; /* creation and task */
	bool all_timed;
};

/* Allocates the array and writes to every page of it. */
static int bring(const struct bench_job *job, sheaf_pool *pool, void **array)
{
	int r = bench_alloc(pool, ARRAY_SIZE(job), array);

	if (r == 0)
		memset(*array, 1, ARRAY_SIZE(job));
	return r;
}

static int run_task(sheaf_pool *pool)
{
	uint64_t argument = 7, result = 0;
	int r = sheaf_apply(pool, bench_task, &argument, sizeof(argument), &result, sizeof(result), NULL);

	return r < 0 ? bench_sheaf_failed("sheaf_apply", r) : bench_check(0, argument, result);
}

static int run(const struct bench_job *job, void *context, uint64_t *ns)
{
	const struct life *life = context;
	sheaf_pool_options options = {.workers = job->workers};
	sheaf_pool *pool = NULL;
	void *array = NULL;
	uint64_t start = sheaf_now_ns(), untimed, pause;
	int r = sheaf_pool_create(&pool, &options);

	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	pause = sheaf_now_ns();
	if (life->between == REST)
		bench_idle();
	else if (life->between == ARRAY)
		r = bring(job, pool, &array);
	untimed = sheaf_now_ns() - pause;
	if (r == 0)
		r = run_task(pool);
	pause = sheaf_now_ns();
	sheaf_free(pool, array);
	untimed += sheaf_now_ns() - pause;
	sheaf_pool_destroy(pool);
	*ns = sheaf_now_ns() - start;
	if (!life->all_timed)
		*ns -= untimed;
	return r;
}

static int measure(const struct bench_job *job, double *ns)
{
	struct life life = {0};

	return bench_repeat(job, run, &life, ns);
}

/* What the array is compared with: the workers have had time to start here, too. */
static int measure_rest(const struct bench_job *job, double *ns)
{
	struct life life = {.between = REST};

	return bench_repeat(job, run, &life, ns);
}

static int measure_array(const struct bench_job *job, bool all_timed, double *ns)
{
	struct life life = {.between = ARRAY, .all_timed = all_timed};
	int r = bench_room(ARRAY_SIZE(job));

	return r == 0 ? bench_repeat(job, run, &life, ns) : r;
}

static int measure_pool_alone(const struct bench_job *job, double *ns)
{
	return measure_array(job, false, ns);
}

static int measure_all(const struct bench_job *job, double *ns)
{
	return measure_array(job, true, ns);
}

const struct bench_case case_create = {
	.name = "create",
	.unit = "ms",
	.unit_ns = 1e6,
	.what = "create a pool, run one task, destroy the pool",
	.full = {.n = 1, .repeats = 9},
	.quick = {.n = 1, .repeats = 1},
	.sheaf = {.name = "Sheaf", .measure = measure},
	.peers = {PIPES, POOL, EXECUTOR, JOBLIB},
	.limits = {{.name = "as many bare forks", .measure = limit_forks}},
	.bounds = {{.most = 3, .of = {"as many bare forks"}}, {.most = 0.1, .of = {"multiprocessing.Pool"}}},
};

const struct bench_case case_create_1gib = {
	.name = "create/1GiB",
	.unit = "ms",
	.unit_ns = 1e6,
	.what = "the same while the heap holds an array of 1 GiB, whose own coming and going is not timed",
	.full = {.n = 1, .repeats = 1},
	.quick = {.n = 1, .repeats = 1},
	.sheaf = {.name = "Sheaf", .measure = measure_pool_alone},
	/* Peers have the array in the memory of the process that forks them: they share no other. */
	.peers = {{.name = "Sheaf, no array", .measure = measure_rest, .is_sheaf = true},
		  {.name = "Sheaf, array timed", .measure = measure_all, .is_sheaf = true},
		  PIPES,
		  POOL,
		  EXECUTOR},
	.limits = {{.name = "as many bare forks", .measure = limit_forks}},
	.bounds = {{.most = 1.5, .of = {"Sheaf, no array"}}},
};
