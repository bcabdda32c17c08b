/*
 * crc32.h - the checksum of ZIP archives.
 */
#ifndef SHEAF_DATA_CRC32_H
#define SHEAF_DATA_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Go on with a checksum, which begins as 0. */
uint32_t crc32_update(uint32_t crc, const void *bytes, size_t size);

#endif
