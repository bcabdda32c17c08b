/*
 * case_imbalance.c - imbalance: a map over items of unequal cost, with chunks that the runtime
 * chooses.
 *
 * The limit is the sum of the costs shared out evenly, or the largest item if that is more, at the
 * rate at which the kernel runs when all CPUs that the workers use are busy.
 */
#include "imbalance.h"
#include "measure.h"
#include "peers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* ---- Sheaf ---- */

struct sheaf {
	sheaf_pool *pool;
	struct busy_item *items;
	uint64_t *results;
};

static int run_sheaf(const struct bench_job *job, void *context, uint64_t *ns)
{
	struct sheaf *sheaf = context;
	uint64_t start;
	int r;

	/* What the run before left would hide a position that this one forgets. */
	memset(sheaf->results, 0, job->n * sizeof(*sheaf->results));
	start = sheaf_now_ns();
	r = sheaf_map(sheaf->pool, busy_task, sheaf->items, sizeof(*sheaf->items), sheaf->results, sizeof(*sheaf->results),
		      job->n, NULL);
	*ns = sheaf_now_ns() - start;
	return r < 0 ? bench_sheaf_failed("sheaf_map", r) : busy_check(sheaf->items, sheaf->results, job->n);
}

static int measure_sheaf(const struct bench_job *job, double *ns)
{
	sheaf_pool_options options = {.workers = job->workers};
	void *items = NULL, *results = NULL;
	struct sheaf sheaf;
	int r = sheaf_pool_create(&sheaf.pool, &options);

	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	r = sheaf_alloc_array(sheaf.pool, job->n, sizeof(*sheaf.items), &items);
	if (r == 0)
		r = sheaf_alloc_array(sheaf.pool, job->n, sizeof(*sheaf.results), &results);
	if (r < 0) {
		r = bench_sheaf_failed("sheaf_alloc_array", r);
		goto destroy;
	}
	sheaf.items = items;
	sheaf.results = results;
	r = imbalance_draw(job, items);
	if (r == 0)
		r = bench_repeat(job, run_sheaf, &sheaf, ns);
destroy:
	sheaf_pool_destroy(sheaf.pool);
	return r;
}

/* ---- the limit ---- */

struct costs {
	uint64_t share, largest; /* in iterations */
};

struct worker {
	pthread_t thread;
	pthread_barrier_t *start;
	uint64_t share, value, ns;
};

static void *work(void *context)
{
	struct worker *worker = context;
	uint64_t start;

	pthread_barrier_wait(worker->start);
	start = sheaf_now_ns();
	worker->value = busy_kernel(1, worker->share);
	worker->ns = sheaf_now_ns() - start;
	return NULL;
}

/*
 * Starts all threads but the first one, which is the caller. The barrier holds back those that
 * exist if one cannot be had.
 */
static int start_threads(struct worker *workers, unsigned n, pthread_barrier_t *start)
{
	for (unsigned i = 0; i < n; i++) {
		workers[i].start = start;
		if (i > 0 && pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			/* This process ends now, and the others with it. */
			return bench_fail("no thread for the limit");
	}
	return 0;
}

static int run_limit(const struct bench_job *job, void *context, uint64_t *ns)
{
	const struct costs *costs = context;
	struct worker *workers = calloc(job->workers, sizeof(*workers));
	pthread_barrier_t start;
	double mean = 0;
	int r = 0;

	if (!workers)
		return bench_fail("no memory for %u threads", job->workers);
	pthread_barrier_init(&start, NULL, job->workers);
	for (unsigned i = 0; i < job->workers; i++)
		workers[i].share = costs->share;
	if (start_threads(workers, job->workers, &start) != 0)
		return -1;
	work(&workers[0]);
	for (unsigned i = 0; i < job->workers; i++) {
		if (i > 0)
			pthread_join(workers[i].thread, NULL);
		mean += (double)workers[i].ns / job->workers;
		if (workers[i].value != busy_expected(1, costs->share))
			r = bench_fail("wrong value of the kernel");
	}
	pthread_barrier_destroy(&start);
	free(workers);
	*ns = (uint64_t)(costs->largest > costs->share ? mean * (double)costs->largest / (double)costs->share : mean);
	return r;
}

static int measure_limit(const struct bench_job *job, double *ns)
{
	struct bench_job crew = *job;
	struct busy_item *items = malloc(job->n * sizeof(*items));
	struct costs costs = {0};
	int r;

	if (!items)
		return bench_fail("no memory for %zu items", job->n);
	r = imbalance_draw(job, items);
	for (size_t i = 0; r == 0 && i < job->n; i++) {
		costs.share += items[i].iterations;
		if (items[i].iterations > costs.largest)
			costs.largest = items[i].iterations;
	}
	/* Threads beyond the CPUs would take turns, and not compute at the same time. */
	if (crew.workers > sheaf_usable_cpus())
		crew.workers = sheaf_usable_cpus();
	costs.share /= crew.workers;
	if (r == 0)
		r = bench_repeat(&crew, run_limit, &costs, ns);
	free(items);
	return r;
}

#define BEST_LIBGOMP "libgomp, best schedule"
#define BEST_LIBOMP "libomp, best schedule"
#define SHARED_OUT "max(sum/P, largest)"

#define IMBALANCE(variant, text)                                                                                 \
	{                                                                                                        \
		.name = "imbalance/" variant, .unit = "us/item", .unit_ns = 1e3,                                 \
		.what = "a map of 10,000 items of 10 us in the mean: " text, .full = {.n = 10000, .repeats = 5}, \
		.quick = {.n = 200, .repeats = 1},                                                               \
		.contenders = {SHEAF(measure_sheaf, 0),                                                          \
			       {PEER(BEST_LIBGOMP, "libgomp")},                                                  \
			       {PEER(BEST_LIBOMP, "libomp")},                                                    \
			       TBB,                                                                              \
			       LIMIT(SHARED_OUT, measure_limit, 0)},                                             \
		.bounds = {{.most = 1.02, .of = {BEST_LIBGOMP, BEST_LIBOMP, "oneTBB"}},                          \
			   {.most = 1 / 0.97, .of = {SHARED_OUT}}},                                              \
	}

/* The distributions are in imbalance.c. */
const struct bench_case cases_imbalance[] = {
	IMBALANCE("constant", "all alike"),
	IMBALANCE("exponential", "exponentially distributed"),
	IMBALANCE("outliers", "one in a hundred costs a hundred times as much"),
	IMBALANCE("pareto", "Pareto's distribution with the exponent 1.5"),
	IMBALANCE("rising", "from nothing to the double mean"),
	IMBALANCE("falling", "from the double mean to nothing"),
	{0},
};
