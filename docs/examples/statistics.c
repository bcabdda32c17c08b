/*
 * statistics.c - mean, variance, extremes and a histogram of many numbers, with the same digits for
 * any number of workers.
 *
 * The numbers are normal, one of each position's own stream. A histogram is a reduction of one's
 * own: each leaf of positions counts into a partial histogram, and two of these are added. Sums of
 * doubles depend on their order, and here that depends on the number of positions alone.
 *
 * Run: build/docs/examples/statistics [--workers N] [--numbers N]
 */
#include "support/example.h"

#include <math.h>
#include <sheaf_random.h>
#include <sheaf_reduce.h>
#include <stdio.h>

enum { BINS = 8 };

struct histogram {
	unsigned long long counts[BINS];
};

static int draw(sheaf_task *task, const void *in, void *out)
{
	sheaf_random_stream random;

	(void)in;
	sheaf_random(task, &random);
	*(double *)out = sheaf_random_normal(&random);
	return 0;
}

/* Bins of one standard deviation each; the first and the last have all that is beyond. */
static int count(sheaf_task *task, size_t begin, size_t end, void *partial, const void *context)
{
	const double *x = *(const double *const *)context;
	struct histogram *histogram = partial;

	(void)task;
	for (size_t i = begin; i < end; i++) {
		double bin = floor(x[i]) + BINS / 2;

		histogram->counts[bin < 0 ? 0 : bin >= BINS ? BINS - 1 : (int)bin]++;
	}
	return 0;
}

static int add(sheaf_task *task, void *partial, const void *next, const void *context)
{
	struct histogram *histogram = partial;
	const struct histogram *other = next;

	(void)task, (void)context;
	for (int bin = 0; bin < BINS; bin++)
		histogram->counts[bin] += other->counts[bin];
	return 0;
}

static int run(sheaf_pool *pool, size_t n)
{
	sheaf_reduction counting = {.size = sizeof(struct histogram), .fold = count, .combine = add};
	struct histogram histogram;
	sheaf_moments moments;
	sheaf_found found;
	void *numbers;
	double sum;
	int r;

	if ((r = sheaf_alloc_array(pool, n, sizeof(double), &numbers)) ||
	    (r = sheaf_map(pool, draw, NULL, 0, numbers, sizeof(double), n, NULL)))
		return r;
	/* The address is the context: it means the same in each worker. */
	counting.context = &numbers;
	counting.context_size = sizeof(numbers);
	if ((r = sheaf_sum(pool, SHEAF_F64, numbers, n, &sum, NULL)) ||
	    (r = sheaf_mean_variance(pool, SHEAF_F64, numbers, n, &moments, NULL)) ||
	    (r = sheaf_extremes(pool, SHEAF_F64, numbers, n, &found, NULL)) ||
	    (r = sheaf_reduce(pool, &counting, n, &histogram, NULL)))
		return r;
	printf("sum %.17g\nmean %.17g\nvariance %.17g\n", sum, moments.mean, moments.variance);
	printf("least %.17g at %zu\nlargest %.17g at %zu\n", found.min.f64, found.min_at, found.max.f64, found.max_at);
	for (int bin = 0; bin < BINS; bin++)
		printf("from %+d: %llu\n", bin - BINS / 2, histogram.counts[bin]);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned n = 1000000;
	const struct example_option options[] = {
		{.name = "--numbers", .help = "how many", .number = &n, .min = 1, .max = 1000000000}, {0}};
	sheaf_pool_options pool_options = {.workers = example_options(argc, argv, options), .seed = 1979};
	sheaf_pool *pool;
	int r = sheaf_pool_create(&pool, &pool_options);

	if (!r) {
		r = run(pool, n);
		sheaf_pool_destroy(pool);
	}
	return example_end(r);
}
