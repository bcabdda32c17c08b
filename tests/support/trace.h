/*
 * trace.h - the instructions that a process has executed on a path, recorded once, so that each of
 * them is soon reached again.
 *
 * A point of the path is between two instructions. A process that goes the same way runs up to a
 * breakpoint in front of the point, and is stepped from there only. Where the processor has no
 * breakpoint (breakpoint.h) it is stepped all the way.
 */
#ifndef SHEAF_TESTS_SUPPORT_TRACE_H
#define SHEAF_TESTS_SUPPORT_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct trace {
	uint64_t length;
	uint64_t room;
	/* by point: the address of the instruction that is next; 0 if it is not known */
	uint64_t *at;
	/* by point: the last point up to it whose address the process had not been at before */
	uint64_t *anchor;
};

/* Append the point where a stopped process stands; for 0, a point that has no address. */
void trace_add(struct trace *trace, pid_t stopped);

/* Compute the anchors, when all points are there. */
void trace_close(struct trace *trace);

/*
 * Set a breakpoint at the anchor of @point; the process stands at the first point. Return the
 * anchor, or 0 where there is no breakpoint, or where it would spare few steps.
 */
uint64_t trace_set_breakpoint(const struct trace *trace, uint64_t point, pid_t stopped);

/* Is the process at the address of @point? Signals stop it, too. */
bool trace_is_at(const struct trace *trace, uint64_t point, pid_t stopped);

void trace_free(struct trace *trace);

#endif
