/*
 * heap.h - allocates runs of 64 KiB units of the segment, from any process of the pool, without a lock.
 */
#ifndef SHEAF_SEGMENT_HEAP_H
#define SHEAF_SEGMENT_HEAP_H

#include "segment/segment.h"

/* A new id, never given out before: for one allocation of a user. */
uint64_t heap_new_id(struct segment *segment);

/* The same for any number of allocations of a batch, which only heap_free_all() frees. */
uint64_t heap_new_batch_id(struct segment *segment);

/*
 * Allocates @size bytes (0 counts as 1) in one piece, zeroed and committed, for @id. 0; -ENOSPC (shared memory is full); -ENOMEM (no
 * piece of the heap is that long); other errors of posix_fallocate(). No message: a worker has nobody to tell it.
 */
int heap_alloc(struct segment *segment, uint64_t id, uint64_t size, uint64_t *offset);

/* Frees the run of units of the same id that starts at @offset. -EINVAL if none starts there, or it is a batch's. */
int heap_free(struct segment *segment, uint64_t offset);

/*
 * Make a run of @size bytes at *@offset one of @new_size bytes: for what grows while it is read, and gives back what was too much. @size 0:
 * there is none yet; @new_size 0: there is none afterwards. New bytes are zeroed and committed. Return: 0; errors of heap_alloc(), after
 * which the run is as it was, unless *@offset is 0: it was being moved, and is gone.
 */
int heap_resize(struct segment *segment, uint64_t *offset, uint64_t size, uint64_t new_size);

/* Free one piece of a batch's, as heap_alloc() gave it for @size bytes: for a call that fails after it has taken memory. */
void heap_give_back(struct segment *segment, uint64_t offset, uint64_t size);

/* Frees every unit of @id, also those that a process took and died before it could use them. No process may take more of them. */
void heap_free_all(struct segment *segment, uint64_t id);

/* Do @size bytes at @memory lie in one allocation? */
bool heap_contains(const struct segment *segment, const void *memory, uint64_t size);

/* Bytes in use. */
uint64_t heap_used(const struct segment *segment);

/* sheaf_fail() for a code of heap_alloc(). */
int heap_fail(const struct segment *segment, int code, uint64_t size, const char *what);

/* Bytes at the heap's beginning beyond which nothing was ever allocated. */
uint64_t heap_reach(const struct segment *segment);

#endif
