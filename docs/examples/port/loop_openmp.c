/*
 * loop_openmp.c - "parallel for", and with a reduction. loop.c does the same with Sheaf.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define N 1000000

int main(void)
{
	uint64_t *x = calloc(N, sizeof(*x)), *y = calloc(N, sizeof(*y)), sum = 0;

	if (!x || !y)
		return 1;
	for (size_t i = 0; i < N; i++)
		x[i] = i;

#pragma omp parallel for
	for (size_t i = 0; i < N; i++)
		y[i] = x[i] * x[i];

#pragma omp parallel for reduction(+ : sum)
	for (size_t i = 0; i < N; i++)
		sum += y[i];

	printf("%" PRIu64 " %" PRIu64 "\n", y[N - 1], sum);
	free(x);
	free(y);
	return 0;
}
