/*
 * chunks.h - dense batches: positions 0 .. n-1 cut into chunks, each with a word of its own.
 */
#ifndef SHEAF_WORK_CHUNK_H
#define SHEAF_WORK_CHUNK_H

#include "work/call.h"

#define MAX_CHUNKS ((uint64_t)1 << 20)
#define FEW_CHUNKS 8 /* whose words fill one line: everybody looks at them instead of going by hints */
#define MAX_POSITIONS ((uint64_t)1 << 45)

/* How n positions are cut for @workers workers, a caller that works among them; @grain 0: chosen here. */
struct cut {
	uint64_t chunk; /* positions in each chunk, but for the last */
	uint64_t chunks;
	uint32_t shares; /* workers that take part */
	uint64_t bytes;  /* of chunk words and hints */
};
struct cut chunks_cut(uint64_t n, uint64_t grain, unsigned workers);

/*
 * A dense batch as its owner knows it. The batch in the segment says the same to the others; the owner does not read it there, as a task
 * may have written over it.
 */
struct plan {
	enum batch_kind kind;
	uint32_t shares;
	uint64_t function;
	uint64_t in, in_size; /* offsets, as in struct shared_batch */
	uint64_t out, out_size;
	uint64_t n, chunk, chunks;
	uint64_t words, hints;
	uint64_t checked; /* see struct shared_batch */
};

/* Makes every chunk READY. */
void chunks_init(struct segment *segment, const struct plan *plan);

/*
 * A walk along the failure records of a batch, which are linked from the newest to the oldest. A wild task may have bent a link back: the
 * walk then ends after at most three times as many steps as there are records (Brent 1980), and at the latest when all the heap could hold
 * no more.
 */
struct chain {
	uint64_t at; /* offset of the present record; 0: the end */
	uint64_t mark, steps, power, most;
};
struct chain chain_begin(const struct segment *segment, uint64_t newest);

/* Go on to the record @next. False: the chain comes back to itself. */
bool chain_next(struct chain *chain, uint64_t next);

/* Takes part in the batch of a slot that this member owns, until no chunk is left to claim. */
void share_run(struct member *member, struct shared_slot *slot, uint64_t word);

/*
 * The owner takes part in its own batch, in a share that it has sent no invitation for. It leaves alone what a worker has died with:
 * that might end the owner, and the dead worker's invitation finds somebody else. The batch has no time limit: nobody could enforce it.
 * @heap_id: of the batch. @over: asked before each chunk; once it is true the batch is to be retired, as hints may say
 * that chunks were claimed which were not.
 */
#define CALLERS_SHARE 0
void share_help(struct member *owner, struct shared_batch *batch, const struct plan *plan, uint64_t heap_id,
		bool (*over)(const void *context), const void *context);

/*
 * For the supervisor: settles the chunks that a dead worker had claimed, then gives its invitation back to the ring. @region: the
 * supervisor's own, for failure records. False: as call_repair(); chunks may be lost.
 */
bool share_repair(struct segment *segment, struct shared_slot *slot, uint64_t word, const struct death *death,
		  struct region *region);

/* For the supervisor: are all chunks of the batch of a slot's invitation published? */
bool share_is_told(struct segment *segment, const struct shared_slot *slot);

#endif
