/*
 * heap.h - allocates runs of 64 KiB units of the segment, from any process of the pool, without a
 * lock.
 */
#ifndef SHEAF_SEGMENT_HEAP_H
#define SHEAF_SEGMENT_HEAP_H

#include "segment/segment.h"

/* Get an id that was never given out before: for one allocation of a user. */
uint64_t heap_new_id(struct segment *segment);

/* Get an id for any number of allocations of a batch, which only heap_free_all() frees. */
uint64_t heap_new_batch_id(struct segment *segment);

/*
 * Allocate @size bytes (0 counts as 1) in one piece, zeroed and committed, for @id. 0; -ENOSPC:
 * shared memory is full; -ENOMEM: no piece of the heap is that long; other errors of
 * segment_commit(). Stores no message, because a worker has nobody to tell it.
 */
int heap_alloc(struct segment *segment, uint64_t id, uint64_t size, uint64_t *offset);

/*
 * Free the run of units of the same id that starts at @offset. -EINVAL: none starts there, or it is
 * a batch's.
 */
int heap_free(struct segment *segment, uint64_t offset);

/*
 * Make a run of @size bytes at *@offset one of @new_size bytes. For a table that grows while it is
 * read, and gives back in the end what was too much. @size 0: there is no run yet. @new_size 0:
 * there is none afterwards. New bytes are zeroed and committed.
 *
 * 0; errors of heap_alloc(). After an error the run is as it was, unless *@offset is 0: then it was
 * being moved, and is gone.
 */
int heap_resize(struct segment *segment, uint64_t *offset, uint64_t size, uint64_t new_size);

/*
 * Free one piece of a batch's, as heap_alloc() gave it for @size bytes. For a call that fails after
 * it has taken memory.
 */
void heap_give_back(struct segment *segment, uint64_t offset, uint64_t size);

/*
 * Free every unit of the batch's @id, also those that a process claimed before it died. No process
 * may claim more of them meanwhile. Nothing happens if it is 0, as in a slot whose first
 * opener died before it had one.
 */
void heap_free_all(struct segment *segment, uint64_t id);

/* The same, from unit @first on, until @most units are free. */
void heap_free_some(struct segment *segment, uint64_t id, uint64_t first, uint64_t most);

/* Count the words of the heap map that may be touched. Those above count as free. */
uint64_t heap_units(const struct segment *segment);

/* Tell whether @size bytes at @memory lie in one allocation. */
bool heap_contains(const struct segment *segment, const void *memory, uint64_t size);

/* Count the bytes in use. */
uint64_t heap_used(const struct segment *segment);

/* Count the bytes in stocks. */
uint64_t heap_stocked(const struct segment *segment);

/*
 * Take addresses for mapped files, for ever, and no memory. For the owner. 0; -ENOMEM: the heap has
 * no such piece; errors of segment_commit(), for the words of the map.
 */
int heap_reserve(struct segment *segment, uint64_t size, uint64_t *offset);

/* Say that these units are those of a mapped file or a table, or that they are no longer. */
void heap_mark_file(struct segment *segment, uint64_t offset, uint64_t size, bool mapped);

/* Store the message of a code of heap_alloc(), and return the documented code. */
int heap_fail(const struct segment *segment, int code, uint64_t size, const char *what);

/* Tell how many bytes from the heap's beginning on may ever have been allocated. */
uint64_t heap_reach(const struct segment *segment);

#endif
