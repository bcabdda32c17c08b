/*
 * test_several.c - waits for one of several batches, or for all of them.
 */
#include <errno.h>
#include <pthread.h>

#include "pools.h"
#include "pool/pool.h"
#include "support/deadline.h"

#define N 3
#define MANY 70 /* more than there are rooms */

static const sheaf_pool_options small = {.workers = 2, .ring_size = 128, .max_batches = MANY + 1, .heap_size = 64 << 20};
static const sheaf_batch_options of_8 = {.result_size = 8};
static const sheaf_batch_options cancels = {.result_size = 8, .on_error = SHEAF_CANCEL_REST};

static void set_up(void)
{
	begin();
	start(&small);
}

TestSuite(several, .init = set_up, .fini = end);

/* ---- tasks and waits ---- */

static int fail_at_once(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	return sheaf_task_fail(task, -EDOM, "as asked");
}

/* Of a loop: the upper half fails. */
static int fail_above(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)task;
	(void)context;
	return begin >= 50 || end > 50 ? -EDOM : 0;
}

static void submit(sheaf_batch *batch, uint64_t position, sheaf_task_fn *fn, struct gate *gate)
{
	expect_done(sheaf_submit(batch, position, fn, &gate, sizeof(gate)));
}

static int wait_for(sheaf_batch *const *batches, size_t n, enum sheaf_which which)
{
	return sheaf_wait(batches, n, which, hang_deadline());
}

static void take(sheaf_batch *batch, int status)
{
	sheaf_result result;

	cr_assert_eq(sheaf_next_done(batch, &result, 0), 1, "%s", sheaf_message());
	cr_assert_eq(result.status, status);
}

struct waiter {
	sheaf_batch *const *batches;
	size_t n;
	enum sheaf_which which;
	_Atomic int begun;
	_Atomic int over;
	int code;
	char message[200];
	pthread_t thread;
};

static void *wait_in_thread(void *context)
{
	struct waiter *waiter = context;

	atomic_store(&waiter->begun, 1);
	waiter->code = sheaf_wait(waiter->batches, waiter->n, waiter->which, SHEAF_FOREVER);
	snprintf(waiter->message, sizeof(waiter->message), "%s", sheaf_message());
	atomic_store(&waiter->over, 1);
	return NULL;
}

/* Start a thread that waits, and wait until it sleeps: then the batch has its word. */
static void start_waiting(struct waiter *waiter)
{
	cr_assert_eq(pthread_create(&waiter->thread, NULL, wait_in_thread, waiter), 0);
	while (!atomic_load(&waiter->over) && atomic_load(&waiter->batches[waiter->n - 1]->shared->waiter) == WAIT_NOTHING)
		nap();
	cr_assert_eq(atomic_load(&waiter->over), 0);
}

static void expect_end(struct waiter *waiter, int code)
{
	cr_assert_eq(pthread_join(waiter->thread, NULL), 0);
	cr_assert_eq(waiter->code, code, "%d: %s", waiter->code, waiter->message);
	for (size_t i = 0; i < waiter->n; i++)
		cr_assert_eq(atomic_load(&waiter->batches[i]->shared->waiter), WAIT_NOTHING);
}

static void open_batches(sheaf_batch **batches, size_t n)
{
	for (size_t i = 0; i < n; i++)
		batches[i] = new_batch(&of_8);
}

/* ---- the first that is done ---- */

Test(several, first_done_is_there_already)
{
	sheaf_batch *batches[N];
	struct gate *gate = new_gate();

	open_batches(batches, N);
	submit(batches[0], 0, wait_at_gate, gate);
	submit(batches[2], 0, mix_position, NULL);
	cr_assert_eq(wait_for(batches, N, SHEAF_FIRST_DONE), 2);
	/* Nothing is handed out by waiting. */
	cr_assert_eq(sheaf_wait(batches, N, SHEAF_FIRST_DONE, 0), 2);
	take(batches[2], 0);
	expect_failure(sheaf_wait(batches, N, SHEAF_FIRST_DONE, 0), -EAGAIN, "not done yet");
	expect_failure(sheaf_wait(batches, N, SHEAF_FIRST_DONE, 1), -ETIMEDOUT, "deadline");
	gate_open(gate);
	cr_assert_eq(wait_for(batches, N, SHEAF_FIRST_DONE), 0);
	take(batches[0], 0);
	/* All were handed out. */
	cr_assert_eq(wait_for(batches, N, SHEAF_FIRST_DONE), N);
}

Test(several, first_done_wakes_one_that_sleeps)
{
	sheaf_batch *batches[N];
	struct gate *gates[2] = {new_gate(), new_gate()};
	struct waiter waiter = {.batches = batches, .n = N};

	for (int i = 0; i < N; i++) {
		open_batches(batches, N);
		submit(batches[i], 5, wait_at_gate, gates[0]);
		submit(batches[(i + 1) % N], 5, wait_at_gate, gates[1]);
		start_waiting(&waiter);
		gate_open(gates[0]);
		expect_end(&waiter, i);
		gate_open(gates[1]);
		cr_assert_eq(wait_for(batches, N, SHEAF_ALL_DONE), N);
		atomic_store(&waiter.over, 0);
		atomic_store(&gates[0]->open, 0);
		atomic_store(&gates[1]->open, 0);
		for (int k = 0; k < N; k++)
			sheaf_batch_retire(batches[k]);
	}
}

Test(several, batches_of_every_kind)
{
	sheaf_batch *batches[N];
	struct gate *gate = new_gate();
	struct gate **in;
	void *memory, *out;
	sheaf_result result;
	int seen[N] = {0}, i;

	open_batches(batches, N);
	expect_done(sheaf_alloc(pool, 40 * 8, &memory));
	expect_done(sheaf_alloc(pool, 40 * 8, &out));
	in = memory;
	for (int k = 0; k < 40; k++)
		in[k] = gate;
	submit(batches[0], 7, mix_position, NULL);
	expect_done(sheaf_submit_map(batches[1], wait_at_gate, in, 8, out, 8, 40, NULL));
	gate_open(gate);
	expect_done(sheaf_submit_for(batches[2], fail_above, NULL, 100, NULL));
	while ((i = wait_for(batches, N, SHEAF_FIRST_DONE)) < N) {
		cr_assert_geq(i, 0, "%s", sheaf_message());
		cr_assert_eq(sheaf_next_done(batches[i], &result, 0), 1);
		cr_assert_eq(result.status, i == 2 && result.position >= 50 ? -EDOM : 0, "%d", result.status);
		seen[i]++;
	}
	cr_assert(seen[0] == 1 && seen[1] == 40 && seen[2] == 100);
}

Test(several, more_threads_wait_than_there_are_rooms)
{
	static sheaf_batch *batches[MANY];
	static struct waiter waiters[MANY];
	struct gate *gate = new_gate();

	open_batches(batches, MANY);
	for (int i = 0; i < MANY; i++)
		submit(batches[i], 0, wait_at_gate, gate);
	for (int i = 0; i < MANY; i++) {
		waiters[i] = (struct waiter){.batches = &batches[i], .n = 1};
		cr_assert_eq(pthread_create(&waiters[i].thread, NULL, wait_in_thread, &waiters[i]), 0);
	}
	for (int i = 0; i < MANY; i++)
		while (!atomic_load(&waiters[i].begun))
			nap();
	gate_open(gate);
	for (int i = 0; i < MANY; i++)
		expect_end(&waiters[i], 0);
	/* No room is left taken. */
	for (unsigned room = 0; room < ROOM_SLOTS; room++)
		cr_assert_eq(pool->segment.control->room_holder[room], 0);
}

/* ---- the first that failed, all ---- */

Test(several, first_failed_of_tasks)
{
	sheaf_batch *batches[N];
	struct gate *gate = new_gate();
	struct waiter waiter = {.batches = batches, .n = N, .which = SHEAF_FIRST_FAILED};

	open_batches(batches, N);
	for (uint64_t p = 0; p < 20; p++)
		submit(batches[p % N], p, mix_position, NULL);
	submit(batches[1], 50, wait_at_gate, gate);
	submit(batches[0], 50, wait_at_gate, gate);
	start_waiting(&waiter);
	submit(batches[2], 60, fail_at_once, NULL);
	gate_open(gate);
	expect_end(&waiter, 2);
	/* The failure counts until it is handed out, in whatever order. */
	for (int i = 0; i < 6; i++)
		take(batches[2], 0);
	cr_assert_eq(wait_for(batches, N, SHEAF_FIRST_FAILED), 2);
	take(batches[2], -EDOM);
	cr_assert_eq(wait_for(batches, N, SHEAF_FIRST_FAILED), N);
	/* What else is done can still be handed out. */
	cr_assert_eq(wait_for(batches, N, SHEAF_FIRST_DONE), 0);
	submit(batches[0], 70, fail_at_once, NULL);
	cr_assert_eq(wait_for(batches, N, SHEAF_FIRST_FAILED), 0);
}

Test(several, first_failed_keeps_the_ready_list_whole)
{
	sheaf_batch *batch = new_batch(&of_8);
	bool seen[100] = {false};
	sheaf_result result;

	for (uint64_t p = 0; p < 100; p++) {
		submit(batch, p, p % 10 == 9 ? fail_at_once : mix_position, NULL);
		if (p % 7 == 0) {
			cr_assert_eq(sheaf_next_done(batch, &result, hang_deadline()), 1);
			cr_assert(!seen[result.position]);
			seen[result.position] = true;
		}
		if (p % 5 == 0)
			(void)sheaf_wait(&batch, 1, SHEAF_FIRST_FAILED, 0);
		if (p % 13 == 0 && sheaf_next(batch, &result, 0) == 1)
			seen[result.position] = true;
	}
	while (sheaf_next_done(batch, &result, hang_deadline()) == 1) {
		cr_assert(!seen[result.position]);
		seen[result.position] = true;
	}
	for (int p = 0; p < 100; p++)
		cr_assert(seen[p], "%d", p);
	cr_assert_eq(wait_for(&batch, 1, SHEAF_FIRST_FAILED), 1);
}

Test(several, first_failed_of_a_loop)
{
	const sheaf_map_options grain = {.grain = 10};
	sheaf_batch *batches[2];
	sheaf_result result;
	int failed = 0;

	open_batches(batches, 2);
	submit(batches[0], 0, mix_position, NULL);
	expect_done(sheaf_submit_for(batches[1], fail_above, NULL, 100, &grain));
	while (wait_for(batches, 2, SHEAF_FIRST_FAILED) == 1) {
		cr_assert_eq(sheaf_next_done(batches[1], &result, hang_deadline()), 1);
		failed += result.status == -EDOM;
	}
	cr_assert_eq(failed, 50);
}

Test(several, cancelled_positions_do_not_count_as_failed)
{
	sheaf_batch *batches[2] = {new_batch(&of_8), new_batch(&cancels)};
	struct gate *gate = new_gate();
	struct waiter waiter = {.batches = batches, .n = 2, .which = SHEAF_FIRST_FAILED};

	for (uint64_t p = 0; p < 10; p++)
		submit(batches[0], p, wait_at_gate, gate);
	gate_await(gate, 2);
	start_waiting(&waiter);
	expect_done(sheaf_batch_cancel(batches[0], 0));
	gate_open(gate);
	expect_end(&waiter, 2);
	submit(batches[1], 0, fail_at_once, NULL);
	cr_assert_eq(wait_for(batches, 2, SHEAF_FIRST_FAILED), 1);
}

Test(several, cancelling_wakes_one_that_sleeps)
{
	sheaf_batch *batches[N];
	struct gate *gate = new_gate();
	struct waiter waiter = {.batches = batches, .n = N};

	open_batches(batches, N);
	submit(batches[0], 0, wait_at_gate, gate);
	submit(batches[0], 1, wait_at_gate, gate);
	gate_await(gate, 2);
	submit(batches[1], 0, mix_position, NULL);
	start_waiting(&waiter);
	expect_done(sheaf_batch_cancel(batches[1], 0));
	expect_end(&waiter, 1);
	gate_open(gate);
}

Test(several, all_done)
{
	sheaf_batch *batches[N];
	struct gate *gate = new_gate();
	struct waiter waiter = {.batches = batches, .n = N, .which = SHEAF_ALL_DONE};
	sheaf_progress progress;

	open_batches(batches, N);
	cr_assert_eq(wait_for(batches, N, SHEAF_ALL_DONE), N);
	submit(batches[0], 0, mix_position, NULL);
	submit(batches[2], 0, wait_at_gate, gate);
	expect_done(sheaf_submit_for(batches[1], fail_above, NULL, 100, NULL));
	expect_failure(sheaf_wait(batches, N, SHEAF_ALL_DONE, 0), -EAGAIN, "not done yet");
	cr_assert_eq(sheaf_wait(batches, N, SHEAF_ALL_DONE, sheaf_now_ns() + 20000000), -ETIMEDOUT);
	start_waiting(&waiter);
	gate_open(gate);
	expect_end(&waiter, N);
	for (int i = 0; i < N; i++) {
		expect_done(sheaf_batch_get_progress(batches[i], &progress));
		cr_assert_eq(progress.done, progress.total);
	}
}

/* ---- ends of a wait ---- */

Test(several, an_interrupt_ends_it_once)
{
	sheaf_batch *batches[N];
	struct gate *gate = new_gate();

	open_batches(batches, N);
	submit(batches[N - 1], 0, wait_at_gate, gate);
	for (int which = SHEAF_FIRST_DONE; which <= SHEAF_ALL_DONE; which++) {
		struct waiter waiter = {.batches = batches, .n = N, .which = (enum sheaf_which)which};

		start_waiting(&waiter);
		expect_done(sheaf_pool_interrupt(pool));
		expect_end(&waiter, -EINTR);
		cr_assert_eq(sheaf_wait(batches, N, waiter.which, 1), -ETIMEDOUT);
	}
	gate_open(gate);
}

Test(several, the_end_of_the_pool_ends_it)
{
	sheaf_batch *batches[N];
	struct gate *gate = new_gate();
	struct waiter waiter = {.batches = batches, .n = N};

	open_batches(batches, N);
	submit(batches[1], 0, wait_at_gate, gate);
	gate_await(gate, 1);
	start_waiting(&waiter);
	gate_open(gate); /* threads end their tasks */
	expect_done(sheaf_pool_terminate(pool));
	cr_assert_eq(pthread_join(waiter.thread, NULL), 0);
	cr_assert(waiter.code == -ECANCELED || waiter.code == 1, "%d: %s", waiter.code, waiter.message);
}

static void cancel_and_go_on(enum sheaf_which which)
{
	sheaf_batch *batches[N];
	struct gate *gate = new_gate();
	struct waiter waiter = {.batches = batches, .n = N, .which = which};
	void *how;

	open_batches(batches, N);
	submit(batches[N - 1], 0, wait_at_gate, gate);
	start_waiting(&waiter);
	cr_assert_eq(pthread_cancel(waiter.thread), 0);
	cr_assert_eq(pthread_join(waiter.thread, &how), 0);
	cr_assert_eq(how, PTHREAD_CANCELED);
	gate_open(gate);
	cr_assert_eq(wait_for(batches, N, SHEAF_FIRST_DONE), N - 1);
	for (unsigned room = 0; room < ROOM_SLOTS; room++)
		cr_assert_eq(pool->segment.control->room_holder[room], 0);
}

Test(several, a_thread_that_is_cancelled_leaves_no_trace)
{
	cancel_and_go_on(SHEAF_FIRST_DONE);
	cancel_and_go_on(SHEAF_ALL_DONE);
}

Test(several, a_result_that_is_destroyed_ends_it)
{
	sheaf_batch *batches[N];
	struct gate *gate = new_gate();
	struct waiter waiter = {.batches = batches, .n = N};
	unsigned size = pool->segment.rings[SHEAF_NORMAL].size;

	open_batches(batches, N);
	submit(batches[0], 0, wait_at_gate, gate);
	gate_await(gate, 1);
	submit(batches[1], 3, wait_at_gate, gate);
	gate_await(gate, 2);
	submit(batches[1], 4, mix_position, NULL);
	start_waiting(&waiter);
	/* A wild task frees the slots of the second batch. */
	for (unsigned i = 0; i < size; i++)
		if (atomic_load(&pool->segment.rings[SHEAF_NORMAL].slots[i].batch) == batches[1]->ref)
			atomic_store(&pool->segment.rings[SHEAF_NORMAL].slots[i].batch, 0);
	cr_assert_eq(pthread_join(waiter.thread, NULL), 0);
	cr_assert_eq(waiter.code, -EBADMSG, "%d: %s", waiter.code, waiter.message);
	gate_open(gate);
}

/* ---- bad input ---- */

Test(several, bad_input)
{
	const sheaf_pool_options anonymous = {.workers = 1, .flags = SHEAF_ANONYMOUS};
	sheaf_batch *batches[N], *dead[2], *with_null[2], *same[N], *foreign[2];
	struct gate *gate = new_gate();
	struct waiter waiter;
	sheaf_pool *other;

	open_batches(batches, N);
	expect_failure(sheaf_wait(NULL, 1, SHEAF_FIRST_DONE, 0), -EINVAL, "batches is NULL");
	expect_failure(sheaf_wait(batches, 0, SHEAF_FIRST_DONE, 0), -EINVAL, "n is 0");
	expect_failure(sheaf_wait(batches, 20000, SHEAF_FIRST_DONE, 0), -EINVAL, "n is 20000");
	expect_failure(sheaf_wait(batches, N, (enum sheaf_which)3, 0), -EINVAL, "which is 3");
	with_null[0] = batches[0];
	with_null[1] = NULL;
	expect_failure(sheaf_wait(with_null, 2, SHEAF_FIRST_DONE, 0), -EINVAL, "batches[1] is NULL");
	same[0] = batches[0];
	same[1] = batches[1];
	same[2] = batches[0];
	expect_failure(sheaf_wait(same, N, SHEAF_FIRST_DONE, 0), -EINVAL, "batches[0] and batches[2] are the same");
	expect_done(sheaf_pool_create(&other, &anonymous));
	foreign[0] = batches[0];
	expect_done(sheaf_batch_create(&foreign[1], other, NULL));
	expect_failure(sheaf_wait(foreign, 2, SHEAF_ALL_DONE, 0), -EINVAL, "batches[1] is of another pool");
	sheaf_pool_destroy(other);
	dead[0] = batches[0];
	dead[1] = new_batch(NULL);
	sheaf_batch_retire(dead[1]);
	expect_failure(sheaf_wait(dead, 2, SHEAF_FIRST_DONE, 0), -EINVAL, "retired");
	/* Each refusal has left all batches free. */
	submit(batches[2], 0, wait_at_gate, gate);
	waiter = (struct waiter){.batches = batches, .n = N};
	start_waiting(&waiter);
	expect_failure(sheaf_wait(batches, N, SHEAF_FIRST_DONE, 0), -EBUSY, "gathering from batches[0]");
	gate_open(gate);
	expect_end(&waiter, 2);
}
