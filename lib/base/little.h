/*
 * little.h - numbers in files: little-endian, of any number of bytes, at any address.
 */
#ifndef SHEAF_BASE_LITTLE_H
#define SHEAF_BASE_LITTLE_H

#include <stdint.h>

/* Read a number of @size bytes, 0 to 8. */
static inline uint64_t little_load(const unsigned char *bytes, unsigned size)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++)
		value |= (uint64_t)bytes[i] << 8 * i;
	return value;
}

/* Write the lowest @size bytes of a number, 0 to 8. */
static inline void little_store(unsigned char *bytes, unsigned size, uint64_t value)
{
	for (unsigned i = 0; i < size; i++)
		bytes[i] = (unsigned char)(value >> 8 * i);
}

#endif
