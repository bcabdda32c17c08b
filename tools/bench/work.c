/*
 * work.c - the tasks, the same ones for Sheaf and for peers in C and C++. Compiled apart: nobody can inline them.
 */
#include "bench.h"

int bench_task(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	*(uint64_t *)result = bench_expected(*(const uint64_t *)arg);
	return 0;
}
