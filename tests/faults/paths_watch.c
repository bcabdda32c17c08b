/*
 * paths_watch.c - inspects the pool of another process.
 */
#include "paths.h"

#include <string.h>

#include "sheaf_inspect.h"
#include "steps.h"

static void count_names(const char *name, void *context)
{
	(void)name;
	++*(int *)context;
}

void path_inspect(void)
{
	sheaf_inspect *const untouched = (sheaf_inspect *)(void *)&outcome;
	sheaf_inspect *inspect = untouched;
	sheaf_inspect_worker worker;
	sheaf_inspect_pool pool;
	int r, names;

	names = 0;
	TRY(r, AS_WATCH, sheaf_inspect_list(count_names, &names));
	RIGHT(r < 0 || r <= names, WRONG, "sheaf_inspect_list: %d of %d names", r, names);
	TRY(r, AS_WATCH, sheaf_inspect_open(&inspect, my_name()));
	if (r < 0) {
		RIGHT(inspect == untouched, WRONG, "sheaf_inspect_open: fails and changes the handle");
		return;
	}
	TRY(r, AS_WATCH, sheaf_inspect_look(inspect, &pool));
	RIGHT(r < 0 || (pool.state == SHEAF_POOL_OPEN && pool.workers == 1 && !pool.damaged), WRONG, "state %d, %u workers",
	      (int)pool.state, pool.workers);
	TRY(r, AS_WATCH, sheaf_inspect_workers(inspect, &worker, 1));
	RIGHT(r < 0 || (r == 1 && worker.pid > 0), WRONG, "%d workers, pid %d", r, (int)worker.pid);
	LIBRARY_VOID(sheaf_inspect_close(inspect));
}
