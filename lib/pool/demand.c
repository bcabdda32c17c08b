/*
 * demand.c - the supervisor's side of resizing, and of workers on demand.
 *
 * Writers           vacant: the supervisor. The bit of a vacant seat in sleepers: set by the
 *                   supervisor, cleared by the submitter that calls, or by the supervisor once the
 *                   seat is not wanted.
 * Edges             DEMAND1  announce a vacant seat, look for tasks | publish a task, look for
 *                            announcements: BELL1 is in bell.c, with the supervisor as the sleeper.
 *                   DEMAND2  vacant, then the bit -> workers_ring_asleep(), which takes the seat
 *                            for what it is.
 * Deaths            Of a submitter after it cleared the bit, before its signal: the supervisor sees
 *                   the bit in its next round, which the death brings. Of the supervisor: its
 *                   successor goes on from `vacant`.
 */
#include "pool/demand.h"

#include "base/atomic.h"
#include "queue/ring.h"

#include <unistd.h>

static bool is_vacant(const struct supervisor *s, unsigned worker)
{
	/* Relaxed: its own. */
	return load_relaxed(&s->segment->control->vacant[worker / 64]) >> worker % 64 & 1;
}

static bool is_announced(const struct supervisor *s, unsigned worker)
{
	/* Relaxed: what a submitter that clears it has published is found by the new worker. */
	return load_relaxed(&s->segment->control->sleepers[worker / 64]) >> worker % 64 & 1;
}

/* Take a vacant seat for a worker. It may have been called just now, for another task. */
static void fill(struct supervisor *s, unsigned worker)
{
	uint64_t bit = UINT64_C(1) << worker % 64;

	s->role.vacant[worker] = false;
	/* Relaxed, both: the new worker inherits them, and announces itself after that. */
	if (!(fetch_and_relaxed(&s->segment->control->sleepers[worker / 64], ~bit) & bit))
		s->role.look_for_tasks = true;
	fetch_and_relaxed(&s->segment->control->vacant[worker / 64], ~bit);
}

static void announce(struct supervisor *s, unsigned worker)
{
	/* Relaxed: handed over by the announcement. */
	fetch_or_relaxed(&s->segment->control->vacant[worker / 64], UINT64_C(1) << worker % 64);
	/* DEMAND1, DEMAND2. Seq_cst: else a task that was published before could be missed. */
	fetch_or_seq_cst(&s->segment->control->sleepers[worker / 64], UINT64_C(1) << worker % 64);
	s->role.look_for_tasks = true;
}

static bool may_be_vacant(const struct supervisor *s, unsigned worker)
{
	return s->segment->workers.on_demand && worker >= s->segment->workers.min_workers;
}

bool demand_wants(const struct supervisor *s, unsigned worker)
{
	return worker < s->wanted && !s->role.vacant[worker];
}

unsigned demand_count(const struct supervisor *s)
{
	unsigned count = 0;

	for (unsigned worker = 0; worker < s->wanted; worker++)
		count += !s->role.vacant[worker];
	return count;
}

void demand_begin(struct supervisor *s, bool successor)
{
	s->wanted = segment_wanted(s->segment);
	for (unsigned worker = 0; worker < s->segment->worker_count; worker++) {
		bool vacant = may_be_vacant(s, worker) && (!successor || is_vacant(s, worker));

		s->role.vacant[worker] = vacant;
		if (vacant && worker < s->wanted)
			announce(s, worker);
	}
	demand_look(s);
}

/*
 * Announce again the seats that were called, because a worker that was about to look may have got
 * the task by now. Then start workers in the first vacant seats, one for each task that is READY.
 */
static void serve_calls(struct supervisor *s)
{
	unsigned tasks;

	for (unsigned worker = 0; worker < s->wanted; worker++)
		if (s->role.vacant[worker] && !is_announced(s, worker))
			announce(s, worker);
	/* DEMAND1. What was published meanwhile may have found nobody to call. */
	while (s->role.look_for_tasks) {
		s->role.look_for_tasks = false;
		tasks = rings_count_ready(s->segment, s->wanted);
		for (unsigned worker = 0; tasks && worker < s->wanted; worker++)
			if (s->role.vacant[worker]) {
				fill(s, worker);
				tasks--;
			}
	}
}

/* Follow what the owner wants. New seats of a pool on demand are vacant. */
static void follow_wanted(struct supervisor *s)
{
	unsigned before = s->wanted, wanted = segment_wanted(s->segment);

	s->wanted = wanted;
	for (unsigned worker = before; worker < wanted; worker++) {
		s->role.vacant[worker] = may_be_vacant(s, worker) && !s->role.pids[worker];
		if (s->role.vacant[worker])
			announce(s, worker);
	}
	for (unsigned worker = wanted; worker < before; worker++)
		if (s->role.vacant[worker])
			fill(s, worker);
}

void demand_look(struct supervisor *s)
{
	if (segment_wanted(s->segment) != s->wanted)
		follow_wanted(s);
	if (s->segment->workers.on_demand)
		serve_calls(s);
	s->role.look_for_tasks = false;
}

void demand_note_end(struct supervisor *s, unsigned worker, bool left)
{
	/*
	 * What submitters have left to it, because it looked for tasks, is nobody's now, whether
	 * its seat gets a successor or not: that takes one of them, and calls nobody.
	 */
	s->role.look_for_tasks = true;
	if (!may_be_vacant(s, worker) || worker >= s->wanted)
		return;
	/* Relaxed: of a dead worker. */
	if (!left || load_relaxed(&s->segment->seats[worker].leaving) != LEAVE_IDLE)
		return;
	s->role.vacant[worker] = true;
	announce(s, worker);
}

/* ---- in a worker ---- */

static pid_t my_supervisor;

/* Its tasks may have forked: a child of theirs calls nobody. */
static void call_by_signal(struct segment *segment)
{
	(void)segment;
	if (getppid() == my_supervisor)
		kill(my_supervisor, CHECK_SIGNAL);
}

void demand_enter_worker(struct segment *segment, pid_t supervisor)
{
	my_supervisor = supervisor;
	segment->call_worker = segment->workers.on_demand ? call_by_signal : NULL;
}
