/*
 * timeouts.c - timeouts and cancelling of Pool and ProcessPoolExecutor. timeouts.py does the same
 * with these.
 *
 * Run: build/docs/examples/port/timeouts
 */
#include <errno.h>
#include <inttypes.h>
#include <sheaf.h>
#include <stdio.h>
#include <unistd.h>

#define MILLISECOND UINT64_C(1000000)

enum { SLOW, QUICK };

static int hang(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	(void)result;
	pause(); /* for ever: no signal comes */
	return 0;
}

static int power(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	*(uint64_t *)result = 1024;
	return 0;
}

static int give_up(sheaf_pool *pool)
{
	const sheaf_batch_options options = {.result_size = sizeof(uint64_t)};
	sheaf_batch *batch = NULL;
	sheaf_result result;
	int r = sheaf_batch_create(&batch, pool, &options);

	if (r == 0)
		r = sheaf_submit(batch, SLOW, hang, NULL, 0);
	if (r == 0)
		r = sheaf_submit(batch, QUICK, power, NULL, 0);
	if (r == 0)
		r = sheaf_next_done(batch, &result, sheaf_now_ns() + 60000 * MILLISECOND);
	if (r == 1)
		printf("quick: %" PRIu64 "\n", *(const uint64_t *)result.data);
	if (r == 1)
		r = sheaf_next_done(batch, &result, sheaf_now_ns() + 100 * MILLISECOND);
	if (r == -ETIMEDOUT) {
		puts("slow: not done in time");
		r = sheaf_cancel(batch, SLOW, SHEAF_KILL);
		if (r == SHEAF_WAS_KILLED)
			puts("slow: ended"); /* alone */
	}
	sheaf_batch_retire(batch);
	return r;
}

static int cancel(sheaf_pool *pool)
{
	sheaf_batch *batch = NULL;
	int r = sheaf_batch_create(&batch, pool, NULL);

	for (uint64_t i = 0; r == 0 && i < 10; i++)
		r = sheaf_submit(batch, i, hang, NULL, 0);
	if (r == 0)
		r = sheaf_cancel(batch, 9, 0);
	if (r == SHEAF_NEVER_RAN)
		puts("last: cancelled");
	if (r >= 0)
		r = sheaf_batch_cancel(batch, SHEAF_KILL);
	sheaf_batch_retire(batch);
	return r;
}

int main(void)
{
	const sheaf_pool_options options = {.workers = 2};
	sheaf_pool *pool = NULL;
	int r = sheaf_pool_create(&pool, &options);

	if (r == 0)
		r = give_up(pool);
	if (r >= 0)
		r = cancel(pool);
	if (r < 0)
		fprintf(stderr, "timeouts: %s\n", sheaf_message());
	sheaf_pool_destroy(pool);
	return r < 0;
}
