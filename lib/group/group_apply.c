/*
 * group_apply.c - sheaf_group_apply(): a task for each unit of groups, and their rows in one array.
 *
 * A task keeps its rows in private memory, and gives them as its result when it ends: the number of
 * rows of each group, and the rows. Where a group was cut and there is a join, a second batch works
 * on what the parts have given. At the end all workers copy rows to their places.
 *
 * Deaths            Of a worker: its unit is worked on again from the beginning. Which group it had
 *                   in hand stands in the unit, a hint that only a message is made of.
 */
#include "sheaf_group.h"

#include "base/error.h"
#include "base/number.h"
#include "data/describe.h"
#include "data/dtype.h"
#include "data/reach.h"
#include "group/group_units.h"
#include "group/rows.h"
#include "group/tasks.h"
#include "data/shape.h"
#include "pool/named.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What the tasks know. In shared memory; a copy of the context follows. */
struct applying {
	sheaf_group_work work; /* its functions: in the caller's process alone */
	uint64_t fn, join;     /* what they are in others: see pool/named.h */
	const int64_t *offsets, *order;
	struct group_unit *unit;
	size_t units, row_size;
	/* to copy: */
	const size_t *unit_rows; /* rows before each unit, and all */
	unsigned char *rows;
	int64_t *numbers; /* or NULL */
};

/* What the caller knows. */
struct application {
	struct passes passes;
	const sheaf_partition *partition;
	struct applying *job;
	sheaf_batch *batches[2]; /* of units, and of joins */
};

/* ---- tasks ---- */

static int call_for_group(sheaf_task *task, struct applying *job, struct group_unit *unit, uint64_t named, sheaf_group *group,
			  struct sheaf_rows *rows)
{
	sheaf_group_fn *fn = (sheaf_group_fn *)task_named_function(task, named);
	size_t begin = group->first;

	if (job->order && group->rows) {
		group->order = job->order + begin;
		group->first = (size_t)group->order[0];
	}
	unit->in_hand = group->number;
	return fn(task, group, rows, job->work.context_size ? (void *)(job + 1) : job->work.context);
}

/* Leave the numbers of rows of some groups, and the rows, as the task's result. */
static int leave_rows(sheaf_task *task, const uint64_t *counts, size_t groups, const struct sheaf_rows *rows)
{
	void *result;
	int r = sheaf_task_result(task, groups * sizeof(*counts) + rows->count * rows->row_size, &result);

	if (r)
		return r;
	memcpy(result, counts, groups * sizeof(*counts));
	if (rows->count)
		memcpy((unsigned char *)result + groups * sizeof(*counts), rows->bytes, rows->count * rows->row_size);
	return 0;
}

static int run_unit(sheaf_task *task, const void *arg, void *result)
{
	struct group_unit *unit = *(struct group_unit *const *)arg;
	struct applying *job = *(struct applying *const *)((const char *)arg + sizeof(unit));
	struct sheaf_rows rows = {.row_size = job->row_size};
	uint64_t *counts = malloc(unit->groups * sizeof(*counts));
	int r = counts ? 0 : sheaf_task_fail(task, -ENOMEM, "no memory for %zu groups", unit->groups);

	(void)result;
	for (size_t g = 0; g < unit->groups && !r; g++) {
		size_t number = unit->group + g, before = rows.count;
		size_t begin = unit->is_part ? unit->begin : (size_t)job->offsets[number];
		size_t end = unit->is_part ? unit->end : (size_t)job->offsets[number + 1];
		sheaf_group group = {.number = number, .rows = end - begin, .first = begin};

		r = call_for_group(task, job, unit, job->fn, &group, &rows);
		counts[g] = rows.count - before;
	}
	if (!r)
		r = leave_rows(task, counts, unit->groups, &rows);
	free(counts);
	rows_free(&rows);
	return r;
}

/* Put the rows of a group's parts together, from its first unit on. */
static int collect_parts(struct group_unit *unit, struct applying *job, struct sheaf_rows *parts)
{
	int r = 0;

	for (; !r; unit++) {
		void *memory;

		if (!(r = sheaf_rows_add(parts, unit->count, &memory)) && unit->count)
			memcpy(memory, unit->rows, unit->count * job->row_size);
		if (unit->is_last)
			break;
	}
	return r;
}

static int run_join(sheaf_task *task, const void *arg, void *result)
{
	struct group_unit *unit = *(struct group_unit *const *)arg;
	struct applying *job = *(struct applying *const *)((const char *)arg + sizeof(unit));
	struct sheaf_rows parts = {.row_size = job->row_size}, rows = {.row_size = job->row_size};
	size_t begin = (size_t)job->offsets[unit->group], end = (size_t)job->offsets[unit->group + 1];
	sheaf_group group = {.number = unit->group, .rows = end - begin, .first = begin};
	int r = collect_parts(unit, job, &parts);

	(void)result;
	if (r) {
		r = sheaf_task_fail(task, r, "%s", sheaf_message());
	} else {
		uint64_t count;

		group.parts = parts.bytes;
		group.part_rows = parts.count;
		r = call_for_group(task, job, unit, job->join, &group, &rows);
		count = rows.count;
		if (!r)
			r = leave_rows(task, &count, 1, &rows);
	}
	rows_free(&parts);
	rows_free(&rows);
	return r;
}

/* ---- batches ---- */

static int open_batch(struct application *call, unsigned which)
{
	const sheaf_map_options *options = &call->passes.options;
	sheaf_batch_options batch = {.max_attempts = options->max_attempts,
				     .flags = SHEAF_NO_TIMES,
				     .on_error = options->on_error,
				     .priority = options->priority,
				     .caller_works = options->caller_works,
				     .grace_ns = options->grace_ns};

	return sheaf_batch_create(&call->batches[which], call->passes.pool, &batch);
}

static int submit_unit(struct application *call, unsigned which, size_t position, sheaf_task_fn *fn)
{
	const sheaf_map_options *options = &call->passes.options;
	struct group_unit *unit = &call->job->unit[position];
	const void *arg[2] = {unit, call->job};
	sheaf_task_options task = {.timeout_ns = options->task_timeout_ns, .deadline_ns = options->deadline_ns};

	if (task.timeout_ns && task.timeout_ns < SHEAF_FOREVER / unit->groups)
		task.timeout_ns *= unit->groups;
	return sheaf_submit_with(call->batches[which], position, fn, arg, sizeof(arg), &task);
}

/* Tell which group has failed: the first one, but those that were cancelled for another one. */
static int fail_unit(const struct application *call, const sheaf_result *results, size_t n)
{
	const sheaf_result *result = NULL;
	const struct group_unit *unit;

	for (size_t i = 0; i < n; i++)
		if (results[i].status && (!result || (result->status == -ECANCELED && results[i].status != -ECANCELED)))
			result = &results[i];
	if (!result)
		return 0;
	unit = &call->job->unit[result->position];

	return sheaf_fail(result->status, "sheaf_group_apply: group %zu failed: %s", unit->in_hand,
			  result->message[0] ? result->message : sheaf_strerror(result->status));
}

/* Wait for all tasks of a batch, and note what they have given: of joins, for all parts. */
static int gather_units(struct application *call, unsigned which)
{
	uint64_t deadline = call->passes.options.deadline_ns ? call->passes.options.deadline_ns : SHEAF_FOREVER;
	const sheaf_result *results;
	size_t n;
	int r = sheaf_gather(call->batches[which], &results, &n, deadline);

	if (r == -ETIMEDOUT)
		return sheaf_fail(-ETIME, "sheaf_group_apply: not all groups were done when the deadline passed");
	if (r < 0)
		return r;
	if (r)
		return fail_unit(call, results, n);
	for (size_t i = 0; i < n; i++) {
		struct group_unit *unit = &call->job->unit[results[i].position];
		size_t groups = unit->groups;

		for (struct group_unit *part = unit; which == 1 && !part->is_last; part++)
			part[1].count = 0;
		unit->counts = results[i].data;
		unit->rows = (const unsigned char *)results[i].data + groups * sizeof(uint64_t);
		unit->count = 0;
		for (size_t g = 0; g < groups; g++)
			unit->count += unit->counts[g];
	}
	return 0;
}

static int run_units(struct application *call)
{
	struct applying *job = call->job;
	int r = open_batch(call, 0);

	for (size_t i = 0; i < job->units && !r; i++)
		r = submit_unit(call, 0, i, run_unit);
	if (r || (r = gather_units(call, 0)) || !job->work.join || !job->work.split)
		return r;
	r = open_batch(call, 1);
	for (size_t i = 0; i < job->units && !r; i++)
		if (job->unit[i].is_part && (!i || !job->unit[i - 1].is_part || job->unit[i - 1].is_last))
			r = submit_unit(call, 1, i, run_join);
	return r ? r : gather_units(call, 1);
}

/* ---- the array ---- */

static size_t find_unit(const struct applying *job, size_t row)
{
	size_t low = 0, high = job->units;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (job->unit_rows[middle] <= row)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* Write the group of some rows of a unit. */
static void number_rows_of(const struct applying *job, const struct group_unit *unit, size_t from, size_t n, size_t to)
{
	uint64_t before = 0;

	for (size_t g = 0; g < unit->groups && n; before += unit->counts[g++])
		for (; n && from < before + unit->counts[g]; from++, n--)
			job->numbers[to++] = (int64_t)(unit->group + g);
}

static int copy_rows(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct applying *job = *(struct applying **)context;
	size_t u = find_unit(job, begin);

	(void)task;
	for (size_t at = begin, n; at < end; at += n, u++) {
		const struct group_unit *unit = &job->unit[u];
		size_t from = at - job->unit_rows[u], last = job->unit_rows[u + 1];

		n = (last < end ? last : end) - at;
		if (!n)
			continue;
		memcpy(job->rows + at * job->row_size, unit->rows + from * job->row_size, n * job->row_size);
		if (job->numbers)
			number_rows_of(job, unit, from, n, at);
	}
	return 0;
}

const struct own_function own_group_apply[] = {
	OWN(run_unit),
	OWN(run_join),
	OWN(copy_rows),
	OWN_END,
};

static int concatenate(struct application *call, sheaf_array *rows, sheaf_array *numbers)
{
	struct applying *job = call->job;
	size_t all = 0, *unit_rows, shape[2] = {0, job->work.width};
	int r = passes_alloc(&call->passes, job->units + 1, sizeof(*unit_rows), &unit_rows);

	if (r)
		return r;
	for (size_t u = 0; u < job->units; u++) {
		unit_rows[u] = all;
		all += job->unit[u].count;
	}
	unit_rows[job->units] = shape[0] = all;
	job->unit_rows = unit_rows;
	if ((r = sheaf_array_create(rows, call->passes.pool, job->work.type, job->work.item_size, job->work.width ? 2 : 1,
				    shape)))
		return r;
	job->rows = rows->data;
	if (numbers && (r = sheaf_array_create(numbers, call->passes.pool, SHEAF_I64, 0, 1, &all)))
		return r;
	job->numbers = numbers ? numbers->data : NULL;
	return passes_run(&call->passes, copy_rows, &job, sizeof(job), all, 0);
}

/* ---- the call ---- */

static int check_group_work(struct passes *passes, const sheaf_partition *partition, const sheaf_group_work *work)
{
	size_t size;

	if (!partition || !work || !work->fn)
		return sheaf_fail(-EINVAL, "%s: %s is NULL", passes->call,
				  !partition ? "partition"
				  : work     ? "work->fn"
					     : "work");
	size = dtype_size(work->type);
	if (size == SIZE_MAX || (size && work->item_size && size != work->item_size))
		return sheaf_fail(-EINVAL, "%s: work->type is %d and item_size %zu, which no array has", passes->call,
				  (int)work->type, work->item_size);
	if (!size && !work->item_size)
		return sheaf_fail(-EINVAL, "%s: work->type is %s, and work->item_size 0: say how many bytes an item has",
				  passes->call, describe_type(work->type));
	if (work->join && !work->split)
		return sheaf_fail(-EINVAL, "%s: work->join is set, and work->split is 0: no group is cut", passes->call);
	if (partition->offsets.type != SHEAF_I64 || partition->offsets.dimensions != 1 ||
	    partition->offsets.shape[0] != partition->groups + 1)
		return sheaf_fail(-EINVAL, "%s: partition was not made by a call", passes->call);
	return reach_check_context(passes->pool, passes->call, "work->", work->context, work->context_size);
}

static int prepare_job(struct application *call, const sheaf_partition *partition, const sheaf_group_work *work)
{
	size_t row_size = work->item_size ? work->item_size : dtype_size(work->type);
	struct applying *job;
	int r;

	if (!checked_multiply(row_size, work->width ? work->width : 1, &row_size) || row_size > PTRDIFF_MAX / 2 ||
	    work->context_size > SIZE_MAX - sizeof(*job))
		return sheaf_fail(-EOVERFLOW, "%s: a row of %zu items, or the context, does not fit in memory",
				  call->passes.call, work->width);
	if ((r = passes_alloc(&call->passes, 1, sizeof(*job) + work->context_size, &job)) ||
	    (r = pool_name_function(call->passes.pool, call->passes.call, (any_fn *)work->fn, &job->fn)) ||
	    (r = pool_name_function(call->passes.pool, call->passes.call, (any_fn *)work->join, &job->join)))
		return r;
	job->work = *work;
	job->offsets = partition->offsets.data;
	job->order = partition->order.data;
	job->row_size = row_size;
	if (work->context_size)
		memcpy(job + 1, work->context, work->context_size);
	call->job = job;
	return group_units_cut(&call->passes, partition, work->split, call->passes.options.grain, &job->unit, &job->units);
}

int sheaf_group_apply(sheaf_array *rows, sheaf_array *numbers, sheaf_pool *pool, const sheaf_partition *partition,
		      const sheaf_group_work *work, const sheaf_map_options *options)
{
	struct application call = {0};
	sheaf_array made = {0}, of_groups = {0};
	int r = passes_begin(&call.passes, pool, "sheaf_group_apply", options);

	if (!r && !rows)
		r = sheaf_fail(-EINVAL, "sheaf_group_apply: rows is NULL");
	if (!r)
		r = check_group_work(&call.passes, partition, work);
	if (!r && !(r = prepare_job(&call, partition, work)) && !(r = run_units(&call)))
		r = concatenate(&call, &made, numbers ? &of_groups : NULL);
	for (unsigned b = 0; b < 2; b++)
		sheaf_batch_retire(call.batches[b]);
	if (!r) {
		*rows = made;
		if (numbers)
			*numbers = of_groups;
	} else if (pool) {
		(void)sheaf_array_free(&made, pool);
		(void)sheaf_array_free(&of_groups, pool);
	}
	return passes_end(&call.passes, r);
}
