/*
 * case_metg.c - metg-bag, metg-auto and metg-steps: the smallest task that keeps half of the peak rate.
 */
#include "measure.h"
#include "metg.h"
#include "peers.h"

#include <stdio.h>

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

static int measure(const struct bench_job *job, struct metg metg, size_t grain, double *ns)
{
	sheaf_pool_options options = {.workers = job->workers > 1 ? job->workers - 1 : 1};
	size_t room = metg_room(job, metg.tasks);
	struct sheaf sheaf = {.grain = grain};
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
	return measure(job, (struct metg){.tasks = job->n, .run = run_bag}, 1, ns);
}

static int measure_auto(const struct bench_job *job, double *ns)
{
	return measure(job, (struct metg){.tasks = job->n, .run = run_bag}, 0, ns);
}

static int measure_fan(const struct bench_job *job, double *ns)
{
	return measure(job, (struct metg){.tasks = job->n * job->workers, .run = run_fan}, 1, ns);
}

static int measure_stencil(const struct bench_job *job, double *ns)
{
	return measure(job, (struct metg){.tasks = job->n * job->workers, .stencil = true, .run = run_stencil}, 1, ns);
}

/* ---- the peers in their several ways ---- */

static int in_the_way(const struct bench_job *job, const char *way, bench_measure_fn *peer, double *ns)
{
	struct bench_job other = *job;
	char name[64];

	snprintf(name, sizeof(name), "%s:%s", job->name, way);
	other.name = name;
	return peer(&other, ns);
}

static int libgomp_dynamic(const struct bench_job *job, double *ns)
{
	return in_the_way(job, "dynamic", peer_libgomp, ns);
}

static int libgomp_guided(const struct bench_job *job, double *ns)
{
	return in_the_way(job, "guided", peer_libgomp, ns);
}

static int libgomp_static(const struct bench_job *job, double *ns)
{
	return in_the_way(job, "static", peer_libgomp, ns);
}

static int libomp_guided(const struct bench_job *job, double *ns)
{
	return in_the_way(job, "guided", peer_libomp, ns);
}

static int libomp_static(const struct bench_job *job, double *ns)
{
	return in_the_way(job, "static", peer_libomp, ns);
}

static int libgomp_region(const struct bench_job *job, double *ns)
{
	return in_the_way(job, "region", peer_libgomp, ns);
}

/* Half of the granularity at 50 % is loss, and no step can lose less than one round trip. */
static int limit_two_lines(const struct bench_job *job, double *ns)
{
	struct bench_job longer = *job;
	int r;

	longer.n = 1000 * job->n;
	r = limit_line(&longer, ns);
	*ns *= 2;
	return r;
}

#define DYNAMIC "libgomp, dynamic,1"
#define GUIDED "libgomp, guided"

const struct bench_case case_metg_bag = {
	.name = "metg-bag",
	.unit = "us",
	.unit_ns = 1e3,
	.what = "METG(50 %), the smallest task at half of the peak rate: a bag of 20,000, claimed one by one",
	.full = {.n = 20000, .repeats = 5},
	.quick = {.n = 500, .repeats = 1},
	.sheaf = {.name = "Sheaf", .measure = measure_bag},
	.peers = {LIBGOMP, LIBOMP, TBB, POOL},
	.limits = {{.name = "contended fetch_add", .measure = limit_fetch_add}},
	.bounds = {{.most = 1.1, .of = {"libgomp"}}, {.most = 1.0 / 300, .of = {"multiprocessing.Pool"}}},
};

const struct bench_case case_metg_auto = {
	.name = "metg-auto",
	.unit = "us",
	.unit_ns = 1e3,
	.what = "METG(50 %) of the same bag with chunks that the runtime chooses",
	.full = {.n = 20000, .repeats = 5},
	.quick = {.n = 500, .repeats = 1},
	.sheaf = {.name = "Sheaf", .measure = measure_auto},
	.peers = {{.name = DYNAMIC, .measure = libgomp_dynamic},
		  {.name = GUIDED, .measure = libgomp_guided},
		  {.name = "libgomp, static", .measure = libgomp_static},
		  {.name = "libomp, guided", .measure = libomp_guided},
		  {.name = "libomp, static", .measure = libomp_static},
		  TBB},
	.bounds = {{.most = 0.15, .of = {DYNAMIC}}, {.most = 1.2, .of = {GUIDED}}},
};

#define STEPS                                                                                              \
	.unit = "us", .unit_ns = 1e3, .full = {.n = 1000, .repeats = 5}, .quick = {.n = 25, .repeats = 1}, \
	.peers = {LIBGOMP, {.name = "libgomp, one region", .measure = libgomp_region}, LIBOMP, TBB},       \
	.limits = {{.name = "two line round trips", .measure = limit_two_lines}},                          \
	.bounds = {{.most = 0.6, .of = {"libgomp"}}, {.most = 0.2, .of = {"libomp"}}}

const struct bench_case case_metg_fan = {
	.name = "metg-steps/fan",
	.what = "METG(50 %) of 1,000 steps of one task per worker, hot",
	.sheaf = {.name = "Sheaf", .measure = measure_fan},
	STEPS,
};

const struct bench_case case_metg_stencil = {
	.name = "metg-steps/stencil",
	.what = "METG(50 %) of 1,000 steps of a stencil: one point per worker, each from three of the step before",
	.sheaf = {.name = "Sheaf", .measure = measure_stencil},
	STEPS,
};
