/*
 * data_group.c - sums of groups: data/group-100, -1e5 and -1e7, even and skewed.
 */
#include "data_keys.h"
#include "measure.h"
#include "peers.h"
#include "reduce.h"

#include <sheaf_group.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct group_test {
	sheaf_pool *pool;
	sheaf_array key, value, labels, sums; /* the last two: of the last run */
};

/* The number of groups is in the case's name, and whether they are skewed. */
static size_t groups_of(const struct bench_job *job, bool *skewed)
{
	*skewed = strstr(job->name, "-skewed") != NULL;
	return (size_t)strtod(job->name + strlen("data/group-"), NULL);
}

static int group_rows(const struct bench_job *job, void *context, uint64_t *ns)
{
	struct group_test *test = context;
	sheaf_aggregation sum = {.what = SHEAF_SUM, .values = &test->value};
	uint64_t start;
	int r;

	(void)job;
	if ((r = sheaf_array_free(&test->labels, test->pool)) < 0 || (r = sheaf_array_free(&test->sums, test->pool)) < 0)
		return bench_sheaf_failed("sheaf_array_free", r);
	start = sheaf_now_ns();
	r = sheaf_group_by(&test->labels, &test->sums, test->pool, &test->key, 1, &sum, 1, NULL);
	*ns = sheaf_now_ns() - start;
	return r < 0 ? bench_sheaf_failed("sheaf_group_by", r) : 0;
}

static int fill_rows(const struct bench_job *job, struct group_test *test)
{
	bool skewed;
	size_t groups = groups_of(job, &skewed);
	int r;

	if ((r = sheaf_array_create(&test->key, test->pool, SHEAF_I32, 0, 1, &job->n)) < 0 ||
	    (r = sheaf_array_create(&test->value, test->pool, SHEAF_F64, 0, 1, &job->n)) < 0)
		return bench_sheaf_failed("sheaf_array_create", r);
	for (size_t row = 0; row < job->n; row++) {
		((int32_t *)test->key.data)[row] = data_key(row, groups, skewed);
		((double *)test->value.data)[row] = data_summand(row);
	}
	return 0;
}

/* Each row's value is in one sum, and keys are in order. */
static int check_sums(const struct bench_job *job, const struct group_test *test)
{
	const int32_t *labels = test->labels.data;
	double all = 0, wanted = 0;

	for (size_t row = 0; row < job->n; row++)
		wanted += data_summand(row);
	for (size_t g = 0; g < test->labels.shape[0]; g++) {
		if (g && labels[g - 1] >= labels[g])
			return bench_fail("group %zu has the key %d, and the one before %d", g, labels[g], labels[g - 1]);
		all += ((double *)test->sums.data)[g];
	}
	return all == wanted ? 0 : bench_fail("the sum of all groups is %.17g instead of %.17g", all, wanted);
}

static int group_sum(const struct bench_job *job, double *ns)
{
	struct group_test test = {0};
	int r = bench_room(job->n * (sizeof(int32_t) + sizeof(double)) * 2);

	if (r)
		return r;
	r = sheaf_pool_create(&test.pool, &(sheaf_pool_options){.workers = job->workers});
	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	r = fill_rows(job, &test);
	if (r == 0)
		r = bench_repeat(job, group_rows, &test, ns);
	if (r == 0)
		r = check_sums(job, &test);
	sheaf_pool_destroy(test.pool);
	return r;
}

#define GROUP_CASE(GROUPS, TEXT)                                                                                      \
	{                                                                                                             \
		.name = "data/group-" GROUPS, .unit = "ns/row", .unit_ns = 1, .full = {.n = 100000000, .repeats = 2}, \
		.quick = {.n = 20000, .repeats = 1}, .what = "sums of doubles in " TEXT,                              \
		.contenders = {SHEAF(group_sum, 0),                                                                   \
			       {PEER("data.table", "rows.R")},                                                        \
			       {PEER("DuckDB", "rows.mjs")},                                                          \
			       {PEER("pandas", "rows.py")},                                                           \
			       LIMIT("reading 8 bytes a row", limit_sum, 1)},                                         \
		.bounds = {                                                                                           \
			{.most = 1.0, .of = {"data.table", "DuckDB", "pandas"}}                                       \
		}                                                                                                     \
	}

const struct bench_case cases_data_group[] = {
	GROUP_CASE("100", "100 groups of one size"),
	GROUP_CASE("1e5", "10^5 groups of one size"),
	GROUP_CASE("1e7", "10^7 groups of one size"),
	GROUP_CASE("100-skewed", "100 groups, of which three have seven rows of eight"),
	GROUP_CASE("1e5-skewed", "10^5 groups, of which three have seven rows of eight"),
	GROUP_CASE("1e7-skewed", "10^7 groups, of which three have seven rows of eight"),
	{0},
};
