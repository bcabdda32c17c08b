/*
 * word8.h - eight characters at once in a register.
 *
 * Daniel Lemire, "Number Parsing at a Gigabyte per Second" (2021), and Mytkowicz et al. before him,
 * do the same to digits.
 */
#ifndef SHEAF_TABLE_WORD8_H
#define SHEAF_TABLE_WORD8_H

#include <stdint.h>
#include <string.h>

#define WORD8_ONES UINT64_C(0x0101010101010101)
#define WORD8_HIGH UINT64_C(0x8080808080808080)

/* Load eight characters: the first is the lowest byte on every machine. */
static inline uint64_t word8_load(const char *text)
{
	uint64_t word;

	memcpy(&word, text, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

/* Set the high bit of each byte that is zero, and clear all other bits. */
static inline uint64_t word8_zeros(uint64_t word)
{
	return ~(((word & ~WORD8_HIGH) + ~WORD8_HIGH) | word) & WORD8_HIGH;
}

/* Do the same for bytes that are the character. */
static inline uint64_t word8_find(uint64_t word, char character)
{
	return word8_zeros(word ^ (WORD8_ONES * (unsigned char)character));
}

/* Count the digits that the word begins with: 0 to 8. */
static inline unsigned word8_digits(uint64_t word)
{
	uint64_t value = word ^ UINT64_C(0x3030303030303030);
	/* A byte above 9 carries only into those behind it, which do not matter. */
	uint64_t others = ((value + UINT64_C(0x7676767676767676)) | value) & WORD8_HIGH;

	return others ? (unsigned)__builtin_ctzll(others) / 8 : 8;
}

/* Compute the number that the first @count characters, digits all of them, stand for: 1 to 8. */
static inline uint64_t word8_number(uint64_t word, unsigned count)
{
	word = (word & UINT64_C(0x0f0f0f0f0f0f0f0f)) << (64 - 8 * count);
	word = word * 10 + (word >> 8);
	return ((word & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x000f424000000064) +
		((word >> 16) & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x0000271000000001)) >>
	       32;
}

#endif
