/*
 * crew.h - the workers of one simulated node.
 */
#ifndef SHEAF_SIM_CREW_H
#define SHEAF_SIM_CREW_H

#include "items.h"

#include "mpi/ledger.h"

#include <stdbool.h>

struct crew {
	unsigned workers;
	uint64_t *free_ns; /* when each has done what it was given: a heap, the earliest first */
	uint64_t work_ns;  /* of all items so far */
};

/* False: no memory. */
bool crew_open(struct crew *crew, unsigned workers);
void crew_close(struct crew *crew);

/*
 * Have the workers run a chunk that is there from @now_ns on. Each takes the next item as soon as
 * it is free, and those of earlier chunks first. Return when the last item is done.
 */
uint64_t crew_run(struct crew *crew, const struct items *items, struct span chunk, uint64_t now_ns);

#endif
