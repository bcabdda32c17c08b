/*
 * case_fork_join.c - fork-join-hot and fork-join-parked: as many empty items as there are workers,
 * fanned out and waited for.
 *
 * An item only counts in a line of its own that it has run, which is checked at the end. The caller
 * works, too, so that it is one of the team, as with OpenMP and TBB. What it takes when it only
 * waits stands beside it.
 */
#include "measure.h"
#include "peers.h"

struct fork_join {
	sheaf_pool *pool;
	struct bench_count *counts; /* one per item, in shared memory */
	uint64_t rounds;
};

/* ways */
enum { CALLER_WORKS, CALLER_WAITS };

static int item(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct bench_count *counts = context;

	(void)task;
	for (; begin < end; begin++)
		counts[begin].n++;
	return 0;
}

static int round_trip(const struct bench_job *job, struct fork_join *all)
{
	sheaf_map_options options = {.grain = 1, .caller_works = job->way == CALLER_WORKS};
	int r = sheaf_for(all->pool, item, all->counts, job->workers, &options);

	all->rounds++;
	return r < 0 ? bench_sheaf_failed("sheaf_for", r) : 0;
}

static int run_hot(const struct bench_job *job, void *context, uint64_t *ns)
{
	uint64_t start = sheaf_now_ns();
	int r = 0;

	for (size_t i = 0; r == 0 && i < job->n; i++)
		r = round_trip(job, context);
	*ns = sheaf_now_ns() - start;
	return r;
}

static int run_parked(const struct bench_job *job, void *context, uint64_t *ns)
{
	uint64_t start;
	int r;

	bench_idle();
	start = sheaf_now_ns();
	r = round_trip(job, context);
	*ns = sheaf_now_ns() - start;
	return r;
}

static int measure(const struct bench_job *job, bench_run_fn *run, double *ns)
{
	bool caller_works = job->way == CALLER_WORKS;
	sheaf_pool_options options = {.workers = caller_works && job->workers > 1 ? job->workers - 1 : job->workers};
	struct fork_join all = {0};
	void *counts = NULL;
	int r = sheaf_pool_create(&all.pool, &options);

	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	r = sheaf_alloc_array(all.pool, job->workers, sizeof(*all.counts), &counts);
	if (r < 0) {
		r = bench_sheaf_failed("sheaf_alloc_array", r);
		goto destroy;
	}
	all.counts = counts;
	r = bench_repeat(job, run, &all, ns);
	if (r == 0)
		r = bench_check_counts(all.counts, job->workers, all.rounds);
destroy:
	sheaf_pool_destroy(all.pool);
	return r;
}

static int measure_hot(const struct bench_job *job, double *ns)
{
	return measure(job, run_hot, ns);
}

static int measure_parked(const struct bench_job *job, double *ns)
{
	return measure(job, run_parked, ns);
}

#define WAITS "Sheaf, caller waits"
#define LINE "cache-line round trip"
#define SLEEP_WAKE "sleep-wake round trip"

const struct bench_case cases_fork_join[] = {
	{
		.name = "fork-join-hot",
		.unit = "us",
		.unit_ns = 1e3,
		.what = "an empty fan-out of one item per worker and its end, one after the other; the caller is one of the "
			"workers",
		.full = {.n = 10000, .repeats = 5},
		.quick = {.n = 200, .repeats = 1},
		.contenders = {SHEAF(measure_hot, CALLER_WORKS), VARIANT(WAITS, measure_hot, CALLER_WAITS), LIBGOMP_ACTIVE,
			       LIBOMP, TBB, LIMIT(LINE, limit_line, 0)},
		.bounds = {{.most = 1, .of = {"libgomp, active"}}, {.most = 1.6, .of = {LINE}}},
	},
	{
		.name = "fork-join-parked",
		.unit = "us",
		.unit_ns = 1e3,
		.what = "the same after everybody has been idle for 20 ms",
		.full = {.n = 1, .repeats = 25},
		.quick = {.n = 1, .repeats = 3},
		.contenders = {SHEAF(measure_parked, CALLER_WORKS), VARIANT(WAITS, measure_parked, CALLER_WAITS),
			       LIBGOMP_PASSIVE, POOL, LIMIT(SLEEP_WAKE, limit_wake, 0)},
		.bounds = {{.most = 1, .of = {"libgomp, passive"}}, {.most = 1.15, .of = {SLEEP_WAKE}}},
	},
	{0},
};
