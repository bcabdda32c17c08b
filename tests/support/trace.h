/*
 * trace.h - the instructions that a process has executed on a path, recorded once, so that each of
 * them is soon reached again.
 *
 * A point of the path is between two instructions. A process that goes the same way runs to a point
 * in at most two legs, each up to a breakpoint, and is stepped from there only. Where the processor
 * has no breakpoint (breakpoint.h) it is stepped all the way.
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
	/* by point: the last point up to it where it is best to run to from the anchor */
	uint64_t *stop;
	/* by stop: how many times the process comes to its address from the anchor on */
	uint64_t *times;
};

/* A way that a process runs instead of being stepped. */
struct leg {
	uint64_t from, to; /* points */
	uint64_t times;    /* that it comes to the address of @to until it is there */
};

/* Append the point where a stopped process stands; for 0, a point that has no address. */
void trace_add(struct trace *trace, pid_t stopped);

/* Compute the anchors and stops, when all points are there. */
void trace_close(struct trace *trace);

/* Tell the legs to @point, in their order. Those that would spare few steps are left out. */
unsigned trace_legs(const struct trace *trace, uint64_t point, struct leg legs[2]);

/* Is the process at the address of @point? Signals stop it, too. */
bool trace_is_at(const struct trace *trace, uint64_t point, pid_t stopped);

void trace_free(struct trace *trace);

#endif
