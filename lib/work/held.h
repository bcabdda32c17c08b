/*
 * held.h - what a worker's seat tells while its tasks are nested: see nest.h.
 */
#ifndef SHEAF_WORK_HELD_H
#define SHEAF_WORK_HELD_H

#include "member/member.h"

/* Keep what the seat tells of the handle's task, which waits. */
void held_save(struct held *held, const struct member *handle);

/*
 * Stop the clock of the tasks that wait, while the worker runs a task that is none of theirs.
 * Return the deadline, for held_resume(), which lets them have that time.
 */
uint64_t held_pause(struct held *held, struct shared_seat *seat);
void held_resume(const struct held *held, struct shared_seat *seat, uint64_t deadline);

/* Say that the deadline of the seat is that of a task that waits. */
void held_limit(struct shared_seat *seat, const struct held *outer);

/* Do what task_hold() does. The earliest deadline of all tasks on the stack counts. */
void held_begin(const struct member *member, uint64_t started_ns, uint64_t limit_ns);

/* The task that the handle has run is over: tell of the seat what was true before it. */
void held_end(struct member *member);

/* End the handle of the task that this member has run, if it has one. */
void held_left(struct member *member);

/* Are there other workers, and may they outlive this one? */
bool held_has_others(const struct segment *segment);

/* Is it a batch of this worker's own, whose risks it leaves to the others? */
bool held_spares(const struct member *handle, const struct shared_batch *batch);

#endif
