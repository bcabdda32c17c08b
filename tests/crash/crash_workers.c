/*
 * crash_workers.c - random workers are killed, or stopped and continued, while a pool works.
 *
 * Usage: crash_workers [SEED [KILLS]]. Two threads run batches and check every result; a third kills. Nothing may be lost, given
 * twice or wrong, and nothing may be left.
 */
#include "sheaf.h"
#include "support/children.h"
#include "support/leaks.h"
#include "support/load.h"
#include "support/proc.h"
#include "support/trial.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>

#define WORKERS 4
#define LOADERS 2
#define LONGEST_PAUSE_NS 5000000
#define LONGEST_STOP_NS 8000000

struct storm {
	sheaf_pool *pool;
	struct chance chance;
	uint64_t wanted;
	uint64_t kills, stops;
	_Atomic bool over;
};

struct loader {
	struct load load;
	struct storm *storm;
	pthread_t thread;
};

/* Sends the signal if the process still is a worker: a pid may be old. */
static bool send(struct storm *storm, pid_t pid, int signal)
{
	struct proc proc;
	sheaf_pool_info info;
	int r = sheaf_pool_get_info(storm->pool, &info);

	CHECK(r == 0, "sheaf_pool_get_info: %d", r);
	return pid > 0 && proc_read(pid, &proc) && proc.parent == info.supervisor && kill(pid, signal) == 0;
}

static void *rage(void *context)
{
	struct storm *storm = context;

	while (storm->kills < storm->wanted) {
		uint64_t what = chance_below(&storm->chance, 16);
		unsigned victim = (unsigned)chance_below(&storm->chance, WORKERS);

		trial_nap(chance_below(&storm->chance, LONGEST_PAUSE_NS));
		if (what == 0) { /* all at once */
			for (unsigned i = 0; i < WORKERS; i++)
				storm->kills += send(storm, sheaf_pool_worker_pid(storm->pool, i), SIGKILL);
		} else if (what < 4) {
			pid_t pid = sheaf_pool_worker_pid(storm->pool, victim);

			storm->stops += send(storm, pid, SIGSTOP);
			trial_nap(chance_below(&storm->chance, LONGEST_STOP_NS));
			if (what == 1)
				storm->kills += send(storm, pid, SIGKILL);
			send(storm, pid, SIGCONT);
		} else {
			storm->kills += send(storm, sheaf_pool_worker_pid(storm->pool, victim), SIGKILL);
		}
	}
	atomic_store(&storm->over, true);
	return NULL;
}

static void *work(void *context)
{
	struct loader *loader = context;

	while (!atomic_load(&loader->storm->over))
		load_run(&loader->load);
	/* And once more in peace. */
	load_run(&loader->load);
	return NULL;
}

int main(int argc, char **argv)
{
	uint64_t seed = trial_seed(argc, argv);
	sheaf_pool_options options = {
		.workers = WORKERS, .ring_size = 64, .heap_size = 512 << 20, .max_attempts = SHEAF_MAX_ATTEMPTS};
	int files = count_open_files(), mappings = count_segment_mappings();
	struct storm storm = {.chance = {seed}, .wanted = trial_amount(argc, argv, 2, 500)};
	struct loader loaders[LOADERS];
	uint64_t results = 0, reruns = 0;
	sheaf_pool_info info;
	pthread_t killer;
	char name[256];

	CHECK(sheaf_pool_create(&storm.pool, &options) == 0, "pool");
	CHECK(!pthread_create(&killer, NULL, rage, &storm), "thread");
	for (unsigned i = 0; i < LOADERS; i++) {
		loaders[i] = (struct loader){.load = {.pool = storm.pool, .chance = {seed + 1 + i}}, .storm = &storm};
		CHECK(!pthread_create(&loaders[i].thread, NULL, work, &loaders[i]), "thread");
	}
	for (unsigned i = 0; i < LOADERS; i++) {
		pthread_join(loaders[i].thread, NULL);
		results += loaders[i].load.results;
		reruns += loaders[i].load.reruns;
	}
	pthread_join(killer, NULL);
	load_check_empty(storm.pool);
	CHECK(sheaf_pool_get_info(storm.pool, &info) == 0, "info");
	CHECK(info.supervisors == 1 && info.deaths > 0 && info.deaths <= storm.kills,
	      "%llu supervisors, %llu deaths of %llu kills", (unsigned long long)info.supervisors,
	      (unsigned long long)info.deaths, (unsigned long long)storm.kills);
	snprintf(name, sizeof(name), "%s", info.name);
	sheaf_pool_destroy(storm.pool);
	CHECK(segment_name_exists(name) <= 0, "%s is left", name);
	CHECK(count_open_files() == files, "%d open files, %d before", count_open_files(), files);
	CHECK(count_segment_mappings() == mappings, "%d mappings, %d before", count_segment_mappings(), mappings);
	CHECK(count_children() <= 0, "%d children are left", count_children());
	printf("kills=%llu stops=%llu deaths=%llu results=%llu reruns=%llu lost=0 duplicated=0\n",
	       (unsigned long long)storm.kills, (unsigned long long)storm.stops, (unsigned long long)info.deaths,
	       (unsigned long long)results, (unsigned long long)reruns);
	return 0;
}
