/*
 * test_reduce.c - reductions: what they give, and that they give the same bits whoever computes.
 */
#define _GNU_SOURCE
#include "pools.h"

#include "sheaf_reduce.h"
#include "support/rng.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>

TestSuite(reduce, .init = begin, .fini = end);

static void *new_memory(size_t bytes)
{
	void *memory;

	expect_done(sheaf_alloc(pool, bytes, &memory));
	return memory;
}

/* Numbers of all sizes, which no two orders add to the same sum. */
static double number(uint64_t i)
{
	double x = (double)(int64_t)distinct_value(i) / 9e18;

	return ldexp(x, (int)(distinct_value(i + 1) % 60) - 30);
}

/* ---- what they give ---- */

Test(reduce, sums_are_near_the_true_ones)
{
	static const size_t sizes[] = {0, 1, 2, 7, 8, 9, 127, 128, 129, 1000, 4096, 4097, 100003};
	double *x, *y;
	float *f;

	start_workers(2);
	x = new_memory(100003 * sizeof(*x));
	y = new_memory(100003 * sizeof(*y));
	f = new_memory(100003 * sizeof(*f));
	for (size_t i = 0; i < 100003; i++) {
		x[i] = number(i);
		y[i] = number(i + 500000);
		f[i] = (float)x[i];
	}
	for (unsigned s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		long double sum = 0, dot = 0, single = 0, all = 0, products = 0;
		size_t n = sizes[s];
		double found;

		for (size_t i = 0; i < n; i++) {
			sum += x[i];
			dot += (long double)x[i] * y[i];
			single += f[i];
			all += fabs(x[i]);
			products += fabsl((long double)x[i] * y[i]);
		}
		expect_done(sheaf_sum(pool, SHEAF_F64, x, n, &found, NULL));
		cr_assert(fabsl(found - sum) <= 40 * 0x1p-53L * all, "%zu: %.17g, %.17Lg", n, found, sum);
		expect_done(sheaf_dot(pool, SHEAF_F64, x, y, n, &found, NULL));
		cr_assert(fabsl(found - dot) <= 40 * 0x1p-53L * products, "%zu: %.17g, %.17Lg", n, found, dot);
		expect_done(sheaf_sum(pool, SHEAF_F32, f, n, &found, NULL));
		cr_assert(fabsl(found - single) <= 40 * 0x1p-53L * all + 1e-300L, "%zu: %.17g, %.17Lg", n, found, single);
	}
}

Test(reduce, integers_are_added_modulo_2_to_the_64)
{
	int64_t *x, sum = 0, found;
	uint32_t *u;
	uint64_t whole, dot = 0;
	int32_t *s, minus = 0;

	start_workers(2);
	x = new_memory(10000 * sizeof(*x));
	u = new_memory(10000 * sizeof(*u));
	s = new_memory(10000 * sizeof(*s));
	for (size_t i = 0; i < 10000; i++) {
		x[i] = (int64_t)(distinct_value(i) >> 12) - ((int64_t)1 << 51);
		u[i] = UINT32_MAX - (uint32_t)i;
		s[i] = i % 2 ? -7 : 3;
		sum += x[i];
		minus += s[i];
		dot += (uint64_t)u[i] * u[i];
	}
	expect_done(sheaf_sum(pool, SHEAF_I64, x, 10000, &found, NULL));
	cr_assert_eq(found, sum);
	expect_done(sheaf_sum(pool, SHEAF_I32, s, 10000, &found, NULL));
	cr_assert_eq(found, minus);
	expect_done(sheaf_dot(pool, SHEAF_U32, u, u, 10000, &whole, NULL));
	cr_assert_eq(whole, dot);
	expect_done(sheaf_sum(pool, SHEAF_U64, x, 0, &whole, NULL));
	cr_assert_eq(whole, 0);
}

Test(reduce, extremes_are_the_first_of_their_value)
{
	sheaf_found found;
	double *x;
	int32_t *s;

	start_workers(2);
	x = new_memory(50000 * sizeof(*x));
	s = new_memory(50000 * sizeof(*s));
	for (size_t i = 0; i < 50000; i++) {
		x[i] = sin((double)i);
		s[i] = (int32_t)(i % 1000) - 500;
	}
	x[777] = x[40000] = -5;
	x[33333] = x[33334] = 9;
	expect_done(sheaf_extremes(pool, SHEAF_F64, x, 50000, &found, NULL));
	cr_assert(found.min_at == 777 && found.min.f64 == -5 && found.max_at == 33333 && found.max.f64 == 9);
	expect_done(sheaf_extremes(pool, SHEAF_I32, s, 50000, &found, NULL));
	cr_assert(found.min_at == 0 && found.min.i32 == -500 && found.max_at == 999 && found.max.i32 == 499);
	x[20000] = x[45000] = NAN;
	expect_done(sheaf_extremes(pool, SHEAF_F64, x, 50000, &found, NULL));
	cr_assert(found.min_at == 20000 && found.max_at == 20000 && isnan(found.min.f64) && isnan(found.max.f64));
	expect_done(sheaf_extremes(pool, SHEAF_F64, x, 1, &found, NULL));
	cr_assert(found.min_at == 0 && found.max.f64 == 0);
	expect_failure(sheaf_extremes(pool, SHEAF_F64, x, 0, &found, NULL), -EDOM, "n is 0");
}

Test(reduce, moments_do_not_cancel)
{
	sheaf_moments moments;
	int64_t *x;
	double *d;

	start_workers(2);
	x = new_memory(100000 * sizeof(*x));
	d = new_memory(100000 * sizeof(*d));
	for (size_t i = 0; i < 100000; i++) {
		x[i] = (int64_t)(i % 10);
		d[i] = 1e9 + (double)(i % 10);
	}
	expect_done(sheaf_mean_variance(pool, SHEAF_I64, x, 100000, &moments, NULL));
	cr_assert(fabs(moments.mean - 4.5) < 1e-14 && fabs(moments.variance - 8.25) < 1e-13);
	expect_done(sheaf_mean_variance(pool, SHEAF_F64, d, 100000, &moments, NULL));
	cr_assert(fabs(moments.mean - 1e9 - 4.5) < 1e-6 && fabs(moments.variance - 8.25) < 1e-6, "%.17g", moments.variance);
	expect_failure(sheaf_mean_variance(pool, SHEAF_F64, d, 0, &moments, NULL), -EDOM, "has no mean");
}

Test(reduce, histograms_count_what_is_in_their_bins)
{
	uint64_t counts[10], wanted[10] = {0}, *many = malloc(1000000 * sizeof(*many)), sum = 0;
	int32_t *s;
	double *x;

	start_workers(2);
	x = new_memory(100000 * sizeof(*x));
	s = new_memory(100000 * sizeof(*s));
	for (size_t i = 0; i < 100000; i++) {
		x[i] = (double)(i % 1200) / 100 - 1;
		s[i] = (int32_t)(i % 12) - 1;
		if (x[i] >= 0 && x[i] <= 10)
			wanted[x[i] < 10 ? (size_t)x[i] : 9]++;
	}
	x[5] = NAN; /* it was below */
	expect_done(sheaf_histogram(pool, SHEAF_F64, x, 100000, 0, 10, 10, counts, NULL));
	cr_assert_eq(memcmp(counts, wanted, sizeof(counts)), 0);
	expect_done(sheaf_histogram(pool, SHEAF_I32, s, 120, 0, 10, 10, counts, NULL));
	for (unsigned i = 0; i < 10; i++)
		cr_assert_eq(counts[i], i < 9 ? 10 : 20, "%u: %llu", i, (unsigned long long)counts[i]);
	/* So many bins that only few partial histograms fit. */
	expect_done(sheaf_histogram(pool, SHEAF_F64, x, 100000, -2, 12, 1000000, many, NULL));
	for (size_t i = 0; i < 1000000; i++)
		sum += many[i];
	cr_assert_eq(sum, 99999);
	expect_failure(sheaf_histogram(pool, SHEAF_F64, x, 10, 1, 1, 10, counts, NULL), -EINVAL, "low must be less");
	expect_failure(sheaf_histogram(pool, SHEAF_F64, x, 10, 0, NAN, 10, counts, NULL), -EINVAL, "low must be less");
	expect_failure(sheaf_histogram(pool, SHEAF_F64, x, 10, -DBL_MAX, DBL_MAX, 10, counts, NULL), -EINVAL, "finite");
	expect_failure(sheaf_histogram(pool, SHEAF_F64, x, 10, 0, 1, 0, counts, NULL), -EINVAL, "bins is 0");
	expect_failure(sheaf_histogram(pool, SHEAF_F64, counts, 10, 0, 1, 10, counts, NULL), -EFAULT, "use sheaf_alloc()");
	free(many);
}

/* ---- exact sums ---- */

static double exact_of(const double *x, size_t n)
{
	double *memory, sum;

	memory = new_memory((n ? n : 1) * sizeof(*x));
	if (n)
		memcpy(memory, x, n * sizeof(*x));
	expect_done(sheaf_sum(pool, SHEAF_EXACT, memory, n, &sum, NULL));
	expect_done(sheaf_free(pool, memory));
	return sum;
}

#define EXACT(...) exact_of((const double[]){__VA_ARGS__}, sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

Test(reduce, exact_sums_are_rounded_once)
{
	start_workers(2);
	cr_assert_eq(exact_of(NULL, 0), 0);
	cr_assert_eq(EXACT(1, 1e100, 1, -1e100), 2);
	cr_assert_eq(EXACT(1e308, 1e308, -1e308), 1e308);
	cr_assert_eq(EXACT(DBL_MAX, DBL_MAX, -DBL_MAX, -DBL_MAX, 5e-324), 5e-324);
	cr_assert_eq(EXACT(5e-324, 5e-324, 5e-324), 1.5e-323);
	cr_assert_eq(EXACT(0x1p-1022, -5e-324), 0x1p-1022 - 5e-324);
	cr_assert_eq(EXACT(-0x1p-1022, -5e-324), -0x1p-1022 - 5e-324);
	cr_assert_eq(EXACT(0x1.fffffffffffffp-1, 0x1p-54), 1, "a carry of rounding");
	cr_assert_eq(EXACT(3, -3), 0);
	/* Ties go to even, and the least bit below breaks them. */
	cr_assert_eq(EXACT(1, 0x1p-53), 1);
	cr_assert_eq(EXACT(1, 0x1p-53, 5e-324), 1 + DBL_EPSILON);
	cr_assert_eq(EXACT(1, 0x1p-53, -5e-324), 1);
	cr_assert_eq(EXACT(1 + DBL_EPSILON, 0x1p-53), 1 + 2 * DBL_EPSILON);
	cr_assert_eq(EXACT(-1, -0x1p-53, -5e-324), -1 - DBL_EPSILON);
	/* The end of the range. */
	cr_assert_eq(EXACT(DBL_MAX, 0x1p969), DBL_MAX);
	cr_assert_eq(EXACT(DBL_MAX, 0x1p970, -5e-324), DBL_MAX);
	cr_assert_eq(EXACT(DBL_MAX, 0x1p970), INFINITY);
	cr_assert_eq(EXACT(-DBL_MAX, -DBL_MAX), -INFINITY);
	cr_assert_eq(EXACT(1, INFINITY, 2), INFINITY);
	cr_assert(isnan(EXACT(INFINITY, -INFINITY)) && isnan(EXACT(1, NAN)));
}

/* What is left when the sum is taken away must be at most half of its last bit. */
Test(reduce, exact_sums_are_the_nearest_double_in_any_order)
{
	enum { N = 30000 };
	double *x = malloc((N + 1) * sizeof(*x)), sum, left;

	start_workers(3);
	for (unsigned round = 0; round < 20; round++) {
		for (size_t i = 0; i < N; i++) {
			x[i] = ldexp((double)(int64_t)distinct_value(i + round * N),
				     (int)(distinct_value(i + 7 * round * N) % (round % 2 ? 40 : 1900)) -
					     (round % 2 ? 20 : 1050));
			if (i % 3 == 2)
				x[i] = -x[i - 1];
		}
		sum = exact_of(x, N);
		x[N] = -sum;
		left = exact_of(x, N + 1);
		cr_assert(fabs(left) <= (nextafter(fabs(sum), INFINITY) - fabs(sum)) / 2, "%g of %g", left, sum);
		for (size_t i = N - 1; i > 0; i--) {
			size_t other = distinct_value(i + round) % (i + 1);
			double kept = x[i];

			x[i] = x[other];
			x[other] = kept;
		}
		cr_assert_eq(exact_of(x, N), sum);
	}
	free(x);
}

/* ---- a reduction of one's own ---- */

/* The text of all positions, in their order: no other order and no other tree gives the same. */
struct text {
	uint64_t begin, end, hash, leaves;
};

struct texts {
	uint64_t salt;
	unsigned kills; /* one in so many leaves kills its worker at first */
};

static void no_text(void *partial, const void *context)
{
	const struct texts *texts = context;

	*(struct text *)partial = (struct text){.hash = texts->salt};
}

static int fold_text(sheaf_task *task, size_t begin, size_t end, void *partial, const void *context)
{
	const struct texts *texts = context;
	struct text *text = partial;

	if (text->hash != texts->salt)
		return sheaf_task_fail(task, -EPROTO, "no identity");
	text->begin = begin;
	text->leaves = 1;
	for (size_t i = begin; i < end; i++) {
		text->hash = distinct_value(text->hash ^ i);
		text->end = i + 1;
		if (texts->kills && i % texts->kills == texts->kills - 1 && sheaf_task_attempt(task) == 1)
			raise(SIGKILL);
	}
	return 0;
}

static int join_text(sheaf_task *task, void *partial, const void *next, const void *context)
{
	const struct texts *texts = context;
	struct text *text = partial;
	const struct text *other = next;

	if (text->end != other->begin)
		return sheaf_task_fail(task, -EPROTO, "%llu behind %llu", (unsigned long long)other->begin,
				       (unsigned long long)text->end);
	if (texts->kills && text->begin % (2 * texts->kills) == 0 && sheaf_task_attempt(task) == 1)
		raise(SIGKILL);
	text->hash = distinct_value(text->hash * 3 + other->hash);
	text->end = other->end;
	text->leaves += other->leaves;
	return 0;
}

static struct text reduce_text(size_t n, size_t leaves, size_t size, unsigned kills)
{
	struct texts texts = {.salt = 99, .kills = kills};
	sheaf_reduction how = {.size = size,
			       .identity = no_text,
			       .fold = fold_text,
			       .combine = join_text,
			       .context = &texts,
			       .context_size = sizeof(texts),
			       .leaves = leaves};
	unsigned char *result = malloc(size);
	struct text text;

	expect_done(sheaf_reduce(pool, &how, n, result, &(sheaf_map_options){.max_attempts = 9}));
	memcpy(&text, result, sizeof(text));
	free(result);
	return text;
}

Test(reduce, the_tree_depends_on_n_and_the_leaves_alone)
{
	static const struct {
		size_t n, leaves, size;
		uint64_t cut; /* into so many leaves */
	} cases[] = {{1, 0, 32, 1},           {5, 0, 32, 5},           {4096, 0, 32, 4096}, {4097, 0, 32, 2049},
		     {100000, 0, 32, 3125},   {100000, 100, 32, 98},   {1000, 1, 32, 1},    {1000, 3, 100000, 2},
		     {20000, 77, 100000, 40}, {20000, 5000, 64, 5000}, {3, 1000, 32, 3}};
	static const unsigned workers[] = {1, 2, 3, 7};
	struct text first[sizeof(cases) / sizeof(cases[0])];

	for (unsigned w = 0; w < 4 + 2; w++) {
		start(&(sheaf_pool_options){.workers = w < 4    ? workers[w]
						       : w == 4 ? 3
								: 0,
					    .heap_size = 256 << 20,
					    .backend = w < 4    ? SHEAF_PROCESSES
						       : w == 4 ? SHEAF_THREADS
								: SHEAF_INLINE});
		for (unsigned c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
			struct text text = reduce_text(cases[c].n, cases[c].leaves, cases[c].size, 0);

			cr_assert(text.begin == 0 && text.end == cases[c].n);
			cr_assert_eq(text.leaves, cases[c].cut, "case %u: %llu", c, (unsigned long long)text.leaves);
			if (!w)
				first[c] = text;
			cr_assert_eq(text.hash, first[c].hash, "case %u", c);
		}
		sheaf_pool_destroy(pool);
		pool = NULL;
	}
}

Test(reduce, deaths_change_no_bit)
{
	struct text quiet, killed;

	start(&(sheaf_pool_options){.workers = 3, .heap_size = 256 << 20});
	quiet = reduce_text(20000, 50, 32, 0);
	killed = reduce_text(20000, 50, 32, 3000);
	cr_assert_eq(killed.hash, quiet.hash);
	/* So large that neighbours are combined side by side. */
	quiet = reduce_text(20000, 50, 100000, 0);
	killed = reduce_text(20000, 50, 100000, 3000);
	cr_assert_eq(killed.hash, quiet.hash);
	cr_assert_eq(reduce_text(0, 0, 32, 0).hash, 99);
}

Test(reduce, ready_ones_have_the_same_bits_everywhere)
{
	enum { N = 300007 };
	double first[4], found[4];

	for (unsigned w = 0; w < 6; w++) {
		sheaf_moments moments;
		double *x, *y;

		start(&(sheaf_pool_options){.workers = w == 5 ? 0 : w + 1 + (w == 3) * 3,
					    .heap_size = 64 << 20,
					    .backend = w < 4    ? SHEAF_PROCESSES
						       : w == 4 ? SHEAF_THREADS
								: SHEAF_INLINE});
		x = new_memory(N * sizeof(*x));
		y = new_memory(N * sizeof(*y));
		for (size_t i = 0; i < N; i++) {
			x[i] = number(i);
			y[i] = number(i + N);
		}
		for (unsigned round = 0; round < 3; round++) {
			sheaf_map_options options = {.grain = round ? 1u << (3 * round) : 0, .caller_works = round == 2};
			pid_t pid = sheaf_pool_worker_pid(pool, 0);

			if (w < 5 && round == 1 && pid > 0)
				kill(pid, SIGKILL);
			expect_done(sheaf_sum(pool, SHEAF_F64, x, N, &found[0], &options));
			expect_done(sheaf_dot(pool, SHEAF_F64, x, y, N, &found[1], &options));
			expect_done(sheaf_mean_variance(pool, SHEAF_F64, x, N, &moments, &options));
			found[2] = moments.mean;
			found[3] = moments.variance;
			if (!w && !round)
				memcpy(first, found, sizeof(first));
			cr_assert_eq(memcmp(first, found, sizeof(first)), 0, "pool %u, round %u", w, round);
		}
		sheaf_pool_destroy(pool);
		pool = NULL;
	}
}

/* ---- scans ---- */

struct running {
	const double *x;
	double *out;
};

static int add_range(sheaf_task *task, size_t begin, size_t end, void *partial, const void *context)
{
	const struct running *running = context;

	(void)task;
	for (size_t i = begin; i < end; i++)
		*(double *)partial += running->x[i];
	return 0;
}

static int add_next(sheaf_task *task, void *partial, const void *next, const void *context)
{
	(void)task, (void)context;
	*(double *)partial += *(const double *)next;
	return 0;
}

static int write_range(sheaf_task *task, size_t begin, size_t end, const void *before, const void *context)
{
	const struct running *running = context;
	double sum = *(const double *)before;

	for (size_t i = begin; i < end; i++)
		running->out[i] = sum += running->x[i];
	if (sheaf_task_attempt(task) == 1 && begin % 5000 == 0 && getenv("DIE"))
		raise(SIGKILL);
	return 0;
}

Test(reduce, a_scan_gives_each_range_what_lies_before_it)
{
	static const size_t sizes[] = {0, 1, 2, 4096, 4097, 50000};
	static double first[50000];

	for (unsigned w = 0; w < 4; w++) {
		struct running running;

		if (w == 2)
			setenv("DIE", "1", 1);
		start(&(sheaf_pool_options){.workers = w == 3 ? 0 : w + 1,
					    .heap_size = 64 << 20,
					    .backend = w == 3 ? SHEAF_INLINE : SHEAF_PROCESSES});
		unsetenv("DIE");
		running.x = new_memory(50000 * sizeof(double));
		running.out = new_memory(50000 * sizeof(double));
		for (size_t i = 0; i < 50000; i++)
			((double *)(uintptr_t)running.x)[i] = number(i);
		for (unsigned s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
			sheaf_reduction how = {.size = sizeof(double),
					       .fold = add_range,
					       .combine = add_next,
					       .context = &running,
					       .context_size = sizeof(running),
					       .leaves = 100};
			double total = 42, sum = 0;
			size_t n = sizes[s];

			expect_done(sheaf_scan(pool, &how, write_range, n, &total, &(sheaf_map_options){.max_attempts = 9}));
			for (size_t i = 0; i < n; i++) {
				sum += running.x[i];
				cr_assert(fabs(running.out[i] - sum) < 1e-3 * fabs(sum) + 1e-3);
			}
			cr_assert(fabs(total - sum) < 1e-3 * fabs(sum) + 1e-3);
			cr_assert(n || total == 0);
			expect_done(sheaf_scan(pool, &how, write_range, n, NULL, NULL));
		}
		if (!w)
			memcpy(first, running.out, sizeof(first));
		cr_assert_eq(memcmp(first, running.out, sizeof(first)), 0, "pool %u", w);
		expect_failure(sheaf_scan(pool, &(sheaf_reduction){.size = 8, .fold = add_range, .combine = add_next}, NULL, 1,
					  NULL, NULL),
			       -EINVAL, "scan is NULL");
		sheaf_pool_destroy(pool);
		pool = NULL;
	}
}

/* ---- what is refused ---- */

static int fail_at_last(sheaf_task *task, size_t begin, size_t end, void *partial, const void *context)
{
	(void)begin, (void)partial, (void)context;
	return end == 1000 ? sheaf_task_fail(task, -EILSEQ, "the last one is bad") : 0;
}

Test(reduce, bad_calls_are_refused_and_leave_the_result)
{
	sheaf_reduction how = {.size = 8, .fold = fail_at_last, .combine = join_text};
	double own[10] = {0}, sum = 42;
	sheaf_pool_info info;
	uint64_t result = 42;
	double *x;

	start_workers(2);
	x = new_memory(100 * sizeof(*x));
	expect_failure(sheaf_sum(pool, SHEAF_F64, own, 10, &sum, NULL), -EFAULT, "sheaf_sum: x, 80 bytes at");
	expect_failure(sheaf_sum(pool, SHEAF_F64, x, 100000, &sum, NULL), -EFAULT, "use sheaf_alloc()");
	expect_failure(sheaf_dot(pool, SHEAF_F64, x, own, 10, &sum, NULL), -EFAULT, "sheaf_dot: y");
	expect_failure(sheaf_sum(pool, SHEAF_F64, NULL, 10, &sum, NULL), -EINVAL, "x is NULL");
	expect_failure(sheaf_sum(pool, SHEAF_F64, x, SIZE_MAX / 2, &sum, NULL), -EOVERFLOW, "do not fit");
	expect_failure(sheaf_sum(pool, (enum sheaf_number)9, x, 10, &sum, NULL), -EINVAL, "type is 9");
	expect_failure(sheaf_sum(NULL, SHEAF_F64, x, 10, &sum, NULL), -EINVAL, "pool is NULL");
	expect_failure(sheaf_reduce(pool, &how, 1000, &result, NULL), -EILSEQ, "the last one is bad");
	expect_failure(sheaf_reduce(pool, &how, 10, &result, &(sheaf_map_options){.context = x}), -EINVAL, "options.context");
	how.context = own;
	expect_failure(sheaf_reduce(pool, &how, 10, &result, NULL), -EFAULT, "or set how->context_size");
	expect_failure(sheaf_scan(pool, &how, write_range, 10, &result, NULL), -EFAULT, "or set how->context_size");
	how.context = NULL;
	how.combine = NULL;
	expect_failure(sheaf_reduce(pool, &how, 10, &result, NULL), -EINVAL, "how->combine is NULL");
	how.combine = join_text;
	how.size = 0;
	expect_failure(sheaf_reduce(pool, &how, 10, &result, NULL), -EINVAL, "how->size is 0");
	how.size = 1 << 20;
	expect_failure(sheaf_reduce(pool, &how, 10000, &result, NULL), -ENOMEM, "");
	cr_assert(sum == 42 && result == 42);
	expect_done(sheaf_free(pool, x));
	expect_done(sheaf_pool_get_info(pool, &info));
	cr_assert_eq(info.heap_used, 0);
}

/* A task that reduces. */
static int sum_in_task(sheaf_task *task, const void *arg, void *result)
{
	const double *x;

	memcpy(&x, arg, sizeof(x));
	return sheaf_sum(sheaf_task_pool(task), SHEAF_F64, x, 5000, result, NULL);
}

Test(reduce, tasks_may_reduce)
{
	double *x, sum, found;

	start_workers(2);
	x = new_memory(5000 * sizeof(*x));
	for (size_t i = 0; i < 5000; i++)
		x[i] = number(i);
	expect_done(sheaf_sum(pool, SHEAF_F64, x, 5000, &sum, NULL));
	expect_done(sheaf_apply(pool, sum_in_task, &x, sizeof(x), &found, sizeof(found), NULL));
	cr_assert_eq(memcmp(&sum, &found, sizeof(sum)), 0);
}
