/*
 * play.c - ptrace, from a trap in front of the call to a flag behind it.
 */
#define _DEFAULT_SOURCE /* ptrace(), MAP_ANONYMOUS */
#include "play.h"

#include "deadline.h"
#include "report.h"
#include "rng.h"
#include "sheaf.h"
#include "step.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <unistd.h>

#define MOST_POINTS 1000000
#define SLEEPLESS 4000
#define SPIN 2000 /* so many instructions without one that is new */

static _Atomic bool *over; /* shared: the call has returned */

bool play_begin(void)
{
	return trail_begin();
}

void play_end(void)
{
	atomic_store(over, true);
	for (;;)
		pause();
}

/* A child that stands in front of its call. */
static pid_t start(const struct play *play)
{
	uint64_t deadline = hang_deadline();
	enum outcome outcome;
	pid_t pid;

	atomic_store(over, false);
	pid = child_start(play->live, play->context);
	CHECK(pid > 0, "child: %ld", (long)pid);
	while ((outcome = wait_for_stop(pid)) == BLOCKED)
		CHECK_AS(HARM_HUNG, sheaf_now_ns() < deadline, "%s: the child does not get to its call", play->name);
	CHECK(outcome == STEPPED, "%s: the child has ended before its call", play->name);
	return pid;
}

/* Waits until a child that sleeps in its call stops again, or is through with it. */
static enum outcome wait_for_wakeup(const struct play *play, pid_t pid)
{
	uint64_t deadline = hang_deadline();
	enum outcome outcome;

	do {
		CHECK_AS(HARM_HUNG, sheaf_now_ns() < deadline, "%s: the call does not end", play->name);
		play->wake(play->context);
		outcome = wait_for_stop(pid);
	} while (outcome == BLOCKED && !atomic_load(over));
	return outcome;
}

/* To the next point: one instruction, or a leap over some that do not count, or into a sleep, or out of it. */
static void go_on(const struct play *play, pid_t pid, enum outcome *outcome)
{
	uintptr_t behind;

	if (*outcome == BLOCKED)
		*outcome = wait_for_wakeup(play, pid);
	else if ((behind = trail_leap(pid)))
		*outcome = run_to_address(pid, behind);
	else
		step(pid, 1, outcome);
	CHECK(*outcome != ENDED, "%s: the child has ended in its call", play->name);
}

/* Runs to a point from which @point can be reached by steps: that point; or @point itself if the call is over before. */
static uint64_t hurry(const struct play *play, const struct trail *trail, uint64_t point, pid_t pid)
{
	uint64_t anchor = trail_mark(trail, point, pid);
	enum outcome outcome;

	if (!anchor)
		return 0;
	do {
		CHECK(!ptrace(PTRACE_CONT, pid, NULL, NULL), "PTRACE_CONT: errno %d", errno);
		outcome = wait_for_stop(pid);
		if (outcome == BLOCKED && (outcome = wait_for_wakeup(play, pid)) == BLOCKED)
			return point;
		CHECK(outcome != ENDED, "%s: the child has ended in its call", play->name);
	} while (!trail_is_at(trail, anchor, pid));
	trail_unmark(pid);
	return anchor;
}

static void end(const struct play *play, pid_t pid, uint64_t point)
{
	int status;

	kill_traced(pid, true);
	CHECK(!child_wait(pid, &status, hang_deadline()), "%s: the child is not ours", play->name);
	play->check(play->context, pid, point);
}

static void record(const struct play *play, struct trail *trail)
{
	enum outcome outcome = STEPPED;
	pid_t pid;

	play->set(play->context);
	pid = start(play);
	trail_add(trail, pid);
	while (!atomic_load(over)) {
		CHECK_AS(HARM_HUNG, trail->length < MOST_POINTS, "%s does not end", play->name);
		/* On a loaded machine, it may take so long to step into a sleep with a time limit that there is none. */
		if (trail->length % SLEEPLESS == 0)
			play->wake(play->context);
		go_on(play, pid, &outcome);
		trail_add(trail, outcome == STEPPED ? pid : 0);
	}
	trail_close(trail);
	end(play, pid, trail->length);
}

/* False: the call was over before it came to the point. */
static bool kill_at(const struct play *play, const struct trail *trail, uint64_t point)
{
	enum outcome outcome = STEPPED;
	bool inside;
	pid_t pid;

	play->set(play->context);
	pid = start(play);
	for (uint64_t at = hurry(play, trail, point, pid); at < point && !atomic_load(over); at++)
		go_on(play, pid, &outcome);
	inside = !atomic_load(over);
	end(play, pid, point);
	return inside;
}

static bool spins(const struct trail *trail, uint64_t point)
{
	return trail->anchor[point] && point - trail->anchor[point] > SPIN;
}

void play_run(const struct play *play, struct rng *rng, uint64_t wanted)
{
	uint64_t points = 0, kills = 1, number = 0, stride, next;
	struct trail trail = {0};

	record(play, &trail);
	for (uint64_t i = 0; i < trail.length; i++)
		points += !spins(&trail, i);
	stride = wanted && points > wanted ? points / wanted : 1;
	next = rng_below(rng, stride);
	for (uint64_t i = 0; i < trail.length; i++) {
		if (spins(&trail, i) || number++ != next)
			continue;
		kills += kill_at(play, &trail, i);
		next += stride;
	}
	report_add(kills);
	printf("%s: %llu points, %llu of them in a spin, %llu kills\n", play->name, (unsigned long long)trail.length,
	       (unsigned long long)(trail.length - points), (unsigned long long)kills);
	fflush(stdout);
	trail_free(&trail);
}

static int sleep_on(void *context)
{
	(void)context;
	pause();
	return 0;
}

bool play_possible(void)
{
	pid_t pid = child_start(sleep_on, NULL);
	bool possible;

	CHECK(pid > 0, "child: %ld", (long)pid);
	possible = seize(pid);
	child_end(pid);
	over = mmap(NULL, sizeof(*over), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(over != MAP_FAILED, "mmap: errno %d", errno);
	return possible;
}
