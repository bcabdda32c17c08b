/*
 * cut.h - how the positions 0 .. n-1 of a dense batch are cut: positions into chunks, chunks into
 * shares. Numbers alone.
 *
 * Chunk c begins at position c * chunk, and only the last one may be shorter. Each share has a
 * range of chunks, and the ranges lie one behind the other. The chunk words stand in the table
 * first, the hints of the shares behind them.
 */
#ifndef SHEAF_WORK_CUT_H
#define SHEAF_WORK_CUT_H

#include "base/number.h"
#include "segment/layout.h"

#define MAX_CHUNKS ((uint64_t)1 << 20)
#define FEW_CHUNKS 8 /* their words fill one line, so members try all of them, without hints */
#define MAX_POSITIONS ((uint64_t)1 << 45)

struct cut {
	uint64_t chunk; /* positions in each chunk, but for the last */
	uint64_t chunks;
	uint32_t shares; /* members that take part */
	uint64_t bytes;  /* of chunk words and hints */
};

/*
 * Cut @n positions for @members members, into chunks of @grain positions; 0: choose the grain here.
 * @most: so many members may take part, as more workers may come meanwhile.
 */
struct cut cut_choose(uint64_t n, uint64_t grain, unsigned members, unsigned most);

/*
 * A dense batch as its opener knows it. The batch in the segment tells the same to the others. The
 * opener does not read it there, because a wild write may have changed it.
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
	uint64_t context; /* of a map; that of a loop is in */
	uint64_t user;    /* as it is; 0: none */
	uint64_t first;   /* added to the positions that tasks are told */
};

/* Return the number of chunks that @n positions make. */
static inline uint64_t cut_chunks(uint64_t n, uint64_t chunk)
{
	return n / chunk + (n % chunk != 0);
}

/* Return the first position of chunk @c. */
static inline uint64_t cut_begin(uint64_t chunk, uint64_t c)
{
	return c * chunk;
}

/* Return the position behind the last one of chunk @c. */
static inline uint64_t cut_end(uint64_t n, uint64_t chunk, uint64_t c)
{
	uint64_t begin = cut_begin(chunk, c);

	return n - begin < chunk ? n : begin + chunk;
}

/*
 * Return the first chunk of a share's range. Of the share behind the last one it is the number of
 * chunks.
 */
static inline uint64_t cut_range(uint64_t chunks, uint32_t shares, uint64_t share)
{
	uint64_t each = chunks / shares, rest = chunks % shares;

	return share * each + (share < rest ? share : rest);
}

/* Return the bytes of the chunk words, and so how far behind them the hints stand. */
static inline uint64_t cut_words(uint64_t chunks)
{
	return round_up(chunks * sizeof(uint64_t), 64);
}

/*
 * Can a dense batch have these numbers? A wild write may have changed them. The caller reads each
 * of them once, and uses what it has checked.
 */
static inline bool cut_possible(uint64_t n, uint64_t chunk, uint64_t chunks)
{
	return n <= MAX_POSITIONS && chunk && chunk <= WORD_PAYLOAD_MAX && chunks <= MAX_CHUNKS &&
	       chunks == cut_chunks(n, chunk);
}

#endif
