/*
 * nested_batches.c - trees of tasks whose sums are known beforehand.
 *
 * A node is a number. It tells what its task does: a leaf gives a value, another node adds up what
 * its children give. The owner adds up the same tree without any pool.
 */
#include "nested_batches.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "children.h"
#include "deadline.h"
#include "rng.h"

#define DEPTH 3
#define MOST_TREES 12
#define MOST_CHILDREN 5
#define MOST_ITEMS 200
#define CANCEL_ONE_IN 8 /* nodes that first submit something and cancel it */

struct node {
	uint64_t number;
	uint32_t depth; /* of what is below */
};

enum way { LEAF, CALLS, LOOP, MAP };

static enum way way_of(const struct node *node)
{
	static const enum way ways[] = {LEAF, CALLS, CALLS, CALLS, LOOP, MAP};

	return node->depth ? ways[distinct_value(node->number) % 6] : LEAF;
}

static uint64_t children_of(const struct node *node)
{
	uint64_t most = way_of(node) == CALLS ? MOST_CHILDREN : MOST_ITEMS;

	return 1 + distinct_value(node->number + 1) % most;
}

static struct node child_of(const struct node *node, uint64_t i)
{
	return (struct node){.number = distinct_value(node->number + 2 + i), .depth = node->depth - 1};
}

/* Of a loop and a map: the value of one position. */
static uint64_t item_of(const struct node *node, uint64_t i)
{
	return distinct_value(node->number ^ (i + 1));
}

/* Add up the tree without a pool. */
static uint64_t sum_of(const struct node *node)
{
	uint64_t sum = distinct_value(~node->number);
	struct node child;

	if (way_of(node) == LEAF)
		return sum;
	for (uint64_t i = 0; i < children_of(node); i++) {
		child = child_of(node, i);
		sum += way_of(node) == CALLS ? sum_of(&child) : item_of(node, i);
	}
	return sum;
}

/* ---- tasks ---- */

static void work(const struct node *node)
{
	uint64_t ns = distinct_value(~node->number) % 20000, until = sheaf_now_ns() + ns;

	if (ns % 4 == 0)
		sleep_ns(ns);
	while (sheaf_now_ns() < until)
		;
}

/* Fail a task with what the library says. That is a harm: see check_tree(). */
static int tell(sheaf_task *task, int code)
{
	return sheaf_task_fail(task, code < 0 ? code : -EPROTO, "%d: %s", code, sheaf_message());
}

static int add_up_calls(sheaf_task *task, const struct node *node, uint64_t *sum)
{
	sheaf_batch_options options = {.result_size = sizeof(*sum)};
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t count;
	int r = sheaf_batch_create(&batch, sheaf_task_pool(task), &options);

	for (uint64_t i = 0; !r && i < children_of(node); i++) {
		struct node child = child_of(node, i);

		r = sheaf_submit(batch, i, nested_batch_node, &child, sizeof(child));
	}
	if (r || (r = sheaf_gather(batch, &results, &count, SHEAF_FOREVER)))
		return tell(task, r);
	for (size_t i = 0; i < count; i++)
		*sum += *(const uint64_t *)results[i].data;
	if (count != children_of(node))
		return sheaf_task_fail(task, -EPROTO, "%zu results", count);
	sheaf_batch_retire(batch);
	return 0;
}

struct row {
	uint64_t *out;
	struct node node;
};

int nested_batch_range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct row row;

	(void)task;
	memcpy(&row, context, sizeof(row));
	for (size_t i = begin; i < end; i++)
		row.out[i] = item_of(&row.node, i);
	return 0;
}

/* The items have their node in front of them, because a map has no other place for it. */
int nested_batch_item(sheaf_task *task, const void *in, void *out)
{
	(void)out;
	return nested_batch_range(task, sheaf_task_position(task), sheaf_task_position(task) + 1, (void *)(uintptr_t)in);
}

/* A loop or a map whose results lie in this task's own result: that goes with its batch. */
static int add_up_items(sheaf_task *task, const struct node *node, uint64_t *sum, uint64_t **first)
{
	size_t n = children_of(node);
	struct row row = {.node = *node}, *rows;
	void *memory;
	int r = sheaf_task_result(task, (n + 1) * sizeof(uint64_t) + (n + 1) * sizeof(row), &memory);

	if (r)
		return tell(task, r);
	*first = memory;
	rows = (struct row *)(void *)(*first + n + 1);
	row.out = *first + 1;
	if (way_of(node) == LOOP) {
		r = sheaf_for(sheaf_task_pool(task), nested_batch_range, &row, n,
			      &(sheaf_map_options){.context_size = sizeof(row)});
	} else {
		for (size_t i = 0; i < n; i++)
			rows[i] = row;
		r = sheaf_map(sheaf_task_pool(task), nested_batch_item, rows, sizeof(*rows), NULL, 0, n, NULL);
	}
	if (r)
		return tell(task, r);
	for (size_t i = 0; i < n; i++)
		*sum += row.out[i];
	return 0;
}

/* Submit the children, and cancel some or all of them. */
static int cancel_children(sheaf_task *task, const struct node *node)
{
	unsigned flags = node->number % 2 ? SHEAF_KILL : 0;
	sheaf_batch *batch;
	int r = sheaf_batch_create(&batch, sheaf_task_pool(task), NULL);

	for (uint64_t i = 0; !r && i < children_of(node); i++) {
		struct node child = child_of(node, i);

		child.depth = 0;
		r = sheaf_submit(batch, i, nested_batch_node, &child, sizeof(child));
	}
	if (!r)
		r = node->number % 3 ? sheaf_batch_cancel(batch, flags) : sheaf_cancel(batch, 0, flags);
	return r < 0 ? tell(task, r) : 0; /* it is retired with the task */
}

int nested_batch_node(sheaf_task *task, const void *arg, void *result)
{
	struct node node;
	uint64_t sum, *first = result;
	int r = 0;

	memcpy(&node, arg, sizeof(node));
	sum = distinct_value(~node.number);
	work(&node);
	if (node.depth && way_of(&node) == CALLS && distinct_value(node.number + 1) % CANCEL_ONE_IN == 0)
		r = cancel_children(task, &node);
	if (!r && way_of(&node) == CALLS)
		r = add_up_calls(task, &node, &sum);
	else if (!r && way_of(&node) != LEAF)
		r = add_up_items(task, &node, &sum, &first);
	if (first)
		*first = sum;
	return r;
}

/* ---- batches ---- */

static void check_tree(struct random_batches *batches, const sheaf_result *result, const struct node *node)
{
	CHECK_AS(HARM_LOST, result->status == 0, "tree %llu: status %d, signal %d, attempts %u, \"%s\"",
		 (unsigned long long)result->position, result->status, result->signal, result->attempts, result->message);
	CHECK_AS(HARM_LOST, *(const uint64_t *)result->data == sum_of(node), "tree %llu is wrong",
		 (unsigned long long)result->position);
	batches->results++;
	batches->reruns += result->attempts > 1;
}

void nested_batch_run(struct random_batches *batches)
{
	uint64_t n = 1 + rng_below(&batches->rng, MOST_TREES), salt = rng_next(&batches->rng) >> 8;
	bool leave = !rng_below(&batches->rng, CANCEL_ONE_IN);
	sheaf_batch_options options = {.result_size = sizeof(uint64_t)};
	struct node nodes[MOST_TREES];
	sheaf_result result;
	sheaf_batch *batch;
	int r = sheaf_batch_create(&batch, batches->pool, &options);

	CHECK(r == 0, "sheaf_batch_create: %d", r);
	for (uint64_t i = 0; i < n; i++) {
		nodes[i] = (struct node){.number = salt + i, .depth = DEPTH};
		r = sheaf_submit(batch, i, nested_batch_node, &nodes[i], sizeof(nodes[i]));
		CHECK(r == 0, "sheaf_submit: %d", r);
	}
	for (uint64_t i = 0; i < n && !leave; i++) {
		r = sheaf_next(batch, &result, hang_deadline());
		CHECK_AS(r == -ETIMEDOUT ? HARM_HUNG : HARM_LOST, r == 1, "tree %llu of %llu: %d, \"%s\"",
			 (unsigned long long)i, (unsigned long long)n, r, sheaf_message());
		CHECK_AS(result.position < i ? HARM_DUPLICATED : HARM_LOST, result.position == i, "position %llu",
			 (unsigned long long)result.position);
		check_tree(batches, &result, &nodes[i]);
	}
	sheaf_batch_retire(batch);
}
