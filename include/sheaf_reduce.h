/*
 * sheaf_reduce.h - sums that never differ: reductions with the same bits for any number of workers,
 * any schedule, any backend, and when workers die.
 *
 * Contents
 *   Your own    sheaf_reduction, sheaf_reduce, sheaf_scan
 *   Numbers     sheaf_sum, sheaf_dot, sheaf_extremes, sheaf_mean_variance, sheaf_histogram
 *
 * Order     The n positions are cut into leaves of 2^k positions, with the least k that gives at
 *           most `leaves` of them. Each leaf is folded from its first position to its last. Then
 *           neighbours are combined: leaf 0 with 1, 2 with 3, and so on; then 0-1 with 2-3; until
 *           one is left. So the tree depends on n and `leaves` alone. (howto/sum-up.md)
 *
 * Callers   As sheaf_for(): the owner, its threads, and tasks. The functions run in workers, and
 *           again if one dies. In a pool that other programs may join (options.sharing) those of
 *           the caller need names: see sheaf_attach.h.
 *
 * Errors    All functions return what sheaf_for() returns, and beside it -EINVAL, -EOVERFLOW (a
 *           size), -ENOSPC and -ENOMEM (for partial results). The result is untouched then.
 */
#ifndef SHEAF_REDUCE_H
#define SHEAF_REDUCE_H

#include "sheaf.h"
#include "sheaf_number.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SHEAF_LEAVES 4096u /* at most, unless the caller says otherwise */

/* A reduction of one's own. */
typedef struct sheaf_reduction {
	size_t size; /* bytes of a partial result: a number, a histogram, a table of fixed size */
	/* write the partial result of no position; NULL: it is all zeros */
	void (*identity)(void *partial, const void *context);
	/* add the positions [begin, end) of one leaf to @partial, which is an identity; 0, or an
	 * error as of a range function */
	int (*fold)(sheaf_task *task, size_t begin, size_t end, void *partial, const void *context);
	/* add @next, which is of the positions right behind those of @partial; 0, or an error */
	int (*combine)(sheaf_task *task, void *partial, const void *next, const void *context);
	const void *context; /* in shared memory; or context_size bytes of it are copied */
	size_t context_size;
	size_t leaves; /* at most so many partial results; 0: SHEAF_LEAVES */
} sheaf_reduction;

/**
 * sheaf_reduce() - fold all positions of [0, n) into one result, in a fixed order
 * @result:  out: how->size bytes, anywhere
 * @options: as of sheaf_for(), but context and context_size, which @how has; or NULL
 *
 * Partial results lie in shared memory, twice how->size for each leaf, aligned to 64 bytes, while
 * the call runs. n = 0 gives the identity.
 */
SHEAF_API int sheaf_reduce(sheaf_pool *pool, const sheaf_reduction *how, size_t n, void *result,
			   const sheaf_map_options *options);

/**
 * sheaf_scan_fn - use what lies before a range of positions
 * @before: the partial result of all positions below @begin; not to be written to
 *
 * Runs again if its worker dies, so it must not write what @how->fold or itself reads.
 * Return: 0, or an error as of a range function.
 */
typedef int sheaf_scan_fn(sheaf_task *task, size_t begin, size_t end, const void *before, const void *context);

/**
 * sheaf_scan() - give each range of positions what all positions before it add up to
 * @scan:  called once for each leaf, in any order
 * @total: out: how->size bytes, anywhere: of all positions; or NULL
 *
 * Leaves are folded as by sheaf_reduce(), and then combined one after the other, from the first to
 * the last. So what lies before a leaf has the same bits each time, too. A running sum, say: fold
 * adds a range of x, and scan writes out[i] = before + x[begin] + ... + x[i].
 */
SHEAF_API int sheaf_scan(sheaf_pool *pool, const sheaf_reduction *how, sheaf_scan_fn *scan, size_t n, void *total,
			 const sheaf_map_options *options);

/* ---- Numbers: of 4 or 8 bytes, but not complex; others are -EINVAL ---- */

/**
 * sheaf_sum() - add n numbers
 * sheaf_dot() - add the products of n pairs of numbers
 * @x, @y: n numbers of that type, in memory of sheaf_alloc(), else -EFAULT; NULL if n is 0
 *         (these and the calls below have n / 8192 + 1 leaves at most, and no more than
 *         SHEAF_LEAVES)
 * @sum:   out: a double if the numbers are floats or doubles; an int64_t if they have a sign; else
 *         a uint64_t: both modulo 2^64
 *
 * SHEAF_EXACT gives the double that is nearest to the true sum, ties to even, with a long
 * accumulator (Kulisch; Neal, "Fast exact summation using small and large superaccumulators",
 * 2015): the same in any order, and without an overflow on the way. It takes some times as long.
 *
 * Floats are added as doubles. Leaves are summed in blocks of 128, each by eight sums side by side,
 * and the blocks pairwise. With the tree above the error of a sum is at most (22 + log2(n / 128)) *
 * 2^-53 times the sum of |x|, to first order: 16 additions in a block, 3 of its eight sums, 1 of
 * what is left of it, and 1 for each level above, which are at most log2(n / 128) + 2. Of a dot
 * product it is one more, of the products. (Higham, "The accuracy of floating point summation",
 * 1993)
 */
SHEAF_API int sheaf_sum(sheaf_pool *pool, enum sheaf_number type, const void *x, size_t n, void *sum,
			const sheaf_map_options *options);
SHEAF_API int sheaf_dot(sheaf_pool *pool, enum sheaf_number type, const void *x, const void *y, size_t n, void *sum,
			const sheaf_map_options *options);

/* What sheaf_extremes() has found. Values have the type of the array. */
typedef struct sheaf_found {
	size_t min_at, max_at; /* the first position with that value */
	union {
		double f64;
		float f32;
		int64_t i64;
		uint64_t u64;
		int32_t i32;
		uint32_t u32;
	} min, max;
} sheaf_found;

/**
 * sheaf_extremes() - find the least and the largest number, and where they are
 *
 * A NaN is both, and the first one is found, as NumPy does.
 * Return: also -EDOM (n is 0).
 */
SHEAF_API int sheaf_extremes(sheaf_pool *pool, enum sheaf_number type, const void *x, size_t n, sheaf_found *found,
			     const sheaf_map_options *options);

typedef struct sheaf_moments {
	double mean;
	double variance; /* of the numbers: the mean of the squared distances from the mean */
} sheaf_moments;

/**
 * sheaf_mean_variance() - the mean of n numbers, and their variance
 *
 * Each leaf is summed, and then its distances from its mean are squared and summed. Leaves are
 * combined by the formula of Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm
 * for computing sample variances", 1979.
 * Return: also -EDOM (n is 0).
 */
SHEAF_API int sheaf_mean_variance(sheaf_pool *pool, enum sheaf_number type, const void *x, size_t n, sheaf_moments *moments,
				  const sheaf_map_options *options);

/**
 * sheaf_histogram() - count the numbers in each of @bins bins of one width, from low to high
 * @bins:   1 to 2^32 - 1
 * @counts: out: bins numbers; the bin of x is (x - low) / (high - low) * bins, rounded down. One
 *          that is high is in the last bin. What is below, above or not a number is in none
 *
 * Return: also -EINVAL (low is not less than high, or high - low is not finite).
 */
SHEAF_API int sheaf_histogram(sheaf_pool *pool, enum sheaf_number type, const void *x, size_t n, double low, double high,
			      size_t bins, uint64_t *counts, const sheaf_map_options *options);

#ifdef __cplusplus
}
#endif

#endif
