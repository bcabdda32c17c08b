/*
 * test_aggregate.c - aggregates of groups, beside what a plain program finds.
 */
#define _GNU_SOURCE
#include "tables.h"

#include <errno.h>
#include <signal.h>

static void prepare(void)
{
	begin();
	start(&(sheaf_pool_options){.workers = 3, .heap_size = 512 << 20});
}

TestSuite(aggregate, .init = prepare, .fini = end);

/* Each aggregate, and some of them twice. */
static const sheaf_aggregation all_of_them[] = {
	{.what = SHEAF_COUNT},
	{.what = SHEAF_SUM},
	{.what = SHEAF_MEAN},
	{.what = SHEAF_MIN},
	{.what = SHEAF_MAX},
	{.what = SHEAF_VARIANCE},
	{.what = SHEAF_VARIANCE, .ddof = 1},
	{.what = SHEAF_FIRST},
	{.what = SHEAF_LAST},
	{.what = SHEAF_QUANTILE, .quantile = 0.5},
	{.what = SHEAF_QUANTILE, .quantile = 1},
	{.what = SHEAF_QUANTILE, .quantile = 0.0625},
};
#define ALL (sizeof(all_of_them) / sizeof(all_of_them[0]))
#define FUSED 9 /* of them that need no order */

static long double value_of_row(const sheaf_array *column, size_t row)
{
	const unsigned char *at = (const unsigned char *)column->data + (ptrdiff_t)row * column->strides[0];
	int64_t whole = 0;

	if (is_float(column->type))
		return number_at(column, row);
	memcpy(&whole, at, column->item_size);
	if (column->type == SHEAF_I32)
		whole = (int32_t)whole;
	else if (column->type == SHEAF_I16)
		whole = (int16_t)whole;
	else if (column->type == SHEAF_I8)
		whole = (int8_t)whole;
	return column->type == SHEAF_U64 ? (long double)(uint64_t)whole : (long double)whole;
}

static int compare_long(const void *a, const void *b)
{
	long double x = *(const long double *)a, y = *(const long double *)b;

	return x < y ? -1 : x > y;
}

/* The values of one group that are not NaN, and what a plain program finds of them. */
struct plain {
	long double *values, sum, size, squares;
	size_t count;
};

static void read_group(const sheaf_array *column, const int64_t *rows, size_t n, struct plain *plain)
{
	plain->count = 0;
	plain->sum = plain->size = plain->squares = 0;
	for (size_t i = 0; i < n; i++) {
		long double value = value_of_row(column, (size_t)rows[i]);

		if (!isnan(value))
			plain->values[plain->count++] = value;
	}
	for (size_t i = 0; i < plain->count; i++) {
		plain->sum += plain->values[i];
		plain->size += fabsl(plain->values[i]);
	}
	for (size_t i = 0; i < plain->count; i++) {
		long double distance = plain->values[i] - plain->sum / (long double)plain->count;

		plain->squares += distance * distance;
	}
}

static long double find_plainly(const sheaf_aggregation *how, struct plain *plain, size_t rows)
{
	size_t n = plain->count;
	long double rank = (long double)how->quantile * (long double)(n ? n - 1 : 0);
	size_t below = (size_t)rank;

	if (how->what == SHEAF_COUNT)
		return (long double)(how->values ? n : rows);
	if (how->what == SHEAF_SUM)
		return plain->sum;
	if (how->what == SHEAF_VARIANCE)
		return n > how->ddof ? plain->squares / (long double)(n - how->ddof) : NAN;
	if (!n)
		return NAN;
	if (how->what == SHEAF_MEAN)
		return plain->sum / (long double)n;
	if (how->what == SHEAF_FIRST)
		return plain->values[0];
	if (how->what == SHEAF_LAST)
		return plain->values[n - 1];
	if (how->what == SHEAF_MIN || how->what == SHEAF_MAX) {
		long double found = plain->values[0];

		for (size_t i = 1; i < n; i++)
			if ((plain->values[i] < found) == (how->what == SHEAF_MIN))
				found = plain->values[i];
		return found;
	}
	/* Quantiles are asked for last, so the order of the rows is no longer needed. */
	qsort(plain->values, n, sizeof(*plain->values), compare_long);
	return below + 1 < n
		       ? plain->values[below] + (plain->values[below + 1] - plain->values[below]) * (rank - (long double)below)
		       : plain->values[n - 1];
}

static bool is_near(const sheaf_aggregation *how, const struct plain *plain, long double found, long double wanted)
{
	long double n = (long double)plain->count, bound = 0;

	if (isnan(wanted) || isinf(wanted) || isinf(plain->size))
		return isnan(wanted) ? isnan(found) : isnan(found) || found == wanted || isinf(plain->size);
	if (how->what == SHEAF_SUM || how->what == SHEAF_MEAN)
		bound = fabsl(wanted) * 0x1p-52L + n * n * 0x1p-105L * plain->size + plain->size * n * 0x1p-64L;
	else if (how->what == SHEAF_VARIANCE)
		bound = n * 0x1p-49L * (wanted + sqrtl(wanted) * plain->size);
	else if (how->what == SHEAF_QUANTILE)
		bound = plain->size * 0x1p-50L;
	return fabsl(found - wanted) <= bound;
}

/* Group rows, and check each aggregate of each group. Sums of whole numbers do not overflow. */
static void check_groups(const sheaf_array *keys, unsigned key_count, const sheaf_array *values, size_t count,
			 const sheaf_group_options *options)
{
	size_t rows = keys[0].shape[0];
	struct plain plain = {.values = malloc((rows + 1) * sizeof(*plain.values))};
	sheaf_aggregation asked[ALL];
	sheaf_array labels[3], results[ALL];
	sheaf_partition partition;

	memcpy(asked, all_of_them, sizeof(asked));
	for (size_t a = 0; a < count; a++)
		asked[a].values = a || rows % 2 ? values : NULL;
	expect_done(sheaf_group_by(labels, results, pool, keys, key_count, asked, (unsigned)count, options));
	expect_done(sheaf_partition_by_key(&partition, pool, keys, key_count, options));
	for (size_t g = 0; g < partition.groups; g++) {
		const int64_t *mine = (int64_t *)partition.order.data + ((int64_t *)partition.offsets.data)[g];
		size_t n = (size_t)(((int64_t *)partition.offsets.data)[g + 1] - ((int64_t *)partition.offsets.data)[g]);

		read_group(values, mine, n, &plain);
		for (unsigned k = 0; k < key_count; k++) {
			sheaf_array both = keys[k];

			cr_assert_eq(labels[k].shape[0], partition.groups);
			if (is_float(keys[k].type))
				cr_assert_eq(
					compare_numbers(number_at(&keys[k], (size_t)mine[0]), number_at(&labels[k], g), false),
					0);
			else
				cr_assert_eq(memcmp((char *)labels[k].data + g * both.item_size,
						    (char *)both.data + (ptrdiff_t)mine[0] * both.strides[0], both.item_size),
					     0);
		}
		for (size_t a = 0; a < count; a++) {
			long double wanted = find_plainly(&asked[a], &plain, n), found;

			cr_assert_eq(results[a].shape[0], partition.groups);
			found = value_of_row(&results[a], g);
			if (!is_float(values->type) && isnan(wanted) && asked[a].what != SHEAF_VARIANCE)
				continue;
			cr_assert(is_near(&asked[a], &plain, found, wanted),
				  "aggregate %zu of type %d, %zu rows in group %zu: %Lg, not %Lg", a, values->type, n, g, found,
				  wanted);
		}
	}
	free_columns(labels, key_count);
	free_columns(results, (unsigned)count);
	expect_done(sheaf_partition_free(&partition, pool));
	free(plain.values);
}

/* Numbers that any type has, and NaNs. */
static sheaf_array random_values(struct rng *rng, enum sheaf_number type, size_t rows)
{
	sheaf_array values, doubles;

	expect_done(sheaf_array_create(&doubles, pool, SHEAF_F64, 0, 1, &rows));
	expect_done(sheaf_array_create(&values, pool, type, 0, 1, &rows));
	for (size_t i = 0; i < rows; i++) {
		double x = (double)rng_below(rng, 1 << 20);

		if (is_float(type))
			x = rng_below(rng, 5) ? ldexp((double)(int64_t)rng_next(rng), (int)rng_below(rng, 8) - 68)
					      : (double)NAN;
		else
			x = type == SHEAF_BOOL                       ? (double)((uint64_t)x & 1)
			    : type == SHEAF_U8 || type == SHEAF_I8   ? (double)((uint64_t)x & 127)
			    : type == SHEAF_U16 || type == SHEAF_I16 ? (double)((uint64_t)x & 32767)
								     : x;
		if (type == SHEAF_I8 || type == SHEAF_I16 || type == SHEAF_I32 || type == SHEAF_I64)
			x = rng_below(rng, 2) ? x : -x;
		((double *)doubles.data)[i] = x;
	}
	expect_done(sheaf_array_copy(pool, &values, &doubles, SHEAF_CHECKED, NULL));
	free_columns(&doubles, 1);
	return values;
}

/* Small numbers, for tables of groups. */
static sheaf_array small_key(struct rng *rng, size_t rows, uint64_t groups, bool skewed)
{
	sheaf_array key;

	expect_done(sheaf_array_create(&key, pool, SHEAF_I32, 0, 1, &rows));
	for (size_t i = 0; i < rows; i++)
		((int32_t *)key.data)[i] = (int32_t)(skewed && rng_below(rng, 8) ? groups / 3 : rng_below(rng, groups)) - 50;
	return key;
}

Test(aggregate, of_each_type_is_what_a_plain_program_finds)
{
	struct rng rng = {1};

	for (unsigned t = 0; t < 12; t++)
		for (unsigned round = 0; round < 4; round++) {
			size_t rows = rng_below(&rng, 3000);
			bool descending = round % 2;
			sheaf_group_options options = {.descending = &descending, .order = round / 2 % 2};
			sheaf_array key = small_key(&rng, rows, 1 + rng_below(&rng, 500), round % 2);
			sheaf_array values = random_values(&rng, key_types[t].type, rows);

			check_groups(&key, 1, &values, FUSED, &options);
			check_groups(&key, 1, &values, ALL, &options);
			free_columns(&key, 1);
			free_columns(&values, 1);
		}
}

Test(aggregate, groups_by_keys_of_any_type)
{
	struct rng rng = {2};

	for (unsigned round = 0; round < 120; round++) {
		size_t rows = rng_below(&rng, 2000);
		unsigned key_count = 1 + round % 3;
		bool descending[3] = {rng_below(&rng, 2), rng_below(&rng, 2), rng_below(&rng, 2)};
		sheaf_group_options options = {
			.order = rng_below(&rng, 2), .keep_nan = rng_below(&rng, 2), .descending = descending};
		sheaf_array values = random_values(&rng, SHEAF_F64, rows), keys[3];

		for (unsigned k = 0; k < key_count; k++)
			keys[k] = random_column(&rng, key_types[round < 18 ? round : rng_below(&rng, KEY_TYPES)], rows,
						1 + rng_below(&rng, 30), rng_below(&rng, 2), rng_below(&rng, 2));
		check_groups(keys, key_count, &values, round % 2 ? ALL : FUSED, &options);
		free_columns(keys, key_count);
		free_columns(&values, 1);
	}
}

/* So many rows that they are cut into pieces, for each way to find groups. */
Test(aggregate, of_many_rows_are_joined)
{
	static const uint64_t groups[] = {1, 7, 1000, 20000, 150000, 600000};
	struct rng rng = {3};

	for (unsigned g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
		for (unsigned skewed = 0; skewed < 2; skewed++) {
			size_t rows = 300000 + rng_below(&rng, 1000);
			sheaf_array key = small_key(&rng, rows, groups[g], skewed);
			sheaf_array values = random_values(&rng, skewed ? SHEAF_F64 : SHEAF_F32, rows);

			check_groups(&key, 1, &values, FUSED, &(sheaf_group_options){.order = g % 2});
			if (g == 2)
				check_groups(&key, 1, &values, ALL, NULL);
			free_columns(&key, 1);
			free_columns(&values, 1);
		}
}

/* The k-th whole number from the least on that a type has, or up to the largest, or about 0. */
static uint64_t near_a_limit(struct column_type type, unsigned where, uint64_t k)
{
	bool has_sign = type.type == SHEAF_I64 || type.type == SHEAF_I32 || type.type == SHEAF_I16 || type.type == SHEAF_I8;
	uint64_t least = has_sign ? UINT64_C(1) << (type.item_size * 8 - 1) : 0;

	return where == 0 ? least + k : where == 1 ? least - 1 - k : has_sign ? k - 20 : k + 20;
}

/* Count the rows of each of 40 keys plainly, and compare: also with keys at a stride. */
static void check_counts(struct rng *rng, struct column_type type, unsigned where, size_t rows)
{
	bool apart = rng_below(rng, 2), descending = rng_below(rng, 2);
	sheaf_array key = random_column(rng, type, rows, 1, apart, false), labels, counts;
	uint64_t wanted[40] = {0}, groups = 0;

	for (size_t row = 0; row < rows; row++) {
		uint64_t k = rng_below(rng, 40), item = near_a_limit(type, where, k);

		memcpy((unsigned char *)key.data + (ptrdiff_t)row * key.strides[0], &item, type.item_size);
		wanted[k]++;
	}
	expect_done(sheaf_group_by(&labels, &counts, pool, &key, 1, &(sheaf_aggregation){.what = SHEAF_COUNT}, 1,
				   &(sheaf_group_options){.descending = &descending}));
	for (uint64_t place = 0; place < 40; place++) {
		uint64_t k = descending == (where == 1) ? place : 39 - place, item = near_a_limit(type, where, k);

		if (!wanted[k])
			continue;
		cr_assert(groups < labels.shape[0]);
		cr_assert_eq(memcmp((unsigned char *)labels.data + groups * type.item_size, &item, type.item_size), 0,
			     "type %d, limit %u, %zu rows, group %llu", type.type, where, rows, (unsigned long long)groups);
		cr_assert_eq(((uint64_t *)counts.data)[groups++], wanted[k]);
	}
	cr_assert_eq(labels.shape[0], groups);
	free_columns(&key, 1);
	free_columns(&labels, 1);
	free_columns(&counts, 1);
}

Test(aggregate, groups_by_the_least_and_the_largest_numbers)
{
	static const size_t sizes[] = {0, 1, 2, 511, 512, 513, 1500, 70000};
	struct rng rng = {12};

	for (size_t t = 2; t < 10; t++)
		for (unsigned where = 0; where < 3; where++)
			for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
				check_counts(&rng, key_types[t], where, sizes[s]);
}

/* Few values that are far apart, and so many that they are sorted: 100,000 / 64 is the limit. */
Test(aggregate, sparse_keys_have_tables_as_long_as_they_are_few)
{
	static const size_t types[] = {0, 1, 2, 3, 4, 5, 13, 14};
	static const uint64_t values[] = {2, 40, 900, 1562, 1563, 9000};
	struct rng rng = {13};

	for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++)
		for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
			bool descending = rng_below(&rng, 2);
			sheaf_group_options options = {
				.order = rng_below(&rng, 2), .keep_nan = rng_below(&rng, 2), .descending = &descending};
			sheaf_array key = random_column(&rng, key_types[types[t]], 100000, values[v], t % 2, v % 2);
			sheaf_array doubles = random_values(&rng, SHEAF_F64, 100000);

			check_groups(&key, 1, &doubles, v < 2 ? FUSED : 2, &options);
			free_columns(&key, 1);
			free_columns(&doubles, 1);
		}
}

/* Keys that have the least and the largest number of 64 bits, so the last word is 2^64 - 1. */
Test(aggregate, sparse_keys_may_take_all_bits)
{
	const size_t rows = 100000;
	bool descending[2] = {false, false};
	const sheaf_group_options options = {.descending = descending};

	for (unsigned round = 0; round < 8; round++) {
		static const struct column_type types[][2] = {
			{{SHEAF_I64, 8}}, {{SHEAF_U64, 8}}, {{SHEAF_BYTES, 8}}, {{SHEAF_U32, 4}, {SHEAF_U32, 4}}};
		const struct column_type *type = types[round / 2];
		unsigned columns = round / 2 == 3 ? 2 : 1;
		sheaf_array keys[2], labels[2], counts;

		descending[0] = descending[1] = round % 2;
		for (unsigned c = 0; c < columns; c++) {
			expect_done(sheaf_array_create(&keys[c], pool, type[c].type, type[c].item_size, 1, &rows));
			for (size_t row = 0; row < rows; row++) {
				uint64_t item = row % 3 ? UINT64_MAX : 0;

				/* Of whole numbers with a sign, the least and the largest. */
				item ^= type[c].type == SHEAF_I64 ? UINT64_C(1) << 63 : 0;
				memcpy((unsigned char *)keys[c].data + row * type[c].item_size, &item, type[c].item_size);
			}
		}
		expect_done(sheaf_group_by(labels, &counts, pool, keys, columns, &(sheaf_aggregation){.what = SHEAF_COUNT}, 1,
					   &options));
		cr_assert_eq(counts.shape[0], 2, "%zu groups in round %u", counts.shape[0], round);
		cr_assert_eq(((int64_t *)counts.data)[round % 2], 33334);
		cr_assert_eq(((int64_t *)counts.data)[1 - round % 2], 66666);
		free_columns(keys, columns);
		free_columns(labels, columns);
		free_columns(&counts, 1);
	}
}

/* Two columns that share a word, and NaNs of which rows are dropped. */
Test(aggregate, sparse_keys_may_have_two_columns)
{
	struct rng rng = {14};

	for (unsigned round = 0; round < 8; round++) {
		sheaf_group_options options = {.order = round / 2 % 2, .keep_nan = round / 4};
		sheaf_array doubles = random_values(&rng, SHEAF_F64, 90000), keys[2];

		keys[0] = random_column(&rng, key_types[round % 2 ? 4 : 1], 90000, 20, false, round % 2);
		keys[1] = random_column(&rng, key_types[round % 2 ? 10 : 6], 90000, 30, true, false);
		check_groups(keys, 2, &doubles, 2, &options);
		free_columns(keys, 2);
		free_columns(&doubles, 1);
	}
}

/* Keys whose hashes begin with the same bits, as somebody could choose them, are sorted. */
Test(aggregate, keys_of_one_hash_are_sorted)
{
	const uint64_t factor = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t inverse = factor;
	struct rng rng = {15};
	size_t rows = 80000;
	sheaf_array key, doubles = random_values(&rng, SHEAF_F64, rows);

	for (unsigned round = 0; round < 6; round++)
		inverse *= 2 - factor * inverse;
	cr_assert_eq(factor * inverse, 1);
	expect_done(sheaf_array_create(&key, pool, SHEAF_U64, 0, 1, &rows));
	for (size_t i = 0; i < rows; i++) {
		uint64_t product = rng_below(&rng, 300) * inverse;

		((uint64_t *)key.data)[i] = product ^ product >> 32;
	}
	check_groups(&key, 1, &doubles, FUSED, NULL);
	free_columns(&key, 1);
	free_columns(&doubles, 1);
}

Test(aggregate, first_and_last_items_may_be_texts)
{
	size_t rows = 5, last;
	sheaf_array key, text, labels, results[3];
	sheaf_aggregation asked[] = {{.what = SHEAF_FIRST, .values = &text},
				     {.what = SHEAF_LAST, .values = &text},
				     {.what = SHEAF_COUNT, .values = &text}};

	expect_done(sheaf_array_create(&key, pool, SHEAF_I8, 0, 1, &rows));
	expect_done(sheaf_array_create(&text, pool, SHEAF_BYTES, 3, 1, &rows));
	memcpy(key.data, (int8_t[]){4, -1, 4, -1, 4}, 5);
	memcpy(text.data, "abcdefghijklmno", 15);
	expect_done(sheaf_group_by(&labels, results, pool, &key, 1, asked, 3, NULL));
	last = results[2].shape[0];
	cr_assert_eq(last, 2);
	cr_assert_eq(memcmp(labels.data, (int8_t[]){-1, 4}, 2), 0);
	cr_assert_eq(memcmp(results[0].data, "defabc", 6), 0);
	cr_assert_eq(memcmp(results[1].data, "jklmno", 6), 0);
	cr_assert_eq(memcmp(results[2].data, (int64_t[]){2, 3}, 16), 0);
	free_columns(&labels, 1);
	free_columns(results, 3);
	free_columns(&key, 1);
	free_columns(&text, 1);
}

Test(aggregate, sums_lose_nothing_that_matters)
{
	size_t rows = 400000;
	sheaf_array key, values, labels, result;
	sheaf_aggregation sum = {.what = SHEAF_SUM, .values = &values};

	expect_done(sheaf_array_create(&key, pool, SHEAF_U8, 0, 1, &rows));
	expect_done(sheaf_array_create(&values, pool, SHEAF_F64, 0, 1, &rows));
	for (size_t i = 0; i < rows; i++)
		((double *)values.data)[i] = i % 2 ? 1 : i % 4 ? 1e16 : -1e16;
	expect_done(sheaf_group_by(&labels, &result, pool, &key, 1, &sum, 1, NULL));
	cr_assert(*(double *)result.data == (double)(rows / 2), "%g", *(double *)result.data);
	free_columns(&labels, 1);
	free_columns(&result, 1);
	((double *)values.data)[77] = INFINITY;
	expect_done(sheaf_group_by(&labels, &result, pool, &key, 1, &sum, 1, NULL));
	cr_assert(isinf(*(double *)result.data));
	free_columns(&labels, 1);
	free_columns(&result, 1);
	((double *)values.data)[78] = -INFINITY;
	expect_done(sheaf_group_by(&labels, &result, pool, &key, 1, &sum, 1, NULL));
	cr_assert(isnan(*(double *)result.data));
	free_columns(&labels, 1);
	free_columns(&result, 1);
	free_columns(&key, 1);
	free_columns(&values, 1);
}

Test(aggregate, refuses_what_cannot_be_computed)
{
	size_t three = 3, four = 4;
	sheaf_array key, text, longer, labels = {0}, result = {0};
	sheaf_aggregation asked = {.what = SHEAF_SUM};

	expect_done(sheaf_array_create(&key, pool, SHEAF_I8, 0, 1, &three));
	expect_done(sheaf_array_create(&text, pool, SHEAF_BYTES, 3, 1, &three));
	expect_done(sheaf_array_create(&longer, pool, SHEAF_F64, 0, 1, &four));
	expect_failure(sheaf_group_by(&labels, &result, pool, &key, 1, &asked, 1, NULL), -EINVAL,
		       "aggregations[0].values is NULL");
	asked.values = &text;
	expect_failure(sheaf_group_by(&labels, &result, pool, &key, 1, &asked, 1, NULL), -EINVAL, "are no real numbers");
	asked.values = &longer;
	expect_failure(sheaf_group_by(&labels, &result, pool, &key, 1, &asked, 1, NULL), -EINVAL, "has 4 rows");
	asked = (sheaf_aggregation){.what = SHEAF_QUANTILE, .values = &key, .quantile = 1.5};
	expect_failure(sheaf_group_by(&labels, &result, pool, &key, 1, &asked, 1, NULL), -EINVAL, "quantile is 1.5");
	asked.what = (enum sheaf_aggregate)9;
	expect_failure(sheaf_group_by(&labels, &result, pool, &key, 1, &asked, 1, NULL), -EINVAL, "what is 9");
	expect_failure(sheaf_group_by(NULL, &result, pool, &key, 1, &asked, 1, NULL), -EINVAL, "labels is NULL");
	expect_failure(sheaf_group_by(&labels, NULL, pool, &key, 1, &asked, 1, NULL), -EINVAL, "results is NULL");
	cr_assert(!labels.data && !result.data);
	/* No aggregates: the distinct keys. */
	expect_done(sheaf_group_by(&labels, NULL, pool, &key, 1, NULL, 0, NULL));
	cr_assert_eq(labels.shape[0], 1);
	free_columns(&labels, 1);
	free_columns(&key, 1);
	free_columns(&text, 1);
	free_columns(&longer, 1);
}

/* ---- the same bytes everywhere ---- */

/* Sum up, for each way to find groups. @sums: out: a hash of all bytes of the results. */
static uint64_t hash_of_sums(unsigned kills)
{
	static const uint64_t groups[] = {9, 30000, 300000, 500};
	sheaf_map_options run = {.max_attempts = SHEAF_MAX_ATTEMPTS};
	uint64_t hash = 1;

	for (unsigned g = 0; g < 4; g++) {
		struct rng rng = {4};
		sheaf_array key = g == 3 ? random_column(&rng, key_types[2], 300000, groups[g], false, true)
					 : small_key(&rng, 300000, groups[g], g % 2);
		sheaf_array values = random_values(&rng, SHEAF_F64, 300000);
		sheaf_array labels, results[ALL];
		sheaf_aggregation asked[ALL];

		memcpy(asked, all_of_them, sizeof(asked));
		for (unsigned a = 0; a < ALL; a++)
			asked[a].values = &values;
		for (unsigned way = 0; way < 2; way++) {
			unsigned count = way ? ALL : FUSED;

			for (unsigned w = 0; w < kills; w++) {
				pid_t pid = sheaf_pool_worker_pid(pool, w);

				if (pid > 0)
					kill(pid, SIGKILL);
			}
			expect_done(sheaf_group_by(&labels, results, pool, &key, 1, asked, count,
						   &(sheaf_group_options){.run = &run}));
			for (unsigned a = 0; a < count; a++) {
				for (size_t b = 0; b < results[a].shape[0] * results[a].item_size; b++)
					hash = mix(hash ^ ((unsigned char *)results[a].data)[b]);
			}
			free_columns(results, count);
			free_columns(&labels, 1);
		}
		free_columns(&key, 1);
		free_columns(&values, 1);
	}
	return hash;
}

Test(aggregate, has_the_same_bytes_everywhere)
{
	uint64_t first = hash_of_sums(0);

	cr_assert_eq(hash_of_sums(2), first, "workers died");
	for (unsigned w = 0; w < 3; w++) {
		sheaf_pool_destroy(pool);
		start(&(sheaf_pool_options){.workers = w == 2 ? 0 : 1 + w * 4,
					    .heap_size = 512 << 20,
					    .backend = w == 0   ? SHEAF_PROCESSES
						       : w == 1 ? SHEAF_THREADS
								: SHEAF_INLINE});
		cr_assert_eq(hash_of_sums(0), first, "pool %u", w);
	}
}
