/*
 * case_metg.c - metg-bag, metg-auto and metg-steps: the smallest task that keeps half of the peak
 * rate.
 */
#include "measure.h"
#include "metg.h"
#include "peers.h"

struct sheaf {
	sheaf_pool *pool;
	size_t grain;
	struct stencil *stencil;
};

/* In shared memory. */
struct stencil {
	struct metg_run run;
	size_t width, step;
};

/* The caller is one of the workers, as it is one of the threads of OpenMP and TBB. */
static const sheaf_map_options one_by_one = {.grain = 1, .caller_works = true};

/* ---- the runs ---- */

static int run_bag(const struct bench_job *job, void *context, const struct metg_run *run)
{
	struct sheaf *sheaf = context;
	sheaf_map_options options = {.grain = sheaf->grain, .caller_works = true};
	int r = sheaf_map(sheaf->pool, run->fn, run->items, sizeof(*run->items), run->results, sizeof(*run->results), run->n,
			  &options);

	(void)job;
	return r < 0 ? bench_sheaf_failed("sheaf_map", r) : 0;
}

static int run_fan(const struct bench_job *job, void *context, const struct metg_run *run)
{
	struct sheaf *sheaf = context;
	size_t width = job->workers;

	for (size_t at = 0; at < run->n; at += width) {
		int r = sheaf_map(sheaf->pool, run->fn, &run->items[at], sizeof(*run->items), &run->results[at],
				  sizeof(*run->results), width, &one_by_one);

		if (r < 0)
			return bench_sheaf_failed("sheaf_map", r);
	}
	return 0;
}

static int points(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct stencil *stencil = context;

	(void)task;
	for (size_t i = begin; i < end; i++)
		metg_point(&stencil->run, stencil->width, stencil->step, i);
	return 0;
}

static int run_stencil(const struct bench_job *job, void *context, const struct metg_run *run)
{
	struct sheaf *sheaf = context;
	struct stencil *stencil = sheaf->stencil;

	*stencil = (struct stencil){.run = *run, .width = job->workers};
	for (; stencil->step < run->n / stencil->width; stencil->step++) {
		int r = sheaf_for(sheaf->pool, points, stencil, stencil->width, &one_by_one);

		if (r < 0)
			return bench_sheaf_failed("sheaf_for", r);
	}
	return 0;
}

/* ---- the measurements ---- */

static int measure(const struct bench_job *job, struct metg metg, double *ns)
{
	sheaf_pool_options options = {.workers = job->workers > 1 ? job->workers - 1 : 1};
	size_t room = metg_room(job, metg.tasks);
	struct sheaf sheaf = {.grain = (size_t)job->way};
	void *items = NULL, *results = NULL, *stencil = NULL;
	int r = sheaf_pool_create(&sheaf.pool, &options);

	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	r = sheaf_alloc_array(sheaf.pool, room, sizeof(*metg.items), &items);
	if (r == 0)
		r = sheaf_alloc_array(sheaf.pool, room, sizeof(*metg.results), &results);
	if (r == 0)
		r = sheaf_alloc(sheaf.pool, sizeof(*sheaf.stencil), &stencil);
	if (r < 0) {
		r = bench_sheaf_failed("sheaf_alloc", r);
		goto destroy;
	}
	sheaf.stencil = stencil;
	metg.items = items;
	metg.results = results;
	metg.context = &sheaf;
	r = metg_search(job, &metg, ns);
destroy:
	sheaf_pool_destroy(sheaf.pool);
	return r;
}

static int measure_bag(const struct bench_job *job, double *ns)
{
	return measure(job, (struct metg){.tasks = job->n, .run = run_bag}, ns);
}

static int measure_fan(const struct bench_job *job, double *ns)
{
	return measure(job, (struct metg){.tasks = job->n * job->workers, .run = run_fan}, ns);
}

static int measure_stencil(const struct bench_job *job, double *ns)
{
	return measure(job, (struct metg){.tasks = job->n * job->workers, .stencil = true, .run = run_stencil}, ns);
}

#define DYNAMIC "libgomp, dynamic,1"
#define GUIDED "libgomp, guided"

/*
 * No step can lose less than one round trip of a line, and half of the granularity at 50 % is loss.
 */
#define STEPS(fn)                                                                                            \
	.unit = "us", .unit_ns = 1e3, .full = {.n = 1000, .repeats = 5}, .quick = {.n = 25, .repeats = 1},   \
	.contenders = {SHEAF(fn, 1), LIBGOMP, {PEER("libgomp, one region", "libgomp"), .variant = "region"}, \
		       LIBOMP,       TBB,     LIMIT("two line round trips", limit_lines, 2)},                \
	.bounds = {{.most = 0.6, .of = {"libgomp"}}, {.most = 0.2, .of = {"libomp"}}}
#define BAG .unit = "us", .unit_ns = 1e3, .full = {.n = 20000, .repeats = 5}, .quick = {.n = 500, .repeats = 1}

/* The way is the grain; 0: the runtime chooses. */
const struct bench_case cases_metg[] = {
	{
		.name = "metg-bag",
		BAG,
		.what = "METG(50 %), the smallest task at half of the peak rate: a bag of 20,000, claimed one by one",
		.contenders = {SHEAF(measure_bag, 1), LIBGOMP, LIBOMP, TBB, POOL},
		.bounds = {{.most = 1.1, .of = {"libgomp"}}, {.most = 1.0 / 300, .of = {"multiprocessing.Pool"}}},
	},
	{
		.name = "metg-auto",
		BAG,
		.what = "METG(50 %) of the same bag with chunks that the runtime chooses",
		.contenders = {SHEAF(measure_bag, 0),
			       {PEER(DYNAMIC, "libgomp"), .variant = "dynamic"},
			       {PEER(GUIDED, "libgomp"), .variant = "guided"},
			       {PEER("libgomp, static", "libgomp"), .variant = "static"},
			       {PEER("libomp, guided", "libomp"), .variant = "guided"},
			       {PEER("libomp, static", "libomp"), .variant = "static"},
			       TBB},
		.bounds = {{.most = 0.15, .of = {DYNAMIC}}, {.most = 1.2, .of = {GUIDED}}},
	},
	{
		.name = "metg-steps/fan",
		.what = "METG(50 %) of 1,000 steps of one task per worker, hot",
		STEPS(measure_fan),
	},
	{
		.name = "metg-steps/stencil",
		.what = "METG(50 %) of 1,000 steps of a stencil: one point per worker, each from three of the step before",
		STEPS(measure_stencil),
	},
	{0},
};
