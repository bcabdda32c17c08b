/*
 * crc32.c - CRC-32 of ISO 3309 (polynomial 0x04c11db7, reflected), eight bytes at a time.
 *
 * The eight tables ("slicing by 8") are of M. E. Kounavis and F. L. Berry, "A systematic approach
 * to building high performance software-based CRC generators", 2005.
 */
#include "data/crc32.h"

#include <pthread.h>

static uint32_t tables[8][256];

static void make_tables(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;

		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
		tables[0][i] = crc;
	}
	for (uint32_t i = 0; i < 256; i++)
		for (unsigned t = 1; t < 8; t++)
			tables[t][i] = tables[t - 1][i] >> 8 ^ tables[0][tables[t - 1][i] & 255];
}

static uint32_t little(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

uint32_t crc32_update(uint32_t crc, const void *bytes, size_t size)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const unsigned char *at = bytes;

	pthread_once(&once, make_tables);
	crc = ~crc;
	for (; size >= 8; at += 8, size -= 8) {
		uint32_t low = crc ^ little(at), high = little(at + 4);

		crc = tables[7][low & 255] ^ tables[6][low >> 8 & 255] ^ tables[5][low >> 16 & 255] ^ tables[4][low >> 24] ^
		      tables[3][high & 255] ^ tables[2][high >> 8 & 255] ^ tables[1][high >> 16 & 255] ^ tables[0][high >> 24];
	}
	for (; size; at++, size--)
		crc = crc >> 8 ^ tables[0][(crc ^ *at) & 255];
	return ~crc;
}
