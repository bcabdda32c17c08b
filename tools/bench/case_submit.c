/*
 * case_submit.c - submit-gather: separate tasks from one owner, gathered in order.
 */
#include "measure.h"
#include "peers.h"

#include <stdlib.h>
#include <string.h>

static int submit_all(const struct bench_job *job, sheaf_batch *batch)
{
	int r = 0;

	for (uint64_t i = 0; r == 0 && i < job->n; i++)
		r = sheaf_submit(batch, i, bench_task, &i, sizeof(i));
	return r < 0 ? bench_sheaf_failed("sheaf_submit", r) : 0;
}

static int take_each(const struct bench_job *job, sheaf_batch *batch, uint64_t *values)
{
	sheaf_result result;
	size_t n = 0;
	int r;

	while ((r = sheaf_next(batch, &result, SHEAF_FOREVER)) == 1) {
		if (result.position != n || result.size != sizeof(*values))
			return bench_fail("result %zu has another position or size, or failed", n);
		values[n++] = *(const uint64_t *)result.data;
	}
	if (r < 0)
		return bench_sheaf_failed("sheaf_next", r);
	return n == job->n ? 0 : bench_fail("%zu results instead of %zu", n, job->n);
}

static int gather_all(const struct bench_job *job, sheaf_batch *batch, uint64_t *values)
{
	const sheaf_result *results = NULL;
	uint64_t gathered;
	int r = bench_gather(job, batch, sizeof(*values), &results, &gathered);

	for (size_t i = 0; r == 0 && i < job->n; i++)
		values[i] = *(const uint64_t *)results[i].data;
	return r;
}

/* ways */
enum { NEXT, ALL_AT_ONCE };

/*
 * From the creation of the batch to its end. The values go where the peers' tasks leave theirs:
 * into an array that is there before.
 */
static int run(const struct bench_job *job, void *context, uint64_t *ns)
{
	sheaf_batch_options options = {.result_size = sizeof(uint64_t), .flags = SHEAF_NO_TIMES};
	uint64_t *values = malloc(job->n * sizeof(*values)), start;
	sheaf_batch *batch = NULL;
	int r;

	if (!values)
		return bench_fail("no memory for %zu values", job->n);
	memset(values, 0xff, job->n * sizeof(*values));
	start = sheaf_now_ns();
	r = sheaf_batch_create(&batch, context, &options);
	if (r < 0) {
		r = bench_sheaf_failed("sheaf_batch_create", r);
	} else {
		r = submit_all(job, batch);
		if (r == 0)
			r = job->way == NEXT ? take_each(job, batch, values) : gather_all(job, batch, values);
		sheaf_batch_retire(batch);
	}
	*ns = sheaf_now_ns() - start;
	for (size_t i = 0; r == 0 && i < job->n; i++)
		r = bench_check(i, i, values[i]);
	free(values);
	return r;
}

static int measure(const struct bench_job *job, double *ns)
{
	return bench_repeat_in_pool(job, run, ns);
}

const struct bench_case cases_submit[] = {
	{
		.name = "submit-gather",
		.unit = "ns/task",
		.unit_ns = 1,
		.what = "tasks of 8 bytes in and out, submitted one by one by one owner and gathered in order",
		.full = {.n = 1000000, .repeats = 3},
		.quick = {.n = 10000, .repeats = 1},
		.contenders = {SHEAF(measure, NEXT), VARIANT("Sheaf, all at once", measure, ALL_AT_ONCE), LIBGOMP, LIBOMP, TBB,
			       POOL, LIMIT("cache-line round trip", limit_line, 0)},
		.bounds = {{.most = 100}, {.most = 1, .of = {"oneTBB"}}, {.most = 1.0 / 300, .of = {"multiprocessing.Pool"}}},
	},
	{0},
};
