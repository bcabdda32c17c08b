/*
 * openmp_reduce.c - the cases reduce by the reduction clause of OpenMP.
 */
#include "openmp.h"

#include "../reduce.h"

#include <omp.h>

#include <stdlib.h>

/* With vectors where the compiler can: clang warns that it does not. */
#ifdef __clang__
#define IN_PARALLEL _Pragma("omp parallel for reduction(+ : sum) num_threads(job->workers)")
#else
#define IN_PARALLEL _Pragma("omp parallel for simd reduction(+ : sum) num_threads(job->workers)")
#endif

struct reduction {
	double *x, *y;
};

static int run(const struct bench_job *job, void *context, uint64_t *ns)
{
	const struct reduction *reduction = context;
	const double *x = reduction->x, *y = reduction->y;
	size_t n = job->n;
	uint64_t start = sheaf_now_ns();
	double sum = 0;

	if (y) {
		IN_PARALLEL
		for (size_t i = 0; i < n; i++)
			sum += x[i] * y[i];
	} else {
		IN_PARALLEL
		for (size_t i = 0; i < n; i++)
			sum += x[i];
	}
	*ns = sheaf_now_ns() - start;
	return reduce_check(job, sum);
}

static int measure(const struct bench_job *job, double *ns)
{
	size_t bytes = job->n * sizeof(double);
	struct reduction reduction = {0};
	int r = openmp_start_threads(job->workers);

	if (r != 0)
		return r;
	reduction.x = malloc(bytes);
	reduction.y = reduce_is_dot(job) ? malloc(bytes) : NULL;
	if (reduction.x && (reduction.y || !reduce_is_dot(job))) {
		reduce_fill(job, reduction.x, reduction.y);
		r = bench_repeat(job, run, &reduction, ns);
	} else {
		r = bench_fail("no memory for arrays of %zu items", job->n);
	}
	free(reduction.x);
	free(reduction.y);
	return r;
}

const struct peer_case openmp_reduce_cases[] = {{"reduce/sum", measure}, {"reduce/dot", measure}, {0}};
