/*
 * patience.c - chooses how members wait, by the number of CPUs.
 *
 * It writes what its process alone has of the segment.
 */
#include "pool/patience.h"

#define SPIN_NS 50000  /* two or three wake-ups */
#define EAGER_NS 20000 /* one wake-up: less could not pay */
/*
 * Where the owner and the workers have less than a CPU each. A worker that has no task yields at
 * once, because the member that waits for what it has done may wait for its CPU. So does the owner
 * while it waits for as many tasks as there are CPUs. For fewer it first waits for about as long as
 * a short task takes on another CPU.
 */
#define CROWDED_EAGER_NS 300
#define CROWDED_IDLE_EAGER_NS 0

void patience_choose(struct segment *segment, unsigned cpus)
{
	bool roomy = segment_wanted(segment) < cpus;

	segment->cpus = cpus;
	segment->spin_ns = SPIN_NS;
	segment->eager_ns = roomy ? EAGER_NS : CROWDED_EAGER_NS;
	segment->idle_eager_ns = roomy ? EAGER_NS : CROWDED_IDLE_EAGER_NS;
}
