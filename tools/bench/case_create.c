/*
 * case_create.c - create: the life of a pool that runs one task; also of one whose heap holds a big
 * array meanwhile.
 *
 * The array takes a thousand times longer than the pool: the system commits and releases it page by
 * page, as it does everywhere. The question is whether the pool's own steps grow with it, so the
 * clock stands still while the array comes and goes. A contender of its own shows the time of all.
 */
#include "measure.h"
#include "peers.h"

#include <string.h>

#define ARRAY_SIZE(job) ((job)->n << ((job)->quick ? 20 : 30)) /* bytes */

/* ways: what comes between creation and task, and whether that is timed */
enum { NOTHING, REST, ARRAY, ARRAY_TIMED };

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
	sheaf_pool_options options = {.workers = job->workers};
	sheaf_pool *pool = NULL;
	void *array = NULL;
	uint64_t start = sheaf_now_ns(), untimed, pause;
	int r = sheaf_pool_create(&pool, &options);

	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	(void)context;
	pause = sheaf_now_ns();
	if (job->way == REST)
		bench_idle();
	else if (job->way != NOTHING)
		r = bring(job, pool, &array);
	untimed = sheaf_now_ns() - pause;
	if (r == 0)
		r = run_task(pool);
	pause = sheaf_now_ns();
	sheaf_free(pool, array);
	untimed += sheaf_now_ns() - pause;
	sheaf_pool_destroy(pool);
	*ns = sheaf_now_ns() - start;
	if (job->way != ARRAY_TIMED)
		*ns -= untimed;
	return r;
}

/* With REST the workers have had time to start, as they have with an array. */
static int measure(const struct bench_job *job, double *ns)
{
	int r = job->way == ARRAY || job->way == ARRAY_TIMED ? bench_room(ARRAY_SIZE(job)) : 0;

	return r == 0 ? bench_repeat(job, run, NULL, ns) : r;
}

#define FORKS "as many bare forks"
#define NO_ARRAY "Sheaf, no array"

const struct bench_case cases_create[] = {
	{
		.name = "create",
		.unit = "ms",
		.unit_ns = 1e6,
		.what = "create a pool, run one task, destroy the pool",
		.full = {.n = 1, .repeats = 9},
		.quick = {.n = 1, .repeats = 1},
		.contenders = {SHEAF(measure, NOTHING), POOL, LIMIT(FORKS, limit_forks, 0)},
		.bounds = {{.most = 3, .of = {FORKS}}, {.most = 0.1, .of = {"multiprocessing.Pool"}}},
	},
	{
		.name = "create/1GiB",
		.unit = "ms",
		.unit_ns = 1e6,
		.what = "the same while the heap holds an array of 1 GiB, whose own coming and going is not timed",
		.full = {.n = 1, .repeats = 1},
		.quick = {.n = 1, .repeats = 1},
		.contenders = {SHEAF(measure, ARRAY), VARIANT(NO_ARRAY, measure, REST),
			       VARIANT("Sheaf, array timed", measure, ARRAY_TIMED), LIMIT(FORKS, limit_forks, 0)},
		.bounds = {{.most = 1.5, .of = {NO_ARRAY}}},
	},
	{0},
};
