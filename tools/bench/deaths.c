/*
 * deaths.c - kills, and how long until a task runs again.
 *
 * The victim sleeps in its task, the other workers in the pool. Time begins before kill(). For a
 * worker it ends in the first instructions of the task's second run, for a supervisor when a task
 * that was submitted after the kill has come back. A kill has to wait until every worker is back
 * and asleep.
 */
#include "deaths.h"
#include "measure.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REST_NS 500000
#define MOST_NS 1e10

/* Shared with the task. */
struct deaths {
	_Atomic pid_t victim;      /* in its first run */
	_Atomic uint64_t again_ns; /* when its second run began */
};

static void rest(void)
{
	struct timespec time = {.tv_nsec = REST_NS};

	while (nanosleep(&time, &time) != 0 && errno == EINTR)
		;
}

static int task(sheaf_task *task, const void *arg, void *result)
{
	struct deaths *deaths;

	memcpy(&deaths, arg, sizeof(deaths));
	if (sheaf_task_attempt(task) > 1) {
		atomic_store(&deaths->again_ns, sheaf_now_ns());
		*(uint64_t *)result = bench_expected(sheaf_task_position(task));
		return 0;
	}
	atomic_store(&deaths->victim, getpid());
	for (;;)
		pause();
}

/* Wait until every worker is there, none of them as the process @dead. */
static int await_all_workers(const sheaf_pool *pool, pid_t dead)
{
	sheaf_pool_info info;
	int r = sheaf_pool_get_info(pool, &info);

	for (unsigned i = 0; r == 0 && i < info.workers; i++) {
		pid_t pid;

		while ((pid = sheaf_pool_worker_pid(pool, i)) <= 0 || pid == dead)
			rest();
	}
	rest();
	return r < 0 ? bench_sheaf_failed("sheaf_pool_get_info", r) : 0;
}

static int check(const sheaf_result *result, uint64_t position)
{
	if (result->status || result->attempts != 2)
		return bench_fail("position %llu: status %d after %u attempts", (unsigned long long)position, result->status,
				  result->attempts);
	return bench_check(position, position, *(const uint64_t *)result->data);
}

int deaths_prepare(sheaf_pool *pool, struct deaths **deaths)
{
	void *memory = NULL;
	int r = sheaf_alloc(pool, sizeof(**deaths), &memory);

	if (r < 0)
		return bench_sheaf_failed("sheaf_alloc", r);
	*deaths = memory;
	return 0;
}

int deaths_of_worker(sheaf_pool *pool, struct deaths *deaths, uint64_t position, double *ns)
{
	sheaf_batch_options options = {.result_size = sizeof(uint64_t)};
	sheaf_batch *batch = NULL;
	sheaf_result result;
	uint64_t start;
	pid_t victim;
	int r = sheaf_batch_create(&batch, pool, &options);

	if (r < 0)
		return bench_sheaf_failed("sheaf_batch_create", r);
	atomic_store(&deaths->victim, 0);
	r = sheaf_submit(batch, position, task, &deaths, sizeof(deaths));
	if (r < 0) {
		r = bench_sheaf_failed("sheaf_submit", r);
		goto retire;
	}
	while ((victim = atomic_load(&deaths->victim)) == 0)
		rest();
	rest();
	start = sheaf_now_ns();
	kill(victim, SIGKILL);
	r = sheaf_next(batch, &result, SHEAF_FOREVER);
	if (r != 1) {
		r = r < 0 ? bench_sheaf_failed("sheaf_next", r) : bench_fail("sheaf_next has no result");
		goto retire;
	}
	r = check(&result, position);
	*ns = (double)(atomic_load(&deaths->again_ns) - start);
	if (r == 0)
		r = await_all_workers(pool, victim);
retire:
	sheaf_batch_retire(batch);
	return r;
}

/*
 * Wait until the supervisor is dead, as else a worker of its family could still run the task. The
 * library has to reap it. A successor is no child of the owner's: it is dead when its process is
 * gone, or when the next one has begun.
 */
static int await_death(const sheaf_pool *pool, const sheaf_pool_info *before)
{
	sheaf_pool_info now = *before;
	siginfo_t info;
	int r;

	while ((r = waitid(P_PID, (id_t)before->supervisor, &info, WEXITED | WNOWAIT)) != 0 && errno == EINTR)
		;
	if (r == 0)
		return 0;
	while (now.supervisors == before->supervisors && kill(before->supervisor, 0) == 0) {
		rest();
		if ((r = sheaf_pool_get_info(pool, &now)) < 0)
			return bench_sheaf_failed("sheaf_pool_get_info", r);
	}
	return 0;
}

int deaths_of_supervisor(sheaf_pool *pool, uint64_t position, double *ns)
{
	sheaf_pool_info before, after;
	uint64_t result = 0, start;
	int r = sheaf_pool_get_info(pool, &before);

	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_get_info", r);
	start = sheaf_now_ns();
	if (kill(before.supervisor, SIGKILL) != 0)
		return bench_fail("the supervisor cannot be killed: %s", strerror(errno));
	if ((r = await_death(pool, &before)) != 0)
		return r;
	/*
	 * Where the kernel does not end a dead supervisor's workers, one of them may still take a
	 * task: that is not the repair.
	 */
	do {
		r = sheaf_apply(pool, bench_task, &position, sizeof(position), &result, sizeof(result), NULL);
		*ns = (double)(sheaf_now_ns() - start);
		if (r < 0)
			return bench_sheaf_failed("sheaf_apply", r);
		if ((r = sheaf_pool_get_info(pool, &after)) < 0)
			return bench_sheaf_failed("sheaf_pool_get_info", r);
	} while (after.supervisors == before.supervisors && *ns < MOST_NS);
	if (after.supervisors == before.supervisors)
		return bench_fail("tasks have run for %g s, and there is no new supervisor", MOST_NS / 1e9);
	r = bench_check(position, position, result);
	return r == 0 ? await_all_workers(pool, 0) : r;
}
