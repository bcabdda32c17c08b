/*
 * busy.c - four linear congruential generators side by side.
 *
 * One chain would wait for its own product, and the CPU would fill the gaps with the next call's:
 * short tasks would then look faster than the peak rate. Four keep the multiplier busy from within
 * one call. n steps of such a generator are one step of another one, found by squaring: that is how
 * results are checked without computing them again.
 */
#include "busy.h"
#include "measure.h"

#include <inttypes.h>

#define FACTOR UINT64_C(6364136223846793005)
#define TERM UINT64_C(1442695040888963407)

uint64_t busy_kernel(uint64_t seed, uint64_t iterations)
{
	uint64_t a = seed, b = seed + 1, c = seed + 2, d = seed + 3;

	for (uint64_t i = 0; i < iterations; i++) {
		a = a * FACTOR + TERM;
		b = b * FACTOR + TERM;
		c = c * FACTOR + TERM;
		d = d * FACTOR + TERM;
	}
	return a ^ b ^ c ^ d;
}

int busy_task(sheaf_task *task, const void *arg, void *result)
{
	const struct busy_item *item = arg;

	(void)task;
	*(uint64_t *)result = busy_kernel(item->seed, item->iterations);
	return 0;
}

int busy_timed_task(sheaf_task *task, const void *arg, void *result)
{
	const struct busy_item *item = arg;
	uint64_t start = sheaf_now_ns(), value = busy_kernel(item->seed, item->iterations), took = sheaf_now_ns() - start;

	(void)task;
	*(uint64_t *)result = value == busy_expected(item->seed, item->iterations) ? took : 0;
	return 0;
}

uint64_t busy_expected(uint64_t seed, uint64_t iterations)
{
	/* All steps together, and 1, 2, 4, ... of them: x becomes x * factor + term. */
	uint64_t factor = 1, term = 0, power_factor = FACTOR, power_term = TERM;

	for (; iterations; iterations >>= 1) {
		if (iterations & 1) {
			factor *= power_factor;
			term = term * power_factor + power_term;
		}
		power_term *= power_factor + 1;
		power_factor *= power_factor;
	}
	return (seed * factor + term) ^ ((seed + 1) * factor + term) ^ ((seed + 2) * factor + term) ^
	       ((seed + 3) * factor + term);
}

int busy_check(const struct busy_item *items, const uint64_t *results, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t expected = busy_expected(items[i].seed, items[i].iterations);

		if (results[i] != expected)
			return bench_fail("wrong result at position %zu: %" PRIu64 " instead of %" PRIu64, i, results[i],
					  expected);
	}
	return 0;
}
