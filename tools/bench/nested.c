/*
 * nested.c - the problems of the case nested, their sequential code, and the check of the answers.
 */
#include "nested.h"
#include "measure.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FEW 16 /* so many values are sorted by insertion */

static const struct {
	const char *name;
	enum nested_kind kind;
	unsigned n, quick_n;
	size_t cut;
} variants[] = {
	{"fib", NESTED_FIB, 30, 24, 20},
	{"fib-fine", NESTED_FIB, 27, 18, 1},
	{"queens", NESTED_QUEENS, 12, 8, 3},
	{"quicksort", NESTED_SORT, 10000000, 1000000, 4096},
};

int nested_of(const struct bench_job *job, struct nested *problem)
{
	const char *slash = strchr(job->name, '/');

	for (size_t v = 0; slash && v < sizeof(variants) / sizeof(*variants); v++) {
		unsigned n = job->quick ? variants[v].quick_n : variants[v].n;

		if (strcmp(variants[v].name, slash + 1) != 0)
			continue;
		*problem = (struct nested){.kind = variants[v].kind, .n = n, .cut = variants[v].cut};
		problem->count = problem->kind == NESTED_SORT ? n : 0;
		return 0;
	}
	return bench_fail("there is no nested work of the name %s", job->name);
}

uint64_t nested_fib(unsigned n)
{
	return n < 2 ? n : nested_fib(n - 1) + nested_fib(n - 2);
}

struct nested_board nested_first_board(const struct nested *problem)
{
	return (struct nested_board){.all = (UINT32_C(1) << problem->n) - 1, .cut = (uint32_t)problem->cut};
}

uint64_t nested_queens(const struct nested_board *board)
{
	uint64_t solutions = 0;

	if (board->down == board->all)
		return 1;
	for (uint32_t free = nested_free(board); free; free &= free - 1) {
		struct nested_board next = nested_place(board, free & -free);

		solutions += nested_queens(&next);
	}
	return solutions;
}

static double middle_of(double a, double b, double c)
{
	if (a > b) {
		double swap = a;

		a = b;
		b = swap;
	}
	return c < a ? a : c > b ? b : c;
}

size_t nested_split(double *values, size_t count)
{
	/* Not the last value, so that something stays behind. */
	double pivot = middle_of(values[0], values[(count - 1) / 2], values[count - 2]);
	size_t low = 0, high = count - 1;

	for (;; low++, high--) {
		double swap;

		while (values[low] < pivot)
			low++;
		while (values[high] > pivot)
			high--;
		if (low >= high)
			return high + 1;
		swap = values[low];
		values[low] = values[high];
		values[high] = swap;
	}
}

void nested_sort(double *values, size_t count)
{
	while (count > FEW) {
		size_t front = nested_split(values, count);

		nested_sort(values, front);
		values += front;
		count -= front;
	}
	for (size_t i = 1; i < count; i++) {
		double value = values[i];
		size_t at = i;

		for (; at > 0 && values[at - 1] > value; at--)
			values[at] = values[at - 1];
		values[at] = value;
	}
}

/* ---- the check ---- */

/* The sum of the values' bits does not depend on their order. */
static uint64_t sum_of_bits(const double *values, size_t count)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t bits;

		memcpy(&bits, &values[i], sizeof(bits));
		sum += bits * (bits >> 32 | 1);
	}
	return sum;
}

static int check_sorted(const struct nested *problem)
{
	const double *values = problem->values;

	for (size_t i = 1; i < problem->count; i++)
		if (values[i - 1] > values[i])
			return bench_fail("the value at %zu is greater than the next one", i - 1);
	if (sum_of_bits(values, problem->count) != sum_of_bits(problem->unsorted, problem->count))
		return bench_fail("the sorted values are not those that were to be sorted");
	return 0;
}

static int check_number(const struct nested *problem, uint64_t wanted)
{
	return problem->found == wanted
		       ? 0
		       : bench_fail("wrong result for %u: %" PRIu64 " instead of %" PRIu64, problem->n, problem->found, wanted);
}

static int check(const struct nested *problem)
{
	static const uint64_t solutions[] = {1, 1, 0, 0, 2, 10, 4, 40, 92, 352, 724, 2680, 14200};
	uint64_t a = 0, b = 1;

	if (problem->kind == NESTED_SORT)
		return check_sorted(problem);
	if (problem->kind == NESTED_QUEENS)
		return check_number(problem, solutions[problem->n]);
	for (unsigned i = 0; i < problem->n; i++) {
		uint64_t next = a + b;

		a = b;
		b = next;
	}
	return check_number(problem, a);
}

/* ---- measuring ---- */

struct run {
	struct nested *problem;
	int (*solve)(struct nested *problem);
};

static int run_once(const struct bench_job *job, void *context, uint64_t *ns)
{
	const struct run *run = context;
	struct nested *problem = run->problem;
	uint64_t start;
	int r;

	(void)job;
	problem->found = 0;
	if (problem->count)
		memcpy(problem->values, problem->unsorted, problem->count * sizeof(*problem->values));
	start = sheaf_now_ns();
	r = run->solve(problem);
	*ns = sheaf_now_ns() - start;
	return r == 0 ? check(problem) : r;
}

int nested_measure(const struct bench_job *job, struct nested *problem, int (*solve)(struct nested *problem), double *ns)
{
	struct run run = {problem, solve};
	uint64_t state = 1;
	int r;

	problem->unsorted = malloc((problem->count + 1) * sizeof(*problem->unsorted));
	if (!problem->unsorted)
		return bench_fail("no memory for %zu values", problem->count);
	for (size_t i = 0; i < problem->count; i++) {
		state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
		problem->unsorted[i] = (double)(state >> 11) / 9007199254740992.0;
	}
	r = bench_repeat(job, run_once, &run, ns);
	free(problem->unsorted);
	return r;
}
