/*
 * random_batches.h - work for a pool whose processes are killed meanwhile: each result is checked
 * against its position and value.
 */
#ifndef SHEAF_TESTS_SUPPORT_RANDOM_BATCHES_H
#define SHEAF_TESTS_SUPPORT_RANDOM_BATCHES_H

#include "rng.h"
#include "sheaf_attach.h"
#include "sheaf_stream.h"

struct random_batches {
	sheaf_pool *pool;
	struct rng rng;
	_Atomic uint64_t results; /* handed out and right; for others to see that it goes on */
	uint64_t reruns;          /* of these, results that took more than one attempt */
};

/*
 * Run one batch of a random kind and size: a map, a loop, submitted tasks with results of all
 * sizes, taken in one of the three ways, a stream of one stage or two, nested tasks, a reduction,
 * or a mapped file. Now and then some or all of it is cancelled. It has shared memory of its own,
 * which is freed after. A result that is lost, given twice, wrong or failed ends the program, and
 * so does one that does not come (check.h).
 */
void random_batch_run(struct random_batches *batches);

/* Run one batch that takes no shared memory beside, so that a caller that is killed leaves none. */
void random_batch_run_calls(struct random_batches *batches);

/* Run one task that does nothing, and tell how long that took, in ns. */
uint64_t random_batch_apply_ns(sheaf_pool *pool);

/* The functions of all these batches, for pools that other programs join. */
#define RANDOM_BATCH_FUNCTIONS 8u
extern const sheaf_function random_batch_functions[RANDOM_BATCH_FUNCTIONS];

/*
 * For the pool's worker_options: hooks, by which each task checks that its worker is set up. Some
 * tasks have their worker leave, with hooks or without.
 */
int random_batch_init(void **state, unsigned worker, void *context);
void random_batch_exit(void *state, unsigned worker, void *context);

/*
 * Check that heap, ring and batches are empty, and that the system has the heap's memory back. No
 * batch may be open.
 */
void check_pool_is_empty(sheaf_pool *pool);

#endif
