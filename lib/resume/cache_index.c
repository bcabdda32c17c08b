/*
 * cache_index.c - open addressing, half full at most. Keys are hashes already.
 */
#include "resume/cache_index.h"

#include <errno.h>
#include <stdlib.h>

/* The place that has the key, or would. There is a free one. */
static struct record *home_of(const struct cache_index *index, uint64_t low, uint64_t high)
{
	size_t at = (size_t)low & (index->room - 1);

	while (index->places[at].offset && (index->places[at].first != low || index->places[at].count != high))
		at = (at + 1) & (index->room - 1);
	return &index->places[at];
}

static int widen(struct cache_index *index)
{
	struct cache_index wider = {.room = index->room ? index->room * 2 : 64, .count = index->count};

	if (wider.room > SIZE_MAX / sizeof(*wider.places) || !(wider.places = calloc(wider.room, sizeof(*wider.places))))
		return -ENOMEM;
	for (size_t i = 0; i < index->room; i++)
		if (index->places[i].offset)
			*home_of(&wider, index->places[i].first, index->places[i].count) = index->places[i];
	free(index->places);
	*index = wider;
	return 0;
}

int cache_index_add(struct cache_index *index, const struct record *record)
{
	struct record *place;

	if (index->count >= index->room / 2 && widen(index))
		return -ENOMEM;
	place = home_of(index, record->first, record->count);
	index->count += !place->offset;
	*place = *record;
	return 0;
}

struct record *cache_index_find(const struct cache_index *index, const uint64_t key[2])
{
	struct record *place = index->room ? home_of(index, key[0], key[1]) : NULL;

	return place && place->offset ? place : NULL;
}

void cache_index_clear(struct cache_index *index)
{
	free(index->places);
	*index = (struct cache_index){0};
}
