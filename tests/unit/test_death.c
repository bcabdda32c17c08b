/*
 * test_death.c - tasks that end their worker, in every way: each is retried, then fails alone, and
 * its result says how it ended.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "pools.h"
#include "support/deadline.h"

static void set_up(void)
{
	begin();
	start_workers(2);
}

TestSuite(death, .init = set_up, .fini = end);

enum way { BY_EXIT_0, BY_EXIT_3, BY_ABORT, BY_SEGV, BY_KILL, WAYS };

static const struct {
	int signal, exit_code;
	const char *text;
} ways[WAYS] = {
#ifdef __GLIBC__
	[BY_EXIT_0] = {0, 0, "called exit(0)"},
	[BY_EXIT_3] = {0, 3, "called exit(3)"},
#else /* others tell no handler the code */
	[BY_EXIT_0] = {0, 255, "called exit()"},
	[BY_EXIT_3] = {0, 255, "called exit()"},
#endif
	[BY_ABORT] = {SIGABRT, -1, "was killed by signal 6 (Aborted)"},
	[BY_SEGV] = {SIGSEGV, -1, "was killed by signal 11 (Segmentation fault)"},
	[BY_KILL] = {SIGKILL, -1, "was killed by signal 9 (Killed)"},
};

static void die(enum way way)
{
	switch (way) {
	case BY_EXIT_0:
		exit(0);
	case BY_EXIT_3:
		exit(3);
	case BY_ABORT:
		abort();
	case BY_SEGV:
		raise(SIGSEGV); /* a fault itself would be a finding of the sanitizers */
		return;
	default:
		kill(getpid(), SIGKILL);
	}
}

struct plan {
	enum way way;
	uint64_t positions;  /* dies at the multiples of it */
	unsigned attempts;   /* and in so many attempts */
	_Atomic int *deaths; /* that it began */
};

static void follow(const struct plan *plan, uint64_t position, unsigned attempt)
{
	if (position % plan->positions || attempt > plan->attempts)
		return;
	atomic_fetch_add(plan->deaths, 1);
	die(plan->way);
}

/* Argument: a plan. */
static int die_as_planned(sheaf_task *task, const void *arg, void *result)
{
	const struct plan *plan = arg;

	follow(plan, sheaf_task_position(task), sheaf_task_attempt(task));
	*(uint64_t *)result = mix(sheaf_task_position(task));
	return 0;
}

static _Atomic int *new_counter(void)
{
	void *memory;

	expect_done(sheaf_alloc(pool, sizeof(_Atomic int), &memory));
	return memory;
}

static void expect_deaths(int count)
{
	uint64_t deadline = hang_deadline();
	sheaf_pool_info info;

	/* A death is counted after it is settled. */
	do
		expect_done(sheaf_pool_get_info(pool, &info));
	while (info.deaths < (uint64_t)count && sheaf_now_ns() < deadline);
	cr_assert_eq(info.deaths, (uint64_t)count, "%llu deaths", (unsigned long long)info.deaths);
	cr_assert_eq(info.supervisors, 1);
}

/* The result of a position that killed its worker in each of so many attempts. */
static void expect_death(const sheaf_result *result, enum way way, unsigned attempts)
{
	char text[300];

	cr_assert_eq(result->status, -ECHILD);
	cr_assert_eq(result->signal, ways[way].signal);
	cr_assert_eq(result->exit_code, ways[way].exit_code);
	cr_assert_eq(result->attempts, attempts, "%u", result->attempts);
	cr_assert_null(result->data);
	cr_assert_eq(result->size, 0);
	cr_assert(result->worker == 0 || result->worker == 1);
	cr_assert_gt(result->pid, 0);
	if (attempts == 1)
		snprintf(text, sizeof(text), "position %llu: worker %d (pid %ld) %s in its only attempt, after ",
			 (unsigned long long)result->position, result->worker, (long)result->pid, ways[way].text);
	else
		snprintf(text, sizeof(text), "position %llu: worker %d (pid %ld) %s in attempt %u, the last, after ",
			 (unsigned long long)result->position, result->worker, (long)result->pid, ways[way].text, attempts);
	cr_assert_eq(strncmp(result->message, text, strlen(text)), 0, "\"%s\" instead of \"%s...\"", result->message, text);
	cr_assert(result->started_ns && result->started_ns <= result->finished_ns);
}

/* ---- submitted tasks ---- */

Test(death, of_a_submitted_task_fails_its_position_alone)
{
	_Atomic int *deaths = new_counter();
	int all = 0;

	for (enum way way = 0; way < WAYS; way++) {
		struct plan plan = {.way = way, .positions = 25, .attempts = 99, .deaths = deaths};
		sheaf_batch *batch = new_batch(&(sheaf_batch_options){.result_size = 8});
		const sheaf_result *results;
		size_t n;

		atomic_store(deaths, 0);
		for (uint64_t p = 0; p < 100; p++)
			expect_done(sheaf_submit(batch, p, die_as_planned, &plan, sizeof(plan)));
		cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 4);
		for (uint64_t p = 0; p < n; p++) {
			if (p % 25 == 0) {
				expect_death(&results[p], way, 3);
				continue;
			}
			cr_assert_eq(results[p].status, 0, "%s", results[p].message);
			cr_assert_eq(results[p].attempts, 1);
			cr_assert_eq(value_of(&results[p]), mix(p));
		}
		cr_assert_eq(atomic_load(deaths), 12);
		sheaf_batch_retire(batch);
		expect_deaths(all += 12);
	}
}

Test(death, of_a_first_attempt_is_made_good)
{
	_Atomic int *deaths = new_counter();

	for (enum way way = 0; way < WAYS; way++) {
		struct plan plan = {.way = way, .positions = 10, .attempts = 1, .deaths = deaths};
		sheaf_batch *batch = new_batch(&(sheaf_batch_options){.result_size = 8});
		const sheaf_result *results;
		size_t n;

		atomic_store(deaths, 0);
		for (uint64_t p = 0; p < 100; p++)
			expect_done(sheaf_submit(batch, p, die_as_planned, &plan, sizeof(plan)));
		cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0);
		for (uint64_t p = 0; p < n; p++) {
			cr_assert_eq(results[p].attempts, p % 10 ? 1 : 2);
			cr_assert_eq(value_of(&results[p]), mix(p));
			cr_assert_str_empty(results[p].message);
		}
		cr_assert_eq(atomic_load(deaths), 10);
	}
}

Test(death, is_retried_as_often_as_told)
{
	static const unsigned limits[][2] = {{0, 5}, {1, 1}, {2, 2}, {SHEAF_MAX_ATTEMPTS, SHEAF_MAX_ATTEMPTS}};
	struct plan plan = {.way = BY_KILL, .positions = 1, .attempts = 99};
	uint64_t value = 4711;

	end();
	start(&(sheaf_pool_options){.workers = 2, .max_attempts = 5, .heap_size = 16 << 20});
	plan.deaths = new_counter();
	for (int i = 0; i < 4; i++) {
		sheaf_batch *batch = new_batch(&(sheaf_batch_options){.result_size = 8, .max_attempts = limits[i][0]});
		sheaf_result result;

		atomic_store(plan.deaths, 0);
		expect_done(sheaf_submit(batch, 9, die_as_planned, &plan, sizeof(plan)));
		cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 1);
		expect_death(&result, BY_KILL, limits[i][1]);
		cr_assert_eq(atomic_load(plan.deaths), (int)limits[i][1]);

		atomic_store(plan.deaths, 0);
		expect_failure(sheaf_apply(pool, die_as_planned, &plan, sizeof(plan), &value, 8,
					   &(sheaf_map_options){.max_attempts = limits[i][0]}),
			       -ECHILD, "was killed by signal 9 (Killed)");
		cr_assert_eq(atomic_load(plan.deaths), (int)limits[i][1]);
	}
	cr_assert_eq(value, 4711);
}

/* The last attempt may still succeed, with a result that the dead ones had begun to write. */
static int write_and_die(sheaf_task *task, const void *arg, void *result)
{
	const struct plan *plan = arg;
	unsigned char *bytes = result;
	void *memory;

	for (int i = 0; i < 1000; i++)
		if (bytes[i])
			return sheaf_task_fail(task, -EIO, "byte %d is not zero", i);
	if (sheaf_task_result(task, 100000, &memory))
		return -ENOMEM;
	memset(result, (int)sheaf_task_attempt(task), 1000);
	memset(memory, (int)sheaf_task_attempt(task), 100000);
	follow(plan, sheaf_task_position(task), sheaf_task_attempt(task));
	return 0;
}

Test(death, leaves_nothing_in_the_next_attempts_result)
{
	struct plan plan = {.way = BY_KILL, .positions = 1, .attempts = 2, .deaths = new_counter()};
	sheaf_batch *batch = new_batch(&(sheaf_batch_options){.result_size = 1000});
	sheaf_pool_info before_batch, info;
	sheaf_result result;

	expect_done(sheaf_pool_get_info(pool, &before_batch));
	for (uint64_t p = 0; p < 20; p++)
		expect_done(sheaf_submit(batch, p, write_and_die, &plan, sizeof(plan)));
	for (uint64_t p = 0; p < 20; p++) {
		cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 1);
		cr_assert_eq(result.status, 0, "%s", result.message);
		cr_assert_eq(result.attempts, 3);
		cr_assert_eq(result.size, 100000);
		for (size_t i = 0; i < result.size; i++)
			cr_assert_eq(((unsigned char *)result.data)[i], 3);
	}
	sheaf_batch_retire(batch);
	expect_done(sheaf_pool_get_info(pool, &info));
	cr_assert_eq(info.heap_used, before_batch.heap_used, "also what the dead had taken is free");
}

/* ---- maps ---- */

/* In: the plan, for each item. Out: */
struct item {
	uint64_t value;
	_Atomic uint64_t runs; /* begun */
};

static int run_item(sheaf_task *task, const void *arg, void *result)
{
	const struct plan *const *plan = arg;
	struct item *item = result;

	atomic_fetch_add(&item->runs, 1);
	follow(*plan, sheaf_task_position(task), sheaf_task_attempt(task));
	item->value = mix(sheaf_task_position(task));
	return 0;
}

static void *new_memory(size_t size)
{
	void *memory;

	expect_done(sheaf_alloc(pool, size, &memory));
	return memory;
}

Test(death, in_a_map_fails_its_position_alone_for_any_cut)
{
	struct plan *plan = new_memory(sizeof(*plan));
	const struct plan **in = new_memory(1000 * sizeof(*in));

	for (int i = 0; i < 1000; i++)
		in[i] = plan;
	*plan = (struct plan){.positions = 250, .attempts = 99, .deaths = new_counter()};
	for (size_t grain = 0; grain < 1000; grain += grain ? 99 : 1) {
		struct item *out = new_memory(1000 * sizeof(*out));
		sheaf_batch *batch = new_batch(NULL);
		const sheaf_result *results;
		size_t n;

		plan->way = (enum way)(grain % WAYS);
		atomic_store(plan->deaths, 0);
		expect_done(sheaf_submit_map(batch, run_item, in, sizeof(*in), out, sizeof(*out), 1000,
					     &(sheaf_map_options){.grain = grain}));
		cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 4);
		for (uint64_t p = 0; p < n; p++) {
			if (p % 250 == 0) {
				expect_death(&results[p], plan->way, 3);
				cr_assert_eq(out[p].runs, 3);
				continue;
			}
			cr_assert_eq(results[p].status, 0, "%s", results[p].message);
			cr_assert_eq(out[p].value, mix(p));
			cr_assert_eq(out[p].runs, 1, "done positions are not run again");
		}
		cr_assert_eq(atomic_load(plan->deaths), 12);
		sheaf_batch_retire(batch);
		expect_done(sheaf_free(pool, out));
	}
}

Test(death, in_a_map_of_a_first_attempt_is_made_good)
{
	struct plan *plan = new_memory(sizeof(*plan));
	const struct plan **in = new_memory(300 * sizeof(*in));
	struct item *out = new_memory(300 * sizeof(*out));

	for (int i = 0; i < 300; i++)
		in[i] = plan;
	for (size_t grain = 1; grain <= 300; grain *= 10) {
		*plan = (struct plan){.way = BY_EXIT_0, .positions = 7, .attempts = 1, .deaths = new_counter()};
		memset(out, 0, 300 * sizeof(*out));
		expect_done(sheaf_map(pool, run_item, in, sizeof(*in), out, sizeof(*out), 300,
				      &(sheaf_map_options){.grain = grain}));
		for (uint64_t p = 0; p < 300; p++) {
			cr_assert_eq(out[p].value, mix(p));
			cr_assert_eq(out[p].runs, p % 7 ? 1 : 2);
		}
		cr_assert_eq(atomic_load(plan->deaths), 43);
	}
}

Test(death, of_every_item_fails_every_position)
{
	struct plan *plan = new_memory(sizeof(*plan));
	const struct plan **in = new_memory(40 * sizeof(*in));
	struct item *out = new_memory(40 * sizeof(*out));

	for (int i = 0; i < 40; i++)
		in[i] = plan;
	*plan = (struct plan){.way = BY_KILL, .positions = 1, .attempts = 99, .deaths = new_counter()};
	expect_failure(sheaf_map(pool, run_item, in, sizeof(*in), out, sizeof(*out), 40, NULL), -ECHILD,
		       " s (39 other positions failed, too)");
	cr_assert_eq(strncmp(sheaf_message(), "position 0: worker ", 19), 0, "%s", sheaf_message());
	cr_assert_eq(atomic_load(plan->deaths), 120);
	expect_pool_works(1000);
}

/* ---- loops ---- */

struct loop {
	struct plan plan;
	_Atomic unsigned runs[200];
};

static int run_range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct loop *loop = context;

	for (size_t p = begin; p < end; p++) {
		atomic_fetch_add(&loop->runs[p], 1);
		follow(&loop->plan, p, sheaf_task_attempt(task));
	}
	return 0;
}

Test(death, in_a_loop_fails_its_position_alone)
{
	for (size_t grain = 1; grain <= 200; grain += 199 / 5) {
		struct loop *loop = new_memory(sizeof(*loop));
		sheaf_batch *batch = new_batch(NULL);
		const sheaf_result *results;
		size_t n;

		loop->plan = (struct plan){.way = BY_SEGV, .positions = 77, .attempts = 99, .deaths = new_counter()};
		expect_done(sheaf_submit_for(batch, run_range, loop, 200, &(sheaf_map_options){.grain = grain}));
		cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 3);
		for (uint64_t p = 0; p < n; p++) {
			if (p % 77 == 0) {
				expect_death(&results[p], BY_SEGV, 3);
				cr_assert_eq(loop->runs[p], 3);
			} else {
				cr_assert_eq(results[p].status, 0, "position %d: %s", (int)p, results[p].message);
				cr_assert_geq(loop->runs[p], 1);
			}
		}
		cr_assert_eq(atomic_load(loop->plan.deaths), 9);
	}
}

Test(death, in_a_loop_of_a_first_attempt_is_made_good)
{
	struct loop *loop = new_memory(sizeof(*loop));

	loop->plan = (struct plan){.way = BY_EXIT_3, .positions = 50, .attempts = 1, .deaths = new_counter()};
	expect_done(sheaf_for(pool, run_range, loop, 200, &(sheaf_map_options){.grain = 60}));
	for (int p = 0; p < 200; p++)
		cr_assert_geq(loop->runs[p], 1);
}

/* Which position killed cannot be known, and none may run twice. */
Test(death, in_a_loop_that_may_run_only_once_fails_the_range)
{
	struct loop *loop = new_memory(sizeof(*loop));

	loop->plan = (struct plan){.way = BY_EXIT_3, .positions = 1000, .attempts = 99, .deaths = new_counter()};
	expect_failure(sheaf_for(pool, run_range, loop, 200, &(sheaf_map_options){.grain = 10, .max_attempts = 1}), -ECHILD,
		       " s (9 other positions failed, too)");
	for (int p = 1; p < 200; p++)
		cr_assert_eq(loop->runs[p], p >= 10);
	cr_assert_eq(atomic_load(loop->plan.deaths), 1);
}

/* ---- the pool goes on ---- */

Test(death, brings_a_new_worker_of_the_same_number)
{
	pid_t pids[2] = {sheaf_pool_worker_pid(pool, 0), sheaf_pool_worker_pid(pool, 1)}, pid;

	cr_assert_eq(kill(pids[1], SIGKILL), 0);
	while ((pid = sheaf_pool_worker_pid(pool, 1)) == pids[1] || !pid)
		nap();
	cr_assert_eq(sheaf_pool_worker_pid(pool, 0), pids[0]);
	expect_pool_works(1000);
	expect_deaths(1);
}

Test(death, of_idle_workers_does_no_harm)
{
	for (int i = 0; i < 10; i++) {
		pid_t pid = sheaf_pool_worker_pid(pool, (unsigned)i % 2);

		if (pid)
			kill(pid, SIGKILL);
		expect_pool_works(500);
	}
}

/* Tasks that die together, each time after all have begun. */
struct poison {
	_Atomic unsigned begun[SHEAF_MAX_ATTEMPTS + 1];
};

static int die_together(sheaf_task *task, const void *arg, void *result)
{
	struct poison *poison = *(struct poison *const *)arg;
	unsigned attempt = sheaf_task_attempt(task);

	(void)result;
	atomic_fetch_add(&poison->begun[attempt], 1);
	while (atomic_load(&poison->begun[attempt]) < 12)
		nap();
	return die(BY_KILL), 0;
}

/*
 * No position is given up before all have had nearly all their attempts; that must not look like a
 * pool without progress.
 */
Test(death, of_all_workers_at_once_does_not_stop_the_pool)
{
	struct poison *poison;
	sheaf_batch *batch;
	const sheaf_result *results;
	size_t n;
	int r;

	end();
	start(&(sheaf_pool_options){.workers = 12, .max_attempts = SHEAF_MAX_ATTEMPTS, .heap_size = 16 << 20});
	poison = new_memory(sizeof(*poison));
	batch = new_batch(NULL);
	for (uint64_t p = 0; p < 12; p++)
		expect_done(sheaf_submit(batch, p, die_together, &poison, sizeof(poison)));
	r = sheaf_gather(batch, &results, &n, SHEAF_FOREVER);
	cr_assert_eq(r, 12, "%d: %s", r, sheaf_message());
	for (uint64_t p = 0; p < 12; p++)
		cr_assert_eq(results[p].attempts, SHEAF_MAX_ATTEMPTS);
	expect_pool_works(1000);
}

/*
 * Workers die with nothing in hand, so that nothing can be given up: a pool that went on would fork
 * for ever.
 */
Test(death, without_any_progress_stops_the_pool)
{
	uint64_t start_ns = sheaf_now_ns();
	sheaf_batch *batch = new_batch(NULL), *another;
	sheaf_pool_info info;
	sheaf_result result;
	int r;

	do {
		for (unsigned worker = 0; worker < 2; worker++) {
			pid_t pid = sheaf_pool_worker_pid(pool, worker);

			if (pid > 0)
				kill(pid, SIGKILL);
		}
		r = sheaf_batch_create(&another, pool, NULL);
		if (!r)
			sheaf_batch_retire(another);
	} while (!r && sheaf_now_ns() - start_ns < UINT64_C(3000000000));
	if (!r)
		skip("this machine is too slow to end so many workers within a second");
	expect_failure(r, -ENOTRECOVERABLE, "the pool stopped: its workers died again and again without ending a single task");
	expect_failure(sheaf_submit(batch, 0, do_nothing, NULL, 0), -ENOTRECOVERABLE, "the pool stopped");
	expect_failure(sheaf_apply(pool, do_nothing, NULL, 0, NULL, 0, NULL), -ENOTRECOVERABLE, "the pool stopped");
	expect_failure(sheaf_pool_close(pool), -ENOTRECOVERABLE, "the pool stopped");
	expect_failure(sheaf_pool_join(pool, SHEAF_FOREVER), -ENOTRECOVERABLE, "the pool stopped");
	cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 0);
	expect_done(sheaf_pool_get_info(pool, &info));
	cr_assert_geq(info.deaths, 64);
}

Test(death, of_the_supervisor_is_made_good)
{
	sheaf_batch *batch = new_batch(&(sheaf_batch_options){.result_size = 8});
	struct gate *gate = new_gate();
	const sheaf_result *results;
	sheaf_pool_info info;
	size_t n;

	for (uint64_t p = 0; p < 100; p++)
		expect_done(sheaf_submit(batch, p, p < 2 ? wait_at_gate : mix_position, &gate, sizeof(gate)));
	gate_await(gate, 2);
	expect_done(sheaf_pool_get_info(pool, &info));
	cr_assert_eq(kill(info.supervisor, SIGKILL), 0);
	gate_open(gate);
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0, "%s", sheaf_message());
	cr_assert_eq(n, 100);
	for (uint64_t p = 2; p < n; p++)
		cr_assert_eq(value_of(&results[p]), mix(p));
	/* A waiter checks ten times a second which processes live. */
	do {
		expect_pool_works(1000);
		expect_done(sheaf_pool_get_info(pool, &info));
	} while (info.supervisors < 2);
	cr_assert_eq(info.supervisors, 2);
	cr_assert_eq(count_zombies(), 0);
}

Test(death, while_closing_still_runs_everything)
{
	struct plan plan = {.way = BY_EXIT_0, .positions = 10, .attempts = 1, .deaths = new_counter()};
	sheaf_batch *batch = new_batch(&(sheaf_batch_options){.result_size = 8});
	const sheaf_result *results;
	size_t n;

	for (uint64_t p = 0; p < 500; p++)
		expect_done(sheaf_submit(batch, p, die_as_planned, &plan, sizeof(plan)));
	expect_done(sheaf_pool_close(pool));
	expect_done(sheaf_pool_join(pool, SHEAF_FOREVER));
	cr_assert_eq(sheaf_gather(batch, &results, &n, 0), 0);
	cr_assert_eq(n, 500);
	for (uint64_t p = 0; p < n; p++)
		cr_assert_eq(value_of(&results[p]), mix(p));
	cr_assert_eq(atomic_load(plan.deaths), 50);
}
