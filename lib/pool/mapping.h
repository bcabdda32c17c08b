/*
 * mapping.h - files that the owner maps for all processes of its pool.
 */
#ifndef SHEAF_POOL_MAPPING_H
#define SHEAF_POOL_MAPPING_H

#include "segment/mappings.h"
#include "sheaf.h"

/*
 * Map a file at an address of the heap, in this process now and in each other before it runs its
 * next task. The descriptor is the pool's then. @call: for messages. 0; -EPERM: not the owner;
 * -ENOMEM: the heap has no such piece; -EMFILE: too many are mapped; -ENOSPC; those of mmap().
 */
int pool_map(sheaf_pool *pool, const char *call, const struct mapping_file *file, void **memory);

/*
 * Find the file of this pool that is mapped at @memory, for a caller that is its owner. @path: out,
 * PATH_MAX bytes, to which file->path points. False: there is none.
 */
bool pool_mapped(const sheaf_pool *pool, const void *memory, struct mapping_file *file, char *path);

/* Unmap what pool_map() has mapped. 0; -EPERM; -EINVAL: nothing is mapped there; -ENOSPC. */
int pool_unmap(sheaf_pool *pool, const char *call, void *memory);

#endif
