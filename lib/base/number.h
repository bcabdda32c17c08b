/*
 * number.h - arithmetic that says when it does not fit.
 */
#ifndef SHEAF_BASE_NUMBER_H
#define SHEAF_BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Both return false and leave *@result alone if the true result does not fit. */
static inline bool checked_multiply(size_t a, size_t b, size_t *result)
{
	if (b && a > SIZE_MAX / b)
		return false;
	*result = a * b;
	return true;
}

/* @unit is a power of two. */
static inline bool checked_round_up(size_t size, size_t unit, size_t *result)
{
	if (size > SIZE_MAX - (unit - 1))
		return false;
	*result = (size + unit - 1) & ~(unit - 1);
	return true;
}

static inline uint64_t round_up(uint64_t size, uint64_t unit)
{
	return (size + unit - 1) & ~(unit - 1);
}

static inline unsigned lowest_bit(uint64_t word)
{
	return (unsigned)__builtin_ctzll(word);
}

#endif
