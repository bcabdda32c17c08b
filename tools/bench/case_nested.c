/*
 * case_nested.c - nested: tasks that make tasks and wait for them, with the default options of a
 * pool. The problems are in nested.c.
 *
 * The pool has as many workers as the peers have threads. The owner only waits for the outermost
 * task.
 */
#include "nested.h"
#include "measure.h"
#include "peers.h"

/* The same batch as everywhere: each task's result is a number. */
static const sheaf_batch_options of_numbers = {.result_size = sizeof(uint64_t), .flags = SHEAF_NO_TIMES};

/* In a task: add up the numbers that its tasks have found. 0, or a code for the task to return. */
static int add_up(sheaf_task *task, sheaf_batch *batch, uint64_t *sum)
{
	sheaf_result found;
	int r;

	while ((r = sheaf_next(batch, &found, SHEAF_FOREVER)) == 1) {
		if (found.status)
			return sheaf_task_fail(task, found.status, "%s", found.message);
		*sum += *(const uint64_t *)found.data;
	}
	return r;
}

/* ---- Fibonacci's numbers ---- */

struct fib {
	uint32_t n, cut;
};

static int fib(sheaf_task *task, const void *arg, void *result)
{
	const struct fib fib_of = *(const struct fib *)arg;
	sheaf_batch *batch;
	int r;

	if (fib_of.n <= fib_of.cut) {
		*(uint64_t *)result = nested_fib(fib_of.n);
		return 0;
	}
	r = sheaf_batch_create(&batch, sheaf_task_pool(task), &of_numbers);
	for (unsigned i = 0; r == 0 && i < 2; i++) {
		const struct fib less = {fib_of.n - 1 - i, fib_of.cut};

		r = sheaf_submit(batch, i, fib, &less, sizeof(less));
	}
	if (r == 0)
		r = add_up(task, batch, result);
	if (r == 0)
		sheaf_batch_retire(batch);
	return r;
}

/* ---- queens ---- */

static int queens(sheaf_task *task, const void *arg, void *result)
{
	const struct nested_board *board = arg;
	uint64_t position = 0;
	sheaf_batch *batch;
	int r;

	if (board->row >= board->cut) {
		*(uint64_t *)result = nested_queens(board);
		return 0;
	}
	r = sheaf_batch_create(&batch, sheaf_task_pool(task), &of_numbers);
	for (uint32_t free = nested_free(board); r == 0 && free; free &= free - 1) {
		const struct nested_board next = nested_place(board, free & -free);

		r = sheaf_submit(batch, position++, queens, &next, sizeof(next));
	}
	if (r == 0)
		r = add_up(task, batch, result);
	if (r == 0)
		sheaf_batch_retire(batch);
	return r;
}

/* ---- quicksort ---- */

struct part {
	double *values;
	size_t count, cut;
};

/* The number of a task is how many values it has sorted. */
static int sort(sheaf_task *task, const void *arg, void *result)
{
	const struct part *part = arg;
	struct part halves[2] = {*part, *part};
	sheaf_batch *batch;
	int r;

	if (part->count <= part->cut) {
		nested_sort(part->values, part->count);
		*(uint64_t *)result = part->count;
		return 0;
	}
	halves[0].count = nested_split(part->values, part->count);
	halves[1].values += halves[0].count;
	halves[1].count -= halves[0].count;
	r = sheaf_batch_create(&batch, sheaf_task_pool(task), &of_numbers);
	for (unsigned i = 0; r == 0 && i < 2; i++)
		r = sheaf_submit(batch, i, sort, &halves[i], sizeof(halves[i]));
	if (r == 0)
		r = add_up(task, batch, result);
	if (r == 0)
		sheaf_batch_retire(batch);
	return r;
}

/* ---- all of them ---- */

static int apply(struct nested *problem, sheaf_task_fn *fn, const void *arg, size_t size)
{
	int r = sheaf_apply(problem->pool, fn, arg, size, &problem->found, sizeof(problem->found), NULL);

	return r < 0 ? bench_sheaf_failed("sheaf_apply", r) : 0;
}

static int solve_fib(struct nested *problem)
{
	const struct fib number = {problem->n, (uint32_t)problem->cut};

	return apply(problem, fib, &number, sizeof(number));
}

static int solve_queens(struct nested *problem)
{
	const struct nested_board board = nested_first_board(problem);

	return apply(problem, queens, &board, sizeof(board));
}

static int solve_sort(struct nested *problem)
{
	const struct part all = {problem->values, problem->count, problem->cut};

	return apply(problem, sort, &all, sizeof(all));
}

static int solve(struct nested *problem)
{
	return problem->kind == NESTED_FIB      ? solve_fib(problem)
	       : problem->kind == NESTED_QUEENS ? solve_queens(problem)
						: solve_sort(problem);
}

static int measure(const struct bench_job *job, double *ns)
{
	sheaf_pool_options options = {.workers = job->workers};
	struct nested problem;
	void *values = NULL;
	int r = nested_of(job, &problem);

	if (r != 0)
		return r;
	r = sheaf_pool_create(&problem.pool, &options);
	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	r = bench_alloc(problem.pool, problem.count * sizeof(*problem.values), &values);
	if (r == 0) {
		problem.values = values;
		r = nested_measure(job, &problem, solve, ns);
	}
	sheaf_pool_destroy(problem.pool);
	return r;
}

#define NESTED(variant, runs, text)                                                                                   \
	{                                                                                                             \
		.name = (variant), .unit = "ms", .unit_ns = 1e6, .what = (text), .full = {.n = 1, .repeats = (runs)}, \
		.quick = {.n = 1, .repeats = 1}, .contenders = {SHEAF(measure, 0), LIBGOMP, LIBOMP, TBB},             \
		.bounds = {{.most = 1, .of = {"libomp"}}, {.most = 1.5, .of = {"oneTBB"}}},                           \
	}

const struct bench_case cases_nested[] = {
	NESTED("nested/fib", 15, "the 30th number of Fibonacci by tasks that make two tasks each, below 21 without tasks"),
	NESTED("nested/fib-fine", 3, "the 27th number of Fibonacci with a task for each call, however small"),
	NESTED("nested/queens", 15, "12 queens: a task for each place of a queen in the first three rows"),
	NESTED("nested/quicksort", 3, "10^7 doubles sorted by quicksort: a task for each part of more than 4,096, and below"),
	{0},
};
