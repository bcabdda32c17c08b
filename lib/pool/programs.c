/*
 * programs.c - asks the kernel about programs that have joined, and kills them.
 *
 * A descriptor of the process (a pidfd) names it for ever. Where the system has none, or none is
 * left, the time at which the process began tells it from later ones with its pid, and it is asked
 * for a hundred times a second. Where that is not told, either, the lock of its place is believed.
 *
 * Writers           Nothing is written to the segment here.
 * Deaths            Of the supervisor: its successor notes the processes anew, see places.c.
 */
#include "pool/programs.h"

#include "os/os.h"
#include "pool/state.h"
#include "queue/ring.h"

#include <errno.h>
#include <poll.h>

#define ASK_NS (SECOND / 100)

static const struct program *program_of(const struct supervisor *s, unsigned seat)
{
	return &s->role.programs[seat - s->segment->crew_count];
}

/* Does the lock of the place say that the process is dead? Where nothing else tells. */
static bool has_lost_lock(const struct supervisor *s, unsigned seat)
{
	pid_t holder = 0;

	return !os_locked(s->segment->fd, OS_LOCK_PLACES + seat - s->segment->crew_count, 1, &holder);
}

bool programs_known(const struct supervisor *s, unsigned seat)
{
	const struct program *program = program_of(s, seat);
	pid_t holder = 0;

	if (os_locked(s->segment->fd, OS_LOCK_PLACES + seat - s->segment->crew_count, 1, &holder) == 1 &&
	    holder == (pid_t)program->id.pid)
		return true;
	return program->id.start && os_process_lives(&program->id) == 1;
}

bool programs_ended(const struct supervisor *s, unsigned seat)
{
	const struct program *program = program_of(s, seat);
	struct pollfd process = {.fd = program->process.fd, .events = POLLIN};
	int lives;

	if (forks_fd_open(&program->process))
		return poll(&process, 1, 0) > 0;
	lives = os_process_lives(&program->id);
	return lives == 0 || ((lives < 0 || !program->id.start) && has_lost_lock(s, seat));
}

unsigned programs_watch(const struct supervisor *s, int *fds, unsigned count)
{
	for (unsigned seat = s->segment->crew_count; seat < s->segment->worker_count; seat++)
		if (s->role.pids[seat] && forks_fd_open(&program_of(s, seat)->process))
			fds[count++] = program_of(s, seat)->process.fd;
	return count;
}

uint64_t programs_nap(const struct supervisor *s, uint64_t nap)
{
	bool closed = state_of(s->segment) != POOL_OPEN;

	for (unsigned seat = s->segment->crew_count; seat < s->segment->worker_count; seat++)
		/* In a closed pool nobody tells of the end of its last task. */
		if (s->role.pids[seat] && (closed || !forks_fd_open(&program_of(s, seat)->process)))
			return nap < ASK_NS ? nap : ASK_NS;
	return nap;
}

void programs_kill(const struct supervisor *s, unsigned seat)
{
	const struct program *program = program_of(s, seat);

	if (!s->role.pids[seat] || program->dead)
		return;
	if (forks_fd_open(&program->process) && os_pidfd_signal(program->process.fd, SIGKILL, false) != -ENOSYS)
		return;
	if (program->id.start && os_process_lives(&program->id) == 1)
		kill((pid_t)program->id.pid, SIGKILL);
	else
		os_kill_holder(s->segment->fd, OS_LOCK_PLACES + seat - s->segment->crew_count);
}

void programs_kill_late(const struct supervisor *s)
{
	for (unsigned seat = s->segment->crew_count; seat < s->segment->worker_count; seat++)
		if (s->role.limits.workers[seat].late)
			programs_kill(s, seat);
}

bool programs_busy(const struct supervisor *s)
{
	for (unsigned seat = s->segment->crew_count; seat < s->segment->worker_count; seat++)
		if (s->role.pids[seat])
			return rings_have_owned(s->segment);
	return false;
}
