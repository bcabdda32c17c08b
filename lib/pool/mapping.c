/*
 * mapping.c - checks calls that map and unmap files, and says why they fail.
 */
#include "pool/mapping.h"

#include "base/cancel.h"
#include "base/error.h"
#include "pool/pool.h"
#include "segment/heap.h"

#include <errno.h>
#include <string.h>

static int fail_mapping(const struct segment *segment, int code, const char *call, const struct mapping_file *file)
{
	if (code == -ENOMEM && file->size > segment->heap_size)
		return sheaf_fail(code,
				  "%s: %.200s needs %llu bytes of addresses, and the pool's heap has %llu in all: raise "
				  "options.heap_size, which takes no memory by itself",
				  call, file->path, (unsigned long long)file->size, (unsigned long long)segment->heap_size);
	if (code == -ENOMEM)
		return sheaf_fail(code,
				  "%s: %.200s needs %llu bytes of addresses in one piece, and the pool's heap of %llu has "
				  "none left: free some, or raise options.heap_size",
				  call, file->path, (unsigned long long)file->size, (unsigned long long)segment->heap_size);
	if (code == -EMFILE)
		return sheaf_fail(code, "%s: %.200s is one file too many: at most %u are mapped, fewer if their paths are long",
				  call, file->path, MOST_MAPPINGS - 2);
	if (code == -ENOSPC)
		return heap_fail(segment, code, UNIT, call);
	return sheaf_fail(code, "%s: cannot map %.200s: %s", call, file->path, strerror(-code));
}

int pool_map(sheaf_pool *pool, const char *call, const struct mapping_file *file, void **memory)
{
	int r = pool_check_owner(pool, call), cancel;
	uint64_t offset;

	if (r)
		return r;
	cancel = cancel_refuse();
	r = mappings_add(pool->member.segment, file, &offset);
	cancel_allow(cancel);
	if (r)
		return fail_mapping(pool->member.segment, r, call, file);
	*memory = segment_at(pool->member.segment, offset);
	return 0;
}

bool pool_mapped(const sheaf_pool *pool, const void *memory, struct mapping_file *file, char *path)
{
	const struct segment *segment;

	/* Without a message: what is no mapped file may be an allocation. */
	if (!pool || !pool_exists(pool) || pool->member.attached || pool->member.made != forks_count())
		return false;
	segment = pool->member.segment;
	return (uintptr_t)memory >= (uintptr_t)segment->base &&
	       mappings_find(segment, segment_offset(segment, memory), file, path);
}

int pool_unmap(sheaf_pool *pool, const char *call, void *memory)
{
	int r = pool_check_owner(pool, call), cancel;
	struct segment *segment;

	if (r)
		return r;
	segment = pool->member.segment;
	cancel = cancel_refuse();
	r = (uintptr_t)memory < (uintptr_t)segment->base ? -EINVAL : mappings_remove(segment, segment_offset(segment, memory));
	cancel_allow(cancel);
	if (r == -EINVAL)
		return sheaf_fail(r, "%s: no file of this pool is mapped at %p", call, memory);
	return r ? heap_fail(segment, r, UNIT, call) : 0;
}
