/*
 * zone.c - the pattern of a guard zone, which differs from byte to byte so that no constant
 * overwrites it unseen.
 */
#include "work/zone.h"

#define PATTERN(i) ((unsigned char)(0xa5 ^ (i)*29))

void zone_fill(unsigned char *zone, size_t size)
{
	for (size_t i = 0; i < size; i++)
		zone[i] = PATTERN(i);
}

size_t zone_reach(const unsigned char *zone, size_t size)
{
	while (size && zone[size - 1] == PATTERN(size - 1))
		size--;
	return size;
}

size_t zone_reach_back(const unsigned char *zone, size_t size)
{
	size_t i = 0;

	while (i < size && zone[i] == PATTERN(i))
		i++;
	return size - i;
}
