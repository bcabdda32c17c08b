/*
 * crew.c - list scheduling: an item goes to the worker that is free first.
 */
#include "crew.h"

#include <stdlib.h>

bool crew_open(struct crew *crew, unsigned workers)
{
	*crew = (struct crew){.workers = workers, .free_ns = calloc(workers, sizeof(*crew->free_ns))};
	return crew->free_ns;
}

void crew_close(struct crew *crew)
{
	free(crew->free_ns);
	crew->free_ns = NULL;
}

/* The first of the heap is free at another time: let it sink. */
static void change_first(struct crew *crew, uint64_t free_ns)
{
	uint64_t *heap = crew->free_ns;
	unsigned at = 0;

	for (unsigned below; (below = 2 * at + 1) < crew->workers; at = below) {
		if (below + 1 < crew->workers && heap[below + 1] < heap[below])
			below++;
		if (heap[below] >= free_ns)
			break;
		heap[at] = heap[below];
	}
	heap[at] = free_ns;
}

uint64_t crew_run(struct crew *crew, const struct items *items, struct span chunk, uint64_t now_ns)
{
	uint64_t last_ns = now_ns;

	for (uint64_t p = chunk.begin; p < chunk.end; p++) {
		uint64_t time_ns = items_time_ns(items, p);
		uint64_t begin_ns = crew->free_ns[0] > now_ns ? crew->free_ns[0] : now_ns;

		change_first(crew, begin_ns + time_ns);
		crew->work_ns += time_ns;
		if (begin_ns + time_ns > last_ns)
			last_ns = begin_ns + time_ns;
	}
	return last_ns;
}
