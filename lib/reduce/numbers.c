/*
 * numbers.c - ready reductions of arrays of numbers: sums, products, extremes, moments.
 *
 * Each type has its own loops, made by a macro, so that compilers use vectors where the order of
 * additions lets them.
 */
#include "sheaf_reduce.h"

#include "base/error.h"
#include "pool/holds.h"
#include "reduce/exact.h"
#include "reduce/tasks.h"

#include <errno.h>

#define BLOCK 128       /* numbers that are added without a tree */
#define LEAST_LEAF 8192 /* of positions, or there is only one */

/* The arrays of a reduction. */
struct arrays {
	const void *x, *y; /* y: of a dot product; NULL: none */
	enum sheaf_number type;
};

union total {
	double f64;
	uint64_t u64;
};

struct moments {
	double count, mean, squares;
};

struct extremes {
	sheaf_found found;
	uint64_t count; /* 0: of no position */
};

/* ---- sums of floats ---- */

/*
 * Eight sums side by side, then these pairwise: one block. And halves of more blocks. TERM is the
 * i-th number.
 */
#define FLOAT_SUM(NAME, TYPE, TERM)                                                                \
	static double NAME##_block(const TYPE *x, const TYPE *y, double mean, size_t n)            \
	{                                                                                          \
		double s[8] = {0}, rest = 0;                                                       \
		size_t i = 0;                                                                      \
                                                                                                   \
		(void)y, (void)mean;                                                               \
		for (; i + 8 <= n; i += 8)                                                         \
			for (size_t k = 0; k < 8; k++) {                                           \
				const size_t at = i + k;                                           \
				s[k] += (TERM);                                                    \
			}                                                                          \
		for (size_t at = i; at < n; at++)                                                  \
			rest += (TERM);                                                            \
		return (((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]))) + rest; \
	}                                                                                          \
	static double NAME(const TYPE *x, const TYPE *y, double mean, size_t n)                    \
	{                                                                                          \
		size_t half = BLOCK;                                                               \
                                                                                                   \
		if (n <= BLOCK)                                                                    \
			return NAME##_block(x, y, mean, n);                                        \
		while (2 * half < n)                                                               \
			half *= 2;                                                                 \
		return NAME(x, y, mean, half) + NAME(x + half, y ? y + half : y, mean, n - half);  \
	}

FLOAT_SUM(sum_f64, double, x[at])
FLOAT_SUM(sum_f32, float, (double)x[at])
FLOAT_SUM(sum_i64, int64_t, (double)x[at])
FLOAT_SUM(sum_u64, uint64_t, (double)x[at])
FLOAT_SUM(sum_i32, int32_t, (double)x[at])
FLOAT_SUM(sum_u32, uint32_t, (double)x[at])
FLOAT_SUM(dot_f64, double, x[at] * y[at])
FLOAT_SUM(dot_f32, float, (double)x[at] * (double)y[at])
FLOAT_SUM(squares_f64, double, (x[at] - mean) * (x[at] - mean))
FLOAT_SUM(squares_f32, float, ((double)x[at] - mean) * ((double)x[at] - mean))
FLOAT_SUM(squares_i64, int64_t, ((double)x[at] - mean) * ((double)x[at] - mean))
FLOAT_SUM(squares_u64, uint64_t, ((double)x[at] - mean) * ((double)x[at] - mean))
FLOAT_SUM(squares_i32, int32_t, ((double)x[at] - mean) * ((double)x[at] - mean))
FLOAT_SUM(squares_u32, uint32_t, ((double)x[at] - mean) * ((double)x[at] - mean))

/* ---- sums of integers: modulo 2^64, in any order the same ---- */

#define INTEGER_SUM(NAME, TYPE)                                                      \
	static uint64_t NAME(const TYPE *x, const TYPE *y, size_t n)                 \
	{                                                                            \
		uint64_t sum = 0;                                                    \
                                                                                     \
		for (size_t i = 0; i < n; i++)                                       \
			sum += y ? (uint64_t)x[i] * (uint64_t)y[i] : (uint64_t)x[i]; \
		return sum;                                                          \
	}

INTEGER_SUM(whole_i64, int64_t)
INTEGER_SUM(whole_u64, uint64_t)
INTEGER_SUM(whole_i32, int32_t)
INTEGER_SUM(whole_u32, uint32_t)

#define AT(TYPE, ARRAY) ((const TYPE *)(ARRAY) + begin)
#define OTHER(TYPE) (arrays->y ? AT(TYPE, arrays->y) : NULL)

static int fold_total(sheaf_task *task, size_t begin, size_t end, void *partial, const void *context)
{
	const struct arrays *arrays = context;
	union total *total = partial;
	size_t n = end - begin;

	(void)task;
	switch (arrays->type) {
	case SHEAF_F64:
		total->f64 = arrays->y ? dot_f64(AT(double, arrays->x), AT(double, arrays->y), 0, n)
				       : sum_f64(AT(double, arrays->x), NULL, 0, n);
		break;
	case SHEAF_F32:
		total->f64 = arrays->y ? dot_f32(AT(float, arrays->x), AT(float, arrays->y), 0, n)
				       : sum_f32(AT(float, arrays->x), NULL, 0, n);
		break;
	case SHEAF_I64:
		total->u64 = whole_i64(AT(int64_t, arrays->x), OTHER(int64_t), n);
		break;
	case SHEAF_U64:
		total->u64 = whole_u64(AT(uint64_t, arrays->x), OTHER(uint64_t), n);
		break;
	case SHEAF_I32:
		total->u64 = whole_i32(AT(int32_t, arrays->x), OTHER(int32_t), n);
		break;
	case SHEAF_U32:
		total->u64 = whole_u32(AT(uint32_t, arrays->x), OTHER(uint32_t), n);
		break;
	default: /* refused before, here and below */
		break;
	}
	return 0;
}

static int combine_total(sheaf_task *task, void *partial, const void *next, const void *context)
{
	const struct arrays *arrays = context;
	union total *total = partial;
	const union total *other = next;

	(void)task;
	if (arrays->type == SHEAF_F64 || arrays->type == SHEAF_F32)
		total->f64 += other->f64;
	else
		total->u64 += other->u64;
	return 0;
}

/* ---- exact sums ---- */

static int fold_exact(sheaf_task *task, size_t begin, size_t end, void *partial, const void *context)
{
	const struct arrays *arrays = context;

	(void)task;
	exact_add(partial, AT(double, arrays->x), end - begin);
	return 0;
}

static int combine_exact(sheaf_task *task, void *partial, const void *next, const void *context)
{
	(void)task, (void)context;
	exact_join(partial, next);
	return 0;
}

/* ---- extremes ---- */

/* Not a number is below and above all others: x[i] != x[i]. */
#define EXTREMES(NAME, TYPE, FIELD)                                                                               \
	static void NAME(const TYPE *x, size_t begin, size_t n, struct extremes *e)                               \
	{                                                                                                         \
		size_t min = 0, max = 0;                                                                          \
                                                                                                                  \
		for (size_t i = 1; i < n; i++) {                                                                  \
			if (x[min] == x[min] && !(x[i] >= x[min]))                                                \
				min = i;                                                                          \
			if (x[max] == x[max] && !(x[i] <= x[max]))                                                \
				max = i;                                                                          \
		}                                                                                                 \
		e->count = n;                                                                                     \
		e->found.min_at = begin + min;                                                                    \
		e->found.max_at = begin + max;                                                                    \
		e->found.min.FIELD = x[min];                                                                      \
		e->found.max.FIELD = x[max];                                                                      \
	}                                                                                                         \
	static void NAME##_join(struct extremes *e, const struct extremes *next)                                  \
	{                                                                                                         \
		if (e->found.min.FIELD == e->found.min.FIELD && !(next->found.min.FIELD >= e->found.min.FIELD)) { \
			e->found.min = next->found.min;                                                           \
			e->found.min_at = next->found.min_at;                                                     \
		}                                                                                                 \
		if (e->found.max.FIELD == e->found.max.FIELD && !(next->found.max.FIELD <= e->found.max.FIELD)) { \
			e->found.max = next->found.max;                                                           \
			e->found.max_at = next->found.max_at;                                                     \
		}                                                                                                 \
	}

EXTREMES(extremes_f64, double, f64)
EXTREMES(extremes_f32, float, f32)
EXTREMES(extremes_i64, int64_t, i64)
EXTREMES(extremes_u64, uint64_t, u64)
EXTREMES(extremes_i32, int32_t, i32)
EXTREMES(extremes_u32, uint32_t, u32)

static int fold_extremes(sheaf_task *task, size_t begin, size_t end, void *partial, const void *context)
{
	const struct arrays *arrays = context;
	size_t n = end - begin;

	(void)task;
	switch (arrays->type) {
	case SHEAF_F64:
		extremes_f64(AT(double, arrays->x), begin, n, partial);
		break;
	case SHEAF_F32:
		extremes_f32(AT(float, arrays->x), begin, n, partial);
		break;
	case SHEAF_I64:
		extremes_i64(AT(int64_t, arrays->x), begin, n, partial);
		break;
	case SHEAF_U64:
		extremes_u64(AT(uint64_t, arrays->x), begin, n, partial);
		break;
	case SHEAF_I32:
		extremes_i32(AT(int32_t, arrays->x), begin, n, partial);
		break;
	case SHEAF_U32:
		extremes_u32(AT(uint32_t, arrays->x), begin, n, partial);
		break;
	default:
		break;
	}
	return 0;
}

static int combine_extremes(sheaf_task *task, void *partial, const void *next, const void *context)
{
	const struct arrays *arrays = context;

	(void)task;
	switch (arrays->type) {
	case SHEAF_F64:
		extremes_f64_join(partial, next);
		break;
	case SHEAF_F32:
		extremes_f32_join(partial, next);
		break;
	case SHEAF_I64:
		extremes_i64_join(partial, next);
		break;
	case SHEAF_U64:
		extremes_u64_join(partial, next);
		break;
	case SHEAF_I32:
		extremes_i32_join(partial, next);
		break;
	case SHEAF_U32:
		extremes_u32_join(partial, next);
		break;
	default:
		break;
	}
	return 0;
}

/* ---- moments ---- */

#define MOMENTS(TYPE, SUFFIX)                                                           \
	moments->mean = sum_##SUFFIX(AT(TYPE, arrays->x), NULL, 0, n) / moments->count; \
	moments->squares = squares_##SUFFIX(AT(TYPE, arrays->x), NULL, moments->mean, n)

static int fold_moments(sheaf_task *task, size_t begin, size_t end, void *partial, const void *context)
{
	const struct arrays *arrays = context;
	struct moments *moments = partial;
	size_t n = end - begin;

	(void)task;
	moments->count = (double)n;
	switch (arrays->type) {
	case SHEAF_F64:
		MOMENTS(double, f64);
		break;
	case SHEAF_F32:
		MOMENTS(float, f32);
		break;
	case SHEAF_I64:
		MOMENTS(int64_t, i64);
		break;
	case SHEAF_U64:
		MOMENTS(uint64_t, u64);
		break;
	case SHEAF_I32:
		MOMENTS(int32_t, i32);
		break;
	case SHEAF_U32:
		MOMENTS(uint32_t, u32);
		break;
	default:
		break;
	}
	return 0;
}

static int combine_moments(sheaf_task *task, void *partial, const void *next, const void *context)
{
	struct moments *a = partial;
	const struct moments *b = next;
	double count = a->count + b->count, distance = b->mean - a->mean;

	(void)task, (void)context;
	a->mean += distance * (b->count / count);
	a->squares += b->squares + distance * distance * (a->count * b->count / count);
	a->count = count;
	return 0;
}

const struct own_function own_numbers[] = {
	OWN(fold_total),   OWN(combine_total),   OWN(fold_exact), OWN(combine_exact), OWN(fold_extremes), OWN(combine_extremes),
	OWN(fold_moments), OWN(combine_moments), OWN_END,
};

/* ---- calls ---- */

static const size_t sizes[] = {
	[SHEAF_F64] = 8, [SHEAF_F32] = 4, [SHEAF_I64] = 8, [SHEAF_U64] = 8, [SHEAF_I32] = 4, [SHEAF_U32] = 4};

static int check_numbers(const sheaf_pool *pool, const char *call, enum sheaf_number type, const void *x, size_t n,
			 const void *out)
{
	if ((unsigned)type > SHEAF_U32)
		return sheaf_fail(-EINVAL, "%s: type is %d: none of SHEAF_F64 to SHEAF_U32", call, (int)type);
	if (!pool || !out)
		return sheaf_fail(-EINVAL, "%s: %s is NULL", call, pool ? "the result" : "pool");
	return pool_holds_array(pool, call, "x", x, n, sizes[type]);
}

static int reduce_arrays(sheaf_pool *pool, const struct arrays *arrays, sheaf_reduction how, size_t n, void *result,
			 const sheaf_map_options *options)
{
	/* A leaf of a few numbers costs more than its numbers. */
	how.leaves = n / LEAST_LEAF < SHEAF_LEAVES ? n / LEAST_LEAF + 1 : SHEAF_LEAVES;
	how.context = arrays;
	how.context_size = sizeof(*arrays);
	return sheaf_reduce(pool, &how, n, result, options);
}

static int sum_exactly(sheaf_pool *pool, const void *x, size_t n, double *sum, const sheaf_map_options *options)
{
	const sheaf_reduction how = {.size = sizeof(struct exact), .fold = fold_exact, .combine = combine_exact};
	struct arrays arrays = {.x = x};
	struct exact exact;
	int r = pool_holds_array(pool, "sheaf_sum", "x", x, n, sizeof(double));

	if (!r)
		r = reduce_arrays(pool, &arrays, how, n, &exact, options);
	if (!r)
		*sum = exact_round(&exact);
	return r;
}

int sheaf_sum(sheaf_pool *pool, enum sheaf_number type, const void *x, size_t n, void *sum, const sheaf_map_options *options)
{
	const sheaf_reduction how = {.size = sizeof(union total), .fold = fold_total, .combine = combine_total};
	struct arrays arrays = {.x = x, .type = type};
	int r;

	if (type == SHEAF_EXACT && pool && sum)
		return sum_exactly(pool, x, n, sum, options);
	r = check_numbers(pool, "sheaf_sum", type, x, n, sum);
	return r ? r : reduce_arrays(pool, &arrays, how, n, sum, options);
}

int sheaf_dot(sheaf_pool *pool, enum sheaf_number type, const void *x, const void *y, size_t n, void *sum,
	      const sheaf_map_options *options)
{
	struct arrays arrays = {.x = x, .y = y, .type = type};
	int r = check_numbers(pool, "sheaf_dot", type, x, n, sum);

	if (r || (r = pool_holds_array(pool, "sheaf_dot", "y", y, n, sizes[type])))
		return r;
	return reduce_arrays(pool, &arrays,
			     (sheaf_reduction){.size = sizeof(union total), .fold = fold_total, .combine = combine_total}, n,
			     sum, options);
}

int sheaf_extremes(sheaf_pool *pool, enum sheaf_number type, const void *x, size_t n, sheaf_found *found,
		   const sheaf_map_options *options)
{
	struct arrays arrays = {.x = x, .type = type};
	struct extremes extremes = {0};
	int r = check_numbers(pool, "sheaf_extremes", type, x, n, found);

	if (!r && !n)
		r = sheaf_fail(-EDOM, "sheaf_extremes: n is 0: nothing has neither a least nor a largest number");
	if (!r)
		r = reduce_arrays(
			pool, &arrays,
			(sheaf_reduction){.size = sizeof(extremes), .fold = fold_extremes, .combine = combine_extremes}, n,
			&extremes, options);
	if (!r)
		*found = extremes.found;
	return r;
}

int sheaf_mean_variance(sheaf_pool *pool, enum sheaf_number type, const void *x, size_t n, sheaf_moments *moments,
			const sheaf_map_options *options)
{
	struct arrays arrays = {.x = x, .type = type};
	struct moments found;
	int r = check_numbers(pool, "sheaf_mean_variance", type, x, n, moments);

	if (!r && !n)
		r = sheaf_fail(-EDOM, "sheaf_mean_variance: n is 0: nothing has no mean");
	if (!r)
		r = reduce_arrays(pool, &arrays,
				  (sheaf_reduction){.size = sizeof(found), .fold = fold_moments, .combine = combine_moments}, n,
				  &found, options);
	if (!r)
		*moments = (sheaf_moments){.mean = found.mean, .variance = found.squares / found.count};
	return r;
}
