/*
 * deaths.c [SUITE]... - calls of a cluster whose ranks are killed meanwhile, by deaths.sh. Each
 * result is compared with what a plain loop gives, and written to a file of the FOLDER, which has
 * to be the same as that of one rank alone.
 *
 * "probe" as a suite says whether the others go on when a rank dies: it ends with 0, or with 77.
 * ROUNDS, in the environment, is how often the suites are run (1).
 */
#define _GNU_SOURCE
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

#define POSITIONS 3000
#define ITEM_NS 200000
#define LARGE 2048 /* words of a large result */

static sheaf_cluster *cluster;
static sheaf_pool *pool;
static int rank;
static char folder[512];
static uint64_t *in, *out;

static void expect(int code, int wanted, const char *text)
{
	CHECK(code == wanted, "rank %d: %d instead of %d", rank, code, wanted);
	CHECK(!text || strstr(sheaf_message(), text), "rank %d: the message lacks \"%s\"", rank, text);
}

/* Open a file of the folder. */
static int open_file(const char *name, int flags)
{
	char path[600];
	int file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = open(path, flags | O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK(file >= 0, "%s: %s", path, strerror(errno));
	return file;
}

static void save(const char *name, const void *bytes, size_t size)
{
	int file = open_file(name, O_TRUNC);

	CHECK(write(file, bytes, size) == (ssize_t)size, "cannot write %s", name);
	close(file);
}

/* ---- what tasks compute ---- */

static uint64_t value_of(uint64_t position, uint64_t item)
{
	return distinct_value(position) ^ item * UINT64_C(0x9e3779b97f4a7c15);
}

static uint64_t item_of(uint64_t position)
{
	return position * 3 + 1;
}

static int compute(sheaf_task *task, const void *arg, void *result)
{
	uint64_t item = *(const uint64_t *)arg;

	nanosleep(&(struct timespec){.tv_nsec = ITEM_NS}, NULL);
	*(uint64_t *)result = value_of(sheaf_task_position(task), item);
	return 0;
}

static void check_values(const uint64_t *values, uint64_t begin, uint64_t end)
{
	for (uint64_t i = begin; i < end; i++)
		CHECK_AS(HARM_LOST, values[i] == value_of(i, item_of(i)), "rank %d: position %llu", rank,
			 (unsigned long long)i);
}

/* ---- maps ---- */

static void map_once(enum sheaf_cluster_input input, enum sheaf_cluster_results results, const char *name)
{
	sheaf_cluster_map_options options = {.input = input, .results = results};

	memset(out, 0xee, POSITIONS * 8);
	expect(sheaf_cluster_map(cluster, compute, in, 8, out, 8, POSITIONS, &options), 0, NULL);
	if (!rank || results == SHEAF_RESULTS_EVERYWHERE)
		check_values(out, 0, POSITIONS);
	if (!rank)
		save(name, out, POSITIONS * 8);
}

static void at_root(void)
{
	map_once(SHEAF_INPUT_AT_ROOT, SHEAF_RESULTS_AT_ROOT, "at_root");
}

static void everywhere(void)
{
	map_once(SHEAF_INPUT_EVERYWHERE, SHEAF_RESULTS_EVERYWHERE, "everywhere");
}

static void in_file(void)
{
	char path[600];
	sheaf_cluster_map_options options = {.results = SHEAF_RESULTS_IN_FILE, .path = path, .dtype = "<u8"};

	snprintf(path, sizeof(path), "%s/in_file", folder);
	expect(sheaf_cluster_map(cluster, compute, in, 8, NULL, 8, POSITIONS, &options), 0, NULL);
}

/* Large items, whose results travel in pieces. */
static int compute_large(sheaf_task *task, const void *arg, void *result)
{
	uint64_t *words = result;

	(void)arg;
	for (uint64_t i = 0; i < LARGE; i++)
		words[i] = value_of(sheaf_task_position(task), i);
	return 0;
}

static void large(void)
{
	uint64_t *results = NULL;
	void *memory;

	if (!rank) {
		CHECK(!sheaf_alloc(pool, (size_t)POSITIONS * LARGE * 8, &memory), "no memory");
		results = memory;
	}
	expect(sheaf_cluster_map(cluster, compute_large, NULL, 0, results, LARGE * 8, POSITIONS, NULL), 0, NULL);
	for (uint64_t i = 0; !rank && i < (uint64_t)POSITIONS * LARGE; i++)
		CHECK_AS(HARM_LOST, results[i] == value_of(i / LARGE, i % LARGE), "word %llu", (unsigned long long)i);
	sheaf_free(pool, results);
}

/* ---- results where they were made ---- */

/*
 * Write what this rank has to the common file. A rank that dies before it has done so is missed by
 * the others, who know then that the file may lack something: 0.
 */
static int write_ranges(int file, const uint64_t *values, const sheaf_cluster_range *list, size_t count)
{
	int before = sheaf_cluster_ranks(cluster);
	unsigned char token = 1;

	for (size_t i = 0; i < count; i++) {
		size_t size = (size_t)(list[i].end - list[i].begin) * 8;

		CHECK(!i || list[i - 1].end < list[i].begin, "ranges are not in order");
		check_values(values, list[i].begin, list[i].end);
		CHECK(pwrite(file, values + list[i].begin, size, (off_t)list[i].begin * 8) == (ssize_t)size, "a range");
	}
	expect(sheaf_cluster_broadcast(cluster, &token, 1), 0, NULL);
	return sheaf_cluster_ranks(cluster) == before;
}

static int map_made(const sheaf_cluster_map_options *options)
{
	return sheaf_cluster_map(cluster, compute, in, 8, out, 8, POSITIONS, options);
}

/* Run a call until all that it has left at the ranks is in the file. */
static void collect_ranges(const char *name, int (*call)(const sheaf_cluster_map_options *options))
{
	sheaf_cluster_range *list = NULL;
	size_t count = 0;
	sheaf_cluster_map_options options = {
		.results = call == map_made ? SHEAF_RESULTS_WHERE_MADE : SHEAF_RESULTS_AT_ROOT,
		.ranges = &list,
		.range_count = &count,
	};
	int whole, file = open_file(name, 0);

	do {
		memset(out, 0, POSITIONS * 8);
		expect(call(&options), 0, NULL);
		whole = write_ranges(file, out, list, count);
		free(list);
	} while (!whole);
	if (!rank) {
		CHECK(pread(file, out, POSITIONS * 8, 0) == POSITIONS * 8, "%s is too short", name);
		check_values(out, 0, POSITIONS);
	}
	close(file);
}

static void made(void)
{
	collect_ranges("made", map_made);
}

static int fill(sheaf_task *task, size_t begin, size_t end, void *context)
{
	uint64_t *values = context;

	(void)task;
	for (size_t i = begin; i < end; i++) {
		nanosleep(&(struct timespec){.tv_nsec = ITEM_NS}, NULL);
		values[i] = value_of(i, item_of(i));
	}
	return 0;
}

static int loop_over(const sheaf_cluster_map_options *options)
{
	return sheaf_cluster_for(cluster, fill, out, POSITIONS, options);
}

static void loop(void)
{
	collect_ranges("loop", loop_over);
}

/* ---- failures ---- */

/* Two positions fail, once for each time that they are counted. */
static int fail_some(sheaf_task *task, const void *arg, void *result)
{
	uint64_t position = sheaf_task_position(task);

	compute(task, arg, result);
	return position == 40 || position == 700 ? sheaf_task_fail(task, -EDOM, "it has no value") : 0;
}

static void failing(void)
{
	const char *text = "position 40: it has no value (1 other position failed, too)";

	for (int results = SHEAF_RESULTS_AT_ROOT; results <= SHEAF_RESULTS_WHERE_MADE; results++)
		expect(sheaf_cluster_map(cluster, fail_some, in, 8, out, 8, POSITIONS / 2,
					 &(sheaf_cluster_map_options){.results = (enum sheaf_cluster_results)results}),
		       -EDOM, text);
}

/* ---- collect ---- */

/* As many words as the position says, of up to 64 KiB. */
static int give(sheaf_task *task, const void *arg, void *result)
{
	uint64_t position = sheaf_task_position(task), count = position * 37 % 8192;
	void *memory;
	int r = sheaf_task_result(task, count * 8, &memory);

	(void)result;
	for (uint64_t i = 0; !r && i < count; i++)
		((uint64_t *)memory)[i] = value_of(position, *(const uint64_t *)arg + i);
	return r;
}

struct sink {
	FILE *file;
	uint64_t next;
};

static int take(void *context, const sheaf_result *result)
{
	struct sink *sink = context;

	CHECK_AS(HARM_DUPLICATED, result->position == sink->next++, "position %llu", (unsigned long long)result->position);
	CHECK(!result->status && fwrite(result->data, 1, result->size, sink->file) == result->size, "a result");
	return 0;
}

static void collect(void)
{
	struct sink sink = {0};

	if (!rank)
		sink.file = fdopen(open_file("collect", O_TRUNC), "w");
	expect(sheaf_cluster_collect(cluster, give, in, 8, POSITIONS, take, &sink,
				     &(sheaf_cluster_map_options){.input = SHEAF_INPUT_AT_ROOT, .window = 1 << 20}),
	       0, NULL);
	if (!rank)
		CHECK(sink.next == POSITIONS && !fclose(sink.file), "results are lost");
}

/* ---- broadcast ---- */

static void broadcast(void)
{
	size_t words = (size_t)3 << 18;
	uint64_t *memory = malloc(words * 8);

	CHECK(memory, "no memory");
	for (int i = 0; i < 20; i++) {
		for (size_t w = 0; w < words; w++)
			memory[w] = rank ? 0 : value_of(w, (uint64_t)i);
		expect(sheaf_cluster_broadcast(cluster, memory, words * 8), 0, NULL);
		for (size_t w = 0; w < words; w++)
			CHECK_AS(HARM_LOST, memory[w] == value_of(w, (uint64_t)i), "rank %d: word %zu", rank, w);
	}
	free(memory);
}

/* ---- the program ---- */

static const struct {
	const char *name;
	void (*run)(void);
} suites[] = {
	{"at_root", at_root}, {"everywhere", everywhere}, {"in_file", in_file}, {"large", large},         {"made", made},
	{"loop", loop},       {"failing", failing},       {"collect", collect}, {"broadcast", broadcast},
};

static void run_suites(int count, char **names)
{
	for (size_t s = 0; s < sizeof(suites) / sizeof(suites[0]); s++) {
		bool wanted = !count;

		for (int i = 0; i < count; i++)
			wanted |= !strcmp(names[i], suites[s].name);
		if (!wanted)
			continue;
		suites[s].run();
		if (!rank)
			printf("%s: %d ranks\n", suites[s].name, sheaf_cluster_ranks(cluster));
		fflush(stdout);
	}
}

/* Tell who this is, for the one who kills it. */
static void note_pid(void)
{
	char text[40], name[40];
	char from[600], to[600];

	snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	snprintf(name, sizeof(name), "part.%d", rank);
	save(name, text, strlen(text));
	snprintf(from, sizeof(from), "%s/part.%d", folder, rank);
	snprintf(to, sizeof(to), "%s/pid.%d", folder, rank);
	CHECK(!rename(from, to), "no pid file");
}

int main(int argc, char **argv)
{
	sheaf_pool_options options = {.workers = 2, .heap_size = (size_t)1 << 30};
	const char *where = getenv("FOLDER"), *rounds = getenv("ROUNDS");
	void *memory[2];
	int survives;

	snprintf(folder, sizeof(folder), "%s", where ? where : ".");
	expect(sheaf_cluster_start(&cluster, &argc, &argv, &options), 0, NULL);
	pool = sheaf_cluster_pool(cluster);
	rank = sheaf_cluster_rank(cluster);
	survives = sheaf_cluster_survives(cluster);
	if (argc == 2 && !strcmp(argv[1], "probe")) {
		sheaf_cluster_destroy(cluster);
		return survives ? 0 : 77;
	}
	for (unsigned i = 0; i < 2; i++)
		CHECK(!sheaf_alloc(pool, POSITIONS * 8, &memory[i]), "no memory");
	in = memory[0];
	out = memory[1];
	for (uint64_t i = 0; i < POSITIONS; i++)
		in[i] = item_of(i);
	note_pid();
	for (int round = 0; round < (rounds ? atoi(rounds) : 1); round++)
		run_suites(argc - 1, argv + 1);
	sheaf_cluster_destroy(cluster);
	return 0;
}
