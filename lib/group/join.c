/*
 * join.c - pairs of rows of two tables that have the same keys.
 *
 * The rows of both tables are sorted together, those of the left one first in each group. So each
 * left row learns where in that order its partners are, and how many. From the numbers of pairs of
 * the rows before it a pair knows its place, and workers write places, not rows: a key that is in
 * both tables many times is shared among them.
 *
 * Deaths            Of a worker: its ranges are counted or written again, to the same places.
 */
#include "sheaf_group.h"

#include "base/error.h"
#include "group/groups.h"
#include "group/radix.h"
#include "group/tasks.h"

#include <errno.h>
#include <stdint.h>

#define LEAST_CHUNK 16384u
#define CHUNKS 512u
#define TOO_MANY ((size_t)INT64_MAX)

/* What the workers know. */
struct joining {
	const int64_t *order, *offsets;
	size_t groups, left;
	bool keeps_left;      /* also left rows without a partner */
	int64_t *partners;    /* of each left row: the place of the first one in the order; or -1 */
	int64_t *pairs;       /* of each left row: how many; then those of all rows before */
	struct chunks chunks; /* of left rows */
	size_t *counts;       /* of each chunk: its pairs; then those of all chunks before */
	int64_t *left_rows, *right_rows;
};

static int forget_partners(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct joining *joining = context;

	(void)task;
	for (size_t row = begin; row < end; row++) {
		joining->partners[row] = -1;
		joining->pairs[row] = joining->keeps_left;
	}
	return 0;
}

/* Find the first row of the right table in a group. */
static size_t find_right(const struct joining *joining, size_t begin, size_t end)
{
	while (begin < end) {
		size_t middle = begin + (end - begin) / 2;

		if ((size_t)joining->order[middle] < joining->left)
			begin = middle + 1;
		else
			end = middle;
	}
	return begin;
}

/* Tell the left rows in a range of the order their partners. */
static int find_partners(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct joining *joining = context;
	size_t group = groups_find(joining->offsets, joining->groups, begin);

	(void)task;
	for (size_t at = begin; at < end; group++) {
		size_t behind = (size_t)joining->offsets[group + 1];
		size_t right = find_right(joining, (size_t)joining->offsets[group], behind);

		for (size_t last = right < end ? right : end; at < last && right < behind; at++) {
			joining->partners[joining->order[at]] = (int64_t)right;
			joining->pairs[joining->order[at]] = (int64_t)(behind - right);
		}
		at = behind;
	}
	return 0;
}

static int count_pairs(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct joining *joining = context;

	(void)task;
	for (size_t c = begin; c < end; c++) {
		size_t last = chunks_end(&joining->chunks, c), count = 0;

		for (size_t row = chunks_begin(&joining->chunks, c); row < last; row++)
			count = (size_t)joining->pairs[row] < TOO_MANY - count ? count + (size_t)joining->pairs[row] : TOO_MANY;
		joining->counts[c] = count;
	}
	return 0;
}

/* Write where the pairs of each row begin, to another array than their numbers are in. */
static int place_pairs(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct joining *joining = context;
	int64_t *places = joining->left_rows;

	(void)task;
	for (size_t c = begin; c < end; c++) {
		size_t last = chunks_end(&joining->chunks, c);
		int64_t place = (int64_t)joining->counts[c];

		for (size_t row = chunks_begin(&joining->chunks, c); row < last; row++) {
			places[row] = place;
			place += joining->pairs[row];
		}
	}
	return 0;
}

static int write_pairs(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct joining *joining = context;
	size_t row = groups_find(joining->pairs, joining->left, begin);

	(void)task;
	for (size_t at = begin; at < end; row++) {
		size_t first = (size_t)joining->pairs[row], behind = (size_t)joining->pairs[row + 1];
		int64_t partner = joining->partners[row];

		for (; at < behind && at < end; at++) {
			joining->left_rows[at] = (int64_t)row;
			joining->right_rows[at] = partner < 0 ? -1
							      : joining->order[partner + (int64_t)(at - first)] -
									(int64_t)joining->left;
		}
	}
	return 0;
}

const struct own_function own_join[] = {
	OWN(forget_partners), OWN(find_partners), OWN(count_pairs), OWN(place_pairs), OWN(write_pairs), OWN_END,
};

/* Learn how many pairs there are, and where those of each left row begin: into pairs. */
static int place_rows(struct passes *passes, struct joining *joining, size_t *pairs)
{
	size_t all = 0;
	struct joining job;
	int64_t *places;
	int r;

	joining->chunks = chunks_cut(joining->left, LEAST_CHUNK, CHUNKS);
	if ((r = passes_alloc(passes, joining->chunks.count, sizeof(*joining->counts), &joining->counts)) ||
	    (r = passes_alloc(passes, joining->left + 1, sizeof(*places), &places)) ||
	    (r = passes_run(passes, count_pairs, joining, sizeof(*joining), joining->chunks.count, 1)))
		return r;
	for (size_t c = 0; c < joining->chunks.count; c++) {
		size_t count = joining->counts[c];

		if (count >= TOO_MANY - all)
			return sheaf_fail(-EOVERFLOW, "%s: there are more pairs than fit in memory", passes->call);
		joining->counts[c] = all;
		all += count;
	}
	job = *joining;
	job.left_rows = places;
	if ((r = passes_run(passes, place_pairs, &job, sizeof(job), joining->chunks.count, 1)))
		return r;
	places[joining->left] = (int64_t)all;
	passes_drop(passes, joining->pairs);
	joining->pairs = places;
	*pairs = all;
	return 0;
}

static int join_rows(struct passes *passes, const struct key_plan *plan, bool keeps_left, sheaf_array *left_rows,
		     sheaf_array *right_rows, sheaf_array *offsets)
{
	struct joining joining = {.left = plan->left, .keeps_left = keeps_left};
	size_t kept = plan->rows - plan->dropped, pairs = 0;
	unsigned char *starts;
	int64_t *order;
	int r;

	if ((r = passes_alloc(passes, plan->rows, sizeof(*order), &order)) ||
	    (r = passes_alloc(passes, plan->rows, 1, &starts)) || (r = radix_order(passes, plan, order, starts)) ||
	    (r = groups_offsets(passes, starts, kept, offsets)))
		return r;
	passes_drop(passes, starts);
	joining.order = order;
	joining.offsets = offsets->data;
	joining.groups = offsets->shape[0] - 1;
	if ((r = passes_alloc(passes, plan->left, sizeof(*joining.partners), &joining.partners)) ||
	    (r = passes_alloc(passes, plan->left, sizeof(*joining.pairs), &joining.pairs)) ||
	    (r = passes_run(passes, forget_partners, &joining, sizeof(joining), plan->left, 0)) ||
	    (r = passes_run(passes, find_partners, &joining, sizeof(joining), kept, 0)) ||
	    (r = place_rows(passes, &joining, &pairs)) ||
	    (r = sheaf_array_create(left_rows, passes->pool, SHEAF_I64, 0, 1, &pairs)) ||
	    (r = sheaf_array_create(right_rows, passes->pool, SHEAF_I64, 0, 1, &pairs)))
		return r;
	joining.left_rows = left_rows->data;
	joining.right_rows = right_rows->data;
	return passes_run(passes, write_pairs, &joining, sizeof(joining), pairs, 0);
}

int sheaf_join(sheaf_array *left_rows, sheaf_array *right_rows, sheaf_pool *pool, const sheaf_array *left,
	       const sheaf_array *right, unsigned key_count, enum sheaf_join_kind kind, const sheaf_group_options *options)
{
	struct passes passes;
	struct key_plan *plan = NULL;
	sheaf_array lefts = {0}, rights = {0}, offsets = {0};
	int r = passes_begin(&passes, pool, "sheaf_join", options ? options->run : NULL);

	if (!r && (!left_rows || !right_rows || !left || !right))
		r = sheaf_fail(-EINVAL, "sheaf_join: %s is NULL",
			       !left_rows    ? "left_rows"
			       : !right_rows ? "right_rows"
			       : left        ? "right"
					     : "left");
	if (!r && (unsigned)kind > SHEAF_JOIN_LEFT)
		r = sheaf_fail(-EINVAL, "sheaf_join: kind is %d, which is no join", (int)kind);
	if (!r)
		r = key_make(&passes, left, right, key_count, NULL, options && options->keep_nan ? 0 : key_count, &plan);
	if (!r)
		r = join_rows(&passes, plan, kind == SHEAF_JOIN_LEFT, &lefts, &rights, &offsets);
	if (pool)
		(void)sheaf_array_free(&offsets, pool);
	if (!r) {
		*left_rows = lefts;
		*right_rows = rights;
	} else if (pool) {
		(void)sheaf_array_free(&lefts, pool);
		(void)sheaf_array_free(&rights, pool);
	}
	return passes_end(&passes, r);
}
