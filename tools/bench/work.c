/*
 * work.c - the tasks, the same ones for Sheaf and for peers in C and C++. Compiled apart: nobody
 * can inline them.
 */
#include "bench.h"

#define LONG_STEPS 15000

int bench_task(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	*(uint64_t *)result = bench_expected(*(const uint64_t *)arg);
	return 0;
}

int bench_long_task(sheaf_task *task, const void *arg, void *result)
{
	volatile uint64_t sink;
	uint64_t x = *(const uint64_t *)arg;

	for (unsigned i = 0; i < LONG_STEPS; i++)
		x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
	sink = x;
	(void)sink;
	return bench_task(task, arg, result);
}
