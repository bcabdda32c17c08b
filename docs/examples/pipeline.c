/*
 * pipeline.c - numbers from a text of any length: a stream of two stages, in memory that does not
 * grow.
 *
 * The owner reads standard input in blocks of whole lines. Stage one finds the numbers of a block,
 * as many as it has. Stage two adds them up, where stage one has left them. Both are batches with a
 * window, and the second one is chained to the first. So the input is read only as fast as the sums
 * are printed, and no more than the two windows hold is in memory.
 *
 * Run: seq 1000000 | build/docs/examples/pipeline [--workers N] [--window N]
 */
#include "support/example.h"

#include <errno.h>
#include <inttypes.h>
#include <sheaf_stream.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 65536

/* Text that was read and not handed on yet. */
struct reader {
	char text[BLOCK];
	size_t size, used;
};

/* Stage one: numbers between blanks and line ends. What is none is left out. */
static int parse(sheaf_task *task, const void *arg, void *result)
{
	const char *at = arg, *end = at + sheaf_task_arg_size(task);
	char word[64];
	double *numbers;
	size_t n = 0;
	void *memory;
	int r;

	(void)result;
	/* Each takes two bytes of the text at least. */
	if ((r = sheaf_task_result(task, (size_t)(end - at + 1) / 2 * sizeof(*numbers), &memory)))
		return sheaf_task_fail(task, r, "%s", sheaf_message());
	numbers = memory;
	while (at < end) {
		size_t size = 0;
		char *stop;

		while (at < end && strchr(" \t\r\n", *at))
			at++;
		while (at + size < end && !strchr(" \t\r\n", at[size]))
			size++;
		if (!size || size >= sizeof(word)) {
			at += size;
			continue;
		}
		memcpy(word, at, size);
		word[size] = '\0';
		numbers[n] = strtod(word, &stop);
		n += !*stop;
		at += size;
	}
	/* The memory that was asked for last is the result: as much as was found. */
	if ((r = sheaf_task_result(task, n * sizeof(*numbers), &memory)))
		return sheaf_task_fail(task, r, "%s", sheaf_message());
	memcpy(memory, numbers, n * sizeof(*numbers));
	return 0;
}

struct sum {
	uint64_t count;
	double total;
};

/* Stage two: its argument is the result of stage one, and lies where that has left it. */
static int add(sheaf_task *task, const void *arg, void *result)
{
	struct sum *sum = result;
	const double *numbers = arg;

	sum->count = sheaf_task_arg_size(task) / sizeof(*numbers);
	for (uint64_t i = 0; i < sum->count; i++)
		sum->total += numbers[i];
	return 0;
}

/* The next block of whole lines. A line that is longer than a block is cut. */
static int next_block(void *context, sheaf_item *item)
{
	struct reader *reader = context;
	size_t end;

	memmove(reader->text, reader->text + reader->used, reader->size - reader->used);
	reader->size -= reader->used;
	reader->size += fread(reader->text + reader->size, 1, BLOCK - reader->size, stdin);
	if (ferror(stdin))
		return -EIO;
	for (end = reader->size; end && reader->text[end - 1] != '\n'; end--)
		;
	reader->used = end && !feof(stdin) ? end : reader->size;
	item->fn = parse;
	item->arg = reader->text;
	item->arg_size = reader->used;
	return reader->used > 0;
}

static int add_up(void *context, const sheaf_result *result)
{
	struct sum *all = context, part;

	if (result->status)
		return example_failures(result, 1);
	memcpy(&part, result->data, sizeof(part));
	all->count += part.count;
	all->total += part.total;
	return 0;
}

static int run(sheaf_pool *pool, size_t window)
{
	static struct reader reader;
	sheaf_batch *parsed = NULL, *sums = NULL;
	struct sum all = {0};
	sheaf_window_info info;
	int r;

	if ((r = sheaf_batch_create(&parsed, pool, &(sheaf_batch_options){.window = window})) ||
	    (r = sheaf_batch_create(&sums, pool,
				    &(sheaf_batch_options){.window = window, .result_size = sizeof(struct sum)})) ||
	    (r = sheaf_feed(parsed, next_block, &reader)) || (r = sheaf_chain(sums, parsed, add)))
		return r;
	r = sheaf_each(sums, add_up, &all, SHEAF_BY_POSITION, SHEAF_FOREVER);
	if (!r && !(r = sheaf_batch_get_window(sums, &info)))
		printf("%" PRIu64 " numbers in %" PRIu64 " blocks, sum %.17g\n", all.count, info.given, all.total);
	sheaf_batch_retire(sums);
	sheaf_batch_retire(parsed);
	return r;
}

int main(int argc, char **argv)
{
	unsigned window = 32;
	const struct example_option options[] = {
		{.name = "--window", .help = "blocks in each stage", .number = &window, .min = 1, .max = 100000}, {0}};
	sheaf_pool_options pool_options = {.workers = example_options(argc, argv, options)};
	sheaf_pool *pool;
	int r = sheaf_pool_create(&pool, &pool_options);

	if (!r) {
		r = run(pool, window);
		sheaf_pool_destroy(pool);
	}
	return example_end(r);
}
