/*
 * step.h - steps another process instruction by instruction (ptrace), so that it can be stopped or
 * killed between any two.
 *
 * A system call is one step. One that puts the process to sleep ends the stepping as BLOCKED. A
 * traced process dies with its tracer. One thread of a program may step, and must not reap the
 * traced processes itself. Whatever goes wrong ends the program (check.h).
 */
#ifndef SHEAF_TESTS_SUPPORT_STEP_H
#define SHEAF_TESTS_SUPPORT_STEP_H

#include "trace.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum outcome {
	STEPPED, /* it stands still between two instructions */
	BLOCKED, /* it sleeps in a system call, and runs on by itself when that ends */
	ENDED,   /* it has ended, and is no longer traced */
};

/* Begin to trace a process and stop it where it is. False: tracing is not allowed here. */
bool seize(pid_t pid);

/*
 * Let a stopped process run until it forks. Both stand still then, the child before its first
 * instruction, and traced.
 */
pid_t run_to_fork(pid_t pid);

/*
 * Let a stopped process run until it is about to execute the instruction at @address, if it ever
 * is.
 */
enum outcome run_to_address(pid_t pid, uint64_t address);

/* Let a stopped process run, traced, until it sleeps or ends. */
enum outcome run_on(pid_t pid);

/* Let it run, traced, and wait for nothing. kill_traced() must follow. */
void resume_traced(pid_t pid);

/* Step over at most @most instructions; fewer if the process goes to sleep. Return their number. */
uint64_t step(pid_t pid, uint64_t most, enum outcome *outcome);

/*
 * Step until the process sleeps or ends, and record its points. @seen: NULL, or called at each
 * point, first at 0.
 */
enum outcome step_and_record(pid_t pid, struct trace *trace, void (*seen)(void *context, uint64_t point), void *context);

/*
 * Take a process that stands at the first point of the trace to another one. False: it went another
 * way, and is as @outcome says.
 */
bool step_to(pid_t pid, const struct trace *trace, uint64_t point, enum outcome *outcome);

/* Wait until the traced process stops, or sleeps in a system call. */
enum outcome wait_for_stop(pid_t pid);

/*
 * Kill the traced process. @ours: it is a child of this process, which has to reap it then. The
 * child of another is left to its parent.
 */
void kill_traced(pid_t pid, bool ours);

/* Stop tracing it, and let it run from where it stands. @outcome: of the last step. */
void detach(pid_t pid, enum outcome outcome);

#endif
