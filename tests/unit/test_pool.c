/*
 * test_pool.c - the life of a pool: create, close, join, terminate, destroy, with processes and
 * with threads; forks of the owner; and what a pool leaves alone in its host.
 */
#define _DEFAULT_SOURCE /* syscall() */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#ifdef OS_LAYER_LINUX
#include <sys/syscall.h>
#endif
#include <unistd.h>

#include "pools.h"
#include "support/deadline.h"
#include "support/proc.h"

TestSuite(pool, .init = begin, .fini = end);

static const sheaf_batch_options of_8 = {.result_size = 8};

static sheaf_pool_info info(void)
{
	sheaf_pool_info now;

	expect_done(sheaf_pool_get_info(pool, &now));
	return now;
}

static sheaf_batch *submit_mixed(uint64_t n)
{
	sheaf_batch *batch = new_batch(&of_8);

	for (uint64_t p = 0; p < n; p++)
		expect_done(sheaf_submit(batch, p, mix_position, NULL, 0));
	return batch;
}

static void expect_mixed(sheaf_batch *batch, uint64_t n)
{
	const sheaf_result *results;
	size_t count;

	cr_assert_eq(sheaf_gather(batch, &results, &count, SHEAF_FOREVER), 0, "%s", sheaf_message());
	cr_assert_eq(count, n);
	for (uint64_t p = 0; p < n; p++)
		cr_assert_eq(value_of(&results[p]), mix(p));
}

/* ---- create ---- */

Test(pool, has_defaults)
{
	start(NULL);
	cr_assert_eq(info().workers, sheaf_usable_cpus());
	cr_assert_eq(strncmp(info().name, "/sheaf-", 7), 0);
	cr_assert_neq(segment_name_exists(info().name), 0);
	cr_assert_geq(info().heap_size, (size_t)64 << 20);
	cr_assert_eq(info().heap_used, 0);
	cr_assert_eq(info().deaths, 0);
	cr_assert_eq(info().supervisors, 1);
	expect_pool_works(10000);
}

Test(pool, refuses_options_out_of_range)
{
	static char long_name[300];
	static const struct {
		sheaf_pool_options options;
		const char *text;
	} bad[] = {
		{{.workers = SHEAF_MAX_WORKERS + 1}, "options.workers is 2049, at most 2048"},
		{{.workers = (unsigned)-1}, "options.workers is 4294967295, at most 2048"},
		{{.ring_size = 1048577}, "options.ring_size is 1048577, at most 1048576"},
		{{.ring_size = (unsigned)-1}, "options.ring_size is 4294967295, at most 1048576"},
		{{.max_attempts = 32}, "options.max_attempts is 32, at most 31"},
		{{.max_batches = 16385}, "options.max_batches is 16385, at most 16384"},
		{{.backend = (enum sheaf_backend)3}, "options.backend is 3, at most 2"},
		{{.flags = 16}, "options.flags is 16, at most 15"},
		{{.heap_size = SIZE_MAX}, "options.heap_size is " SIZE_MAX_TEXT ", more than the address space"},
		{{.name = "/x", .flags = SHEAF_ANONYMOUS}, "options.name is \"/x\", but the segment is SHEAF_ANONYMOUS"},
		{{.name = ""},
		 "the segment name \"\" must be a slash and up to 253 other characters, printable and without a "
		 "slash"},
		{{.name = "/a\x1b[2J"}, "the segment name \"/a\\x1b[2J\" must be a slash"},
		{{.name = "/a\xc2\x9b"}, "the segment name \"/a\\u009b\" must be a slash"},
		{{.name = "/"}, "the segment name \"/\" must be a slash"},
		{{.name = "x"}, "the segment name \"x\" must be a slash"},
		{{.name = "/a/b"}, "the segment name \"/a/b\" must be a slash"},
		{{.name = long_name}, "the segment name \"/aaaa"},
	};

	memset(long_name, 'a', sizeof(long_name) - 1);
	long_name[0] = '/';
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		expect_failure(sheaf_pool_create(&pool, &bad[i].options), -EINVAL, bad[i].text);
		cr_assert_null(pool, "untouched on failure");
	}
	expect_failure(sheaf_pool_create(NULL, NULL), -EINVAL, "sheaf_pool_create: pool is NULL");
}

/* With 32 bits the largest heap that may be asked for can be had. */
#if SIZE_MAX > UINT32_MAX
Test(pool, refuses_a_heap_that_no_address_space_holds)
{
	expect_failure(sheaf_pool_create(&pool, &(sheaf_pool_options){.workers = 1, .heap_size = SIZE_MAX / 4}), -ENOMEM,
		       "choose a smaller heap_size");
	cr_assert_null(pool);
}
#endif

Test(pool, has_a_name_if_told)
{
	sheaf_pool *second = NULL;
	char name[64], text[200];

	snprintf(name, sizeof(name), "/sheaf-unit-pool-%ld", (long)getpid());
	start(&(sheaf_pool_options){.workers = 1, .heap_size = 1 << 20, .name = name});
	cr_assert_str_eq(info().name, name);
	cr_assert_neq(segment_name_exists(name), 0);
	snprintf(text, sizeof(text), "the segment name %s is taken by a living pool of this process: choose another name",
		 name);
	expect_failure(sheaf_pool_create(&second, &(sheaf_pool_options){.workers = 1, .heap_size = 1 << 20, .name = name}),
		       -EEXIST, text);
	cr_assert_null(second);
	expect_pool_works(100);
	end();
	start(&(sheaf_pool_options){.workers = 1, .heap_size = 1 << 20, .name = name});
}

Test(pool, has_no_name_if_told)
{
	start(&(sheaf_pool_options){.workers = 2, .heap_size = 16 << 20, .flags = SHEAF_ANONYMOUS});
	cr_assert_str_eq(info().name, "");
	expect_pool_works(1000);
}

Test(pool, of_any_number_of_workers_works)
{
	static const unsigned counts[] = {1, 2, 3, 5, 64};

	for (int i = 0; i < 5; i++) {
		pid_t pids[64];

		start_workers(counts[i]);
		cr_assert_eq(info().workers, counts[i]);
		for (unsigned w = 0; w < counts[i]; w++) {
			struct proc proc;

			pids[w] = sheaf_pool_worker_pid(pool, w);
			cr_assert_gt(pids[w], 0);
			if (proc_read(pids[w], &proc))
				cr_assert_eq(proc.parent, info().supervisor);
			for (unsigned v = 0; v < w; v++)
				cr_assert_neq(pids[v], pids[w]);
		}
		expect_failure(sheaf_pool_worker_pid(pool, counts[i]), -EINVAL, "worker ");
		expect_pool_works(10000);
		expect_mixed(submit_mixed(3000), 3000);
		end();
		for (unsigned w = 0; w < counts[i]; w++)
			cr_assert(process_ended(pids[w], 0), "worker %u lives", w);
	}
}

Test(pool, of_1024_workers_works)
{
	start(&(sheaf_pool_options){.workers = 1024, .heap_size = 16 << 20});
	cr_assert_eq(info().workers, 1024);
	expect_pool_works(100000);
	expect_mixed(submit_mixed(2000), 2000);
	expect_done(sheaf_pool_close(pool));
	expect_done(sheaf_pool_join(pool, SHEAF_FOREVER));
}

Test(pool, of_the_largest_ring_works)
{
	start(&(sheaf_pool_options){.workers = 2, .ring_size = 1 << 20, .heap_size = 64 << 20});
	expect_mixed(submit_mixed(5000), 5000);
}

Test(pool, of_the_most_batches_works)
{
	start(&(sheaf_pool_options){.workers = 1, .max_batches = 4096, .heap_size = 64 << 20});
	for (int i = 0; i < 4096; i++)
		expect_done(sheaf_submit(new_batch(NULL), 0, do_nothing, NULL, 0));
	expect_done(sheaf_pool_close(pool));
	expect_done(sheaf_pool_join(pool, SHEAF_FOREVER));
}

Test(pool, workers_need_not_be_fewer_than_tasks)
{
	start_workers(64);
	expect_pool_works(1);
	expect_pool_works(63);
	expect_pool_works(65);
}

static sheaf_pool *others[2];

Test(pool, may_stand_beside_others)
{
	sheaf_batch *batches[2];
	void *in, *out;

	start_workers(2);
	for (int i = 0; i < 2; i++)
		expect_done(sheaf_pool_create(&others[i], &(sheaf_pool_options){.workers = 2, .heap_size = 16 << 20}));
	for (int i = 0; i < 2; i++) {
		expect_done(sheaf_batch_create(&batches[i], others[i], &of_8));
		for (uint64_t p = 0; p < 500; p++)
			expect_done(sheaf_submit(batches[i], p, mix_position, NULL, 0));
	}
	expect_done(sheaf_alloc(others[0], 8, &in));
	expect_done(sheaf_alloc(pool, 8, &out));
	expect_failure(sheaf_map(pool, mix_item, in, 8, out, 8, 1, NULL), -EFAULT, "map: in, 8 bytes");
	for (int i = 0; i < 2; i++)
		expect_mixed(batches[i], 500);
	sheaf_pool_destroy(others[0]);
	expect_pool_works(1000);
	sheaf_pool_destroy(others[1]);
}

/* ---- null ---- */

Test(pool, refuses_null)
{
	sheaf_pool_info now;

	expect_failure(sheaf_pool_close(NULL), -EINVAL, "sheaf_pool_close: pool is NULL");
	expect_failure(sheaf_pool_join(NULL, 0), -EINVAL, "sheaf_pool_join: pool is NULL");
	expect_failure(sheaf_pool_terminate(NULL), -EINVAL, "sheaf_pool_terminate: pool is NULL");
	expect_failure(sheaf_pool_get_info(NULL, &now), -EINVAL, "sheaf_pool_get_info: pool is NULL");
	expect_failure(sheaf_pool_worker_pid(NULL, 0), -EINVAL, "sheaf_pool_worker_pid: pool is NULL");
	sheaf_pool_destroy(NULL);
	start_workers(1);
	expect_failure(sheaf_pool_get_info(pool, NULL), -EINVAL, "sheaf_pool_get_info: info is NULL");
}

/* ---- close and join ---- */

static void expect_closed(sheaf_batch *batch)
{
	sheaf_batch *another = NULL;

	expect_failure(sheaf_submit(batch, 999999, do_nothing, NULL, 0), -EPIPE, "the pool is closed");
	expect_failure(sheaf_batch_create(&another, pool, NULL), -EPIPE, "the pool is closed");
	cr_assert_null(another);
	expect_failure(sheaf_apply(pool, do_nothing, NULL, 0, NULL, 0, NULL), -EPIPE, "the pool is closed");
	expect_failure(sheaf_map(pool, do_nothing, NULL, 0, NULL, 0, 5, NULL), -EPIPE, "the pool is closed");
	expect_failure(sheaf_for(pool, NULL, NULL, 5, NULL), -EPIPE, "the pool is closed");
}

Test(pool, that_is_closed_runs_what_it_has_and_takes_no_more)
{
	sheaf_batch *batch, *map;
	const sheaf_result *results;
	size_t n;

	start_workers(2);
	batch = submit_mixed(3000);
	map = new_batch(NULL);
	expect_done(sheaf_submit_map(map, do_nothing, NULL, 0, NULL, 0, 100000, NULL));
	expect_done(sheaf_pool_close(pool));
	expect_done(sheaf_pool_close(pool));
	expect_closed(batch);
	expect_failure(sheaf_submit_map(map, do_nothing, NULL, 0, NULL, 0, 1, NULL), -EPIPE, "the pool is closed");
	expect_done(sheaf_pool_join(pool, SHEAF_FOREVER));
	expect_done(sheaf_pool_join(pool, 0));
	cr_assert_eq(count_children(), before.children);
	cr_assert_eq(info().supervisor, 0);
	cr_assert_eq(info().deaths, 0);
	expect_closed(batch);
	expect_done(sheaf_pool_close(pool));
	/* Results are still there. */
	expect_mixed(batch, 3000);
	cr_assert_eq(sheaf_gather(map, &results, &n, 0), 0);
	cr_assert_eq(n, 100000);
	sheaf_batch_retire(batch);
}

Test(pool, is_joined_only_when_closed)
{
	start_workers(1);
	expect_failure(sheaf_pool_join(pool, SHEAF_FOREVER), -EBUSY, "sheaf_pool_join: close the pool first");
	expect_pool_works(10);
	expect_done(sheaf_pool_close(pool));
	expect_done(sheaf_pool_join(pool, SHEAF_FOREVER));
}

Test(pool, join_respects_its_deadline)
{
	struct gate *gate;
	uint64_t deadline;

	start_workers(2);
	gate = new_gate();
	expect_done(sheaf_submit(new_batch(NULL), 0, wait_at_gate, &gate, sizeof(gate)));
	expect_done(sheaf_pool_close(pool));
	expect_failure(sheaf_pool_join(pool, 0), -EAGAIN, "the pool still has work");
	expect_failure(sheaf_pool_join(pool, 1), -ETIMEDOUT, "the deadline passed before the pool had ended");
	deadline = sheaf_now_ns() + 20000000;
	expect_failure(sheaf_pool_join(pool, deadline), -ETIMEDOUT, "the deadline passed");
	cr_assert_geq(sheaf_now_ns(), deadline);
	gate_open(gate);
	expect_done(sheaf_pool_join(pool, hang_deadline()));
}

/* ---- terminate ---- */

static void expect_refused(sheaf_batch *batch)
{
	sheaf_batch *another = NULL;

	expect_failure(sheaf_submit(batch, 999999, do_nothing, NULL, 0), -ECANCELED, "the pool was terminated");
	expect_failure(sheaf_batch_create(&another, pool, NULL), -ECANCELED, "the pool was terminated");
	cr_assert_null(another);
	expect_failure(sheaf_apply(pool, do_nothing, NULL, 0, NULL, 0, NULL), -ECANCELED, "the pool was terminated");
	expect_failure(sheaf_map(pool, do_nothing, NULL, 0, NULL, 0, 5, NULL), -ECANCELED, "the pool was terminated");
	expect_failure(sheaf_pool_close(pool), -ECANCELED, "the pool was terminated");
	expect_failure(sheaf_pool_join(pool, SHEAF_FOREVER), -ECANCELED, "the pool was terminated");
}

static void expect_cancelled(sheaf_batch *batch)
{
	expect_refused(batch);
	expect_done(sheaf_pool_terminate(pool));
}

Test(pool, that_is_terminated_keeps_what_is_done)
{
	const sheaf_result *results;
	sheaf_result result;
	sheaf_batch *batch;
	struct gate *gate;
	size_t n;

	start_workers(2);
	gate = new_gate();
	batch = new_batch(&of_8);
	for (uint64_t p = 0; p < 20; p++)
		expect_done(sheaf_submit(batch, p, p == 10 ? wait_at_gate : mix_position, &gate, sizeof(gate)));
	for (uint64_t p = 0; p < 5; p++)
		cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 1);
	for (int i = 0; i < 14; i++)
		cr_assert_eq(sheaf_next_done(batch, &result, SHEAF_FOREVER), 1);
	expect_done(sheaf_pool_terminate(pool));
	cr_assert_eq(count_children(), before.children);
	cr_assert_eq(info().supervisor, 0);
	expect_cancelled(batch);
	expect_failure(sheaf_next(batch, &result, SHEAF_FOREVER), -ECANCELED, "the pool was terminated");
	expect_failure(sheaf_next(batch, &result, 0), -ECANCELED, "the pool was terminated");
	expect_failure(sheaf_next_done(batch, &result, SHEAF_FOREVER), -ECANCELED, "the pool was terminated");
	expect_failure(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), -ECANCELED, "the pool was terminated");
	sheaf_batch_retire(batch);
}

Test(pool, that_is_terminated_hands_out_a_batch_that_is_done)
{
	const sheaf_result *results;
	sheaf_batch *batch, *map;
	size_t n;

	start_workers(2);
	batch = submit_mixed(100);
	map = new_batch(NULL);
	expect_done(sheaf_submit_map(map, do_nothing, NULL, 0, NULL, 0, 1000, NULL));
	expect_mixed(batch, 100);
	cr_assert_eq(sheaf_gather(map, &results, &n, SHEAF_FOREVER), 0);
	expect_done(sheaf_pool_terminate(pool));
	expect_mixed(batch, 100);
	cr_assert_eq(sheaf_gather(map, &results, &n, 0), 0);
	cr_assert_eq(n, 1000);
}

Test(pool, ends_at_once_with_10000_tasks_that_wait)
{
	sheaf_batch *batch;
	struct gate *gate;

	start(&(sheaf_pool_options){.workers = 2, .ring_size = 16384, .heap_size = 64 << 20});
	gate = new_gate();
	batch = new_batch(NULL);
	for (uint64_t p = 0; p < 10000; p++)
		expect_done(sheaf_submit(batch, p, wait_at_gate, &gate, sizeof(gate)));
	expect_done(sheaf_pool_terminate(pool));
	sheaf_batch_retire(batch);
}

struct waiter {
	sheaf_batch *batch;
	struct gate *gate;
	int code;
	_Atomic int begun;
	char message[100];
};

static void *wait_in_next(void *context)
{
	struct waiter *waiter = context;
	sheaf_result result;

	atomic_store(&waiter->begun, 1);
	waiter->code = sheaf_next(waiter->batch, &result, SHEAF_FOREVER);
	snprintf(waiter->message, sizeof(waiter->message), "%s", sheaf_message());
	return NULL;
}

static void *wait_in_submit(void *context)
{
	struct waiter *waiter = context;

	atomic_store(&waiter->begun, 1);
	for (uint64_t p = 1; !waiter->code; p++)
		waiter->code = sheaf_submit(waiter->batch, p, wait_at_gate, &waiter->gate, sizeof(waiter->gate));
	snprintf(waiter->message, sizeof(waiter->message), "%s", sheaf_message());
	return NULL;
}

static void *wait_in_join(void *context)
{
	struct waiter *waiter = context;

	atomic_store(&waiter->begun, 1);
	waiter->code = sheaf_pool_join(pool, SHEAF_FOREVER);
	snprintf(waiter->message, sizeof(waiter->message), "%s", sheaf_message());
	return NULL;
}

static void *wait_in_map(void *context)
{
	struct waiter *waiter = context;

	atomic_store(&waiter->begun, 1);
	/* Its items wait at the gate of their argument. */
	waiter->code = sheaf_map(pool, wait_at_gate, waiter->gate + 1, sizeof(struct gate *), NULL, 0, 4, NULL);
	snprintf(waiter->message, sizeof(waiter->message), "%s", sheaf_message());
	return NULL;
}

Test(pool, that_is_terminated_wakes_whoever_waits)
{
	static void *(*const ways[])(void *) = {wait_in_next, wait_in_submit, wait_in_join, wait_in_map};

	for (int i = 0; i < 4; i++) {
		struct waiter waiter = {0};
		pthread_t thread;

		start(&(sheaf_pool_options){.workers = 1, .ring_size = 4, .heap_size = 16 << 20});
		waiter.gate = new_gate();
		for (int g = 0; g < 4; g++)
			((struct gate **)(void *)(waiter.gate + 1))[g] = waiter.gate;
		waiter.batch = new_batch(NULL);
		expect_done(sheaf_submit(waiter.batch, 0, wait_at_gate, &waiter.gate, sizeof(waiter.gate)));
		if (ways[i] == wait_in_join)
			expect_done(sheaf_pool_close(pool));
		cr_assert_eq(pthread_create(&thread, NULL, ways[i], &waiter), 0);
		while (!atomic_load(&waiter.begun))
			nap();
		for (int n = 0; n < 10; n++)
			nap();
		expect_done(sheaf_pool_terminate(pool));
		cr_assert_eq(pthread_join(thread, NULL), 0);
		cr_assert_eq(waiter.code, -ECANCELED, "way %d: %d", i, waiter.code);
		cr_assert_str_eq(waiter.message, "the pool was terminated");
		end();
	}
}

/* Wait for room in a pool that is closed meanwhile. */
Test(pool, that_is_closed_wakes_whoever_waits_for_room)
{
	struct waiter waiter = {0};
	pthread_t thread;

	start(&(sheaf_pool_options){.workers = 1, .ring_size = 2, .heap_size = 16 << 20});
	waiter.gate = new_gate();
	waiter.batch = new_batch(NULL);
	cr_assert_eq(pthread_create(&thread, NULL, wait_in_submit, &waiter), 0);
	gate_await(waiter.gate, 1);
	expect_done(sheaf_pool_close(pool));
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert_eq(waiter.code, -EPIPE);
	gate_open(waiter.gate);
	expect_done(sheaf_pool_join(pool, SHEAF_FOREVER));
}

/* ---- destroy ---- */

Test(pool, may_be_destroyed_at_any_time)
{
	for (int i = 0; i < 4; i++) {
		struct gate *gate;
		sheaf_batch *batch;

		start_workers(2);
		gate = new_gate();
		batch = new_batch(&of_8);
		for (uint64_t p = 0; i && p < 100; p++)
			expect_done(sheaf_submit(batch, p, i == 1 ? mix_position : wait_at_gate, &gate, sizeof(gate)));
		if (i == 3)
			expect_done(sheaf_pool_close(pool));
		end();
	}
}

Test(pool, may_be_made_again_and_again)
{
	for (int i = 0; i < 20; i++) {
		start(&(sheaf_pool_options){.workers = 3, .heap_size = 1 << 20, .flags = i % 2 ? SHEAF_ANONYMOUS : 0});
		expect_pool_works(10);
		end();
	}
}

/* ---- threads as workers ---- */

static int tell_pid(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	*(pid_t *)result = getpid();
	return 0;
}

Test(pool, of_threads_does_the_same)
{
	static const unsigned counts[] = {1, 2, 64};

	for (int i = 0; i < 3; i++) {
		pid_t pid;

		start(&(sheaf_pool_options){
			.workers = counts[i], .ring_size = 8, .heap_size = 16 << 20, .backend = SHEAF_THREADS});
		cr_assert_eq(info().workers, counts[i]);
		cr_assert_eq(info().supervisor, 0);
		cr_assert_eq(count_children(), before.children);
		cr_assert_eq(sheaf_pool_worker_pid(pool, counts[i] - 1), 0);
		expect_failure(sheaf_pool_worker_pid(pool, counts[i]), -EINVAL, "worker ");
		expect_done(sheaf_apply(pool, tell_pid, NULL, 0, &pid, sizeof(pid), NULL));
		cr_assert_eq(pid, getpid());
		expect_pool_works(10000);
		expect_mixed(submit_mixed(3000), 3000);
		end();
	}
}

Test(pool, of_threads_closes_and_joins)
{
	struct gate *gate;
	sheaf_batch *batch;

	start(&(sheaf_pool_options){.workers = 2, .heap_size = 16 << 20, .backend = SHEAF_THREADS});
	gate = new_gate();
	batch = submit_mixed(500);
	expect_done(sheaf_submit(new_batch(NULL), 0, wait_at_gate, &gate, sizeof(gate)));
	expect_failure(sheaf_pool_join(pool, 0), -EBUSY, "close the pool first");
	expect_done(sheaf_pool_close(pool));
	expect_failure(sheaf_pool_join(pool, 0), -EAGAIN, "the pool still has work");
	expect_closed(batch);
	gate_open(gate);
	expect_done(sheaf_pool_join(pool, SHEAF_FOREVER));
	expect_done(sheaf_pool_join(pool, SHEAF_FOREVER));
	expect_closed(batch);
	expect_mixed(batch, 500);
}

Test(pool, of_threads_tells_of_the_tasks_in_hand_when_terminated)
{
	struct gate *gate;
	sheaf_batch *batch;

	start(&(sheaf_pool_options){.workers = 2, .heap_size = 16 << 20, .backend = SHEAF_THREADS});
	gate = new_gate();
	batch = new_batch(&of_8);
	for (uint64_t p = 0; p < 100; p++)
		expect_done(sheaf_submit(batch, p, wait_at_gate, &gate, sizeof(gate)));
	gate_await(gate, 2);
	expect_failure(sheaf_pool_terminate(pool), -ENOTSUP, "2 of the pool's tasks still run, in threads");
	expect_refused(batch);
	gate_open(gate);
	sheaf_batch_retire(batch); /* waits for both, and no other one begins */
	cr_assert_eq(atomic_load(&gate->arrived), 2);
	expect_done(sheaf_pool_terminate(pool));
}

/* ---- forks of the owner ---- */

static sheaf_batch *inherited;

static int use_inherited(void *context)
{
	const char *text = "the handle was inherited over a fork";
	const sheaf_result *results;
	sheaf_pool_info now;
	sheaf_progress progress;
	sheaf_batch *batch;
	sheaf_result result;
	sheaf_pool *own;
	void *memory;
	size_t n;
	long x = 3;

	(void)context;
	child_check(sheaf_alloc(pool, 8, &memory) == -EPERM && strstr(sheaf_message(), text));
	child_check(sheaf_alloc_array(pool, 1, 8, &memory) == -EPERM);
	child_check(sheaf_free(pool, &memory) == -EPERM);
	child_check(sheaf_apply(pool, do_nothing, NULL, 0, NULL, 0, NULL) == -EPERM && strstr(sheaf_message(), text));
	child_check(sheaf_map(pool, do_nothing, NULL, 0, NULL, 0, 1, NULL) == -EPERM);
	child_check(sheaf_for(pool, NULL, NULL, 1, NULL) == -EPERM);
	child_check(sheaf_batch_create(&batch, pool, NULL) == -EPERM);
	child_check(sheaf_submit(inherited, 100, do_nothing, NULL, 0) == -EPERM && strstr(sheaf_message(), text));
	child_check(sheaf_submit_map(inherited, do_nothing, NULL, 0, NULL, 0, 1, NULL) == -EPERM);
	child_check(sheaf_next(inherited, &result, SHEAF_FOREVER) == -EPERM);
	child_check(sheaf_next_done(inherited, &result, SHEAF_FOREVER) == -EPERM);
	child_check(sheaf_gather(inherited, &results, &n, SHEAF_FOREVER) == -EPERM);
	child_check(sheaf_batch_get_progress(inherited, &progress) == -EPERM);
	child_check(sheaf_pool_close(pool) == -EPERM && strstr(sheaf_message(), text));
	child_check(sheaf_pool_join(pool, SHEAF_FOREVER) == -EPERM);
	child_check(sheaf_pool_terminate(pool) == -EPERM);
	child_check(sheaf_pool_get_info(pool, &now) == -EPERM);
	child_check(sheaf_pool_worker_pid(pool, 0) == -EPERM);
	sheaf_batch_retire(inherited);
	/* A pool of its own is the child's own. */
	child_check(!sheaf_pool_create(&own, &(sheaf_pool_options){.workers = 2, .heap_size = 1 << 20}));
	child_check(!sheaf_apply(own, do_nothing, &x, sizeof(x), &x, sizeof(x), NULL));
	child_check(x == 0);
	sheaf_pool_destroy(own);
	sheaf_pool_destroy(pool);
	return 0;
}

Test(pool, inherited_over_a_fork_is_dead_there_and_unharmed_here)
{
	for (int backend = SHEAF_PROCESSES; backend <= SHEAF_THREADS; backend++) {
		start(&(sheaf_pool_options){.workers = 2, .heap_size = 16 << 20, .backend = (enum sheaf_backend)backend});
		inherited = submit_mixed(100);
		in_child(use_inherited, NULL);
		expect_mixed(inherited, 100);
		expect_pool_works(1000);
		cr_assert_neq(segment_name_exists(info().name), 0);
		end();
	}
}

#ifdef OS_LAYER_LINUX
/* As _Fork(), and as the runtimes of other languages do: no atfork handler runs. */
static pid_t fork_unannounced(void)
{
	return (pid_t)syscall(SYS_clone, (unsigned long)SIGCHLD, NULL, NULL, NULL, 0ul);
}

Test(pool, inherited_by_a_child_that_no_handler_announced_is_dead_there_and_unharmed_here)
{
	int status;
	pid_t pid;

	start(&(sheaf_pool_options){.workers = 2, .heap_size = 16 << 20});
	inherited = submit_mixed(100);
	if (!(pid = fork_unannounced()))
		_exit(use_inherited(NULL));
	cr_assert_gt(pid, 0);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x", status);
	expect_mixed(inherited, 100);
	expect_pool_works(1000);
	cr_assert_neq(segment_name_exists(info().name), 0);
}
#endif

static int use_pool_in_task(sheaf_task *task, const void *arg, void *result)
{
	sheaf_pool *handle = *(sheaf_pool *const *)arg;

	(void)result;
	return sheaf_task_fail(task, sheaf_pool_close(handle), "%s", sheaf_message());
}

Test(pool, may_not_be_used_by_its_tasks)
{
	start_workers(1);
	expect_failure(sheaf_apply(pool, use_pool_in_task, &pool, sizeof(pool), NULL, 0, NULL), -EPERM,
		       "a task cannot use the handles of the pool's owner");
	expect_pool_works(10);
}

/* ---- a good guest ---- */

static void handle(int signal)
{
	(void)signal;
}

Test(pool, leaves_its_hosts_signals_alone)
{
	struct sigaction set = {.sa_handler = handle}, got;
	sigset_t mask, after;

	cr_assert_eq(sigaction(SIGUSR1, &set, NULL), 0);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	cr_assert_eq(sigprocmask(SIG_SETMASK, &mask, NULL), 0);
	start_workers(2);
	expect_pool_works(100);
	for (int signal = 1; signal < 32; signal++) {
		struct sigaction none;

		if (signal == SIGKILL || signal == SIGSTOP || sigaction(signal, NULL, &none))
			continue;
		if (signal == SIGCHLD || signal == SIGALRM || signal == SIGINT || signal == SIGPIPE)
			cr_assert(none.sa_handler == SIG_DFL || none.sa_handler == SIG_IGN, "signal %d", signal);
	}
	cr_assert_eq(sigaction(SIGUSR1, NULL, &got), 0);
	cr_assert_eq(got.sa_handler, handle);
	cr_assert_eq(sigprocmask(SIG_SETMASK, NULL, &after), 0);
	cr_assert(sigismember(&after, SIGUSR2) && !sigismember(&after, SIGUSR1) && !sigismember(&after, SIGCHLD));
}

Test(pool, has_one_child_and_reaps_no_other)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(7);
	start_workers(4);
	cr_assert_eq(count_children(), before.children + 2);
	expect_pool_works(100);
	sheaf_pool_destroy(pool);
	pool = NULL;
	cr_assert_eq(count_children(), before.children + 1);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(WEXITSTATUS(status), 7);
}

Test(pool, is_not_interrupted_by_ctrl_c)
{
	pid_t pids[2];

	start_workers(2);
	for (unsigned w = 0; w < 2; w++) {
		pids[w] = sheaf_pool_worker_pid(pool, w);
		cr_assert_eq(kill(pids[w], SIGINT), 0);
	}
	cr_assert_eq(kill(info().supervisor, SIGINT), 0);
	expect_pool_works(1000);
	for (unsigned w = 0; w < 2; w++)
		cr_assert_eq(sheaf_pool_worker_pid(pool, w), pids[w]);
	cr_assert_eq(info().supervisors, 1);
	/* The keyboard reaches only the owner's group. */
	cr_assert_neq(getpgid(pids[0]), getpgid(0));
}

struct descriptor {
	int fd;
	dev_t device;
	ino_t file;
};

static struct descriptor describe(int fd)
{
	struct descriptor descriptor = {.fd = fd};
	struct stat stat;

	cr_assert_eq(fstat(fd, &stat), 0);
	descriptor.device = stat.st_dev;
	descriptor.file = stat.st_ino;
	return descriptor;
}

/* The number alone tells nothing: the family opens files too. */
static int is_open(sheaf_task *task, const void *arg, void *result)
{
	const struct descriptor *wanted = arg;
	struct stat stat;

	(void)task;
	*(int *)result = !fstat(wanted->fd, &stat) && stat.st_dev == wanted->device && stat.st_ino == wanted->file;
	return 0;
}

Test(pool, workers_have_the_hosts_files_only_if_told)
{
	for (unsigned flags = 0; flags <= SHEAF_KEEP_FDS; flags += SHEAF_KEEP_FDS) {
		int ends[2], open = 7;
		struct descriptor own, standard = describe(1);

		cr_assert_eq(pipe(ends), 0);
		own = describe(ends[1]);
		start(&(sheaf_pool_options){.workers = 1, .heap_size = 1 << 20, .flags = flags});
		expect_done(sheaf_apply(pool, is_open, &own, sizeof(own), &open, sizeof(open), NULL));
		cr_assert_eq(open, flags == SHEAF_KEEP_FDS);
		expect_done(sheaf_apply(pool, is_open, &standard, sizeof(standard), &open, sizeof(open), NULL));
		cr_assert_eq(open, 1);
		close(ends[0]);
		close(ends[1]);
		end();
	}
}

static int print(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	printf("task %d\n", (int)sheaf_task_position(task));
	return 0;
}

static int print_to(void *context)
{
	int *ends = context;

	child_check(dup2(ends[1], 1) == 1);
	close(ends[0]);
	close(ends[1]);
	/* No newline: it waits in the buffer while workers are forked. */
	printf("host ");
	child_check(!sheaf_pool_create(&pool, &(sheaf_pool_options){.workers = 4, .heap_size = 1 << 20}));
	child_check(!sheaf_apply(pool, print, NULL, 0, NULL, 0, NULL));
	child_check(!sheaf_pool_close(pool));
	child_check(!sheaf_pool_join(pool, SHEAF_FOREVER));
	printf("end\n");
	sheaf_pool_destroy(pool);
	return 0;
}

Test(pool, workers_print_what_tasks_print_and_nothing_twice)
{
	char text[200] = "";
	size_t size = 0;
	int ends[2];
	ssize_t got;

	cr_assert_eq(pipe(ends), 0);
	in_child(print_to, ends);
	close(ends[1]);
	while ((got = read(ends[0], text + size, sizeof(text) - 1 - size)) > 0)
		size += (size_t)got;
	close(ends[0]);
	cr_assert_str_eq(text, "host task 0\nend\n");
}

static int create_with_closed_files(void *context)
{
	int standard = *(int *)context, count = 0;
	long x = 7;

	for (int fd = 0; fd < 3; fd++)
		if (standard & 1 << fd)
			close(fd);
	for (int i = 0; i < 3; i++) {
		if (sheaf_pool_create(&pool, &(sheaf_pool_options){.workers = 2, .heap_size = 1 << 20}))
			return 1;
		if (sheaf_apply(pool, do_nothing, &x, sizeof(x), &x, sizeof(x), NULL) || x)
			return 2;
		sheaf_pool_destroy(pool);
	}
	for (int fd = 0; fd < 3; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count + (standard & 1) + (standard >> 1 & 1) + (standard >> 2) == 3 ? 0 : 3;
}

Test(pool, works_in_a_host_without_standard_files)
{
	for (int standard = 1; standard < 8; standard++)
		in_child(create_with_closed_files, &standard);
}

/* ---- what the system may refuse ---- */

static int create_without_files(void *context)
{
	struct rlimit limit;
	int used = -1, r;

	(void)context;
	/*
	 * The lowest number that is free, and all above, as descriptors are given out from below.
	 */
	for (int fd = 0; fd < 64 && used < 0; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			used = fd;
	for (int more = 0;; more++) {
		int files = count_open_files();

		limit.rlim_cur = limit.rlim_max = 1024;
		limit.rlim_cur = (rlim_t)(used + more);
		child_check(!setrlimit(RLIMIT_NOFILE, &limit));
		r = sheaf_pool_create(&pool, &(sheaf_pool_options){.workers = 2, .heap_size = 1 << 20});
		limit.rlim_cur = 1024;
		child_check(!setrlimit(RLIMIT_NOFILE, &limit));
		child_check(count_open_files() == files + (r ? 0 : 6));
		if (!r)
			break;
		child_check(r == -EMFILE);
		child_check(strstr(sheaf_message(), strerror(EMFILE)));
		child_check(!pool);
		child_check(more < 10);
	}
	sheaf_pool_destroy(pool);
	return count_children() == 0 ? 0 : 1;
}

Test(pool, says_so_when_there_is_no_file_left)
{
	in_child(create_without_files, NULL);
}

static int create_without_processes(void *context)
{
	static const rlim_t limits[] = {0, 1, 2, 4};
	int files;

	(void)context;
#ifdef EMULATED
	/*
	 * qemu starts a thread of its own in each process, and aborts where the limit refuses that
	 */
	return CHILD_SKIPS;
#endif
	/*
	 * A user without other processes, because the limit counts all processes of a user: no
	 * other test, which may run at the same time, becomes this one. Root has no limit.
	 */
	if (!become_user(61235))
		return CHILD_SKIPS;
	files = count_open_files();
	for (int i = 0; i < 4; i++) {
		struct rlimit limit = {.rlim_cur = limits[i] + 1, .rlim_max = 100};
		char name[64];
		int r;

		snprintf(name, sizeof(name), "/sheaf-unit-fork-%ld", (long)getpid());
		child_check(!setrlimit(RLIMIT_NPROC, &limit));
		r = sheaf_pool_create(&pool, &(sheaf_pool_options){.workers = 8, .heap_size = 1 << 20, .name = name});
		if (!r)
			return CHILD_SKIPS;
		child_check(r == -EAGAIN);
		child_check(!pool);
		child_check(
			strstr(sheaf_message(), i ? "cannot start 8 workers: Resource temporarily unavailable (see ulimit -u)"
						  : "cannot start the pool's supervisor"));
		child_check(count_children() == 0);
		child_check(count_open_files() == files);
		child_check(segment_name_exists(name) <= 0);
	}
	return 0;
}

Test(pool, says_so_when_no_process_can_be_started)
{
	in_child(create_without_processes, NULL);
}

struct end {
	int ends[2];
	bool supervisor_first;
};

static int die_owning(void *context)
{
	struct end *end = context;
	pid_t pids[3];

	child_check(!sheaf_pool_create(&pool, &(sheaf_pool_options){.workers = 2, .heap_size = 1 << 20}));
	for (unsigned w = 0; w < 2; w++)
		pids[w] = sheaf_pool_worker_pid(pool, w);
	pids[2] = info().supervisor;
	child_check(write(end->ends[1], pids, sizeof(pids)) == sizeof(pids) && write(end->ends[1], info().name, 64) == 64);
	if (end->supervisor_first)
		kill(pids[2], SIGKILL);
	raise(SIGKILL);
	return 0;
}

Test(pool, ends_with_its_owner_whoever_dies_first)
{
	for (int i = 0; i < 2; i++) {
		struct end end = {.supervisor_first = i};
		pid_t pids[3], owner;
		char name[64];
		int status;

		cr_assert_eq(pipe(end.ends), 0);
		owner = child_start(die_owning, &end);
		cr_assert_eq(read(end.ends[0], pids, sizeof(pids)), sizeof(pids));
		cr_assert_eq(read(end.ends[0], name, sizeof(name)), sizeof(name));
		close(end.ends[0]);
		close(end.ends[1]);
		cr_assert_eq(child_wait(owner, &status, hang_deadline()), 0);
		for (int p = 0; p < 3; p++)
			cr_assert(process_ended(pids[p], hang_deadline()));
		/*
		 * Where the supervisor was killed first, its spare takes the name away, in its own
		 * time.
		 */
		for (uint64_t deadline = hang_deadline(); i && segment_name_exists(name) > 0 && sheaf_now_ns() < deadline;)
			sched_yield();
		cr_assert_leq(segment_name_exists(name), 0);
	}
}
