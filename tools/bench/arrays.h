/*
 * arrays.h - passes over big arrays: what every contender computes, and the check of every
 * position.
 */
#ifndef BENCH_ARRAYS_H
#define BENCH_ARRAYS_H

#include "bench.h"

struct arrays {
	double *out;
	double *in[2]; /* as many as the kernel reads, then NULL */
};

/** arrays_loop_fn - compute the positions from @begin up to but without @end. */
typedef void arrays_loop_fn(const struct arrays *arrays, size_t begin, size_t end);

struct arrays_kernel {
	unsigned sources; /* arrays that it reads */
	arrays_loop_fn *loop;
	/* what a position has to hold, by what was read there */
	double (*expected)(double first, double second);
};

/* x * x * x of each x; the array itself; x + 3 * y. */
extern const struct arrays_kernel arrays_cube, arrays_copy, arrays_triad;

/** arrays_kernel() - the kernel of the case @name. */
const struct arrays_kernel *arrays_kernel(const char *name);

/*
 * * arrays_cube_item() - *(double *)@result = the cube of *(double *)@arg; peers call it with a
 * NULL @task.
 */
BENCH_ALIGNED sheaf_task_fn arrays_cube_item;

struct arrays_test;

/*
 * * arrays_pass_fn - one pass of @loop over job->n positions, shared out among the workers: *@ns is
 * its time.
 */
typedef int arrays_pass_fn(const struct bench_job *job, const struct arrays_test *test, arrays_loop_fn *loop, uint64_t *ns);

struct arrays_test {
	const struct arrays_kernel *kernel;
	struct arrays arrays;
	arrays_pass_fn *pass; /* what is measured, with the kernel's loop */
	/* fills the arrays: the worker of a page touches it first; NULL: the same as pass */
	arrays_pass_fn *first;
	void *context; /* of the passes */
};

/** arrays_size() - bytes of all arrays of @kernel. */
size_t arrays_size(const struct bench_job *job, const struct arrays_kernel *kernel);

/** arrays_in() - the arrays of @kernel in a piece of arrays_size() bytes. */
struct arrays arrays_in(void *memory, const struct bench_job *job, const struct arrays_kernel *kernel);

/*
 * * arrays_measure() - bench_repeat() of passes over filled arrays; every position is checked after
 * each of them.
 */
int arrays_measure(const struct bench_job *job, const struct arrays_test *test, double *ns);

/*
 * * array_measure() - a case of map-auto by Sheaf; with the way 1 one of map-item. See
 * case_array.c.
 */
bench_measure_fn array_measure;

/** arrays_sum() - of @n words. */
uint64_t arrays_sum(const uint64_t *words, size_t n);

/*
 * * arrays_number() - set words[i] = bench_expected(i) for every i from @begin up to but without
 * @end.
 */
void arrays_number(uint64_t *words, size_t begin, size_t end);

/** arrays_check_numbers() - bench_fail() unless arrays_number() has set all of @n words. */
int arrays_check_numbers(const uint64_t *words, size_t n);

/*
 * * arrays_handover(), arrays_touched() - words of the array of handover: 64 MiB; of first-touch:
 * job->n MiB.
 */
size_t arrays_handover(const struct bench_job *job);
size_t arrays_touched(const struct bench_job *job);

#endif
