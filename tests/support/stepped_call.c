/*
 * stepped_call.c - traces the child from a trap in front of the call to a flag behind it.
 */
#define _DEFAULT_SOURCE /* ptrace(), MAP_ANONYMOUS */
#include "stepped_call.h"

#include "breakpoint.h"
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
#define SPIN 2000 /* instructions in a row of which none is new */

static _Atomic bool *over; /* shared: the call has returned */

bool stepped_call_begin(void)
{
	return breakpoint_here();
}

void stepped_call_end(void)
{
	atomic_store(over, true);
	for (;;)
		pause();
}

/* Start a child, which stands in front of its call then. */
static pid_t start(const struct stepped_call *call)
{
	uint64_t deadline = hang_deadline();
	enum outcome outcome;
	pid_t pid;

	atomic_store(over, false);
	pid = child_start(call->child, call->context);
	CHECK(pid > 0, "child: %ld", (long)pid);
	while ((outcome = wait_for_stop(pid)) == BLOCKED)
		CHECK_AS(HARM_HUNG, sheaf_now_ns() < deadline, "%s: the child does not reach its call", call->name);
	CHECK(outcome == STEPPED, "%s: the child has ended before its call", call->name);
	return pid;
}

/* Wait until a child that sleeps in its call stops again, or has returned from it. */
static enum outcome wait_for_wakeup(const struct stepped_call *call, pid_t pid)
{
	uint64_t deadline = hang_deadline();
	enum outcome outcome;

	do {
		CHECK_AS(HARM_HUNG, sheaf_now_ns() < deadline, "%s: the call does not end", call->name);
		call->wake(call->context);
		outcome = wait_for_stop(pid);
	} while (outcome == BLOCKED && !atomic_load(over));
	return outcome;
}

/*
 * Take the child to the next point: over one instruction or over some that do not count, or into a
 * sleep or out of it.
 */
static void advance(const struct stepped_call *call, pid_t pid, enum outcome *outcome)
{
	uint64_t behind;

	if (*outcome == BLOCKED)
		*outcome = wait_for_wakeup(call, pid);
	else if ((behind = address_to_skip_to(pid)))
		*outcome = run_to_address(pid, behind);
	else
		step(pid, 1, outcome);
	CHECK(*outcome != ENDED, "%s: the child has ended in its call", call->name);
}

/* Run one leg. False: the call is over before. */
static bool run_leg(const struct stepped_call *call, const struct trace *trace, const struct leg *leg, pid_t pid)
{
	for (uint64_t times = 0; times < leg->times;) {
		enum outcome outcome;

		CHECK(!ptrace(PTRACE_CONT, pid, NULL, NULL), "PTRACE_CONT: errno %d", errno);
		outcome = wait_for_stop(pid);
		if (outcome == BLOCKED && (outcome = wait_for_wakeup(call, pid)) == BLOCKED)
			return false;
		CHECK(outcome != ENDED, "%s: the child has ended in its call", call->name);
		times += trace_is_at(trace, leg->to, pid);
	}
	breakpoint_clear(pid);
	return true;
}

static void end(const struct stepped_call *call, pid_t pid, uint64_t point)
{
	int status;

	kill_traced(pid, true);
	CHECK(!child_wait(pid, &status, hang_deadline()), "%s: the child is not ours", call->name);
	call->check(call->context, pid, point);
}

static void record_call(const struct stepped_call *call, struct trace *trace)
{
	enum outcome outcome = STEPPED;
	pid_t pid;

	call->prepare(call->context);
	pid = start(call);
	trace_add(trace, pid);
	while (!atomic_load(over)) {
		CHECK_AS(HARM_HUNG, trace->length < MOST_POINTS, "%s does not end", call->name);
		/*
		 * On a loaded machine, to step into a sleep may take so long that its deadline has
		 * passed, and there is no sleep.
		 */
		if (trace->length % SLEEPLESS == 0)
			call->wake(call->context);
		advance(call, pid, &outcome);
		trace_add(trace, outcome == STEPPED ? pid : 0);
	}
	trace_close(trace);
	end(call, pid, trace->length);
}

static void step_from(const struct stepped_call *call, uint64_t *at, uint64_t point, pid_t pid, enum outcome *outcome)
{
	for (; *at < point && !atomic_load(over); ++*at)
		advance(call, pid, outcome);
}

/* Take the child to the point, or until the call is over. */
static void go_to(const struct stepped_call *call, const struct trace *trace, uint64_t point, pid_t pid)
{
	struct leg legs[2];
	unsigned count = trace_legs(trace, point, legs);
	enum outcome outcome = STEPPED;
	uint64_t at = 0;

	for (unsigned i = 0; i < count; i++) {
		step_from(call, &at, legs[i].from, pid, &outcome);
		if (at < legs[i].from || outcome != STEPPED || !breakpoint_set(pid, trace->at[legs[i].to]))
			break;
		if (!run_leg(call, trace, &legs[i], pid))
			return;
		at = legs[i].to;
	}
	step_from(call, &at, point, pid, &outcome);
}

/* Kill the child at the point. False: the call was over before. */
static bool kill_at(const struct stepped_call *call, const struct trace *trace, uint64_t point)
{
	bool inside;
	pid_t pid;

	call->prepare(call->context);
	pid = start(call);
	go_to(call, trace, point, pid);
	inside = !atomic_load(over);
	end(call, pid, point);
	return inside;
}

static bool spins(const struct trace *trace, uint64_t point)
{
	return trace->anchor[point] && point - trace->anchor[point] > SPIN;
}

void stepped_call_kill(const struct stepped_call *call, struct rng *rng, uint64_t wanted)
{
	uint64_t points = 0, kills = 1, number = 0, stride, next;
	struct trace trace = {0};

	record_call(call, &trace);
	for (uint64_t i = 0; i < trace.length; i++)
		points += !spins(&trace, i);
	stride = wanted && points > wanted ? points / wanted : 1;
	next = rng_below(rng, stride);
	for (uint64_t i = 0; i < trace.length; i++) {
		if (spins(&trace, i) || number++ != next)
			continue;
		kills += kill_at(call, &trace, i);
		next += stride;
	}
	report_add(kills);
	printf("%s: %llu points, %llu of them in a spin, %llu kills\n", call->name, (unsigned long long)trace.length,
	       (unsigned long long)(trace.length - points), (unsigned long long)kills);
	fflush(stdout);
	trace_free(&trace);
}

static int sleep_on(void *context)
{
	(void)context;
	pause();
	return 0;
}

bool stepped_call_possible(void)
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
