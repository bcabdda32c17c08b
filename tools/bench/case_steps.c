/*
 * case_steps.c - steps: a stencil of few points, step by step, as a program does it that sets no
 * options.
 *
 * The owner only waits, so on as many CPUs as workers it is one process too many. A step must not
 * cost much more than handing a CPU to another process and back.
 */
#include "measure.h"
#include "metg.h"
#include "peers.h"

/* In shared memory. */
struct stencil {
	struct metg_run run;
	size_t width, step;
};

struct point {
	const struct stencil *stencil;
	size_t i;
};

struct steps {
	sheaf_pool *pool;
	struct stencil *stencil;
	struct point *points;
	const sheaf_map_options *options;
};

/* ---- a step ---- */

static int range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct stencil *stencil = context;

	(void)task;
	for (size_t i = begin; i < end; i++)
		metg_point(&stencil->run, stencil->width, stencil->step, i);
	return 0;
}

static int one(sheaf_task *task, const void *arg, void *result)
{
	const struct point *point = arg;

	(void)task;
	(void)result;
	metg_point(&point->stencil->run, point->stencil->width, point->stencil->step, point->i);
	return 0;
}

static int step_by_for(const struct steps *steps)
{
	int r = sheaf_for(steps->pool, range, steps->stencil, steps->stencil->width, steps->options);

	return r < 0 ? bench_sheaf_failed("sheaf_for", r) : 0;
}

static int step_by_map(const struct steps *steps)
{
	int r = sheaf_map(steps->pool, one, steps->points, sizeof(*steps->points), NULL, 0, steps->stencil->width,
			  steps->options);

	return r < 0 ? bench_sheaf_failed("sheaf_map", r) : 0;
}

static int step_by_tasks(const struct steps *steps)
{
	size_t width = steps->stencil->width, n = 0;
	const sheaf_result *results = NULL;
	sheaf_batch *batch = NULL;
	int r = sheaf_batch_create(&batch, steps->pool, NULL);

	if (r < 0)
		return bench_sheaf_failed("sheaf_batch_create", r);
	for (size_t i = 0; r == 0 && i < width; i++)
		r = sheaf_submit(batch, i, one, &steps->points[i], sizeof(*steps->points));
	if (r == 0)
		r = sheaf_gather(batch, &results, &n, SHEAF_FOREVER);
	if (r < 0)
		r = bench_sheaf_failed("sheaf_submit or sheaf_gather", r);
	else if (r > 0 || n != width)
		r = bench_fail("%zu results of %zu, %d of them failed", n, width, r);
	sheaf_batch_retire(batch);
	return r;
}

/* ---- all steps ---- */

#define WORKS (&(const sheaf_map_options){.caller_works = true})
/* The caller is one of the workers. */
static const sheaf_map_options team = {.caller_works = true};

static const struct way {
	int (*step)(const struct steps *steps);
	const sheaf_map_options *options;
	size_t width;
} ways[] = {
	{step_by_for, NULL, 2},   {step_by_for, NULL, 8},   {step_by_for, WORKS, 2}, {step_by_for, WORKS, 8},
	{step_by_map, NULL, 2},   {step_by_map, NULL, 8},   {step_by_map, WORKS, 2}, {step_by_map, WORKS, 8},
	{step_by_tasks, NULL, 2}, {step_by_tasks, NULL, 8}, {step_by_for, &team, 2}, {step_by_for, &team, 8},
};
enum { FOR_2, FOR_8, FOR_2_WORKS, FOR_8_WORKS, MAP_2, MAP_8, MAP_2_WORKS, MAP_8_WORKS, TASKS_2, TASKS_8, TEAM_2, TEAM_8 };

static int run(const struct bench_job *job, void *context, const struct metg_run *run)
{
	const struct steps *steps = context;
	struct stencil *stencil = steps->stencil;
	int r = 0;

	*stencil = (struct stencil){.run = *run, .width = ways[job->way].width};
	for (; r == 0 && stencil->step < run->n / stencil->width; stencil->step++)
		r = ways[job->way].step(steps);
	return r;
}

static int alloc_all(sheaf_pool *pool, const struct bench_job *job, struct metg *metg, struct steps *steps)
{
	size_t width = metg->width, room = metg_room(job, metg->tasks) + width;
	void *items = NULL, *results = NULL, *stencil = NULL, *points = NULL;
	int r = sheaf_alloc_array(pool, room, sizeof(*metg->items), &items);

	if (r == 0)
		r = sheaf_alloc_array(pool, room, sizeof(*metg->results), &results);
	if (r == 0)
		r = sheaf_alloc_array(pool, width, sizeof(*steps->points), &points);
	if (r == 0)
		r = sheaf_alloc(pool, sizeof(*steps->stencil), &stencil);
	if (r < 0 || !points)
		return bench_sheaf_failed("sheaf_alloc", r);
	steps->stencil = stencil;
	steps->points = points;
	for (size_t i = 0; i < width; i++)
		steps->points[i] = (struct point){.stencil = stencil, .i = i};
	metg->items = items;
	metg->results = results;
	return 0;
}

/*
 * @iterations: of each task, to measure a step; 0: search the METG. No more workers than points,
 * because the rest could not work.
 */
static int measure_steps(const struct bench_job *all, uint64_t iterations, double *ns)
{
	const struct way *way = &ways[all->way];
	struct bench_job job = *all;
	sheaf_pool_options options = {0};
	struct metg metg = {.tasks = job.n * way->width, .stencil = true, .width = way->width, .run = run};
	struct steps steps = {.options = way->options};
	int r;

	if (job.workers > way->width)
		job.workers = (unsigned)way->width;
	options.workers = way->options == &team && job.workers > 1 ? job.workers - 1 : job.workers;
	if ((r = sheaf_pool_create(&steps.pool, &options)) < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	metg.context = &steps;
	r = alloc_all(steps.pool, &job, &metg, &steps);
	if (r == 0)
		r = iterations ? metg_step(&job, &metg, iterations, ns) : metg_search(&job, &metg, ns);
	sheaf_pool_destroy(steps.pool);
	return r;
}

static int measure(const struct bench_job *job, double *ns)
{
	return measure_steps(job, 0, ns);
}

static int measure_1_us(const struct bench_job *job, double *ns)
{
	return measure_steps(job, BUSY_10_US / 10, ns);
}

static int measure_10_us(const struct bench_job *job, double *ns)
{
	return measure_steps(job, BUSY_10_US, ns);
}

static int measure_100_us(const struct bench_job *job, double *ns)
{
	return measure_steps(job, UINT64_C(10) * BUSY_10_US, ns);
}

#define YIELD "yield round trip"
#define YIELDS LIMIT(YIELD, limit_yield, 0)
#define STEPS(variant)                                                                             \
	.name = "steps/" variant, .unit = "us", .unit_ns = 1e3, .full = {.n = 1000, .repeats = 5}, \
	.quick = {.n = 25, .repeats = 1}
#define WORKING "Sheaf, caller works"
/* Task Bench's measure. */
#define METG(variant, text, ...)                                                                               \
	{                                                                                                      \
		STEPS(variant), .what = (text), .contenders = {__VA_ARGS__, YIELDS}, .bounds = { {.most = 8} } \
	}
#define TEAMS(variant, text, way)                                                                             \
	{                                                                                                     \
		STEPS(variant), .what = (text), .contenders = {SHEAF(measure, way), MPI, YIELDS}, .bounds = { \
			{.most = 1, .of = {"MPI"}}                                                            \
		}                                                                                             \
	}
/* What a step takes beyond its work. */
#define COST(variant, text, fn)                                                                    \
	{                                                                                          \
		STEPS(variant), .what = (text),                                                    \
				.contenders = {SHEAF(fn, FOR_2), VARIANT("Sheaf, map", fn, MAP_2), \
					       VARIANT("Sheaf, submit and gather", fn, TASKS_2),   \
					       VARIANT(WORKING, fn, FOR_2_WORKS), YIELDS},         \
				.bounds = {{.most = 1.5, .of = {YIELD}}},                          \
	}

const struct bench_case cases_steps[] = {
	METG("for-2", "METG(50 %) of 1,000 steps of a stencil of two points by sheaf_for(); the caller only waits",
	     SHEAF(measure, FOR_2), VARIANT(WORKING, measure, FOR_2_WORKS)),
	METG("for-8", "the same of eight points", SHEAF(measure, FOR_8), VARIANT(WORKING, measure, FOR_8_WORKS)),
	TEAMS("works-2", "steps/for-2 by as many processes as points: the caller is one of them, without a third beside it",
	      TEAM_2),
	TEAMS("works-8", "the same of eight points, by as many processes as CPUs", TEAM_8),
	METG("map-2", "steps/for-2 by sheaf_map()", SHEAF(measure, MAP_2), VARIANT(WORKING, measure, MAP_2_WORKS)),
	METG("map-8", "the same of eight points", SHEAF(measure, MAP_8), VARIANT(WORKING, measure, MAP_8_WORKS)),
	METG("submit-2", "steps/for-2 by a batch, sheaf_submit() and sheaf_gather()", SHEAF(measure, TASKS_2)),
	METG("submit-8", "the same of eight points", SHEAF(measure, TASKS_8)),
	COST("cost-1us", "a step of two points of 1 us each by sheaf_for(), beyond its work", measure_1_us),
	COST("cost-10us", "the same with points of 10 us", measure_10_us),
	COST("cost-100us", "the same with points of 100 us", measure_100_us),
	{0},
};
