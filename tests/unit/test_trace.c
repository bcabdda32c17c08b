/*
 * test_trace.c - what a traced pool tells of its tasks, and that it is told whoever dies. That the
 * files are what Chrome's format demands, tests/support/chrome_trace.py checks.
 */
#define _GNU_SOURCE
#include "pools.h"

#include "sheaf_attach.h"
#include "sheaf_trace.h"
#include "sheaf_workers.h"
#include "support/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[128], file[160];
static char own_name[64]; /* no start of "sheaf-": other programs' sweeps leave it alone */

static void prepare(void)
{
	const char *place = getenv("TMPDIR");

	snprintf(folder, sizeof(folder), "%.80s/sheaf-trace.XXXXXX", place && *place ? place : "/tmp");
	cr_assert_not_null(mkdtemp(folder));
	snprintf(file, sizeof(file), "%s/trace.json", folder);
	snprintf(own_name, sizeof(own_name), "/unit-trace-%ld", (long)getpid());
	begin();
}

static void stop(void)
{
	static const char *const names[] = {"trace.json", "trace-2.json", "trace-3.json", "saved.json"};
	char path[200];

	end();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	cr_assert_eq(rmdir(folder), 0, "something else is left in %s: %s", folder, strerror(errno));
}

TestSuite(trace, .init = prepare, .fini = stop);

static void start_traced(unsigned workers, unsigned records)
{
	start(&(sheaf_pool_options){
		.workers = workers, .heap_size = 64 << 20, .tracing = &(sheaf_tracing){.file = file, .records = records}});
}

/* ---- the file ---- */

/* Read a file, one event a line. To be freed. */
static char *read_whole(const char *path)
{
	struct stat status;
	int fd = open(path, O_RDONLY);
	char *text;

	cr_assert_geq(fd, 0, "%s: %s", path, strerror(errno));
	cr_assert_eq(fstat(fd, &status), 0);
	text = calloc(1, (size_t)status.st_size + 1);
	cr_assert_not_null(text);
	cr_assert_eq(read(fd, text, (size_t)status.st_size), status.st_size);
	close(fd);
	cr_assert_not_null(strstr(text, "\n]}\n"), "the file has no end");
	return text;
}

/* What is counted in a file. */
struct wanted {
	const char *has, *too; /* texts of an event; NULL: any */
	const char *sum;       /* the field that is added up; NULL: events are counted */
};

static bool takes(const char *line, const char *text)
{
	return !text || strstr(line, text);
}

static uint64_t sum_of(const char *path, struct wanted wanted)
{
	char *text = read_whole(path), *rest = text, *line;
	uint64_t sum = 0;

	while ((line = strsep(&rest, "\n"))) {
		const char *at = wanted.sum ? strstr(line, wanted.sum) : line;

		if (line[0] == '{' && line[1] == '"' && line[2] == 'p' && takes(line, wanted.has) && takes(line, wanted.too) &&
		    at)
			sum += wanted.sum ? strtoull(at + strlen(wanted.sum), NULL, 10) : 1;
	}
	free(text);
	return sum;
}

static uint64_t count(const char *has, const char *too)
{
	return sum_of(file, (struct wanted){.has = has, .too = too});
}

/* How many positions the events of that category tell of. */
static uint64_t positions(const char *category)
{
	return sum_of(file, (struct wanted){.has = category, .sum = "\"count\":"});
}

static void destroy(void)
{
	sheaf_pool_destroy(pool);
	pool = NULL;
}

/* ---- tasks ---- */

static int fail_fifth(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	return sheaf_task_position(task) == 5 ? -EDOM : 0;
}

static int die_once_at_seven(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	if (sheaf_task_position(task) == 7 && sheaf_task_attempt(task) == 1)
		raise(SIGKILL);
	return 0;
}

static int slow_range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)task;
	(void)context;
	for (size_t i = begin; i < end; i++)
		nap();
	return 0;
}

/* The share of the first member is slow, so the others take from it. */
static int slow_beginning(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)task;
	(void)context;
	for (size_t i = begin; i < end; i++)
		if (i < 100)
			nap();
	return 0;
}

static int fan_out(sheaf_task *task, const void *arg, void *result)
{
	sheaf_pool *own = sheaf_task_pool(task);
	sheaf_batch *batch;
	int r;

	(void)arg;
	(void)result;
	if (!own || (r = sheaf_batch_create(&batch, own, NULL)))
		return -EIO;
	for (uint64_t i = 0; i < 4 && !r; i++)
		r = sheaf_submit(batch, i, fail_fifth, NULL, 0);
	if (!r)
		r = sheaf_wait(&batch, 1, SHEAF_ALL_DONE, SHEAF_FOREVER);
	sheaf_batch_retire(batch);
	return r < 0 ? r : 0;
}

static int sleep_for_ever(sheaf_task *task, const void *arg, void *result)
{
	_Atomic int *here;

	(void)task;
	(void)result;
	memcpy(&here, arg, sizeof(here));
	atomic_fetch_add(here, 1);
	for (;;)
		pause();
	return 0;
}

static sheaf_batch *submit_all(sheaf_pool *to, sheaf_task_fn *fn, uint64_t n)
{
	sheaf_batch *batch;

	expect_done(sheaf_batch_create(&batch, to, NULL));
	for (uint64_t i = 0; i < n; i++)
		expect_done(sheaf_submit(batch, i, fn, NULL, 0));
	cr_assert_geq(sheaf_wait(&batch, 1, SHEAF_ALL_DONE, SHEAF_FOREVER), 0, "%s", sheaf_message());
	return batch;
}

/* ---- what is told ---- */

Test(trace, each_task_is_told_once)
{
	uint64_t *in;

	start_traced(2, 0);
	sheaf_batch_retire(submit_all(pool, fail_fifth, 100));
	expect_done(sheaf_alloc_array(pool, 5000, sizeof(*in), (void **)&in));
	expect_done(sheaf_map(pool, mix_item, in, sizeof(*in), in, sizeof(*in), 5000, NULL));
	expect_done(sheaf_for(pool, slow_range, NULL, 40, &(sheaf_map_options){.grain = 1}));
	destroy();
	cr_assert_eq(count("\"cat\":\"task\"", NULL), 100);
	cr_assert_eq(count("\"ph\":\"i\"", "\"cat\":\"submit\""), 100);
	cr_assert_eq(count("\"ph\":\"s\"", NULL), 100);
	cr_assert_eq(count("\"ph\":\"f\"", NULL), 100);
	cr_assert_eq(positions("\"cat\":\"items\""), 5000);
	cr_assert_eq(positions("\"cat\":\"range\""), 40);
	cr_assert_eq(count("\"status\":-33", "\"position\":5,"), 1);
	cr_assert_eq(count("unfinished", NULL) + count("died", NULL), 0);
}

Test(trace, short_items_share_an_event_and_long_ones_do_not)
{
	uint64_t *in;

	start_traced(1, 0);
	expect_done(sheaf_alloc_array(pool, 200000, sizeof(*in), (void **)&in));
	expect_done(sheaf_map(pool, mix_item, in, sizeof(*in), in, sizeof(*in), 200000, NULL));
	expect_done(sheaf_for(pool, slow_range, NULL, 20, &(sheaf_map_options){.grain = 1}));
	destroy();
	cr_assert_eq(positions("\"cat\":\"items\""), 200000);
	cr_assert_lt(count("\"cat\":\"items\"", NULL), 100000);
	cr_assert_eq(positions("\"cat\":\"range\""), 20);
	cr_assert_eq(count("\"cat\":\"range\"", "\"count\":1,"), 20);
}

Test(trace, a_death_is_told_and_the_next_attempt)
{
	start_traced(2, 0);
	sheaf_batch_retire(submit_all(pool, die_once_at_seven, 20));
	destroy();
	cr_assert_eq(count("\"cat\":\"task\"", "\"position\":7,"), 2);
	cr_assert_eq(count("\"died\":true", "\"attempt\":1,\"died\""), 1);
	cr_assert_eq(count("\"died\":true", NULL), 1);
	cr_assert_eq(count("\"position\":7,", "\"attempt\":2}"), 1);
	cr_assert_geq(count("\"thread_name\"", "\"name\":\"worker "), 2);
	cr_assert_eq(count("\"cat\":\"end\"", "{\"signal\":9}"), 1);
}

Test(trace, what_runs_inside_of_a_task_is_told)
{
	start_traced(1, 0);
	sheaf_batch_retire(submit_all(pool, fan_out, 2));
	destroy();
	cr_assert_eq(count("\"cat\":\"task\"", NULL), 2 + 2 * 4);
	cr_assert_eq(count("\"inside\":true", NULL), 2 * 4);
}

Test(trace, what_is_stolen_is_told)
{
	start_traced(2, 0);
	expect_done(sheaf_for(pool, slow_beginning, NULL, 200, &(sheaf_map_options){.grain = 1}));
	destroy();
	cr_assert_eq(positions("\"cat\":\"range\""), 200);
	cr_assert_gt(count("\"stolen\":true", NULL), 0);
	cr_assert_gt(count("\"cat\":\"range\"", "\"attempt\":1}"), 0);
}

Test(trace, waits_of_workers_are_told)
{
	uint64_t until = sheaf_now_ns() + 20000000;

	start_traced(1, 0);
	while (sheaf_now_ns() < until)
		nap();
	sheaf_batch_retire(submit_all(pool, fail_fifth, 1));
	destroy();
	cr_assert_gt(count("\"cat\":\"wait\"", "\"name\":\"wait\""), 0);
}

Test(trace, a_member_keeps_the_newest)
{
	start_traced(1, 64);
	sheaf_batch_retire(submit_all(pool, fail_fifth, 1000));
	destroy();
	cr_assert_leq(count("\"cat\":\"task\"", NULL), 64);
	cr_assert_gt(count("\"cat\":\"task\"", NULL), 32);
	cr_assert_eq(count("\"cat\":\"task\"", "\"position\":999,"), 1);
	cr_assert_eq(count("\"cat\":\"task\"", "\"position\":0,"), 0);
}

Test(trace, the_owner_has_a_row_for_what_it_runs_itself)
{
	start_traced(1, 0);
	expect_done(sheaf_for(pool, slow_range, NULL, 100, &(sheaf_map_options){.grain = 1, .caller_works = true}));
	destroy();
	cr_assert_eq(positions("\"cat\":\"range\""), 100);
	cr_assert_eq(count("\"thread_name\"", "\"name\":\"owner ("), 1);
}

Test(trace, functions_have_the_names_that_programs_know_them_by)
{
	static const sheaf_function functions[] = {{.name = "fail_fifth", .task = fail_fifth}};

	start(&(sheaf_pool_options){.workers = 1,
				    .heap_size = 64 << 20,
				    .sharing = &(sheaf_sharing){.functions = functions, .function_count = 1},
				    .tracing = &(sheaf_tracing){.file = file}});
	sheaf_batch_retire(submit_all(pool, fail_fifth, 3));
	destroy();
	cr_assert_eq(count("\"cat\":\"task\"", "\"name\":\"fail_fifth\""), 3);
}

Test(trace, more_functions_than_have_room_run_untraced)
{
	sheaf_batch *batch;

	start_traced(1, 0);
	expect_done(sheaf_batch_create(&batch, pool, NULL));
	/* No such functions are called: they are withdrawn with their batch. */
	expect_done(sheaf_pool_pause(pool));
	for (uint64_t i = 0; i < 300; i++)
		expect_done(sheaf_submit(batch, i, (sheaf_task_fn *)(uintptr_t)(0x100000 + i * 16), NULL, 0));
	cr_assert_geq(sheaf_batch_cancel(batch, 0), 0, "%s", sheaf_message());
	sheaf_batch_retire(batch);
	expect_done(sheaf_pool_resume(pool));
	sheaf_batch_retire(submit_all(pool, fail_fifth, 3));
	destroy();
	cr_assert_eq(count("\"cat\":\"task\"", NULL), 0);
}

/* ---- whoever dies ---- */

/* What an owner in another process has for the test, in memory that both see. */
struct meeting {
	_Atomic int running;
};

static struct meeting *new_meeting(void)
{
	struct meeting *meeting = mmap(NULL, sizeof(*meeting), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(meeting, MAP_FAILED);
	return meeting;
}

/* An owner with two tasks that never end. */
static int own_for_ever(void *context)
{
	struct meeting *meeting = context;
	_Atomic int *running = &meeting->running;
	sheaf_batch *batch;

	child_check(!sheaf_pool_create(&pool, &(sheaf_pool_options){.workers = 2,
								    .heap_size = 64 << 20,
								    .name = own_name,
								    .tracing = &(sheaf_tracing){.file = file}}));
	child_check(!sheaf_batch_create(&batch, pool, NULL));
	for (uint64_t i = 0; i < 2; i++)
		child_check(!sheaf_submit(batch, i, sleep_for_ever, &running, sizeof(running)));
	for (;;)
		pause();
	return 0;
}

static void await_running(struct meeting *meeting)
{
	uint64_t deadline = hang_deadline();

	while (atomic_load(&meeting->running) < 2 && sheaf_now_ns() < deadline)
		nap();
	cr_assert_eq(atomic_load(&meeting->running), 2);
}

Test(trace, the_file_is_written_when_the_owner_is_killed)
{
	struct meeting *meeting = new_meeting();
	pid_t owner = child_start(own_for_ever, meeting);
	uint64_t deadline = hang_deadline();
	int status;

	await_running(meeting);
	child_signal(owner, SIGKILL);
	cr_assert_eq(child_wait(owner, &status, hang_deadline()), 0);
	while (access(file, F_OK) && sheaf_now_ns() < deadline)
		nap();
	cr_assert_eq(count("\"unfinished\":true", "\"cat\":\"task\""), 2);
	munmap(meeting, sizeof(*meeting));
}

/* Is the process @root, or does it descend from it? */
static bool descends(pid_t pid, pid_t root)
{
	struct proc proc = {.parent = pid};

	while (proc.parent > 1 && proc.parent != root)
		if (!proc_read(proc.parent, &proc))
			return false;
	return proc.parent == root;
}

/* An owner, its supervisor, the spare and the workers. */
struct family {
	pid_t pids[16];
	unsigned n;
};

/* Find them all. False: there is no /proc. */
static bool find_family(struct family *family, pid_t owner)
{
	DIR *all = opendir("/proc");
	struct dirent *entry;

	family->n = 0;
	while (all && (entry = readdir(all))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > 1 && descends(pid, owner) && family->n < 16)
			family->pids[family->n++] = pid;
	}
	if (all)
		closedir(all);
	return all;
}

/* Stop them all. False: not all of those that were found have stopped yet. */
static bool stop_family(const struct family *family)
{
	struct proc proc;
	bool all = true;

	for (unsigned i = 0; i < family->n; i++) {
		kill(family->pids[i], SIGSTOP);
		all &= proc_read(family->pids[i], &proc) && proc.state == 'T';
	}
	return all;
}

/*
 * Stop them all, then kill them all: else a survivor could tidy up. The owner goes last, because
 * the system wakes whatever is stopped in a group of orphans. False: there is no /proc.
 */
static bool kill_family(pid_t owner)
{
	struct family family = {.n = 0};
	unsigned same = 0;

	/* Whatever is not stopped yet may fork. So they are looked for once more when all are. */
	for (unsigned n = 0; same < 2; n = family.n) {
		if (!find_family(&family, owner))
			return false;
		same = stop_family(&family) && family.n == n ? same + 1 : 0;
	}
	for (unsigned i = 0; i < family.n; i++)
		if (family.pids[i] != owner)
			kill(family.pids[i], SIGKILL);
	kill(owner, SIGKILL);
	return true;
}

Test(trace, all_of_it_can_be_saved_when_everybody_is_killed)
{
	struct meeting *meeting = new_meeting();
	pid_t owner = child_start(own_for_ever, meeting);
	char saved[200];
	int status;

	snprintf(saved, sizeof(saved), "%s/saved.json", folder);
	await_running(meeting);
	expect_done(sheaf_trace_save(own_name, saved));
	cr_assert_eq(sum_of(saved, (struct wanted){.has = "\"unfinished\":true"}), 2);
	unlink(saved);
	if (!kill_family(owner))
		skip("there is no /proc");
	cr_assert_eq(child_wait(owner, &status, hang_deadline()), 0);
	expect_done(sheaf_trace_save(own_name, saved));
	cr_assert_eq(sum_of(saved, (struct wanted){.has = "\"unfinished\":true", .too = "\"cat\":\"task\""}), 2);
	cr_assert_eq(access(file, F_OK), -1);
	shm_unlink(own_name);
	munmap(meeting, sizeof(*meeting));
}

/* ---- what goes wrong ---- */

Test(trace, options_and_names_that_cannot_be_are_refused)
{
	sheaf_pool_info info;
	char missing[200];

	snprintf(missing, sizeof(missing), "%s/missing/trace.json", folder);
	expect_failure(sheaf_pool_create(&pool, &(sheaf_pool_options){.tracing = &(sheaf_tracing){.records = (1u << 20) + 1}}),
		       -EINVAL, "options.tracing: records is 1048577, at most 1048576");
	expect_failure(sheaf_pool_create(&pool, &(sheaf_pool_options){.tracing = &(sheaf_tracing){.file = missing}}), -ENOENT,
		       missing);
	expect_failure(sheaf_trace_save(NULL, file), -EINVAL, "name is NULL");
	expect_failure(sheaf_trace_save("/sheaf-none", NULL), -EINVAL, "file is NULL");
	expect_failure(sheaf_trace_save("/sheaf-none-of-that-name", file), -ENOENT, "/sheaf-none-of-that-name");
	start_workers(1);
	expect_done(sheaf_pool_get_info(pool, &info));
	expect_failure(sheaf_trace_save(info.name, file), -EINVAL, "is not traced");
}

Test(trace, a_file_that_cannot_be_written_leaves_the_old_one)
{
	char saved[200], text[4] = "";
	sheaf_pool_info info;
	struct rlimit limit;
	int fd;

	snprintf(saved, sizeof(saved), "%s/saved.json", folder);
	fd = open(saved, O_RDWR | O_CREAT, 0600);
	cr_assert_eq(write(fd, "old", 3), 3);
	start(&(sheaf_pool_options){.workers = 1, .heap_size = 64 << 20, .tracing = &(sheaf_tracing){.records = 64}});
	sheaf_batch_retire(submit_all(pool, fail_fifth, 10));
	expect_done(sheaf_pool_get_info(pool, &info));
	getrlimit(RLIMIT_FSIZE, &limit);
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = 1000, .rlim_max = limit.rlim_max});
	expect_failure(sheaf_trace_save(info.name, saved), -EFBIG, saved);
	setrlimit(RLIMIT_FSIZE, &limit);
	cr_assert_eq(pread(fd, text, 3, 0), 3);
	cr_assert_str_eq(text, "old");
	close(fd);
	expect_done(sheaf_trace_save(info.name, saved));
	cr_assert_gt(sum_of(saved, (struct wanted){.has = "\"cat\":\"task\""}), 0);
}

/* ---- the environment ---- */

static int trace_by_environment(void *context)
{
	(void)context;
	setenv("SHEAF_TRACE", file, 1);
	for (int i = 0; i < 3; i++) {
		sheaf_batch *batch;

		child_check(!sheaf_pool_create(&pool, &(sheaf_pool_options){.workers = 1, .heap_size = 64 << 20}));
		child_check(!sheaf_batch_create(&batch, pool, NULL));
		child_check(!sheaf_submit(batch, 0, do_nothing, NULL, 0));
		child_check(sheaf_wait(&batch, 1, SHEAF_ALL_DONE, SHEAF_FOREVER) >= 0);
		destroy();
	}
	return 0;
}

Test(trace, the_environment_traces_each_pool_to_a_file_of_its_own)
{
	char second[200], third[200];

	snprintf(second, sizeof(second), "%s/trace-2.json", folder);
	snprintf(third, sizeof(third), "%s/trace-3.json", folder);
	in_child(trace_by_environment, NULL);
	cr_assert_eq(count("\"cat\":\"task\"", NULL), 1);
	cr_assert_eq(sum_of(second, (struct wanted){.has = "\"cat\":\"task\""}), 1);
	cr_assert_eq(sum_of(third, (struct wanted){.has = "\"cat\":\"task\""}), 1);
}

static int trace_with(const char *name, const char *value)
{
	setenv(name, value, 1);
	start_traced(strcmp(value, "inline") == 0 ? 0 : 2, 0);
	sheaf_batch_retire(submit_all(pool, fail_fifth, 30));
	child_check(!sheaf_for(pool, slow_range, NULL, 10, NULL));
	destroy();
	child_check(count("\"cat\":\"task\"", NULL) == 30);
	child_check(count("\"status\":-33", "\"position\":5,") == 1);
	child_check(positions("\"cat\":\"range\"") == 10);
	return 0;
}

static int trace_threads(void *context)
{
	(void)context;
	return trace_with("SHEAF_BACKEND", "threads");
}

static int trace_inline(void *context)
{
	(void)context;
	return trace_with("SHEAF_BACKEND", "inline");
}

static int trace_checked(void *context)
{
	(void)context;
	return trace_with("SHEAF_CHECK", "1");
}

Test(trace, each_backend_is_traced)
{
	in_child(trace_threads, NULL);
	unlink(file);
	in_child(trace_inline, NULL);
}

Test(trace, a_pool_that_is_checked_is_traced)
{
	in_child(trace_checked, NULL);
}
