/*
 * openmp_array.c - the cases of big arrays by the threads of OpenMP. Every thread touches first
 * what it will work on.
 */
#include "openmp.h"

#include "../arrays.h"

#include <omp.h>

#include <stdlib.h>

/*
 * A static schedule of items in which a thread sees its whole range at once, so that the loop is
 * the kernel's own.
 */
static int by_ranges(const struct bench_job *job, const struct arrays_test *test, arrays_loop_fn *loop, uint64_t *ns)
{
	size_t n = job->n;
	uint64_t start = sheaf_now_ns();

#pragma omp parallel num_threads(job->workers)
	{
		size_t threads = (size_t)omp_get_num_threads(), thread = (size_t)omp_get_thread_num();

		loop(&test->arrays, n * thread / threads, n * (thread + 1) / threads);
	}
	*ns = sheaf_now_ns() - start;
	return 0;
}

static int by_items(const struct bench_job *job, const struct arrays_test *test, arrays_loop_fn *loop, uint64_t *ns)
{
	/* volatile: the pointer is not known when this is compiled */
	sheaf_task_fn *volatile which = arrays_cube_item;
	sheaf_task_fn *fn = which;
	double *in = test->arrays.in[0], *out = test->arrays.out;
	size_t n = job->n;
	uint64_t start = sheaf_now_ns();

	(void)loop;
#pragma omp parallel for schedule(static) num_threads(job->workers)
	for (size_t i = 0; i < n; i++)
		fn(NULL, &in[i], &out[i]);
	*ns = sheaf_now_ns() - start;
	return 0;
}

static int measure(const struct bench_job *job, arrays_pass_fn *pass, double *ns)
{
	struct arrays_test test = {.kernel = arrays_kernel(job->name), .pass = pass, .first = by_ranges};
	int r = openmp_start_threads(job->workers);
	void *memory;

	if (r != 0)
		return r;
	memory = malloc(arrays_size(job, test.kernel));
	if (!memory)
		return bench_fail("no memory for arrays of %zu items", job->n);
	test.arrays = arrays_in(memory, job, test.kernel);
	r = arrays_measure(job, &test, ns);
	free(memory);
	return r;
}

static int measure_ranges(const struct bench_job *job, double *ns)
{
	return measure(job, by_ranges, ns);
}

static int measure_items(const struct bench_job *job, double *ns)
{
	return measure(job, by_items, ns);
}

static int run_first_touch(const struct bench_job *job, void *context, uint64_t *ns)
{
	size_t n = arrays_touched(job);
	uint64_t start = sheaf_now_ns(), *words = malloc(n * sizeof(*words));
	int r;

	(void)context;
	if (!words)
		return bench_fail("no memory for %zu words", n);
#pragma omp parallel num_threads(job->workers)
	{
		size_t threads = (size_t)omp_get_num_threads(), thread = (size_t)omp_get_thread_num();

		arrays_number(words, n * thread / threads, n * (thread + 1) / threads);
	}
	*ns = sheaf_now_ns() - start;
	r = arrays_check_numbers(words, n);
	free(words);
	return r;
}

static int measure_first_touch(const struct bench_job *job, double *ns)
{
	int r = bench_room(arrays_touched(job) * sizeof(uint64_t));

	if (r == 0)
		r = openmp_start_threads(job->workers);
	return r == 0 ? bench_repeat(job, run_first_touch, NULL, ns) : r;
}

const struct peer_case openmp_array_cases[] = {
	{"map-auto/cube", measure_ranges}, {"map-auto/copy", measure_ranges},    {"map-auto/triad", measure_ranges},
	{"map-item", measure_items},       {"first-touch", measure_first_touch}, {0},
};
