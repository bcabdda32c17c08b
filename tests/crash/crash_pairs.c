/*
 * crash_pairs.c - a second kill while others repair what the first one left.
 *
 * Usage: crash_pairs [SEED [PAIRS [PATH]]]. PATH: the number of the only path of first kills.
 *
 * The first victim is a worker that runs a batch. Only those points of its path matter at which it
 * has just changed something shared. These are its effects. They are found by comparing the
 * segment's words before and after each instruction. Behind each of them, a second process is
 * recorded in the same way, from the first death on:
 *
 *   the supervisor      while it repairs and replaces; its successor goes on
 *   the replacement     while it runs what was returned
 *   the survivor        of two workers, the same
 *
 * Then pairs of two effects are played in random order, each once. When a second process has no
 * more of them, points of its path are drawn. See subject_pool.h for what must hold after each
 * pair.
 */
#include "support/arguments.h"
#include "support/subject_pool.h"

#include "pool/worker.h"
#include "support/children.h"
#include "support/deadline.h"
#include "support/report.h"
#include "support/rng.h"
#include "support/step.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define AT_ONCE 32 /* pairs of one group, before another group has its turn */

static const struct path {
	const char *name;
	struct workload load;
} paths[] = {
	{"call", {.workers = 2, .positions = 1}},
	{"call with a slot", {.workers = 1, .positions = 1, .slot = 24, .wait = WAIT_ANY}},
	{"call with one attempt", {.workers = 1, .positions = 1, .attempts = 1}},
	{"call that fails", {.workers = 1, .positions = 1, .attempts = 2, .fails = true}},
	{"calls that wait for room", {.workers = 1, .positions = 3, .slot = 8}},
	{"map", {.workers = 1, .kind = KIND_MAP, .positions = 5, .grain = 3, .wait = WAIT_ALL}},
	{"map, two workers", {.workers = 2, .kind = KIND_MAP, .positions = 4, .grain = 1, .wait = WAIT_ALL}},
	{"map, steal", {.workers = 2, .kind = KIND_MAP, .positions = 9, .grain = 1, .wait = WAIT_ALL}},
	{"map that fails", {.workers = 1, .kind = KIND_MAP, .positions = 4, .grain = 2, .attempts = 2, .fails = true}},
	{"map with one attempt", {.workers = 1, .kind = KIND_MAP, .positions = 4, .grain = 2, .attempts = 1}},
	{"loop", {.workers = 2, .kind = KIND_FOR, .positions = 4, .grain = 2, .wait = WAIT_ANY}},
	{"loop with one attempt", {.workers = 1, .kind = KIND_FOR, .positions = 4, .grain = 2, .attempts = 1}},
};

#define PATHS (sizeof(paths) / sizeof(paths[0]))

enum second { SUPERVISOR, REPLACEMENT, SURVIVOR, SECONDS };

static const char *const seconds[] = {"supervisor", "replacement", "survivor"};

/* A path as it was recorded once, and its effects. */
struct recording {
	struct trace trace;
	uint64_t *effects; /* points, in random order */
	uint64_t count, room;
	uint64_t last; /* what the words were at the point before */
};

static struct recording first_recordings[PATHS];

/* Pairs with the same first kill and the same second process. */
struct group {
	unsigned path;
	uint64_t first;
	enum second second;
	bool warm_up;               /* nothing is recorded: both are killed at their first points */
	struct recording recording; /* of the second process */
	uint64_t played;
};

/* ---- recordings ---- */

static void note_effect(void *context, uint64_t point)
{
	struct recording *recording = context;
	uint64_t effects = subject_full_digest();

	if (point && effects == recording->last)
		return;
	recording->last = effects;
	if (recording->count == recording->room) {
		recording->room = recording->room ? 2 * recording->room : 64;
		recording->effects = realloc(recording->effects, recording->room * sizeof(*recording->effects));
		CHECK(recording->effects, "no memory for %llu effects", (unsigned long long)recording->room);
	}
	recording->effects[recording->count++] = point;
}

/* Record a process from where it stands to its end or its sleep. */
static enum outcome record(pid_t pid, struct recording *recording, struct rng *rng)
{
	enum outcome outcome = step_and_record(pid, &recording->trace, note_effect, recording);

	for (uint64_t i = recording->count; i > 1; i--) {
		uint64_t j = rng_below(rng, i), effect = recording->effects[i - 1];

		recording->effects[i - 1] = recording->effects[j];
		recording->effects[j] = effect;
	}
	return outcome;
}

/*
 * Take a process to a point, or record it if that was not done yet. @recording: NULL, it stays
 * where it is. False: it went another way.
 */
static bool go_to(pid_t pid, struct recording *recording, uint64_t point, struct rng *rng)
{
	enum outcome outcome;

	if (!recording)
		return true;
	if (!recording->trace.length) {
		outcome = record(pid, recording, rng);
		CHECK(outcome != ENDED, "process %ld has ended", (long)pid);
		return true;
	}
	return step_to(pid, &recording->trace, point, &outcome);
}

/* ---- pairs ---- */

struct processes {
	pid_t worker, supervisor;
	pid_t survivor; /* 0: none */
	unsigned generation;
};

/*
 * Stop all processes asleep, with worker 0 about to be woken for the batch. False: no tracing here.
 */
static bool prepare(const struct path *path, uint64_t first, struct processes *all)
{
	*all = (struct processes){0};
	for (unsigned w = 0; w < path->load.workers; w++)
		subject_worker(w);
	all->worker = subject_worker(0);
	all->generation = subject_generation(0);
	all->supervisor = subject_supervisor();
	/* The next process that the supervisor forks is to be the worker's replacement. */
	(void)subject_spare();
	if (!seize(all->worker)) {
		puts("skipped: processes may not be traced here");
		return false;
	}
	CHECK(seize(all->supervisor), "the supervisor cannot be traced");
	if (path->load.workers > 1) {
		all->survivor = subject_worker(1);
		CHECK(seize(all->survivor), "worker 1 cannot be traced");
	}
	subject_submit_batch(path->name, first);
	/*
	 * A worker that dies with its supervisor is not charged, nor are deaths that it left
	 * unsettled.
	 */
	subject_excuse_runs(3);
	return true;
}

static struct recording *recording_of(struct group *group)
{
	return group->warm_up ? NULL : &group->recording;
}

static bool second_supervisor(struct group *group, struct processes *all, uint64_t point, struct rng *rng)
{
	bool reached = go_to(all->supervisor, recording_of(group), point, rng);

	kill_traced(all->supervisor, false);
	if (all->survivor)
		detach(all->survivor, STEPPED);
	subject_order(ORDER_CHECK, 0);
	subject_wait_for_order();
	return reached;
}

static bool second_replacement(struct group *group, struct processes *all, uint64_t point, struct rng *rng)
{
	pid_t pid = run_to_fork(all->supervisor);
	bool reached;

	detach(all->supervisor, STEPPED);
	all->generation = subject_generation(0);
	CHECK(run_to_address(pid, (uintptr_t)worker_run) == STEPPED, "the replacement does not work");
	reached = go_to(pid, recording_of(group), point, rng);
	kill_traced(pid, false);
	if (all->survivor)
		detach(all->survivor, STEPPED);
	return reached;
}

static bool second_survivor(struct group *group, struct processes *all, uint64_t point, struct rng *rng)
{
	bool reached;

	/*
	 * In place of the supervisor, which repairs both later: no other worker may take what is
	 * returned.
	 */
	subject_recover_twice(0, all->generation);
	reached = go_to(all->survivor, recording_of(group), point, rng);
	kill_traced(all->survivor, false);
	detach(all->supervisor, STEPPED);
	return reached;
}

/* Play one pair. False: a process went another way than was recorded. */
static bool play(struct group *group, uint64_t point, struct rng *rng, bool *skip)
{
	static bool (*const plays[])(struct group *, struct processes *, uint64_t,
				     struct rng *) = {second_supervisor, second_replacement, second_survivor};
	struct processes all;
	bool reached;

	if (!prepare(&paths[group->path], group->first, &all)) {
		*skip = true;
		return false;
	}
	reached = go_to(all.worker, group->warm_up ? NULL : &first_recordings[group->path], group->first, rng);
	kill_traced(all.worker, false);
	CHECK_AS(HARM_HUNG, process_ended(all.worker, hang_deadline()), "worker %ld does not die", (long)all.worker);
	if (!plays[group->second](group, &all, point, rng))
		reached = false;
	subject_finish_batch(group->second == SURVIVOR, group->second == SURVIVOR ? subject_generation(1) - 1 : all.generation);
	return reached;
}

/* ---- groups ---- */

struct groups {
	struct group *all;
	size_t count;
};

static void add_groups(struct groups *groups, unsigned path)
{
	const struct recording *recording = &first_recordings[path];

	groups->all = realloc(groups->all, (groups->count + recording->count * SECONDS) * sizeof(*groups->all));
	CHECK(groups->all, "no memory for groups");
	for (uint64_t i = 0; i < recording->count; i++)
		for (int second = 0; second < SECONDS; second++)
			if (second != SURVIVOR || paths[path].load.workers > 1)
				groups->all[groups->count++] = (struct group){
					.path = path, .first = recording->effects[i], .second = (enum second)second};
}

static void shuffle(struct groups *groups, struct rng *rng)
{
	for (size_t i = groups->count; i > 1; i--) {
		size_t j = (size_t)rng_below(rng, i);
		struct group group = groups->all[i - 1];

		groups->all[i - 1] = groups->all[j];
		groups->all[j] = group;
	}
}

/*
 * Record the first victims of so many paths from @begin on. The first death changes a pool in a way
 * that later ones do not, so the second one counts.
 */
static bool note_first(struct groups *groups, unsigned begin, uint64_t most, struct rng *rng)
{
	for (unsigned i = 0; i < PATHS && i < most; i++) {
		unsigned path = (begin + i) % PATHS;
		struct group group = {.path = path, .second = REPLACEMENT};
		bool skip = false;

		if (!subject_begin(&paths[path].load))
			return false;
		if (!play(&(struct group){.path = path, .second = SUPERVISOR, .warm_up = true}, 0, rng, &skip))
			return false;
		play(&group, 0, rng, &skip);
		trace_free(&group.recording.trace);
		free(group.recording.effects);
		subject_end();
		printf("%s: %llu points, %llu effects\n", paths[path].name,
		       (unsigned long long)first_recordings[path].trace.length,
		       (unsigned long long)first_recordings[path].count);
		fflush(stdout);
		add_groups(groups, path);
	}
	return true;
}

/* Play the next pairs of a group. Return how many went another way than was recorded. */
static uint64_t play_some(struct group *group, uint64_t pairs, struct rng *rng)
{
	uint64_t missed = 0;
	bool skip = false;

	CHECK(subject_begin(&paths[group->path].load), "no further pool of %s", paths[group->path].name);
	for (uint64_t i = 0; i < pairs; i++) {
		struct recording *recording = &group->recording;
		uint64_t point = group->played < recording->count ? recording->effects[group->played]
				 : recording->trace.length        ? rng_below(rng, recording->trace.length)
								  : 0;

		/* A recording is a pair, too: the second kill comes when the process sleeps. */
		if (recording->trace.length)
			group->played++;
		if (!play(group, point, rng, &skip))
			missed++;
	}
	subject_end();
	return missed;
}

int main(int argc, char **argv)
{
	struct rng rng = {seed_argument(argc, argv)};
	uint64_t pairs = amount_argument(argc, argv, 2, 32), only = amount_argument(argc, argv, 3, PATHS);
	uint64_t played = 0, missed = 0, by_second[SECONDS] = {0};
	struct groups groups = {0};

	report_begin("pairs", "cases", rng.state);
	if (!note_first(&groups, (unsigned)(only < PATHS ? only : rng_below(&rng, PATHS)),
			only < PATHS ? 1 : (pairs + AT_ONCE - 1) / AT_ONCE, &rng))
		return 77;
	shuffle(&groups, &rng);
	/* A process that was held up may go another way. If all do, the recordings are wrong. */
	for (size_t i = 0; played < pairs && missed < pairs + AT_ONCE; i = (i + 1) % groups.count) {
		uint64_t wanted = pairs - played < AT_ONCE ? pairs - played : AT_ONCE;
		uint64_t lost = play_some(&groups.all[i], wanted, &rng);

		report_add(wanted - lost);
		played += wanted - lost;
		missed += lost;
		by_second[groups.all[i].second] += wanted - lost;
	}
	for (int second = 0; second < SECONDS; second++)
		printf("%s second: %llu pairs\n", seconds[second], (unsigned long long)by_second[second]);
	printf("%zu groups, %llu pairs, %llu more missed their points\n", groups.count, (unsigned long long)played,
	       (unsigned long long)missed);
	report_end();
	for (size_t i = 0; i < groups.count; i++) {
		trace_free(&groups.all[i].recording.trace);
		free(groups.all[i].recording.effects);
	}
	free(groups.all);
	for (unsigned path = 0; path < PATHS; path++) {
		trace_free(&first_recordings[path].trace);
		free(first_recordings[path].effects);
	}
	return 0;
}
