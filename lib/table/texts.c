/*
 * texts.c - a hash table of texts, with open addressing.
 */
#include "table/texts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "table/word8.h"

#define SLOTS_FIRST 256

static uint64_t hash_text(const char *text, size_t length)
{
	uint64_t hash = UINT64_C(0x9e3779b97f4a7c15) ^ length;

	for (; length >= 8; text += 8, length -= 8) {
		hash = (hash ^ word8_load(text)) * UINT64_C(0xff51afd7ed558ccd);
		hash ^= hash >> 32;
	}
	for (; length > 0; text++, length--)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0xc4ceb9fe1a85ec53);
	return hash ^ hash >> 32;
}

void texts_free(struct texts *texts)
{
	free(texts->bytes);
	free(texts->ends);
	free(texts->slots);
	*texts = (struct texts){0};
}

/* Find the slot that has the text, or where it belongs. */
static size_t find_slot(const struct texts *texts, const char *text, size_t length)
{
	size_t mask = texts->slot_count - 1, at = (size_t)hash_text(text, length) & mask, found;

	for (; texts->slots[at]; at = (at + 1) & mask) {
		const char *other = texts_get(texts, texts->slots[at] - 1, &found);

		if (found == length && memcmp(other, text, length) == 0)
			break;
	}
	return at;
}

/* Keep at least half of the slots free. */
static int widen_slots(struct texts *texts)
{
	size_t count = texts->slot_count ? texts->slot_count * 2 : SLOTS_FIRST;
	uint32_t *slots = calloc(count, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	free(texts->slots);
	texts->slots = slots;
	texts->slot_count = count;
	for (size_t i = 0; i < texts->count; i++) {
		size_t length;
		const char *text = texts_get(texts, i, &length);

		texts->slots[find_slot(texts, text, length)] = (uint32_t)(i + 1);
	}
	return 0;
}

/* Make room for one more text. */
static int grow_texts(struct texts *texts, size_t length)
{
	if (texts->count == texts->ends_room) {
		size_t room = texts->ends_room ? texts->ends_room * 2 : SLOTS_FIRST / 2;
		size_t *ends = grow_array(texts->ends, room * sizeof(*ends));

		if (!ends)
			return -ENOMEM;
		texts->ends = ends;
		texts->ends_room = room;
	}
	if (!texts->bytes || length > texts->room - texts->used) {
		size_t room = texts->room * 2 + length + 4096;
		char *bytes = room > texts->room ? grow_array(texts->bytes, room) : NULL;

		if (!bytes)
			return -ENOMEM;
		texts->bytes = bytes;
		texts->room = room;
	}
	return 0;
}

int64_t texts_add(struct texts *texts, const char *text, size_t length)
{
	size_t at;
	int r;

	if (texts->count * 2 >= texts->slot_count && (r = widen_slots(texts)))
		return r;
	at = find_slot(texts, text, length);
	if (texts->slots[at])
		return (int64_t)texts->slots[at] - 1;
	if (texts->count == TEXTS_MOST)
		return -EOVERFLOW;
	if ((r = grow_texts(texts, length)))
		return r;
	memcpy(texts->bytes + texts->used, text, length);
	texts->used += length;
	texts->ends[texts->count] = texts->used;
	texts->slots[at] = (uint32_t)++texts->count;
	texts->longest = length > texts->longest ? length : texts->longest;
	return (int64_t)texts->count - 1;
}
