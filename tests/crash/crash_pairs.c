/*
 * crash_pairs.c - a second kill while others repair what the first one left.
 *
 * Usage: crash_pairs [SEED [PAIRS [PATH]]]. PATH: the number of the only path of first kills.
 *
 * The first victim is a worker that runs a batch. Of its path, only those points matter at which it has just changed something
 * shared: its effects, found by comparing the segment's words before and after each instruction. Behind each of them, a second
 * process is noted in the same way, from the first death on:
 *
 *   the supervisor      while it repairs and replaces: its successor goes on
 *   the replacement     while it runs what was given back
 *   the survivor        of two workers, the same
 *
 * Then pairs of two effects are played in random order, each once, and when a second process has no more of them, at random
 * points of its path. See scene.h for what must hold after each.
 */
#include "support/arguments.h"
#include "support/scene.h"

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

#define AT_ONCE 32 /* pairs of one group, before another one has its turn */

static const struct path {
	const char *name;
	struct work work;
} paths[] = {
	{"call", {.workers = 2, .positions = 1}},
	{"call with a slot", {.workers = 1, .positions = 1, .slot = 24, .wait = WAIT_ANY}},
	{"call with one attempt", {.workers = 1, .positions = 1, .attempts = 1}},
	{"call that fails", {.workers = 1, .positions = 1, .attempts = 2, .fails = true}},
	{"calls that wait for room", {.workers = 1, .positions = 3, .slot = 8}},
	{"map", {.workers = 1, .kind = KIND_MAP, .positions = 5, .grain = 3, .wait = WAIT_ALL}},
	{"map, two workers", {.workers = 2, .kind = KIND_MAP, .positions = 4, .grain = 1, .wait = WAIT_ALL}},
	{"map, raid", {.workers = 2, .kind = KIND_MAP, .positions = 9, .grain = 1, .wait = WAIT_ALL}},
	{"map that fails", {.workers = 1, .kind = KIND_MAP, .positions = 4, .grain = 2, .attempts = 2, .fails = true}},
	{"map with one attempt", {.workers = 1, .kind = KIND_MAP, .positions = 4, .grain = 2, .attempts = 1}},
	{"loop", {.workers = 2, .kind = KIND_FOR, .positions = 4, .grain = 2, .wait = WAIT_ANY}},
	{"loop with one attempt", {.workers = 1, .kind = KIND_FOR, .positions = 4, .grain = 2, .attempts = 1}},
};

#define PATHS (sizeof(paths) / sizeof(paths[0]))

enum second { SUPERVISOR, REPLACEMENT, SURVIVOR, SECONDS };

static const char *const seconds[] = {"supervisor", "replacement", "survivor"};

/* A path as it was gone once, and its effects. */
struct way {
	struct trace trace;
	uint64_t *effects; /* points, in random order */
	uint64_t count, room;
	uint64_t last; /* what the words were at the point before */
};

static struct way first_ways[PATHS];

/* Pairs with the same first kill and the same second process. */
struct group {
	unsigned path;
	uint64_t first;
	enum second second;
	bool warm_up; /* noted is nothing: both are killed at their first points */
	struct way way;
	uint64_t played;
};

/* ---- ways ---- */

static void see(void *context, uint64_t point)
{
	struct way *way = context;
	uint64_t effects = scene_effects();

	if (point && effects == way->last)
		return;
	way->last = effects;
	if (way->count == way->room) {
		way->room = way->room ? 2 * way->room : 64;
		way->effects = realloc(way->effects, way->room * sizeof(*way->effects));
		CHECK(way->effects, "no memory for %llu effects", (unsigned long long)way->room);
	}
	way->effects[way->count++] = point;
}

/* Notes the way of a process that stands at its begin, to its end. */
static enum outcome note(pid_t pid, struct way *way, struct rng *rng)
{
	enum outcome outcome = step_and_record(pid, &way->trace, see, way);

	for (uint64_t i = way->count; i > 1; i--) {
		uint64_t j = rng_below(rng, i), effect = way->effects[i - 1];

		way->effects[i - 1] = way->effects[j];
		way->effects[j] = effect;
	}
	return outcome;
}

/*
 * Takes a process to a point, or notes its way if that was not done yet. @way: NULL, it stays where it is. False: it went
 * another way.
 */
static bool go(pid_t pid, struct way *way, uint64_t point, struct rng *rng)
{
	enum outcome outcome;

	if (!way)
		return true;
	if (!way->trace.length) {
		outcome = note(pid, way, rng);
		CHECK(outcome != ENDED, "process %ld has ended", (long)pid);
		return true;
	}
	return step_to(pid, &way->trace, point, &outcome);
}

/* ---- pairs ---- */

struct cast {
	pid_t worker, supervisor;
	pid_t survivor; /* 0: none */
	unsigned generation;
};

/* All asleep and stopped, and worker 0 is about to be woken for the batch. False: no tracing here. */
static bool set(const struct path *path, uint64_t first, struct cast *cast)
{
	*cast = (struct cast){0};
	for (unsigned w = 0; w < path->work.workers; w++)
		scene_worker(w);
	cast->worker = scene_worker(0);
	cast->generation = scene_generation(0);
	cast->supervisor = scene_supervisor();
	if (!seize(cast->worker)) {
		puts("skipped: processes may not be traced here");
		return false;
	}
	CHECK(seize(cast->supervisor), "the supervisor cannot be traced");
	if (path->work.workers > 1) {
		cast->survivor = scene_worker(1);
		CHECK(seize(cast->survivor), "worker 1 cannot be traced");
	}
	scene_start(path->name, first);
	scene_excuse(3); /* who dies with a supervisor runs again for nothing, and so do those of its unsettled deaths */
	return true;
}

static struct way *way_of(struct group *group)
{
	return group->warm_up ? NULL : &group->way;
}

static bool second_supervisor(struct group *group, struct cast *cast, uint64_t point, struct rng *rng)
{
	bool reached = go(cast->supervisor, way_of(group), point, rng);

	kill_traced(cast->supervisor, false);
	if (cast->survivor)
		detach(cast->survivor, STEPPED);
	scene_order(ORDER_LOOK, 0);
	scene_obeyed();
	return reached;
}

static bool second_replacement(struct group *group, struct cast *cast, uint64_t point, struct rng *rng)
{
	pid_t pid = run_to_fork(cast->supervisor);
	bool reached;

	detach(cast->supervisor, STEPPED);
	cast->generation = scene_generation(0);
	CHECK(run_to_address(pid, (uintptr_t)worker_run) == STEPPED, "the replacement does not work");
	reached = go(pid, way_of(group), point, rng);
	kill_traced(pid, false);
	if (cast->survivor)
		detach(cast->survivor, STEPPED);
	return reached;
}

static bool second_survivor(struct group *group, struct cast *cast, uint64_t point, struct rng *rng)
{
	bool reached;

	/* In place of the supervisor, which buries both later: nobody else takes what was given back. */
	scene_recover_twice(0, cast->generation);
	reached = go(cast->survivor, way_of(group), point, rng);
	kill_traced(cast->survivor, false);
	detach(cast->supervisor, STEPPED);
	return reached;
}

/* False: a process went another way than the one that was noted. */
static bool play(struct group *group, uint64_t point, struct rng *rng, bool *skip)
{
	static bool (*const plays[])(struct group *, struct cast *, uint64_t,
				     struct rng *) = {second_supervisor, second_replacement, second_survivor};
	struct cast cast;
	bool reached;

	if (!set(&paths[group->path], group->first, &cast)) {
		*skip = true;
		return false;
	}
	reached = go(cast.worker, group->warm_up ? NULL : &first_ways[group->path], group->first, rng);
	kill_traced(cast.worker, false);
	CHECK_AS(HARM_HUNG, process_ended(cast.worker, hang_deadline()), "worker %ld does not die", (long)cast.worker);
	if (!plays[group->second](group, &cast, point, rng))
		reached = false;
	scene_finish(group->second == SURVIVOR, group->second == SURVIVOR ? scene_generation(1) - 1 : cast.generation);
	return reached;
}

/* ---- groups ---- */

struct groups {
	struct group *all;
	size_t count;
};

static void add_groups(struct groups *groups, unsigned path)
{
	const struct way *way = &first_ways[path];

	groups->all = realloc(groups->all, (groups->count + way->count * SECONDS) * sizeof(*groups->all));
	CHECK(groups->all, "no memory for groups");
	for (uint64_t i = 0; i < way->count; i++)
		for (int second = 0; second < SECONDS; second++)
			if (second != SURVIVOR || paths[path].work.workers > 1)
				groups->all[groups->count++] = (struct group){
					.path = path, .first = way->effects[i], .second = (enum second)second};
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
 * Notes the first kills' ways, of so many paths from @begin on. The first death of a pool leaves it as all later ones do,
 * so the second counts.
 */
static bool note_first(struct groups *groups, unsigned begin, uint64_t most, struct rng *rng)
{
	for (unsigned i = 0; i < PATHS && i < most; i++) {
		unsigned path = (begin + i) % PATHS;
		struct group group = {.path = path, .second = REPLACEMENT};
		bool skip = false;

		if (!scene_begin(&paths[path].work))
			return false;
		if (!play(&(struct group){.path = path, .second = SUPERVISOR, .warm_up = true}, 0, rng, &skip))
			return false;
		play(&group, 0, rng, &skip);
		trace_free(&group.way.trace);
		free(group.way.effects);
		scene_end();
		printf("%s: %llu points, %llu effects\n", paths[path].name, (unsigned long long)first_ways[path].trace.length,
		       (unsigned long long)first_ways[path].count);
		fflush(stdout);
		add_groups(groups, path);
	}
	return true;
}

/* Plays the next pairs of a group. How many did not go the way that was noted. */
static uint64_t play_some(struct group *group, uint64_t pairs, struct rng *rng)
{
	uint64_t missed = 0;
	bool skip = false;

	CHECK(scene_begin(&paths[group->path].work), "no pool of %s any more", paths[group->path].name);
	for (uint64_t i = 0; i < pairs; i++) {
		struct way *way = &group->way;
		uint64_t point = group->played < way->count ? way->effects[group->played]
				 : way->trace.length        ? rng_below(rng, way->trace.length)
							    : 0;

		/* To note the way is a pair, too: the second kill comes when it sleeps. */
		if (way->trace.length)
			group->played++;
		if (!play(group, point, rng, &skip))
			missed++;
	}
	scene_end();
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
	/* A process that was held up may go another way; one that always does is none that was noted. */
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
		trace_free(&groups.all[i].way.trace);
		free(groups.all[i].way.effects);
	}
	free(groups.all);
	for (unsigned path = 0; path < PATHS; path++) {
		trace_free(&first_ways[path].trace);
		free(first_ways[path].effects);
	}
	return 0;
}
