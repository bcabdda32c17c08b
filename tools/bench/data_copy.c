/*
 * data_copy.c - copies of arrays in memory that convert, or transpose: data/copy-f4-f8, -f8-f4,
 * -i4-f8, -f8-i4 and -transposed.
 */
#include "measure.h"
#include "peers.h"

#include <sheaf_data.h>

#include <string.h>

struct copy_test {
	sheaf_pool *pool;
	sheaf_array from, to;
};

/* Whole, and small enough for each type. */
static double number(size_t i)
{
	return (double)(i % 1000003);
}

static void put(const sheaf_array *array, size_t i, double value)
{
	if (array->type == SHEAF_F32)
		((float *)array->data)[i] = (float)value;
	else if (array->type == SHEAF_I32)
		((int32_t *)array->data)[i] = (int32_t)value;
	else
		((double *)array->data)[i] = value;
}

static double get(const sheaf_array *array, size_t i)
{
	if (array->type == SHEAF_F32)
		return (double)((const float *)array->data)[i];
	return array->type == SHEAF_I32 ? ((const int32_t *)array->data)[i] : ((const double *)array->data)[i];
}

/* The type by its name in the case's: "data/copy-f4-f8". */
static enum sheaf_number type_of(const char *name)
{
	return strncmp(name, "f4", 2) == 0 ? SHEAF_F32 : strncmp(name, "i4", 2) == 0 ? SHEAF_I32 : SHEAF_F64;
}

static bool is_transposed(const struct bench_job *job)
{
	return strcmp(job->name, "data/copy-transposed") == 0;
}

static size_t side_of(size_t n)
{
	size_t side = 1;

	while (side * side < n)
		side++;
	return side;
}

static int make_arrays(const struct bench_job *job, struct copy_test *test)
{
	const char *types = job->name + strlen("data/copy-");
	size_t side = side_of(job->n), shape[2] = {is_transposed(job) ? side : job->n, side};
	unsigned dimensions = is_transposed(job) ? 2 : 1;
	int r;

	if ((r = sheaf_array_create(&test->from, test->pool, type_of(types), 0, dimensions, shape)) ||
	    (r = sheaf_array_create(&test->to, test->pool, type_of(types + 3), 0, dimensions, shape)))
		return bench_sheaf_failed("sheaf_array_create", r);
	for (size_t i = 0; i < job->n; i++)
		put(&test->from, i, number(i));
	if (is_transposed(job) && (r = sheaf_array_transpose(&test->from, &test->from, NULL)))
		return bench_sheaf_failed("sheaf_array_transpose", r);
	return 0;
}

static int copy_array(const struct bench_job *job, void *context, uint64_t *ns)
{
	const struct copy_test *test = context;
	uint64_t start = sheaf_now_ns();
	int r = sheaf_array_copy(test->pool, &test->to, &test->from, SHEAF_CHECKED, NULL);

	(void)job;
	*ns = sheaf_now_ns() - start;
	return r < 0 ? bench_sheaf_failed("sheaf_array_copy", r) : 0;
}

static int check_copy(const struct bench_job *job, const struct copy_test *test)
{
	size_t side = side_of(job->n);

	for (size_t i = 0; i < job->n; i++) {
		double wanted = number(is_transposed(job) ? i % side * side + i / side : i);

		if (get(&test->to, i) != wanted)
			return bench_fail("item %zu is %.17g instead of %.17g", i, get(&test->to, i), wanted);
	}
	return 0;
}

static int copy(const struct bench_job *job, double *ns)
{
	struct copy_test test = {0};
	int r = bench_room(job->n * 2 * sizeof(double));

	if (r)
		return r;
	r = sheaf_pool_create(&test.pool, &(sheaf_pool_options){.workers = job->workers});
	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	r = make_arrays(job, &test);
	if (r == 0)
		r = bench_repeat(job, copy_array, &test, ns);
	if (r == 0)
		r = check_copy(job, &test);
	sheaf_pool_destroy(test.pool);
	return r;
}

#define COPY(NAME, WHAT)                                                                                                   \
	{                                                                                                                  \
		.name = "data/copy-" NAME, .unit = "ns/item", .unit_ns = 1, .full = {.n = 100000000, .repeats = 3},        \
		.quick = {.n = 22500, .repeats = 1}, .what = WHAT,                                                         \
		.contenders = {SHEAF(copy, 0), {PEER("NumPy", "arrays.py")}, LIMIT("bandwidth of a copy", limit_copy, 0)}, \
		.bounds = {{.most = 1.0, .of = {"NumPy"}}},                                                                \
	}

const struct bench_case cases_data_copy[] = {
	COPY("f4-f8", "copy an array of 4-byte floats into one of doubles"),
	COPY("f8-f4", "copy doubles into 4-byte floats, each checked: is it too large?"),
	COPY("i4-f8", "copy 4-byte whole numbers into doubles"),
	COPY("f8-i4", "copy doubles into 4-byte whole numbers, each checked: has it one?"),
	COPY("transposed", "copy the transpose of a square of doubles into an array in C order"),
	{0},
};
