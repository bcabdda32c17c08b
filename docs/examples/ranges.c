/*
 * ranges.c - many samples cut into ranges, one task per range, the last one shorter: nothing is
 * skipped, nothing counted twice.
 *
 * The samples lie once in shared memory and each task gets a pointer to them. Every visit of a
 * sample is counted beside it, so that the program checks this claim itself. (A task that runs
 * again because its worker was killed would count its visits again: results are published once, but
 * side effects are the task's own.)
 *
 * Run: build/docs/examples/ranges [--workers N]
 */
#include "support/example.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>

enum { SAMPLES = 483931, RANGE = 60000, RANGES = (SAMPLES + RANGE - 1) / RANGE };

struct sample {
	uint32_t value;
	_Atomic uint32_t visits;
};

struct range {
	struct sample *samples; /* in shared memory: the same address in every process */
	size_t begin, end;
};

struct summary {
	size_t begin, end, count;
	uint64_t sum;
};

static int sum_range(sheaf_task *task, const void *arg, void *result)
{
	const struct range *range = arg;
	struct summary *summary = result;

	(void)task;
	summary->begin = range->begin;
	summary->end = range->end;
	for (size_t i = range->begin; i < range->end; i++) {
		summary->sum += range->samples[i].value;
		summary->count++;
		/* Relaxed: only the count matters, and it is read after the gather. */
		atomic_fetch_add_explicit(&range->samples[i].visits, 1, memory_order_relaxed);
	}
	return 0;
}

static int submit_ranges(sheaf_batch *batch, struct sample *samples)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < RANGES; i++) {
		struct range range = {.samples = samples, .begin = i * RANGE, .end = (i + 1) * RANGE};

		if (range.end > SAMPLES)
			range.end = SAMPLES;
		r = sheaf_submit(batch, i, sum_range, &range, sizeof(range));
	}
	return r;
}

static struct summary print_ranges(const sheaf_result *results, size_t n)
{
	struct summary total = {0};

	printf("range  begin     end   count         sum\n");
	for (size_t i = 0; i < n; i++) {
		const struct summary *part = results[i].data;

		printf("%5zu %6zu %7zu %7zu %11" PRIu64 "\n", i, part->begin, part->end, part->count, part->sum);
		total.end = part->end;
		total.count += part->count;
		total.sum += part->sum;
	}
	printf("total %6zu %7zu %7zu %11" PRIu64 "\n", total.begin, total.end, total.count, total.sum);
	return total;
}

/* Compare with a plain loop over the same samples. Return 0 if all results agree, and 1 if not. */
static int check(struct sample *samples, struct summary total)
{
	size_t skipped = 0, repeated = 0;
	uint64_t sum = 0;

	for (size_t i = 0; i < SAMPLES; i++) {
		uint32_t visits = atomic_load_explicit(&samples[i].visits, memory_order_relaxed);

		sum += samples[i].value;
		skipped += visits == 0;
		repeated += visits > 1;
	}
	printf("skipped: %zu, visited twice: %zu, sum of a plain loop: %" PRIu64 "\n", skipped, repeated, sum);
	return skipped == 0 && repeated == 0 && total.count == SAMPLES && total.sum == sum ? 0 : 1;
}

static int run(sheaf_batch *batch, struct sample *samples)
{
	const sheaf_result *results;
	size_t n;
	int r;

	for (uint32_t i = 0; i < SAMPLES; i++)
		samples[i].value = (uint32_t)((uint64_t)i * i % 9973);
	r = submit_ranges(batch, samples);
	if (r == 0)
		r = sheaf_gather(batch, &results, &n, SHEAF_FOREVER);
	if (r > 0)
		return example_failures(results, n);
	if (r < 0)
		return r;
	return check(samples, print_ranges(results, n));
}

int main(int argc, char **argv)
{
	const sheaf_pool_options options = {.workers = example_options(argc, argv, NULL)};
	const sheaf_batch_options batch_options = {.result_size = sizeof(struct summary)};
	sheaf_pool *pool = NULL;
	sheaf_batch *batch = NULL;
	void *samples;
	int r = sheaf_pool_create(&pool, &options);

	if (r == 0)
		r = sheaf_batch_create(&batch, pool, &batch_options);
	if (r == 0)
		r = sheaf_alloc_array(pool, SAMPLES, sizeof(struct sample), &samples);
	if (r == 0)
		r = run(batch, samples);
	r = example_end(r);
	sheaf_batch_retire(batch);
	sheaf_pool_destroy(pool);
	return r;
}
