/*
 * tasks_openmp.c - tasks that make tasks and wait for them. tasks.c does the same with Sheaf.
 */
#include <inttypes.h>
#include <stdio.h>

enum { CUT_OFF = 20 };

static uint64_t alone(uint64_t n)
{
	return n < 2 ? n : alone(n - 1) + alone(n - 2);
}

static uint64_t fibonacci(uint64_t n)
{
	uint64_t a, b;

	if (n <= CUT_OFF)
		return alone(n);
#pragma omp task shared(a)
	a = fibonacci(n - 1);
#pragma omp task shared(b)
	b = fibonacci(n - 2);
#pragma omp taskwait
	return a + b;
}

int main(void)
{
	uint64_t found = 0;

#pragma omp parallel
#pragma omp single
	found = fibonacci(30);
	printf("%" PRIu64 "\n", found);
	return 0;
}
