/*
 * piece.h - memory of a batch that is given back if the call that took it fails.
 */
#ifndef SHEAF_BATCH_PIECE_H
#define SHEAF_BATCH_PIECE_H

#include "batch/handle.h"

/* Memory of the batch's own region, which no other thread or process knows of yet. */
struct piece {
	uint64_t size; /* 0: none */
	uint64_t offset;
	struct region before; /* the region without the piece */
};

/* Take a piece. 0; or the errors of region_alloc(), with a message about @what. */
int piece_take(struct sheaf_batch *batch, uint64_t heap_id, uint64_t size, const char *what, struct piece *piece);

/* Give a piece back, if there is one. Of several pieces the last one comes first. */
void piece_give_back(struct sheaf_batch *batch, const struct piece *piece);

#endif
