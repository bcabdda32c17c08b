/*
 * openmp.c - the cases of separate tasks and of single items by the threads of OpenMP, whichever
 * runtime this is linked with.
 */
#include "openmp.h"

#include <omp.h>

#include <stdlib.h>
#include <string.h>

struct arrays {
	uint64_t *in, *out;
};

static void submit_gather(const struct bench_job *job, struct arrays *arrays)
{
	uint64_t *in = arrays->in, *out = arrays->out;
	size_t n = job->n;

#pragma omp parallel num_threads(job->workers)
#pragma omp single
	for (size_t i = 0; i < n; i++) {
#pragma omp task firstprivate(i, in, out)
		bench_task(NULL, &in[i], &out[i]);
	}
}

static void grain_1(const struct bench_job *job, struct arrays *arrays)
{
	uint64_t *in = arrays->in, *out = arrays->out;
	size_t n = job->n;

#pragma omp parallel for schedule(dynamic, 1) num_threads(job->workers)
	for (size_t i = 0; i < n; i++)
		bench_task(NULL, &in[i], &out[i]);
}

struct work {
	void (*fn)(const struct bench_job *job, struct arrays *arrays);
	struct arrays arrays;
};

static int run_work(const struct bench_job *job, void *context, uint64_t *ns)
{
	struct work *work = context;
	uint64_t start;
	int r = 0;

	memset(work->arrays.out, 0, job->n * sizeof(*work->arrays.out));
	start = sheaf_now_ns();
	work->fn(job, &work->arrays);
	*ns = sheaf_now_ns() - start;
	for (size_t i = 0; r == 0 && i < job->n; i++)
		r = bench_check(i, work->arrays.in[i], work->arrays.out[i]);
	return r;
}

/* OMP_THREAD_LIMIT and the like may grant fewer threads: that would compare unlike things. */
int openmp_start_threads(unsigned wanted)
{
	unsigned got = 1;

	omp_set_dynamic(0);
#pragma omp parallel num_threads(wanted)
#pragma omp single
	got = (unsigned)omp_get_num_threads();
	return got == wanted ? 0 : bench_skip("OpenMP gives %u threads instead of %u", got, wanted);
}

static int measure(const struct bench_job *job, void (*fn)(const struct bench_job *job, struct arrays *arrays), double *ns)
{
	struct work work = {.fn = fn};
	int r = openmp_start_threads(job->workers);

	if (r != 0)
		return r;
	work.arrays.in = malloc(job->n * sizeof(*work.arrays.in));
	work.arrays.out = malloc(job->n * sizeof(*work.arrays.out));
	if (work.arrays.in && work.arrays.out) {
		for (size_t i = 0; i < job->n; i++)
			work.arrays.in[i] = i;
		r = bench_repeat(job, run_work, &work, ns);
	} else {
		r = bench_fail("no memory for two arrays of %zu items", job->n);
	}
	free(work.arrays.in);
	free(work.arrays.out);
	return r;
}

static int measure_submit_gather(const struct bench_job *job, double *ns)
{
	return measure(job, submit_gather, ns);
}

static int measure_grain_1(const struct bench_job *job, double *ns)
{
	return measure(job, grain_1, ns);
}

/*
 * The nearest thing to one task for a sleeping pool: a parallel region in which the other thread
 * does the work.
 */
static int run_apply(const struct bench_job *job, void *context, uint64_t *ns)
{
	uint64_t argument = 7, result = 0, start;

	(void)job;
	(void)context;
	bench_idle();
	start = sheaf_now_ns();
#pragma omp parallel num_threads(2)
	if (omp_get_thread_num() == 1)
		bench_task(NULL, &argument, &result);
	*ns = sheaf_now_ns() - start;
	return bench_check(0, argument, result);
}

static int measure_apply_idle(const struct bench_job *job, double *ns)
{
	int r = openmp_start_threads(2);

	return r == 0 ? bench_repeat(job, run_apply, NULL, ns) : r;
}

const struct peer_case openmp_cases[] = {
	{"submit-gather", measure_submit_gather},
	{"grain-1", measure_grain_1},
	{"apply-idle", measure_apply_idle},
	{0},
};

int main(int argc, char **argv)
{
	static const struct peer_case *const tables[] = {
		openmp_cases,      openmp_array_cases,  openmp_imbalance_cases, openmp_latency_cases,
		openmp_metg_cases, openmp_nested_cases, openmp_reduce_cases,    NULL};

	return peer_main(argc, argv, tables);
}
