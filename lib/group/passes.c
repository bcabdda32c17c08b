/*
 * passes.c - passes over the rows of tables: loops of workers and their shared memory.
 */
#include "group/passes.h"

#include "base/error.h"
#include "data/reach.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int passes_begin(struct passes *passes, sheaf_pool *pool, const char *call, const sheaf_map_options *options)
{
	*passes = (struct passes){.pool = pool, .call = call};
	if (!pool)
		return sheaf_fail(-EINVAL, "%s: pool is NULL", call);
	if (options)
		passes->options = *options;
	return reach_check_options(call, options);
}

/* Make room to note one more piece of memory. */
static int room_to_note(struct passes *passes)
{
	size_t more = passes->room ? 2 * passes->room : 16;
	void **grown;

	if (passes->count < passes->room)
		return 0;
	if (!(grown = realloc(passes->memory, more * sizeof(*grown))))
		return sheaf_fail(-ENOMEM, "%s: no memory to note what the call takes", passes->call);
	passes->memory = grown;
	passes->room = more;
	return 0;
}

int passes_alloc(struct passes *passes, size_t n, size_t size, void *memory)
{
	void *taken;
	int r = room_to_note(passes);

	if (r || (r = sheaf_alloc_array(passes->pool, n, size, &taken)))
		return r;
	passes->memory[passes->count++] = taken;
	memcpy(memory, &taken, sizeof(taken));
	return 0;
}

void passes_drop(struct passes *passes, void *memory)
{
	for (size_t i = 0; i < passes->count && memory; i++)
		if (passes->memory[i] == memory) {
			(void)sheaf_free(passes->pool, memory);
			passes->memory[i] = passes->memory[--passes->count];
			return;
		}
}

int passes_run(const struct passes *passes, sheaf_range_fn *fn, const void *job, size_t job_size, size_t n, size_t grain)
{
	sheaf_map_options options = passes->options;

	options.context_size = job_size;
	options.grain = grain;
	return sheaf_for(passes->pool, fn, (void *)(uintptr_t)job, n, &options);
}

int passes_end(struct passes *passes, int code)
{
	while (passes->count)
		(void)sheaf_free(passes->pool, passes->memory[--passes->count]);
	free(passes->memory);
	return code;
}

struct chunks chunks_cut(size_t n, size_t least, size_t most)
{
	struct chunks chunks = {.n = n, .length = n / most + (n % most != 0)};

	if (chunks.length < least)
		chunks.length = least;
	chunks.count = n / chunks.length + (n % chunks.length != 0);
	return chunks;
}
