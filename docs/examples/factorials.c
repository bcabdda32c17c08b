/*
 * factorials.c - the factorials of 1 to 100 in all their digits: results whose size only the task
 * knows, printed in order while later ones are still being computed, each with the process that
 * computed it.
 *
 * Run: build/docs/examples/factorials [--workers N]
 */
#include "support/example.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum {
	LAST = 100,
	BASE = 1000000000, /* a number is kept as limbs of nine decimal digits, the lowest first */
	DIGITS = 9,
	MAX_LIMBS = 18, /* 100! has 158 digits */
};

static int factorial(sheaf_task *task, const void *arg, void *result)
{
	uint64_t n = sheaf_task_position(task);
	uint32_t limbs[MAX_LIMBS] = {1};
	size_t used = 1, size;
	void *memory;
	char *text;
	int r;

	(void)arg;
	(void)result;
	for (uint64_t factor = 2; factor <= n; factor++) {
		uint64_t carry = 0;

		for (size_t i = 0; i < used; i++) {
			carry += limbs[i] * factor;
			limbs[i] = (uint32_t)(carry % BASE);
			carry /= BASE;
		}
		if (carry > 0 && used == MAX_LIMBS)
			return sheaf_task_fail(task, -EOVERFLOW, "%" PRIu64 "! has more than %d digits", n, MAX_LIMBS * DIGITS);
		if (carry > 0)
			limbs[used++] = (uint32_t)carry;
	}

	/* The highest limb comes without leading zeros, the others with them. */
	size = (size_t)snprintf(NULL, 0, "%" PRIu32, limbs[used - 1]) + (used - 1) * DIGITS + 1;
	r = sheaf_task_result(task, size, &memory);
	if (r < 0)
		return r;
	text = memory;
	text += sprintf(text, "%" PRIu32, limbs[used - 1]);
	for (size_t i = used - 1; i-- > 0;)
		text += sprintf(text, "%09" PRIu32, limbs[i]);
	return 0;
}

static int run(sheaf_batch *batch)
{
	sheaf_result result;
	int r;

	for (uint64_t n = 1; n <= LAST; n++) {
		r = sheaf_submit(batch, n, factorial, NULL, 0);
		if (r < 0)
			return r;
	}
	while ((r = sheaf_next(batch, &result, SHEAF_FOREVER)) > 0) {
		if (result.status != 0)
			return example_failures(&result, 1);
		printf("%" PRIu64 "! = %s (pid %ld)\n", result.position, (const char *)result.data, (long)result.pid);
	}
	return r;
}

int main(int argc, char **argv)
{
	const sheaf_pool_options options = {.workers = example_options(argc, argv, NULL)};
	sheaf_pool *pool = NULL;
	sheaf_batch *batch = NULL;
	int r = sheaf_pool_create(&pool, &options);

	if (r == 0)
		r = sheaf_batch_create(&batch, pool, NULL);
	if (r == 0)
		r = run(batch);
	r = example_end(r);
	sheaf_batch_retire(batch);
	sheaf_pool_destroy(pool);
	return r;
}
