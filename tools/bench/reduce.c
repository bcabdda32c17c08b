/*
 * reduce.c - arrays of small whole numbers, whose sums are the same in any order.
 */
#include "reduce.h"

#include "measure.h"

#include <string.h>

#define PERIOD 1000u

bool reduce_is_dot(const struct bench_job *job)
{
	return strcmp(job->name, "reduce/dot") == 0;
}

void reduce_fill(const struct bench_job *job, double *x, double *y)
{
	for (size_t i = 0; i < job->n; i++) {
		x[i] = (double)(i % PERIOD);
		if (y)
			y[i] = 2;
	}
}

int reduce_check(const struct bench_job *job, double sum)
{
	size_t periods = job->n / PERIOD, rest = job->n % PERIOD;
	size_t whole = periods * (PERIOD * (PERIOD - 1) / 2) + rest * (rest - 1) / 2;
	double wanted = (double)whole;

	wanted *= reduce_is_dot(job) ? 2 : 1;
	return sum == wanted ? 0 : bench_fail("the sum is %.17g instead of %.17g", sum, wanted);
}
