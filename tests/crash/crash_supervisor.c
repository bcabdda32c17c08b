/*
 * crash_supervisor.c - the supervisor is killed again and again while its pool works.
 *
 * Usage: crash_supervisor [SEED [KILLS]]. Two threads run batches and check every result; the main
 * thread kills, often right after some workers, so that the supervisor dies while it repairs, and
 * often right after its start. Every batch must end as if nothing had happened; the workers of a
 * dead supervisor must be dead when its successor has been started.
 */
#include "sheaf.h"
#include "support/arguments.h"
#include "support/check.h"
#include "support/children.h"
#include "support/deadline.h"
#include "support/leaks.h"
#include "support/random_batches.h"
#include "support/proc.h"
#include "support/rng.h"
#include "support/session.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WORKERS 3
#define LOADERS 2
#define LONGEST_PAUSE_NS 30000000

static _Atomic bool over;

struct loader {
	struct random_batches batches;
	pthread_t thread;
};

static void *work(void *context)
{
	struct loader *loader = context;

	while (!atomic_load(&over))
		random_batch_run(&loader->batches);
	random_batch_run(&loader->batches);
	return NULL;
}

static sheaf_pool_info look(sheaf_pool *pool)
{
	sheaf_pool_info info;
	int r = sheaf_pool_get_info(pool, &info);

	CHECK(r == 0, "sheaf_pool_get_info: %d", r);
	return info;
}

/* The next supervisor after @old. */
static pid_t wait_for_successor(sheaf_pool *pool, pid_t old)
{
	uint64_t deadline = hang_deadline();
	sheaf_pool_info info;

	while ((info = look(pool)).supervisor == old || info.supervisor == 0) {
		CHECK(sheaf_now_ns() < deadline, "nobody replaces supervisor %ld", (long)old);
		sleep_ns(200000);
	}
	return info.supervisor;
}

/* Kill some of the workers and the spare, and then the supervisor. True: it was alive. */
static bool strike(pid_t supervisor, const pid_t *children, unsigned count, struct rng *rng)
{
	struct proc proc;

	for (unsigned i = 0; i < count && rng_below(rng, 2); i++)
		if (proc_read(children[i], &proc) && proc.parent == supervisor)
			kill(children[i], SIGKILL);
	if (count && rng_below(rng, 2))
		sleep_ns(rng_below(rng, 500000));
	return supervisor > 0 && proc_read(supervisor, &proc) && proc.state != 'Z' && kill(supervisor, SIGKILL) == 0;
}

int main(int argc, char **argv)
{
	uint64_t seed = seed_argument(argc, argv), wanted = amount_argument(argc, argv, 2, 50), kills = 0, results = 0;
	sheaf_pool_options options = {
		.workers = WORKERS, .ring_size = 32, .heap_size = 512 << 20, .max_attempts = SHEAF_MAX_ATTEMPTS};
	int files = count_open_files(), mappings = count_segment_mappings();
	struct random_batches idle = {.rng = {seed + 1}};
	struct loader loaders[LOADERS];
	struct rng rng = {seed};
	sheaf_pool_info info;
	sheaf_pool *pool;
	char name[256];

	if (!session_visible()) {
		puts("skipped: no /proc, or no /dev/shm");
		return 77;
	}
	CHECK(sheaf_pool_create(&pool, &options) == 0, "pool");
	idle.pool = pool;
	for (unsigned i = 0; i < LOADERS; i++) {
		loaders[i] = (struct loader){.batches = {.pool = pool, .rng = {seed + 2 + i}}};
		CHECK(!pthread_create(&loaders[i].thread, NULL, work, &loaders[i]), "thread");
	}
	while (kills < wanted) {
		/* its workers and its spare */
		pid_t supervisor = look(pool).supervisor, children[WORKERS + 1], successor;
		unsigned count = living_children(supervisor, children, WORKERS + 1);

		sleep_ns(rng_below(&rng, 3) ? rng_below(&rng, LONGEST_PAUSE_NS) : rng_below(&rng, 300000));
		CHECK(count <= WORKERS + 1, "supervisor %ld has %u children", (long)supervisor, count);
		if (!strike(supervisor, children, count, &rng))
			continue;
		kills++;
		successor = wait_for_successor(pool, supervisor);
		for (unsigned i = 0; i < count; i++)
			CHECK(children[i] == successor || process_ended(children[i], hang_deadline()),
			      "worker %ld outlives its supervisor %ld", (long)children[i], (long)supervisor);
	}
	atomic_store(&over, true);
	for (unsigned i = 0; i < LOADERS; i++) {
		pthread_join(loaders[i].thread, NULL);
		results += loaders[i].batches.results;
	}
	/* And once while no call waits for anything: the next batch finds out. */
	kills += strike(look(pool).supervisor, NULL, 0, &rng);
	random_batch_run(&idle);
	check_pool_is_empty(pool);
	info = look(pool);
	/* One that is killed before it has counted itself is not counted. */
	CHECK(info.supervisors > 1 && info.supervisors <= kills + 1, "%llu supervisors after %llu kills",
	      (unsigned long long)info.supervisors, (unsigned long long)kills);
	snprintf(name, sizeof(name), "%s", info.name);
	sheaf_pool_destroy(pool);
	CHECK(segment_name_exists(name) == 0, "%s is left", name);
	CHECK(count_open_files() == files, "%d open files, %d before", count_open_files(), files);
	CHECK(count_segment_mappings() == mappings, "%d mappings, %d before", count_segment_mappings(), mappings);
	CHECK(count_children() == 0, "%d children are left", count_children());
	printf("kills=%llu supervisors=%llu results=%llu lost=0 duplicated=0\n", (unsigned long long)kills,
	       (unsigned long long)info.supervisors, (unsigned long long)results);
	return 0;
}
