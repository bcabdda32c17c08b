/*
 * test_batch.c - submitted tasks: positions, arguments, results of all sizes, a full ring, and what
 * retiring frees.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "batch/open.h"
#include "batch/retire.h"
#include "pool/pool.h"
#include "pools.h"
#include "support/deadline.h"

static void set_up(void)
{
	begin();
	start_workers(2);
}

TestSuite(batch, .init = set_up, .fini = end);

static int range_of_nothing(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)task;
	(void)begin;
	(void)end;
	(void)context;
	return 0;
}

static size_t used(void)
{
	sheaf_pool_info info;

	expect_done(sheaf_pool_get_info(pool, &info));
	return info.heap_used;
}

static const sheaf_batch_options of_8 = {.result_size = 8};

/* Gather @n results and expect them in order, each mix() of its position. */
static void expect_mixed(sheaf_batch *batch, size_t n)
{
	const sheaf_result *results;
	size_t count;
	int r = sheaf_gather(batch, &results, &count, SHEAF_FOREVER);

	cr_assert_eq(r, 0, "%d: %s", r, sheaf_message());
	cr_assert_eq(count, n);
	for (size_t i = 0; i < n; i++) {
		cr_assert_eq(results[i].size, 8);
		cr_assert_eq(value_of(&results[i]), mix(results[i].position));
		cr_assert(!i || results[i].position > results[i - 1].position);
	}
}

/* ---- positions ---- */

Test(batch, dense_positions_come_back_in_order)
{
	sheaf_batch *batch = new_batch(&of_8);

	for (uint64_t p = 0; p < 5000; p++)
		expect_done(sheaf_submit(batch, p, mix_position, NULL, 0));
	expect_mixed(batch, 5000);
}

Test(batch, sparse_positions_in_any_order_come_back_sorted)
{
	sheaf_batch *batch = new_batch(&of_8);

	expect_done(sheaf_submit(batch, UINT64_MAX, mix_position, NULL, 0));
	expect_done(sheaf_submit(batch, 0, mix_position, NULL, 0));
	for (uint64_t i = 1; i < 3000; i++)
		expect_done(sheaf_submit(batch, i * UINT64_C(0x9e3779b97f4a7c15), mix_position, NULL, 0));
	expect_mixed(batch, 3001);
}

Test(batch, refuses_a_position_twice)
{
	sheaf_batch *batch = new_batch(&of_8);
	sheaf_result result;

	expect_done(sheaf_submit(batch, 7, mix_position, NULL, 0));
	expect_failure(sheaf_submit(batch, 7, mix_position, NULL, 0), -EEXIST, "position 7 was submitted to this batch before");
	expect_done(sheaf_submit(batch, 3, mix_position, NULL, 0));
	expect_failure(sheaf_submit(batch, 3, mix_position, NULL, 0), -EEXIST, "position 3 was submitted to this batch before");
	cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 1);
	expect_failure(sheaf_submit(batch, 3, mix_position, NULL, 0), -EEXIST, "position 3 was submitted");
	expect_mixed(batch, 2);
	/* Other batches have positions of their own. */
	expect_done(sheaf_submit(new_batch(&of_8), 7, mix_position, NULL, 0));
	/* What was refused took no slot of the ring. */
	for (uint64_t p = 0; p < 3000; p++)
		expect_failure(sheaf_submit(batch, 7, mix_position, NULL, 0), -EEXIST, "position 7");
	expect_pool_works(100);
}

struct submitter {
	sheaf_batch *batch;
	uint64_t first;
	int code;
};

static void *submit_1000(void *context)
{
	struct submitter *self = context;

	for (uint64_t i = 0; i < 1000 && !self->code; i++)
		self->code = sheaf_submit(self->batch, self->first + i * 8, mix_position, NULL, 0);
	return NULL;
}

Test(batch, takes_tasks_of_many_threads)
{
	struct submitter submitters[8] = {{0}};
	pthread_t threads[8];
	sheaf_batch *batch;

	end();
	start(&(sheaf_pool_options){.workers = 2, .ring_size = 4, .heap_size = 16 << 20});
	batch = new_batch(&of_8);
	for (uint64_t i = 0; i < 8; i++) {
		submitters[i] = (struct submitter){.batch = batch, .first = i};
		cr_assert_eq(pthread_create(&threads[i], NULL, submit_1000, &submitters[i]), 0);
	}
	for (int i = 0; i < 8; i++) {
		cr_assert_eq(pthread_join(threads[i], NULL), 0);
		cr_assert_eq(submitters[i].code, 0);
	}
	expect_mixed(batch, 8000);
}

/* ---- arguments ---- */

/*
 * The argument is a number of bytes that count up from the position; it must be aligned as
 * promised.
 */
static int check_arg(sheaf_task *task, const void *arg, void *result)
{
	const unsigned char *bytes = arg;
	size_t size = sheaf_task_position(task);

	(void)result;
	if (!size)
		return arg ? -EIO : 0;
	if ((uintptr_t)arg % (size > 24 ? 64 : 8))
		return sheaf_task_fail(task, -EIO, "%zu bytes at %p", size, arg);
	for (size_t i = 0; i < size; i++)
		if (bytes[i] != (unsigned char)(size + i))
			return sheaf_task_fail(task, -EIO, "byte %zu of %zu", i, size);
	return 0;
}

Test(batch, copies_arguments_of_all_sizes)
{
	static const size_t sizes[] = {0, 1, 7, 8, 23, 24, 25, 63, 64, 65, 4096, 65535, 65536, 65537, 1 << 20, 5 << 20};
	static unsigned char arg[5 << 20];
	sheaf_batch *batch = new_batch(NULL);
	sheaf_result result;

	for (int i = 0; i < 16; i++) {
		for (size_t b = 0; b < sizes[i]; b++)
			arg[b] = (unsigned char)(sizes[i] + b);
		expect_done(sheaf_submit(batch, sizes[i], check_arg, i ? arg : NULL, sizes[i]));
		memset(arg, 0xee, sizes[i]);
	}
	for (int i = 0; i < 16; i++) {
		cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 1);
		cr_assert_eq(result.status, 0, "%s", result.message);
	}
}

Test(batch, refuses_bad_arguments)
{
	sheaf_batch *batch = new_batch(NULL);

	expect_failure(sheaf_submit(NULL, 0, do_nothing, NULL, 0), -EINVAL, "sheaf_submit: batch is NULL");
	expect_failure(sheaf_submit(batch, 0, NULL, NULL, 0), -EINVAL, "sheaf_submit: fn is NULL");
	expect_failure(sheaf_submit(batch, 0, do_nothing, NULL, 1), -EINVAL, "sheaf_submit: arg is NULL");
#if SIZE_MAX > UINT32_MAX
	expect_failure(sheaf_submit(batch, 0, do_nothing, &batch, (size_t)1 << 32), -EOVERFLOW,
		       "sheaf_submit: an argument of 4294967296 bytes: put it into sheaf_alloc() memory and pass a pointer");
#endif
	expect_failure(sheaf_submit(batch, 0, do_nothing, &batch, (size_t)65 << 20), -ENOMEM,
		       "the argument of a task needs 68157440 bytes, which can never fit");
	expect_done(sheaf_submit(batch, 0, do_nothing, NULL, 0));
	expect_pool_works(100);
}

Test(batch, refuses_bad_options)
{
	sheaf_batch *batch = NULL;

	expect_failure(sheaf_batch_create(NULL, pool, NULL), -EINVAL, "sheaf_batch_create: batch is NULL");
	expect_failure(sheaf_batch_create(&batch, NULL, NULL), -EINVAL, "sheaf_batch_create: pool is NULL");
	expect_failure(sheaf_batch_create(&batch, pool, &(sheaf_batch_options){.max_attempts = 32}), -EINVAL,
		       "options.max_attempts is 32, at most 31");
	expect_failure(sheaf_batch_create(&batch, pool, &(sheaf_batch_options){.flags = 4}), -EINVAL,
		       "options.flags is 0x4: unknown flags");
	expect_failure(sheaf_batch_create(&batch, pool, &(sheaf_batch_options){.result_size = (64 << 20) + 1}), -EINVAL,
		       "options.result_size is 67108865, more than the pool's heap of 67108864 bytes");
	cr_assert_null(batch);
}

/* ---- results ---- */

/* Expect zeroed bytes at an aligned place, and fill them. */
static int fill_result(sheaf_task *task, const void *arg, void *result)
{
	size_t size = *(const size_t *)arg;
	unsigned char *bytes = result;

	if (!size)
		return result ? -EIO : 0;
	if ((uintptr_t)result % (size > 8 ? 64 : 8))
		return sheaf_task_fail(task, -EIO, "%zu bytes at %p", size, result);
	for (size_t i = 0; i < size; i++) {
		if (bytes[i])
			return sheaf_task_fail(task, -EIO, "byte %zu of %zu is not zero", i, size);
		bytes[i] = (unsigned char)(sheaf_task_position(task) + i);
	}
	return 0;
}

Test(batch, has_results_of_any_fixed_size)
{
	static const size_t sizes[] = {0, 1, 7, 8, 9, 64, 65, 1000, 65536, 1 << 20};

	/* Twice: the second time in memory that was used before. */
	for (int s = 0; s < 20; s++) {
		size_t size = sizes[s % 10], n = size > 65536 ? 20 : 300, count;
		sheaf_batch *batch = new_batch(&(sheaf_batch_options){.result_size = size});
		const sheaf_result *results;

		for (uint64_t p = 0; p < n; p++)
			expect_done(sheaf_submit(batch, p, fill_result, &size, sizeof(size)));
		cr_assert_geq(sheaf_gather(batch, &results, &count, SHEAF_FOREVER), 0);
		cr_assert_eq(count, n);
		for (uint64_t p = 0; p < n; p++) {
			const unsigned char *bytes = results[p].data;

			cr_assert_eq(results[p].status, 0, "%s", results[p].message);
			cr_assert_eq(results[p].size, size);
			cr_assert(size ? bytes != NULL : bytes == NULL);
			for (size_t i = 0; i < size; i += i < 200 ? 1 : 1021)
				cr_assert_eq(bytes[i], (unsigned char)(p + i));
		}
		sheaf_batch_retire(batch);
	}
	cr_assert_eq(used(), 0);
}

/* A result of as many bytes as the position says, from the second of two calls. */
static int fill_variable(sheaf_task *task, const void *arg, void *result)
{
	size_t size = sheaf_task_position(task);
	void *first, *second;

	(void)arg;
	(void)result;
	if (sheaf_task_result(task, 100, &first))
		return -ENOMEM;
	memset(first, 0xee, 100);
	if (sheaf_task_result(task, size, &second))
		return -ENOMEM;
	if ((uintptr_t)second % 64 || first == second)
		return -EIO;
	for (size_t i = 0; i < size; i++)
		if (((unsigned char *)second)[i])
			return -EIO;
	memset(second, (int)(size % 251), size);
	return 0;
}

Test(batch, has_results_of_variable_size)
{
	static const size_t sizes[] = {0, 1, 63, 64, 65, 5000, 65536, 200000, 3 << 20, 10 << 20};
	sheaf_batch *batch = new_batch(&of_8);
	sheaf_result result;

	for (int i = 0; i < 10; i++)
		expect_done(sheaf_submit(batch, sizes[i], fill_variable, NULL, 0));
	for (int i = 0; i < 10; i++) {
		cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 1);
		cr_assert_eq(result.status, 0, "%d", result.status);
		cr_assert_eq(result.size, sizes[i]);
		for (size_t b = 0; b < sizes[i]; b++)
			cr_assert_eq(((unsigned char *)result.data)[b], sizes[i] % 251);
	}
	sheaf_batch_retire(batch);
	cr_assert_eq(used(), 0);
}

static int ask_wrongly(sheaf_task *task, const void *arg, void *result)
{
	void *memory = &memory;

	(void)arg;
	(void)result;
	if (sheaf_task_result(NULL, 8, &memory) != -EINVAL || sheaf_task_result(task, 8, NULL) != -EINVAL ||
	    sheaf_task_result(task, SIZE_MAX, &memory) != -ENOMEM || memory != &memory)
		return -EIO;
	return sheaf_task_fail(task, sheaf_task_result(task, (size_t)65 << 20, &memory), "%s", sheaf_message());
}

Test(batch, a_result_that_is_too_large_is_an_error_in_the_task)
{
	sheaf_batch *batch = new_batch(NULL);
	sheaf_result result;

	/* Again and again: no worker and no memory is lost. */
	for (uint64_t p = 0; p < 20; p++)
		expect_done(sheaf_submit(batch, p, ask_wrongly, NULL, 0));
	for (uint64_t p = 0; p < 20; p++) {
		cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 1);
		cr_assert_eq(result.status, -ENOMEM, "%d", result.status);
		cr_assert_not_null(strstr(result.message, "a result needs 68157440 bytes, which can never fit"), "%s",
				   result.message);
		cr_assert_null(result.data);
		cr_assert_eq(result.attempts, 1);
	}
	expect_pool_works(100);
}

static int tell_pid(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	((int64_t *)result)[0] = getpid();
	((int64_t *)result)[1] = sheaf_task_worker(task);
	return sheaf_task_attempt(task) == 1 ? 0 : -EIO;
}

Test(batch, results_tell_who_ran_them_and_when)
{
	uint64_t start_ns = sheaf_now_ns();

	for (unsigned flags = 0; flags <= SHEAF_NO_TIMES; flags += SHEAF_NO_TIMES) {
		sheaf_batch *batch = new_batch(&(sheaf_batch_options){.result_size = 16, .flags = flags});
		const sheaf_result *results;
		size_t n;

		for (uint64_t p = 0; p < 100; p++)
			expect_done(sheaf_submit(batch, p, tell_pid, NULL, 0));
		cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0);
		for (size_t i = 0; i < n; i++) {
			const sheaf_result *r = &results[i];
			const int64_t *told = r->data;

			cr_assert_eq(r->position, i);
			cr_assert_eq(r->status, 0);
			cr_assert_eq(r->signal, 0);
			cr_assert_eq(r->exit_code, -1);
			cr_assert_eq(r->attempts, 1);
			cr_assert_str_eq(r->message, "");
			cr_assert_eq(r->pid, told[0]);
			cr_assert_eq(r->worker, told[1]);
			cr_assert_eq(r->pid, sheaf_pool_worker_pid(pool, (unsigned)r->worker));
			if (flags) {
				cr_assert(r->started_ns == 0 && r->finished_ns == 0);
			} else {
				cr_assert_geq(r->started_ns, start_ns);
				cr_assert_geq(r->finished_ns, r->started_ns);
				cr_assert_leq(r->finished_ns, sheaf_now_ns());
			}
		}
	}
}

/* ---- failing tasks ---- */

static int fail_if_odd(sheaf_task *task, const void *arg, void *result)
{
	uint64_t p = sheaf_task_position(task);

	(void)arg;
	*(uint64_t *)result = mix(p);
	if (p % 4 == 1)
		return sheaf_task_fail(task, -EDOM, "%d is odd", (int)p);
	if (p % 4 == 3)
		return -ERANGE;
	return p % 4 == 2 ? (sheaf_task_fail(task, -EIO, "not meant"), 0) : 0;
}

Test(batch, failures_reach_their_positions_with_code_and_text)
{
	sheaf_batch *batch = new_batch(&of_8);
	const sheaf_result *results;
	char text[40];
	size_t n;

	for (uint64_t p = 0; p < 1000; p++)
		expect_done(sheaf_submit(batch, p, fail_if_odd, NULL, 0));
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 500);
	cr_assert_str_eq(sheaf_message(), "position 1: 1 is odd (499 other positions failed, too)");
	for (uint64_t p = 0; p < n; p++) {
		snprintf(text, sizeof(text), "%d is odd", (int)p);
		cr_assert_eq(results[p].status, p % 4 == 1 ? -EDOM : p % 4 == 3 ? -ERANGE : 0);
		cr_assert_str_eq(results[p].message, p % 4 == 1 ? text : p % 4 == 3 ? sheaf_strerror(-ERANGE) : "");
		cr_assert_eq(results[p].attempts, 1);
		cr_assert_eq(results[p].signal, 0);
		cr_assert_eq(results[p].exit_code, -1);
		if (p % 2)
			cr_assert_null(results[p].data);
		else
			cr_assert_eq(value_of(&results[p]), mix(p));
	}
	expect_pool_works(100);
}

static int fail_at_length(sheaf_task *task, const void *arg, void *result)
{
	int width = *(const int *)arg;

	(void)result;
	return sheaf_task_fail(task, -EIO, "%*d", width, 7);
}

Test(batch, texts_of_failures_are_cut_to_511_bytes)
{
	static const int widths[] = {1, 510, 511, 512, 100000};
	sheaf_batch *batch = new_batch(NULL);
	sheaf_result result;

	for (uint64_t i = 0; i < 5; i++)
		expect_done(sheaf_submit(batch, i, fail_at_length, &widths[i], sizeof(widths[i])));
	for (int i = 0; i < 5; i++) {
		cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 1);
		cr_assert_eq(strlen(result.message), (size_t)(widths[i] < 511 ? widths[i] : 511));
	}
}

static int fail_with_status_of_death(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	(void)result;
	return -ECHILD;
}

Test(batch, a_task_that_returns_echild_is_no_death)
{
	sheaf_batch *batch = new_batch(NULL);
	sheaf_result result;

	expect_done(sheaf_submit(batch, 0, fail_with_status_of_death, NULL, 0));
	cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 1);
	cr_assert_eq(result.status, -ECHILD);
	cr_assert_eq(result.signal, 0);
	cr_assert_eq(result.exit_code, -1);
	cr_assert_str_eq(result.message, sheaf_strerror(-ECHILD));
}

/* ---- a full ring ---- */

Test(batch, takes_as_many_tasks_as_the_ring_has_slots)
{
	static const unsigned sizes[][2] = {{1, 1}, {2, 2}, {3, 4}, {4, 4}, {0, 1024}};

	for (int i = 0; i < 5; i++) {
		sheaf_batch *batch;
		struct gate *gate;
		unsigned taken = 0;
		int r;

		end();
		start(&(sheaf_pool_options){.workers = 1, .ring_size = sizes[i][0], .heap_size = 16 << 20});
		gate = new_gate();
		batch = new_batch(&(sheaf_batch_options){.flags = SHEAF_NONBLOCK});
		while (!(r = sheaf_submit(batch, taken, wait_at_gate, &gate, sizeof(gate))))
			taken++;
		cr_assert_eq(taken, sizes[i][1], "%u", taken);
		expect_failure(r, -EAGAIN, "the ring is full: ");
		/* The same once a worker runs one of them. */
		gate_await(gate, 1);
		expect_failure(sheaf_submit(batch, taken, do_nothing, NULL, 0), -EAGAIN, " tasks wait or run");
		gate_open(gate);
		while ((r = sheaf_submit(batch, taken, do_nothing, NULL, 0)) == -EAGAIN)
			nap();
		expect_done(r);
	}
}

static void *open_later(void *gate)
{
	for (int i = 0; i < 20; i++)
		nap();
	gate_open(gate);
	return NULL;
}

Test(batch, waits_for_room)
{
	for (unsigned ring = 1; ring <= 4; ring++) {
		sheaf_batch *batch;
		struct gate *gate;
		pthread_t opener;

		end();
		start(&(sheaf_pool_options){.workers = 2, .ring_size = ring, .heap_size = 16 << 20});
		gate = new_gate();
		batch = new_batch(&of_8);
		cr_assert_eq(pthread_create(&opener, NULL, open_later, gate), 0);
		for (uint64_t p = 0; p < 20; p++)
			expect_done(sheaf_submit(new_batch(NULL), p, wait_at_gate, &gate, sizeof(gate)));
		for (uint64_t p = 0; p < 1000; p++)
			expect_done(sheaf_submit(batch, p, mix_position, NULL, 0));
		cr_assert_eq(pthread_join(opener, NULL), 0);
		expect_mixed(batch, 1000);
	}
}

Test(batch, takes_more_tasks_while_one_is_slow)
{
	sheaf_batch *slow, *batch;
	struct gate *gate;

	end();
	start(&(sheaf_pool_options){.workers = 2, .ring_size = 4, .heap_size = 16 << 20});
	gate = new_gate();
	slow = new_batch(&of_8);
	expect_done(sheaf_submit(slow, 0, wait_at_gate, &gate, sizeof(gate)));
	gate_await(gate, 1);
	batch = new_batch(&of_8);
	for (uint64_t p = 0; p < 3000; p++)
		expect_done(sheaf_submit(batch, p, mix_position, NULL, 0));
	expect_mixed(batch, 3000);
	gate_open(gate);
}

/* ---- many batches ---- */

Test(batch, refuses_more_batches_than_allowed)
{
	sheaf_batch *batches[3], *more = NULL;
	long x;

	end();
	start(&(sheaf_pool_options){.workers = 1, .max_batches = 3, .heap_size = 16 << 20});
	for (int i = 0; i < 3; i++)
		batches[i] = new_batch(NULL);
	expect_failure(sheaf_batch_create(&more, pool, NULL), -ENOSPC, "3 batches are open: retire one, or raise max_batches");
	expect_failure(sheaf_apply(pool, do_nothing, NULL, 0, &x, sizeof(x), NULL), -ENOSPC, "3 batches are open");
	expect_failure(sheaf_map(pool, do_nothing, NULL, 0, NULL, 0, 5, NULL), -ENOSPC, "3 batches are open");
	cr_assert_null(more);
	sheaf_batch_retire(batches[1]);
	expect_done(sheaf_apply(pool, do_nothing, NULL, 0, &x, sizeof(x), NULL));
	more = new_batch(NULL);
	expect_done(sheaf_submit(more, 0, do_nothing, NULL, 0));
}

Test(batch, tasks_of_many_batches_do_not_mix)
{
	sheaf_batch *batches[10];

	for (int i = 0; i < 10; i++)
		batches[i] = new_batch(&of_8);
	for (uint64_t p = 0; p < 300; p++)
		for (uint64_t i = 0; i < 10; i++)
			expect_done(sheaf_submit(batches[i], p * (i + 1), mix_position, NULL, 0));
	for (int i = 9; i >= 0; i--)
		expect_mixed(batches[i], 300);
}

/* ---- retiring ---- */

Test(batch, retiring_frees_all_its_memory)
{
	static unsigned char arg[3000];

	for (int round = 0; round < 30; round++) {
		sheaf_batch *batch = new_batch(&(sheaf_batch_options){.result_size = 1000});

		for (uint64_t p = 0; p < 100; p++)
			expect_done(sheaf_submit(batch, p, p % 2 ? fill_variable : do_nothing, arg, sizeof(arg)));
		/* Every third is retired while tasks still run. */
		if (round % 3) {
			const sheaf_result *results;
			size_t n;

			cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0);
		}
		sheaf_batch_retire(batch);
		cr_assert_eq(used(), 0);
	}
	sheaf_batch_retire(NULL);
}

struct opener {
	struct gate *gate;
	struct shared_batch *batch;
};

/* Open the gate once the batch is being retired. */
static void *open_when_retired(void *context)
{
	struct opener *opener = context;

	while (BATCH_STATE(atomic_load(&opener->batch->word)) != BATCH_RETIRED)
		nap();
	gate_open(opener->gate);
	return NULL;
}

static void retire_at_gate(sheaf_batch *batch, struct gate *gate)
{
	struct opener opener = {.gate = gate, .batch = batch->shared};
	pthread_t thread;

	gate_await(gate, 2);
	cr_assert_eq(pthread_create(&thread, NULL, open_when_retired, &opener), 0);
	sheaf_batch_retire(batch);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert_eq(atomic_load(&gate->arrived), 2, "nothing was begun after that");
}

Test(batch, retiring_drops_what_has_not_started_and_waits_for_the_rest)
{
	sheaf_batch *batch = new_batch(NULL);
	struct gate *gate = new_gate();

	for (uint64_t p = 0; p < 100; p++)
		expect_done(sheaf_submit(batch, p, wait_at_gate, &gate, sizeof(gate)));
	retire_at_gate(batch, gate);
	expect_pool_works(100);
}

/* The workers would never end their tasks: they are killed and replaced. */
Test(batch, retiring_ends_tasks_that_do_not_end)
{
	sheaf_batch *batch = new_batch(NULL);
	struct gate *gate = new_gate();
	sheaf_pool_info info;
	pid_t pids[2] = {sheaf_pool_worker_pid(pool, 0), sheaf_pool_worker_pid(pool, 1)};

	for (uint64_t p = 0; p < 10; p++)
		expect_done(sheaf_submit(batch, p, wait_at_gate, &gate, sizeof(gate)));
	gate_await(gate, 2);
	sheaf_batch_retire(batch);
	cr_assert_eq(atomic_load(&gate->arrived), 2);
	for (int i = 0; i < 2; i++)
		cr_assert(process_ended(pids[i], hang_deadline()));
	expect_pool_works(1000);
	expect_done(sheaf_pool_get_info(pool, &info));
	cr_assert_eq(info.deaths, 0, "they were asked to");
}

Test(batch, retiring_a_map_ends_it_early)
{
	sheaf_batch *batch = new_batch(NULL);
	struct gate *gate = new_gate();
	struct gate **gates;
	void *memory;

	expect_done(sheaf_alloc_array(pool, 10000, sizeof(*gates), &memory));
	gates = memory;
	for (int i = 0; i < 10000; i++)
		gates[i] = gate;
	expect_done(
		sheaf_submit_map(batch, wait_at_gate, gates, sizeof(*gates), NULL, 0, 10000, &(sheaf_map_options){.grain = 1}));
	retire_at_gate(batch, gate);
	expect_pool_works(100);
}

/* ---- calls that fail change nothing ---- */

/* A pool whose only worker waits at a gate, and whose ring is full. */
static sheaf_batch *fill_ring(unsigned ring_size, const sheaf_batch_options *options, struct gate **gate)
{
	sheaf_batch *batch;
	uint64_t position = 0;
	int r;

	end();
	start(&(sheaf_pool_options){.workers = 1, .ring_size = ring_size, .heap_size = 64 << 20});
	*gate = new_gate();
	batch = new_batch(options);
	while (!(r = sheaf_submit(batch, position, wait_at_gate, gate, sizeof(*gate))))
		position++;
	expect_failure(r, -EAGAIN, "the ring is full");
	gate_await(*gate, 1);
	return batch;
}

static const sheaf_batch_options impatient = {.flags = SHEAF_NONBLOCK},
				 impatient_10000 = {.flags = SHEAF_NONBLOCK, .result_size = 10000};

static uint64_t told_limit(const sheaf_batch *batch)
{
	return atomic_load(&batch->shared->shortest_ns);
}

Test(batch, a_task_that_a_full_ring_refuses_keeps_no_memory)
{
	static const char arg[300000];
	static const size_t sizes[] = {25, 4096, 65536, 300000};
	struct gate *gate;
	sheaf_batch *batch = fill_ring(8, &impatient_10000, &gate);
	sheaf_batch *empty = new_batch(&impatient_10000);
	size_t before = used();

	for (unsigned i = 0; i < 4; i++)
		for (unsigned n = 0; n < 100; n++) {
			expect_failure(sheaf_submit(batch, 100, do_nothing, arg, sizes[i]), -EAGAIN, "the ring is full");
			/* Its table has not one stretch. */
			expect_failure(sheaf_submit(empty, 0, do_nothing, arg, sizes[i]), -EAGAIN, "the ring is full");
			expect_failure(sheaf_submit(empty, 0, do_nothing, NULL, 0), -EAGAIN, "the ring is full");
			cr_assert_eq(used(), before);
		}
	gate_open(gate);
}

Test(batch, a_task_that_there_is_no_memory_for_keeps_none)
{
	static const sheaf_batch_options of_10000 = {.result_size = 10000};
	sheaf_batch *batch = new_batch(&of_10000);
	char *arg = calloc(1, 65 << 20);
	size_t before;

	cr_assert_not_null(arg);
	before = used();
	for (uint64_t position = 0; position < 30; position++) {
		expect_failure(sheaf_submit(batch, position, do_nothing, arg, 65 << 20), -ENOMEM,
			       "the argument of a task needs");
		cr_assert_eq(used(), before);
		/* The next one that is accepted makes the table longer, now and then. */
		expect_done(sheaf_submit(batch, position, do_nothing, NULL, 0));
		before = used();
	}
	free(arg);
}

Test(batch, memory_that_was_given_back_is_used_again)
{
	static char arg[5000];
	struct gate *gate;
	sheaf_batch *batch = fill_ring(4, &impatient, &gate);
	const sheaf_result *results;
	size_t before, n;
	int r;

	expect_failure(sheaf_submit(batch, 50, do_nothing, arg, sizeof(arg)), -EAGAIN, "the ring is full");
	gate_open(gate);
	before = used();
	for (uint64_t position = 50; position < 62; position++)
		while ((r = sheaf_submit(batch, position, do_nothing, arg, sizeof(arg)))) {
			cr_assert_eq(r, -EAGAIN);
			nap();
		}
	cr_assert_eq(used(), before + 65536);
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0);
	cr_assert_eq(n, 16);
}

Test(batch, a_map_that_a_full_ring_refuses_keeps_nothing)
{
	static const sheaf_map_options options = {
		.grain = 1, .context_size = 100000, .task_timeout_ns = 5000000000, .max_attempts = 7};
	static char context[100000];
	struct gate *gate;
	sheaf_batch *batch, *other;
	const sheaf_result *results;
	size_t before, n;
	int r;

	fill_ring(4, &impatient, &gate);
	batch = new_batch(&impatient);
	other = new_batch(&(sheaf_batch_options){.result_size = 8});
	before = used();
	for (unsigned i = 0; i < 50; i++) {
		expect_failure(sheaf_submit_for(batch, range_of_nothing, context, 2000, &options), -EAGAIN, "the ring is full");
		cr_assert_eq(used(), before);
		cr_assert_eq(told_limit(batch), 0);
	}
	/* What fails before it comes to the ring. */
	expect_failure(
		sheaf_submit_for(other, range_of_nothing, context, 100000, &(sheaf_map_options){.context_size = 65 << 20}),
		-ENOMEM, "the context of a loop needs");
	expect_failure(sheaf_submit_for(other, range_of_nothing, context, 2000, NULL), -EFAULT, "context");
	cr_assert_eq(used(), before);
	gate_open(gate);
	/* They still are batches without tasks. */
	while ((r = sheaf_submit_for(batch, range_of_nothing, context, 2000, &options)) == -EAGAIN)
		nap();
	expect_done(r);
	cr_assert_eq(told_limit(batch), 5000000000);
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0);
	cr_assert_eq(n, 2000);
	expect_done(sheaf_submit(other, 3, mix_position, NULL, 0));
	expect_mixed(other, 1);
}

struct map_waiter {
	sheaf_batch *batch;
	int code;
};

static void *submit_loop(void *context)
{
	struct map_waiter *waiter = context;

	waiter->code = sheaf_submit_for(waiter->batch, range_of_nothing, NULL, 50, NULL);
	return NULL;
}

Test(batch, a_map_that_waits_for_its_first_room_has_no_results_yet)
{
	struct map_waiter waiter;
	const sheaf_result *results;
	sheaf_result result;
	struct gate *gate;
	pthread_t thread;
	bool began = false;
	size_t n;

	fill_ring(4, &impatient, &gate);
	waiter = (struct map_waiter){.batch = new_batch(NULL)};
	cr_assert_eq(pthread_create(&thread, NULL, submit_loop, &waiter), 0);
	for (uint64_t deadline = hang_deadline(); !began && sheaf_now_ns() < deadline; nap()) {
		pthread_mutex_lock(&waiter.batch->lock);
		began = waiter.batch->inviting;
		pthread_mutex_unlock(&waiter.batch->lock);
	}
	cr_assert(began);
	cr_assert_eq(sheaf_next(waiter.batch, &result, SHEAF_FOREVER), 0);
	cr_assert_eq(sheaf_next_done(waiter.batch, &result, SHEAF_FOREVER), 0);
	cr_assert_eq(sheaf_gather(waiter.batch, &results, &n, SHEAF_FOREVER), 0);
	cr_assert_eq(n, 0);
	gate_open(gate);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	expect_done(waiter.code);
	cr_assert_eq(sheaf_gather(waiter.batch, &results, &n, SHEAF_FOREVER), 0);
	cr_assert_eq(n, 50);
}

Test(batch, the_limit_of_a_refused_task_is_not_told)
{
	static const sheaf_task_options limited = {.timeout_ns = 3000000};
	struct gate *gate;
	sheaf_batch *batch = fill_ring(4, &impatient, &gate);

	expect_failure(sheaf_submit_with(batch, 70, do_nothing, NULL, 0, &limited), -EAGAIN, "the ring is full");
	expect_failure(sheaf_submit_with(batch, 0, do_nothing, NULL, 0, &limited), -EEXIST, "position 0");
	cr_assert_eq(told_limit(batch), 0);
	gate_open(gate);
}

/* ---- the slots of batches ---- */

static uint32_t opener_of(uint32_t index)
{
	return atomic_load(&pool->segment.batches[index].opener);
}

static void say_opened(uint32_t index, uint32_t opener)
{
	atomic_store(&pool->segment.batches[index].opener, opener);
}

static uint32_t name_of_worker(unsigned worker)
{
	return seat_name(worker, atomic_load(&pool->segment.seats[worker].generation));
}

/* Opens a batch and retires it. The slot that it had. */
static uint32_t open_and_retire(void)
{
	sheaf_batch *batch = new_batch(NULL);
	uint32_t index = batch->index;

	cr_assert_eq(opener_of(index), HELD_BY(pool->member.name));
	cr_assert_eq(BATCH_STATE(batch->shared->word), BATCH_OPEN);
	sheaf_batch_retire(batch);
	cr_assert_eq(opener_of(index), 0);
	cr_assert_eq(BATCH_STATE(pool->segment.batches[index].word), BATCH_FREE);
	return index;
}

/* Have the next search begin at the first slot, and not where the last one ended. */
static void forget_recent(void)
{
	atomic_store(&pool->member.openings->recent, 0);
}

Test(batch, takes_a_slot_that_no_other_member_has)
{
	sheaf_batch *first = new_batch(NULL);

	cr_assert_eq(first->index, 0);
	cr_assert_eq(open_and_retire(), 1);
	say_opened(1, HELD_BY(name_of_worker(0)));
	cr_assert_eq(open_and_retire(), 2, "a living member has it");
	cr_assert_eq(opener_of(1), HELD_BY(name_of_worker(0)));
	forget_recent();
	/* The owner knows what it has itself. */
	say_opened(1, HELD_BY(pool->member.name));
	cr_assert_eq(open_and_retire(), 1, "it has not opened this one");
	say_opened(0, 0);
	cr_assert_eq(open_and_retire(), 1, "it has opened that one");
	/* No member has these names. */
	say_opened(1, HELD_BY(seat_name(0, atomic_load(&pool->segment.seats[0].generation) + 1)));
	cr_assert_eq(open_and_retire(), 1);
	say_opened(1, HELD_BY(seat_name(77, 1)));
	cr_assert_eq(open_and_retire(), 1);
	say_opened(1, HELD_BY(seat_name(pool->segment.seat_count, 0)));
	cr_assert_eq(open_and_retire(), 1);
	say_opened(1, UINT32_MAX - 1);
	cr_assert_eq(open_and_retire(), 1);
	say_opened(1, ORPHANED);
	cr_assert_eq(open_and_retire(), 1, "it was written over");
	say_opened(1, ORPHANED);
	atomic_store(&pool->segment.batches[1].word, BATCH_WORD(BATCH_RETIRED, 0));
	cr_assert_eq(open_and_retire(), 2, "the supervisor has it");
	atomic_store(&pool->segment.batches[1].word, BATCH_WORD(BATCH_FREE, 0));
	say_opened(1, 0);
	forget_recent();
	/* While the owner waits for tasks, it says again what it has. */
	say_opened(0, 0);
	batch_mend(&pool->member);
	cr_assert_eq(opener_of(0), HELD_BY(pool->member.name));
	cr_assert_eq(opener_of(1), 0);
	sheaf_batch_retire(first);
	cr_assert_eq(opener_of(0), 0);
	expect_pool_works(100);
}

/* As a program would that is attached to the pool. */
Test(batch, of_two_members_have_slots_of_their_own)
{
	static struct member other;
	static struct openings openings;
	struct segment theirs = pool->segment;
	sheaf_batch *mine = new_batch(NULL), *foreign[6];
	uint32_t added;

	theirs.batches_added = 0;
	member_sit(&other, &theirs, 0, atomic_load(&theirs.seats[0].generation), (int32_t)getpid(), NULL);
	other.ops = pool->member.ops;
	other.openings = &openings;
	pthread_mutex_init(&openings.lock, NULL);
	for (uint32_t i = 0; i < 6; i++) {
		expect_done(batch_open(&foreign[i], &other, NULL));
		cr_assert_eq(foreign[i]->index, i + 1);
		cr_assert_eq(opener_of(i + 1), HELD_BY(other.name));
	}
	added = atomic_load(&theirs.control->batches);
	cr_assert_geq(added, 7);
	cr_assert_eq(theirs.batches_added, added);
	cr_assert_eq(open_and_retire(), 7);
	cr_assert_geq(pool->segment.batches_added, 8);
	cr_assert_geq(atomic_load(&theirs.control->batches), added, "it only grows");
	batch_free(foreign[2], false);
	cr_assert_eq(opener_of(3), 0);
	forget_recent();
	cr_assert_eq(open_and_retire(), 3);
	/* What one mends is not the other's. */
	say_opened(1, 0);
	batch_mend(&pool->member);
	cr_assert_eq(opener_of(1), 0);
	batch_mend(&other);
	cr_assert_eq(opener_of(1), HELD_BY(other.name));
	for (uint32_t i = 0; i < 6; i++)
		if (i != 2)
			batch_free(foreign[i], false);
	batch_drop_spare(&other);
	pthread_mutex_destroy(&openings.lock);
	sheaf_batch_retire(mine);
	expect_pool_works(100);
}

Test(batch, a_worker_notes_the_slot_of_the_task_in_hand)
{
	sheaf_batch *batch = new_batch(NULL);
	struct gate *gate = new_gate();

	expect_done(sheaf_submit(batch, 0, wait_at_gate, &gate, sizeof(gate)));
	expect_done(sheaf_submit(batch, 1, wait_at_gate, &gate, sizeof(gate)));
	gate_await(gate, 2);
	for (unsigned worker = 0; worker < 2; worker++) {
		const struct shared_slot *slot = segment_at(&pool->segment, atomic_load(&pool->segment.seats[worker].hand));
		uint64_t word;

		cr_assert(slot >= pool->segment.slots && slot < pool->segment.slots + pool->segment.rings[SHEAF_NORMAL].size);
		word = atomic_load(&slot->word);
		cr_assert_eq(word_state(word), WORD_OWNED);
		cr_assert_eq(word_name(word), name_of_worker(worker));
	}
	gate_open(gate);
}

/* ---- progress ---- */

Test(batch, knows_how_far_it_is)
{
	sheaf_batch *batch = new_batch(NULL);
	struct gate *gate = new_gate();
	const sheaf_result *results;
	sheaf_progress progress;
	size_t n;

	expect_done(sheaf_batch_get_progress(batch, &progress));
	cr_assert(progress.total == 0 && progress.done == 0);
	for (uint64_t p = 0; p < 10; p++)
		expect_done(sheaf_submit(batch, p, p == 3 ? wait_at_gate : do_nothing, &gate, sizeof(gate)));
	do
		expect_done(sheaf_batch_get_progress(batch, &progress));
	while (progress.done < 9);
	cr_assert_eq(progress.total, 10);
	cr_assert_eq(progress.done, 9);
	gate_open(gate);
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0);
	expect_done(sheaf_batch_get_progress(batch, &progress));
	cr_assert(progress.total == 10 && progress.done == 10);
	expect_failure(sheaf_batch_get_progress(NULL, &progress), -EINVAL, "sheaf_batch_get_progress: batch is NULL");
	expect_failure(sheaf_batch_get_progress(batch, NULL), -EINVAL, "sheaf_batch_get_progress: progress is NULL");
}
