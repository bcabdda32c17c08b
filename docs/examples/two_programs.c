/*
 * two_programs.c - two programs on one pool. The first one creates a pool and starts the second one
 * by exec(), which knows nothing but the pool's name. That joins the pool, submits work to it, and
 * then lends its thread as a worker until the pool is closed.
 *
 * Run: build/docs/examples/two_programs
 */
#define _POSIX_C_SOURCE 200809L /* readlink() */
#include <sheaf.h>
#include <sheaf_attach.h>

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { TASKS = 400, NUMBERS = 100000 };

/* ---- what both programs know by its name ---- */

/* A millisecond of work. The result tells the process, too. */
struct answer {
	int64_t square;
	int64_t pid;
};

static int square(sheaf_task *task, const void *arg, void *result)
{
	int64_t number = (int64_t)sheaf_task_position(task);
	struct answer answer = {number * number, getpid()};

	(void)arg;
	nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	memcpy(result, &answer, sizeof(answer));
	return 0;
}

struct sums {
	_Atomic int64_t sum;
	int64_t numbers[NUMBERS];
};

static int sum(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct sums *sums;
	int64_t part = 0;

	(void)task;
	memcpy(&sums, context, sizeof(sums));
	for (size_t i = begin; i < end; i++)
		part += sums->numbers[i];
	atomic_fetch_add(&sums->sum, part);
	return 0;
}

static const sheaf_function functions[] = {
	{.name = "square", .task = square},
	{.name = "sum", .range = sum},
};

static void check(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, sheaf_message());
	exit(1);
}

/* ---- the second program ---- */

static int second(const char *name)
{
	sheaf_attach_options options = {.functions = functions, .function_count = COUNT(functions)};
	struct sums *sums;
	sheaf_pool *pool;
	void *memory;
	int r;

	check(sheaf_pool_attach(&pool, name, &options), "sheaf_pool_attach");
	check(sheaf_alloc(pool, sizeof(*sums), &memory), "sheaf_alloc");
	sums = memory;
	for (int64_t i = 0; i < NUMBERS; i++)
		sums->numbers[i] = i;
	check(sheaf_for(pool, sum, &sums, NUMBERS, &(sheaf_map_options){.context_size = sizeof(sums)}), "sheaf_for");
	printf("the second program: the sum of %d numbers is %lld\n", NUMBERS, (long long)atomic_load(&sums->sum));
	fflush(stdout);
	check(sheaf_free(pool, sums), "sheaf_free");
	r = sheaf_pool_work(pool, SHEAF_FOREVER);
	check(r, "sheaf_pool_work");
	sheaf_pool_destroy(pool);
	return 0;
}

/* ---- the first program ---- */

/* Start the second program, which is this file again, with other arguments. */
static pid_t start_second(const char *name)
{
	char path[4096] = "";
	pid_t pid;

	if (readlink("/proc/self/exe", path, sizeof(path) - 1) < 0) {
		perror("/proc/self/exe");
		exit(1);
	}
	pid = fork();
	if (!pid) {
		execl(path, path, "--join", name, (char *)NULL);
		_exit(127);
	}
	return pid;
}

/* Run tasks until some have run in the second program. Return how many. */
static int run_squares(sheaf_pool *pool, pid_t other)
{
	const sheaf_result *results;
	sheaf_batch *batch;
	int found = 0;
	size_t n;

	check(sheaf_batch_create(&batch, pool, &(sheaf_batch_options){.result_size = sizeof(struct answer)}), "batch");
	for (uint64_t i = 0; i < TASKS; i++)
		check(sheaf_submit(batch, i, square, NULL, 0), "sheaf_submit");
	check(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), "sheaf_gather");
	for (size_t i = 0; i < n; i++) {
		const struct answer *answer = results[i].data;

		if (answer->square != (int64_t)(i * i)) {
			fprintf(stderr, "position %zu is wrong\n", i);
			exit(1);
		}
		found += answer->pid == other;
	}
	sheaf_batch_retire(batch);
	return found;
}

int main(int argc, char **argv)
{
	sheaf_sharing sharing = {.functions = functions, .function_count = COUNT(functions)};
	sheaf_pool_options options = {.workers = 2, .sharing = &sharing};
	int found, status, rounds = 0;
	sheaf_pool_info info;
	sheaf_pool *pool;
	pid_t other;

	if (argc == 3 && !strcmp(argv[1], "--join"))
		return second(argv[2]);
	check(sheaf_pool_create(&pool, &options), "sheaf_pool_create");
	check(sheaf_pool_get_info(pool, &info), "sheaf_pool_get_info");
	other = start_second(info.name);
	do
		found = run_squares(pool, other);
	while (!found && ++rounds < 100);
	printf("the first program: %d squares are right, and the second program has run %s of them\n", TASKS,
	       found ? "some" : "none");
	check(sheaf_pool_close(pool), "sheaf_pool_close");
	if (waitpid(other, &status, 0) != other || status)
		found = 0;
	check(sheaf_pool_join(pool, SHEAF_FOREVER), "sheaf_pool_join");
	sheaf_pool_destroy(pool);
	return found ? 0 : 1;
}
