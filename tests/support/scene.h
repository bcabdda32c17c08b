/*
 * scene.h - a host with a pool, played batch by batch, and its shared words seen from outside.
 *
 * The test forks the host, so all processes of the pool descend from the test: it may trace, stop and kill each of them. It
 * maps the segment as well, and looks at the words, or does the supervisor's work itself. The host waits for its batch without
 * looking who lives and without any time limit, so that a wake-up that is lost hangs; it looks only when the test orders it to.
 */
#ifndef SHEAF_TESTS_SUPPORT_SCENE_H
#define SHEAF_TESTS_SUPPORT_SCENE_H

#include "segment/segment.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SCENE_RING 2       /* slots */
#define SCENE_POSITIONS 12 /* at most, in a batch; workers: 1 or 2 */

/* A batch, and the pool that it needs. */
struct work {
	unsigned workers;
	uint32_t kind;      /* KIND_* */
	unsigned positions; /* calls beyond SCENE_RING: the host waits for room */
	unsigned more;      /* calls that are submitted by order, later */
	unsigned grain;
	unsigned attempts; /* max_attempts; not 0: positions may fail because their workers died */
	uint64_t wait;     /* WAIT_ANY, WAIT_ALL, or WAIT_NOTHING: the lowest entry or chunk that is not done */
	size_t slot;       /* of calls: bytes of a result slot; 0: sheaf_task_result() */
	bool fails;        /* every position returns an error, with a text */
	bool holds;        /* who comes to position hold_at first waits there, until it is killed or let pass */
	unsigned hold_at;
	bool closes; /* the pool is closed when all is submitted; one play then */
};

/* Starts the host, its pool, and maps its segment. False: that is not possible here; said why on stdout. */
bool scene_begin(const struct work *work);

/* Ends them all: no process, file or mapping is left. */
void scene_end(void);

/* The pool's words. */
struct segment *scene_segment(void);
struct shared_batch *scene_batch(void);

/* Waits until worker, supervisor, or its spare sleep: their pids. */
pid_t scene_worker(unsigned worker);
pid_t scene_supervisor(void);
pid_t scene_spare(void);

/* The number of the worker's present process. */
unsigned scene_generation(unsigned worker);

/* Stops the supervisor, as long as the test does its work; and lets it go on. */
void scene_stop_supervisor(void);
void scene_continue_supervisor(void);

/*
 * The host submits the batch and waits for it. Returns when it sleeps, or has nothing to wait for. @what, @point: for
 * messages.
 */
void scene_start(const char *what, uint64_t point);

/* Waits until a worker is held in its task: its pid. Lets it, and all that come, pass. */
pid_t scene_held(void);
void scene_let_pass(void);

/* Has the host do it, without waiting for it: look who lives; submit one more position; ask for the death of a worker. */
enum errand { ORDER_NONE, ORDER_LOOK, ORDER_SUBMIT, ORDER_KILL };
void scene_order(enum errand errand, unsigned worker);

/* Waits until the host has done what it was ordered. */
void scene_obeyed(void);
pid_t scene_host(void);

/* So many runs of each position need not have been charged as attempts. */
void scene_excuse(unsigned runs);

/*
 * Waits until the batch is gathered and everybody sleeps; checks that no word names anybody, and that to recover the dead
 * worker once more changes nothing; has the batch retired, and looks for leaks. @worker, @generation: who died, or any.
 */
void scene_finish(unsigned worker, unsigned generation);

/*
 * Recovers a dead worker in place of the stopped supervisor, twice: the second time changes nothing. All other workers
 * stand still.
 */
void scene_recover_twice(unsigned worker, unsigned generation);

/* All words that say what was done and what is to be done, but not who waits: equal numbers, equal states. */
uint64_t scene_digest(void);

/* The same for all words, hints and semaphores of the segment but its heap. */
uint64_t scene_effects(void);

#endif
