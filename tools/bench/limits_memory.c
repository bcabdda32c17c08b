/*
 * limits_memory.c - how fast the memory of the machine is: the kernels of arrays.c by bare
 * processes, each over a part of its own of warm shared memory. Like the workers of a pool they are
 * not bound to CPUs.
 */
#include "arrays.h"
#include "crew.h"
#include "measure.h"
#include "peers.h"

#include <sys/mman.h>

/* ---- doubles: copy and triad ---- */

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
	void *page = NULL, *memory = NULL;
	int r = crew_memory(sizeof(*crew.page), &page);

	if (r != 0)
		return r;
	r = crew_memory(size, &memory);
	if (r == 0) {
		crew.page = page;
		test.arrays = arrays_in(memory, job, kernel);
		r = arrays_measure(job, &test, ns);
		munmap(memory, size);
	}
	munmap(page, sizeof(*crew.page));
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

int limit_result(const struct bench_job *job, double *ns)
{
	struct bench_job doubles = *job;
	int r;

	doubles.n = job->n * BENCH_RESULT_SIZE / sizeof(double);
	r = measure_kernel(&doubles, &arrays_copy, 1, ns);
	*ns *= (double)doubles.n / (double)job->n;
	return r;
}

/* ---- words: sum ---- */

struct words {
	uint64_t *first;
	size_t n;
	uint64_t sum;
};

static void add_part(const struct crew *crew, unsigned index, const struct bench_job *job)
{
	const struct words *words = crew->context;
	size_t first, share = crew_share(crew, index, words->n, &first);

	(void)job;
	atomic_fetch_add(&crew->page->word, (unsigned long)arrays_sum(words->first + first, share));
}

static int run_sum(const struct bench_job *job, void *context, uint64_t *ns)
{
	const struct crew *crew = context;
	const struct words *words = crew->context;
	int r = crew_run(crew, job, ns);

	/* Each of them has added its part once, untimed, and once more. */
	return r || atomic_load(&crew->page->word) == (unsigned long)(2 * words->sum) ? r : bench_fail("wrong sum");
}

int limit_sum(const struct bench_job *job, double *ns)
{
	struct words words = {.n = job->n * (size_t)job->way};
	struct crew crew = {.size = job->workers, .work = add_part, .context = &words, .warm = true};
	size_t size = words.n * sizeof(*words.first);
	void *page = NULL, *memory = NULL;
	int r = crew_memory(sizeof(*crew.page), &page);

	if (r != 0)
		return r;
	r = crew_memory(size, &memory);
	if (r == 0) {
		crew.page = page;
		words.first = memory;
		arrays_number(words.first, 0, words.n);
		words.sum = (unsigned long)arrays_sum(words.first, words.n);
		r = bench_repeat(job, run_sum, &crew, ns);
		munmap(memory, size);
	}
	munmap(page, sizeof(*crew.page));
	return r;
}

static int run_read(const struct bench_job *job, void *context, uint64_t *ns)
{
	const struct words *words = context;
	uint64_t start = sheaf_now_ns(), sum = arrays_sum(words->first, words->n);

	(void)job;
	*ns = sheaf_now_ns() - start;
	return sum == words->sum ? 0 : bench_fail("wrong sum");
}

int limit_read(const struct bench_job *job, double *ns)
{
	struct words words = {.n = arrays_handover(job)};
	size_t size = words.n * sizeof(*words.first);
	void *memory = NULL;
	int r = crew_memory(size, &memory);

	if (r != 0)
		return r;
	words.first = memory;
	arrays_number(words.first, 0, words.n);
	words.sum = arrays_sum(words.first, words.n);
	r = bench_repeat(job, run_read, &words, ns);
	munmap(memory, size);
	return r;
}
