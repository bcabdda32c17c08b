/*
 * paths_watch.c - inspects the pool of another process.
 */
#include "paths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sheaf_inspect.h"
#include "sheaf_trace.h"
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

/* Tell whether a file is there, and right that it is whole. */
static bool is_whole(const char *path)
{
	FILE *file = fopen(path, "r");
	char end[5] = "";

	if (!file)
		return false;
	RIGHT(!fseek(file, -4, SEEK_END) && fread(end, 4, 1, file) == 1 && !strcmp(end, "\n]}\n"), WRONG,
	      "a trace that is not whole has its name");
	fclose(file);
	unlink(path);
	return true;
}

/* Is the beginning of a file left that was not finished? */
static bool has_part(const char *path)
{
	char part[80];

	snprintf(part, sizeof(part), "%s.part", path);
	return !access(part, F_OK);
}

/* By relative names, so that the folder is asked for. Several cases run at once. */
void path_trace(void)
{
	char file[64], saved[64];
	const sheaf_tracing tracing = {.file = file, .records = 64};
	struct tasks tasks = {0};
	sheaf_batch *batch;
	sheaf_pool *pool;
	int r;

	snprintf(file, sizeof(file), "faults-%ld.json", (long)getpid());
	snprintf(saved, sizeof(saved), "faults-%ld-saved.json", (long)getpid());
	pool = step_create_with(
		(sheaf_pool_options){.name = my_name(), .workers = 2, .heap_size = HEAP, .ring_size = 8, .tracing = &tracing});
	if (!pool)
		return;
	if ((batch = step_open(pool, 8, 0))) {
		step_submit(batch, &tasks, 3, value_of);
		step_gather(batch, &tasks, 3);
		step_retire(batch);
	}
	TRY(r, AS_SAVE, sheaf_trace_save(my_name(), saved));
	RIGHT(is_whole(saved) == (r == 0), WRONG, "sheaf_trace_save: %d", r);
	step_destroy(pool);
	if (!is_whole(file))
		RIGHT(strstr(sheaf_message(), file), WRONG, "no trace, and no message: \"%s\"", sheaf_message());
	RIGHT(!has_part(file) && !has_part(saved), LEAKED, "the part of a trace is left");
}
