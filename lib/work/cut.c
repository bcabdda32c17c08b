/*
 * cut.c - chooses how large the chunks of a dense batch are.
 */
#include "work/cut.h"

/*
 * Enough chunks that the last ones are short beside the whole, few enough that claiming them costs
 * nothing.
 */
#define CHUNKS_PER_MEMBER 64

struct cut cut_choose(uint64_t n, uint64_t grain, unsigned members, unsigned most)
{
	struct cut cut;
	uint64_t wanted = (uint64_t)members * CHUNKS_PER_MEMBER;

	cut.chunk = grain ? grain : n > wanted ? (n + wanted - 1) / wanted : 1;
	if (cut.chunk > n)
		cut.chunk = n ? n : 1;
	if (n / cut.chunk >= MAX_CHUNKS)
		cut.chunk = (n + MAX_CHUNKS - 1) / MAX_CHUNKS;
	/* The payload of a chunk's word counts its positions. */
	if (cut.chunk > WORD_PAYLOAD_MAX)
		cut.chunk = WORD_PAYLOAD_MAX;
	cut.chunks = cut_chunks(n, cut.chunk);
	cut.shares = cut.chunks < most ? (uint32_t)cut.chunks : most;
	cut.bytes = cut_words(cut.chunks) + cut.shares * sizeof(struct shared_hint);
	return cut;
}
