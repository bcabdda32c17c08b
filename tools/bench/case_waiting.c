/*
 * case_waiting.c - waiting: small fan-outs where one fixed way to wait is good and another is bad,
 * see waiting.c.
 */
#include "measure.h"
#include "waiting.h"

static int open_sheaf(struct waiting_pool *pool, unsigned workers)
{
	sheaf_pool_options options = {.workers = workers};
	sheaf_pool *sheaf = NULL;
	void *memory = NULL;
	int r = sheaf_pool_create(&sheaf, &options);

	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	r = sheaf_alloc_array(sheaf, (size_t)2 * workers, sizeof(uint64_t), &memory);
	if (r < 0) {
		r = bench_sheaf_failed("sheaf_alloc_array", r);
		sheaf_pool_destroy(sheaf);
		return r;
	}
	pool->own = sheaf;
	pool->in = memory;
	pool->out = pool->in + workers;
	return 0;
}

static int fan_out(struct waiting_pool *pool)
{
	sheaf_map_options options = {.grain = 1};
	int r = sheaf_map(pool->own, bench_long_task, pool->in, sizeof(*pool->in), pool->out, sizeof(*pool->out), pool->workers,
			  &options);

	return r < 0 ? bench_sheaf_failed("sheaf_map", r) : 0;
}

static void close_sheaf(struct waiting_pool *pool)
{
	sheaf_pool_destroy(pool->own);
}

static int measure(const struct bench_job *job, double *ns)
{
	struct waiting_pool pool = {.open = open_sheaf, .fan_out = fan_out, .close = close_sheaf};

	return waiting_measure(job, &pool, ns);
}

/* What every regime is measured against. */
#define SPIN "always spin"
#define YIELD "always yield"
#define SLEEP "always sleep"
#define WAITING(variant, fan_outs, times, quick_fan_outs, text)                                                         \
	{                                                                                                               \
		.name = "waiting/" variant, .unit = "us", .unit_ns = 1e3, .what = (text),                               \
		.full = {.n = (fan_outs), .repeats = (times)}, .quick = {.n = (quick_fan_outs), .repeats = 1},          \
		.contenders = {SHEAF(measure, 0), RIVAL(SPIN, waiting_fixed, WAITING_SPIN),                             \
			       RIVAL(YIELD, waiting_fixed, WAITING_YIELD), RIVAL(SLEEP, waiting_fixed, WAITING_SLEEP)}, \
		.bounds = {{.most = 1.3, .of = {SPIN, YIELD, SLEEP}}},                                                  \
	}

/* The regimes are in waiting.c. */
const struct bench_case cases_waiting[] = {
	WAITING("hot", 1000, 3, 50, "a fan-out of one item of about 20 us per worker, one after the other"),
	WAITING("gaps", 100, 3, 10, "the same after 1 ms of rest each"),
	WAITING("twice", 500, 3, 20, "as waiting/hot, with twice as many workers as usual, and as many items"),
	WAITING("hogs", 100, 3, 10, "as waiting/hot, beside two foreign processes that never rest"),
	{0},
};
