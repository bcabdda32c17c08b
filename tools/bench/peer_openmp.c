/*
 * peer_openmp.c - the same work by the threads of OpenMP.
 *
 * Each measurement starts the threads in its own process, which was forked from one that has none, and ends with that process.
 */
#include "measure.h"
#include "peers.h"

#include <omp.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef KMP_VERSION_MAJOR
const char openmp_name[] = "OpenMP (libomp)";
#elif defined(__GNUC__)
const char openmp_name[] = "OpenMP (libgomp)";
#else
const char openmp_name[] = "OpenMP";
#endif

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

static void map_grain_1(const struct bench_job *job, struct arrays *arrays)
{
	uint64_t *in = arrays->in, *out = arrays->out;
	size_t n = job->n;

#pragma omp parallel for schedule(dynamic, 1) num_threads(job->workers)
	for (size_t i = 0; i < n; i++)
		bench_task(NULL, &in[i], &out[i]);
}

static void map_auto(const struct bench_job *job, struct arrays *arrays)
{
	uint64_t *in = arrays->in, *out = arrays->out;
	size_t n = job->n;

#pragma omp parallel for schedule(static) num_threads(job->workers)
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
static int start_threads(unsigned wanted)
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
	int r = start_threads(job->workers);

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

int openmp_submit_gather(const struct bench_job *job, double *ns)
{
	return measure(job, submit_gather, ns);
}

int openmp_map_grain_1(const struct bench_job *job, double *ns)
{
	return measure(job, map_grain_1, ns);
}

int openmp_map_auto(const struct bench_job *job, double *ns)
{
	return measure(job, map_auto, ns);
}

/* The nearest thing to one task for a sleeping pool: a parallel region in which the other thread does the work. */
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

/*
 * Threads that may sleep are told to wait passively. The runtime reads that from its environment when the program starts: so
 * the program is started once more, and comes straight back here.
 */
int openmp_apply_idle(const struct bench_job *job, double *ns)
{
	static const char policy[] = "OMP_WAIT_POLICY", passive[] = "passive";
	const char *now = getenv(policy);
	char repeats[24];
	int r;

	if (now && strcmp(now, passive) == 0) {
		r = start_threads(2);
		return r == 0 ? bench_repeat(job, run_apply, NULL, ns) : r;
	}
	if (setenv(policy, passive, 1) != 0)
		return bench_fail("setenv: %s", strerror(errno));
	snprintf(repeats, sizeof(repeats), "%u", job->repeats);
	execlp(bench_program, bench_program, OPENMP_AGAIN, repeats, (char *)NULL);
	return bench_fail("%s cannot be started again: %s", bench_program, strerror(errno));
}
