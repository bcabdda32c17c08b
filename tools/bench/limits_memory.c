/*
 * limits_memory.c - how fast the memory of the machine is: the kernels of arrays.c by bare processes, each over a part of its own of
 * warm shared memory. Like the workers of a pool they are not bound to CPUs.
 */
#include "arrays.h"
#include "crew.h"
#include "measure.h"
#include "peers.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

struct part {
	const struct arrays_test *test;
	arrays_loop_fn *loop;
};

static void work(const struct crew *crew, unsigned index, const struct bench_job *job)
{
	const struct part *part = crew->context;
	size_t first, share = crew_share(crew, index, job->n, &first);

	part->loop(&part->test->arrays, first, first + share);
}

static int pass(const struct bench_job *job, const struct arrays_test *test, arrays_loop_fn *loop, uint64_t *ns)
{
	struct part part = {.test = test, .loop = loop};
	struct crew crew = *(const struct crew *)test->context;

	crew.context = &part;
	return crew_run(&crew, job, ns);
}

static int measure_kernel(const struct bench_job *job, const struct arrays_kernel *kernel, unsigned processes, double *ns)
{
	struct crew crew = {.size = processes, .work = work, .warm = true};
	struct arrays_test test = {.kernel = kernel, .pass = pass, .context = &crew};
	size_t size = arrays_size(job, kernel);
	void *memory = crew_memory(size);
	int r = -1;

	if (!memory)
		return bench_fail("no %zu bytes of shared memory: %s", size, strerror(errno));
	crew.page = crew_page_new();
	if (crew.page) {
		test.arrays = arrays_in(memory, job, kernel);
		r = arrays_measure(job, &test, ns);
		munmap(crew.page, sizeof(*crew.page));
	}
	munmap(memory, size);
	return r;
}

int limit_copy(const struct bench_job *job, double *ns)
{
	return measure_kernel(job, &arrays_copy, job->workers, ns);
}

int limit_triad(const struct bench_job *job, double *ns)
{
	return measure_kernel(job, &arrays_triad, job->workers, ns);
}

static int copy_results(const struct bench_job *job, unsigned processes, double *ns)
{
	struct bench_job doubles = *job;
	int r;

	doubles.n = job->n * BENCH_RESULT_SIZE / sizeof(double);
	r = measure_kernel(&doubles, &arrays_copy, processes, ns);
	*ns *= (double)doubles.n / (double)job->n;
	return r;
}

int limit_copy_results(const struct bench_job *job, double *ns)
{
	return copy_results(job, 1, ns);
}

int limit_copy_results_shared(const struct bench_job *job, double *ns)
{
	return copy_results(job, job->workers, ns);
}
