/*
 * test_group_apply.c - functions of groups: which rows they get, and where theirs go.
 */
#define _GNU_SOURCE
#include "tables.h"

#include "sheaf_workers.h"

#include <errno.h>
#include <signal.h>

static void prepare(void)
{
	begin();
	start(&(sheaf_pool_options){.workers = 3, .heap_size = 256 << 20});
}

TestSuite(group_apply, .init = prepare, .fini = end);

/* What functions know. */
struct table {
	const int64_t *value;
	size_t kills; /* one in so many groups kills its worker at first */
	size_t fails; /* group that fails */
	int how;      /* by this code; or 0: by a death each time */
};

static int64_t value_in_group(const struct table *table, const sheaf_group *group, size_t i)
{
	return table->value[group->order ? (size_t)group->order[i] : group->first + i];
}

/* As many rows as the group has, modulo 4: its number, and the sum of its values with weights. */
static int some_rows(sheaf_task *task, const sheaf_group *group, sheaf_rows *rows, void *context)
{
	const struct table *table = context;
	int64_t sum = 0, *memory;

	if (table->kills && group->number % table->kills == 0 && sheaf_task_attempt(task) == 1)
		raise(SIGKILL);
	for (size_t i = 0; i < group->rows; i++)
		sum += value_in_group(table, group, i) * (int64_t)(i + 1);
	for (size_t k = 0; k < group->rows % 4; k++) {
		int r = sheaf_rows_add(rows, 1, (void **)&memory);

		if (r)
			return r;
		if (memory[0] || memory[1])
			return -EDOM;
		memory[0] = (int64_t)group->number;
		memory[1] = sum + (int64_t)k;
	}
	return 0;
}

static void check_some_rows(const sheaf_partition *partition, const int64_t *value, const sheaf_array *rows,
			    const sheaf_array *of)
{
	const int64_t *offsets = partition->offsets.data, *order = partition->order.data, *row = rows->data;
	size_t at = 0;

	for (size_t g = 0; g < partition->groups; g++) {
		size_t n = (size_t)(offsets[g + 1] - offsets[g]);
		int64_t sum = 0;

		for (size_t i = 0; i < n; i++)
			sum += value[order ? order[offsets[g] + (int64_t)i] : offsets[g] + (int64_t)i] * (int64_t)(i + 1);
		for (size_t k = 0; k < n % 4; k++, at++) {
			cr_assert_lt(at, rows->shape[0]);
			cr_assert_eq(((int64_t *)of->data)[at], (int64_t)g);
			cr_assert(row[2 * at] == (int64_t)g && row[2 * at + 1] == sum + (int64_t)k, "row %zu", at);
		}
	}
	cr_assert(at == rows->shape[0] && at == of->shape[0] && rows->dimensions == 2 && rows->shape[1] == 2);
}

static sheaf_array random_key(struct rng *rng, size_t rows, uint64_t groups)
{
	sheaf_array key;

	expect_done(sheaf_array_create(&key, pool, SHEAF_I64, 0, 1, &rows));
	for (size_t i = 0; i < rows; i++)
		((int64_t *)key.data)[i] = (int64_t)(rng_below(rng, 4) ? rng_below(rng, groups) : 1);
	return key;
}

static const sheaf_group_work two_columns = {
	.fn = some_rows, .type = SHEAF_I64, .width = 2, .context_size = sizeof(struct table)};

Test(group_apply, puts_the_rows_of_all_groups_together)
{
	struct rng rng = {1};

	for (unsigned round = 0; round < 60; round++) {
		size_t n = rng_below(&rng, round % 3 ? 3000 : 30);
		sheaf_array key = random_key(&rng, n, 1 + rng_below(&rng, 2000)), rows, of;
		struct table table = {.value = key.data,
				      .kills = round % 8 == 5 && sheaf_pool_worker_pid(pool, 0) > 0 ? 40 : 0};
		sheaf_group_work work = two_columns;
		sheaf_map_options options = {.grain = rng_below(&rng, 20), .max_attempts = SHEAF_MAX_ATTEMPTS};
		sheaf_partition partition;

		work.context = &table;
		if (round % 4)
			expect_done(
				sheaf_partition_by_key(&partition, pool, &key, 1, &(sheaf_group_options){.order = round % 2}));
		else
			expect_done(sheaf_partition_parts(&partition, pool, n, 1 + rng_below(&rng, 100)));
		expect_done(sheaf_group_apply(&rows, &of, pool, &partition, &work, &options));
		check_some_rows(&partition, key.data, &rows, &of);
		free_columns(&rows, 1);
		free_columns(&of, 1);
		free_columns(&key, 1);
		expect_done(sheaf_partition_free(&partition, pool));
	}
}

/* ---- groups that are cut ---- */

/* The sum of the values, and how many there are. */
static int sum_part(sheaf_task *task, const sheaf_group *group, sheaf_rows *rows, void *context)
{
	const struct table *table = context;
	int64_t *sum;
	int r = sheaf_rows_add(rows, 1, (void **)&sum);

	(void)task;
	for (size_t i = 0; i < group->rows && !r; i++)
		sum[0] += value_in_group(table, group, i);
	if (!r)
		sum[1] = (int64_t)group->rows;
	return r;
}

static int join_sums(sheaf_task *task, const sheaf_group *group, sheaf_rows *rows, void *context)
{
	const int64_t *parts = group->parts;
	int64_t *sum;
	int r = sheaf_rows_add(rows, 1, (void **)&sum);

	(void)context;
	for (size_t i = 0; i < group->part_rows && !r; i++) {
		sum[0] += parts[2 * i];
		sum[1] += parts[2 * i + 1];
	}
	return r || sum[1] == (int64_t)group->rows ? r : sheaf_task_fail(task, -EDOM, "the parts are not the group");
}

Test(group_apply, joins_the_parts_of_large_groups)
{
	struct rng rng = {2};
	size_t n = 20000;
	sheaf_array key = random_key(&rng, n, 300), rows, of, labels, sums;
	struct table table = {.value = key.data};
	sheaf_group_work work = {.fn = sum_part,
				 .join = join_sums,
				 .split = 100,
				 .type = SHEAF_I64,
				 .width = 2,
				 .context = &table,
				 .context_size = sizeof(table)};
	sheaf_aggregation asked = {.what = SHEAF_SUM, .values = &key};
	sheaf_partition partition;
	size_t parts = 0;

	expect_done(sheaf_partition_by_key(&partition, pool, &key, 1, NULL));
	expect_done(sheaf_group_by(&labels, &sums, pool, &key, 1, &asked, 1, NULL));
	expect_done(sheaf_group_apply(&rows, &of, pool, &partition, &work, NULL));
	cr_assert(rows.shape[0] == partition.groups && of.shape[0] == partition.groups);
	for (size_t g = 0; g < partition.groups; g++) {
		const int64_t *offsets = partition.offsets.data, size = offsets[g + 1] - offsets[g];

		cr_assert_eq(((int64_t *)rows.data)[2 * g], ((int64_t *)sums.data)[g]);
		cr_assert_eq(((int64_t *)rows.data)[2 * g + 1], size);
		cr_assert_eq(((int64_t *)of.data)[g], (int64_t)g);
		parts += (size_t)(size - 1) / 100 + 1;
	}
	free_columns(&rows, 1);
	free_columns(&of, 1);
	/* Without a join the rows of the parts follow each other. */
	work.join = NULL;
	expect_done(sheaf_group_apply(&rows, &of, pool, &partition, &work, NULL));
	cr_assert_eq(rows.shape[0], parts);
	for (size_t i = 1; i < parts; i++)
		cr_assert_geq(((int64_t *)of.data)[i], ((int64_t *)of.data)[i - 1]);
	free_columns(&rows, 1);
	free_columns(&of, 1);
	free_columns(&labels, 1);
	free_columns(&sums, 1);
	free_columns(&key, 1);
	expect_done(sheaf_partition_free(&partition, pool));
}

/* ---- failures ---- */

static int fail_one(sheaf_task *task, const sheaf_group *group, sheaf_rows *rows, void *context)
{
	const struct table *table = context;

	if (group->number == table->fails && !table->how)
		raise(SIGKILL);
	if (group->number == table->fails)
		return sheaf_task_fail(task, table->how, "it does not converge");
	return some_rows(task, group, rows, context);
}

Test(group_apply, names_the_group_that_fails)
{
	struct rng rng = {3};
	sheaf_array key = random_key(&rng, 5000, 3000), rows = {0}, of = {0};
	struct table table = {.value = key.data, .fails = 1234, .how = -EDOM};
	sheaf_group_work work = two_columns;
	sheaf_partition partition;
	sheaf_pool_info first, last;

	expect_done(sheaf_partition_by_key(&partition, pool, &key, 1, NULL));
	work.context = &table;
	expect_done(sheaf_group_apply(&rows, NULL, pool, &partition, &work, NULL));
	free_columns(&rows, 1);
	expect_done(sheaf_pool_get_info(pool, &first));
	work.fn = fail_one;
	expect_failure(sheaf_group_apply(&rows, &of, pool, &partition, &work, NULL), -EDOM,
		       "group 1234 failed: it does not converge");
	if (sheaf_pool_worker_pid(pool, 0) > 0) {
		table.how = 0;
		expect_failure(sheaf_group_apply(&rows, &of, pool, &partition, &work, NULL), -ECHILD, "group 1234 failed: ");
	}
	work.fn = NULL;
	expect_failure(sheaf_group_apply(&rows, &of, pool, &partition, &work, NULL), -EINVAL, "work->fn is NULL");
	work.fn = some_rows;
	work.join = join_sums;
	expect_failure(sheaf_group_apply(&rows, &of, pool, &partition, &work, NULL), -EINVAL, "work->split is 0");
	work.join = NULL;
	work.context_size = 0;
	expect_failure(sheaf_group_apply(&rows, &of, pool, &partition, &work, NULL), -EFAULT, "or set work->context_size");
	work.context_size = sizeof(table);
	work.type = SHEAF_BYTES;
	expect_failure(sheaf_group_apply(&rows, &of, pool, &partition, &work, NULL), -EINVAL,
		       "SHEAF_BYTES, and work->item_size 0");
	work.type = SHEAF_EXACT;
	expect_failure(sheaf_group_apply(&rows, &of, pool, &partition, &work, NULL), -EINVAL, "work->type is 6");
	expect_failure(sheaf_group_apply(NULL, &of, pool, &partition, &work, NULL), -EINVAL, "rows is NULL");
	expect_failure(sheaf_group_apply(&rows, &of, pool, NULL, &work, NULL), -EINVAL, "partition is NULL");
	expect_failure(sheaf_rows_add(NULL, 1, NULL), -EINVAL, "rows is NULL");
	cr_assert(!rows.data && !of.data);
	expect_done(sheaf_pool_get_info(pool, &last));
	cr_assert_eq(last.heap_used, first.heap_used);
	free_columns(&key, 1);
	expect_done(sheaf_partition_free(&partition, pool));
}

static int sleep_long(sheaf_task *task, const sheaf_group *group, sheaf_rows *rows, void *context)
{
	(void)group, (void)rows, (void)context;
	while (!sheaf_task_cancelled(task))
		nap();
	return 0;
}

Test(group_apply, gives_up_at_its_deadline)
{
	sheaf_array rows = {0};
	sheaf_group_work work = {.fn = sleep_long};
	sheaf_map_options options = {.deadline_ns = sheaf_now_ns() + 50 * 1000 * 1000};
	sheaf_partition partition;

	expect_done(sheaf_partition_parts(&partition, pool, 10, 5));
	expect_failure(sheaf_group_apply(&rows, NULL, pool, &partition, &work, &options), -ETIME, "when the deadline passed");
	expect_done(sheaf_partition_free(&partition, pool));
}

/* ---- states ---- */

static int load_state(void **state, unsigned worker, void *context)
{
	static int64_t loaded;

	(void)worker, (void)context;
	loaded = 77;
	*state = &loaded;
	return 0;
}

static int use_state(sheaf_task *task, const sheaf_group *group, sheaf_rows *rows, void *context)
{
	int64_t *row;
	int r = sheaf_rows_add(rows, 1, (void **)&row);

	(void)context;
	if (!r)
		*row = *(int64_t *)sheaf_task_state(task) + (int64_t)group->first;
	return r;
}

Test(group_apply, finds_what_its_worker_has_loaded_once)
{
	sheaf_worker_options workers = {.init = load_state};
	sheaf_array rows;
	sheaf_group_work work = {.fn = use_state, .type = SHEAF_I64};
	sheaf_partition partition;

	sheaf_pool_destroy(pool);
	start(&(sheaf_pool_options){.workers = 2, .heap_size = 64 << 20, .worker_options = &workers});
	expect_done(sheaf_partition_steps(&partition, pool, 1000, 3));
	expect_done(sheaf_group_apply(&rows, NULL, pool, &partition, &work, NULL));
	cr_assert(rows.dimensions == 1 && rows.shape[0] == 334);
	for (size_t i = 0; i < 334; i++)
		cr_assert_eq(((int64_t *)rows.data)[i], (int64_t)(77 + 3 * i));
	free_columns(&rows, 1);
	expect_done(sheaf_partition_free(&partition, pool));
}
