/*
 * child.h - one measurement in a process of its own, so that no contender meets the threads,
 * signals or memory of another.
 */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include "bench.h"

/* A measurement takes seconds. One that takes longer than this hangs, and is ended. */
#define CHILD_LONGEST_S 600u

struct child_answer {
	enum { CHILD_OK, CHILD_SKIPPED, CHILD_FAILED, CHILD_STOPPED } kind;
	double ns;
	char reason[600]; /* unless CHILD_OK */
};

/** child_prepare() - from now on SIGINT, SIGTERM and SIGHUP wait until child_run() takes them. */
void child_prepare(void);

/*
 * * child_run() - run the measurement of job->contender and wait for its end @whole_group: on a
 * stop, end also what the measurement has forked: SIGTERM for the first one, SIGKILL for the next.
 * False for
 *               Sheaf, which is killed at once: its supervisor tidies up by itself
 *
 * CHILD_STOPPED: a signal came; the measurement was ended, see child_signal().
 */
void child_run(const struct bench_job *job, bool whole_group, struct child_answer *answer);

/** child_answer() - measure in this very process and write the answer to stdout. */
void child_answer(bench_measure_fn *measure, const struct bench_job *job);

/** child_signal() - the signal that asked to stop, or 0. */
int child_signal(void);

/** child_die() - end as that signal would have ended this process. */
void child_die(void);

#endif
