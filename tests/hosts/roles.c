/*
 * roles.c - kind A: a process changes its role, and must not keep the state of the old one.
 *
 * Tasks own pools of their own, children of the owner or of a task do; supervisors and owners of
 * such pools are killed meanwhile.
 */
#include "host.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

enum { MARK_RUNS, MARK_OWNER, MARK_SUPERVISOR, MARK_INNER, MARK_GO, MARK_DEATHS };

/* The sum of the positions of a map in a pool of the caller's own; a negative error. */
static long sum_in_own_pool(unsigned workers, unsigned flags)
{
	sheaf_pool_options options = {.workers = workers, .heap_size = 64 * MIB, .flags = flags};
	sheaf_pool *pool;
	void *out;
	long sum = 0;
	int r = sheaf_pool_create(&pool, &options);

	if (r)
		return r;
	if ((r = sheaf_alloc_array(pool, 100, sizeof(uint64_t), &out)) == 0 &&
	    (r = sheaf_map(pool, host_position, NULL, 0, out, sizeof(uint64_t), 100, NULL)) == 0)
		for (int i = 0; i < 100; i++)
			sum += (long)((uint64_t *)out)[i];
	sheaf_pool_destroy(pool);
	return r ? r : sum;
}

static int sum_task(sheaf_task *task, const void *arg, void *result)
{
	long sum = sum_in_own_pool(2, sheaf_task_position(task) % 2 ? SHEAF_ANONYMOUS : 0);

	(void)arg;
	if (sum < 0)
		return sheaf_task_fail(task, (int)sum, "%s", sheaf_message());
	memcpy(result, &sum, sizeof(sum));
	return 0;
}

/* Submit @n of a task that leaves 4950, and check that no worker died and no task ran twice. */
static void all_sum(sheaf_pool *pool, sheaf_task_fn *fn, size_t n)
{
	sheaf_batch *batch = host_batch(pool,
					&(sheaf_batch_options){.result_size = sizeof(long), .task_timeout_ns = 15 * SECOND});
	const sheaf_result *results;

	for (uint64_t i = 0; i < n; i++)
		NEED(sheaf_submit(batch, i, fn, NULL, 0));
	results = host_gather(batch, n, NULL);
	for (size_t i = 0; i < n; i++) {
		EXPECT(*(long *)results[i].data == 4950, "got the sum %ld of task %zu, expected 4950", *(long *)results[i].data,
		       i);
		EXPECT(results[i].attempts == 1, "got %u runs of task %zu, expected 1", results[i].attempts, i);
	}
	sheaf_batch_retire(batch);
	EXPECT(host_info(pool).deaths == 0, "got %llu deaths of outer workers, expected 0",
	       (unsigned long long)host_info(pool).deaths);
	EXPECT(host_info(pool).supervisors == 1, "got %llu outer supervisors, expected 1",
	       (unsigned long long)host_info(pool).supervisors);
}

static int nested_pools_in_several_tasks(void)
{
	sheaf_pool *pool = host_pool(3);

	all_sum(pool, sum_task, 12);
	host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

/* ---- depth ---- */

static int deeper(sheaf_task *task, const void *arg, void *result)
{
	int depth;
	sheaf_pool *pool;
	long sum;
	int r;

	if (!arg)
		depth = 2;
	else
		memcpy(&depth, arg, sizeof(depth));
	if (depth == 0)
		return sum_task(task, NULL, result);
	depth--;
	r = sheaf_pool_create(&pool, &(sheaf_pool_options){.workers = 1, .heap_size = 16 * MIB});
	if (r == 0) {
		r = sheaf_apply(pool, deeper, &depth, sizeof(depth), &sum, sizeof(sum), NULL);
		sheaf_pool_destroy(pool);
	}
	if (r)
		return sheaf_task_fail(task, r, "depth %d: %s", depth, sheaf_message());
	memcpy(result, &sum, sizeof(sum));
	return 0;
}

static int nested_pools_four_deep(void)
{
	sheaf_pool *pool = host_pool(2);

	all_sum(pool, deeper, 2);
	sheaf_pool_destroy(pool);
	return 0;
}

/* ---- nested pools that are not destroyed ---- */

static int leave_open(sheaf_task *task, const void *arg, void *result)
{
	sheaf_pool *pool;
	sheaf_pool_info info;
	int r = sheaf_pool_create(&pool, &(sheaf_pool_options){.workers = 2, .heap_size = 16 * MIB});

	(void)arg, (void)result;
	if (r || (r = sheaf_apply(pool, host_nothing, NULL, 0, NULL, 0, NULL)) || (r = sheaf_pool_get_info(pool, &info)))
		return sheaf_task_fail(task, r, "%s", sheaf_message());
	host_set(MARK_SUPERVISOR + (int)sheaf_task_position(task), info.supervisor);
	return 0;
}

static int nested_pools_left_open(void)
{
	sheaf_pool *pool = host_pool(2);
	sheaf_batch *batch = host_batch(pool, NULL);

	for (uint64_t i = 0; i < 4; i++)
		NEED(sheaf_submit(batch, i, leave_open, NULL, 0));
	host_gather(batch, 4, NULL);
	host_works(pool);
	sheaf_pool_destroy(pool);
	for (int i = 0; i < 4; i++)
		host_await_death((pid_t)host_get(MARK_SUPERVISOR + i));
	return 0;
}

static int hold(sheaf_task *task, const void *arg, void *result)
{
	(void)task, (void)arg, (void)result;
	host_add(MARK_INNER, 1);
	for (;;)
		host_nap(1000);
	return 0;
}

/* In its first run its process is held in a map of a pool of its own, until it is killed. */
static int hold_inside(sheaf_task *task, const void *arg, void *result)
{
	sheaf_pool *pool;
	long sum;
	int r;

	(void)arg;
	if (host_add(MARK_RUNS, 1) == 1) {
		host_set(MARK_OWNER, getpid());
		r = sheaf_pool_create(&pool, &(sheaf_pool_options){.workers = 2, .heap_size = 16 * MIB});
		if (r)
			return sheaf_task_fail(task, r, "%s", sheaf_message());
		r = sheaf_map(pool, hold, NULL, 0, NULL, 0, 10, NULL);
		return sheaf_task_fail(task, -EBADMSG, "a map of tasks that never end gave %d", r);
	}
	sum = sum_in_own_pool(2, 0);
	memcpy(result, &sum, sizeof(sum));
	return sum < 0 ? (int)sum : 0;
}

static int nested_pool_whose_owner_is_killed(void)
{
	sheaf_pool *pool = host_pool(2);
	sheaf_batch *batch = host_batch(pool, &(sheaf_batch_options){.result_size = sizeof(long)});
	const sheaf_result *results;

	NEED(sheaf_submit(batch, 0, hold_inside, NULL, 0));
	host_await(MARK_INNER, 2, "two tasks of the nested pool");
	host_kill((pid_t)host_get(MARK_OWNER));
	results = host_gather(batch, 1, NULL);
	EXPECT(*(long *)results[0].data == 4950 && results[0].attempts == 2,
	       "got %ld in attempt %u, expected 4950 in attempt 2", *(long *)results[0].data, results[0].attempts);
	sheaf_pool_destroy(pool);
	return 0;
}

static int nested_pool_under_a_time_limit(void)
{
	sheaf_pool *pool = host_pool(2);
	sheaf_batch *batch = host_batch(pool, &(sheaf_batch_options){.result_size = sizeof(long), .task_timeout_ns = SECOND});
	const sheaf_result *results;
	int failed;

	NEED(sheaf_submit(batch, 0, hold_inside, NULL, 0));
	results = host_gather(batch, 1, &failed);
	EXPECT(results[0].status == -ETIMEDOUT, "got status %d (%s), expected -ETIMEDOUT", results[0].status,
	       results[0].message);
	host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

static int nested_pool_whose_outer_supervisor_is_killed(void)
{
	sheaf_pool *pool = host_pool(2);
	sheaf_batch *batch = host_batch(pool, &(sheaf_batch_options){.result_size = sizeof(long)});
	const sheaf_result *results;

	NEED(sheaf_submit(batch, 0, hold_inside, NULL, 0));
	host_await(MARK_INNER, 2, "two tasks of the nested pool");
	host_kill_supervisor(pool);
	results = host_gather(batch, 1, NULL);
	EXPECT(*(long *)results[0].data == 4950 && results[0].attempts == 1,
	       "got %ld in attempt %u, expected 4950 in attempt 1", *(long *)results[0].data, results[0].attempts);
	sheaf_pool_destroy(pool);
	return 0;
}

/* Kill the supervisor of its own pool, several times. */
static int kill_inner_supervisor(sheaf_task *task, const void *arg, void *result)
{
	sheaf_pool *pool;
	sheaf_pool_info info;
	void *out;
	long sum = 0;
	int r = sheaf_pool_create(&pool, &(sheaf_pool_options){.workers = 2, .heap_size = 16 * MIB});

	(void)arg;
	if (!r)
		r = sheaf_alloc_array(pool, 100, sizeof(uint64_t), &out);
	for (int i = 0; i < 4 && !r; i++) {
		r = sheaf_pool_get_info(pool, &info);
		if (!r && info.supervisor > 0)
			host_kill(info.supervisor);
		if (!r)
			r = sheaf_map(pool, host_position, NULL, 0, out, sizeof(uint64_t), 100, NULL);
	}
	if (r)
		return sheaf_task_fail(task, r, "%s", sheaf_message());
	for (int i = 0; i < 100; i++)
		sum += (long)((uint64_t *)out)[i];
	memcpy(result, &sum, sizeof(sum));
	sheaf_pool_destroy(pool);
	return 0;
}

static int nested_pool_whose_supervisor_is_killed(void)
{
	sheaf_pool *pool = host_pool(2);

	all_sum(pool, kill_inner_supervisor, 4);
	host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

static int nested_pools_after_the_outer_supervisor_died(void)
{
	sheaf_pool *pool = host_pool(2);
	sheaf_batch *batch;

	for (int round = 0; round < 3; round++) {
		const sheaf_result *results;

		host_kill_supervisor(pool);
		batch = host_batch(pool, &(sheaf_batch_options){.result_size = sizeof(long)});
		for (uint64_t i = 0; i < 4; i++)
			NEED(sheaf_submit(batch, i, sum_task, NULL, 0));
		results = host_gather(batch, 4, NULL);
		for (int i = 0; i < 4; i++)
			EXPECT(*(long *)results[i].data == 4950, "got the sum %ld, expected 4950", *(long *)results[i].data);
		sheaf_batch_retire(batch);
	}
	sheaf_pool_destroy(pool);
	return 0;
}

/* ---- children with pools ---- */

static int child_with_pool(void *inherited)
{
	long sum = sum_in_own_pool(2, 0);

	EXPECT(sum == 4950, "got %ld (%s) from a child's own pool, expected 4950", sum, sheaf_message());
	sheaf_pool_destroy(inherited);
	sum = sum_in_own_pool(2, 0);
	EXPECT(sum == 4950, "got %ld (%s) after the inherited handle was destroyed, expected 4950", sum, sheaf_message());
	return 0;
}

static int grandchild_with_pool(void *inherited)
{
	int r = host_child(child_with_pool, inherited, 20);

	EXPECT(r == 0, "got %d from a grandchild, expected 0", r);
	return child_with_pool(inherited);
}

static int children_with_pools_of_their_own(void)
{
	sheaf_pool *pool = host_pool(2);
	int r;

	for (int i = 0; i < 3; i++) {
		r = host_child(i % 2 ? child_with_pool : grandchild_with_pool, pool, 20);
		EXPECT(r == 0, "got %d from a child with a pool, expected 0", r);
	}
	host_works(pool);
	host_kill_supervisor(pool);
	host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

static int fork_with_pool(sheaf_task *task, const void *arg, void *result)
{
	int r = host_child(child_with_pool, NULL, 20);
	long sum = r ? r : 4950;

	(void)task, (void)arg;
	memcpy(result, &sum, sizeof(sum));
	return 0;
}

static int child_of_a_task_with_a_pool(void)
{
	sheaf_pool *pool = host_pool(2);

	all_sum(pool, fork_with_pool, 4);
	sheaf_pool_destroy(pool);
	return 0;
}

/* ---- threads ---- */

static void *sum_thread(void *sum)
{
	*(long *)sum = sum_in_own_pool(2, 0);
	return NULL;
}

static int threads_with_pools(sheaf_task *task, const void *arg, void *result)
{
	pthread_t threads[3];
	long sums[3];

	(void)task, (void)arg;
	for (int i = 0; i < 3; i++)
		if (pthread_create(&threads[i], NULL, sum_thread, &sums[i]))
			return -EAGAIN;
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 3; i++)
		if (sums[i] != 4950)
			return sheaf_task_fail(task, -EBADMSG, "thread %d got %ld", i, sums[i]);
	memcpy(result, &sums[0], sizeof(sums[0]));
	return 0;
}

static int nested_pools_in_threads_of_a_task(void)
{
	sheaf_pool *pool = host_pool(2);

	all_sum(pool, threads_with_pools, 4);
	sheaf_pool_destroy(pool);
	return 0;
}

static int thread_pool(sheaf_task *task, const void *arg, void *result)
{
	sheaf_pool *pool;
	long sum = 0;
	void *out;
	int r = sheaf_pool_create(&pool, &(sheaf_pool_options){.workers = 2, .heap_size = 16 * MIB, .backend = SHEAF_THREADS});

	(void)arg;
	if (!r)
		r = sheaf_alloc_array(pool, 100, sizeof(uint64_t), &out);
	if (!r)
		r = sheaf_map(pool, host_position, NULL, 0, out, sizeof(uint64_t), 100, NULL);
	if (r)
		return sheaf_task_fail(task, r, "%s", sheaf_message());
	for (int i = 0; i < 100; i++)
		sum += (long)((uint64_t *)out)[i];
	sheaf_pool_destroy(pool);
	memcpy(result, &sum, sizeof(sum));
	return 0;
}

static int nested_pool_of_threads(void)
{
	sheaf_pool *pool = host_pool(2);

	all_sum(pool, thread_pool, 4);
	sheaf_pool_destroy(pool);
	return 0;
}

/* ---- two pools, one of which is older ---- */

static int many_pools_one_after_the_other(void)
{
	sheaf_pool *pools[4];

	for (int i = 0; i < 4; i++)
		pools[i] = host_pool(1);
	/*
	 * The families of later pools are no children of earlier ones, so each may go in any order.
	 */
	for (int i = 0; i < 4; i++)
		host_kill_supervisor(pools[i]);
	for (int i = 0; i < 4; i++)
		host_works(pools[i]);
	sheaf_pool_destroy(pools[1]);
	sheaf_pool_destroy(pools[3]);
	host_works(pools[0]);
	host_works(pools[2]);
	sheaf_pool_destroy(pools[0]);
	host_works(pools[2]);
	sheaf_pool_destroy(pools[2]);
	return 0;
}

/* ---- a task that becomes another program ---- */

static int become_true(sheaf_task *task, const void *arg, void *result)
{
	(void)arg, (void)result;
	if (host_add(MARK_RUNS, 1) == 1) {
		execl("/bin/true", "true", (char *)NULL);
		return sheaf_task_fail(task, -errno, "no /bin/true");
	}
	return 0;
}

static int task_that_becomes_another_program(void)
{
	sheaf_pool *pool = host_pool(2);
	const sheaf_result *results;
	sheaf_batch *batch = host_batch(pool, NULL);

	NEED(sheaf_submit(batch, 0, become_true, NULL, 0));
	results = host_gather(batch, 1, NULL);
	EXPECT(results[0].attempts == 2, "got attempt %u, expected 2", results[0].attempts);
	host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

HOST_PROGRAM("roles", CASE(nested_pools_in_several_tasks), CASE(nested_pools_four_deep), CASE(nested_pools_left_open),
	     CASE(nested_pool_whose_owner_is_killed), CASE(nested_pool_under_a_time_limit),
	     CASE(nested_pool_whose_outer_supervisor_is_killed), CASE(nested_pool_whose_supervisor_is_killed),
	     CASE(nested_pools_after_the_outer_supervisor_died), CASE(nested_pools_in_threads_of_a_task),
	     CASE(nested_pool_of_threads), CASE(children_with_pools_of_their_own), CASE(child_of_a_task_with_a_pool),
	     CASE(many_pools_one_after_the_other), CASE(task_that_becomes_another_program))
