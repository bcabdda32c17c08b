/*
 * cache_index.h - where a cache's file has the result of a call: a hash table of one process.
 */
#ifndef SHEAF_RESUME_CACHE_INDEX_H
#define SHEAF_RESUME_CACHE_INDEX_H

#include "resume/record.h"

struct cache_index {
	struct record *places; /* by key; offset 0: free */
	size_t room, count;
};

/* Note a record; one with its key is forgotten. 0; -ENOMEM. */
int cache_index_add(struct cache_index *index, const struct record *record);

/* NULL: there is none. Valid until the next one is noted. */
struct record *cache_index_find(const struct cache_index *index, const uint64_t key[2]);

void cache_index_clear(struct cache_index *index);

#endif
