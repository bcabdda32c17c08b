/*
 * step.h - one step of a member's work: it claims one task of the ring and runs it.
 */
#ifndef SHEAF_WORK_STEP_H
#define SHEAF_WORK_STEP_H

#include "member/member.h"

/*
 * Claim one task and run it. False: none was found, or the pool is over. @announced: the member has
 * announced its sleep as a worker. Then every slot is tried, and if a task is found the
 * announcement is retracted before the task runs.
 */
bool work_step(struct member *member, bool announced);

/*
 * Do the same for a thread that is the worker of its pool for one task, and that sleeps elsewhere.
 * Every slot is tried.
 */
bool work_serve(struct member *member);

/*
 * Say that the worker spins, so that submitters need not wake it, or that it no longer does.
 * work_step() says the latter, too.
 */
static inline void work_spins(struct member *member, bool spins)
{
	/* Relaxed: a hint. */
	store_relaxed(&member->seat->looking, spins);
	member->looking = spins;
}

#endif
