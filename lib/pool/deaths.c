/*
 * deaths.c - repairs after a worker's death before it is reaped, and brakes when workers die
 * without any progress.
 *
 * The order is what counts: as long as a worker is not reaped, its pid names nobody else, and only
 * after the repair its seat gets a successor.
 *
 * Who writes what   control->deaths and the pid in the dead worker's seat: the supervisor. The
 *                   rest: see recover.c.
 * Deaths            Of the supervisor in here: its successor repairs after every worker, from the
 *                   same words.
 */
#include "pool/deaths.h"

#include "base/atomic.h"
#include "os/os.h"
#include "pool/crew.h"
#include "pool/lastwords.h"
#include "pool/orphans.h"
#include "pool/recover.h"
#include "pool/state.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#define FORGIVE_NS (SECOND / 10)
#define ORPHAN_GRACE_NS SECOND /* as for a batch that is retired */
#define ORPHAN_CHECK_NS (SECOND / 100)

/*
 * Break a pool whose workers die one after the other without ending or giving up a single task.
 * They would do so for ever. The limit is above what tasks that kill can cause. The task of each
 * worker may kill as often as allowed before the first one is given up, which counts as progress. A
 * few deaths per second are never too many.
 */
static void brake_deaths(struct supervisor *s)
{
	uint64_t completed = segment_progress(s->segment), now = sheaf_now_ns();
	uint64_t forgiven = (now - s->role.window_ns) / FORGIVE_NS;

	if (completed != s->role.completed || forgiven >= s->role.fruitless) {
		s->role.completed = completed;
		s->role.window_ns = now;
		s->role.fruitless = 0;
	} else {
		s->role.window_ns += forgiven * FORGIVE_NS;
		s->role.fruitless -= (unsigned)forgiven;
	}
	if (++s->role.fruitless > 64 + SHEAF_MAX_ATTEMPTS * s->segment->worker_count && state_end(s->segment, POOL_BROKEN))
		state_wake_everybody(s->segment);
}

static void repair_worker(struct supervisor *s, unsigned worker, const siginfo_t *info)
{
	struct shared_seat *w = &s->segment->seats[worker];
	struct death death = {
		.seat = worker,
		.generation = s->role.generations[worker],
		.pid = info->si_pid,
		.signal = info->si_code == CLD_EXITED ? 0 : info->si_status,
		.exit_code = info->si_code == CLD_EXITED ? info->si_status : -1,
	};
	uint64_t late = s->role.limits.workers[worker].late;
	unsigned settled;

	crew_restore(s);
	/*
	 * Killed by order. The task in hand may be another one than the order meant, so it is not
	 * charged unless it is late itself.
	 */
	death.innocent = late || load_relaxed(&w->kill) == death.generation + 1;
	death.late = late && late == load_relaxed(&w->deadline);
	death.started_ns = load_relaxed(&w->started);
	death.cursor = load_relaxed(&w->cursor);
	death.ended_ns = sheaf_now_ns();
	lastwords_read(w, &death);
	settled = recover(s->segment, &death, &s->role.region);
	s->role.orphaned_ns = death.ended_ns;
	/*
	 * It may have died between stocking units of nested work and saying so. Relaxed: read by
	 * this process next.
	 */
	if (load_relaxed(&s->segment->control->nested))
		store_relaxed(&s->segment->control->stock_watched, 1);

	store_relaxed(&w->pid, 0);
	s->role.pids[worker] = 0;
	s->role.live--;
	/* A worker that leaves a closed pool with empty hands has not died. */
	if (death.innocent || (!settled && state_of(s->segment) == POOL_CLOSED && !death.signal && !death.exit_code))
		return;
	fetch_add_relaxed(&s->segment->control->deaths, 1);
	brake_deaths(s);
}

/* Find the next child that has news of the kind. 0: there is none. */
static pid_t next_news(siginfo_t *info, int kind)
{
	int r;

	do {
		memset(info, 0, sizeof(*info));
		r = waitid(P_ALL, 0, info, kind | WNOHANG);
	} while (r && errno == EINTR);
	return r ? 0 : info->si_pid;
}

void deaths_repair(struct supervisor *s)
{
	siginfo_t info;

	while (next_news(&info, WEXITED | WNOWAIT)) {
		unsigned worker = crew_find(s, info.si_pid);

		if (worker < s->segment->worker_count)
			repair_worker(s, worker, &info);
		if (info.si_pid == s->role.spare)
			s->role.spare = 0;
		waitpid(info.si_pid, NULL, 0);
	}
}

void deaths_watch_stops(struct supervisor *s)
{
	siginfo_t info;

	while (next_news(&info, WSTOPPED | WCONTINUED)) {
		unsigned worker = crew_find(s, info.si_pid);

		if (worker < s->segment->worker_count)
			limits_stopped(&s->role.limits, worker, info.si_code == CLD_STOPPED);
	}
}

uint64_t deaths_free_orphans(struct supervisor *s)
{
	uint64_t now;

	if (!s->role.orphaned_ns)
		return UINT64_MAX;
	now = sheaf_now_ns();
	if (!orphans_free(s->segment, now - s->role.orphaned_ns > ORPHAN_GRACE_NS))
		s->role.orphaned_ns = 0;
	return s->role.orphaned_ns ? ORPHAN_CHECK_NS : UINT64_MAX;
}
