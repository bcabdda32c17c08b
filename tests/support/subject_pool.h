/*
 * subject_pool.h - the pool under test of crash_steps and crash_pairs: a host plays it batch by
 * batch, the test sees its words.
 *
 * The test forks the host, so all processes of the pool descend from the test: it may trace, stop
 * and kill each of them. It maps the segment as well, and reads the words, or does the supervisor's
 * work itself. The host waits for its batch without checking which processes live and without a
 * deadline, so that a lost wake-up hangs. It checks only when the test orders it to.
 */
#ifndef SHEAF_TESTS_SUPPORT_SUBJECT_POOL_H
#define SHEAF_TESTS_SUPPORT_SUBJECT_POOL_H

#include "segment/segment.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SUBJECT_RING 2       /* slots */
#define SUBJECT_POSITIONS 12 /* at most, in a batch; workers: 1 or 2 */

/* A batch, and the pool that it needs. */
struct workload {
	unsigned workers;
	uint32_t kind;      /* KIND_* */
	unsigned positions; /* calls beyond SUBJECT_RING: the host waits for room */
	/* calls that are submitted by order, later; of a dense batch, one of higher priority */
	unsigned more;
	unsigned grain;
	unsigned attempts; /* max_attempts; not 0: positions may fail because their workers died */
	/* WAIT_ANY, WAIT_ALL, or WAIT_NOTHING: the lowest entry or chunk that is not done */
	uint64_t wait;
	size_t slot; /* of calls: bytes of a result slot; 0: sheaf_task_result() */
	bool fails;  /* every position returns an error, with a text */
	/* if positions fail, the first one cancels the rest; else the batch is cancelled when a
	 * task waits at hold_at */
	bool cancels;
	/* the first task at position hold_at waits there, until it is killed or let pass */
	bool holds;
	unsigned hold_at;
	bool leaves;   /* each run asks its worker to leave */
	bool hooks;    /* workers have an init and an exit hook */
	bool demand;   /* no worker is there before the batch is submitted */
	bool windowed; /* the batch has a window, and each result is released before the next */
	bool closes;   /* the pool is closed when all is submitted, and serves one batch */
};

/*
 * Start the host and its pool, and map its segment. False: that is not possible here; the reason is
 * on stdout.
 */
bool subject_begin(const struct workload *load);

/* End them all. No process, file or mapping is left. */
void subject_end(void);

/* The pool's words. */
struct segment *subject_segment(void);
struct shared_batch *subject_batch(void);

/* Wait until worker, supervisor or its spare sleeps. Return its pid. */
pid_t subject_worker(unsigned worker);
pid_t subject_supervisor(void);
pid_t subject_spare(void);

/* Return the generation of the worker's present process. */
unsigned subject_generation(unsigned worker);

/* Stop the supervisor, as long as the test does its work; and let it go on. */
void subject_stop_supervisor(void);
void subject_continue_supervisor(void);

/*
 * Have the host submit the batch and wait for it. Return when it sleeps, or has nothing to wait
 * for. @what, @point: for messages.
 */
void subject_submit_batch(const char *what, uint64_t point);

/* Wait until a worker is held in its task. Return its pid. */
pid_t subject_wait_for_held(void);

/* Let the held task, and all later ones, pass. */
void subject_let_pass(void);

/*
 * Have the host do something, without waiting for it: check which processes live, submit one more
 * position, or ask for the death of a worker.
 */
enum command { ORDER_NONE, ORDER_CHECK, ORDER_SUBMIT, ORDER_KILL };
void subject_order(enum command order, unsigned worker);

/* Wait until the host has obeyed the order. */
void subject_wait_for_order(void);
pid_t subject_host(void);

/* Allow that this many runs of each position are not charged as attempts. */
void subject_excuse_runs(unsigned runs);

/*
 * Wait until the batch is gathered and all processes sleep. Check that no word names an owner, and
 * that to recover the dead worker once more changes nothing. Have the batch retired, and check for
 * leaks. @worker, @generation: the one that died, or any.
 */
void subject_finish_batch(unsigned worker, unsigned generation);

/*
 * Recover a dead worker in place of the stopped supervisor, twice: the second time changes nothing.
 * All other workers must stand still.
 */
void subject_recover_twice(unsigned worker, unsigned generation);

/*
 * Hash all words that say what was done and what is to be done, but not which member waits. Equal
 * numbers mean equal states.
 */
uint64_t subject_digest(void);

/* Hash all words, hints and semaphores of the segment but its heap. */
uint64_t subject_full_digest(void);

#endif
