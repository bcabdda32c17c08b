/*
 * radix.c - sorts rows by the first digits of their keys, all workers together, until each bucket
 * is a piece for one worker.
 *
 * A segment is cut into chunks. One pass counts the digits of each chunk. From these counts each
 * chunk gets its own places in each bucket, and the next pass scatters it there. Buckets that are
 * too large for one worker are segments again. What a scatter wrote lies at the places that it has
 * in the order, in one of two buffers, so segments and pieces never meet.
 *
 * Deaths            Of a worker: its chunks are counted or scattered again, to the same places.
 */
#include "group/radix.h"

#include "base/error.h"
#include "group/radix_piece.h"
#include "group/tasks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DIGIT_BITS 10u /* of one scatter of all workers */
#define BUCKETS (1u << DIGIT_BITS)
#define CHUNKS 512u
#define LEAST_CHUNK 65536u
#define LEAST_SEGMENT 65536u /* rows that all workers together scatter; and 1 / PIECES of all */
#define PIECES 64u

/* Rows that lie between all others in the order. Their words before this one are the same. */
struct segment_of_rows {
	size_t begin, count;
	unsigned word, bits; /* so many bits of the word may differ */
	bool recode;         /* the pairs have the word before */
	enum radix_source source;
};

/* One scatter, as the workers see it. */
struct scatter {
	const struct key_plan *plan;
	struct segment_of_rows segment;
	struct chunks chunks;
	unsigned shift, buckets;
	struct key_pair *from; /* with the segment's word; not if its source is the keys */
	struct key_pair *to;   /* NULL: to the order */
	int64_t *order;
	size_t *counts;   /* of each chunk by bucket; then its place in the bucket */
	uint64_t *differ; /* of each chunk: the bits in which codes differ from the first code */
};

/* What the caller knows. */
struct radix {
	struct passes *passes;
	const struct key_plan *plan;
	int64_t *order;
	unsigned char *starts;
	struct key_pair *pairs[3]; /* by source */
	size_t *counts;
	uint64_t *differ;
	struct radix_piece *piece; /* private */
	size_t pieces, piece_room;
	struct segment_of_rows *waiting; /* private */
	size_t waits, waiting_room;
};

/* ---- the workers' passes ---- */

/* Get the codes of up to KEY_BLOCK rows of a segment, the first of which is @at from its begin. */
static void segment_codes(const struct scatter *scatter, size_t at, size_t n, uint64_t *codes)
{
	const struct segment_of_rows *segment = &scatter->segment;

	if (segment->source == RADIX_KEYS) {
		key_codes(scatter->plan, segment->word, segment->begin + at, n, codes);
		return;
	}
	for (size_t i = 0; i < n; i++)
		codes[i] = scatter->from[segment->begin + at + i].code;
}

static void count_chunk(const struct scatter *scatter, size_t c, uint64_t first)
{
	size_t *counts = scatter->counts + c * BUCKETS, mask = scatter->buckets - 1;
	size_t at = chunks_begin(&scatter->chunks, c), end = chunks_end(&scatter->chunks, c);
	uint64_t codes[KEY_BLOCK], differ = 0;

	memset(counts, 0, scatter->buckets * sizeof(*counts));
	for (size_t n; at < end; at += n) {
		n = end - at < KEY_BLOCK ? end - at : KEY_BLOCK;
		if (scatter->segment.recode)
			key_recode(scatter->plan, scatter->segment.word, scatter->from + scatter->segment.begin + at, n);
		segment_codes(scatter, at, n, codes);
		for (size_t i = 0; i < n; i++) {
			counts[codes[i] >> scatter->shift & mask]++;
			differ |= codes[i] ^ first;
		}
	}
	scatter->differ[c] = differ;
}

static int count_chunks(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct scatter *scatter = context;
	struct key_pair first = {0};

	(void)task;
	if (scatter->segment.recode) {
		first.row = scatter->from[scatter->segment.begin].row;
		key_recode(scatter->plan, scatter->segment.word, &first, 1);
	} else {
		segment_codes(scatter, 0, 1, &first.code);
	}
	for (size_t c = begin; c < end; c++)
		count_chunk(scatter, c, first.code);
	return 0;
}

static void scatter_chunk(const struct scatter *scatter, size_t c)
{
	const struct segment_of_rows *segment = &scatter->segment;
	size_t at = chunks_begin(&scatter->chunks, c), end = chunks_end(&scatter->chunks, c), mask = scatter->buckets - 1;
	size_t places[BUCKETS];
	uint64_t codes[KEY_BLOCK];

	memcpy(places, scatter->counts + c * BUCKETS, scatter->buckets * sizeof(*places));
	for (size_t n; at < end; at += n) {
		const struct key_pair *from = scatter->from + segment->begin + at;
		size_t row = segment->begin + at;

		n = end - at < KEY_BLOCK ? end - at : KEY_BLOCK;
		segment_codes(scatter, at, n, codes);
		for (size_t i = 0; i < n; i++) {
			size_t place = places[codes[i] >> scatter->shift & mask]++;
			uint64_t of = segment->source == RADIX_KEYS ? row + i : from[i].row;

			if (scatter->to)
				scatter->to[place] = (struct key_pair){codes[i], of};
			else
				scatter->order[place] = (int64_t)of;
		}
	}
}

static int scatter_chunks(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)task;
	for (size_t c = begin; c < end; c++)
		scatter_chunk(context, c);
	return 0;
}

const struct own_function own_radix[] = {
	OWN(count_chunks),
	OWN(scatter_chunks),
	OWN_END,
};

/* ---- segments and pieces that wait ---- */

/* Add an item to an array of the caller's. */
static int append(const struct radix *radix, void *array, size_t *count, size_t *room, const void *item, size_t size)
{
	unsigned char *items, *grown;

	memcpy(&items, array, sizeof(items));
	if (*count == *room) {
		size_t more = *room ? 2 * *room : 64;

		if (!(grown = realloc(items, more * size)))
			return sheaf_fail(-ENOMEM, "%s: no memory for %zu parts of the rows", radix->passes->call, more);
		items = grown;
		*room = more;
		memcpy(array, &items, sizeof(items));
	}
	memcpy(items + (*count)++ * size, item, size);
	return 0;
}

static int add_piece(struct radix *radix, const struct radix_piece *piece)
{
	return append(radix, &radix->piece, &radix->pieces, &radix->piece_room, piece, sizeof(*piece));
}

/* Sort the segment later, by all workers or by one. */
static int add_segment(struct radix *radix, const struct segment_of_rows *segment)
{
	struct radix_piece piece = {segment->begin, segment->count, segment->word, segment->source, false, false};
	size_t most = radix->plan->rows / PIECES < LEAST_SEGMENT ? LEAST_SEGMENT : radix->plan->rows / PIECES;

	if (segment->count <= most)
		return add_piece(radix, &piece);
	return append(radix, &radix->waiting, &radix->waits, &radix->waiting_room, segment, sizeof(*segment));
}

/* All rows of a large segment have one key: they are pieces of any length. */
static int add_sorted(struct radix *radix, const struct segment_of_rows *segment)
{
	struct chunks chunks = chunks_cut(segment->count, LEAST_SEGMENT, PIECES);
	int r = 0;

	for (size_t c = 0; c < chunks.count && !r; c++) {
		size_t begin = chunks_begin(&chunks, c);
		struct radix_piece piece = {.begin = segment->begin + begin,
					    .count = chunks_end(&chunks, c) - begin,
					    .word = segment->word,
					    .source = segment->source,
					    .sorted = true,
					    .goes_on = c != 0};

		r = add_piece(radix, &piece);
	}
	return r;
}

/* ---- one segment ---- */

/* Count the digits of a segment. *@differ: out: the bits in which its codes differ. */
static int count_segment(struct radix *radix, const struct scatter *scatter, uint64_t *differ)
{
	int r = passes_run(radix->passes, count_chunks, scatter, sizeof(*scatter), scatter->chunks.count, 1);

	*differ = 0;
	for (size_t c = 0; c < scatter->chunks.count && !r; c++)
		*differ |= scatter->differ[c];
	/* Chunks compare with one code, so any two of them differ in no other bits. */
	return r;
}

/* Turn counts into places: of chunk c in bucket b. *@begins: out: of each bucket, and its end. */
static void place_chunks(const struct scatter *scatter, size_t *begins)
{
	size_t place = scatter->segment.begin, next[BUCKETS] = {0};

	for (size_t c = 0; c < scatter->chunks.count; c++)
		for (unsigned b = 0; b < scatter->buckets; b++)
			next[b] += scatter->counts[c * BUCKETS + b];
	for (unsigned b = 0; b < scatter->buckets; b++) {
		begins[b] = place;
		place += next[b];
		next[b] = begins[b];
	}
	begins[scatter->buckets] = place;
	for (size_t c = 0; c < scatter->chunks.count; c++)
		for (unsigned b = 0; b < scatter->buckets; b++) {
			size_t count = scatter->counts[c * BUCKETS + b];

			scatter->counts[c * BUCKETS + b] = next[b];
			next[b] += count;
		}
}

/* Make segments of the buckets, or finish them if there is nothing more to be sorted. */
static int place_buckets(struct radix *radix, const struct scatter *scatter)
{
	size_t begins[BUCKETS + 1];
	int r = 0;

	place_chunks(scatter, begins);
	for (unsigned b = 0; b < scatter->buckets && !r; b++) {
		struct segment_of_rows bucket = {.begin = begins[b],
						 .count = begins[b + 1] - begins[b],
						 .word = scatter->segment.word,
						 .bits = scatter->shift};

		bucket.source = scatter->to == radix->pairs[RADIX_FIRST] ? RADIX_FIRST : RADIX_SECOND;
		if (bucket.count && !scatter->to && radix->starts)
			radix->starts[bucket.begin] = 1;
		else if (bucket.count && scatter->to)
			r = add_segment(radix, &bucket);
	}
	return r;
}

static int scatter_segment(struct radix *radix, struct scatter *scatter)
{
	const struct segment_of_rows *segment = &scatter->segment;
	enum radix_source to = segment->source == RADIX_FIRST ? RADIX_SECOND : RADIX_FIRST;
	int r;

	/* Behind the last digit there is nothing to be sorted, so nobody needs the pairs. */
	if (scatter->shift || segment->word + 1 < radix->plan->words) {
		if (!radix->pairs[to] &&
		    (r = passes_alloc(radix->passes, radix->plan->rows, sizeof(struct key_pair), &radix->pairs[to])))
			return r;
		scatter->to = radix->pairs[to];
	}
	if ((r = place_buckets(radix, scatter)))
		return r;
	return passes_run(radix->passes, scatter_chunks, scatter, sizeof(*scatter), scatter->chunks.count, 1);
}

static int sort_segment(struct radix *radix, struct segment_of_rows segment)
{
	struct scatter scatter = {.plan = radix->plan, .order = radix->order, .counts = radix->counts, .differ = radix->differ};
	uint64_t differ;
	int r;

	scatter.chunks = chunks_cut(segment.count, LEAST_CHUNK, CHUNKS);
	scatter.from = radix->pairs[segment.source];
	for (;;) {
		unsigned digit = segment.bits < DIGIT_BITS ? segment.bits : DIGIT_BITS;

		if (!segment.bits && segment.word + 1 >= radix->plan->words)
			return add_sorted(radix, &segment);
		if (!segment.bits) {
			segment.word++;
			segment.bits = radix->plan->word[segment.word].bits;
			segment.recode = true;
			continue;
		}
		scatter.segment = segment;
		scatter.shift = segment.bits - digit;
		scatter.buckets = 1u << digit;
		if ((r = count_segment(radix, &scatter, &differ)))
			return r;
		segment.recode = scatter.segment.recode = false;
		if (differ >> scatter.shift)
			return scatter_segment(radix, &scatter);
		segment.bits = differ ? 64 - (unsigned)__builtin_clzll(differ) : 0;
	}
}

int radix_order(struct passes *passes, const struct key_plan *plan, int64_t *order, unsigned char *starts)
{
	struct radix radix = {.passes = passes, .plan = plan, .order = order, .starts = starts};
	struct segment_of_rows all = {.count = plan->rows, .bits = plan->words ? plan->word[0].bits : 0};
	int r = passes_alloc(passes, (size_t)CHUNKS * BUCKETS, sizeof(*radix.counts), &radix.counts);

	if (!r)
		r = passes_alloc(passes, CHUNKS, sizeof(*radix.differ), &radix.differ);
	if (!r && plan->rows)
		r = add_segment(&radix, &all);
	while (!r && radix.waits) {
		struct segment_of_rows segment = radix.waiting[--radix.waits];

		r = sort_segment(&radix, segment);
	}
	if (!r && radix.pieces) {
		struct radix_pieces job = {.plan = plan, .piece = radix.piece, .order = order, .starts = starts};

		memcpy(job.pairs, radix.pairs, sizeof(radix.pairs));
		r = radix_sort_pieces(passes, &job, radix.pieces);
	}
	free(radix.piece);
	free(radix.waiting);
	for (unsigned source = RADIX_FIRST; source <= RADIX_SECOND; source++)
		if (radix.pairs[source])
			passes_drop(passes, radix.pairs[source]);
	passes_drop(passes, radix.counts);
	passes_drop(passes, radix.differ);
	return r;
}
