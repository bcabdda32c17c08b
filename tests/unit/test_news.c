/*
 * test_news.c - the descriptor of a pool, by poll().
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pools.h"
#include "pool/pool.h"
#include "queue/bell.h"
#include "support/deadline.h"

static const sheaf_pool_options small = {.workers = 2, .ring_size = 128, .heap_size = 64 << 20};
static const sheaf_batch_options of_8 = {.result_size = 8};

static void set_up(void)
{
	begin();
	start(&small);
}

TestSuite(news, .init = set_up, .fini = end);

static void submit(sheaf_batch *batch, uint64_t position, sheaf_task_fn *fn, struct gate *gate)
{
	expect_done(sheaf_submit(batch, position, fn, &gate, sizeof(gate)));
}

static bool is_readable(int timeout_ms)
{
	struct pollfd news = {.fd = sheaf_pool_fd(pool), .events = POLLIN};

	cr_assert_gt(news.fd, 2, "%s", sheaf_message());
	return poll(&news, 1, timeout_ms) > 0;
}

static void await_readable(void)
{
	cr_assert(is_readable(120000));
}

static void expect_news(sheaf_batch *wanted)
{
	sheaf_batch *batch = NULL;

	cr_assert_eq(sheaf_pool_news(pool, &batch), 1, "%s", sheaf_message());
	cr_assert_eq(batch, wanted);
}

static void expect_no_news(void)
{
	sheaf_batch *batch = NULL;

	cr_assert_eq(sheaf_pool_news(pool, &batch), 0);
	cr_assert_null(batch);
	cr_assert(!is_readable(0));
}

static void take(sheaf_batch *batch, int status)
{
	sheaf_result result;

	cr_assert_eq(sheaf_next_done(batch, &result, 0), 1, "%s", sheaf_message());
	cr_assert_eq(result.status, status);
}

/* ---- armed and not ---- */

Test(news, only_an_armed_batch_makes_it_readable)
{
	sheaf_batch *batch = new_batch(&of_8);
	const sheaf_result *results;
	size_t n;

	for (uint64_t p = 0; p < 100; p++)
		submit(batch, p, mix_position, NULL);
	cr_assert_eq(sheaf_gather(batch, &results, &n, hang_deadline()), 0);
	expect_no_news();
}

Test(news, a_result_makes_it_readable_until_that_is_told)
{
	sheaf_batch *batch = new_batch(&of_8);
	struct gate *gate = new_gate();

	submit(batch, 0, wait_at_gate, gate);
	expect_done(sheaf_batch_arm(batch));
	expect_no_news();
	gate_open(gate);
	await_readable();
	cr_assert(is_readable(0)); /* by level, and not by edge */
	expect_news(batch);
	take(batch, 0);
	expect_no_news();
}

Test(news, one_byte_at_most_while_it_is_readable)
{
	sheaf_batch *batch = new_batch(&of_8);
	struct gate *gate = new_gate();
	const sheaf_result *results;
	char bytes[8];
	size_t n;

	submit(batch, 0, wait_at_gate, gate);
	expect_done(sheaf_batch_arm(batch));
	for (uint64_t p = 1; p < 100; p++)
		submit(batch, p, mix_position, NULL);
	await_readable();
	gate_open(gate);
	cr_assert_eq(sheaf_gather(batch, &results, &n, hang_deadline()), 0);
	cr_assert_eq(read(sheaf_pool_fd(pool), bytes, sizeof(bytes)), 1);
	cr_assert_eq(read(sheaf_pool_fd(pool), bytes, sizeof(bytes)), -1);
	expect_news(batch);
}

Test(news, what_is_done_already_counts)
{
	sheaf_batch *batch = new_batch(&of_8);

	submit(batch, 0, mix_position, NULL);
	cr_assert_eq(sheaf_wait(&batch, 1, SHEAF_ALL_DONE, hang_deadline()), 1);
	expect_no_news();
	expect_done(sheaf_batch_arm(batch));
	cr_assert(is_readable(0));
	expect_news(batch);
	take(batch, 0);
	/* All were handed out. What is submitted later counts. */
	expect_done(sheaf_batch_arm(batch));
	expect_no_news();
	submit(batch, 1, mix_position, NULL);
	await_readable();
	expect_news(batch);
}

Test(news, several_batches_have_their_own)
{
	sheaf_batch *batches[3] = {new_batch(&of_8), new_batch(&of_8), new_batch(&of_8)}, *batch;
	struct gate *gate = new_gate();
	int told[3] = {0}, left = 2;

	for (int i = 0; i < 3; i++)
		submit(batches[i], 0, i == 1 ? wait_at_gate : mix_position, gate);
	for (int i = 0; i < 3; i++)
		expect_done(sheaf_batch_arm(batches[i]));
	while (left) {
		await_readable();
		while (sheaf_pool_news(pool, &batch) == 1) {
			for (int i = 0; i < 3; i++)
				told[i] += batch == batches[i];
			left--;
		}
	}
	cr_assert(told[0] == 1 && !told[1] && told[2] == 1);
	expect_no_news();
	gate_open(gate);
	await_readable();
	expect_news(batches[1]);
}

Test(news, maps_and_loops_have_news)
{
	sheaf_batch *map = new_batch(NULL);
	void *in, *out;
	unsigned results = 0;
	sheaf_result result;
	int r;

	expect_done(sheaf_alloc_array(pool, 5000, 8, &in));
	expect_done(sheaf_alloc_array(pool, 5000, 8, &out));
	expect_done(sheaf_submit_map(map, mix_item, in, 8, out, 8, 5000, NULL));
	for (;;) {
		sheaf_batch *batch;

		while ((r = sheaf_next_done(map, &result, 0)) == 1)
			results++;
		if (!r)
			break;
		cr_assert_eq(r, -EAGAIN);
		expect_done(sheaf_batch_arm(map));
		await_readable();
		while (sheaf_pool_news(pool, &batch) == 1)
			cr_assert_eq(batch, map);
	}
	cr_assert_eq(results, 5000);
}

Test(news, a_call_that_waits_takes_it_back)
{
	sheaf_batch *batch = new_batch(&of_8);
	sheaf_result result;

	submit(batch, 0, mix_position, NULL);
	expect_done(sheaf_batch_arm(batch));
	cr_assert_eq(sheaf_next(batch, &result, hang_deadline()), 1);
	sheaf_batch_retire(batch);
	/* The next one in its place is not armed. */
	batch = new_batch(&of_8);
	cr_assert_eq(atomic_load(&batch->shared->waiter), WAIT_NOTHING);
	while (sheaf_pool_news(pool, &batch) == 1)
		cr_assert(false, "a retired batch has news");
}

/* ---- deaths and ends ---- */

static int die(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	(void)result;
	raise(SIGKILL);
	return 0;
}

Test(news, a_failure_by_deaths_makes_it_readable)
{
	sheaf_batch *batch = new_batch(&of_8);
	sheaf_result result;
	int r;

	submit(batch, 0, die, NULL);
	while ((r = sheaf_next_done(batch, &result, 0)) == -EAGAIN) {
		sheaf_batch *told;

		expect_done(sheaf_batch_arm(batch));
		await_readable();
		while (sheaf_pool_news(pool, &told) == 1)
			cr_assert_eq(told, batch);
	}
	cr_assert_eq(r, 1);
	cr_assert_eq(result.status, -ECHILD);
}

/* As if a worker had claimed the word, and had died before it wrote. */
Test(news, a_claim_without_a_byte_is_told_after_the_death)
{
	sheaf_batch *batch = new_batch(&of_8), *other = new_batch(&of_8);
	struct gate *gate = new_gate();

	submit(batch, 0, wait_at_gate, gate);
	gate_await(gate, 1);
	expect_done(sheaf_batch_arm(batch));
	atomic_store(&batch->shared->waiter, WAIT_NOTHING);
	cr_assert(!is_readable(0));
	submit(other, 0, die, NULL);
	await_readable();
	expect_news(batch);
	gate_open(gate);
}

/* As if a worker had published, and had died before it claimed the word. */
Test(news, after_a_death_every_armed_batch_has_news)
{
	sheaf_batch *batch = new_batch(&of_8), *other = new_batch(&of_8);
	struct gate *gate = new_gate();

	submit(batch, 0, wait_at_gate, gate);
	gate_await(gate, 1);
	expect_done(sheaf_batch_arm(batch));
	submit(other, 0, die, NULL);
	await_readable();
	expect_news(batch);
	gate_open(gate);
}

Test(news, an_interrupt_and_the_end_make_it_readable)
{
	sheaf_batch *batch = new_batch(&of_8);
	struct gate *gate = new_gate();
	sheaf_result result;

	submit(batch, 0, wait_at_gate, gate);
	gate_await(gate, 1);
	expect_done(sheaf_batch_arm(batch));
	expect_done(sheaf_pool_interrupt(pool));
	cr_assert(is_readable(0));
	expect_news(batch);
	cr_assert_eq(sheaf_next_done(batch, &result, 0), -EAGAIN);
	expect_done(sheaf_batch_arm(batch));
	expect_no_news();
	gate_open(gate);
	expect_done(sheaf_pool_terminate(pool));
	cr_assert(is_readable(0));
	expect_news(batch);
	/* Also for one that is armed after the end. */
	while (sheaf_next_done(batch, &result, 0) == 1)
		;
	expect_done(sheaf_batch_arm(batch));
	cr_assert(is_readable(0));
	expect_news(batch);
	expect_no_news();
}

/* ---- the descriptor ---- */

Test(news, is_closed_by_exec_and_never_waits)
{
	int fd = sheaf_pool_fd(pool);

	cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	cr_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	for (int i = 0; i < 100000; i++)
		news_ring(&pool->segment); /* it is full by now */
	expect_no_news();
}

static int use_in_child(void *context)
{
	int fd = *(int *)context;
	sheaf_batch *batch;

	child_check(fcntl(fd, F_GETFD) == -1);
	child_check(sheaf_pool_fd(pool) == -EPERM);
	child_check(sheaf_pool_news(pool, &batch) == -EPERM);
	sheaf_pool_destroy(pool);
	return 0;
}

Test(news, is_closed_in_children)
{
	sheaf_batch *batch = new_batch(&of_8);
	int fd = sheaf_pool_fd(pool);

	in_child(use_in_child, &fd);
	submit(batch, 0, mix_position, NULL);
	expect_done(sheaf_batch_arm(batch));
	await_readable();
	expect_news(batch);
}

/* Only these two are closed: the pool goes on, and another file under the number is left alone. */
Test(news, one_that_the_host_has_closed_is_an_error)
{
	sheaf_batch *batch = new_batch(&of_8), *told;
	int fd = sheaf_pool_fd(pool), file;
	struct stat status;
	char path[] = "/tmp/test_news-XXXXXX";
	sheaf_result result;

	submit(batch, 0, mix_position, NULL);
	close(fd);
	file = mkstemp(path);
	unlink(path);
	cr_assert_eq(file, fd);
	expect_failure(sheaf_pool_fd(pool), -EBADF, "closed the pool's descriptor");
	expect_failure(sheaf_batch_arm(batch), -EBADF, "closed the descriptor");
	expect_failure(sheaf_pool_news(pool, &told), -EBADF, "closed the pool's descriptor");
	cr_assert_eq(sheaf_next(batch, &result, hang_deadline()), 1);
	news_ring(&pool->segment);
	cr_assert_eq(fstat(file, &status), 0);
	cr_assert_eq(status.st_size, 0);
	close(file);
	expect_pool_works(100);
}

Test(news, bad_input)
{
	const sheaf_pool_options anonymous = {.workers = 1, .flags = SHEAF_ANONYMOUS};
	sheaf_batch *batch = new_batch(&of_8), *dead = new_batch(&of_8), *untouched = batch;
	sheaf_pool *other;

	sheaf_batch_retire(dead);
	expect_failure(sheaf_batch_arm(NULL), -EINVAL, "batch is NULL");
	expect_failure(sheaf_batch_arm(dead), -EINVAL, "retired");
	expect_failure(sheaf_pool_fd(NULL), -EINVAL, "pool is NULL");
	expect_failure(sheaf_pool_news(NULL, &untouched), -EINVAL, "pool is NULL");
	expect_failure(sheaf_pool_news(pool, NULL), -EINVAL, "batch is NULL");
	expect_done(sheaf_pool_create(&other, &anonymous));
	sheaf_pool_destroy(other);
	expect_failure(sheaf_pool_fd(other), -EINVAL, "destroyed");
	expect_failure(sheaf_pool_news(other, &untouched), -EINVAL, "destroyed");
	cr_assert_eq(sheaf_pool_news(pool, &untouched), 0);
	cr_assert_eq(untouched, batch);
}

static void *wait_for_ever(void *context)
{
	sheaf_result result;

	cr_assert_eq(sheaf_next(context, &result, hang_deadline()), 1);
	return NULL;
}

Test(news, a_batch_that_has_a_gatherer_cannot_be_armed)
{
	sheaf_batch *batch = new_batch(&of_8);
	struct gate *gate = new_gate();
	pthread_t thread;

	submit(batch, 0, wait_at_gate, gate);
	cr_assert_eq(pthread_create(&thread, NULL, wait_for_ever, batch), 0);
	while (atomic_load(&batch->shared->waiter) == WAIT_NOTHING)
		nap();
	expect_failure(sheaf_batch_arm(batch), -EBUSY, "another thread is gathering");
	gate_open(gate);
	cr_assert_eq(pthread_join(thread, NULL), 0);
}

/* What the task gets are addresses of the owner's. */
struct handles_of_owner {
	sheaf_pool *pool;
	sheaf_batch *batch;
};

static int call_everything(sheaf_task *task, const void *arg, void *result)
{
	const struct handles_of_owner *owner = arg;
	sheaf_batch *told;

	(void)result;
	if (sheaf_wait(&owner->batch, 1, SHEAF_FIRST_DONE, 0) != -EPERM || sheaf_batch_arm(owner->batch) != -EPERM)
		return sheaf_task_fail(task, -EDOM, "batch: %s", sheaf_message());
	if (sheaf_pool_fd(owner->pool) != -EPERM || sheaf_pool_news(owner->pool, &told) != -EPERM)
		return sheaf_task_fail(task, -EDOM, "pool: %s", sheaf_message());
	return 0;
}

Test(news, a_task_is_refused)
{
	struct handles_of_owner owner = {.pool = pool, .batch = new_batch(&of_8)};

	expect_done(sheaf_submit(owner.batch, 0, call_everything, &owner, sizeof(owner)));
	cr_assert_eq(sheaf_wait(&owner.batch, 1, SHEAF_ALL_DONE, hang_deadline()), 1);
	take(owner.batch, 0);
}
