/*
 * limit.h - time limits of tasks in 16 bits.
 *
 * A part of layout.h, which says how the bytes of a segment are written.
 */
#ifndef SHEAF_SEGMENT_LIMIT_H
#define SHEAF_SEGMENT_LIMIT_H

#include <stdint.h>

/*
 * A time limit in 16 bits: a number of microseconds below 2048, shifted left by up to 30, rounded
 * up. LIMIT_BATCH: the limit of the batch. LIMIT_NONE: none, also for limits of more than 25 days.
 */
#define LIMIT_BATCH 0u
#define LIMIT_NONE 0xffffu

static inline uint16_t limit_pack(uint64_t ns)
{
	uint64_t us = ns / 1000 + (ns % 1000 != 0);
	unsigned shift = 0;

	for (; us > 2047 && shift < 31; shift++)
		us = us / 2 + us % 2;
	return (uint16_t)(shift > 30 ? LIMIT_NONE : shift << 11 | us);
}

static inline uint64_t limit_unpack(uint16_t limit)
{
	return ((uint64_t)(limit & 2047u) << (limit >> 11)) * 1000u;
}

#endif
