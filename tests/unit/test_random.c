/*
 * test_random.c - random numbers: known answers, distributions, and the same numbers whoever runs.
 *
 * The known answers are those that the authors of Philox publish with their generators
 * (kat_vectors of Random123).
 */
#define _GNU_SOURCE
#include "pools.h"

#include "base/philox.h"
#include "sheaf_random.h"
#include "sheaf_workers.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>

TestSuite(random, .init = begin, .fini = end);

Test(random, philox_gives_the_published_answers)
{
	static const struct {
		uint32_t counter[4], key[2], words[4];
	} known[] = {
		{{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
		 {0xffffffff, 0xffffffff},
		 {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
		 {0xa4093822, 0x299f31d0},
		 {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	};

	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		uint32_t words[4];

		philox(known[i].counter, known[i].key, words);
		for (unsigned w = 0; w < 4; w++)
			cr_assert_eq(words[w], known[i].words[w], "answer %u, word %u: %#x", i, w, words[w]);
	}
}

Test(random, a_stream_is_made_of_the_blocks_of_its_position)
{
	static const uint32_t key[2] = {0x299f31d0, 0xa4093822};
	sheaf_random_stream stream;

	sheaf_random_at(&stream, UINT64_C(0xa4093822299f31d0), UINT64_C(0x0370734413198a2e));
	for (uint32_t block = 0; block < 3; block++) {
		uint32_t words[4];

		philox((const uint32_t[4]){block, 0, 0x13198a2e, 0x03707344}, key, words);
		for (unsigned w = 0; w < 4; w++)
			cr_assert_eq(sheaf_random_u32(&stream), words[w]);
	}
	/* A copy comes back to its place. */
	sheaf_random_stream copy = stream;
	uint64_t next = sheaf_random_u64(&stream);

	cr_assert_eq(next, sheaf_random_u64(&copy));
}

/* Mean and variance of @n numbers, and their largest distance from the distribution function. */
static void check_moments(const double *x, size_t n, double mean, double variance)
{
	double sum = 0, squares = 0;

	for (size_t i = 0; i < n; i++)
		sum += x[i];
	for (size_t i = 0; i < n; i++)
		squares += (x[i] - sum / (double)n) * (x[i] - sum / (double)n);
	/* Six standard deviations. */
	cr_assert(fabs(sum / (double)n - mean) < 6 * sqrt(variance / (double)n), "mean %g", sum / (double)n);
	cr_assert(fabs(squares / (double)n - variance) < 10 * variance / sqrt((double)n), "variance %g", squares / (double)n);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The statistic of Kolmogorov and Smirnov: above 2.3 / sqrt(n) once in 20,000 times. */
static void check_distribution(double *x, size_t n, double (*distribution)(double))
{
	double most = 0;

	qsort(x, n, sizeof(*x), compare);
	for (size_t i = 0; i < n; i++) {
		double at = distribution(x[i]);

		most = fmax(most, fmax(at - (double)i / (double)n, (double)(i + 1) / (double)n - at));
	}
	cr_assert(most < 2.3 / sqrt((double)n), "%g for %zu numbers", most, n);
}

static double uniform(double x)
{
	return x;
}

static double normal(double x)
{
	return erfc(-x / sqrt(2)) / 2;
}

#define N 200000

Test(random, numbers_are_distributed_as_they_should)
{
	double *x = malloc(N * sizeof(*x));
	sheaf_random_stream stream;

	sheaf_random_at(&stream, 20261127, 1);
	for (size_t i = 0; i < N; i++) {
		x[i] = sheaf_random_double(&stream);
		cr_assert(x[i] >= 0 && x[i] < 1);
	}
	check_moments(x, N, 0.5, 1.0 / 12);
	check_distribution(x, N, uniform);
	for (size_t i = 0; i < N; i++)
		x[i] = sheaf_random_normal(&stream);
	check_moments(x, N, 0, 1);
	check_distribution(x, N, normal);
	/* Of neighbouring positions, one number each. */
	for (size_t i = 0; i < N; i++) {
		sheaf_random_at(&stream, 7, i);
		x[i] = sheaf_random_normal(&stream);
	}
	check_moments(x, N, 0, 1);
	check_distribution(x, N, normal);
	free(x);
}

Test(random, integers_below_n_have_no_bias)
{
	static const uint64_t sizes[] = {1, 2, 3, 10, 1000, UINT64_C(3) << 62};
	sheaf_random_stream stream;

	sheaf_random_at(&stream, 1, 2);
	for (unsigned s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		uint64_t n = sizes[s], cells = n < 1000 ? n : 1000, counts[1000] = {0}, tries = 1000 * cells;
		double sum = 0;

		for (uint64_t i = 0; i < tries; i++) {
			uint64_t x = sheaf_random_below(&stream, n);

			cr_assert_lt(x, n);
			counts[n < 1000 ? x : x / (n / 1000) % 1000]++;
		}
		for (uint64_t c = 0; c < cells; c++)
			sum += ((double)counts[c] - 1000) * ((double)counts[c] - 1000) / 1000;
		/* Chi square with cells - 1 degrees of freedom: six standard deviations. */
		cr_assert(sum < (double)cells + 6 * sqrt(2 * (double)cells) + 6, "%g for %llu", sum, (unsigned long long)n);
	}
	cr_assert_neq(sheaf_random_below(&stream, 0), sheaf_random_below(&stream, 0));
}

/* ---- tasks ---- */

static int draw(sheaf_task *task, const void *in, void *out)
{
	sheaf_random_stream stream;
	double x = 0;

	(void)in;
	sheaf_random(task, &stream);
	for (unsigned i = 0; i < 20; i++)
		x += sheaf_random_normal(&stream) + sheaf_random_double(&stream);
	/* In its first attempt now and then one dies half way. */
	if (sheaf_task_attempt(task) == 1 && sheaf_task_position(task) % 501 == 500 && sheaf_task_state(task))
		raise(SIGKILL);
	memcpy(out, &x, sizeof(x));
	return 0;
}

static int set_up(void **state, unsigned worker, void *context)
{
	static int dies;

	(void)worker, (void)context;
	*state = &dies;
	return 0;
}

static void draw_all(sheaf_pool_options options, double *found, size_t n)
{
	void *out;

	options.heap_size = 64 << 20;
	start(&options);
	expect_done(sheaf_alloc(pool, n * sizeof(double), &out));
	expect_done(sheaf_map(pool, draw, NULL, 0, out, sizeof(double), n, NULL));
	memcpy(found, out, n * sizeof(double));
	sheaf_pool_destroy(pool);
	pool = NULL;
}

Test(random, tasks_draw_the_same_numbers_whoever_runs_them)
{
	static double first[3000], found[3000];
	const sheaf_worker_options dying = {.init = set_up};
	sheaf_random_stream stream;
	double x = 0;

	draw_all((sheaf_pool_options){.workers = 1, .seed = 5}, first, 3000);
	draw_all((sheaf_pool_options){.workers = 2, .seed = 5}, found, 3000);
	cr_assert_eq(memcmp(first, found, sizeof(found)), 0);
	draw_all((sheaf_pool_options){.workers = 7, .seed = 5}, found, 3000);
	cr_assert_eq(memcmp(first, found, sizeof(found)), 0);
	draw_all((sheaf_pool_options){.workers = 3, .seed = 5, .backend = SHEAF_THREADS}, found, 3000);
	cr_assert_eq(memcmp(first, found, sizeof(found)), 0);
	draw_all((sheaf_pool_options){.seed = 5, .backend = SHEAF_INLINE}, found, 3000);
	cr_assert_eq(memcmp(first, found, sizeof(found)), 0);
	draw_all((sheaf_pool_options){.workers = 3, .seed = 5, .worker_options = &dying}, found, 3000);
	cr_assert_eq(memcmp(first, found, sizeof(found)), 0);
	/* A program without a pool draws them, too. */
	sheaf_random_at(&stream, 5, 2999);
	for (unsigned i = 0; i < 20; i++)
		x += sheaf_random_normal(&stream) + sheaf_random_double(&stream);
	cr_assert_eq(x, first[2999]);
	draw_all((sheaf_pool_options){.workers = 2, .seed = 6}, found, 3000);
	cr_assert_neq(memcmp(first, found, sizeof(found)), 0);
}
