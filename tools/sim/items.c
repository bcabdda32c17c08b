/*
 * items.c - draws the time of an item from its position: a mix of the seed and the position has
 * bits enough for both questions, whether it is slow and how long it takes (SplitMix64: Steele,
 * Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
 */
#include "items.h"

static uint64_t mix(uint64_t bits)
{
	bits += UINT64_C(0x9e3779b97f4a7c15);
	bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
	return bits ^ bits >> 31;
}

uint64_t items_time_ns(const struct items *items, uint64_t position)
{
	uint64_t bits, time_ns;

	if (items->measured)
		return items->measured[position];
	bits = mix(mix(items->seed) ^ position);
	time_ns = items->mean_ns / 2 + (uint64_t)((double)(bits >> 32) / 4294967296.0 * (double)items->mean_ns);
	return (bits & 0xffffffff) % 100 < items->slow_percent ? time_ns * items->slow_times : time_ns;
}

uint64_t items_count(const struct items *items, uint64_t work_ns)
{
	double slow = items->slow_percent / 100.0, mean_ns = (double)items->mean_ns * (1 - slow + slow * items->slow_times);
	uint64_t count = (uint64_t)((double)work_ns / mean_ns + 0.5);

	return count ? count : 1;
}
