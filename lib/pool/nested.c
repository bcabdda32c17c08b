/*
 * nested.c - gives a task a handle of the pool that runs it, and takes it back.
 *
 * A handle is a struct sheaf_pool of which only the member is used. It sits in the worker's seat,
 * and shares what the worker's tasks have opened. Each depth of nesting has one, which the next
 * task at that depth uses again.
 *
 * Writers           The handle: the worker that runs the task. Nothing in the segment but `nested`,
 *                   and the kill word of a seat (as the owner, see tend.c).
 * Deaths            Of the worker: its handles go with its memory, its batches by orphans.c.
 */
#include "base/atomic.h"
#include "base/error.h"
#include "batch/open.h"
#include "batch/retire.h"
#include "pool/attached.h"
#include "pool/pool.h"
#include "pool/role.h"
#include "pool/state.h"
#include "work/task.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

/* ---- what a task does for the pool ---- */

static int nested_look(struct member *handle)
{
	return handle->segment->attached ? attached_look_for(handle) : member_fail(handle, state_of(handle->segment));
}

/* Processes of a pool that is over are killed. Threads end their tasks. */
static bool nested_ended(struct member *handle)
{
	return handle->segment->attached && attached_ended(handle);
}

/*
 * Wake the supervisor, which is the worker's parent as long as the worker lives, unless that is a
 * program that has joined.
 */
static void nested_nudge(struct member *handle)
{
	if (handle->segment->attached)
		handle->segment->wake(handle->segment, false);
	else if (handle->supervisor && getppid() == handle->supervisor)
		kill(handle->supervisor, CHECK_SIGNAL);
}

static void nested_kill(struct member *handle, unsigned worker, unsigned generation)
{
	if (!handle->supervisor && !handle->segment->attached)
		return;
	/* Relaxed: read after the signal, or with the next one. */
	store_relaxed(&handle->segment->seats[worker].kill, generation + 1);
	nested_nudge(handle);
}

static const struct member_ops nested_ops = {
	.look = nested_look,
	.ended = nested_ended,
	.kill = nested_kill,
	.nudge = nested_nudge,
};

/* ---- the handle ---- */

/* Free what the task has opened and left. */
static void end_handle(struct member *handle)
{
	struct openings *openings = handle->openings;
	struct sheaf_batch *batch, *next;

	for (batch = openings->batches; batch && handle->opened; batch = next) {
		next = batch->next;
		if (batch->member == handle)
			batch_free(batch, false);
	}
	handle->task = NULL;
	handle->forks = MEMBER_ENDED;
}

/* Find a batch that the task has left which this thread of the owner has run. */
static struct sheaf_batch *left_by_task(struct member *owner)
{
	struct sheaf_batch *batch;

	pthread_mutex_lock(&owner->openings->lock);
	batch = owner->openings->batches;
	while (batch && batch->runner != member_runs_now())
		batch = batch->next;
	pthread_mutex_unlock(&owner->openings->lock);
	return batch;
}

void nested_end_of_owner(struct member *owner)
{
	struct sheaf_batch *batch;

	while ((batch = left_by_task(owner)))
		batch_free(batch, false);
	member_let_use_pool(NULL);
}

static void forget_handle(struct member *handle)
{
	pool_give_memory((struct sheaf_pool *)(void *)handle);
}

static struct member *make_handle(struct member *runner)
{
	struct sheaf_pool *pool = pool_take_memory();
	struct member *handle;

	if (!pool) {
		sheaf_fail(-ENOMEM, "sheaf_task_pool: no memory for a handle of the pool");
		return NULL;
	}
	handle = &pool->member;
	member_sit(handle, runner->segment, runner->number, runner->generation, runner->pid, runner->forks_private);
	handle->left = end_handle;
	handle->forget = forget_handle;
	handle->forks = MEMBER_ENDED;
	handle->ops = &nested_ops;
	handle->supervisor = runner->supervisor;
	handle->service = runner->service;
	handle->openings = runner->openings;
	handle->stocks = runner->supervisor || runner->segment->attached;
	handle->limit_ns = runner->segment->limit_ns;
	handle->checked = runner->segment->checked;
	runner->handle = handle;
	/* Relaxed: whatever this task submits is published after it. */
	if (!load_relaxed(&runner->segment->control->nested))
		store_relaxed(&runner->segment->control->nested, 1);
	return handle;
}

static void begin_handle(struct member *handle, struct member *runner, const struct sheaf_task *task)
{
	const struct shared_batch *batch = task->of_map ? task->shared : task->batch;
	uint32_t deaths;

	if (handle->task)
		end_handle(handle); /* of an item of the same map before this one */
	runner->returns = MEMBER_BUSY;
	handle->task = task;
	handle->position = task->position;
	handle->others = runner->others;
	handle->priority = runner->priority;
	/* Relaxed: a hint. */
	deaths = load_relaxed(&batch->inner_deaths);
	handle->careful = deaths / 2;
	handle->wary = deaths;
	handle->forks = handle->made;
}

sheaf_pool *sheaf_task_pool(const sheaf_task *task)
{
	struct member *runner, *handle;

	if (!task) {
		sheaf_fail(-EINVAL, "sheaf_task_pool: task is NULL");
		return NULL;
	}
	runner = task->member;
	if (runner->made != forks_count()) {
		sheaf_fail(-EPERM, "sheaf_task_pool: this process is a child that the task has forked");
		return NULL;
	}
	handle = runner->handle;
	/* The owner itself runs the task, as one that works on its own map. */
	if (handle && !member_is_task(handle)) {
		member_let_use_pool(runner);
		runner->returns = MEMBER_BUSY;
		return (sheaf_pool *)(void *)handle;
	}
	if (!handle && !(handle = make_handle(runner)))
		return NULL;
	if (handle->task != task || handle->position != task->position)
		begin_handle(handle, runner, task);
	return (sheaf_pool *)(void *)handle;
}
