/*
 * openmp_nested.c - tasks that make tasks, by `omp task` and `omp taskwait`.
 */
#include "openmp.h"

#include "../nested.h"

#include <stdlib.h>

static uint64_t fib(unsigned n, size_t cut)
{
	uint64_t one, two;

	if (n <= cut)
		return nested_fib(n);
#pragma omp task shared(one) firstprivate(n, cut)
	one = fib(n - 1, cut);
#pragma omp task shared(two) firstprivate(n, cut)
	two = fib(n - 2, cut);
#pragma omp taskwait
	return one + two;
}

static uint64_t queens(struct nested_board board)
{
	uint64_t solutions[32] = {0}, sum = 0;
	unsigned place = 0;

	if (board.row >= board.cut)
		return nested_queens(&board);
	for (uint32_t free = nested_free(&board); free; free &= free - 1) {
		struct nested_board next = nested_place(&board, free & -free);
		uint64_t *found = &solutions[place++];

#pragma omp task firstprivate(next, found)
		*found = queens(next);
	}
#pragma omp taskwait
	while (place > 0)
		sum += solutions[--place];
	return sum;
}

static void sort(double *values, size_t count, size_t cut)
{
	size_t front;

	if (count <= cut) {
		nested_sort(values, count);
		return;
	}
	front = nested_split(values, count);
#pragma omp task firstprivate(values, front, cut)
	sort(values, front, cut);
#pragma omp task firstprivate(values, count, front, cut)
	sort(values + front, count - front, cut);
#pragma omp taskwait
}

static unsigned threads;

static int solve(struct nested *problem)
{
#pragma omp parallel num_threads(threads)
#pragma omp single
	{
		if (problem->kind == NESTED_FIB)
			problem->found = fib(problem->n, problem->cut);
		else if (problem->kind == NESTED_QUEENS)
			problem->found = queens(nested_first_board(problem));
		else
			sort(problem->values, problem->count, problem->cut);
	}
	return 0;
}

static int measure(const struct bench_job *job, double *ns)
{
	struct nested problem;
	int r = openmp_start_threads(job->workers);

	if (r == 0)
		r = nested_of(job, &problem);
	if (r != 0)
		return r;
	threads = job->workers;
	problem.values = malloc((problem.count + 1) * sizeof(*problem.values));
	r = problem.values ? nested_measure(job, &problem, solve, ns) : bench_fail("no memory for %zu values", problem.count);
	free(problem.values);
	return r;
}

const struct peer_case openmp_nested_cases[] = {
	{"nested", measure},
	{0},
};
