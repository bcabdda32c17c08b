/*
 * busy.h - tasks that take a chosen time: so many iterations of a kernel that every contender runs
 * from the same object code.
 */
#ifndef BENCH_BUSY_H
#define BENCH_BUSY_H

#include "bench.h"

struct busy_item {
	uint64_t seed;
	uint64_t iterations; /* of about 1.5 ns each where a CPU multiplies once per cycle */
};

#define BUSY_10_US 6500u /* iterations that take roughly so long */

/*
 * * busy_kernel() - what the task computes. Bound by the multiplier: neighbouring calls gain
 * nothing by overlapping.
 */
BENCH_ALIGNED uint64_t busy_kernel(uint64_t seed, uint64_t iterations);

/*
 * * busy_task() - *(uint64_t *)@result = busy_kernel() of the item at @arg; peers call it with a
 * NULL @task.
 */
BENCH_ALIGNED sheaf_task_fn busy_task;

/*
 * * busy_timed_task() - checks the value itself; the result is the ns that the kernel took, or 0 if
 * the value is wrong.
 */
BENCH_ALIGNED sheaf_task_fn busy_timed_task;

/** busy_expected() - the same value, in a time that grows with the logarithm of @iterations. */
uint64_t busy_expected(uint64_t seed, uint64_t iterations);

/** busy_check() - -1 and a reason unless every one of @n results is as expected. */
int busy_check(const struct busy_item *items, const uint64_t *results, size_t n);

#endif
