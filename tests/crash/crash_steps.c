/*
 * crash_steps.c - single-steps a worker or the supervisor, and kills it between two instructions.
 *
 * Usage: crash_steps [SEED [POINTS [PATH]]]. First each path is recorded from its wake-up to its
 * next sleep or its end. Then it is run again and again, with a kill at every k-th point. There are
 * about POINTS kills; 0: one at every point. At the last point the process sleeps in a system call.
 * More kills come while the process is inside each system call, as many in proportion. With fewer
 * than 10 POINTS some paths are left out. PATH: the number of the only path to play.
 *
 * A kill is no power failure: other processes see what the dead one did up to some instruction. So
 * these are all the states that a death can leave, for one process and one order of events. See
 * subject_pool.h for what must hold after each. Every second dead worker is recovered by the test
 * itself first, twice, in place of the supervisor.
 *
 * Left out are the instructions of a process that has just been forked, before worker_run(), and of
 * a successor before its first recover(): up to there it touches nothing that is shared.
 */
#include "support/arguments.h"
#include "support/subject_pool.h"

#include "os/os.h"
#include "pool/recover.h"
#include "pool/worker.h"
#include "queue/bell.h"
#include "work/share.h"
#include "support/children.h"
#include "support/deadline.h"
#include "support/report.h"
#include "support/rng.h"
#include "support/step.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* The process that is stepped, and what happens to it at the point. */
enum deed {
	KILL_WORKER,     /* asleep at first; it runs the batch */
	KILL_FRESH,      /* a worker from its first instruction on */
	KILL_SUPERVISOR, /* while it repairs what a worker left, and replaces it */
	KILL_ORDERED,    /* the supervisor, while it kills a worker as it was told to */
	KILL_RESPAWN,    /* the supervisor, while it forks a spare for one that has died */
	/* the supervisor, while it repairs what a worker left, and its spare at once */
	KILL_BOTH,
	KILL_SPARE,     /* of a dead supervisor, from its wake-up on */
	KILL_SUCCESSOR, /* the same, while it repairs all */
	KILL_LAST,      /* the supervisor, while it ends a closed pool, or replaces one that left */
	/* no death: the worker gets another task just then, and must not sleep through it */
	SUBMIT,
};

/* What comes before the worker's path. */
enum before {
	NOTHING,
	OTHER_INSIDE, /* the other worker is in the batch, too, and runs a position */
	OTHER_DEAD,   /* the other worker was killed there, and what it had is returned */
	IN_MAP,       /* the worker has joined a map, and then a task of higher priority came */
	/* the worker has run a task, announced that it will sleep, and got another task */
	ANNOUNCED,
};

static const struct path {
	const char *name;
	enum deed deed;
	enum before before;
	struct workload load;
} paths[] = {
	{"call", KILL_WORKER, NOTHING, {.workers = 2, .positions = 1}},
	{"call with a slot", KILL_WORKER, NOTHING, {.workers = 1, .positions = 1, .slot = 24, .wait = WAIT_ANY}},
	{"call that fails", KILL_WORKER, NOTHING, {.workers = 1, .positions = 1, .fails = true}},
	{"call that cancels the rest", KILL_WORKER, NOTHING, {.workers = 1, .positions = 2, .fails = true, .cancels = true}},
	{"call with one attempt", KILL_WORKER, NOTHING, {.workers = 1, .positions = 1, .attempts = 1}},
	{"calls that wait for room", KILL_WORKER, NOTHING, {.workers = 1, .positions = 3, .slot = 8}},
	{"windowed call", KILL_WORKER, NOTHING, {.workers = 1, .positions = 2, .wait = WAIT_ANY, .windowed = true}},
	{"windowed calls with a slot", KILL_WORKER, NOTHING, {.workers = 1, .positions = 3, .slot = 24, .windowed = true}},
	{"windowed call that fails", KILL_WORKER, NOTHING, {.workers = 1, .positions = 2, .fails = true, .windowed = true}},
	{"wake-up passed on", KILL_WORKER, ANNOUNCED, {.workers = 2, .positions = 1, .more = 1, .slot = 8}},
	{"map", KILL_WORKER, NOTHING, {.workers = 1, .kind = KIND_MAP, .positions = 5, .grain = 3, .wait = WAIT_ALL}},
	{"map that fails", KILL_WORKER, NOTHING, {.workers = 1, .kind = KIND_MAP, .positions = 5, .grain = 2, .fails = true}},
	{"map that cancels the rest",
	 KILL_WORKER,
	 NOTHING,
	 {.workers = 1, .kind = KIND_MAP, .positions = 5, .grain = 2, .fails = true, .cancels = true}},
	{"map with one attempt",
	 KILL_WORKER,
	 NOTHING,
	 {.workers = 1, .kind = KIND_MAP, .positions = 5, .grain = 3, .attempts = 1}},
	{"map, steal", KILL_WORKER, NOTHING, {.workers = 2, .kind = KIND_MAP, .positions = 10, .grain = 1, .wait = WAIT_ALL}},
	{"map, few chunks",
	 KILL_WORKER,
	 NOTHING,
	 {.workers = 2, .kind = KIND_MAP, .positions = 6, .grain = 1, .wait = WAIT_ALL}},
	{"map, not the last to leave",
	 KILL_WORKER,
	 OTHER_INSIDE,
	 {.workers = 2, .kind = KIND_MAP, .positions = 10, .grain = 1, .wait = WAIT_ALL, .holds = true}},
	{"map, sweep",
	 KILL_WORKER,
	 OTHER_DEAD,
	 {.workers = 2, .kind = KIND_MAP, .positions = 6, .grain = 2, .wait = WAIT_ALL, .holds = true, .hold_at = 1}},
	{"map that is left",
	 KILL_WORKER,
	 IN_MAP,
	 {.workers = 1, .kind = KIND_MAP, .positions = 10, .more = 1, .grain = 1, .wait = WAIT_ALL}},
	{"map that is left inside a chunk",
	 KILL_WORKER,
	 IN_MAP,
	 {.workers = 1, .kind = KIND_MAP, .positions = 5, .more = 1, .grain = 3, .wait = WAIT_ALL}},
	{"loop", KILL_WORKER, NOTHING, {.workers = 1, .kind = KIND_FOR, .positions = 5, .grain = 3}},
	{"loop, wide",
	 KILL_WORKER,
	 OTHER_DEAD,
	 {.workers = 2, .kind = KIND_FOR, .positions = 6, .grain = 3, .wait = WAIT_ANY, .holds = true, .hold_at = 1}},
	{"loop that fails", KILL_WORKER, NOTHING, {.workers = 1, .kind = KIND_FOR, .positions = 4, .grain = 2, .fails = true}},
	{"start of a worker", KILL_FRESH, NOTHING, {.workers = 1, .positions = 1, .slot = 8, .holds = true}},
	{"worker of a closed pool", KILL_WORKER, NOTHING, {.workers = 1, .closes = true}},
	{"worker of a closed pool with a task",
	 KILL_WORKER,
	 NOTHING,
	 {.workers = 1, .positions = 1, .slot = 8, .closes = true}},
	{"leave: call", KILL_WORKER, NOTHING, {.workers = 1, .positions = 1, .slot = 8, .leaves = true}},
	{"leave: call, another worker sleeps", KILL_WORKER, NOTHING, {.workers = 2, .positions = 2, .slot = 8, .leaves = true}},
	{"leave: map",
	 KILL_WORKER,
	 NOTHING,
	 {.workers = 1, .kind = KIND_MAP, .positions = 5, .grain = 2, .wait = WAIT_ALL, .leaves = true}},
	{"leave: loop", KILL_WORKER, NOTHING, {.workers = 1, .kind = KIND_FOR, .positions = 5, .grain = 3, .leaves = true}},
	{"hook: start of a worker",
	 KILL_FRESH,
	 NOTHING,
	 {.workers = 1, .positions = 1, .slot = 8, .holds = true, .hooks = true}},
	{"hook: worker that leaves",
	 KILL_WORKER,
	 NOTHING,
	 {.workers = 1, .positions = 1, .slot = 8, .leaves = true, .hooks = true}},
	{"supervisor: leave", KILL_LAST, NOTHING, {.workers = 1, .positions = 1, .slot = 8, .leaves = true}},
	{"supervisor: leave with hooks",
	 KILL_LAST,
	 NOTHING,
	 {.workers = 1, .positions = 1, .slot = 8, .leaves = true, .hooks = true}},
	{"supervisor: worker that is called",
	 KILL_LAST,
	 NOTHING,
	 {.workers = 1, .positions = 1, .slot = 8, .demand = true, .closes = true}},
	{"supervisor: call", KILL_SUPERVISOR, NOTHING, {.workers = 1, .positions = 1, .slot = 24, .holds = true}},
	{"supervisor: call given up", KILL_SUPERVISOR, NOTHING, {.workers = 1, .positions = 1, .attempts = 1, .holds = true}},
	{"supervisor: windowed call",
	 KILL_SUPERVISOR,
	 NOTHING,
	 {.workers = 1, .positions = 2, .holds = true, .windowed = true}},
	{"supervisor: windowed call given up",
	 KILL_SUPERVISOR,
	 NOTHING,
	 {.workers = 1, .positions = 1, .attempts = 1, .holds = true, .windowed = true}},
	{"supervisor: cancelled call",
	 KILL_SUPERVISOR,
	 NOTHING,
	 {.workers = 1, .positions = 1, .slot = 24, .cancels = true, .holds = true}},
	{"supervisor: map",
	 KILL_SUPERVISOR,
	 NOTHING,
	 {.workers = 1, .kind = KIND_MAP, .positions = 4, .grain = 3, .wait = WAIT_ALL, .holds = true, .hold_at = 1}},
	{"supervisor: map that fails",
	 KILL_SUPERVISOR,
	 NOTHING,
	 {.workers = 1, .kind = KIND_MAP, .positions = 4, .grain = 3, .fails = true, .holds = true, .hold_at = 1}},
	{"supervisor: cancelled map",
	 KILL_SUPERVISOR,
	 NOTHING,
	 {.workers = 1, .kind = KIND_MAP, .positions = 4, .grain = 2, .cancels = true, .holds = true, .hold_at = 1}},
	{"supervisor: map given up",
	 KILL_SUPERVISOR,
	 NOTHING,
	 {.workers = 1, .kind = KIND_MAP, .positions = 4, .grain = 2, .attempts = 1, .holds = true, .hold_at = 1}},
	{"supervisor: loop",
	 KILL_SUPERVISOR,
	 NOTHING,
	 {.workers = 1, .kind = KIND_FOR, .positions = 4, .grain = 2, .holds = true, .hold_at = 1}},
	{"supervisor: loop given up",
	 KILL_SUPERVISOR,
	 NOTHING,
	 {.workers = 1, .kind = KIND_FOR, .positions = 4, .grain = 2, .attempts = 1, .holds = true, .hold_at = 1}},
	{"supervisor: kill request", KILL_ORDERED, NOTHING, {.workers = 1, .positions = 1, .slot = 8, .holds = true}},
	{"supervisor: spare", KILL_RESPAWN, NOTHING, {.workers = 1, .positions = 1, .slot = 8, .holds = true}},
	{"supervisor and spare: call", KILL_BOTH, NOTHING, {.workers = 1, .positions = 1, .slot = 24, .holds = true}},
	{"spare: call", KILL_SPARE, NOTHING, {.workers = 2, .positions = 1, .slot = 24, .holds = true}},
	{"successor: call", KILL_SUCCESSOR, NOTHING, {.workers = 2, .positions = 1, .slot = 24, .holds = true}},
	{"successor: map",
	 KILL_SUCCESSOR,
	 NOTHING,
	 {.workers = 1, .kind = KIND_MAP, .positions = 4, .grain = 3, .fails = true, .holds = true, .hold_at = 1}},
	{"supervisor of a closed pool", KILL_LAST, NOTHING, {.workers = 1, .positions = 1, .slot = 8, .closes = true}},
	{"falling asleep", SUBMIT, NOTHING, {.workers = 1, .positions = 1, .more = 1, .slot = 8}},
};

#define FEW_POINTS 10
/* FORK_RETRY_NS of the supervisor: a spare that was younger is replaced only after the path */
#define SPARE_REST_NS 20000000
#define PATHS (sizeof(paths) / sizeof(paths[0]))

/* ---- up to the first point ---- */

/* The process that is stepped, and those that stand still meanwhile. */
struct setup {
	pid_t victim;
	unsigned worker; /* the one found dead in the end */
	unsigned generation;
	pid_t still; /* 0: none */
	pid_t spare;
	bool supervisor_stopped;
};

static bool is_worker(enum deed deed)
{
	return deed == KILL_WORKER || deed == KILL_FRESH || deed == SUBMIT;
}

static void kill_and_wait(pid_t pid)
{
	CHECK(kill(pid, SIGKILL) == 0, "kill: errno %d", errno);
	CHECK_AS(HARM_HUNG, process_ended(pid, hang_deadline()), "process %ld does not die", (long)pid);
}

/* Stop a worker that sleeps and is about to be woken for the batch. False: no tracing here. */
static bool set_worker(const struct path *path, uint64_t point, struct setup *s)
{
	bool other = path->before == OTHER_INSIDE || path->before == OTHER_DEAD;
	enum outcome outcome;

	s->worker = other;
	for (unsigned w = 0; w < path->load.workers; w++)
		subject_worker(w);
	s->victim = subject_worker(s->worker);
	s->generation = subject_generation(s->worker);
	if (!seize(s->victim))
		return false;
	if (path->load.workers > 1 && !other) {
		s->still = subject_worker(1);
		CHECK(seize(s->still), "worker 1 cannot be traced");
	}
	subject_submit_batch(path->name, point);
	if (other) {
		pid_t held = subject_wait_for_held();

		if (path->before == OTHER_DEAD) {
			subject_stop_supervisor();
			s->supervisor_stopped = true;
			kill_and_wait(held);
			subject_recover_twice(0, subject_generation(0));
			subject_let_pass();
		}
	}
	if (path->before == IN_MAP) {
		CHECK(run_to_address(s->victim, (uintptr_t)share_run) == STEPPED, "the worker does not join the map");
		subject_order(ORDER_SUBMIT, 0);
		subject_wait_for_order();
	}
	if (path->before == ANNOUNCED) {
		outcome = run_to_address(s->victim, (uintptr_t)sleeper_announce);
		while (outcome == STEPPED && !(atomic_load(&subject_segment()->control->sleepers[0]) & 1))
			step(s->victim, 1, &outcome);
		CHECK(outcome == STEPPED, "the worker does not announce itself");
		subject_order(ORDER_SUBMIT, 0);
		subject_wait_for_order();
	}
	return true;
}

/*
 * Stop a supervisor that sleeps, or a spare, and that has something to do. False: no tracing here.
 */
static bool set_supervisor(const struct path *path, uint64_t point, struct setup *s)
{
	pid_t held = 0, worker = path->deed == KILL_LAST && !path->load.demand ? subject_worker(0) : 0;

	s->generation = subject_generation(0);
	if (path->deed == KILL_LAST) {
		s->victim = subject_supervisor();
		if (!seize(s->victim))
			return false;
		subject_submit_batch(path->name, point);
		CHECK_AS(HARM_HUNG, !worker || process_ended(worker, hang_deadline()), "the worker does not end");
		return true;
	}
	subject_submit_batch(path->name, point);
	/*
	 * A worker that dies with its supervisor is not charged, nor is a death that a supervisor's
	 * death left unsettled.
	 */
	subject_excuse_runs(2);
	held = subject_wait_for_held();
	if (path->deed == KILL_SPARE || path->deed == KILL_SUCCESSOR) {
		s->victim = subject_spare();
		if (!seize(s->victim))
			return false;
		kill_and_wait(subject_supervisor());
		/* Where the kernel does not, the spare kills its workers, in its own time. */
		for (unsigned w = 0; w < path->load.workers; w++) {
			pid_t worker = atomic_load(&subject_segment()->seats[w].pid);

			kill(worker, SIGKILL);
			CHECK(process_ended(worker, hang_deadline()), "a worker outlives its supervisor");
		}
		subject_let_pass();
		CHECK(path->deed == KILL_SPARE || run_to_address(s->victim, (uintptr_t)recover) == STEPPED,
		      "the spare does not recover anything");
		return true;
	}
	s->spare = subject_spare();
	if (path->deed == KILL_RESPAWN)
		os_sleep_ns(SPARE_REST_NS);
	s->victim = subject_supervisor();
	if (!seize(s->victim))
		return false;
	if (path->deed == KILL_ORDERED) {
		subject_order(ORDER_KILL, 0);
		subject_wait_for_order();
	} else {
		kill_and_wait(path->deed == KILL_RESPAWN ? s->spare : held);
	}
	subject_let_pass();
	return true;
}

static bool set_fresh(const struct path *path, uint64_t point, struct setup *s)
{
	pid_t supervisor;

	subject_submit_batch(path->name, point);
	supervisor = subject_supervisor();
	if (!seize(supervisor))
		return false;
	kill_and_wait(subject_wait_for_held());
	subject_let_pass();
	s->victim = run_to_fork(supervisor);
	detach(supervisor, STEPPED);
	s->generation = subject_generation(0);
	CHECK(run_to_address(s->victim, (uintptr_t)worker_run) == STEPPED, "the worker does not work");
	return true;
}

static bool set(const struct path *path, uint64_t point, struct setup *s)
{
	*s = (struct setup){0};
	return path->deed == KILL_FRESH    ? set_fresh(path, point, s)
	       : path->deed == KILL_WORKER ? set_worker(path, point, s)
	       : path->deed == SUBMIT      ? set_worker(path, point, s)
					   : set_supervisor(path, point, s);
}

/* ---- from the last point on ---- */

static void kill_victim(const struct path *path, struct setup *s, bool twice)
{
	if (!is_worker(path->deed)) {
		if (path->deed == KILL_BOTH) /* its supervisor stands still */
			kill_and_wait(s->spare);
		kill_traced(s->victim, false);
		/* The owner starts a successor if none is left, or finds that there is one. */
		subject_order(ORDER_CHECK, 0);
		subject_wait_for_order();
		return;
	}
	/* Not while the host may submit at once, because it finds room. */
	twice = twice && !path->load.closes && (path->load.kind != KIND_CALLS || path->load.positions <= SUBJECT_RING);
	if (twice && !s->supervisor_stopped) {
		subject_stop_supervisor();
		s->supervisor_stopped = true;
	}
	kill_traced(s->victim, false);
	if (twice)
		subject_recover_twice(s->worker, s->generation);
}

static void finish(struct setup *s)
{
	if (s->still)
		detach(s->still, STEPPED);
	if (s->supervisor_stopped)
		subject_continue_supervisor();
	subject_let_pass();
	subject_finish_batch(s->worker, s->generation);
}

/* ---- paths ---- */

enum act {
	KILL_FIRST, /* at the first point, which needs no trace */
	NO_ACT,
	ACT,        /* the path's deed, at the point */
	KILL_INSIDE /* a kill while it is in the system call that begins at the point */
};

/*
 * Play the path up to a point, and on. @trace: recorded, if it is empty. False: the process went
 * another way. @skip is set if there is no tracing here.
 */
static bool play(const struct path *path, struct trace *trace, uint64_t point, enum act act, struct rng *rng, bool *skip)
{
	bool once = path->load.closes, reached = true;
	enum outcome outcome;
	struct setup s;

	if (once && !subject_begin(&path->load)) {
		*skip = true;
		return false;
	}
	if (!set(path, point, &s)) {
		puts("skipped: processes may not be traced here");
		*skip = true;
		return false;
	}
	if (act == KILL_FIRST)
		outcome = STEPPED;
	else if (!trace->length)
		outcome = step_and_record(s.victim, trace, NULL, NULL);
	else
		reached = step_to(s.victim, trace, point, &outcome);
	if (outcome == ENDED) {
		; /* by itself, as it should */
	} else if (act == NO_ACT) {
		detach(s.victim, outcome);
	} else if (path->deed == SUBMIT) {
		subject_order(ORDER_SUBMIT, 0);
		subject_wait_for_order();
		detach(s.victim, outcome);
	} else {
		if (act == KILL_INSIDE && outcome == STEPPED) {
			uint64_t until = sheaf_now_ns() + rng_below(rng, 60000);

			resume_traced(s.victim);
			while (sheaf_now_ns() < until)
				;
		}
		kill_victim(path, &s, point & 1);
	}
	if (act == NO_ACT && path->deed == SUBMIT) {
		subject_order(ORDER_SUBMIT, 0);
		subject_wait_for_order();
	}
	finish(&s);
	if (once)
		subject_end();
	return reached;
}

/* Is the instruction a system call? Its text is at the same address here. */
static bool calls_system(uint64_t address)
{
#if defined(__x86_64__)
	return address && !memcmp((const void *)(uintptr_t)address, "\x0f\x05", 2);
#else
	(void)address;
	return false;
#endif
}

static bool run(const struct path *path, struct rng *rng, uint64_t points)
{
	uint64_t length, stride, count = 0, missed = 0, inside = 0, began = sheaf_now_ns();
	struct trace trace = {0};
	bool skip = false;

	if (!path->load.closes && !subject_begin(&path->load))
		return false;
	/* The first death of a pool changes it in a way that later ones do not. */
	if (!play(path, &trace, 0, KILL_FIRST, rng, &skip) || !play(path, &trace, 0, NO_ACT, rng, &skip))
		return false;
	length = trace.length;
	stride = points && length > points ? length / points : 1;
	for (uint64_t n = points ? rng_below(rng, stride) : 0; n < length; n += stride) {
		/* A process that was held up may go another way. */
		if (play(path, &trace, n, ACT, rng, &skip) || play(path, &trace, n, ACT, rng, &skip))
			count++;
		else
			missed++;
	}
	for (uint64_t n = 0; n < length && path->deed != SUBMIT; n++) {
		if (!calls_system(trace.at[n]) || (points && rng_below(rng, length) >= points * 4))
			continue;
		inside += play(path, &trace, n, KILL_INSIDE, rng, &skip);
	}
	if (!path->load.closes)
		subject_end();
	printf("%s: %llu points, %llu %s, %llu kills inside of system calls, %llu missed, %.1f s\n", path->name,
	       (unsigned long long)length, (unsigned long long)count, path->deed == SUBMIT ? "submits" : "kills",
	       (unsigned long long)inside, (unsigned long long)missed, (double)(sheaf_now_ns() - began) / 1e9);
	fflush(stdout);
	report_add(count + inside);
	trace_free(&trace);
	return true;
}

int main(int argc, char **argv)
{
	struct rng rng = {seed_argument(argc, argv)};
	uint64_t points = amount_argument(argc, argv, 2, 4), only = amount_argument(argc, argv, 3, PATHS);

	report_begin("steps", "points", rng.state);
	for (unsigned i = 0; i < PATHS; i++) {
		/* To record a path costs as much as some kills. */
		bool spared = points && points < FEW_POINTS && rng_below(&rng, FEW_POINTS) >= points;

		if ((only == PATHS ? !spared : only == i) && !run(&paths[i], &rng, points))
			return 77;
	}
	report_end();
	return 0;
}
