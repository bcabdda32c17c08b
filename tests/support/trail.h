/*
 * trail.h - the way of a traced process through a path, noted once, so that any point of it can be reached again soon.
 *
 * A process that goes the same way is let run up to a breakpoint in front of the point, and need be stepped from there only.
 * The breakpoint is one of the processor: the program's text is unchanged, and children of the process do not have it. Where
 * there are none (x86-64 has them, a virtual machine may not), every point is reached by steps alone.
 */
#ifndef SHEAF_TESTS_SUPPORT_TRAIL_H
#define SHEAF_TESTS_SUPPORT_TRAIL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* In the process: has its parent trace it, and stops there. False: that is not allowed. */
bool trail_begin(void);

struct trail {
	uint64_t length;
	uint64_t room;
	uint64_t *at;     /* by point: the address of the instruction that is next; 0 if it is not known */
	uint64_t *anchor; /* by point: the last point up to it whose address the process had not been at before */
};

/* Appends the point where a stopped process stands, or (0) one that has no address. */
void trail_add(struct trail *trail, pid_t stopped);

/* To be called when all points are there. */
void trail_close(struct trail *trail);

/*
 * Sets a breakpoint at the anchor of @point; the process stands at the first point. The anchor, or 0 where there are no
 * breakpoints, or it would not spare many steps. trail_unmark() takes it away again.
 */
uint64_t trail_mark(const struct trail *trail, uint64_t point, pid_t stopped);
void trail_unmark(pid_t stopped);

/* The same for any address. False where there are no breakpoints. */
bool trail_mark_address(uintptr_t address, pid_t stopped);

/* Is the process at the address of @point? Signals stop it, too. */
bool trail_is_at(const struct trail *trail, uint64_t point, pid_t stopped);

bool trail_at_address(uintptr_t address, pid_t stopped);

/*
 * Are there steps ahead that are not worth taking? Then the address behind them; else 0. They are those of the kernel's clock,
 * which runs in user space and changes nothing, but begins anew if it has ticked meanwhile, so that a process that is stepped
 * slowly might never get through; and those of one instruction that copies or clears on and on. To be asked before every step.
 */
uintptr_t trail_leap(pid_t stopped);

void trail_free(struct trail *trail);

#endif
