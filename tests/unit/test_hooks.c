/*
 * test_hooks.c - init and exit hooks of workers: they run once in each worker, what they do wrong
 * is told, and none of it loses a task; and workers that are recycled.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pools.h"
#include "sheaf_workers.h"
#include "support/deadline.h"

/* ---- what hooks do ---- */

enum deed {
	SUCCEED,
	FAIL,       /* return an error with a text */
	FAIL_BLANK, /* without a text */
	RETURN_5,
	CALL_EXIT,
	END_THREAD,
	CRASH,
	HANG,
};

/* Of both hooks. In memory that owner and workers share, and that is there before the pool. */
struct plan {
	_Atomic int inits, exits, running;
	_Atomic int deed;      /* of init */
	_Atomic int exit_deed; /* of exit */
	_Atomic int only;      /* the worker that does it; -1: all */
	_Atomic int after;     /* init does it from this call on */
};

static struct plan *plan;

static void set_up(void)
{
	begin();
	plan = mmap(NULL, sizeof(*plan), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(plan, MAP_FAILED);
	atomic_store(&plan->only, -1);
}

TestSuite(hooks, .init = set_up, .fini = end);

static void do_wrong(enum deed deed)
{
	switch (deed) {
	case CALL_EXIT:
		exit(3);
	case END_THREAD:
		pthread_exit(NULL);
	case CRASH:
		raise(SIGSEGV);
		break;
	case HANG:
		for (;;)
			pause();
	default:
		break;
	}
}

struct state {
	unsigned worker;
	pid_t pid;
	int tasks;
};

static int init(void **state, unsigned worker, void *context)
{
	struct plan *mine = context;
	int calls = atomic_fetch_add(&mine->inits, 1), only = atomic_load(&mine->only);
	enum deed deed = (enum deed)atomic_load(&mine->deed);
	struct state *own;

	if (*state)
		return sheaf_worker_fail(-EPROTO, "the state is not NULL before");
	if (deed && (only < 0 || (unsigned)only == worker) && calls >= atomic_load(&mine->after)) {
		if (deed == FAIL)
			return sheaf_worker_fail(-EDOM, "no model for worker %u", worker);
		if (deed == FAIL_BLANK)
			return -ENOENT;
		if (deed == RETURN_5)
			return 5;
		do_wrong(deed);
	}
	own = calloc(1, sizeof(*own));
	if (!own)
		return -ENOMEM;
	own->worker = worker;
	own->pid = getpid();
	*state = own;
	atomic_fetch_add(&mine->running, 1);
	return 0;
}

static void leave(void *state, unsigned worker, void *context)
{
	struct plan *mine = context;
	struct state *own = state;

	atomic_fetch_add(&mine->exits, own && own->worker == worker && own->pid == getpid() ? 1 : 1000000);
	do_wrong((enum deed)atomic_load(&mine->exit_deed));
	atomic_fetch_sub(&mine->running, 1);
	free(state);
}

static sheaf_worker_options hooks_with(sheaf_worker_options options)
{
	options.init = init;
	options.exit = leave;
	options.context = plan;
	return options;
}

static void start_hooked(unsigned workers, enum sheaf_backend backend, const sheaf_worker_options *hooks)
{
	start(&(sheaf_pool_options){.workers = workers, .heap_size = 16 << 20, .backend = backend, .worker_options = hooks});
}

static sheaf_workers_info workers_info(void)
{
	sheaf_workers_info info;

	expect_done(sheaf_pool_get_workers(pool, &info));
	return info;
}

static uint64_t deaths(void)
{
	sheaf_pool_info info;

	expect_done(sheaf_pool_get_info(pool, &info));
	return info.deaths;
}

static void await_count(_Atomic int *count, int wanted)
{
	uint64_t deadline = hang_deadline();

	while (atomic_load(count) < wanted && sheaf_now_ns() < deadline)
		nap();
	cr_assert_geq(atomic_load(count), wanted);
}

/* ---- tasks ---- */

/* Result: how many tasks had the state before this one. */
static int use_state(sheaf_task *task, const void *arg, void *result)
{
	struct state *own = sheaf_task_state(task);

	(void)arg;
	if (!own || own->pid != getpid() || own->worker != sheaf_task_worker(task))
		return sheaf_task_fail(task, -EPROTO, "the state is not this worker's");
	*(int *)result = own->tasks++;
	return 0;
}

static const sheaf_batch_options of_int = {.result_size = sizeof(int)};

static sheaf_batch *submit_tasks(sheaf_task_fn *fn, uint64_t n, const sheaf_batch_options *options)
{
	sheaf_batch *batch = new_batch(options);

	for (uint64_t p = 0; p < n; p++)
		expect_done(sheaf_submit(batch, p, fn, NULL, 0));
	return batch;
}

static void expect_all(sheaf_batch *batch, size_t wanted)
{
	const sheaf_result *results;
	size_t n;

	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0, "%s", sheaf_message());
	cr_assert_eq(n, wanted);
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(results[i].attempts, 1);
}

/* ---- they run, once in each worker ---- */

static void expect_hooks_run(enum sheaf_backend backend)
{
	sheaf_worker_options hooks = hooks_with((sheaf_worker_options){0});

	atomic_store(&plan->inits, 0);
	atomic_store(&plan->exits, 0);
	start_hooked(3, backend, &hooks);
	/* All are set up when the call returns. */
	cr_assert_eq(atomic_load(&plan->inits), 3);
	cr_assert_eq(atomic_load(&plan->exits), 0);
	expect_all(submit_tasks(use_state, 200, &of_int), 200);
	expect_pool_works(1000);
	cr_assert_eq(atomic_load(&plan->inits), 3);
	expect_done(sheaf_pool_close(pool));
	expect_done(sheaf_pool_join(pool, SHEAF_FOREVER));
	cr_assert_eq(atomic_load(&plan->exits), 3);
	end();
}

Test(hooks, initializer_runs_once_per_worker)
{
	expect_hooks_run(SHEAF_PROCESSES);
	expect_hooks_run(SHEAF_THREADS);
}

Test(hooks, run_again_in_each_replacement)
{
	sheaf_worker_options hooks;
	pid_t pid;

	hooks = hooks_with((sheaf_worker_options){0});
	start_hooked(1, SHEAF_PROCESSES, &hooks);
	pid = sheaf_pool_worker_pid(pool, 0);
	cr_assert_gt(pid, 0);
	cr_assert_eq(kill(pid, SIGKILL), 0);
	await_count(&plan->inits, 2);
	/* Not in the one that was killed. */
	expect_all(submit_tasks(use_state, 20, &of_int), 20);
	cr_assert_eq(atomic_load(&plan->exits), 0);
	expect_done(sheaf_pool_close(pool));
	expect_done(sheaf_pool_join(pool, SHEAF_FOREVER));
	cr_assert_eq(atomic_load(&plan->exits), 1);
	cr_assert_eq(deaths(), 1);
	end();
}

Test(hooks, exit_of_idle_workers_when_the_pool_is_destroyed)
{
	static const enum sheaf_backend backends[] = {SHEAF_PROCESSES, SHEAF_THREADS};
	sheaf_worker_options hooks;

	hooks = hooks_with((sheaf_worker_options){0});
	for (unsigned b = 0; b < 2; b++) {
		atomic_store(&plan->exits, 0);
		start_hooked(2, backends[b], &hooks);
		expect_all(submit_tasks(use_state, 20, &of_int), 20);
		end();
		cr_assert_eq(atomic_load(&plan->exits), 2);
	}
}

/* Only one of both. */
Test(hooks, each_may_be_left_out)
{
	sheaf_worker_options hooks;

	hooks = (sheaf_worker_options){.init = init, .context = plan};
	start_hooked(2, SHEAF_PROCESSES, &hooks);
	expect_all(submit_tasks(use_state, 20, &of_int), 20);
	end();
	hooks = (sheaf_worker_options){.exit = leave, .context = plan};
	start_hooked(2, SHEAF_PROCESSES, &hooks);
	expect_pool_works(100);
	end();
	/* Without a state the hook has counted so much. */
	cr_assert_eq(atomic_load(&plan->exits), 2000000);
	start_hooked(1, SHEAF_PROCESSES, &(sheaf_worker_options){0});
	expect_pool_works(100);
	end();
}

static int item_of_state(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	return use_state(task, NULL, result);
}

/* The owner has no state, so it runs nothing. */
Test(hooks, the_caller_runs_nothing_itself)
{
	sheaf_worker_options hooks;
	sheaf_batch *batch;
	void *memory;

	hooks = hooks_with((sheaf_worker_options){0});
	start_hooked(1, SHEAF_PROCESSES, &hooks);
	expect_done(sheaf_alloc_array(pool, 1000, sizeof(int), &memory));
	expect_done(
		sheaf_map(pool, item_of_state, NULL, 0, memory, sizeof(int), 1000, &(sheaf_map_options){.caller_works = true}));
	batch = submit_tasks(use_state, 100, &(sheaf_batch_options){.result_size = sizeof(int), .caller_works = true});
	expect_all(batch, 100);
	end();
}

/* ---- init fails ---- */

static void expect_no_pool(unsigned workers, enum sheaf_backend backend, enum deed deed, int code, const char *text)
{
	sheaf_worker_options hooks = hooks_with((sheaf_worker_options){.init_timeout_ns = 200000000});
	sheaf_pool *none = NULL;

	atomic_store(&plan->deed, deed);
	expect_failure(sheaf_pool_create(&none, &(sheaf_pool_options){.workers = workers,
								      .heap_size = 16 << 20,
								      .backend = backend,
								      .worker_options = &hooks}),
		       code, text);
	cr_assert_null(none);
	cr_assert_eq(count_children(), before.children);
}

Test(hooks, failing_initializer_fails_the_creation)
{
	for (unsigned workers = 1; workers <= 8; workers *= 2) {
		/* One of them, or all at once: each has its text. */
		atomic_store(&plan->only, workers == 4 ? 3 : -1);
		expect_no_pool(workers, SHEAF_PROCESSES, FAIL, -EDOM, "its init hook failed: no model for worker ");
		expect_no_pool(workers, SHEAF_THREADS, FAIL, -EDOM, "its init hook failed: no model for worker ");
		expect_no_pool(workers, SHEAF_PROCESSES, FAIL_BLANK, -ENOENT, "its init hook failed: no such file");
		expect_no_pool(workers, SHEAF_THREADS, FAIL_BLANK, -ENOENT, "its init hook failed: no such file");
	}
	expect_no_pool(2, SHEAF_PROCESSES, RETURN_5, -EINVAL, "it returned 5: a hook returns 0 or a negative errno");
	cr_assert_lt(atomic_load(&plan->exits), 1000000, "only those that were set up are cleared up");
}

Test(hooks, init_that_ends_its_worker_fails_the_creation)
{
	for (unsigned workers = 1; workers <= 2; workers++) {
		expect_no_pool(workers, SHEAF_PROCESSES, CRASH, -ECHILD,
			       "its init hook was killed by signal 11 (Segmentation fault)");
#ifdef __GLIBC__
		expect_no_pool(workers, SHEAF_PROCESSES, CALL_EXIT, -ECHILD, "its init hook called exit(3)");
#else
		expect_no_pool(workers, SHEAF_PROCESSES, CALL_EXIT, -ECHILD, "its init hook called exit()");
#endif
		expect_no_pool(workers, SHEAF_PROCESSES, END_THREAD, -ECHILD, "its init hook ended its thread");
	}
}

Test(hooks, init_that_never_returns_fails_the_creation)
{
	uint64_t began = sheaf_now_ns();

	expect_no_pool(2, SHEAF_PROCESSES, HANG, -ETIMEDOUT,
		       "its init hook took longer than 0.2 s: let it do less, or raise worker_options->init_timeout_ns");
	cr_assert_lt(sheaf_now_ns() - began, UINT64_C(10000000000));
}

/* ---- init fails in a replacement ---- */

static void kill_worker(unsigned worker)
{
	pid_t pid = sheaf_pool_worker_pid(pool, worker);

	cr_assert_gt(pid, 0);
	cr_assert_eq(kill(pid, SIGKILL), 0);
}

Test(hooks, a_replacement_is_set_up_again_until_it_works)
{
	sheaf_worker_options hooks;

	hooks = hooks_with((sheaf_worker_options){.init_timeout_ns = 50000000});
	start_hooked(1, SHEAF_PROCESSES, &hooks);
	for (enum deed deed = FAIL; deed <= HANG; deed++) {
		int inits = atomic_load(&plan->inits);
		sheaf_batch *batch;

		atomic_store(&plan->deed, deed);
		kill_worker(0);
		batch = submit_tasks(use_state, 10, &of_int);
		await_count(&plan->inits, inits + 2);
		atomic_store(&plan->deed, SUCCEED);
		expect_all(batch, 10);
	}
	cr_assert_geq(workers_info().init_failures, 7);
	end();
}

/* Those that are set up go on. */
Test(hooks, the_others_go_on_while_one_cannot_be_set_up)
{
	sheaf_worker_options hooks;

	hooks = hooks_with((sheaf_worker_options){0});
	start_hooked(2, SHEAF_PROCESSES, &hooks);
	atomic_store(&plan->only, 1);
	atomic_store(&plan->deed, FAIL);
	kill_worker(1);
	for (int i = 0; i < 20; i++)
		expect_all(submit_tasks(use_state, 50, &of_int), 50);
	await_count(&plan->inits, 5);
	expect_all(submit_tasks(use_state, 50, &of_int), 50);
	cr_assert_eq(deaths(), 1, "only the one that was killed");
	end();
}

static void expect_brake(enum sheaf_backend backend)
{
	sheaf_worker_options hooks = hooks_with((sheaf_worker_options){.recycle_tasks = 1});
	uint64_t began;
	sheaf_batch *batch;
	sheaf_result result;
	int r;

	atomic_store(&plan->deed, SUCCEED);
	start_hooked(1, backend, &hooks);
	atomic_store(&plan->deed, FAIL);
	began = sheaf_now_ns();
	batch = submit_tasks(use_state, 10, &of_int);
	/* The one that was done by the first worker is still handed out. */
	cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 1);
	r = sheaf_next(batch, &result, SHEAF_FOREVER);
	expect_failure(r, -ENOTRECOVERABLE, "no worker could be set up: worker 0: its init hook failed: no model for worker 0");
	cr_assert_gt(sheaf_now_ns() - began, UINT64_C(9000000000));
	cr_assert_lt(sheaf_now_ns() - began, UINT64_C(30000000000));
	end();
}

Test(hooks, replacement_cannot_be_set_up_calls_fail_with_the_reason)
{
	expect_brake(SHEAF_PROCESSES);
	expect_brake(SHEAF_THREADS);
}

/* ---- exit fails ---- */

static const struct {
	enum deed deed;
	const char *text;
} bad_exits[] = {
	{CRASH, "its exit hook was killed by signal 11 (Segmentation fault)"},
	{CALL_EXIT, "its exit hook called exit("},
	{END_THREAD, "its exit hook ended its thread"},
	{HANG, "its exit hook took longer than 0.1 s: let it do less, or raise worker_options->exit_timeout_ns"},
};

Test(hooks, an_exit_hook_that_fails_is_told_by_the_join)
{
	sheaf_worker_options hooks;

	hooks = hooks_with((sheaf_worker_options){.exit_timeout_ns = 100000000});
	for (unsigned i = 0; i < 4; i++) {
		const char *text = bad_exits[i].text;
		sheaf_batch *batch;

#ifndef __GLIBC__
		if (bad_exits[i].deed == CALL_EXIT)
			text = "its exit hook called exit()";
#endif
		atomic_store(&plan->exit_deed, SUCCEED);
		start_hooked(2, SHEAF_PROCESSES, &hooks);
		batch = submit_tasks(use_state, 30, &of_int);
		atomic_store(&plan->exit_deed, bad_exits[i].deed);
		expect_done(sheaf_pool_close(pool));
		expect_failure(sheaf_pool_join(pool, SHEAF_FOREVER), -ECHILD, text);
		expect_failure(sheaf_pool_join(pool, SHEAF_FOREVER), -ECHILD, ", and so did 1 more");
		/* With all results. */
		expect_all(batch, 30);
		cr_assert_eq(workers_info().exit_failures, 2);
		end();
	}
}

Test(hooks, an_exit_hook_does_not_hold_up_the_end)
{
	sheaf_worker_options hooks;

	hooks = hooks_with((sheaf_worker_options){.exit_timeout_ns = 100000000});
	for (unsigned i = 0; i < 4; i++) {
		uint64_t began;

		atomic_store(&plan->exit_deed, bad_exits[i].deed);
		start_hooked(2, SHEAF_PROCESSES, &hooks);
		began = sheaf_now_ns();
		end();
		cr_assert_lt(sheaf_now_ns() - began, UINT64_C(5000000000), "the end took %.1f s",
			     (double)(sheaf_now_ns() - began) / 1e9);
	}
}

/* Also of a worker that is recycled: the next one takes its place all the same. */
Test(hooks, an_exit_hook_that_fails_costs_no_task)
{
	sheaf_worker_options hooks;

	hooks = hooks_with((sheaf_worker_options){.exit_timeout_ns = 20000000, .recycle_tasks = 3});
	for (unsigned i = 0; i < 4; i++) {
		atomic_store(&plan->exit_deed, bad_exits[i].deed);
		start_hooked(2, SHEAF_PROCESSES, &hooks);
		expect_all(submit_tasks(use_state, 60, &of_int), 60);
		cr_assert_gt(workers_info().exit_failures, 10);
		end();
	}
}

/* ---- bad options ---- */

Test(hooks, options_that_are_refused)
{
	const uint64_t day = UINT64_C(86400000000000);
	sheaf_worker_options hooks = {.init_timeout_ns = SHEAF_FOREVER};
	sheaf_pool_options options = {.workers = 1, .heap_size = 1 << 20, .worker_options = &hooks};
	sheaf_workers_info info;

	expect_failure(sheaf_pool_create(&pool, &options), -EINVAL, "worker_options->init_timeout_ns is 1844674");
	hooks = (sheaf_worker_options){.exit_timeout_ns = day + 1};
	expect_failure(sheaf_pool_create(&pool, &options), -EINVAL, "worker_options->exit_timeout_ns is 86400000000001 ns");
	hooks = (sheaf_worker_options){.recycle_memory = 1 << 20};
	options.backend = SHEAF_THREADS;
	expect_failure(sheaf_pool_create(&pool, &options), -ENOTSUP, "threads have their memory in common");
	hooks = (sheaf_worker_options){.init_timeout_ns = day, .exit_timeout_ns = day};
	options.backend = SHEAF_PROCESSES;
	start(&options);
	expect_failure(sheaf_pool_get_workers(NULL, &info), -EINVAL, "pool is NULL");
	expect_failure(sheaf_pool_get_workers(pool, NULL), -EINVAL, "info is NULL");
}

/* ---- recycled after so many tasks ---- */

static int tell_pid(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	*(pid_t *)result = getpid();
	return 0;
}

static const sheaf_batch_options of_pid = {.result_size = sizeof(pid_t)};

static void start_recycled(unsigned workers, uint64_t tasks)
{
	sheaf_worker_options options = {.recycle_tasks = tasks};

	start_hooked(workers, SHEAF_PROCESSES, &options);
}

/* CPython, test_pool_worker_lifetime: N = 10 with 100 tasks: all pids changed. */
Test(hooks, maxtasksperchild_10_with_100_tasks)
{
	const sheaf_result *results;
	pid_t pids[3];
	sheaf_batch *batch;
	size_t n;

	start_recycled(3, 10);
	for (unsigned w = 0; w < 3; w++)
		pids[w] = sheaf_pool_worker_pid(pool, w);
	batch = submit_tasks(mix_position, 100, &(sheaf_batch_options){.result_size = 8});
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0);
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(value_of(&results[i]), mix(i));
	for (int rounds = 0; rounds < 100 && workers_info().left < 10; rounds++)
		expect_all(submit_tasks(mix_position, 30, &(sheaf_batch_options){.result_size = 8}), 30);
	cr_assert_geq(workers_info().left, 10);
	/* Every worker has had ten of so many, sooner or later. */
	for (int rounds = 0; rounds < 1000; rounds++) {
		bool same = false;

		for (unsigned w = 0; w < 3; w++)
			same |= sheaf_pool_worker_pid(pool, w) == pids[w];
		if (!same)
			break;
		expect_all(submit_tasks(mix_position, 30, &(sheaf_batch_options){.result_size = 8}), 30);
		cr_assert_lt(rounds, 999, "a worker is never recycled");
	}
	cr_assert_eq(deaths(), 0);
}

/* CPython, test_pool_worker_lifetime_early_close: N = 1, closed before all has run. */
Test(hooks, maxtasksperchild_1_with_an_early_close)
{
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n;

	start_recycled(3, 1);
	batch = submit_tasks(mix_position, 6, &(sheaf_batch_options){.result_size = 8});
	expect_done(sheaf_pool_close(pool));
	expect_done(sheaf_pool_join(pool, SHEAF_FOREVER));
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0);
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(value_of(&results[i]), mix(i));
	cr_assert_eq(deaths(), 0);
}

/* CPython, test_max_tasks_per_child: the same pid three times, and the fourth differs. */
Test(hooks, max_tasks_per_child_3)
{
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n;

	start_recycled(1, 3);
	batch = submit_tasks(tell_pid, 30, &of_pid);
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0);
	for (size_t i = 1; i < n; i++) {
		pid_t mine = *(const pid_t *)results[i].data, last = *(const pid_t *)results[i - 1].data;

		cr_assert_eq(mine == last, i % 3 != 0, "task %zu", i);
	}
}

/* CPython, gh-115634: (workers, max, tasks) = (1, 2, 6) and (2, 2, 8) must not deadlock. */
Test(hooks, max_tasks_per_child_does_not_deadlock)
{
	static const unsigned cases[][3] = {{1, 2, 6}, {2, 2, 8}, {3, 1, 6}};

	for (unsigned c = 0; c < 3; c++)
		for (int times = 0; times < 10; times++) {
			start_recycled(cases[c][0], cases[c][1]);
			expect_all(submit_tasks(tell_pid, cases[c][2], &of_pid), cases[c][2]);
			/* And once more, when all have come to their end. */
			expect_all(submit_tasks(tell_pid, cases[c][2], &of_pid), cases[c][2]);
			end();
		}
}

/* CPython, test_max_tasks_early_shutdown: reached after the close, what is left still runs. */
Test(hooks, max_tasks_per_child_reached_after_the_close)
{
	struct gate *gate;
	sheaf_batch *batch, *held;

	start_recycled(1, 2);
	gate = new_gate();
	held = new_batch(NULL);
	expect_done(sheaf_submit(held, 0, wait_at_gate, &gate, sizeof(gate)));
	batch = submit_tasks(tell_pid, 20, &of_pid);
	expect_done(sheaf_pool_close(pool));
	gate_open(gate);
	expect_done(sheaf_pool_join(pool, SHEAF_FOREVER));
	expect_all(batch, 20);
	cr_assert_geq(workers_info().left, 9);
}

Test(hooks, recycled_in_maps_and_loops)
{
	static const uint64_t after[] = {1, 2, 7, 100};

	for (unsigned i = 0; i < 4; i++) {
		start_recycled(2, after[i]);
		expect_pool_works(20000);
		expect_pool_works(64);
		cr_assert(after[i] > 7 || workers_info().left > 3, "%llu have left", (unsigned long long)workers_info().left);
		cr_assert_eq(deaths(), 0);
		end();
	}
}

Test(hooks, threads_are_recycled_too)
{
	sheaf_worker_options options;

	options = hooks_with((sheaf_worker_options){.recycle_tasks = 5});
	start_hooked(2, SHEAF_THREADS, &options);
	expect_all(submit_tasks(use_state, 200, &of_int), 200);
	cr_assert_geq(atomic_load(&plan->inits), 30);
	expect_pool_works(1000);
	end();
	cr_assert_eq(atomic_load(&plan->running), 0, "each that was set up was cleared up");
}

/* ---- recycled for their memory ---- */

static int grow(sheaf_task *task, const void *arg, void *result)
{
	const size_t size = 4 << 20;
	/* Volatile: else the compiler leaves out what nobody reads. */
	volatile char *leak = malloc(size);

	(void)task;
	(void)arg;
	if (!leak)
		return -ENOMEM;
	for (size_t i = 0; i < size; i += 4096)
		leak[i] = 1;
	/* Memory is asked for at most 200 times a second. */
	usleep(6000);
	return tell_pid(task, NULL, result);
}

/* Shared memory does not count. */
static int touch_shared(sheaf_task *task, const void *arg, void *result)
{
	void *memory;

	memcpy(&memory, arg, sizeof(memory));
	memset(memory, 1, 64 << 20);
	usleep(6000);
	return tell_pid(task, NULL, result);
}

Test(hooks, memory_leak_guard_recycles_the_worker)
{
	sheaf_worker_options options = {.recycle_memory = 20 << 20};
	const sheaf_result *results;
	unsigned changes = 0;
	sheaf_batch *batch;
	void *memory;
	size_t n;
	int r = sheaf_pool_create(&pool,
				  &(sheaf_pool_options){.workers = 1, .heap_size = 256 << 20, .worker_options = &options});

	if (r == -ENOTSUP) {
		expect_failure(r, -ENOTSUP, "this system does not tell how much memory a process has");
		return;
	}
	expect_done(r);
	batch = submit_tasks(grow, 36, &of_pid);
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0);
	for (size_t i = 1; i < n; i++)
		changes += *(const pid_t *)results[i].data != *(const pid_t *)results[i - 1].data;
	/* After six tasks of 4 MiB it has grown by more than 20. */
	cr_assert(changes >= 4 && changes <= 7, "%u changes", changes);
	expect_done(sheaf_alloc(pool, 64 << 20, &memory));
	batch = new_batch(&of_pid);
	for (uint64_t p = 0; p < 5; p++)
		expect_done(sheaf_submit(batch, p, touch_shared, &memory, sizeof(memory)));
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0);
	for (size_t i = 2; i < n; i++)
		cr_assert_eq(*(const pid_t *)results[i].data, *(const pid_t *)results[1].data);
	cr_assert_eq(deaths(), 0);
}
