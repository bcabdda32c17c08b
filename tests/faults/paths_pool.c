/*
 * paths_pool.c - how pools begin and end.
 */
#define _DEFAULT_SOURCE
#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "steps.h"
#include "support/children.h"
#include "support/dead_pool.h"
#include "support/deadline.h"
#include "support/leaks.h"
#include "support/rng.h"
#include "support/session.h"

/* ---- create ---- */

void path_create_default(void)
{
	step_destroy(step_create_with((sheaf_pool_options){0}));
}

void path_create_anonymous(void)
{
	step_destroy(step_create_with((sheaf_pool_options){.flags = SHEAF_ANONYMOUS, .heap_size = HEAP}));
}

void path_create_keep_fds(void)
{
	step_destroy(step_create_with((sheaf_pool_options){.name = my_name(), .flags = SHEAF_KEEP_FDS, .heap_size = HEAP}));
}

struct holder {
	char name[64];
	int ready[2]; /* a pipe: the pool is there */
};

static int hold_name(void *context)
{
	const struct holder *holder = context;
	sheaf_pool_options options = {.name = holder->name, .workers = 1, .heap_size = HEAP};
	sheaf_pool *pool;

	/* Outside of the library: without faults. */
	if (sheaf_pool_create(&pool, &options) || write(holder->ready[1], "", 1) != 1)
		return 1;
	for (;;)
		pause();
}

void path_take_name(void)
{
	struct holder holder;
	char byte;

	snprintf(holder.name, sizeof(holder.name), "%s", my_name());
	RIGHT(pipe(holder.ready) == 0, WRONG, "pipe: %s", strerror(errno));
	RIGHT(child_start(hold_name, &holder) > 0, WRONG, "cannot start a holder of the name");
	close(holder.ready[1]);
	RIGHT(read(holder.ready[0], &byte, 1) == 1, WRONG, "the holder does not create its pool");
	close(holder.ready[0]);
}

void path_create_taken(void)
{
	sheaf_pool_options options = {.name = my_name(), .workers = 2, .heap_size = HEAP};
	sheaf_pool *pool;
	int r = LIBRARY(sheaf_pool_create(&pool, &options));

	RIGHT(r < 0, WRONG, "sheaf_pool_create: takes a name that is in use");
	RIGHT(*sheaf_message(), WRONG, "sheaf_pool_create: %d without a message", r);
	RIGHT(judge_documented(AS_CREATE, r), WRONG, "sheaf_pool_create: undocumented code %d", r);
	RIGHT(segment_name_exists(my_name()) == 1, WRONG, "sheaf_pool_create: removes a name that is in use");
	if (r != -EEXIST)
		outcome = (struct outcome){.code = r, .call = "sheaf_pool_create"};
}

/* What a dead owner leaves. */
static void leave_name(const char *name)
{
	int r = dead_pool_leave(name);

	RIGHT(!r, WRONG, "%s: %s", name, strerror(-r));
}

void path_create_over_stale(void)
{
	leave_name(my_name());
	leave_name(paths_segment_name((long)getpid(), 1));
	step_destroy(step_create());
	RIGHT(outcome.code || atomic_load(&plan->on) || !segment_name_exists(paths_segment_name((long)getpid(), 1)), LEAKED,
	      "the start-up sweep leaves a dead owner's segment");
	/* With faults it may: the next start takes it. */
	shm_unlink(paths_segment_name((long)getpid(), 1));
	shm_unlink(my_name());
}

/* ---- memory ---- */

void path_memory(void)
{
	sheaf_pool *pool = step_create();
	void *first, *second;

	if (!pool)
		return;
	judge_watch(pool);
	first = step_alloc(pool, 200000);
	second = step_alloc(pool, 1);
	if (first)
		memset(first, 0xa5, 200000);
	step_free(pool, first);
	/* The same place again, which must have been emptied. */
	first = step_alloc(pool, 130000);
	step_free(pool, second);
	step_free(pool, first);
	/* In a huge page, where the system has one. */
	first = step_alloc(pool, 2 << 20);
	step_free(pool, first);
	step_destroy(pool);
}

/* ---- the supervisor, the owner ---- */

static void kill_supervisor(sheaf_pool *pool)
{
	sheaf_pool_info info;

	RIGHT(LIBRARY(sheaf_pool_get_info(pool, &info)) == 0, WRONG, "sheaf_pool_get_info");
	/* 0: one died before, and no successor could be started. */
	if (info.supervisor > 0)
		kill(info.supervisor, SIGKILL);
}

void path_supervisor_dies(void)
{
	sheaf_pool *pool = step_create();
	sheaf_batch *batch = pool ? step_open(pool, sizeof(uint64_t), 0) : NULL;
	struct tasks tasks;

	if (batch) {
		step_submit(batch, &tasks, 4, value_of);
		kill_supervisor(pool);
		step_gather(batch, &tasks, 4);
		step_retire(batch);
	}
	step_destroy(pool);
}

_Noreturn static void die_owner(const char *name)
{
	sheaf_pool *pool = step_create_with((sheaf_pool_options){.name = name, .heap_size = HEAP});

	if (!pool)
		_exit(1);
	raise(SIGKILL);
	_exit(2);
}

void path_owner_dies(void)
{
	uint64_t deadline = hang_deadline();
	pid_t owner, family[8];
	char name[64];
	int status;

	snprintf(name, sizeof(name), "%s", my_name());
	owner = fork();
	if (!owner)
		die_owner(name);
	RIGHT(owner > 0 && waitpid(owner, &status, 0) == owner, WRONG, "the owner does not die");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 1)
		outcome = (struct outcome){.code = -EAGAIN, .call = "the owner's sheaf_pool_create"};
	else
		RIGHT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, WRONG, "the owner ends with status %#x",
		      (unsigned)status);
	while (session_processes(getpid(), family, 8) > 1) {
		RIGHT(sheaf_now_ns() < deadline, LEAKED, "process %d outlives the owner", (int)family[0]);
		sleep_ns(1000000);
	}
	RIGHT(atomic_load(&plan->on) || segment_name_exists(name) == 0, LEAKED, "the dead owner's segment keeps its name");
	/* With faults it may: the next start takes it. */
	shm_unlink(name);
}

/* ---- ends ---- */

void path_close_and_join(void)
{
	sheaf_pool *pool = step_create();
	sheaf_batch *batch = pool ? step_open(pool, sizeof(uint64_t), 0) : NULL;
	struct tasks tasks;
	int r;

	if (batch) {
		step_submit(batch, &tasks, 10, value_of);
		TRY(r, AS_END, sheaf_pool_close(pool));
		TRY(r, AS_END, sheaf_pool_join(pool, SHEAF_FOREVER));
		step_gather(batch, &tasks, 0);
		step_retire(batch);
	}
	step_destroy(pool);
}

void path_terminate(void)
{
	sheaf_pool *pool = step_create();
	sheaf_batch *batch = pool ? step_open(pool, sizeof(uint64_t), 0) : NULL;
	struct tasks tasks;
	sheaf_result result;
	int r;

	if (batch) {
		step_submit(batch, &tasks, 4, value_of);
		r = LIBRARY(sheaf_pool_terminate(pool));
		RIGHT(r == 0, WRONG, "sheaf_pool_terminate: %d", r);
		do
			r = LIBRARY(sheaf_next_done(batch, &result, SHEAF_FOREVER));
		while (r == 1);
		RIGHT(r == 0 || r == -ECANCELED || r == -ENOMEM, WRONG, "sheaf_next_done after the end: %d", r);
	}
	step_destroy(pool); /* with its batch */
}

static int sleep_for_ever(sheaf_task *task, const void *arg, void *result)
{
	_Atomic bool *running;

	(void)task;
	(void)result;
	memcpy(&running, arg, sizeof(running));
	atomic_store(running, true);
	while (atomic_load(running))
		pause();
	return 0;
}

/* Its worker is killed by order, after a second. */
void path_retire_while_running(void)
{
	sheaf_pool *pool = step_create();
	_Atomic bool *running = pool ? step_alloc(pool, sizeof(*running)) : NULL;
	sheaf_batch *batch = running ? step_open(pool, 0, 0) : NULL;
	uint64_t number = 3, value;
	sheaf_result result;
	int r;

	if (batch) {
		TRY(r, AS_SUBMIT, sheaf_submit(batch, 0, sleep_for_ever, &running, sizeof(running)));
		/* Until it runs; or the pool stops. */
		while (r >= 0 && !atomic_load(running) &&
		       LIBRARY(sheaf_next(batch, &result, sheaf_now_ns() + 1000000)) == -ETIMEDOUT)
			;
		step_retire(batch);
		TRY(r, AS_RUN, sheaf_apply(pool, value_of, &number, sizeof(number), &value, sizeof(value), NULL));
		RIGHT(r < 0 || value == distinct_value(3), LOST, "sheaf_apply: a wrong value");
	}
	step_destroy(pool);
}

/* ---- threads ---- */

void path_threads(void)
{
	sheaf_pool *pool = step_create_with(
		(sheaf_pool_options){.name = my_name(), .heap_size = HEAP, .backend = SHEAF_THREADS});
	sheaf_batch *batch = pool ? step_open(pool, sizeof(uint64_t), 0) : NULL;
	struct tasks tasks;
	int r;

	if (batch) {
		step_submit(batch, &tasks, 20, value_of);
		step_gather(batch, &tasks, 10);
		TRY(r, AS_END, sheaf_pool_close(pool));
		TRY(r, AS_END, sheaf_pool_join(pool, SHEAF_FOREVER));
		step_retire(batch);
	}
	step_destroy(pool);
}
