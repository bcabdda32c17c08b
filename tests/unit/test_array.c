/*
 * test_array.c - arrays: shapes, views, copies into other types, and files that are read again.
 */
#define _GNU_SOURCE
#include "one_file.h"
#include "pools.h"

#include "data/convert.h"
#include "sheaf_exchange.h"
#include "support/rng.h"

#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void prepare(void)
{
	make_file();
	begin();
	start_workers(2);
}

static void stop(void)
{
	end();
	unlink(path);
}

TestSuite(array, .init = prepare, .fini = stop);

static sheaf_array create(enum sheaf_number type, size_t item_size, unsigned dimensions, const size_t *shape)
{
	sheaf_array array;

	expect_done(sheaf_array_create(&array, pool, type, item_size, dimensions, shape));
	return array;
}

/* 0, 1, 2, ... in C order. */
static sheaf_array numbered(unsigned dimensions, const size_t *shape)
{
	sheaf_array array = create(SHEAF_I32, 0, dimensions, shape);

	for (size_t i = 0; i < sheaf_array_count(&array); i++)
		((int32_t *)array.data)[i] = (int32_t)i;
	return array;
}

static int32_t at(const sheaf_array *array, size_t i, size_t j, size_t k)
{
	return *(const int32_t *)sheaf_array_at(array, (size_t[]){i, j, k});
}

static void give_back(sheaf_array *array)
{
	expect_done(sheaf_array_free(array, pool));
	cr_assert_null(array->data);
}

/* ---- shapes ---- */

Test(array, has_strides_in_c_order_and_zeroed_items)
{
	sheaf_array array = create(SHEAF_F64, 0, 3, (size_t[]){2, 3, 4});

	cr_assert(array.strides[0] == 96 && array.strides[1] == 32 && array.strides[2] == 8 && array.item_size == 8);
	cr_assert(sheaf_array_count(&array) == 24 && sheaf_array_is_contiguous(&array));
	for (size_t i = 0; i < 24; i++)
		cr_assert_eq(((double *)array.data)[i], 0);
	give_back(&array);
	array = create(SHEAF_BYTES, 5, 0, NULL);
	cr_assert(sheaf_array_count(&array) == 1 && array.item_size == 5);
	give_back(&array);
	array = create(SHEAF_U8, 0, 2, (size_t[]){0, 7});
	cr_assert(sheaf_array_count(&array) == 0 && sheaf_array_is_contiguous(&array));
	give_back(&array);
}

Test(array, cannot_be_what_does_not_fit)
{
	sheaf_array array = {0};
	size_t huge[] = {SIZE_MAX / 4, 3}, many[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, empty[] = {SIZE_MAX / 2, 0};

	expect_failure(sheaf_array_create(&array, pool, SHEAF_F64, 0, 2, huge), -EOVERFLOW, "does not fit in memory");
	expect_failure(sheaf_array_create(&array, pool, SHEAF_F64, 0, 2, empty), -EOVERFLOW, "does not fit in memory");
	expect_failure(sheaf_array_create(&array, pool, SHEAF_F64, 0, 9, many), -EINVAL, "dimensions is 9, at most 8");
	expect_failure(sheaf_array_create(&array, pool, SHEAF_F64, 4, 1, many), -EINVAL,
		       "item_size is 4, and the type has 8 bytes");
	expect_failure(sheaf_array_create(&array, pool, SHEAF_EXACT, 0, 1, many), -EINVAL, "type is 6, which no array has");
	expect_failure(sheaf_array_create(&array, pool, (enum sheaf_number)99, 0, 1, many), -EINVAL, "type is 99");
	expect_failure(sheaf_array_create(&array, pool, SHEAF_F64, 0, 1, NULL), -EINVAL, "shape is NULL");
	expect_failure(sheaf_array_create(NULL, pool, SHEAF_F64, 0, 1, many), -EINVAL, "array is NULL");
	expect_failure(sheaf_array_view(&array, NULL, SHEAF_F64, 0, 1, many), -EINVAL, "data is NULL");
	cr_assert_null(array.data);
}

/* ---- views ---- */

Test(array, slices_show_items_in_steps_forwards_and_backwards)
{
	sheaf_array array = numbered(3, (size_t[]){4, 5, 6}), view;

	expect_done(sheaf_array_slice(&view, &array, 1, 1, 2, 3));
	cr_assert(view.shape[1] == 2 && !view.memory && !sheaf_array_is_contiguous(&view));
	cr_assert(at(&view, 3, 0, 5) == at(&array, 3, 1, 5) && at(&view, 3, 1, 5) == at(&array, 3, 4, 5));
	expect_done(sheaf_array_slice(&view, &view, 2, 5, 6, -1));
	cr_assert(at(&view, 2, 1, 0) == at(&array, 2, 4, 5) && at(&view, 2, 1, 5) == at(&array, 2, 4, 0));
	expect_done(sheaf_array_slice(&view, &array, 0, 2, 7, 0));
	cr_assert(view.shape[0] == 7 && at(&view, 6, 4, 5) == at(&array, 2, 4, 5));
	expect_done(sheaf_array_slice(&view, &array, 0, 99, 0, 1));
	cr_assert_eq(sheaf_array_count(&view), 0);
	expect_failure(sheaf_array_slice(&view, &array, 1, 3, 3, 1), -EINVAL,
		       "3 items from 3 on by 1 do not lie in a dimension of 5");
	expect_failure(sheaf_array_slice(&view, &array, 1, 3, 5, -1), -EINVAL, "do not lie");
	expect_failure(sheaf_array_slice(&view, &array, 1, 0, SIZE_MAX, PTRDIFF_MAX), -EINVAL, "do not lie");
	expect_failure(sheaf_array_slice(&view, &array, 3, 0, 1, 1), -EINVAL, "dimension is 3, and the array has 3");
	give_back(&array);
}

Test(array, transposes_and_reshapes_copy_nothing)
{
	sheaf_array array = numbered(3, (size_t[]){2, 3, 4}), view;

	expect_done(sheaf_array_transpose(&view, &array, NULL));
	cr_assert(view.shape[0] == 4 && view.shape[2] == 2 && at(&view, 3, 1, 0) == at(&array, 0, 1, 3));
	expect_done(sheaf_array_transpose(&view, &array, (unsigned[]){1, 0, 2}));
	cr_assert(view.shape[0] == 3 && at(&view, 2, 1, 3) == at(&array, 1, 2, 3));
	expect_failure(sheaf_array_reshape(&view, &view, 1, (size_t[]){24}), -EINVAL, "not contiguous");
	expect_failure(sheaf_array_transpose(&view, &array, (unsigned[]){1, 1, 2}), -EINVAL,
		       "axes[1] is 1, which is there before");
	expect_failure(sheaf_array_transpose(&view, &array, (unsigned[]){1, 3, 2}), -EINVAL, "no dimension");
	expect_done(sheaf_array_reshape(&view, &array, 2, (size_t[]){8, 3}));
	cr_assert(*(int32_t *)sheaf_array_at(&view, (size_t[]){7, 2}) == 23 && view.data == array.data);
	expect_failure(sheaf_array_reshape(&view, &array, 2, (size_t[]){8, 4}), -EINVAL, "which has 24");
	give_back(&array);
}

/* ---- copies ---- */

Test(array, copies_follow_strides)
{
	sheaf_array array = numbered(3, (size_t[]){7, 5, 600}), turned, copy;

	expect_done(sheaf_array_transpose(&turned, &array, NULL));
	expect_done(sheaf_array_slice(&turned, &turned, 0, 599, 300, -2));
	copy = create(SHEAF_I32, 0, 3, turned.shape);
	expect_done(sheaf_array_copy(pool, &copy, &turned, SHEAF_CHECKED, NULL));
	for (size_t i = 0; i < 300; i++)
		for (size_t j = 0; j < 5; j++)
			for (size_t k = 0; k < 7; k++)
				cr_assert_eq(at(&copy, i, j, k), at(&turned, i, j, k));
	/* And back, where all others stay. */
	for (size_t i = 0; i < sheaf_array_count(&copy); i++)
		((int32_t *)copy.data)[i] *= -1;
	expect_done(sheaf_array_copy(pool, &turned, &copy, SHEAF_CHECKED, NULL));
	for (size_t i = 0; i < sheaf_array_count(&array); i++)
		cr_assert_eq(((int32_t *)array.data)[i], i % 2 ? -(int32_t)i : (int32_t)i, "item %zu", i);
	give_back(&copy);
	give_back(&array);
}

/* Copy an array whose axes are in another order, and look at each item. */
static void check_turned(const sheaf_array *array, const unsigned axes[3])
{
	sheaf_array turned, copy;
	size_t index[3];

	expect_done(sheaf_array_transpose(&turned, array, axes));
	copy = create(array->type, array->item_size, 3, turned.shape);
	expect_done(sheaf_array_copy(pool, &copy, &turned, SHEAF_CHECKED, NULL));
	for (index[0] = 0; index[0] < copy.shape[0]; index[0]++)
		for (index[1] = 0; index[1] < copy.shape[1]; index[1]++)
			for (index[2] = 0; index[2] < copy.shape[2]; index[2]++)
				cr_assert(!memcmp(sheaf_array_at(&copy, index), sheaf_array_at(&turned, index), copy.item_size),
					  "axes %u, %u, %u, %zu bytes: item (%zu, %zu, %zu)", axes[0], axes[1], axes[2],
					  copy.item_size, index[0], index[1], index[2]);
	give_back(&copy);
}

Test(array, copies_of_transposes_have_each_item_in_its_place)
{
	static const unsigned orders[][3] = {{0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	static const size_t shapes[][3] = {{37, 5, 70}, {33, 64, 31}, {1, 100, 16}, {40, 40, 1}};
	struct rng rng = {.state = 77};

	for (size_t size = 1; size <= 24; size++)
		for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++) {
			sheaf_array array = create(SHEAF_VOID, size, 3, shapes[s]), backwards;

			for (size_t i = 0; i < sheaf_array_count(&array) * size; i++)
				((unsigned char *)array.data)[i] = (unsigned char)rng_next(&rng);
			expect_done(sheaf_array_slice(&backwards, &array, 0, shapes[s][0] - 1, shapes[s][0], -1));
			for (size_t o = 0; o < sizeof(orders) / sizeof(orders[0]); o++) {
				check_turned(&array, orders[o]);
				check_turned(&backwards, orders[o]);
			}
			give_back(&array);
		}
}

Test(array, of_one_type_in_one_piece_are_copied_as_bytes)
{
	sheaf_array array = numbered(2, (size_t[]){300, 1000}), copy = create(SHEAF_I32, 0, 2, array.shape);

	expect_done(sheaf_array_copy(pool, &copy, &array, SHEAF_CHECKED, NULL));
	cr_assert_eq(memcmp(copy.data, array.data, 1200000), 0);
	give_back(&copy);
	give_back(&array);
}

Test(array, fills_whatever_a_view_shows)
{
	sheaf_array array = numbered(2, (size_t[]){100, 100}), view;
	int32_t value = -7;

	expect_done(sheaf_array_slice(&view, &array, 1, 3, 20, 4));
	expect_done(sheaf_array_fill(pool, &view, &value, NULL));
	for (int32_t i = 0; i < 10000; i++)
		cr_assert_eq(((int32_t *)array.data)[i], i % 100 >= 3 && i % 100 < 83 && (i % 100 - 3) % 4 == 0 ? -7 : i);
	give_back(&array);
}

/* ---- conversions, against a reference in long double ---- */

static const struct kind {
	enum sheaf_number type;
	long double least, most; /* of whole numbers; 0, 0: a float */
} kinds[] = {
	{SHEAF_I8, INT8_MIN, INT8_MAX},
	{SHEAF_I16, INT16_MIN, INT16_MAX},
	{SHEAF_I32, INT32_MIN, INT32_MAX},
	{SHEAF_I64, INT64_MIN, INT64_MAX},
	{SHEAF_U8, 0, UINT8_MAX},
	{SHEAF_U16, 0, UINT16_MAX},
	{SHEAF_U32, 0, UINT32_MAX},
	{SHEAF_U64, 0, UINT64_MAX},
	{SHEAF_F16, 0, 0},
	{SHEAF_F32, 0, 0},
	{SHEAF_F64, 0, 0},
	{SHEAF_BOOL, 0, 1},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static long double number_of(enum sheaf_number type, const void *item)
{
	union {
		int8_t i8;
		int16_t i16;
		int32_t i32;
		int64_t i64;
		uint8_t u8;
		uint16_t u16;
		uint32_t u32;
		uint64_t u64;
		float f32;
		double f64;
	} any = {.u64 = 0};

	memcpy(&any, item, 8);
	switch (type) {
	case SHEAF_I8:
		return any.i8;
	case SHEAF_I16:
		return any.i16;
	case SHEAF_I32:
		return any.i32;
	case SHEAF_I64:
		return (long double)any.i64;
	case SHEAF_U8:
	case SHEAF_BOOL:
		return any.u8;
	case SHEAF_U16:
		return any.u16;
	case SHEAF_U32:
		return any.u32;
	case SHEAF_U64:
		return (long double)any.u64;
	case SHEAF_F16:
		return (long double)half_to_double(any.u16);
	case SHEAF_F32:
		return (long double)any.f32;
	default:
		return (long double)any.f64;
	}
}

/* The largest finite value of a float, and the first that is rounded up to an infinity. */
static long double most_of(enum sheaf_number type)
{
	return type == SHEAF_F16 ? 65504.0L : type == SHEAF_F32 ? (long double)FLT_MAX : (long double)DBL_MAX;
}

static long double too_large_of(enum sheaf_number type)
{
	return type == SHEAF_F16 ? 65520.0L : type == SHEAF_F32 ? 0x1.ffffffp127L : (long double)INFINITY;
}

static bool holds(const struct kind *kind, long double v)
{
	if (kind->type == SHEAF_BOOL)
		return true;
	if (kind->most == 0)
		return !isfinite(v) || fabsl(v) < too_large_of(kind->type);
	return truncl(v) >= kind->least && truncl(v) <= kind->most;
}

static bool is_right(const struct kind *kind, long double v, const void *item)
{
	long double found = number_of(kind->type, item), error;

	if (kind->type == SHEAF_BOOL)
		return found == (v != 0);
	if (kind->most != 0) {
		if (isnan(v))
			return found == 0;
		return found == (v < kind->least ? kind->least : v > kind->most ? kind->most : truncl(v));
	}
	if (isnan(v) || isinf(v))
		return isnan(v) ? isnan(found) : found == v;
	if (fabsl(v) >= too_large_of(kind->type))
		return found == copysignl(most_of(kind->type), v);
	error = fabsl(found - v);
	return kind->type == SHEAF_F64   ? (double)v == (double)found
	       : kind->type == SHEAF_F32 ? (float)v == (float)found
					 : error <= (fabsl(v) < 0x1p-14L ? 0x1p-25L : fabsl(v) * 0x1p-11L);
}

/* The bits of an item: small numbers, limits, and any. */
static uint64_t some_bits(struct rng *rng, enum sheaf_number type)
{
	static const double doubles[] = {0,       -0.0,    0.5,   -0.5,  1.5,    -1.5,   127.5,        -128.9,
					 255.999, 256,     65519, 65520, 1e300,  -1e300, 2147483647.5, 0x1p63,
					 -0x1p63, 0x1p64,  6e-8,  3e-8,  5e-324, 1e-45,  3.5e38,       0x1.fffffep127,
					 65504,   32768.5, -1,    1};
	uint64_t bits = rng_next(rng) >> rng_below(rng, 64);
	double d = rng_below(rng, 8) ? doubles[rng_below(rng, sizeof(doubles) / sizeof(doubles[0]))]
				     : (double)(rng_below(rng, 3) == 0 ? NAN
						: rng_below(rng, 2)    ? INFINITY
								       : -INFINITY);
	float f = (float)d;

	if (type == SHEAF_BOOL)
		return bits & 1;
	if (rng_below(rng, 3) == 0)
		return bits;
	if (type == SHEAF_F64)
		memcpy(&bits, &d, 8);
	else if (type == SHEAF_F32)
		memcpy(&bits, &f, 4);
	else if (type == SHEAF_F16)
		bits = half_from_double(d);
	else if (rng_below(rng, 2))
		bits = ~bits;
	return bits;
}

/* @fitting: all numbers fit, so that blocks of them are converted as a whole. */
static void check_pair(struct rng *rng, const struct kind *to_kind, const struct kind *from_kind, bool fitting)
{
	const size_t n = 1000;
	const sheaf_map_options whole = {.grain = n}; /* else no range is as long as a block */
	sheaf_array from = create(from_kind->type, 0, 1, &n), to = create(to_kind->type, 0, 1, &n);
	size_t bad = n;
	int r;

	for (size_t i = 0; i < n; i++) {
		uint64_t bits = some_bits(rng, from_kind->type);
		unsigned char eight[8] = {0};

		memcpy(eight, &bits, from.item_size);
		if (fitting && !holds(to_kind, number_of(from_kind->type, eight)))
			memset(eight, 0, sizeof(eight));
		memcpy((unsigned char *)from.data + i * from.item_size, eight, from.item_size);
		if (bad == n && !holds(to_kind, number_of(from_kind->type, eight)))
			bad = i;
	}
	r = sheaf_array_copy(pool, &to, &from, SHEAF_CHECKED, &whole);
	if (bad < n && to_kind != from_kind) {
		char text[64];

		snprintf(text, sizeof(text), "item (%zu) is ", bad);
		expect_failure(r, -ERANGE, text);
	} else {
		expect_done(r);
	}
	expect_done(sheaf_array_copy(pool, &to, &from, SHEAF_SATURATED, &whole));
	for (size_t i = 0; i < n && to_kind != from_kind; i++) {
		unsigned char in[8] = {0}, out[8] = {0};

		memcpy(in, (unsigned char *)from.data + i * from.item_size, from.item_size);
		memcpy(out, (unsigned char *)to.data + i * to.item_size, to.item_size);
		cr_assert(is_right(to_kind, number_of(from_kind->type, in), out), "types %d to %d: %Lg becomes %Lg",
			  (int)from_kind->type, (int)to_kind->type, number_of(from_kind->type, in),
			  number_of(to_kind->type, out));
	}
	give_back(&to);
	give_back(&from);
}

Test(array, each_number_becomes_each_other)
{
	struct rng rng = {.state = 20261128};

	if (LDBL_MANT_DIG < 64)
		skip("a long double has not all whole numbers here");
	for (size_t to = 0; to < KINDS; to++)
		for (size_t from = 0; from < KINDS; from++) {
			check_pair(&rng, &kinds[to], &kinds[from], false);
			check_pair(&rng, &kinds[to], &kinds[from], true);
		}
}

Test(array, halves_are_those_of_the_standard)
{
	/* Each half is its own nearest one, and what lies between two goes to the even one. */
	for (uint32_t bits = 0; bits < 65536; bits++) {
		uint16_t half = (uint16_t)bits;
		double value = half_to_double(half);

		if (isnan(value)) {
			cr_assert(isnan(half_to_double(half_from_double(value))));
			continue;
		}
		cr_assert_eq(half_from_double(value), half, "%#x", bits);
		if ((half & 0x7fff) < 0x7bff) {
			double next = half_to_double((uint16_t)(half + 1)), middle = (value + next) / 2;

			cr_assert_eq(half_from_double(middle), half + (half & 1), "%#x and a half", bits);
			cr_assert_eq(half_from_double(nextafter(middle, next)), half + 1);
			cr_assert_eq(half_from_double(nextafter(middle, value)), half);
		}
	}
	cr_assert(half_from_double(65519.9) == 0x7bff && half_from_double(65520) == 0x7c00);
	cr_assert(half_to_double(0x3c00) == 1 && half_to_double(0x0001) == 0x1p-24 && half_to_double(0xc000) == -2);
}

/* Copy an array whose ranges are as long as blocks. */
static void copy_whole(const sheaf_array *to, const sheaf_array *from)
{
	expect_done(sheaf_array_copy(pool, to, from, SHEAF_CHECKED, &(sheaf_map_options){.grain = 65536}));
}

/* What blocks of halves become is what each half becomes. */
Test(array, all_halves_become_floats_and_doubles_in_blocks)
{
	const size_t n = 65536;
	sheaf_array halves = create(SHEAF_F16, 0, 1, &n), singles = create(SHEAF_F32, 0, 1, &n);
	sheaf_array doubles = create(SHEAF_F64, 0, 1, &n);

	for (size_t i = 0; i < n; i++)
		((uint16_t *)halves.data)[i] = (uint16_t)i;
	copy_whole(&singles, &halves);
	copy_whole(&doubles, &halves);
	for (size_t i = 0; i < n; i++) {
		double value = half_to_double((uint16_t)i);
		float single = (float)value;

		cr_assert_eq(memcmp((float *)singles.data + i, &single, sizeof(single)), 0, "%#zx", i);
		cr_assert_eq(memcmp((double *)doubles.data + i, &value, sizeof(value)), 0, "%#zx", i);
	}
	give_back(&halves);
	give_back(&singles);
	give_back(&doubles);
}

/* Each half, what lies between two and beside that, and numbers that are much smaller. */
Test(array, blocks_are_rounded_to_the_nearest_halves)
{
	const size_t n = 65536 * 4;
	sheaf_array halves = create(SHEAF_F16, 0, 1, &n), singles = create(SHEAF_F32, 0, 1, &n);
	sheaf_array doubles = create(SHEAF_F64, 0, 1, &n);

	for (size_t i = 0; i < n; i++) {
		uint16_t half = (uint16_t)(i / 4);
		double value = half_to_double(half), middle = value;

		if ((half & 0x7fff) < 0x7bff)
			middle = (value + half_to_double((uint16_t)(half + 1))) / 2;
		((float *)singles.data)[i] = (float)middle;
		((double *)doubles.data)[i] = middle;
		if (i % 4 == 0) {
			((float *)singles.data)[i] = (float)value;
			((double *)doubles.data)[i] = ldexp(value, -(int)(i / 4 % 64) * 16);
		} else if (i % 4 > 1 && isfinite(middle)) {
			((float *)singles.data)[i] = nextafterf((float)middle, i % 4 == 2 ? 0 : 2 * (float)middle);
			((double *)doubles.data)[i] = nextafter(middle, i % 4 == 2 ? 0 : 2 * middle);
		}
	}
	copy_whole(&halves, &singles);
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(((uint16_t *)halves.data)[i], half_from_double((double)((float *)singles.data)[i]), "%a",
			     (double)((float *)singles.data)[i]);
	copy_whole(&halves, &doubles);
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(((uint16_t *)halves.data)[i], half_from_double(((double *)doubles.data)[i]), "%a",
			     ((double *)doubles.data)[i]);
	/* One number too many, in the midst of a block. */
	((float *)singles.data)[70007] = 65520;
	((double *)doubles.data)[70007] = -65520;
	expect_failure(sheaf_array_copy(pool, &halves, &singles, SHEAF_CHECKED, NULL), -ERANGE, "item (70007) is 65520");
	expect_failure(sheaf_array_copy(pool, &halves, &doubles, SHEAF_CHECKED, NULL), -ERANGE, "item (70007) is -65520");
	give_back(&halves);
	give_back(&singles);
	give_back(&doubles);
}

Test(array, complex_numbers_become_complex_ones)
{
	const size_t n = 2;
	sheaf_array wide = create(SHEAF_C128, 0, 1, &n), narrow = create(SHEAF_C64, 0, 1, &n),
		    real = create(SHEAF_F64, 0, 1, &n);
	static const double values[] = {1.5, -2.25, 3, 1e300};

	memcpy(wide.data, values, sizeof(values));
	expect_failure(sheaf_array_copy(pool, &narrow, &wide, SHEAF_CHECKED, NULL), -ERANGE, "item (1) is 3+1");
	expect_done(sheaf_array_copy(pool, &narrow, &wide, SHEAF_SATURATED, NULL));
	cr_assert(((float *)narrow.data)[1] == -2.25f && ((float *)narrow.data)[3] == FLT_MAX);
	expect_failure(sheaf_array_copy(pool, &real, &wide, SHEAF_CHECKED, NULL), -EINVAL, "cannot become");
	((double *)real.data)[0] = 7;
	expect_done(sheaf_array_copy(pool, &wide, &real, SHEAF_CHECKED, NULL));
	cr_assert(((double *)wide.data)[0] == 7 && ((double *)wide.data)[1] == 0);
	give_back(&real);
	give_back(&narrow);
	give_back(&wide);
}

Test(array, text_becomes_longer_or_shorter_if_only_zeros_are_cut)
{
	const size_t n = 2;
	sheaf_array from = create(SHEAF_BYTES, 4, 1, &n), longer = create(SHEAF_BYTES, 6, 1, &n),
		    shorter = create(SHEAF_BYTES, 2, 1, &n), number = create(SHEAF_U8, 0, 1, &n);

	memcpy(from.data, "ab\0\0cdef", 8);
	expect_done(sheaf_array_copy(pool, &longer, &from, SHEAF_CHECKED, NULL));
	cr_assert_eq(memcmp(longer.data, "ab\0\0\0\0cdef\0\0", 12), 0);
	expect_failure(sheaf_array_copy(pool, &shorter, &from, SHEAF_CHECKED, NULL), -ERANGE,
		       "item (1) is \"cdef\", which the type '|S2' cannot hold");
	expect_done(sheaf_array_copy(pool, &shorter, &from, SHEAF_SATURATED, NULL));
	cr_assert_eq(memcmp(shorter.data, "abcd", 4), 0);
	expect_failure(sheaf_array_copy(pool, &number, &from, SHEAF_CHECKED, NULL), -EINVAL, "cannot become");
	give_back(&number);
	give_back(&shorter);
	give_back(&longer);
	give_back(&from);
}

Test(array, copies_check_what_they_get)
{
	sheaf_array array = numbered(1, (size_t[]){10}), view, other = numbered(1, (size_t[]){9});
	int32_t mine[10] = {0};

	expect_done(sheaf_array_view(&view, mine, SHEAF_I32, 0, 1, (size_t[]){10}));
	expect_failure(sheaf_array_copy(pool, &array, &view, SHEAF_CHECKED, NULL), -EFAULT, "from");
	expect_failure(sheaf_array_copy(pool, &array, &other, SHEAF_CHECKED, NULL), -EINVAL, "not the same shape");
	expect_failure(sheaf_array_copy(pool, &array, NULL, SHEAF_CHECKED, NULL), -EINVAL, "from is NULL");
	expect_failure(sheaf_array_copy(pool, &array, &array, (enum sheaf_range)2, NULL), -EINVAL, "range is 2, at most 1");
	expect_failure(sheaf_array_copy(pool, &array, &array, SHEAF_CHECKED, &(sheaf_map_options){.context_size = 1}), -EINVAL,
		       "options.context");
	view = array;
	view.strides[0] = PTRDIFF_MAX;
	expect_failure(sheaf_array_copy(pool, &view, &array, SHEAF_CHECKED, NULL), -EINVAL, "lead out of all memory");
	view.strides[0] = 1 << 20;
	expect_failure(sheaf_array_fill(pool, &view, mine, NULL), -EFAULT, "array");
	expect_failure(sheaf_array_fill(pool, &array, NULL, NULL), -EINVAL, "value is NULL");
	give_back(&other);
	give_back(&array);
}

/* ---- files ---- */

Test(array, what_is_saved_is_loaded_again)
{
	static const size_t shapes[][3] = {{4, 5, 6}, {1, 1, 1}, {0, 3, 2}, {300, 7, 11}};
	sheaf_array array, view, back;

	for (size_t s = 0; s < 4; s++)
		for (int way = 0; way < 3; way++) {
			array = numbered(3, shapes[s]);
			view = array;
			if (way == 1)
				expect_done(sheaf_array_transpose(&view, &array, NULL));
			if (way == 2 && shapes[s][1] > 1)
				expect_done(sheaf_array_slice(&view, &array, 1, shapes[s][1] - 1, shapes[s][1] - 1, -1));
			expect_done(sheaf_array_save(&view, path));
			expect_done(sheaf_array_load(&back, pool, path, NULL));
			cr_assert(back.dimensions == 3 && back.type == SHEAF_I32 &&
				  !memcmp(back.shape, view.shape, 3 * sizeof(size_t)));
			for (size_t i = 0; i < view.shape[0]; i++)
				for (size_t j = 0; j < view.shape[1]; j++)
					for (size_t k = 0; k < view.shape[2]; k++)
						cr_assert_eq(at(&back, i, j, k), at(&view, i, j, k));
			give_back(&back);
			give_back(&array);
		}
}

Test(array, headers_are_as_numpy_writes_them)
{
	sheaf_array array = create(SHEAF_F64, 0, 2, (size_t[]){3, 2});
	unsigned char bytes[256];
	struct stat status;
	int fd;

	expect_done(sheaf_array_save(&array, path));
	fd = open(path, O_RDONLY);
	cr_assert(fstat(fd, &status) == 0 && status.st_size == 128 + 48);
	cr_assert_eq(read(fd, bytes, sizeof(bytes)), 176);
	close(fd);
	cr_assert_eq(memcmp(bytes, "\x93NUMPY\x01\0\x76\0{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }  ", 71),
		     0);
	cr_assert_eq(bytes[127], '\n');
	give_back(&array);
}

Test(array, a_file_that_cannot_be_written_stays_as_it_was)
{
	sheaf_array array = create(SHEAF_F64, 0, 1, (size_t[]){100000});
	char missing[160], part[160];
	struct rlimit limit;
	FILE *file = fopen(path, "w");

	cr_assert(file && fputs("old", file) >= 0 && !fclose(file));
	getrlimit(RLIMIT_FSIZE, &limit);
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = 1000, .rlim_max = limit.rlim_max});
	expect_failure(sheaf_array_save(&array, path), -EFBIG, path);
	setrlimit(RLIMIT_FSIZE, &limit);
	file = fopen(path, "r");
	cr_assert(file && fgets(missing, sizeof(missing), file) && !fclose(file));
	cr_assert_str_eq(missing, "old");
	snprintf(part, sizeof(part), "%s.part", path);
	cr_assert_eq(access(part, F_OK), -1);
	snprintf(missing, sizeof(missing), "%s/none", path);
	expect_failure(sheaf_array_save(&array, missing), -ENOTDIR, missing);
	expect_failure(sheaf_array_save(&array, NULL), -EINVAL, "path is NULL");
	expect_failure(sheaf_array_save(NULL, path), -EINVAL, "array is NULL");
	give_back(&array);
}

/* ---- kernels ---- */

/* The sum of the items of in that are at most one away, in rows and columns. */
static int add_neighbours(sheaf_task *task, const sheaf_block *block, void *context)
{
	(void)task;
	for (size_t i = 0; i < block->shape[0]; i++)
		for (size_t j = 0; j < block->shape[1]; j++) {
			double sum = *(const double *)context;

			for (size_t a = i + block->inner[0] - (i + block->inner[0] > 0); a <= i + block->inner[0] + 1; a++)
				for (size_t b = j + block->inner[1] - (j + block->inner[1] > 0); b <= j + block->inner[1] + 1;
				     b++)
					if (a < block->in.shape[0] && b < block->in.shape[1])
						sum += *(const int32_t *)sheaf_array_at(&block->in, (size_t[]){a, b});
			*(double *)sheaf_array_at(&block->out, (size_t[]){i, j}) = sum;
		}
	return 0;
}

static double neighbours_of(const sheaf_array *in, size_t i, size_t j)
{
	double sum = 0.5;

	for (size_t a = i - (i > 0); a <= i + 1; a++)
		for (size_t b = j - (j > 0); b <= j + 1; b++)
			if (a < in->shape[0] && b < in->shape[1])
				sum += *(const int32_t *)sheaf_array_at(in, (size_t[]){a, b});
	return sum;
}

Test(array, kernels_see_blocks_with_their_halo)
{
	static const size_t shapes[][2] = {{0, 0}, {1, 1}, {7, 5}, {100, 0}, {0, 100}, {1000, 1000}};
	double half = 0.5;
	sheaf_array in = numbered(2, (size_t[]){37, 29}), turned, out = create(SHEAF_F64, 0, 2, (size_t[]){29, 37});

	expect_done(sheaf_array_transpose(&turned, &in, NULL));
	for (size_t s = 0; s < 6; s++) {
		sheaf_blocks how = {
			.shape = {shapes[s][0], shapes[s][1]}, .halo = {1, 1}, .context = &half, .context_size = sizeof(half)};

		expect_done(sheaf_array_fill(pool, &out, &half, NULL));
		expect_done(sheaf_map_array(pool, add_neighbours, &turned, &out, &how, NULL));
		for (size_t i = 0; i < 29; i++)
			for (size_t j = 0; j < 37; j++)
				cr_assert_eq(*(double *)sheaf_array_at(&out, (size_t[]){i, j}), neighbours_of(&turned, i, j),
					     "blocks %zu, item (%zu, %zu)", s, i, j);
	}
	give_back(&out);
	give_back(&in);
}

/* Counts the items of each block in the first of them. */
static int number_block(sheaf_task *task, const sheaf_block *block, void *context)
{
	(void)task;
	(void)context;
	*(uint8_t *)block->out.data = (uint8_t)(block->shape[0] * block->shape[1] * 10 + block->begin[1]);
	return block->begin[0] == 6 ? -EDOM : 0;
}

Test(array, kernels_may_have_output_alone_and_fail)
{
	sheaf_array out = create(SHEAF_U8, 0, 2, (size_t[]){6, 5}), other = create(SHEAF_U8, 0, 1, (size_t[]){30}), empty;
	const sheaf_blocks how = {.shape = {4, 3}};
	const uint8_t *at = out.data;

	expect_done(sheaf_map_array(pool, number_block, NULL, &out, &how, NULL));
	cr_assert(at[0] == 120 && at[3] == 83 && at[20] == 60 && at[23] == 43 && at[1] == 0);
	give_back(&out);
	out = create(SHEAF_U8, 0, 2, (size_t[]){8, 5});
	cr_assert_eq(sheaf_map_array(pool, number_block, NULL, &out, NULL, NULL), -EDOM);
	expect_failure(sheaf_map_array(pool, number_block, &other, &out, NULL, NULL), -EINVAL, "not the same shape");
	expect_failure(sheaf_map_array(pool, number_block, NULL, NULL, NULL, NULL), -EINVAL, "in and out are NULL");
	expect_failure(sheaf_map_array(pool, NULL, NULL, &out, NULL, NULL), -EINVAL, "fn is NULL");
	expect_failure(sheaf_map_array(pool, number_block, NULL, &out, &(sheaf_blocks){.context_size = 8}, NULL), -EINVAL,
		       "context is NULL, but has 8 bytes (how->context_size)");
	expect_failure(sheaf_map_array(pool, number_block, NULL, &out, &(sheaf_blocks){.context = &empty}, NULL), -EFAULT,
		       "not in the pool's shared memory: use sheaf_alloc(), or set how->context_size");
	empty = create(SHEAF_U8, 0, 2, (size_t[]){0, 5});
	expect_done(sheaf_map_array(pool, number_block, NULL, &empty, NULL, NULL));
	give_back(&empty);
	give_back(&other);
	give_back(&out);
}

/* ---- other libraries ---- */

Test(array, goes_to_dlpack_and_back)
{
	sheaf_array array = numbered(3, (size_t[]){4, 5, 6}), view, back, text = create(SHEAF_BYTES, 3, 1, (size_t[]){2});
	DLManagedTensorVersioned *tensor;

	expect_done(sheaf_array_transpose(&view, &array, NULL));
	expect_done(sheaf_array_slice(&view, &view, 1, 4, 5, -1));
	expect_done(sheaf_array_to_dlpack(&view, &tensor));
	cr_assert(tensor->version.major == 1 && tensor->dl_tensor.ndim == 3 && tensor->dl_tensor.dtype.bits == 32 &&
		  tensor->dl_tensor.dtype.code == kDLInt && tensor->dl_tensor.strides[1] == -6);
	expect_done(sheaf_array_from_dlpack(&back, tensor));
	cr_assert(back.data == view.data && !back.memory && !memcmp(back.shape, view.shape, sizeof(view.shape)) &&
		  !memcmp(back.strides, view.strides, sizeof(view.strides)));
	/* A tensor of another library: an offset, and C order without strides. */
	tensor->dl_tensor.data = array.data;
	tensor->dl_tensor.byte_offset = 4;
	tensor->dl_tensor.strides = NULL;
	expect_done(sheaf_array_from_dlpack(&back, tensor));
	cr_assert(at(&back, 0, 0, 0) == 1 && at(&back, 0, 1, 0) == 5);
	tensor->dl_tensor.dtype.lanes = 4;
	expect_failure(sheaf_array_from_dlpack(&back, tensor), -ENOTSUP, "items with code 0 and 32 bits");
	tensor->dl_tensor.device.device_type = (DLDeviceType)2;
	expect_failure(sheaf_array_from_dlpack(&back, tensor), -ENOTSUP, "device 2");
	tensor->version.major = 2;
	expect_failure(sheaf_array_from_dlpack(&back, tensor), -ENOTSUP, "version 2");
	tensor->deleter(tensor);
	expect_failure(sheaf_array_to_dlpack(&text, &tensor), -ENOTSUP, "no items of SHEAF_BYTES");
	view.strides[0] = 3;
	expect_failure(sheaf_array_to_dlpack(&view, &tensor), -ENOTSUP, "strides[0] is 3");
	give_back(&text);
	give_back(&array);
}

Test(array, goes_to_arrow_and_back)
{
	static const struct {
		enum sheaf_number type;
		size_t item_size;
		const char *format;
	} types[] = {{SHEAF_F64, 0, "g"}, {SHEAF_F32, 0, "f"}, {SHEAF_F16, 0, "e"}, {SHEAF_I64, 0, "l"},
		     {SHEAF_I32, 0, "i"}, {SHEAF_I16, 0, "s"}, {SHEAF_I8, 0, "c"},  {SHEAF_U64, 0, "L"},
		     {SHEAF_U32, 0, "I"}, {SHEAF_U16, 0, "S"}, {SHEAF_U8, 0, "C"},  {SHEAF_BYTES, 7, "w:7"}};
	sheaf_array array, back, view, many = numbered(2, (size_t[]){4, 4}), flags = create(SHEAF_BOOL, 0, 1, (size_t[]){3});
	struct ArrowSchema schema;
	struct ArrowArray column;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		array = create(types[i].type, types[i].item_size, 1, (size_t[]){9});
		expect_done(sheaf_array_to_arrow(&array, "price", &schema, &column));
		cr_assert(!strcmp(schema.format, types[i].format) && !strcmp(schema.name, "price") && column.length == 9 &&
			  column.null_count == 0 && column.n_buffers == 2 && !column.buffers[0] &&
			  column.buffers[1] == array.data);
		column.offset = 2;
		column.length = 5;
		expect_done(sheaf_array_from_arrow(&back, &schema, &column));
		cr_assert(back.type == array.type && back.item_size == array.item_size && back.shape[0] == 5 &&
			  back.data == (char *)array.data + 2 * array.item_size);
		column.null_count = 1;
		column.buffers[0] = array.data;
		expect_failure(sheaf_array_from_arrow(&back, &schema, &column), -ENOTSUP, "missing values (1)");
		schema.release(&schema);
		column.release(&column);
		cr_assert(!schema.release && !column.release);
		expect_failure(sheaf_array_from_arrow(&back, &schema, &column), -EINVAL, "was released");
		give_back(&array);
	}
	expect_failure(sheaf_array_to_arrow(&many, NULL, &schema, &column), -ENOTSUP, "one dimension");
	expect_failure(sheaf_array_to_arrow(&flags, NULL, &schema, &column), -ENOTSUP, "no items of SHEAF_BOOL in whole bytes");
	expect_done(sheaf_array_slice(&view, &many, 1, 0, 1, 1));
	expect_done(sheaf_array_to_arrow(&(sheaf_array){.type = SHEAF_U8, .item_size = 1, .dimensions = 1}, NULL, &schema,
					 &column));
	/* It counts missing values, and does not say which. */
	column.null_count = 2;
	expect_failure(sheaf_array_from_arrow(&back, &schema, &column), -ENOTSUP, "missing values (2)");
	column.null_count = 0;
	schema.format = "u";
	expect_failure(sheaf_array_from_arrow(&back, &schema, &column), -ENOTSUP, "format \"u\"");
	schema.release(&schema);
	column.release(&column);
	give_back(&flags);
	give_back(&many);
}
