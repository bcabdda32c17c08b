/*
 * nested.h - the work of the case nested, whose tasks make tasks: what all contenders have in
 * common. They differ in how they make tasks and wait for them.
 *
 * Each task submits all that it can and waits for it, until a cut-off. Below it, all contenders run
 * the same sequential code.
 */
#ifndef BENCH_NESTED_H
#define BENCH_NESTED_H

#include "bench.h"

enum nested_kind { NESTED_FIB, NESTED_QUEENS, NESTED_SORT };

/* One problem, with its answer. */
struct nested {
	enum nested_kind kind;
	unsigned n; /* the number's place in Fibonacci's row; the side of the board */
	/*
	 * Sequential are: numbers up to the cut-th, boards from the cut-th row on, and parts of up
	 * to so many values
	 */
	size_t cut;
	size_t count;     /* of values to be sorted; 0 for the others */
	double *values;   /* `count` of them, wherever the contender needs them */
	double *unsorted; /* what they are at first, for nested_measure() */
	uint64_t found;   /* out: the number, or the solutions */
	sheaf_pool *pool; /* Sheaf's */
};

/* A board whose first `row` rows have a queen each. A bit stands for a column. */
struct nested_board {
	uint32_t all; /* all columns */
	/* columns that are attacked in this row: straight, and aslant */
	uint32_t down, left, right;
	uint32_t row, cut;
};

/**
 * nested_of() - read the problem from the name of the case
 * @problem: out: all but the memory of the values
 *
 * Return: 0; -1 and a reason: there is no such variant.
 */
int nested_of(const struct bench_job *job, struct nested *problem);

/**
 * nested_measure() - call bench_repeat() with @solve, and check each answer
 * @solve: compute problem->found, or sort problem->values; 0, or as a measurement
 */
int nested_measure(const struct bench_job *job, struct nested *problem, int (*solve)(struct nested *problem), double *ns);

/** nested_fib() - the sequential code of fib. */
BENCH_ALIGNED uint64_t nested_fib(unsigned n);

/** nested_first_board() - an empty board. */
struct nested_board nested_first_board(const struct nested *problem);

/** nested_free() - the columns where the next queen may stand. */
static inline uint32_t nested_free(const struct nested_board *board)
{
	return board->all & ~(board->down | board->left | board->right);
}

/** nested_place() - the board with a queen more. @bit: of a free column. */
static inline struct nested_board nested_place(const struct nested_board *board, uint32_t bit)
{
	struct nested_board next = *board;

	next.down |= bit;
	next.left = (board->left | bit) << 1;
	next.right = (board->right | bit) >> 1;
	next.row++;
	return next;
}

/** nested_queens() - the sequential code of queens: how many solutions begin like this. */
BENCH_ALIGNED uint64_t nested_queens(const struct nested_board *board);

/**
 * nested_split() - put small values in front of large ones
 * @count: at least 2
 *
 * Return: how many are in front: at least 1, and fewer than @count.
 */
BENCH_ALIGNED size_t nested_split(double *values, size_t count);

/** nested_sort() - the sequential code of quicksort. */
BENCH_ALIGNED void nested_sort(double *values, size_t count);

#endif
