/*
 * data_sort.c - the order of rows: data/argsort.
 */
#include "data_keys.h"
#include "measure.h"
#include "peers.h"
#include "reduce.h"

#include <sheaf_group.h>

struct sort_test {
	sheaf_pool *pool;
	sheaf_array key, order; /* order: of the last run */
};

static int sort_rows(const struct bench_job *job, void *context, uint64_t *ns)
{
	struct sort_test *test = context;
	uint64_t start;
	int r = sheaf_array_free(&test->order, test->pool);

	(void)job;
	if (r < 0)
		return bench_sheaf_failed("sheaf_array_free", r);
	start = sheaf_now_ns();
	r = sheaf_argsort(&test->order, test->pool, &test->key, 1, NULL);
	*ns = sheaf_now_ns() - start;
	return r < 0 ? bench_sheaf_failed("sheaf_argsort", r) : 0;
}

static int check_order(const struct bench_job *job, const struct sort_test *test)
{
	const int64_t *key = test->key.data, *order = test->order.data;

	for (size_t i = 1; i < job->n; i++) {
		int64_t a = order[i - 1], b = order[i];

		if (key[a] > key[b] || (a >= b && key[a] == key[b]))
			return bench_fail("place %zu has the row %lld, and the one before %lld", i, (long long)b, (long long)a);
	}
	return 0;
}

static int argsort(const struct bench_job *job, double *ns)
{
	struct sort_test test = {0};
	int r = bench_room(job->n * 2 * (sizeof(int64_t) + 2 * sizeof(int64_t)));

	if (r)
		return r;
	r = sheaf_pool_create(&test.pool, &(sheaf_pool_options){.workers = job->workers});
	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	r = sheaf_array_create(&test.key, test.pool, SHEAF_I64, 0, 1, &job->n);
	if (r < 0)
		r = bench_sheaf_failed("sheaf_array_create", r);
	for (size_t row = 0; row < job->n && r == 0; row++)
		((int64_t *)test.key.data)[row] = data_sortable(row);
	if (r == 0)
		r = bench_repeat(job, sort_rows, &test, ns);
	if (r == 0)
		r = check_order(job, &test);
	sheaf_pool_destroy(test.pool);
	return r;
}

const struct bench_case cases_data_sort[] = {
	{
		.name = "data/argsort",
		.unit = "ns/row",
		.unit_ns = 1,
		.full = {.n = 100000000, .repeats = 1},
		.quick = {.n = 20000, .repeats = 1},
		.what = "tell the order of whole numbers of 53 bits",
		.contenders = {SHEAF(argsort, 0),
			       {PEER("data.table", "rows.R")},
			       {PEER("NumPy", "rows.py")},
			       LIMIT("reading 8 bytes a row", limit_sum, 1)},
		.bounds = {{.most = 1.0, .of = {"data.table", "NumPy"}}},
	},
	{0},
};
