/*
 * test_stream.c - batches with a window: room, release, order, the end, feeds and chains.
 */
#define _GNU_SOURCE
#include "pools.h"

#include "sheaf_stream.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef OS_LAYER_LINUX
#define OS_COUNTS_THREADS 1
#else
#define OS_COUNTS_THREADS 0
#endif

TestSuite(stream, .init = begin, .fini = end);

static sheaf_batch *new_window(size_t window)
{
	return new_batch(&(sheaf_batch_options){.window = window, .result_size = sizeof(uint64_t), .flags = SHEAF_NONBLOCK});
}

/* ---- tasks ---- */

static int square(sheaf_task *task, const void *arg, void *result)
{
	uint64_t x = 0;

	memcpy(&x, arg, sizeof(x) < sheaf_task_arg_size(task) ? sizeof(x) : sheaf_task_arg_size(task));
	x *= x;
	memcpy(result, &x, sizeof(x));
	return 0;
}

/* The result has as many bytes as the argument says, and they say its position. */
static int bytes(sheaf_task *task, const void *arg, void *result)
{
	size_t size;
	void *memory;
	int r;

	(void)result;
	memcpy(&size, arg, sizeof(size));
	if ((r = sheaf_task_result(task, size, &memory)))
		return r;
	memset(memory, (int)(sheaf_task_position(task) & 0xff), size);
	return 0;
}

/* The bytes that were passed on, added up. */
static int add_bytes(sheaf_task *task, const void *arg, void *result)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < sheaf_task_arg_size(task); i++)
		sum += ((const unsigned char *)arg)[i];
	memcpy(result, &sum, sizeof(sum));
	return 0;
}

static int fail_each_third(sheaf_task *task, const void *arg, void *result)
{
	if (sheaf_task_position(task) % 3 == 1)
		return sheaf_task_fail(task, -EDOM, "%llu is of no use", (unsigned long long)sheaf_task_position(task));
	return bytes(task, arg, result);
}

static int crash_each_third(sheaf_task *task, const void *arg, void *result)
{
	if (sheaf_task_position(task) % 3 == 1)
		raise(SIGKILL);
	return square(task, arg, result);
}

/* Waits for the word that the argument points to. */
static int wait_for_word(sheaf_task *task, const void *arg, void *result)
{
	const _Atomic uint64_t *word;

	memcpy(&word, arg, sizeof(word));
	while (!atomic_load(word) && !sheaf_task_cancelled(task))
		usleep(100);
	return square(task, &(uint64_t){sheaf_task_position(task)}, result);
}

static void submit_square(sheaf_batch *batch, uint64_t position)
{
	expect_done(sheaf_submit(batch, position, square, &position, sizeof(position)));
}

static void expect_square(int r, const sheaf_result *result, uint64_t position)
{
	uint64_t x;

	cr_assert_eq(r, 1, "%d: %s", r, sheaf_message());
	cr_assert_eq(result->position, position, "%llu instead of %llu", (unsigned long long)result->position,
		     (unsigned long long)position);
	cr_assert_eq(result->status, 0, "%s", result->message);
	cr_assert_eq(result->size, sizeof(x));
	memcpy(&x, result->data, sizeof(x));
	cr_assert_eq(x, position * position);
}

/* ---- room ---- */

Test(stream, a_window_holds_no_more_positions_than_it_says)
{
	sheaf_window_info info;
	sheaf_result result;
	sheaf_batch *batch;

	start_workers(2);
	batch = new_window(3);
	for (uint64_t i = 0; i < 3; i++)
		submit_square(batch, i);
	expect_failure(sheaf_submit(batch, 3, square, &(uint64_t){3}, 8), -EAGAIN, "the window is full: it holds 3 positions");
	expect_square(sheaf_next(batch, &result, hang_deadline()), &result, 0);
	expect_done(sheaf_batch_get_window(batch, &info));
	cr_assert(info.accepted == 3 && info.given == 1 && info.held == 2 && info.head == 1);
	submit_square(batch, 3);
	expect_failure(sheaf_submit(batch, 4, square, &(uint64_t){4}, 8), -EAGAIN, "the window is full");
	/* What was handed out is still there, until the next one is asked for. */
	expect_square(1, &result, 0);
	for (uint64_t i = 1; i < 4; i++)
		expect_square(sheaf_next(batch, &result, hang_deadline()), &result, i);
	expect_done(sheaf_batch_finish(batch));
	cr_assert_eq(sheaf_next(batch, &result, hang_deadline()), 0);
	sheaf_batch_retire(batch);
}

static void stream_by_turns(uint64_t n, size_t window)
{
	sheaf_batch *batch = new_window(window);
	uint64_t submitted = 0, given = 0, most = 0;
	sheaf_pool_info info;
	sheaf_result result;

	while (given < n) {
		int r = 0;

		while (submitted < n && !(r = sheaf_submit(batch, submitted, square, &submitted, sizeof(submitted))))
			submitted++;
		cr_assert(r == 0 || r == -EAGAIN, "%d: %s", r, sheaf_message());
		expect_square(sheaf_next(batch, &result, hang_deadline()), &result, given);
		given++;
		expect_done(sheaf_pool_get_info(pool, &info));
		most = info.heap_used > most ? info.heap_used : most;
	}
	cr_assert_leq(most, (window + 64) * 200 + (256 << 10), "%llu bytes for a window of %zu", (unsigned long long)most,
		      window);
	sheaf_batch_retire(batch);
}

Test(stream, one_thread_submits_and_gathers_by_turns)
{
	start_workers(2);
	stream_by_turns(20000, 1);
	stream_by_turns(20000, 7);
	stream_by_turns(50000, 3000);
}

/* In a child, which has one thread. */
static int wait_alone(void *context)
{
	sheaf_pool *own;
	sheaf_batch *batch;
	sheaf_result result;

	(void)context;
	child_check(!sheaf_pool_create(&own, &(sheaf_pool_options){.workers = 2, .heap_size = 64 << 20}));
	child_check(!sheaf_batch_create(&batch, own, &(sheaf_batch_options){.window = 2, .result_size = 8}));
	child_check(!sheaf_submit(batch, 0, square, &(uint64_t){0}, 8));
	child_check(!sheaf_submit(batch, 1, square, &(uint64_t){1}, 8));
	child_check(sheaf_submit(batch, 2, square, &(uint64_t){2}, 8) == -EDEADLK);
	child_check(strstr(sheaf_message(), "no other thread gathers"));
	child_check(sheaf_next(batch, &result, hang_deadline()) == 1 && result.position == 0);
	child_check(sheaf_next(batch, &result, hang_deadline()) == 1 && result.position == 1);
	child_check(!sheaf_submit(batch, 2, square, &(uint64_t){2}, 8));
	child_check(sheaf_next(batch, &result, hang_deadline()) == 1 && result.position == 2);
	child_check(sheaf_next(batch, &result, SHEAF_FOREVER) == -EDEADLK);
	child_check(strstr(sheaf_message(), "no other thread could submit"));
	child_check(sheaf_next(batch, &result, 0) == -EAGAIN);
	sheaf_pool_destroy(own);
	return 0;
}

Test(stream, a_full_window_is_a_deadlock_for_the_only_thread)
{
	sheaf_result result;
	sheaf_batch *batch;

	if (OS_COUNTS_THREADS)
		in_child(wait_alone, NULL);
	/* And for the one that gathers. */
	start_workers(2);
	batch = new_batch(&(sheaf_batch_options){.window = 1, .result_size = 8});
	submit_square(batch, 0);
	expect_square(sheaf_next(batch, &result, hang_deadline()), &result, 0);
	submit_square(batch, 1);
	expect_failure(sheaf_submit(batch, 2, square, &(uint64_t){2}, 8), -EDEADLK, "no other thread gathers");
	sheaf_batch_retire(batch);
}

Test(stream, bytes_of_arguments_bound_a_window)
{
	static char argument[10000];
	sheaf_window_info info;
	sheaf_result result;
	sheaf_batch *batch;
	uint64_t n = 0;
	int r;

	start_workers(2);
	batch = new_batch(&(sheaf_batch_options){.window_bytes = 100000, .flags = SHEAF_NONBLOCK, .result_size = 8});
	while (!(r = sheaf_submit(batch, n, add_bytes, argument, sizeof(argument))))
		n++;
	expect_failure(r, -EAGAIN, "the window is full: the arguments and results that it holds have 90072 bytes of 100000");
	cr_assert_eq(n, 9, "%llu", (unsigned long long)n);
	expect_done(sheaf_batch_get_window(batch, &info));
	cr_assert_eq(info.held_bytes, 9 * 10008);
	for (uint64_t i = 0; i < 9; i++)
		cr_assert_eq(sheaf_next(batch, &result, hang_deadline()), 1);
	expect_done(sheaf_submit(batch, 9, add_bytes, argument, sizeof(argument)));
	sheaf_batch_retire(batch);
	/* One that is larger than the window is accepted alone. */
	batch = new_batch(&(sheaf_batch_options){.window_bytes = 1000, .flags = SHEAF_NONBLOCK, .result_size = 8});
	expect_done(sheaf_submit(batch, 0, add_bytes, argument, sizeof(argument)));
	expect_failure(sheaf_submit(batch, 1, square, argument, 8), -EAGAIN, "the window is full");
	sheaf_batch_retire(batch);
}

Test(stream, bytes_of_results_bound_a_window)
{
	sheaf_batch_options options = {.window_bytes = 100000, .flags = SHEAF_NONBLOCK};
	uint64_t until = hang_deadline();
	sheaf_window_info info;
	sheaf_result result;
	sheaf_batch *batch;
	size_t size = 60000;

	start_workers(2);
	batch = new_batch(&options);
	expect_done(sheaf_submit(batch, 0, bytes, &size, sizeof(size)));
	expect_done(sheaf_submit(batch, 1, bytes, &size, sizeof(size)));
	do
		expect_done(sheaf_batch_get_window(batch, &info));
	while (info.held_bytes < 120000 && sheaf_now_ns() < until);
	cr_assert_eq(info.held_bytes, 120016);
	expect_failure(sheaf_submit(batch, 2, bytes, &size, sizeof(size)), -EAGAIN, "have 120016 bytes of 100000");
	cr_assert_eq(sheaf_next(batch, &result, until), 1);
	cr_assert_eq(sheaf_next(batch, &result, until), 1);
	cr_assert_eq(result.size, 60000);
	expect_done(sheaf_submit(batch, 2, bytes, &size, sizeof(size)));
	sheaf_batch_retire(batch);
}

/* ---- memory ---- */

Test(stream, results_of_any_size_need_no_more_memory_than_the_window)
{
	static const size_t sizes[] = {0, 1, 100, 4000, 70000, 300000};
	sheaf_batch *batch;
	uint64_t submitted = 0, n = 6000;
	sheaf_pool_info info;
	sheaf_result result;

	start_workers(2);
	batch = new_batch(&(sheaf_batch_options){.window = 20, .flags = SHEAF_NONBLOCK});
	for (uint64_t i = 0; i < n; i++) {
		while (submitted < n && !sheaf_submit(batch, submitted, bytes, &sizes[submitted % 6], sizeof(size_t)))
			submitted++;
		cr_assert_eq(sheaf_next(batch, &result, hang_deadline()), 1);
		cr_assert(result.position == i && !result.status && result.size == sizes[i % 6], "%s", result.message);
		for (size_t b = 0; b < result.size; b += 500)
			cr_assert_eq(((const unsigned char *)result.data)[b], i & 0xff);
		expect_done(sheaf_pool_get_info(pool, &info));
		cr_assert_leq(info.heap_used, 16 << 20);
	}
	sheaf_batch_retire(batch);
	expect_done(sheaf_pool_get_info(pool, &info));
	cr_assert_eq(info.heap_used, 0);
}

Test(stream, failures_and_crashes_need_no_more_memory_either)
{
	uint64_t submitted = 0, used = 0;
	sheaf_pool_info info;
	sheaf_result result;
	sheaf_batch *batch;

	start_workers(2);
	batch = new_batch(&(sheaf_batch_options){.window = 10, .flags = SHEAF_NONBLOCK});
	for (uint64_t i = 0; i < 30000; i++) {
		while (!sheaf_submit(batch, submitted, fail_each_third, &(size_t){10}, sizeof(size_t)))
			submitted++;
		cr_assert_eq(sheaf_next(batch, &result, hang_deadline()), 1);
		cr_assert_eq(result.status, i % 3 == 1 ? -EDOM : 0);
		cr_assert(i % 3 != 1 || strstr(result.message, "is of no use"));
		expect_done(sheaf_pool_get_info(pool, &info));
		used = info.heap_used > used ? info.heap_used : used;
	}
	cr_assert_leq(used, 4 << 20, "%llu", (unsigned long long)used);
	sheaf_batch_retire(batch);
	batch = new_batch(&(sheaf_batch_options){.window = 5, .flags = SHEAF_NONBLOCK, .result_size = 8, .max_attempts = 1});
	submitted = 0;
	for (uint64_t i = 0; i < 90; i++) {
		while (submitted < 90 && !sheaf_submit(batch, submitted, crash_each_third, &submitted, sizeof(submitted)))
			submitted++;
		cr_assert_eq(sheaf_next(batch, &result, hang_deadline()), 1);
		cr_assert(result.position == i && result.status == (i % 3 == 1 ? -ECHILD : 0) &&
			  result.signal == (i % 3 == 1 ? SIGKILL : 0));
	}
	sheaf_batch_retire(batch);
}

Test(stream, one_that_is_stuck_does_not_hold_the_memory_of_the_others)
{
	_Atomic uint64_t *word;
	sheaf_window_info window;
	uint64_t submitted = 1, sum = 0;
	sheaf_pool_info info;
	sheaf_result result;
	sheaf_batch *batch;
	size_t size = 4000;

	start_workers(2);
	expect_done(sheaf_alloc(pool, 8, (void **)&word));
	batch = new_batch(&(sheaf_batch_options){.window = 50, .flags = SHEAF_NONBLOCK, .result_size = 8});
	expect_done(sheaf_submit(batch, 0, wait_for_word, &word, sizeof(word)));
	for (uint64_t i = 1; i < 20000; i++) {
		while (!sheaf_submit(batch, submitted, bytes, &size, sizeof(size)))
			submitted++;
		cr_assert_eq(sheaf_next_done(batch, &result, hang_deadline()), 1);
		cr_assert(result.position && result.size == size);
		sum += result.position - i;
	}
	/* The last ones may have come before some of those in front of them. */
	cr_assert_leq(sum, 50 * 50);
	expect_done(sheaf_pool_get_info(pool, &info));
	cr_assert_leq(info.heap_used, 8 << 20);
	while (!sheaf_submit(batch, submitted, bytes, &size, sizeof(size)))
		submitted++;
	expect_done(sheaf_batch_get_window(batch, &window));
	cr_assert(window.head == 0 && window.stalled_ns > 0 && window.held == 50);
	atomic_store(word, 1);
	expect_square(sheaf_next(batch, &result, hang_deadline()), &result, 0);
	sheaf_batch_retire(batch);
}

/* ---- positions ---- */

Test(stream, positions_come_in_any_order_within_the_window)
{
	sheaf_result result;
	sheaf_batch *batch;

	start_workers(2);
	batch = new_window(100);
	for (uint64_t block = 0; block < 20; block++) {
		for (uint64_t i = 0; i < 50; i++)
			submit_square(batch, block * 1000 + (i * 37 + 11) % 50 * 3);
		for (uint64_t i = 0; i < 50; i++)
			expect_square(sheaf_next(batch, &result, hang_deadline()), &result, block * 1000 + i * 3);
	}
	expect_failure(sheaf_submit(batch, 19147, square, &(uint64_t){0}, 8), -EEXIST, "position 19147 was submitted too late");
	submit_square(batch, 19148);
	expect_failure(sheaf_submit(batch, 19148, square, &(uint64_t){0}, 8), -EEXIST, "was submitted to this batch before");
	submit_square(batch, UINT64_MAX);
	expect_square(sheaf_next(batch, &result, hang_deadline()), &result, 19148);
	cr_assert_eq(sheaf_next(batch, &result, hang_deadline()), 1);
	cr_assert_eq(result.position, UINT64_MAX);
	sheaf_batch_retire(batch);
}

Test(stream, released_positions_are_forgotten_where_the_order_does_not_count)
{
	sheaf_result result;
	sheaf_batch *batch;

	start_workers(2);
	batch = new_window(4);
	for (unsigned i = 0; i < 1000; i++) {
		submit_square(batch, 7);
		submit_square(batch, 3);
		expect_failure(sheaf_submit(batch, 7, square, &(uint64_t){7}, 8), -EEXIST, "before");
		cr_assert_eq(sheaf_next_done(batch, &result, hang_deadline()), 1);
		cr_assert_eq(sheaf_next_done(batch, &result, hang_deadline()), 1);
		cr_assert_eq(sheaf_next_done(batch, &result, 0), -EAGAIN);
	}
	sheaf_batch_retire(batch);
}

Test(stream, a_position_can_be_cancelled)
{
	_Atomic uint64_t *word;
	sheaf_result result;
	sheaf_batch *batch;

	start_workers(1);
	expect_done(sheaf_alloc(pool, 8, (void **)&word));
	batch = new_window(10);
	expect_done(sheaf_submit(batch, 0, wait_for_word, &word, sizeof(word)));
	for (uint64_t i = 1; i < 6; i++)
		submit_square(batch, i);
	cr_assert_eq(sheaf_cancel(batch, 3, 0), SHEAF_NEVER_RAN);
	cr_assert_eq(sheaf_cancel(batch, 9, 0), -ENOENT);
	atomic_store(word, 1);
	for (uint64_t i = 0; i < 6; i++) {
		cr_assert_eq(sheaf_next(batch, &result, hang_deadline()), 1);
		cr_assert(result.position == i && result.status == (i == 3 ? -ECANCELED : 0));
	}
	atomic_store(word, 0);
	expect_done(sheaf_submit(batch, 6, wait_for_word, &word, sizeof(word)));
	submit_square(batch, 7);
	expect_done(sheaf_batch_cancel(batch, 0));
	expect_failure(sheaf_submit(batch, 8, square, &(uint64_t){8}, 8), -ECANCELED, "cancelled");
	cr_assert_eq(sheaf_next(batch, &result, hang_deadline()), 1);
	cr_assert_eq(sheaf_next(batch, &result, hang_deadline()), 1);
	cr_assert(result.position == 7 && result.status == -ECANCELED);
	cr_assert_eq(sheaf_next(batch, &result, hang_deadline()), 0);
	sheaf_batch_retire(batch);
}

/* ---- two threads ---- */

struct producer {
	sheaf_batch *batch;
	uint64_t n;
	int r;
};

static void *submit_all(void *context)
{
	struct producer *producer = context;

	for (uint64_t i = 0; i < producer->n && !producer->r; i++)
		producer->r = sheaf_submit(producer->batch, i, square, &i, sizeof(i));
	if (!producer->r)
		producer->r = sheaf_batch_finish(producer->batch);
	return NULL;
}

Test(stream, a_consumer_waits_for_its_producer_and_the_other_way_round)
{
	start_workers(2);
	for (size_t window = 1; window < 2000; window = 3 * window + 1) {
		struct producer producer = {.n = 5000};
		sheaf_result result;
		pthread_t thread;
		uint64_t i = 0;
		int r;

		producer.batch = new_batch(&(sheaf_batch_options){.window = window, .result_size = 8});
		cr_assert_eq(pthread_create(&thread, NULL, submit_all, &producer), 0);
		while ((r = sheaf_next(producer.batch, &result, hang_deadline())) == 1)
			expect_square(r, &result, i++);
		cr_assert_eq(r, 0, "%s", sheaf_message());
		cr_assert_eq(i, producer.n);
		pthread_join(thread, NULL);
		expect_done(producer.r);
		expect_failure(sheaf_submit(producer.batch, i, square, &i, 8), -EPIPE, "takes no more tasks");
		sheaf_batch_retire(producer.batch);
	}
}

static void *finish_later(void *context)
{
	usleep(30000);
	cr_assert_eq(sheaf_batch_finish(context), 0);
	return NULL;
}

Test(stream, a_waiting_consumer_is_told_of_the_end)
{
	sheaf_batch *batch;
	sheaf_result result;
	pthread_t thread;

	start_workers(1);
	batch = new_batch(&(sheaf_batch_options){.window = 5});
	cr_assert_eq(pthread_create(&thread, NULL, finish_later, batch), 0);
	cr_assert_eq(sheaf_next(batch, &result, hang_deadline()), 0);
	pthread_join(thread, NULL);
	cr_assert_eq(sheaf_next_done(batch, &result, SHEAF_FOREVER), 0);
	expect_done(sheaf_batch_finish(batch));
	sheaf_batch_retire(batch);
	/* The end of the pool is one, too. */
	batch = new_batch(&(sheaf_batch_options){.window = 5});
	expect_done(sheaf_pool_close(pool));
	cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 0);
	sheaf_batch_retire(batch);
}

/* ---- feeds ---- */

struct feed {
	uint64_t n, end;
	int error;
	uint64_t argument;
	sheaf_task_fn *fn;
};

static int produce(void *context, sheaf_item *item)
{
	struct feed *feed = context;

	if (feed->n == feed->end)
		return feed->error;
	cr_assert_eq(item->position, feed->n);
	feed->argument = feed->n++;
	item->fn = feed->fn ? feed->fn : square;
	item->arg = &feed->argument;
	item->arg_size = sizeof(feed->argument);
	return 1;
}

Test(stream, a_feed_is_asked_while_there_is_room)
{
	struct feed feed = {.end = 30000};
	sheaf_result result;
	sheaf_batch *batch;

	start_workers(2);
	batch = new_batch(&(sheaf_batch_options){.window = 10, .result_size = 8});
	expect_done(sheaf_feed(batch, produce, &feed));
	cr_assert_eq(feed.n, 0);
	for (uint64_t i = 0; i < feed.end; i++) {
		expect_square(sheaf_next(batch, &result, hang_deadline()), &result, i);
		cr_assert_eq(feed.n, i + 10 < feed.end ? i + 10 : feed.end, "%llu at %llu", (unsigned long long)feed.n,
			     (unsigned long long)i);
	}
	cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 0);
	expect_failure(sheaf_feed(batch, produce, &feed), -EBUSY, "has a feed already");
	sheaf_batch_retire(batch);
}

Test(stream, a_feed_ends_at_the_place_of_its_error)
{
	static const uint64_t ends[] = {0, 1, 25};
	sheaf_result result;

	start_workers(2);
	for (unsigned e = 0; e < 3; e++) {
		struct feed feed = {.end = ends[e], .error = -EILSEQ};
		sheaf_batch *batch = new_batch(&(sheaf_batch_options){.window = 10, .result_size = 8});
		char text[100];

		expect_done(sheaf_feed(batch, produce, &feed));
		for (uint64_t i = 0; i < feed.end; i++)
			expect_square(sheaf_next(batch, &result, hang_deadline()), &result, i);
		snprintf(text, sizeof(text), "the producer of position %llu failed", (unsigned long long)ends[e]);
		expect_failure(sheaf_next(batch, &result, SHEAF_FOREVER), -EILSEQ, text);
		expect_failure(sheaf_next_done(batch, &result, 0), -EILSEQ, text);
		sheaf_batch_retire(batch);
	}
}

Test(stream, a_producer_that_returns_a_number_ends_the_feed)
{
	struct feed feed = {.end = 5, .error = 7};
	sheaf_result result;
	sheaf_batch *batch;

	start_workers(2);
	batch = new_batch(&(sheaf_batch_options){.window = 10, .result_size = 8});
	expect_done(sheaf_feed(batch, produce, &feed));
	for (uint64_t i = 0; i < feed.end; i++)
		expect_square(sheaf_next(batch, &result, hang_deadline()), &result, i);
	expect_failure(sheaf_next(batch, &result, hang_deadline()), -EINVAL, "the producer of position 5 returned 7");
	sheaf_batch_retire(batch);
}

static int sum_up(void *context, const sheaf_result *result)
{
	uint64_t *sum = context, x;

	memcpy(&x, result->data, sizeof(x));
	*sum += x;
	return 0;
}

static int stop_at_ten(void *context, const sheaf_result *result)
{
	(void)context;
	return result->position == 10 ? 77 : 0;
}

Test(stream, each_result_is_given_to_a_function)
{
	struct feed feed = {.end = 1000}, more = {.end = UINT64_MAX};
	sheaf_batch *batch;
	uint64_t sum = 0;

	start_workers(2);
	batch = new_batch(&(sheaf_batch_options){.window = 16, .result_size = 8});
	expect_done(sheaf_feed(batch, produce, &feed));
	expect_done(sheaf_each(batch, sum_up, &sum, SHEAF_AS_DONE, hang_deadline()));
	cr_assert_eq(sum, UINT64_C(999) * 1000 * 1999 / 6);
	sheaf_batch_retire(batch);
	/* One that does not end. */
	batch = new_batch(&(sheaf_batch_options){.window = 16, .result_size = 8});
	expect_done(sheaf_feed(batch, produce, &more));
	cr_assert_eq(sheaf_each(batch, stop_at_ten, NULL, SHEAF_BY_POSITION, hang_deadline()), 77);
	cr_assert_leq(more.n, 30);
	sheaf_batch_retire(batch);
	/* And one without a window. */
	batch = new_batch(&(sheaf_batch_options){.result_size = 8});
	for (uint64_t i = 0; i < 100; i++)
		submit_square(batch, i);
	sum = 0;
	expect_done(sheaf_each(batch, sum_up, &sum, SHEAF_BY_POSITION, hang_deadline()));
	cr_assert_eq(sum, 328350);
	sheaf_batch_retire(batch);
}

Test(stream, the_first_failure_may_end_a_feed)
{
	struct feed feed = {.end = UINT64_MAX, .fn = fail_each_third};
	unsigned failed = 0, cancelled = 0;
	sheaf_result result;
	sheaf_batch *batch;
	int r;

	start_workers(2);
	batch = new_batch(&(sheaf_batch_options){.window = 20, .on_error = SHEAF_CANCEL_REST});
	expect_done(sheaf_feed(batch, produce, &feed));
	while ((r = sheaf_next(batch, &result, hang_deadline())) == 1) {
		failed += result.status == -EDOM;
		cancelled += result.status == -ECANCELED;
	}
	cr_assert_eq(r, 0, "%d: %s", r, sheaf_message());
	cr_assert(failed >= 1 && failed + cancelled < 1000);
	sheaf_batch_retire(batch);
}

static int produce_waiting(void *context, sheaf_item *item)
{
	_Atomic uint64_t **word = context;

	item->fn = wait_for_word;
	item->arg = word;
	item->arg_size = sizeof(*word);
	return 1;
}

/* The feed finds the ring full, and must not keep an interrupt for itself. */
Test(stream, an_interrupt_reaches_the_user_through_a_feed)
{
	_Atomic uint64_t *word;
	sheaf_result result;
	sheaf_batch *batch;

	start(&(sheaf_pool_options){.workers = 1, .ring_size = 2, .heap_size = 64 << 20});
	expect_done(sheaf_alloc(pool, 8, (void **)&word));
	batch = new_batch(&(sheaf_batch_options){.window = 10, .result_size = 8});
	expect_done(sheaf_feed(batch, produce_waiting, &word));
	cr_assert_eq(sheaf_next(batch, &result, 0), -EAGAIN);
	expect_done(sheaf_pool_interrupt(pool));
	cr_assert_eq(sheaf_next(batch, &result, hang_deadline()), -EINTR);
	atomic_store(word, 1);
	for (uint64_t i = 0; i < 20; i++)
		expect_square(sheaf_next(batch, &result, hang_deadline()), &result, i);
	sheaf_batch_retire(batch);
}

/* ---- chains ---- */

static int produce_size(void *context, sheaf_item *item)
{
	struct feed *feed = context;
	int r = produce(context, item);

	feed->argument = feed->argument * 7919 % 5000;
	return r;
}

static void chain(uint64_t n, size_t first, size_t second, sheaf_task_fn *fn)
{
	struct feed feed = {.end = n, .fn = fn};
	sheaf_batch *source = new_batch(&(sheaf_batch_options){.window = first, .max_attempts = 9});
	sheaf_batch *batch = new_batch(&(sheaf_batch_options){.window = second, .result_size = 8, .max_attempts = 9});
	sheaf_pool_info info;
	sheaf_result result;

	expect_done(sheaf_feed(source, produce_size, &feed));
	expect_done(sheaf_chain(batch, source, add_bytes));
	for (uint64_t i = 0; i < n; i++) {
		uint64_t sum;

		cr_assert_eq(sheaf_next(batch, &result, hang_deadline()), 1, "%s", sheaf_message());
		cr_assert_eq(result.position, i);
		if (fn == fail_each_third && i % 3 == 1) {
			cr_assert_eq(result.status, -EDOM);
			cr_assert(strstr(result.message, "is of no use"));
			continue;
		}
		cr_assert_eq(result.status, 0, "%s", result.message);
		memcpy(&sum, result.data, sizeof(sum));
		cr_assert_eq(sum, (i & 0xff) * (i * 7919 % 5000));
		expect_done(sheaf_pool_get_info(pool, &info));
		cr_assert_leq(info.heap_used, 8 << 20, "%zu", info.heap_used);
		if (i % 5000 == 4999)
			kill(sheaf_pool_worker_pid(pool, 0), SIGKILL);
	}
	cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 0);
	sheaf_batch_retire(source);
	cr_assert(strstr(sheaf_message(), "is chained to this one"));
	sheaf_batch_retire(batch);
	sheaf_batch_retire(source);
	expect_done(sheaf_pool_get_info(pool, &info));
	cr_assert_eq(info.heap_used, 0);
}

Test(stream, results_of_one_batch_are_the_arguments_of_the_next)
{
	start_workers(2);
	chain(20000, 30, 20, bytes);
	chain(3000, 1, 1, bytes);
	chain(3000, 2, 50, bytes);
	chain(3000, 50, 2, fail_each_third);
}

Test(stream, chained_batches_may_end_with_their_pool)
{
	struct feed feed = {.end = 1000, .fn = bytes};
	sheaf_batch *source, *batch;
	sheaf_result result;

	start_workers(2);
	batch = new_batch(&(sheaf_batch_options){.window = 5, .result_size = 8});
	source = new_batch(&(sheaf_batch_options){.window = 5});
	expect_done(sheaf_feed(source, produce_size, &feed));
	expect_done(sheaf_chain(batch, source, add_bytes));
	cr_assert_eq(sheaf_next(batch, &result, hang_deadline()), 1);
}

/* ---- who may use it ---- */

Test(stream, what_needs_no_window_is_refused)
{
	const sheaf_result *results;
	sheaf_batch *batch, *plain;
	sheaf_window_info info;
	struct feed feed = {0};
	size_t n;

	start_workers(1);
	batch = new_batch(&(sheaf_batch_options){.window = 4});
	plain = new_batch(NULL);
	expect_failure(sheaf_gather(batch, &results, &n, 0), -EINVAL, "the batch has a window");
	expect_failure(sheaf_submit_map(batch, square, NULL, 0, NULL, 0, 5, NULL), -EINVAL, "a map needs none");
	expect_failure(sheaf_batch_finish(plain), -EINVAL, "has no window");
	expect_failure(sheaf_batch_get_window(plain, &info), -EINVAL, "has no window");
	expect_failure(sheaf_feed(plain, produce, &feed), -EINVAL, "has no window");
	expect_failure(sheaf_chain(plain, batch, square), -EINVAL, "has no window");
	expect_failure(sheaf_chain(batch, plain, square), -EINVAL, "source has no window");
	expect_failure(sheaf_chain(batch, batch, square), -EINVAL, "is the batch itself");
	expect_failure(sheaf_feed(batch, NULL, NULL), -EINVAL, "producer is NULL");
	expect_failure(sheaf_each(batch, NULL, NULL, SHEAF_BY_POSITION, 0), -EINVAL, "fn is NULL");
	expect_done(sheaf_batch_finish(batch));
	expect_failure(sheaf_feed(batch, produce, &feed), -EPIPE, "is finished");
	sheaf_batch_retire(batch);
	sheaf_batch_retire(plain);
}

Test(stream, several_batches_and_news_know_windows)
{
	sheaf_batch *batches[2];
	sheaf_result result;

	start_workers(2);
	batches[0] = new_window(4);
	batches[1] = new_window(4);
	cr_assert_eq(sheaf_wait(batches, 2, SHEAF_FIRST_DONE, 0), -EAGAIN);
	submit_square(batches[1], 5);
	cr_assert_eq(sheaf_wait(batches, 2, SHEAF_FIRST_DONE, hang_deadline()), 1);
	cr_assert_eq(sheaf_wait(batches, 2, SHEAF_ALL_DONE, hang_deadline()), 2);
	cr_assert_eq(sheaf_wait(batches, 2, SHEAF_FIRST_FAILED, 0), 2);
	expect_square(sheaf_next(batches[1], &result, 0), &result, 5);
	expect_done(sheaf_batch_arm(batches[0]));
	submit_square(batches[0], 1);
	while (!sheaf_pool_news(pool, &batches[1]))
		usleep(1000);
	cr_assert_eq(batches[1], batches[0]);
	expect_square(sheaf_next(batches[0], &result, 0), &result, 1);
}

Test(stream, calls_that_wait_for_batches_feed_them)
{
	struct feed feeds[2] = {{.end = 5}, {.end = 0}};
	sheaf_batch *batches[2], *told;
	sheaf_result result;

	start_workers(2);
	for (unsigned i = 0; i < 2; i++) {
		batches[i] = new_batch(&(sheaf_batch_options){.window = 3, .result_size = 8});
		expect_done(sheaf_feed(batches[i], produce, &feeds[i]));
	}
	cr_assert_eq(sheaf_wait(batches, 2, SHEAF_FIRST_DONE, hang_deadline()), 0);
	cr_assert_eq(feeds[0].n, 3);
	for (uint64_t i = 0; i < 5; i++) {
		expect_done(sheaf_batch_arm(batches[0]));
		while (!sheaf_pool_news(pool, &told))
			usleep(100);
		expect_square(sheaf_next(batches[0], &result, hang_deadline()), &result, i);
	}
	cr_assert_eq(sheaf_wait(batches, 2, SHEAF_FIRST_DONE, hang_deadline()), 2);
}

/* The same, whatever comes. */
static int insist(sheaf_task *task, const void *arg, void *result)
{
	const _Atomic uint64_t *word;

	(void)task, (void)result;
	memcpy(&word, arg, sizeof(word));
	while (!atomic_load(word))
		usleep(100);
	return 0;
}

struct canceller {
	sheaf_batch *batch;
	int found;
};

static void *cancel_first(void *context)
{
	struct canceller *canceller = context;

	canceller->found = sheaf_cancel(canceller->batch, 0, SHEAF_KILL);
	return NULL;
}

/* The entry of the cancelled task is not used again before the call that cancels it has seen it. */
Test(stream, a_cancel_that_kills_ends_no_other_task)
{
	_Atomic uint64_t *word;

	start_workers(2);
	expect_done(sheaf_alloc(pool, 8, (void **)&word));
	for (unsigned round = 0; round < 20; round++) {
		struct canceller canceller = {.batch = new_batch(&(sheaf_batch_options){.window = 2, .result_size = 8})};
		sheaf_result result;
		pthread_t thread;

		atomic_store(word, 0);
		expect_done(sheaf_submit(canceller.batch, 0, insist, &word, sizeof(word)));
		cr_assert_eq(pthread_create(&thread, NULL, cancel_first, &canceller), 0);
		cr_assert_eq(sheaf_next(canceller.batch, &result, hang_deadline()), 1);
		cr_assert_eq(result.status, -ECANCELED);
		for (uint64_t i = 1; i < 200; i++) {
			submit_square(canceller.batch, i);
			expect_square(sheaf_next(canceller.batch, &result, hang_deadline()), &result, i);
		}
		pthread_join(thread, NULL);
		cr_assert(canceller.found == SHEAF_WAS_KILLED || canceller.found == SHEAF_NEVER_RAN, "%d: %s", canceller.found,
			  sheaf_message());
		sheaf_batch_retire(canceller.batch);
	}
}

/* A task that streams: sum of squares below its argument. */
static int stream_in_task(sheaf_task *task, const void *arg, void *result)
{
	struct feed feed = {0};
	sheaf_batch *batch;
	uint64_t sum = 0;
	int r;

	memcpy(&feed.end, arg, sizeof(feed.end));
	if ((r = sheaf_batch_create(&batch, sheaf_task_pool(task), &(sheaf_batch_options){.window = 5, .result_size = 8})))
		return r;
	if ((r = sheaf_feed(batch, produce, &feed)) || (r = sheaf_each(batch, sum_up, &sum, SHEAF_BY_POSITION, SHEAF_FOREVER)))
		return sheaf_task_fail(task, r, "%s", sheaf_message());
	memcpy(result, &sum, sizeof(sum));
	if (!sheaf_task_position(task)) {
		/* Nobody else could make room. */
		sheaf_batch_create(&batch, sheaf_task_pool(task), &(sheaf_batch_options){.window = 1, .result_size = 8});
		sheaf_submit(batch, 0, square, &sum, 8);
		if (sheaf_submit(batch, 1, square, &sum, 8) != -EDEADLK)
			return sheaf_task_fail(task, -EPROTO, "%s", sheaf_message());
	}
	return 0;
}

Test(stream, tasks_may_stream)
{
	sheaf_batch *batch;
	sheaf_result result;

	start_workers(2);
	batch = new_batch(&(sheaf_batch_options){.result_size = 8});
	for (uint64_t i = 0; i < 40; i++)
		expect_done(sheaf_submit(batch, i, stream_in_task, &(uint64_t){i * 10}, 8));
	for (uint64_t i = 0; i < 40; i++) {
		uint64_t n = i * 10, sum;

		cr_assert_eq(sheaf_next(batch, &result, hang_deadline()), 1);
		cr_assert_eq(result.status, 0, "%s", result.message);
		memcpy(&sum, result.data, sizeof(sum));
		cr_assert_eq(sum, n ? (n - 1) * n * (2 * n - 1) / 6 : 0);
	}
	sheaf_batch_retire(batch);
}

Test(stream, every_backend_streams)
{
	for (int backend = SHEAF_PROCESSES; backend <= SHEAF_INLINE; backend++) {
		start(&(sheaf_pool_options){.workers = backend == SHEAF_INLINE ? 0 : 2,
					    .heap_size = 64 << 20,
					    .backend = (enum sheaf_backend)backend});
		stream_by_turns(3000, 17);
		chain(500, 6, 5, fail_each_third);
		sheaf_pool_destroy(pool);
		pool = NULL;
	}
}

Test(stream, a_caller_that_works_streams)
{
	struct feed feed = {.end = 3000};
	sheaf_batch *batch;
	uint64_t sum = 0;

	start_workers(1);
	batch = new_batch(&(sheaf_batch_options){.window = 16, .result_size = 8, .caller_works = true});
	expect_done(sheaf_feed(batch, produce, &feed));
	expect_done(sheaf_each(batch, sum_up, &sum, SHEAF_BY_POSITION, hang_deadline()));
	cr_assert_eq(sum, UINT64_C(2999) * 3000 * 5999 / 6);
	sheaf_batch_retire(batch);
}

Test(stream, checked_pools_stream)
{
	setenv("SHEAF_CHECK", "1", 1);
	start_workers(2);
	unsetenv("SHEAF_CHECK");
	stream_by_turns(3000, 17);
	chain(500, 6, 5, fail_each_third);
}

/* ---- deaths ---- */

Test(stream, killed_workers_and_supervisors_lose_nothing)
{
	struct feed feed = {.end = 4000};
	sheaf_batch *batch;
	sheaf_result result;

	start_workers(3);
	batch = new_batch(&(sheaf_batch_options){.window = 50, .result_size = 8, .max_attempts = 31});
	expect_done(sheaf_feed(batch, produce, &feed));
	for (uint64_t i = 0; i < feed.end; i++) {
		sheaf_pool_info info;
		pid_t pid;

		expect_square(sheaf_next(batch, &result, hang_deadline()), &result, i);
		if (i % 40 == 39 && (pid = sheaf_pool_worker_pid(pool, (unsigned)(i / 40 % 3))) > 0)
			kill(pid, SIGKILL);
		if (i % 1000 == 999) {
			expect_done(sheaf_pool_get_info(pool, &info));
			if (info.supervisor > 0)
				kill(info.supervisor, SIGKILL);
		}
	}
	cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 0);
	sheaf_batch_retire(batch);
}
