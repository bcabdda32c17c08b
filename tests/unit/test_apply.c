/*
 * test_apply.c - one task, and wait for it.
 */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "pools.h"

static void set_up(void)
{
	begin();
	start_workers(2);
}

TestSuite(apply, .init = set_up, .fini = end);

static int cube(sheaf_task *task, const void *arg, void *result)
{
	long x = *(const long *)arg;

	(void)task;
	*(long *)result = x * x * x;
	return 0;
}

Test(apply, gives_the_value)
{
	for (long x = 0; x < 200; x++) {
		long y = -1;

		expect_done(sheaf_apply(pool, cube, &x, sizeof(x), &y, sizeof(y), NULL));
		cr_assert_eq(y, x * x * x);
	}
}

static int check_no_bytes(sheaf_task *task, const void *arg, void *result)
{
	return arg || result ? sheaf_task_fail(task, -EIO, "arg %p, result %p", arg, result) : 0;
}

Test(apply, takes_no_argument_and_gives_no_result)
{
	int mine;

	expect_done(sheaf_apply(pool, check_no_bytes, NULL, 0, NULL, 0, NULL));
	expect_done(sheaf_apply(pool, check_no_bytes, &mine, 0, &mine, 0, NULL));
}

static int reverse(sheaf_task *task, const void *arg, void *result)
{
	const unsigned char *in = arg;
	unsigned char *out = result;
	size_t n = 1000003;

	(void)task;
	for (size_t i = 0; i < n; i++)
		out[i] = in[n - 1 - i];
	return 0;
}

Test(apply, copies_large_arguments_and_results)
{
	static unsigned char in[1000003], out[1000003];

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (unsigned char)(i * 31 >> 3);
	expect_done(sheaf_apply(pool, reverse, in, sizeof(in), out, sizeof(out), NULL));
	for (size_t i = 0; i < sizeof(in); i++)
		cr_assert_eq(out[i], in[sizeof(in) - 1 - i]);
}

static int fail(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	*(int *)result = 7;
	return sheaf_task_fail(task, -ERANGE, "%s is out of range", "it");
}

static int fail_with_controls(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	return sheaf_task_fail(task, -ERANGE, "first line\n\x1b[2J%s", "\xc2\x9b");
}

/* The result has the task's own words, and the message what may be printed of them. */
Test(apply, keeps_the_words_of_a_task_and_prints_them_without_controls)
{
	sheaf_result one;
	sheaf_batch *batch;

	expect_failure(sheaf_apply(pool, fail_with_controls, NULL, 0, NULL, 0, NULL), -ERANGE, "first line\\n\\x1b[2J\\u009b");
	expect_done(sheaf_batch_create(&batch, pool, NULL));
	expect_done(sheaf_submit(batch, 0, fail_with_controls, NULL, 0));
	cr_assert_eq(sheaf_next(batch, &one, SHEAF_FOREVER), 1);
	cr_assert_str_eq(one.message, "first line\n\x1b[2J\xc2\x9b");
	sheaf_batch_retire(batch);
}

static int fail_without_words(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	(void)result;
	return -EDOM;
}

Test(apply, hands_on_how_a_task_failed)
{
	int result = 1;

	expect_failure(sheaf_apply(pool, fail, NULL, 0, &result, sizeof(result), NULL), -ERANGE,
		       "position 0: it is out of range");
	cr_assert_eq(result, 1, "untouched on failure");
	expect_failure(sheaf_apply(pool, fail_without_words, NULL, 0, NULL, 0, NULL), -EDOM, sheaf_strerror(-EDOM));
	expect_pool_works(100);
}

Test(apply, refuses_bad_arguments)
{
	int x;

	expect_failure(sheaf_apply(NULL, cube, NULL, 0, NULL, 0, NULL), -EINVAL, "sheaf_apply: pool is NULL");
	expect_failure(sheaf_apply(pool, NULL, NULL, 0, NULL, 0, NULL), -EINVAL, "sheaf_apply: fn is NULL");
	expect_failure(sheaf_apply(pool, cube, NULL, 8, &x, sizeof(x), NULL), -EINVAL, "arg is NULL");
	expect_failure(sheaf_apply(pool, cube, &x, sizeof(x), NULL, 8, NULL), -EINVAL, "result is NULL, but has 8 bytes");
#if SIZE_MAX > UINT32_MAX
	expect_failure(sheaf_apply(pool, cube, &x, (size_t)1 << 32, &x, sizeof(x), NULL), -EOVERFLOW,
		       "an argument of 4294967296 bytes");
#endif
	expect_failure(sheaf_apply(pool, cube, NULL, 0, &x, SIZE_MAX, NULL), -EINVAL, "more than the pool's heap");
	expect_failure(sheaf_apply(pool, cube, NULL, 0, NULL, 0, &(sheaf_map_options){.max_attempts = 32}), -EINVAL,
		       "max_attempts is 32, at most 31");
}

Test(apply, frees_all_it_took)
{
	static unsigned char large[300000];
	sheaf_pool_info info;

	for (int i = 0; i < 300; i++)
		expect_done(sheaf_apply(pool, do_nothing, large, sizeof(large), large, sizeof(large), NULL));
	expect_done(sheaf_pool_get_info(pool, &info));
	cr_assert_eq(info.heap_used, 0);
}

static int tell_pid(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	*(pid_t *)result = getpid();
	return sheaf_task_position(task) == 0 && sheaf_task_attempt(task) == 1 && sheaf_task_worker(task) < 2 ? 0 : -EIO;
}

Test(apply, runs_in_a_worker)
{
	pid_t pid = 0;

	expect_done(sheaf_apply(pool, tell_pid, NULL, 0, &pid, sizeof(pid), NULL));
	cr_assert(pid == sheaf_pool_worker_pid(pool, 0) || pid == sheaf_pool_worker_pid(pool, 1));
	cr_assert_neq(pid, getpid());
}

static void *apply_often(void *context)
{
	for (long x = 0; x < 300; x++) {
		long y = 0;

		if (sheaf_apply(pool, cube, &x, sizeof(x), &y, sizeof(y), NULL) || y != x * x * x)
			return "wrong";
	}
	return context;
}

Test(apply, may_be_called_by_many_threads)
{
	pthread_t threads[8];
	void *wrong;

	for (int i = 0; i < 8; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, apply_often, NULL), 0);
	for (int i = 0; i < 8; i++) {
		cr_assert_eq(pthread_join(threads[i], &wrong), 0);
		cr_assert_null(wrong);
	}
}
