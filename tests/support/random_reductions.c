/*
 * random_reductions.c - reductions and scans whose result one thread can compute, too.
 */
#include "random_reductions.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "check.h"
#include "children.h"
#include "deadline.h"
#include "sheaf_reduce.h"

#define MOST_POSITIONS 20000
#define MOST_LEAVES 64

/* What the functions need to know. A copy of it goes along. */
struct numbers {
	uint64_t salt;
	uint64_t *out; /* of a scan */
};

static uint64_t number_at(const struct numbers *numbers, size_t position)
{
	return distinct_value(numbers->salt + position);
}

/* Neither (a, b) and (b, a) have the same digest, nor (a, (b, c)) and ((a, b), c). */
static uint64_t digest_two(uint64_t a, uint64_t b)
{
	return distinct_value(a) * 3 + b;
}

static int fold(sheaf_task *task, size_t begin, size_t end, void *partial, const void *context)
{
	uint64_t sum = 0;

	(void)task;
	for (size_t i = begin; i < end; i++)
		sum = sum * 31 + number_at(context, i);
	/* Half of the leaves take a while, so that kills hit them. */
	if (sum % 2)
		sleep_ns(sum % 20000);
	memcpy(partial, &sum, sizeof(sum));
	return 0;
}

static int combine(sheaf_task *task, void *partial, const void *next, const void *context)
{
	uint64_t a, b;

	(void)task;
	(void)context;
	memcpy(&a, partial, sizeof(a));
	memcpy(&b, next, sizeof(b));
	a = digest_two(a, b);
	memcpy(partial, &a, sizeof(a));
	return 0;
}

/* The tree that sheaf_reduce.h describes, by one thread. */
static uint64_t reduce_alone(const struct numbers *numbers, size_t n, size_t leaves)
{
	uint64_t partials[MOST_LEAVES] = {0};
	size_t leaf = 1, count = 0;

	while ((n + leaf - 1) / leaf > leaves)
		leaf *= 2;
	for (size_t begin = 0; begin < n; begin += leaf)
		fold(NULL, begin, begin + leaf < n ? begin + leaf : n, &partials[count++], numbers);
	for (; count > 1; count = (count + 1) / 2)
		for (size_t i = 0; i < count; i += 2)
			partials[i / 2] = i + 1 < count ? digest_two(partials[i], partials[i + 1]) : partials[i];
	return partials[0];
}

static void check_code(int r)
{
	CHECK_AS(r == -ETIMEDOUT ? HARM_HUNG : HARM_LOST, r == 0, "a reduction: %d, \"%s\"", r, sheaf_message());
}

static void reduce(struct random_batches *batches, size_t n, const sheaf_map_options *options)
{
	struct numbers numbers = {.salt = rng_next(&batches->rng) >> 8};
	size_t leaves = 1 + rng_below(&batches->rng, MOST_LEAVES);
	const sheaf_reduction how = {.size = sizeof(uint64_t),
				     .fold = fold,
				     .combine = combine,
				     .context = &numbers,
				     .context_size = sizeof(numbers),
				     .leaves = leaves};
	uint64_t result = 0, wanted = reduce_alone(&numbers, n, leaves);
	int r = sheaf_reduce(batches->pool, &how, n, &result, options);

	if (r == -ENOENT)
		return;
	check_code(r);
	CHECK_AS(HARM_LOST, result == wanted, "the reduction of %zu positions is %#llx instead of %#llx", n,
		 (unsigned long long)result, (unsigned long long)wanted);
	batches->results++;
}

static int add(sheaf_task *task, size_t begin, size_t end, void *partial, const void *context)
{
	uint64_t sum;

	(void)task;
	memcpy(&sum, partial, sizeof(sum));
	for (size_t i = begin; i < end; i++)
		sum += number_at(context, i);
	memcpy(partial, &sum, sizeof(sum));
	return 0;
}

static int add_two(sheaf_task *task, void *partial, const void *next, const void *context)
{
	uint64_t a, b;

	(void)task;
	(void)context;
	memcpy(&a, partial, sizeof(a));
	memcpy(&b, next, sizeof(b));
	a += b;
	memcpy(partial, &a, sizeof(a));
	return 0;
}

/* Write the sum of all numbers before each position. */
static int write_sums(sheaf_task *task, size_t begin, size_t end, const void *before, const void *context)
{
	const struct numbers *numbers = context;
	uint64_t sum;

	(void)task;
	memcpy(&sum, before, sizeof(sum));
	for (size_t i = begin; i < end; i++) {
		numbers->out[i] = sum;
		sum += number_at(numbers, i);
	}
	return 0;
}

static void scan(struct random_batches *batches, size_t n, const sheaf_map_options *options)
{
	struct numbers numbers = {.salt = rng_next(&batches->rng) >> 8};
	const sheaf_reduction how = {.size = sizeof(uint64_t),
				     .fold = add,
				     .combine = add_two,
				     .context = &numbers,
				     .context_size = sizeof(numbers),
				     .leaves = 1 + rng_below(&batches->rng, MOST_LEAVES)};
	uint64_t sum = 0, total = 0;
	int r = sheaf_alloc_array(batches->pool, n, sizeof(*numbers.out), (void **)&numbers.out);

	CHECK(r == 0, "sheaf_alloc_array: %d", r);
	r = sheaf_scan(batches->pool, &how, write_sums, n, &total, options);
	if (r != -ENOENT) {
		check_code(r);
		for (size_t i = 0; i < n; i++) {
			CHECK_AS(HARM_LOST, numbers.out[i] == sum, "the sum before position %zu of %zu is wrong", i, n);
			sum += number_at(&numbers, i);
		}
		CHECK_AS(HARM_LOST, total == sum, "the sum of %zu numbers is wrong", n);
		batches->results++;
	}
	CHECK((r = sheaf_free(batches->pool, numbers.out)) == 0, "sheaf_free: %d", r);
}

void random_reduction_run(struct random_batches *batches)
{
	size_t n = 1 + rng_below(&batches->rng, rng_below(&batches->rng, 2) ? 200 : MOST_POSITIONS);
	sheaf_map_options options = {.caller_works = !rng_below(&batches->rng, 4), .deadline_ns = hang_deadline()};

	if (rng_below(&batches->rng, 2))
		reduce(batches, n, &options);
	else
		scan(batches, n, &options);
}
