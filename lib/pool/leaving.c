/*
 * leaving.c - ends a worker's stack at the task.
 *
 *   boundary_call()   exceptions end here: std::terminate(), so SIGABRT
 *   enclose()         exit(), quick_exit(), pthread_exit() and longjmp() come to end_left()
 *   worker_run()
 *   the task          a child that it forks and that returns ends in task_returned()
 *
 * Writers           A worker that is left writes the way into its record, for the supervisor. A
 *                   child that a task has forked runs the same handlers. It ends, and writes
 *                   nothing.
 * Deaths            A worker that dies before it has written the way counts as killed by its signal
 *                   or ended with its exit code.
 */
#include "pool/leaving.h"

#include "os/enclose.h"
#include "os/forks.h"
#include "os/output.h"
#include "pool/boundary.h"
#include "pool/worker.h"

#include <unistd.h>

#define CODE_UNTOLD 255

static_assert((int)ENCLOSE_EXIT == WAY_EXIT && (int)ENCLOSE_QUICK_EXIT == WAY_QUICK_EXIT &&
		      (int)ENCLOSE_THREAD_EXIT == WAY_THREAD_EXIT && (int)ENCLOSE_JUMP == WAY_JUMP,
	      "os/ knows nothing of the segment");

static struct {
	struct segment *segment;
	unsigned worker, generation, forks;
	pid_t supervisor;
} life;

/* End a process that was left, and tell the supervisor of the way. */
static void end_left(enum enclose_way way, int code)
{
	bool child = forks_count() != life.forks, exits = way == ENCLOSE_EXIT || way == ENCLOSE_QUICK_EXIT;

	if (!child)
		life.segment->seats[life.worker].way = (uint16_t)(way | (exits && code < 0 ? WAY_UNTOLD : 0));
	/*
	 * A child's streams hold what its parent had printed before the fork. So the child flushes
	 * them only on an exit that does so by the standard.
	 */
	if (!child || way == ENCLOSE_EXIT || way == ENCLOSE_THREAD_EXIT)
		output_flush(true);
	_exit(exits ? (code < 0 ? CODE_UNTOLD : code) : way == ENCLOSE_JUMP);
}

static void live(void *unused)
{
	(void)unused;
	worker_run(life.segment, life.worker, life.generation, life.supervisor);
}

static void live_enclosed(void *unused)
{
	enclose(live, unused, end_left);
}

_Noreturn void leaving_run(struct segment *segment, unsigned worker, unsigned generation, pid_t supervisor)
{
	life.segment = segment;
	life.worker = worker;
	life.generation = generation;
	life.supervisor = supervisor;
	life.forks = forks_count();
	output_begin();
	boundary_call(live_enclosed, NULL);
	output_flush(true);
	_exit(0);
}
