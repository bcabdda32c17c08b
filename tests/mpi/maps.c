/*
 * maps.c [SUITE]... - every call of a cluster, with every placement, compared with what a plain
 * loop gives. All ranks of an MPI job run it.
 *
 * Without a suite: all of them. The environment has ORDER=mpi to begin MPI before the pool, WORKERS
 * of each rank (2), and the FOLDER for files.
 */
#define _GNU_SOURCE
#include "sheaf_mpi.h"

#include "support/check.h"
#include "support/rng.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static sheaf_cluster *cluster;
static sheaf_pool *pool;
static int rank, ranks;
static char folder[512];

static void *new_memory(size_t size)
{
	void *memory;

	CHECK(!sheaf_alloc(pool, size ? size : 1, &memory), "no memory");
	return memory;
}

static void expect(int code, int wanted, const char *text)
{
	CHECK(code == wanted, "rank %d: %d instead of %d", rank, code, wanted);
	CHECK(!text || strstr(sheaf_message(), text), "rank %d: the message lacks \"%s\"", rank, text);
}

/* ---- what tasks compute ---- */

static uint64_t value_of(uint64_t position, uint64_t item)
{
	return distinct_value(position) ^ item * UINT64_C(0x9e3779b97f4a7c15);
}

static int compute(sheaf_task *task, const void *arg, void *result)
{
	uint64_t item = arg ? *(const uint64_t *)arg : 7;

	if (result)
		*(uint64_t *)result = value_of(sheaf_task_position(task), item);
	return 0;
}

static uint64_t *new_items(size_t n, bool filled)
{
	uint64_t *items = new_memory(n * 8);

	for (size_t i = 0; filled && i < n; i++)
		items[i] = i * 3 + 1;
	return items;
}

static void check_values(const uint64_t *out, uint64_t begin, uint64_t end, bool items)
{
	for (uint64_t i = begin; i < end; i++)
		CHECK_AS(HARM_LOST, out[i] == value_of(i, items ? i * 3 + 1 : 7), "rank %d: position %llu", rank,
			 (unsigned long long)i);
}

/* ---- maps ---- */

static void map_once(size_t n, enum sheaf_cluster_input input, enum sheaf_cluster_results results, size_t grain)
{
	bool has_input = !rank || input == SHEAF_INPUT_EVERYWHERE;
	uint64_t *in = has_input ? new_items(n, true) : NULL, *out = new_items(n, false);
	sheaf_cluster_range *list = NULL;
	size_t count = 0;
	sheaf_cluster_map_options options = {.input = input, .results = results, .grain = grain};

	if (results == SHEAF_RESULTS_WHERE_MADE) {
		options.ranges = &list;
		options.range_count = &count;
	}
	memset(out, 0xee, n * 8);
	expect(sheaf_cluster_map(cluster, compute, in, 8, !rank || results ? out : NULL, 8, n, &options), 0, NULL);
	if (results == SHEAF_RESULTS_WHERE_MADE) {
		uint64_t mine = 0, all = 0;

		for (size_t i = 0; i < count; i++) {
			CHECK(!i || list[i - 1].end < list[i].begin, "ranges are not in order");
			check_values(out, list[i].begin, list[i].end, true);
			mine += list[i].end - list[i].begin;
		}
		MPI_Allreduce(&mine, &all, 1, MPI_UINT64_T, MPI_SUM, MPI_COMM_WORLD);
		CHECK(all == n, "%llu of %zu positions", (unsigned long long)all, n);
		free(list);
	} else if (!rank || results == SHEAF_RESULTS_EVERYWHERE) {
		check_values(out, 0, n, true);
	}
	sheaf_free(pool, in);
	sheaf_free(pool, out);
}

static void maps(void)
{
	const size_t sizes[] = {0, 1, (size_t)ranks - 1, (size_t)ranks, 1000, 1000000};

	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
		for (int input = SHEAF_INPUT_EVERYWHERE; input <= SHEAF_INPUT_AT_ROOT; input++)
			for (int results = SHEAF_RESULTS_AT_ROOT; results <= SHEAF_RESULTS_WHERE_MADE; results++)
				map_once(sizes[s], (enum sheaf_cluster_input)input, (enum sheaf_cluster_results)results, s % 3);
}

/* ---- loops ---- */

struct loop {
	_Atomic uint64_t *marks;
};

static int mark(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct loop *loop = context;

	for (size_t i = begin; i < end; i++)
		loop->marks[i]++;
	return sheaf_task_position(task) == begin ? 0 : -EIO;
}

static void loops(void)
{
	size_t n = 100000;
	struct loop loop = {new_memory(n * 8)};
	sheaf_cluster_range *list;
	uint64_t *sums = calloc(n, 8);
	size_t count;

	expect(sheaf_cluster_for(
		       cluster, mark, &loop, n,
		       &(sheaf_cluster_map_options){.context_size = sizeof(loop), .ranges = &list, .range_count = &count}),
	       0, NULL);
	for (size_t i = 0; i < count; i++)
		for (uint64_t p = list[i].begin; p < list[i].end; p++)
			CHECK(loop.marks[p] == 1, "position %llu", (unsigned long long)p);
	MPI_Allreduce((void *)loop.marks, sums, (int)n, MPI_UINT64_T, MPI_SUM, MPI_COMM_WORLD);
	for (size_t i = 0; i < n; i++)
		CHECK_AS(sums[i] ? HARM_DUPLICATED : HARM_LOST, sums[i] == 1, "position %zu ran %llu times", i,
			 (unsigned long long)sums[i]);
	free(list);
	free(sums);
	sheaf_free(pool, (void *)loop.marks);
}

/* ---- collect ---- */

static size_t size_of(uint64_t position)
{
	return position % 7 == 3 ? 0 : position % 1000 == 999 ? 300000 : position % 300;
}

/* Some positions fail, with a text. */
static int grow(sheaf_task *task, const void *arg, void *result)
{
	uint64_t position = sheaf_task_position(task);
	const int *factor = sheaf_task_context(task);
	void *memory;
	int r;

	(void)result;
	if ((r = sheaf_task_result(task, size_of(position), &memory)))
		return r;
	memset(memory, (int)(position + (arg ? *(const uint64_t *)arg : 0)) * (factor ? *factor : 1), size_of(position));
	return position % 500 == 77 ? sheaf_task_fail(task, -EDOM, "no result for %llu", (unsigned long long)position) : 0;
}

struct taken {
	uint64_t next, last;
	int factor;
	bool items;
};

static int take(void *context, const sheaf_result *result)
{
	struct taken *taken = context;
	uint64_t p = result->position;
	const unsigned char *data = result->data;

	CHECK(p == taken->next, "position %llu instead of %llu", (unsigned long long)p, (unsigned long long)taken->next);
	CHECK(result->status == (p % 500 == 77 ? -EDOM : 0), "position %llu: %d, %s", (unsigned long long)p, result->status,
	      result->message);
	CHECK(result->size == size_of(p) && (uintptr_t)data % 64 == 0, "position %llu: %zu bytes", (unsigned long long)p,
	      result->size);
	for (size_t i = 0; i < result->size; i++)
		CHECK(data[i] == (unsigned char)((int)(p + (taken->items ? p * 3 + 1 : 0)) * taken->factor), "position %llu",
		      (unsigned long long)p);
	taken->next++;
	return taken->next == taken->last ? 42 : 0;
}

static void collect(void)
{
	static const size_t windows[] = {0, 1, 100000};
	uint64_t *in = new_items(3000, true);

	for (size_t w = 0; w < sizeof(windows) / sizeof(windows[0]); w++) {
		int factor = 1 + (int)w;
		struct taken taken = {.factor = factor, .items = w == 1};
		sheaf_cluster_map_options options = {.window = windows[w], .context = &factor, .context_size = sizeof(factor)};

		options.input = w == 1 ? SHEAF_INPUT_AT_ROOT : SHEAF_INPUT_EVERYWHERE;
		expect(sheaf_cluster_collect(cluster, grow, w == 1 ? in : NULL, w == 1 ? 8 : 0, 3000, take, &taken, &options),
		       -EDOM, "position 77: no result for 77 (5 other positions failed, too)");
		CHECK(rank || taken.next == 3000, "%llu results", (unsigned long long)taken.next);
	}
	/* It may stop early. */
	{
		struct taken taken = {.factor = 1, .last = 50};

		expect(sheaf_cluster_collect(cluster, grow, NULL, 0, 3000, take, &taken, NULL), 42, "stopped by");
		CHECK(rank || taken.next == 50, "%llu results", (unsigned long long)taken.next);
	}
	sheaf_free(pool, in);
}

/* ---- broadcast ---- */

static void broadcast(void)
{
	static const size_t sizes[] = {0, 1, (1 << 20) - 1, 1 << 20, (5 << 20) + 3};

	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		unsigned char *memory = new_memory(sizes[s]);

		for (size_t i = 0; !rank && i < sizes[s]; i++)
			memory[i] = (unsigned char)(distinct_value(i) + s);
		expect(sheaf_cluster_broadcast(cluster, memory, sizes[s]), 0, NULL);
		for (size_t i = 0; i < sizes[s]; i++)
			CHECK(memory[i] == (unsigned char)(distinct_value(i) + s), "byte %zu", i);
		sheaf_free(pool, memory);
	}
}

/* ---- files ---- */

static void check_file(const char *path, size_t header, size_t n)
{
	int file = open(path, O_RDONLY);
	struct stat facts;
	uint64_t *values = malloc(n * 8);

	CHECK(file >= 0 && !fstat(file, &facts) && (size_t)facts.st_size == header + n * 8, "the file %s", path);
	CHECK(pread(file, values, n * 8, (off_t)header) == (ssize_t)(n * 8), "the file %s", path);
	check_values(values, 0, n, false);
	free(values);
	close(file);
}

static int slow(sheaf_task *task, const void *arg, void *result)
{
	nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
	return compute(task, arg, result);
}

/* The last rank cannot write but a few of its results: these fail, and nothing else does. */
static void fill_disk(const sheaf_cluster_map_options *options)
{
	struct rlimit before, few = {80, 80};
	size_t n = 5000;
	int r;

	getrlimit(RLIMIT_FSIZE, &before);
	few.rlim_max = before.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	if (rank && rank == ranks - 1)
		setrlimit(RLIMIT_FSIZE, &few);
	r = sheaf_cluster_map(cluster, slow, NULL, 0, NULL, 8, n, options);
	setrlimit(RLIMIT_FSIZE, &before);
	expect(r, ranks > 1 ? -EFBIG : 0, ranks > 1 ? "cannot write to" : NULL);
	if (!rank) {
		uint64_t *values = malloc(n * 8);
		int file = open(options->path, O_RDONLY);
		size_t written = 0;

		CHECK(pread(file, values, n * 8, 0) == (ssize_t)(n * 8), "the file is short");
		for (size_t i = 0; i < n; i++) {
			CHECK(!values[i] || values[i] == value_of(i, 7), "position %zu", i);
			written += values[i] != 0;
		}
		CHECK(ranks > 1 ? written > 10 && written < n : written == n, "%zu results", written);
		close(file);
		free(values);
		unlink(options->path);
	}
	MPI_Barrier(MPI_COMM_WORLD);
}

static void files(void)
{
	char path[600];
	sheaf_cluster_map_options options = {.results = SHEAF_RESULTS_IN_FILE, .path = path};

	snprintf(path, sizeof(path), "%s/results", folder);
	for (unsigned round = 0; round < 2; round++) {
		options.dtype = round ? "<u8" : NULL;
		expect(sheaf_cluster_map(cluster, compute, NULL, 0, NULL, 8, 300000, &options), 0, NULL);
		if (!rank)
			check_file(path, round ? 128 : 0, 300000);
		MPI_Barrier(MPI_COMM_WORLD);
		if (!rank)
			unlink(path);
	}
	options.dtype = "<f3x";
	expect(sheaf_cluster_map(cluster, compute, NULL, 0, NULL, 8, 10, &options), -EINVAL, "options.dtype is \"<f3x\"");
	options.dtype = NULL;
	options.path = "/proc/there/is/no/such/folder";
	expect(sheaf_cluster_map(cluster, compute, NULL, 0, NULL, 8, 10, &options), -ENOENT, "rank 0: ");
	options.path = path;
	fill_disk(&options);
}

/* ---- uneven ranks ---- */

/* One rank is stopped for a while: the others do its share, but for what it holds. */
static void uneven(void)
{
	uint64_t *out = new_items(5000, false);
	pid_t child = -1;

	if (ranks > 1 && rank == ranks - 1) {
		pid_t me = getpid();

		if (!(child = fork())) {
			nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
			kill(me, SIGSTOP);
			nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
			kill(me, SIGCONT);
			_exit(0);
		}
	}
	expect(sheaf_cluster_map(cluster, slow, NULL, 0, out, 8, 5000, NULL), 0, NULL);
	if (!rank)
		check_values(out, 0, 5000, false);
	if (child > 0)
		waitpid(child, NULL, 0);
	sheaf_free(pool, out);
}

/* ---- large items ---- */

#define LARGE ((size_t)3 << 20)

static int fill(sheaf_task *task, const void *arg, void *result)
{
	const unsigned char *item = arg;

	memset(result, (int)(sheaf_task_position(task) + item[LARGE - 1]), LARGE);
	return 0;
}

static void sizes(void)
{
	size_t n = 9;
	unsigned char *in = rank ? NULL : new_memory(n * LARGE), *out = rank ? NULL : new_memory(n * LARGE);

	for (size_t i = 0; !rank && i < n; i++)
		in[(i + 1) * LARGE - 1] = (unsigned char)(i * 5);
	expect(sheaf_cluster_map(cluster, fill, in, LARGE, out, LARGE, n,
				 &(sheaf_cluster_map_options){.input = SHEAF_INPUT_AT_ROOT}),
	       0, NULL);
	for (size_t i = 0; !rank && i < n * LARGE; i += 511)
		CHECK(out[i] == (unsigned char)(i / LARGE * 6), "byte %zu", i);
	sheaf_free(pool, in);
	sheaf_free(pool, out);
}

/* ---- failures ---- */

static int fail_some(sheaf_task *task, const void *arg, void *result)
{
	uint64_t position = sheaf_task_position(task);

	if (position == 4321)
		raise(SIGKILL);
	if (position % 1000 == 999)
		return sheaf_task_fail(task, -ERANGE, "%llu is too large", (unsigned long long)position);
	return compute(task, arg, result);
}

static int fail_all(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)begin, (void)end, (void)context;
	return sheaf_task_fail(task, -EDOM, "never");
}

static unsigned seen;
static uint64_t seen_done, seen_failed;

static void see(void *context, const sheaf_progress *progress)
{
	(void)context;
	seen++;
	seen_done = progress->done;
	seen_failed = progress->failed;
}

/* Writes nothing. */
static int do_nothing(sheaf_task *task, const void *arg, void *result)
{
	(void)task, (void)arg, (void)result;
	return 0;
}

static void failures(void)
{
	uint64_t *out = new_items(5000, false);

	/* What tasks leave out is zero, at whichever rank they ran. */
	memset(out, 0xee, 5000 * 8);
	expect(sheaf_cluster_map(cluster, do_nothing, NULL, 0, out, 8, 5000, NULL), 0, NULL);
	for (uint64_t i = 0; !rank && i < 5000; i++)
		CHECK(!out[i], "position %llu is not cleared", (unsigned long long)i);
	expect(sheaf_cluster_map(cluster, fail_some, NULL, 0, out, 8, 5000,
				 &(sheaf_cluster_map_options){.max_attempts = 2, .progress = see}),
	       -ERANGE, "position 999: 999 is too large (5 other positions failed, too)");
	CHECK(rank || (seen && seen_done == 5000 && seen_failed == 6), "progress: %llu", (unsigned long long)seen_done);
	for (uint64_t i = 0; !rank && i < 5000; i++)
		if (i % 1000 != 999 && i != 4321)
			check_values(out, i, i + 1, false);
	expect(sheaf_cluster_for(cluster, fail_all, NULL, 1000000, &(sheaf_cluster_map_options){.grain = 1000}), -EDOM,
	       "position 0: never (999999 other positions failed, too)");
	sheaf_free(pool, out);
}

/* ---- refusals ---- */

static void refusals(void)
{
	uint64_t *out = new_items(100, false), other[4] = {0};
	size_t n = rank == ranks - 1 && ranks > 1 ? 101 : 100;
	bool several = ranks > 1;
	sheaf_cluster *unused;
	char text[200];
	pid_t child;
	int status;

	snprintf(text, sizeof(text), "rank %d has passed 101 for n, and rank 0 100", ranks - 1);
	expect(sheaf_cluster_map(cluster, compute, NULL, 0, out, 8, n > 100 ? 101 : 100, NULL), several ? -EINVAL : 0,
	       several ? text : NULL);
	expect(sheaf_cluster_map(cluster, compute, NULL, 0, out,
				 rank      ? 8
				 : several ? 4
					   : 8,
				 10, NULL),
	       several ? -EINVAL : 0, several ? "rank 1 has passed 8 for out_size, and rank 0 4" : NULL);
	expect(rank == 1 ? sheaf_cluster_broadcast(cluster, out, 8)
			 : sheaf_cluster_map(cluster, compute, NULL, 0, out, 8, 10, NULL),
	       several ? -EINVAL : 0, several ? "for the kind of the call" : NULL);
	expect(sheaf_cluster_map(cluster, NULL, NULL, 0, out, 8, 10, NULL), -EINVAL, "rank 0: cluster map: fn is NULL");
	expect(sheaf_cluster_map(cluster, compute, NULL, 8, out, 8, 10, NULL), -EINVAL, "in is NULL");
	expect(sheaf_cluster_map(cluster, compute, out, 8, out + 5, 8, 10, NULL), -EINVAL, "bytes in common");
	expect(sheaf_cluster_map(cluster, compute, NULL, 0, other, 8, 4, NULL), -EFAULT, "rank 0: ");
	expect(sheaf_cluster_map(cluster, compute, NULL, 0, out, SIZE_MAX / 2, 10, NULL), -EOVERFLOW, "do not fit");
	expect(sheaf_cluster_map(cluster, compute, NULL, 0, out, 0, ((size_t)1 << 45) + 1, NULL), -EOVERFLOW, "at most 2^45");
	expect(sheaf_cluster_map(cluster, compute, NULL, 0, out, 8, 10,
				 &(sheaf_cluster_map_options){.results = SHEAF_RESULTS_IN_FILE}),
	       -EINVAL, "options.path is NULL");
	expect(sheaf_cluster_map(cluster, compute, NULL, 0, out, 8, 10,
				 &(sheaf_cluster_map_options){.results = (enum sheaf_cluster_results)9}),
	       -EINVAL, "options.results is 9");
	expect(sheaf_cluster_map(NULL, compute, NULL, 0, out, 8, 10, NULL), -EINVAL, "cluster is NULL");
	expect(sheaf_cluster_create(&unused, NULL, MPI_COMM_WORLD, NULL), -EINVAL, "rank 0: cluster: pool is NULL");
	expect(sheaf_cluster_create(&unused, pool, MPI_COMM_NULL, NULL), -EINVAL, "no intracommunicator");
	/* A child of this rank has neither cluster nor pool. */
	fflush(stdout);
	if (!(child = fork()))
		_exit(sheaf_cluster_broadcast(cluster, out, 8) == -EPERM && strstr(sheaf_message(), "forked child") ? 0 : 1);
	CHECK(waitpid(child, &status, 0) == child && status == 0, "a forked child may use the cluster");
	sheaf_free(pool, out);
	/* It is as usable as before. */
	map_once(1000, SHEAF_INPUT_AT_ROOT, SHEAF_RESULTS_AT_ROOT, 0);
}

/* ---- deaths ---- */

/* How often tasks of this rank kill their worker, and whether their supervisor. In its heap. */
struct blows {
	_Atomic int workers, supervisors;
	pid_t supervisor; /* the first one: a worker whose supervisor has died has another parent */
};

static int do_harm(sheaf_task *task, const void *arg, void *result)
{
	struct blows *harm = *(struct blows *const *)sheaf_task_context(task);

	if (sheaf_task_position(task) % 17 == 3 && atomic_fetch_sub(&harm->workers, 1) > 0)
		raise(SIGKILL);
	if (sheaf_task_position(task) % 101 == 50 && atomic_fetch_sub(&harm->supervisors, 1) > 0)
		kill(harm->supervisor, SIGKILL);
	return slow(task, arg, result);
}

static void kills(void)
{
	uint64_t *out = new_items(20000, false);
	struct blows *harm = new_memory(sizeof(*harm));
	uint64_t deaths = 0;
	sheaf_pool_info info;

	CHECK(!sheaf_pool_get_info(pool, &info) && info.supervisor > 0, "no supervisor");
	*harm = (struct blows){.workers = 10, .supervisors = 1, .supervisor = info.supervisor};
	expect(sheaf_cluster_map(cluster, do_harm, NULL, 0, out, 8, 20000,
				 &(sheaf_cluster_map_options){
					 .context = &harm, .context_size = sizeof(harm), .max_attempts = SHEAF_MAX_ATTEMPTS}),
	       0, NULL);
	if (!rank)
		check_values(out, 0, 20000, false);
	/* Those with their supervisor are not counted, and a rank may have had little to do. */
	CHECK(!sheaf_pool_get_info(pool, &info), "no facts");
	MPI_Allreduce(&info.deaths, &deaths, 1, MPI_UINT64_T, MPI_SUM, MPI_COMM_WORLD);
	CHECK(deaths >= 5, "%llu deaths", (unsigned long long)deaths);
	sheaf_free(pool, out);
	sheaf_free(pool, harm);
}

/*
 * Children of the owner do not get the heap, as where a network card has pinned it. The next
 * supervisor has it all the same, because it is the spare, and no child of the owner.
 */
static void pinned(void)
{
#ifdef MADV_DONTFORK
	uint64_t *out = new_items(20000, false);
	struct blows *harm = new_memory(sizeof(*harm));
	sheaf_pool_info info;

	/* This waits for the spare. */
	CHECK(!sheaf_pool_get_info(pool, &info) && info.supervisor > 0, "no supervisor");
	CHECK(!madvise(out, 20000 * 8, MADV_DONTFORK) && !madvise(harm, sizeof(*harm), MADV_DONTFORK), "madvise");
	*harm = (struct blows){.supervisors = 1, .supervisor = info.supervisor};
	expect(sheaf_cluster_map(cluster, do_harm, NULL, 0, out, 8, 20000,
				 &(sheaf_cluster_map_options){.context = &harm, .context_size = sizeof(harm)}),
	       0, NULL);
	if (!rank)
		check_values(out, 0, 20000, false);
	CHECK(!madvise(out, 20000 * 8, MADV_DOFORK) && !madvise(harm, sizeof(*harm), MADV_DOFORK), "madvise");
	sheaf_free(pool, out);
	sheaf_free(pool, harm);
#endif
}

static void interrupt(int signal)
{
	(void)signal;
	sheaf_pool_interrupt(pool);
}

/* Ctrl-C at one rank ends the call at all. */
static void interrupts(void)
{
	uint64_t *out = new_items(50000, false);
	sheaf_cluster_map_options options = {.journal = NULL};
	pid_t child = -1, me = getpid();
	char text[40], path[600];

	snprintf(path, sizeof(path), "%s/interrupted", folder);
	if (!rank) {
		sheaf_identity identity;

		CHECK(!sheaf_identity_begin(&identity, "slow", 1) &&
			      !sheaf_journal_open(&options.journal, path, &identity, NULL),
		      "no journal");
	}
	sigaction(SIGUSR1, &(struct sigaction){.sa_handler = interrupt}, NULL);
	if (rank == ranks - 1 && !(child = fork())) {
		nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
		kill(me, SIGUSR1);
		_exit(0);
	}
	snprintf(text, sizeof(text), "rank %d: ", ranks - 1);
	expect(sheaf_cluster_map(cluster, slow, NULL, 0, out, 8, 50000, &options), -EINTR, text);
	if (child > 0)
		waitpid(child, NULL, 0);
	/* Of what was given up, the journal has nothing. */
	expect(sheaf_cluster_map(cluster, slow, NULL, 0, out, 8, 50000, &options), 0, NULL);
	if (!rank) {
		check_values(out, 0, 50000, false);
		CHECK(!sheaf_journal_close(options.journal) && !unlink(path), "the journal");
	}
	sheaf_free(pool, out);
	map_once(1000, SHEAF_INPUT_AT_ROOT, SHEAF_RESULTS_AT_ROOT, 0);
}

/* How far it is, for the next run to compare with. */
static void note_progress(void *context, const sheaf_progress *progress)
{
	CHECK(pwrite(*(int *)context, &progress->done, 8, 0) == 8, "a note");
}

/*
 * A job with a journal, which resume.sh kills again and again. What was told to be done is in the
 * journal of the next run.
 */
static void resume(void)
{
	size_t n = 20000;
	uint64_t *out = new_items(n, false), told = 0;
	sheaf_journal *journal = NULL;
	int notes = -1;
	char path[600];

	if (!rank) {
		sheaf_journal_info info;
		sheaf_identity identity;

		CHECK(!sheaf_identity_begin(&identity, "slow", 1) && !sheaf_identity_add(&identity, "n", &n, sizeof(n)),
		      "identity");
		snprintf(path, sizeof(path), "%s/journal", folder);
		CHECK(!sheaf_journal_open(&journal, path, &identity, NULL), "no journal");
		snprintf(path, sizeof(path), "%s/notes", folder);
		notes = open(path, O_RDWR | O_CREAT, 0600);
		CHECK(notes >= 0 && pread(notes, &told, 8, 0) >= 0, "no notes");
		CHECK(!sheaf_journal_get_info(journal, &info), "no facts");
		CHECK_AS(HARM_LOST, info.found >= told, "%llu positions of %llu are left", (unsigned long long)info.found,
			 (unsigned long long)told);
		printf("%llu positions are done\n", (unsigned long long)info.found);
		fflush(stdout);
	}
	expect(sheaf_cluster_map(
		       cluster, slow, NULL, 0, out, 8, n,
		       &(sheaf_cluster_map_options){.journal = journal, .progress = note_progress, .progress_context = &notes}),
	       0, NULL);
	if (!rank)
		check_values(out, 0, n, false);
	sheaf_journal_close(journal);
	close(notes);
	sheaf_free(pool, out);
}

/* Tell who this is, and work until somebody ends it: see kills.sh. */
static void endless(void)
{
	uint64_t *out = new_items(20000, false);
	char path[600], done[600];
	int file;

	snprintf(path, sizeof(path), "%s/part.%d", folder, rank);
	snprintf(done, sizeof(done), "%s/pid.%d", folder, rank);
	file = open(path, O_WRONLY | O_CREAT, 0600);
	dprintf(file, "%ld\n", (long)getpid());
	close(file);
	rename(path, done);
	for (;;)
		expect(sheaf_cluster_map(cluster, slow, NULL, 0, out, 8, 20000, NULL), 0, NULL);
}

/* The last rank's pool is closed: all learn of it. The last suite, as that pool is of no use. */
static void closed(void)
{
	uint64_t *out = new_items(100, false);
	char text[40];

	snprintf(text, sizeof(text), "rank %d: ", ranks - 1);
	if (rank == ranks - 1)
		sheaf_pool_close(pool);
	expect(sheaf_cluster_map(cluster, compute, NULL, 0, out, 8, 100, NULL), -EPIPE, text);
}

/* ---- the program ---- */

static void hear(void *context, const char *text)
{
	(void)context;
	CHECK(*text, "a warning without words");
}

static const struct {
	const char *name;
	void (*run)(void);
	bool asked; /* by name alone */
} suites[] = {
	{.name = "maps", .run = maps},
	{.name = "loops", .run = loops},
	{.name = "collect", .run = collect},
	{.name = "broadcast", .run = broadcast},
	{.name = "files", .run = files},
	{.name = "uneven", .run = uneven},
	{.name = "sizes", .run = sizes},
	{.name = "failures", .run = failures},
	{.name = "kills", .run = kills},
	{.name = "pinned", .run = pinned},
	{.name = "interrupts", .run = interrupts},
	{.name = "refusals", .run = refusals},
	{.name = "closed", .run = closed},
	{.name = "endless", .run = endless, .asked = true},
	{.name = "resume", .run = resume, .asked = true},
};

int main(int argc, char **argv)
{
	const char *order = getenv("ORDER"), *workers = getenv("WORKERS"), *where = getenv("FOLDER");
	sheaf_pool_options options = {.workers = workers ? (unsigned)atoi(workers) : 2, .heap_size = (size_t)1 << 30};
	bool mpi_first = order && !strcmp(order, "mpi");

	snprintf(folder, sizeof(folder), "%s", where ? where : ".");
	if (mpi_first)
		MPI_Init(&argc, &argv);
	CHECK(!sheaf_pool_create(&pool, &options), "no pool");
	expect(sheaf_cluster_create(&cluster, pool, MPI_COMM_WORLD, NULL), mpi_first ? 0 : -EINVAL,
	       mpi_first ? NULL : "MPI was not begun");
	if (!mpi_first) {
		MPI_Init(&argc, &argv);
		expect(sheaf_cluster_create(&cluster, pool, MPI_COMM_WORLD, &(sheaf_cluster_options){.warn = hear}), 0, NULL);
	}
	rank = sheaf_cluster_rank(cluster);
	ranks = sheaf_cluster_ranks(cluster);
	CHECK(sheaf_cluster_pool(cluster) == pool && sheaf_cluster_workers(cluster) == options.workers * (unsigned)ranks,
	      "%u workers", sheaf_cluster_workers(cluster));
	for (size_t s = 0; s < sizeof(suites) / sizeof(suites[0]); s++) {
		bool wanted = argc < 2 && !suites[s].asked;

		for (int i = 1; i < argc; i++)
			wanted |= !strcmp(argv[i], suites[s].name);
		if (!wanted)
			continue;
		suites[s].run();
		if (!rank)
			printf("%s\n", suites[s].name);
		fflush(stdout);
	}
	sheaf_cluster_destroy(cluster);
	sheaf_pool_destroy(pool);
	MPI_Finalize();
	expect(sheaf_cluster_create(&cluster, pool, MPI_COMM_WORLD, NULL), -EINVAL, "MPI has ended already");
	expect(sheaf_cluster_start(&cluster, &argc, &argv, NULL), -EINVAL, "MPI runs already, or has ended");
	return 0;
}
