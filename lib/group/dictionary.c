/*
 * dictionary.c - finds the values of sparse keys by hashing.
 *
 * Each chunk of rows notes its values in the order in which they come. The caller puts the values
 * of all chunks together, and sorts them. A chunk stops when it has too many, so keys with many
 * values cost little more than the first rows of each chunk.
 *
 * Open addressing with linear probing (Knuth, "The Art of Computer Programming", volume 3, section
 * 6.4), of tables that are half full at most. Keys whose hashes are so bad that a value is far from
 * where it belongs count as too many.
 *
 * Deaths            Of a worker: its chunks are looked at again, and the same values noted.
 */
#include "group/dictionary.h"

#include "base/error.h"
#include "group/key.h"
#include "group/tasks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MOST_VALUES 16384u /* so that words and places stay in a core's own cache */
#define ROWS_A_VALUE 64u   /* at least */
#define FARTHEST 64u       /* a value from its hash */
#define CHUNKS 64u
#define LEAST_CHUNK 16384u

/* What the workers know. */
struct noting {
	const struct key_plan *keys;
	struct chunks chunks;
	size_t most;
	uint64_t *codes; /* of each chunk: as many as there may be */
	size_t *counts;  /* of each chunk: 0: too many */
};

static size_t hash_of(uint64_t code, unsigned bits)
{
	return (size_t)((code ^ code >> 32) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - bits));
}

/* Add a word, if it is not there. False: there are @most, or it would be far from its hash. */
static bool add_code(struct dictionary *dictionary, size_t most, uint64_t code)
{
	size_t mask = ((size_t)1 << dictionary->bits) - 1, at = hash_of(code, dictionary->bits);

	for (unsigned step = 0; step < FARTHEST; step++, at = (at + 1) & mask) {
		uint32_t place = dictionary->places[at];

		if (place && dictionary->codes[place - 1] == code)
			return true;
		if (place)
			continue;
		if (dictionary->count == most)
			return false;
		dictionary->codes[dictionary->count++] = code;
		dictionary->places[at] = (uint32_t)dictionary->count;
		return true;
	}
	return false;
}

static bool add_codes(struct dictionary *dictionary, size_t most, const uint64_t *codes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!add_code(dictionary, most, codes[i]))
			return false;
	return true;
}

/* How many bits hashes need, so that the table is half full at most. */
static unsigned bits_for(size_t count)
{
	unsigned bits = 1;

	while ((size_t)1 << bits < 2 * count)
		bits++;
	return bits;
}

/* ---- the values of each chunk ---- */

static size_t note_chunk(const struct noting *noting, size_t c, struct dictionary *own)
{
	size_t last = chunks_end(&noting->chunks, c);
	uint64_t codes[KEY_BLOCK];

	own->codes = noting->codes + c * noting->most;
	own->count = 0;
	memset(own->places, 0, sizeof(*own->places) << own->bits);
	for (size_t at = chunks_begin(&noting->chunks, c), n; at < last; at += n) {
		n = last - at < KEY_BLOCK ? last - at : KEY_BLOCK;
		key_codes(noting->keys, 0, at, n, codes);
		if (!add_codes(own, noting->most, codes, n))
			return 0;
	}
	return own->count;
}

static int note_values_of_chunks(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct noting *noting = context;
	struct dictionary own = {.bits = bits_for(noting->most)};

	own.places = malloc(sizeof(*own.places) << own.bits);
	if (!own.places)
		return sheaf_task_fail(task, -ENOMEM, "no memory for a table of keys");
	for (size_t c = begin; c < end; c++)
		noting->counts[c] = note_chunk(noting, c, &own);
	free(own.places);
	return 0;
}

const struct own_function own_dictionary[] = {
	OWN(note_values_of_chunks),
	OWN_END,
};

/* ---- the values of all ---- */

static int compare_codes(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Put the values of all chunks together. @all: with room for the most. False: they are too many. */
static bool join_chunks(const struct noting *noting, struct dictionary *all)
{
	for (size_t c = 0; c < noting->chunks.count; c++)
		if (!noting->counts[c] || !add_codes(all, noting->most, noting->codes + c * noting->most, noting->counts[c]))
			return false;
	qsort(all->codes, all->count, sizeof(*all->codes), compare_codes);
	return true;
}

/* Make the table that workers use, of values in ascending order. It is smaller, if they are few. */
static int share_values(struct passes *passes, const struct dictionary *all, struct dictionary *made)
{
	struct dictionary shared = {.bits = bits_for(2 * all->count)};
	int r;

	if ((r = passes_alloc(passes, all->count, sizeof(*shared.codes), &shared.codes)) ||
	    (r = passes_alloc(passes, (size_t)1 << shared.bits, sizeof(*shared.places), &shared.places)))
		return r;
	memset(shared.places, 0, sizeof(*shared.places) << shared.bits);
	if (add_codes(&shared, all->count, all->codes, all->count))
		*made = shared;
	return 0;
}

static int join_values(struct passes *passes, const struct noting *noting, struct dictionary *made)
{
	struct dictionary all = {.bits = bits_for(noting->most)};
	int r = 0;

	all.codes = malloc(noting->most * sizeof(*all.codes));
	all.places = calloc((size_t)1 << all.bits, sizeof(*all.places));
	if (!all.codes || !all.places)
		r = sheaf_fail(-ENOMEM, "%s: no memory for %zu keys", passes->call, noting->most);
	else if (join_chunks(noting, &all))
		r = share_values(passes, &all, made);
	free(all.places);
	free(all.codes);
	return r;
}

int dictionary_make(struct passes *passes, const struct key_plan *keys, struct dictionary *made)
{
	struct noting noting = {.keys = keys, .chunks = chunks_cut(keys->rows, LEAST_CHUNK, CHUNKS)};
	int r;

	*made = (struct dictionary){0};
	noting.most = keys->rows / ROWS_A_VALUE < MOST_VALUES ? keys->rows / ROWS_A_VALUE : MOST_VALUES;
	if (!noting.most)
		return 0;
	if ((r = passes_alloc(passes, noting.chunks.count * noting.most, sizeof(*noting.codes), &noting.codes)) ||
	    (r = passes_alloc(passes, noting.chunks.count, sizeof(*noting.counts), &noting.counts)) ||
	    (r = passes_run(passes, note_values_of_chunks, &noting, sizeof(noting), noting.chunks.count, 1)) ||
	    (r = join_values(passes, &noting, made)))
		return r;
	passes_drop(passes, noting.codes);
	passes_drop(passes, noting.counts);
	return 0;
}

void dictionary_slots(const struct dictionary *dictionary, const uint64_t *codes, size_t n, uint32_t *slots)
{
	size_t mask = ((size_t)1 << dictionary->bits) - 1;

	for (size_t i = 0; i < n; i++) {
		size_t at = hash_of(codes[i], dictionary->bits);
		uint32_t place = dictionary->places[at];

		/* A word that is not there, because a key was changed, leads nowhere else. */
		while (place && dictionary->codes[place - 1] != codes[i])
			place = dictionary->places[at = (at + 1) & mask];
		slots[i] = place ? place - 1 : 0;
	}
}
