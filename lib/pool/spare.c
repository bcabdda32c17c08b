/*
 * spare.c - the spare waits for the supervisor's death, and takes over.
 *
 * Leader            The process that holds the supervisor's lock (os.h). Each spare first takes one
 *                   of two spares' locks. When it takes over, it waits until the next spare holds
 *                   the other one, takes the supervisor's lock, and only then drops its own. So the
 *                   owner, which forks another family when it finds neither lock, always finds one
 *                   while a spare lives. The first spare is forked a millisecond after the workers,
 *                   in a family that replaces another before them.
 *                   sheaf_pool_get_info() waits for it.
 * Edges             SPARE1  the spare has its lock, so the supervisor may die.
 *                   SPARE2  the spare learns from the kernel that the supervisor is dead.
 *                   SPARE3  all of the dead supervisor's workers are dead, as the end of their pipe
 *                           says.
 *                   SPARE4  the next spare has its lock.
 *                   SPARE5  the spare has the supervisor's lock. Only now are words repaired.
 * Deaths            Of the spare before SPARE5: the next spare, or the owner's next check, does the
 *                   same from the beginning.
 */
#include "pool/spare.h"

#include "os/os.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOCK_AGAIN_NS 1000000
#define LOCK_TRIES 1000
#define CREW_CHECK_MS 1
#define SPARE_CHECK_NS 20000
#define SPARE_CHECKS 50000
#define SPARE_YIELDS 1000
#define KILL_CREW_NS 20000000 /* the kernel kills workers faster than that, if it does */
/* So long without a lock of any worker: children of tasks hold the pipe, or it cannot be had. */
#define UNLOCKED_NS SECOND

void spare_kill(struct supervisor *s)
{
	if (!s->role.spare)
		return;
	kill(s->role.spare, SIGKILL);
	while (waitpid(s->role.spare, NULL, 0) < 0 && errno == EINTR)
		;
	s->role.spare = 0;
}

/* Fork a spare, if there is none and one is due. True in the spare, whose parent is @parent. */
static bool spawn(struct supervisor *s, pid_t *parent)
{
	pid_t me = getpid(), pid;
	uint64_t now = sheaf_now_ns();

	if (s->role.spare || !s->role.has_crew || now < s->role.spare_due_ns)
		return false;
	s->role.spare_due_ns = now + FORK_RETRY_NS;
	pid = forks_fork((const struct forks_fd *const[]){s->all, s->life, &s->crew_end, &s->segment->news[0],
							  &s->segment->news[1], NULL});
	*parent = me;
	if (pid > 0)
		s->role.spare = pid;
	return !pid;
}

/*
 * Wait until the spare that was forked just now has its lock. Not for long, because it may have
 * been killed.
 */
static void await_next_spare(struct supervisor *s)
{
	pid_t holder;

	/*
	 * It comes soon, because it was forked before the workers. To sleep for it would take
	 * longer.
	 */
	for (unsigned i = 0; s->role.spare && i < SPARE_CHECKS; i++) {
		if (os_locked(s->segment->fd, OS_LOCK_SPARE + s->side, 1, &holder) != 0)
			return;
		if (i < SPARE_YIELDS)
			sched_yield();
		else
			os_sleep_ns(SPARE_CHECK_NS);
	}
}

void spare_prepare(struct supervisor *s)
{
	s->role.has_crew = !forks_pipe(&s->role.crew, &s->crew_end);
}

uint64_t spare_nap(const struct supervisor *s, uint64_t now, uint64_t nap)
{
	uint64_t left = s->role.spare_due_ns > now ? s->role.spare_due_ns - now : 0;

	return left < nap ? left : nap;
}

/*
 * Wait until the dead supervisor's workers are dead, and kill those that the kernel has left. The
 * kernel tells their pids with their locks.
 */
static void await_crew(struct supervisor *s)
{
	struct pollfd crew = {.fd = s->crew_end.fd, .events = POLLIN};
	uint64_t kill_ns = sheaf_now_ns() + KILL_CREW_NS, unlocked_ns = 0;

	while (poll(&crew, 1, CREW_CHECK_MS) <= 0) {
		uint64_t now = sheaf_now_ns();
		bool locked = false;

		for (unsigned worker = 0; now >= kill_ns && worker < s->segment->crew_count; worker++) {
			locked |= os_kill_holder(s->segment->fd, OS_LOCK_WORKERS + worker);
		}
		if (now < kill_ns)
			continue;
		kill_ns = now + KILL_CREW_NS;
		if (locked)
			unlocked_ns = 0;
		else if (!unlocked_ns)
			unlocked_ns = now;
		else if (now - unlocked_ns >= UNLOCKED_NS && os_ends_orphans())
			break;
	}
	forks_close(&s->crew_end); /* the next one takes its place */
}

/* Wait as a spare until the supervisor is dead. */
static void await_death(struct supervisor *s, pid_t supervisor)
{
	sigset_t notice;

	role_begin(s, "sheaf-spare");
	s->child = false;
	if (os_lock(s->segment->fd, OS_LOCK_SPARE + s->side)) /* SPARE1 */
		_exit(1);
	sigemptyset(&notice);
	sigaddset(&notice, CHECK_SIGNAL);
	if (os_die_with_parent(supervisor, CHECK_SIGNAL))
		while (getppid() == supervisor) /* SPARE2 */
			os_wait_signal(&notice, os_parent_check_ns());
}

/* Begin as the successor of a dead supervisor. The next spare, which is forked next, counts on. */
static void succeed(struct supervisor *s)
{
	uint64_t completed = segment_progress(s->segment);

	role_begin(s, "sheaf-super");
	await_crew(s); /* SPARE3 */
	s->side = !s->side;
	s->successors = completed == s->completed_before ? s->successors + 1 : 0;
	s->completed_before = completed;
	spare_prepare(s);
}

bool spare_spawn(struct supervisor *s)
{
	pid_t supervisor;

	if (!spawn(s, &supervisor))
		return false;
	/* Each one comes back to here, so its stack is no deeper than that of the one before. */
	do {
		await_death(s, supervisor);
		succeed(s);
	} while (spawn(s, &supervisor));
	await_next_spare(s); /* SPARE4 */
	/* The owner forks another family only when it finds neither lock. */
	for (unsigned i = 0; os_lock(s->segment->fd, OS_LOCK_SUPERVISOR); i++) {
		if (i == LOCK_TRIES)
			_exit(1);
		os_sleep_ns(LOCK_AGAIN_NS);
	}
	/* SPARE5 */
	os_unlock(s->segment->fd, OS_LOCK_SPARE + !s->side);
	return true;
}

bool spare_first(struct supervisor *s)
{
	if (spare_spawn(s))
		return true;
	await_next_spare(s);
	return false;
}
