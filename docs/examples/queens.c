/*
 * queens.c - how many ways are there to place N queens on a board so that none attacks another? A
 * task has a board with some queens. It makes a task for each place of the next one, and adds up
 * what they find.
 *
 * From a given row on, tasks would be too small to be worth it: there one task counts by itself.
 *
 * Run: build/docs/examples/queens [--size N] [--rows N] [--workers N]
 */
#include "support/example.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* A bit stands for a column. */
struct board {
	uint32_t all; /* all columns */
	/* columns that are attacked in this row: straight, and aslant */
	uint32_t down, left, right;
	uint32_t row, rows_of_tasks;
};

static uint32_t free_columns(const struct board *board)
{
	return board->all & ~(board->down | board->left | board->right);
}

static struct board with_queen(struct board board, uint32_t column)
{
	board.down |= column;
	board.left = (board.left | column) << 1;
	board.right = (board.right | column) >> 1;
	board.row++;
	return board;
}

/* Count the solutions that begin like this, without tasks. */
static uint64_t count_alone(const struct board *board)
{
	uint64_t solutions = board->down == board->all;

	for (uint32_t free = free_columns(board); free; free &= free - 1) {
		struct board next = with_queen(*board, free & -free);

		solutions += count_alone(&next);
	}
	return solutions;
}

static sheaf_task_fn count;

/* Submit a task for each place of the next queen, and wait. Their positions are the columns. */
static int try_columns(sheaf_batch *batch, const struct board *board, const sheaf_result **results, size_t *n)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && board->all >> i; i++) {
		struct board next = with_queen(*board, UINT32_C(1) << i);

		if (free_columns(board) >> i & 1)
			r = sheaf_submit(batch, i, count, &next, sizeof(next));
	}
	return r < 0 ? r : sheaf_gather(batch, results, n, SHEAF_FOREVER);
}

static const sheaf_batch_options options_of_batches = {.result_size = sizeof(uint64_t)};

static int count(sheaf_task *task, const void *arg, void *result)
{
	const struct board *board = arg;
	uint64_t *solutions = result;
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n = 0;
	int r;

	if (board->row >= board->rows_of_tasks) {
		*solutions = count_alone(board);
		return 0;
	}
	r = sheaf_batch_create(&batch, sheaf_task_pool(task), &options_of_batches);
	if (r == 0)
		r = try_columns(batch, board, &results, &n);
	for (size_t i = 0; r == 0 && i < n; i++)
		*solutions += *(const uint64_t *)results[i].data;
	/* Above 0 it is a number of failed tasks. The batch ends with this task. */
	return r == 0 ? 0 : sheaf_task_fail(task, r < 0 ? r : -ECANCELED, "%s", sheaf_message());
}

/* Print what each place of the first queen leads to. The mirror image of a place has as many. */
static int print(const sheaf_result *results, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t found = *(const uint64_t *)results[i].data, mirrored = *(const uint64_t *)results[n - 1 - i].data;

		printf("first queen in column %2zu: %" PRIu64 "\n", i + 1, found);
		if (found != mirrored) {
			fprintf(stderr, "queens: but %" PRIu64 " for column %zu\n", mirrored, n - i);
			return 1;
		}
		sum += found;
	}
	printf("%zu queens: %" PRIu64 " solutions\n", n, sum);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned size = 12, rows = 3;
	const struct example_option own[] = {
		{"--size", "queens, rows and columns", .number = &size, .min = 1, .max = 20},
		{"--rows", "rows whose queens are placed by tasks", .number = &rows, .min = 1, .max = 20},
		{0},
	};
	const sheaf_pool_options options = {.workers = example_options(argc, argv, own)};
	const struct board board = {.all = (UINT32_C(1) << size) - 1, .rows_of_tasks = rows < size ? rows : size};
	const sheaf_result *results;
	sheaf_pool *pool = NULL;
	sheaf_batch *batch = NULL;
	size_t n;
	int r = sheaf_pool_create(&pool, &options);

	if (r == 0)
		r = sheaf_batch_create(&batch, pool, &options_of_batches);
	if (r == 0)
		r = try_columns(batch, &board, &results, &n);
	if (r > 0)
		example_failures(results, n);
	if (r == 0)
		r = print(results, n);
	r = example_end(r);
	sheaf_batch_retire(batch);
	sheaf_pool_destroy(pool);
	return r;
}
