/*
 * deaths.c - repairs after a worker's death before it is reaped, and brakes when workers die
 * without any progress.
 *
 * The order is what counts: as long as a worker is not reaped, its pid names nobody else, and only
 * after the repair its seat gets a successor.
 *
 * Writers           control->deaths, hooks.left, and the pid and `looking` in the dead worker's
 *                   seat: the supervisor. The rest: see recover.c.
 * Leaving           A worker that leaves of its own accord ends with nothing in hand, and says so
 *                   in its seat. That is believed if the kernel says that it ended by itself and
 *                   the repair has found nothing of it. Then it has not died: nothing is counted,
 *                   and the brake does not see it.
 * Deaths            Of the supervisor in here: its successor repairs after every worker, from the
 *                   same words.
 */
#include "pool/deaths.h"

#include "base/atomic.h"
#include "os/os.h"
#include "pool/crew.h"
#include "pool/demand.h"
#include "pool/lastwords.h"
#include "pool/orphans.h"
#include "pool/programs.h"
#include "pool/recover.h"
#include "pool/setup.h"
#include "pool/state.h"
#include "queue/bell.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define FORGIVE_NS (SECOND / 10)
#define ORPHAN_CHECK_NS (SECOND / 100)
#define KILL_CHECK_NS 50000
#define KILL_CHECKS 2000 /* a process that hangs in the kernel runs nothing of its own, either */

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

static bool has_ended(const struct supervisor *s, unsigned worker)
{
	siginfo_t info = {0};

	if (worker >= s->segment->crew_count)
		return programs_ended(s, worker);
	return !waitid(P_PID, (id_t)s->role.pids[worker], &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid;
}

/* Kill a worker that is charged with nothing, and wait until it runs no more. It is not reaped. */
static void end_worker(struct supervisor *s, unsigned worker)
{
	/* Relaxed: this process reads it. */
	store_relaxed(&s->segment->seats[worker].kill, s->role.generations[worker] + 1);
	crew_kill_one(s, worker);
	for (unsigned i = 0; i < KILL_CHECKS && !has_ended(s, worker); i++)
		os_sleep_ns(KILL_CHECK_NS);
}

/*
 * Take over what the dead worker had opened, and end the workers that run tasks of it, before its
 * own tasks are returned and run again. What those had opened is taken over, too, and so on.
 */
static void take_over_opened(struct supervisor *s, unsigned dead)
{
	static bool ended[SHEAF_MAX_WORKERS]; /* one process, one call at a time */

	memset(ended, 0, s->segment->worker_count * sizeof(ended[0]));
	for (unsigned worker = dead; worker < s->segment->worker_count; worker = orphans_runner(s->segment, ended)) {
		if (worker != dead && s->role.pids[worker])
			end_worker(s, worker);
		ended[worker] = true;
		orphans_disown(s->segment, seat_name(worker, s->role.generations[worker]));
	}
}

/* Has a worker that ended with nothing in hand done so by itself, as it should? */
static bool has_left(const struct supervisor *s, const struct shared_seat *seat, const struct death *death)
{
	if (death->signal || death->exit_code)
		return false;
	/* Relaxed: of a dead worker. */
	return load_relaxed(&seat->leaving) != LEAVE_NOT || state_of(s->segment) == POOL_CLOSED;
}

/* Say what is known of the end of the member in a seat, but for its signal and exit code. */
static struct death death_in(struct supervisor *s, unsigned worker)
{
	const struct shared_seat *seat = &s->segment->seats[worker];
	uint64_t late = s->role.limits.workers[worker].late;
	uint32_t generation = s->role.generations[worker];

	/* Relaxed, all: of a dead member. */
	return (struct death){
		.seat = worker,
		.generation = generation,
		.exit_code = -1,
		/*
		 * Killed by order. The task in hand may be another one than the order meant, so it
		 * is not charged unless it is late itself.
		 */
		.innocent = late || load_relaxed(&seat->kill) == generation + 1,
		.late = late && late == load_relaxed(&seat->deadline),
		.started_ns = load_relaxed(&seat->started),
		.cursor = load_relaxed(&seat->cursor),
		.ended_ns = sheaf_now_ns(),
	};
}

/* Settle what a dead member had, and what it had opened. Return how many tasks it had in hand. */
static unsigned settle(struct supervisor *s, const struct death *death)
{
	struct shared_seat *seat = &s->segment->seats[death->seat];
	unsigned settled;

	if (load_relaxed(&s->segment->control->nested))
		take_over_opened(s, death->seat);
	/* Relaxed: a hint, for submitters that ring nobody while a worker looks for a task. */
	store_relaxed(&seat->looking, 0);
	settled = recover(s->segment, death, &s->role.region);
	s->role.orphans = true;
	/*
	 * It may have died between stocking units of batches that it had opened and saying so.
	 * Relaxed: read by this process next.
	 */
	if (load_relaxed(&s->segment->control->nested) || death->seat >= s->segment->crew_count)
		store_relaxed(&s->segment->control->stock_watched, 1);
	return settled;
}

static void count_death(struct supervisor *s)
{
	/* Relaxed: a statistic. */
	fetch_add_relaxed(&s->segment->control->deaths, 1);
	/* Once more, after recover(): its ring may have been heard before the death was counted. */
	news_ring(s->segment);
}

static void repair_worker(struct supervisor *s, unsigned worker, const siginfo_t *info)
{
	struct shared_seat *w = &s->segment->seats[worker];
	struct death death;
	bool left, failed;

	crew_restore(s);
	death = death_in(s, worker);
	death.pid = info->si_pid;
	death.signal = info->si_code == CLD_EXITED ? 0 : info->si_status;
	death.exit_code = info->si_code == CLD_EXITED ? info->si_status : -1;
	lastwords_read(w, &death);
	left = !settle(s, &death) && has_left(s, w, &death);
	failed = setup_note_end(s, &death);

	store_relaxed(&w->pid, 0);
	s->role.pids[worker] = 0;
	s->role.live--;
	demand_note_end(s, worker, left);
	/* Relaxed, both: statistics. */
	if (left && load_relaxed(&w->leaving) != LEAVE_NOT)
		fetch_add_relaxed(&s->segment->control->hooks.left, 1);
	if (left || death.innocent)
		return;
	count_death(s);
	/* Hooks have a brake of their own: see setup.c. */
	if (!failed)
		brake_deaths(s);
}

void deaths_repair_program(struct supervisor *s, unsigned seat, bool left)
{
	struct death death;
	char text[128];
	bool harmless;

	crew_restore(s);
	death = death_in(s, seat);
	death.pid = s->role.pids[seat];
	/* The kernel tells how a child has ended, and this is none. */
	if (death.innocent)
		death.signal = SIGKILL;
	else
		death.text = text;
	snprintf(text, sizeof(text), "a program that had joined the pool (pid %ld) ended, or was killed, while it ran the task",
		 (long)death.pid);
	harmless = !settle(s, &death) && left;
	/* No brake: which programs come and go is the user's affair. Tasks have their attempts. */
	if (!harmless && !death.innocent)
		count_death(s);
	s->role.look_for_tasks = true;
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

		if (worker < s->segment->crew_count)
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

		if (worker < s->segment->crew_count)
			limits_stopped(&s->role.limits, worker, info.si_code == CLD_STOPPED);
	}
}

uint64_t deaths_free_orphans(struct supervisor *s)
{
	if (!s->role.orphans)
		return UINT64_MAX;
	s->role.orphans = orphans_free(s->segment);
	return s->role.orphans ? ORPHAN_CHECK_NS : UINT64_MAX;
}
