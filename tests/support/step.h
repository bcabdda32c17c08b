/*
 * step.h - stepping another process instruction by instruction (ptrace), to stop or kill it between any two.
 *
 * A system call is one step; one that puts the process to sleep ends the stepping as BLOCKED. A traced process dies with its
 * tracer. For one thread of a process, which must not reap the traced ones itself. Whatever goes wrong ends the program
 * (trial.h).
 */
#ifndef SHEAF_TESTS_SUPPORT_STEP_H
#define SHEAF_TESTS_SUPPORT_STEP_H

#include "trail.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum outcome {
	STEPPED, /* it stands still between two instructions */
	BLOCKED, /* it sleeps in a system call, and runs on by itself when that ends */
	ENDED,   /* it has ended, and is traced no more */
};

/* Begins to trace a process and stops it where it is. False if tracing is not allowed here. */
bool seize(pid_t pid);

/* Lets a stopped process run until it forks. Both stand still then, the child before its first instruction, and traced. */
pid_t run_to_fork(pid_t pid);

/* Lets a stopped process run until it is about to execute the instruction at @address, if it ever is. */
enum outcome run_to_address(pid_t pid, uintptr_t address);

/* Lets a stopped process run, traced, until it sleeps or ends. */
enum outcome run_on(pid_t pid);

/* Lets it run, traced, and waits for nothing: kill_traced() is to follow. */
void set_off(pid_t pid);

/* Steps over at most @most instructions; fewer if the process goes to sleep. Their number. */
uint64_t step(pid_t pid, uint64_t most, enum outcome *outcome);

/* Steps until the process sleeps or ends, and notes its way. @seen: NULL, or called at each point, first at 0. */
enum outcome step_trail(pid_t pid, struct trail *trail, void (*seen)(void *context, uint64_t point), void *context);

/*
 * Takes a process that stands at the first point of the trail to another one. False: it went another way, and is as
 * @outcome says.
 */
bool step_to(pid_t pid, const struct trail *trail, uint64_t point, enum outcome *outcome);

/* Waits until the traced process stops, or sleeps in a system call. */
enum outcome wait_for_stop(pid_t pid);

/*
 * Kills the traced process. @ours: it is a child of this process, which has to reap it then; another's is left to its
 * parent.
 */
void kill_traced(pid_t pid, bool ours);

/* Lets it go from where it stands. @outcome: of the last step. */
void let_go(pid_t pid, enum outcome outcome);

#endif
