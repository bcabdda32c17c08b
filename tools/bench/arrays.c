/*
 * arrays.c - the kernels, the same ones for Sheaf, peers and limits. Compiled apart from all of
 * them: nobody can inline a kernel, or see in it how long the loop is.
 */
#include "arrays.h"
#include "measure.h"

#include <string.h>

static void cube(const struct arrays *arrays, size_t begin, size_t end)
{
	const double *x = arrays->in[0];
	double *out = arrays->out;

	for (size_t i = begin; i < end; i++)
		out[i] = x[i] * x[i] * x[i];
}

static double expected_cube(double x, double y)
{
	(void)y;
	return x * x * x;
}

/*
 * Not by restricted pointers: a compiler could make it memcpy(), which goes around the caches if
 * the loop is long enough.
 */
static void copy(const struct arrays *arrays, size_t begin, size_t end)
{
	const double *x = arrays->in[0];
	double *out = arrays->out;

	for (size_t i = begin; i < end; i++)
		out[i] = x[i];
}

static double expected_copy(double x, double y)
{
	(void)y;
	return x;
}

static void triad(const struct arrays *arrays, size_t begin, size_t end)
{
	const double *x = arrays->in[0], *y = arrays->in[1];
	double *out = arrays->out;

	for (size_t i = begin; i < end; i++)
		out[i] = x[i] + 3 * y[i];
}

static double expected_triad(double x, double y)
{
	return x + 3 * y;
}

const struct arrays_kernel arrays_cube = {.sources = 1, .loop = cube, .expected = expected_cube};
const struct arrays_kernel arrays_copy = {.sources = 1, .loop = copy, .expected = expected_copy};
const struct arrays_kernel arrays_triad = {.sources = 2, .loop = triad, .expected = expected_triad};

const struct arrays_kernel *arrays_kernel(const char *name)
{
	const char *slash = strrchr(name, '/');

	if (slash && strcmp(slash, "/copy") == 0)
		return &arrays_copy;
	if (slash && strcmp(slash, "/triad") == 0)
		return &arrays_triad;
	return &arrays_cube;
}

int arrays_cube_item(sheaf_task *task, const void *arg, void *result)
{
	double x = *(const double *)arg;

	(void)task;
	*(double *)result = x * x * x;
	return 0;
}

/* Small whole numbers: the result is exact, however a compiler computes it. */
static void fill(const struct arrays *arrays, size_t begin, size_t end)
{
	for (size_t i = begin; i < end; i++) {
		arrays->in[0][i] = 1 + (double)(i % 100000);
		if (arrays->in[1])
			arrays->in[1][i] = 2 + (double)(i % 99991);
		arrays->out[i] = 0;
	}
}

size_t arrays_size(const struct bench_job *job, const struct arrays_kernel *kernel)
{
	return (1 + kernel->sources) * job->n * sizeof(double);
}

struct arrays arrays_in(void *memory, const struct bench_job *job, const struct arrays_kernel *kernel)
{
	double *first = memory;
	struct arrays arrays = {.out = first, .in[0] = first + job->n};

	if (kernel->sources > 1)
		arrays.in[1] = first + 2 * job->n;
	return arrays;
}

static int check(const struct bench_job *job, const struct arrays_test *test)
{
	const struct arrays *arrays = &test->arrays;

	for (size_t i = 0; i < job->n; i++) {
		double expected = test->kernel->expected(arrays->in[0][i], arrays->in[1] ? arrays->in[1][i] : 0);

		if (arrays->out[i] != expected)
			return bench_fail("wrong result at position %zu: %.17g instead of %.17g", i, arrays->out[i], expected);
	}
	return 0;
}

static int run(const struct bench_job *job, void *context, uint64_t *ns)
{
	const struct arrays_test *test = context;
	int r;

	/*
	 * What the run before left would hide a position that this one forgets; no position has to
	 * hold 0.
	 */
	memset(test->arrays.out, 0, job->n * sizeof(*test->arrays.out));
	r = test->pass(job, test, test->kernel->loop, ns);
	return r == 0 ? check(job, test) : r;
}

int arrays_measure(const struct bench_job *job, const struct arrays_test *test, double *ns)
{
	uint64_t untimed;
	int r = (test->first ? test->first : test->pass)(job, test, fill, &untimed);

	return r == 0 ? bench_repeat(job, run, (void *)test, ns) : r;
}

/* Four sums at a time: one alone would wait for its own addition, not for the memory. */
uint64_t arrays_sum(const uint64_t *words, size_t n)
{
	uint64_t a = 0, b = 0, c = 0, d = 0;
	size_t i = 0;

	for (; i + 4 <= n; i += 4) {
		a += words[i];
		b += words[i + 1];
		c += words[i + 2];
		d += words[i + 3];
	}
	for (; i < n; i++)
		a += words[i];
	return a + b + c + d;
}

void arrays_number(uint64_t *words, size_t begin, size_t end)
{
	for (size_t i = begin; i < end; i++)
		words[i] = bench_expected(i);
}

int arrays_check_numbers(const uint64_t *words, size_t n)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = bench_check(i, i, words[i]);
	return r;
}

size_t arrays_handover(const struct bench_job *job)
{
	return (job->quick ? (size_t)1 << 20 : (size_t)64 << 20) / sizeof(uint64_t);
}

size_t arrays_touched(const struct bench_job *job)
{
	return (job->n << 20) / sizeof(uint64_t);
}
