/*
 * case_submit.c - submit-gather: separate tasks from one owner, gathered in order.
 */
#include "measure.h"
#include "peers.h"

/* The time runs from the creation of the batch to its end, and stands still while the results are checked. */
static int run(const struct bench_job *job, void *context, uint64_t *ns)
{
	sheaf_batch_options options = {.result_size = sizeof(uint64_t), .flags = SHEAF_NO_TIMES};
	const sheaf_result *results = NULL;
	sheaf_batch *batch = NULL;
	uint64_t start = sheaf_now_ns(), gathered;
	int r = sheaf_batch_create(&batch, context, &options);

	if (r < 0)
		return bench_sheaf_failed("sheaf_batch_create", r);
	for (uint64_t i = 0; i < job->n; i++) {
		r = sheaf_submit(batch, i, bench_task, &i, sizeof(i));
		if (r < 0) {
			r = bench_sheaf_failed("sheaf_submit", r);
			goto retire;
		}
	}
	r = bench_gather(job, batch, sizeof(uint64_t), &results, &gathered);
	for (size_t i = 0; r == 0 && i < job->n; i++)
		r = bench_check(i, i, *(const uint64_t *)results[i].data);
	*ns = gathered - start;
	start = sheaf_now_ns();
retire:
	sheaf_batch_retire(batch);
	*ns += sheaf_now_ns() - start;
	return r;
}

static int measure(const struct bench_job *job, double *ns)
{
	return bench_repeat_in_pool(job, run, ns);
}

const struct bench_case case_submit_gather = {
	.name = "submit-gather",
	.unit = "ns/task",
	.unit_ns = 1,
	.what = "tasks of 8 bytes in and out, submitted one by one by one owner and gathered in order",
	.full = {.n = 1000000, .repeats = 3},
	.quick = {.n = 10000, .repeats = 1},
	.sheaf = {.name = "Sheaf", .measure = measure},
	.peers = {LIBGOMP, LIBOMP, TBB, PIPES, MPI, POOL, EXECUTOR, JOBLIB},
	.limits = {{.name = "contended fetch_add", .measure = limit_fetch_add},
		   {.name = "cache-line round trip", .measure = limit_line}},
	.bounds = {{.most = 100}, {.most = 1, .of = {"oneTBB"}}, {.most = 1.0 / 300, .of = {"multiprocessing.Pool"}}},
};
