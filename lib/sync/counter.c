/*
 * counter.c - a counter in several cells, so that threads that add hardly meet.
 *
 * Writers           Everybody.
 * Deaths            Each addition is one atomic operation: it was made, or not.
 */
#include "sheaf_sync.h"

#include "os/forks.h"
#include "sync/object.h"

#include <unistd.h>

#define CELLS 64u /* a power of two */

struct cell {
	alignas(OBJECT_LINE) _Atomic uint64_t n;
};

struct sheaf_counter {
	uint32_t kind;
	struct cell cells[CELLS];
};

int sheaf_counter_create(sheaf_pool *pool, sheaf_counter **counter)
{
	sheaf_counter *c;
	void *memory;
	int r;

	if (!counter)
		return sheaf_fail(-EINVAL, "%s: the place is NULL", __func__);
	if ((r = sheaf_alloc(pool, sizeof(*c), &memory)))
		return r;
	c = memory;
	c->kind = OBJECT_COUNTER;
	*counter = c;
	return 0;
}

/* Choose the cell of the calling thread: any, but not that of each other thread and process. */
static unsigned own_cell(void)
{
	static _Thread_local unsigned chosen, chosen_in;
	static _Thread_local bool is_chosen;

	/* A forked worker begins with what its parent's thread had. */
	if (!is_chosen || chosen_in != forks_count()) {
		uint64_t mixed = ((uint64_t)getpid() + ((uint64_t)(uintptr_t)&chosen >> 6)) * 0x9e3779b97f4a7c15u;

		chosen = (unsigned)(mixed >> 32) % CELLS;
		chosen_in = forks_count();
		is_chosen = true;
	}
	return chosen;
}

int sheaf_counter_add(sheaf_counter *counter, int64_t n)
{
	if (!object_is(counter, OBJECT_COUNTER))
		return object_refuse(__func__, counter);
	/* Relaxed: it hands over nothing but the number. */
	fetch_add_relaxed(&counter->cells[own_cell()].n, (uint64_t)n);
	return 0;
}

int64_t sheaf_counter_sum(const sheaf_counter *counter)
{
	uint64_t sum = 0;

	if (!object_is(counter, OBJECT_COUNTER)) {
		object_refuse(__func__, counter);
		return 0;
	}
	for (unsigned i = 0; i < CELLS; i++)
		sum += load_relaxed(&counter->cells[i].n);
	return (int64_t)sum;
}
