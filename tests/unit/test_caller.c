/*
 * test_caller.c - maps and loops in which the calling thread works, too.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "pools.h"
#include "support/deadline.h"

#define WORKERS 3

static const sheaf_map_options alone = {.caller_works = true}, singly = {.caller_works = true, .grain = 1};

static void set_up(void)
{
	begin();
	start_workers(WORKERS);
}

TestSuite(caller, .init = set_up, .fini = end);

static void *new_memory(size_t size)
{
	void *memory;

	expect_done(sheaf_alloc(pool, size, &memory));
	return memory;
}

/* Between caller and workers. */
struct notes {
	pid_t caller;
	_Atomic unsigned runs[20011];
	_Atomic unsigned inside, by_caller, deaths;
	_Atomic bool wrong;
};

static struct notes *new_notes(void)
{
	struct notes *notes = new_memory(sizeof(*notes));

	notes->caller = getpid();
	return notes;
}

static bool in_caller(struct notes *notes, const sheaf_task *task)
{
	bool caller = getpid() == notes->caller;

	if (caller != (sheaf_task_worker(task) == WORKERS))
		notes->wrong = true;
	notes->by_caller += caller;
	return caller;
}

static int count_range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct notes *notes = context;

	in_caller(notes, task);
	for (size_t p = begin; p < end; p++)
		notes->runs[p]++;
	return 0;
}

Test(caller, covers_each_position_once)
{
	static const size_t sizes[] = {0, 1, 2, 3, 4, 5, 1000, 20011}, grains[] = {0, 1, 7, 1000};

	for (size_t s = 0; s < 8; s++)
		for (size_t g = 0; g < 4; g++) {
			struct notes *notes = new_notes();
			sheaf_map_options options = {.caller_works = true, .grain = grains[g]};

			expect_done(sheaf_for(pool, count_range, notes, sizes[s], &options));
			for (size_t p = 0; p < 20011; p++)
				cr_assert_eq(notes->runs[p], p < sizes[s], "position %zu of %zu", p, sizes[s]);
			cr_assert_not(notes->wrong);
			expect_done(sheaf_free(pool, notes));
		}
}

Test(caller, is_enough_for_a_single_chunk)
{
	struct notes *notes = new_notes();

	expect_done(sheaf_for(pool, count_range, notes, 1, &alone));
	cr_assert_eq(notes->by_caller, 1);
}

/* Wait until all are there. */
static int meet(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct notes *notes = context;
	uint64_t until = hang_deadline();

	(void)begin;
	(void)end;
	in_caller(notes, task);
	notes->inside++;
	while (notes->inside < WORKERS + 1)
		if (sheaf_now_ns() > until)
			return -ETIMEDOUT;
	return 0;
}

Test(caller, works_beside_all_workers)
{
	struct notes *notes = new_notes();

	expect_done(sheaf_for(pool, meet, notes, WORKERS + 1, &singly));
	cr_assert_eq(notes->by_caller, 1);
	cr_assert_not(notes->wrong);
}

#define POISON 5

/*
 * The caller is kept busy until a worker has died with the poison, and the worker that dies until
 * the caller is busy.
 */
static int die_at_poison(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct notes *notes = context;
	uint64_t until = hang_deadline();

	(void)end;
	notes->runs[begin]++;
	if (in_caller(notes, task)) {
		if (begin == POISON)
			notes->wrong = true;
		while (!notes->deaths)
			if (sheaf_now_ns() > until)
				return -ETIMEDOUT;
		return 0;
	}
	if (begin != POISON) {
		while (!notes->by_caller)
			if (sheaf_now_ns() > until)
				return -ETIMEDOUT;
		return 0;
	}
	notes->deaths++;
	raise(SIGKILL);
	return 0;
}

Test(caller, leaves_alone_what_a_worker_has_died_with)
{
	struct notes *notes = new_notes();

	cr_assert_eq(sheaf_for(pool, die_at_poison, notes, 12, &singly), -ECHILD);
	cr_assert_not_null(strstr(sheaf_message(), "position 5: worker"), "%s", sheaf_message());
	cr_assert_eq(notes->deaths, 3);
	cr_assert_geq(notes->by_caller, 1);
	cr_assert_not(notes->wrong);
	for (size_t p = 0; p < 12; p++)
		cr_assert_geq(notes->runs[p], 1);
}

static int refuse_in_caller(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct notes *notes = context;

	(void)begin;
	(void)end;
	return in_caller(notes, task) ? sheaf_task_fail(task, -EDOM, "not here") : 0;
}

Test(caller, may_fail_as_a_worker_may)
{
	cr_assert_eq(sheaf_for(pool, refuse_in_caller, new_notes(), 1, &alone), -EDOM);
	cr_assert_not_null(strstr(sheaf_message(), "position 0: not here"), "%s", sheaf_message());
}

Test(caller, only_waits_where_there_is_a_limit)
{
	sheaf_map_options options = {.caller_works = true, .grain = 1, .task_timeout_ns = UINT64_C(600000000000)};
	struct notes *notes = new_notes();

	expect_done(sheaf_for(pool, count_range, notes, 100, &options));
	cr_assert_eq(notes->by_caller, 0);
	for (size_t p = 0; p < 100; p++)
		cr_assert_eq(notes->runs[p], 1);
}

static int square(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	*(uint64_t *)result = *(const uint64_t *)arg * *(const uint64_t *)arg;
	return 0;
}

Test(caller, maps)
{
	uint64_t *in = new_memory(10007 * 8), *out = new_memory(10007 * 8);

	for (uint64_t i = 0; i < 10007; i++)
		in[i] = i;
	expect_done(sheaf_map(pool, square, in, 8, out, 8, 10007, &alone));
	for (uint64_t i = 0; i < 10007; i++)
		cr_assert_eq(out[i], i * i);
}

Test(caller, stops_at_a_pool_that_was_closed)
{
	expect_done(sheaf_pool_close(pool));
	cr_assert_eq(sheaf_for(pool, count_range, new_notes(), 100, &alone), -EPIPE);
}

/* ---- submitted tasks ---- */

static const sheaf_batch_options works = {.result_size = 8, .caller_works = true};

static int note_call(sheaf_task *task, const void *arg, void *result)
{
	struct notes *notes;

	memcpy(&notes, arg, sizeof(notes));
	in_caller(notes, task);
	notes->runs[sheaf_task_position(task)]++;
	*(uint64_t *)result = mix(sheaf_task_position(task));
	return 0;
}

/* Keep all workers at the gate, in a batch of their own. */
static sheaf_batch *occupy(struct gate *gate)
{
	sheaf_batch *batch = new_batch(NULL);

	for (uint64_t i = 0; i < WORKERS; i++)
		expect_done(sheaf_submit(batch, i, wait_at_gate, &gate, sizeof(gate)));
	gate_await(gate, WORKERS);
	return batch;
}

static void submit_notes(sheaf_batch *batch, struct notes *notes, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		expect_done(sheaf_submit(batch, i, note_call, &notes, sizeof(notes)));
}

Test(caller, runs_submitted_tasks_while_no_worker_can)
{
	struct gate *gate = new_gate();
	sheaf_batch *busy = occupy(gate), *batch;
	const sheaf_result *results;
	sheaf_result result;
	size_t n;

	for (unsigned how = 0; how < 3; how++) {
		struct notes *notes = new_notes();

		batch = new_batch(&works);
		submit_notes(batch, notes, 100);
		if (!how)
			cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0, "%s", sheaf_message());
		for (uint64_t i = 0; i < 100; i++) {
			if (how)
				cr_assert_eq((how == 1 ? sheaf_next : sheaf_next_done)(batch, &result, SHEAF_FOREVER), 1);
			else
				result = results[i];
			cr_assert_eq(value_of(&result), mix(result.position));
			cr_assert_eq(result.worker, -1);
			cr_assert_eq(notes->runs[result.position], 1);
		}
		cr_assert_eq(notes->by_caller, 100);
		cr_assert_not(notes->wrong);
		sheaf_batch_retire(batch);
		expect_done(sheaf_free(pool, notes));
	}
	gate_open(gate);
	sheaf_batch_retire(busy);
}

/* Whether it gathers all, or waits for the first of several batches. */
Test(caller, runs_submitted_maps_and_loops_while_no_worker_can)
{
	struct gate *gate = new_gate();
	sheaf_batch *busy = occupy(gate);
	sheaf_map_options grain = {.grain = 3};

	for (unsigned how = 0; how < 8; how++) {
		struct notes *notes = new_notes();
		uint64_t *in = new_memory(1000 * 8), *out = new_memory(1000 * 8), n = how & 4 ? 1000 : 1;
		sheaf_batch *batch = new_batch(&works);
		sheaf_result result;
		bool map = how & 1;

		for (uint64_t i = 0; i < n; i++)
			in[i] = i;
		if (map)
			expect_done(sheaf_submit_map(batch, square, in, 8, out, 8, n, &grain));
		else
			expect_done(sheaf_submit_for(batch, count_range, notes, n, &grain));
		if (how & 2)
			expect_done(sheaf_wait(&batch, 1, SHEAF_FIRST_DONE, SHEAF_FOREVER));
		for (uint64_t i = 0; i < n; i++) {
			cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 1, "%s", sheaf_message());
			cr_assert_eq(result.position, i);
			cr_assert_eq(result.status, 0);
			if (map)
				cr_assert_eq(out[i], i * i);
			else
				cr_assert_eq(notes->runs[i], 1);
		}
		cr_assert_not(notes->wrong);
		sheaf_batch_retire(batch);
	}
	gate_open(gate);
	sheaf_batch_retire(busy);
}

Test(caller, runs_tasks_while_it_waits_for_a_failure_of_several_batches)
{
	struct gate *gate = new_gate();
	sheaf_batch *busy = occupy(gate), *batches[2] = {new_batch(&works), new_batch(&works)};
	struct notes *notes = new_notes();
	sheaf_result result;

	submit_notes(batches[0], notes, 20);
	expect_done(sheaf_submit_for(batches[1], refuse_in_caller, notes, 1, NULL));
	cr_assert_eq(sheaf_wait(batches, 2, SHEAF_FIRST_FAILED, SHEAF_FOREVER), 1, "%s", sheaf_message());
	cr_assert_eq(sheaf_next(batches[1], &result, 0), 1);
	cr_assert_eq(result.status, -EDOM);
	cr_assert_eq(notes->by_caller, 21);
	gate_open(gate);
	for (unsigned i = 0; i < 2; i++)
		sheaf_batch_retire(batches[i]);
	sheaf_batch_retire(busy);
}

/* What it has left when the deadline passed is not lost. */
Test(caller, shares_submitted_loops_with_the_workers)
{
	for (unsigned round = 0; round < 30; round++) {
		struct notes *notes = new_notes();
		sheaf_batch *batch = new_batch(&works);
		sheaf_map_options grain = {.grain = round % 3};
		const sheaf_result *results;
		size_t n;
		int r;

		expect_done(sheaf_submit_for(batch, count_range, notes, 20011, &grain));
		do
			r = sheaf_gather(batch, &results, &n, sheaf_now_ns() + 20000);
		while (r == -ETIMEDOUT);
		cr_assert_eq(r, 0, "%s", sheaf_message());
		for (size_t i = 0; i < 20011; i++)
			cr_assert_eq(notes->runs[i], 1);
		cr_assert_not(notes->wrong);
		sheaf_batch_retire(batch);
		expect_done(sheaf_free(pool, notes));
	}
}

Test(caller, shares_submitted_tasks_with_the_workers)
{
	for (unsigned round = 0; round < 50; round++) {
		struct notes *notes = new_notes();
		sheaf_batch *batch = new_batch(&works);
		const sheaf_result *results;
		size_t n;

		submit_notes(batch, notes, 500);
		cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0, "%s", sheaf_message());
		for (size_t i = 0; i < n; i++) {
			cr_assert_eq(value_of(&results[i]), mix(i));
			cr_assert_eq(notes->runs[i], 1);
			cr_assert_geq(results[i].worker, -1);
			cr_assert_lt(results[i].worker, WORKERS);
		}
		sheaf_batch_retire(batch);
		expect_done(sheaf_free(pool, notes));
	}
}

static int die_or_note(sheaf_task *task, const void *arg, void *result)
{
	struct notes *notes;

	memcpy(&notes, arg, sizeof(notes));
	if (in_caller(notes, task))
		notes->wrong = true;
	else if (notes->deaths++ < 2)
		raise(SIGKILL);
	*(uint64_t *)result = 1;
	return 0;
}

Test(caller, leaves_tasks_that_have_killed_a_worker_to_the_workers)
{
	struct notes *notes = new_notes();
	sheaf_batch *batch = new_batch(&works);
	sheaf_result result;
	uint64_t deadline = hang_deadline();

	expect_done(sheaf_submit(batch, 0, die_or_note, &notes, sizeof(notes)));
	while (!notes->deaths && sheaf_now_ns() < deadline)
		nap();
	cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 1);
	cr_assert_eq(result.status, 0);
	cr_assert_eq(result.attempts, 3);
	cr_assert_not(notes->wrong, "the caller ran it");
	sheaf_batch_retire(batch);
}

Test(caller, leaves_tasks_with_a_limit_to_the_workers)
{
	struct gate *gate = new_gate();
	sheaf_batch *busy = occupy(gate), *batch = new_batch(&works);
	struct notes *notes = new_notes();
	sheaf_task_options limit = {.timeout_ns = UINT64_C(60000000000)};
	sheaf_result result;

	expect_done(sheaf_submit_with(batch, 0, note_call, &notes, sizeof(notes), &limit));
	expect_failure(sheaf_next(batch, &result, sheaf_now_ns() + 20000000), -ETIMEDOUT, "deadline");
	cr_assert_eq(notes->by_caller, 0);
	gate_open(gate);
	cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 1);
	cr_assert_eq(notes->by_caller, 0);
	sheaf_batch_retire(batch);
	sheaf_batch_retire(busy);
}

Test(caller, does_not_begin_a_task_without_time_for_it)
{
	struct gate *gate = new_gate();
	sheaf_batch *busy = occupy(gate), *batch = new_batch(&works);
	struct notes *notes = new_notes();
	sheaf_result result;

	submit_notes(batch, notes, 10);
	expect_failure(sheaf_next(batch, &result, 0), -EAGAIN, "not done");
	expect_failure(sheaf_next_done(batch, &result, sheaf_now_ns() - 1), -ETIMEDOUT, "deadline");
	cr_assert_eq(notes->by_caller, 0);
	expect_done(sheaf_batch_cancel(batch, 0));
	cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 1);
	cr_assert_eq(result.status, -ECANCELED);
	cr_assert_eq(notes->by_caller, 0);
	gate_open(gate);
	sheaf_batch_retire(batch);
	sheaf_batch_retire(busy);
}

/* A repair while the owner has a task in hand must not take its slot for damaged. */
static int kill_a_worker(sheaf_task *task, const void *arg, void *result)
{
	uint64_t deadline = hang_deadline();
	pid_t victim;

	(void)result;
	memcpy(&victim, arg, sizeof(victim));
	if (sheaf_task_worker(task) < WORKERS)
		return -EPROTO;
	kill(victim, SIGKILL);
	while (!kill(victim, 0) && sheaf_now_ns() < deadline)
		nap();
	return 0;
}

Test(caller, survives_a_repair_while_it_runs_a_task)
{
	struct gate *gate = new_gate();
	sheaf_batch *busy = occupy(gate), *batch = new_batch(&(sheaf_batch_options){.caller_works = true});
	sheaf_result result;

	for (unsigned worker = 0; worker < WORKERS; worker++) {
		pid_t victim = sheaf_pool_worker_pid(pool, worker);

		expect_done(sheaf_submit(batch, worker, kill_a_worker, &victim, sizeof(victim)));
	}
	cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 1, "%s", sheaf_message());
	gate_open(gate);
	sheaf_batch_retire(batch);
	sheaf_batch_retire(busy);
	expect_pool_works(100);
}

/* ---- while the caller runs a task ---- */

static int take_100_bytes(sheaf_task *task, const void *arg, void *result)
{
	void *memory;

	(void)arg;
	(void)result;
	return sheaf_task_result(task, 100, &memory);
}

Test(caller, uses_one_block_of_memory_for_many_results)
{
	sheaf_batch_options options = {.caller_works = true};
	const sheaf_result *results;
	sheaf_pool_info info;
	struct gate *gate;
	sheaf_batch *busy, *batch;
	size_t n;

	gate = new_gate();
	busy = occupy(gate);
	batch = new_batch(&options);
	for (uint64_t i = 0; i < 600; i++)
		expect_done(sheaf_submit(batch, i, take_100_bytes, NULL, 0));
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0, "%s", sheaf_message());
	expect_done(sheaf_pool_get_info(pool, &info));
	cr_assert_lt(info.heap_used, 1 << 20, "%zu", info.heap_used);
	gate_open(gate);
	sheaf_batch_retire(batch);
	sheaf_batch_retire(busy);
}

/* What a thread of the owner runs, and what the test sees of it. */
static struct {
	sheaf_batch *batch;
	pid_t owner;
	_Atomic int inside, open, told, begun;
	int returned;
} scene;

static void set_scene(sheaf_batch *batch)
{
	scene.batch = batch;
	scene.owner = getpid();
	scene.inside = scene.open = scene.told = scene.begun = 0;
}

static void await_scene(const _Atomic int *flag)
{
	uint64_t deadline = hang_deadline();

	while (!atomic_load(flag) && sheaf_now_ns() < deadline)
		nap();
	cr_assert(atomic_load(flag));
}

static void *gather_scene(void *context)
{
	const sheaf_result *results;
	size_t n;

	scene.returned = sheaf_gather(scene.batch, &results, &n, SHEAF_FOREVER);
	return context;
}

/* In the caller: stay until the test says so, or the position is cancelled. */
static int stay_inside(sheaf_task *task, const void *arg, void *result)
{
	uint64_t deadline = hang_deadline();

	(void)arg;
	(void)result;
	if (getpid() != scene.owner)
		return -EPROTO;
	scene.begun++;
	scene.inside = 1;
	while (!scene.open && sheaf_now_ns() < deadline) {
		if (sheaf_task_cancelled(task)) {
			scene.told = 1;
			break;
		}
		nap();
	}
	return 0;
}

static pthread_t start_scene(void)
{
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, gather_scene, NULL), 0);
	await_scene(&scene.inside);
	return thread;
}

/* Nobody can kill the caller, so SHEAF_KILL tells its task no more than 0 does. */
Test(caller, tells_a_task_that_it_was_cancelled)
{
	struct gate *gate = new_gate();
	sheaf_batch *busy = occupy(gate);

	for (unsigned flags = 0; flags <= SHEAF_KILL; flags += SHEAF_KILL) {
		sheaf_batch *batch = new_batch(&(sheaf_batch_options){.caller_works = true});
		pthread_t thread;

		set_scene(batch);
		expect_done(sheaf_submit(batch, 7, stay_inside, NULL, 0));
		thread = start_scene();
		cr_assert_eq(sheaf_cancel(batch, 7, flags), SHEAF_RUNS_ON, "%s", sheaf_message());
		cr_assert_eq(pthread_join(thread, NULL), 0);
		cr_assert(scene.told);
		cr_assert_eq(scene.returned, 0);
		sheaf_batch_retire(batch);
	}
	gate_open(gate);
	sheaf_batch_retire(busy);
}

Test(caller, begins_no_task_of_a_pool_that_has_ended)
{
	for (unsigned map = 0; map < 2; map++) {
		struct gate *gate;
		sheaf_batch *batch;
		pthread_t thread;

		if (!pool)
			start_workers(WORKERS);
		gate = new_gate();
		(void)occupy(gate);
		batch = new_batch(&(sheaf_batch_options){.caller_works = true});
		set_scene(batch);
		if (map)
			expect_done(
				sheaf_submit_map(batch, stay_inside, NULL, 0, NULL, 0, 50, &(sheaf_map_options){.grain = 1}));
		for (uint64_t i = 0; !map && i < 50; i++)
			expect_done(sheaf_submit(batch, i, stay_inside, NULL, 0));
		thread = start_scene();
		expect_done(sheaf_pool_terminate(pool));
		scene.open = 1;
		cr_assert_eq(pthread_join(thread, NULL), 0);
		cr_assert_eq(scene.returned, -ECANCELED);
		cr_assert_eq(scene.begun, 1);
		end();
	}
	set_up();
}

/* User code has cancellation points, and what was claimed there has to be ended. */
Test(caller, ends_its_task_before_it_is_cancelled)
{
	struct gate *gate = new_gate();
	sheaf_batch *busy = occupy(gate), *batch = new_batch(&(sheaf_batch_options){.caller_works = true});
	const sheaf_result *results;
	pthread_t thread;
	size_t n;

	set_scene(batch);
	for (uint64_t i = 0; i < 3; i++)
		expect_done(sheaf_submit(batch, i, stay_inside, NULL, 0));
	thread = start_scene();
	cr_assert_eq(pthread_cancel(thread), 0);
	scene.open = 1;
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert_eq(sheaf_gather(batch, &results, &n, hang_deadline()), 0, "%s", sheaf_message());
	gate_open(gate);
	sheaf_batch_retire(batch);
	sheaf_batch_retire(busy);
}

static void *map_scene(void *context)
{
	scene.returned = sheaf_map(pool, stay_inside, NULL, 0, NULL, 0, 1, &alone);
	return context;
}

Test(caller, retires_its_map_before_it_is_cancelled)
{
	pthread_t thread;
	sheaf_batch *batch;

	sheaf_pool_destroy(pool);
	start(&(sheaf_pool_options){.workers = WORKERS, .max_batches = 1});
	set_scene(NULL);
	cr_assert_eq(pthread_create(&thread, NULL, map_scene, NULL), 0);
	await_scene(&scene.inside);
	cr_assert_eq(pthread_cancel(thread), 0);
	scene.open = 1;
	cr_assert_eq(pthread_join(thread, NULL), 0);
	batch = new_batch(NULL);
	sheaf_batch_retire(batch);
}

static int leave_a_batch(sheaf_task *task, const void *arg, void *result)
{
	sheaf_pool *mine = sheaf_task_pool(task);
	sheaf_pool_info info;
	sheaf_batch *batch;
	int r = sheaf_batch_create(&batch, mine, NULL);

	(void)arg;
	(void)result;
	if (!r)
		r = sheaf_submit(batch, 0, do_nothing, NULL, 0);
	if (r)
		return sheaf_task_fail(task, r, "%s", sheaf_message());
	sheaf_pool_destroy(mine);
	if (sheaf_pool_close(mine) != -EPERM || sheaf_pool_terminate(mine) != -EPERM ||
	    sheaf_pool_get_info(mine, &info) != -EPERM || sheaf_pool_fd(mine) != -EPERM)
		return sheaf_task_fail(task, -EPROTO, "%s", sheaf_message());
	return 0;
}

/* What it does to the pool counts as done by a task, whoever runs it. */
Test(caller, runs_tasks_that_use_the_pool)
{
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n;

	sheaf_pool_destroy(pool);
	start(&(sheaf_pool_options){.workers = 1, .max_batches = 8});
	for (unsigned i = 0; i < 20; i++)
		expect_done(sheaf_map(pool, leave_a_batch, NULL, 0, NULL, 0, 50, &singly));
	batch = new_batch(&(sheaf_batch_options){.caller_works = true});
	for (uint64_t i = 0; i < 200; i++)
		expect_done(sheaf_submit(batch, i, leave_a_batch, NULL, 0));
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0, "%s", sheaf_message());
	sheaf_batch_retire(batch);
	expect_done(sheaf_pool_close(pool));
}

/* In the caller: gather tasks of its own, which use the pool, too, and go on with the pool. */
static int gather_in_caller(sheaf_task *task, const void *arg, void *result)
{
	sheaf_batch_options options = {.caller_works = true};
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n;

	(void)arg;
	(void)result;
	for (unsigned i = 0; i < 3; i++) {
		int r = sheaf_batch_create(&batch, sheaf_task_pool(task), &options);

		for (uint64_t p = 0; !r && p < 5; p++)
			r = sheaf_submit(batch, p, leave_a_batch, NULL, 0);
		if (r || (r = sheaf_gather(batch, &results, &n, SHEAF_FOREVER)))
			return sheaf_task_fail(task, r < 0 ? r : -EPROTO, "%s", sheaf_message());
		sheaf_batch_retire(batch);
		if (sheaf_gather(batch, &results, &n, 0) != -EINVAL)
			return sheaf_task_fail(task, -EPROTO, "not retired: %s", sheaf_message());
	}
	return 0;
}

Test(caller, runs_tasks_inside_of_tasks_that_use_the_pool)
{
	struct gate *gate = new_gate();
	sheaf_batch *busy = occupy(gate);

	expect_done(sheaf_map(pool, gather_in_caller, NULL, 0, NULL, 0, 1, &alone));
	gate_open(gate);
	sheaf_batch_retire(busy);
}
