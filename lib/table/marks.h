/*
 * marks.h - where a character stands among 64, as the bits of a word.
 */
#ifndef SHEAF_TABLE_MARKS_H
#define SHEAF_TABLE_MARKS_H

#include "table/word8.h"

#ifdef __SSE2__
#include <emmintrin.h>

static inline uint64_t marks_find(const char *text, char character)
{
	const __m128i wanted = _mm_set1_epi8(character), *at = (const void *)text;
	uint64_t a = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(at), wanted));
	uint64_t b = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(at + 1), wanted));
	uint64_t c = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(at + 2), wanted));
	uint64_t d = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(at + 3), wanted));

	return a | b << 16 | c << 32 | d << 48;
}
#else
static inline uint64_t marks_find(const char *text, char character)
{
	uint64_t marks = 0;

	for (unsigned i = 0; i < 8; i++) {
		/* The product gathers the eight bits in its highest byte. */
		uint64_t found = (word8_find(word8_load(text + 8 * i), character) >> 7) * UINT64_C(0x0102040810204080) >> 56;

		marks |= found << 8 * i;
	}
	return marks;
}
#endif

/* Set each bit that has an odd number of marks at it and before it. */
static inline uint64_t marks_parity(uint64_t marks)
{
	for (unsigned shift = 1; shift < 64; shift *= 2)
		marks ^= marks << shift;
	return marks;
}

#endif
