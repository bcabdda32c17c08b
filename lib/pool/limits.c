/*
 * limits.c - kills workers whose tasks run longer than they may.
 *
 * Writers           A worker: its deadline, before and after its task. The opener of a batch: the
 *                   shortest limit of its tasks. The supervisor: how often it checks (tick_ns), and
 *                   everything in struct limits, which is private to it.
 * Lost time         A limit is meant for a task that hangs. Time in which the worker could not run
 *                   does not count. While it was stopped, the kernel tells its parent. While the
 *                   supervisor itself was frozen (a paused container, a stopped family), it sees
 *                   that by the clock, between two checks. A worker that is stopped alone, and
 *                   stays so, is killed when twice its limit is over, because nobody may ever wake
 *                   it.
 * Deaths            Of the supervisor: its successor begins with nothing lost, because all workers
 *                   are new.
 */
#include "pool/limits.h"

#include "base/atomic.h"
#include "os/os.h"

#include <signal.h>

#define SECOND UINT64_C(1000000000)
#define LEAST_TICK_NS 1000000
/* A pause is seen as such if it is longer than the nap that it interrupts. */
#define LONGEST_TICK_NS 50000000
#define OVERSLEPT_NS 50000000 /* more than a busy machine lets a process wait */

void limits_begin(struct limits *limits, struct segment *segment)
{
	limits->segment = segment;
	limits->until_ns = limits->seen_ns = limits->nap_ns = limits->hook_ns = 0;
	for (unsigned worker = 0; worker < segment->worker_count; worker++)
		limits_forget(limits, worker);
}

void limits_forget(struct limits *limits, unsigned worker)
{
	limits->workers[worker] = (struct limit){0};
}

/*
 * Relaxed: it is the worker's; if the task in hand is another one by now, that shows when the
 * worker is dead.
 */
static uint64_t deadline_of(const struct limits *limits, unsigned worker)
{
	return load_relaxed(&limits->segment->seats[worker].deadline);
}

/* Relaxed: as the deadline. */
static uint64_t started_of(const struct limits *limits, unsigned worker)
{
	return load_relaxed(&limits->segment->seats[worker].started);
}

/* How much of the time from @since to @now was the task's in hand. */
static uint64_t task_time(const struct limits *limits, unsigned worker, uint64_t since, uint64_t now)
{
	uint64_t started = started_of(limits, worker), from = started > since ? started : since;

	return now > from ? now - from : 0;
}

/* Note that the task in hand could not run from @since to @now. */
static void lose(struct limits *limits, unsigned worker, uint64_t since, uint64_t now, bool stopped_alone)
{
	struct limit *limit = &limits->workers[worker];
	uint64_t deadline = deadline_of(limits, worker), time;

	if (!deadline)
		return;
	if (limit->lost_for != deadline)
		limit->lost_ns = limit->stops_ns = 0;
	limit->lost_for = deadline;
	time = task_time(limits, worker, since, now);
	if (stopped_alone)
		limit->stops_ns += time;
	else
		limit->lost_ns += time;
}

void limits_stopped(struct limits *limits, unsigned worker, bool stopped)
{
	struct limit *limit = &limits->workers[worker];
	uint64_t now = sheaf_now_ns();

	/* Of a stop that was over before it was told, only the end is. */
	if (!stopped)
		lose(limits, worker, limit->stopped_ns, now, true);
	limit->stopped_ns = stopped ? now : 0;
}

/*
 * Read the clock, and count a freeze as lost time. It may come anywhere between two calls, in the
 * midst of a fork too, not only while the supervisor sleeps.
 */
static uint64_t check_clock(struct limits *limits, const pid_t *pids)
{
	uint64_t now = sheaf_now_ns(), since = limits->seen_ns, wanted = limits->nap_ns;

	limits->seen_ns = now;
	limits->nap_ns = 0;
	if (!since || now - since < wanted || now - since - wanted < OVERSLEPT_NS)
		return now;
	/*
	 * All of it: when the freeze began is not known, and a task loses nothing by too much time.
	 */
	for (unsigned worker = 0; worker < limits->segment->worker_count; worker++) {
		struct limit *limit = &limits->workers[worker];

		if (!pids[worker])
			continue;
		if (limit->stopped_ns) {
			lose(limits, worker, limit->stopped_ns, since, true);
			limit->stopped_ns = now;
		}
		lose(limits, worker, since, now, false);
	}
	return now;
}

void limits_sleep(struct limits *limits, uint64_t nap_ns)
{
	limits->nap_ns = nap_ns;
}

void limits_wake(struct limits *limits, const pid_t *pids)
{
	check_clock(limits, pids);
}

/* Tell when the task in hand has to have ended, with what it has lost. */
static uint64_t extended(const struct limits *limits, unsigned worker, uint64_t deadline, uint64_t now)
{
	const struct limit *limit = &limits->workers[worker];
	uint64_t started = started_of(limits, worker), most = deadline > started ? deadline - started : 0;
	uint64_t stops = limit->lost_for == deadline ? limit->stops_ns : 0;
	uint64_t lost = limit->lost_for == deadline ? limit->lost_ns : 0;

	if (limit->stopped_ns)
		stops += task_time(limits, worker, limit->stopped_ns, now);
	return deadline + lost + (stops < most ? stops : most);
}

/* Find the shortest limit of the open batches, and of hooks that run. 0: none has one. */
static uint64_t shortest_limit(const struct limits *limits)
{
	const struct segment *segment = limits->segment;
	uint64_t shortest = limits->hook_ns;
	uint32_t count = segment_batches(segment);

	for (uint32_t i = 0; i < count; i++) {
		/* Seq_cst, pairs with tell_shortest() in open.c: see find_tick(). */
		uint64_t limit = load_seq_cst(&segment->batches[i].shortest_ns);

		if (limit && (!shortest || limit < shortest))
			shortest = limit;
	}
	return shortest;
}

/*
 * Tell how often to check for tasks over their limits. 0: not at all. A task that starts after one
 * check has at least twice that time, so the next check sees its deadline before it passes. Goes on
 * for a second after the last batch with a limit, so that an owner that opens one after the other
 * need not wake the supervisor for each.
 */
static uint64_t find_tick(struct limits *limits, uint64_t now)
{
	struct shared_control *control = limits->segment->control;
	uint64_t shortest = shortest_limit(limits), before, tick;

	do {
		before = shortest;
		/* Relaxed: only a supervisor writes it. */
		tick = load_relaxed(&control->tick_ns);
		if (shortest) {
			tick = shortest / 2 > LEAST_TICK_NS ? shortest / 2 : LEAST_TICK_NS;
			tick = tick < LONGEST_TICK_NS ? tick : LONGEST_TICK_NS;
			limits->until_ns = now + SECOND;
		} else if (now >= limits->until_ns) {
			tick = 0;
		}
		/*
		 * Seq_cst, both: else the limit could be read before the opener can see how often
		 * we check. It tells its limit, then checks that. One of us sees the other.
		 */
		store_seq_cst(&control->tick_ns, tick);
		shortest = shortest_limit(limits);
	} while (shortest != before);
	return tick;
}

uint64_t limits_enforce(struct limits *limits, const pid_t *pids)
{
	uint64_t now = check_clock(limits, pids), tick = find_tick(limits, now), nap = tick ? tick : UINT64_MAX;

	for (unsigned worker = 0; tick && worker < limits->segment->worker_count; worker++) {
		uint64_t deadline = deadline_of(limits, worker), end;

		if (!pids[worker] || !deadline || limits->workers[worker].late)
			continue;
		end = extended(limits, worker, deadline, now);
		if (end <= now && !limits->workers[worker].stopped_ns && os_is_stopped(pids[worker])) {
			/* Since when is not known. */
			limits->workers[worker].stopped_ns = started_of(limits, worker);
			end = extended(limits, worker, deadline, now);
		}
		if (end > now) {
			nap = end - now < nap ? end - now : nap;
		} else {
			limits->workers[worker].late = deadline;
			/* Programs that have joined: see programs_kill_late(). */
			if (worker < limits->segment->crew_count)
				kill(pids[worker], SIGKILL);
		}
	}
	return nap;
}
