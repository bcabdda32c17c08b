/*
 * crash_oom.c - tasks that take more memory than they are allowed, and are killed by the kernel for it.
 *
 * Usage: crash_oom [SEED [ROUNDS]]. The tasks enter a memory cgroup of their own, below that of this program, and fill it. Each
 * must be run max_attempts times, fail with the signal, and leave all others alone. Skipped where no such cgroup may be made.
 */
#include "sheaf.h"
#include "support/children.h"
#include "support/tally.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIMIT (24 << 20)
#define N 60
#define ATTEMPTS 3

/* ---- the cgroup ---- */

static char group[4400]; /* its folder */
static pid_t maker;

static bool write_text(const char *name, const char *text)
{
	char path[4500];
	int fd;
	bool written;

	snprintf(path, sizeof(path), "%s/%s", group, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	written = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return written;
}

static void kill_members(void)
{
	char path[4500];
	FILE *file;
	long pid;

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	file = fopen(path, "r");
	while (file && fscanf(file, "%ld", &pid) == 1)
		kill((pid_t)pid, SIGKILL);
	if (file)
		fclose(file);
}

/* After a failure, workers may be in it. */
static void remove_group(void)
{
	uint64_t deadline = patience();

	while (getpid() == maker && rmdir(group) && errno == EBUSY && sheaf_now_ns() < deadline) {
		kill_members();
		trial_nap(1000000);
	}
}

/* Below @parent; @knob is the file that holds a group's limit. */
static bool make_below(const char *parent, const char *knob)
{
	char limit[32];

	snprintf(group, sizeof(group), "%s/sheaf-oom-%ld", parent, (long)getpid());
	snprintf(limit, sizeof(limit), "%d", LIMIT);
	if (mkdir(group, 0755))
		return false;
	maker = getpid();
	atexit(remove_group);
	if (!write_text(knob, limit))
		return false;
	/* Where there is swap, it would take what does not fit. */
	write_text("memory.swap.max", "0");
	write_text("memory.swappiness", "0");
	return true;
}

/* Lines of /proc/self/cgroup are "4:memory:/path" (version 1) and "0::/path" (version 2). */
static bool make_group(void)
{
	FILE *file = fopen("/proc/self/cgroup", "r");
	char line[4096], parent[4200];
	bool made = false;

	while (file && !made && fgets(line, sizeof(line), file)) {
		char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;

		if (!path)
			continue;
		path[strcspn(path, "\n")] = '\0';
		*path++ = '\0';
		if (!strcmp(controllers, ":memory")) {
			snprintf(parent, sizeof(parent), "/sys/fs/cgroup/memory%s", path);
			made = make_below(parent, "memory.limit_in_bytes");
		} else if (!strcmp(controllers, ":")) {
			snprintf(parent, sizeof(parent), "/sys/fs/cgroup%s", path);
			made = make_below(parent, "memory.max");
		}
	}
	if (file)
		fclose(file);
	return made;
}

/* ---- tasks ---- */

struct table {
	_Atomic unsigned runs[N];
	_Atomic unsigned outside; /* runs that could not enter the group */
	bool greedy[N];
	uint64_t values[N];
};

/* Fills memory until there is none. */
static int take_all(struct table *table)
{
	char pid[32];

	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	if (!write_text("cgroup.procs", pid)) {
		atomic_fetch_add(&table->outside, 1);
		return -EPERM;
	}
	for (size_t taken = 0; taken < (size_t)16 * LIMIT; taken += 1 << 20) {
		volatile char *memory = malloc(1 << 20);

		for (size_t i = 0; memory && i < 1 << 20; i += 4096)
			memory[i] = 1;
	}
	return -ENODATA;
}

static int visit(struct table *table, uint64_t position)
{
	atomic_fetch_add(&table->runs[position], 1);
	if (table->greedy[position])
		return take_all(table);
	table->values[position] = trial_value(position);
	return 0;
}

static struct table *table_of(const void *arg)
{
	struct table *table;

	memcpy(&table, arg, sizeof(table));
	return table;
}

static int call(sheaf_task *task, const void *arg, void *result)
{
	(void)result;
	return visit(table_of(arg), sheaf_task_position(task));
}

static int range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	int r = 0;

	(void)task;
	for (size_t i = begin; i < end && !r; i++)
		r = visit(table_of(context), i);
	return r;
}

static void run(sheaf_pool *pool, bool loop, struct chance *chance)
{
	sheaf_batch_options options = {.max_attempts = ATTEMPTS};
	struct table *table;
	const sheaf_result *results;
	sheaf_batch *batch;
	void *memory;
	size_t n;
	int r;

	CHECK((r = sheaf_alloc(pool, sizeof(*table), &memory)) == 0, "sheaf_alloc: %d", r);
	table = memory;
	table->greedy[chance_below(chance, N)] = table->greedy[chance_below(chance, N)] = true;
	CHECK((r = sheaf_batch_create(&batch, pool, &options)) == 0, "sheaf_batch_create: %d", r);
	if (loop)
		r = sheaf_submit_for(batch, range, &table, N, &(sheaf_map_options){.grain = 20, .context_size = sizeof(table)});
	for (uint64_t i = 0; i < N && !loop && !r; i++)
		r = sheaf_submit(batch, i, call, &table, sizeof(table));
	CHECK(r == 0, "submit: %d", r);
	r = sheaf_gather(batch, &results, &n, patience());
	CHECK_AS(r == -ETIMEDOUT ? HARM_HUNG : HARM_LOST, r >= 0 && n == N, "sheaf_gather: %d, %zu results", r, n);
	CHECK(atomic_load(&table->outside) == 0, "%u tasks could not enter the cgroup", atomic_load(&table->outside));
	for (size_t i = 0; i < n; i++) {
		unsigned runs = atomic_load(&table->runs[i]);

		if (table->greedy[i]) {
			CHECK(results[i].status == -ECHILD && results[i].signal == SIGKILL,
			      "position %zu: status %d, signal %d", i, results[i].status, results[i].signal);
			CHECK(runs == ATTEMPTS && results[i].attempts == ATTEMPTS, "position %zu ran %u times, says %u", i,
			      runs, results[i].attempts);
			CHECK(strstr(results[i].message, "was killed by signal 9"), "\"%s\"", results[i].message);
			continue;
		}
		CHECK_AS(HARM_LOST, results[i].status == 0 && table->values[i] == trial_value(i),
			 "position %zu: status %d, \"%s\"", i, results[i].status, results[i].message);
	}
	sheaf_batch_retire(batch);
	CHECK((r = sheaf_free(pool, table)) == 0, "sheaf_free: %d", r);
	tally_add(1);
}

int main(int argc, char **argv)
{
	uint64_t seed = trial_seed(argc, argv), rounds = trial_amount(argc, argv, 2, 2);
	sheaf_pool_options options = {.workers = 3, .ring_size = 32, .heap_size = 16 << 20};
	struct chance chance = {seed};
	sheaf_pool *pool;
	int r;

	if (!make_group()) {
		printf("skipped: no memory cgroup may be made here\n");
		return 77;
	}
	tally_begin("poison", "cases", seed);
	CHECK((r = sheaf_pool_create(&pool, &options)) == 0, "sheaf_pool_create: %d", r);
	for (uint64_t round = 0; round < rounds; round++) {
		run(pool, false, &chance);
		run(pool, true, &chance);
	}
	sheaf_pool_destroy(pool);
	tally_end();
	return 0;
}
