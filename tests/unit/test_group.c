/*
 * test_group.c - rows by key: what sorts, partitions and gathers give, beside what a plain program
 * finds.
 */
#define _GNU_SOURCE
#include "tables.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

static void prepare(void)
{
	begin();
	start(&(sheaf_pool_options){.workers = 3, .heap_size = 512 << 20});
}

TestSuite(group, .init = prepare, .fini = end);

static const int64_t *numbers(const sheaf_array *array)
{
	return array->data;
}

/* ---- sorts ---- */

static void check_sort(const sheaf_array *keys, unsigned key_count, const bool *descending, size_t rows)
{
	sheaf_group_options options = {.descending = descending};
	int64_t *plain = plain_order(keys, key_count, descending, rows);
	sheaf_array order;

	expect_done(sheaf_argsort(&order, pool, keys, key_count, &options));
	cr_assert(order.type == SHEAF_I64 && order.dimensions == 1 && order.shape[0] == rows);
	for (size_t i = 0; i < rows; i++)
		cr_assert_eq(numbers(&order)[i], plain[i], "type %d, %zu rows, place %zu: row %lld, not %lld", keys[0].type,
			     rows, i, (long long)numbers(&order)[i], (long long)plain[i]);
	expect_done(sheaf_array_free(&order, pool));
	free(plain);
}

Test(group, sorts_columns_of_any_type)
{
	static const size_t sizes[] = {0, 1, 2, 24, 25, 300, 5000};
	struct rng rng = {1};

	for (size_t t = 0; t < KEY_TYPES; t++)
		for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
			for (uint64_t values = 1; values < 20000; values *= 13) {
				bool descending = rng_below(&rng, 2);
				sheaf_array key = random_column(&rng, key_types[t], sizes[s], values, rng_below(&rng, 2),
								rng_below(&rng, 2));

				check_sort(&key, 1, &descending, sizes[s]);
				free_columns(&key, 1);
			}
}

/* More than the rows that one worker sorts alone. */
Test(group, sorts_many_rows_together)
{
	static const uint64_t values[] = {1, 2, 700, 50000, UINT64_MAX};
	static const size_t types[] = {0, 2, 4, 7, 13, 14, 17};
	struct rng rng = {2};

	for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++)
		for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
			size_t rows = 200000 + rng_below(&rng, 100000);
			sheaf_array key = random_column(&rng, key_types[types[t]], rows, values[v], false, t % 2);

			check_sort(&key, 1, NULL, rows);
			free_columns(&key, 1);
		}
}

Test(group, sorts_by_several_columns)
{
	struct rng rng = {3};

	for (unsigned round = 0; round < 150; round++) {
		size_t rows = round < 140 ? rng_below(&rng, 3000) : 150000;
		unsigned key_count = 2 + (unsigned)rng_below(&rng, 3);
		bool descending[4];
		sheaf_array keys[4];

		for (unsigned k = 0; k < key_count; k++) {
			descending[k] = rng_below(&rng, 2);
			keys[k] = random_column(&rng, key_types[rng_below(&rng, KEY_TYPES)], rows,
						1 + rng_below(&rng, round % 2 ? 5 : 1000), rng_below(&rng, 2),
						rng_below(&rng, 2));
		}
		check_sort(keys, key_count, descending, rows);
		free_columns(keys, key_count);
	}
}

/* Doubles of one sign and nearly one exponent: half of them share their first digits. */
Test(group, sorts_numbers_that_share_their_first_digits)
{
	struct rng rng = {4};
	size_t rows = 300000;
	sheaf_array key;

	expect_done(sheaf_array_create(&key, pool, SHEAF_F64, 0, 1, &rows));
	for (size_t i = 0; i < rows; i++)
		((double *)key.data)[i] = (double)(rng_next(&rng) >> 11) * 0x1p-53;
	check_sort(&key, 1, NULL, rows);
	free_columns(&key, 1);
}

Test(group, gives_sorted_copies)
{
	struct rng rng = {5};

	for (size_t t = 0; t < KEY_TYPES; t++) {
		bool descending = t % 2;
		sheaf_array key = random_column(&rng, key_types[t], 3000, 500, t % 3 == 0, false), sorted;
		int64_t *plain = plain_order(&key, 1, &descending, 3000);

		expect_done(sheaf_sort(&sorted, pool, &key, &(sheaf_group_options){.descending = &descending}));
		cr_assert(sorted.type == key.type && sorted.shape[0] == 3000 && sheaf_array_is_contiguous(&sorted));
		for (size_t i = 0; i < 3000; i++)
			cr_assert_eq(memcmp((char *)sorted.data + i * sorted.item_size,
					    (char *)key.data + (ptrdiff_t)plain[i] * key.strides[0], key.item_size),
				     0);
		free(plain);
		free_columns(&sorted, 1);
		free_columns(&key, 1);
	}
}

/* ---- gathers ---- */

Test(group, takes_rows_of_any_shape)
{
	size_t shape[] = {50, 3}, taken[] = {4, 3}, four = 4;
	sheaf_array from, to, rows;
	int32_t missing = -7;

	expect_done(sheaf_array_create(&from, pool, SHEAF_I32, 0, 2, shape));
	expect_done(sheaf_array_create(&to, pool, SHEAF_I32, 0, 2, taken));
	expect_done(sheaf_array_create(&rows, pool, SHEAF_I64, 0, 1, &four));
	for (int i = 0; i < 150; i++)
		((int32_t *)from.data)[i] = i;
	memcpy(rows.data, (int64_t[]){49, -1, 0, 49}, 32);
	expect_done(sheaf_take(pool, &to, &from, &rows, &missing, NULL));
	cr_assert_eq(memcmp(to.data, (int32_t[]){147, 148, 149, -7, -7, -7, 0, 1, 2, 147, 148, 149}, 48), 0);
	expect_failure(sheaf_take(pool, &to, &from, &rows, NULL, NULL), -ERANGE, "rows[1] is -1, and there are 50 rows");
	((int64_t *)rows.data)[2] = 50;
	expect_failure(sheaf_take(pool, &to, &from, &rows, &missing, NULL), -ERANGE, "rows[2] is 50");
	free_columns(&from, 1);
	free_columns(&to, 1);
	free_columns(&rows, 1);
}

/* ---- partitions ---- */

static void check_ranges(const sheaf_partition *partition, size_t n, size_t groups, size_t first, size_t last)
{
	const int64_t *offsets = numbers(&partition->offsets);

	cr_assert(partition->groups == groups && partition->rows == n && !partition->order.data);
	cr_assert(offsets[0] == 0 && offsets[groups] == (int64_t)n);
	if (groups) {
		cr_assert_eq(offsets[1], (int64_t)first);
		cr_assert_eq(offsets[groups] - offsets[groups - 1], (int64_t)last);
	}
}

Test(group, cuts_rows_into_ranges)
{
	sheaf_partition partition;

	expect_done(sheaf_partition_parts(&partition, pool, 10, 3));
	check_ranges(&partition, 10, 3, 4, 3);
	cr_assert_eq(numbers(&partition.offsets)[2], 7);
	expect_done(sheaf_partition_free(&partition, pool));
	expect_done(sheaf_partition_parts(&partition, pool, 2, 5));
	check_ranges(&partition, 2, 5, 1, 0);
	expect_done(sheaf_partition_free(&partition, pool));
	expect_done(sheaf_partition_steps(&partition, pool, 10, 4));
	check_ranges(&partition, 10, 3, 4, 2);
	expect_done(sheaf_partition_free(&partition, pool));
	expect_done(sheaf_partition_steps(&partition, pool, 0, 4));
	check_ranges(&partition, 0, 0, 0, 0);
	expect_done(sheaf_partition_free(&partition, pool));
	expect_done(sheaf_partition_free(&partition, pool));
	expect_failure(sheaf_partition_parts(&partition, pool, 2, 0), -EINVAL, "parts is 0");
	expect_failure(sheaf_partition_steps(&partition, pool, 2, 0), -EINVAL, "step is 0");
}

/* Check that groups are runs of equal keys of the plain order, and return where the g-th is. */
static void check_partition(const sheaf_array *keys, unsigned key_count, size_t rows, const sheaf_group_options *options)
{
	int64_t *plain = plain_order(keys, key_count, options->descending, rows),
		*begins = malloc((rows + 1) * sizeof(*begins));
	size_t kept = 0, groups = 0, at = 0;
	sheaf_partition partition;
	sheaf_array labels;

	for (size_t i = 0; i < rows; i++)
		if (options->keep_nan || !has_nan(keys, key_count, (size_t)plain[i]))
			plain[kept++] = plain[i];
	for (size_t i = 0; i < kept; i++)
		if (!i || compare_keys((size_t)plain[i - 1], (size_t)plain[i]))
			begins[groups++] = (int64_t)i;
	begins[groups] = (int64_t)kept;
	expect_done(sheaf_partition_by_key(&partition, pool, keys, key_count, options));
	cr_assert(partition.groups == groups && partition.rows == kept, "%zu groups of %zu rows, not %zu of %zu",
		  partition.groups, partition.rows, groups, kept);
	cr_assert(partition.offsets.shape[0] == groups + 1 && partition.order.shape[0] == kept);
	expect_done(sheaf_partition_labels(&labels, pool, &partition, &keys[0], NULL));
	for (size_t g = 0, plain_group = 0; g < groups; g++) {
		const int64_t *mine = numbers(&partition.order) + numbers(&partition.offsets)[g];

		if (options->order == SHEAF_BY_FIRST) {
			/* The next group begins with the first row that was in none so far. */
			for (plain_group = 0; plain[begins[plain_group]] != mine[0];)
				cr_assert_lt(++plain_group, groups);
			cr_assert(!g || mine[0] > numbers(&partition.order)[numbers(&partition.offsets)[g - 1]]);
		} else {
			plain_group = g;
		}
		cr_assert_eq((size_t)numbers(&partition.offsets)[g], at);
		at += (size_t)(begins[plain_group + 1] - begins[plain_group]);
		cr_assert_eq((size_t)numbers(&partition.offsets)[g + 1], at);
		cr_assert_eq(memcmp(mine, plain + begins[plain_group],
				    (size_t)(begins[plain_group + 1] - begins[plain_group]) * sizeof(*mine)),
			     0);
		cr_assert_eq(memcmp((char *)labels.data + g * labels.item_size,
				    (char *)keys[0].data + (ptrdiff_t)mine[0] * keys[0].strides[0], labels.item_size),
			     0);
	}
	free_columns(&labels, 1);
	expect_done(sheaf_partition_free(&partition, pool));
	free(plain);
	free(begins);
}

Test(group, groups_rows_by_any_keys)
{
	struct rng rng = {6};

	for (unsigned round = 0; round < 400; round++) {
		size_t rows = round < 390 ? rng_below(&rng, 400) : 100000 + rng_below(&rng, 50000);
		unsigned key_count = 1 + (unsigned)rng_below(&rng, 3);
		bool descending[3] = {rng_below(&rng, 2), rng_below(&rng, 2), rng_below(&rng, 2)};
		bool first = rows < 400 && rng_below(&rng, 2);
		sheaf_group_options options = {.order = first ? SHEAF_BY_FIRST : SHEAF_BY_KEY,
					       .keep_nan = rng_below(&rng, 2),
					       .descending = descending};
		sheaf_array keys[3];

		for (unsigned k = 0; k < key_count; k++)
			keys[k] = random_column(&rng, key_types[rng_below(&rng, KEY_TYPES)], rows, 1 + rng_below(&rng, 1000),
						rng_below(&rng, 2), rng_below(&rng, 2));
		check_partition(keys, key_count, rows, &options);
		free_columns(keys, key_count);
	}
}

/* Each row its own group, or all rows one group, or nearly all. */
Test(group, makes_any_number_of_groups)
{
	size_t rows = 300000;
	sheaf_array key;

	expect_done(sheaf_array_create(&key, pool, SHEAF_I64, 0, 1, &rows));
	for (unsigned round = 0; round < 4; round++) {
		for (size_t i = 0; i < rows; i++)
			((int64_t *)key.data)[i] = round == 0   ? (int64_t)(i * 7919 % rows)
						   : round == 1 ? 5
						   : round == 2 ? (i % 100 ? 1 : (int64_t)distinct_value(i))
								: (int64_t)(distinct_value(i) % 3) << 60;
		check_partition(&key, 1, rows, &(sheaf_group_options){0});
	}
	free_columns(&key, 1);
}

Test(group, refuses_what_has_no_order)
{
	size_t three = 3, four = 4;
	sheaf_array complex, number, other, order = {0}, flat;
	sheaf_partition partition = {0};

	expect_done(sheaf_array_create(&complex, pool, SHEAF_C128, 0, 1, &three));
	expect_done(sheaf_array_create(&number, pool, SHEAF_F64, 0, 1, &three));
	expect_done(sheaf_array_create(&other, pool, SHEAF_F64, 0, 1, &four));
	expect_failure(sheaf_argsort(&order, pool, &complex, 1, NULL), -EINVAL, "keys[0] has complex numbers");
	expect_failure(sheaf_argsort(&order, pool, (sheaf_array[]){number, other}, 2, NULL), -EINVAL,
		       "keys[1] has 4 rows, and the others have 3");
	expect_failure(sheaf_argsort(&order, pool, &number, 0, NULL), -EINVAL, "there are no keys");
	expect_failure(sheaf_argsort(&order, pool, NULL, 1, NULL), -EINVAL, "keys is NULL");
	expect_failure(sheaf_argsort(NULL, pool, &number, 1, NULL), -EINVAL, "order is NULL");
	expect_failure(sheaf_argsort(&order, NULL, &number, 1, NULL), -EINVAL, "pool is NULL");
	expect_failure(sheaf_partition_by_key(&partition, pool, &number, 1, &(sheaf_group_options){.order = 9}), -EINVAL,
		       "order is 9");
	expect_done(sheaf_array_reshape(&flat, &number, 2, (size_t[]){3, 1}));
	expect_failure(sheaf_argsort(&order, pool, &flat, 1, NULL), -EINVAL, "keys[0] has 2 dimensions: a column has 1");
	expect_done(sheaf_array_view(&flat, (double[3]){0}, SHEAF_F64, 0, 1, &three));
	expect_failure(sheaf_argsort(&order, pool, &flat, 1, NULL), -EFAULT, "keys[0]");
	cr_assert(!order.data && !partition.offsets.data);
	free_columns(&complex, 1);
	free_columns(&number, 1);
	free_columns(&other, 1);
}

/* ---- joins ---- */

static bool same_keys(const sheaf_array *left, const sheaf_array *right, unsigned key_count, size_t row, size_t other)
{
	for (unsigned k = 0; k < key_count; k++) {
		if (is_float(left[k].type)) {
			if (compare_numbers(number_at(&left[k], row), number_at(&right[k], other), false))
				return false;
		} else if (memcmp((char *)left[k].data + (ptrdiff_t)row * left[k].strides[0],
				  (char *)right[k].data + (ptrdiff_t)other * right[k].strides[0], left[k].item_size) != 0) {
			return false;
		}
	}
	return true;
}

static void check_join(const sheaf_array *left, const sheaf_array *right, unsigned key_count, enum sheaf_join_kind kind,
		       bool keep_nan)
{
	sheaf_array left_rows, right_rows;
	size_t found = 0;

	expect_done(sheaf_join(&left_rows, &right_rows, pool, left, right, key_count, kind,
			       &(sheaf_group_options){.keep_nan = keep_nan}));
	cr_assert_eq(left_rows.shape[0], right_rows.shape[0]);
	for (size_t row = 0; row < left->shape[0]; row++) {
		size_t before_row = found;

		for (size_t other = 0; other < right->shape[0]; other++)
			if (same_keys(left, right, key_count, row, other) && (keep_nan || !has_nan(left, key_count, row))) {
				cr_assert_lt(found, left_rows.shape[0]);
				cr_assert_eq(numbers(&left_rows)[found], (int64_t)row);
				cr_assert_eq(numbers(&right_rows)[found++], (int64_t)other);
			}
		if (found == before_row && kind == SHEAF_JOIN_LEFT) {
			cr_assert_lt(found, left_rows.shape[0]);
			cr_assert_eq(numbers(&left_rows)[found], (int64_t)row);
			cr_assert_eq(numbers(&right_rows)[found++], -1);
		}
	}
	cr_assert_eq(found, left_rows.shape[0]);
	free_columns(&left_rows, 1);
	free_columns(&right_rows, 1);
}

Test(group, joins_tables_by_any_keys)
{
	struct rng rng = {9};

	for (unsigned round = 0; round < 200; round++) {
		size_t left_rows = rng_below(&rng, 200), right_rows = rng_below(&rng, 200);
		unsigned key_count = 1 + (unsigned)rng_below(&rng, 3);
		sheaf_array left[3], right[3];

		for (unsigned k = 0; k < key_count; k++) {
			struct column_type type = key_types[round < 18 ? round : rng_below(&rng, KEY_TYPES)];
			uint64_t values = 1 + rng_below(&rng, 200);

			left[k] = random_column(&rng, type, left_rows, values, rng_below(&rng, 2), rng_below(&rng, 2));
			right[k] = random_column(&rng, type, right_rows, values, rng_below(&rng, 2), rng_below(&rng, 2));
		}
		check_join(left, right, key_count, round % 2, rng_below(&rng, 2));
		free_columns(left, key_count);
		free_columns(right, key_count);
	}
}

/* A key that both tables have many times: their pairs are many more than their rows. */
Test(group, joins_a_key_that_is_everywhere)
{
	size_t left_rows = 2000, right_rows = 300;
	sheaf_array left, right, wrong, found[2];

	expect_done(sheaf_array_create(&left, pool, SHEAF_I32, 0, 1, &left_rows));
	expect_done(sheaf_array_create(&right, pool, SHEAF_I32, 0, 1, &right_rows));
	expect_done(sheaf_array_create(&wrong, pool, SHEAF_I64, 0, 1, &right_rows));
	((int32_t *)left.data)[7] = 1;
	check_join(&left, &right, 1, SHEAF_JOIN_LEFT, false);
	check_join(&left, &right, 1, SHEAF_JOIN_INNER, false);
	expect_failure(sheaf_join(&found[0], &found[1], pool, &left, &wrong, 1, SHEAF_JOIN_LEFT, NULL), -EINVAL,
		       "right[0] has not the type of the other table's key");
	expect_failure(sheaf_join(&found[0], &found[1], pool, &left, &right, 1, (enum sheaf_join_kind)2, NULL), -EINVAL,
		       "kind is 2");
	expect_failure(sheaf_join(&found[0], &found[1], pool, &left, NULL, 1, SHEAF_JOIN_LEFT, NULL), -EINVAL, "right is NULL");
	free_columns(&left, 1);
	free_columns(&right, 1);
	free_columns(&wrong, 1);
}

/* ---- the same bytes everywhere ---- */

struct killer {
	_Atomic bool stop;
	unsigned kills;
};

/* Kill a worker, wait until another one has its place, and so on. */
static void *kill_workers(void *context)
{
	struct killer *killer = context;

	for (unsigned w = 0; !atomic_load(&killer->stop); w++) {
		pid_t pid = sheaf_pool_worker_pid(pool, w % 3);

		if (pid > 0 && !kill(pid, SIGKILL))
			killer->kills++;
		while (!atomic_load(&killer->stop) && (sheaf_pool_worker_pid(pool, w % 3) == pid))
			nap();
		for (unsigned pause = 0; pause < 20; pause++)
			nap();
	}
	return NULL;
}

/* What calls of all kinds give, one after the other, as one hash. */
static uint64_t hash_of_calls(const sheaf_array *keys, const sheaf_map_options *run)
{
	sheaf_group_options options = {.order = SHEAF_BY_FIRST, .run = run};
	sheaf_aggregation sum = {.what = SHEAF_SUM, .values = &keys[1]};
	sheaf_partition partition;
	sheaf_array found[6];
	uint64_t hash = 1;

	expect_done(sheaf_argsort(&found[0], pool, keys, 2, &options));
	expect_done(sheaf_partition_by_key(&partition, pool, keys, 1, &options));
	found[1] = partition.offsets;
	/* A table of small numbers, which are scattered. */
	expect_done(sheaf_group_by(&found[2], &found[3], pool, &partition.order, 1, &sum, 1, &options));
	expect_done(sheaf_join(&found[4], &found[5], pool, &keys[1], &keys[1], 1, SHEAF_JOIN_LEFT, &options));
	for (unsigned f = 0; f < 6; f++) {
		size_t bytes = found[f].shape[0] * found[f].item_size;

		for (size_t at = 0; at + 8 <= bytes; at += 8) {
			uint64_t word;

			memcpy(&word, (char *)found[f].data + at, 8);
			hash = mix(hash ^ word);
		}
		if (f != 1)
			free_columns(&found[f], 1);
	}
	expect_done(sheaf_partition_free(&partition, pool));
	return hash;
}

/* Workers die in all passes of calls that have to give what they gave without deaths. */
Test(group, gives_the_same_when_workers_die)
{
	sheaf_map_options run = {.max_attempts = SHEAF_MAX_ATTEMPTS};
	struct killer killer = {0};
	struct rng rng = {7};
	size_t rows = 300000;
	sheaf_array keys[2] = {random_column(&rng, key_types[14], rows, 3000, false, true),
			       random_column(&rng, key_types[0], rows, UINT64_MAX, false, false)};
	uint64_t quiet = hash_of_calls(keys, &run);
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, kill_workers, &killer), 0);
	for (unsigned round = 0; round < 10; round++)
		cr_assert_eq(hash_of_calls(keys, &run), quiet, "round %u", round);
	atomic_store(&killer.stop, true);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert(killer.kills || sheaf_pool_worker_pid(pool, 0) <= 0);
	free_columns(keys, 2);
}

Test(group, leaves_no_memory_behind)
{
	struct rng rng = {8};
	sheaf_array keys[2] = {random_column(&rng, key_types[0], 200000, 1000, false, true),
			       random_column(&rng, key_types[14], 200000, 1000, false, true)};
	sheaf_pool_info before_calls, after;
	sheaf_partition partition;
	sheaf_array order;
	void *filler;

	expect_done(sheaf_pool_get_info(pool, &before_calls));
	expect_done(sheaf_argsort(&order, pool, keys, 2, NULL));
	free_columns(&order, 1);
	expect_done(sheaf_partition_by_key(&partition, pool, keys, 2, &(sheaf_group_options){.order = SHEAF_BY_FIRST}));
	expect_done(sheaf_partition_free(&partition, pool));
	expect_done(sheaf_pool_get_info(pool, &after));
	cr_assert_eq(after.heap_used, before_calls.heap_used);
	/* Where there is room for some of the passes only, a call fails, and frees what it took. */
	for (size_t room = 0; room < 16; room++) {
		expect_done(sheaf_alloc(pool, after.heap_size - before_calls.heap_used - ((room + 2) << 20), &filler));
		if (!sheaf_partition_by_key(&partition, pool, keys, 2, &(sheaf_group_options){.order = SHEAF_BY_FIRST}))
			expect_done(sheaf_partition_free(&partition, pool));
		expect_done(sheaf_free(pool, filler));
		expect_done(sheaf_pool_get_info(pool, &after));
		cr_assert_eq(after.heap_used, before_calls.heap_used, "room %zu", room);
	}
	free_columns(keys, 2);
}
