/*
 * patience.c - first looks, then naps: short ones, and twice as long each time.
 *
 * A wait in the pool spins before it sleeps. So short naps are taken there, of long ones a few.
 */
#include "mpi/patience.h"

#define LOOKS 20
#define NAP_FIRST_NS 50000
#define NAP_MOST_NS 1000000
#define NAP_BRIEF_NS 200000
#define POOL_NAPS 16 /* each so many long ones */

void patience_reset(struct patience *patience)
{
	*patience = (struct patience){0};
}

uint64_t patience_next(struct patience *patience, bool busy)
{
	if (patience->looks < LOOKS) {
		patience->looks++;
		return 0;
	}
	if (!patience->nap_ns || busy)
		patience->nap_ns = NAP_FIRST_NS;
	else if (patience->nap_ns < NAP_MOST_NS)
		patience->nap_ns = patience->nap_ns * 2 < NAP_MOST_NS ? patience->nap_ns * 2 : NAP_MOST_NS;
	return patience->nap_ns;
}

bool patience_in_pool(struct patience *patience)
{
	return patience->nap_ns <= NAP_BRIEF_NS || ++patience->naps % POOL_NAPS == 0;
}
