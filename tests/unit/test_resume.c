/*
 * test_resume.c - jobs that are stopped at any time do only what is missing, and end with the same
 * bytes.
 */
#include "pools.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sheaf_resume.h"

#define N 300

static char folder[256], path[300], name[400];
static sheaf_identity job;
static sheaf_journal *journal;
static uint64_t *in, *out;

/* In shared memory, with the pool or without. */
static struct seen {
	_Atomic int runs[N];
	_Atomic int fail_at; /* position; -1: none */
	_Atomic int die_at;
	uint64_t *in, *out;
} * seen;

static void begin_job(void)
{
	const char *place = getenv("TMPDIR");

	begin();
	snprintf(folder, sizeof(folder), "%s/sheaf-resume-XXXXXX", place ? place : "/tmp");
	cr_assert_not_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/job.journal", folder);
	cr_assert_eq(sheaf_identity_begin(&job, "mix", 1), 0);
}

static void end_job(void)
{
	cr_assert_eq(sheaf_journal_close(journal), 0, "%s", sheaf_message());
	end();
	unlink(path);
	cr_assert_eq(rmdir(folder), 0, "something is left in %s", folder);
}

TestSuite(resume, .init = begin_job, .fini = end_job);

/* Begin, or begin again, with so many workers. */
static void start_job(unsigned workers)
{
	void *memory;

	sheaf_pool_destroy(pool);
	pool = NULL;
	cr_assert_eq(sheaf_journal_close(journal), 0);
	journal = NULL;
	start_workers(workers);
	cr_assert_eq(sheaf_journal_open(&journal, path, &job, NULL), 0, "%s", sheaf_message());
	expect_done(sheaf_alloc(pool, sizeof(*seen), &memory));
	seen = memory;
	seen->fail_at = seen->die_at = -1;
	expect_done(sheaf_alloc_array(pool, N, 8, &memory));
	in = memory;
	expect_done(sheaf_alloc_array(pool, N, 8, &memory));
	out = memory;
	seen->in = in;
	seen->out = out;
	for (uint64_t i = 0; i < N; i++)
		in[i] = i * 3 + 1;
}

static void expect_all_right(void)
{
	for (uint64_t i = 0; i < N; i++)
		cr_assert_eq(out[i], mix(i * 3 + 1), "position %" PRIu64, i);
}

static int sum_of_runs(void)
{
	int sum = 0;

	for (int i = 0; i < N; i++)
		sum += seen->runs[i];
	return sum;
}

static int run_position(struct seen *notes, int position)
{
	atomic_fetch_add(&notes->runs[position], 1);
	if (atomic_load(&notes->die_at) == position)
		raise(SIGKILL);
	return atomic_load(&notes->fail_at) == position ? -EDOM : 0;
}

static int mix_and_count(sheaf_task *task, const void *arg, void *result)
{
	struct seen *notes;
	int r;

	memcpy(&notes, sheaf_task_context(task), sizeof(notes));
	if ((r = run_position(notes, (int)sheaf_task_position(task))))
		return sheaf_task_fail(task, r, "as it was told");
	return mix_item(task, arg, result);
}

static int do_map(unsigned flags)
{
	const sheaf_map_options run = {.context = &seen,
				       .context_size = sizeof(seen),
				       .max_attempts = 2,
				       .caller_works = flags & 1,
				       .on_error = flags & 2 ? SHEAF_CANCEL_REST : SHEAF_GO_ON};

	return sheaf_resume_map(pool, journal, mix_and_count, in, 8, out, 8, N, &(sheaf_resume_options){.run = &run});
}

Test(resume, a_map_does_each_position_once_in_several_runs)
{
	start_job(2);
	seen->fail_at = 40;
	expect_failure(do_map(2), -EDOM, "position 40: as it was told");
	start_job(3);
	for (uint64_t i = 0; i < N; i++)
		cr_assert_eq(out[i], 0);
	seen->die_at = 200;
	expect_failure(do_map(0), -ECHILD, "position 200");
	cr_assert_lt(sum_of_runs(), N + 1, "what was done is done again");
	cr_assert(out[0] && out[N - 1] && !out[200]);
	start_job(1);
	expect_done(do_map(1));
	expect_all_right();
	cr_assert_eq(sum_of_runs(), 1);
	cr_assert_eq(seen->runs[200], 1);
	start_job(2);
	expect_done(do_map(0));
	expect_all_right();
	cr_assert_eq(sum_of_runs(), 0);
}

static int mix_range(sheaf_task *task, size_t first, size_t last, void *context)
{
	struct seen *notes = context;
	int r;

	if (sheaf_task_position(task) != first)
		return -EDOM;
	for (size_t i = first; i < last; i++) {
		if ((r = run_position(notes, (int)i)))
			return r;
		notes->out[i] = mix(notes->in[i]);
	}
	return 0;
}

static int do_loop(size_t grain)
{
	const sheaf_map_options run = {.max_attempts = 1};

	return sheaf_resume_for(pool, journal, mix_range, seen, out, 8, N,
				&(sheaf_resume_options){.grain = grain, .run = &run});
}

Test(resume, a_loop_that_loses_a_worker_blames_one_position)
{
	sheaf_journal_info info;

	start_job(2);
	seen->die_at = 77;
	expect_failure(do_loop(20), -ECHILD, "position 77");
	for (uint64_t i = 0; i < N; i++)
		cr_assert_eq(out[i], i == 77 ? 0 : mix(i * 3 + 1));
	expect_done(sheaf_journal_get_info(journal, &info));
	cr_assert_eq(info.positions, N - 1);
	start_job(4);
	expect_done(do_loop(7));
	expect_all_right();
	cr_assert_eq(sum_of_runs(), 1);
}

static int write_own_file(sheaf_task *task, const void *arg, void *result)
{
	char file[400];
	uint64_t value = mix(sheaf_task_position(task));

	(void)arg;
	(void)result;
	snprintf(file, sizeof(file), "%s/%d.out", folder, (int)sheaf_task_position(task));
	return sheaf_file_replace(file, &value, sizeof(value));
}

Test(resume, results_may_be_files)
{
	for (int again = 0; again < 2; again++) {
		start_job(2);
		expect_done(sheaf_resume_map(pool, journal, write_own_file, NULL, 0, NULL, 0, 20, NULL));
	}
	for (uint64_t i = 0; i < 20; i++) {
		uint64_t value = 0;
		FILE *file;

		snprintf(name, sizeof(name), "%s/%d.out", folder, (int)i);
		file = fopen(name, "rb");
		cr_assert(file && fread(&value, 8, 1, file) == 1 && !fclose(file) && value == mix(i));
		unlink(name);
	}
}

Test(resume, a_file_is_replaced_as_a_whole)
{
	struct stat status;
	char part[420];

	snprintf(name, sizeof(name), "%s/value", folder);
	snprintf(part, sizeof(part), "%s.part", name);
	expect_done(sheaf_file_replace(name, "old", 3));
	expect_done(sheaf_file_replace(name, NULL, 0));
	cr_assert(!stat(name, &status) && status.st_size == 0);
	expect_done(sheaf_file_replace(name, "newer", 5));
	cr_assert(!stat(name, &status) && status.st_size == 5 && access(part, F_OK));
	expect_failure(sheaf_file_replace(folder, "x", 1), -EISDIR, folder);
	expect_failure(sheaf_file_replace(NULL, "x", 1), -EINVAL, "path is NULL");
	snprintf(part, sizeof(part), "%s.part", folder);
	cr_assert(access(part, F_OK), "%s is left", part);
	unlink(name);
}

Test(resume, another_shape_is_refused)
{
	const sheaf_map_options run = {.context = &seen};
	const sheaf_resume_options options = {.run = &run};

	start_job(1);
	expect_done(do_map(0));
	expect_failure(sheaf_resume_map(pool, journal, mix_and_count, in, 8, out, 4, N, NULL), -EINVAL, "of 4 bytes");
	expect_failure(sheaf_resume_map(pool, journal, mix_and_count, in, 8, out, 8, N - 1, NULL), -EINVAL,
		       "have n and out_size");
	expect_failure(sheaf_resume_map(pool, NULL, mix_and_count, in, 8, out, 8, N, NULL), -EINVAL, "journal is NULL");
	expect_failure(sheaf_resume_map(pool, journal, mix_and_count, in, 8, in + 100000, 8, N, NULL), -EFAULT, "out");
	expect_failure(sheaf_resume_map(pool, journal, mix_and_count, in, 8, out, 8, N, &(sheaf_resume_options){.grain = 2}),
		       -EINVAL, "grain is 2");
	expect_failure(sheaf_resume_map(pool, journal, mix_and_count, in, 8, out, 8, N, &options), -EFAULT,
		       "or set options.run->context_size");
	expect_failure(sheaf_resume_for(pool, journal, mix_range, &seen, out, 8, N, NULL), -EFAULT,
		       "or set options.run->context_size");
}

/* The limit stands for a full disk. */
Test(resume, a_full_disk_ends_the_job_or_not)
{
	struct rlimit before_limit, tight;
	uint64_t unnoted = 0;

	start_job(2);
	cr_assert_eq(getrlimit(RLIMIT_FSIZE, &before_limit), 0);
	tight = before_limit;
	tight.rlim_cur = 128 + 5 * 56;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &tight), 0);
	expect_failure(do_map(0), -EFBIG, "cannot append");
	expect_done(sheaf_resume_map(
		pool, journal, mix_and_count, in, 8, out, 8, N,
		&(sheaf_resume_options){.on_full = SHEAF_FULL_GO_ON,
					.unnoted = &unnoted,
					.run = &(sheaf_map_options){.context = &seen, .context_size = sizeof(seen)}}));
	expect_all_right();
	cr_assert(unnoted > 0 && unnoted <= N);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &before_limit), 0);
	start_job(2);
	expect_done(do_map(0));
	expect_all_right();
}

/* A child that is the owner, killed when it has done some. */
static int run_until_killed(void *context)
{
	const unsigned *workers = context;

	start_job(*workers);
	return do_map(0) ? 1 : 0;
}

Test(resume, an_owner_that_is_killed_goes_on_with_other_workers)
{
	sheaf_journal_info info = {0};
	unsigned kills = 0;

	for (unsigned round = 0; info.positions < N; round++) {
		unsigned workers = round % 4 + 1;
		pid_t child = child_start(run_until_killed, &workers);
		uint64_t deadline = hang_deadline();
		struct stat status = {0};
		off_t size = 128 + 3000 * (off_t)round;
		int end_status;

		while (sheaf_now_ns() < deadline && (stat(path, &status) || status.st_size < size) &&
		       child_wait(child, &end_status, 0))
			nap();
		child_end(child);
		kills++;
		while (sheaf_journal_open(&journal, path, &job, NULL) == -EBUSY)
			nap();
		cr_assert_not_null(journal, "%s", sheaf_message());
		expect_done(sheaf_journal_get_info(journal, &info));
		cr_assert_eq(sheaf_journal_close(journal), 0);
		journal = NULL;
	}
	cr_assert_geq(kills, 1);
	start_job(2);
	expect_done(do_map(0));
	expect_all_right();
	cr_assert_eq(sum_of_runs(), 0);
}

Test(resume, any_backend_gives_the_same)
{
	for (int backend = SHEAF_PROCESSES; backend <= SHEAF_INLINE; backend++) {
		void *memory;

		start(&(sheaf_pool_options){
			.workers = backend == SHEAF_INLINE ? 0 : 2, .heap_size = 64 << 20, .backend = backend});
		cr_assert_eq(sheaf_journal_open(&journal, path, &job, NULL), 0, "%s", sheaf_message());
		expect_done(sheaf_alloc(pool, sizeof(*seen), &memory));
		seen = memory;
		seen->fail_at = seen->die_at = -1;
		expect_done(sheaf_alloc_array(pool, N, 8, &memory));
		in = memory;
		expect_done(sheaf_alloc_array(pool, N, 8, &memory));
		out = memory;
		for (uint64_t i = 0; i < N; i++)
			in[i] = i * 3 + 1;
		expect_done(do_map(0));
		expect_all_right();
		cr_assert_eq(sum_of_runs(), N);
		sheaf_pool_destroy(pool);
		pool = NULL;
		cr_assert_eq(sheaf_journal_close(journal), 0);
		journal = NULL;
		unlink(path);
	}
}

static int append_bytes(void *context, const sheaf_journal_record *record)
{
	uint64_t **at = context;

	memcpy(*at, record->bytes, record->size);
	*at += record->count;
	return 0;
}

/* As the how-to page has it. */
static int do_batch(sheaf_batch *batch, uint64_t n, uint64_t *output)
{
	uint64_t first, count;
	sheaf_result result;
	int r = 0;

	for (uint64_t i = 0; sheaf_journal_missing(journal, i, n, &first, &count) == 1; i = first + count)
		for (uint64_t p = first; p < first + count && !r; p++)
			r = sheaf_submit(batch, p, mix_position, NULL, 0);
	while (!r && sheaf_next_done(batch, &result, SHEAF_FOREVER) == 1)
		if (result.status == 0)
			r = sheaf_journal_append(journal, result.position, 1, result.data, result.size);
	return r ? r : sheaf_journal_each(journal, append_bytes, &output);
}

Test(resume, a_batch_of_ones_own_is_resumed_by_hand)
{
	const sheaf_batch_options options = {.result_size = 8};
	uint64_t output[N];

	for (uint64_t n = 100; n <= N; n += 200) {
		sheaf_batch *batch;

		start_job(2);
		batch = new_batch(&options);
		expect_done(do_batch(batch, n, output));
		sheaf_batch_retire(batch);
		for (uint64_t i = 0; i < n; i++)
			cr_assert_eq(output[i], mix(i));
	}
}
