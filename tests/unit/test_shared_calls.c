/*
 * test_shared_calls.c - calls of the library whose tasks run in another program: its own functions
 * and those of the caller have other addresses there.
 *
 * A program here is this test, executed once more: so the system puts it at other addresses.
 */
#define _DEFAULT_SOURCE /* setenv() */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pools.h"
#include "sheaf_attach.h"
#include "sheaf_file.h"
#include "sheaf_group.h"
#include "sheaf_reduce.h"
#include "sheaf_resume.h"
#include "sheaf_table.h"

#define N 100000
#define GROUPS 7
#define KEYS 6

/* As child_check(): ends a function with the line. */
#define CALL(condition)                  \
	do {                             \
		if (!(condition))        \
			return __LINE__; \
	} while (0)

static char folder[200]; /* a program gets it by the environment */

static const char *file_named(const char *name)
{
	static char path[300];

	snprintf(path, sizeof(path), "%s/%ld-%s", folder, (long)getpid(), name);
	return path;
}

/* ---- functions of the user's ---- */

static void begin_sum(void *partial, const void *context)
{
	(void)context;
	*(double *)partial = 0.5; /* so that it is seen whether it was called */
}

static int fold_sum(sheaf_task *task, size_t begin, size_t end, void *partial, const void *context)
{
	const double *x = *(const double *const *)context;

	(void)task;
	for (size_t i = begin; i < end; i++)
		*(double *)partial += x[i];
	return 0;
}

static int combine_sums(sheaf_task *task, void *partial, const void *next, const void *context)
{
	(void)task, (void)context;
	*(double *)partial += *(const double *)next;
	return 0;
}

/* x becomes its running sum. */
static int write_sums(sheaf_task *task, size_t begin, size_t end, const void *before, const void *context)
{
	double *x = *(double *const *)context, *out = x + N, sum = *(const double *)before;

	(void)task;
	for (size_t i = begin; i < end; i++)
		out[i] = sum += x[i];
	return 0;
}

static int triple_block(sheaf_task *task, const sheaf_block *block, void *context)
{
	const double *in = block->in.data;
	double *out = block->out.data;

	(void)task, (void)context;
	for (size_t i = 0; i < block->out.shape[0]; i++)
		out[i] = 3 * in[i];
	return 0;
}

static int count_group(sheaf_task *task, const sheaf_group *group, sheaf_rows *rows, void *context)
{
	void *memory;
	int r = sheaf_rows_add(rows, 1, &memory);

	(void)task, (void)context;
	if (!r)
		*(int64_t *)memory = (int64_t)group->rows;
	return r;
}

static int join_counts(sheaf_task *task, const sheaf_group *group, sheaf_rows *rows, void *context)
{
	const int64_t *parts = group->parts;
	void *memory;
	int r = sheaf_rows_add(rows, 1, &memory);

	(void)task, (void)context;
	for (size_t i = 0; i < group->part_rows && !r; i++)
		*(int64_t *)memory += parts[i];
	return r;
}

static int mix_range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	uint64_t *out = context;

	(void)task;
	for (size_t i = begin; i < end; i++)
		out[i] = mix(i);
	return 0;
}

/* ---- calls ---- */

static int sum_up(sheaf_pool *in, double *x)
{
	const sheaf_reduction how = {.size = sizeof(double),
				     .identity = begin_sum,
				     .fold = fold_sum,
				     .combine = combine_sums,
				     .context = &x,
				     .context_size = sizeof(x),
				     .leaves = 16};
	const sheaf_reduction plain = {
		.size = sizeof(double), .fold = fold_sum, .combine = combine_sums, .context = &x, .context_size = sizeof(x)};
	double sum = 0, all = 0;
	uint64_t counts[4];
	sheaf_moments moments;
	sheaf_found found;
	size_t leaves = 1;

	while (N / leaves + (N % leaves != 0) > 16)
		leaves *= 2;
	for (size_t i = 0; i < N; i++)
		all += x[i];
	CALL(sheaf_sum(in, SHEAF_F64, x, N, &sum, NULL) == 0 && sum == all);
	CALL(sheaf_sum(in, SHEAF_EXACT, x, N, &sum, NULL) == 0 && sum == all);
	CALL(sheaf_dot(in, SHEAF_F64, x, x, N, &sum, NULL) == 0 && sum > all);
	CALL(sheaf_extremes(in, SHEAF_F64, x, N, &found, NULL) == 0 && found.max.f64 == 999 && found.max_at == 999);
	CALL(sheaf_mean_variance(in, SHEAF_F64, x, N, &moments, NULL) == 0 && moments.mean == all / N);
	CALL(sheaf_histogram(in, SHEAF_F64, x, N, 0, 1000, 4, counts, NULL) == 0 && counts[3] == N / 4);
	CALL(sheaf_reduce(in, &how, N, &sum, NULL) == 0 && sum == all + (double)((N + leaves - 1) / leaves) / 2);
	CALL(sheaf_scan(in, &plain, write_sums, N, &sum, NULL) == 0 && sum == all && x[2 * N - 1] == all);
	return 0;
}

static int use_arrays(sheaf_pool *in, double *x)
{
	const size_t shape[2] = {N / 100, 100}, turned[2] = {100, N / 100};
	sheaf_array whole, from, view, to, copy, floats;
	const double seven = 7;

	CALL(sheaf_array_view(&whole, x, SHEAF_F64, 0, 1, &(size_t){N}) == 0);
	CALL(sheaf_array_view(&from, x, SHEAF_F64, 0, 2, shape) == 0 && sheaf_array_transpose(&view, &from, NULL) == 0);
	CALL(sheaf_array_create(&to, in, SHEAF_F64, 0, 2, turned) == 0);
	CALL(sheaf_array_create(&copy, in, SHEAF_F64, 0, 1, whole.shape) == 0);
	CALL(sheaf_array_create(&floats, in, SHEAF_F32, 0, 1, whole.shape) == 0);
	CALL(sheaf_array_copy(in, &to, &view, SHEAF_CHECKED, NULL) == 0 && ((double *)to.data)[1] == x[100]);
	CALL(sheaf_array_copy(in, &copy, &whole, SHEAF_CHECKED, NULL) == 0 && !memcmp(copy.data, x, N * sizeof(*x)));
	CALL(sheaf_array_copy(in, &floats, &whole, SHEAF_CHECKED, NULL) == 0 && ((float *)floats.data)[N - 1] == 999);
	CALL(sheaf_map_array(in, triple_block, &whole, &copy, &(sheaf_blocks){.shape = {500}}, NULL) == 0);
	CALL(((double *)copy.data)[N - 1] == 2997);
	CALL(sheaf_array_fill(in, &copy, &seven, NULL) == 0 && ((double *)copy.data)[N - 1] == seven);
	CALL(sheaf_array_free(&to, in) == 0 && sheaf_array_free(&copy, in) == 0 && sheaf_array_free(&floats, in) == 0);
	return 0;
}

/* Write a table, read it, and read it as one array. */
static int use_tables(sheaf_pool *in, double *x)
{
	const char *path = file_named("table.csv");
	sheaf_column columns[2] = {{.name = "x"}, {.name = "twice"}};
	sheaf_table table = {.rows = N, .column_count = 2, .columns = columns};
	sheaf_array array;

	for (unsigned i = 0; i < 2; i++)
		CALL(sheaf_array_view(&columns[i].values, x, SHEAF_F64, 0, 1, &(size_t){N}) == 0);
	CALL(sheaf_table_save(&table, in, path, NULL) == 0);
	CALL(sheaf_table_load(&table, in, path, NULL) == 0 && table.rows == N);
	CALL(((double *)table.columns[1].values.data)[N - 1] == 999);
	CALL(sheaf_table_free(&table, in) == 0);
	CALL(sheaf_array_load(&array, in, path, NULL) == 0 && array.shape[0] == N && array.shape[1] == 2);
	CALL(((double *)array.data)[2 * N - 1] == 999);
	CALL(sheaf_array_free(&array, in) == 0 && unlink(path) == 0);
	return 0;
}

/* Write names, and read them as codes. */
static int use_codes(sheaf_pool *in)
{
	const char *path = file_named("names.csv");
	FILE *file = fopen(path, "w");
	sheaf_table table;

	CALL(file);
	fprintf(file, "name,number\n");
	for (int i = 0; i < N; i++)
		fprintf(file, "name %d,%d\n", (N - i) % GROUPS, i);
	CALL(fclose(file) == 0);
	CALL(sheaf_table_load(&table, in, path, &(sheaf_table_options){.code = true}) == 0);
	CALL(table.columns[0].texts.shape[0] == GROUPS && ((int32_t *)table.columns[0].values.data)[GROUPS] == 0);
	CALL(sheaf_table_free(&table, in) == 0 && unlink(path) == 0);
	return 0;
}

static int use_files(sheaf_pool *in, double *x)
{
	char out[300], path[300];
	const sheaf_file_job numbers = {.in = path, .out = out, .type = SHEAF_F64};
	sheaf_array array, read;

	CALL(sheaf_array_view(&array, x, SHEAF_F64, 0, 1, &(size_t){N}) == 0);
	snprintf(path, sizeof(path), "%s", file_named("x.npy"));
	snprintf(out, sizeof(out), "%s", file_named("y.npy"));
	CALL(sheaf_array_save(&array, path) == 0);
	CALL(sheaf_map_file(in, triple_block, &numbers, NULL) == 0);
	CALL(sheaf_array_load(&read, in, out, NULL) == 0 && ((double *)read.data)[N - 1] == 2997);
	CALL(sheaf_array_free(&read, in) == 0 && unlink(out) == 0);
	snprintf(out, sizeof(out), "%s", file_named("y.csv"));
	CALL(sheaf_map_file(in, triple_block, &numbers, NULL) == 0);
	CALL(sheaf_array_load(&read, in, out, NULL) == 0 && ((double *)read.data)[N - 1] == 2997);
	CALL(sheaf_array_free(&read, in) == 0 && unlink(out) == 0 && unlink(path) == 0);
	return 0;
}

static int apply_to_groups(sheaf_pool *in, const sheaf_array *key)
{
	const sheaf_group_work work = {.fn = count_group, .join = join_counts, .type = SHEAF_I64, .split = N / GROUPS / 3};
	sheaf_partition partition;
	sheaf_array labels, rows, numbers;
	int64_t all = 0;

	CALL(sheaf_partition_by_key(&partition, in, key, 1, &(sheaf_group_options){.order = SHEAF_BY_FIRST}) == 0);
	CALL(partition.groups == GROUPS);
	CALL(sheaf_partition_labels(&labels, in, &partition, key, NULL) == 0 && ((double *)labels.data)[1] == 1);
	CALL(sheaf_group_apply(&rows, &numbers, in, &partition, &work, NULL) == 0 && rows.shape[0] == GROUPS);
	for (unsigned g = 0; g < GROUPS; g++)
		all += ((int64_t *)rows.data)[g];
	CALL(all == N && ((int64_t *)numbers.data)[GROUPS - 1] == GROUPS - 1);
	CALL(sheaf_array_free(&labels, in) == 0 && sheaf_array_free(&rows, in) == 0 && sheaf_array_free(&numbers, in) == 0);
	return sheaf_partition_free(&partition, in);
}

/* @text: a column whose items are no numbers. */
static int aggregate_groups(sheaf_pool *in, const sheaf_array *key, unsigned keys, const sheaf_array *values,
			    const sheaf_array *text)
{
	const sheaf_aggregation aggregations[] = {
		{.what = SHEAF_COUNT}, {SHEAF_SUM, values, 0, 0}, {SHEAF_QUANTILE, values, 0, 0.5}, {SHEAF_LAST, text, 0, 0}};
	const bool descending[] = {true, true};
	const sheaf_group_options orders[] = {{.order = SHEAF_BY_KEY}, {.order = SHEAF_BY_FIRST}, {.descending = descending}};
	sheaf_array labels[2], results[4];

	for (unsigned o = 0; o < 6; o++) {
		unsigned count = o < 3 ? 4 : 2; /* two: without an order of the rows */
		int64_t all = 0;

		CALL(sheaf_group_by(labels, results, in, key, keys, aggregations, count, &orders[o % 3]) == 0);
		for (size_t g = 0; g < results[0].shape[0]; g++)
			all += ((int64_t *)results[0].data)[g];
		CALL(all == (key->type == SHEAF_F32 ? N - 1 : N));
		for (unsigned i = 0; i < count; i++)
			CALL(sheaf_array_free(&results[i], in) == 0);
		for (unsigned i = 0; i < keys; i++)
			CALL(sheaf_array_free(&labels[i], in) == 0);
	}
	return 0;
}

static int use_groups(sheaf_pool *in, double *x)
{
	const size_t n = N;
	static const enum sheaf_number types[KEYS] = {SHEAF_F64, SHEAF_I32, SHEAF_F64, SHEAF_I32, SHEAF_I32, SHEAF_F32};
	sheaf_array keys[KEYS], values, text, sorted, order, taken, left, right;
	int line;

	for (unsigned k = 0; k < KEYS; k++)
		CALL(sheaf_array_create(&keys[k], in, types[k], 0, 1, &n) == 0);
	for (size_t i = 0; i < n; i++) {
		/* Few that are far from each other, many, more; few, some. */
		((double *)keys[0].data)[i] = (double)(i % GROUPS);
		((int32_t *)keys[1].data)[i] = (int32_t)(mix(i) & INT32_MAX);
		((double *)keys[2].data)[i] = (double)mix(i) / 3;
		((int32_t *)keys[3].data)[i] = (int32_t)(i % GROUPS);
		((int32_t *)keys[4].data)[i] = (int32_t)(mix(i) % (N / 2));
		((float *)keys[5].data)[i] = i ? 1 : NAN;
	}
	CALL(sheaf_array_view(&values, x, SHEAF_F64, 0, 1, &n) == 0 && sheaf_array_view(&text, x, SHEAF_BYTES, 8, 1, &n) == 0);
	CALL(sheaf_sort(&sorted, in, &values, NULL) == 0 && ((double *)sorted.data)[n - 1] == 999);
	CALL(sheaf_argsort(&order, in, keys, 3, NULL) == 0 && ((int64_t *)order.data)[0] % GROUPS == 0);
	CALL(sheaf_array_create(&taken, in, SHEAF_F64, 0, 1, &n) == 0);
	CALL(sheaf_take(in, &taken, &keys[0], &order, NULL, NULL) == 0 && ((double *)taken.data)[n - 1] == GROUPS - 1);
	if ((line = aggregate_groups(in, keys, 2, &values, &text)))
		return line;
	for (unsigned k = 0; k < KEYS; k++)
		if ((line = aggregate_groups(in, &keys[k], 1, &values, &text)))
			return line;
	if ((line = apply_to_groups(in, keys)))
		return line;
	CALL(sheaf_join(&left, &right, in, &keys[1], &keys[1], 1, SHEAF_JOIN_LEFT, NULL) == 0 && left.shape[0] >= n);
	CALL(sheaf_array_free(&left, in) == 0 && sheaf_array_free(&right, in) == 0 && sheaf_array_free(&taken, in) == 0);
	CALL(sheaf_array_free(&sorted, in) == 0 && sheaf_array_free(&order, in) == 0);
	for (unsigned k = 0; k < KEYS; k++)
		CALL(sheaf_array_free(&keys[k], in) == 0);
	return 0;
}

static int use_journal(sheaf_pool *in, double *x)
{
	char path[300];
	sheaf_identity identity;
	sheaf_journal *journal;
	uint64_t *out = (uint64_t *)(void *)x;

	snprintf(path, sizeof(path), "%s", file_named("journal"));
	CALL(sheaf_identity_begin(&identity, "mix", 1) == 0);
	for (unsigned i = 0; i < 2; i++) {
		CALL(sheaf_journal_open(&journal, path, &identity, NULL) == 0);
		CALL(i ? sheaf_resume_map(in, journal, mix_item, out + 100, 8, out, 8, 100, NULL) == 0
		       : sheaf_resume_for(in, journal, mix_range, out, out, 8, 100, NULL) == 0);
		CALL(out[99] == (i ? mix(out[199]) : mix(99)));
		CALL(sheaf_journal_close(journal) == 0 && unlink(path) == 0);
	}
	return 0;
}

/* Make all calls. 0, or the line of the first one that was not right. */
static int call_all(sheaf_pool *in)
{
	void *memory;
	double *x;
	int line;

	CALL(sheaf_alloc_array(in, 2 * (size_t)N, sizeof(*x), &memory) == 0);
	x = memory;
	for (size_t i = 0; i < N; i++)
		x[i] = (double)(i % 1000);
	if ((line = sum_up(in, x)) || (line = use_arrays(in, x)) || (line = use_tables(in, x)) || (line = use_codes(in)) ||
	    (line = use_files(in, x)) || (line = use_groups(in, x)) || (line = use_journal(in, x)))
		return line;
	CALL(sheaf_free(in, x) == 0);
	return 0;
}

/* The same in a task. */
static int call_all_nested(sheaf_task *task, const void *arg, void *result)
{
	int line = call_all(sheaf_task_pool(task));

	(void)arg, (void)result;
	return line ? sheaf_task_fail(task, -EINVAL, "line %d: %s", line, sheaf_message()) : 0;
}

/* ---- programs ---- */

static const sheaf_function functions[] = {
	{.name = "wait", .task = wait_at_gate},
	{.name = "nested", .task = call_all_nested},
	{.name = "mix", .task = mix_item},
	{.name = "mix range", .range = mix_range},
	{.name = "begin", .other = (sheaf_any_fn *)begin_sum},
	{.name = "fold", .other = (sheaf_any_fn *)fold_sum},
	{.name = "combine", .other = (sheaf_any_fn *)combine_sums},
	{.name = "write", .other = (sheaf_any_fn *)write_sums},
	{.name = "triple", .other = (sheaf_any_fn *)triple_block},
	{.name = "count", .other = (sheaf_any_fn *)count_group},
	{.name = "join", .other = (sheaf_any_fn *)join_counts},
};
#define FUNCTIONS (sizeof(functions) / sizeof(functions[0]))

static int be_program(const char *role, const char *name)
{
	const sheaf_attach_options joining = {.functions = functions, .function_count = FUNCTIONS};
	sheaf_pool *mine;
	int line = 0;

	snprintf(folder, sizeof(folder), "%s", getenv("SHARED_CALLS_FOLDER"));
	child_check(sheaf_pool_attach(&mine, name, &joining) == 0);
	if (!strcmp(role, "work"))
		child_check(sheaf_pool_work(mine, hang_deadline()) == 0);
	else
		line = call_all(mine);
	if (line)
		fprintf(stderr, "line %d of a program: %s\n", line, sheaf_message());
	sheaf_pool_destroy(mine);
	return line != 0;
}

/* Before main(): this process is no test. */
__attribute__((constructor)) static void become_program(void)
{
	const char *role = getenv("SHARED_CALLS_ROLE");

	if (role)
		_exit(be_program(role, getenv("SHARED_CALLS_POOL")));
}

static char pool_name[256], work[] = "work", submit[] = "submit";

static int execute_program(void *role)
{
	setenv("SHARED_CALLS_ROLE", role, 1);
	setenv("SHARED_CALLS_POOL", pool_name, 1);
	setenv("SHARED_CALLS_FOLDER", folder, 1);
	execl("/proc/self/exe", "program", (char *)NULL);
	perror("/proc/self/exe");
	return 1;
}

static pid_t start_program(char *role)
{
	sheaf_pool_info info;
	pid_t pid;

	cr_assert_eq(sheaf_pool_get_info(pool, &info), 0);
	snprintf(pool_name, sizeof(pool_name), "%s", info.name);
	pid = child_start(execute_program, role);
	cr_assert_gt(pid, 0);
	return pid;
}

static void expect_program_ends(pid_t pid)
{
	int status;

	cr_assert_eq(child_wait(pid, &status, hang_deadline()), 0);
	cr_assert(WIFEXITED(status) && !WEXITSTATUS(status), "status %#x", (unsigned)status);
}

/* ---- the tests ---- */

static struct gate *gate;
static sheaf_batch *waiting;

static void set_up(void)
{
	const sheaf_sharing sharing = {.functions = functions, .function_count = FUNCTIONS};
	const char *place = getenv("TMPDIR");

	begin();
	snprintf(folder, sizeof(folder), "%s/sheaf-shared-calls-XXXXXX", place ? place : "/tmp");
	cr_assert_not_null(mkdtemp(folder));
	start(&(sheaf_pool_options){.workers = 1, .heap_size = 256 << 20, .sharing = &sharing});
}

static void tear_down(void)
{
	end();
	cr_assert_eq(rmdir(folder), 0, "something is left in %s", folder);
}

TestSuite(shared_calls, .init = set_up, .fini = tear_down);

/* Keep the pool's only worker busy: programs that joined do all the rest. */
static void hold_worker(void)
{
	gate = new_gate();
	waiting = new_batch(NULL);
	expect_done(sheaf_submit(waiting, 0, wait_at_gate, &gate, sizeof(gate)));
	gate_await(gate, 1);
}

static void release_worker(void)
{
	const sheaf_result *results;
	size_t n;

	gate_open(gate);
	expect_done(sheaf_gather(waiting, &results, &n, hang_deadline()));
	sheaf_batch_retire(waiting);
}

static void expect_all_called(int line)
{
	cr_assert_eq(line, 0, "line %d: %s", line, sheaf_message());
}

Test(shared_calls, a_program_does_what_the_owner_calls)
{
	pid_t worker;

	hold_worker();
	worker = start_program(work);
	expect_all_called(call_all(pool));
	release_worker();
	expect_done(sheaf_pool_close(pool));
	expect_program_ends(worker);
}

Test(shared_calls, a_worker_of_the_pool_does_what_a_program_calls)
{
	expect_program_ends(start_program(submit));
}

Test(shared_calls, a_program_does_what_a_program_calls)
{
	pid_t worker;

	hold_worker();
	worker = start_program(work);
	expect_program_ends(start_program(submit));
	release_worker();
	expect_done(sheaf_pool_close(pool));
	expect_program_ends(worker);
}

Test(shared_calls, a_task_of_a_program_calls)
{
	pid_t worker;

	expect_done(sheaf_apply(pool, call_all_nested, NULL, 0, NULL, 0, NULL));
	hold_worker();
	worker = start_program(work);
	expect_done(sheaf_apply(pool, call_all_nested, NULL, 0, NULL, 0, NULL));
	release_worker();
	expect_done(sheaf_pool_close(pool));
	expect_program_ends(worker);
}

/* ---- what is refused ---- */

static int nameless_block(sheaf_task *task, const sheaf_block *block, void *context)
{
	return triple_block(task, block, context);
}

static int nameless_fold(sheaf_task *task, size_t begin, size_t end, void *partial, const void *context)
{
	return fold_sum(task, begin, end, partial, context);
}

Test(shared_calls, a_function_without_a_name_is_refused_where_a_call_gets_it)
{
	const sheaf_reduction how = {.size = sizeof(double), .fold = nameless_fold, .combine = combine_sums};
	double sum = 1;
	sheaf_array array;

	expect_done(sheaf_array_create(&array, pool, SHEAF_F64, 0, 1, &(size_t){10}));
	expect_failure(sheaf_reduce(pool, &how, 10, &sum, NULL), -ENOENT, "sheaf_reduce: the function");
	cr_assert_eq(sum, 1);
	expect_failure(sheaf_map_array(pool, nameless_block, &array, &array, NULL, NULL), -ENOENT, "sheaf_map_array: the");
	expect_done(sheaf_array_free(&array, pool));
}
