/*
 * histogram.c - sheaf_histogram(): counts are whole numbers, so no order changes them.
 */
#include "sheaf_reduce.h"

#include "base/error.h"
#include "reduce/tasks.h"
#include "pool/holds.h"

#include <errno.h>

#define MEMORY ((size_t)16 << 20) /* that partial histograms may take, but for one of each */

/* What the tasks know. */
struct bins {
	const void *x;
	enum sheaf_number type;
	double low, high;
	size_t count;
};

#define COUNT(NAME, TYPE)                                                                     \
	static void NAME(const struct bins *bins, size_t begin, size_t end, uint64_t *counts) \
	{                                                                                     \
		const TYPE *x = bins->x;                                                      \
		double width = bins->high - bins->low, all = (double)bins->count;             \
                                                                                              \
		for (size_t i = begin; i < end; i++) {                                        \
			double at = (double)x[i], bin = (at - bins->low) / width * all;       \
                                                                                              \
			/* Not a number is in none. */                                        \
			if (at >= bins->low && at <= bins->high)                              \
				counts[bin < all ? (size_t)bin : bins->count - 1]++;          \
		}                                                                             \
	}

COUNT(count_f64, double)
COUNT(count_f32, float)
COUNT(count_i64, int64_t)
COUNT(count_u64, uint64_t)
COUNT(count_i32, int32_t)
COUNT(count_u32, uint32_t)

static int fold_counts(sheaf_task *task, size_t begin, size_t end, void *partial, const void *context)
{
	static void (*const by_type[])(const struct bins *, size_t, size_t, uint64_t *) = {count_f64, count_f32, count_i64,
											   count_u64, count_i32, count_u32};
	const struct bins *bins = context;

	(void)task;
	by_type[bins->type](bins, begin, end, partial);
	return 0;
}

static int combine_counts(sheaf_task *task, void *partial, const void *next, const void *context)
{
	const struct bins *bins = context;
	const uint64_t *other = next;
	uint64_t *counts = partial;

	(void)task;
	for (size_t i = 0; i < bins->count; i++)
		counts[i] += other[i];
	return 0;
}

const struct own_function own_histogram[] = {
	OWN(fold_counts),
	OWN(combine_counts),
	OWN_END,
};

int sheaf_histogram(sheaf_pool *pool, enum sheaf_number type, const void *x, size_t n, double low, double high, size_t bins,
		    uint64_t *counts, const sheaf_map_options *options)
{
	static const size_t sizes[] = {8, 4, 8, 8, 4, 4};
	const struct bins context = {.x = x, .type = type, .low = low, .high = high, .count = bins};
	sheaf_reduction how = {.size = bins * sizeof(*counts),
			       .fold = fold_counts,
			       .combine = combine_counts,
			       .context = &context,
			       .context_size = sizeof(context)};
	int r;

	if ((unsigned)type > SHEAF_U32)
		return sheaf_fail(-EINVAL, "sheaf_histogram: type is %d: none of SHEAF_F64 to SHEAF_U32", (int)type);
	if (!pool || !counts)
		return sheaf_fail(-EINVAL, "sheaf_histogram: %s is NULL", pool ? "counts" : "pool");
	if (!bins || bins > UINT32_MAX)
		return sheaf_fail(-EINVAL, "sheaf_histogram: bins is %zu: from 1 to 2^32 - 1", bins);
	/* As a negation, for what is not a number. */
	if (!(low < high) || !(high - low <= 1.7976931348623157e308))
		return sheaf_fail(-EINVAL,
				  "sheaf_histogram: low is %g and high %g: low must be less, and their distance finite", low,
				  high);
	if ((r = pool_holds_array(pool, "sheaf_histogram", "x", x, n, sizes[type])))
		return r;
	how.leaves = MEMORY / how.size < SHEAF_LEAVES ? MEMORY / how.size + 1 : SHEAF_LEAVES;
	return sheaf_reduce(pool, &how, n, counts, options);
}
