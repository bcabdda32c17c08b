/*
 * patience.h - how a rank waits without burning its core: it looks at once, then sleeps longer and
 * longer while nothing comes.
 *
 * Nothing here knows of MPI, so that it can be simulated.
 */
#ifndef SHEAF_MPI_PATIENCE_H
#define SHEAF_MPI_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

struct patience {
	uint64_t nap_ns;
	unsigned looks, naps;
};

/* Something came: look at once again. */
void patience_reset(struct patience *patience);

/* Return how long to sleep now; 0: not at all. @busy: something is on its way. */
uint64_t patience_next(struct patience *patience, bool busy);

/*
 * Of the nap that patience_next() has returned: should a rank whose workers run take it in its
 * pool, where the end of the first batch ends it?
 */
bool patience_in_pool(struct patience *patience);

#endif
