/*
 * checkpoint.c [killed] - jobs that find their checkpoint: what is in it is not done again, and
 * that of another job is refused. All ranks of an MPI job run it, in the FOLDER of the environment.
 *
 * "killed" is the job that resume.sh kills and starts again. Each task notes that it has run, so
 * that in the end it is known what was done twice, and for which of the killed runs.
 */
#include "sheaf_mpi.h"

#include "support/check.h"
#include "support/rng.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define N ((size_t)3000)

static sheaf_cluster *cluster;
static sheaf_pool *pool;
static int rank, ranks;
static char checkpoint[600], results_path[600], runs[600];

static void *new_memory(size_t size)
{
	void *memory;

	CHECK(!sheaf_alloc(pool, size, &memory), "no memory");
	return memory;
}

static void expect(int code, int wanted, const char *text)
{
	CHECK(code == wanted, "rank %d: %d instead of %d", rank, code, wanted);
	CHECK(!text || strstr(sheaf_message(), text), "rank %d: the message lacks \"%s\"", rank, text);
}

/* When all ranks are done with them. */
/*
 * A job may be killed in here: then no notes are left without the checkpoint that they speak of,
 * and no checkpoint without its results.
 */
static void remove_files(void)
{
	MPI_Barrier(MPI_COMM_WORLD);
	if (!rank) {
		unlink(runs);
		unlink(checkpoint);
		unlink(results_path);
	}
	MPI_Barrier(MPI_COMM_WORLD);
}

/* ---- jobs ---- */

/* The context of tasks. Each rank has its own count. */
struct work {
	_Atomic uint64_t *runs;
	bool fails;
};

static int compute(sheaf_task *task, const void *arg, void *result)
{
	const struct work *work = sheaf_task_context(task);
	uint64_t position = sheaf_task_position(task);

	atomic_fetch_add(work->runs, 1);
	if (work->fails && position % 1000 == 500)
		return sheaf_task_fail(task, -EDOM, "not yet");
	*(uint64_t *)result = distinct_value(position) + *(const uint64_t *)arg;
	return 0;
}

static int count(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct work *work = context;

	(void)task;
	atomic_fetch_add(work->runs, end - begin);
	return 0;
}

/* One job, its memory, and what it has to do. */
struct test {
	uint64_t *in, *out;
	struct work work;
	sheaf_cluster_map_options options;
};

static void begin_test(struct test *test, enum sheaf_cluster_input input, enum sheaf_cluster_results results)
{
	*test = (struct test){
		.in = new_memory(N * 8),
		.out = new_memory(N * 8),
		.work = {.runs = new_memory(8)},
		.options = {.input = input,
			    .results = results,
			    .checkpoint_name = "compute 1",
			    .context_size = sizeof(struct work)},
	};
	test->options.checkpoint = checkpoint;
	if (results == SHEAF_RESULTS_IN_FILE)
		test->options.path = results_path;
	for (size_t i = 0; i < N; i++)
		test->in[i] = 3 * i;
}

static void end_test(struct test *test)
{
	sheaf_free(pool, test->in);
	sheaf_free(pool, test->out);
	sheaf_free(pool, (void *)test->work.runs);
	remove_files();
}

/* Run the job, and return how many of its positions all ranks have run. */
static uint64_t run(struct test *test, size_t n, int wanted, const char *text)
{
	uint64_t mine, all;

	*test->work.runs = 0;
	test->options.context = &test->work;
	memset(test->out, 0xee, N * 8);
	expect(sheaf_cluster_map(cluster, compute, test->in, 8, test->out, 8, n, &test->options), wanted, text);
	mine = *test->work.runs;
	MPI_Allreduce(&mine, &all, 1, MPI_UINT64_T, MPI_SUM, MPI_COMM_WORLD);
	return all;
}

static void check_results(const struct test *test)
{
	uint64_t *results = test->out;
	enum sheaf_cluster_results where = test->options.results;

	if (where == SHEAF_RESULTS_IN_FILE) {
		int file = open(test->options.path, O_RDONLY);

		CHECK(file >= 0 && read(file, results, N * 8) == (ssize_t)(N * 8), "the file of results");
		close(file);
	}
	for (size_t i = 0; i < N && (!rank || where != SHEAF_RESULTS_AT_ROOT); i++)
		CHECK_AS(HARM_LOST, results[i] == distinct_value(i) + 3 * i, "rank %d: position %zu", rank, i);
}

static void found(enum sheaf_cluster_input input, enum sheaf_cluster_results results)
{
	struct test test;

	begin_test(&test, input, results);
	/* What failed is done by the next one, with its chunk, and nothing by the one after it. */
	test.work.fails = true;
	CHECK(run(&test, N, -EDOM, "position 500: not yet (2 other positions failed, too)") == N, "the first run");
	test.work.fails = false;
	CHECK(run(&test, N, 0, NULL) >= 3, "the second run");
	check_results(&test);
	CHECK(run(&test, N, 0, NULL) == 0, "the third run");
	check_results(&test);
	/* That of another job. */
	run(&test, N - 1, -ESTALE, "rank 0: ");
	test.options.checkpoint_name = "compute 2";
	run(&test, N, -ESTALE, "rank 0: ");
	test.options.checkpoint_name = "compute 1";
	test.in[N - 1]++;
	run(&test, N, -ESTALE, "rank 0: ");
	test.in[N - 1]--;
	if (results == SHEAF_RESULTS_IN_FILE) {
		CHECK(rank || !truncate(test.options.path, 100), "truncate");
		run(&test, N, -ESTALE, "not the results that the journal speaks of");
	}
	CHECK(run(&test, N, results == SHEAF_RESULTS_IN_FILE ? -ESTALE : 0, NULL) == 0, "the last run");
	end_test(&test);
}

static void loop(void)
{
	struct work work = {.runs = new_memory(8)};
	sheaf_cluster_map_options options = {.checkpoint_name = "count 1", .context_size = sizeof(work)};
	uint64_t mine, all;

	options.checkpoint = checkpoint;
	*work.runs = 0;
	for (unsigned round = 0; round < 2; round++) {
		expect(sheaf_cluster_for(cluster, count, &work, N, &options), 0, NULL);
		mine = *work.runs;
		MPI_Allreduce(&mine, &all, 1, MPI_UINT64_T, MPI_SUM, MPI_COMM_WORLD);
		CHECK_AS(HARM_DUPLICATED, all == N, "%llu positions", (unsigned long long)all);
	}
	sheaf_free(pool, (void *)work.runs);
	remove_files();
}

static int take(void *context, const sheaf_result *result)
{
	(void)context, (void)result;
	return 0;
}

static void refusals(void)
{
	sheaf_identity identity;
	struct test test;

	begin_test(&test, SHEAF_INPUT_EVERYWHERE, SHEAF_RESULTS_AT_ROOT);
	test.options.context = &test.work;
	expect(sheaf_cluster_collect(cluster, compute, NULL, 0, N, take, NULL, &test.options), -EINVAL, "collect has none");
	test.options.results = SHEAF_RESULTS_WHERE_MADE;
	run(&test, N, -EINVAL, "options.checkpoint is set, but results stay where they were made");
	test.options.results = SHEAF_RESULTS_AT_ROOT;
	test.options.checkpoint_name = NULL;
	run(&test, N, -EINVAL, "options.checkpoint_name is NULL");
	test.options.checkpoint_name = rank == 1 ? "another" : "compute 1";
	run(&test, N, ranks > 1 ? -EINVAL : 0, ranks > 1 ? "options.checkpoint_name (a hash of it)" : NULL);
	test.options.checkpoint_name = "compute 1";
	test.options.checkpoint = "/proc/there/is/no/such/folder";
	run(&test, N, -ENOENT, "rank 0: ");
	test.options.checkpoint = "/dev/null";
	run(&test, N, -ENOTSUP, "rank 0: ");
	/* A journal instead: where there is one, and where it may be. */
	CHECK(!sheaf_identity_begin(&identity, "compute", 1), "identity");
	if (!rank)
		CHECK(!sheaf_journal_open(&test.options.journal, results_path, &identity, NULL), "no journal");
	test.options.checkpoint = checkpoint;
	run(&test, N, -EINVAL, "options.checkpoint and options.journal are set");
	test.options.checkpoint = test.options.checkpoint_name = NULL;
	expect(sheaf_cluster_collect(cluster, compute, NULL, 0, N, take, NULL, &test.options), -EINVAL, "collect has none");
	test.options.results = SHEAF_RESULTS_WHERE_MADE;
	run(&test, N, -EINVAL, "options.journal is set, but results stay where they were made");
	CHECK(!sheaf_journal_close(test.options.journal), "close");
	end_test(&test);
}

/* ---- a job that is killed ---- */

/* So large that a chunk has CHUNK of them at most: see place_survey(). */
#define LARGE ((size_t)1 << 20)
#define CHUNK 8
#define ITEMS 200

/* What is noted: a position that has run, or that a run begins, with how many ranks. */
struct entry {
	uint32_t begins, value;
};

static int note(struct entry entry)
{
	static int notes = -1;

	if (notes < 0)
		notes = open(runs, O_WRONLY | O_CREAT | O_APPEND, 0600);
	return write(notes, &entry, sizeof(entry)) == sizeof(entry) ? 0 : -EIO;
}

static int work_slowly(sheaf_task *task, const void *arg, void *result)
{
	uint32_t position = (uint32_t)sheaf_task_position(task);

	(void)arg;
	nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	memset(result, (int)(position + 1), LARGE);
	return note((struct entry){.value = position});
}

/* What a run has done that a later one did again: two chunks of each of its ranks at most. */
static void count_twice(void)
{
	static struct entry all[1 << 16];
	int file = open(runs, O_RDONLY);
	size_t n = (size_t)read(file, all, sizeof(all)) / sizeof(all[0]);

	close(file);
	for (size_t at = 0; at < n;) {
		bool done[ITEMS] = {false}, again[ITEMS] = {false};
		size_t twice = 0, most = (size_t)2 * CHUNK * all[at].value, end = at + 1;

		CHECK(all[at].begins, "a run without a beginning");
		for (; end < n && !all[end].begins; end++)
			done[all[end].value] = true;
		for (size_t later = end; later < n; later++)
			if (!all[later].begins && done[all[later].value])
				again[all[later].value] = true;
		for (size_t i = 0; i < ITEMS; i++)
			twice += again[i];
		CHECK_AS(HARM_DUPLICATED, twice <= most, "%zu positions of a run with %u ranks were done again", twice,
			 all[at].value);
		if (end < n)
			printf("%u ranks: %zu done again, of %zu at most\n", all[at].value, twice, most);
		at = end;
	}
	fflush(stdout);
}

static void killed(void)
{
	unsigned char *results;
	int file;

	if (!rank)
		CHECK(!note((struct entry){.begins = 1, .value = (uint32_t)ranks}), "a note");
	MPI_Barrier(MPI_COMM_WORLD);
	expect(sheaf_cluster_map(cluster, work_slowly, NULL, 0, NULL, LARGE, ITEMS,
				 &(sheaf_cluster_map_options){.results = SHEAF_RESULTS_IN_FILE,
							      .path = results_path,
							      .checkpoint = checkpoint,
							      .checkpoint_name = "work_slowly 1"}),
	       0, NULL);
	if (rank) {
		remove_files();
		return;
	}
	results = malloc(LARGE);
	file = open(results_path, O_RDONLY);
	for (size_t i = 0; i < ITEMS; i++) {
		CHECK(read(file, results, LARGE) == (ssize_t)LARGE, "the file of results");
		CHECK_AS(HARM_LOST, results[0] == (unsigned char)(i + 1) && !memcmp(results, results + 1, LARGE - 1),
			 "position %zu", i);
	}
	close(file);
	free(results);
	count_twice();
	remove_files();
}

int main(int argc, char **argv)
{
	const char *folder = getenv("FOLDER");
	bool is_killed = argc > 1 && !strcmp(argv[1], "killed");
	int r;

	snprintf(checkpoint, sizeof(checkpoint), "%s/checkpoint", folder ? folder : ".");
	snprintf(results_path, sizeof(results_path), "%s/results", folder ? folder : ".");
	snprintf(runs, sizeof(runs), "%s/runs", folder ? folder : ".");
	r = sheaf_cluster_start(&cluster, &argc, &argv, &(sheaf_pool_options){.workers = 2, .heap_size = (size_t)1 << 28});
	CHECK(!r, "no cluster");
	pool = sheaf_cluster_pool(cluster);
	rank = sheaf_cluster_rank(cluster);
	ranks = sheaf_cluster_ranks(cluster);
	if (is_killed) {
		killed();
	} else {
		found(SHEAF_INPUT_EVERYWHERE, SHEAF_RESULTS_AT_ROOT);
		found(SHEAF_INPUT_AT_ROOT, SHEAF_RESULTS_EVERYWHERE);
		found(SHEAF_INPUT_AT_ROOT, SHEAF_RESULTS_IN_FILE);
		loop();
		refusals();
	}
	sheaf_cluster_destroy(cluster);
	return 0;
}
