/*
 * crash_resume.c - kills a job while it notes what it has done, and starts it again: nothing is
 * lost, and the end is the same.
 *
 * Usage: crash_resume [SEED [POINTS [KILLS]]]
 *
 * First a process is single-stepped through each call that writes to a journal or a file, and
 * killed at about POINTS places of each (0: after every instruction, so after each system call,
 * too). After each kill the job is started again, and must find what was done, do the rest, and end
 * with the same bytes. Nothing may be left beside its files.
 *
 * Then jobs with workers run, and their owner, a worker, or all of them are killed at random times,
 * KILLS times. Each is started again with another number of workers until it ends.
 */
#define _DEFAULT_SOURCE /* mkdtemp(), MAP_ANONYMOUS */
#include "sheaf.h"
#include "sheaf_resume.h"
#include "support/arguments.h"
#include "support/children.h"
#include "support/deadline.h"
#include "support/report.h"
#include "support/rng.h"
#include "support/session.h"
#include "support/stepped_call.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define N 6
#define STORM_N 400

static char folder[200], journal_path[240], file_path[240], cache_path[240];
static pid_t maker;
static sheaf_identity job;

/* Shared with the child: a bit for each position that it was told is done. */
static _Atomic unsigned *noted;

/* Of the child that is stepped. */
static sheaf_journal *journal;
static sheaf_pool *pool;
static sheaf_cache *cache;
static uint64_t *out;

struct path {
	const char *name;
	void (*prepare)(void);
	void (*call)(void);
};

/* ---- what the job computes ---- */

static uint64_t value_at(uint64_t position)
{
	return (position + 3) * UINT64_C(0x9e3779b97f4a7c15);
}

static int compute(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	*(uint64_t *)result = value_at(sheaf_task_position(task));
	return 0;
}

static void remove_files(void)
{
	unlink(journal_path);
	unlink(file_path);
	unlink(cache_path);
}

static void remove_folder(void)
{
	if (getpid() != maker)
		return;
	remove_files();
	rmdir(folder);
}

static void make_folder(void)
{
	const char *place = getenv("TMPDIR");

	snprintf(folder, sizeof(folder), "%.150s/sheaf-crash-XXXXXX", place ? place : "/tmp");
	CHECK(mkdtemp(folder) && !atexit(remove_folder), "%s: %s", folder, strerror(errno));
	maker = getpid();
	snprintf(journal_path, sizeof(journal_path), "%s/job.journal", folder);
	snprintf(file_path, sizeof(file_path), "%s/job.out", folder);
	snprintf(cache_path, sizeof(cache_path), "%s/job.cache", folder);
	CHECK(!sheaf_identity_begin(&job, "crash", 1), "no identity");
}

/* The files that there are may only be these. */
static void check_folder(const char *when)
{
	DIR *stream = opendir(folder);
	struct dirent *entry;

	CHECK(stream, "%s: %s", folder, strerror(errno));
	while ((entry = readdir(stream)))
		CHECK_AS(HARM_LEAKED,
			 entry->d_name[0] == '.' || !strcmp(entry->d_name, "job.journal") ||
				 !strcmp(entry->d_name, "job.out") || !strcmp(entry->d_name, "job.cache"),
			 "%s is left %s", entry->d_name, when);
	closedir(stream);
}

static void open_journal(uint64_t sync_ns)
{
	int r = sheaf_journal_open(&journal, journal_path, &job, &(sheaf_journal_options){.sync_ns = sync_ns});

	CHECK(r == 0, "sheaf_journal_open: %d", r);
}

static void append_position(uint64_t position)
{
	uint64_t value = value_at(position);
	int r = sheaf_journal_append(journal, position, 1, &value, sizeof(value));

	CHECK(r == 0, "sheaf_journal_append: %d", r);
	atomic_fetch_or(noted, 1u << position);
}

/* ---- paths ---- */

static void prepare_nothing(void)
{
}

static void prepare_open(void)
{
	open_journal(SHEAF_FOREVER);
	append_position(0);
}

static void prepare_synced(void)
{
	open_journal(1);
	append_position(0);
}

/* Some records, and the beginning of another one. */
static void prepare_torn(void)
{
	struct stat status;

	open_journal(SHEAF_FOREVER);
	append_position(0);
	append_position(1);
	CHECK(!sheaf_journal_close(journal), "close");
	journal = NULL;
	CHECK(!stat(journal_path, &status) && !truncate(journal_path, status.st_size - 9), "%s", strerror(errno));
	atomic_store(noted, 1);
}

static void prepare_map(void)
{
	const sheaf_pool_options options = {.backend = SHEAF_INLINE, .heap_size = 4 << 20, .flags = SHEAF_ANONYMOUS};
	void *memory;

	open_journal(1);
	append_position(2);
	CHECK(!sheaf_pool_create(&pool, &options) && !sheaf_alloc(pool, N * sizeof(*out), &memory), "no pool");
	out = memory;
}

static void prepare_file(void)
{
	CHECK(!sheaf_file_replace(file_path, "the old bytes", 13), "no file");
}

static void call_open(void)
{
	open_journal(SHEAF_FOREVER);
}

static void call_append(void)
{
	append_position(4);
	append_position(1);
}

static void call_close(void)
{
	CHECK(!sheaf_journal_close(journal), "close");
	journal = NULL;
}

static void call_map(void)
{
	int r = sheaf_resume_map(pool, journal, compute, NULL, 0, out, sizeof(*out), N, NULL);

	CHECK(r == 0, "sheaf_resume_map: %d", r);
}

static void call_replace(void)
{
	CHECK(!sheaf_file_replace(file_path, "the new bytes, which are more", 29), "replace");
}

/* ---- caches ---- */

#define CACHE_BYTES 4096
#define WIDE 100 /* words of a result: five of them fill the cache */

static sheaf_identity call_of(uint64_t number)
{
	sheaf_identity call = job;

	CHECK(!sheaf_identity_add(&call, "number", &number, sizeof(number)), "no identity");
	return call;
}

static void put_number(uint64_t number)
{
	sheaf_identity call = call_of(number);
	uint64_t words[WIDE];
	int r;

	for (unsigned i = 0; i < WIDE; i++)
		words[i] = value_at(number + i);
	r = sheaf_cache_put(cache, &call, words, sizeof(words));
	CHECK(r == 0, "sheaf_cache_put: %d", r);
}

/* Whether it is there; then it is right. */
static bool has_number(uint64_t number)
{
	sheaf_identity call = call_of(number);
	uint64_t *words;
	void *found = NULL;
	size_t size = 0;
	int r = sheaf_cache_get(cache, &call, &found, &size);

	CHECK(r >= 0, "sheaf_cache_get: %d", r);
	words = found;
	CHECK_AS(HARM_LOST, !r || size == WIDE * sizeof(*words), "%d bytes", (int)size);
	for (unsigned i = 0; r && i < WIDE; i++)
		CHECK_AS(HARM_LOST, words[i] == value_at(number + i), "the result of call %d is wrong", (int)number);
	free(found);
	return r;
}

static void call_open_cache(void)
{
	int r = sheaf_cache_open(&cache, cache_path, &(sheaf_cache_options){.max_bytes = CACHE_BYTES});

	CHECK(r == 0, "sheaf_cache_open: %d", r);
}

static void prepare_cache(void)
{
	call_open_cache();
	put_number(1);
}

static void prepare_full_cache(void)
{
	call_open_cache();
	for (uint64_t i = 1; i < 5; i++)
		put_number(i);
}

static void call_put(void)
{
	put_number(9);
}

/* The next process finds what was there, but for what was evicted, and puts on. */
static void check_cache(const struct path *path)
{
	unsigned there = 0;

	call_open_cache();
	for (uint64_t i = 1; i < 10; i++)
		there += has_number(i);
	CHECK_AS(HARM_LOST, path->prepare == prepare_nothing || there, "%s: nothing is there", path->name);
	CHECK_AS(HARM_LOST, path->prepare != prepare_cache || has_number(1), "%s: what was put is not there", path->name);
	/* Over the bound, so that it evicts, and removes what a dead process has left of that. */
	for (uint64_t i = 11; i < 17; i++) {
		put_number(i);
		CHECK_AS(HARM_LOST, has_number(i), "%s: what was put is not there", path->name);
	}
	sheaf_cache_close(cache);
	cache = NULL;
}

static const struct path paths[] = {
	{"begin a journal", prepare_nothing, call_open},
	{"open a journal with a torn end", prepare_torn, call_open},
	{"append", prepare_open, call_append},
	{"append and sync", prepare_synced, call_append},
	{"close", prepare_open, call_close},
	{"resume a map", prepare_map, call_map},
	{"replace a file", prepare_file, call_replace},
	{"begin a cache", prepare_nothing, call_open_cache},
	{"put into a cache", prepare_cache, call_put},
	{"put into a full cache", prepare_full_cache, call_put},
};

/* ---- after a kill ---- */

static int check_record(void *context, const sheaf_journal_record *record)
{
	uint64_t *bytes = context;

	for (uint64_t i = 0; i < record->count; i++) {
		uint64_t value;

		memcpy(&value, (const char *)record->bytes + i * sizeof(value), sizeof(value));
		CHECK_AS(HARM_LOST, value == value_at(record->first + i), "the result of position %d is wrong",
			 (int)(record->first + i));
		*bytes += sizeof(value);
	}
	return 0;
}

/* Start the job again: it finds what is there, and does the rest. */
static void finish_job(uint64_t n)
{
	uint64_t first, count, bytes = 0;

	open_journal(SHEAF_FOREVER);
	CHECK(!sheaf_journal_each(journal, check_record, &bytes), "what is there cannot be read");
	while (sheaf_journal_missing(journal, 0, n, &first, &count) == 1) {
		uint64_t value = value_at(first);

		CHECK(!sheaf_journal_append(journal, first, 1, &value, sizeof(value)), "append");
	}
	bytes = 0;
	CHECK(!sheaf_journal_each(journal, check_record, &bytes), "each");
	CHECK_AS(HARM_LOST, bytes == n * sizeof(uint64_t), "%d bytes", (int)bytes);
	CHECK(!sheaf_journal_close(journal), "close");
	journal = NULL;
}

/* Positions of which the dead process was told that they are done must be there. */
static void check_noted(const struct path *path)
{
	unsigned told = atomic_load(noted);
	sheaf_journal_record record;

	if (!told)
		return;
	open_journal(SHEAF_FOREVER);
	for (uint64_t i = 0; i < N; i++)
		CHECK_AS(HARM_LOST, !(told >> i & 1) || !sheaf_journal_read(journal, i, &record),
			 "%s: position %d was noted, and is not there", path->name, (int)i);
	CHECK(!sheaf_journal_close(journal), "close");
	journal = NULL;
}

static void check_file(void)
{
	char bytes[64] = "";
	FILE *file = fopen(file_path, "rb");

	CHECK_AS(HARM_LOST, file && fread(bytes, 1, sizeof(bytes) - 1, file) < sizeof(bytes) && !fclose(file), "no file");
	CHECK_AS(HARM_LOST, !strcmp(bytes, "the old bytes") || !strcmp(bytes, "the new bytes, which are more"), "it has \"%s\"",
		 bytes);
	call_replace();
}

static void check_after(void *context, pid_t child, uint64_t point)
{
	const struct path *path = context;

	(void)child;
	(void)point;
	check_noted(path);
	if (path->prepare == prepare_file)
		check_file();
	else if (path->call == call_put || path->call == call_open_cache)
		check_cache(path);
	else
		finish_job(N);
	check_folder(path->name);
	remove_files();
}

static void prepare_child(void *context)
{
	(void)context;
	remove_files();
	atomic_store(noted, 0);
}

static int child_main(void *context)
{
	const struct path *path = context;

	path->prepare();
	if (!stepped_call_begin())
		return 1;
	path->call();
	stepped_call_end();
}

static void wake_nobody(void *context)
{
	(void)context;
}

/* ---- the storm ---- */

static int compute_slowly(sheaf_task *task, const void *arg, void *result)
{
	sleep_ns(200000);
	return compute(task, arg, result);
}

/* The exit code of a job whose processes were killed before its pool was there. */
#define NO_POOL 3

static int run_storm_job(void *context)
{
	const unsigned *workers = context;
	const sheaf_pool_options options = {
		.workers = *workers, .heap_size = 8 << 20, .max_attempts = SHEAF_MAX_ATTEMPTS, .flags = SHEAF_ANONYMOUS};
	void *memory;
	int r;

	if (!session_begin())
		return 2;
	open_journal(1000000);
	if (sheaf_pool_create(&pool, &options))
		return NO_POOL;
	CHECK(!sheaf_alloc(pool, STORM_N * sizeof(*out), &memory), "no memory");
	out = memory;
	r = sheaf_resume_map(pool, journal, compute_slowly, NULL, 0, out, sizeof(*out), STORM_N, NULL);
	CHECK(r == 0, "sheaf_resume_map: %d", r);
	for (uint64_t i = 0; i < STORM_N; i++)
		CHECK_AS(HARM_LOST, out[i] == value_at(i), "position %d is wrong", (int)i);
	CHECK(!sheaf_journal_close(journal), "close");
	sheaf_pool_destroy(pool);
	return 0;
}

/* Kill a process of the job, or all of them. */
static void kill_some(pid_t owner, struct rng *rng)
{
	pid_t family[64];
	unsigned count = session_processes(owner, family, 64);

	switch (rng_below(rng, 3)) {
	case 0:
		kill(owner, SIGKILL);
		break;
	case 1:
		if (count)
			kill(family[rng_below(rng, count)], SIGKILL);
		break;
	default:
		for (unsigned i = 0; i < count; i++)
			kill(family[i], SIGKILL);
	}
}

static uint64_t count_done(void)
{
	sheaf_journal_info info;

	open_journal(SHEAF_FOREVER);
	CHECK(!sheaf_journal_get_info(journal, &info) && !sheaf_journal_close(journal), "info");
	journal = NULL;
	return info.positions;
}

/* One job until it ends; returns the kills. */
static uint64_t storm_job(struct rng *rng)
{
	uint64_t kills = 0, done = 0, before;

	remove_files();
	for (;;) {
		unsigned workers = 1 + (unsigned)rng_below(rng, 4);
		pid_t owner = child_start(run_storm_job, &workers);
		uint64_t killed = kills;
		int status;

		CHECK(owner > 0, "child: %ld", (long)owner);
		while (child_wait(owner, &status, sheaf_now_ns() + 1000000 + rng_below(rng, 60000000))) {
			kill_some(owner, rng);
			kills++;
		}
		CHECK_AS(HARM_LEAKED, session_ended(owner, hang_deadline()), "processes are left");
		before = done;
		done = count_done();
		CHECK_AS(HARM_LOST, done >= before, "%d positions were done, and now %d", (int)before, (int)done);
		if (WIFEXITED(status) && !(WEXITSTATUS(status) == NO_POOL && kills > killed)) {
			CHECK(!WEXITSTATUS(status), "the job ends with %d", WEXITSTATUS(status));
			break;
		}
	}
	finish_job(STORM_N);
	check_folder("by the storm");
	return kills;
}

int main(int argc, char **argv)
{
	struct rng rng = {seed_argument(argc, argv)};
	uint64_t points = amount_argument(argc, argv, 2, 10), kills = amount_argument(argc, argv, 3, 20), killed = 0;

	if (!session_visible() || !stepped_call_possible()) {
		puts("skipped: no /proc, or processes may not be traced here");
		return 77;
	}
	report_begin("resume", "kills", rng.state);
	make_folder();
	noted = mmap(NULL, sizeof(*noted), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(noted != MAP_FAILED, "mmap: errno %d", errno);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct stepped_call call = {.name = paths[i].name,
					    .context = (void *)(uintptr_t)&paths[i],
					    .prepare = prepare_child,
					    .child = child_main,
					    .wake = wake_nobody,
					    .check = check_after};

		stepped_call_kill(&call, &rng, points);
	}
	while (killed < kills) {
		uint64_t some = storm_job(&rng);

		killed += some;
		report_add(some);
	}
	printf("storm: %d kills\n", (int)killed);
	report_end();
	return 0;
}
