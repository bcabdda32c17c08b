/*
 * time.c - kind J: time that passes while nothing runs.
 *
 * Containers are paused, laptops are shut, debuggers stop processes. The limit of a task is for
 * time in which it could run.
 */
#include "host.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

enum { MARK_RUNS, MARK_OWNER, MARK_DONE, MARK_ENDED };

#define PAUSE_MS 3000
#define LIMIT (2 * SECOND)

/* Work for 0.3 s of its own time, in many small steps. */
static int work(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	host_add(MARK_RUNS, 1);
	for (int i = 0; i < 60; i++)
		host_nap(5);
	return host_position(task, NULL, result);
}

static int never_end(sheaf_task *task, const void *arg, void *result)
{
	(void)task, (void)arg, (void)result;
	host_add(MARK_RUNS, 1);
	for (;;)
		host_nap(5);
	return 0;
}

static sheaf_batch *begin(sheaf_pool *pool, unsigned n)
{
	sheaf_batch *batch = host_batch(pool, &(sheaf_batch_options){.result_size = 8, .task_timeout_ns = LIMIT});

	for (uint64_t i = 0; i < n; i++)
		NEED(sheaf_submit(batch, i, work, NULL, 0));
	host_await(MARK_RUNS, 2, "two tasks");
	return batch;
}

static void all_done(sheaf_pool *pool, sheaf_batch *batch, unsigned n)
{
	const sheaf_result *results = host_gather(batch, n, NULL);

	for (unsigned i = 0; i < n; i++)
		EXPECT(results[i].attempts == 1, "got %u runs of a task that stood still meanwhile, expected 1",
		       results[i].attempts);
	EXPECT(host_info(pool).deaths == 0 && host_info(pool).supervisors == 1, "got a death, expected none");
	/* Limits hold as before. */
	EXPECT(sheaf_apply(pool, never_end, NULL, 0, NULL, 0, &(sheaf_map_options){.task_timeout_ns = SECOND / 2}) ==
		       -ETIMEDOUT,
	       "got %s, expected -ETIMEDOUT of a task that never ends", sheaf_message());
	host_works(pool);
	sheaf_pool_destroy(pool);
}

/*
 * A process outside stops others for three seconds. 0: the family, 1: its workers, 2: its
 * supervisor, 3: all.
 */
static void stop_from_outside(sheaf_pool *pool, int whom)
{
	pid_t pids[64], chosen[65], self = getpid(), supervisor = host_info(pool).supervisor, pid;
	int n = host_processes(pids, 64), count = 0;

	if (n < 0)
		SKIP("processes cannot be listed here");
	for (int i = 0; i < n; i++) {
		bool worker = pids[i] == sheaf_pool_worker_pid(pool, 0) || pids[i] == sheaf_pool_worker_pid(pool, 1);

		if (whom == 0 || whom == 3 || (whom == 1 && worker) || (whom == 2 && pids[i] == supervisor))
			chosen[count++] = pids[i];
	}
	if (whom == 3)
		chosen[count++] = self;
	EXPECT(count > 0, "got nobody to stop, expected a family");
	pid = fork();
	if (!pid) {
		for (int i = 0; i < count; i++)
			kill(chosen[i], SIGSTOP);
		host_nap(PAUSE_MS);
		for (int i = 0; i < count; i++)
			kill(chosen[i], SIGCONT);
		_exit(0);
	}
	EXPECT(host_join(pid, 20) == 0, "got a failed child, expected none");
}

static int play_stop(int whom)
{
	sheaf_pool *pool = host_pool(2);
	sheaf_batch *batch = begin(pool, 4);

	stop_from_outside(pool, whom);
	all_done(pool, batch, 4);
	return 0;
}

static int family_stopped(void)
{
	return play_stop(0);
}

static int workers_stopped(void)
{
	return play_stop(1);
}

static int supervisor_stopped(void)
{
	return play_stop(2);
}

/* What the supervisor has seen before its own pause still counts. */
static int supervisor_stopped_while_its_workers_are(void)
{
	sheaf_pool *pool = host_pool(2);
	sheaf_batch *batch = begin(pool, 4);
	pid_t supervisor = host_info(pool).supervisor,
	      workers[2] = {sheaf_pool_worker_pid(pool, 0), sheaf_pool_worker_pid(pool, 1)};
	pid_t pid = fork();

	if (!pid) {
		for (int i = 0; i < 2; i++)
			kill(workers[i], SIGSTOP);
		host_nap(2300); /* by now the limit has passed */
		kill(supervisor, SIGSTOP);
		host_nap(300);
		kill(supervisor, SIGCONT);
		host_nap(PAUSE_MS - 2600);
		for (int i = 0; i < 2; i++)
			kill(workers[i], SIGCONT);
		_exit(0);
	}
	EXPECT(host_join(pid, 20) == 0, "got a failed child, expected none");
	all_done(pool, batch, 4);
	return 0;
}

static int owner_and_family_stopped(void)
{
	return play_stop(3);
}

static bool write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");
	bool ok = file && fputs(text, file) >= 0;

	return file && !fclose(file) && ok;
}

static bool freeze(bool frozen)
{
	char path[400];

	snprintf(path, sizeof(path), "%s/freezer.state", host_cgroup_folder());
	if (access(path, F_OK) == 0)
		return write_file(path, frozen ? "FROZEN" : "THAWED");
	snprintf(path, sizeof(path), "%s/cgroup.freeze", host_cgroup_folder());
	return write_file(path, frozen ? "1" : "0");
}

/* As "docker pause". */
static int container_paused(void)
{
	char path[400];
	sheaf_batch *batch;
	sheaf_pool *pool;
	pid_t pid, keeper;
	int go[2];
	char byte = 0;

	EXPECT(!pipe(go), "got no pipe, expected one");
	/* The process that thaws the others must not be frozen, so it is forked outside. */
	keeper = fork();
	if (!keeper) {
		close(go[1]);
		if (read(go[0], &byte, 1) != 1)
			_exit(0);
		bool frozen = freeze(true);

		host_nap(PAUSE_MS);
		_exit(freeze(false) && frozen ? 0 : 2);
	}
	close(go[0]);
	if (host_cgroup("freezer", NULL, NULL, "")) {
		close(go[1]);
		host_join(keeper, 20);
		SKIP("no control group that can be frozen can be made here (%s)", strerror(errno));
	}
	snprintf(path, sizeof(path), "%s/freezer.state", host_cgroup_folder());
	if (access(path, F_OK)) {
		snprintf(path, sizeof(path), "%s/cgroup.freeze", host_cgroup_folder());
		if (access(path, F_OK)) {
			close(go[1]);
			host_join(keeper, 20);
			SKIP("control groups cannot be frozen here");
		}
	}
	pool = host_pool(2);
	batch = begin(pool, 4);
	EXPECT(write(go[1], "x", 1) == 1, "got no byte into a pipe, expected one");
	close(go[1]);
	pid = keeper;
	EXPECT(host_join(pid, 20) == 0, "got a container that cannot be paused, expected one");
	all_done(pool, batch, 4);
	return 0;
}

static int several_short_pauses(void)
{
	sheaf_pool *pool = host_pool(2);
	sheaf_batch *batch = begin(pool, 4);
	pid_t pids[64], pid;
	int n = host_processes(pids, 64);

	if (n < 0)
		SKIP("processes cannot be listed here");
	pid = fork();
	if (!pid) {
		for (int round = 0; round < 3; round++) {
			for (int i = 0; i < n; i++)
				kill(pids[i], SIGSTOP);
			host_nap(900);
			for (int i = 0; i < n; i++)
				kill(pids[i], SIGCONT);
			host_nap(10);
		}
		_exit(0);
	}
	EXPECT(host_join(pid, 20) == 0, "got a failed child, expected none");
	all_done(pool, batch, 4);
	return 0;
}

/* Deadlines of the owner's own calls are moments; they pass. */
static int deadlines_of_a_stopped_owner(void)
{
	sheaf_pool *pool = host_pool(2);
	sheaf_batch *batch = begin(pool, 2);
	const sheaf_result *results;
	pid_t pid, self = getpid();
	size_t n;
	int r;

	pid = fork();
	if (!pid) {
		host_nap(20);
		kill(self, SIGSTOP);
		host_nap(1500);
		kill(self, SIGCONT);
		_exit(0);
	}
	r = sheaf_gather(batch, &results, &n, sheaf_now_ns() + SECOND);
	EXPECT(r == 0 || r == -ETIMEDOUT, "got %d (%s), expected 0 or -ETIMEDOUT", r, sheaf_message());
	EXPECT(host_join(pid, 20) == 0, "got a failed child, expected none");
	all_done(pool, batch, 2);
	return 0;
}

HOST_PROGRAM("time", CASE(family_stopped), CASE(workers_stopped), CASE(supervisor_stopped),
	     CASE(supervisor_stopped_while_its_workers_are), CASE(owner_and_family_stopped), CASE(container_paused),
	     CASE(several_short_pauses), CASE(deadlines_of_a_stopped_owner))
