/*
 * test_elastic.c - pools that grow and shrink: resizing, workers on demand, pauses. No task is lost
 * by it, run twice or charged.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pools.h"
#include "sheaf_workers.h"

/* In memory that owner and workers share, and that is there before the pool. */
struct desk {
	_Atomic unsigned running, begun, most;
	_Atomic int open; /* tasks that wait go on */
	_Atomic int inits;
};

static struct desk *desk;

static void set_up(void)
{
	begin();
	desk = mmap(NULL, sizeof(*desk), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(desk, MAP_FAILED);
}

TestSuite(elastic, .init = set_up, .fini = end);

static int add_up(sheaf_task *task, const void *arg, void *result)
{
	uint64_t number;

	(void)task;
	memcpy(&number, arg, sizeof(number));
	*(uint64_t *)result = number + 1;
	return 0;
}

/* Run until the desk is open, and note how many do so at once. */
static int wait_at_desk(sheaf_task *task, const void *arg, void *result)
{
	unsigned running = atomic_fetch_add(&desk->running, 1) + 1, most = atomic_load(&desk->most);

	(void)task;
	(void)arg;
	(void)result;
	atomic_fetch_add(&desk->begun, 1);
	while (running > most && !atomic_compare_exchange_weak(&desk->most, &most, running))
		continue;
	while (!atomic_load(&desk->open))
		sleep_ns(100000);
	atomic_fetch_sub(&desk->running, 1);
	return 0;
}

static int count_init(void **state, unsigned worker, void *context)
{
	(void)state;
	(void)worker;
	(void)context;
	atomic_fetch_add(&desk->inits, 1);
	return 0;
}

static void start_with(unsigned workers, enum sheaf_backend backend, const sheaf_worker_options *options)
{
	start(&(sheaf_pool_options){.workers = workers, .heap_size = 64 << 20, .backend = backend, .worker_options = options});
}

static sheaf_workers_info workers_now(void)
{
	sheaf_workers_info info;

	expect_done(sheaf_pool_get_workers(pool, &info));
	return info;
}

static void await_alive(unsigned count)
{
	uint64_t deadline = hang_deadline();

	while (workers_now().alive != count) {
		cr_assert_lt(sheaf_now_ns(), deadline, "%u workers are alive instead of %u", workers_now().alive, count);
		sleep_ns(1000000);
	}
}

static void await_inits(int count)
{
	uint64_t deadline = hang_deadline();

	while (atomic_load(&desk->inits) < count) {
		cr_assert_lt(sheaf_now_ns(), deadline, "%d hooks ran instead of %d", atomic_load(&desk->inits), count);
		sleep_ns(1000000);
	}
	cr_assert_eq(atomic_load(&desk->inits), count);
}

static void await_running(unsigned count)
{
	uint64_t deadline = hang_deadline();

	while (atomic_load(&desk->running) != count) {
		cr_assert_lt(sheaf_now_ns(), deadline, "%u tasks run instead of %u", atomic_load(&desk->running), count);
		sleep_ns(1000000);
	}
}

static sheaf_batch *submit_waiters(unsigned count)
{
	sheaf_batch *batch;

	expect_done(sheaf_batch_create(&batch, pool, NULL));
	for (unsigned i = 0; i < count; i++)
		expect_done(sheaf_submit(batch, i, wait_at_desk, NULL, 0));
	return batch;
}

static void open_desk(sheaf_batch *batch, size_t count)
{
	const sheaf_result *results;
	size_t n;

	atomic_store(&desk->open, 1);
	expect_done(sheaf_gather(batch, &results, &n, hang_deadline()));
	cr_assert_eq(n, count);
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(results[i].attempts, 1);
	sheaf_batch_retire(batch);
	atomic_store(&desk->open, 0);
}

static bool kills; /* the test kills workers, which may have a task */

/* Run tasks whose results are checked. */
static void run_some(uint64_t count)
{
	sheaf_batch_options options = {.result_size = sizeof(uint64_t)};
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n;

	expect_done(sheaf_batch_create(&batch, pool, &options));
	for (uint64_t i = 0; i < count; i++)
		expect_done(sheaf_submit(batch, i, add_up, &i, sizeof(i)));
	expect_done(sheaf_gather(batch, &results, &n, hang_deadline()));
	cr_assert_eq(n, count);
	for (uint64_t i = 0; i < count; i++) {
		cr_assert_eq(*(const uint64_t *)results[i].data, i + 1);
		cr_assert(kills || results[i].attempts == 1);
	}
	sheaf_batch_retire(batch);
}

/* ---- resize ---- */

static void grow_and_shrink(enum sheaf_backend backend)
{
	sheaf_worker_options options = {.max_workers = 8, .init = count_init};
	sheaf_pool_info info;
	sheaf_batch *batch;

	start_with(2, backend, &options);
	cr_assert_eq(workers_now().wanted, 2);
	await_alive(2);
	batch = submit_waiters(8);
	await_running(2);
	expect_done(sheaf_pool_resize(pool, 8));
	await_running(8);
	cr_assert_eq(workers_now().wanted, 8);
	expect_done(sheaf_pool_get_info(pool, &info));
	cr_assert_eq(info.workers, 8);
	/* Those that are not wanted end their tasks. */
	expect_done(sheaf_pool_resize(pool, 1));
	await_alive(8);
	open_desk(batch, 8);
	await_alive(1);
	run_some(100);
	cr_assert_eq(workers_now().alive, 1);
	/* Idle ones leave, too. */
	expect_done(sheaf_pool_resize(pool, 5));
	await_alive(5);
	expect_done(sheaf_pool_resize(pool, 3));
	await_alive(3);
	run_some(100);
	cr_assert_eq(workers_now().left, 9, "%d have left", (int)workers_now().left);
	await_inits(12);
	expect_done(sheaf_pool_get_info(pool, &info));
	cr_assert_eq(info.deaths, 0);
	expect_done(sheaf_pool_close(pool));
	expect_done(sheaf_pool_join(pool, hang_deadline()));
}

Test(elastic, a_pool_grows_and_shrinks_while_work_runs)
{
	grow_and_shrink(SHEAF_PROCESSES);
}

Test(elastic, a_pool_of_threads_grows_and_shrinks)
{
	grow_and_shrink(SHEAF_THREADS);
}

static void resize_often(enum sheaf_backend backend)
{
	sheaf_worker_options options = {.max_workers = 6};

	start_with(2, backend, &options);
	for (unsigned i = 0; i < 60; i++) {
		expect_done(sheaf_pool_resize(pool, 1 + i * 7 % 6));
		run_some(50);
	}
	cr_assert_eq(workers_now().wanted, 1 + 59 * 7 % 6);
	await_alive(1 + 59 * 7 % 6);
}

Test(elastic, nothing_is_lost_by_resizing_again_and_again)
{
	resize_often(SHEAF_PROCESSES);
}

Test(elastic, nothing_is_lost_by_resizing_threads_again_and_again)
{
	resize_often(SHEAF_THREADS);
}

static _Atomic int enough;

static void *resize_on(void *first)
{
	for (unsigned i = *(unsigned *)first; !atomic_load(&enough); i++)
		if (sheaf_pool_resize(pool, 1 + i % 6))
			return pool;
	return NULL;
}

Test(elastic, several_threads_resize_while_work_runs)
{
	sheaf_worker_options options = {.max_workers = 6};
	unsigned firsts[3] = {0, 2, 4};
	pthread_t threads[3];
	void *failed;

	start_with(2, SHEAF_PROCESSES, &options);
	for (unsigned i = 0; i < 3; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, resize_on, &firsts[i]), 0);
	for (unsigned i = 0; i < 40; i++)
		run_some(50);
	atomic_store(&enough, 1);
	for (unsigned i = 0; i < 3; i++) {
		pthread_join(threads[i], &failed);
		cr_assert_null(failed);
	}
	run_some(50);
}

Test(elastic, workers_that_are_killed_while_the_pool_is_resized_do_no_harm)
{
	sheaf_worker_options options = {.max_workers = 6};
	pid_t pid;

	kills = true;
	start_with(2, SHEAF_PROCESSES, &options);
	for (unsigned i = 0; i < 40; i++) {
		expect_done(sheaf_pool_resize(pool, 1 + i * 5 % 6));
		pid = sheaf_pool_worker_pid(pool, i % 6);
		if (pid > 0)
			kill(pid, SIGKILL);
		run_some(20);
	}
	await_alive(1 + 39 * 5 % 6);
}

/* Each position waits until eight workers do. */
static int meet_eight(sheaf_task *task, size_t first, size_t last, void *context)
{
	uint64_t deadline = hang_deadline();

	(void)task;
	(void)first;
	(void)last;
	(void)context;
	atomic_fetch_add(&desk->running, 1);
	while (atomic_load(&desk->running) < 8)
		if (sheaf_now_ns() > deadline)
			return -ETIMEDOUT;
	return 0;
}

static void *grow_later(void *unused)
{
	(void)unused;
	while (atomic_load(&desk->running) < 2)
		sleep_ns(100000);
	return sheaf_pool_resize(pool, 8) ? pool : NULL;
}

Test(elastic, new_workers_take_part_in_a_loop_that_runs)
{
	sheaf_worker_options options = {.max_workers = 8};
	pthread_t thread;
	void *failed;

	start_with(2, SHEAF_PROCESSES, &options);
	cr_assert_eq(pthread_create(&thread, NULL, grow_later, NULL), 0);
	expect_done(sheaf_for(pool, meet_eight, NULL, 8, &(sheaf_map_options){.grain = 1}));
	pthread_join(thread, &failed);
	cr_assert_null(failed);
}

Test(elastic, a_worker_that_dies_is_replaced_only_if_it_is_wanted)
{
	sheaf_worker_options options = {.max_workers = 4};
	pid_t pid;

	kills = true;
	start_with(4, SHEAF_PROCESSES, &options);
	expect_done(sheaf_pool_resize(pool, 2));
	await_alive(2);
	cr_assert_eq(sheaf_pool_worker_pid(pool, 3), 0);
	pid = sheaf_pool_worker_pid(pool, 1);
	cr_assert_gt(pid, 0);
	kill(pid, SIGKILL);
	run_some(100);
	await_alive(2);
}

Test(elastic, a_successor_of_the_supervisor_starts_as_many_as_are_wanted)
{
	sheaf_worker_options options = {.max_workers = 4};
	sheaf_pool_info info;

	start_with(4, SHEAF_PROCESSES, &options);
	expect_done(sheaf_pool_resize(pool, 2));
	await_alive(2);
	expect_done(sheaf_pool_get_info(pool, &info));
	kill(info.supervisor, SIGKILL);
	run_some(100);
	await_alive(2);
}

Test(elastic, tasks_that_are_left_to_others_run_after_the_others_have_gone)
{
	sheaf_worker_options options = {.max_workers = 4};

	start_with(4, SHEAF_PROCESSES, &options);
	expect_done(sheaf_pool_resize(pool, 1));
	await_alive(1);
	run_some(10);
}

Test(elastic, resize_refuses_what_it_cannot_do)
{
	sheaf_worker_options options = {.max_workers = 4};

	start_with(2, SHEAF_PROCESSES, &options);
	expect_failure(sheaf_pool_resize(pool, 0), -EINVAL, "sheaf_pool_resize: 0 workers: sheaf_pool_pause()");
	expect_failure(sheaf_pool_resize(pool, 5), -EINVAL, "5 workers, at most 4: raise worker_options->max_workers");
	expect_failure(sheaf_pool_resize(NULL, 5), -EINVAL, "NULL");
	cr_assert_eq(workers_now().wanted, 2);
	expect_done(sheaf_pool_close(pool));
	expect_failure(sheaf_pool_resize(pool, 3), -EPIPE, "closed");
	expect_done(sheaf_pool_terminate(pool));
	expect_failure(sheaf_pool_resize(pool, 3), -ECANCELED, "terminated");
}

static int resize_in_task(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	return sheaf_pool_resize(sheaf_task_pool(task), 2) == -EPERM && sheaf_pool_pause(sheaf_task_pool(task)) == -EPERM
		       ? 0
		       : -EPROTO;
}

Test(elastic, a_task_may_not_resize)
{
	start_with(2, SHEAF_PROCESSES, NULL);
	expect_done(sheaf_apply(pool, resize_in_task, NULL, 0, NULL, 0, NULL));
}

Test(elastic, a_pool_without_workers_cannot_be_resized)
{
	start_with(0, SHEAF_INLINE, NULL);
	expect_failure(sheaf_pool_resize(pool, 1), -ENOTSUP, "SHEAF_INLINE");
	expect_failure(sheaf_pool_pause(pool), -ENOTSUP, "SHEAF_INLINE");
}

static void expect_refused(unsigned workers, enum sheaf_backend backend, const sheaf_worker_options *options, int code,
			   const char *text)
{
	sheaf_pool_options all = {.workers = workers, .backend = backend, .worker_options = options};

	expect_failure(sheaf_pool_create(&pool, &all), code, text);
}

Test(elastic, options_that_cannot_be_are_refused)
{
	expect_refused(4, SHEAF_PROCESSES, &(sheaf_worker_options){.max_workers = 3}, -EINVAL,
		       "options.workers is 4, more than worker_options->max_workers, 3");
	expect_refused(4, SHEAF_PROCESSES, &(sheaf_worker_options){.max_workers = 5000}, -EINVAL, "at most 2048");
	expect_refused(4, SHEAF_PROCESSES, &(sheaf_worker_options){.min_workers = 1}, -EINVAL,
		       "worker_options->min_workers is set without on_demand");
	expect_refused(4, SHEAF_PROCESSES, &(sheaf_worker_options){.idle_ns = 1}, -EINVAL,
		       "worker_options->idle_ns is set without on_demand");
	expect_refused(4, SHEAF_PROCESSES, &(sheaf_worker_options){.on_demand = true, .min_workers = 5}, -EINVAL,
		       "worker_options->min_workers is 5, more than options.workers, 4");
	expect_refused(4, SHEAF_THREADS, &(sheaf_worker_options){.on_demand = true}, -ENOTSUP, "on_demand");
	expect_refused(0, SHEAF_INLINE, &(sheaf_worker_options){.max_workers = 2}, -ENOTSUP, "max_workers");
}

/* ---- on demand ---- */

Test(elastic, workers_start_when_tasks_need_them)
{
	sheaf_worker_options options = {.on_demand = true, .init = count_init};
	sheaf_batch *batch;

	start_with(6, SHEAF_PROCESSES, &options);
	cr_assert_eq(workers_now().alive, 0);
	cr_assert_eq(atomic_load(&desk->inits), 0);
	batch = submit_waiters(1);
	await_running(1);
	await_alive(1);
	open_desk(batch, 1);
	batch = submit_waiters(10);
	await_running(6);
	await_alive(6);
	open_desk(batch, 10);
	await_inits(6);
	cr_assert_eq(atomic_load(&desk->most), 6);
}

Test(elastic, tasks_one_at_a_time_get_their_results)
{
	sheaf_worker_options options = {.on_demand = true, .min_workers = 1};

	start_with(6, SHEAF_PROCESSES, &options);
	cr_assert_eq(workers_now().alive, 1);
	for (uint64_t i = 0, result; i < 200; i++) {
		expect_done(sheaf_apply(pool, add_up, &i, sizeof(i), &result, sizeof(result), NULL));
		cr_assert_eq(result, i + 1);
	}
}

Test(elastic, idle_workers_leave_and_come_back)
{
	sheaf_worker_options options = {.on_demand = true, .min_workers = 1, .idle_ns = 20000000};
	sheaf_pool_info info;
	sheaf_batch *batch;

	start_with(4, SHEAF_PROCESSES, &options);
	for (unsigned i = 0; i < 3; i++) {
		batch = submit_waiters(4);
		await_running(4);
		open_desk(batch, 4);
		await_alive(1);
	}
	run_some(100);
	expect_done(sheaf_pool_get_info(pool, &info));
	cr_assert_eq(info.deaths, 0);
	cr_assert_eq(info.workers, 4);
}

Test(elastic, a_pool_on_demand_survives_the_death_of_anybody)
{
	sheaf_worker_options options = {.on_demand = true, .idle_ns = 5000000};
	sheaf_pool_info info;
	pid_t pid;

	kills = true;
	start_with(4, SHEAF_PROCESSES, &options);
	for (unsigned i = 0; i < 10; i++) {
		run_some(20);
		pid = sheaf_pool_worker_pid(pool, i % 4);
		if (pid > 0)
			kill(pid, SIGKILL);
		run_some(20);
		expect_done(sheaf_pool_get_info(pool, &info));
		if (info.supervisor > 0)
			kill(info.supervisor, SIGKILL);
		run_some(20);
	}
	await_alive(0);
	run_some(20);
}

Test(elastic, a_pool_on_demand_is_resized)
{
	sheaf_worker_options options = {.on_demand = true, .max_workers = 6, .idle_ns = 20000000};
	sheaf_batch *batch;

	start_with(2, SHEAF_PROCESSES, &options);
	batch = submit_waiters(6);
	await_running(2);
	/* What waits already calls the new ones. */
	expect_done(sheaf_pool_resize(pool, 6));
	await_running(6);
	open_desk(batch, 6);
	await_alive(0);
	expect_done(sheaf_pool_resize(pool, 1));
	run_some(50);
	cr_assert_leq(workers_now().alive, 1);
}

Test(elastic, a_paused_pool_on_demand_calls_workers_when_it_is_resumed)
{
	sheaf_worker_options options = {.on_demand = true, .min_workers = 1};
	sheaf_batch *batch;

	start_with(4, SHEAF_PROCESSES, &options);
	for (unsigned i = 0; i < 5; i++) {
		expect_done(sheaf_pool_pause(pool));
		batch = submit_waiters(4);
		expect_done(sheaf_pool_resume(pool));
		await_running(4);
		open_desk(batch, 4);
	}
}

static int submit_inside(sheaf_task *task, const void *arg, void *result)
{
	sheaf_batch *batch;
	const sheaf_result *results;
	size_t n;
	int r;

	(void)arg;
	(void)result;
	if ((r = sheaf_batch_create(&batch, sheaf_task_pool(task), NULL)))
		return r;
	for (unsigned i = 0; i < 4 && !r; i++)
		r = sheaf_submit(batch, i, wait_at_desk, NULL, 0);
	return r ? r : sheaf_gather(batch, &results, &n, SHEAF_FOREVER);
}

Test(elastic, tasks_call_workers_for_what_they_submit)
{
	sheaf_worker_options options = {.on_demand = true};
	sheaf_batch *batch;

	start_with(4, SHEAF_PROCESSES, &options);
	expect_done(sheaf_batch_create(&batch, pool, NULL));
	expect_done(sheaf_submit(batch, 0, submit_inside, NULL, 0));
	await_running(4);
	open_desk(batch, 1);
}

Test(elastic, a_closed_pool_on_demand_runs_what_it_has)
{
	sheaf_worker_options options = {.on_demand = true};
	sheaf_batch *batch;

	start_with(4, SHEAF_PROCESSES, &options);
	batch = submit_waiters(8);
	expect_done(sheaf_pool_close(pool));
	open_desk(batch, 8);
	expect_done(sheaf_pool_join(pool, hang_deadline()));
}

/* ---- pause ---- */

static void pause_and_resume(enum sheaf_backend backend)
{
	const sheaf_result *results;
	sheaf_batch *batch, *more;
	size_t n;

	start_with(2, backend, NULL);
	batch = submit_waiters(1);
	await_running(1);
	expect_done(sheaf_pool_pause(pool));
	expect_done(sheaf_pool_pause(pool));
	/* What runs goes on, and nothing else begins, though a worker is idle. */
	more = submit_waiters(3);
	cr_assert_eq(sheaf_gather(more, &results, &n, sheaf_now_ns() + 50000000), -ETIMEDOUT);
	open_desk(batch, 1);
	cr_assert_eq(sheaf_gather(more, &results, &n, sheaf_now_ns() + 50000000), -ETIMEDOUT);
	cr_assert_eq(atomic_load(&desk->begun), 1);
	expect_done(sheaf_pool_close(pool));
	expect_failure(sheaf_pool_join(pool, hang_deadline()), -EBUSY, "paused: call sheaf_pool_resume() first");
	expect_done(sheaf_pool_resume(pool));
	expect_done(sheaf_pool_resume(pool));
	open_desk(more, 3);
	cr_assert_eq(atomic_load(&desk->begun), 4);
	expect_done(sheaf_pool_join(pool, hang_deadline()));
}

Test(elastic, a_paused_pool_begins_no_task)
{
	pause_and_resume(SHEAF_PROCESSES);
}

Test(elastic, a_paused_pool_of_threads_begins_no_task)
{
	pause_and_resume(SHEAF_THREADS);
}

/* The first ones pass, the others wait until the desk is open. */
static int pass_desk(sheaf_task *task, const void *in, void *out)
{
	while (sheaf_task_position(task) >= 8 && !atomic_load(&desk->open))
		sleep_ns(100000);
	atomic_fetch_add(&desk->begun, 1);
	*(uint64_t *)out = *(const uint64_t *)in + 1;
	return 0;
}

Test(elastic, a_map_rests_while_the_pool_is_paused)
{
	const sheaf_result *results;
	sheaf_batch *batch;
	unsigned begun;
	void *memory;
	uint64_t *in, *out;
	size_t n;

	start_with(2, SHEAF_PROCESSES, NULL);
	expect_done(sheaf_alloc_array(pool, 400, sizeof(*in), &memory));
	in = memory;
	out = in + 200;
	for (uint64_t i = 0; i < 200; i++)
		in[i] = i;
	expect_done(sheaf_batch_create(&batch, pool, NULL));
	expect_done(sheaf_submit_map(batch, pass_desk, in, sizeof(*in), out, sizeof(*out), 200, NULL));
	while (!atomic_load(&desk->begun))
		sleep_ns(100000);
	expect_done(sheaf_pool_pause(pool));
	atomic_store(&desk->open, 1);
	/* Chunks and blocks that were begun are ended first. */
	do {
		begun = atomic_load(&desk->begun);
		sleep_ns(50000000);
	} while (begun != atomic_load(&desk->begun));
	cr_assert_lt(begun, 200);
	expect_done(sheaf_pool_resume(pool));
	expect_done(sheaf_gather(batch, &results, &n, hang_deadline()));
	for (uint64_t i = 0; i < 200; i++)
		cr_assert_eq(out[i], i + 1);
	sheaf_batch_retire(batch);
}

Test(elastic, workers_that_die_in_a_pause_lose_nothing)
{
	sheaf_batch *batch;
	sheaf_pool_info info;

	start_with(2, SHEAF_PROCESSES, NULL);
	expect_done(sheaf_pool_pause(pool));
	batch = submit_waiters(4);
	kill(sheaf_pool_worker_pid(pool, 0), SIGKILL);
	await_alive(2);
	expect_done(sheaf_pool_get_info(pool, &info));
	kill(info.supervisor, SIGKILL);
	await_alive(2);
	cr_assert_eq(atomic_load(&desk->begun), 0);
	expect_done(sheaf_pool_resume(pool));
	open_desk(batch, 4);
}

Test(elastic, a_paused_pool_is_terminated)
{
	sheaf_batch *batch;
	const sheaf_result *results;
	size_t n;

	start_with(2, SHEAF_PROCESSES, NULL);
	expect_done(sheaf_pool_pause(pool));
	batch = submit_waiters(4);
	expect_done(sheaf_pool_terminate(pool));
	cr_assert_eq(sheaf_gather(batch, &results, &n, hang_deadline()), -ECANCELED);
	sheaf_batch_retire(batch);
}
