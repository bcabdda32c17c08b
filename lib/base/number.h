/*
 * number.h - arithmetic that says when it does not fit.
 */
#ifndef SHEAF_BASE_NUMBER_H
#define SHEAF_BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Multiply. False, and *@result is left alone: the product does not fit. */
static inline bool checked_multiply(size_t a, size_t b, size_t *result)
{
	if (b && a > SIZE_MAX / b)
		return false;
	*result = a * b;
	return true;
}

/*
 * Round up to a multiple of @unit, a power of two. False, and *@result is left alone: it does not
 * fit.
 */
static inline bool checked_round_up(size_t size, size_t unit, size_t *result)
{
	if (size > SIZE_MAX - (unit - 1))
		return false;
	*result = (size + unit - 1) & ~(unit - 1);
	return true;
}

/* Round up to a multiple of @unit, a power of two. The caller knows that it fits. */
static inline uint64_t round_up(uint64_t size, uint64_t unit)
{
	return (size + unit - 1) & ~(unit - 1);
}

/* Find the number of the lowest bit that is set. Not for 0. */
static inline unsigned lowest_bit(uint64_t word)
{
	return (unsigned)__builtin_ctzll(word);
}

#endif
