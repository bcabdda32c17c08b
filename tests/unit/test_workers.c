/*
 * test_workers.c - workers that leave of their own accord: nothing is lost, charged or counted as a
 * death, and another worker takes the place.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "pools.h"
#include "sheaf_workers.h"
#include "segment/layout.h"
#include "support/deadline.h"

static void set_up(void)
{
	begin();
}

TestSuite(workers, .init = set_up, .fini = end);

static sheaf_pool_info info_of_pool(void)
{
	sheaf_pool_info info;

	expect_done(sheaf_pool_get_info(pool, &info));
	return info;
}

static void expect_no_deaths(void)
{
	sheaf_pool_info info = info_of_pool();

	cr_assert_eq(info.deaths, 0, "%llu deaths", (unsigned long long)info.deaths);
	cr_assert_eq(info.supervisors, 1);
}

/* ---- asked by a task ---- */

/* Leave. Result: the pid, and what the worker's memory said before. */
struct told {
	pid_t pid;
	int served; /* tasks of this process before this one */
};

static int tell(sheaf_task *task, const void *arg, void *result)
{
	static int served;

	(void)task;
	(void)arg;
	*(struct told *)result = (struct told){.pid = getpid(), .served = served++};
	return 0;
}

static int tell_and_leave(sheaf_task *task, const void *arg, void *result)
{
	DO(sheaf_task_leave(task));
	DO(sheaf_task_leave(task)); /* twice is fine */
	return tell(task, arg, result);
}

static sheaf_batch *submit_tasks(sheaf_task_fn *fn, uint64_t n, const sheaf_batch_options *options)
{
	sheaf_batch *batch = new_batch(options);

	for (uint64_t p = 0; p < n; p++)
		expect_done(sheaf_submit(batch, p, fn, NULL, 0));
	return batch;
}

static const struct told *told_of(const sheaf_result *result)
{
	cr_assert_eq(result->status, 0, "%s", result->message);
	cr_assert_eq(result->attempts, 1);
	cr_assert_eq(result->size, sizeof(struct told));
	return result->data;
}

static const sheaf_batch_options of_told = {.result_size = sizeof(struct told)};

Test(workers, a_task_has_its_worker_leave_after_it)
{
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n;

	start_workers(1);
	batch = submit_tasks(tell_and_leave, 20, &of_told);
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0);
	for (size_t i = 0; i < n; i++) {
		cr_assert_eq(told_of(&results[i])->served, 0, "task %zu found a worker that has served", i);
		for (size_t j = 0; j < i; j++)
			cr_assert_neq(told_of(&results[i])->pid, told_of(&results[j])->pid);
	}
	expect_no_deaths();
	/* One that does not leave goes on. */
	batch = submit_tasks(tell, 3, &of_told);
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0);
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(told_of(&results[i])->served, (int)i);
	expect_no_deaths();
}

/* Each task leaves: the brake would see a pool that dies without end, if it counted. */
Test(workers, leaving_is_not_braked)
{
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n;

	start_workers(2);
	batch = submit_tasks(tell_and_leave, 300, &of_told);
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0);
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(told_of(&results[i])->served, 0);
	expect_no_deaths();
	expect_pool_works(10000);
}

static int fail_and_leave(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	DO(sheaf_task_leave(task));
	return sheaf_task_fail(task, -EDOM, "position %llu", (unsigned long long)sheaf_task_position(task));
}

Test(workers, a_task_that_fails_keeps_its_failure)
{
	sheaf_batch *batch;
	sheaf_result result;

	start_workers(2);
	batch = submit_tasks(fail_and_leave, 10, NULL);
	for (uint64_t p = 0; p < 10; p++) {
		char text[32];

		snprintf(text, sizeof(text), "position %llu", (unsigned long long)p);
		cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 1);
		cr_assert_eq(result.status, -EDOM);
		cr_assert_eq(result.attempts, 1);
		cr_assert_str_eq(result.message, text);
	}
	expect_no_deaths();
}

/* ---- in nested work ---- */

/* Two inner tasks, of which one leaves: the worker that runs all stays until the outer one ends. */
static int outer(sheaf_task *task, const void *arg, void *result)
{
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n;

	DO(sheaf_batch_create(&batch, sheaf_task_pool(task), &of_told));
	DO(sheaf_submit(batch, 0, tell_and_leave, NULL, 0));
	DO(sheaf_submit(batch, 1, tell, NULL, 0));
	DO(sheaf_gather(batch, &results, &n, SHEAF_FOREVER));
	for (size_t i = 0; i < n; i++)
		if (((const struct told *)results[i].data)->pid != getpid())
			return sheaf_task_fail(task, -EPROTO, "inner task %zu ran in another worker", i);
	return tell(task, arg, result);
}

Test(workers, in_nested_work_it_leaves_after_the_outermost_task)
{
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n;

	start_workers(1);
	batch = submit_tasks(outer, 5, &of_told);
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0);
	for (size_t i = 0; i < n; i++) {
		/* The two inner tasks have been served. */
		cr_assert_eq(told_of(&results[i])->served, 2);
		cr_assert(i == 0 || told_of(&results[i])->pid != told_of(&results[i - 1])->pid);
	}
	expect_no_deaths();
}

/* ---- in maps and loops ---- */

static int tell_item(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	/* Longer than a block, so that the map is left between two items. */
	nap();
	return tell_and_leave(task, NULL, result);
}

static void expect_map_of_leavers(size_t n, size_t grain)
{
	struct told *told;
	void *memory;

	expect_done(sheaf_alloc_array(pool, n, sizeof(*told), &memory));
	told = memory;
	expect_done(sheaf_map(pool, tell_item, NULL, 0, told, sizeof(*told), n, &(sheaf_map_options){.grain = grain}));
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(told[i].served, 0, "item %zu found a worker that has served %d", i, told[i].served);
	expect_no_deaths();
	expect_done(sheaf_free(pool, memory));
}

Test(workers, of_a_map_each_item_may_leave)
{
	start_workers(2);
	expect_map_of_leavers(1, 1);
	expect_map_of_leavers(40, 1); /* few chunks, and many */
	expect_map_of_leavers(40, 10);
	expect_map_of_leavers(300, 1);
	expect_pool_works(100000);
	expect_no_deaths();
}

struct sums {
	_Atomic uint64_t calls;
	_Atomic uint64_t runs[1000];
};

static int count_and_leave(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct sums *sums = context;

	for (size_t i = begin; i < end; i++)
		atomic_fetch_add(&sums->runs[i], 1);
	return atomic_fetch_add(&sums->calls, 1) % 3 ? 0 : sheaf_task_leave(task);
}

Test(workers, of_a_loop_each_call_may_leave)
{
	static const size_t grains[] = {0, 1, 7, 1000};
	struct sums *sums;
	void *memory;

	start_workers(2);
	for (unsigned g = 0; g < 4; g++) {
		expect_done(sheaf_alloc(pool, sizeof(*sums), &memory));
		sums = memory;
		expect_done(sheaf_for(pool, count_and_leave, sums, 1000, &(sheaf_map_options){.grain = grains[g]}));
		for (unsigned i = 0; i < 1000; i++)
			cr_assert_eq(atomic_load(&sums->runs[i]), 1, "position %u ran %llu times", i,
				     (unsigned long long)atomic_load(&sums->runs[i]));
		expect_done(sheaf_free(pool, memory));
	}
	expect_no_deaths();
}

/* Maps are left for a task of higher priority, too: neither gets in the other's way. */
Test(workers, a_map_is_left_for_both_reasons)
{
	const size_t n = 200;
	const sheaf_result *results;
	sheaf_batch *high;
	sheaf_batch *batch;
	void *memory;
	size_t count;

	start_workers(2);
	expect_done(sheaf_alloc_array(pool, n, sizeof(struct told), &memory));
	high = new_batch(&(sheaf_batch_options){.result_size = sizeof(struct told), .priority = SHEAF_HIGH});
	batch = new_batch(NULL);
	expect_done(
		sheaf_submit_map(batch, tell_item, NULL, 0, memory, sizeof(struct told), n, &(sheaf_map_options){.grain = 3}));
	for (uint64_t p = 0; p < 50; p++) {
		expect_done(sheaf_submit(high, p, p % 2 ? tell_and_leave : tell, NULL, 0));
		nap();
	}
	cr_assert_eq(sheaf_gather(high, &results, &count, SHEAF_FOREVER), 0);
	cr_assert_eq(sheaf_gather(batch, &results, &count, SHEAF_FOREVER), 0);
	for (size_t i = 0; i < n; i++)
		cr_assert_neq(((struct told *)memory)[i].pid, 0);
	expect_no_deaths();
}

/* ---- at the end of the pool ---- */

Test(workers, of_a_closed_pool_what_is_left_still_runs)
{
	sheaf_batch *batch;
	sheaf_result result;

	start_workers(2);
	batch = submit_tasks(tell_and_leave, 100, &of_told);
	expect_done(sheaf_pool_close(pool));
	expect_done(sheaf_pool_join(pool, SHEAF_FOREVER));
	for (uint64_t p = 0; p < 100; p++) {
		cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 1);
		cr_assert_eq(told_of(&result)->served, 0);
	}
}

Test(workers, a_pool_that_ends_while_they_leave_ends)
{
	for (int i = 0; i < 20; i++) {
		sheaf_batch *batch;

		start_workers(2);
		batch = submit_tasks(tell_and_leave, 20, &of_told);
		for (int naps = 0; naps < i; naps++)
			nap();
		if (i % 2)
			expect_done(sheaf_pool_terminate(pool));
		sheaf_batch_retire(batch);
		end();
	}
}

/* ---- what it printed ---- */

static int print_and_leave(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	printf("%llu\n", (unsigned long long)sheaf_task_position(task));
	return sheaf_task_leave(task);
}

static int print_and_count(void *context)
{
	const char *path = context;
	bool seen[50] = {false};
	unsigned number, lines = 0;
	sheaf_batch *batch;
	FILE *file;

	child_check(freopen(path, "w", stdout));
	child_check(!sheaf_pool_create(&pool, &(sheaf_pool_options){.workers = 2, .heap_size = 16 << 20}));
	child_check(!sheaf_batch_create(&batch, pool, NULL));
	for (unsigned p = 0; p < 50; p++)
		child_check(!sheaf_submit(batch, p, print_and_leave, NULL, 0));
	for (unsigned p = 0; p < 50; p++) {
		sheaf_result result;

		child_check(sheaf_next(batch, &result, SHEAF_FOREVER) == 1 && !result.status);
	}
	/* It is there when the results are. */
	child_check((file = fopen(path, "r")));
	while (fscanf(file, "%u", &number) == 1) {
		child_check(number < 50 && !seen[number]);
		seen[number] = true;
		lines++;
	}
	fclose(file);
	child_check(lines == 50);
	sheaf_pool_destroy(pool);
	return 0;
}

Test(workers, what_the_task_printed_is_written)
{
	char path[] = "/tmp/sheaf-test-XXXXXX";
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	close(fd);
	in_child(print_and_count, path);
	unlink(path);
}

/* ---- who may not ---- */

static int leave_in_child(void *task)
{
	/* _exit(), whatever the parent has to write. */
	return sheaf_task_leave(task) == -EPERM && strstr(sheaf_message(), "a child that the task has forked") ? 0 : 1;
}

static int ask_in_child(sheaf_task *task, const void *arg, void *result)
{
	pid_t pid = fork();
	int status = 1;

	(void)arg;
	(void)result;
	if (!pid)
		_exit(leave_in_child(task));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		return sheaf_task_fail(task, -EPROTO, "the child says %d", status);
	return 0;
}

/* Result: what the call says to the owner, which runs the item. */
static int leave_as_owner(sheaf_task *task, const void *arg, void *result)
{
	int r = sheaf_task_leave(task);

	(void)arg;
	*(int *)result = strstr(sheaf_message(), "is no worker that could leave") ? r : 1;
	return 0;
}

Test(workers, some_may_not_leave)
{
	struct gate *gate;
	sheaf_batch *batch;
	int *out;
	void *memory;

	expect_failure(sheaf_task_leave(NULL), -EINVAL, "task is NULL");
	start_workers(1);
	expect_done(sheaf_apply(pool, ask_in_child, NULL, 0, NULL, 0, NULL));
	/* The only worker is busy, so the caller runs all. */
	gate = new_gate();
	batch = new_batch(NULL);
	expect_done(sheaf_submit(batch, 0, wait_at_gate, &gate, sizeof(gate)));
	gate_await(gate, 1);
	expect_done(sheaf_alloc_array(pool, 10, sizeof(*out), &memory));
	out = memory;
	expect_done(sheaf_map(pool, leave_as_owner, NULL, 0, out, sizeof(*out), 10,
			      &(sheaf_map_options){.caller_works = true, .grain = 1}));
	for (unsigned i = 0; i < 10; i++)
		cr_assert_eq(out[i], -ENOTSUP, "item %u: %d", i, out[i]);
	gate_open(gate);
	expect_no_deaths();
}

/* ---- threads ---- */

static _Thread_local int served_by_thread;
static _Atomic int threads_seen;

static int leave_thread(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	if (served_by_thread++)
		return sheaf_task_fail(task, -EPROTO, "the thread has served");
	atomic_fetch_add(&threads_seen, 1);
	return sheaf_task_leave(task);
}

static int stay_in_thread(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	*(int *)result = served_by_thread++;
	return 0;
}

Test(workers, that_are_threads_are_renewed)
{
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n;

	start(&(sheaf_pool_options){.workers = 3, .heap_size = 16 << 20, .backend = SHEAF_THREADS});
	atomic_store(&threads_seen, 0);
	batch = submit_tasks(leave_thread, 200, NULL);
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0, "%s", sheaf_message());
	cr_assert_eq(atomic_load(&threads_seen), 200);
	batch = submit_tasks(stay_in_thread, 50, &(sheaf_batch_options){.result_size = sizeof(int)});
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0);
	/* Again, and closed before all has run. */
	batch = submit_tasks(tell_and_leave, 100, &of_told);
	expect_done(sheaf_pool_close(pool));
	expect_done(sheaf_pool_join(pool, SHEAF_FOREVER));
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0);
	cr_assert_eq(info_of_pool().deaths, 0);
}
