/*
 * pool_life.c - pools of two workers, worked and killed.
 */
#include "pool_life.h"

#include <signal.h>

#include "check.h"
#include "deadline.h"
#include "proc.h"
#include "random_batches.h"

struct rng life_rng;

sheaf_pool *life_create(unsigned flags)
{
	sheaf_pool_options options = {.workers = LIFE_WORKERS,
				      .ring_size = 16,
				      .heap_size = 64 << 20,
				      .max_attempts = SHEAF_MAX_ATTEMPTS,
				      .flags = flags};
	sheaf_pool *pool;
	int r = sheaf_pool_create(&pool, &options);

	CHECK(r == 0, "sheaf_pool_create: %d", r);
	return pool;
}

void life_work(sheaf_pool *pool, unsigned count)
{
	struct random_batches batches = {.pool = pool, .rng = {rng_next(&life_rng)}};

	for (unsigned i = 0; i < count; i++)
		random_batch_run(&batches);
}

sheaf_pool_info life_info(sheaf_pool *pool)
{
	sheaf_pool_info info;
	int r = sheaf_pool_get_info(pool, &info);

	CHECK(r == 0, "sheaf_pool_get_info: %d", r);
	return info;
}

void life_kill_worker(sheaf_pool *pool)
{
	pid_t pid = sheaf_pool_worker_pid(pool, (unsigned)rng_below(&life_rng, LIFE_WORKERS));
	struct proc proc;

	if (pid > 0 && proc_read(pid, &proc) && proc.parent == life_info(pool).supervisor)
		kill(pid, SIGKILL);
}

void life_kill_supervisor(sheaf_pool *pool)
{
	uint64_t supervisors = life_info(pool).supervisors, deadline = hang_deadline();
	pid_t pid = life_info(pool).supervisor;
	struct proc proc;

	if (pid <= 0 || !proc_read(pid, &proc) || kill(pid, SIGKILL))
		return;
	do {
		CHECK(sheaf_now_ns() < deadline, "no successor of the supervisor");
		life_work(pool, 1);
	} while (life_info(pool).supervisors == supervisors);
}

void life_whole(unsigned flags)
{
	sheaf_pool *pool = life_create(flags);

	life_work(pool, 3);
	life_kill_worker(pool);
	life_work(pool, 3);
	life_kill_supervisor(pool);
	life_work(pool, 3);
	check_pool_is_empty(pool);
	CHECK(life_info(pool).supervisors == 2, "%llu supervisors", (unsigned long long)life_info(pool).supervisors);
	sheaf_pool_destroy(pool);
}
