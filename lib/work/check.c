/*
 * check.c - runs tasks on copies with guard zones, in a pool that was created with SHEAF_CHECK=1 in
 * the environment.
 *
 * No other pool pays for it, because a checked task is one of the library's own functions. That
 * finds the user's function in front of the argument, or, of a map, in the batch. It gives the
 * user's function copies of its argument and of its result's place, in memory of the worker, with a
 * zone before and behind each. A zone that has changed fails the position, and its result is
 * dropped. So an overrun that is no longer than the zone reaches nobody else's data.
 */
#include "work/check.h"

#include "base/error.h"
#include "base/number.h"
#include "os/os.h"
#include "work/function.h"
#include "work/task.h"
#include "work/zone.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ZONE ((size_t)4096) /* bytes before and behind */

/* A copy between two zones. */
struct guarded {
	unsigned char *memory;
	unsigned char *at; /* NULL: there is nothing to guard */
	size_t size;
};

/* Copy the bytes between two zones. False: no memory. */
static bool guard_copy(struct guarded *guarded, const void *bytes, size_t size)
{
	*guarded = (struct guarded){.size = size};
	if (!bytes || !size)
		return true;
	guarded->memory = size < SIZE_MAX / 2 ? malloc(size + 2 * ZONE + 64) : NULL;
	if (!guarded->memory)
		return false;
	guarded->at = guarded->memory + ZONE;
	guarded->at += -(uintptr_t)guarded->at % 64;
	memcpy(guarded->at, bytes, size);
	zone_fill(guarded->at - ZONE, ZONE);
	zone_fill(guarded->at + size, ZONE);
	return true;
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static int find_overrun(struct sheaf_task *task, const struct guarded *guarded, const char *what)
{
	size_t behind, before;

	if (!guarded->at)
		return 0;
	behind = zone_reach(guarded->at + guarded->size, ZONE);
	before = zone_reach_back(guarded->at - ZONE, ZONE);
	if (behind)
		return sheaf_task_fail(task, -EFAULT, "the task wrote %s%zu byte%s behind its %s of %zu bytes (position %llu)",
				       behind == ZONE ? "at least " : "", behind, plural(behind), what, guarded->size,
				       (unsigned long long)sheaf_task_position(task));
	if (before)
		return sheaf_task_fail(task, -EFAULT, "the task wrote %s%zu byte%s before its %s of %zu bytes (position %llu)",
				       before == ZONE ? "at least " : "", before, plural(before), what, guarded->size,
				       (unsigned long long)sheaf_task_position(task));
	return 0;
}

/* The same behind what sheaf_task_result() gave. */
static int find_overrun_of_data(struct sheaf_task *task)
{
	size_t behind;

	if (!task->data || (task->of_map && task->data_of != task->position))
		return 0;
	behind = zone_reach((const unsigned char *)segment_at(task->member->segment, task->data) + task->size, ZONE_TAIL);
	return !behind ? 0
		       : sheaf_task_fail(task, -EFAULT,
					 "the task wrote %s%zu bytes behind the %llu bytes of sheaf_task_result() "
					 "(position %llu)",
					 behind == ZONE_TAIL ? "at least " : "", behind, (unsigned long long)task->size,
					 (unsigned long long)sheaf_task_position(task));
}

static int run_guarded(struct sheaf_task *task, sheaf_task_fn *fn, const void *arg, size_t arg_size, void *result,
		       size_t result_size)
{
	struct guarded in, out = {0};
	int r, overrun;

	if (!guard_copy(&in, arg, arg_size) || !guard_copy(&out, result, result_size)) {
		free(in.memory);
		return sheaf_task_fail(task, -ENOMEM, "no memory for the guard zones of SHEAF_CHECK");
	}
	r = fn(task, in.at, out.at);
	task_returned(task->member);
	if ((overrun = find_overrun(task, &out, "result")) || (overrun = find_overrun(task, &in, "argument")) ||
	    (overrun = find_overrun_of_data(task))) {
		r = overrun;
		task->data = 0; /* of a failure it would be what the task has left */
	} else if (out.at) {
		memcpy(result, out.at, result_size);
	}
	free(in.memory);
	free(out.memory);
	return r;
}

int check_call(sheaf_task *task, const void *arg, void *result)
{
	struct check_header header;

	memcpy(&header, arg, sizeof(header));
	return run_guarded(task, (sheaf_task_fn *)function_of(task->member->segment, header.function),
			   (const unsigned char *)arg + sizeof(header), (size_t)header.arg_size, result,
			   (size_t)task->batch->out_size);
}

int check_item(sheaf_task *task, const void *in, void *out)
{
	return run_guarded(task, (sheaf_task_fn *)function_of(task->member->segment, task->batch->checked), in,
			   (size_t)task->batch->in_size, out, (size_t)task->batch->out_size);
}

int check_wanted(void)
{
	const char *text = os_environment("SHEAF_CHECK");

	if (!text || !*text || !strcmp(text, "0"))
		return 0;
	return !strcmp(text, "1") ? 1 : sheaf_fail(-EINVAL, "SHEAF_CHECK is \"%.40s\" in the environment: 0 or 1", text);
}

void check_take_numbers(const struct segment *segment)
{
	segment->functions->at[FUNCTION_CHECK_CALL] = (any_fn *)check_call;
	segment->functions->at[FUNCTION_CHECK_ITEM] = (any_fn *)check_item;
}
