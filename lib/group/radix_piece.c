/*
 * radix_piece.c - sorts pieces, each in memory of its worker's own, which the cache may hold.
 *
 * Rows are scattered by the highest bits in which their words differ, bucket by bucket, and a few
 * of them are sorted by insertion. Those whose words are the same go on with their next word. The
 * largest bucket comes last, without a call, so calls are nested no deeper than log2 of the rows.
 *
 * Deaths            Of a worker: what its pieces came from is as it was, and they are sorted again.
 */
#include "group/radix_piece.h"
#include "group/tasks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FEW 24u        /* rows that are sorted by insertion */
#define DIGIT_BITS 12u /* of one scatter */
#define DEPTH 40u      /* of nested calls, at most: a piece has fewer than 2^32 rows */

/* One worker's piece. */
struct sorter {
	const struct radix_pieces *pieces;
	uint32_t (*ends)[1u << DIGIT_BITS]; /* by depth */
};

/* A part of it: pairs, as much memory beside them, and their place in the order. */
struct part {
	struct key_pair *pairs, *beside;
	size_t n, place;
	unsigned word, depth;
};

static void write_rows(const struct radix_pieces *pieces, const struct key_pair *pairs, size_t n, size_t place, bool goes_on)
{
	for (size_t i = 0; i < n; i++)
		pieces->order[place + i] = (int64_t)pairs[i].row;
	if (pieces->starts && n) {
		memset(pieces->starts + place, 0, n);
		pieces->starts[place] = !goes_on;
	}
}

/* The same for rows that are where they were. */
static void write_unsorted(const struct radix_pieces *pieces, const struct radix_piece *piece)
{
	for (size_t i = 0; i < piece->count; i++)
		pieces->order[piece->begin + i] = (int64_t)(piece->begin + i);
	if (pieces->starts) {
		memset(pieces->starts + piece->begin, 0, piece->count);
		pieces->starts[piece->begin] = !piece->goes_on;
	}
}

static void insert_pairs(struct key_pair *pairs, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct key_pair pair = pairs[i];
		size_t at = i;

		for (; at && pairs[at - 1].code > pair.code; at--)
			pairs[at] = pairs[at - 1];
		pairs[at] = pair;
	}
}

static unsigned digit_bits(size_t n)
{
	unsigned bits = 63 - (unsigned)__builtin_clzll(n) - 2;

	return bits < DIGIT_BITS ? bits : DIGIT_BITS;
}

/* Scatter a part's pairs into the memory beside them. Return how many buckets there are. */
static size_t scatter_part(const struct part *part, uint64_t differ, uint32_t *ends)
{
	unsigned top = 64 - (unsigned)__builtin_clzll(differ), wanted = digit_bits(part->n);
	unsigned bits = top < wanted ? top : wanted, shift = top - bits;
	size_t buckets = (size_t)1 << bits, mask = buckets - 1;
	uint32_t end = 0;

	memset(ends, 0, buckets * sizeof(*ends));
	for (size_t i = 0; i < part->n; i++)
		ends[part->pairs[i].code >> shift & mask]++;
	for (size_t b = 0; b < buckets; b++) {
		uint32_t count = ends[b];

		ends[b] = end;
		end += count;
	}
	for (size_t i = 0; i < part->n; i++)
		part->beside[ends[part->pairs[i].code >> shift & mask]++] = part->pairs[i];
	return buckets;
}

static void sort_part(const struct sorter *sorter, struct part part);

/* Rows that are in the order of this word go into the order, or are sorted by their next word. */
static void finish_runs(const struct sorter *sorter, const struct part *part)
{
	const struct key_plan *plan = sorter->pieces->plan;
	bool last = part->word + 1 >= plan->words;

	for (size_t i = 0, end; i < part->n; i = end) {
		for (end = i + 1; end < part->n && part->pairs[end].code == part->pairs[i].code; end++)
			;
		if (last || end == i + 1) {
			write_rows(sorter->pieces, part->pairs + i, end - i, part->place + i, false);
		} else {
			key_recode(plan, part->word + 1, part->pairs + i, end - i);
			sort_part(sorter, (struct part){part->pairs + i, part->beside + i, end - i, part->place + i,
							part->word + 1, part->depth});
		}
	}
}

static void sort_part(const struct sorter *sorter, struct part part)
{
	const struct key_plan *plan = sorter->pieces->plan;
	uint32_t *ends = sorter->ends[part.depth];

	for (;;) {
		uint64_t differ = 0;
		size_t buckets, largest = 0, begin = 0, largest_begin = 0;

		if (part.n <= FEW) {
			insert_pairs(part.pairs, part.n);
			differ = part.pairs[0].code ^ part.pairs[part.n - 1].code;
			if (differ || part.word + 1 >= plan->words) {
				finish_runs(sorter, &part);
				return;
			}
		}
		for (size_t i = 0; i < part.n; i++)
			differ |= part.pairs[i].code ^ part.pairs[0].code;
		if (!differ && part.word + 1 >= plan->words) {
			write_rows(sorter->pieces, part.pairs, part.n, part.place, false);
			return;
		}
		if (!differ) {
			key_recode(plan, ++part.word, part.pairs, part.n);
			continue;
		}
		buckets = scatter_part(&part, differ, ends);
		for (size_t b = 0; b < buckets; begin = ends[b++])
			if (ends[b] - begin > largest) {
				largest = ends[b] - begin;
				largest_begin = begin;
			}
		begin = 0;
		for (size_t b = 0; b < buckets; begin = ends[b++])
			if (ends[b] != begin && begin != largest_begin)
				sort_part(sorter, (struct part){part.beside + begin, part.pairs + begin, ends[b] - begin,
								part.place + begin, part.word, part.depth + 1});
		part = (struct part){part.beside + largest_begin,
				     part.pairs + largest_begin,
				     largest,
				     part.place + largest_begin,
				     part.word,
				     part.depth};
	}
}

static void sort_piece(const struct sorter *sorter, const struct radix_piece *piece, struct key_pair *memory)
{
	const struct radix_pieces *pieces = sorter->pieces;
	struct part part = {memory, memory + piece->count, piece->count, piece->begin, piece->word, 0};

	if (piece->source == RADIX_KEYS) {
		uint64_t codes[KEY_BLOCK];

		for (size_t at = 0, n; at < piece->count; at += n) {
			n = piece->count - at < KEY_BLOCK ? piece->count - at : KEY_BLOCK;
			if (pieces->plan->words)
				key_codes(pieces->plan, 0, piece->begin + at, n, codes);
			else
				memset(codes, 0, sizeof(codes));
			for (size_t i = 0; i < n; i++)
				memory[at + i] = (struct key_pair){codes[i], piece->begin + at + i};
		}
	} else {
		memcpy(memory, pieces->pairs[piece->source] + piece->begin, piece->count * sizeof(*memory));
	}
	sort_part(sorter, part);
}

static int sort_pieces(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct radix_pieces *pieces = context;
	struct sorter sorter = {.pieces = pieces};
	struct key_pair *memory;
	size_t most = 0;

	for (size_t p = begin; p < end; p++)
		if (!pieces->piece[p].sorted && pieces->piece[p].count > most)
			most = pieces->piece[p].count;
	memory = malloc((2 * most + 1) * sizeof(*memory));
	sorter.ends = malloc(DEPTH * sizeof(*sorter.ends));
	if (!memory || !sorter.ends) {
		free(memory);
		free(sorter.ends);
		return sheaf_task_fail(task, -ENOMEM, "no memory to sort %zu rows", most);
	}
	for (size_t p = begin; p < end; p++) {
		const struct radix_piece *piece = &pieces->piece[p];

		if (piece->sorted && piece->source == RADIX_KEYS)
			write_unsorted(pieces, piece);
		else if (piece->sorted)
			write_rows(pieces, pieces->pairs[piece->source] + piece->begin, piece->count, piece->begin,
				   piece->goes_on);
		else
			sort_piece(&sorter, piece, memory);
	}
	free(memory);
	free(sorter.ends);
	return 0;
}

const struct own_function own_radix_piece[] = {
	OWN(sort_pieces),
	OWN_END,
};

int radix_sort_pieces(struct passes *passes, const struct radix_pieces *pieces, size_t count)
{
	struct radix_pieces job = *pieces;
	struct radix_piece *shared;
	int r;

	if ((r = passes_alloc(passes, count, sizeof(*shared), &shared)))
		return r;
	memcpy(shared, pieces->piece, count * sizeof(*shared));
	job.piece = shared;
	r = passes_run(passes, sort_pieces, &job, sizeof(job), count, 0);
	passes_drop(passes, shared);
	return r;
}
