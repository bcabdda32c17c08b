/*
 * tbb_nested.cpp - tasks that make tasks, by a task_group for each task that waits.
 */
#include "tbb.hpp"

extern "C" {
#include "../nested.h"
}

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_group.h>

#include <vector>

namespace
{

uint64_t fib(unsigned n, size_t cut)
{
	uint64_t one, two;

	if (n <= cut)
		return nested_fib(n);
	oneapi::tbb::task_group group;

	group.run([&one, n, cut] { one = fib(n - 1, cut); });
	group.run([&two, n, cut] { two = fib(n - 2, cut); });
	group.wait();
	return one + two;
}

uint64_t queens(const nested_board &board)
{
	uint64_t solutions[32] = {}, sum = 0;
	unsigned place = 0;

	if (board.row >= board.cut)
		return nested_queens(&board);
	oneapi::tbb::task_group group;

	for (uint32_t free = nested_free(&board); free; free &= free - 1) {
		nested_board next = nested_place(&board, free & -free);
		uint64_t *found = &solutions[place++];

		group.run([next, found] { *found = queens(next); });
	}
	group.wait();
	while (place > 0)
		sum += solutions[--place];
	return sum;
}

void sort(double *values, size_t count, size_t cut)
{
	if (count <= cut) {
		nested_sort(values, count);
		return;
	}
	const size_t front = nested_split(values, count);
	oneapi::tbb::task_group group;

	group.run([=] { sort(values, front, cut); });
	group.run([=] { sort(values + front, count - front, cut); });
	group.wait();
}

int solve(nested *problem)
{
	if (problem->kind == NESTED_FIB)
		problem->found = fib(problem->n, problem->cut);
	else if (problem->kind == NESTED_QUEENS)
		problem->found = queens(nested_first_board(problem));
	else
		sort(problem->values, problem->count, problem->cut);
	return 0;
}

int measure(const bench_job *job, double *ns)
{
	oneapi::tbb::global_control threads(oneapi::tbb::global_control::max_allowed_parallelism, job->workers);
	nested problem;
	int r = nested_of(job, &problem);

	if (r != 0)
		return r;
	std::vector<double> values(problem.count + 1);

	problem.values = values.data();
	return nested_measure(job, &problem, solve, ns);
}

} // namespace

const struct peer_case tbb_nested_cases[] = {
	{"nested", measure},
	{nullptr, nullptr},
};
