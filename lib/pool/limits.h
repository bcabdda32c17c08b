/*
 * limits.h - tasks that run longer than they may, for the supervisor.
 */
#ifndef SHEAF_POOL_LIMITS_H
#define SHEAF_POOL_LIMITS_H

#include "segment/segment.h"

/* What the supervisor knows of one worker's time. */
struct limit {
	uint64_t late;       /* the deadline for which the worker was killed; 0: none */
	uint64_t stopped_ns; /* since when the worker is stopped; 0: it is not */
	uint64_t lost_for;   /* the deadline that the time below is added to */
	uint64_t lost_ns;    /* time in which the worker could not run */
	uint64_t stops_ns;   /* of that, while it alone was stopped */
};

struct limits {
	struct segment *segment;
	uint64_t until_ns; /* how long to go on checking after the last batch with a limit */
	uint64_t seen_ns;  /* when the supervisor last read the clock; 0: it has not */
	uint64_t nap_ns;   /* for how long it has wanted to sleep since then */
	uint64_t hook_ns;  /* the shortest limit of a hook that runs; 0: none does */
	struct limit workers[SHEAF_MAX_WORKERS];
};

/* Begin with nothing known of any worker. */
void limits_begin(struct limits *limits, struct segment *segment);

/* Forget the worker, because a new process has taken its place. */
void limits_forget(struct limits *limits, unsigned worker);

/* Note that the worker was stopped, or goes on. */
void limits_stopped(struct limits *limits, unsigned worker, bool stopped);

/*
 * Note that the supervisor goes to sleep for @nap_ns, or that it woke up. A much longer sleep was a
 * freeze, in which no worker could run either.
 */
void limits_sleep(struct limits *limits, uint64_t nap_ns);
void limits_wake(struct limits *limits, const pid_t *pids);

/*
 * Kill the workers whose tasks are over their limits. @pids: 0 where there is none. Returns how
 * long it may be until the next check.
 */
uint64_t limits_enforce(struct limits *limits, const pid_t *pids);

#endif
