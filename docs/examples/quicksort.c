/*
 * quicksort.c - tasks that make tasks: each splits its numbers into smaller and larger ones,
 * submits a task for either half, and waits for both.
 *
 * A task that waits keeps no worker idle, because its worker runs other tasks meanwhile, its own
 * ones first. So one worker is enough, whatever the depth is.
 *
 * Tasks run again when workers die, so no task changes what it reads: the halves go into memory of
 * its own, and below the cut-off the sorted numbers into their final place.
 *
 * Run: build/docs/examples/quicksort [--count N] [--workers N]
 */
#include "support/example.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CUT_OFF 10000 /* so few numbers are sorted without more tasks: that takes about 1 ms */

struct part {
	const double *from; /* the numbers; not changed */
	double *to;         /* where they belong, sorted */
	size_t count;
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/*
 * Put the smaller numbers to the front of @memory and the larger ones to its back. Those that equal
 * the pivot are in the middle, so they have reached their place.
 */
static void split(const struct part *part, double *memory, struct part halves[2])
{
	double pivot = part->from[part->count / 2];
	size_t smaller = 0, larger = part->count;

	for (size_t i = 0; i < part->count; i++) {
		if (part->from[i] < pivot)
			memory[smaller++] = part->from[i];
		else if (part->from[i] > pivot)
			memory[--larger] = part->from[i];
	}
	for (size_t i = smaller; i < larger; i++)
		part->to[i] = pivot;
	halves[0] = (struct part){memory, part->to, smaller};
	halves[1] = (struct part){memory + larger, part->to + larger, part->count - larger};
}

static sheaf_task_fn sort;

/* Have both halves sorted by tasks. Add to @tasks how many that took. */
static int sort_halves(sheaf_pool *pool, const struct part halves[2], uint64_t *tasks)
{
	const sheaf_batch_options options = {.result_size = sizeof(uint64_t)};
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n = 0;
	int r = sheaf_batch_create(&batch, pool, &options);

	if (r < 0)
		return r;
	for (unsigned i = 0; r == 0 && i < 2; i++)
		r = sheaf_submit(batch, i, sort, &halves[i], sizeof(halves[i]));
	if (r == 0)
		r = sheaf_gather(batch, &results, &n, SHEAF_FOREVER);
	for (size_t i = 0; r == 0 && i < n; i++)
		*tasks += *(const uint64_t *)results[i].data;
	sheaf_batch_retire(batch);
	return r;
}

/* The result is the number of tasks that it took, with this one. */
static int sort(sheaf_task *task, const void *arg, void *result)
{
	const struct part *part = arg;
	uint64_t *tasks = result;
	sheaf_pool *pool;
	struct part halves[2];
	void *memory;
	int r;

	*tasks = 1;
	if (part->count <= CUT_OFF) {
		if (part->count)
			memcpy(part->to, part->from, part->count * sizeof(double));
		qsort(part->to, part->count, sizeof(double), compare);
		return 0;
	}
	pool = sheaf_task_pool(task);
	r = sheaf_alloc_array(pool, part->count, sizeof(double), &memory);
	if (r == 0) {
		split(part, memory, halves);
		r = sort_halves(pool, halves, tasks);
		sheaf_free(pool, memory);
	}
	/* Above 0 it is a number of failed tasks. The message names the first of them. */
	return r == 0 ? 0 : sheaf_task_fail(task, r < 0 ? r : -ECANCELED, "%s", sheaf_message());
}

/* SplitMix64, the generator of Steele, Lea and Flood (2014). */
static double random_number(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

/* The numbers are multiples of 2^-53 below 1, so this sum of whole numbers is exact. */
static uint64_t sum_of(const double *numbers, size_t count)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += (uint64_t)(numbers[i] * 9007199254740992.0);
	return sum;
}

static int check(const double *from, const double *to, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		if (to[i - 1] > to[i]) {
			fprintf(stderr, "quicksort: number %zu is larger than the next one\n", i - 1);
			return 1;
		}
	}
	if (sum_of(from, count) != sum_of(to, count)) {
		fprintf(stderr, "quicksort: the sorted numbers have another sum\n");
		return 1;
	}
	return 0;
}

static int run(sheaf_pool *pool, size_t count)
{
	uint64_t state = 0, tasks;
	double *from, *to;
	void *memory;
	int r = sheaf_alloc_array(pool, 2 * count, sizeof(double), &memory);

	if (r < 0)
		return r;
	from = memory;
	to = from + count;
	for (size_t i = 0; i < count; i++)
		from[i] = random_number(&state);
	r = sheaf_apply(pool, sort, &(struct part){from, to, count}, sizeof(struct part), &tasks, sizeof(tasks), NULL);
	if (r == 0)
		r = check(from, to, count);
	if (r == 0)
		printf("%zu numbers sorted by %" PRIu64 " tasks: smallest %.9f, middle %.9f, largest %.9f\n", count, tasks,
		       to[0], to[count / 2], to[count - 1]);
	sheaf_free(pool, memory);
	return r;
}

int main(int argc, char **argv)
{
	unsigned count = 1000000;
	const struct example_option own[] = {
		{"--count", "how many numbers to sort", .number = &count, .min = 1, .max = 1000000000},
		{0},
	};
	const sheaf_pool_options options = {.workers = example_options(argc, argv, own)};
	sheaf_pool *pool = NULL;
	int r = sheaf_pool_create(&pool, &options);

	if (r == 0)
		r = run(pool, count);
	r = example_end(r);
	sheaf_pool_destroy(pool);
	return r;
}
