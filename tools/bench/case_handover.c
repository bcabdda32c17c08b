/*
 * case_handover.c - handover: a worker is given a big array where it lies, and answers with its
 * sum.
 */
#include "arrays.h"
#include "measure.h"
#include "peers.h"

struct words {
	const uint64_t *first;
	size_t n;
};

struct handover {
	sheaf_pool *pool;
	uint64_t *words;
	size_t n;
	uint64_t sum;
};

static int sum(sheaf_task *task, const void *arg, void *result)
{
	const struct words *words = arg;

	(void)task;
	*(uint64_t *)result = arrays_sum(words->first, words->n);
	return 0;
}

static int run(const struct bench_job *job, void *context, uint64_t *ns)
{
	struct handover *handover = context;
	struct words words = {.first = handover->words, .n = handover->n};
	uint64_t result = 0, start;
	int r;

	(void)job;
	/* Another sum in each run. */
	handover->words[handover->sum % handover->n]++;
	handover->sum++;
	start = sheaf_now_ns();
	r = sheaf_apply(handover->pool, sum, &words, sizeof(words), &result, sizeof(result), NULL);
	*ns = sheaf_now_ns() - start;
	if (r < 0)
		return bench_sheaf_failed("sheaf_apply", r);
	return result == handover->sum ? 0 : bench_fail("wrong sum");
}

static int measure(const struct bench_job *job, double *ns)
{
	sheaf_pool_options options = {.workers = job->workers};
	struct handover handover = {.n = arrays_handover(job)};
	void *memory = NULL;
	int r = sheaf_pool_create(&handover.pool, &options);

	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	r = bench_alloc(handover.pool, handover.n * sizeof(*handover.words), &memory);
	if (r == 0) {
		handover.words = memory;
		arrays_number(handover.words, 0, handover.n);
		handover.sum = arrays_sum(handover.words, handover.n);
		r = bench_repeat(job, run, &handover, ns);
	}
	sheaf_pool_destroy(handover.pool);
	return r;
}

#define READ "one read pass"

const struct bench_case cases_handover[] = {
	{
		.name = "handover",
		.unit = "ms",
		.unit_ns = 1e6,
		.what = "64 MiB to a worker, and their sum back",
		.full = {.n = 1, .repeats = 15},
		.quick = {.n = 1, .repeats = 1},
		.contenders = {SHEAF(measure, 0), POOL, LIMIT(READ, limit_read, 0)},
		.bounds = {{.most = 1.1, .of = {READ}}, {.most = 1.0 / 150, .of = {"multiprocessing.Pool"}}},
	},
	{0},
};
