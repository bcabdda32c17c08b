/*
 * load.h - work for a pool whose workers are killed meanwhile: each result is checked against its position and its value.
 */
#ifndef SHEAF_TESTS_SUPPORT_LOAD_H
#define SHEAF_TESTS_SUPPORT_LOAD_H

#include "rng.h"
#include "sheaf.h"

struct load {
	sheaf_pool *pool;
	struct rng rng;
	_Atomic uint64_t results; /* handed out and right; for others to see that it goes on */
	uint64_t reruns;          /* of these, results that took more than one attempt */
};

/*
 * One batch of a random kind and size: a map, a loop, or submitted tasks with results of all sizes, taken in one of the three
 * ways; with shared memory of its own, and freed after. A result that is lost, given twice, wrong or failed ends the program, and
 * so does one that does not come: see check.h for what is said then.
 */
void load_run(struct load *load);

/* What must hold when all batches are retired: heap, ring and batches are empty, and the system has the heap's memory back. */
void load_check_empty(sheaf_pool *pool);

#endif
