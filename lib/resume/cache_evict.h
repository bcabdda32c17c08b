/*
 * cache_evict.h - makes room in a cache's file.
 */
#ifndef SHEAF_RESUME_CACHE_EVICT_H
#define SHEAF_RESUME_CACHE_EVICT_H

#include "resume/cache_index.h"

/* Where a record has the second of its last use: not under a checksum, because it changes. */
#define CACHE_USED_AT 24

/*
 * Write the results that were used last, up to @most bytes of records, to a new file under @path,
 * in the order in which they lie in the old one. The caller has the lock of that.
 * @evicted: out: how many were left out. 0; -ENOMEM; -errno.
 */
int cache_evict(const struct record_file *file, const struct cache_index *index, const char *path, uint64_t most,
		uint64_t *evicted);

#endif
