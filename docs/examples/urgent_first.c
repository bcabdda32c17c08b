/*
 * urgent_first.c - answer questions at once, while the same workers search for primes in the
 * background.
 *
 * Run: build/docs/examples/urgent_first [--workers N]
 */
#include "support/example.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#define NUMBERS 1000000
#define QUESTIONS 5

/* Mark the odd primes of the range. To do so twice changes nothing. */
static int mark_primes(sheaf_task *task, size_t begin, size_t end, void *context)
{
	bool *primes = context;

	(void)task;
	for (size_t n = begin | 1; n < end; n += 2) {
		size_t d = 3;

		while (d * d <= n && n % d)
			d += 2;
		primes[n] = n > 1 && d * d > n;
	}
	return 0;
}

/* The sum of the digits of the question. */
static int answer(sheaf_task *task, const void *arg, void *result)
{
	uint64_t sum = 0;

	(void)task;
	for (uint64_t rest = *(const uint64_t *)arg; rest; rest /= 10)
		sum += rest % 10;
	*(uint64_t *)result = sum;
	return 0;
}

static int ask(sheaf_pool *pool, sheaf_batch *background)
{
	const sheaf_map_options urgent = {.priority = SHEAF_HIGH};
	sheaf_progress progress;
	uint64_t sum;
	int r = 0;

	for (uint64_t i = 0, question = 1957; r == 0 && i < QUESTIONS; i++, question = question * 31 + 7) {
		r = sheaf_apply(pool, answer, &question, sizeof(question), &sum, sizeof(sum), &urgent);
		if (r == 0)
			printf("the digits of %" PRIu64 " make %" PRIu64 "\n", question, sum);
	}
	if (r == 0 && (r = sheaf_batch_get_progress(background, &progress)) == 0)
		printf("the primes were %s\n", progress.done < progress.total ? "still being searched" : "found by then");
	return r;
}

static unsigned count(const bool *primes)
{
	unsigned found = 0;

	for (size_t n = 0; n < NUMBERS; n++)
		found += primes[n];
	return found;
}

int main(int argc, char **argv)
{
	const sheaf_pool_options options = {.workers = example_options(argc, argv, NULL)};
	const sheaf_batch_options in_the_background = {.priority = SHEAF_LOW};
	const sheaf_result *results;
	sheaf_batch *background = NULL;
	sheaf_pool *pool = NULL;
	void *primes = NULL;
	size_t n;
	int r = sheaf_pool_create(&pool, &options);

	if (r == 0)
		r = sheaf_alloc(pool, NUMBERS, &primes);
	if (r == 0)
		r = sheaf_batch_create(&background, pool, &in_the_background);
	if (r == 0)
		r = sheaf_submit_for(background, mark_primes, primes, NUMBERS, NULL);
	if (r == 0)
		r = ask(pool, background);
	if (r == 0)
		r = sheaf_gather(background, &results, &n, SHEAF_FOREVER);
	if (r == 0)
		printf("%u odd primes below %d\n", count(primes), NUMBERS);
	r = example_end(r);
	sheaf_batch_retire(background);
	sheaf_pool_destroy(pool);
	return r;
}
