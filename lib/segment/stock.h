/*
 * stock.h - the heap units of batches: some stay committed from one batch of a member to its next.
 */
#ifndef SHEAF_SEGMENT_STOCK_H
#define SHEAF_SEGMENT_STOCK_H

#include "segment/segment.h"

/*
 * Take a unit from the stock of a batch's opener, for the batch, whose id is @id. It is committed,
 * and not zero. False: there is none.
 */
bool stock_take(struct segment *segment, struct shared_batch *batch, uint64_t id, uint64_t *offset);

/* Do what heap_alloc() does, for a batch. The stocks do not make it fail. */
int stock_alloc(struct segment *segment, struct shared_batch *batch, uint64_t id, uint64_t size, uint64_t *offset);

/*
 * Put units of a batch into the stock of its opener's seat. One thread at a time may do so for a
 * seat, and no process may claim more units for the batch meanwhile. Return true if any was put.
 * *@left: there are more, which heap_free_all() has to free.
 */
bool stock_keep(struct segment *segment, unsigned seat, struct shared_batch *batch, uint64_t id, bool *left);

/* Free all units of an id of the batch, as heap_free_all() does, by what is known of them. */
void stock_free(struct segment *segment, struct shared_batch *batch, uint64_t id);

/*
 * Give the stocks of all members back to the system, under @id. That is a new one of heap_new_id(),
 * or a batch's whose units were counted before; the supervisor's is UNIT_LEAVING, with which it
 * ends what its predecessor has begun. Return true if there was any.
 */
bool stock_empty(struct segment *segment, uint64_t id);

#endif
